"""Uptime, hours, and what does not count as outage, over HTTP."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from ocpp_gateway import store as stations
from ocpp_gateway.timeseries import store
from ocpp_gateway.timeseries.rollup import days_between
from ocpp_gateway.timeseries.store import KEYS, Grouping
from ocpp_gateway.timeseries.uptime import Seconds, percents
from youguan import audit
from youguan.auth import REGULATOR, Principal, Scope
from youguan.bounds import stations_within
from youguan.clock import Clock
from youguan.errors import Invalid, NotFound, Reason
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_station
from youguan.web.times import GivenTime, UtcTime

KINDS: Mapping[str, type] = {"connector": int}  # what a cursor holds; the other keys are text
LONGEST_PERIOD = timedelta(days=400)
Since = Annotated[date, Query(alias="from", description="first day, the county's")]
Until = Annotated[date, Query(alias="to", description="the day after the last")]
Kind = Literal["scheduled_maintenance", "grid_outage", "force_majeure", "vandalism", "vehicle"]


class UptimeOut(BaseModel):
    """Seconds in each state within the period, and uptime in percent by each rule; null where nothing was observed."""

    site_id: str | None = None
    station_id: str | None = None
    connector: int | None = None
    available_s: int
    occupied_s: int
    charging_s: int
    reserved_s: int
    unavailable_s: int
    faulted_s: int
    offline_s: int
    unknown_s: int
    excluded_s: int
    energy_wh: float
    transactions: int
    nevi_percent: float | None
    uk_percent: float | None
    intact_percent: float | None
    online_percent: float | None


class SpanOut(UptimeOut):
    """The same of a site within a span of its own; `place`: which of those asked for, from 0."""

    place: int


class HourOut(BaseModel):
    """Seconds of one hour in each state; `hour` in the county's time."""

    day: date
    hour: int
    connector: int
    available_s: int
    occupied_s: int
    charging_s: int
    reserved_s: int
    unavailable_s: int
    faulted_s: int
    offline_s: int
    unknown_s: int


class ExclusionIn(BaseModel, extra="forbid"):
    """A period in which outage does not count, for one station or all of a site."""

    station_id: str | None = None
    site_id: str | None = None
    kind: Kind
    since: GivenTime = Field(validation_alias="from")
    until: GivenTime
    announced_at: GivenTime | None = None
    reason: str = Field(min_length=1, max_length=500)


class ExclusionOut(BaseModel):
    """A recorded period; what is withdrawn counts as outage again."""

    id: str
    station_id: str
    kind: Kind
    since: UtcTime = Field(serialization_alias="from")
    until: UtcTime
    announced_at: UtcTime | None
    reason: str
    recorded_by: str
    recorded_at: UtcTime
    withdrawn_at: UtcTime | None


def add_timeseries(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    """Add uptime and exclusions to /api/gateway."""
    _add_uptime(app, pool)
    _add_exclusions(app, pool, clock)


def _add_uptime(app: FastAPI, pool: asyncpg.Pool) -> None:
    @app.get("/uptime")
    async def uptime(
        who: Annotated[Principal, Depends(require())],
        since: Since,
        until: Until,
        by: Grouping = "site",
        site: str | None = None,
        station: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[UptimeOut]:
        """Sum the days of a period by connector, station, site, or for the county."""
        _check_period(since, until)
        keys = KEYS[by]
        after = decode_cursor(cursor, *(KINDS.get(key, str) for key in keys))
        async with pool.acquire() as connection:
            rows = await store.sum_days(
                connection,
                since,
                until,
                by,
                site_id=site,
                station_id=station,
                scope=who.scope,
                after=after,
                limit=limit,
            )
        seen = [{**row, "site_id": row.get("site_id") or ""} for row in rows]
        following = next_cursor(seen, limit, *keys) if keys else None
        return Page(items=[_uptime(row) for row in rows if row["available_s"] is not None], next=following)

    @app.get("/uptime/spans")
    async def spans(
        who: Annotated[Principal, Depends(require())],
        span: Annotated[list[str], Query(max_length=1000, description="site,first day,day after the last")],
    ) -> Page[SpanOut]:
        """Sum the days of sites, each within a span of its own; what was never observed is left out."""
        async with pool.acquire() as connection:
            rows = await store.sum_spans(connection, [_span(said) for said in span], who.scope)
        return Page(items=[SpanOut(**_members(row)) for row in rows])

    @app.get("/stations/{station_id}/hours")
    async def hours(
        station_id: str,
        _: Annotated[Principal, Depends(require_station(pool))],
        since: Since,
        until: Until,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[HourOut]:
        """List a station's hours, the earliest first."""
        _check_period(since, until)
        key = decode_cursor(cursor, str, int, int)
        after = (key[0], key[1], key[2]) if key else None
        async with pool.acquire() as connection:
            await stations.get_station(connection, station_id)
            rows = await store.hours(connection, station_id, since, until, after=after, limit=limit)
        following = next_cursor(rows, limit, "day_text", "hour", "connector")
        return Page(items=[HourOut(**dict(row)) for row in rows], next=following)


def _add_exclusions(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    @app.get("/exclusions")
    async def exclusions(
        who: Annotated[Principal, Depends(require())],
        station: str | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ExclusionOut]:
        """List periods in which outage does not count, those recorded last first."""
        key = decode_cursor(cursor, datetime, str)
        before = (key[0], key[1]) if key else None
        async with pool.acquire() as connection:
            rows = await store.list_exclusions(connection, station, before, limit, who.scope)
        following = next_cursor(rows, limit, "recorded_at", "id")
        return Page(items=[ExclusionOut(**dict(row)) for row in rows], next=following)

    @app.post("/exclusions", status_code=201)
    async def exclude(given: ExclusionIn, who: Annotated[Principal, Depends(require(REGULATOR))]) -> list[str]:
        """Record a period; return an id for each station."""
        _check_exclusion(given)
        now = clock.now()
        async with pool.acquire() as connection, connection.transaction():
            if given.site_id is not None:
                chosen = await store.stations_of_site(connection, given.site_id)
            else:
                chosen = [(await stations.get_station(connection, given.station_id or ""))["id"]]
            await _hold_within(connection, who.scope, chosen)
            rows = [
                (str(uuid.uuid4()), station_id, given.kind, given.since, given.until, given.announced_at, given.reason,
                 who.subject, now)
                for station_id in chosen
            ]  # fmt: skip
            await audit.record(
                connection, at=now, actor=who.subject, action="exclude", subject=given.site_id or f"{given.station_id}",
                after=given.model_dump(mode="json"),
            )  # fmt: skip
            await store.insert_exclusions(connection, rows)
            await _count_again(connection, chosen, given.since, given.until)
        return [row[0] for row in rows]

    @app.delete("/exclusions/{exclusion_id}", status_code=204)
    async def withdraw(exclusion_id: str, who: Annotated[Principal, Depends(require(REGULATOR))]) -> None:
        """Let a period count as outage again; the record stays."""
        now = clock.now()
        async with pool.acquire() as connection, connection.transaction():
            row = await store.withdraw_exclusion(connection, exclusion_id, now)
            await _hold_within(connection, who.scope, [row["station_id"]])
            await audit.record(connection, at=now, actor=who.subject, action="withdraw exclusion", subject=exclusion_id)
            await _count_again(connection, [row["station_id"]], row["since"], row["until"])


async def _hold_within(connection: asyncpg.Connection, scope: Scope, station_ids: list[str]) -> None:
    """Refuse what reaches beyond somebody's bounds, as if it were not there; NotFound."""
    beyond = set(station_ids) - await stations_within(connection, scope, station_ids)
    if beyond:
        raise NotFound(Reason("station {station_id}", station_id=min(beyond)))


async def _count_again(
    connection: asyncpg.Connection, station_ids: list[str], since: datetime, until: datetime
) -> None:
    days = list(days_between(since, until))
    await store.mark_due(connection, ((station_id, day) for station_id in station_ids for day in days))


def _check_period(since: date, until: date) -> None:
    if not timedelta(0) < until - since <= LONGEST_PERIOD:
        raise Invalid.about("to", Reason("must come after `from`, by at most {days} days", days=LONGEST_PERIOD.days))


def _check_exclusion(given: ExclusionIn) -> None:
    if (given.station_id is None) == (given.site_id is None):
        raise Invalid.about("station_id", "name a station or a site, and not both")
    if not timedelta(0) < given.until - given.since <= LONGEST_PERIOD:
        raise Invalid.about("until", Reason("must come after `from`, by at most {days} days", days=LONGEST_PERIOD.days))
    if given.kind == "scheduled_maintenance" and (given.announced_at is None or given.announced_at >= given.since):
        raise Invalid.about("announced_at", "scheduled maintenance counts only when it was announced before it began")


def _span(said: str) -> tuple[str, date, date]:
    """Return (site, first day, day after the last); Invalid."""
    site_id, *days = said.rsplit(",", 2)
    try:
        since, until = (date.fromisoformat(day) for day in days)
    except ValueError:
        raise Invalid.about("span", "must be a site, its first day and the day after the last, with commas") from None
    _check_period(since, until)
    return site_id, since, until


def _uptime(row: asyncpg.Record) -> UptimeOut:
    return UptimeOut(**_members(row))


def _members(row: asyncpg.Record) -> dict[str, Any]:
    members = {**dict(row), "energy_wh": float(row["energy_wh"])}
    return members | {f"{name}_percent": percent for name, percent in percents(Seconds.of(row)).items()}
