"""Statements about operators' platforms."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from ocpp_gateway.cec102.envelope import TOLERATED
from ocpp_gateway.cec102.reports import Report, Tried
from ocpp_gateway.observation import (
    PlatformOperatorTold,
    PlatformOrderTold,
    PlatformSaid,
    PlatformSiteTold,
    PlatformStatsTold,
)
from youguan.clock import COUNTY
from youguan.errors import NotFound
from youguan.eventlog import decode, encode
from youguan.events import SiteFiled

REFUSED_AS = "platform/"
"""With which a platform's own lines among the refused input begin; no station's id holds a slash."""

PLATFORM = """
SELECT p.*, o.name AS organisation_name, n.last_heard_at, n.last_pulled_at, n.pull_error, n.silent_since
FROM gateway.platform p LEFT JOIN gateway.organisation o USING (organisation_id)
LEFT JOIN gateway.platform_now n USING (operator_id)
"""


# --- as the registry told it ------------------------------------------------------------------------------------


async def file_codes(connection: asyncpg.Connection, filed: SiteFiled) -> None:
    """Let a site's connectors bear exactly the codes that are filed."""
    await connection.execute("DELETE FROM gateway.connector_code WHERE site_id = $1", filed.site_id)
    await connection.executemany(
        """
        INSERT INTO gateway.connector_code VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (station_id, connector) DO UPDATE SET site_id = excluded.site_id, operator_code = excluded.operator_code,
            cec_station_id = excluded.cec_station_id, cec_equipment_id = excluded.cec_equipment_id,
            cec_connector_id = excluded.cec_connector_id
        """,
        [
            (
                station.station_id,
                connector.connector,
                filed.site_id,
                filed.operator_code,
                filed.cec_station_id,
                station.cec_equipment_id,
                connector.cec_connector_id,
            )
            for station in filed.stations
            for connector in station.connector_files
            if filed.operator_code is not None
        ],
    )


async def retire_codes(connection: asyncpg.Connection, site_id: str) -> None:
    await connection.execute("DELETE FROM gateway.connector_code WHERE site_id = $1", site_id)


async def file_site(connection: asyncpg.Connection, filed: SiteFiled, at: datetime) -> None:
    """Keep a site's whole file."""
    await connection.execute(
        """
        INSERT INTO gateway.filed_site (site_id, operator_code, cec_station_id, file, retired, changed_at)
        VALUES ($1, $2, $3, $4, false, $5)
        ON CONFLICT (site_id) DO UPDATE SET operator_code = excluded.operator_code, cec_station_id = excluded.cec_station_id,
            file = excluded.file, retired = false, changed_at = excluded.changed_at
        """,
        filed.site_id,
        filed.operator_code,
        filed.cec_station_id,
        orjson.loads(encode(filed)),
        at,
    )


async def retire_site(connection: asyncpg.Connection, site_id: str) -> None:
    """Let a site be no more; its last file stays, to be told as closed."""
    await connection.execute("UPDATE gateway.filed_site SET retired = true WHERE site_id = $1", site_id)


async def site_filed(connection: asyncpg.Connection, site_id: str) -> SiteFiled | None:
    """Return a site's last file, or None."""
    file = await connection.fetchval("SELECT file FROM gateway.filed_site WHERE site_id = $1", site_id)
    return None if file is None else _file_of(file)


async def sites_filed(connection: asyncpg.Connection, operator_code: str | None = None) -> list[SiteFiled]:
    """Return the files of the sites that have codes, of an operator or all, in the order of their ids."""
    rows = await connection.fetch(
        """
        SELECT file FROM gateway.filed_site WHERE NOT retired AND operator_code IS NOT NULL AND cec_station_id IS NOT NULL
          AND ($1::text IS NULL OR operator_code = $1) ORDER BY site_id
        """,
        operator_code,
    )
    return [_file_of(row["file"]) for row in rows]


async def sites_page(
    connection: asyncpg.Connection, since: datetime | None, offset: int, limit: int
) -> tuple[int, list[SiteFiled]]:
    """Return how many sites with codes have changed since a time (None: ever), and the files of some of them."""
    coded = "NOT retired AND operator_code IS NOT NULL AND cec_station_id IS NOT NULL"
    condition = f"{coded} AND ($1::timestamptz IS NULL OR changed_at >= $1)"
    count = await connection.fetchval(f"SELECT count(*) FROM gateway.filed_site WHERE {condition}", since)
    rows = await connection.fetch(
        f"SELECT file FROM gateway.filed_site WHERE {condition} ORDER BY site_id OFFSET $2 LIMIT $3",
        since,
        offset,
        limit,
    )
    return count, [_file_of(row["file"]) for row in rows]


def _file_of(file: Mapping[str, Any]) -> SiteFiled:
    filed = decode(SiteFiled.__name__, file)
    assert isinstance(filed, SiteFiled)
    return filed


async def file_organisation(connection: asyncpg.Connection, organisation_id: str, name: str) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.organisation VALUES ($1, $2) ON CONFLICT (organisation_id) DO UPDATE SET name = excluded.name
        """,
        organisation_id,
        name,
    )


async def organisations(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return who may own a platform."""
    rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM gateway.organisation ORDER BY organisation_id")
    return rows


# --- who they are -----------------------------------------------------------------------------------------------


async def list_platforms(
    connection: asyncpg.Connection, organisation_id: str | None, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return platforms by id; of one organisation, or all."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PLATFORM} WHERE ($1::text IS NULL OR p.organisation_id = $1) AND ($2::text IS NULL OR p.operator_id > $2)
        ORDER BY p.operator_id LIMIT $3
        """,
        organisation_id,
        after,
        limit,
    )
    return rows


async def find_platform(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record | None:
    """Return a platform, or None."""
    return await connection.fetchrow(f"{PLATFORM} WHERE p.operator_id = $1", operator_id)


async def get_platform(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return a platform; NotFound."""
    row = await find_platform(connection, operator_id)
    if row is None:
        raise NotFound(f"platform {operator_id}")
    return row


async def put_platform(connection: asyncpg.Connection, row: Sequence[Any]) -> None:
    """Store a platform and how it is spoken with: a row in the order of the table's columns."""
    await connection.execute(
        """
        INSERT INTO gateway.platform VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (operator_id) DO UPDATE SET name = excluded.name, organisation_id = excluded.organisation_id,
            role = excluded.role, profile = excluded.profile, enabled = excluded.enabled, address = excluded.address,
            our_operator_id = excluded.our_operator_id, sealed = excluded.sealed, changed_at = excluded.changed_at,
            changed_by = excluded.changed_by
        """,
        *row,
    )


async def shut_out(connection: asyncpg.Connection, operator_id: str, changed_by: str) -> None:
    """Let a platform in no longer, if this was the last to let it in."""
    await connection.execute(
        "UPDATE gateway.platform SET enabled = false WHERE operator_id = $1 AND changed_by = $2",
        operator_id,
        changed_by,
    )


# --- at the door ------------------------------------------------------------------------------------------------


async def who_calls(connection: asyncpg.Connection, operator_id: str, digest: bytes) -> asyncpg.Record | None:
    """Return how a platform is spoken with, and whether this very envelope was taken before; None: unknown, or shut out."""
    return await connection.fetchrow(
        """
        SELECT profile, sealed, role, EXISTS (SELECT FROM gateway.platform_envelope WHERE digest = $2) AS seen
        FROM gateway.platform WHERE operator_id = $1 AND enabled
        """,
        operator_id,
        digest,
    )


async def places_of(
    connection: asyncpg.Connection, operator_id: str, connector_ids: Collection[str]
) -> dict[str, list[tuple[str, int]]]:
    """Return connector id → every (station, connector) that is filed under it for an operator: one, unless it is ambiguous."""
    rows = await connection.fetch(
        """
        SELECT cec_connector_id, station_id, connector FROM gateway.connector_code
        WHERE operator_code = $1 AND cec_connector_id = ANY($2) ORDER BY station_id, connector
        """,
        operator_id,
        list(connector_ids),
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        found.setdefault(row["cec_connector_id"], []).append((row["station_id"], row["connector"]))
    return found


async def ambiguous(connection: asyncpg.Connection, operator_id: str, limit: int) -> list[asyncpg.Record]:
    """Return the codes of an operator that several connectors bear, each with those connectors."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT cec_connector_id, array_agg(station_id || ' ' || connector ORDER BY station_id, connector) AS places
        FROM gateway.connector_code WHERE operator_code = $1
        GROUP BY cec_connector_id HAVING count(*) > 1 ORDER BY cec_connector_id LIMIT $2
        """,
        operator_id,
        limit,
    )
    return rows


# --- in the recorder's commit -----------------------------------------------------------------------------------


async def remember_envelopes(connection: asyncpg.Connection, said: Sequence[PlatformSaid]) -> None:
    signed = [s for s in said if s.digest is not None]
    if signed:
        await connection.execute(
            """
            INSERT INTO gateway.platform_envelope (digest, operator_id, received_at)
            SELECT * FROM unnest($1::bytea[], $2::text[], $3::timestamptz[]) ON CONFLICT DO NOTHING
            """,
            [s.digest for s in signed],
            [s.operator_id for s in signed],
            [s.received_at for s in signed],
        )


async def count_traffic(connection: asyncpg.Connection, said: Sequence[PlatformSaid]) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.platform_traffic AS t
        SELECT s.operator_id, s.message, date_trunc('hour', s.at), count(*), sum(s.taken), sum(s.ignored), sum(s.refused), max(s.at)
        FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS s (operator_id, message, at, taken, ignored, refused)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (operator_id, message, hour) DO UPDATE SET messages = t.messages + excluded.messages,
            taken = t.taken + excluded.taken, ignored = t.ignored + excluded.ignored, refused = t.refused + excluded.refused,
            last_at = greatest(t.last_at, excluded.last_at)
        """,
        [s.operator_id for s in said],
        [s.message for s in said],
        [s.received_at for s in said],
        [s.taken for s in said],
        [s.ignored for s in said],
        [s.refused for s in said],
    )


async def note_heard(connection: asyncpg.Connection, heard: Mapping[str, datetime]) -> list[tuple[str, datetime]]:
    """Note when platforms were last heard; return those that had been silent."""
    rows = await connection.fetch(
        """
        WITH heard AS (SELECT * FROM unnest($1::text[], $2::timestamptz[]) AS h (operator_id, at)),
        before AS (
            SELECT operator_id FROM gateway.platform_now
            WHERE operator_id = ANY($1) AND silent_since IS NOT NULL ORDER BY operator_id FOR UPDATE
        ), noted AS (
            INSERT INTO gateway.platform_now AS n (operator_id, last_heard_at) SELECT operator_id, at FROM heard ORDER BY 1
            ON CONFLICT (operator_id) DO UPDATE SET silent_since = NULL,
                last_heard_at = greatest(n.last_heard_at, excluded.last_heard_at)
        )
        SELECT operator_id, at FROM before JOIN heard USING (operator_id)
        """,
        sorted(heard),
        [heard[operator_id] for operator_id in sorted(heard)],
    )
    return [(row["operator_id"], row["at"]) for row in rows]


async def keep_sites(connection: asyncpg.Connection, told: Iterable[PlatformSiteTold]) -> None:
    await connection.executemany(
        """
        INSERT INTO gateway.platform_station VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (operator_id, cec_station_id) DO UPDATE SET name = excluded.name, longitude = excluded.longitude,
            latitude = excluded.latitude, operating = excluded.operating, connectors = excluded.connectors,
            document = excluded.document, received_at = excluded.received_at
        """,
        [
            (
                t.operator_id,
                t.cec_station_id,
                t.name,
                t.longitude,
                t.latitude,
                t.operating,
                [list(connector) for connector in t.connectors],
                t.document,
                t.received_at,
            )
            for t in sorted(told, key=lambda t: (t.operator_id, t.cec_station_id))
        ],
    )


async def keep_operators(connection: asyncpg.Connection, told: Iterable[PlatformOperatorTold]) -> None:
    await connection.executemany(
        """
        INSERT INTO gateway.platform_operator VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (operator_id) DO UPDATE SET name = excluded.name, uscc = excluded.uscc, document = excluded.document,
            received_at = excluded.received_at
        """,
        [(t.operator_id, t.name, t.uscc, t.document, t.received_at) for t in sorted(told, key=lambda t: t.operator_id)],
    )


async def keep_orders(connection: asyncpg.Connection, told: Iterable[PlatformOrderTold]) -> set[tuple[str, str]]:
    """Keep orders, the last word of each; return (operator id, number) of those that are new or were otherwise before."""
    rows = await connection.fetch(
        """
        INSERT INTO gateway.platform_order AS o (operator_id, order_no, connector_id, station_id, connector, state, started_at,
            ended_at, energy_wh, document, first_received_at, received_at)
        SELECT *, t.received_at FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::float8[], $10::jsonb[], $11::timestamptz[])
            AS t (operator_id, order_no, connector_id, station_id, connector, state, started_at, ended_at, energy_wh, document,
                  received_at)
        ON CONFLICT (operator_id, order_no) DO UPDATE SET connector_id = excluded.connector_id,
            station_id = excluded.station_id, connector = excluded.connector, state = excluded.state,
            started_at = excluded.started_at, ended_at = excluded.ended_at, energy_wh = excluded.energy_wh,
            document = excluded.document, received_at = excluded.received_at
            WHERE (o.state, o.started_at, o.ended_at, o.energy_wh, o.document)
                IS DISTINCT FROM (excluded.state, excluded.started_at, excluded.ended_at, excluded.energy_wh, excluded.document)
        RETURNING operator_id, order_no
        """,
        *map(
            list,
            zip(
                *(
                    (
                        t.operator_id, t.order_no, t.connector_id, t.station_id, t.connector, t.state, t.started_at,
                        t.ended_at, t.energy_wh, t.document, t.received_at,
                    )
                    for t in sorted(told, key=lambda t: (t.operator_id, t.order_no))
                ),
                strict=True,
            ),
        ),
    )  # fmt: skip
    return {(row["operator_id"], row["order_no"]) for row in rows}


async def keep_stats(connection: asyncpg.Connection, told: Iterable[PlatformStatsTold]) -> None:
    await connection.executemany(
        """
        INSERT INTO gateway.platform_stats VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (operator_id, cec_station_id, day) DO UPDATE SET energy_wh = excluded.energy_wh,
            document = excluded.document, received_at = excluded.received_at
        """,
        [
            (t.operator_id, t.cec_station_id, t.day, t.energy_wh, t.document, t.received_at)
            for t in sorted(told, key=lambda t: (t.operator_id, t.cec_station_id, t.day))
        ],
    )


async def forget_envelopes(connection: asyncpg.Connection, now: datetime) -> None:
    """Forget envelopes whose time stamp would not let them in any more: the earliest that is tolerated, and the latest."""
    await connection.execute(
        "DELETE FROM gateway.platform_envelope WHERE received_at < $1", now - 2 * TOLERATED - timedelta(minutes=5)
    )


async def forget_traffic(connection: asyncpg.Connection, before: datetime) -> None:
    await connection.execute("DELETE FROM gateway.platform_traffic WHERE hour < $1", before)


async def speaking(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the operators' platforms that were heard and are not known to be silent."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {PLATFORM} WHERE p.role = 'operator' AND p.enabled AND n.last_heard_at IS NOT NULL AND n.silent_since IS NULL
        ORDER BY p.operator_id
        """
    )
    return rows


async def mark_silent(connection: asyncpg.Connection, operator_id: str, last_heard_at: datetime, at: datetime) -> bool:
    """Note that a platform is silent; False where it was heard meanwhile, or somebody else has noted it."""
    noted = await connection.fetchval(
        """
        UPDATE gateway.platform_now SET silent_since = $3
        WHERE operator_id = $1 AND silent_since IS NULL AND last_heard_at = $2 RETURNING true
        """,
        operator_id,
        last_heard_at,
        at,
    )
    return bool(noted)


async def end_silence(connection: asyncpg.Connection, operator_id: str) -> bool:
    """Let a platform be silent no longer, to which nobody listens any more; say whether it was."""
    ended = await connection.fetchval(
        "UPDATE gateway.platform_now SET silent_since = NULL WHERE operator_id = $1 AND silent_since IS NOT NULL RETURNING true",
        operator_id,
    )
    return bool(ended)


# --- what is shown ----------------------------------------------------------------------------------------------


async def traffic(connection: asyncpg.Connection, operator_id: str, since: datetime) -> list[asyncpg.Record]:
    """Return what a platform sent since a time, by message."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT message, sum(messages)::bigint AS messages, sum(taken)::bigint AS taken, sum(ignored)::bigint AS ignored,
               sum(refused)::bigint AS refused, max(last_at) AS last_at
        FROM gateway.platform_traffic WHERE operator_id = $1 AND hour >= date_trunc('hour', $2::timestamptz)
        GROUP BY message ORDER BY message
        """,
        operator_id,
        since,
    )
    return rows


async def refused(
    connection: asyncpg.Connection, operator_id: str, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return what was refused of a platform, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT id, received_at, code, reason, frame FROM gateway.refused_input
        WHERE station_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
        """,
        REFUSED_AS + operator_id,
        before,
        limit,
    )
    return rows


ConnectorKey = tuple[str, str, int]
"""What sorts a platform's connectors: its id of one, which several may bear, and ours."""


async def connectors(
    connection: asyncpg.Connection, operator_id: str, after: ConnectorKey | None, limit: int
) -> list[asyncpg.Record]:
    """Return a platform's connectors by its ids, with what each said last (null: nothing yet)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_connector_id, c.station_id, c.connector, n.status, n.condition, n.occurred_at, n.received_at
        FROM gateway.connector_code c LEFT JOIN gateway.connector_now n USING (station_id, connector)
        WHERE c.operator_code = $1
          AND ($2::text IS NULL OR (c.cec_connector_id, c.station_id, c.connector) > ($2, $3::text, $4::int))
        ORDER BY c.cec_connector_id, c.station_id, c.connector LIMIT $5
        """,
        operator_id,
        *(after or (None, None, None)),
        limit,
    )
    return rows


async def connector_times(connection: asyncpg.Connection, operator_id: str) -> list[asyncpg.Record]:
    """Return every connector of a platform with when it was last heard of, be it that nothing had changed."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_connector_id, greatest(n.received_at, c.confirmed_at) AS received_at FROM gateway.connector_code c
        LEFT JOIN gateway.connector_now n USING (station_id, connector) WHERE c.operator_code = $1 ORDER BY 1
        """,
        operator_id,
    )
    return rows


async def stats(
    connection: asyncpg.Connection, operator_id: str, before: tuple[date, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Return what sites delivered by day, the newest first: as their platform reckons it, and as the transactions say."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT s.day, s.cec_station_id, s.energy_wh, s.received_at, (
            SELECT coalesce(sum(t.meter_stop_wh - t.meter_start_wh), 0) FROM telemetry.transaction t
            WHERE t.station_id IN (
                SELECT c.station_id FROM gateway.connector_code c
                WHERE c.operator_code = s.operator_id AND c.cec_station_id = s.cec_station_id
            ) AND t.stopped_at >= s.day::timestamp AT TIME ZONE $5 AND t.stopped_at < (s.day + 1)::timestamp AT TIME ZONE $5
        ) AS recorded_wh
        FROM gateway.platform_stats s WHERE s.operator_id = $1 AND ($2::date IS NULL OR (s.day, s.cec_station_id) < ($2, $3))
        ORDER BY s.day DESC, s.cec_station_id DESC LIMIT $4
        """,
        operator_id,
        *(before or (None, None)),
        limit,
        COUNTY.key,
    )
    return rows


async def operator_told(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record | None:
    """Return a platform's operator as it files itself, or None."""
    return await connection.fetchrow("SELECT * FROM gateway.platform_operator WHERE operator_id = $1", operator_id)


async def orders(
    connection: asyncpg.Connection, operator_id: str, states: Collection[str] | None, before: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return a platform's orders from the latest number down, of some states or all."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.platform_order WHERE operator_id = $1 AND ($2::text[] IS NULL OR state = ANY($2))
          AND ($3::text IS NULL OR order_no < $3) ORDER BY order_no DESC LIMIT $4
        """,
        operator_id,
        None if states is None else list(states),
        before,
        limit,
    )
    return rows


async def find_order(connection: asyncpg.Connection, operator_id: str, order_no: str) -> asyncpg.Record | None:
    """Return an order as its platform told it last, or None."""
    return await connection.fetchrow(
        "SELECT * FROM gateway.platform_order WHERE operator_id = $1 AND order_no = $2", operator_id, order_no
    )


async def sites_told(connection: asyncpg.Connection, operator_id: str) -> list[asyncpg.Record]:
    """Return the sites of a platform as it files them, without its messages."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT cec_station_id, name, longitude, latitude, connectors FROM gateway.platform_station
        WHERE operator_id = $1 ORDER BY cec_station_id
        """,
        operator_id,
    )
    return rows


async def called(connection: asyncpg.Connection, role: str) -> list[asyncpg.Record]:
    """Return the platforms of a role that are called."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{PLATFORM} WHERE p.role = $1 AND p.enabled AND p.address IS NOT NULL ORDER BY p.operator_id", role
    )
    return rows


async def asked_before(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return when a platform was asked for what it files, and of which day for what its sites delivered; None: never."""
    found = await connection.fetchrow(
        "SELECT files_asked_at, stats_asked_of FROM gateway.platform_now WHERE operator_id = $1", operator_id
    )
    assert found is not None  # who asks has taken its turn there
    return found


async def note_files_asked(connection: asyncpg.Connection, operator_id: str, at: datetime) -> None:
    await connection.execute(
        "UPDATE gateway.platform_now SET files_asked_at = $2 WHERE operator_id = $1", operator_id, at
    )


async def note_stats_asked(connection: asyncpg.Connection, operator_id: str, day: date) -> None:
    await connection.execute(
        "UPDATE gateway.platform_now SET stats_asked_of = $2 WHERE operator_id = $1", operator_id, day
    )


async def sites_of(connection: asyncpg.Connection, operator_id: str) -> list[str]:
    """Return the T/CEC 102 ids of the sites that are filed for an operator."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT cec_station_id FROM gateway.connector_code
        WHERE operator_code = $1 AND cec_station_id IS NOT NULL ORDER BY 1
        """,
        operator_id,
    )
    return [row["cec_station_id"] for row in rows]


async def sites_without_stats(connection: asyncpg.Connection, operator_id: str, day: date) -> list[str]:
    """Return the T/CEC 102 ids of the sites that are filed for an operator of which nothing is known of a day."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT cec_station_id FROM gateway.connector_code c
        WHERE operator_code = $1 AND cec_station_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM gateway.platform_stats s WHERE s.operator_id = $1 AND s.cec_station_id = c.cec_station_id AND s.day = $2
        ) ORDER BY 1
        """,
        operator_id,
        day,
    )
    return [row["cec_station_id"] for row in rows]


async def confirm(
    connection: asyncpg.Connection, operator_id: str, connector_ids: Collection[str], at: datetime
) -> None:
    """Note that a platform has said what these of its connectors are, changed or not."""
    await connection.execute(
        "UPDATE gateway.connector_code SET confirmed_at = $3 WHERE operator_code = $1 AND cec_connector_id = ANY($2)",
        operator_id,
        list(connector_ids),
        at,
    )


async def words_now(connection: asyncpg.Connection, operator_id: str) -> dict[str, str | None]:
    """Return the latest status of a platform's connectors, by its ids; None where the station speaks for itself.

    What was last said of a station that is offline since is not there: that its platform reaches it again is news.
    """
    rows = await connection.fetch(
        """
        SELECT c.cec_connector_id, CASE WHEN s.connected THEN NULL ELSE n.status END AS status FROM gateway.connector_code c
        LEFT JOIN gateway.connector_now n USING (station_id, connector) LEFT JOIN gateway.station_now s USING (station_id)
        WHERE c.operator_code = $1 AND (s.connected OR s.state = 'online' AND n.status IS NOT NULL OR n.status = 'Offline')
        """,
        operator_id,
    )
    return {row["cec_connector_id"]: row["status"] for row in rows}


async def is_due(connection: asyncpg.Connection, operator_id: str, now: datetime, every: timedelta) -> bool:
    """Say whether a platform is to be asked now, and by us: whoever is told so has taken its turn."""
    taken = await connection.fetchval(
        """
        INSERT INTO gateway.platform_now AS n (operator_id, last_pulled_at) VALUES ($1, $2)
        ON CONFLICT (operator_id) DO UPDATE SET last_pulled_at = excluded.last_pulled_at
            WHERE n.last_pulled_at IS NULL OR n.last_pulled_at <= $3
        RETURNING true
        """,
        operator_id,
        now,
        now - every,
    )
    return bool(taken)


async def note_pull(connection: asyncpg.Connection, operator_id: str, error: str | None) -> None:
    """Note how asking a platform went."""
    await connection.execute(
        "UPDATE gateway.platform_now SET pull_error = $2 WHERE operator_id = $1", operator_id, error
    )


MOMENTARY = "('charging', 'power')"

# --- upward -----------------------------------------------------------------------------------------------------


async def provinces(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the platforms that we report to."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{PLATFORM} WHERE p.role = 'province' AND p.enabled ORDER BY p.operator_id"
    )
    return rows


async def codes_of(connection: asyncpg.Connection, station_id: str) -> list[asyncpg.Record]:
    """Return a station's connectors that have codes, with what they are now (null: nothing was said yet)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.*, n.condition FROM gateway.connector_code c LEFT JOIN gateway.connector_now n USING (station_id, connector)
        WHERE c.station_id = $1 ORDER BY c.connector
        """,
        station_id,
    )
    return rows


async def every_code(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return every connector that has codes and has said something, with what it is now; offline: what nobody reaches."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.*, CASE WHEN s.state = 'offline' THEN 'unavailable' ELSE n.condition END AS condition, n.effective_at
        FROM gateway.connector_code c JOIN gateway.connector_now n USING (station_id, connector)
        LEFT JOIN gateway.station_now s USING (station_id) ORDER BY c.station_id, c.connector
        """
    )
    return rows


async def statuses_of(connection: asyncpg.Connection, cec_station_ids: Sequence[str]) -> list[asyncpg.Record]:
    """Return what the connectors of sites are, in the order of both their codes; offline: what nobody reaches."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_station_id, c.cec_connector_id,
               CASE WHEN s.state = 'offline' THEN 'unavailable' ELSE n.condition END AS condition
        FROM gateway.connector_code c LEFT JOIN gateway.connector_now n USING (station_id, connector)
        LEFT JOIN gateway.station_now s USING (station_id) WHERE c.cec_station_id = ANY($1)
        ORDER BY c.cec_station_id, c.cec_connector_id
        """,
        list(cec_station_ids),
    )
    return rows


async def energies(
    connection: asyncpg.Connection, cec_station_id: str, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """Return the energy of the transactions of a site that ended in [since, until), by connector."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT c.cec_equipment_id, c.cec_connector_id, coalesce(sum(t.meter_stop_wh - t.meter_start_wh), 0) AS energy_wh
        FROM gateway.connector_code c LEFT JOIN telemetry.transaction t
          ON (t.station_id, t.connector) = (c.station_id, c.connector) AND t.stopped_at >= $2 AND t.stopped_at < $3
        WHERE c.cec_station_id = $1 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        cec_station_id,
        since,
        until,
    )
    return rows


async def queue(connection: asyncpg.Connection, operator_id: str, reports: Sequence[Report], now: datetime) -> None:
    """Put reports at the end of a province's queue."""
    await connection.executemany(
        """
        INSERT INTO gateway.upward_report (operator_id, kind, subject, content, made_at, due_at) VALUES ($1, $2, $3, $4, $5, $5)
        """,
        [(operator_id, kind, subject, content, now) for kind, subject, content in reports],
    )


async def queue_moment(
    connection: asyncpg.Connection, operator_id: str, kind: str, reports: Sequence[Report], now: datetime
) -> None:
    """Put what is told of this moment in the place of what a province has not taken of the moments before."""
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM gateway.upward_report WHERE operator_id = $1 AND kind = $2 AND state = 'waiting'",
            operator_id,
            kind,
        )
        await queue(connection, operator_id, reports, now)


async def next_report(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record | None:
    """Return the first that a province has not taken: what has happened before what is told of this moment."""
    return await connection.fetchrow(
        f"""
        (SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND state = 'waiting' AND kind NOT IN {MOMENTARY}
         ORDER BY id LIMIT 1)
        UNION ALL
        (SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND state = 'waiting' AND kind IN {MOMENTARY}
         ORDER BY id LIMIT 1)
        LIMIT 1
        """,
        operator_id,
    )


LATEST_VALUES = """
    LEFT JOIN LATERAL (
        SELECT max(occurred_at) AS at, jsonb_agg(jsonb_build_array(measurand, phase, value)) AS measured FROM (
            SELECT DISTINCT ON (measurand, phase) measurand, phase, value, occurred_at FROM telemetry.meter_value m
            WHERE m.station_id = c.station_id AND m.connector = c.connector AND m.occurred_at BETWEEN $1 AND $2
              AND m.location IN ('', 'Outlet') ORDER BY measurand, phase, occurred_at DESC
        ) latest
    ) v ON n.condition = 'charging'
"""


async def charging_now(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """Return the newest open transaction of each connector that has codes, with its latest values since then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.*, n.condition, s.ocpp_version, t.transaction_id, t.started_at, t.meter_start_wh, v.at, v.measured
        FROM (
            SELECT DISTINCT ON (station_id, connector) * FROM telemetry.transaction
            WHERE stopped_at IS NULL AND started_at IS NOT NULL ORDER BY station_id, connector, id DESC
        ) t
        JOIN gateway.connector_code c USING (station_id, connector)
        JOIN gateway.connector_now n USING (station_id, connector)
        JOIN gateway.station_now s USING (station_id) {LATEST_VALUES}
        WHERE s.state = 'online' AND n.condition IN ('charging', 'occupied') ORDER BY c.station_id, c.connector
        """,
        since,
        until,
    )
    return rows


async def drawing_now(connection: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """Return the connectors in reach that have codes, in the order of those, with their latest values since then."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.*, n.condition, v.at, v.measured FROM gateway.connector_code c
        JOIN gateway.connector_now n USING (station_id, connector)
        JOIN gateway.station_now s USING (station_id) {LATEST_VALUES}
        WHERE s.state = 'online' AND c.cec_station_id IS NOT NULL
        ORDER BY c.cec_station_id, c.cec_equipment_id, c.cec_connector_id
        """,
        since,
        until,
    )
    return rows


async def note_try(
    connection: asyncpg.Connection, report_id: int, tried: Tried, now: datetime, due_at: datetime, error: str | None
) -> None:
    """Note how a try went."""
    await connection.execute(
        """
        UPDATE gateway.upward_report SET state = $2, tries = tries + 1, stumbles = $3, due_at = $5, error = $6,
            ended_at = CASE WHEN $2 <> 'waiting' THEN $4::timestamptz END
        WHERE id = $1
        """,
        report_id,
        tried.state,
        tried.stumbles,
        now,
        due_at,
        error,
    )


async def retry(connection: asyncpg.Connection, operator_id: str, now: datetime) -> int:
    """Let what waits, and what was refused, be due now; return how many that are.

    A status or a file that was refused stays behind where a later one of the same was queued: old is not told after new.
    """
    rows = await connection.fetch(
        """
        UPDATE gateway.upward_report r SET due_at = $2, ended_at = CASE WHEN s.state = 'overtaken' THEN r.ended_at END,
            tries = CASE WHEN r.state = 'waiting' THEN r.tries ELSE 0 END, stumbles = 0, state = s.state
        FROM (
            SELECT id, CASE WHEN state = 'refused' AND kind <> 'order' AND EXISTS (
                SELECT FROM gateway.upward_report later WHERE (later.operator_id, later.kind, later.subject) =
                    (had.operator_id, had.kind, had.subject) AND later.id > had.id
            ) THEN 'overtaken' ELSE 'waiting' END AS state
            FROM gateway.upward_report had WHERE operator_id = $1 AND state IN ('waiting', 'refused')
        ) s WHERE s.id = r.id RETURNING s.state
        """,
        operator_id,
        now,
    )
    return sum(row["state"] == "waiting" for row in rows)


async def forget_reports(connection: asyncpg.Connection, before: datetime, moments_before: datetime) -> None:
    """Forget what was taken or refused before a time; of what was told of a moment, before another."""
    await connection.execute(
        f"""
        DELETE FROM gateway.upward_report WHERE state <> 'waiting'
          AND (ended_at < $1 OR (kind IN {MOMENTARY} AND ended_at < $2))
        """,
        before,
        moments_before,
    )


async def queue_of(connection: asyncpg.Connection, operator_id: str) -> asyncpg.Record:
    """Return how a province's queue is: how many wait and since when, what the first of them met."""
    row = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'taken') AS taken,
               count(*) FILTER (WHERE state = 'refused') AS refused, min(made_at) FILTER (WHERE state = 'waiting') AS oldest_at,
               max(ended_at) FILTER (WHERE state = 'taken') AS last_taken_at
        FROM gateway.upward_report WHERE operator_id = $1
        """,
        operator_id,
    )
    assert row is not None
    return row


async def reports(
    connection: asyncpg.Connection, operator_id: str, state: str | None, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return a province's reports, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM gateway.upward_report WHERE operator_id = $1 AND ($2::text IS NULL OR state = $2)
          AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4
        """,
        operator_id,
        state,
        before,
        limit,
    )
    return rows
