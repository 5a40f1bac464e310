"""What a change makes of the lines of a site that are believed now: never rewritten, withdrawn and replaced. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from charger_registry.ledger.responsibility import Line
from youguan.errors import Conflict, Invalid, NotFound, Reason

MANAGER = "manager"
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Amendment:
    """Lines that are believed no longer, and lines that are believed from now on."""

    withdrawn: tuple[Line, ...]
    added: tuple[Line, ...]


def give(believed: Sequence[Line], line: Line) -> Amendment:
    """Give a role from an instant on: whoever has it then ends there. Conflict where somebody has it from then or later."""
    _refuse_empty(line)
    others = [other for other in believed if other.is_of(line.role, line.station_id)]
    for other in others:
        if other.since >= line.since and other.overlaps(line):
            raise Conflict(Reason("{name} has this role from the same time or later", name=_name(other)))
    ended = [other for other in others if other.holds_at(line.since)]
    return Amendment(tuple(ended), (*(_cut(other, line.since) for other in ended), line))


def end(believed: Sequence[Line], role: str, station_id: str, at: datetime) -> Amendment:
    """End a role at an instant. Conflict where nobody has it then."""
    ended = [line for line in believed if line.is_of(role, station_id) and line.holds_at(at)]
    if not ended:
        raise Conflict(Reason("nobody has the role {role} at that time", role=role))
    return Amendment(tuple(ended), tuple(_cut(line, at) for line in ended if line.since < at))


def correct(believed: Sequence[Line], line_id: int, corrected: Line | None) -> Amendment:
    """Say instead of a line how it really was; None: it never was so.

    NotFound where it is believed no longer, Conflict where somebody else managed in the corrected period.
    """
    wrong = next((line for line in believed if line.id == line_id), None)
    if wrong is None:
        raise NotFound(Reason("line {line_id}: it is believed no longer", line_id=line_id))
    if corrected is None:
        return Amendment((wrong,), ())
    _refuse_empty(corrected)
    if replace(corrected, id=wrong.id, organisation_name=wrong.organisation_name) == wrong:
        raise Conflict("the correction says what the line says already")
    rest = [line for line in believed if line.id != line_id]
    for other in rest:
        if corrected.role == MANAGER and other.is_of(MANAGER, corrected.station_id) and other.overlaps(corrected):
            raise Conflict(Reason("{name} manages within that period: correct that line first", name=_name(other)))
    return Amendment((wrong,), (replace(corrected, id=0),))


def recorded_at(now: datetime, last: datetime | None) -> datetime:
    """Return when a change is recorded: after every change before it, whatever the clock says."""
    return now if last is None or last < now else last + TICK


def two_managers(lines: Iterable[Line]) -> tuple[Line, Line] | None:
    """Return two lines by which a site or a station has two managers at once, or None."""
    by_place: dict[str, list[Line]] = {}
    for line in lines:
        if line.role == MANAGER:
            by_place.setdefault(line.station_id, []).append(line)
    for found in by_place.values():
        found.sort(key=lambda line: line.since)
        for before, after in pairwise(found):
            if before.overlaps(after):
                return before, after
    return None


def _cut(line: Line, at: datetime) -> Line:
    return replace(line, until=at, id=0)


def _refuse_empty(line: Line) -> None:
    if line.until is not None and line.until <= line.since:
        raise Invalid.about("until", "is not after the beginning")


def _name(line: Line) -> str:
    return line.organisation_name or line.organisation_id
