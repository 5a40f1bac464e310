"""What a province is told, over HTTP."""

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.profiles import Told
from ocpp_gateway.cec102.upward.kept import store
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_county
from youguan.web.times import UtcTime

ReportState = Literal["waiting", "taken", "refused", "overtaken", "withheld", "set_aside"]
anybody = require()
Who = Annotated[Principal, Depends(anybody)]


class ReportOut(BaseModel):
    """Something that a province is to be told, or was."""

    id: int
    kind: Told
    subject: str = Field(description="the ConnectorID, or the StationID of a site's file")
    content: dict[str, Any] = Field(
        description="in the standard's words; it is sent in the province's own. Withheld: which transaction it is"
    )
    made_at: UtcTime
    state: ReportState
    tries: int
    due_at: UtcTime
    ended_at: UtcTime | None
    error: str | None


class RetryIn(BaseModel):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class SetAsideIn(RetryIn):
    """Which of the orders that were refused or withheld; left out: all."""

    reports: list[int] | None = Field(default=None, max_length=1000)


class SetAsideOut(BaseModel):
    """How many orders were set aside."""

    reports: int


class RetryOut(BaseModel):
    """How many reports will be sent at once."""

    reports: int


def add_reports(app: FastAPI, desk: PlatformDesk) -> None:
    """Add its queue to /api/gateway."""

    @app.get("/platforms/{operator_id}/reports")
    async def reports(
        operator_id: str,
        who: Who,
        state: ReportState | None = None,
        kind: Told | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ReportOut]:
        """List what a province is to be told, or was, newest first."""
        key = decode_cursor(cursor, int)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            rows = await store.reports(connection, operator_id, state, kind, key[0] if key else None, limit)
        return Page(items=[ReportOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.post("/platforms/{operator_id}/reports/retry")
    async def retry(
        operator_id: str,
        wanted: RetryIn,
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
    ) -> RetryOut:
        """Send what waits for a province, and what it refused, at once."""
        return RetryOut(reports=await desk.retry(who, operator_id, wanted.reason, remote_of(request)))

    @app.post("/platforms/{operator_id}/reports/set-aside")
    async def set_aside(
        operator_id: str,
        wanted: SetAsideIn,
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
    ) -> SetAsideOut:
        """Set aside orders that a province refused or that cannot be told: they are forgotten after seven days."""
        count = await desk.set_aside(who, operator_id, wanted.reports, wanted.reason, remote_of(request))
        return SetAsideOut(reports=count)
