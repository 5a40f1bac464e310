"""What operators' platforms told, over HTTP, and the test bench."""

from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from ocpp_gateway.cec102.desk import PlatformDesk, sight_into
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake import store
from ocpp_gateway.cec102.intake.placing import OrderState
from ocpp_gateway.cec102.overview import Looking
from youguan.auth import Principal
from youguan.errors import Invalid
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.times import UtcTime

LONGEST_TRIAL = 500_000
anybody = require()
Who = Annotated[Principal, Depends(anybody)]


class StatsOut(BaseModel):
    """What a site delivered on a day of the county: as its platform reckons it, and as the transactions that ended then say."""

    day: date
    cec_station_id: str
    energy_wh: float
    recorded_wh: float
    received_at: UtcTime


class OrderOut(BaseModel):
    """An order as a platform told it last, without persons."""

    order_no: str
    connector_id: str
    station_id: str | None
    connector: int | None
    state: OrderState = Field(
        description="transaction; unfiled, ambiguous: its connector is filed for nobody, or for several; own_word: the station "
        "speaks for itself"
    )
    started_at: UtcTime
    ended_at: UtcTime
    energy_wh: float
    document: dict[str, Any]
    first_received_at: UtcTime
    received_at: UtcTime


class PlatformConnectorOut(BaseModel):
    """A connector that a platform reports, and what it is now."""

    cec_connector_id: str
    station_id: str
    connector: int
    status: str | None
    condition: str | None
    occurred_at: UtcTime | None
    received_at: UtcTime | None


class PlatformRefusedOut(BaseModel):
    """What was refused of a platform, and why."""

    id: int
    received_at: UtcTime
    code: str
    reason: str
    frame: str = Field(description="without persons")


class TrialIn(BaseModel):
    """A message to be tried."""

    message: str = Field(min_length=1, max_length=100)
    text: str = Field(max_length=LONGEST_TRIAL, description="an envelope, or its content, as JSON")


class StepOut(BaseModel):
    """One check."""

    name: str
    held: bool
    words: str


class BecomesOut(BaseModel):
    """What an item would be stored as."""

    about: str
    what: str
    station_id: str | None
    connector: int | None
    details: dict[str, Any]


class MemberOut(BaseModel):
    """A member and what is wrong with it."""

    member: str
    reason: str


class TrialOut(BaseModel):
    """What a message would become; nothing was stored. `ret`: what it would be answered."""

    ret: int
    steps: list[StepOut]
    document: dict[str, Any] | None = Field(description="its content, without persons")
    becomes: list[BecomesOut]
    refused: list[MemberOut]
    ignored: list[MemberOut]
    doubted: list[MemberOut]
    answer: dict[str, Any] | None = Field(description="what a province's question would be answered")


def _day(ordinal: int) -> date:
    """Return the day of a cursor; Invalid where there is no such day."""
    if not date.min.toordinal() <= ordinal <= date.max.toordinal():
        raise Invalid.about("cursor", "is not of this list")
    return date.fromordinal(ordinal)


def add_intake(app: FastAPI, looking: Looking) -> None:
    """Add it to /api/gateway."""
    _add_told(app, looking.desk)
    _add_accounts(app, looking.desk)
    _add_trial(app, looking)


def _add_told(app: FastAPI, desk: PlatformDesk) -> None:
    @app.get("/platforms/{operator_id}/connectors")
    async def connectors(
        operator_id: str, who: Who, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PlatformConnectorOut]:
        """List the connectors that a platform reports, with what they are now."""
        key = decode_cursor(cursor, str, str, int)
        platform = await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            after = (key[0], key[1], key[2]) if key else None
            rows = await registry.connectors(connection, sight_into(who, platform), operator_id, after, limit)
        following = next_cursor(rows, limit, "cec_connector_id", "station_id", "connector")
        return Page(items=[PlatformConnectorOut(**dict(row)) for row in rows], next=following)

    @app.get("/platforms/{operator_id}/refused")
    async def refused(
        operator_id: str, who: Who, proven: bool = True, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PlatformRefusedOut]:
        """List what was refused of a platform, and why, newest first; `proven=false`: of what names it and is not signed by it."""
        key = decode_cursor(cursor, int)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            rows = await store.refused(connection, operator_id, key[0] if key else None, limit, proven=proven)
        return Page(items=[PlatformRefusedOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "id"))


def _add_accounts(app: FastAPI, desk: PlatformDesk) -> None:
    @app.get("/platforms/{operator_id}/orders")
    async def orders(
        operator_id: str, who: Who, state: OrderState | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[OrderOut]:
        """List a platform's orders from the highest number down, also those that became no transaction."""
        key = decode_cursor(cursor, str)
        platform = await desk.seen_by(who, operator_id)
        sight, states = sight_into(who, platform), state and [state]
        async with desk.pool.acquire() as connection:
            rows = await store.orders(connection, sight, operator_id, states, key[0] if key else None, limit)
        return Page(items=[OrderOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "order_no"))

    @app.get("/platforms/{operator_id}/stats")
    async def stats(operator_id: str, who: Who, limit: Limit = 100, cursor: Cursor = None) -> Page[StatsOut]:
        """List what a platform's sites delivered by day, the newest first, beside what was recorded."""
        key = decode_cursor(cursor, int, str)
        platform = await desk.seen_by(who, operator_id)
        before = key and (_day(key[0]), key[1])
        async with desk.pool.acquire() as connection:
            rows = await store.stats(connection, sight_into(who, platform), operator_id, before, limit)
        following = (
            encode_cursor(rows[-1]["day"].toordinal(), rows[-1]["cec_station_id"]) if len(rows) == limit else None
        )
        return Page(items=[StatsOut(**dict(row)) for row in rows], next=following)


def _add_trial(app: FastAPI, looking: Looking) -> None:
    @app.post("/platforms/{operator_id}/trial")
    async def trial(operator_id: str, wanted: TrialIn, who: Who) -> TrialOut:
        """Try a message: what it would become. Nothing is stored."""
        found = await looking.attempt(who, operator_id, wanted.message, wanted.text)
        return TrialOut.model_validate(found, from_attributes=True)
