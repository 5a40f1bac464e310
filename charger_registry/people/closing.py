"""What ends with an account, and which accounts end with their organisation."""

from datetime import datetime

import asyncpg

from charger_registry.login import store as logins
from charger_registry.people import store
from charger_registry.people.authority import Account
from charger_registry.people.delegations import store as delegations
from charger_registry.people.machine_keys.desk import revoke_ungiven
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import OFFICIALS
from youguan.clock import Clock
from youguan.eventlog import publish
from youguan.events import AccessRevoked, Event, PersonChanged

SYSTEM = "system"


async def close_accounts_of_ceased(
    connection: asyncpg.Connection, clock: Clock, organisation_id: str | None = None, by: str = SYSTEM
) -> None:
    """Close the accounts of organisations that are no more (None: all whose time has come), once: who is let in again stays."""
    now = clock.now()
    events: list[Event] = []
    for row in await store.note_accounts_closed(connection, now, organisation_id):
        reason = because_ceased(row["organisation_id"])
        events += await close(connection, row, by, reason, now, with_organisation=True)
    await publish(connection, STREAM, events)


def because_ceased(organisation_id: str) -> str:
    """Return the reason for which what an organisation had ends with it."""
    return f"organisation {organisation_id} is deregistered"


async def close(
    connection: asyncpg.Connection,
    person: asyncpg.Record,
    by: str,
    reason: str,
    now: datetime,
    *,
    with_organisation: bool = False,
) -> list[Event]:
    """Close a held account: its logins and what rests on it end; return that as events."""
    username = person["username"]
    await store.set_active(connection, username, False, with_organisation=with_organisation)
    await audit.record(
        connection, at=now, actor=by, action="close account", subject=f"person {username}", before={"active": True},
        after={"active": False, "reason": reason},
    )  # fmt: skip
    return [
        person_changed(store.account_of(person), active=False),
        *await end_logins(connection, username, now),
        *await end_what_rests_on(connection, username, None, by, now),
    ]


async def reopen(connection: asyncpg.Connection, person: asyncpg.Record, by: str, reason: str, now: datetime) -> Event:
    """Open a held account again; return that as an event. What was issued to it stays ended: he logs in anew."""
    username = person["username"]
    await store.set_active(connection, username, True)
    await audit.record(
        connection, at=now, actor=by, action="open account", subject=f"person {username}", before={"active": False},
        after={"active": True, "reason": reason},
    )  # fmt: skip
    return person_changed(store.account_of(person), active=True)


async def end_logins(connection: asyncpg.Connection, username: str, now: datetime) -> list[Event]:
    """Let everything that was issued to somebody hold no longer; return that as events."""
    await logins.end_sessions(connection, username, now)
    return [AccessRevoked(subject=username, token_id=None, at=now)]


async def end_what_rests_on(
    connection: asyncpg.Connection, username: str, account: Account | None, by: str, now: datetime
) -> list[Event]:
    """End what rested on somebody's rights, now that they are others (None: his account is closed); return that as events.

    Nobody acts for him, nor he for another; the machine keys that he could not give as he is now hold no longer.
    """
    if ended := await delegations.end_delegations(connection, username, by, now):
        await audit.record(
            connection,
            at=now,
            actor=by,
            action="end delegation",
            subject=f"person {username}",
            before={"numbers": ended},
        )
    return await revoke_ungiven(connection, username, account, by, now)


def person_changed(account: Account, *, active: bool) -> PersonChanged:
    """Return an account as others are told of it."""
    official = not account.roles.isdisjoint(OFFICIALS)
    return PersonChanged(
        username=account.username, name=account.name, roles=tuple(sorted(account.roles)),
        organisation_id=account.organisation_id, division=account.division if official else None, team_id=account.team_id,
        level=account.level, active=active,
    )  # fmt: skip
