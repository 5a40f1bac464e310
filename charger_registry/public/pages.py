"""The public page, a site's page, and the regulator's dashboard."""

from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.equipment.opening_hours import said_hours
from charger_registry.equipment.place_codes import PARKINGS, named
from charger_registry.ledger import store as ledger
from charger_registry.ledger.responsibility import holder
from charger_registry.open_data import store as open_data
from charger_registry.open_data.published import band_at
from charger_registry.open_data.unpublished import read_unpublished
from charger_registry.pages import REASONS
from charger_registry.public import store
from charger_registry.public.access import known_site
from charger_registry.public.choosing import choose, distance_km, kinds_of, state_of
from charger_registry.public.live import Picture
from charger_registry.public.words import (
    CONDITIONS,
    amount,
    amount_text,
    connectors_by_station,
    fee_of,
    kind_name,
    own_prices,
    station_view,
)
from youguan.auth import REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock, county_day
from youguan.web.routes import Router
from youguan.web.security import require, scope_of
from youguan.web.templates import Templates

PAGE = 30
STATES = {"free": ("good", "有空闲"), "busy": ("busy", "使用中"), "broken": ("bad", "故障"), "unknown": ("", "未知")}
POWERS_KW = (7, 30, 60, 120, 180, 250)


def public_pages(pool: asyncpg.Pool, picture: Picture, templates: Templates, clock: Clock) -> APIRouter:
    """Return `/`, /sites/{id} and /dashboard."""
    router = Router()

    @router.get("/")
    async def first(
        request: Request,
        q: str = "",
        free: bool = False,
        kind: Annotated[str, Query(max_length=40)] = "",
        kw: Annotated[str, Query(pattern=r"^\d{0,4}$")] = "",
        at: Annotated[str | None, Query(pattern=r"^(-?\d+(\.\d+)?,-?\d+(\.\d+)?)?$")] = None,
        start: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        here = tuple(map(float, at.split(","))) if at else None
        chosen = choose(picture.sites.values(), q, free, here, kind, int(kw or 0) * 1000)
        now = clock.now()
        return templates.render(
            request,
            "public.html",
            sites=chosen[start : start + PAGE],
            total=len(chosen),
            start=start,
            following=start + PAGE if len(chosen) > start + PAGE else None,
            q=q,
            free=free,
            kind=kind,
            kinds=kinds_of(picture.sites.values()),
            kw=kw,
            powers_kw=POWERS_KW,
            kind_name=kind_name,
            fee=lambda site: fee_of(site, now),
            changed_at=picture.changed_at,
            at=at or "",
            here=here,
            distance=distance_km,
            states=STATES,
            state_of=state_of,
            towns=picture.towns,
            version=picture.version,
        )

    @router.get("/sites/{site_id}", dependencies=[Depends(known_site(pool))])
    async def site(request: Request, site_id: str) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            found = await registry.get_site(connection, site_id)
            onward = await registry.merged_into(connection, site_id) if found["retired_at"] is not None else None
            if onward is not None:
                return RedirectResponse(f"/sites/{quote(onward['id'], safe='')}", 307)
            stations = await store.read_stations(connection, site_id)
            published = await open_data.read_site(connection, site_id)
            if published is None:
                published = await read_unpublished(connection, scope_of(request), site_id, now)
            lines = await ledger.lines(connection, site_id)
            within = site_id in await sites_within(connection, scope_of(request), [site_id])
        views = [station_view(dict(row)) for row in stations]
        told = [condition for view in views for condition in view["conditions"]]
        return templates.render(
            request,
            "site.html",
            within=within,
            site=found,
            stations=views,
            free=told.count("available") if set(told) - {"unknown"} else None,
            connectors=len(told),
            manager=holder(lines, "manager", now),
            reasons=REASONS,
            conditions=CONDITIONS,
            facts=published.document if published else None,
            connectors_of=connectors_by_station(published) if published else {},
            band=band_at(published.document.price, now) if published else None,
            own_prices=own_prices(published) if published else {},
            now_at=lambda price: amount_text(band_at(price, now)),
            total=amount_text,
            amount=amount,
            said_hours=said_hours,
            kind_name=kind_name,
            parkings=PARKINGS,
            named=named,
            changed_at=published.updated_at if published else None,
        )

    @router.get("/dashboard")
    async def dashboard(request: Request, who: Annotated[Principal, Depends(require(REGULATOR))]) -> Response:
        async with pool.acquire() as connection:
            figures = await store.counts(connection, county_day(clock.now()), who.scope)
            divisions = await store.counts_by_division(connection, who.scope)
        figures["never_connected"] = figures["stations"] - figures["online"] - figures["offline"]
        name = "dashboard_figures.html" if request.headers.get("hx-request") else "dashboard.html"
        return templates.render(request, name, figures=figures, divisions=divisions)

    return router
