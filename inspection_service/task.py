"""The life of a task: open → accepted → mended → verifying → closed, or back to open. Pure.

People accept and say that they have mended; only the charger's own word begins the verification, and only time in good order or a
successful transaction closes it. Nobody closes a task by hand while the charger says that it is broken.
"""

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
    """What moves a task; the last five come from the system, never from a person."""

    ACCEPT = "accept"
    MEND = "mend"
    RECOVER = "recover"  # the charger reports that it is in order
    FAIL = "fail"  # the condition is back
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
    (State.VERIFYING, Command.HOLD): State.CLOSED,
    (State.VERIFYING, Command.SUCCEED): State.CLOSED,
    (State.OPEN, Command.SETTLE): State.CLOSED,
    (State.ACCEPTED, Command.SETTLE): State.CLOSED,
    (State.MENDED, Command.SETTLE): State.CLOSED,
    (State.VERIFYING, Command.SETTLE): State.CLOSED,
}
PEOPLES_COMMANDS = (Command.ACCEPT, Command.MEND)
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
