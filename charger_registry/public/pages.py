"""The public page, a site's page, the feed of changes, and the regulator's dashboard."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from math import cos, hypot, radians
from typing import Annotated, Any
from urllib.parse import quote

import asyncpg
import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from charger_registry import store as registry
from charger_registry.equipment.connector_types import TYPES
from charger_registry.equipment.place_codes import PARKINGS, named
from charger_registry.ledger import store as ledger
from charger_registry.ledger.responsibility import holder
from charger_registry.open_data import store as open_data
from charger_registry.open_data.published import Band, ConnectorDocument, Price, PublishedSite, band_at, per_kwh
from charger_registry.open_data.unpublished import read_unpublished
from charger_registry.pages import REASONS
from charger_registry.public import store
from charger_registry.public.access import known_site
from charger_registry.public.live import Picture, state_of
from youguan.auth import REGULATOR, Principal
from youguan.bounds import sites_within
from youguan.clock import Clock, county_day
from youguan.web.application import api
from youguan.web.security import require, scope_of
from youguan.web.templates import Templates

PAGE = 30
STATES = {"free": ("good", "有空闲"), "busy": ("busy", "使用中"), "broken": ("bad", "故障"), "unknown": ("", "未知")}
CONDITIONS = {
    "available": ("good", "空闲"),
    "occupied": ("busy", "占用"),
    "charging": ("busy", "充电中"),
    "reserved": ("busy", "预约"),
    "unavailable": ("warn", "停用"),
    "faulted": ("bad", "故障"),
    "unknown": ("", "未知"),
}
POWERS_KW = (7, 30, 60, 120, 180, 250)
ORDER = {"free": 0, "busy": 1, "unknown": 2, "broken": 3}


def public_api(picture: Picture) -> FastAPI:
    """Return /api/public."""
    app = api("Youguan public data")

    @app.get("/sites.geojson")
    async def sites(request: Request, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Return one feature a site, WGS-84, with the counts of its connectors."""
        rendered = picture.geojson()
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        etag = rendered.zipped_etag if zipped else rendered.etag
        headers = {"ETag": etag, "Cache-Control": "public, max-age=1", "Vary": "Accept-Encoding"}
        if if_none_match is not None and etag in if_none_match:
            return Response(status_code=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
            return Response(rendered.zipped, headers=headers, media_type="application/geo+json")
        return Response(rendered.plain, headers=headers, media_type="application/geo+json")

    @app.get("/changes")
    async def changes(
        last_event_id: Annotated[int | None, Header()] = None, since: int | None = None
    ) -> StreamingResponse:
        """Send the features of sites as they change (server-sent events); the id is where to go on."""

        async def stream() -> AsyncIterator[bytes]:
            yield b"retry: 1000\n\n"
            async for version, features in picture.changes(last_event_id if last_event_id is not None else since):
                yield b"id: %d\ndata: %s\n\n" % (version, orjson.dumps(features)) if features else b": still here\n\n"

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)

    return app


def public_pages(pool: asyncpg.Pool, picture: Picture, templates: Templates, clock: Clock) -> APIRouter:
    """Return `/`, /sites/{id} and /dashboard."""
    router = APIRouter()

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
            free=told.count("available"),
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


def choose(
    sites: Any, words: str, free_only: bool, here: tuple[float, ...] | None, kind: str = "", power_w: int = 0
) -> list[Mapping[str, Any]]:
    """Return the sites that fit, nearest first where the driver says where he is, else those with a free connector first."""
    wanted = words.strip().lower()
    found = [
        site
        for site in sites
        if (not free_only or site["available"])
        and fits(site["kinds"], kind, power_w)
        and wanted in f"{site['name']} {site['division_name']} {site['division_name_en']} {site['address']}".lower()
    ]
    if here:
        return sorted(found, key=lambda site: (not site["available"], distance_km(site, here)))
    return sorted(found, key=lambda site: (ORDER[state_of(site)], -site["available"], site["site_id"]))


def fits(kinds: Sequence[Mapping[str, Any]], kind: str, power_w: int) -> bool:
    """Say whether a connector of these is of a kind (its type, or AC or DC; '': any) and gives so much power."""
    if not kind and not power_w:
        return True
    return any((not kind or kind in (one["type"], one["current_type"])) and one["power_w"] >= power_w for one in kinds)


def kinds_of(sites: Any) -> list[str]:
    """Return the types of connectors that there are."""
    return sorted({one["type"] for site in sites for one in site["kinds"] if one["type"]})


def kind_name(code: str, language: str) -> str:
    """Return the name of a type of connectors."""
    kind = TYPES.get(code)
    return code if kind is None else kind.en if language == "en" else kind.zh


def fee_of(site: Mapping[str, Any], now: datetime) -> str | None:
    """Return what a kWh costs at a site now, where that is posted as an amount."""
    document = site["published"]
    price = Price.model_validate(document["price"]) if document and document["price"] else None
    return amount_text(band_at(price, now))


def amount_text(band: Band | None) -> str | None:
    """Return what a kWh costs in a band as people write it: two decimals, more where they are needed."""
    amount = per_kwh(band) if band else None
    if amount is None:
        return None
    whole, _, part = f"{amount:.4f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"


def distance_km(site: Mapping[str, Any], here: tuple[float, ...]) -> float:
    """Return kilometres as the crow flies; `here` is (longitude, latitude)."""
    east = (site["longitude"] - here[0]) * cos(radians(here[1])) * 111.32
    return hypot(east, (site["latitude"] - here[1]) * 110.57)


def connectors_by_station(site: PublishedSite) -> dict[str, list[ConnectorDocument]]:
    """Return the connectors of each station, by number."""
    found: dict[str, list[ConnectorDocument]] = {}
    for evse in site.evses:
        found.setdefault(evse.station_id, []).extend(evse.document.connectors)
    return {station: sorted(all_, key=lambda one: one.connector) for station, all_ in found.items()}


def own_prices(site: PublishedSite) -> dict[str, Price]:
    """Return the fees of stations that ask others than their site."""
    return {evse.station_id: evse.document.price for evse in site.evses if evse.document.price and not evse.removed}


def station_view(station: dict[str, Any]) -> dict[str, Any]:
    """Return a station with a condition for each filed connector: unknown where it is not online or did not say.

    Where the site is not in operation nobody can charge, whatever they say.
    """
    told = {c["connector"]: c["condition"] for c in station["told"]} if station["state"] == "online" else {}
    if station["closed"]:
        told = dict.fromkeys(told, "unavailable")
    return {**station, "conditions": [told.get(n, "unknown") for n in station["numbers"] or ()]}
