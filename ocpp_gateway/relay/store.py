"""The statements of the relay."""

from collections.abc import Collection, Mapping
from datetime import datetime

import asyncpg

from ocpp_gateway.observation import RelayGap, UpstreamMet
from youguan.auth import Scope
from youguan.bounds import site_within, station_within
from youguan.eventlog import positions_of
from youguan.events import SiteRelayChanged


async def load_sites(connection: asyncpg.Connection, consumer: str) -> tuple[list[asyncpg.Record], Mapping[str, int]]:
    """Return the sites that are relayed, and the positions up to which that holds, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch("SELECT * FROM gateway.relay_site")
        return rows, await positions_of(connection, consumer)


async def set_site(connection: asyncpg.Connection, changed: SiteRelayChanged) -> None:
    """Let a site be relayed in this way."""
    await connection.execute(
        """
        INSERT INTO gateway.relay_site (site_id, upstream_url, admission, may_send, authority, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (site_id) DO UPDATE SET upstream_url = excluded.upstream_url, admission = excluded.admission,
            may_send = excluded.may_send, authority = excluded.authority, changed_at = excluded.changed_at
        """,
        changed.site_id,
        changed.upstream_url,
        changed.admission,
        changed.may_send,
        changed.authority,
        changed.at,
    )


async def end_site(connection: asyncpg.Connection, site_id: str) -> None:
    """Let a site be relayed no longer."""
    await connection.execute("DELETE FROM gateway.relay_site WHERE site_id = $1", site_id)


async def upstream_url(connection: asyncpg.Connection, site_id: str) -> str | None:
    """Return where a site's stations are passed on to; None where they are not."""
    found: str | None = await connection.fetchval(
        "SELECT upstream_url FROM gateway.relay_site WHERE site_id = $1", site_id
    )
    return found


async def forget_upstream(connection: asyncpg.Connection, site_id: str) -> bool:
    """Forget how a site's upstream was met; say whether it was away."""
    await connection.execute("DELETE FROM gateway.relay_station WHERE site_id = $1", site_id)
    state = await connection.fetchval("DELETE FROM gateway.relay_upstream WHERE site_id = $1 RETURNING state", site_id)
    return bool(state == "away")


async def meet_stations(connection: asyncpg.Connection, met: Collection[UpstreamMet]) -> None:
    """Note how stations met their upstreams last; one for each station."""
    await connection.execute(
        """
        INSERT INTO gateway.relay_station AS s (station_id, site_id, state, detail, since, seen_at, interval_s)
        SELECT station_id, site_id, state, detail, at, at, interval_s
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[])
            AS m (station_id, site_id, state, detail, at, interval_s)
        ORDER BY station_id
        ON CONFLICT (station_id) DO UPDATE SET site_id = excluded.site_id, state = excluded.state, detail = excluded.detail,
            since = CASE WHEN (s.site_id, s.state) = (excluded.site_id, excluded.state) THEN s.since ELSE excluded.since END,
            seen_at = excluded.seen_at, interval_s = coalesce(excluded.interval_s, s.interval_s)
        WHERE excluded.seen_at >= s.seen_at
        """,
        [each.station_id for each in met],
        [each.site_id for each in met],
        [each.state for each in met],
        [each.detail for each in met],
        [each.at for each in met],
        [each.heartbeat_interval_s for each in met],
    )


async def meet_site(connection: asyncpg.Connection, met: UpstreamMet) -> bool:
    """Note whether a site's upstream is there; say whether that changes whether it is away.

    Only where the site is still relayed: what was met before somebody ended that says nothing any more.
    """
    changed = await connection.fetchval(
        """
        INSERT INTO gateway.relay_upstream AS u (site_id, state, detail, since)
        SELECT site_id, $2, $3, $4 FROM gateway.relay_site WHERE site_id = $1
        ON CONFLICT (site_id) DO UPDATE SET state = excluded.state, detail = excluded.detail, since = excluded.since
        WHERE u.state <> excluded.state AND excluded.since >= u.since
        RETURNING xmax <> 0 OR state = 'away'
        """,
        met.site_id,
        met.state,
        met.detail,
        met.at,
    )
    return bool(changed)


async def note_drained(connection: asyncpg.Connection, spool_id: str, place: int, at: datetime) -> None:
    """Note up to where a spool is stored."""
    await connection.execute(
        """
        INSERT INTO gateway.relay_spool AS s (spool_id, place, drained_at) VALUES ($1, $2, $3)
        ON CONFLICT (spool_id) DO UPDATE SET place = greatest(s.place, excluded.place), drained_at = excluded.drained_at
        """,
        spool_id,
        place,
        at,
    )


async def note_gap(connection: asyncpg.Connection, gap: RelayGap) -> None:
    """Note what was not kept; what is told of the same gap later is added."""
    await connection.execute(
        """
        INSERT INTO gateway.relay_gap AS g (spool_id, station_id, reason, since, until, records, lost_bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (spool_id, reason, since, station_id) DO UPDATE SET
            until = greatest(g.until, excluded.until), lost_bytes = g.lost_bytes + excluded.lost_bytes,
            records = CASE WHEN excluded.records IS NULL THEN g.records ELSE coalesce(g.records, 0) + excluded.records END
        """,
        gap.spool_id,
        gap.station_id,
        gap.reason,
        gap.since,
        gap.until,
        gap.records,
        gap.lost_bytes,
    )


async def drained(connection: asyncpg.Connection, spool_id: str) -> int:
    """Return the place up to which a spool is stored; waits for a commit that whoever left it behind may have under way."""
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO gateway.relay_spool VALUES ($1, 0, now()) ON CONFLICT DO NOTHING", spool_id
        )
        return int(
            await connection.fetchval("SELECT place FROM gateway.relay_spool WHERE spool_id = $1 FOR UPDATE", spool_id)
        )


async def forget_spools(connection: asyncpg.Connection, before: datetime) -> None:
    """Forget spools whose files are long gone."""
    await connection.execute("DELETE FROM gateway.relay_spool WHERE drained_at < $1", before)


async def policy_of(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record | None:
    """Return how a station is relayed; None where it is connected to us alone."""
    return await connection.fetchrow(
        """
        SELECT r.* FROM gateway.relay_site r JOIN gateway.station_directory d USING (site_id) WHERE d.station_id = $1
        """,
        station_id,
    )


SITE = """
SELECT r.site_id, r.upstream_url, r.admission, r.may_send, r.changed_at, u.state, u.detail, u.since,
       (SELECT count(*) FROM gateway.station_directory d WHERE d.site_id = r.site_id) AS stations,
       (SELECT count(*) FROM gateway.station_directory d JOIN gateway.station_now n USING (station_id)
        JOIN gateway.relay_station s USING (station_id)
        WHERE d.site_id = r.site_id AND n.connected AND s.state = 'connected') AS connected
FROM gateway.relay_site r LEFT JOIN gateway.relay_upstream u USING (site_id)
"""


async def list_sites(
    connection: asyncpg.Connection, scope: Scope, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return, by id, the relayed sites within a scope: how their upstreams are, how many stations are connected."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {SITE} WHERE ($1::text IS NULL OR r.site_id > $1) AND {site_within("r.site_id", 3)} ORDER BY r.site_id LIMIT $2
        """,
        after,
        limit,
        *scope.parameters,
    )
    return rows


async def get_site(connection: asyncpg.Connection, site_id: str) -> asyncpg.Record | None:
    """Return a relayed site; None where it is not."""
    return await connection.fetchrow(f"{SITE} WHERE r.site_id = $1", site_id)


async def meeting_of(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record | None:
    """Return where a station is passed on to and how it met its upstream last; None where it is not passed on."""
    return await connection.fetchrow(
        """
        SELECT r.site_id, r.upstream_url, r.may_send, s.state, s.detail FROM gateway.station_directory d
        JOIN gateway.relay_site r USING (site_id) LEFT JOIN gateway.relay_station s USING (station_id)
        WHERE d.station_id = $1
        """,
        station_id,
    )


async def list_stations(connection: asyncpg.Connection, site_id: str) -> list[asyncpg.Record]:
    """Return how each station of a site met its upstream last."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT d.station_id, s.state, s.detail, s.since, s.seen_at, coalesce(n.connected, false) AS connected
        FROM gateway.station_directory d LEFT JOIN gateway.relay_station s USING (station_id)
        LEFT JOIN gateway.station_now n USING (station_id)
        WHERE d.site_id = $1 ORDER BY d.station_id
        """,
        site_id,
    )
    return rows


# Whose station is known lies within its site's bounds; of the others only who sees everything learns.
GAP_WITHIN = f"CASE WHEN g.station_id IS NULL THEN $1::bool ELSE {station_within('g.station_id', 1)} END"


async def list_gaps(
    connection: asyncpg.Connection,
    scope: Scope,
    station_id: str | None,
    before: tuple[datetime, int] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return what was not kept within a scope, the newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT g.*, d.site_id FROM gateway.relay_gap g LEFT JOIN gateway.station_directory d USING (station_id)
        WHERE {GAP_WITHIN} AND g.records IS DISTINCT FROM 0 AND ($4::text IS NULL OR g.station_id = $4)
          AND ($5::timestamptz IS NULL OR (g.since, g.id) < ($5, $6))
        ORDER BY g.since DESC, g.id DESC LIMIT $7
        """,
        *scope.parameters,
        station_id,
        *(before or (None, None)),
        limit,
    )
    return rows


async def lost_records(connection: asyncpg.Connection, scope: Scope) -> int:
    """Return how many records within a scope were not kept, as far as anybody knows how many."""
    return int(
        await connection.fetchval(
            f"SELECT coalesce(sum(g.records), 0) FROM gateway.relay_gap g WHERE {GAP_WITHIN}", *scope.parameters
        )
    )


async def forget_gaps(connection: asyncpg.Connection, before: datetime) -> None:
    """Forget gaps in what is itself no longer kept."""
    await connection.execute("DELETE FROM gateway.relay_gap WHERE coalesce(until, since) < $1", before)
