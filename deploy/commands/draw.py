"""`youguan draw`: repeats a published draw (双随机) on any machine, without a suite and without a database."""

import json
from pathlib import Path
from typing import Annotated

import typer

from inspection_service.inspections.plans.draw import Verdict, verify

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
    """Draw again by the published seed, and say whether the same is drawn; exit code 1 where it is not.

    Replacements chosen by hand, before the seed named who comes, are said: they can not be drawn again, and are not wrong.
    """
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        typer.echo(f"{file.name}: not JSON: {error}", err=True)
        raise typer.Exit(1) from None
    found = verify(record) if isinstance(record, dict) else Verdict(("not a published draw",))
    for fault in found.broken:
        typer.echo(f"{file.name}: {fault}", err=True)
    for chosen in found.by_hand:
        typer.echo(f"{file.name}: chosen by hand, cannot be drawn again, the reason is on record: {chosen}")
    if found.broken:
        raise typer.Exit(1)
    verified = len(record.get("replacements") or ()) - len(found.by_hand)
    typer.echo(f"{len(record['drawn'])} of {len(record['pool']['sites'])} sites, drawn as the seed says")
    typer.echo(f"replacements: {verified} as the seed says, {len(found.by_hand)} chosen by hand")
    typer.echo(f"pool {record['pool_sha256']} (compare it with what was published before the draw)")
