"""`youguan person`: whoever sets a suite up makes the first accounts here; nobody has one before."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import asyncpg
import typer

from charger_registry import store
from charger_registry.login import store as logins
from charger_registry.people import store as people
from charger_registry.people.closing import end_what_rests_on, person_changed
from charger_registry.people.passwords import Passwords, wrong_password
from deploy.commands.data import DEFAULT_DATA, Data, database_of
from deploy.commands.refusals import refusals_told
from youguan import audit
from youguan.clock import Clock, SystemClock
from youguan.database import connect
from youguan.errors import Conflict, FieldError, Invalid
from youguan.eventlog import publish
from youguan.events import AccessRevoked

ACTOR = "command line"
app = typer.Typer(no_args_is_help=True, add_completion=False)

Role = Literal["regulator", "inspector", "operator", "reviewer"]


@app.callback()
def person() -> None:
    """Who may log in."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who is to log in; an operator belongs to an organisation, an inspector to a division (a code's beginning)."""

    username: str
    name: str
    role: str
    organisation_id: str | None = None
    division: str | None = None
    level: int | None = None
    administrator: bool = False


@app.command()
def add(
    username: Annotated[str, typer.Argument(help="what is typed at the login")],
    role: Annotated[Role, typer.Option(help="what the account may do")],
    name: Annotated[str, typer.Option(help="the person's name; default: the username")] = "",
    organisation: Annotated[str | None, typer.Option(help="id of the operator's organisation")] = None,
    division: Annotated[str | None, typer.Option(help="an official's division, 330226 for instance")] = None,
    level: Annotated[int | None, typer.Option(min=1, max=4, help="up to which a reviewer reviews; default 1")] = None,
    administrator: Annotated[
        bool, typer.Option("--administrator", help="manages the people of the organisation")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="change an account that is there; its logins end")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make an account; its password is asked for, or read from standard input."""
    account = Account(username, name or username, role, organisation, division, level, administrator)
    with refusals_told():
        password = _password()
        asyncio.run(_save(account, password, database_of(data), replace=replace))
    typer.echo(f"{username} may log in as {role}")


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


async def _save(account: Account, password: str, database_url: str, *, replace: bool) -> None:
    connection = await connect(database_url)
    try:
        async with connection.transaction():
            await save(connection, account, password, SystemClock(), replace=replace)
    finally:
        await connection.close()


async def save(
    connection: asyncpg.Connection, account: Account, password: str, clock: Clock, *, replace: bool = False
) -> None:
    """Make an account in the caller's transaction, audited; Invalid, Conflict where there is one and it is not to change."""
    check(account, password)
    now = clock.now()
    known = await people.known(connection, account.username)
    if known and not replace:
        raise Conflict(f"{account.username} has an account already; --replace changes it")
    hashed = await asyncio.to_thread(Passwords().hash, password)
    person = (account.username, account.name, hashed, [account.role], account.organisation_id, account.division, False)
    after = {"role": account.role, "organisation": account.organisation_id, "division": account.division}
    await audit.record(
        connection, at=now, actor=ACTOR, action="save account", subject=f"person {account.username}", after=after
    )
    await store.save_person(connection, person)
    level = (account.level or 1) if account.role == "reviewer" else None
    await people.set_rank(connection, account.username, level, account.role == "operator" and account.administrator)
    saved = people.account_of(await people.get(connection, account.username))
    await publish(connection, store.STREAM, [person_changed(saved, active=True)])
    if known:
        await logins.remove_identities(connection, account.username)
        ended = await end_what_rests_on(connection, account.username, saved, ACTOR, now)
        gone = AccessRevoked(subject=account.username, token_id=None, at=now)
        await publish(connection, store.STREAM, [gone, *ended])


def check(account: Account, password: str) -> None:
    """Refuse an account that could not do its work, or that is too easily guessed; Invalid."""
    wrong = []
    if not account.username.strip() or not account.username.isprintable():
        wrong.append(FieldError("username", "is empty, or has signs that cannot be typed"))
    if reason := wrong_password(account.username, password):
        wrong.append(FieldError("password", reason))
    if account.role == "operator" and account.organisation_id is None:
        wrong.append(FieldError("organisation", "an operator needs one"))
    if account.role == "inspector" and account.division is None:
        wrong.append(FieldError("division", "an inspector needs one"))
    if wrong:
        raise Invalid("; ".join(f"{error.field}: {error.reason}" for error in wrong), fields=wrong)
