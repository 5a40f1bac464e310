"""`youguan doctor`: what there is on this machine."""

import os
import shutil
import sys

import typer

from deploy import embedded, status
from deploy.commands.data import DEFAULT_DATA, Data
from ocpp_gateway.protocol.secrets import without_password

app = typer.Typer(add_completion=False)


@app.command()
def doctor(data: Data = DEFAULT_DATA) -> None:
    """Say what was found on this machine, and how the suite on a data folder stores its time series."""
    found = status.read(data)
    typer.echo(f"python      {sys.version.split()[0]}")
    typer.echo(f"mosquitto   {embedded.mosquitto() or 'not found: amqtt is used'}")
    typer.echo(f"chromium    {shutil.which('chromium') or 'not found: browser tests are skipped'}")
    typer.echo(f"database    {without_password(os.environ.get('YOUGUAN_DATABASE_URL', 'our own PostgreSQL'))}")
    typer.echo(f"storage     {found.storage if found else f'nothing has run on {data}'}")
    for name, number in status.versions().items():
        typer.echo(f"{name:<11} {number}")
