"""Who a file says is responsible for a site, held against the ledger and the organisations that are known. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any

from charger_registry.drafts import PartyDraft, RoleDraft, SiteDraft
from charger_registry.imports.fields import RowError
from charger_registry.ledger.responsibility import ROLES, Line, last_day
from youguan.clock import COUNTY, county_day
from youguan.errors import Reason

MOST_PROPOSED = 3


@dataclass(frozen=True, slots=True)
class Known:
    """An organisation, and the codes that it may be named by."""

    id: str
    name: str
    codes: tuple[str, ...] = ()
    deregistered_at: datetime | None = None


class Directory:
    """Organisations by whatever a file may call them."""

    def __init__(self, organisations: Iterable[Known] = ()) -> None:
        self._named: dict[str, list[Known]] = {}
        self._names: list[str] = []
        self._proposed: dict[str, str] = {}
        for known in organisations:
            self._names.append(known.name)
            for word in {known.id, known.name, *known.codes}:
                self._named.setdefault(word, []).append(known)

    def find(self, role: str, said: str) -> Known:
        """Return the only organisation that is called so; RowError of the role says why there is none, and who is called alike."""
        found, given = self._named.get(said, []), repr(said)
        if len(found) == 1:
            return found[0]
        if found:
            raise RowError(role, Reason("{given} is what several organisations are called: give the code", given=given))
        names = self._alike(said)
        if names:
            raise RowError(
                role, Reason("{given} is no organisation that we know; alike: {names}", given=given, names=names)
            )
        raise RowError(role, Reason("{given} is no organisation that we know", given=given))

    def _alike(self, said: str) -> str:
        if said not in self._proposed:
            self._proposed[said] = ", ".join(get_close_matches(said, self._names, MOST_PROPOSED))
        return self._proposed[said]


@dataclass(frozen=True, slots=True)
class Parties:
    """What a file adds to the ledger of a site, as drafts and as changes, and what of it is refused."""

    roles: list[RoleDraft] = field(default_factory=list)
    changes: list[tuple[str, Any, Any]] = field(default_factory=list)
    refused: list[RowError] = field(default_factory=list)


def said_of(ledger: Sequence[Line], now: datetime) -> tuple[PartyDraft, ...]:
    """Return who has which role at a whole site now or later, as a file says it."""
    return tuple(
        PartyDraft(
            line.role,
            line.organisation_id,
            county_day(line.since),
            last_day(line.until),
            line.evidence.kind,
            line.evidence.number,
        )
        for role in ROLES
        for line in [next((x for x in ledger if x.is_of(role, "") and (x.until is None or x.until > now)), None)]
        if line is not None
    )


def judge_parties(
    site: SiteDraft, ledger: Sequence[Line], directory: Directory, decides: bool, brought_on: date
) -> Parties:
    """Hold the parties of a file that was brought on a day against the ledger; `decides`: as the authority."""
    found = Parties()
    for party in site.parties:
        try:
            role = _judge(site.id, party, ledger, directory, decides, brought_on)
        except RowError as error:
            found.refused.append(error)
            continue
        if role is not None:
            found.roles.append(role)
            found.changes.append((f"parties[{party.role}]", None, _shown(party, role)))
    return found


def _judge(
    site_id: str, party: PartyDraft, ledger: Sequence[Line], directory: Directory, decides: bool, brought_on: date
) -> RoleDraft | None:
    """Return the line that a party adds, None where the ledger says so already; RowError."""
    known = directory.find(party.role, party.organisation)
    draft = _draft(site_id, party, known, brought_on)
    there = [line for line in ledger if line.is_of(party.role, "") and line.overlaps(_line_of(draft))]
    if any(line.organisation_id == known.id and _says(party, line) for line in there):
        return None
    others = [line for line in there if line.organisation_id != known.id]
    if others:
        holder = others[0].organisation_name or others[0].organisation_id
        raise RowError(
            party.role, Reason("{holder} has this role: it is given on by a handover or an order", holder=holder)
        )
    if there:
        days = f"{county_day(there[0].since)} – {last_day(there[0].until) or ''}".rstrip()
        raise RowError(f"{party.role}_since", Reason("the ledger says {days}: it is corrected there", days=days))
    if not decides:
        raise RowError(party.role, "is given by a filing, a handover or an order, not by an import of yours")
    if known.deregistered_at is not None and known.deregistered_at <= max(draft.since, _midnight(brought_on)):
        raise RowError(party.role, Reason("{name} has been deregistered", name=known.name))
    return draft


def _says(party: PartyDraft, line: Line) -> bool:
    """Say whether a line has the days that a party has, as far as those are given."""
    return party.since in (None, county_day(line.since)) and party.until in (None, last_day(line.until))


def _draft(site_id: str, party: PartyDraft, known: Known, brought_on: date) -> RoleDraft:
    since = party.since or brought_on
    if party.until is not None and party.until < since:
        raise RowError(f"{party.role}_until", "ends before it begins")
    return RoleDraft(
        site_id,
        party.role,
        known.id,
        _midnight(since),
        _midnight(party.until + timedelta(days=1)) if party.until else None,
        evidence_kind=party.evidence_kind,
        evidence_number=party.evidence_number,
    )


def _line_of(draft: RoleDraft) -> Line:
    return Line(draft.role, draft.organisation_id, "", draft.since, draft.until)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), COUNTY)


def _shown(party: PartyDraft, role: RoleDraft) -> str:
    days = f"{county_day(role.since)} – {party.until or ''}".rstrip()
    return f"{party.organisation} ({role.organisation_id}), {days}"
