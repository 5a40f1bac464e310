"""Operators' platforms, over HTTP."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.desk import PlatformDesk, Wish
from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.cec102.overview import Looking
from ocpp_gateway.cec102.placing import OrderState
from ocpp_gateway.cec102.quality import Freshness, What
from youguan.auth import REGULATOR, Principal
from youguan.errors import FieldError, Invalid
from youguan.web.paging import Cursor, Limit, Page, UtcTime, decode_cursor, encode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_county

LONGEST_TRIAL = 500_000
ReportState = Literal["waiting", "taken", "refused", "overtaken"]
Role = Literal["operator", "province"]
anybody = require()
Who = Annotated[Principal, Depends(anybody)]


class PlatformOut(BaseModel):
    """A platform; never a secret."""

    operator_id: str
    name: str
    organisation_id: str | None
    organisation_name: str | None
    role: Role = Field(description="operator: it reports to us; province: we report to it")
    profile: str
    enabled: bool
    address: str | None = Field(description="where it is called; null: never")
    our_operator_id: str | None
    changed_at: UtcTime
    changed_by: str
    last_heard_at: UtcTime | None
    last_pulled_at: UtcTime | None
    pull_error: str | None
    silent_since: UtcTime | None
    freshness: Freshness


class TrafficOut(BaseModel):
    """What a platform sent under one name within a day."""

    message: str
    messages: int
    taken: int
    ignored: int
    refused: int
    last_at: UtcTime


class ContradictionOut(BaseModel):
    """Where a platform's file of a site and the registry's do not agree."""

    cec_station_id: str
    what: What
    told: str
    filed: str
    connector_id: str | None


class QualityOut(BaseModel):
    """How good its data are; shares from 0 to 1, null where there is nothing to measure."""

    freshness: Freshness
    silent_s: float | None
    filed: int = Field(description="connectors that are filed under its OperatorID")
    complete: float | None = Field(description="of those, ever reported")
    current: float | None = Field(description="of those, reported within a day")
    usable: float | None = Field(description="of what was sent within a day, what could be taken")
    never_reported: list[str] = Field(description="the first of them")
    untold: list[str] = Field(description="filed here, in no file of the platform's: the first of them")
    unfiled: list[str] = Field(description="in the platform's files, not filed here: the first of them")
    untold_count: int
    unfiled_count: int
    consistent: float | None = Field(
        description="of the sites that it files and that are filed here, on how many both agree"
    )
    contradictions: list[ContradictionOut] = Field(description="where they do not: the first of them")
    contradiction_count: int


class AmbiguousOut(BaseModel):
    """A code that several connectors bear: what is said of it is nobody's."""

    cec_connector_id: str
    places: list[str] = Field(description="station and connector")


class StatsOut(BaseModel):
    """What a site delivered on a day of the county: as its platform reckons it, and as the transactions that ended then say."""

    day: date
    cec_station_id: str
    energy_wh: float
    recorded_wh: float
    received_at: UtcTime


class QueueOut(BaseModel):
    """What a province is to be told, and what became of the last days' reports."""

    waiting: int
    taken: int
    refused: int
    oldest_at: UtcTime | None = Field(description="since when the first of those that wait does")
    last_taken_at: UtcTime | None


class PlatformWithQuality(PlatformOut):
    """A platform with the quality of its data and what it sent within a day; a province's with its queue."""

    quality: QualityOut
    traffic: list[TrafficOut]
    queue: QueueOut
    ambiguous: list[AmbiguousOut]


class ReportOut(BaseModel):
    """Something that a province is to be told, or was."""

    id: int
    kind: Literal["status", "station", "order", "charging", "power"]
    subject: str = Field(description="the ConnectorID, or the StationID of a site's file")
    content: dict[str, Any] = Field(description="in the standard's words; it is sent in the province's own")
    made_at: UtcTime
    state: ReportState
    tries: int
    due_at: UtcTime
    ended_at: UtcTime | None
    error: str | None


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


class RetryIn(BaseModel):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class RetryOut(BaseModel):
    """How many reports will be sent at once."""

    reports: int


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


class SecretsIn(BaseModel):
    """The secrets of one direction, as literal text."""

    operator_secret: str = Field(min_length=1, max_length=200)
    data_secret: str = Field(min_length=1, max_length=200, description="16 bytes")
    data_secret_iv: str = Field(min_length=1, max_length=200, description="16 bytes")
    sig_secret: str = Field(min_length=1, max_length=200)

    def secrets(self) -> Secrets:
        return Secrets(self.operator_secret, self.data_secret, self.data_secret_iv, self.sig_secret)


class PlatformIn(BaseModel):
    """A platform as it shall be; secrets that are left out stay as they are."""

    name: str = Field(min_length=1, max_length=200)
    organisation_id: str | None = Field(default=None, max_length=200)
    role: Role = "operator"
    profile: str = Field(max_length=100)
    enabled: bool = True
    address: str | None = Field(default=None, max_length=300)
    our_operator_id: str | None = Field(default=None, max_length=9)
    inbound: SecretsIn | None = Field(default=None, description="with which it calls us")
    outbound: SecretsIn | None = Field(default=None, description="with which we call it")
    reason: str = Field(min_length=1, max_length=500)

    def wish(self) -> Wish:
        return Wish(
            name=self.name,
            organisation_id=self.organisation_id,
            role=self.role,
            profile=self.profile,
            enabled=self.enabled,
            address=self.address,
            our_operator_id=self.our_operator_id,
            inbound=self.inbound.secrets() if self.inbound else None,
            outbound=self.outbound.secrets() if self.outbound else None,
        )


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


class ProfileOut(BaseModel):
    """How one kind of platform speaks."""

    name: str
    title: str
    source: str
    unverified: list[str]
    base_path: str
    receives: dict[str, str]


def _day(ordinal: int) -> date:
    """Return the day of a cursor; Invalid where there is no such day."""
    if not date.min.toordinal() <= ordinal <= date.max.toordinal():
        raise Invalid("cursor: not a cursor of this list", fields=[FieldError("cursor", "not of this list")])
    return date.fromordinal(ordinal)


def add_platforms(app: FastAPI, looking: Looking) -> None:
    """Add them to /api/gateway."""
    desk = looking.desk
    _add_reports(app, desk)

    @app.get("/platforms")
    async def platforms(who: Who, limit: Limit = 100, cursor: Cursor = None) -> Page[PlatformOut]:
        """List platforms by OperatorID: an operator's own, regulators all."""
        key = decode_cursor(cursor, str)
        rows = await looking.listed(who, key[0] if key else None, limit)
        items = [PlatformOut(**dict(row), freshness=freshness) for row, freshness in rows]
        return Page(items=items, next=next_cursor([row for row, _ in rows], limit, "operator_id"))

    @app.get("/platforms/{operator_id}")
    async def platform(operator_id: str, who: Who) -> PlatformWithQuality:
        """Return a platform with the quality of its data."""
        found = await looking.of(who, operator_id)
        return PlatformWithQuality.model_validate(
            {
                **dict(found.platform),
                "freshness": found.quality.freshness,
                "quality": QualityOut.model_validate(found.quality, from_attributes=True),
                "traffic": [TrafficOut(**dict(row)) for row in found.traffic],
                "queue": QueueOut(**dict(found.queue)),
                "ambiguous": [AmbiguousOut(**dict(row)) for row in found.ambiguous],
            }
        )

    @app.put("/platforms/{operator_id}")
    async def put(
        operator_id: str,
        wanted: PlatformIn,
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
    ) -> PlatformWithQuality:
        """Let a platform in, or change how it is spoken with."""
        await desk.put(who, operator_id, wanted.wish(), wanted.reason, remote_of(request))
        return await platform(operator_id, who)

    @app.get("/platforms/{operator_id}/connectors")
    async def connectors(
        operator_id: str, who: Who, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PlatformConnectorOut]:
        """List the connectors that a platform reports, with what they are now."""
        key = decode_cursor(cursor, str, str, int)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            after = (key[0], key[1], key[2]) if key else None
            rows = await store.connectors(connection, operator_id, after, limit)
        following = next_cursor(rows, limit, "cec_connector_id", "station_id", "connector")
        return Page(items=[PlatformConnectorOut(**dict(row)) for row in rows], next=following)

    @app.get("/platforms/{operator_id}/refused")
    async def refused(
        operator_id: str, who: Who, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PlatformRefusedOut]:
        """List what was refused of a platform, and why, newest first."""
        key = decode_cursor(cursor, int)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            rows = await store.refused(connection, operator_id, key[0] if key else None, limit)
        return Page(items=[PlatformRefusedOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.get("/platforms/{operator_id}/orders")
    async def orders(
        operator_id: str, who: Who, state: OrderState | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[OrderOut]:
        """List a platform's orders from the highest number down, also those that became no transaction."""
        key = decode_cursor(cursor, str)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            rows = await store.orders(connection, operator_id, state and [state], key[0] if key else None, limit)
        return Page(items=[OrderOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "order_no"))

    @app.get("/platforms/{operator_id}/stats")
    async def stats(operator_id: str, who: Who, limit: Limit = 100, cursor: Cursor = None) -> Page[StatsOut]:
        """List what a platform's sites delivered by day, the newest first, beside what was recorded."""
        key = decode_cursor(cursor, int, str)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            rows = await store.stats(connection, operator_id, key and (_day(key[0]), key[1]), limit)
        following = (
            encode_cursor(rows[-1]["day"].toordinal(), rows[-1]["cec_station_id"]) if len(rows) == limit else None
        )
        return Page(items=[StatsOut(**dict(row)) for row in rows], next=following)

    @app.post("/platforms/{operator_id}/trial")
    async def trial(operator_id: str, wanted: TrialIn, who: Who) -> TrialOut:
        """Try a message: what it would become. Nothing is stored."""
        found = await looking.attempt(who, operator_id, wanted.message, wanted.text)
        return TrialOut.model_validate(found, from_attributes=True)

    @app.get("/platform-profiles")
    async def profiles(_: Who) -> Page[ProfileOut]:
        """List how platforms speak, and what of that is unverified."""
        return Page(items=[ProfileOut.model_validate(p, from_attributes=True) for p in desk.profiles.values()])


def _add_reports(app: FastAPI, desk: PlatformDesk) -> None:
    @app.get("/platforms/{operator_id}/reports")
    async def reports(
        operator_id: str, who: Who, state: ReportState | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ReportOut]:
        """List what a province is to be told, or was, newest first."""
        key = decode_cursor(cursor, int)
        await desk.seen_by(who, operator_id)
        async with desk.pool.acquire() as connection:
            rows = await store.reports(connection, operator_id, state, key[0] if key else None, limit)
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
