"""How the gateway is: connections, rates, what it refused, what holds it up."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway.mqtt import store as mqtt
from ocpp_gateway.mqtt.outbound import topic
from ocpp_gateway.mqtt.process import FIRST_SLOT
from ocpp_gateway.pages import store
from ocpp_gateway.pages.figures import Figures
from ocpp_gateway.pages.frames import read
from ocpp_gateway.pages.place import STATES
from ocpp_gateway.pages.refusals import MEANINGS
from ocpp_gateway.ykc.process import FIRST_SLOT as FIRST_YKC_SLOT
from youguan.auth import REGULATOR, Principal
from youguan.settings import Settings
from youguan.web.paging import Cursor, decode_cursor, encode_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_county
from youguan.web.templates import Templates

PAGE = 20
COUNTED = {
    "refused": "youguan_ocpp_refused_total",
    "rejected": "youguan_ocpp_handshakes_rejected_total",
    "admitted": "youguan_ocpp_admitted_total",
    "dropped": "youguan_ocpp_connections_dropped_total",
    "mqtt": "youguan_mqtt_messages_total",
    "versions": "youguan_ocpp_frames_total",
}


def health_pages(pool: asyncpg.Pool, templates: Templates, settings: Settings, figures: Figures) -> APIRouter:
    """Return /gateway/health and /gateway/refused-input; /gateway itself leads to the stations."""
    router = Router(prefix="/gateway")
    regulator = require_county(REGULATOR)

    @router.get("")
    async def front(_: Annotated[Principal, Depends(require())]) -> Response:
        return RedirectResponse("/gateway/stations", 303)

    @router.get("/health")
    async def health(request: Request, _: Annotated[Principal, Depends(regulator)]) -> Response:
        async with pool.acquire() as connection:
            states = await store.states(connection)
            workers = await store.workers(connection)
            consumers = await store.consumers(connection)
            codes, sources = await store.refused_by(connection)
            rows = await store.refused(connection, store.RefusedFilter(), None, PAGE)
            unknown = await store.quarantined(connection)
            mode, oldest = await store.storage(connection)
            refused_topics = await mqtt.refused(connection, PAGE)
        return templates.render(
            request, "gateway_health.html", states=states, words=STATES, consumers=consumers, codes=codes, meanings=MEANINGS,
            sources=sources, rows=rows, unknown=unknown, mode=mode, oldest=oldest, trend=figures.trend(),
            workers=[row for row in workers if row["slot"] < FIRST_SLOT],
            bridges=[row for row in workers if FIRST_SLOT <= row["slot"] < FIRST_YKC_SLOT],
            counted={name: figures.counted(counter) for name, counter in COUNTED.items()},
            refused_topics=refused_topics, topic=topic,
            days=settings.raw_frame_retention_days, broker=settings.mqtt_url is not None, set_out=lambda text: read(text)[3],
        )  # fmt: skip

    @router.get("/refused-input")
    async def refused(
        request: Request,
        _: Annotated[Principal, Depends(regulator)],
        code: str = "",
        station: str = "",
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            chosen = store.RefusedFilter(code or None, station.strip() or None)
            rows = await store.refused(connection, chosen, key[0] if key else None, PAGE)
            codes, _sources = await store.refused_by(connection)
        following = encode_cursor(rows[-1]["id"]) if len(rows) == PAGE else None
        return templates.render(
            request, "refused_input.html", rows=rows, next=following, code=code, station=station, codes=codes,
            meanings=MEANINGS, set_out=lambda text: read(text)[3],
        )  # fmt: skip

    return router
