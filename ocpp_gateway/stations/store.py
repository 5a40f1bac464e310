"""Statements about stations: the directory, who holds them, who has fallen silent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from ocpp_gateway.protocol.streams import NOTHING_KNOWN, StreamsKnown
from ocpp_gateway.timeseries.store import mark_due
from youguan.clock import first_day_from
from youguan.database import session_lock
from youguan.eventlog import positions_of
from youguan.events import (
    NOT_FOR_THE_PUBLIC,
    ConnectorStatusChanged,
    Event,
    SiteFiled,
    StationCredentialsChanged,
    StationOffline,
    StationRejected,
)

FIRST_PLATFORM_SLOT = 2000
"""From here on slots are of those who write what operators' platforms say."""


async def load_directory(
    connection: asyncpg.Connection, consumer: str
) -> tuple[dict[str, str], set[str], dict[str, int]]:
    """Return station → site, who is rejected, and the positions up to which that holds, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch("SELECT station_id, site_id FROM gateway.station_directory")
        rejected = await connection.fetch("SELECT station_id FROM gateway.rejected_station")
        sites = {row["station_id"]: row["site_id"] for row in rows}
        return sites, {row["station_id"] for row in rejected}, await positions_of(connection, consumer)


async def file_site(connection: asyncpg.Connection, filed: SiteFiled, at: datetime) -> list[str]:
    """Let the directory hold exactly the site's stations; one that is filed leaves quarantine and is rejected no longer.

    Return the stations that were filed nowhere before, or with fewer connectors.
    """
    ids = [station.station_id for station in filed.stations]
    had = await _connectors_of(connection, ids)
    await connection.execute(
        "DELETE FROM gateway.station_directory WHERE site_id = $1 AND station_id <> ALL($2::text[])", filed.site_id, ids
    )
    await connection.execute(
        """
        INSERT INTO gateway.station_directory (station_id, site_id, connectors)
        SELECT station_id, $1, connectors FROM unnest($2::text[], $3::int[]) AS s (station_id, connectors)
        ON CONFLICT (station_id) DO UPDATE SET site_id = excluded.site_id, connectors = excluded.connectors
        """,
        filed.site_id,
        ids,
        [station.connectors for station in filed.stations],
    )
    await _place(connection, filed.site_id, ids, at)
    await _mark_private(connection, ids, private=filed.usage in NOT_FOR_THE_PUBLIC)
    await connection.execute("DELETE FROM gateway.quarantine WHERE station_id = ANY($1)", ids)
    await connection.execute("DELETE FROM gateway.rejected_station WHERE station_id = ANY($1)", ids)
    return [station.station_id for station in filed.stations if had.get(station.station_id, 0) < station.connectors]


async def _place(connection: asyncpg.Connection, site_id: str, station_ids: Sequence[str], at: datetime) -> None:
    """Keep where stations stand from an instant on; the first day that counts elsewhere is counted again, if it has been."""
    moved = await connection.fetch("SELECT gateway.place_stations($1, $2, $3)", site_id, station_ids, at)
    await mark_due(connection, ((row[0], first_day_from(at)) for row in moved))


async def _mark_private(connection: asyncpg.Connection, station_ids: Sequence[str], *, private: bool) -> None:
    """Keep whether stations are somebody's own; one that is filed no longer stays so, for what it said stays too."""
    await connection.execute(
        "INSERT INTO gateway.private_station SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
        if private
        else "DELETE FROM gateway.private_station WHERE station_id = ANY($1)",
        station_ids,
    )


async def _connectors_of(connection: asyncpg.Connection, station_ids: Sequence[str]) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT station_id, connectors FROM gateway.station_directory WHERE station_id = ANY($1)", station_ids
    )
    return {row["station_id"]: row["connectors"] for row in rows}


async def how_they_are(connection: asyncpg.Connection, station_ids: Sequence[str], now: datetime) -> list[Event]:
    """Return the events that say what stations said last, and which of them are silent; none of those never heard."""
    said = await connection.fetch(
        "SELECT * FROM gateway.connector_now WHERE station_id = ANY($1) ORDER BY station_id, connector", station_ids
    )
    silent = await connection.fetch(
        "SELECT station_id, last_seen_at FROM gateway.station_now WHERE station_id = ANY($1) AND state = 'offline'",
        station_ids,
    )
    return [
        *(ConnectorStatusChanged(**dict(row), previous_condition=None) for row in said),
        *(StationOffline(**dict(row), at=now) for row in silent),
    ]


async def retire_site(connection: asyncpg.Connection, site_id: str, at: datetime) -> None:
    """Let a site have no stations; those that another site has by now stay there."""
    await _place(connection, site_id, (), at)
    await connection.execute("DELETE FROM gateway.station_directory WHERE site_id = $1", site_id)


async def reject_station(connection: asyncpg.Connection, rejected: StationRejected) -> None:
    await connection.execute(
        "INSERT INTO gateway.rejected_station VALUES ($1, $2) ON CONFLICT DO NOTHING", rejected.station_id, rejected.at
    )


async def readmit_station(connection: asyncpg.Connection, station_id: str) -> None:
    """Let a station be pending again; out of quarantine, it is told of anew when it asks the next time."""
    await connection.execute("DELETE FROM gateway.rejected_station WHERE station_id = $1", station_id)
    await connection.execute("DELETE FROM gateway.quarantine WHERE station_id = $1", station_id)


# --- who holds a station ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """A connection that wants to speak for its station; `profile`: by which of OCPP's security profiles it came."""

    station_id: str
    ocpp_version: str
    remote: str
    at: datetime
    profile: int = 0


class Grant(NamedTuple):
    """A connection may speak for its station: the epoch that is its own, and what is known of the station's streams."""

    epoch: int
    streams: StreamsKnown = NOTHING_KNOWN


async def start_worker(connection: asyncpg.Connection, slot: int, at: datetime) -> None:
    """Note that a worker listens from now on, or does so again."""
    await connection.execute(
        """
        INSERT INTO gateway.worker (slot, started_at) VALUES ($1, $2)
        ON CONFLICT (slot) DO UPDATE SET started_at = excluded.started_at
        """,
        slot,
        at,
    )


async def let_go(connection: asyncpg.Connection, slot: int, at: datetime) -> list[str]:
    """Note that what a slot still holds is disconnected; return those stations."""
    rows = await connection.fetch(
        """
        WITH held AS (
            SELECT station_id FROM gateway.station_now WHERE slot = $1 AND connected ORDER BY station_id FOR UPDATE
        ), gone AS (
            UPDATE gateway.station_now n SET connected = false FROM held
            WHERE n.station_id = held.station_id RETURNING n.station_id
        )
        INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
        SELECT station_id, $2, 'disconnected', 'gateway restarted' FROM gone RETURNING station_id
        """,
        slot,
        at,
    )
    return [row["station_id"] for row in rows]


async def tell_crowd(
    connection: asyncpg.Connection, slot: int, total: int, sources: Mapping[str, int], times: tuple[datetime, datetime]
) -> list[tuple[int, dict[str, int]]]:
    """Note what a worker holds now (`times[0]`); return what each other holds that has said so since `times[1]`."""
    rows = await connection.fetch(
        """
        WITH told AS (
            INSERT INTO gateway.crowd VALUES ($1, $2, $3, $4) ON CONFLICT (slot) DO UPDATE SET
                connections = excluded.connections, sources = excluded.sources, told_at = excluded.told_at
        )
        SELECT connections, sources FROM gateway.crowd WHERE slot <> $1 AND told_at > $5
        """,
        slot,
        total,
        dict(sources),
        *times,
    )
    return [(row["connections"], row["sources"]) for row in rows]


SLOTS = 0x596F7573  # the first key of the locks that workers hold on their slots


@asynccontextmanager
async def slot_held(connection: asyncpg.Connection, slot: int) -> AsyncIterator[None]:
    """Show that a worker is there while the block lasts; it ends with the connection."""
    take, undo = "SELECT pg_advisory_lock_shared($1, $2)", "SELECT pg_advisory_unlock_shared($1, $2)"
    async with session_lock(connection, take, undo, SLOTS, slot):
        yield


async def unheld_slots(connection: asyncpg.Connection) -> list[int]:
    """Return the slots that have stations connected and no worker."""
    rows = await connection.fetch(
        """
        SELECT slot FROM (SELECT DISTINCT slot FROM gateway.station_now WHERE connected) s
        WHERE NOT EXISTS (
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = slot AND objsubid = 2
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
        """,
        SLOTS,
    )
    return [row["slot"] for row in rows]


async def is_unheld(connection: asyncpg.Connection, slot: int) -> bool:
    """Say whether no worker holds a slot, and let none begin to show itself there before the transaction ends."""
    found: bool = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", SLOTS, slot)
    return found


async def count_losses(connection: asyncpg.Connection, slot: int) -> int:
    return int(await connection.fetchval("SELECT losses FROM gateway.worker WHERE slot = $1", slot) or 0)


async def held_by_others(connection: asyncpg.Connection, slot: int, number: int) -> dict[str, int]:
    """Return the stations that were taken from this worker after the given count and are others' now, with their epochs."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT station_id, n.epoch FROM gateway.takeover t JOIN gateway.station_now n USING (station_id)
        WHERE t.slot = $1 AND t.number > $2 AND n.slot <> $1
        """,
        slot,
        number,
    )
    return {row["station_id"]: row["epoch"] for row in rows}


async def take_from_others(connection: asyncpg.Connection, slot: int, station_ids: Sequence[str]) -> None:
    """Take stations away from the workers that hold them, waiting for the commit that each has under way."""
    rows = await connection.fetch(
        "SELECT station_id, slot FROM gateway.station_now WHERE station_id = ANY($1) AND slot <> $2", station_ids, slot
    )
    taken: dict[int, list[str]] = {}
    for row in rows:
        taken.setdefault(row["slot"], []).append(row["station_id"])
    for other, ids in sorted(taken.items()):
        number = await connection.fetchval(
            "UPDATE gateway.worker SET losses = losses + 1 WHERE slot = $1 RETURNING losses", other
        )
        if number is not None:
            await connection.execute(
                "INSERT INTO gateway.takeover (slot, number, station_id) SELECT $1, $2, unnest($3::text[])",
                other,
                number,
                ids,
            )
            await connection.execute(
                "DELETE FROM gateway.takeover WHERE slot = $1 AND number < $2 - 10000", other, number
            )


OWN_SOCKETS = range(1500, 1600)
"""The slots of doors at which chargers speak another protocol themselves; others speak for them only while they are silent."""
KEEPS_ITS_WORD = timedelta(seconds=60)


async def take_over(
    connection: asyncpg.Connection, slot: int, heard: Mapping[str, datetime], way: str
) -> tuple[set[str], list[str]]:
    """Let a slot write what is said of stations another way than over OCPP, unless they speak for themselves right now.

    Return the stations that it may write now, and those of them that had not been online before.
    """
    ids = sorted(heard)
    held = await connection.fetch(
        """
        SELECT station_id FROM gateway.station_now
        JOIN unnest($1::text[], $2::timestamptz[]) AS h (station_id, at) USING (station_id)
        WHERE slot <> $3 AND (connected OR (
            slot >= $4 AND slot < $5 AND NOT ($3 >= $4 AND $3 < $5) AND state = 'online' AND last_seen_at > h.at - $6::interval
        ))
        """,
        ids,
        [heard[station_id] for station_id in ids],
        slot,
        OWN_SOCKETS.start,
        OWN_SOCKETS.stop,
        KEEPS_ITS_WORD,
    )  # fmt: skip
    speaking = {row["station_id"] for row in held}
    ids = [station_id for station_id in ids if station_id not in speaking]
    await take_from_others(connection, slot, ids)
    rows = await connection.fetch(
        """
        WITH before AS (
            SELECT station_id, state FROM gateway.station_now
            WHERE station_id = ANY($2::text[]) ORDER BY station_id FOR UPDATE
        ), taken AS (
            INSERT INTO gateway.station_now AS n (station_id, epoch, slot, connected, state, last_seen_at)
            SELECT h.station_id, 1, $1, false, 'online', h.at
            FROM unnest($2::text[], $3::timestamptz[]) AS h (station_id, at) ORDER BY h.station_id
            ON CONFLICT (station_id) DO UPDATE SET epoch = n.epoch + 1, slot = excluded.slot, state = 'online',
                last_seen_at = greatest(n.last_seen_at, excluded.last_seen_at)
            WHERE NOT (n.connected AND n.slot <> excluded.slot)
            RETURNING station_id
        )
        SELECT t.station_id, b.state IS DISTINCT FROM 'online' AS back FROM taken t LEFT JOIN before b USING (station_id)
        """,
        slot,
        ids,
        [heard[station_id] for station_id in ids],
    )
    back = [row["station_id"] for row in rows if row["back"]]
    await connection.execute(
        """
        INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change, reason)
        SELECT station_id, at, 'online', $3 FROM unnest($1::text[], $2::timestamptz[]) AS b (station_id, at)
        """,
        back,
        [heard[station_id] for station_id in back],
        way,
    )
    return {row["station_id"] for row in rows}, back


async def claim(
    connection: asyncpg.Connection, slot: int, openings: Mapping[str, Opening]
) -> dict[str, tuple[int, bool]]:
    """Let this worker hold the stations; return each one's new epoch and whether it had not been online before."""
    ordered = [openings[station_id] for station_id in sorted(openings)]
    arrays = (
        [o.station_id for o in ordered],
        [o.ocpp_version for o in ordered],
        [o.remote for o in ordered],
        [o.at for o in ordered],
        [o.profile for o in ordered],
    )
    rows = await connection.fetch(
        """
        WITH before AS (
            SELECT station_id, state FROM gateway.station_now
            WHERE station_id = ANY($2::text[]) ORDER BY station_id FOR UPDATE
        ), claimed AS (
            INSERT INTO gateway.station_now AS n
                (station_id, epoch, slot, connected, state, ocpp_version, remote, connected_at, last_seen_at,
                 security_profile)
            SELECT o.station_id, 1, $1, true, 'online', o.version, o.remote, o.at, o.at, o.profile
            FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[])
                AS o (station_id, version, remote, at, profile)
            ORDER BY o.station_id
            ON CONFLICT (station_id) DO UPDATE SET
                epoch = n.epoch + 1, slot = excluded.slot, connected = true, state = 'online',
                ocpp_version = excluded.ocpp_version, remote = excluded.remote, connected_at = excluded.connected_at,
                last_seen_at = greatest(n.last_seen_at, excluded.last_seen_at),
                security_profile = excluded.security_profile
            RETURNING station_id, epoch
        )
        SELECT c.station_id, c.epoch, b.state IS DISTINCT FROM 'online' AS back
        FROM claimed c LEFT JOIN before b USING (station_id)
        """,
        slot,
        *arrays,
    )
    await connection.execute(
        """
        INSERT INTO telemetry.connectivity_change (station_id, occurred_at, change)
        SELECT station_id, at, 'connected' FROM unnest($1::text[], $2::timestamptz[]) AS o (station_id, at)
        """,
        arrays[0],
        arrays[3],
    )
    return {row["station_id"]: (row["epoch"], row["back"]) for row in rows}


async def sites_of(connection: asyncpg.Connection, station_ids: Sequence[str]) -> dict[str, str]:
    """Return station → site of those that are filed."""
    rows = await connection.fetch(
        "SELECT station_id, site_id FROM gateway.station_directory WHERE station_id = ANY($1)", list(station_ids)
    )
    return {row["station_id"]: row["site_id"] for row in rows}


# --- who may connect --------------------------------------------------------------------------------------------


async def load_credentials(
    connection: asyncpg.Connection, consumer: str
) -> tuple[dict[str, dict[str, datetime | None]], dict[str, int]]:
    """Return station → digest → until, and the positions up to which that holds, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch("SELECT station_id, digest, until FROM gateway.station_credential")
        found: dict[str, dict[str, datetime | None]] = {}
        for row in rows:
            found.setdefault(row["station_id"], {})[row["digest"]] = row["until"]
        return found, await positions_of(connection, consumer)


async def replace_credentials(connection: asyncpg.Connection, changed: StationCredentialsChanged) -> None:
    """Let a station have exactly these keys."""
    await connection.execute("DELETE FROM gateway.station_credential WHERE station_id = $1", changed.station_id)
    for known in changed.credentials:
        await add_credential(connection, changed.station_id, known.digest, known.until)


async def add_credential(connection: asyncpg.Connection, station_id: str, digest: str, until: datetime | None) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.station_credential VALUES ($1, $2, $3)
        ON CONFLICT (station_id, digest) DO UPDATE SET until = excluded.until
        """,
        station_id,
        digest,
        until,
    )
