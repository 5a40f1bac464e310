"""The statements about divisions and their boundaries."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple
from typing import Any

import asyncpg

from charger_registry.divisions.boundaries import Boundary, boundary
from charger_registry.divisions.reading import DivisionDraft


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
    rows = await connection.fetch("SELECT division_code, geometry FROM registry.boundary")
    return {row["division_code"]: boundary(row["division_code"], row["geometry"]) for row in rows}


async def boundary_for(connection: asyncpg.Connection, code: str, *, hold: bool = False) -> dict[str, Boundary]:
    """Return the boundary that a point of a division is held against: its own, or that of the nearest division above.

    `hold`: no boundary changes until commit.
    """
    if hold:
        await connection.execute("LOCK TABLE registry.boundary IN SHARE MODE")
    row = await connection.fetchrow(
        """
        SELECT division_code, geometry FROM registry.boundary WHERE starts_with($1, division_code)
        ORDER BY length(division_code) DESC LIMIT 1
        """,
        code,
    )
    return {row["division_code"]: boundary(row["division_code"], row["geometry"])} if row else {}


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
