"""`youguan import`: sites of a file into a running suite."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from charger_registry.imports.desk import Outcome, import_sites
from deploy.commands.data import DEFAULT_DATA, Data, database_of
from deploy.commands.refusals import refusals_told
from youguan.clock import SystemClock
from youguan.database import connect

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def imports() -> None:
    """Bring data of your own in."""


@app.command("sites")
def import_sites_command(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, Excel (.xlsx), GeoJSON, OCPI locations, T/CEC 102 station info or Open Charge Map"),
    ],
    crs: Annotated[
        str | None, typer.Option(help="its coordinates: gcj02, wgs84, cgcs2000, bd09; default: as its format has them")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add the sites of a file to a running suite; nothing is invented, nothing is doubled."""
    with refusals_told():
        outcome = asyncio.run(_import(file, crs, database_of(data)))
    if outcome.format == "csv" and (outcome.encoding, outcome.delimiter) != ("UTF-8", ","):
        typer.echo(f"{file.name}: {outcome.encoding}, cells between {SEPARATORS[outcome.delimiter]}", err=True)
    for row in outcome.refused:
        typer.echo(f"{file.name}:{row.row}: {row.field}: {row.reason}", err=True)
    if outcome.ignored_columns:
        typer.echo(f"columns not used: {', '.join(outcome.ignored_columns)}", err=True)
    counts = f"{outcome.added} added, {outcome.changed} changed, {outcome.unchanged} unchanged"
    typer.echo(f"{counts}, {len(outcome.refused)} refused")
    raise typer.Exit(1 if outcome.refused else 0)


async def _import(file: Path, crs: str | None, database_url: str) -> Outcome:
    connection = await connect(database_url)
    try:
        return await import_sites(connection, file, crs, SystemClock().now())
    finally:
        await connection.close()
