"""`youguan draw`: repeats a published draw (双随机) on any machine, without a suite and without a database."""

import json
from pathlib import Path
from typing import Annotated

import typer

from inspection_service.inspections.plans.draw import faults

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def draws() -> None:
    """Random draws of sites and officers."""


@app.command("verify")
def verify_draw(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="what /api/inspection/draws/{id} answers")
    ],
) -> None:
    """Draw again by the published seed, and say whether the same is drawn; exit code 1 where it is not."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        typer.echo(f"{file.name}: not JSON: {error}", err=True)
        raise typer.Exit(1) from None
    found = faults(record) if isinstance(record, dict) else ["not a published draw"]
    for fault in found:
        typer.echo(f"{file.name}: {fault}", err=True)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{len(record['drawn'])} of {len(record['pool']['sites'])} sites, drawn as the seed says")
    typer.echo(f"pool {record['pool_sha256']} (compare it with what was published before the draw)")
