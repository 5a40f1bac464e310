"""The statements about fees: of a site (`station_id` ''), and of a station that has its own, which precede the site's."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.drafts import PriceBand, PriceDraft

WHOLE_SITE = ""


async def post_prices(
    connection: asyncpg.Connection, drafts: Sequence[tuple[str, PriceDraft]], by: str, now: datetime
) -> list[str]:
    """Post fees of (site, fees) from now on, the postings that hold end; return where that is news."""
    held = {row["site_id"]: price_of(row) for row in await prices(connection, [site_id for site_id, _ in drafts], now)}
    news = [(site_id, price) for site_id, price in drafts if held.get(site_id) != price]
    await connection.execute(
        """
        UPDATE registry.price_posting SET valid_until = $2
        WHERE site_id = ANY($1) AND station_id = '' AND valid_until IS NULL
        """,
        [site_id for site_id, _ in news],
        now,
    )
    await _add(connection, [(site_id, WHOLE_SITE, price) for site_id, price in news], by, now)
    return [site_id for site_id, _ in news]


async def post_station_price(
    connection: asyncpg.Connection, site_id: str, station_id: str, price: PriceDraft | None, by: str, now: datetime
) -> None:
    """Let a station have fees of its own from now on, or (None) its site's again; the posting before ends and stays on record."""
    await connection.execute(
        "UPDATE registry.price_posting SET valid_until = $2 WHERE station_id = $1 AND valid_until IS NULL",
        station_id,
        now,
    )
    if price is not None:
        await _add(connection, [(site_id, station_id, price)], by, now)


async def _add(
    connection: asyncpg.Connection, drafts: Sequence[tuple[str, str, PriceDraft]], by: str, now: datetime
) -> None:
    rows = [{"site_id": site_id, "station_id": station_id, **asdict(price)} for site_id, station_id, price in drafts]
    await connection.execute(
        """
        INSERT INTO registry.price_posting (site_id, station_id, currency, bands, energy_text, service_text, parking_text,
                                            idle_text, valid_from, posted_at, posted_by)
        SELECT site_id, station_id, currency, bands, energy_text, service_text, parking_text, idle_text, $2, $2, $3
        FROM jsonb_populate_recordset(NULL::registry.price_posting, $1)
        """,
        rows,
        now,
        by,
    )


def price_of(row: asyncpg.Record | None) -> PriceDraft | None:
    """Return the fees of a posting."""
    if row is None:
        return None
    texts = {name: row[name] for name in ("energy_text", "service_text", "parking_text", "idle_text", "currency")}
    return PriceDraft(bands=tuple(PriceBand(**band) for band in row["bands"]), **texts)


def price_row(price: PriceDraft | None) -> dict[str, Any] | None:
    """Return fees as they are kept."""
    return None if price is None else asdict(price)


async def prices(connection: asyncpg.Connection, site_ids: Sequence[str], at: datetime) -> list[asyncpg.Record]:
    """Return the fees that are posted at whole sites at an instant."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.price_posting
        WHERE site_id = ANY($1) AND station_id = '' AND tstzrange(valid_from, valid_until) @> $2::timestamptz
        ORDER BY site_id
        """,
        list(site_ids),
        at,
    )
    return rows


async def site_price(connection: asyncpg.Connection, site_id: str, at: datetime) -> asyncpg.Record | None:
    """Return the fees that are posted at a whole site at an instant."""
    return next(iter(await prices(connection, [site_id], at)), None)


async def own_prices(
    connection: asyncpg.Connection, station_ids: Sequence[str], at: datetime
) -> dict[str, asyncpg.Record]:
    """Return, by station, the fees that stations have of their own at an instant, wherever they stood when it was posted."""
    rows = await connection.fetch(
        """
        SELECT * FROM registry.price_posting
        WHERE station_id = ANY($1) AND station_id <> '' AND tstzrange(valid_from, valid_until) @> $2::timestamptz
        """,
        list(station_ids),
        at,
    )
    return {row["station_id"]: row for row in rows}


async def price_at(
    connection: asyncpg.Connection, site_id: str, station_id: str, at: datetime
) -> asyncpg.Record | None:
    """Return the fees that hold at a station of a site at an instant: its own, else the site's."""
    own = await own_prices(connection, [station_id], at)
    return own.get(station_id) or await site_price(connection, site_id, at)


async def postings(
    connection: asyncpg.Connection, site_id: str, station_id: str, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return what was ever posted of a station ('': of the whole site), the latest first, those before a number."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.price_posting
        WHERE station_id = $2 AND (site_id = $1 OR station_id <> '') AND ($3::bigint IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $4
        """,
        site_id,
        station_id,
        before,
        limit,
    )
    return rows
