"""`youguan divisions`: whoever sets a suite up tells it its towns and their boundaries; without divisions nobody can file."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import asyncpg
import typer

from charger_registry.divisions.border_desk import Loading, load_boundaries
from charger_registry.divisions.desk import Filer, Taken, take_divisions
from charger_registry.imports.confined import ConfinedReader
from deploy.commands.data import DEFAULT_DATA, Data, database_of
from deploy.commands.person import ACTOR
from deploy.commands.refusals import refusals_told
from youguan.clock import SystemClock
from youguan.coordinates import TO_WGS84
from youguan.database import connect

FILER = Filer(ACTOR)
Outcome = TypeVar("Outcome")
app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def divisions() -> None:
    """The divisions of the county, and their boundaries."""


@app.command("import")
def import_divisions(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV: code,name[,name_en][,parent]")],
    data: Data = DEFAULT_DATA,
) -> None:
    """File the divisions of a table in a running suite; what is filed already is brought up to date."""

    async def take(connection: asyncpg.Connection) -> Taken:
        reading = await ConfinedReader().read_divisions(file.read_bytes())
        return await take_divisions(connection, FILER, reading, SystemClock().now())

    taken = _done(data, take)
    for row in taken.refused:
        typer.echo(f"{file.name}:{row.row}: {row.field}: {row.reason}", err=True)
    if taken.ignored_columns:
        typer.echo(f"columns not used: {', '.join(taken.ignored_columns)}", err=True)
    counts = f"{len(taken.added)} added, {len(taken.changed)} changed, {taken.unchanged} unchanged"
    typer.echo(f"{counts}, {len(taken.refused)} refused")
    raise typer.Exit(1 if taken.refused else 0)


@app.command()
def boundaries(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="GeoJSON; a feature's code or adcode is the division's code"),
    ],
    crs: Annotated[str, typer.Option(help="its coordinates: gcj02, wgs84, cgcs2000, bd09")] = "wgs84",
    data: Data = DEFAULT_DATA,
) -> None:
    """Load boundaries of divisions; sites that lie outside of theirs are named with the distance."""
    if crs not in TO_WGS84:
        raise typer.BadParameter(f"{crs} is none of: {', '.join(TO_WGS84)}", param_hint="--crs")

    async def load(connection: asyncpg.Connection) -> Loading:
        outlines = await ConfinedReader().read_outlines(file.read_bytes(), crs)
        return await load_boundaries(connection, FILER, outlines, SystemClock().now())

    found = _done(data, load)
    for feature in found.refused:
        typer.echo(f"{file.name}: feature {feature['feature']}: {feature['reason']}", err=True)
    for site in found.outside:
        typer.echo(f"site {site['site_id']} lies {site['metres']} m outside of division {site['division']}", err=True)
    typer.echo(
        f"{len(found.loaded)} boundaries loaded, {len(found.refused)} refused, {len(found.outside)} sites outside"
    )
    raise typer.Exit(1 if found.refused else 0)


def _done(data: Path, work: Callable[[asyncpg.Connection], Awaitable[Outcome]]) -> Outcome:
    """Return what work on the suite's database did; says so and ends where it cannot be done."""
    with refusals_told():
        return asyncio.run(_connected(database_of(data), work))


async def _connected(database_url: str, work: Callable[[asyncpg.Connection], Awaitable[Outcome]]) -> Outcome:
    connection = await connect(database_url)
    try:
        return await work(connection)
    finally:
        await connection.close()
