"""What goes with a site that becomes part of another: its photos, its file, its open handovers, who is responsible."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.duplicates import store
from charger_registry.duplicates.inheritance import inherited
from charger_registry.filing import store as filings
from charger_registry.filing.machine import Command, Role, State
from charger_registry.ledger import store as ledger
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.handovers.ending import end
from charger_registry.ledger.handovers.handover import Command as HandoverCommand
from youguan.events import Event


async def carry(
    connection: asyncpg.Connection, kept: str, gone: str, moved: Collection[str], *, by: str, reason: str, now: datetime
) -> tuple[dict[str, Any], list[Event]]:
    """Carry everything over between two sites that are held; return what the trail is told, and events."""
    why = f"site {gone} is part of site {kept}: {reason}"
    told = {
        "photos": await store.move_photos(connection, kept, gone),
        "filings": await _carry_filings(connection, kept, gone, by, why, now),
    }
    events: list[Event] = [
        await end(connection, handover, HandoverCommand.OVERTAKE, by=by, now=now, answer=why)
        for handover in await handovers.open_at(connection, [gone])
    ]
    amendment = inherited(await ledger.lines(connection, kept), await ledger.lines(connection, gone), moved, now)
    if amendment.added:
        await ledger.amend(connection, kept, amendment, now=now, by=by, reason=why)
    roles = [{"role": line.role, "organisation_id": line.organisation_id} for line in amendment.added]
    return {**told, "roles": roles}, [*events, *await ledger.ledger_events(connection, [kept], now)]


async def _carry_filings(
    connection: asyncpg.Connection, kept: str, gone: str, by: str, why: str, now: datetime
) -> dict[str, list[str]]:
    """Let filings go with their site; of two files that stand, or are on their way, the kept site's counts and the other ends."""
    moved, ended = await store.move_filings(connection, kept, gone)
    for filing in ended:
        stands = filing["state"] in (State.ACCEPTED, State.IN_OPERATION, State.SUSPENDED)
        state, command = (State.RETIRED, Command.RETIRE) if stands else (State.WITHDRAWN, Command.WITHDRAW)
        await filings.change(connection, filing["id"], {"state": state, "due_on": None, "moved_at": now})
        line = (now, by, Role.AUTHORITY, command, filing["state"], state, why, None)
        await filings.add_history(connection, filing["id"], line)
    return {"moved": moved, "ended": [filing["id"] for filing in ended]}
