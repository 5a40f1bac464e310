"""`youguan doctor`: what there is on this machine."""

import os
import shutil
import sys

import typer

from deploy import embedded, status

app = typer.Typer(add_completion=False)


@app.command()
def doctor() -> None:
    """Say what was found on this machine."""
    typer.echo(f"python      {sys.version.split()[0]}")
    typer.echo(f"mosquitto   {embedded.mosquitto() or 'not found: amqtt is used'}")
    typer.echo(f"chromium    {shutil.which('chromium') or 'not found: browser tests are skipped'}")
    typer.echo(f"database    {os.environ.get('YOUGUAN_DATABASE_URL', 'our own PostgreSQL')}")
    for name, found in status.versions().items():
        typer.echo(f"{name:<11} {found}")
