"""Where boundaries of divisions are loaded, and sites held against them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store
from charger_registry.divisions.boundaries import Boundary, Judgement, judge
from charger_registry.divisions.desk import Filer
from charger_registry.divisions.outlines import Outlines
from charger_registry.imports import store as imports
from charger_registry.imports.confined import ConfinedReader
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import Forbidden, Reason
from youguan.eventlog import publish


@dataclass(slots=True)
class Loading:
    """What loading did."""

    loaded: list[str] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    outside: list[dict[str, Any]] = field(default_factory=list)


class BorderDesk:
    """Loads boundaries."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, reader: ConfinedReader) -> None:
        self._pool = pool
        self._clock = clock
        self._reader = reader

    async def load(self, who: Principal, data: bytes, crs: str, *, remote: str | None = None) -> Loading:
        """Load a GeoJSON collection; every good feature takes the place of that division's older one. Sites are held against it."""
        filer, outlines = Filer(who.subject, who.scope), await self._reader.read_outlines(data, crs)
        async with self._pool.acquire() as connection:
            return await load_boundaries(connection, filer, outlines, self._clock.now(), remote=remote)


async def load_boundaries(
    connection: asyncpg.Connection, who: Filer, reading: Outlines, now: datetime, *, remote: str | None = None
) -> Loading:
    """Load what a file brings as one; what imports and filings hold against boundaries waits until then."""
    found, outlines = Loading(refused=reading.refused), reading.outlines
    beyond = [code for code in outlines if not who.scope.covers(code, None)]
    if beyond:
        raise Forbidden(Reason("division {code} lies beyond your bounds", code=beyond[0]))
    async with connection.transaction():
        await imports.hold(connection)
        before = {
            code: await store.keep_boundary(connection, (code, name, geometry, now, who.subject))
            for code, (name, geometry) in outlines.items()
        }
        changed = await _judge(connection, list(outlines), found, now)
        for code, was in before.items():
            await audit.record(
                connection, at=now, actor=who.subject, action="load boundary", subject=f"division {code}",
                before={"name": was} if was else None, after={"name": outlines[code][0]}, remote=remote,
            )  # fmt: skip
        await publish(connection, registry.STREAM, await registry.site_files(connection, changed))
    found.loaded = sorted(outlines)
    return found


async def _judge(connection: asyncpg.Connection, loaded: Collection[str], found: Loading, now: datetime) -> list[str]:
    """Note of each site of the divisions and of what lies in them whether it lies within; return those of which that is news."""
    outlines, sites = await store.boundaries(connection), await store.points(connection, loaded)
    judged = await asyncio.to_thread(_judgements, sites, outlines)
    found.outside = [
        {"site_id": site_id, "division": judgement.division, "metres": round(judgement.outside_m)}
        for site_id, judgement in judged.items()
        if judgement.outside_m is not None
    ]
    await store.note_outside(connection, list(judged), found.outside, now)
    return await store.set_positions(connection, {site_id: judgement.position for site_id, judgement in judged.items()})


def _judgements(sites: Sequence[asyncpg.Record], outlines: Mapping[str, Boundary]) -> dict[str, Judgement]:
    """Hold sites against boundaries: with many corners that takes its time."""
    return {site["id"]: judge((site["longitude"], site["latitude"]), site["division_code"], outlines) for site in sites}
