"""The pages of relayed sites: which upstreams can be reached, which stations are let in, what waits for the database."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from ocpp_gateway.pages.figures import Figures
from ocpp_gateway.pages.stations import MEETINGS
from ocpp_gateway.relay import store
from ocpp_gateway.relay.wording import known_again
from youguan.auth import Principal
from youguan.errors import NotFound
from youguan.settings import Settings
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_site
from youguan.web.templates import Templates

PAGE = 50
GAPS_SHOWN = 20
REASONS = {
    "full": "本地暂存已满",
    "disk": "本地磁盘无法写入",
    "torn": "进程中断时尚未写完",
    "damaged": "本地暂存损坏",
    "unreadable": "暂存记录无法解读",
    "unrecordable": "报文过大或不是文本",
    "killed": "进程被强行终止，最后片刻的报文去向不明",
}
SPOOLED, LOST = "youguan_relay_spool_bytes", "youguan_relay_lost_records"


def relay_pages(pool: asyncpg.Pool, templates: Templates, settings: Settings, figures: Figures) -> APIRouter:
    """Return /gateway/relay."""
    router = Router(prefix="/gateway/relay")

    @router.get("")
    async def upstreams(
        request: Request, who: Annotated[Principal, Depends(require())], cursor: Cursor = None
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_sites(connection, who.scope, key[0] if key else None, PAGE)
            lost = await store.lost_records(connection, who.scope)
            gaps = await store.list_gaps(connection, who.scope, None, None, GAPS_SHOWN)
        return templates.render(
            request, "relay.html", rows=rows, next=next_cursor(rows, PAGE, "site_id"), cursor=cursor, states=MEETINGS,
            known_again=known_again,
            lost=lost, gaps=gaps, reasons=REASONS, spooled=sum(figures.counted(SPOOLED).values()),
            losing=sum(figures.counted(LOST).values()),
            room=settings.relay_spool_bytes,
        )  # fmt: skip

    @router.get("/{site_id}")
    async def site(request: Request, site_id: str, _: Annotated[Principal, Depends(require_site(pool))]) -> Response:
        async with pool.acquire() as connection:
            upstream = await store.get_site(connection, site_id)
            if upstream is None:
                raise NotFound(f"site {site_id} is not passed on")
            rows = await store.list_stations(connection, site_id)
        return templates.render(
            request, "relay_site.html", site=upstream, rows=rows, states=MEETINGS, known_again=known_again
        )

    return router
