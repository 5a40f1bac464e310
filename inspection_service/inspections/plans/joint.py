"""Joint inspections (综合查一次): what several departments owe a look within a window becomes one visit at each premises. Pure."""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from inspection_service.inspections.checklists import Checklists, Point

MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Premises:
    """Where a visit may go; `last`: when each department was there last; `going`: which are to go there in the window anyway."""

    site_id: str
    construction: str | None
    last: Mapping[str, date]
    going: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stop:
    """A premises of a run, the departments that take part there, and what they look at.

    `left_out`: departments that owe a look too, and are to go there anyway; where all are, nobody takes part.
    """

    site_id: str
    departments: tuple[str, ...]
    points: tuple[Point, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """What a report tells of joint inspections."""

    runs: int
    premises: int
    items: int
    visits_saved: int


def due_on(last: date, every_months: int) -> date:
    """Return the day on which so many months have passed; of a month that is too short its last day."""
    months = last.month - 1 + every_months
    year, month = last.year + months // MONTHS_A_YEAR, months % MONTHS_A_YEAR + 1
    return date(year, month, min(last.day, monthrange(year, month)[1]))


def stops(checklists: Checklists, premises: Iterable[Premises], departments: Sequence[str], until: date) -> list[Stop]:
    """Return where departments owe a look up to a day, each premises once; one that was never looked at is due at once."""
    found = []
    for place in premises:
        points = [
            point
            for checklist in checklists.lists
            if checklist.department in departments and checklist.meets(place.construction)
            for version in [checklist.version_on(until)]
            if version is not None and _is_due(place, checklist.department, checklist.every_months, until)
            for point in version.points
        ]
        if points:
            owing = dict.fromkeys(point.department for point in points)
            looked_at = tuple(point for point in points if point.department not in place.going)
            taking_part = tuple(department for department in owing if department not in place.going)
            left_out = tuple(department for department in owing if department in place.going)
            found.append(Stop(place.site_id, taking_part, looked_at, left_out))
    return found


def _is_due(place: Premises, department: str, every_months: int, until: date) -> bool:
    last = place.last.get(department)
    return last is None or due_on(last, every_months) <= until


def items_of(found: Iterable[Stop]) -> list[Point]:
    """Return what a run's plan covers: every point of any of its stops once."""
    return list({point.id: point for stop in found for point in stop.points}.values())


def saved(departments_by_premises: Iterable[int]) -> int:
    """Return how many visits a run spares: at each premises one for each department but the first."""
    return sum(max(departments - 1, 0) for departments in departments_by_premises)
