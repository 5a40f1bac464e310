"""`youguan status`: how every part of a running suite is."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from deploy import status
from deploy.commands.data import DEFAULT_DATA, Data

app = typer.Typer(add_completion=False)


@app.command()
def show_status(data: Data = DEFAULT_DATA, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say how every part of a running suite is."""
    found = status.current(data)
    if found is None or not (as_json or status.alive(found)):
        typer.echo(f"youguan: nothing runs on {data}", err=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        typer.echo(f"{'ready' if found.ready else 'not ready'}; storage {found.storage}; broker {found.broker}")
        for part in found.parts:
            typer.echo(f"  {part.name:<12} {part.state:<11} {part.pid or '-':>8}  restarts {part.restarts}")
        for name, address in found.addresses.items():
            typer.echo(f"  {name:<12} {address}")
    raise typer.Exit(0 if found.ready else 1)
