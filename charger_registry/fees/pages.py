"""Fees in the browser: those of a station that asks others than its site."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry import store as registry
from charger_registry.equipment.store import station_file
from charger_registry.fees import store
from charger_registry.fees.desk import FeeDesk
from charger_registry.fees.form import fee_texts, fees_of
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Invalid, Reason, YouguanError
from youguan.web.routes import Router
from youguan.web.security import remote_of, require_site
from youguan.web.templates import Templates

POSTINGS = 20


def fee_pages(pool: asyncpg.Pool, desk: FeeDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/sites/{site}/stations/{station}/fees."""
    router = Router(prefix="/registry/sites/{site_id}/stations/{station_id}/fees")
    may_change = require_site(pool, REGULATOR, OPERATOR)

    async def page(
        request: Request, site_id: str, station_id: str, form: Mapping[str, str], error: YouguanError | None = None
    ) -> Response:
        now = clock.now()
        async with pool.acquire() as connection:
            site = await registry.get_site(connection, site_id)
            await station_file(connection, site_id, station_id)
            own = (await store.own_prices(connection, [station_id], now)).get(station_id)
            whole = await store.site_price(connection, site_id, now)
            postings = await store.postings(connection, site_id, station_id, None, POSTINGS)
        return templates.render(
            request, "station_fees.html", status_code=error.status if error else 200, site=site, station_id=station_id,
            own=own, price=own or whole, postings=postings, error=error,
            form={**fee_texts(store.price_of(own or whole)), **form},
        )  # fmt: skip

    @router.get("")
    async def show(
        request: Request, site_id: str, station_id: str, _: Annotated[Principal, Depends(may_change)]
    ) -> Response:
        return await page(request, site_id, station_id, {})

    @router.post("")
    async def post(
        request: Request, site_id: str, station_id: str, who: Annotated[Principal, Depends(may_change)]
    ) -> Response:
        form = {name: str(value).strip() for name, value in (await request.form()).items()}
        try:
            price = fees_of(form)
            if price is None:
                raise Invalid.about("bands", Reason("names no fee"))
            await desk.post(who, site_id, station_id, price, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, site_id, station_id, form, error)
        return _back(site_id, station_id)

    @router.post("/end")
    async def end(
        request: Request, site_id: str, station_id: str, who: Annotated[Principal, Depends(may_change)]
    ) -> Response:
        await desk.post(who, site_id, station_id, None, remote=remote_of(request))
        return _back(site_id, station_id)

    return router


def _back(site_id: str, station_id: str) -> Response:
    place = f"/registry/sites/{quote(site_id, safe='')}/stations/{quote(station_id, safe='')}/fees"
    return RedirectResponse(place, 303)
