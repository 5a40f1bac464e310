"""Where boundaries of divisions are loaded, and sites held against them."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from charger_registry import store as registry
from charger_registry.divisions import store
from charger_registry.divisions.boundaries import Boundary, boundary, judge
from charger_registry.divisions.desk import Filer
from charger_registry.identifiers import normal_division_code
from charger_registry.imports import store as imports
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.coordinates import to_wgs84
from youguan.errors import FieldError, Forbidden, Invalid, Reason
from youguan.eventlog import publish

CODES = ("division_code", "adcode", "code", "区划代码")
NAMES = ("name", "名称")
MOST_FEATURES, LONGEST = 5000, 60


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
        filer = Filer(who.subject, who.scope)
        async with self._pool.acquire() as connection:
            return await load_boundaries(connection, filer, data, crs, self._clock.now(), remote=remote)


async def load_boundaries(
    connection: asyncpg.Connection, who: Filer, data: bytes, crs: str, now: datetime, *, remote: str | None = None
) -> Loading:
    """Load what a file brings as one; what imports and filings hold against boundaries waits until then."""
    found = Loading()
    outlines = await asyncio.to_thread(_read, data, crs, found)
    beyond = [code for code in outlines if not who.scope.covers(code, None)]
    if beyond:
        raise Forbidden(Reason("division {code} lies beyond your bounds", code=beyond[0]))
    async with connection.transaction():
        await imports.hold(connection)
        before = {
            code: await store.keep_boundary(connection, (code, name, geometry, now, who.subject))
            for code, (name, geometry, _) in outlines.items()
        }
        changed = await _judge(connection, list(outlines), found)
        for code, was in before.items():
            await audit.record(
                connection, at=now, actor=who.subject, action="load boundary", subject=f"division {code}",
                before={"name": was} if was else None, after={"name": outlines[code][0]}, remote=remote,
            )  # fmt: skip
        await publish(connection, registry.STREAM, await registry.site_files(connection, changed))
    found.loaded = sorted(outlines)
    return found


def _read(data: bytes, crs: str, found: Loading) -> dict[str, tuple[str | None, dict[str, Any], Boundary]]:
    """Return division → (name, geometry, boundary) of the features that can be used; the others are noted with the reason."""
    try:
        collection = orjson.loads(data)
        features = collection["features"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise Invalid.of(FieldError("file", Reason("is no GeoJSON FeatureCollection"))) from None
    if not isinstance(features, list) or len(features) > MOST_FEATURES:
        raise Invalid.of(FieldError("file", Reason("has no list of at most {most} features", most=MOST_FEATURES)))
    outlines = {}
    for number, feature in enumerate(features, 1):
        try:
            code, name, geometry = _feature(feature, crs)
            outlines[code] = (name, geometry, boundary(code, geometry))
        except ValueError as error:
            found.refused.append({"feature": number, "reason": error.args[0]})
    return outlines


def _feature(feature: Any, crs: str) -> tuple[str, str | None, dict[str, Any]]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        raise ValueError(Reason("the feature has no properties or no geometry"))
    given = next((str(properties[name]) for name in CODES if properties.get(name) is not None), "")
    code = normal_division_code(given)
    if code is None:
        raise ValueError(Reason("{given} is no division code of 2, 4, 6, 9 or 12 digits", given=given[:LONGEST] or "—"))
    name = next((str(properties[name]) for name in NAMES if properties.get(name) is not None), None)
    boundary(code, geometry)  # before its coordinates are converted: only what is a geometry can be
    plain = {"type": geometry["type"], "coordinates": _converted(geometry["coordinates"], crs)}
    return code, name, plain


def _converted(coordinates: Any, crs: str) -> Any:
    """Return the coordinates of a geometry in WGS-84, two to a corner."""
    if isinstance(coordinates[0], list):
        return [_converted(part, crs) for part in coordinates]
    return list(to_wgs84((float(coordinates[0]), float(coordinates[1])), crs))


async def _judge(connection: asyncpg.Connection, loaded: Collection[str], found: Loading) -> list[str]:
    """Note of each site of the divisions and of what lies in them whether it lies within; return those of which that is news."""
    outlines = await store.boundaries(connection)
    positions: dict[str, str] = {}
    for row in await store.points(connection, loaded):
        judged = judge((row["longitude"], row["latitude"]), row["division_code"], outlines)
        positions[row["id"]] = judged.position
        if judged.outside_m is not None:
            found.outside.append({"site_id": row["id"], "division": judged.division, "metres": round(judged.outside_m)})
    return await store.set_positions(connection, positions)
