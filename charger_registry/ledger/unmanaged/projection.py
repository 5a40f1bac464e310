"""Keeps whom tasks asked and who has answered, from what the inspection service tells."""

from collections.abc import Sequence

import asyncpg

from charger_registry.ledger.unmanaged import store
from youguan.eventlog import Consumer, StoredEvent
from youguan.events import TaskChanged, TaskMoved, TaskOpened


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Take in a batch of tasks. To settle who manages is nothing that the manager is asked."""
    for stored in batch:
        match stored.event:
            case TaskOpened(site_id=str(), cause=cause) as opened if cause != "unmanaged_site":
                await store.note_asked(connection, opened)
            case TaskChanged() as changed:
                await store.note_changed(connection, changed)
            case TaskMoved() as moved:
                await store.note_moved(connection, moved)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection."""
    return Consumer(pool, "registry.asked_tasks", project, types=(TaskChanged, TaskMoved, TaskOpened))
