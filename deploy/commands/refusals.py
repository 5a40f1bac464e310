"""How a command says that what it was asked for cannot be done."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from youguan.database import AWAY
from youguan.errors import YouguanError


@contextmanager
def refusals_told() -> Iterator[None]:
    """End the command with one line: exit code 2 where what was asked for is refused, 1 where the database is away."""
    try:
        yield
    except YouguanError as error:
        typer.echo(f"youguan: {error.detail}", err=True)
        raise typer.Exit(2) from None
    except AWAY as error:
        typer.echo(f"youguan: the database cannot be reached: {error}", err=True)
        raise typer.Exit(1) from None
