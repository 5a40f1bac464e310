"""The statements about second factors."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg


async def get_factor(connection: asyncpg.Connection, username: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM registry.second_factor WHERE username = $1 FOR UPDATE", username)


async def put_factor(connection: asyncpg.Connection, username: str, sealed: bytes) -> None:
    """Keep a secret that is being set up; one that was set up before and never confirmed is forgotten."""
    await connection.execute(
        """
        INSERT INTO registry.second_factor (username, sealed) VALUES ($1, $2)
        ON CONFLICT (username) DO UPDATE SET sealed = excluded.sealed
        """,
        username,
        sealed,
    )


async def confirm_factor(
    connection: asyncpg.Connection, username: str, now: datetime, step: int, recovery: Sequence[str]
) -> None:
    await connection.execute(
        "UPDATE registry.second_factor SET confirmed_at = $2, last_step = $3, recovery = $4 WHERE username = $1",
        username,
        now,
        step,
        list(recovery),
    )


async def use_step(connection: asyncpg.Connection, username: str, step: int) -> None:
    await connection.execute("UPDATE registry.second_factor SET last_step = $2 WHERE username = $1", username, step)


async def use_recovery(connection: asyncpg.Connection, username: str, digest: str) -> bool:
    """Strike a recovery code; say whether there was one."""
    done = await connection.execute(
        "UPDATE registry.second_factor SET recovery = array_remove(recovery, $2) WHERE username = $1 AND $2 = ANY (recovery)",
        username,
        digest,
    )
    return bool(done == "UPDATE 1")


async def remove_factor(connection: asyncpg.Connection, username: str) -> bool:
    """Forget a second factor; say whether there was one."""
    done = await connection.execute("DELETE FROM registry.second_factor WHERE username = $1", username)
    return bool(done == "DELETE 1")
