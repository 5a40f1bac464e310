"""Where files are brought, looked at and decided: read beside the event loop, held against what is filed, filed as one."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.drafts import Filing, SiteDraft, SourceDraft
from charger_registry.duplicates import store as duplicates
from charger_registry.imports import store
from charger_registry.imports.fields import RefusedRow
from charger_registry.imports.formats import read
from charger_registry.imports.plan import ADDED, CHANGED, OUTCOMES, REFUSED, UNCHANGED, Plan, Rights, plan
from charger_registry.imports.reading import Reading
from youguan import audit
from youguan.auth import REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock
from youguan.documents import shown_name
from youguan.errors import Conflict, FieldError, Invalid

COMMAND = "youguan import"
LONGEST_TRANSACTION_S = 300.0


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

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def bring(self, who: Principal, name: str, data: bytes, crs: str | None) -> int:
        """Keep a file with what it would do; return its number. Invalid, TooLarge."""
        reading = await asyncio.to_thread(read, data, crs)
        if not reading.sites and not reading.refused:
            raise Invalid("file: no site is in it", fields=[FieldError("file", "no site is in it")])
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            found = await _plan(connection, reading, now, who)
            notes = {
                "ignored_columns": reading.ignored_columns,
                "encoding": reading.encoding,
                "delimiter": reading.delimiter,
            }
            upload = (
                shown_name(name) or "file", hashlib.sha256(data).hexdigest(), reading.format, crs, data, who.subject, now,
                found.fingerprint, counts_of(found), notes,
            )  # fmt: skip
            upload_id = await store.keep_upload(connection, upload)
            await store.keep_lines(connection, upload_id, found.lines)
        return upload_id

    async def commit(
        self, who: Principal, upload_id: int, seen_plan: str, *, good_only: bool, remote: str | None = None
    ) -> dict[str, int]:
        """File what was looked at, in one transaction; return the counts.

        Conflict where it was decided already, where the registry has changed since it was looked at (the preview is made anew),
        or where rows are refused and not only the good ones are wanted.
        """
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            upload = await store.get_upload(connection, upload_id, mine(who))
            if upload["state"] != "previewed":
                raise Conflict("this import was decided already")
            async with connection.transaction():
                await store.hold(connection)
                upload = await store.hold_upload(connection, upload_id, mine(who))
                if upload["state"] != "previewed":
                    raise Conflict("this import was decided already")
                reading = await asyncio.to_thread(read, upload["content"], upload["crs"])
                found = await _plan(connection, reading, now, who)
                counts = counts_of(found)
                stale = found.fingerprint != seen_plan
                if stale:
                    await store.keep_lines(connection, upload_id, found.lines)
                    await store.replan(connection, upload_id, found.fingerprint, counts)
                elif counts[REFUSED] and not good_only:
                    raise Conflict(f"{counts[REFUSED]} rows are refused: file the good ones only, or mend the file")
                else:
                    source = SourceDraft("import", upload["name"], who.subject)
                    await _file(connection, found, reading, source, upload["sha256"], now)
                    await store.decide(connection, upload_id, "committed", now)
                    await audit.record(
                        connection, at=now, actor=who.subject, action="import sites", subject=f"import {upload_id}",
                        after={"name": upload["name"], "sha256": upload["sha256"], "sites": _touched(found), **counts},
                        remote=remote,
                    )  # fmt: skip
        if stale:
            raise Conflict("what is filed has changed since the preview; look at the new one")
        return counts

    async def discard(self, who: Principal, upload_id: int) -> None:
        """Let a file be; Conflict where it was decided already."""
        async with self._pool.acquire() as connection, connection.transaction():
            upload = await store.hold_upload(connection, upload_id, mine(who))
            if upload["state"] != "previewed":
                raise Conflict("this import was decided already")
            await store.decide(connection, upload_id, "discarded", self._clock.now())


def mine(who: Principal) -> str | None:
    """Return whose imports somebody sees: who regulates the whole county everybody's, others their own."""
    return None if who.has(REGULATOR) and who.scope.everything else who.subject


def counts_of(found: Plan) -> dict[str, int]:
    return {outcome: found.count(outcome) for outcome in OUTCOMES}


def _touched(found: Plan) -> dict[str, list[str]]:
    """Return the sites that are added and changed, for the audit trail."""
    return {outcome: [line.site_id for line in found.lines if line.outcome == outcome] for outcome in (ADDED, CHANGED)}


async def _plan(connection: asyncpg.Connection, reading: Reading, now: datetime, who: Principal | None) -> Plan:
    filed = await store.filed(connection, reading, now)
    rights = await _rights(connection, list(filed.sites), who)
    outlines = await divisions.boundaries(connection)
    return await asyncio.to_thread(plan, reading, filed, outlines, rights)


async def _rights(connection: asyncpg.Connection, site_ids: list[str], who: Principal | None) -> Rights:
    """Return what somebody may do: an operator changes its own sites and files new ones; a regulator adds within its bounds."""
    if who is None:
        return Rights()
    scope = who.scope
    within = frozenset(await sites_within(connection, scope, site_ids))
    regulates = who.has(REGULATOR)
    return Rights(within, lambda division: regulates and scope.covers(division, None))


async def _file(
    connection: asyncpg.Connection, found: Plan, reading: Reading, source: SourceDraft, sha256: str, now: datetime
) -> None:
    await registry.file_all(connection, Filing(sites=found.sites, source=source), now)
    await duplicates.propose(connection, [site.id for site in found.sites], now)
    await _note(connection, found, source.name, sha256, now)


async def _note(connection: asyncpg.Connection, found: Plan, name: str, sha256: str, now: datetime) -> None:
    counts = counts_of(found)
    run = (name, sha256, now, counts[ADDED], counts[CHANGED], counts[UNCHANGED], counts[REFUSED])
    await registry.note_import(connection, run)


# --- the command ------------------------------------------------------------------------------------------------


def fingerprint(path: Path, crs: str | None) -> str:
    """Return by what the same file is recognised."""
    return hashlib.sha256((crs or "").encode() + b"\n" + path.read_bytes()).hexdigest()


def read_file(path: Path, crs: str | None) -> Reading:
    """Return the sites of a file in any of the formats; Invalid where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    return read(data, crs)


async def import_sites(connection: asyncpg.Connection, path: Path, crs: str | None, now: datetime) -> Outcome:
    """File the sites of a file in one transaction, inventing nothing; what is filed already is not doubled."""
    async with connection.transaction():
        await store.hold(connection)
        reading = read_file(path, crs)
        found = await _plan(connection, reading, now, None)
        source = SourceDraft("import", path.name, COMMAND)
        await _file(connection, found, reading, source, fingerprint(path, crs), now)
        await audit.record(
            connection, at=now, actor=COMMAND, action="import sites", subject=f"file {path.name}",
            after={"sha256": fingerprint(path, crs), "sites": _touched(found), **counts_of(found)},
        )  # fmt: skip
    return _outcome(reading, found)


async def take_sites(
    connection: asyncpg.Connection, path: Path, crs: str | None, now: datetime
) -> tuple[tuple[SiteDraft, ...], Outcome]:
    """Return the sites of a file that are new or changed, to be filed in the caller's transaction, and note the import."""
    reading = read_file(path, crs)
    found = await _plan(connection, reading, now, None)
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
