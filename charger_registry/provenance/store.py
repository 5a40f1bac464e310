"""The statements about who said what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import asyncpg

from charger_registry.drafts import SourceDraft

Kind = Literal["site", "station", "connector", "evse", "meter"]
# By what a thing is called, and which of its members say which it is, or are another thing's.
SUBJECTS: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    "site": ("id", ("id", "generated")),
    "station": ("id", ("id",)),
    "connector": ("station_id || '/' || connector", ("station_id", "connector", "evse_id", "bay")),
    "evse": ("station_id || '/' || evse", ("station_id", "evse")),
    "meter": ("station_id || '/' || connector", ("station_id", "connector")),
}


async def note_source(connection: asyncpg.Connection, source: SourceDraft, now: datetime) -> int:
    """Note who or what gives us fields, and return its number."""
    number: int = await connection.fetchval(
        "INSERT INTO registry.source (kind, name, actor, at) VALUES ($1, $2, $3, $4) RETURNING id",
        source.kind,
        source.name,
        source.actor,
        now,
    )
    return number


async def note_fields(
    connection: asyncpg.Connection, kind: Kind, rows: list[dict[str, Any]], source_id: int, *, clears: bool = False
) -> None:
    """Remember the source of each field whose value is about to change; to be called before it does.

    A member that is no column of the thing (`price`) is remembered whenever it is there. `clears`: null is said, too.
    """
    subject, keys = SUBJECTS[kind]
    await connection.execute(
        f"""
        INSERT INTO registry.provenance AS known (kind, subject, fields)
        SELECT $1, told.subject, jsonb_object_agg(f.key, $3::bigint)
        FROM (SELECT value AS said, r.* FROM jsonb_array_elements($2) value,
              LATERAL (SELECT {subject} AS subject FROM jsonb_populate_record(NULL::registry.{kind}, value)) r) told
        LEFT JOIN LATERAL (
            SELECT to_jsonb(x) AS filed FROM registry.{kind} x WHERE {subject} = told.subject
        ) h ON true, jsonb_each(told.said) f
        WHERE f.key <> ALL($4::text[]) AND (f.value <> 'null' OR ($5 AND h.filed IS NOT NULL))
          AND f.value IS DISTINCT FROM h.filed -> f.key
        GROUP BY told.subject
        ON CONFLICT (kind, subject) DO UPDATE SET fields = known.fields || excluded.fields
        """,
        kind,
        rows,
        source_id,
        list(keys),
        clears,
    )


async def provenance(
    connection: asyncpg.Connection, site_id: str, station_id: str | None = None
) -> list[asyncpg.Record]:
    """Return (kind, subject, field, kind of source, its name, actor, at) of a site and all that stands there, or of one station."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        WITH stands AS (
            SELECT id FROM registry.station
            WHERE site_id = $1 AND retired_at IS NULL AND ($2::text IS NULL OR id = $2)
        ), thing (kind, subject) AS (
            SELECT 'site', $1::text WHERE $2 IS NULL
            UNION ALL SELECT 'station', id FROM stands
            UNION ALL SELECT 'connector', station_id || '/' || connector FROM registry.connector JOIN stands ON id = station_id
            UNION ALL SELECT 'evse', station_id || '/' || evse FROM registry.evse JOIN stands ON id = station_id
            UNION ALL SELECT 'meter', station_id || '/' || connector FROM registry.meter JOIN stands ON id = station_id
        )
        SELECT p.kind, p.subject, f.key AS field, s.kind AS source, s.name, s.actor, s.at
        FROM thing JOIN registry.provenance p USING (kind, subject), jsonb_each(p.fields) f
        JOIN registry.source s ON s.id = f.value::text::bigint
        ORDER BY array_position(ARRAY['site', 'station', 'connector', 'evse', 'meter'], p.kind), p.subject, f.key
        """,
        site_id,
        station_id,
    )
    return rows
