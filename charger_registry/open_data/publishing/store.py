"""The statements that keep what is published in step with what is filed and said."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from charger_registry.filing.operation import standing_of
from charger_registry.open_data.published import (
    Condition,
    EvseChanges,
    EvseDocument,
    EvseKey,
    KnownEvse,
    Price,
    SiteDocument,
    public_id,
)
from youguan.events import NOT_FOR_THE_PUBLIC

LOCK = 0x6F70656E


async def hold(connection: asyncpg.Connection) -> None:
    """Let one writer publish at a time, so that the times of changes rise with their commits."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


HOLDER = """
SELECT o.id, o.name, o.uscc, o.operator_code FROM registry.responsibility r
JOIN registry.organisation o ON o.id = r.organisation_id
WHERE r.site_id = s.id AND r.role = '{role}' AND r.station_id = '' AND upper_inf(r.believed)
  AND r.during @> $2::timestamptz AND (o.deregistered_at IS NULL OR o.deregistered_at > $2) ORDER BY r.id LIMIT 1
"""
POSTING = """
SELECT jsonb_build_object(
    'id', p.id::text, 'currency', p.currency, 'bands', p.bands, 'energy_text', p.energy_text, 'service_text', p.service_text,
    'parking_text', p.parking_text, 'idle_text', p.idle_text, 'valid_from', p.valid_from, 'valid_until', p.valid_until
) AS price FROM registry.price_posting p
WHERE {place} AND tstzrange(p.valid_from, p.valid_until) @> $2::timestamptz LIMIT 1
"""
FILED_SITES = f"""
SELECT s.*, d.name AS division_name, d.name_en AS division_name_en, to_jsonb(m) AS operator, to_jsonb(w) AS owner, p.price
FROM registry.site s LEFT JOIN registry.division d ON d.code = s.division_code
LEFT JOIN LATERAL ({HOLDER.format(role="manager")}) m ON true
LEFT JOIN LATERAL ({HOLDER.format(role="owner")}) w ON true
LEFT JOIN LATERAL ({POSTING.format(place="p.site_id = s.id AND p.station_id = ''")}) p ON true
WHERE s.id = ANY($1) AND s.retired_at IS NULL AND coalesce(s.usage, '') <> ALL($3)
"""
FILED_EVSES = f"""
SELECT t.site_id, t.id AS station_id, c.evse, t.power_w, e.evse_id, e.bay, p.price,
       jsonb_agg(jsonb_build_object(
           'connector', c.connector, 'type', c.type, 'format', c.format,
           'current_type', coalesce(c.current_type, t.current_type), 'power_w', coalesce(c.power_w, t.power_w),
           'voltage_v', c.voltage_v, 'current_a', c.current_a, 'price_id', coalesce(p.price, w.price) ->> 'id',
           'updated_at', $2::timestamptz
       ) ORDER BY c.connector) AS connectors
FROM registry.station t JOIN registry.site s ON s.id = t.site_id JOIN registry.connector c ON c.station_id = t.id
LEFT JOIN registry.evse e ON e.station_id = c.station_id AND e.evse = c.evse
LEFT JOIN LATERAL ({POSTING.format(place="p.station_id = t.id AND p.station_id <> ''")}) p ON true
LEFT JOIN LATERAL ({POSTING.format(place="p.site_id = t.site_id AND p.station_id = ''")}) w ON true
WHERE t.site_id = ANY($1) AND t.retired_at IS NULL AND s.retired_at IS NULL AND coalesce(s.usage, '') <> ALL($3)
GROUP BY t.site_id, t.id, c.evse, e.evse_id, e.bay, p.price ORDER BY t.site_id, t.id, c.evse
"""


async def filed_sites(
    connection: asyncpg.Connection,
    site_ids: Sequence[str],
    now: datetime,
    *,
    withheld: Collection[str] = NOT_FOR_THE_PUBLIC,
) -> dict[str, SiteDocument]:
    """Return what is filed of sites that are not retired; `withheld`: not of those that are for such a use."""
    rows = await connection.fetch(FILED_SITES, site_ids, now, withheld)
    return {row["id"]: SiteDocument.model_validate(dict(row)) for row in rows}


async def filed_evses(
    connection: asyncpg.Connection,
    site_ids: Sequence[str],
    now: datetime,
    *,
    withheld: Collection[str] = NOT_FOR_THE_PUBLIC,
) -> dict[EvseKey, EvseDocument]:
    """Return what stands at such sites."""
    rows = await connection.fetch(FILED_EVSES, site_ids, now, withheld)
    return {(row["site_id"], row["station_id"], row["evse"]): EvseDocument.model_validate(dict(row)) for row in rows}


async def known_sites(connection: asyncpg.Connection, site_ids: Sequence[str]) -> dict[str, SiteDocument]:
    """Return what is published of sites that are not retired."""
    rows = await connection.fetch(
        "SELECT site_id, document FROM registry.published_site WHERE site_id = ANY($1) AND retired_at IS NULL", site_ids
    )
    return {row["site_id"]: SiteDocument.model_validate(row["document"]) for row in rows}


async def known_evses(connection: asyncpg.Connection, site_ids: Sequence[str]) -> dict[EvseKey, KnownEvse]:
    """Return the EVSEs that are or were published of sites."""
    rows = await connection.fetch(
        "SELECT site_id, station_id, evse, document, removed_at FROM registry.published_evse WHERE site_id = ANY($1)",
        site_ids,
    )
    return {
        (row["site_id"], row["station_id"], row["evse"]): KnownEvse(
            EvseDocument.model_validate(row["document"]), row["removed_at"] is not None
        )
        for row in rows
    }


async def write_sites(connection: asyncpg.Connection, sites: Mapping[str, SiteDocument], now: datetime) -> None:
    await connection.execute(
        """
        INSERT INTO registry.published_site (site_id, location_id, document, version, updated_at)
        SELECT *, nextval('registry.published_version'), $4
        FROM unnest($1::text[], $2::text[], $3::jsonb[])
        ON CONFLICT (site_id) DO UPDATE SET document = excluded.document, retired_at = NULL
        """,
        list(sites),
        [public_id(site_id) for site_id in sites],
        [site.model_dump(mode="json") for site in sites.values()],
        now,
    )


async def write_prices(
    connection: asyncpg.Connection, site_ids: Sequence[str], prices: Mapping[int, tuple[str, Price]], now: datetime
) -> None:
    """Let these be the prices of sites (posting → site and price): what is new or different is dated, what is gone ends."""
    await connection.execute(
        """
        INSERT INTO registry.published_price AS known (posting_id, site_id, document, updated_at)
        SELECT *, $4 FROM unnest($1::bigint[], $2::text[], $3::jsonb[])
        ON CONFLICT (posting_id) DO UPDATE SET document = excluded.document, updated_at = $4, ended_at = NULL
        WHERE known.document <> excluded.document OR known.ended_at IS NOT NULL
        """,
        list(prices),
        [site_id for site_id, _ in prices.values()],
        [price.model_dump(mode="json") for _, price in prices.values()],
        now,
    )
    await connection.execute(
        """
        UPDATE registry.published_price SET updated_at = $3, ended_at = $3
        WHERE site_id = ANY($1) AND posting_id <> ALL($2::bigint[]) AND ended_at IS NULL
        """,
        site_ids,
        list(prices),
        now,
    )


async def retire_sites(connection: asyncpg.Connection, site_ids: Sequence[str], now: datetime) -> None:
    await connection.execute(
        "UPDATE registry.published_site SET retired_at = $2 WHERE site_id = ANY($1) AND retired_at IS NULL",
        site_ids,
        now,
    )


async def write_evses(connection: asyncpg.Connection, changes: EvseChanges, now: datetime) -> None:
    """Write EVSEs that are new or changed, and mark those that are gone; an identifier once given out is kept."""
    keys = list(changes.written)
    elsewhere = await _stations_elsewhere(connection, keys)
    await connection.execute(
        """
        INSERT INTO registry.published_evse (site_id, station_id, evse, uid, document, numbers, condition, updated_at)
        SELECT w.site_id, w.station_id, w.evse, w.uid, w.document,
               ARRAY(SELECT (c ->> 'connector')::int FROM jsonb_array_elements(w.document -> 'connectors') AS c),
               'unknown', $6
        FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::jsonb[])
             AS w (site_id, station_id, evse, uid, document)
        ON CONFLICT (site_id, station_id, evse) DO UPDATE SET document = excluded.document, numbers = excluded.numbers,
            updated_at = excluded.updated_at, removed_at = NULL
        """,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
        [public_id(*(key if key[:2] in elsewhere else key[1:])) for key in keys],
        [changes.written[key].model_dump(mode="json") for key in keys],
        now,
    )
    await connection.execute(
        """
        UPDATE registry.published_evse e SET removed_at = $4, updated_at = $4
        FROM unnest($1::text[], $2::text[], $3::int[]) AS g (site_id, station_id, evse)
        WHERE e.site_id = g.site_id AND e.station_id = g.station_id AND e.evse = g.evse
        """,
        [key[0] for key in changes.removed],
        [key[1] for key in changes.removed],
        [key[2] for key in changes.removed],
        now,
    )


async def count_evses(connection: asyncpg.Connection, site_ids: Collection[str]) -> None:
    """Count the EVSEs of sites that are not removed, and note their kinds."""
    await connection.execute(
        """
        UPDATE registry.published_site s SET evses = n.evses, kinds = n.kinds FROM (
            SELECT w.site_id, count(DISTINCT (e.station_id, e.evse)) FILTER (WHERE e.evse IS NOT NULL) AS evses,
                   coalesce(jsonb_agg(DISTINCT jsonb_build_object(
                       'type', c -> 'type', 'current_type', c -> 'current_type', 'power_w', c -> 'power_w'
                   )) FILTER (WHERE c IS NOT NULL), '[]') AS kinds
            FROM unnest($1::text[]) AS w (site_id)
            LEFT JOIN registry.published_evse e ON e.site_id = w.site_id AND e.removed_at IS NULL
            LEFT JOIN jsonb_array_elements(e.document -> 'connectors') c ON true
            GROUP BY w.site_id
        ) n WHERE n.site_id = s.site_id
        """,
        sorted(site_ids),
    )


async def _stations_elsewhere(connection: asyncpg.Connection, keys: Sequence[EvseKey]) -> set[tuple[str, str]]:
    """Return those (site, station) whose station was published at another site before: its identifiers are taken."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT k.site_id, k.station_id FROM unnest($1::text[], $2::text[]) AS k (site_id, station_id)
        JOIN registry.published_evse e ON e.station_id = k.station_id AND e.site_id <> k.site_id
        """,
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {(row["site_id"], row["station_id"]) for row in rows}


async def evses_with_what_was_said(
    connection: asyncpg.Connection, site_ids: Sequence[str], station_ids: Sequence[str]
) -> list[asyncpg.Record]:
    """Return EVSEs of sites and of stations, each with its condition as published and what its station said last."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT {standing_of("e.site_id")} IS NOT NULL AS closed,
               e.site_id, e.station_id, e.evse, e.numbers, e.condition, e.since, coalesce(l.state = 'online', false) AS online,
               coalesce(c.told, '{{}}') AS told, greatest(c.since, l.since) AS told_since
        FROM registry.published_evse e LEFT JOIN registry.live_station l ON l.station_id = e.station_id
        LEFT JOIN LATERAL (
            SELECT jsonb_object_agg(c.connector, c.condition) AS told, max(c.since) AS since
            FROM registry.live_connector c WHERE c.station_id = e.station_id AND c.connector = ANY(e.numbers)
        ) c ON true
        WHERE (e.site_id = ANY($1) OR e.station_id = ANY($2)) AND e.removed_at IS NULL
        """,
        site_ids,
        station_ids,
    )
    return rows


async def write_conditions(
    connection: asyncpg.Connection, changes: Mapping[EvseKey, tuple[Condition, datetime | None]], now: datetime
) -> None:
    """Write what holds for EVSEs, and since when as the stations say."""
    await connection.execute(
        """
        UPDATE registry.published_evse e SET condition = w.condition, since = w.since, updated_at = $6
        FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[])
             AS w (site_id, station_id, evse, condition, since)
        WHERE e.site_id = w.site_id AND e.station_id = w.station_id AND e.evse = w.evse
        """,
        [key[0] for key in changes],
        [key[1] for key in changes],
        [key[2] for key in changes],
        [condition for condition, _ in changes.values()],
        [since for _, since in changes.values()],
        now,
    )


async def touch(connection: asyncpg.Connection, site_ids: Collection[str], now: datetime) -> None:
    """Say of sites that something about them has changed."""
    await connection.execute(
        """
        UPDATE registry.published_site SET updated_at = $2, version = nextval('registry.published_version')
        WHERE site_id = ANY($1)
        """,
        sorted(site_ids),
        now,
    )


async def every_site(connection: asyncpg.Connection) -> list[str]:
    """Return the sites that are filed or published."""
    rows = await connection.fetch(
        """
        SELECT id FROM registry.site WHERE retired_at IS NULL
        UNION SELECT site_id FROM registry.published_site WHERE retired_at IS NULL ORDER BY 1
        """
    )
    return [row["id"] for row in rows]


async def sites_due(connection: asyncpg.Connection, after: datetime, until: datetime) -> list[str]:
    """Return the sites for which something begins or ends within a period: nobody tells of it but the clock."""
    rows = await connection.fetch(
        """
        SELECT r.site_id FROM registry.responsibility r WHERE upper_inf(r.believed)
           AND ((lower(r.during) > $1 AND lower(r.during) <= $2) OR (upper(r.during) > $1 AND upper(r.during) <= $2))
        UNION
        SELECT r.site_id FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
        WHERE upper_inf(r.believed) AND o.deregistered_at > $1 AND o.deregistered_at <= $2
        UNION
        SELECT coalesce(t.site_id, p.site_id) FROM registry.price_posting p
        LEFT JOIN registry.station t ON t.id = p.station_id AND p.station_id <> ''
        WHERE (valid_from > $1 AND valid_from <= $2) OR (valid_until > $1 AND valid_until <= $2) ORDER BY 1
        """,
        after,
        until,
    )
    return [row["site_id"] for row in rows]


async def sites_of_organisations(connection: asyncpg.Connection, organisation_ids: Collection[str]) -> set[str]:
    """Return the sites that organisations manage or own, or have managed or owned."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT site_id FROM registry.responsibility
        WHERE organisation_id = ANY($1) AND role IN ('manager', 'owner') AND upper_inf(believed)
        """,
        list(organisation_ids),
    )
    return {row["site_id"] for row in rows}
