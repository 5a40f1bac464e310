"""Coordinate systems of Chinese maps to WGS-84 and back. Degrees, longitude first.

GCJ-02 by the published approximation (a = 6378245.0, ee = 0.00669342162296594323), reversed by iteration; BD-09 on top of it.
CGCS2000 differs from WGS-84 by less than a metre for this use.
"""

import math
from collections.abc import Callable

Point = tuple[float, float]

SEMI_MAJOR = 6378245.0
ECCENTRICITY_2 = 0.00669342162296594323
BAIDU = math.pi * 3000.0 / 180.0
CLOSE_ENOUGH = 1e-9


def to_wgs84(point: Point, crs: str) -> Point:
    """Return a point of the named system in WGS-84; KeyError for a system that is not known."""
    return TO_WGS84[crs](point)


def wgs84_to_gcj02(point: Point) -> Point:
    """Return a WGS-84 point as Chinese map applications show it."""
    east, north = _offset(point)
    return point[0] + east, point[1] + north


def gcj02_to_wgs84(point: Point) -> Point:
    """Return the WGS-84 point that is shown at a GCJ-02 point."""
    guess = point
    for _ in range(30):
        shown = wgs84_to_gcj02(guess)
        step = (point[0] - shown[0], point[1] - shown[1])
        guess = (guess[0] + step[0], guess[1] + step[1])
        if max(map(abs, step)) < CLOSE_ENOUGH:
            break
    return guess


def bd09_to_gcj02(point: Point) -> Point:
    """Return a Baidu point in GCJ-02."""
    x, y = point[0] - 0.0065, point[1] - 0.006
    z = math.hypot(x, y) - 0.00002 * math.sin(y * BAIDU)
    theta = math.atan2(y, x) - 0.000003 * math.cos(x * BAIDU)
    return z * math.cos(theta), z * math.sin(theta)


def _offset(point: Point) -> Point:
    """Return by how many degrees GCJ-02 moves a point."""
    x, y = point[0] - 105.0, point[1] - 35.0
    latitude = math.radians(point[1])
    magic = 1 - ECCENTRICITY_2 * math.sin(latitude) ** 2
    root = math.sqrt(magic)
    north = _north(x, y) * 180.0 / (SEMI_MAJOR * (1 - ECCENTRICITY_2) / (magic * root) * math.pi)
    east = _east(x, y) * 180.0 / (SEMI_MAJOR / root * math.cos(latitude) * math.pi)
    return east, north


def _waves(value: float, *periods: tuple[float, float]) -> float:
    return sum(amplitude * math.sin(value * math.pi * frequency) for amplitude, frequency in periods) * 2.0 / 3.0


def _north(x: float, y: float) -> float:
    metres = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    metres += _waves(x, (20.0, 6.0), (20.0, 2.0))
    return metres + _waves(y, (20.0, 1.0), (40.0, 1 / 3)) + _waves(y, (160.0, 1 / 12), (320.0, 1 / 30))


def _east(x: float, y: float) -> float:
    metres = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    metres += _waves(x, (20.0, 6.0), (20.0, 2.0))
    return metres + _waves(x, (20.0, 1.0), (40.0, 1 / 3)) + _waves(x, (150.0, 1 / 12), (300.0, 1 / 30))


def _same(point: Point) -> Point:
    return point


TO_WGS84: dict[str, Callable[[Point], Point]] = {
    "wgs84": _same,
    "cgcs2000": _same,
    "gcj02": gcj02_to_wgs84,
    "bd09": lambda point: gcj02_to_wgs84(bd09_to_gcj02(point)),
}
CRS_NAMES = {"wgs84": "WGS-84", "cgcs2000": "CGCS2000", "gcj02": "GCJ-02", "bd09": "BD-09"}
"""The systems as people write them."""
