"""The life of a reservation: pure."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a reservation stands."""

    HELD = "held"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REMOVED = "removed"


class Happening(StrEnum):
    """What happens to a reservation."""

    MADE = "made"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REMOVED = "removed"


# A station gives an id again when it likes, and a new reservation under the same id replaces the old one. A transaction
# that began in time may be told after the hour has passed: the station's word outranks our clock.
MOVES: Mapping[tuple[State, Happening], State] = {
    **{(state, Happening.MADE): State.HELD for state in State},
    (State.HELD, Happening.USED): State.USED,
    (State.HELD, Happening.CANCELLED): State.CANCELLED,
    (State.HELD, Happening.EXPIRED): State.EXPIRED,
    (State.HELD, Happening.REMOVED): State.REMOVED,
    (State.EXPIRED, Happening.USED): State.USED,
}


def after(state: State, happening: Happening) -> State:
    """Return where a reservation stands after something happened; what does not concern it leaves it where it is."""
    return MOVES.get((state, happening), state)


def concerned(happening: Happening) -> list[str]:
    """Return the states that something moves a reservation out of."""
    return [str(before) for (before, what), then in MOVES.items() if what is happening and before is not then]
