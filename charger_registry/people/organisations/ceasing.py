"""What an organisation's end makes of what it answers for, and what it makes of it that there was no such end."""

from datetime import datetime

import asyncpg

from charger_registry.ledger import store as ledger
from charger_registry.ledger.handovers.ending import end_overtaken
from charger_registry.people.organisations import store
from charger_registry.store import get_organisation
from youguan.errors import Conflict, Reason
from youguan.events import Event


async def deregister(
    connection: asyncpg.Connection, organisation_id: str, since: datetime, now: datetime
) -> list[Event]:
    """Note that an organisation ceases to be: wherever it had to answer, it answers no longer. Return what is to be told."""
    organisation = await get_organisation(connection, organisation_id, hold=True)
    if organisation["deregistered_at"] is not None:
        raise Conflict(Reason("{name} has been deregistered already", name=organisation["name"]))
    await store.note_deregistered(connection, organisation_id, since, now)
    return await ledger.ledger_events(connection, await store.hold_sites_of(connection, organisation_id), now)


async def undo_deregistration(
    connection: asyncpg.Connection, organisation_id: str, now: datetime, by: str, reason: str, document_number: str
) -> list[Event]:
    """Note that an organisation has not ceased to be after all: wherever the ledger names it, it answers again.

    That it was believed to have ceased is kept; who has taken its place meanwhile keeps that. Return what is to be told; Conflict.
    """
    organisation = await get_organisation(connection, organisation_id, hold=True)
    if organisation["deregistered_at"] is None:
        raise Conflict(Reason("{name} has not been deregistered", name=organisation["name"]))
    await store.undo_deregistration(connection, organisation_id, now, by, reason, document_number)
    sites = await store.hold_sites_of(connection, organisation_id)
    found = await ledger.ledger_events(connection, sites, now)
    return [*await end_overtaken(connection, sites, now), *found]
