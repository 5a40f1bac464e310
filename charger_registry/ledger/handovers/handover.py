"""The life of a handover: proposed, then accepted, declined, withdrawn, lapsed or overtaken. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from charger_registry.ledger.responsibility import Evidence, Line, holder
from youguan.clock import county_day
from youguan.errors import Conflict, Forbidden, Invalid, Reason
from youguan.working_days import add_working_days

LONGEST_WAIT = timedelta(days=180)
PROPOSERS = ("manager", "owner")


class State(StrEnum):
    """Where a handover stands; all but the first are ends."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    OVERTAKEN = "overtaken"


class Command(StrEnum):
    """What ends a handover; the last two come with time and with other changes of the ledger, never from a person."""

    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"
    OVERTAKE = "overtake"


ENDS: dict[Command, State] = {
    Command.ACCEPT: State.ACCEPTED,
    Command.DECLINE: State.DECLINED,
    Command.WITHDRAW: State.WITHDRAWN,
    Command.LAPSE: State.LAPSED,
    Command.OVERTAKE: State.OVERTAKEN,
}


@dataclass(frozen=True, slots=True)
class Handover:
    """Who is to manage a site, or one of its stations, in whose place ('': nobody's), proposed by which organisation, and when.

    `answer_by`: the last day of the county on which the receiver may answer; `takes_over_at` None: with the acceptance;
    `until` None: without an end.
    """

    id: str
    site_id: str
    station_id: str
    from_organisation_id: str
    to_organisation_id: str
    proposer_id: str
    evidence: Evidence
    takes_over_at: datetime | None
    answer_by: date
    state: State
    proposed_at: datetime
    until: datetime | None = None

    def answering(self, command: Command) -> str:
        """Return the organisation whose word a command is."""
        return self.proposer_id if command == Command.WITHDRAW else self.to_organisation_id

    def has_lapsed(self, now: datetime) -> bool:
        return county_day(now) > self.answer_by

    def is_overtaken(self, lines: Sequence[Line], known_then: Sequence[Line], now: datetime) -> bool:
        """Say whether a third manages by now, or the proposer has lost the right by which he proposed.

        `known_then`: the ledger as it was known at the proposal. Where the manager's time has simply run out, or he is no more, the
        receiver is wanted all the more; who was removed chooses no successor.
        """
        if manager_of(lines, self.station_id, now) not in ("", self.from_organisation_id):
            return True
        if may_propose(lines, self.proposer_id, self.station_id, now):
            return False
        if self.proposer_id != self.from_organisation_id:
            return True
        return self._held_by_proposer(known_then, now) and not self._held_by_proposer(lines, now)

    def _held_by_proposer(self, lines: Iterable[Line], now: datetime) -> bool:
        own = [line for line in lines if line.role == "manager" and line.organisation_id == self.proposer_id]
        return any(line.station_id in ("", self.station_id) and line.holds_at(now) for line in own)

    def line(self, now: datetime) -> Line:
        """Return the line that its acceptance adds to the ledger: nobody takes over what is past."""
        since = max(self.takes_over_at or now, now)
        return Line("manager", self.to_organisation_id, self.station_id, since, self.until, "handover", self.evidence)


def manager_of(lines: Iterable[Line], station_id: str, now: datetime) -> str:
    """Return who manages a site or a station ('': nobody)."""
    found = holder(lines, "manager", now, station_id)
    return found.organisation_id if found else ""


def refuse_proposal(lines: Iterable[Line], proposer_id: str, to_id: str, station_id: str, now: datetime) -> None:
    """Forbidden where the proposer neither manages nor owns; Conflict where the receiver manages already."""
    known = list(lines)
    if not may_propose(known, proposer_id, station_id, now):
        raise Forbidden("only who manages the site, or owns it, may propose who is to manage it")
    if manager_of(known, station_id, now) == to_id:
        raise Conflict("the receiver manages already")


def may_propose(lines: Iterable[Line], organisation_id: str | None, station_id: str, now: datetime) -> bool:
    """Say whether an organisation manages or owns a site or a station."""
    known = list(lines)
    held = [holder(known, role, now, station_id) for role in PROPOSERS]
    return any(line is not None and line.organisation_id == organisation_id for line in held)


def refuse_period(takes_over_at: datetime | None, until: datetime | None, now: datetime) -> None:
    """Refuse a period that is over before it begins; Invalid."""
    if until is not None and until <= max(takes_over_at or now, now):
        raise Invalid.about("until", "is not after the beginning")


def answer_by(given: date | None, today: date, usual_working_days: int) -> date:
    """Return the last day to answer: the one given, or so many working days from today. Invalid where it cannot be."""
    if given is None:
        return add_working_days(today, usual_working_days)
    if not today <= given <= today + LONGEST_WAIT:
        reason = Reason("must lie between today and {most} days from now", most=LONGEST_WAIT.days)
        raise Invalid.about("answer_by", reason)
    return given


def ended(handover: Handover, command: Command, now: datetime) -> State:
    """Return the state that a command leads to; Conflict where the handover has ended already, or its time is over."""
    if handover.state != State.PROPOSED:
        raise Conflict(Reason("this handover has been {state} already", state=handover.state))
    if command in (Command.ACCEPT, Command.DECLINE) and handover.has_lapsed(now):
        raise Conflict(Reason("this handover was to be answered by {answer_by}", answer_by=handover.answer_by))
    return ENDS[command]
