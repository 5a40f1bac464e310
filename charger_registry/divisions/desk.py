"""Where divisions are filed: from a table, or one by one."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store
from charger_registry.divisions.reading import (
    DivisionDraft,
    Reading,
    Refused,
    admitted,
    brought_up_to_date,
)
from charger_registry.imports.confined import ConfinedReader
from youguan import audit
from youguan.auth import EVERYTHING, Principal, Scope
from youguan.clock import Clock
from youguan.eventlog import publish

ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"


@dataclass(frozen=True, slots=True)
class Taken:
    """What filing a table did, by code, and the rows that were refused."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    refused: tuple[Refused, ...]
    ignored_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filer:
    """Who files, and within which bounds."""

    subject: str
    scope: Scope = EVERYTHING


class DivisionDesk:
    """Files divisions."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, reader: ConfinedReader) -> None:
        self._pool = pool
        self._clock = clock
        self._reader = reader

    async def take(self, who: Principal, data: bytes, *, remote: str | None = None) -> Taken:
        """File the divisions of a CSV; refused rows take no good ones with them. Invalid where it is no such table."""
        reading = await self._reader.read_divisions(data)
        async with self._pool.acquire() as connection:
            filer = Filer(who.subject, who.scope)
            return await take_divisions(connection, filer, reading, self._clock.now(), remote=remote)


async def take_divisions(
    connection: asyncpg.Connection, who: Filer, reading: Reading, now: datetime, *, remote: str | None = None
) -> Taken:
    """File what has been read, as one; a division that is called otherwise from now on tells its sites' files anew."""
    drafts = reading.divisions.values()
    within = {draft.code for draft in drafts if who.scope.covers(draft.code, None)}
    async with connection.transaction():
        await store.hold(connection)
        filed = await store.known(connection, {code for d in drafts for code in (d.code, d.parent) if code})
        good = admitted(reading, filed, within)
        wanted = [brought_up_to_date(draft, filed.get(draft.code)) for draft in good.divisions.values()]
        news = [draft for draft in wanted if filed.get(draft.code) != draft]
        await store.file_divisions(connection, news)
        await _audit(connection, who, news, filed, now, remote)
        renamed = [d.code for d in news if d.code in filed and filed[d.code].name != d.name]
        sites = await store.sites_of(connection, renamed)
        await publish(connection, registry.STREAM, await registry.site_files(connection, sites))
    return Taken(
        added=tuple(draft.code for draft in news if draft.code not in filed),
        changed=tuple(draft.code for draft in news if draft.code in filed),
        unchanged=len(wanted) - len(news),
        refused=tuple(good.refused),
        ignored_columns=tuple(good.ignored_columns),
    )


async def _audit(
    connection: asyncpg.Connection,
    who: Filer,
    news: Iterable[DivisionDraft],
    filed: dict[str, DivisionDraft],
    now: datetime,
    remote: str | None,
) -> None:
    for draft in news:
        before = filed.get(draft.code)
        await audit.record(
            connection, at=now, actor=who.subject, action="file division", subject=f"division {draft.code}",
            before=_said(before) if before else None, after=_said(draft), remote=remote,
        )  # fmt: skip


def _said(draft: DivisionDraft) -> dict[str, Any]:
    return {name: value for name, value in asdict(draft).items() if name not in ("code", "parent")}
