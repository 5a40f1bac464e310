"""The pages of the annual report: the report, what is behind each figure, and what is entered by hand."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.annual_report import store
from inspection_service.annual_report.api import FormatName, Year, give_report, make_report, read_records, read_uptime
from inspection_service.annual_report.desk import AnnualDesk, EntryWish
from inspection_service.annual_report.gateway import GatewayUptime
from inspection_service.annual_report.indicators import BY_ID, CHAPTERS, ENTRIES, FIRST_YEAR, LAST_YEAR
from inspection_service.printing.press import Press
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_county, shown_again
from youguan.web.templates import Templates

PAGE = 100
# Where a record opens.
OPENS = {
    "case": "/cases/{id}", "plan": "/inspections/plans/{id}", "visit": "/inspections/visits/{id}", "task": "/tasks/{id}",
    "site": "/registry/sites/{id}", "entry": "/annual-report/entries?year={year}",
}  # fmt: skip


def annual_report_pages(desk: AnnualDesk, press: Press, templates: Templates, base_url: str) -> APIRouter:
    """Return /annual-report."""
    router = Router(prefix="/annual-report")
    _add_report(router, desk, press, templates, base_url)
    _add_entries(router, desk, templates)
    _add_uptime(router, desk, templates, base_url)
    _add_records(router, desk, templates)
    return router


def _add_report(router: APIRouter, desk: AnnualDesk, press: Press, templates: Templates, base_url: str) -> None:
    @router.get("")
    async def report(
        request: Request,
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        year: Annotated[int | None, Query(ge=FIRST_YEAR, le=LAST_YEAR)] = None,
    ) -> Response:
        chosen = year or desk.today().year
        found = await make_report(desk, request, who, chosen, base_url)
        return templates.render(
            request, "annual_report.html", report=found, chapters=CHAPTERS, formats=("pdf", "docx", "csv", "html", "json"),
            years=range(desk.today().year, 2020, -1),
        )  # fmt: skip

    @router.get("/file")
    async def file(
        request: Request, who: Annotated[Principal, Depends(require(*OFFICIALS))], year: Year, format: FormatName
    ) -> Response:
        return give_report(await make_report(desk, request, who, year, base_url), press, format)


def _add_uptime(router: APIRouter, desk: AnnualDesk, templates: Templates, base_url: str) -> None:
    @router.get("/figures/uptime")
    async def uptime(
        request: Request,
        _: Annotated[Principal, Depends(require(*OFFICIALS))],
        year: Year,
        organisation: str | None = None,
        site: str | None = None,
        first_day: date | None = None,
        last_day: date | None = None,
    ) -> Response:
        source = GatewayUptime(base_url, shown_again(request))
        rows = await read_uptime(desk, source, year, organisation, site, (first_day, last_day))
        return templates.render(
            request, "annual_report_uptime.html", rows=rows, year=year, site=site, organisation=organisation
        )


def _add_records(router: APIRouter, desk: AnnualDesk, templates: Templates) -> None:
    @router.get("/figures/{indicator}")
    async def records(
        request: Request,
        indicator: str,
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        year: Year,
        cursor: Cursor = None,
    ) -> Response:
        found = await read_records(desk, who, indicator, year, PAGE, cursor)
        addresses = [OPENS[item.kind].format(id=item.id, year=year) for item in found.items]
        return templates.render(
            request, "annual_report_records.html", indicator=BY_ID[indicator], year=year, next=found.next,
            rows=list(zip(found.items, addresses, strict=True)),
        )  # fmt: skip


def _add_entries(router: APIRouter, desk: AnnualDesk, templates: Templates) -> None:
    async def page(request: Request, year: int, error: YouguanError | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            rows = await store.entries(connection, year)
        return templates.render(
            request, "annual_report_entries.html", status_code=error.status if error else 200, rows=rows, year=year,
            kinds=ENTRIES, today=desk.today(), error=error,
        )  # fmt: skip

    @router.get("/entries")
    async def entries(request: Request, _: Annotated[Principal, Depends(require(*OFFICIALS))], year: Year) -> Response:
        return await page(request, year)

    @router.post("/entries")
    async def enter(
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        kind: Annotated[str, Form(max_length=50)],
        on: Annotated[date, Form()],
        title: Annotated[str, Form(max_length=200)],
        source: Annotated[str, Form(max_length=500)],
        count: Annotated[int, Form()] = 1,
    ) -> Response:
        try:
            await desk.enter(who, EntryWish(kind, on, title, count, source))
        except YouguanError as error:
            return await page(request, on.year, error)
        return RedirectResponse(f"/annual-report/entries?year={on.year}", 303)

    @router.post("/entries/{entry_id}/withdraw")
    async def withdraw(
        entry_id: int, who: Annotated[Principal, Depends(require_county(REGULATOR))], year: Year
    ) -> Response:
        await desk.withdraw(who, entry_id)
        return RedirectResponse(f"/annual-report/entries?year={year}", 303)
