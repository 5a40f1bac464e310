"""Operators' platforms, over HTTP."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from ocpp_gateway.cec102.desk import Wish
from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.cec102.intake.api import add_intake
from ocpp_gateway.cec102.overview import Looking
from ocpp_gateway.cec102.profiles import Role
from ocpp_gateway.cec102.quality import Freshness, What
from ocpp_gateway.cec102.upward.api import add_reports
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require, require_county
from youguan.web.times import UtcTime

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
    last_taken_at: UtcTime | None = Field(description="when a province last took what it was told")
    last_pulled_at: UtcTime | None
    pull_error: str | None
    silent_since: UtcTime | None = Field(description="since when it is an alert; of a province: that it takes nothing")
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
    """Where a platform's file and the registry's do not agree."""

    cec_station_id: str | None = Field(description="null: the file of its operator")
    what: What
    told: str
    filed: str
    connector_id: str | None


class QualityOut(BaseModel):
    """How good its data are; shares from 0 to 1, null where there is nothing to measure."""

    measured_at: UtcTime = Field(description="of a platform of thousands of connectors at most once a minute")
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


class QueueOut(BaseModel):
    """What a province is to be told, and what became of the last days' reports."""

    waiting: int
    taken: int
    refused: int
    withheld: int = Field(description="orders of transactions of which something is not known")
    tell_again_at: UtcTime | None = Field(description="until when it is left alone, since it deals with nothing")
    oldest_at: UtcTime | None = Field(description="since when the first of those that wait does")
    last_taken_at: UtcTime | None


class PlatformWithQuality(PlatformOut):
    """A platform with the quality of its data and what it sent within a day; a province's with its queue."""

    quality: QualityOut
    traffic: list[TrafficOut]
    queue: QueueOut
    ambiguous: list[AmbiguousOut]


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


class ProfileOut(BaseModel):
    """How one kind of platform speaks."""

    name: str
    title: str
    source: str
    unverified: list[str]
    base_path: str
    receives: dict[str, str]


def add_platforms(app: FastAPI, looking: Looking) -> None:
    """Add them to /api/gateway."""
    desk = looking.desk
    add_intake(app, looking)
    add_reports(app, desk)

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

    @app.get("/platform-profiles")
    async def profiles(_: Who) -> Page[ProfileOut]:
        """List how platforms speak, and what of that is unverified."""
        return Page(items=[ProfileOut.model_validate(p, from_attributes=True) for p in desk.profiles.values()])
