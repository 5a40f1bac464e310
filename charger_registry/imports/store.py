"""The statements of imports."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.drafts import SiteDraft, StationDraft
from charger_registry.equipment import opening_hours
from charger_registry.equipment.connector_codes import Code, Place
from charger_registry.equipment.store import station_files
from charger_registry.fees.store import price_of, prices
from charger_registry.imports.parties import Directory, Known, said_of
from charger_registry.imports.plan import Filed, Line
from charger_registry.imports.reading import Reading
from charger_registry.ledger.store import lines_of
from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import NotFound, Reason
from youguan.quota import Brought

# One import at a time: what is planned is still true when it is filed.
LOCK = 0x696D706F
MOST_CHANGES_SHOWN = 50  # of a row
APART = (
    "longitude", "latitude", "crs", "stations", "whole", "partly", "counted", "opening_hours", "price", "parties", "reinstated",
)  # fmt: skip
PARTS_OF_SITE = tuple(member.name for member in fields(SiteDraft) if member.name not in APART)


async def hold(connection: asyncpg.Connection) -> None:
    """Let no other import file until commit."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


async def filed(connection: asyncpg.Connection, reading: Reading, now: datetime) -> Filed:
    """Return what is filed of the sites, codes, stations and organisations that a file names."""
    drafts = list(reading.sites.values())
    rows = await connection.fetch(
        """
        SELECT s.* FROM registry.site s WHERE id = ANY($1)
        UNION
        SELECT s.* FROM registry.site s JOIN unnest($2::text[], $3::text[]) AS c (operator, station)
            ON (s.operator_code, s.cec_station_id) = (c.operator, c.station) WHERE s.retired_at IS NULL
        UNION
        SELECT s.* FROM registry.site s JOIN unnest($4::text[], $5::text[], $6::text[]) AS c (country, party, location)
            ON (s.ocpi_country_code, s.ocpi_party_id, s.ocpi_location_id) = (c.country, c.party, c.location)
        WHERE s.retired_at IS NULL
        """,
        [d.id for d in drafts],
        *_columns([(d.operator_code, d.cec_station_id) for d in drafts], 2),
        *_columns([(d.ocpi_country_code, d.ocpi_party_id, d.ocpi_location_id) for d in drafts], 3),
    )
    standing = [row for row in rows if row["retired_at"] is None]
    sites = await drafts_of(connection, standing, now)
    named = any(d.parties for d in drafts)
    owners, retired = await _owners(
        connection, [s.id for d in drafts for s in d.stations or ()], [d.id for d in drafts]
    )
    return Filed(
        sites=sites,
        site_of_code={(r["operator_code"], r["cec_station_id"]): r["id"] for r in standing if r["cec_station_id"]},
        site_of_location={
            (r["ocpi_country_code"], r["ocpi_party_id"], r["ocpi_location_id"]): r["id"]
            for r in standing
            if r["ocpi_location_id"]
        },
        site_of_station=owners,
        place_of_code=await _places(connection, drafts),
        merged={row["id"]: row["merged_into"] for row in rows if row["merged_into"] is not None},
        retired_sites=frozenset(row["id"] for row in rows if row["retired_at"] is not None),
        retired_stations=retired,
        ledgers=await lines_of(connection, list(sites)) if named else {},
        directory=await _directory(connection) if named else Directory(),
    )


async def drafts_of(
    connection: asyncpg.Connection, rows: Sequence[asyncpg.Record], now: datetime
) -> dict[str, SiteDraft]:
    """Return sites that are filed as drafts that would file the same."""
    ids = [row["id"] for row in rows]
    stations = await station_files(connection, ids)
    posted = {row["site_id"]: price_of(row) for row in await prices(connection, ids, now)}
    return {row["id"]: _site(row, tuple(stations.get(row["id"], ())), posted.get(row["id"])) for row in rows}


async def exported(
    connection: asyncpg.Connection, scope: Scope, after: str, limit: int, now: datetime
) -> list[SiteDraft]:
    """Return sites within bounds as drafts that would file the same, with who is responsible, by id."""
    rows = await connection.fetch(
        f"""
        SELECT s.* FROM registry.site s WHERE retired_at IS NULL AND id > $1 AND {site_within("s.id", 3)} ORDER BY id LIMIT $2
        """,
        after,
        limit,
        *scope.parameters,
    )
    drafts = await drafts_of(connection, rows, now)
    ledgers = await lines_of(connection, list(drafts))
    return [replace(draft, parties=said_of(ledgers[site_id], now)) for site_id, draft in drafts.items()]


async def _directory(connection: asyncpg.Connection) -> Directory:
    rows = await connection.fetch(
        "SELECT id, name, deregistered_at, array_remove(ARRAY[uscc, operator_code], NULL) AS codes FROM registry.organisation"
    )
    return Directory(Known(row["id"], row["name"], tuple(row["codes"]), row["deregistered_at"]) for row in rows)


async def _places(connection: asyncpg.Connection, drafts: Sequence[SiteDraft]) -> dict[Code, Place]:
    """Return the connectors that bear the codes of a file, by operator and code; of several that do, the first."""
    rows = await connection.fetch(
        """
        SELECT s.operator_code, c.cec_connector_id, c.station_id, c.connector FROM registry.connector c
        JOIN registry.station t ON t.id = c.station_id AND t.retired_at IS NULL
        JOIN registry.site s ON s.id = t.site_id AND s.retired_at IS NULL
        WHERE c.cec_connector_id = ANY($1) AND s.operator_code IS NOT NULL
        ORDER BY c.station_id DESC, c.connector DESC
        """,
        [c.cec_connector_id for d in drafts for s in d.stations or () for c in s.connector_files if c.cec_connector_id],
    )
    return {(r["operator_code"], r["cec_connector_id"]): (r["station_id"], r["connector"]) for r in rows}


async def managed_by(
    connection: asyncpg.Connection, organisation_id: str | None, site_ids: Sequence[str], now: datetime
) -> frozenset[str]:
    """Return those of the sites that an organisation manages at an instant."""
    rows = await connection.fetch(
        """
        SELECT site_id FROM registry.responsibility
        WHERE organisation_id = $1 AND site_id = ANY($2) AND role = 'manager' AND station_id = ''
          AND upper_inf(believed) AND during @> $3::timestamptz
        """,
        organisation_id,
        list(site_ids),
        now,
    )
    return frozenset(row["site_id"] for row in rows)


async def operator_code_of(connection: asyncpg.Connection, organisation_id: str | None) -> str | None:
    found: str | None = await connection.fetchval(
        "SELECT operator_code FROM registry.organisation WHERE id = $1", organisation_id
    )
    return found


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _site(row: asyncpg.Record, stations: tuple[StationDraft, ...], price: Any) -> SiteDraft:
    return SiteDraft(
        **{name: row[name] for name in PARTS_OF_SITE},
        longitude=row["given_longitude"],
        latitude=row["given_latitude"],
        crs=row["given_crs"],
        stations=stations,
        opening_hours=opening_hours.from_json(row["opening_hours"]),
        price=price,
    )


async def _owners(
    connection: asyncpg.Connection, station_ids: list[str], site_ids: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return whose stations of these ids, and retired ones of these sites, are: of those that stand, and of those that do not."""
    rows = await connection.fetch(
        """
        SELECT id, site_id, retired_at FROM registry.station WHERE id = ANY($1)
        UNION SELECT id, site_id, retired_at FROM registry.station WHERE site_id = ANY($2) AND retired_at IS NOT NULL
        """,
        station_ids,
        site_ids,
    )
    standing = {row["id"]: row["site_id"] for row in rows if row["retired_at"] is None}
    return standing, {row["id"]: row["site_id"] for row in rows if row["retired_at"] is not None}


# --- uploads ----------------------------------------------------------------------------------------------------


async def keep_upload(connection: asyncpg.Connection, upload: Sequence[Any]) -> int:
    """Keep (name, sha256, format, crs, content, who, when, plan, counts, notes); return its number."""
    number: int = await connection.fetchval(
        """
        INSERT INTO registry.import_upload (name, sha256, format, crs, content, brought_by, brought_at, plan, counts, notes, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'previewed') RETURNING id
        """,
        *upload,
    )
    return number


async def keep_lines(connection: asyncpg.Connection, upload_id: int, lines: Sequence[Line]) -> None:
    """Keep what becomes of each row, in place of what was kept before."""
    await connection.execute("DELETE FROM registry.import_line WHERE upload_id = $1", upload_id)
    await connection.execute(
        """
        INSERT INTO registry.import_line (upload_id, place, row, site_id, name, outcome, field, reason, said, changes, more)
        SELECT $1, place, row, site_id, name, outcome, field, reason, said, changes, more
        FROM jsonb_populate_recordset(NULL::registry.import_line, $2)
        """,
        upload_id,
        [_kept(place, line) for place, line in enumerate(lines)],
    )


def _kept(place: int, line: Line) -> dict[str, Any]:
    """Return a line as it is kept: of very many changes the first, and how many `more` there are."""
    shown = replace(line, changes=line.changes[:MOST_CHANGES_SHOWN])
    return {
        "place": place, **asdict(shown), "said": _said(line.reason), "more": len(line.changes) - len(shown.changes)
    }  # fmt: skip


def _said(reason: str) -> dict[str, Any] | None:
    """Return what a reason was made of, so that it can be said in other languages."""
    return {"template": reason.template, "values": reason.values} if isinstance(reason, Reason) else None


def reason_of(line: asyncpg.Record) -> str:
    """Return why a row is refused, as it was."""
    said = line["said"]
    return Reason.worded(line["reason"], said["template"], said["values"]) if said else str(line["reason"])


async def replan(connection: asyncpg.Connection, upload_id: int, plan: str, counts: dict[str, int]) -> None:
    await connection.execute(
        "UPDATE registry.import_upload SET plan = $2, counts = $3 WHERE id = $1", upload_id, plan, counts
    )


async def decide(connection: asyncpg.Connection, upload_id: int, state: str, now: datetime) -> None:
    """Note what was decided; the content is no longer needed."""
    await connection.execute(
        "UPDATE registry.import_upload SET state = $2, decided_at = $3, content = NULL WHERE id = $1",
        upload_id,
        state,
        now,
    )


SHOWN = "id, name, sha256, format, crs, brought_by, brought_at, plan, counts, notes, state, decided_at"


async def get_upload(connection: asyncpg.Connection, upload_id: int, by: str | None) -> asyncpg.Record:
    """Return a file that was brought; NotFound, also for one of somebody else (`by` None: anybody's)."""
    return await _upload(connection, SHOWN, "", upload_id, by)


async def get_whole_upload(connection: asyncpg.Connection, upload_id: int, by: str | None) -> asyncpg.Record:
    """Return the same with its content."""
    return await _upload(connection, "*", "", upload_id, by)


async def hold_upload(connection: asyncpg.Connection, upload_id: int, by: str | None) -> asyncpg.Record:
    """Return the same, held until commit."""
    return await _upload(connection, SHOWN, "FOR UPDATE", upload_id, by)


async def _upload(
    connection: asyncpg.Connection, columns: str, held: str, upload_id: int, by: str | None
) -> asyncpg.Record:
    row = await connection.fetchrow(
        f"SELECT {columns} FROM registry.import_upload WHERE id = $1 AND ($2::text IS NULL OR brought_by = $2) {held}",
        upload_id,
        by,
    )
    if row is None:
        raise NotFound(Reason("import {id}", id=upload_id))
    return row


async def waiting(connection: asyncpg.Connection, by: str) -> int:
    """Return how many files of somebody wait for a decision."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM registry.import_upload WHERE brought_by = $1 AND state = 'previewed'", by
    )
    return count


async def brought_since(connection: asyncpg.Connection, by: str, since: datetime) -> Brought:
    """Return the files that somebody brought since an instant; the size is of those that wait for a decision."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum(octet_length(content)), 0)::bigint, min(brought_at) FROM registry.import_upload
        WHERE brought_by = $1 AND brought_at > $2
        """,
        by,
        since,
    )
    return Brought(*row)


async def hold_undecided(connection: asyncpg.Connection, before: datetime) -> list[asyncpg.Record]:
    """Return the files brought before an instant that still wait for a decision, held until commit."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT {SHOWN} FROM registry.import_upload WHERE state = 'previewed' AND brought_at < $1
        ORDER BY id FOR UPDATE SKIP LOCKED
        """,
        before,
    )
    return rows


async def forget_discarded(connection: asyncpg.Connection, before: datetime) -> None:
    await connection.execute("DELETE FROM registry.import_upload WHERE state = 'discarded' AND decided_at < $1", before)


async def list_uploads(
    connection: asyncpg.Connection, by: str | None, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return files that were brought, the latest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT {SHOWN} FROM registry.import_upload
        WHERE ($1::text IS NULL OR brought_by = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        by,
        before,
        limit,
    )
    return rows


async def list_lines(
    connection: asyncpg.Connection, upload_id: int, outcome: str | None, after: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return what becomes of the rows, in the order of the file."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.import_line
        WHERE upload_id = $1 AND ($2::text IS NULL OR outcome = $2) AND ($3::int IS NULL OR place > $3)
        ORDER BY place LIMIT $4
        """,
        upload_id,
        outcome,
        after,
        limit,
    )
    return rows
