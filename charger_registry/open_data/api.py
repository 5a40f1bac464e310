"""/api/public: what is published of sites, stations and connectors, for everybody and from every page; and the files."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from charger_registry.open_data import store
from charger_registry.open_data.columns import evse_document, site_document
from charger_registry.open_data.downloads import KINDS, Downloads
from charger_registry.open_data.published import Condition, EvseDocument, PublishedSite, SiteDocument
from charger_registry.open_data.store import Filter, Latest
from charger_registry.open_data.unpublished import read_unpublished
from youguan.clock import Clock
from youguan.errors import NotFound, Reason
from youguan.web.documents import pieces
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, next_cursor
from youguan.web.security import scope_of
from youguan.web.times import UtcTime

KEPT_S = 5  # that a program asks again within is told the same
FILES_KEPT_S = 60


class SiteOut(SiteDocument):
    """A site; `statuses` says how many EVSEs are in which."""

    id: str
    evses: int
    statuses: dict[Condition, int]
    updated_at: UtcTime


class EvseOut(EvseDocument):
    """An EVSE, what holds for it, and since when as the station says."""

    uid: str
    station_id: str
    evse: int
    status: Condition
    status_since: UtcTime | None
    updated_at: UtcTime


class EvseOfSite(EvseOut):
    """An EVSE, and the site where it stands."""

    site_id: str


class SiteWithEvses(SiteDocument):
    """A site with its EVSEs and their connectors."""

    id: str
    updated_at: UtcTime
    evses: list[EvseOut]


def _filter(
    division: Annotated[str | None, Query(description="a division's code or its beginning")] = None,
    q: Annotated[str | None, Query(max_length=100, description="part of name or address")] = None,
    connector_type: Annotated[str | None, Query(description="such as GBT_DC")] = None,
    current_type: Literal["AC", "DC"] | None = None,
    power_w: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="at least so much")] = None,
    status: Condition | None = None,
) -> Filter:
    return Filter(division, q or None, connector_type, current_type, power_w, status)


Wanted = Annotated[Filter, Depends(_filter)]


def add_open_data(app: FastAPI, pool: asyncpg.Pool, downloads: Downloads, clock: Clock) -> None:
    """Add sites, EVSEs and files to /api/public, and let pages of every other place read it."""
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"], max_age=86400,
        allow_headers=["If-None-Match", "If-Modified-Since"], expose_headers=["ETag", "Last-Modified", "Content-Disposition"],
    )  # fmt: skip
    _add_sites(app, pool, clock)
    _add_evses(app, pool, clock)
    _add_files(app, downloads)


def _add_sites(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    @app.get("/sites", response_model=Page[SiteOut])
    async def sites(request: Request, wanted: Wanted, limit: Limit = 100, cursor: Cursor = None) -> Response:
        """List sites, by id. A status, kind, current or power: those where an EVSE has all of it."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            latest = await store.latest(connection)
            if (same := not_modified(request, latest, clock)) is not None:
                return same
            rows = await store.list_sites(connection, wanted, key[0] if key else None, limit)
        items = [{**row["document"], **_counts(row)} for row in rows]
        page = Page[SiteOut](
            items=[SiteOut.model_validate(item) for item in items], next=next_cursor(rows, limit, "site_id")
        )
        return answer(request, page, latest, clock)

    @app.get("/sites/{site_id}", response_model=SiteWithEvses)
    async def site(request: Request, site_id: str) -> Response:
        """Return a site with its EVSEs, their connectors and what holds for them; what is somebody's own: within bounds."""
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            latest, found = await store.latest(connection), await store.read_site(connection, site_id)
            own = None if found else await read_unpublished(connection, scope_of(request), site_id, clock.now())
        if own is not None:
            return _confided(own)
        if found is None:
            raise NotFound(Reason("site {site_id}", site_id=site_id))
        if (same := not_modified(request, latest, clock)) is not None:
            return same
        return answer(request, SiteWithEvses.model_validate(site_document(found)), latest, clock)


def _confided(site: PublishedSite) -> Response:
    """Return what nobody else may keep or be told."""
    body = SiteWithEvses.model_validate(site_document(site)).model_dump_json()
    return Response(body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


def _counts(row: asyncpg.Record) -> dict[str, Any]:
    return {"id": row["site_id"], "evses": row["evses"], "statuses": row["statuses"], "updated_at": row["updated_at"]}


def _add_evses(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    @app.get("/evses", response_model=Page[EvseOfSite])
    async def evses(
        request: Request, wanted: Wanted, site: str | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        """List EVSEs with their connectors, by station and number."""
        key = decode_cursor(cursor, str, int)
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            latest = await store.latest(connection)
            if (same := not_modified(request, latest, clock)) is not None:
                return same
            found = await store.list_evses(connection, wanted, site, (key[0], key[1]) if key else None, limit)
        items = [EvseOfSite.model_validate({**evse_document(evse), "site_id": site_id}) for site_id, evse in found]
        last = encode_cursor(items[-1].station_id, items[-1].evse) if len(items) == limit else None
        return answer(request, Page[EvseOfSite](items=items, next=last), latest, clock)


def _add_files(app: FastAPI, downloads: Downloads) -> None:
    def serving(name: str) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            made, file = await downloads.open(name)
            headers = {
                "ETag": made.etag,
                "Last-Modified": format_datetime(made.made_at.replace(microsecond=0), usegmt=True),
                "Cache-Control": f"public, max-age={FILES_KEPT_S}",
            }
            if _knows(request, made.etag, made.made_at.replace(microsecond=0)):
                file.close()
                return Response(status_code=304, headers=headers)
            headers["Content-Disposition"] = f'attachment; filename="youguan-{name}"'
            return StreamingResponse(pieces(file), headers=headers, media_type=KINDS[name])

        return serve

    for name in KINDS:
        described = "Return everything that is published as a file, made anew at most once a minute."
        app.add_api_route(f"/{name}", serving(name), methods=["GET"], description=described, summary=name)


# --- conditional requests ---------------------------------------------------------------------------------------


def answer(request: Request, body: BaseModel, latest: Latest, clock: Clock) -> Response:
    """Return JSON with what it is recognised by."""
    return Response(body.model_dump_json(), headers=_headers(request, latest, clock), media_type="application/json")


def not_modified(request: Request, latest: Latest, clock: Clock) -> Response | None:
    """Return 304 where the asker has what holds now."""
    told = _last_modified(latest, clock.now())
    if _knows(request, _etag(request, latest), told):
        return Response(status_code=304, headers=_headers(request, latest, clock))
    return None


def _headers(request: Request, latest: Latest, clock: Clock) -> dict[str, str]:
    told = _last_modified(latest, clock.now())
    when = {"Last-Modified": format_datetime(told, usegmt=True)} if told else {}
    return {"ETag": _etag(request, latest), "Cache-Control": f"public, max-age={KEPT_S}", **when}


def _etag(request: Request, latest: Latest) -> str:
    """Return what an answer is recognised by: the version of all that is published, and what was asked."""
    asked = sha256(f"{request.url.path}?{request.url.query}".encode()).hexdigest()[:12]
    return f'W/"{latest.version}-{asked}"'


def _last_modified(latest: Latest, now: datetime) -> datetime | None:
    """Return the second of the last change; None while it lasts, for something more may change in it."""
    if latest.updated_at is None:
        return None
    second = latest.updated_at.astimezone(UTC).replace(microsecond=0)
    return second if second < now.replace(microsecond=0) else None


def _knows(request: Request, etag: str, changed_at: datetime | None) -> bool:
    """Say whether the asker has this already; what it is recognised by counts before any time."""
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or etag.removeprefix("W/") in [
            one.strip().removeprefix("W/") for one in known.split(",")
        ]
    since = request.headers.get("if-modified-since")
    if since is None or changed_at is None:
        return False
    try:
        asked = parsedate_to_datetime(since)
    except ValueError:
        return False
    return changed_at <= (asked if asked.tzinfo else asked.replace(tzinfo=UTC))
