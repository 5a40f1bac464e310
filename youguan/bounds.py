"""Which sites and stations lie within somebody's bounds: one projection that every service reads (schema `bounds`).

An organisation's are the sites that it manages, owns or maintains now. Whoever only built a site sees what everybody sees.
A retired site lies where it lay: what was seen, decided and counted there remains its division's to see.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from youguan.auth import Scope
from youguan.eventlog import Consumer, StoredEvent, positions_of
from youguan.events import MachineKeyIssued, MachineKeyRevoked, ResponsibilitiesChanged, SiteFiled
from youguan.machine_keys import MachineKey

ANSWERING = ("manager", "owner", "maintainer")
TYPES = (MachineKeyIssued, MachineKeyRevoked, ResponsibilitiesChanged, SiteFiled)
NAME = "bounds"


def site_within(site: str, first: int) -> str:
    """Return the condition that a site, as SQL names it, lies within a scope: `Scope.parameters` from `$first` on."""
    everything, divisions, organisation = (f"${first + n}" for n in range(3))
    return f"""(
        {everything}::bool
        OR EXISTS (SELECT FROM bounds.site WHERE site_id = {site} AND division_code ^@ ANY ({divisions}::text[]))
        OR EXISTS (SELECT FROM bounds.party WHERE site_id = {site} AND organisation_id = {organisation}::text
                   AND since <= now() AND (until IS NULL OR until > now()))
    )"""


def station_within(station: str, first: int) -> str:
    """Return the condition that a station, as SQL names it, lies within a scope."""
    site = f"(SELECT site_id FROM bounds.station WHERE station_id = {station})"
    return site_within(site, first)


async def sites_within(connection: asyncpg.Connection, scope: Scope, site_ids: Collection[str]) -> set[str]:
    """Return those of the sites that lie within the bounds."""
    condition = site_within("s.id", 2)
    rows = await connection.fetch(
        f"SELECT s.id FROM unnest($1::text[]) AS s (id) WHERE {condition}", list(site_ids), *scope.parameters
    )
    return {row["id"] for row in rows}


async def stations_within(connection: asyncpg.Connection, scope: Scope, station_ids: Collection[str]) -> set[str]:
    """Return those of the stations that lie within the bounds."""
    condition = station_within("s.id", 2)
    rows = await connection.fetch(
        f"SELECT s.id FROM unnest($1::text[]) AS s (id) WHERE {condition}", list(station_ids), *scope.parameters
    )
    return {row["id"] for row in rows}


async def site_of(connection: asyncpg.Connection, station_id: str) -> str | None:
    """Return the site at which a station is filed, or was filed last; None: no site has ever listed it."""
    found: str | None = await connection.fetchval(
        "SELECT site_id FROM bounds.station WHERE station_id = $1", station_id
    )
    return found


async def stations_of(connection: asyncpg.Connection, site_id: str) -> list[str]:
    """Return the stations of a site, those that it has lost included."""
    rows = await connection.fetch("SELECT station_id FROM bounds.station WHERE site_id = $1 ORDER BY 1", site_id)
    return [row["station_id"] for row in rows]


async def project(connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
    """Take in where sites lie and who answers for them."""
    for stored in batch:
        match stored.event:
            case SiteFiled() as filed:
                await _file(connection, filed)
            case ResponsibilitiesChanged() as changed:
                await _replace_parties(connection, changed)
            case MachineKeyIssued() as issued:
                await _keep_key(connection, key_of(issued))
            case MachineKeyRevoked(key_id=key_id, at=at):
                await _end_key(connection, key_id, at)


async def _file(connection: asyncpg.Connection, filed: SiteFiled) -> None:
    """Stations that a site has lost stay its own: what they said remains its parties' to see."""
    await connection.execute(
        """
        INSERT INTO bounds.site VALUES ($1, $2)
        ON CONFLICT (site_id) DO UPDATE SET division_code = excluded.division_code
        """,
        filed.site_id,
        filed.division_code,
    )
    await connection.execute(
        """
        INSERT INTO bounds.station SELECT unnest($2::text[]), $1
        ON CONFLICT (station_id) DO UPDATE SET site_id = excluded.site_id
        """,
        filed.site_id,
        [station.station_id for station in filed.stations],
    )


async def _replace_parties(connection: asyncpg.Connection, changed: ResponsibilitiesChanged) -> None:
    await connection.execute("DELETE FROM bounds.party WHERE site_id = $1", changed.site_id)
    await connection.executemany(
        "INSERT INTO bounds.party VALUES ($1, $2, $3, $4, $5)",
        [
            (changed.site_id, place, entry.organisation_id, entry.since, entry.until)
            for place, entry in enumerate(changed.entries)
            if entry.role in ANSWERING
        ],
    )


async def _keep_key(connection: asyncpg.Connection, key: MachineKey) -> None:
    await connection.execute(
        """
        INSERT INTO bounds.machine_key VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
        """,
        key.id,
        key.name,
        key.digest,
        key.role,
        sorted(key.scopes),
        key.organisation_id,
        key.division,
        key.expires_at,
    )


async def _end_key(connection: asyncpg.Connection, key_id: str, at: datetime) -> None:
    await connection.execute("DELETE FROM bounds.machine_key WHERE id = $1 AND $2::timestamptz <= now()", key_id, at)
    await connection.execute(
        "UPDATE bounds.machine_key SET expires_at = least(expires_at, $2) WHERE id = $1", key_id, at
    )


def key_of(issued: MachineKeyIssued) -> MachineKey:
    """Return a key as services know it."""
    return MachineKey(
        issued.key_id, issued.name, issued.digest, issued.role, frozenset(issued.scopes), issued.organisation_id,
        issued.division, issued.expires_at,
    )  # fmt: skip


async def load_keys(connection: asyncpg.Connection) -> tuple[list[MachineKey], dict[str, int]]:
    """Return the keys that hold and the positions from which to follow, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch("SELECT * FROM bounds.machine_key WHERE expires_at > now()")
        keys = [MachineKey(**{**dict(row), "scopes": frozenset(row["scopes"])}) for row in rows]
        return keys, await positions_of(connection, NAME)


def consumer(pool: asyncpg.Pool) -> Consumer:
    """Return the projection; the service that owns sites and people runs it."""
    return Consumer(pool, NAME, project, types=TYPES)
