"""The statements that bring what stands at sites up to date: many sites at once, or the whole file of one station."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.drafts import ConnectorDraft, MeterDraft, SiteDraft, SourceDraft, StationDraft
from charger_registry.equipment.connector_codes import of_another
from charger_registry.fees.store import post_prices
from charger_registry.provenance.store import Kind, note_fields, note_source
from youguan.coordinates import to_wgs84
from youguan.errors import FieldError, Invalid, Reason

SITE_FIELDS = (
    "division_code", "usage", "construction", "bays", "accessible_bays", "opening_hours", "help_phone",
    "site_phone", "parking", "parking_rules", "guide", "renewable", "operator_code", "cec_station_id",
    "ocpi_country_code", "ocpi_party_id", "ocpi_location_id",
)  # fmt: skip
STATION_FIELDS = (
    "name", "vendor", "model", "serial_number", "manufacturer_code", "made_on", "cec_equipment_id",
)  # fmt: skip
CONNECTOR_FIELDS = (
    "name", "type", "format", "current_type", "power_w", "voltage_v", "current_a", "national_standard", "cec_connector_id",
    "ocpi_connector_id",
)  # fmt: skip
METER_FIELDS = ("serial_number", "certificate_number", "verified_on", "verification_due_on")
Row = dict[str, Any]
MANY = 1000
MOST_NAMED = 10


async def file_equipment(
    connection: asyncpg.Connection, sites: Sequence[SiteDraft], source: SourceDraft | None, now: datetime
) -> None:
    """Bring sites and what stands at them up to date, and note who said what is new."""
    await _plan_for_many(connection, sites)
    stations = [(site.id, station) for site in sites for station in site.stations or ()]
    site_rows = [_site_row(site) for site in sites]
    station_rows = [_station_row(site_id, station) for site_id, station in stations]
    connector_rows = [_connector_row(station.id, c) for _, station in stations for c in station.connector_files]
    meter_rows = [_meter_row(station.id, meter) for _, station in stations for meter in station.meters]
    source_id = None
    if source is not None:
        source_id = await note_source(connection, source, now)
        await note_fields(connection, "site", site_rows, source_id)
        await _note_stations(connection, station_rows, connector_rows, meter_rows, source_id)
    await _file_sites(connection, site_rows, now)
    await _retire_stations(connection, sites, now)
    await _file_stations(connection, station_rows, now)
    await _file_connectors(connection, [station for _, station in stations], connector_rows, now)
    await _file_meters(connection, meter_rows, now)
    await refuse_shared_codes(connection, [station.id for _, station in stations])
    posted = [(site.id, site.price) for site in sites if site.price is not None]
    news = await post_prices(connection, posted, source.name if source else "", now)
    if source_id is not None:
        await note_fields(connection, "site", [{"id": site_id, "price": True} for site_id in news], source_id)


async def write_station(
    connection: asyncpg.Connection, site_id: str, draft: StationDraft, source: SourceDraft, now: datetime
) -> None:
    """Let a station of a held site be what a person says it is, None included, and remember who said so."""
    row = _station_row(site_id, draft)
    connectors = [_connector_row(draft.id, connector) for connector in draft.connector_files]
    meters = [_meter_row(draft.id, meter) for meter in draft.meters]
    source_id = await note_source(connection, source, now)
    await _note_stations(connection, [row], connectors, meters, source_id, whole=True)
    members = ("connectors", "power_w", "current_type", *STATION_FIELDS)
    await connection.execute(
        f"""
        UPDATE registry.station t SET updated_at = $2, {", ".join(f"{name} = d.{name}" for name in members)}
        FROM jsonb_populate_record(NULL::registry.station, $1) d WHERE t.id = d.id
        """,
        row,
        now,
    )
    for table in ("connector", "evse", "meter"):
        await connection.execute(f"DELETE FROM registry.{table} WHERE station_id = $1", draft.id)
    await _file_connectors(connection, [draft], connectors, now)
    await refuse_shared_codes(connection, [draft.id])
    await _file_meters(connection, meters, now)


async def _note_stations(
    connection: asyncpg.Connection, stations: list[Row], connectors: list[Row], meters: list[Row], source_id: int,
    *, whole: bool = False,
) -> None:  # fmt: skip
    """Remember who says what of stations and of all that belongs to them; `whole`: what is not said is cleared."""
    evses = [{name: row[name] for name in ("station_id", "evse", "evse_id", "bay")} for row in connectors]
    kinds: tuple[tuple[Kind, list[Row]], ...] = (
        ("station", stations), ("connector", connectors), ("evse", evses), ("meter", meters),
    )  # fmt: skip
    for kind, rows in kinds:
        await note_fields(connection, kind, rows, source_id, clears=whole)


async def _plan_for_many(connection: asyncpg.Connection, sites: Sequence[SiteDraft]) -> None:
    """Let no plan go once through all rows for each row, until commit: of what a parameter brings the planner guesses too few."""
    if sum(1 + len(site.stations or ()) for site in sites) > MANY:
        await connection.execute("SET LOCAL enable_nestloop = off; SET LOCAL plan_cache_mode = force_custom_plan")


def _site_row(site: SiteDraft) -> Row:
    longitude, latitude = to_wgs84((site.longitude, site.latitude), site.crs)
    members = {name: getattr(site, name) for name in SITE_FIELDS}
    return members | {
        "id": site.id,
        "name": site.name,
        "address": site.address,
        "longitude": longitude,
        "latitude": latitude,
        "given_longitude": site.longitude,
        "given_latitude": site.latitude,
        "given_crs": site.crs,
        "position": site.position,
        "generated": site.generated,
        "opening_hours": site.opening_hours.as_json() if site.opening_hours else None,
    }


def _station_row(site_id: str, station: StationDraft) -> Row:
    members = {name: getattr(station, name) for name in STATION_FIELDS}
    connectors = len(station.connector_files) or station.connectors
    return members | {
        "id": station.id,
        "site_id": site_id,
        "connectors": connectors,
        "power_w": station.power_w,
        "current_type": station.current_type,
    }


def _connector_row(station_id: str, draft: ConnectorDraft) -> Row:
    return {"station_id": station_id, **asdict(draft)}


def _meter_row(station_id: str, draft: MeterDraft) -> Row:
    return {"station_id": station_id, **asdict(draft)}


def _kept(fields: Iterable[str]) -> str:
    """Return what a draft says of fields or, where it says nothing, what is filed (`d` and `filed`)."""
    return ", ".join(f"coalesce(d.{name}, filed.{name})" for name in fields)


def _taken(fields: Iterable[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in fields)


async def _file_sites(connection: asyncpg.Connection, rows: list[Row], now: datetime) -> None:
    """A point that moves is as unverified as one that was never held against a boundary, unless the draft says otherwise."""
    given = ("longitude", "latitude", "given_longitude", "given_latitude", "given_crs")
    taken = _taken(("name", "address", "position", *given, "updated_at", *SITE_FIELDS))
    await connection.execute(
        f"""
        INSERT INTO registry.site (id, name, address, position, {", ".join(given)}, generated, filed_at, updated_at,
                                   {", ".join(SITE_FIELDS)})
        SELECT d.id, coalesce(d.name, filed.name, d.id), coalesce(d.address, filed.address, ''),
               coalesce(d.position, CASE WHEN (d.longitude, d.latitude) = (filed.longitude, filed.latitude)
                                         THEN filed.position END, 'unverified'),
               {", ".join(f"d.{name}" for name in given)}, d.generated, $2, $2, {_kept(SITE_FIELDS)}
        FROM jsonb_populate_recordset(NULL::registry.site, $1) d LEFT JOIN registry.site filed ON filed.id = d.id
        ON CONFLICT (id) DO UPDATE SET {taken}, retired_at = NULL
        """,
        rows,
        now,
    )


async def _retire_stations(connection: asyncpg.Connection, sites: Sequence[SiteDraft], now: datetime) -> None:
    """Let sites that were told whole have no other stations than those."""
    whole = [site for site in sites if site.stations is not None and site.whole]
    await connection.execute(
        """
        UPDATE registry.station SET retired_at = $3
        WHERE site_id = ANY($1) AND id <> ALL($2::text[]) AND retired_at IS NULL
        """,
        [site.id for site in whole],
        [station.id for site in whole for station in site.stations or ()],
        now,
    )


async def _file_stations(connection: asyncpg.Connection, rows: list[Row], now: datetime) -> None:
    fields = ("site_id", "connectors", "power_w", "current_type", *STATION_FIELDS)
    await connection.execute(
        f"""
        INSERT INTO registry.station (id, updated_at, {", ".join(fields)})
        SELECT d.id, $2, d.site_id, coalesce(d.connectors, filed.connectors, 1), coalesce(d.power_w, filed.power_w, 7000),
               coalesce(d.current_type, filed.current_type, 'AC'), {_kept(STATION_FIELDS)}
        FROM jsonb_populate_recordset(NULL::registry.station, $1) d LEFT JOIN registry.station filed ON filed.id = d.id
        ON CONFLICT (id) DO UPDATE SET {_taken(("updated_at", *fields))}, retired_at = NULL
        """,
        rows,
        now,
    )


async def _file_connectors(
    connection: asyncpg.Connection, stations: Sequence[StationDraft], rows: list[Row], now: datetime
) -> None:
    """Let a station have the connectors that were told, or so many as were counted; of EVSEs those that they belong to."""
    await connection.execute(
        """
        DELETE FROM registry.connector c WHERE station_id = ANY($1) AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset($2) AS d (station_id text, connector integer)
            WHERE d.station_id = c.station_id AND d.connector = c.connector
        )
        """,
        [station.id for station in stations if station.connector_files],
        rows,
    )
    await connection.execute(
        f"""
        INSERT INTO registry.connector (station_id, connector, updated_at, evse, {", ".join(CONNECTOR_FIELDS)})
        SELECT d.station_id, d.connector, $2, d.evse, {_kept(CONNECTOR_FIELDS)}
        FROM jsonb_populate_recordset(NULL::registry.connector, $1) d
        LEFT JOIN registry.connector filed ON filed.station_id = d.station_id AND filed.connector = d.connector
        ON CONFLICT (station_id, connector) DO UPDATE SET {_taken(("updated_at", "evse", *CONNECTOR_FIELDS))}
        """,
        rows,
        now,
    )
    await _count_connectors(connection, [station.id for station in stations if not station.connector_files], now)
    await _file_evses(connection, [station.id for station in stations], rows)


async def refuse_shared_codes(connection: asyncpg.Connection, station_ids: list[str]) -> None:
    """Refuse, when stations are filed, a ConnectorID that another connector of the same operator bears (T/CEC 102); Invalid."""
    rows = await connection.fetch(
        """
        WITH place AS MATERIALIZED (
            SELECT s.operator_code, c.cec_connector_id, c.station_id, c.connector FROM registry.connector c
            JOIN registry.station t ON t.id = c.station_id AND t.retired_at IS NULL
            JOIN registry.site s ON s.id = t.site_id AND s.retired_at IS NULL AND s.operator_code IS NOT NULL
            WHERE c.cec_connector_id IN (
                SELECT o.cec_connector_id FROM registry.connector o WHERE o.station_id = ANY($1) AND o.cec_connector_id IS NOT NULL
            )
        )
        SELECT a.operator_code, a.cec_connector_id, a.station_id, a.connector, b.station_id AS holder, b.connector AS other
        FROM place a JOIN place b USING (operator_code, cec_connector_id)
        WHERE (a.station_id, a.connector) <> (b.station_id, b.connector) AND a.station_id = ANY($1)
          AND (b.station_id <> ALL($1) OR (b.station_id, b.connector) < (a.station_id, a.connector))
        ORDER BY a.station_id, a.connector LIMIT $2
        """,
        station_ids,
        MOST_NAMED,
    )
    if rows:
        raise Invalid.of(*(FieldError("cec_connector_id", _shared(row)) for row in rows))


def _shared(row: asyncpg.Record) -> Reason:
    return of_another(
        (row["operator_code"], row["cec_connector_id"]),
        (row["station_id"], row["connector"]),
        (row["holder"], row["other"]),
    )


async def _count_connectors(connection: asyncpg.Connection, station_ids: list[str], now: datetime) -> None:
    """Let stations of which only the number of connectors is known have so many."""
    wrong = await connection.fetch(
        """
        SELECT t.id, t.connectors FROM registry.station t LEFT JOIN registry.connector c ON c.station_id = t.id
        WHERE t.id = ANY($1) GROUP BY t.id, t.connectors HAVING count(c.connector) <> t.connectors
        """,
        station_ids,
    )
    ids, counts = [row["id"] for row in wrong], [row["connectors"] for row in wrong]
    await connection.execute(
        """
        DELETE FROM registry.connector c USING unnest($1::text[], $2::int[]) AS w (id, connectors)
        WHERE c.station_id = w.id AND c.connector > w.connectors
        """,
        ids,
        counts,
    )
    await connection.execute(
        """
        INSERT INTO registry.connector (station_id, connector, evse, current_type, updated_at)
        SELECT w.id, n, n, t.current_type, $3 FROM unnest($1::text[], $2::int[]) AS w (id, connectors)
        JOIN registry.station t ON t.id = w.id, generate_series(1, w.connectors) n
        ON CONFLICT DO NOTHING
        """,
        ids,
        counts,
        now,
    )


async def _file_evses(connection: asyncpg.Connection, station_ids: list[str], rows: list[Row]) -> None:
    await connection.execute(
        """
        DELETE FROM registry.evse e WHERE station_id = ANY($1)
          AND NOT EXISTS (SELECT FROM registry.connector c WHERE c.station_id = e.station_id AND c.evse = e.evse)
        """,
        station_ids,
    )
    await connection.execute(
        """
        INSERT INTO registry.evse AS filed (station_id, evse, evse_id, bay)
        SELECT c.station_id, c.evse, max(d.evse_id), max(d.bay) FROM registry.connector c
        LEFT JOIN jsonb_to_recordset($2) AS d (station_id text, connector integer, evse_id text, bay text)
             ON d.station_id = c.station_id AND d.connector = c.connector
        WHERE c.station_id = ANY($1) GROUP BY 1, 2
        ON CONFLICT (station_id, evse) DO UPDATE SET evse_id = coalesce(excluded.evse_id, filed.evse_id),
            bay = coalesce(excluded.bay, filed.bay)
        """,
        station_ids,
        rows,
    )


async def _file_meters(connection: asyncpg.Connection, rows: list[Row], now: datetime) -> None:
    await connection.execute(
        f"""
        INSERT INTO registry.meter (station_id, connector, updated_at, {", ".join(METER_FIELDS)})
        SELECT d.station_id, d.connector, $2, {_kept(METER_FIELDS)}
        FROM jsonb_populate_recordset(NULL::registry.meter, $1) d
        LEFT JOIN registry.meter filed ON filed.station_id = d.station_id AND filed.connector = d.connector
        ON CONFLICT (station_id, connector) DO UPDATE SET {_taken(("updated_at", *METER_FIELDS))}
        """,
        rows,
        now,
    )
