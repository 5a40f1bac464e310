"""The statements that read what is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.open_data.published import (
    EvseDocument,
    Price,
    PublishedEvse,
    PublishedSite,
    SiteDocument,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which sites somebody asks for; `since` and `until` bound the time of their last change.

    Without `since` what there is now, with it what has changed, so what is gone as well.
    """

    since: datetime | None = None
    until: datetime | None = None


ASKED = """
($1::timestamptz IS NULL OR s.updated_at >= $1) AND ($2::timestamptz IS NULL OR s.updated_at < $2)
AND ($1 IS NOT NULL OR (s.retired_at IS NULL AND s.evses > 0))
"""


async def count_sites(connection: asyncpg.Connection, asked: Asked) -> int:
    found: int = await connection.fetchval(
        f"SELECT count(*) FROM registry.published_site s WHERE {ASKED}", asked.since, asked.until
    )
    return found


async def read_page(connection: asyncpg.Connection, asked: Asked, offset: int, limit: int) -> list[PublishedSite]:
    """Return sites with their EVSEs, those that were published first before others."""
    rows = await connection.fetch(
        f"SELECT * FROM registry.published_site s WHERE {ASKED} ORDER BY s.number OFFSET $3 LIMIT $4",
        asked.since,
        asked.until,
        offset,
        limit,
    )
    return await _with_evses(connection, rows, removed_too=asked.since is not None)


async def read_after(connection: asyncpg.Connection, number: int, limit: int) -> list[PublishedSite]:
    """Return the sites that there are now behind a number."""
    rows = await connection.fetch(
        "SELECT * FROM registry.published_site WHERE number > $1 AND retired_at IS NULL ORDER BY number LIMIT $2",
        number,
        limit,
    )
    return await _with_evses(connection, rows, removed_too=False)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last change of anything that is published."""

    version: int
    updated_at: datetime | None


async def latest(connection: asyncpg.Connection) -> Latest:
    row = await connection.fetchrow(
        "SELECT version, updated_at FROM registry.published_site ORDER BY version DESC LIMIT 1"
    )
    return Latest(row["version"], row["updated_at"]) if row else Latest(0, None)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sites somebody wants to see: of a division (a code's prefix), with words in name or address, and with an EVSE
    that has a connector of a kind, of a current, of so much power, and a condition."""

    division: str | None = None
    words: str | None = None
    connector_type: str | None = None
    current_type: str | None = None
    power_w: int | None = None
    status: str | None = None

    @property
    def parameters(self) -> tuple[Any, ...]:
        return self.division, self.words, self.connector_type, self.current_type, self.power_w, self.status


OF_SITE = """
($1::text IS NULL OR starts_with(s.document ->> 'division_code', $1))
AND ($2::text IS NULL OR strpos(lower((s.document ->> 'name') || ' ' || (s.document ->> 'address')), lower($2)) > 0)
"""
OF_CONNECTOR = """
($3::text IS NULL OR c ->> 'type' = $3) AND ($4::text IS NULL OR c ->> 'current_type' = $4)
AND ($5::int IS NULL OR (c ->> 'power_w')::int >= $5) AND ($6::text IS NULL OR e.condition = $6)
"""
EVSES_THAT_FIT = f"""
SELECT FROM registry.published_evse e, jsonb_array_elements(e.document -> 'connectors') c
WHERE e.site_id = s.site_id AND e.removed_at IS NULL AND {OF_CONNECTOR}
"""


async def list_sites(
    connection: asyncpg.Connection, wanted: Filter, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return sites by id, each with how many EVSEs are in which condition."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.site_id, s.document, s.updated_at, s.evses, (
            SELECT coalesce(jsonb_object_agg(n.condition, n.count), '{{}}') FROM (
                SELECT condition, count(*) FROM registry.published_evse e
                WHERE e.site_id = s.site_id AND e.removed_at IS NULL GROUP BY condition
            ) n
        ) AS statuses
        FROM registry.published_site s
        WHERE s.retired_at IS NULL AND {OF_SITE} AND EXISTS ({EVSES_THAT_FIT}) AND ($7::text IS NULL OR s.site_id > $7)
        ORDER BY s.site_id LIMIT $8
        """,
        *wanted.parameters,
        after,
        limit,
    )
    return rows


async def read_site(connection: asyncpg.Connection, site_id: str) -> PublishedSite | None:
    """Return a site that is published now."""
    rows = await connection.fetch(
        "SELECT * FROM registry.published_site WHERE site_id = $1 AND retired_at IS NULL", site_id
    )
    found = await _with_evses(connection, rows, removed_too=False)
    return found[0] if found else None


async def list_evses(
    connection: asyncpg.Connection, wanted: Filter, site_id: str | None, after: tuple[str, int] | None, limit: int
) -> list[tuple[str, PublishedEvse]]:
    """Return (site, EVSE) by station and EVSE."""
    rows = await connection.fetch(
        f"""
        SELECT e.* FROM registry.published_evse e JOIN registry.published_site s ON s.site_id = e.site_id
        WHERE e.removed_at IS NULL AND {OF_SITE}
          AND EXISTS (SELECT FROM jsonb_array_elements(e.document -> 'connectors') c WHERE {OF_CONNECTOR})
          AND ($7::text IS NULL OR e.site_id = $7) AND ($8::text IS NULL OR (e.station_id, e.evse) > ($8, $9::int))
        ORDER BY e.station_id, e.evse LIMIT $10
        """,
        *wanted.parameters,
        site_id,
        *(after or (None, None)),
        limit,
    )
    return [(row["site_id"], _evse(row)) for row in rows]


async def read_location(connection: asyncpg.Connection, location_id: str) -> PublishedSite | None:
    """Return one site by its OCPI identifier, in which capitals do not matter, with what has been removed from it."""
    rows = await connection.fetch(
        "SELECT * FROM registry.published_site WHERE lower(location_id) = lower($1) ORDER BY number LIMIT 1",
        location_id,
    )
    found = await _with_evses(connection, rows, removed_too=True)
    return found[0] if found else None


async def _with_evses(
    connection: asyncpg.Connection, sites: Sequence[asyncpg.Record], *, removed_too: bool
) -> list[PublishedSite]:
    rows = await connection.fetch(
        """
        SELECT * FROM registry.published_evse WHERE site_id = ANY($1) AND ($2 OR removed_at IS NULL)
        ORDER BY site_id, station_id, evse
        """,
        [site["site_id"] for site in sites],
        removed_too,
    )
    evses: dict[str, list[PublishedEvse]] = {site["site_id"]: [] for site in sites}
    for row in rows:
        evses[row["site_id"]].append(_evse(row))
    return [
        PublishedSite(
            site_id=site["site_id"],
            number=site["number"],
            location_id=site["location_id"],
            document=SiteDocument.model_validate(site["document"]),
            updated_at=site["updated_at"],
            evses=evses[site["site_id"]],
        )
        for site in sites
    ]


def _evse(row: asyncpg.Record) -> PublishedEvse:
    return PublishedEvse(
        station_id=row["station_id"],
        evse=row["evse"],
        uid=row["uid"],
        document=EvseDocument.model_validate(row["document"]),
        condition=row["condition"],
        since=row["since"],
        updated_at=row["updated_at"],
        removed=row["removed_at"] is not None,
    )


@dataclass(frozen=True, slots=True)
class PublishedPrice:
    """A price as it is published; `ended_at`: since when it holds no longer."""

    price: Price
    updated_at: datetime
    ended_at: datetime | None


ASKED_PRICES = """
($1::timestamptz IS NULL OR updated_at >= $1) AND ($2::timestamptz IS NULL OR updated_at < $2)
AND ($1 IS NOT NULL OR ended_at IS NULL) AND EXISTS (
    SELECT FROM jsonb_array_elements(document -> 'bands') b WHERE coalesce(b ->> 'energy_per_kwh', b ->> 'service_per_kwh') <> ''
)
"""


async def count_prices(connection: asyncpg.Connection, asked: Asked) -> int:
    """Count prices that are given as amounts."""
    found: int = await connection.fetchval(
        f"SELECT count(*) FROM registry.published_price WHERE {ASKED_PRICES}", asked.since, asked.until
    )
    return found


async def read_prices(connection: asyncpg.Connection, asked: Asked, offset: int, limit: int) -> list[PublishedPrice]:
    """Return prices that are given as amounts, those that were posted first before others."""
    rows = await connection.fetch(
        f"SELECT * FROM registry.published_price WHERE {ASKED_PRICES} ORDER BY posting_id OFFSET $3 LIMIT $4",
        asked.since,
        asked.until,
        offset,
        limit,
    )
    return [PublishedPrice(Price.model_validate(row["document"]), row["updated_at"], row["ended_at"]) for row in rows]
