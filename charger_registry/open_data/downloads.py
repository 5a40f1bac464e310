"""Files of the open data, made when somebody asks and something has changed, at most once in a minute and process."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import asyncpg

from charger_registry.open_data import store
from charger_registry.open_data.writers import writer_of
from youguan.clock import Clock, utc_text

KINDS: Mapping[str, str] = {
    "sites.csv": "text/csv; charset=utf-8",
    "connectors.csv": "text/csv; charset=utf-8",
    "open-data.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "open-data.geojson": "application/geo+json",
}
MADE_EVERY = timedelta(minutes=1)
SITES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A file as it was made: of which version of the data, whose last change was when."""

    path: Path
    version: int
    made_at: datetime
    updated_at: datetime | None

    @property
    def etag(self) -> str:
        return f'W/"{self.version}-{self.made_at.timestamp():.0f}"'


class Downloads:
    """The files as they are now, in a folder of their own that goes away with this."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, about: Mapping[str, str]) -> None:
        self._pool = pool
        self._clock = clock
        self._about = about
        self._folder = tempfile.TemporaryDirectory(prefix="youguan-open-data-", ignore_cleanup_errors=True)
        self._made: dict[str, Made] = {}
        self._making = {name: asyncio.Lock() for name in KINDS}

    async def __aenter__(self) -> "Downloads":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._folder.cleanup)

    async def open(self, name: str) -> tuple[Made, IO[bytes]]:
        """Return a file, made anew where something has changed for longer than a minute, opened."""
        async with self._making[name]:
            made = await self._fresh(name)
            return made, await asyncio.to_thread(made.path.open, "rb")

    async def _fresh(self, name: str) -> Made:
        known, now = self._made.get(name), self._clock.now()
        if known is not None and now - known.made_at < MADE_EVERY:
            return known
        async with self._pool.acquire() as connection:
            latest = await store.latest(connection)
        if known is not None and known.version == latest.version:
            return known
        made = self._made[name] = await self._make(name, now)
        if known is not None:
            known.path.unlink(missing_ok=True)  # whoever reads it goes on reading
        return made

    async def _make(self, name: str, now: datetime) -> Made:
        path = Path(self._folder.name) / f"{now.timestamp():.6f}-{name}"
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            latest = await store.latest(connection)
            about = {**self._about, "as_of": utc_text(now), "updated_at": utc_text(latest.updated_at or now)}
            writer = await asyncio.to_thread(writer_of, name, path, about)
            try:
                after = 0
                while sites := await store.read_after(connection, after, SITES_AT_ONCE):
                    await asyncio.to_thread(writer.add, sites)
                    after = sites[-1].number
            finally:
                await asyncio.to_thread(writer.finish)
        return Made(path, latest.version, now, latest.updated_at)
