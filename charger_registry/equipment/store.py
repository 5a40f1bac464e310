"""The statements about what is filed of a site and stands there: what a person looks at and changes."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.drafts import ConnectorDraft, MeterDraft, StationDraft
from charger_registry.equipment.opening_hours import OpeningHours, from_json
from charger_registry.provenance.store import note_fields
from youguan.errors import NotFound, Reason

# Of a station `t`: its connectors with what their EVSEs are called by.
CONNECTORS = """
(SELECT coalesce(jsonb_agg(to_jsonb(c) || jsonb_build_object('evse_id', e.evse_id, 'bay', e.bay) ORDER BY c.connector), '[]')
 FROM registry.connector c LEFT JOIN registry.evse e ON e.station_id = c.station_id AND e.evse = c.evse
 WHERE c.station_id = t.id)
"""
PARTS_OF_CONNECTOR = tuple(member.name for member in fields(ConnectorDraft))
PARTS_OF_METER = tuple(member.name for member in fields(MeterDraft))
PARTS_OF_STATION = tuple(
    m.name for m in fields(StationDraft) if m.name not in ("connector_files", "meters", "reinstated")
)
Row = dict[str, Any]


async def hold_site(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record:
    """Return a site that is filed, held until commit; NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM registry.site WHERE id = $1 AND retired_at IS NULL FOR UPDATE", site_id
    )
    if row is None:
        raise NotFound(Reason("site {id}", id=site_id))
    return row


async def change_site(
    connection: asyncpg.Connection, site_id: str, members: Row, source_id: int, now: datetime
) -> None:
    """Set fields of a site, None included, and remember who said so."""
    await note_fields(connection, "site", [{"id": site_id, **members}], source_id, clears=True)
    await connection.execute(
        f"""
        UPDATE registry.site s SET updated_at = $2, {", ".join(f"{name} = d.{name}" for name in members)}
        FROM jsonb_populate_record(NULL::registry.site, $1) d WHERE s.id = d.id
        """,
        {"id": site_id, **members},
        now,
    )


async def written_hours(connection: asyncpg.Connection) -> dict[str, OpeningHours]:
    """Return, by site that is filed, opening hours that stand as people wrote them."""
    rows = await connection.fetch(
        "SELECT id, opening_hours FROM registry.site WHERE opening_hours ->> 'text' <> '' AND retired_at IS NULL"
    )
    return {row["id"]: hours for row in rows if (hours := from_json(row["opening_hours"])) is not None}


async def write_hours(connection: asyncpg.Connection, site_id: str, hours: OpeningHours, now: datetime) -> None:
    """Let hours be understood otherwise: the text, and so who said it, stays."""
    await connection.execute(
        "UPDATE registry.site SET opening_hours = $2, updated_at = $3 WHERE id = $1", site_id, hours.as_json(), now
    )


async def find_station(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record | None:
    """Return a station that is filed, with its site; None where none is."""
    return await connection.fetchrow(
        "SELECT t.*, s.name AS site_name FROM registry.station t JOIN registry.site s ON s.id = t.site_id "
        "WHERE t.id = $1 AND t.retired_at IS NULL AND s.retired_at IS NULL",
        station_id,
    )


async def get_station(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record:
    """Return a station that is filed, with its site; NotFound."""
    row = await find_station(connection, station_id)
    if row is None:
        raise NotFound(Reason("station {id}", id=station_id))
    return row


async def get_retired_station(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record:
    """Return a station that is filed no longer, with its site, and under which id its equipment is filed now; NotFound."""
    row = await connection.fetchrow(
        """
        SELECT t.id, t.name, t.site_id, s.name AS site_name, s.retired_at AS site_retired_at,
               coalesce(t.retired_at, s.retired_at) AS gone_at, (
                   SELECT min(n.id) FROM registry.station n JOIN registry.site m ON m.id = n.site_id
                   WHERE n.retired_at IS NULL AND m.retired_at IS NULL
                     AND n.serial_number = t.serial_number AND n.vendor = t.vendor HAVING count(*) = 1
               ) AS filed_as
        FROM registry.station t JOIN registry.site s ON s.id = t.site_id
        WHERE t.id = $1 AND (t.retired_at IS NOT NULL OR s.retired_at IS NOT NULL)
        """,
        station_id,
    )
    if row is None:
        raise NotFound(Reason("station {id}", id=station_id))
    return row


async def stations_of(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    """Return the stations of a site with connectors and meters."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT t.*, {CONNECTORS} AS connector_files,
               (SELECT array_agg(m ORDER BY m.connector) FROM registry.meter m WHERE m.station_id = t.id) AS meters
        FROM registry.station t WHERE t.site_id = $1 AND t.retired_at IS NULL ORDER BY t.id
        """,
        site_id,
    )
    return rows


async def station_files(connection: asyncpg.Connection, site_ids: Sequence[str]) -> dict[str, list[StationDraft]]:
    """Return what stands at sites, as drafts by site."""
    rows = await connection.fetch(
        f"""
        SELECT t.*, {CONNECTORS} AS connector_files,
               (SELECT array_agg(m ORDER BY m.connector) FROM registry.meter m WHERE m.station_id = t.id) AS meters
        FROM registry.station t WHERE t.site_id = ANY($1) AND t.retired_at IS NULL ORDER BY t.id
        """,
        list(site_ids),
    )
    found: dict[str, list[StationDraft]] = {}
    for row in rows:
        draft = StationDraft(
            **{name: row[name] for name in PARTS_OF_STATION},
            connector_files=tuple(
                ConnectorDraft(**{name: c[name] for name in PARTS_OF_CONNECTOR}) for c in row["connector_files"]
            ),
            meters=tuple(MeterDraft(**{name: m[name] for name in PARTS_OF_METER}) for m in row["meters"] or ()),
        )
        found.setdefault(row["site_id"], []).append(draft)
    return found


async def station_file(connection: asyncpg.Connection, site_id: str, station_id: str) -> StationDraft:
    """Return a station of a site as a draft; NotFound."""
    for draft in (await station_files(connection, [site_id])).get(site_id, ()):
        if draft.id == station_id:
            return draft
    raise NotFound(Reason("station {id}", id=station_id))


async def connectors_of(connection: asyncpg.Connection, station_id: str) -> list[dict[str, Any]]:
    """Return the connectors of a station by our number."""
    rows = await connection.fetch(
        """
        SELECT c.*, e.evse_id, e.bay FROM registry.connector c
        LEFT JOIN registry.evse e ON e.station_id = c.station_id AND e.evse = c.evse
        WHERE c.station_id = $1 ORDER BY c.connector
        """,
        station_id,
    )
    return [dict(row) for row in rows]
