"""Id tokens, lists, reservations and profiles on a real PostgreSQL: stored, told to every worker, answered while it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.authorisation import store
from ocpp_gateway.authorisation.api import TokensIn, take_rows
from ocpp_gateway.authorisation.desk import Token, TokenDesk, add_demo_token
from ocpp_gateway.authorisation.facts import (
    ChargingProfilesCleared,
    ChargingProfileSet,
    Criteria,
    LocalListTaken,
    LocalListVersionTold,
    ReservationEnded,
    ReservationMade,
    ReservationUsed,
)
from ocpp_gateway.authorisation.memory import Memory
from ocpp_gateway.authorisation.rules import Decision, Presented, Purpose, Standing
from ocpp_gateway.commands.desk import Desk as CommandDesk
from ocpp_gateway.observation import TransactionBegun, TransactionReported, TransactionStopped
from ocpp_gateway.recorder.batch import Committed, Entry, Settlement
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.ownership import Ownership
from tests.conftest import Server
from tests.ocpp_gateway.fakes import Talk
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.clock import ManualClock, SystemClock
from youguan.database import create_pool
from youguan.errors import Conflict, Forbidden, Invalid, NotFound

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(hours=1)


def principal(*roles: str) -> Principal:
    return Principal("p1", "P", frozenset(roles), None, None, "t", "c", NOW)


WHO = principal(REGULATOR)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


@pytest.fixture
def desk(pool: asyncpg.Pool) -> TokenDesk:
    clock = ManualClock(NOW)
    return TokenDesk(pool, CommandDesk(pool, clock), clock)


@asynccontextmanager
async def remembering(pool: asyncpg.Pool) -> AsyncIterator[Memory]:
    """The memory of a worker that runs."""
    memory, loaded = Memory(SystemClock()), asyncio.Event()
    keeping = asyncio.create_task(memory.keep(pool, loaded))
    try:
        await loaded.wait()
        yield memory
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


@pytest.fixture
async def memory(pool: asyncpg.Pool) -> AsyncIterator[Memory]:
    async with remembering(pool) as memory:
        yield memory


class Recording:
    """A recorder at work."""

    def __init__(self, dsn: str, **rest: Any) -> None:
        self.recorder = DirectRecorder(dsn, 0, on_lost=lambda _: None, **rest)
        self.running = asyncio.create_task(self.recorder.run())

    async def put(self, *observations: Any) -> Settlement:
        done: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self.recorder.submit(Entry("s1", NOW, "[]", observations, settle=done.set_result))
        return await done

    async def stop(self) -> None:
        self.recorder.stop()
        await self.running


@pytest.fixture
async def recording(database_url: str, pool: asyncpg.Pool) -> AsyncIterator[Recording]:
    await Ownership(pool, 0, ManualClock(NOW)).start()
    recording = Recording(database_url)
    yield recording
    await recording.stop()


async def becomes(memory: Memory, standing: Standing, purpose: Purpose = Purpose.ASK, token: str = "CARD") -> Decision:
    """Wait until a worker's memory answers so."""
    async with asyncio.timeout(20):
        while (found := memory.authorise(Presented(token, None, purpose, "s1", 1))).standing is not standing:
            await asyncio.sleep(0.01)
    return found


# --- id tokens --------------------------------------------------------------------------------------------------


async def test_a_worker_knows_every_change(desk: TokenDesk, memory: Memory) -> None:
    await becomes(memory, Standing.UNKNOWN)
    await desk.put_group(WHO, "G", "family", False)
    await desk.add(WHO, Token("Card", group_id="G", expires_at=SOON))
    assert await becomes(memory, Standing.ACCEPTED) == Decision(Standing.ACCEPTED, SOON, "G")
    await desk.change(WHO, "CARD", {"status": "blocked"})
    await becomes(memory, Standing.BLOCKED)
    await desk.change(WHO, "card", {"status": "accepted", "expires_at": NOW - timedelta(days=1)})
    await becomes(memory, Standing.EXPIRED)
    await desk.change(WHO, "card", {"expires_at": None})
    await desk.put_group(WHO, "G", "family", True)
    await becomes(memory, Standing.ENDS_ONLY, Purpose.START)
    await desk.remove(WHO, "card")
    await becomes(memory, Standing.UNKNOWN)


async def test_a_worker_that_starts_knows_what_was_before(
    desk: TokenDesk, pool: asyncpg.Pool, recording: Recording
) -> None:
    await desk.add(WHO, Token("CARD"))
    await recording.put(TransactionBegun("s2", 1, "card", NOW, NOW, 0.0))
    async with remembering(pool) as memory:
        assert memory.authorise(Presented("CARD", None, Purpose.START, "s1", 1)).standing is Standing.CONCURRENT


async def test_a_transaction_counts_from_its_start_to_its_end(
    desk: TokenDesk, memory: Memory, recording: Recording
) -> None:
    await desk.add(WHO, Token("CARD"))
    await becomes(memory, Standing.ACCEPTED, Purpose.START)
    begun = await recording.put(TransactionBegun("s2", 1, "CARD", NOW, NOW, 0.0))
    assert isinstance(begun, Committed)
    await becomes(memory, Standing.CONCURRENT, Purpose.START)
    await recording.put(TransactionStopped("s2", str(begun.transaction_id), NOW, NOW, 9.0, "Local", None))
    await becomes(memory, Standing.ACCEPTED, Purpose.START)
    for seq_no, (kind, token) in enumerate([("Started", None), ("Updated", "CARD"), ("Ended", None)]):
        await recording.put(TransactionReported("s3", "t", seq_no, kind, 1, token, NOW, NOW, NOW, None, None, False))
        expected = Standing.CONCURRENT if kind == "Updated" else Standing.ACCEPTED
        await becomes(memory, expected, Purpose.START)


def starts_refused(connector: int, standing: Standing, version: str) -> TransactionBegun | TransactionReported:
    """Return the start of CARD at s2 as it was answered: told again it is the same."""
    if version == "1.6":
        return TransactionBegun("s2", connector, "CARD", NOW, NOW, 0.0, standing=standing)
    kind, number = ("Started", 0) if standing is Standing.CONCURRENT else ("Updated", 1)
    return TransactionReported(
        "s2", "t", number, kind, connector, "card", NOW, NOW, NOW, None, None, False, standing=standing
    )


@pytest.mark.parametrize("version", ["1.6", "2.x"])
async def test_a_refused_start_keeps_no_card_from_charging_elsewhere(
    desk: TokenDesk, memory: Memory, pool: asyncpg.Pool, recording: Recording, version: str
) -> None:
    await desk.add(WHO, Token("CARD"))
    await recording.put(starts_refused(1, Standing.CONCURRENT, version))
    async with remembering(pool) as another:
        start = Presented("CARD", None, Purpose.START, "s1", 1)
        assert another.authorise(start).standing is Standing.ACCEPTED
        await recording.put(starts_refused(1, Standing.ACCEPTED, version))  # it is free by now, and presented again
        await becomes(another, Standing.CONCURRENT, Purpose.START)
        await becomes(memory, Standing.CONCURRENT, Purpose.START)
    assert await pool.fetchval("SELECT standing FROM telemetry.transaction") == "accepted"
    async with remembering(pool) as another:
        assert another.authorise(start).standing is Standing.CONCURRENT


async def test_every_change_is_audited(desk: TokenDesk, pool: asyncpg.Pool) -> None:
    await desk.add(WHO, Token("CARD"))
    await desk.change(WHO, "CARD", {"status": "blocked"})
    await desk.remove(WHO, "CARD")
    rows = await pool.fetch("SELECT action, actor, before, after FROM audit.trail ORDER BY number")
    assert [row["action"] for row in rows] == ["add id tokens", "change id token", "remove id token"]
    assert {row["actor"] for row in rows} == {"p1"}
    assert (rows[1]["before"]["status"], rows[1]["after"]["status"]) == ("accepted", "blocked")


@pytest.mark.parametrize(
    ("token", "kind", "field"),
    [
        (Token("card"), Conflict, "id_token"),
        (Token("NEW", group_id="nobody"), Invalid, "group_id"),
        (Token("a\x00b"), Invalid, "id_token"),
        (Token(" "), Invalid, "id_token"),
    ],
)
async def test_what_is_wrong_is_named(
    desk: TokenDesk, token: Token, kind: type[Invalid | Conflict], field: str
) -> None:
    await desk.add(WHO, Token("CARD"))
    with pytest.raises(kind) as caught:
        await desk.add(WHO, token)
    assert [error.field for error in caught.value.fields] == [field]


async def test_an_import_keeps_the_good_rows_and_names_the_others(desk: TokenDesk, pool: asyncpg.Pool) -> None:
    await desk.add(WHO, Token("OLD"))
    rows: list[Any] = [
        {"id_token": "A", "type": "ISO14443"},
        {"id_token": "B", "status": "lost"},
        {"id_token": "a"},
        {"idtoken": "C"},
        {"id_token": "OLD"},
        {"id_token": "D", "expires_at": "2027-01-01T00:00:00Z", "concurrent": True},
        {"id_token": "E", "group_id": "nobody"},
        "F",
        {"id_token": "G", "expires_at": "9999-12-31T23:59:59-14:00"},
    ]
    taken = await take_rows(desk, WHO, TokensIn(tokens=rows))
    assert taken.stored == 2
    assert [(e.row, e.id_token, [f.field for f in e.fields]) for e in taken.errors] == [
        (1, "B", ["status"]),
        (2, "a", ["id_token"]),
        (3, None, ["id_token", "idtoken"]),
        (4, "OLD", ["id_token"]),
        (6, "E", ["group_id"]),
        (7, None, ["row"]),
        (8, "G", ["expires_at"]),
    ]
    chinese = await take_rows(desk, WHO, TokensIn(tokens=rows[-2:]), "zh")
    assert [e.fields[0].reason for e in chinese.errors] == ["不是 JSON 对象", "应在 1900 年至 9999 年之间"]
    again = await take_rows(desk, WHO, TokensIn(tokens=[{"id_token": "OLD", "status": "blocked"}], replace=True))
    assert (again.stored, again.errors) == (1, [])
    found = await pool.fetch("SELECT key, status FROM gateway.id_token ORDER BY key")
    assert [tuple(row) for row in found] == [("a", "accepted"), ("d", "accepted"), ("old", "blocked")]


async def test_many_tokens_reach_a_worker(desk: TokenDesk, memory: Memory) -> None:
    refused, rows = await desk.bring_in(WHO, [Token(f"T{n}") for n in range(1200)], replacing=False)
    assert (refused, len(rows)) == ({}, 1200)
    for token in ("T0", "T600", "T1199"):
        await becomes(memory, Standing.ACCEPTED, token=token)


async def test_a_group_with_members_stays(desk: TokenDesk) -> None:
    for group in ("H", "G"):
        await desk.put_group(WHO, group, "", False)
    await desk.add(WHO, Token("CARD", group_id="G"))
    async with desk.pool.acquire() as connection:
        pages = [await store.list_groups(connection, after=after, limit=1) for after in (None, "G", "H")]
    assert [[tuple(row) for row in page] for page in pages] == [[("G", "", False, 1)], [("H", "", False, 0)], []]
    with pytest.raises(Conflict):
        await desk.remove_group(WHO, "G")
    await desk.remove(WHO, "CARD")
    await desk.remove_group(WHO, "G")
    with pytest.raises(NotFound):
        await desk.remove_group(WHO, "G")


async def test_the_demo_token_is_there_once_and_stays_as_it_was_made(desk: TokenDesk, pool: asyncpg.Pool) -> None:
    await add_demo_token(pool, ManualClock(NOW))
    await desk.change(WHO, "DEMO", {"status": "blocked"})
    await add_demo_token(pool, ManualClock(NOW))
    rows = await pool.fetch("SELECT id_token, status, concurrent FROM gateway.id_token")
    assert [tuple(row) for row in rows] == [("DEMO", "blocked", True)]


async def test_only_the_regulator_sends_lists(desk: TokenDesk) -> None:
    with pytest.raises(Forbidden):
        await desk.send_list(principal(INSPECTOR), "s1", whole=True, reason="", entries_a_message=None, wait_s=0)


# --- what stations make known -----------------------------------------------------------------------------------


async def local_list_of(pool: asyncpg.Pool) -> tuple[int, Any]:
    row = await pool.fetchrow("SELECT version, entries FROM gateway.local_list")
    assert row is not None
    return row["version"], row["entries"]


async def test_a_local_list_is_followed_as_long_as_its_versions_are_ours(
    recording: Recording, pool: asyncpg.Pool
) -> None:
    ok, blocked = {"status": "Accepted"}, {"status": "Blocked"}
    await recording.put(LocalListTaken("s1", NOW, 4, False, {"A": ok}))
    assert await local_list_of(pool) == (4, None), "a difference to an unknown list leaves it unknown"
    await recording.put(LocalListTaken("s1", NOW, 5, True, {"A": ok, "B": ok}))
    await recording.put(
        LocalListTaken("s1", NOW, 6, False, {"A": {}, "B": blocked}), LocalListVersionTold("s1", NOW, 6)
    )
    assert await local_list_of(pool) == (6, {"B": blocked})
    await recording.put(LocalListVersionTold("s1", NOW, 9))
    assert await local_list_of(pool) == (9, None)
    await recording.put(LocalListVersionTold("s1", NOW, 0))
    assert await local_list_of(pool) == (0, {})


async def states(pool: asyncpg.Pool) -> dict[int, str]:
    rows = await pool.fetch("SELECT reservation_id, state FROM gateway.reservation ORDER BY 1")
    return {row["reservation_id"]: row["state"] for row in rows}


async def test_reservations_move_as_the_table_says(recording: Recording, pool: asyncpg.Pool) -> None:
    made = [ReservationMade("s1", NOW, n, 1 if n < 5 else None, f"C{n}", None, SOON) for n in range(1, 7)]
    await recording.put(
        *made,
        ReservationEnded("s1", NOW, 1, "cancelled"),
        ReservationEnded("s1", NOW, 2, "removed"),
        ReservationUsed("s1", NOW, 3, "X", 1),
        ReservationUsed("s1", NOW, None, "c4", 2),  # the other connector
        ReservationUsed("s1", NOW, None, "c5", 2),  # any connector
        ReservationUsed("s1", NOW, 1, "C1", 1),  # cancelled before
        ReservationEnded("s1", NOW, 77, "expired"),  # unknown to us
    )
    assert await states(pool) == {1: "cancelled", 2: "removed", 3: "used", 4: "held", 5: "used", 6: "held"}
    async with pool.acquire() as connection:
        assert await store.expire_reservations(connection, NOW) == 0
        assert await store.expire_reservations(connection, SOON) == 2
        held = await store.list_reservations(connection, station_id="s1", state="expired", before=None, limit=10)
    assert [row["reservation_id"] for row in held] == [6, 4]
    await recording.put(ReservationUsed("s1", NOW, 4, None, 1), made[5])
    assert await states(pool) == {1: "cancelled", 2: "removed", 3: "used", 4: "used", 5: "used", 6: "held"}


def profile(profile_id: int, level: int = 0, **rest: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": profile_id, "stackLevel": level, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 5000}]},
        **rest,
    }  # fmt: skip


async def profiles_of(pool: asyncpg.Pool) -> list[int]:
    async with pool.acquire() as connection:
        rows = await store.list_profiles(connection, "s1", cleared_too=False, before=None, limit=10)
    return sorted(row["profile_id"] for row in rows)


async def test_charging_profiles_are_set_replaced_and_cleared_in_the_order_of_receipt(
    recording: Recording, pool: asyncpg.Pool
) -> None:
    await recording.put(
        ChargingProfilesCleared("s1", NOW, Criteria()),
        ChargingProfileSet("s1", NOW, 1, profile(1)),
        ChargingProfileSet("s1", NOW, 2, profile(2)),
        ChargingProfileSet("s1", NOW, 1, profile(3)),  # the place of 1
        ChargingProfileSet("s1", NOW, 1, profile(4, 1)),
    )
    assert await profiles_of(pool) == [2, 3, 4]
    await recording.put(ChargingProfilesCleared("s1", NOW, Criteria(connector=1, stack_level=1)))
    assert await profiles_of(pool) == [2, 3]
    await recording.put(ChargingProfilesCleared("s1", NOW, Criteria(profile_ids=frozenset({2}))))
    assert await profiles_of(pool) == [3]
    assert await pool.fetchval("SELECT count(*) FROM gateway.charging_profile") == 4


async def test_a_profile_of_a_transaction_goes_with_it(recording: Recording, pool: asyncpg.Pool) -> None:
    begun = await recording.put(TransactionBegun("s1", 1, "A", NOW, NOW, 0.0))
    assert isinstance(begun, Committed)
    own = profile(1, chargingProfilePurpose="TxProfile", transactionId=begun.transaction_id)
    await recording.put(ChargingProfileSet("s1", NOW, 1, own))
    assert await profiles_of(pool) == [1]
    async with pool.acquire() as connection:
        assert await store.open_transaction(connection, "s1", 1) == (str(begun.transaction_id), NOW)
    await recording.put(TransactionStopped("s1", str(begun.transaction_id), NOW, NOW, 1.0, "Local", None))
    assert await profiles_of(pool) == []
    await recording.put(ChargingProfileSet("s1", NOW, 1, profile(1)))  # the id is free again
    assert await profiles_of(pool) == [1]


# --- the database is away ---------------------------------------------------------------------------------------


@asynccontextmanager
async def away(server: Server, database_url: str) -> AsyncIterator[None]:
    """Everybody is sent away from a database, and nobody is let in."""
    name = database_url.split("?", maxsplit=1)[0].rpartition("/")[2]
    connection = await asyncpg.connect(server.admin)
    try:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await connection.close()


def watched(recorder: DirectRecorder, what: str, settled: list[str], *, asks: bool) -> None:
    def settle(_: Settlement) -> None:
        settled.append(what)

    recorder.submit(Entry("s1", NOW, what, states_no_fact=asks, settle=settle))


async def until(settled: list[str], *expected: str) -> None:
    async with asyncio.timeout(30):
        while settled != list(expected):
            await asyncio.sleep(0.01)


async def test_while_the_database_is_away_questions_are_answered_and_facts_wait(
    recording: Recording, pool: asyncpg.Pool, server: Server, database_url: str
) -> None:
    settled: list[str] = []
    await recording.put()
    async with away(server, database_url):
        watched(recording.recorder, "fact", settled, asks=False)
        watched(recording.recorder, "question under way", settled, asks=True)
        await until(settled, "question under way")
        watched(recording.recorder, "question", settled, asks=True)
        assert settled == ["question under way", "question"]
    await until(settled, "question under way", "question", "fact")
    await recording.put()
    assert not recording.recorder.away
    watched(recording.recorder, "later", settled, asks=True)
    assert "later" not in settled, "with the database back nothing is answered before its commit"
    await until(settled, "question under way", "question", "fact", "later")
    frames = await pool.fetch("SELECT frame FROM telemetry.raw_frame WHERE frame <> '[]' ORDER BY frame")
    assert [row["frame"] for row in frames] == ["fact", "later", "question", "question under way"]


async def test_a_commit_that_hangs_keeps_no_question_waiting(database_url: str, pool: asyncpg.Pool) -> None:
    await Ownership(pool, 0, ManualClock(NOW)).start()
    recording = Recording(database_url, away_after_s=0.05)
    await recording.put()
    settled: list[str] = []
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE telemetry.raw_frame IN ACCESS EXCLUSIVE MODE")
        watched(recording.recorder, "fact", settled, asks=False)
        watched(recording.recorder, "question", settled, asks=True)
        await until(settled, "question")
    await until(settled, "question", "fact")
    await recording.stop()


def test_a_conversation_answers_authorize_while_the_database_is_away() -> None:
    talk = Talk()
    talk.recorder.away = True
    talk.say("Authorize", {"idTag": "DEMO"})
    talk.say("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}, "2")
    talk.say(
        "StartTransaction", {"connectorId": 1, "idTag": "DEMO", "meterStart": 0, "timestamp": NOW.isoformat()}, "3"
    )
    assert talk.wire.sent == [[3, "1", {"idTagInfo": {"status": "Accepted"}}]]
    talk.recorder.settle()
    assert [frame[1] for frame in talk.wire.sent] == ["1", "2", "3"], "each is answered once"
