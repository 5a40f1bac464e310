"""Whether a point lies within a division, and how far outside of it. Pure; WGS-84 degrees, longitude first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, radians
from typing import Any

from youguan.errors import Reason

Point = tuple[float, float]
Ring = Sequence[Point]
METRES_A_DEGREE = 111_195.0  # of a great circle of the mean earth
MOST_CORNERS = 500_000


@dataclass(frozen=True, slots=True)
class Boundary:
    """The outline of a division: polygons of rings, the first of each its edge, the others holes in it."""

    code: str
    polygons: tuple[tuple[Ring, ...], ...]
    west: float
    south: float
    east: float
    north: float

    def holds(self, point: Point) -> bool:
        """Say whether a point lies inside."""
        if not (self.west <= point[0] <= self.east and self.south <= point[1] <= self.north):
            return False
        return any(
            _within(polygon[0], point) and not any(_within(hole, point) for hole in polygon[1:])
            for polygon in self.polygons
        )

    def metres_to(self, point: Point) -> float:
        """Return how far a point is from the nearest edge."""
        return min(_metres(point, a, b) for polygon in self.polygons for ring in polygon for a, b in _edges(ring))


def boundary(code: str, geometry: Mapping[str, Any]) -> Boundary:
    """Return the boundary of a GeoJSON Polygon or MultiPolygon; ValueError where it is none."""
    kind, coordinates = geometry.get("type"), _list(geometry.get("coordinates"))
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(Reason("the geometry is neither Polygon nor MultiPolygon"))
    several = [coordinates] if kind == "Polygon" else coordinates
    polygons = tuple(tuple(map(_ring, _list(rings))) for rings in several)
    corners = [corner for polygon in polygons for ring in polygon for corner in ring]
    if not corners or any(not polygon for polygon in polygons):
        raise ValueError(Reason("the geometry is empty"))
    if len(corners) > MOST_CORNERS:
        raise ValueError(Reason("the geometry has more than {most} corners", most=MOST_CORNERS))
    longitudes, latitudes = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return Boundary(code, polygons, min(longitudes), min(latitudes), max(longitudes), max(latitudes))


def _ring(value: Any) -> Ring:
    corners = [_corner(corner) for corner in _list(value)]
    if len(corners) < 4 or corners[0] != corners[-1]:
        raise ValueError(Reason("a ring has fewer than four corners or is not closed"))
    return corners


def _corner(value: Any) -> Point:
    corner = _list(value)
    if len(corner) < 2 or any(isinstance(n, bool) or not isinstance(n, int | float) for n in corner[:2]):
        raise ValueError(Reason("a corner is no longitude and latitude"))
    if not (-180 <= corner[0] <= 180 and -90 <= corner[1] <= 90):
        raise ValueError(Reason("a corner lies beyond 180 or 90 degrees"))
    return float(corner[0]), float(corner[1])


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(Reason("the coordinates are no list"))
    return value


def _edges(ring: Ring) -> Iterator[tuple[Point, Point]]:
    return pairwise(ring)


def _within(ring: Ring, point: Point) -> bool:
    """Count how often a ray to the east crosses the ring."""
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in _edges(ring):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


def _metres(point: Point, a: Point, b: Point) -> float:
    """Return the distance to a stretch, on a plane that touches the earth at the point."""
    shrink = cos(radians(point[1]))
    ax, ay = (a[0] - point[0]) * shrink, a[1] - point[1]
    bx, by = (b[0] - point[0]) * shrink, b[1] - point[1]
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    along = 0.0 if length == 0 else min(1.0, max(0.0, -(ax * dx + ay * dy) / length))
    return hypot(ax + along * dx, ay + along * dy) * METRES_A_DEGREE


@dataclass(frozen=True, slots=True)
class Judgement:
    """`position`: verified or unverified; `outside_m`: so far outside of `division`; else `division` is where it lies, if known."""

    position: str
    outside_m: float | None = None
    division: str | None = None


def judge(point: Point, declared: str | None, boundaries: Mapping[str, Boundary]) -> Judgement:
    """Hold a point against the boundary of its division; of a division without one nothing is said.

    A town without a boundary lies at least within its county: a point beyond the nearest division above is outside of both. Where
    no division is declared and boundaries are loaded, the smallest that holds the point is its division.
    """
    if declared is None:
        found = smallest(boundary for boundary in boundaries.values() if boundary.holds(point))
        return Judgement("verified", division=found) if found else Judgement("unverified")
    known = boundaries.get(smallest(b for code, b in boundaries.items() if declared.startswith(code)) or "")
    if known is None:
        return Judgement("unverified")
    if not known.holds(point):
        return Judgement("unverified", known.metres_to(point), known.code)
    return Judgement("verified" if known.code == declared else "unverified", division=declared)


def smallest(holding: Iterable[Boundary]) -> str | None:
    """Return the code of the lowest division: the longest."""
    return max((boundary.code for boundary in holding), key=len, default=None)
