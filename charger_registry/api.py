"""/api/registry: sites, stations, organisations and who is responsible for them."""

from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, Field

from charger_registry import store
from charger_registry.ledger.api import OrganisationName
from charger_registry.people.organisations import store as bodies
from charger_registry.public.access import known_site
from youguan.clock import Clock
from youguan.web.application import api
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import scope_of
from youguan.web.times import UtcTime


class ConnectorOut(BaseModel):
    """A connector by our number; `cec_connector_id` is its T/CEC 102 ConnectorID, text with its leading zeros."""

    connector: int
    evse: int
    evse_id: str | None
    name: str | None
    type: str | None = Field(
        description="OCPI's word: GBT_AC, GBT_DC, IEC_62196_T2 …, WIRELESS, OTHER; null: not known"
    )
    format: Literal["SOCKET", "CABLE"] | None
    current_type: Literal["AC", "DC"] | None
    power_w: int | None
    voltage_v: int | None
    current_a: int | None
    national_standard: int | None
    bay: str | None
    cec_connector_id: str | None


class StationOut(BaseModel):
    """A charging station, as everybody may know it."""

    id: str
    site_id: str
    name: str | None
    vendor: str | None
    model: str | None
    power_w: int
    current_type: str
    managed: bool
    cec_equipment_id: str | None
    connectors: list[ConnectorOut]


class PeriodOut(BaseModel):
    """On one weekday (1 Monday to 7 Sunday), `HH:MM` in the county."""

    weekday: int
    begin: str
    end: str


class HoursOut(BaseModel):
    """When a site is open; `text` as it was given."""

    always: bool
    periods: list[PeriodOut]
    text: str


class SiteOut(BaseModel):
    """A site; coordinates in WGS-84 degrees, `given_crs` is the system they were filed in."""

    id: str
    name: str
    address: str
    division_code: str | None
    division_name: str | None
    longitude: float
    latitude: float
    given_crs: str
    stations: int
    filed_at: UtcTime
    updated_at: UtcTime
    position: Literal["verified", "unverified"] = Field(description="held against the division's boundary, or not")
    usage: str | None
    construction: str | None
    bays: int | None
    accessible_bays: int | None
    opening_hours: HoursOut | None
    help_phone: str | None
    site_phone: str | None
    parking: str | None
    parking_rules: str | None
    guide: str | None
    renewable: bool | None
    operator_code: str | None = Field(description="T/CEC 102's OperatorID")
    cec_station_id: str | None = Field(description="T/CEC 102's StationID, text with its leading zeros")
    reason: str | None = Field(description="why nobody manages it; null where somebody does")
    unmanaged_since: UtcTime | None


class OrganisationOut(OrganisationName):
    """An organisation, as those know it who see everything, and the organisation itself."""

    uscc: str | None
    phone: str | None
    deregistered_at: UtcTime | None


def registry_api(pool: asyncpg.Pool, clock: Clock) -> FastAPI:
    """Return /api/registry."""
    app = api("Youguan registry")
    _add_stations(app, pool)
    _add_sites(app, pool)
    _add_organisations(app, pool)
    return app


def _add_stations(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/stations")
    async def stations(
        request: Request,
        managed: bool | None = None,
        site: str | None = None,
        platform: Annotated[str | None, Query(description="those that this OperatorID's platform reports")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[StationOut]:
        """List charging stations, by id. No login needed; those at what is somebody's own for who has a right in it."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_stations(
                connection,
                managed=managed,
                site_id=site,
                after=key[0] if key else None,
                limit=limit,
                platform=platform,
                shown_to=scope_of(request),
            )
        items = [StationOut(**{**row, "connectors": row["connector_files"]}) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "id"))


def _add_sites(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/sites")
    async def sites(
        request: Request,
        unmanaged: bool | None = None,
        division: str | None = None,
        q: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[SiteOut]:
        """List sites, by id; `unmanaged=true`: those that nobody manages, with the reason. What is somebody's own as above."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_sites(
                connection,
                unmanaged_only=unmanaged,
                division=division,
                words=q,
                after=key[0] if key else None,
                limit=limit,
                shown_to=scope_of(request),
            )
        return Page(items=[_site(row) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.get("/sites/{site_id}", dependencies=[Depends(known_site(pool))])
    async def site(site_id: str) -> SiteOut:
        """Return one site; what is somebody's own to those who have a right in it."""
        async with pool.acquire() as connection:
            return _site(await store.get_site(connection, site_id))


def _add_organisations(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/organisations")
    async def organisations(
        request: Request, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[OrganisationOut | OrganisationName]:
        """List organisations, by id; with code and telephone for those within whose bounds they are. No login needed."""
        key = decode_cursor(cursor, str)
        async with pool.acquire() as connection:
            rows = await store.list_organisations(connection, key[0] if key else None, limit)
            seen = await bodies.organisations_within(connection, scope_of(request), [row["id"] for row in rows])
        items = [(OrganisationOut if row["id"] in seen else OrganisationName)(**dict(row)) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "id"))


def _site(row: asyncpg.Record) -> SiteOut:
    return SiteOut(**dict(row), reason=row["unmanaged_reason"])
