"""Where files are brought, looked at and decided: read beside the event loop, held against what is filed, filed as one."""

import asyncio
import hashlib
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.drafts import Filing, SiteDraft, SourceDraft
from charger_registry.duplicates import store as duplicates
from charger_registry.imports import store
from charger_registry.imports.confined import ConfinedReader
from charger_registry.imports.fields import RefusedRow
from charger_registry.imports.permission import Rights
from charger_registry.imports.plan import ADDED, CHANGED, OUTCOMES, REFUSED, UNCHANGED, Plan, plan
from charger_registry.imports.reading import Reading
from charger_registry.imports.writers import WRITERS, Writer
from charger_registry.ledger.handovers.ending import end_overtaken
from youguan import audit
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock, county_day, utc_text
from youguan.documents import hold_quota, shown_name
from youguan.errors import Conflict, Invalid, Reason
from youguan.eventlog import publish
from youguan.events import Event
from youguan.quota import A_DAY, MIB, Quota, refuse_beyond
from youguan.repeating import repeat

COMMAND, SWEEP = "youguan import", "youguan import sweep"
SWEEP_S = 3600.0
AT_ONCE = 100  # sites of an export
A_DAYS_IMPORTS = Quota(100, 1024 * MIB)  # of one person
MOST_WAITING = 10  # files of one person that wait for a decision
UNDECIDED, DISCARDED = timedelta(days=7), timedelta(days=30)  # how long they are kept


@dataclass(slots=True)
class Outcome:
    """What an import did."""

    added: int
    changed: int
    unchanged: int
    refused: list[RefusedRow]
    ignored_columns: list[str]
    site_ids: list[str]
    format: str
    encoding: str
    delimiter: str


class ImportDesk:
    """Takes files in, shows what they would do, and files them."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, reader: ConfinedReader) -> None:
        self._pool = pool
        self._clock = clock
        self._reader = reader
        self._exports = asyncio.Semaphore(1)

    async def bring(self, who: Principal, name: str, data: bytes, crs: str | None, *, remote: str | None = None) -> int:
        """Keep a file with what it would do; return its number.

        Invalid, TooLarge, Conflict where too many wait for a decision, TooManyRequests where it is too much for a day.
        """
        async with self._pool.acquire() as connection:
            await self._refuse_too_many(connection, who, len(data))
        reading = await self._reader.read_sites(data, crs)
        if not reading.sites and not reading.refused:
            raise Invalid.about("file", "no site is in it")
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await hold_quota(connection, who.subject)
            await self._refuse_too_many(connection, who, len(data))
            found = await _plan(connection, reading, now, who, now)
            sha256, counts, shown = hashlib.sha256(data).hexdigest(), counts_of(found), shown_name(name) or "file"
            upload_id = await store.keep_upload(
                connection,
                (
                    shown,
                    sha256,
                    reading.format,
                    crs,
                    data,
                    who.subject,
                    now,
                    found.fingerprint,
                    counts,
                    _notes(reading),
                ),
            )
            await store.keep_lines(connection, upload_id, found.lines)
            await audit.record(
                connection, at=now, actor=who.subject, action="bring import", subject=f"import {upload_id}",
                after={"name": shown, "sha256": sha256, "crs": crs, **counts}, remote=remote,
            )  # fmt: skip
        return upload_id

    async def _refuse_too_many(self, connection: asyncpg.Connection, who: Principal, size_bytes: int) -> None:
        now = self._clock.now()
        _refuse_hoarding(await store.waiting(connection, who.subject))
        brought = await store.brought_since(connection, who.subject, now - A_DAY)
        refuse_beyond(A_DAYS_IMPORTS, brought, 1, size_bytes, now)

    async def commit(
        self, who: Principal, upload_id: int, seen_plan: str, *, good_only: bool, remote: str | None = None
    ) -> dict[str, int]:
        """File what was looked at, in one transaction; return the counts.

        Conflict where it was decided already, where the registry has changed since it was looked at (the preview is made anew),
        or where rows are refused and not only the good ones are wanted.
        """
        async with self._pool.acquire() as connection:
            undecided = _undecided(await store.get_whole_upload(connection, upload_id, mine(who)))
        reading = await self._reader.read_sites(undecided["content"], undecided["crs"])
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold(connection)
            upload = _undecided(await store.hold_upload(connection, upload_id, mine(who)))
            found = await _plan(connection, reading, upload["brought_at"], who, now)
            counts = counts_of(found)
            stale = found.fingerprint != seen_plan
            if stale:
                await store.keep_lines(connection, upload_id, found.lines)
                await store.replan(connection, upload_id, found.fingerprint, counts)
            elif counts[REFUSED] and not good_only:
                raise Conflict(
                    Reason("{count} rows are refused: file the good ones only, or mend the file", count=counts[REFUSED])
                )
            else:
                source = SourceDraft("import", upload["name"], who.subject)
                events = await _file(connection, found, source, upload["sha256"], now)
                await store.decide(connection, upload_id, "committed", now)
                await audit.record(
                    connection, at=now, actor=who.subject, action="import sites", subject=f"import {upload_id}",
                    after={"name": upload["name"], "sha256": upload["sha256"], **_touched(found), **counts},
                    remote=remote,
                )  # fmt: skip
                await publish(connection, registry.STREAM, events)
        if stale:
            raise Conflict("what is filed has changed since the preview; look at the new one")
        return counts

    async def discard(self, who: Principal, upload_id: int, *, remote: str | None = None) -> None:
        """Let a file be; Conflict where it was decided already."""
        async with self._pool.acquire() as connection, connection.transaction():
            upload = _undecided(await store.hold_upload(connection, upload_id, mine(who)))
            await self._discard(connection, upload, who.subject, remote)

    async def export(self, who: Principal, form: str) -> IO[bytes]:
        """Return the sites within somebody's bounds as a file that can be imported again: `csv`, `xlsx` or `geojson`.

        It lies on the disk, where nobody finds it, and is gone when closed: who reads slowly keeps neither memory nor connection.
        """
        with ExitStack() as unfinished:
            file = unfinished.enter_context(tempfile.TemporaryFile(prefix="youguan-export-"))
            async with self._exports:
                await self._write(who, await asyncio.to_thread(WRITERS[form].begin, file))
            await asyncio.to_thread(file.seek, 0)
            unfinished.pop_all()
        return file

    async def _write(self, who: Principal, writer: Writer) -> None:
        now, last = self._clock.now(), ""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            try:
                while sites := await store.exported(connection, who.scope, last, AT_ONCE, now):
                    await asyncio.to_thread(writer.add, sites)
                    last = sites[-1].id
            finally:
                await asyncio.to_thread(writer.finish)

    async def drop_old(self) -> int:
        """Discard what nobody has decided about for long, and forget what was discarded long ago; return how many are discarded."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            old = await store.hold_undecided(connection, now - UNDECIDED)
            for upload in old:
                await self._discard(connection, upload, SWEEP, None)
            await store.forget_discarded(connection, now - DISCARDED)
        return len(old)

    async def sweep(self) -> None:
        """Drop what is old, again and again."""
        await repeat(self.drop_old, SWEEP_S)

    async def _discard(
        self, connection: asyncpg.Connection, upload: asyncpg.Record, actor: str, remote: str | None
    ) -> None:
        now = self._clock.now()
        await store.decide(connection, upload["id"], "discarded", now)
        await audit.record(
            connection, at=now, actor=actor, action="discard import", subject=f"import {upload['id']}",
            before={"name": upload["name"], "sha256": upload["sha256"], **upload["counts"]}, remote=remote,
        )  # fmt: skip


def _refuse_hoarding(waiting: int) -> None:
    if waiting >= MOST_WAITING:
        raise Conflict(Reason("{count} imports of yours wait for a decision: file or discard one first", count=waiting))


def _notes(reading: Reading) -> dict[str, Any]:
    return {"ignored_columns": reading.ignored_columns, "encoding": reading.encoding, "delimiter": reading.delimiter}


def _undecided(upload: asyncpg.Record) -> asyncpg.Record:
    if upload["state"] != "previewed":
        raise Conflict("this import was decided already")
    return upload


def mine(who: Principal) -> str | None:
    """Return whose imports somebody sees: who regulates the whole county everybody's, others their own."""
    return None if who.has(REGULATOR) and who.scope.everything else who.subject


def counts_of(found: Plan) -> dict[str, int]:
    return {outcome: found.count(outcome) for outcome in OUTCOMES}


def _touched(found: Plan) -> dict[str, Any]:
    """Return what the audit trail says: the sites that are added and changed, the roles given, and why something stands again."""
    sites = {outcome: [line.site_id for line in found.lines if line.outcome == outcome] for outcome in (ADDED, CHANGED)}
    roles = [
        {
            "site_id": role.site_id,
            "role": role.role,
            "organisation_id": role.organisation_id,
            "since": utc_text(role.since),
        }
        for role in found.roles
    ]
    return {"sites": sites, "roles": roles, "reinstated": dict(found.reinstated)}


async def _plan(
    connection: asyncpg.Connection, reading: Reading, brought_at: datetime, who: Principal | None, now: datetime
) -> Plan:
    filed = await store.filed(connection, reading, now)
    rights = await _rights(connection, list(filed.sites), who, now)
    outlines = await divisions.boundaries(connection)
    return await asyncio.to_thread(plan, reading, filed, outlines, rights, county_day(brought_at))


async def _rights(connection: asyncpg.Connection, site_ids: list[str], who: Principal | None, now: datetime) -> Rights:
    """Return what somebody may do: a regulator decides within its bounds, an operator keeps the files of sites that it manages."""
    if who is None:
        return Rights()
    if who.has(REGULATOR):
        scope = who.scope
        return Rights(covers=lambda division: scope.covers(division, None))
    return Rights(
        decides=False,
        manages=await store.managed_by(connection, who.organisation_id, site_ids, now),
        operator_code=await store.operator_code_of(connection, who.organisation_id),
    )


async def _file(
    connection: asyncpg.Connection, found: Plan, source: SourceDraft, sha256: str, now: datetime
) -> list[Event]:
    """File what was planned; return what is to be told of it."""
    roles = tuple(replace(role, evidence=source.name) for role in found.roles)
    events = await registry.file_rows(connection, Filing(sites=found.sites, roles=roles, source=source), now)
    await duplicates.propose(connection, [site.id for site in found.sites], now)
    await _note(connection, found, source.name, sha256, now)
    return [*events, *await end_overtaken(connection, list(dict.fromkeys(role.site_id for role in roles)), now)]


async def _note(connection: asyncpg.Connection, found: Plan, name: str, sha256: str, now: datetime) -> None:
    counts = counts_of(found)
    run = (name, sha256, now, counts[ADDED], counts[CHANGED], counts[UNCHANGED], counts[REFUSED])
    await registry.note_import(connection, run)


# --- the command ------------------------------------------------------------------------------------------------


def fingerprint(path: Path, crs: str | None) -> str:
    """Return by what the same file is recognised."""
    return hashlib.sha256((crs or "").encode() + b"\n" + path.read_bytes()).hexdigest()


async def read_file(path: Path, crs: str | None) -> Reading:
    """Return the sites of a file in any of the formats; Invalid where it cannot be read."""
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise Invalid(Reason("{path}: {error}", path=str(path), error=error.strerror)) from None
    return await ConfinedReader().read_sites(data, crs)


async def import_sites(connection: asyncpg.Connection, path: Path, crs: str | None, now: datetime) -> Outcome:
    """File the sites of a file in one transaction, inventing nothing; what is filed already is not doubled."""
    reading = await read_file(path, crs)
    async with connection.transaction():
        await store.hold(connection)
        found = await _plan(connection, reading, now, None, now)
        source = SourceDraft("import", path.name, COMMAND)
        events = await _file(connection, found, source, fingerprint(path, crs), now)
        await audit.record(
            connection, at=now, actor=COMMAND, action="import sites", subject=f"file {path.name}",
            after={"sha256": fingerprint(path, crs), **_touched(found), **counts_of(found)},
        )  # fmt: skip
        await publish(connection, registry.STREAM, events)
    return _outcome(reading, found)


async def take_sites(
    connection: asyncpg.Connection, path: Path, crs: str | None, now: datetime
) -> tuple[tuple[SiteDraft, ...], Outcome]:
    """Return the sites of a file that are new or changed, to be filed in the caller's transaction, and note the import."""
    reading = await read_file(path, crs)
    found = await _plan(connection, reading, now, None, now)
    await _note(connection, found, path.name, fingerprint(path, crs), now)
    return found.sites, _outcome(reading, found)


def _outcome(reading: Reading, found: Plan) -> Outcome:
    refused = [RefusedRow(line.row, line.field, line.reason) for line in found.lines if line.outcome == REFUSED]
    return Outcome(
        added=found.count(ADDED),
        changed=found.count(CHANGED),
        unchanged=found.count(UNCHANGED),
        refused=refused,
        ignored_columns=reading.ignored_columns,
        site_ids=[line.site_id for line in found.lines if line.outcome != REFUSED],
        format=reading.format,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
    )
