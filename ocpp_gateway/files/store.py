"""The statements about files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.auth import Scope
from youguan.bounds import station_within
from youguan.disk import Content
from youguan.errors import Conflict, NotFound, Reason

# What the station said of the upload itself, from the request on until it was asked for another file.
FILES = """
SELECT f.*, s.status AS station_status, s.received_at AS station_status_at
FROM (
    SELECT *, lead(requested_at) OVER (ORDER BY requested_at) AS following FROM gateway.evidence_file WHERE station_id = $1
) f
LEFT JOIN LATERAL (
    SELECT status, received_at FROM telemetry.notification n
    WHERE n.station_id = f.station_id AND n.action IN ('DiagnosticsStatusNotification', 'LogStatusNotification')
      AND n.received_at >= f.requested_at AND (f.following IS NULL OR n.received_at < f.following)
    ORDER BY n.received_at DESC LIMIT 1
) s ON true
"""


async def next_request(connection: asyncpg.Connection) -> int:
    """Return a number for a request to a station."""
    return int(await connection.fetchval("SELECT nextval('gateway.file_request')"))


async def expect_file(connection: asyncpg.Connection, file: Sequence[Any]) -> None:
    """Expect a file: (id, station, kind, hash of the token, requested by, requested at, expires at, request)."""
    await connection.execute(
        """
        INSERT INTO gateway.evidence_file
            (id, station_id, kind, token_hash, requested_by, requested_at, expires_at, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        *file,
    )


async def note_command(connection: asyncpg.Connection, file_id: str, command_id: str) -> None:
    await connection.execute("UPDATE gateway.evidence_file SET command_id = $2 WHERE id = $1", file_id, command_id)


async def expect_no_more(connection: asyncpg.Connection, file_id: str) -> None:
    """Forget a file that no station was asked for after all."""
    await connection.execute("DELETE FROM gateway.evidence_file WHERE id = $1 AND received_at IS NULL", file_id)


async def find_expected(connection: asyncpg.Connection, token_hash: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM gateway.evidence_file WHERE token_hash = $1", token_hash)


async def keep_file(
    connection: asyncpg.Connection,
    file_id: str,
    content: Content,
    *,
    at: datetime,
    remote: str | None,
    name: str | None,
    content_type: str | None,
) -> bool:
    """Note that a file is there, from where, and where its station's connection came from then; False where it was before."""
    kept = await connection.fetchval(
        """
        UPDATE gateway.evidence_file f
        SET received_at = $2, remote = $3, name = $4, content_type = $5, size_bytes = $6, sha256 = $7,
            station_connected = EXISTS (SELECT FROM gateway.station_now n WHERE n.station_id = f.station_id AND n.connected),
            station_remote = (SELECT n.remote FROM gateway.station_now n WHERE n.station_id = f.station_id AND n.connected)
        WHERE id = $1 AND received_at IS NULL RETURNING true
        """,
        file_id,
        at,
        remote,
        name,
        content_type,
        content.size_bytes,
        content.sha256,
    )
    return bool(kept)


async def files(
    connection: asyncpg.Connection, station_id: str, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return what a station was asked for, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {FILES} WHERE $2::timestamptz IS NULL OR (f.requested_at, f.id) < ($2, $3)
        ORDER BY f.requested_at DESC, f.id DESC LIMIT $4
        """,
        station_id,
        *(before or (None, None)),
        limit,
    )
    return rows


async def get_received(connection: asyncpg.Connection, file_id: str, scope: Scope) -> asyncpg.Record:
    """Return a file that is there; NotFound beyond the bounds too."""
    row = await connection.fetchrow(
        f"""
        SELECT * FROM gateway.evidence_file f
        WHERE id = $1 AND received_at IS NOT NULL AND {station_within("f.station_id", 2)}
        """,
        file_id,
        *scope.parameters,
    )
    if row is None:
        raise NotFound(Reason("file {id}", id=file_id))
    return row


# --- firmware -----------------------------------------------------------------------------------------------------

OFFERED = "received_at IS NOT NULL AND withdrawn_at IS NULL"


async def announce_firmware(connection: asyncpg.Connection, firmware: Sequence[Any]) -> asyncpg.Record:
    """Announce firmware: (id, vendor, model, version, name, certificate, signature, announced by, announced at)."""
    row = await connection.fetchrow(
        """
        INSERT INTO gateway.firmware
            (id, vendor, model, version, name, signing_certificate, signature, announced_by, announced_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *
        """,
        *firmware,
    )
    assert row is not None
    return row


async def keep_firmware(
    connection: asyncpg.Connection, firmware_id: str, content: Content, at: datetime
) -> asyncpg.Record:
    """Note that firmware is there; Conflict where it, or another of its make and version, was before."""
    try:
        row = await connection.fetchrow(
            """
            UPDATE gateway.firmware SET received_at = $2, size_bytes = $3, sha256 = $4
            WHERE id = $1 AND received_at IS NULL AND withdrawn_at IS NULL RETURNING *
            """,
            firmware_id,
            at,
            content.size_bytes,
            content.sha256,
        )
    except asyncpg.UniqueViolationError:
        raise Conflict("firmware of this vendor, model and version is there already") from None
    if row is None:
        raise Conflict("this firmware has its content already")
    return row


async def withdraw_firmware(
    connection: asyncpg.Connection, firmware_id: str, by: str, reason: str, at: datetime
) -> asyncpg.Record:
    """Take firmware back; NotFound, Conflict where it was before."""
    row = await connection.fetchrow(
        """
        UPDATE gateway.firmware SET withdrawn_at = $2, withdrawn_by = $3, withdrawn_reason = $4
        WHERE id = $1 AND withdrawn_at IS NULL RETURNING *
        """,
        firmware_id,
        at,
        by,
        reason,
    )
    if row is None:
        await get_firmware(connection, firmware_id)
        raise Conflict("this firmware was withdrawn before")
    return row


async def get_firmware(connection: asyncpg.Connection, firmware_id: str) -> asyncpg.Record:
    """Return firmware, there or only announced; NotFound."""
    row = await connection.fetchrow("SELECT * FROM gateway.firmware WHERE id = $1", firmware_id)
    if row is None:
        raise NotFound(Reason("firmware {id}", id=firmware_id))
    return row


async def has_firmware(connection: asyncpg.Connection, vendor: str, model: str, version: str) -> bool:
    found = await connection.fetchval(
        f"SELECT true FROM gateway.firmware WHERE (vendor, model, version) = ($1, $2, $3) AND {OFFERED}",
        vendor,
        model,
        version,
    )
    return bool(found)


async def find_firmware(connection: asyncpg.Connection, vendor: str, model: str, version: str) -> asyncpg.Record:
    """Return the firmware of a make and version; NotFound."""
    row = await connection.fetchrow(
        f"SELECT * FROM gateway.firmware WHERE vendor = $1 AND model = $2 AND version = $3 AND {OFFERED}",
        vendor,
        model,
        version,
    )
    if row is None:
        raise NotFound(Reason("firmware {version} for {vendor} {model}", version=version, vendor=vendor, model=model))
    return row


async def list_firmware(connection: asyncpg.Connection, after: str | None, limit: int) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM gateway.firmware WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2", after, limit
    )
    return rows


async def newest_firmware(
    connection: asyncpg.Connection, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return firmware, what was announced last first, with `signed`."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT *, signature IS NOT NULL AS signed FROM gateway.firmware
        WHERE $1::timestamptz IS NULL OR (announced_at, id) < ($1, $2) ORDER BY announced_at DESC, id DESC LIMIT $3
        """,
        *(before or (None, None)),
        limit,
    )
    return rows


async def firmware_said(connection: asyncpg.Connection, station_id: str, limit: int) -> list[asyncpg.Record]:
    """Return what a station said about its firmware updates, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT status, received_at FROM telemetry.notification
        WHERE station_id = $1 AND action IN ('FirmwareStatusNotification', 'SignedFirmwareStatusNotification')
        ORDER BY received_at DESC LIMIT $2
        """,
        station_id,
        limit,
    )
    return rows
