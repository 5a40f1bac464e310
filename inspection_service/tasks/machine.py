"""The life of a task: open → accepted → mended → verifying → closed, or back to open. One table; pure.

People accept, answer and say that they have mended; none of that closes anything. A task closes when the charger has stayed
in order, when a transaction succeeded, when its cause is over, when an inspector who did not mend it himself found it mended on
the spot, or, for small matters, when the lot did not fall on it. Nobody closes a task by hand while what raised it still says
that it is broken.
"""

from dataclasses import dataclass
from enum import StrEnum

from youguan.errors import Conflict, Reason


class State(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    MENDED = "mended"
    VERIFYING = "verifying"
    CLOSED = "closed"


class Role(StrEnum):
    """As what somebody moves a task."""

    PARTY = "party"  # whose task it is
    TEAM = "team"  # an inspector in whose district it lies
    CENTRE = "centre"  # the county's or a division's regulator
    MACHINE = "machine"  # the system, or the charger's own word


class Command(StrEnum):
    """What moves a task."""

    ACCEPT = "accept"
    ANSWER = "answer"  # with words and papers
    MEND = "mend"
    ASK_TIME = "ask_time"
    ASK_TRANSFER = "ask_transfer"
    GRANT_TIME = "grant_time"
    GRANT_TRANSFER = "grant_transfer"
    REFUSE = "refuse"
    REASSIGN = "reassign"  # to another party
    DISPATCH = "dispatch"  # to another team
    CONFIRM = "confirm"  # found mended on the spot
    REFUTE = "refute"  # found not mended
    CANCEL = "cancel"  # opened in error
    # what only machines do
    RECOVER = "recover"  # the charger reports that it is in order
    FAIL = "fail"  # the condition is back, or there still
    WORSEN = "worsen"  # the condition has become worse
    ENTRUST = "entrust"  # somebody else answers for what it is about
    HOLD = "hold"  # it has stayed in order for the holding time
    SUCCEED = "succeed"  # a transaction succeeded
    SETTLE = "settle"  # the cause is over and there is nothing that a charger could confirm
    LAPSE = "lapse"  # what it is about is filed no longer: nobody will confirm anything
    SAMPLE = "sample"  # the lot did not fall on it
    MERGE = "merge"  # another task is about the same thing
    JOIN = "join"  # somebody else says the same
    VISIT = "visit"  # nothing else can prove it: an inspector has to look
    REMIND = "remind"
    FALL_DUE = "fall_due"
    TO_TEAM = "to_team"
    TO_CENTRE = "to_centre"


@dataclass(frozen=True, slots=True)
class Line:
    """Who may give a command, and where it leads from each state in which it has a place."""

    roles: frozenset[Role]
    leads: dict[State, State]


def _line(roles: tuple[Role, ...], leads: dict[State, State]) -> Line:
    return Line(frozenset(roles), leads)


def _stay(*states: State) -> dict[State, State]:
    return {state: state for state in states}


OPEN, ACCEPTED, MENDED, VERIFYING, CLOSED = State
UNCLOSED = (OPEN, ACCEPTED, MENDED, VERIFYING)
ANYBODY = (Role.PARTY, Role.TEAM, Role.CENTRE)
OFFICE = (Role.TEAM, Role.CENTRE)
MACHINE = (Role.MACHINE,)

TABLE: dict[Command, Line] = {
    Command.ACCEPT: _line(ANYBODY, {OPEN: ACCEPTED}),
    Command.ANSWER: _line(ANYBODY, {OPEN: ACCEPTED, ACCEPTED: ACCEPTED, MENDED: MENDED}),
    Command.MEND: _line(ANYBODY, {OPEN: MENDED, ACCEPTED: MENDED}),
    Command.ASK_TIME: _line((Role.PARTY,), {OPEN: ACCEPTED, ACCEPTED: ACCEPTED}),
    Command.ASK_TRANSFER: _line((Role.PARTY,), _stay(OPEN, ACCEPTED)),
    Command.GRANT_TIME: _line(OFFICE, _stay(OPEN, ACCEPTED)),
    Command.GRANT_TRANSFER: _line((Role.CENTRE,), {OPEN: OPEN, ACCEPTED: OPEN}),
    Command.REFUSE: _line(OFFICE, _stay(OPEN, ACCEPTED)),
    Command.REASSIGN: _line((Role.CENTRE,), {OPEN: OPEN, ACCEPTED: OPEN}),
    Command.DISPATCH: _line((Role.CENTRE,), _stay(*UNCLOSED)),
    Command.CONFIRM: _line((Role.TEAM,), {MENDED: CLOSED, VERIFYING: CLOSED}),
    Command.REFUTE: _line((Role.TEAM,), {MENDED: OPEN, VERIFYING: OPEN, CLOSED: OPEN}),
    Command.CANCEL: _line((Role.CENTRE,), {OPEN: CLOSED, ACCEPTED: CLOSED, MENDED: CLOSED}),
    Command.RECOVER: _line(MACHINE, {OPEN: VERIFYING, ACCEPTED: VERIFYING, MENDED: VERIFYING}),
    Command.FAIL: _line(MACHINE, {MENDED: OPEN, VERIFYING: OPEN, CLOSED: OPEN}),
    Command.WORSEN: _line(MACHINE, {OPEN: OPEN, ACCEPTED: ACCEPTED, MENDED: OPEN}),
    Command.ENTRUST: _line(MACHINE, {OPEN: OPEN, ACCEPTED: OPEN, MENDED: OPEN}),
    Command.HOLD: _line(MACHINE, {VERIFYING: CLOSED}),
    Command.SUCCEED: _line(MACHINE, {MENDED: CLOSED, VERIFYING: CLOSED}),
    Command.SETTLE: _line(MACHINE, {OPEN: CLOSED, ACCEPTED: CLOSED, MENDED: CLOSED, VERIFYING: CLOSED}),
    Command.LAPSE: _line(MACHINE, {OPEN: CLOSED, ACCEPTED: CLOSED, MENDED: CLOSED, VERIFYING: CLOSED}),
    Command.SAMPLE: _line(MACHINE, {MENDED: CLOSED}),
    Command.MERGE: _line(MACHINE, {OPEN: CLOSED, ACCEPTED: CLOSED, MENDED: CLOSED, VERIFYING: CLOSED}),
    Command.JOIN: _line(MACHINE, _stay(*UNCLOSED)),
    Command.VISIT: _line(MACHINE, _stay(MENDED)),
    Command.REMIND: _line(MACHINE, _stay(*UNCLOSED)),
    Command.FALL_DUE: _line(MACHINE, _stay(*UNCLOSED)),
    Command.TO_TEAM: _line(MACHINE, _stay(*UNCLOSED)),
    Command.TO_CENTRE: _line(MACHINE, _stay(*UNCLOSED)),
}
# What somebody has seen himself: never a machine's key.
ON_THE_SPOT = (Command.CONFIRM, Command.REFUTE)
# What closes a task because its matter is over; a task that was cancelled, merged or has lapsed was never settled.
SETTLING = (Command.CONFIRM, Command.HOLD, Command.SUCCEED, Command.SETTLE, Command.SAMPLE)
PEOPLES_COMMANDS = tuple(command for command, line in TABLE.items() if Role.MACHINE not in line.roles)


def move(state: State, command: Command) -> State:
    """Return the state that a command leads to; Conflict where it has no place."""
    try:
        return TABLE[command].leads[state]
    except KeyError:
        raise Conflict(Reason("a task that is {state} cannot {command}", state=state, command=command)) from None


def has_place(state: State, command: Command) -> bool:
    """Say whether a command has a place in a state."""
    return state in TABLE[command].leads


def may(command: Command, roles: set[Role]) -> bool:
    """Say whether somebody with these roles may give a command."""
    return not TABLE[command].roles.isdisjoint(roles)
