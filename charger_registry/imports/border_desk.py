"""Where boundaries of divisions are loaded, and sites held against them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from charger_registry.coordinates import to_wgs84
from charger_registry.identifiers import normal_division_code
from charger_registry.imports import store
from charger_registry.imports.boundaries import Boundary, boundary, judge
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import FieldError, Forbidden, Invalid

CODES = ("division_code", "adcode", "code", "区划代码")
NAMES = ("name", "名称")
MOST_FEATURES = 5000


@dataclass(slots=True)
class Loading:
    """What loading did."""

    loaded: list[str] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    outside: list[dict[str, Any]] = field(default_factory=list)


class BorderDesk:
    """Loads boundaries."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def load(self, who: Principal, data: bytes, crs: str, *, remote: str | None = None) -> Loading:
        """Load a GeoJSON collection; every good feature takes the place of that division's older one. Sites are held against it."""
        found = Loading()
        outlines = await asyncio.to_thread(_read, data, crs, found)
        beyond = [code for code in outlines if not who.scope.covers(code, None)]
        if beyond:
            raise Forbidden(f"division {beyond[0]} lies beyond your bounds")
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold(connection)
            for code, (name, geometry, _) in outlines.items():
                before = await store.keep_boundary(connection, (code, name, geometry, now, who.subject))
                await audit.record(
                    connection, at=now, actor=who.subject, action="load boundary", subject=f"division {code}",
                    before={"name": before} if before else None, after={"name": name}, remote=remote,
                )  # fmt: skip
            await _judge(connection, {code: outline for code, (_, _, outline) in outlines.items()}, found)
        found.loaded = sorted(outlines)
        return found


def _read(data: bytes, crs: str, found: Loading) -> dict[str, tuple[str | None, dict[str, Any], Boundary]]:
    """Return division → (name, geometry, boundary) of the features that can be used; the others are noted with the reason."""
    try:
        collection = orjson.loads(data)
        features = collection["features"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise Invalid(
            "file: no GeoJSON FeatureCollection", fields=[FieldError("file", "no FeatureCollection")]
        ) from None
    if not isinstance(features, list) or len(features) > MOST_FEATURES:
        raise Invalid("file: no list of features of a bearable length", fields=[FieldError("file", "no features")])
    outlines = {}
    for number, feature in enumerate(features, 1):
        try:
            code, name, geometry = _feature(feature, crs)
            outlines[code] = (name, geometry, boundary(code, geometry))
        except ValueError as error:
            found.refused.append({"feature": number, "reason": str(error)})
    return outlines


def _feature(feature: Any, crs: str) -> tuple[str, str | None, dict[str, Any]]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        raise ValueError("the feature has no properties or no geometry")
    given = next((str(properties[name]) for name in CODES if properties.get(name) is not None), "")
    code = normal_division_code(given)
    if code is None:
        raise ValueError(f"{given!r} is no division code of 2, 4, 6, 9 or 12 digits")
    name = next((str(properties[name]) for name in NAMES if properties.get(name) is not None), None)
    boundary(code, geometry)  # before its coordinates are converted: only what is a geometry can be
    plain = {"type": geometry["type"], "coordinates": _converted(geometry["coordinates"], crs)}
    return code, name, plain


def _converted(coordinates: Any, crs: str) -> Any:
    """Return the coordinates of a geometry in WGS-84, two to a corner."""
    if isinstance(coordinates[0], list):
        return [_converted(part, crs) for part in coordinates]
    return list(to_wgs84((float(coordinates[0]), float(coordinates[1])), crs))


async def _judge(connection: asyncpg.Connection, outlines: Mapping[str, Boundary], found: Loading) -> None:
    """Note of each site of the divisions whether it lies within, and tell those that do not."""
    positions: dict[str, str] = {}
    for row in await store.points(connection, list(outlines)):
        judged = judge((row["longitude"], row["latitude"]), row["division_code"], outlines)
        positions[row["id"]] = judged.position
        if judged.outside_m is not None:
            found.outside.append(
                {"site_id": row["id"], "division": row["division_code"], "metres": round(judged.outside_m)}
            )
    await store.set_positions(connection, positions)
