"""The statements about id tokens, local lists, reservations and charging profiles."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from ocpp_gateway.authorisation.charging_profiles import Profile, read_profile
from ocpp_gateway.authorisation.facts import ReservationMade, ReservationUsed
from ocpp_gateway.authorisation.local_list import Info
from ocpp_gateway.authorisation.reservations import Happening, concerned
from ocpp_gateway.authorisation.rules import COUNTED_FOR, IdToken, OpenTransaction, compared
from youguan.auth import EVERYTHING, Scope
from youguan.bounds import station_within
from youguan.errors import NotFound, Reason
from youguan.eventlog import heads

REGISTERED = """
SELECT t.*, coalesce(g.master_pass, false) AS master_pass
FROM gateway.id_token t LEFT JOIN gateway.id_token_group g USING (group_id)
"""


# --- id tokens --------------------------------------------------------------------------------------------------


async def load_memory(
    connection: asyncpg.Connection,
) -> tuple[list[IdToken], list[tuple[str, OpenTransaction, str | None]], dict[str, int]]:
    """Return all id tokens, what is under way, and the position in the event log that goes with them.

    Under way is (token, transaction, what the token was answered).
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        positions = await heads(connection)
        tokens = await all_tokens(connection)
        rows = await connection.fetch(
            """
            SELECT id_token, station_id, coalesce(connector, 0) AS connector, transaction_id,
                   coalesce(started_at, recorded_at) AS since, standing
            FROM telemetry.transaction
            WHERE stopped_at IS NULL AND id_token IS NOT NULL AND recorded_at > now() - $1::interval
            """,
            COUNTED_FOR,
        )
    return tokens, [(row["id_token"], OpenTransaction(*tuple(row)[1:5]), row["standing"]) for row in rows], positions


async def all_tokens(connection: asyncpg.Connection) -> list[IdToken]:
    """Return all id tokens, in their order."""
    return [token_of(row) for row in await connection.fetch(f"{REGISTERED} ORDER BY key")]


def token_of(row: asyncpg.Record) -> IdToken:
    """Return a row as the rules know it."""
    return IdToken(
        row["id_token"],
        row["type"],
        row["group_id"],
        row["master_pass"],
        row["status"] == "blocked",
        row["expires_at"],
        row["concurrent"],
    )


async def put_tokens(connection: asyncpg.Connection, tokens: Sequence[tuple[Any, ...]]) -> None:
    """Store id tokens, (id token, type, group, status, expires at, concurrent, note, changed at); the last one stays."""
    await connection.executemany(
        """
        INSERT INTO gateway.id_token (key, id_token, type, group_id, status, expires_at, concurrent, note, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (key) DO UPDATE SET id_token = excluded.id_token, type = excluded.type, group_id = excluded.group_id,
            status = excluded.status, expires_at = excluded.expires_at, concurrent = excluded.concurrent,
            note = excluded.note, changed_at = excluded.changed_at
        """,
        [(compared(token[0]), *token) for token in tokens],
    )


async def known_keys(connection: asyncpg.Connection, keys: Sequence[str]) -> set[str]:
    """Return which of the keys are registered."""
    return {row["key"] for row in await connection.fetch("SELECT key FROM gateway.id_token WHERE key = ANY($1)", keys)}


async def read_tokens(connection: asyncpg.Connection, keys: Sequence[str]) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(f"{REGISTERED} WHERE key = ANY($1) ORDER BY key", keys)
    return rows


async def get_token(connection: asyncpg.Connection, id_token: str, *, hold: bool = False) -> asyncpg.Record:
    """Return an id token; NotFound."""
    held = " FOR UPDATE OF t" if hold else ""
    row = await connection.fetchrow(f"{REGISTERED} WHERE key = $1{held}", compared(id_token))
    if row is None:
        raise NotFound(Reason("id token {id_token}", id_token=id_token))
    return row


async def delete_token(connection: asyncpg.Connection, id_token: str) -> None:
    await connection.execute("DELETE FROM gateway.id_token WHERE key = $1", compared(id_token))


async def list_tokens(
    connection: asyncpg.Connection,
    *,
    status: str | None,
    group_id: str | None,
    words: str | None,
    after: str | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return id tokens in their order."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        {REGISTERED}
        WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR group_id = $2)
          AND ($3::text IS NULL OR strpos(key, lower($3)) > 0 OR strpos(lower(note), lower($3)) > 0)
          AND ($4::text IS NULL OR key > $4)
        ORDER BY key LIMIT $5
        """,
        status,
        group_id,
        words,
        after,
        limit,
    )
    return rows


async def list_groups(connection: asyncpg.Connection, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Return groups in their order, with the number of their members."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT g.*, (SELECT count(*) FROM gateway.id_token t WHERE t.group_id = g.group_id) AS members
        FROM gateway.id_token_group g WHERE $1::text IS NULL OR group_id > $1 ORDER BY group_id LIMIT $2
        """,
        after,
        limit,
    )
    return rows


async def known_groups(connection: asyncpg.Connection, group_ids: Collection[str | None]) -> set[str]:
    """Return which of these groups there are."""
    rows = await connection.fetch(
        "SELECT group_id FROM gateway.id_token_group WHERE group_id = ANY($1)",
        [group_id for group_id in group_ids if group_id is not None and group_id.isprintable()],
    )
    return {row["group_id"] for row in rows}


async def put_group(connection: asyncpg.Connection, group_id: str, name: str, master_pass: bool) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.id_token_group VALUES ($1, $2, $3)
        ON CONFLICT (group_id) DO UPDATE SET name = excluded.name, master_pass = excluded.master_pass
        """,
        group_id,
        name,
        master_pass,
    )


async def delete_group(connection: asyncpg.Connection, group_id: str) -> bool:
    """Delete a group and say whether there was one; a ForeignKeyViolationError where it has members."""
    found = await connection.fetchval("DELETE FROM gateway.id_token_group WHERE group_id = $1 RETURNING true", group_id)
    return bool(found)


async def members(connection: asyncpg.Connection, group_id: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(f"{REGISTERED} WHERE group_id = $1 ORDER BY key", group_id)
    return rows


# --- local lists ------------------------------------------------------------------------------------------------


async def get_local_list(connection: asyncpg.Connection, station_id: str) -> asyncpg.Record | None:
    """Return what a station has, None while nothing is known."""
    return await connection.fetchrow("SELECT * FROM gateway.local_list WHERE station_id = $1", station_id)


async def put_local_list(
    connection: asyncpg.Connection, station_id: str, version: int, entries: dict[str, Info] | None, at: datetime
) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.local_list VALUES ($1, $2, $3, $4)
        ON CONFLICT (station_id) DO UPDATE SET version = excluded.version, entries = excluded.entries, at = excluded.at
        """,
        station_id,
        version,
        entries,
        at,
    )


# --- reservations -----------------------------------------------------------------------------------------------


async def make_reservation(connection: asyncpg.Connection, made: ReservationMade) -> None:
    """Store a reservation; one under the same id is replaced, as stations do."""
    await connection.execute(
        """
        INSERT INTO gateway.reservation
            (station_id, reservation_id, connector, id_token, group_id, expires_at, state, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, 'held', $7)
        ON CONFLICT (station_id, reservation_id) DO UPDATE SET connector = excluded.connector,
            id_token = excluded.id_token, group_id = excluded.group_id, expires_at = excluded.expires_at,
            state = 'held', made_at = excluded.made_at, ended_at = NULL
        """,
        made.station_id,
        made.reservation_id,
        made.connector,
        made.id_token,
        made.group_id,
        made.expires_at,
        made.at,
    )


async def end_reservation(
    connection: asyncpg.Connection, station_id: str, reservation_id: int, how: Happening, at: datetime
) -> None:
    """Note how a reservation ended, where it stands so that this can happen to it."""
    await connection.execute(
        """
        UPDATE gateway.reservation SET state = $3, ended_at = $4
        WHERE station_id = $1 AND reservation_id = $2 AND state = ANY($5)
        """,
        station_id,
        reservation_id,
        str(how),
        at,
        concerned(how),
    )


async def reserving(connection: asyncpg.Connection, station_ids: Collection[str]) -> set[str]:
    """Return which stations have reservations that a transaction may use."""
    rows = await connection.fetch(
        "SELECT DISTINCT station_id FROM gateway.reservation WHERE station_id = ANY($1) AND state = ANY($2)",
        list(station_ids),
        concerned(Happening.USED),
    )
    return {row["station_id"] for row in rows}


async def use_reservation(connection: asyncpg.Connection, used: ReservationUsed) -> None:
    """Note the reservation that a transaction names, or else that of its id token at its connector."""
    await connection.execute(
        """
        UPDATE gateway.reservation SET state = 'used', ended_at = $5
        WHERE station_id = $1 AND state = ANY($6)
          AND (reservation_id = $2
               OR ($2::bigint IS NULL AND lower(id_token) = lower($3::text) AND (connector IS NULL OR connector = $4)
                   AND $5::timestamptz BETWEEN made_at AND expires_at))
        """,
        used.station_id,
        used.reservation_id,
        used.id_token,
        used.connector,
        used.at,
        concerned(Happening.USED),
    )


async def expire_reservations(connection: asyncpg.Connection, now: datetime) -> int:
    """End the reservations whose time is over; return how many."""
    rows = await connection.fetch(
        """
        UPDATE gateway.reservation SET state = 'expired', ended_at = expires_at
        WHERE state = 'held' AND expires_at <= $1 RETURNING true
        """,
        now,
    )
    return len(rows)


async def list_reservations(
    connection: asyncpg.Connection,
    *,
    station_id: str | None,
    state: str | None,
    before: tuple[datetime, str, int] | None,
    limit: int,
    scope: Scope = EVERYTHING,
) -> list[asyncpg.Record]:
    """Return reservations, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM gateway.reservation r
        WHERE ($1::text IS NULL OR station_id = $1) AND ($2::text IS NULL OR state = $2)
          AND ($3::timestamptz IS NULL OR (made_at, station_id, reservation_id) < ($3, $4, $5))
          AND {station_within("r.station_id", 7)}
        ORDER BY made_at DESC, station_id DESC, reservation_id DESC LIMIT $6
        """,
        station_id,
        state,
        *(before or (None, None, None)),
        limit,
        *scope.parameters,
    )
    return rows


# --- charging profiles ------------------------------------------------------------------------------------------

# A station forgets a TxProfile when its transaction ends.
CURRENT = """
cleared_at IS NULL AND NOT EXISTS (
    SELECT FROM telemetry.transaction t
    WHERE t.station_id = p.station_id AND t.transaction_id = p.transaction_id AND t.stopped_at IS NOT NULL
)
"""


async def current_profiles(connection: asyncpg.Connection, station_id: str) -> dict[int, Profile]:
    """Return the profiles that a station has, by the id of their row."""
    rows = await connection.fetch(
        f"SELECT * FROM gateway.charging_profile p WHERE station_id = $1 AND {CURRENT} ORDER BY id", station_id
    )
    return {row["id"]: read_profile(row["profile"], row["connector"], row["source"]) for row in rows}


async def clear_profiles(connection: asyncpg.Connection, rows: Sequence[int], at: datetime) -> None:
    """Note that profiles are gone; those whose transaction ended too."""
    await connection.execute("UPDATE gateway.charging_profile SET cleared_at = $2 WHERE id = ANY($1)", rows, at)


async def clear_profile_id(connection: asyncpg.Connection, station_id: str, profile_id: int, at: datetime) -> None:
    """Note that whatever had this id is gone, also what was current no longer because its transaction had ended."""
    await connection.execute(
        """
        UPDATE gateway.charging_profile SET cleared_at = $3
        WHERE station_id = $1 AND profile_id = $2 AND cleared_at IS NULL
        """,
        station_id,
        profile_id,
        at,
    )


async def add_profile(
    connection: asyncpg.Connection, station_id: str, read: Profile, profile: dict[str, Any], at: datetime
) -> None:
    await connection.execute(
        """
        INSERT INTO gateway.charging_profile (station_id, profile_id, connector, purpose, stack_level, transaction_id,
            valid_from, valid_to, profile, source, set_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        station_id,
        read.profile_id,
        read.connector,
        read.purpose,
        read.stack_level,
        read.transaction_id,
        read.valid_from,
        read.valid_to,
        profile,
        read.source,
        at,
    )


async def list_profiles(
    connection: asyncpg.Connection, station_id: str, *, cleared_too: bool, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Return a station's profiles, the latest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM gateway.charging_profile p
        WHERE station_id = $1 AND ($2 OR {CURRENT}) AND ($3::bigint IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $4
        """,
        station_id,
        cleared_too,
        before,
        limit,
    )
    return rows


async def open_transaction(
    connection: asyncpg.Connection, station_id: str, connector: int
) -> tuple[str, datetime] | None:
    """Return the (id, start) of the transaction that is under way at a connector."""
    row = await connection.fetchrow(
        """
        SELECT transaction_id, coalesce(started_at, recorded_at) AS since FROM telemetry.transaction
        WHERE station_id = $1 AND connector = $2 AND stopped_at IS NULL AND recorded_at > now() - $3::interval
        ORDER BY id DESC LIMIT 1
        """,
        station_id,
        connector,
        timedelta(days=2),
    )
    return (row["transaction_id"], row["since"]) if row else None
