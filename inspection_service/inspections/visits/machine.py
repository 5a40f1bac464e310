"""The life of a visit: planned → under way → finished, or cancelled. Pure.

An officer begins it, both note results, one finishes it when nothing is left open; the other one confirms the record (Art. 42).
A remote inspection goes the same way without anybody being there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from youguan.errors import Conflict, Forbidden, Reason

ON_SITE, REMOTE = "on_site", "remote"
CHANNELS = (ON_SITE, REMOTE)
PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not_applicable"
RESULTS = (PASSED, FAILED, NOT_APPLICABLE)


class State(StrEnum):
    """Where a visit stands."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Command(StrEnum):
    """What moves a visit, or is added to it."""

    BEGIN = "begin"
    NOTE = "note"
    FINISH = "finish"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    REPLACE = "replace"


MOVES: dict[tuple[State, Command], State] = {
    (State.PLANNED, Command.BEGIN): State.UNDER_WAY,
    (State.UNDER_WAY, Command.NOTE): State.UNDER_WAY,
    (State.UNDER_WAY, Command.FINISH): State.FINISHED,
    (State.FINISHED, Command.CONFIRM): State.FINISHED,
    (State.PLANNED, Command.REPLACE): State.PLANNED,
    (State.UNDER_WAY, Command.REPLACE): State.UNDER_WAY,
    (State.PLANNED, Command.CANCEL): State.CANCELLED,
    (State.UNDER_WAY, Command.CANCEL): State.CANCELLED,
}
# What a regulator does; the rest is for the visit's own two officers.
OF_THE_REGULATOR = (Command.CANCEL,)


def move(state: State, command: Command) -> State:
    """Return the state that a command leads to; Conflict where it has no place."""
    try:
        return MOVES[state, command]
    except KeyError:
        raise Conflict(Reason("a visit that is {state} cannot {command}", state=state, command=command)) from None


def check_officer(subject: str, officers: Collection[str], command: Command, finished_by: str | None) -> None:
    """Refuse whoever is not one of the two, and who would confirm what he finished himself; Forbidden."""
    if subject not in officers:
        raise Forbidden(Reason("{command} is for the two officers of this visit", command=command))
    if command == Command.CONFIRM and subject == finished_by:
        raise Forbidden("the other officer confirms the record")


def check_replacer(subject: str, officers: Collection[str], *, regulator: bool, planned: bool) -> None:
    """Refuse whoever may not replace an officer: those of a plan the regulator alone, others the two themselves too; Forbidden."""
    if not regulator and (planned or subject not in officers):
        raise Forbidden("officers of a plan are replaced by a regulator, those of a single visit also by themselves")


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody stood, WGS-84 degrees; None: not known."""

    latitude: float | None = None
    longitude: float | None = None


NOWHERE = Position()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found at a point of the list."""

    result: str
    note: str


def open_points(places: Sequence[int], seen: Mapping[int, Seen]) -> list[int]:
    """Return the places of the list of which nothing is said yet."""
    return [place for place in places if place not in seen]


def failed(seen: Mapping[int, Seen]) -> list[int]:
    """Return the places that failed."""
    return [place for place, found in sorted(seen.items()) if found.result == FAILED]
