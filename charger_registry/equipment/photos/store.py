"""The statements about photos of a site."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.errors import NotFound, Reason
from youguan.quota import Brought


async def photos(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    """Return the photos of a site that are shown, in the order in which they came."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.site_photo WHERE site_id = $1 AND removed_at IS NULL ORDER BY id", site_id
    )
    return rows


async def get_photo(connection: asyncpg.Connection, site_id: str, photo_id: int) -> asyncpg.Record:
    """Return a photo that is shown; NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM registry.site_photo WHERE site_id = $1 AND id = $2 AND removed_at IS NULL", site_id, photo_id
    )
    if row is None:
        raise NotFound(Reason("photo {number} of site {id}", number=photo_id, id=site_id))
    return row


async def add_photo(connection: asyncpg.Connection, photo: Sequence[Any]) -> int:
    """Keep (site, caption, sha256, bytes, media type, name, at, by); return its number."""
    number: int = await connection.fetchval(
        """
        INSERT INTO registry.site_photo (site_id, caption, sha256, size_bytes, media_type, name, added_at, added_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
        """,
        *photo,
    )
    return number


async def photos_since(connection: asyncpg.Connection, by: str, since: datetime) -> Brought:
    """Return the photos that somebody brought since an instant, those taken down included."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int, coalesce(sum(size_bytes), 0)::bigint, min(added_at) FROM registry.site_photo
        WHERE added_by = $1 AND added_at > $2
        """,
        by,
        since,
    )
    return Brought(*row)


async def end_photo(connection: asyncpg.Connection, site_id: str, photo_id: int, now: datetime, by: str) -> str:
    """Show a photo no longer; return its hash. NotFound."""
    found: str | None = await connection.fetchval(
        """
        UPDATE registry.site_photo SET removed_at = $3, removed_by = $4
        WHERE site_id = $1 AND id = $2 AND removed_at IS NULL RETURNING sha256
        """,
        site_id,
        photo_id,
        now,
        by,
    )
    if found is None:
        raise NotFound(Reason("photo {number} of site {id}", number=photo_id, id=site_id))
    return found
