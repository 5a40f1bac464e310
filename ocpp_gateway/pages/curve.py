"""What was measured in a transaction, as curves to look at. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 1000, 100


@dataclass(frozen=True, slots=True)
class Measured:
    """A value in its base unit; `name`: what was measured, where, on which phase."""

    name: str
    unit: str
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Curve:
    """All values of a kind: how many, the first, last, lowest and highest; `points`: x,y in an area of 1000 by 100."""

    name: str
    unit: str
    count: int
    first: float
    last: float
    lowest: float
    highest: float
    points: str


def curves(measured: Iterable[Measured]) -> list[Curve]:
    """Return a curve for each kind, by name; all of them over the same time."""
    kinds: dict[tuple[str, str], list[Measured]] = {}
    for one in sorted(measured, key=lambda each: each.at):
        kinds.setdefault((one.name, one.unit), []).append(one)
    begin = min((found[0].at for found in kinds.values()), default=None)
    end = max((found[-1].at for found in kinds.values()), default=None)
    if begin is None or end is None:
        return []
    return [_curve(kinds[kind], begin, (end - begin).total_seconds()) for kind in sorted(kinds)]


def _curve(found: list[Measured], begin: datetime, whole_s: float) -> Curve:
    values = [one.value for one in found]
    lowest, highest = min(values), max(values)
    points = (
        (
            WIDTH * (one.at - begin).total_seconds() / whole_s if whole_s else 0.0,
            HEIGHT * (highest - one.value) / (highest - lowest) if highest > lowest else HEIGHT / 2,
        )
        for one in found
    )
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Curve(found[0].name, found[0].unit, len(found), values[0], values[-1], lowest, highest, drawn)
