"""`youguan report` and `youguan test-data`: the annual report of a suite, and a year of records to try it with."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import asyncpg
import typer

from deploy.commands.data import DEFAULT_DATA, Data, database_of
from deploy.commands.refusals import refusals_told
from deploy.demo.annual.load import load_year
from deploy.demo.annual.totals import Totals
from inspection_service.annual_report.desk import AnnualDesk, Observed
from inspection_service.annual_report.formats import FORMATS
from inspection_service.annual_report.indicators import FIRST_YEAR, LAST_YEAR, Report
from inspection_service.annual_report.managed import Span
from inspection_service.law.catalogue import catalogue
from inspection_service.printing.press import Press
from ocpp_gateway.timeseries.store import sum_days, sum_spans
from youguan.clock import SystemClock
from youguan.database import connect, create_pool
from youguan.settings import Settings

Made = TypeVar("Made")
Name = Literal["json", "html", "pdf", "docx", "csv"]

app = typer.Typer(add_completion=False)


@app.command()
def report(
    year: Annotated[int, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="the year to report of")],
    format: Annotated[Name, typer.Option(help="what to print")] = "json",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="a file; default: standard output")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the annual report, counted from the records of a running suite."""
    found = _run(lambda: _report(database_of(data), year))
    body = FORMATS[format].make(found, Press())
    if output is not None:
        output.write_bytes(body)
        return
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


@app.command()
def test_data(
    annual_2023: Annotated[
        bool, typer.Option("--annual-2023", help="a year of cases and inspections as in the programme's report of 2023")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add generated records to a running suite, by the rules that real ones obey; what is there already is never touched."""
    if not annual_2023:
        raise typer.BadParameter("say what is wanted: --annual-2023")
    key = Settings().evidence_private_key or _kept_key(data)
    found = _run(lambda: _load(database_of(data), key))
    typer.echo(", ".join(f"{name} {figure}" for name, figure in found.items() if figure))


def _kept_key(data: Path) -> str:
    """Return the key with which the suite on a data folder signs evidence."""
    file = data / "secrets" / "evidence-key"
    if not file.is_file():
        typer.echo(f"youguan: no key to sign evidence with: neither in the settings nor in {data}", err=True)
        raise typer.Exit(1)
    return file.read_text(encoding="utf-8")


def _run(make: Callable[[], Awaitable[Made]]) -> Made:
    async def run() -> Made:
        return await make()

    with refusals_told():
        return asyncio.run(run())


async def _report(database_url: str, year: int) -> Report:
    async with await create_pool(database_url, patience_s=0) as pool:
        desk = AnnualDesk(pool, SystemClock(), catalogue().own.name)
        return await desk.report(year, _Days(pool))


async def _load(database_url: str, private_key: str) -> dict[str, int]:
    connection = await connect(database_url)
    try:
        return await load_year(connection, SystemClock(), private_key, Totals())
    finally:
        await connection.close()


class _Days:
    """The gateway's days, read where they lie."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of(self, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of sites."""
        async with self._pool.acquire() as connection:
            rows = await sum_days(connection, first, after, "site", site_id=None, station_id=None)
        return [Observed.of(row) for row in rows if row["site_id"] is not None and row["available_s"] is not None]

    async def of_spans(self, spans: Sequence[Span]) -> list[tuple[Span, Observed]] | None:
        """Return the uptime of sites within spans of their own."""
        asked = [(span.site_id, span.first, span.after) for span in spans]
        async with self._pool.acquire() as connection:
            rows = await sum_spans(connection, asked)
        return [(spans[row["place"]], Observed.of(row)) for row in rows]
