"""The statements about certificates that stations ask for."""

import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from ocpp_gateway.observation import CertificateRequested
from youguan.database import session_lock
from youguan.errors import Conflict, NotFound, Reason
from youguan.events import Event

TAKE = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
GIVE_BACK = "SELECT pg_advisory_unlock(hashtextextended($1, 0))"
SAID = {"rejected": "declined"}  # in a reason: what is rejected elsewhere is another thing


async def write_requests(connection: asyncpg.Connection, requests: Sequence[CertificateRequested]) -> list[Event]:
    """Keep what stations ask for; what a station asks last takes the place of what nobody has decided yet.

    As a request of its own: one that is being signed at this moment stays what it is.
    """
    for asked in requests:
        await connection.execute(
            """
            UPDATE gateway.certificate_request SET state = 'superseded', decided_at = $4
            WHERE station_id = $1 AND state = 'pending' AND (request, request_number) IS DISTINCT FROM ($2, $3::int)
            """,
            asked.station_id,
            asked.request,
            asked.request_number,
            asked.received_at,
        )
        await connection.execute(
            """
            INSERT INTO gateway.certificate_request (id, station_id, request, request_number, received_at)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (station_id) WHERE state = 'pending' DO UPDATE SET received_at = excluded.received_at
            """,
            str(uuid.uuid4()),
            asked.station_id,
            asked.request,
            asked.request_number,
            asked.received_at,
        )
    return []


@asynccontextmanager
async def taken(connection: asyncpg.Connection, request_id: str) -> AsyncIterator[None]:
    """Let nobody else decide about a request meanwhile; Conflict where somebody does. It ends with the connection."""
    key = f"certificate request {request_id}"
    async with session_lock(connection, TAKE, GIVE_BACK, key) as is_ours:
        if not is_ours:
            raise Conflict("this request is being decided at this moment")
        yield


async def get_pending(connection: asyncpg.Connection, request_id: str) -> asyncpg.Record:
    """Return what nobody has decided yet, held; NotFound, Conflict."""
    return await get_in_state(connection, request_id, ("pending",))


async def get_in_state(connection: asyncpg.Connection, request_id: str, states: Collection[str]) -> asyncpg.Record:
    """Return a request that is in one of these states, held; NotFound, Conflict."""
    row = await connection.fetchrow("SELECT * FROM gateway.certificate_request WHERE id = $1 FOR UPDATE", request_id)
    if row is None:
        raise NotFound(Reason("certificate request {id}", id=request_id))
    if row["state"] not in states:
        raise Conflict(Reason("this request is {state}", state=SAID.get(row["state"], row["state"])))
    return row


async def decide(
    connection: asyncpg.Connection,
    request_id: str,
    state: str,
    *,
    by: str,
    at: datetime,
    reason: str,
    serial: str | None = None,
    command_id: str | None = None,
) -> asyncpg.Record:
    """Note what was decided."""
    row = await connection.fetchrow(
        """
        UPDATE gateway.certificate_request
        SET state = $2, decided_by = $3, decided_at = $4, reason = $5, serial = $6, command_id = $7
        WHERE id = $1 RETURNING *
        """,
        request_id,
        state,
        by,
        at,
        reason,
        serial,
        command_id,
    )
    assert row is not None
    return row


async def list_requests(
    connection: asyncpg.Connection, state: str | None, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return what stations ask for, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.certificate_request
        WHERE ($1::text IS NULL OR state = $1) AND ($2::timestamptz IS NULL OR (received_at, id) < ($2, $3))
        ORDER BY received_at DESC, id DESC LIMIT $4
        """,
        state,
        *(before or (None, None)),
        limit,
    )
    return rows


async def pending_of_connected(connection: asyncpg.Connection) -> list[str]:
    """Return the requests that nobody has decided, of stations that are there to be told."""
    rows = await connection.fetch(
        """
        SELECT r.id FROM gateway.certificate_request r JOIN gateway.station_now n USING (station_id)
        JOIN gateway.station_directory d USING (station_id)
        WHERE r.state = 'pending' AND n.connected ORDER BY r.received_at LIMIT 100
        """
    )
    return [row["id"] for row in rows]
