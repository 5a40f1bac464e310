"""Who works for the county, as the registry has it: who reviews, who hears of alerts. A consumer of its own, so that it begins with
the first event."""

from collections.abc import Sequence

import asyncpg

from inspection_service import store
from youguan.auth import OFFICIALS
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import PersonChanged

ROLES = frozenset(OFFICIALS)


async def keep(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Take in who is an official now; whose account is closed is none."""
    for stored in batch:
        match stored.event:
            case PersonChanged() as person if person.active and not ROLES.isdisjoint(person.roles):
                await store.save_official(connection, person)
            case PersonChanged(username=username):
                await store.remove_official(connection, username)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of officials."""
    return Consumer(pool, "inspection.officials", keep, types=(PersonChanged,))
