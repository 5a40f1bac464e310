"""Heartbeat intervals over HTTP."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from ocpp_gateway.heartbeats import store
from ocpp_gateway.heartbeats.desk import IntervalDesk
from ocpp_gateway.heartbeats.policy import Scope
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require_county
from youguan.web.times import UtcTime

SHORTEST_S, LONGEST_S = 10, 86_400
regulator = require_county(REGULATOR)


class IntervalIn(BaseModel, extra="forbid"):
    """How often to say that one is there; null: as the site, or the setting, has it."""

    interval_s: int | None = Field(ge=SHORTEST_S, le=LONGEST_S)
    reason: str = Field(min_length=1, max_length=500)


class IntervalOut(BaseModel):
    """An interval that is set for a site or a station, in seconds."""

    scope: Scope
    id: str = Field(validation_alias="subject_id")
    interval_s: int
    reason: str
    set_by: str
    set_at: UtcTime


def add_heartbeats(app: FastAPI, desk: IntervalDesk) -> None:
    """Add /heartbeat-intervals."""

    @app.get("/heartbeat-intervals")
    async def intervals(
        _: Annotated[Principal, Depends(regulator)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[IntervalOut]:
        """List the sites and stations whose heartbeat interval is not the setting's."""
        key = decode_cursor(cursor, str, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_intervals(connection, (key[0], key[1]) if key else None, limit)
        items = [IntervalOut.model_validate(dict(row)) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "scope", "subject_id"))

    @app.put("/heartbeat-intervals/{scope}/{subject_id}", status_code=204)
    async def put(
        scope: Scope, subject_id: str, wanted: IntervalIn, request: Request,
        who: Annotated[Principal, Depends(regulator)],
    ) -> None:  # fmt: skip
        """Set the interval that a station, or each of a site, is told when it boots the next time."""
        await desk.set(who, scope, subject_id, wanted.interval_s, wanted.reason, remote_of(request))
