"""The event log: streams of events in PostgreSQL, and consumers that miss nothing.

A stream has one writer at a time and a sequence without gaps: the writer holds the stream's row from the moment it
publishes until it commits, so whoever comes next gets the next number only when this one can be seen. A consumer may
therefore remember one number for each stream, however long other transactions stay open and in whatever order they
commit. Across streams events are delivered in the order of `serial`, which is drawn under that same lock: what was
published after a commit comes after what that commit published.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import asyncpg
import orjson
from prometheus_client import Counter, Gauge
from pydantic import TypeAdapter

from youguan.database import AWAY
from youguan.events import Event, all_events
from youguan.listening import Rung, listening
from youguan.literals import numbers, texts

log = logging.getLogger(__name__)

CHANNEL = "youguan_events"
BATCH = 500
POLL_S = 1.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0


consumed = Counter("youguan_events_consumed_total", "Events handled", ["consumer"])
failures = Counter("youguan_event_failures_total", "Batches of events that failed", ["consumer"])
lag = Gauge(
    "youguan_consumer_lag_events", "Events published but not handled yet", ["consumer"], multiprocess_mode="livemax"
)

Positions = Mapping[str, int]
"""The last sequence handled, by stream."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in the log."""

    stream: str
    sequence: int
    serial: int
    recorded_at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a stream found: its head in that same snapshot and up to a limit of its events, in order."""

    stream: str
    head: int
    events: Sequence[StoredEvent]


Handler = Callable[[asyncpg.Connection, Sequence[StoredEvent]], Awaitable[None]]


# --- publishing -------------------------------------------------------------------------------------------------


def appending(first: int, condition: str = "true") -> str:
    """Return the common table expressions that append events, for a statement that does more than that.

    Its parameters from `$first` on are `appended(…)`; nothing is appended, and nobody woken, unless the condition holds.
    """
    stream, count, types, versions, payloads, told = (f"${first + place}" for place in range(6))
    return f"""
    head AS (
        INSERT INTO eventlog.stream AS s (name, last_sequence) SELECT {stream}::text, {count}::bigint WHERE {condition}
        ON CONFLICT (name) DO UPDATE SET last_sequence = s.last_sequence + {count}
        RETURNING s.last_sequence - {count} AS base
    ), turn AS (
        SELECT base, nextval('eventlog.event_serial') AS serial, pg_notify('{CHANNEL}', {told}) FROM head
    ), told AS (
        INSERT INTO eventlog.event (stream, sequence, serial, type, version, payload)
        SELECT {stream}, turn.base + e.place, turn.serial, e.type, e.version, e.payload
        FROM turn, ROWS FROM (
            unnest({types}::text::text[]), unnest({versions}::text::smallint[]), jsonb_array_elements({payloads}::text::jsonb)
        ) WITH ORDINALITY AS e (type, version, payload, place)
    )"""


PUBLISH = f"WITH {appending(1)} SELECT"


async def publish(connection: asyncpg.Connection, stream: str, events: Sequence[Event]) -> None:
    """Append events to a stream in the caller's transaction.

    The stream stays locked until that transaction ends: publish last.
    """
    if not events:
        return
    await connection.execute(PUBLISH, *appended(stream, events))


def appended(stream: str, events: Sequence[Event]) -> tuple[str, int, str, str, str, str]:
    """Return the parameters of `appending`; the last names the types, so that it wakes only those who wait for one of them."""
    types = [type(event).__name__ for event in events]
    return (
        stream,
        len(events),
        texts(types),
        numbers([event.version for event in events]),
        orjson.dumps(events, option=orjson.OPT_UTC_Z).decode(),
        ",".join(sorted(set(types))),
    )


def encode(event: Event) -> str:
    """Return the event's members as JSON."""
    return orjson.dumps(event, option=orjson.OPT_UTC_Z).decode()


def decode(name: str, payload: Any) -> Event:
    """Return the typed event; a payload that does not fit its type is a pydantic ValidationError."""
    return _adapter(name).validate_python(payload)


@cache
def _adapter(name: str) -> TypeAdapter[Event]:
    return TypeAdapter(all_events()[name])


# --- reading ----------------------------------------------------------------------------------------------------

# One statement, so that heads and events come from one snapshot: whatever is not returned below the head is of other
# types and may be passed over.
READ = """
SELECT s.name, s.last_sequence, e.sequence, e.serial, e.type, e.payload, e.recorded_at
FROM eventlog.stream s
LEFT JOIN unnest($1::text[], $2::bigint[]) AS p (stream, sequence) ON p.stream = s.name
LEFT JOIN LATERAL (
    SELECT * FROM eventlog.event
    WHERE stream = s.name AND sequence > coalesce(p.sequence, 0) AND type = ANY($3::text[])
    ORDER BY sequence LIMIT $4
) e ON true
WHERE s.last_sequence > coalesce(p.sequence, 0)
ORDER BY s.name, e.sequence
"""


async def _read(
    connection: asyncpg.Connection, positions: Positions, types: Iterable[str], limit: int
) -> list[Reading]:
    rows = await connection.fetch(READ, list(positions), list(positions.values()), list(types), limit)
    found: dict[str, list[StoredEvent]] = {}
    heads: dict[str, int] = {}
    for row in rows:
        heads[row["name"]] = row["last_sequence"]
        events = found.setdefault(row["name"], [])
        if row["sequence"] is not None:
            events.append(_stored(row))
    return [Reading(stream, heads[stream], events) for stream, events in found.items()]


def _stored(row: asyncpg.Record) -> StoredEvent:
    event = decode(row["type"], row["payload"])
    return StoredEvent(row["name"], row["sequence"], row["serial"], row["recorded_at"], event)


def next_batch(readings: Sequence[Reading], limit: int) -> tuple[list[StoredEvent], dict[str, int]]:
    """Return the events to handle now, in causal order, and the positions that hold when they are handled.

    A stream that filled the limit may have more, so nothing later than its last event is safe to handle yet.
    """
    ends = [reading.events[-1].serial for reading in readings if len(reading.events) >= limit]
    horizon = min(ends, default=None)
    batch: list[StoredEvent] = []
    positions: dict[str, int] = {}
    for reading in readings:
        due = [stored for stored in reading.events if horizon is None or stored.serial <= horizon]
        batch.extend(due)
        if len(due) == len(reading.events) < limit:
            positions[reading.stream] = reading.head
        elif due:
            positions[reading.stream] = due[-1].sequence
    batch.sort(key=lambda stored: (stored.serial, stored.sequence))
    return batch, positions


async def heads(connection: asyncpg.Connection) -> dict[str, int]:
    """Return the last sequence of every stream."""
    return {row["name"]: row["last_sequence"] for row in await connection.fetch("SELECT * FROM eventlog.stream")}


async def positions_of(connection: asyncpg.Connection, consumer: str) -> dict[str, int]:
    """Return how far a consumer has come in every stream."""
    rows = await connection.fetch(
        "SELECT stream, sequence FROM eventlog.consumer_position WHERE consumer = $1", consumer
    )
    return {row["stream"]: row["sequence"] for row in rows}


REVOCATIONS = """
SELECT payload FROM eventlog.event WHERE type = 'AccessRevoked' AND recorded_at > $1 ORDER BY recorded_at
"""


async def load_revocations(connection: asyncpg.Connection, since: datetime) -> tuple[list[Event], dict[str, int]]:
    """Return the revocations recorded after a time and the positions from which to follow, from one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(REVOCATIONS, since)
        return [decode("AccessRevoked", row["payload"]) for row in rows], await heads(connection)


def has_reached(positions: Positions, goal: Positions) -> bool:
    """Say whether a consumer at `positions` has handled everything up to `goal`."""
    return all(positions.get(stream, 0) >= sequence for stream, sequence in goal.items())


async def forget(connection: asyncpg.Connection, streams: str, before: datetime) -> int:
    """Forget events of the streams whose names begin so, of before a time and handled by everybody; return how many."""
    count: int = await connection.fetchval("SELECT eventlog.forget($1, $2)", streams, before)
    return count


ANYTHING_NEW = """
SELECT EXISTS (
    SELECT FROM eventlog.stream s
    LEFT JOIN eventlog.consumer_position p ON p.stream = s.name AND p.consumer = $1
    WHERE s.last_sequence > coalesce(p.sequence, 0)
)
"""


# --- consuming --------------------------------------------------------------------------------------------------


class Consumer:
    """Handles events of some types, each exactly once in effect: the position moves in the handler's transaction.

    A batch that fails is tried again event by event; an event that keeps failing holds its consumer, which says so in
    `eventlog.consumer` and in its lag, until the cause is mended: passing over it would lose a fact.
    """

    def __init__(self, pool: asyncpg.Pool, name: str, handle: Handler, *, types: Sequence[type[Event]]) -> None:
        self.name = name
        self._pool = pool
        self._handle = handle
        self._types = [cls.__name__ for cls in types]
        self._one_by_one = 0  # events to handle singly, after a batch failed
        self._pause_s = SHORTEST_PAUSE_S

    async def run(self) -> None:
        """Handle what is there and what comes, until cancelled; survive a database that goes away."""
        while True:
            try:
                async with listening(self._pool, CHANNEL, rung := Rung(self._is_concerned)):
                    await self._serve(rung)
            except AWAY as error:
                log.warning("%s: away, the database or whom it tells: %s", self.name, error)
            except Exception as error:
                failures.labels(self.name).inc()
                log.exception("%s: an event cannot be handled; trying again in %.1f s", self.name, self._pause_s)
                self._one_by_one = BATCH
                await self._tell(error)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    async def catch_up(self) -> int:
        """Handle everything there is now and return how many events that were."""
        count = 0
        async with self._pool.acquire() as connection:
            while (handled := await self._step(connection)) is not None:
                count += handled
        return count

    async def _serve(self, rung: Rung) -> None:
        while True:
            rung.clear()
            await self.catch_up()
            await rung.within(POLL_S)

    def _is_concerned(self, types_told: str) -> bool:
        return concerns(types_told, self._types)

    async def _step(self, connection: asyncpg.Connection) -> int | None:
        """Handle one batch in one transaction; None when there was nothing new in any stream."""
        if not await connection.fetchval(ANYTHING_NEW, self.name):
            lag.labels(self.name).set(0)
            return None
        limit = 1 if self._one_by_one else BATCH
        async with connection.transaction():
            await self._take_turn(connection)
            positions = await positions_of(connection, self.name)
            readings = await _read(connection, positions, self._types, limit)
            batch, reached = next_batch(readings, limit)
            if batch:
                await self._handle(connection, batch)
            await self._move(connection, reached)
        self._one_by_one = max(0, self._one_by_one - len(batch))
        self._pause_s = SHORTEST_PAUSE_S
        consumed.labels(self.name).inc(len(batch))
        lag.labels(self.name).set(sum(reading.head - reached.get(reading.stream, 0) for reading in readings))
        return len(batch)

    async def _take_turn(self, connection: asyncpg.Connection) -> None:
        """Hold the consumer's row: of two processes that run the same consumer, one waits for the other's commit."""
        held = "SELECT failing_since FROM eventlog.consumer WHERE name = $1 FOR UPDATE"
        if await connection.fetchrow(held, self.name) is None:
            await connection.execute(
                "INSERT INTO eventlog.consumer (name) VALUES ($1) ON CONFLICT DO NOTHING", self.name
            )
            await connection.fetchrow(held, self.name)

    async def _move(self, connection: asyncpg.Connection, reached: Positions) -> None:
        await connection.execute(
            """
            INSERT INTO eventlog.consumer_position (consumer, stream, sequence)
            SELECT $1, * FROM unnest($2::text[], $3::bigint[])
            ON CONFLICT (consumer, stream) DO UPDATE SET sequence = excluded.sequence
            """,
            self.name,
            list(reached),
            list(reached.values()),
        )
        await connection.execute(
            "UPDATE eventlog.consumer SET failing_since = NULL, error = NULL WHERE name = $1 AND error IS NOT NULL",
            self.name,
        )

    async def _tell(self, error: Exception) -> None:
        """Leave word of what holds the consumer where operators look."""
        try:
            await self._pool.execute(
                """
                UPDATE eventlog.consumer SET failing_since = coalesce(failing_since, now()), error = $2 WHERE name = $1
                """,
                self.name,
                f"{type(error).__name__}: {error}"[:2000],
            )
        except AWAY:
            log.warning("%s: database away while noting a failure", self.name)


def concerns(types_told: str, types: Collection[str]) -> bool:
    """Say whether a notification names one of the types; whoever follows others sees what it is about at the next look.

    Three workers that looked whenever one of them told of a status were a third of what the database had to do.
    """
    return not types_told or not set(types_told.split(",")).isdisjoint(types)


async def follow(
    pool: asyncpg.Pool, types: Sequence[type[Event]], start: Positions | None = None
) -> AsyncIterator[list[StoredEvent]]:
    """Yield batches of events from `start` (None: from now), for a memory that is rebuilt when its process starts.

    Load, then follow: take `positions_of` the projection in the transaction that reads it.
    """
    names = [cls.__name__ for cls in types]
    positions = dict(start) if start is not None else None
    while True:
        try:
            async with listening(pool, CHANNEL, rung := Rung(lambda told: concerns(told, names))):
                if positions is None:
                    async with pool.acquire() as connection:
                        positions = await heads(connection)
                while True:
                    rung.clear()
                    while readings := await _look(pool, positions, names):
                        batch, reached = next_batch(readings, BATCH)
                        positions.update(reached)
                        if batch:
                            yield batch
                    await rung.within(POLL_S)
        except AWAY as error:
            log.warning("following events: database away: %s", error)
            await asyncio.sleep(0.5)


async def _look(pool: asyncpg.Pool, positions: Positions, types: Iterable[str]) -> list[Reading]:
    async with pool.acquire() as connection:
        return await _read(connection, positions, types, BATCH)
