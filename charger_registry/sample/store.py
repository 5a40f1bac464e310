"""The statements about the sample: its people and its sites."""

from datetime import datetime

import asyncpg

from charger_registry.store import STREAM
from youguan.eventlog import publish
from youguan.events import AccessRevoked


async def deactivate_demo_people(connection: asyncpg.Connection, now: datetime) -> None:
    """Close the accounts of the sample, and let what was issued to them no longer hold."""
    async with connection.transaction():
        rows = await connection.fetch(
            "UPDATE registry.person SET active = false, closed_with_organisation = false WHERE demo AND active RETURNING username"
        )
        await publish(connection, STREAM, [AccessRevoked(subject=r["username"], token_id=None, at=now) for r in rows])


async def sample_sites(connection: asyncpg.Connection) -> list[str]:
    """Return the sites of the sample, those of a file included: roles were invented for them."""
    rows = await connection.fetch(
        """
        SELECT id FROM registry.site s WHERE retired_at IS NULL AND EXISTS (
            SELECT FROM registry.responsibility r WHERE r.site_id = s.id AND r.origin = 'sample'
        ) ORDER BY id
        """
    )
    return [row["id"] for row in rows]


async def activate_demo_people(connection: asyncpg.Connection) -> None:
    await connection.execute("UPDATE registry.person SET active = true WHERE demo AND NOT active")
