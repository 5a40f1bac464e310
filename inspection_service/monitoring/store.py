"""The statements about the register of reviewed monitoring equipment."""

from datetime import date, datetime

import asyncpg

from inspection_service.monitoring.register import Equipment
from youguan.errors import Conflict, NotFound, Reason

MOST_NEAR = 500


async def add(connection: asyncpg.Connection, entry_id: str, wish: Equipment, at: datetime, by: str) -> None:
    """Keep an entry; Conflict where the same equipment stands in the register within its time."""
    try:
        await connection.execute(
            """
            INSERT INTO inspection.monitoring_equipment (
                id, number, kind, place, site_id, legal_review, technical_review, published_in, published_on, valid_from,
                valid_until, entered_at, entered_by
            ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            entry_id, wish.number, wish.kind, wish.place, wish.site_id, wish.legal_review, wish.technical_review,
            wish.published_in, wish.published_on, wish.valid_from, wish.valid_until, at, by,
        )  # fmt: skip
    except asyncpg.ExclusionViolationError:
        raise Conflict(
            Reason("equipment {number} stands in the register within this time already", number=wish.number)
        ) from None


async def get(connection: asyncpg.Connection, entry_id: str, *, hold: bool = False) -> asyncpg.Record:
    """Return an entry; NotFound."""
    held = "FOR UPDATE" if hold else ""
    row = await connection.fetchrow(f"SELECT * FROM inspection.monitoring_equipment WHERE id = $1 {held}", entry_id)
    if row is None:
        raise NotFound(Reason("monitoring equipment {id}", id=entry_id))
    return row


async def end(connection: asyncpg.Connection, entry_id: str, on: date, reason: str, by: str) -> None:
    await connection.execute(
        "UPDATE inspection.monitoring_equipment SET ended_on = $2, end_reason = $3, ended_by = $4 WHERE id = $1",
        entry_id,
        on,
        reason,
        by,
    )


async def entries(
    connection: asyncpg.Connection, before: tuple[datetime, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return entries, the newest first; `before`: (entered at, id) of the last one seen."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.monitoring_equipment
        WHERE $1::timestamptz IS NULL OR (entered_at, id) < ($1, $2) ORDER BY entered_at DESC, id DESC LIMIT $3
        """,
        *(before or (None, None)),
        limit,
    )
    return rows


async def near(connection: asyncpg.Connection, site_id: str | None) -> list[asyncpg.Record]:
    """Return what may have recorded something of a site: its own equipment, then what is no site's."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM inspection.monitoring_equipment WHERE site_id IS NULL OR site_id = $1
        ORDER BY site_id IS NULL, number, valid_from DESC LIMIT $2
        """,
        site_id,
        MOST_NEAR,
    )
    return rows
