"""What stands at a site, for those who keep its file; the code on each station, and the page that it opens."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.equipment import facts_form, labels, opening_hours, store
from charger_registry.equipment.api import FactsIn, address, members_of, meters_after, tomorrow
from charger_registry.equipment.connector_types import TYPES
from charger_registry.equipment.desk import SiteDesk
from charger_registry.equipment.meters import store as meters_store
from charger_registry.equipment.photos.desk import PhotoDesk
from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES, Code, named
from charger_registry.equipment.station_pages import SOURCES
from charger_registry.fees import store as fees
from charger_registry.fees.form import fees_of
from charger_registry.fees.posting import band_at
from charger_registry.ledger import store as ledger
from charger_registry.ledger.responsibility import holder
from charger_registry.open_data.published import moves_public
from charger_registry.provenance.store import provenance
from charger_registry.public import store as public
from charger_registry.public.words import CONDITIONS, amount, station_view
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock, county_day
from youguan.errors import NotFound, Reason, YouguanError
from youguan.settings import Settings
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.problems import checked
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_site, scope_of
from youguan.web.templates import Templates

PAGE = 50
A_YEAR = 365 * 24 * 3600


def equipment_pages(
    pool: asyncpg.Pool, desk: SiteDesk, photos: PhotoDesk, templates: Templates, settings: Settings, clock: Clock
) -> APIRouter:
    """Return /registry/sites/{id}/equipment, the sheet of codes, meters that are due, and /stations/{id}."""
    router = Router()
    _add_site(router, pool, desk, photos, templates, clock)
    _add_labels(router, pool, templates, settings)
    _add_station(router, pool, photos, templates, clock)
    _add_meters(router, pool, templates, clock)
    return router


def _add_site(
    router: APIRouter, pool: asyncpg.Pool, desk: SiteDesk, photos: PhotoDesk, templates: Templates, clock: Clock
) -> None:
    may_change = require_site(pool, REGULATOR, OPERATOR)

    async def page(
        request: Request,
        site_id: str,
        who: Principal,
        error: YouguanError | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            stations = await store.stations_of(connection, site_id)
            held = await fees.site_price(connection, site_id, now)
            own = await fees.own_prices(connection, [station["id"] for station in stations], now)
            told = await provenance(connection, site_id)
            outside = await divisions.list_outside(connection, who.scope, None, 1, site_id)
        said = {row["field"]: row for row in told if row["kind"] == "site"}
        fields = facts_form.shown(site, fees.price_of(held))
        return templates.render(
            request, "equipment.html", status_code=error.status if error else 200, site=site, stations=stations,
            hours=opening_hours.from_json(site["opening_hours"]), price=held, said=said, sources=SOURCES, types=TYPES,
            usages=USAGES, constructions=CONSTRUCTIONS, parkings=PARKINGS, named=named, today=county_day(now),
            may_change=who.has(REGULATOR, OPERATOR), usages_offered=_usages_for(who, site["usage"]),
            photos=await photos.shown(site_id), address=address, error=error, own_fees=own, outside=outside,
            understood=opening_hours.as_osm, form={**fields, "shown": facts_form.sealed(fields), **(typed or {})},
        )  # fmt: skip

    @router.get("/registry/sites/{site_id}/equipment")
    async def equipment(
        request: Request, site_id: str, who: Annotated[Principal, Depends(require_site(pool))]
    ) -> Response:
        return await page(request, site_id, who)

    @router.post("/registry/sites/{site_id}/equipment")
    async def change(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(may_change)],
    ) -> Response:
        form = {name: str(value).strip() for name, value in (await request.form()).items()}
        try:
            facts, asked = facts_form.changed(form)
            price = fees_of(asked) if asked else None
            await desk.change(who, site_id, members_of(checked(FactsIn, facts)), price, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, site_id, who, error, form)
        return RedirectResponse(f"/registry/sites/{quote(site_id, safe='')}/equipment", 303)

    @router.post("/registry/site-photos/{site_id}")
    async def bring(
        request: Request,
        site_id: str,
        who: Annotated[Principal, Depends(may_change)],
        file: UploadFile,
        caption: str = Form("", max_length=100),
    ) -> Response:
        try:
            await photos.bring(who, site_id, file, caption.strip(), remote=remote_of(request))
        except YouguanError as error:
            return await page(request, site_id, who, error)
        return RedirectResponse(f"/registry/sites/{quote(site_id, safe='')}/equipment", 303)

    @router.post("/registry/site-photos/{site_id}/{photo_id}/remove")
    async def take_down(
        request: Request, site_id: str, photo_id: int, who: Annotated[Principal, Depends(may_change)]
    ) -> Response:
        await photos.take_down(who, site_id, photo_id, remote=remote_of(request))
        return RedirectResponse(f"/registry/sites/{quote(site_id, safe='')}/equipment", 303)


def _usages_for(who: Principal, usage: str | None) -> list[Code]:
    """Return what somebody may let a site be for: opening one to the public, or closing it, is the authority's."""
    return [code for code in USAGES if who.has(REGULATOR) or not moves_public(usage, code.word)]


def _add_labels(router: APIRouter, pool: asyncpg.Pool, templates: Templates, settings: Settings) -> None:
    def url(request: Request, station_id: str) -> str:
        return labels.address(settings.public_url or str(request.base_url), station_id)

    @router.get("/registry/sites/{site_id}/labels")
    async def sheet(request: Request, site_id: str, _: Annotated[Principal, Depends(require_site(pool))]) -> Response:
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            stations = await store.stations_of(connection, site_id)
        return templates.render(
            request, "labels.html", site=site, stations=[(row, url(request, row["id"])) for row in stations]
        )

    @router.get("/stations/{station_id}/qr.svg")
    async def code(request: Request, station_id: str) -> Response:
        async with pool.acquire() as connection:
            await store.get_station(connection, station_id)
        return _image(labels.svg(url(request, station_id)), "image/svg+xml")

    @router.get("/stations/{station_id}/qr.png")
    async def picture(request: Request, station_id: str) -> Response:
        async with pool.acquire() as connection:
            await store.get_station(connection, station_id)
        return _image(labels.png(url(request, station_id)), "image/png")


def _image(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=3600"})


def _add_station(router: APIRouter, pool: asyncpg.Pool, photos: PhotoDesk, templates: Templates, clock: Clock) -> None:
    async def gone(request: Request, connection: asyncpg.Connection, station_id: str) -> Response:
        """Lead on from the code of a station that is filed no longer: to the same equipment, else to what became of it."""
        found = await store.get_retired_station(connection, station_id)
        if found["filed_as"] is not None:
            return RedirectResponse(f"/stations/{quote(found['filed_as'], safe='')}", 307)
        onward = await registry.merged_into(connection, found["site_id"])
        return templates.render(request, "station_gone.html", status_code=410, station=found, onward=onward)

    @router.get("/stations/{station_id}")
    async def station(request: Request, station_id: str) -> Response:
        """Show a station to whoever stands before it; of what is somebody's own a stranger is told no place and no name."""
        now = clock.now()
        async with pool.acquire() as connection:
            found = await store.find_station(connection, station_id)
            if found is None:
                return await gone(request, connection, station_id)
            site = await registry.get_site(connection, found["site_id"])
            told = [row for row in await public.read_stations(connection, found["site_id"]) if row["id"] == station_id]
            held = await fees.price_at(connection, found["site_id"], station_id, now)
            lines = await ledger.lines(connection, found["site_id"])
            within = found["site_id"] in await sites_within(connection, scope_of(request), [found["site_id"]])
            hidden = await ledger.is_hidden(connection, scope_of(request), found["site_id"])
            connectors = await store.connectors_of(connection, station_id)
        price = fees.price_of(held)
        if not told:
            raise NotFound(Reason("station {id}", id=station_id))
        guns = zip(connectors, station_view(dict(told[0]))["conditions"], strict=True)
        return templates.render(
            request, "station.html", station=found, site=site, guns=list(guns),
            price=held, hours=opening_hours.from_json(site["opening_hours"]), parkings=PARKINGS, named=named, types=TYPES,
            conditions=CONDITIONS, amount=amount, said_hours=opening_hours.said_hours,
            manager=holder(lines, "manager", now, station_id), within=within, now=now,
            band=band_at(price.bands, now) if price else None, address=address, hidden=hidden,
            photos=[] if hidden else await photos.shown(found["site_id"]),
        )  # fmt: skip


def _add_meters(router: APIRouter, pool: asyncpg.Pool, templates: Templates, clock: Clock) -> None:
    @router.get("/registry/meters")
    async def meters(
        request: Request, who: Annotated[Principal, Depends(require())], cursor: Cursor = None
    ) -> Response:
        after = meters_after(decode_cursor(cursor, str, str, int))
        async with pool.acquire() as connection:
            rows = await meters_store.meters_due(connection, tomorrow(clock), who.scope, after, PAGE)
        lines = [{**row, "due": row["verification_due_on"].isoformat()} for row in rows]
        following = next_cursor(lines, PAGE, "due", "station_id", "connector")
        return templates.render(request, "meters.html", rows=rows, next=following)
