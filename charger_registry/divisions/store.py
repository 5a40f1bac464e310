"""The statements about divisions and their boundaries."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.divisions.boundaries import Boundary, boundary
from charger_registry.divisions.reading import DivisionDraft
from youguan.auth import Scope
from youguan.bounds import site_within


async def list_divisions(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return divisions by code."""
    rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM registry.division ORDER BY code")
    return rows


async def known(connection: asyncpg.Connection, codes: Collection[str]) -> dict[str, DivisionDraft]:
    """Return those of the divisions that are filed, as drafts."""
    rows = await connection.fetch("SELECT * FROM registry.division WHERE code = ANY($1)", list(codes))
    return {row["code"]: DivisionDraft(**dict(row)) for row in rows}


async def hold(connection: asyncpg.Connection) -> None:
    """Let nobody else file divisions until commit."""
    await connection.execute("LOCK TABLE registry.division IN SHARE ROW EXCLUSIVE MODE")


async def file_divisions(connection: asyncpg.Connection, drafts: Iterable[DivisionDraft]) -> None:
    """File divisions; those that are filed are brought up to date."""
    await connection.executemany(
        """
        INSERT INTO registry.division (code, name, name_en, longitude, latitude) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (code) DO UPDATE SET name = excluded.name, name_en = excluded.name_en, longitude = excluded.longitude,
            latitude = excluded.latitude
        """,
        [astuple(draft)[:5] for draft in drafts],
    )


async def sites_of(connection: asyncpg.Connection, codes: Collection[str]) -> list[str]:
    """Return the sites that lie in divisions."""
    rows = await connection.fetch(
        "SELECT id FROM registry.site WHERE division_code = ANY($1) AND retired_at IS NULL ORDER BY id", list(codes)
    )
    return [row["id"] for row in rows]


async def shown(connection: asyncpg.Connection, divisions: Sequence[str] | None) -> list[asyncpg.Record]:
    """Return divisions (None: all; else those whose codes begin so), with their boundary and how many sites are verified."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT d.*, b.loaded_at, b.loaded_by, count(s.id) AS sites,
               count(s.id) FILTER (WHERE s.position = 'verified') AS verified,
               count(s.id) FILTER (WHERE s.position = 'unverified') AS unverified
        FROM registry.division d LEFT JOIN registry.boundary b ON b.division_code = d.code
        LEFT JOIN registry.site s ON s.division_code = d.code AND s.retired_at IS NULL
        WHERE $1::text[] IS NULL OR d.code ^@ ANY ($1)
        GROUP BY d.code, b.division_code ORDER BY d.code
        """,
        divisions,
    )
    return rows


# --- boundaries -------------------------------------------------------------------------------------------------


async def boundaries(connection: asyncpg.Connection) -> dict[str, Boundary]:
    """Return the boundaries that are loaded, by division."""
    return await _read(await connection.fetch("SELECT division_code, geometry FROM registry.boundary"))


async def _read(rows: Sequence[asyncpg.Record]) -> dict[str, Boundary]:
    """Read geometries beside the event loop: they may have hundreds of thousands of corners."""
    return await asyncio.to_thread(
        lambda: {row["division_code"]: boundary(row["division_code"], row["geometry"]) for row in rows}
    )


async def boundary_for(connection: asyncpg.Connection, code: str, *, hold: bool = False) -> dict[str, Boundary]:
    """Return the boundary that a point of a division is held against: its own, or that of the nearest division above.

    `hold`: no boundary changes until commit.
    """
    if hold:
        await connection.execute("LOCK TABLE registry.boundary IN SHARE MODE")
    rows = await connection.fetch(
        """
        SELECT division_code, geometry FROM registry.boundary WHERE starts_with($1, division_code)
        ORDER BY length(division_code) DESC LIMIT 1
        """,
        code,
    )
    return await _read(rows)


async def keep_boundary(connection: asyncpg.Connection, line: Sequence[Any]) -> str | None:
    """Keep (division, name, geometry, at, by); return the name of the one that it takes the place of."""
    before: str | None = await connection.fetchval(
        "SELECT coalesce(name, division_code) FROM registry.boundary WHERE division_code = $1", line[0]
    )
    await connection.execute(
        """
        INSERT INTO registry.boundary VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (division_code) DO UPDATE SET name = excluded.name, geometry = excluded.geometry,
            loaded_at = excluded.loaded_at, loaded_by = excluded.loaded_by
        """,
        *line,
    )
    return before


async def list_boundaries(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the boundaries without their outlines, and how many sites of the division are verified and not."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT b.division_code, b.name, b.loaded_at, b.loaded_by,
               count(s.id) FILTER (WHERE s.position = 'verified') AS verified,
               count(s.id) FILTER (WHERE s.position = 'unverified') AS unverified
        FROM registry.boundary b LEFT JOIN registry.site s ON s.division_code = b.division_code AND s.retired_at IS NULL
        GROUP BY b.division_code ORDER BY b.division_code
        """
    )
    return rows


async def points(connection: asyncpg.Connection, divisions: Collection[str]) -> list[asyncpg.Record]:
    """Return (id, division_code, longitude, latitude, position) of the sites of divisions and of what lies in them; held."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, division_code, longitude, latitude, position FROM registry.site
        WHERE division_code ^@ ANY ($1::text[]) AND retired_at IS NULL ORDER BY id FOR NO KEY UPDATE
        """,
        list(divisions),
    )
    return rows


async def set_positions(connection: asyncpg.Connection, positions: dict[str, str]) -> list[str]:
    """Note whether sites lie where they should; return those of which that is news."""
    rows = await connection.fetch(
        """
        UPDATE registry.site s SET position = p.position
        FROM unnest($1::text[], $2::text[]) AS p (id, position) WHERE s.id = p.id AND s.position <> p.position RETURNING s.id
        """,
        list(positions),
        list(positions.values()),
    )
    return sorted(row["id"] for row in rows)


async def note_outside(
    connection: asyncpg.Connection, looked_at: Collection[str], outside: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Let these (site_id, division, metres) be those of the sites looked at that lie outside of their division."""
    ids = [line["site_id"] for line in outside]
    await connection.execute(
        "DELETE FROM registry.site_outside WHERE site_id = ANY($1) AND site_id <> ALL($2::text[])", list(looked_at), ids
    )
    await connection.execute(
        """
        INSERT INTO registry.site_outside (site_id, declared, longitude, latitude, division_code, metres, found_at)
        SELECT s.id, s.division_code, s.longitude, s.latitude, o.division, o.metres, $4
        FROM unnest($1::text[], $2::text[], $3::int[]) AS o (id, division, metres) JOIN registry.site s ON s.id = o.id
        ON CONFLICT (site_id) DO UPDATE SET declared = excluded.declared, longitude = excluded.longitude,
            latitude = excluded.latitude, division_code = excluded.division_code, metres = excluded.metres
        """,
        ids,
        [line["division"] for line in outside],
        [line["metres"] for line in outside],
        now,
    )


async def list_outside(
    connection: asyncpg.Connection, scope: Scope, after: str | None, limit: int, site_id: str | None = None
) -> list[asyncpg.Record]:
    """Return sites within the bounds that lie outside of their division, by id: until point or division is another, or they end."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT o.*, s.name AS site_name, d.name AS division_name, d.name_en AS division_name_en
        FROM registry.site_outside o JOIN registry.site s ON s.id = o.site_id AND s.retired_at IS NULL
             AND (s.division_code, s.longitude, s.latitude) = (o.declared, o.longitude, o.latitude)
        LEFT JOIN registry.division d ON d.code = o.division_code
        WHERE ($1::text IS NULL OR o.site_id > $1) AND ($2::text IS NULL OR o.site_id = $2) AND {site_within("s.id", 4)}
        ORDER BY o.site_id LIMIT $3
        """,
        after,
        site_id,
        limit,
        *scope.parameters,
    )
    return rows
