"""/api/inspection: the annual report, its records, and what is entered by hand."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field

from inspection_service.annual_report import store
from inspection_service.annual_report.desk import AnnualDesk, EntryWish, UptimeDetails
from inspection_service.annual_report.formats import FORMATS
from inspection_service.annual_report.gateway import GatewayUptime
from inspection_service.annual_report.indicators import BY_ID, FIRST_YEAR, LAST_YEAR, Report, percent_of
from inspection_service.printing.press import Press
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import Invalid, NotFound, Reason
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, next_cursor
from youguan.web.security import require, require_county, shown_again
from youguan.web.times import UtcTime

Year = Annotated[int, Query(ge=FIRST_YEAR, le=LAST_YEAR)]
FormatName = Literal["json", "html", "pdf", "docx", "csv"]


class RecordOut(BaseModel):
    """A record behind a figure, which is the sum of all `weight`; of `repair_hours` half of them are less.

    `kind`: case, plan, visit, task, site or entry.
    """

    id: str
    kind: str
    number: str
    about: str | None
    day: date
    weight: int | float


class UptimeRecordOut(BaseModel):
    """What an operator's uptime is made of: a site, or (`station_id`) one of its connectors; `percent` null: never observed.

    `first_day`, `last_day`: of the year those on which the operator managed the site.
    """

    site_id: str
    site_name: str | None
    station_id: str | None
    connector: int | None
    first_day: date
    last_day: date
    available_s: int
    observed_s: int
    percent: float | None


class EntryIn(BaseModel):
    """What no record holds, and where that is written."""

    kind: Literal["training", "publicity", "exemplary_case"]
    on: date
    title: Annotated[str, Field(min_length=1, max_length=200)]
    count: Annotated[int, Field(ge=1, le=10_000_000)] = 1
    source: Annotated[str, Field(min_length=1, max_length=500)]


class EntryOut(EntryIn):
    """An entry; `withdrawn_at` null: it counts."""

    id: int
    noted_at: UtcTime
    noted_by: str
    withdrawn_at: UtcTime | None
    withdrawn_by: str | None


def add_annual_report(app: FastAPI, desk: AnnualDesk, press: Press, base_url: str) -> None:
    """Add the annual report to /api/inspection."""
    official = require(*OFFICIALS)

    @app.get("/annual-report", response_class=Response)
    async def annual_report(
        request: Request, who: Annotated[Principal, Depends(official)], year: Year, format: FormatName = "json"
    ) -> Response:
        """Return the report of a year, as far as one's bounds reach."""
        report = await make_report(desk, request, who, year, base_url)
        return give_report(report, press, format)

    @app.get("/annual-report/uptime")
    async def uptime_records(
        request: Request,
        who: Annotated[Principal, Depends(official)],
        year: Year,
        organisation: str | None = None,
        site: Annotated[str | None, Query(description="its connectors, instead of an operator's sites")] = None,
        first_day: Annotated[date | None, Query(description="of a site's connectors: the days that count")] = None,
        last_day: date | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[UptimeRecordOut]:
        """List what an operator's uptime is made of by site, or a site's by connector."""
        source = GatewayUptime(base_url, shown_again(request))
        found = await read_uptime(desk, source, year, organisation, site, (first_day, last_day))
        key = decode_cursor(cursor, int)
        start = max(0, key[0]) if key else 0
        items = found[start : start + limit]
        return Page(items=items, next=encode_cursor(start + limit) if start + limit < len(found) else None)

    @app.get("/annual-report/{indicator}")
    async def indicator_records(
        indicator: str,
        who: Annotated[Principal, Depends(official)],
        year: Year,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[RecordOut]:
        """List the records behind a figure, the latest first."""
        return await read_records(desk, who, indicator, year, limit, cursor)

    @app.get("/report-entries")
    async def entries(_: Annotated[Principal, Depends(official)], year: Year) -> Page[EntryOut]:
        """List what was entered for a year."""
        async with desk.pool.acquire() as connection:
            return Page(items=[EntryOut(**dict(row)) for row in await store.entries(connection, year)])

    @app.post("/report-entries", status_code=201)
    async def enter(entry: EntryIn, who: Annotated[Principal, Depends(require_county(REGULATOR))]) -> dict[str, int]:
        """Enter what no record holds, with its source."""
        return {"id": await desk.enter(who, EntryWish(**entry.model_dump()))}

    @app.post("/report-entries/{entry_id}/withdraw", status_code=204)
    async def withdraw(entry_id: int, who: Annotated[Principal, Depends(require_county(REGULATOR))]) -> None:
        """Let an entry count no longer; it stays on record."""
        await desk.withdraw(who, entry_id)


async def make_report(desk: AnnualDesk, request: Request, who: Principal, year: int, base_url: str) -> Report:
    """Return the report as its reader may see it: the gateway is asked with his own token."""
    return await desk.report(year, GatewayUptime(base_url, shown_again(request)), who.scope)


def give_report(report: Report, press: Press, name: str) -> Response:
    """Return a report in a format; what is no JSON is saved under its year."""
    chosen = FORMATS[name]
    headers = {"Cache-Control": "no-store"}
    if name != "json":
        headers["Content-Disposition"] = f'attachment; filename="annual-report-{report.year}.{name}"'
    return Response(chosen.make(report, press), media_type=chosen.media_type, headers=headers)


async def read_uptime(
    desk: AnnualDesk,
    uptime: UptimeDetails,
    year: int,
    organisation: str | None,
    site: str | None,
    days: tuple[date | None, date | None] = (None, None),
) -> list[UptimeRecordOut]:
    """Return what an operator's uptime is made of, or a site's; Invalid where neither is named, Unavailable."""
    if (organisation is None) == (site is None):
        raise Invalid.about("organisation", "name an organisation or a site")
    if site is not None:
        found = await desk.connectors_behind(year, site, uptime, days)
    else:
        found = await desk.sites_behind(year, organisation or "", uptime)
    async with desk.pool.acquire() as connection:
        names = await store.site_names(connection, {each.site_id for _, each in found})
    return [
        UptimeRecordOut(
            **asdict(each), site_name=names.get(each.site_id), percent=percent_of(each.available_s, each.observed_s),
            first_day=span.first, last_day=span.after - timedelta(days=1),
        )
        for span, each in found
    ]  # fmt: skip


async def read_records(
    desk: AnnualDesk, who: Principal, indicator: str, year: int, limit: int, cursor: str | None
) -> Page[RecordOut]:
    """Return a page of the records behind a figure; NotFound where there is no such figure."""
    if indicator not in BY_ID:
        raise NotFound(Reason("indicator {id}", id=indicator))
    key = decode_cursor(cursor, str, str)
    async with desk.pool.acquire() as connection:
        before: Any = (key[0], key[1]) if key else None
        rows = await store.records(connection, indicator, year, who.scope, before, limit)
    members = [{name: row[name] for name in RecordOut.model_fields} for row in rows]
    return Page(items=[RecordOut(**each) for each in members], next=next_cursor(rows, limit, "day_text", "id"))
