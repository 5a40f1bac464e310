"""The statements about relayed sites and what is proposed about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from youguan.auth import Scope
from youguan.bounds import site_within
from youguan.errors import Conflict, NotFound, Reason


async def hold_site(connection: asyncpg.Connection, site_id: str) -> None:
    """Hold a site, so that decisions about it come one after the other; NotFound."""
    if not await connection.fetchval(
        "SELECT true FROM registry.site WHERE id = $1 AND retired_at IS NULL FOR UPDATE", site_id
    ):
        raise NotFound(Reason("site {site_id}", site_id=site_id))


async def current(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    """Return the latest decision about a site; None where there never was one."""
    return await connection.fetchrow(
        "SELECT * FROM registry.relay WHERE site_id = $1 ORDER BY id DESC LIMIT 1", site_id
    )


async def decisions(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    """Return the decisions about a site, the newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.relay WHERE site_id = $1 ORDER BY id DESC LIMIT 200", site_id
    )
    return rows


async def decide(connection: asyncpg.Connection, decision: Sequence[Any]) -> asyncpg.Record:
    """Keep (site, address or None, admission, may send, authority, reason, by, at)."""
    row = await connection.fetchrow(
        """
        INSERT INTO registry.relay (site_id, upstream_url, admission, may_send, authority, reason, decided_by, decided_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *
        """,
        *decision,
    )
    assert row is not None
    return row


async def list_relayed(
    connection: asyncpg.Connection, scope: Scope, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return, by id, the sites within a scope that are relayed or for which that is proposed."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT s.id AS site_id, s.name AS site_name, r.upstream_url, coalesce(r.admission, 'ours') AS admission,
               coalesce(r.may_send, false) AS may_send, r.decided_by, r.decided_at, r.reason,
               (SELECT count(*) FROM registry.relay_proposal p WHERE p.site_id = s.id AND p.state = 'open') AS proposals
        FROM registry.site s LEFT JOIN LATERAL (
            SELECT * FROM registry.relay WHERE site_id = s.id ORDER BY id DESC LIMIT 1
        ) r ON true
        WHERE s.retired_at IS NULL AND ($1::text IS NULL OR s.id > $1) AND {site_within("s.id", 3)}
          AND (r.upstream_url IS NOT NULL
               OR EXISTS (SELECT FROM registry.relay_proposal p WHERE p.site_id = s.id AND p.state = 'open'))
        ORDER BY s.id LIMIT $2
        """,
        after,
        limit,
        *scope.parameters,
    )
    return rows


async def is_manager(connection: asyncpg.Connection, site_id: str, organisation_id: str | None, now: datetime) -> bool:
    """Say whether an organisation manages a site now."""
    found = await connection.fetchval(
        """
        SELECT true FROM registry.responsibility r JOIN registry.organisation o ON o.id = r.organisation_id
        WHERE r.site_id = $1 AND r.station_id = '' AND r.role = 'manager' AND r.organisation_id = $2
          AND upper_inf(r.believed) AND r.during @> $3::timestamptz
          AND (o.deregistered_at IS NULL OR o.deregistered_at > $3)
        """,
        site_id,
        organisation_id,
        now,
    )
    return bool(found)


# --- what managers propose --------------------------------------------------------------------------------------


async def propose(connection: asyncpg.Connection, proposal: Sequence[Any]) -> asyncpg.Record:
    """Keep (site, address or None, authority, reason, organisation, by, at); an older open one of the site is withdrawn."""
    await connection.execute(
        """
        UPDATE registry.relay_proposal SET state = 'withdrawn', decided_by = $2, decided_at = $3
        WHERE site_id = $1 AND state = 'open'
        """,
        proposal[0],
        proposal[5],
        proposal[6],
    )
    row = await connection.fetchrow(
        """
        INSERT INTO registry.relay_proposal
            (site_id, upstream_url, authority, reason, organisation_id, proposed_by, proposed_at, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'open') RETURNING *
        """,
        *proposal,
    )
    assert row is not None
    return row


async def site_of_proposal(connection: asyncpg.Connection, proposal_id: int) -> str:
    """Return the site that a proposal is about; NotFound."""
    found: str | None = await connection.fetchval(
        "SELECT site_id FROM registry.relay_proposal WHERE id = $1", proposal_id
    )
    if found is None:
        raise NotFound(Reason("relay proposal {proposal_id}", proposal_id=proposal_id))
    return found


async def close_proposal(
    connection: asyncpg.Connection, proposal_id: int, state: str, by: str, at: datetime, reason: str
) -> asyncpg.Record:
    """Note what became of an open proposal; Conflict where it is open no longer."""
    row = await connection.fetchrow(
        """
        UPDATE registry.relay_proposal SET state = $2, decided_by = $3, decided_at = $4, decision_reason = $5
        WHERE id = $1 AND state = 'open' RETURNING *
        """,
        proposal_id,
        state,
        by,
        at,
        reason,
    )
    if row is None:
        raise Conflict(Reason("relay proposal {proposal_id} is open no longer", proposal_id=proposal_id))
    return row


async def proposals(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    """Return what was proposed about a site, the newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT p.*, o.name AS organisation_name FROM registry.relay_proposal p
        LEFT JOIN registry.organisation o ON o.id = p.organisation_id
        WHERE p.site_id = $1 ORDER BY p.id DESC LIMIT 200
        """,
        site_id,
    )
    return rows
