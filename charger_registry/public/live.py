"""The live picture in the memory of each web process: the sites' counts, the GeoJSON made of them, and who is watching."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from charger_registry.public import store
from charger_registry.public.choosing import state_of
from youguan.database import AWAY
from youguan.listening import Rung, listening

POLL_S = 2.0
COALESCE_S = 0.3
# So many sites that are gone are told to watchers who were away meanwhile.
REMEMBERED = 5000


@dataclass(frozen=True, slots=True)
class Rendered:
    """Bytes that are ready to send, plain and zipped, each with what it is recognised by."""

    etag: str
    plain: bytes
    zipped_etag: str
    zipped: bytes


class Picture:
    """The latest counts of every site."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.version = 0
        self.loaded = False
        self.sites: dict[str, Mapping[str, Any]] = {}
        self.towns: list[dict[str, Any]] = []
        self.changed_at: datetime | None = None
        self._gone: dict[str, int] = {}  # site that is shown no longer → since which version
        self._rendered: Rendered | None = None
        self._changed = asyncio.Condition()

    async def keep(self) -> None:
        """Load the picture, then bring it up to date whenever the projection rings."""
        while True:
            try:
                async with listening(self._pool, store.CHANNEL, rung := Rung()):
                    await self._refresh_for_ever(rung)
            except AWAY:
                await asyncio.sleep(0.5)

    async def _refresh_for_ever(self, rung: Rung) -> None:
        while True:
            rung.clear()
            async with self._pool.acquire() as connection:
                rows = await store.read_sites(connection, self.version)
                if rows or not self.loaded:
                    self.towns = [dict(row) for row in await store.towns(connection)]
            await self._take(rows)
            await rung.within(POLL_S)
            await asyncio.sleep(COALESCE_S)

    async def _take(self, rows: list[asyncpg.Record]) -> None:
        self.loaded = True
        if not rows:
            return
        for row in rows:
            if row["shown"]:
                self.sites[row["site_id"]] = dict(row)
                self._gone.pop(row["site_id"], None)
            else:
                self.sites.pop(row["site_id"], None)
                self._gone[row["site_id"]] = row["version"]
        while len(self._gone) > REMEMBERED:
            self._gone.pop(next(iter(self._gone)))
        self.version = rows[-1]["version"]
        self.changed_at = max(filter(None, (self.changed_at, *(row["changed_at"] for row in rows))))
        self._rendered = None
        async with self._changed:
            self._changed.notify_all()

    def geojson(self) -> Rendered:
        """Return one feature a site, made again only when something has changed."""
        if self._rendered is None:
            features = [feature(site) for _, site in sorted(self.sites.items())]
            plain = orjson.dumps({"type": "FeatureCollection", "features": features})
            digest = hashlib.sha256(plain).hexdigest()[:20]
            self._rendered = Rendered(f'"{digest}"', plain, f'"{digest}-gzip"', gzip.compress(plain, 6))
        return self._rendered

    async def changes(self, since: int | None) -> AsyncIterator[tuple[int, list[dict[str, Any]]]]:
        """Yield (version, features of the sites that changed) from a version on (None: from now)."""
        seen = self.version if since is None or since > self.version else since
        while True:
            fresh = [feature(site) for site in self.sites.values() if site["version"] > seen]
            fresh += [retired(site_id) for site_id, version in self._gone.items() if version > seen]
            if fresh:
                seen = self.version
                yield seen, fresh
                continue
            async with self._changed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(15):
                        await self._changed.wait()
            if self.version == seen:
                yield seen, []


def retired(site_id: str) -> dict[str, Any]:
    """Return what tells a map that a site is gone."""
    return {"type": "Feature", "id": site_id, "geometry": None, "properties": {"id": site_id, "retired": True}}


def feature(site: Mapping[str, Any]) -> dict[str, Any]:
    """Return a site as a GeoJSON feature; coordinates are WGS-84."""
    return {
        "type": "Feature",
        "id": site["site_id"],
        "geometry": {"type": "Point", "coordinates": [round(site["longitude"], 6), round(site["latitude"], 6)]},
        "properties": {
            "id": site["site_id"],
            "name": site["name"],
            "division": site["division_name"],
            "state": state_of(site),
            "available": site["available"],
            "in_use": site["in_use"],
            "faulted": site["faulted"],
            "unavailable": site["unavailable"],
            "unknown": site["unknown"],
            "managed": site["unmanaged_reason"] is None,
        },
    }
