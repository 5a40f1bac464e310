"""Where the data of a suite lie: the option that every command about a suite has, and the database of the one that runs there."""

import os
from pathlib import Path
from typing import Annotated

import typer

from deploy import embedded, status

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / ".youguan"
Data = Annotated[Path, typer.Option("--data", help="the suite's data folder")]


def database_of(data: Path) -> str:
    """Return the address of the database that a suite runs on; says so and ends where none runs."""
    given = os.environ.get("YOUGUAN_DATABASE_URL")
    if given is not None:
        return given
    running = status.read(data)
    if running is None or not status.alive(running):
        typer.echo(f"youguan: nothing runs on {data}", err=True)
        raise typer.Exit(1)
    return embedded.cluster(data).dsn()
