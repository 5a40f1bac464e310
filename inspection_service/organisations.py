"""What the registry has on file of organisations. A consumer of its own, so that it begins with the first event."""

from collections.abc import Sequence

import asyncpg

from inspection_service import store
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import OrganisationFiled


async def keep(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Take in what was filed."""
    for stored in batch:
        if isinstance(stored.event, OrganisationFiled):
            await store.file_organisation(connection, stored.event)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection of organisations' files."""
    return Consumer(pool, "inspection.organisations", keep, types=(OrganisationFiled,))
