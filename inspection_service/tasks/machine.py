"""The life of a task: open → accepted → mended → verifying → closed, or back to open. Pure.

People accept and say that they have mended; only the charger's own word begins the verification, and only time in good order or a
successful transaction closes it. Nobody closes a task by hand while the charger says that it is broken.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from youguan.errors import Conflict


class State(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    MENDED = "mended"
    VERIFYING = "verifying"
    CLOSED = "closed"


class Command(StrEnum):
    """What moves a task; those after the first two come from the system, never from a person."""

    ACCEPT = "accept"
    MEND = "mend"
    RECOVER = "recover"  # the charger reports that it is in order
    FAIL = "fail"  # the condition is back
    WORSEN = "worsen"  # the condition has become worse
    HOLD = "hold"  # it has stayed in order for the holding time
    SUCCEED = "succeed"  # a transaction succeeded
    SETTLE = "settle"  # the cause is over and there is nothing that a charger could confirm


MOVES: dict[tuple[State, Command], State] = {
    (State.OPEN, Command.ACCEPT): State.ACCEPTED,
    (State.OPEN, Command.MEND): State.MENDED,
    (State.ACCEPTED, Command.MEND): State.MENDED,
    (State.OPEN, Command.RECOVER): State.VERIFYING,
    (State.ACCEPTED, Command.RECOVER): State.VERIFYING,
    (State.MENDED, Command.RECOVER): State.VERIFYING,
    (State.MENDED, Command.FAIL): State.OPEN,
    (State.VERIFYING, Command.FAIL): State.OPEN,
    (State.CLOSED, Command.FAIL): State.OPEN,
    (State.OPEN, Command.WORSEN): State.OPEN,
    (State.ACCEPTED, Command.WORSEN): State.ACCEPTED,
    (State.MENDED, Command.WORSEN): State.OPEN,
    (State.VERIFYING, Command.HOLD): State.CLOSED,
    (State.MENDED, Command.SUCCEED): State.CLOSED,
    (State.VERIFYING, Command.SUCCEED): State.CLOSED,
    (State.OPEN, Command.SETTLE): State.CLOSED,
    (State.ACCEPTED, Command.SETTLE): State.CLOSED,
    (State.MENDED, Command.SETTLE): State.CLOSED,
    (State.VERIFYING, Command.SETTLE): State.CLOSED,
}
PEOPLES_COMMANDS = (Command.ACCEPT, Command.MEND)
SEVERITIES = ("info", "minor", "major", "critical")
# What a charger can confirm by its own word; the other causes are over when the registry says so.
CONFIRMED_BY_CHARGER = ("connector_fault", "station_offline")


def move(state: State, command: Command) -> State:
    """Return the state that a command leads to; Conflict where it has no place."""
    try:
        return MOVES[state, command]
    except KeyError:
        raise Conflict(f"a task that is {state} cannot {command}") from None


def may(state: State, command: Command) -> bool:
    """Say whether a command has a place in a state."""
    return (state, command) in MOVES


def is_worse(severity: str, than: str) -> bool:
    """Compare two severities."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)


@dataclass(frozen=True, slots=True)
class Holding:
    """How much longer something must stay in order: `until` while its station can say so, `left` while it cannot."""

    until: datetime | None
    left: timedelta | None

    @classmethod
    def begun(cls, now: datetime, time: timedelta, *, heard: bool) -> "Holding":
        return cls(now + time, None) if heard else cls(None, time)


def proves(started_at: datetime | None, energy_wh: float | None, since: datetime) -> bool:
    """Say whether a transaction proves what somebody, or the charger, has said since: it began later and delivered."""
    return started_at is not None and started_at >= since and energy_wh is not None and energy_wh > 0
