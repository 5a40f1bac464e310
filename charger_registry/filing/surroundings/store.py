"""The statements about what a filing is held against."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from charger_registry.filing.machine import STANDING, UNDECIDED
from charger_registry.filing.store import seen
from youguan.auth import Scope
from youguan.bounds import site_within


async def known_divisions(connection: asyncpg.Connection, code: str) -> set[str]:
    return {row["code"] for row in await connection.fetch("SELECT code FROM registry.division WHERE code = $1", code)}


async def known_organisations(connection: asyncpg.Connection, ids: Collection[str], now: datetime) -> dict[str, bool]:
    """Return those that there are, and whether they have been deregistered."""
    rows = await connection.fetch(
        """
        SELECT id, deregistered_at IS NOT NULL AND deregistered_at <= $2 AS gone FROM registry.organisation WHERE id = ANY($1)
        """,
        list(ids),
        now,
    )
    return {row["id"]: row["gone"] for row in rows}


async def organisation_names(connection: asyncpg.Connection, ids: Collection[str]) -> dict[str, str]:
    rows = await connection.fetch("SELECT id, name FROM registry.organisation WHERE id = ANY($1)", list(ids))
    return {row["id"]: row["name"] for row in rows}


async def stations_elsewhere(connection: asyncpg.Connection, ids: Collection[str], site_id: str | None) -> set[str]:
    """Return those of the stations that another site has."""
    rows = await connection.fetch(
        """
        SELECT id FROM registry.station WHERE id = ANY($1) AND retired_at IS NULL AND site_id IS DISTINCT FROM $2
        """,
        list(ids),
        site_id,
    )
    return {row["id"] for row in rows}


async def stations_of(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.station WHERE site_id = $1 AND retired_at IS NULL ORDER BY id", site_id
    )
    return rows


async def own_sites(connection: asyncpg.Connection, organisation_id: str) -> list[asyncpg.Record]:
    """Return the sites of an organisation for which a filing can be begun."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT s.id, s.name FROM registry.site s
        WHERE s.retired_at IS NULL AND EXISTS (
            SELECT FROM bounds.party p WHERE p.site_id = s.id AND p.organisation_id = $1
            AND p.since <= now() AND (p.until IS NULL OR p.until > now())
        ) AND NOT EXISTS (
            SELECT FROM registry.filing f WHERE f.site_id = s.id
            AND f.state IN ('draft', 'submitted', 'supplement_required', 'suspended')
        ) ORDER BY s.name, s.id
        """,
        organisation_id,
    )
    return rows


async def sites_of_applicant(
    connection: asyncpg.Connection, organisation_id: str, scope: Scope, words: str, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return the sites within the bounds that an organisation answers for or has filed, by id, each with the file that it has or
    that is on its way; `readable`: whether somebody with these bounds may open that.
    """
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.id, s.name, s.address, f.id AS filing_id, f.number, f.state, coalesce({seen(5)}, false) AS readable
        FROM registry.site s LEFT JOIN LATERAL (
            SELECT * FROM registry.filing f WHERE f.site_id = s.id AND f.state = ANY($8 || $9::text[])
            ORDER BY f.state = ANY($9) DESC LIMIT 1
        ) f ON true
        WHERE s.retired_at IS NULL AND (f.organisation_id = $1 OR EXISTS (
            SELECT FROM bounds.party p WHERE p.site_id = s.id AND p.organisation_id = $1
            AND p.since <= now() AND (p.until IS NULL OR p.until > now())
        )) AND strpos(lower(s.name || ' ' || s.address || ' ' || s.id), lower($2)) > 0
          AND ($3::text IS NULL OR s.id > $3) AND {site_within("s.id", 5)}
        ORDER BY s.id LIMIT $4
        """,
        organisation_id,
        words,
        after,
        limit,
        *scope.parameters,
        STANDING,
        UNDECIDED,
    )
    return rows
