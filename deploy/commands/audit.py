"""`youguan audit`: whether the trail is whole, and its head for whoever wants to keep it elsewhere."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from deploy.commands.data import DEFAULT_DATA, Data, database_of
from deploy.commands.refusals import refusals_told
from youguan import audit
from youguan.audit import Head
from youguan.audit_heads import HeadFile, parse
from youguan.database import connect

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def trail() -> None:
    """Who did what: the audit trail."""


@app.command()
def verify(
    data: Data = DEFAULT_DATA,
    head: Annotated[list[str] | None, typer.Option(help="NUMBER:HASH, as `audit head` showed it at some time")] = None,
) -> None:
    """Check the chain of hashes, and every head that was kept beside the database; name the first line that is broken."""
    with refusals_told():
        heads = [*HeadFile(data).read(), *map(parse, head or [])]
        broken, last = asyncio.run(_verify(database_of(data), heads))
    if broken is not None:
        gone = last is None or broken > last.number
        typer.echo(f"line {broken} {'is missing' if gone else 'does not fit the chain'}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{last.number if last else 0} lines, all of them fit; {len(heads)} kept heads agree")


@app.command("head")
def show_head(data: Data = DEFAULT_DATA) -> None:
    """Print the last line's number and hash."""
    _, last = asyncio.run(_verify(database_of(data), (), only_head=True))
    typer.echo(f"{last.number}:{last.hash.hex()}" if last else "0:")


async def _verify(
    database_url: str, heads: Sequence[Head], *, only_head: bool = False
) -> tuple[int | None, Head | None]:
    connection = await connect(database_url)
    try:
        return None if only_head else await audit.verify(connection, heads), await audit.head(connection)
    finally:
        await connection.close()
