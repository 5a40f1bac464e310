"""What a change makes of the lines of a site that are believed now: never rewritten, withdrawn and replaced. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from charger_registry.ledger.responsibility import RETURN, Line, holder
from youguan.errors import Conflict, Invalid, NotFound, Reason

MANAGER = "manager"
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Amendment:
    """Lines that are believed no longer, and lines that are believed from now on."""

    withdrawn: tuple[Line, ...]
    added: tuple[Line, ...]

    def over(self, believed: Sequence[Line]) -> list[Line]:
        """Return what is believed after it."""
        return [*(line for line in believed if line not in self.withdrawn), *self.added]


def give(believed: Sequence[Line], line: Line) -> Amendment:
    """Give a role from an instant on: whoever has it then ends there. Conflict where somebody has it from then or later."""
    _refuse_empty(line)
    others = [other for other in believed if other.is_of(line.role, line.station_id)]
    for other in others:
        if other.since >= line.since and other.overlaps(line):
            raise Conflict(Reason("{name} has this role from the same time or later", name=_name(other)))
    ended = [other for other in others if other.holds_at(line.since)]
    return Amendment(tuple(ended), (*(_cut(other, line.since) for other in ended), line))


def assign(believed: Sequence[Line], line: Line) -> Amendment:
    """Give a role by order, which interrupts what its end lets go on (代管): from then on it is as it would have been.

    Whoever has the role then, or was to have it back within the order's time, has it back at the end, where his own time is not
    over by then. Conflict where somebody has it from then or later in his own right.
    """
    due_back = [
        other
        for other in believed
        if other.origin == RETURN and other.is_of(line.role, line.station_id)
        and other.since >= line.since and other.overlaps(line)
    ]  # fmt: skip
    given = give([other for other in believed if other not in due_back], line)
    interrupted = (*given.withdrawn, *due_back)
    return Amendment(interrupted, (*given.added, *_back_after(interrupted, line.until)))


def end(believed: Sequence[Line], role: str, station_id: str, at: datetime) -> Amendment:
    """End a role at an instant; whoever was to have it back when it ends has it back then. Conflict where nobody has it.

    What ends may have come back itself: an order that another one has interrupted.
    """
    ended = [line for line in believed if line.is_of(role, station_id) and line.holds_at(at)]
    if not ended:
        raise Conflict(Reason("nobody has the role {role} at that time", role=role))
    due_back = [line for line in believed if any(_comes_back_after(line, other) for other in ended)]
    left = (_cut(line, at) for line in ended if line.since < at)
    return Amendment((*ended, *due_back), (*left, *(_back(line, at) for line in due_back)))


def follows(believed: Sequence[Line], line: Line) -> Line | None:
    """Return who would have a role when an order for a time ends; None: nobody, or it has no end. Conflict, Invalid."""
    if line.until is None:
        return None
    return holder(assign(believed, line).over(believed), line.role, line.until, line.station_id)


def correct(believed: Sequence[Line], line_id: int, corrected: Line | None) -> Amendment:
    """Say instead of a line how it really was; None: it never was so.

    Whoever was to have the role back when it ends has it back when it really does, if his own time is not over by then.
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
    moved = _moved(believed, wrong, corrected)
    rest = [line for line in believed if line.id != line_id and line not in moved]
    back = _back_after(moved, corrected.until)
    for other in (*rest, *back):
        if corrected.role == MANAGER and other.is_of(MANAGER, corrected.station_id) and other.overlaps(corrected):
            raise Conflict(Reason("{name} manages within that period: correct that line first", name=_name(other)))
    return Amendment((wrong, *moved), (replace(corrected, id=0), *back))


def recorded_at(now: datetime, last: datetime | None) -> datetime:
    """Return when a change is recorded: after every change before it, whatever the clock says."""
    return now if last is None or last < now else last + TICK


def _moved(believed: Sequence[Line], wrong: Line, corrected: Line) -> list[Line]:
    """Return who comes back at another time where a line ends at another: after it, or within the time by which it is longer."""
    if wrong.until is None or corrected.until == wrong.until or not corrected.is_of(wrong.role, wrong.station_id):
        return []
    ended, returns = wrong.until, [other for other in believed if other.origin == RETURN]
    return [
        other
        for other in returns
        if _comes_back_after(other, wrong)
        or (other.is_of(wrong.role, wrong.station_id) and other.since >= ended and other.overlaps(corrected))
    ]


def _comes_back_after(line: Line, other: Line) -> bool:
    return line.origin == RETURN and line.is_of(other.role, other.station_id) and line.since == other.until


def _cut(line: Line, at: datetime) -> Line:
    return replace(line, until=at, id=0)


def _back(line: Line, since: datetime) -> Line:
    return replace(line, since=since, origin=RETURN, id=0)


def _back_after(interrupted: Sequence[Line], until: datetime | None) -> list[Line]:
    if until is None:
        return []
    return [_back(line, until) for line in interrupted if line.until is None or until < line.until]


def _refuse_empty(line: Line) -> None:
    if line.until is not None and line.until <= line.since:
        raise Invalid.about("until", "is not after the beginning")


def _name(line: Line) -> str:
    return line.organisation_name or line.organisation_id
