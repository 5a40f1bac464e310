"""The event log on a real PostgreSQL: nothing skipped, nothing stalled, nothing twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from youguan.database import AWAY, connect, create_pool
from youguan.eventlog import (
    CHANNEL,
    Consumer,
    Reading,
    StoredEvent,
    concerns,
    decode,
    encode,
    follow,
    heads,
    next_batch,
    publish,
)
from youguan.events import AccessRevoked, AlertResolved, Event, ResponsibilitiesChanged, ResponsibilityEntry
from youguan.listening import Bell, Rung

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def revoked(subject: str) -> AccessRevoked:
    return AccessRevoked(subject=subject, token_id=None, at=NOON)


def subjects(batch: Sequence[StoredEvent]) -> list[str]:
    return [stored.event.subject for stored in batch if isinstance(stored.event, AccessRevoked)]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


class Notebook:
    """A handler that writes what it is told into a table, in the consumer's transaction."""

    def __init__(self, *, refuses: str | None = None) -> None:
        self.refuses = refuses

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        for subject in subjects(batch):
            if subject == self.refuses:
                raise ValueError(f"{subject} cannot be handled")
            await connection.execute("INSERT INTO public.notebook (subject) VALUES ($1)", subject)

    @staticmethod
    async def read(pool: asyncpg.Pool) -> list[str]:
        return [row["subject"] for row in await pool.fetch("SELECT subject FROM public.notebook ORDER BY place")]


@pytest.fixture
async def notebook(pool: asyncpg.Pool) -> Notebook:
    await pool.execute("CREATE TABLE public.notebook (place bigint GENERATED ALWAYS AS IDENTITY, subject text)")
    return Notebook()


def consumer(pool: asyncpg.Pool, notebook: Notebook) -> Consumer:
    return Consumer(pool, "tests.notebook", notebook.handle, types=(AccessRevoked,))


async def put(pool: asyncpg.Pool, stream: str, *events: Event) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, stream, events)


def test_events_come_back_typed() -> None:
    entry = ResponsibilityEntry(
        role="manager", organisation_id="o1", organisation_name="甲", station_id=None, since=NOON, until=None
    )
    event = ResponsibilitiesChanged(site_id="s1", entries=(entry,))
    assert decode("ResponsibilitiesChanged", orjson.loads(encode(event))) == event


async def test_a_rolled_back_publication_leaves_no_gap(pool: asyncpg.Pool) -> None:
    await put(pool, "a", revoked("1"))
    with pytest.raises(ZeroDivisionError):
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "a", [revoked("lost")])
            raise ZeroDivisionError
    await put(pool, "a", revoked("2"))
    assert [row["sequence"] for row in await pool.fetch("SELECT sequence FROM eventlog.event ORDER BY 1")] == [1, 2]


async def test_nothing_is_skipped_when_transactions_commit_out_of_order(pool: asyncpg.Pool, notebook: Notebook) -> None:
    reader = consumer(pool, notebook)
    async with pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await publish(slow, "slow", [revoked("begun first")])
        await put(pool, "fast", revoked("committed first"))
        await reader.catch_up()
        assert await notebook.read(pool) == ["committed first"]
        await transaction.commit()
    await reader.catch_up()
    assert await notebook.read(pool) == ["committed first", "begun first"]


async def test_nothing_stalls_while_a_long_transaction_is_open(
    pool: asyncpg.Pool, notebook: Notebook, database_url: str
) -> None:
    long = await connect(database_url)
    try:
        await long.execute("BEGIN; SELECT pg_current_xact_id(); CREATE TABLE public.import (x int)")
        await put(pool, "a", revoked("1"))
        await consumer(pool, notebook).catch_up()
        assert await notebook.read(pool) == ["1"]
    finally:
        await long.close()


async def test_writers_of_one_stream_take_turns_and_leave_no_gap(pool: asyncpg.Pool, notebook: Notebook) -> None:
    await asyncio.gather(*(put(pool, "shared", revoked(str(n))) for n in range(50)))
    await consumer(pool, notebook).catch_up()
    assert sorted(await notebook.read(pool), key=int) == [str(n) for n in range(50)]
    async with pool.acquire() as connection:
        assert await heads(connection) == {"shared": 50}


async def test_two_consumers_of_one_name_handle_nothing_twice(pool: asyncpg.Pool, notebook: Notebook) -> None:
    await put(pool, "a", *(revoked(str(n)) for n in range(1200)))
    await asyncio.gather(consumer(pool, notebook).catch_up(), consumer(pool, notebook).catch_up())
    assert await notebook.read(pool) == [str(n) for n in range(1200)]


async def test_what_follows_a_commit_is_delivered_after_it(pool: asyncpg.Pool, notebook: Notebook) -> None:
    for n in range(40):
        await put(pool, f"gateway/{n * 7 % 3}", revoked(str(n)))
    await consumer(pool, notebook).catch_up()
    assert await notebook.read(pool) == [str(n) for n in range(40)]


async def test_an_event_that_fails_holds_its_consumer_and_says_so(pool: asyncpg.Pool, notebook: Notebook) -> None:
    await put(pool, "a", revoked("1"), revoked("bad"), revoked("2"))
    notebook.refuses = "bad"
    running = asyncio.create_task(consumer(pool, notebook).run())
    try:
        await eventually(lambda: said_why(pool, "bad cannot be handled"))
        assert await notebook.read(pool) == ["1"]
        notebook.refuses = None
        await eventually(lambda: has_read(pool, notebook, ["1", "bad", "2"]))
        assert await pool.fetchval("SELECT error FROM eventlog.consumer") is None
    finally:
        running.cancel()


async def said_why(pool: asyncpg.Pool, reason: str) -> bool:
    count = await pool.fetchval("SELECT count(*) FROM eventlog.consumer WHERE error LIKE '%' || $1", reason)
    return bool(count == 1 and await pool.fetchval("SELECT count(*) FROM public.notebook") == 1)


async def has_read(pool: asyncpg.Pool, notebook: Notebook, expected: list[str]) -> bool:
    return await notebook.read(pool) == expected


async def eventually(condition: object) -> None:
    """Wait until a condition holds; the test's own limit ends it when it never does."""
    assert callable(condition)
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_a_consumer_survives_its_connections(pool: asyncpg.Pool, notebook: Notebook) -> None:
    """The one by which it is rung, which it shares with whoever else uses the pool, and the one that it has while it works."""
    running = [asyncio.create_task(consumer(pool, notebook).run()), asyncio.create_task(follow_for_ever(pool))]
    try:
        await eventually(lambda: listen(pool, 1))
        await put(pool, "a", revoked("1"))
        await eventually(lambda: has_read(pool, notebook, ["1"]))
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await put(pool, "a", revoked("2"))
        await eventually(lambda: has_read(pool, notebook, ["1", "2"]))
        await eventually(lambda: listen(pool, 1))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await eventually(lambda: listen(pool, 0))


class LosesTheFirst:
    """A pool of which the first connection is lost on its way to whoever asked for it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._lost = False
        self.release = pool.release

    async def acquire(self) -> asyncpg.Connection:
        connection = await self._pool.acquire()
        if not self._lost:
            self._lost = True
            connection.terminate()
        return connection


async def test_a_connection_that_is_lost_on_the_way_is_asked_for_again(pool: asyncpg.Pool) -> None:
    bell, rung = Bell(LosesTheFirst(pool)), Rung()
    with pytest.raises(AWAY):
        await bell.hang(CHANNEL, rung)
    await bell.hang(CHANNEL, rung)
    assert await listen(pool, 1)
    await bell.take_down(CHANNEL, rung)
    assert await listen(pool, 0)


async def test_a_connection_that_ends_without_a_word_is_given_up_by_who_looks_next(database_url: str) -> None:
    """As asyncpg leaves one whose statement was cancelled and whose request to cancel it failed."""
    pool = await create_pool(database_url)
    bell, late = pool.bell, Rung()
    looks: list[Callable[[Rung], Awaitable[object]]] = [
        lambda rung: rung.within(0),
        lambda rung: bell.take_down(CHANNEL, rung),
        lambda rung: bell.hang(CHANNEL, late),
    ]
    async with asyncio.timeout(20):
        for look in looks:
            rung = Rung()
            await bell.hang(CHANNEL, rung)
            (holder,) = (holder for holder in pool._holders if not holder.is_idle())
            holder._con._protocol.abort()
            with suppress(ConnectionError):
                await look(rung)
            with pytest.raises(ConnectionError):
                await rung.within(0)
        assert await listen(pool, 1), "who came late is rung by another"
        await bell.take_down(CHANNEL, late)
        await pool.close()


async def follow_for_ever(pool: asyncpg.Pool) -> None:
    async for _ in follow(pool, (AlertResolved,)):
        pass


async def listen(pool: asyncpg.Pool, count: int) -> bool:
    listening = "datname = current_database() AND query LIKE 'LISTEN%'"
    return bool(await pool.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {listening}") == count)


async def test_replay_from_any_point(pool: asyncpg.Pool) -> None:
    await put(pool, "a", *(revoked(str(n)) for n in range(5)))
    batches = follow(pool, (AccessRevoked,), {"a": 3})
    assert subjects(await anext(batches)) == ["3", "4"]
    await put(pool, "b", revoked("new"))
    assert subjects(await anext(batches)) == ["new"]
    await batches.aclose()  # type: ignore[attr-defined]


async def test_other_types_are_passed_over(pool: asyncpg.Pool, notebook: Notebook) -> None:
    other = AlertResolved(alert_id="x", rule="r", site_id=None, station_id=None, connector=None, at=NOON)
    await put(pool, "a", *([other] * 700), revoked("1"))
    reader = consumer(pool, notebook)
    assert await reader.catch_up() == 1
    assert await reader.catch_up() == 0


async def test_a_notification_names_the_types_once(pool: asyncpg.Pool) -> None:
    other = AlertResolved(alert_id="x", rule="r", site_id=None, station_id=None, connector=None, at=NOON)
    told: list[object] = []
    async with pool.acquire() as connection:
        await connection.add_listener(CHANNEL, lambda *said: told.append(said[-1]))
        await put(pool, "a", other, revoked("1"), other)
        await put(pool, "b", revoked("2"))
        await eventually(lambda: asyncio.sleep(0, len(told) == 2))
        await connection.reset()
    assert told == ["AccessRevoked,AlertResolved", "AccessRevoked"]


def test_only_those_concerned_are_woken() -> None:
    assert concerns("AccessRevoked,AlertResolved", ["AlertResolved"])
    assert not concerns("AccessRevoked", ["AlertResolved"])
    assert concerns("", ["AlertResolved"])


async def test_what_happened_is_not_changed(pool: asyncpg.Pool) -> None:
    await put(pool, "a", revoked("1"))
    with pytest.raises(asyncpg.RaiseError, match="what happened is not changed"):
        await pool.execute("UPDATE eventlog.event SET type = 'Other'")


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 5))
def test_batches_are_causal_and_lose_nothing(writers: list[int], limit: int) -> None:
    """Publications of four streams, one serial each, read in batches of any size, come out in order of serial."""
    log: dict[str, list[StoredEvent]] = {}
    for serial, writer in enumerate(writers):
        stream = log.setdefault(str(writer), [])
        stream.append(StoredEvent(str(writer), len(stream) + 1, serial, NOON, revoked(str(serial))))
    positions: dict[str, int] = {}
    seen: list[int] = []
    for _ in range(len(writers) + 1):
        readings = [
            Reading(name, len(events), events[positions.get(name, 0) :][:limit])
            for name, events in log.items()
            if len(events) > positions.get(name, 0)
        ]
        batch, reached = next_batch(readings, limit)
        positions.update(reached)
        seen.extend(stored.serial for stored in batch)
    assert seen == list(range(len(writers)))
