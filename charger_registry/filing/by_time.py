"""What time alone does to a filing: a step of nobody, on record and told like any other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.filing import store
from charger_registry.filing.machine import Command, Role, State, move
from charger_registry.filing.step import filing_moved
from charger_registry.store import STREAM
from youguan import audit
from youguan.eventlog import publish

SYSTEM = "system"


async def move_by_time(
    connection: asyncpg.Connection,
    filing: asyncpg.Record,
    command: Command,
    reason: str,
    now: datetime,
    said: Mapping[str, Any],
) -> None:
    """Move a filing that is held; `said`: what the trail is told besides. Conflict, Forbidden."""
    role, state = move(State(filing["state"]), command, [Role.SYSTEM])
    await store.change(connection, filing["id"], {"state": state, "moved_at": now, "due_on": None})
    await store.add_history(
        connection, filing["id"], (now, SYSTEM, role, command, filing["state"], state, reason, None)
    )
    await audit.record(
        connection, at=now, actor=SYSTEM, action=f"{command} filing", subject=f"filing {filing['id']}",
        before={"state": filing["state"]}, after={"state": state, **said},
    )  # fmt: skip
    await publish(connection, STREAM, [filing_moved(filing, {**dict(filing), "state": state}, role, now)])
