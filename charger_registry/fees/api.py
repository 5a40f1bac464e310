"""Fees over HTTP: of sites, and of stations that have their own."""

from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Query, Request

from charger_registry import store as registry
from charger_registry.equipment.desk import SiteDesk
from charger_registry.equipment.store import station_file
from charger_registry.fees import store
from charger_registry.fees.desk import FeeDesk
from charger_registry.fees.posting import PriceIn, draft_of
from charger_registry.public.access import known_site
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require_site
from youguan.web.times import GivenTime, UtcTime

At = Annotated[GivenTime | None, Query(description="default now")]


class PriceOut(PriceIn):
    """Fees as they are posted, since when and by whom; `station_id` null: at the whole site."""

    station_id: str | None
    valid_from: UtcTime
    valid_until: UtcTime | None
    posted_by: str


def add_site_fees(app: FastAPI, pool: asyncpg.Pool, desk: SiteDesk, clock: Clock) -> None:
    """Add the fees of sites to /api/registry."""

    @app.get("/sites/{site_id}/prices", dependencies=[Depends(known_site(pool))])
    async def prices(site_id: str, at: At = None) -> Page[PriceOut]:
        """Return the fees posted at an instant at the whole site: one posting or none. No login needed."""
        async with pool.acquire() as connection:
            await registry.get_site(connection, site_id)
            held = await store.site_price(connection, site_id, at or clock.now())
        return Page(items=[_out(held)] if held else [])

    @app.get("/sites/{site_id}/price-postings", dependencies=[Depends(known_site(pool))])
    async def postings(
        site_id: str,
        station_id: Annotated[str, Query(max_length=100, description="default the whole site's")] = store.WHOLE_SITE,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[PriceOut]:
        """Return what was ever posted at a site, or of a station of it, the latest first. No login needed."""
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            await registry.get_site(connection, site_id)
            if station_id:
                await station_file(connection, site_id, station_id)
            rows = await store.postings(connection, site_id, station_id, key[0] if key else None, limit)
        return Page(items=[_out(row) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.post("/sites/{site_id}/prices", status_code=201)
    async def post_price(
        site_id: str,
        price: PriceIn,
        request: Request,
        who: Annotated[Principal, Depends(require_site(pool, REGULATOR, OPERATOR))],
    ) -> Page[PriceOut]:
        """Post fees from now on; the posting before ends and stays on record."""
        await desk.change(who, site_id, {}, draft_of(price), remote=remote_of(request))
        return await prices(site_id)


def add_station_fees(app: FastAPI, pool: asyncpg.Pool, desk: FeeDesk, clock: Clock) -> None:
    """Add the fees of stations to /api/registry."""
    may_change = require_site(pool, REGULATOR, OPERATOR)

    @app.get("/sites/{site_id}/stations/{station_id}/prices", dependencies=[Depends(known_site(pool))])
    async def prices(site_id: str, station_id: str, at: At = None) -> Page[PriceOut]:
        """Return the fees that hold at a station at an instant: its own, else the site's, or none. No login needed."""
        async with pool.acquire() as connection:
            await station_file(connection, site_id, station_id)
            held = await store.price_at(connection, site_id, station_id, at or clock.now())
        return Page(items=[_out(held)] if held else [])

    @app.post("/sites/{site_id}/stations/{station_id}/prices", status_code=201)
    async def post_price(
        site_id: str, station_id: str, price: PriceIn, request: Request, who: Annotated[Principal, Depends(may_change)]
    ) -> Page[PriceOut]:
        """Post fees of a station from now on, which precede the site's; the posting before ends and stays on record."""
        await desk.post(who, site_id, station_id, draft_of(price), remote=remote_of(request))
        return await prices(site_id, station_id)

    @app.delete("/sites/{site_id}/stations/{station_id}/prices", status_code=204)
    async def end(
        site_id: str, station_id: str, request: Request, who: Annotated[Principal, Depends(may_change)]
    ) -> None:
        """Let the site's fees hold at a station again; its own end and stay on record."""
        await desk.post(who, site_id, station_id, None, remote=remote_of(request))


def _out(posting: asyncpg.Record) -> PriceOut:
    return PriceOut(**{**posting, "station_id": posting["station_id"] or None})
