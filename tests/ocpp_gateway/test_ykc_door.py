"""The door of 云快充: chargers that an independent hand wrote, over real sockets, into real PostgreSQL."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.recorder.batch import Committed, Refused, Settlement
from ocpp_gateway.stations import directory
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.speaking import speak_for
from ocpp_gateway.stations.store import Opening
from ocpp_gateway.ykc import process
from ocpp_gateway.ykc.conversation import BILLS_A_MINUTE, REFUSED_A_MINUTE, Around, Budgets, Conversation
from ocpp_gateway.ykc.frames import Splitter
from tests.independent.ykc_pile import CHINA, Pile
from tests.ocpp_gateway.fakes import FakeRecorder
from tests.suite import eventually
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import SiteFiled, StationFile
from youguan.settings import Settings

PILES = ("55031412782305", "55031412782306")
TRADE_NO = "55031412782305012018061910262392"
BEGAN = datetime(2026, 5, 4, 12, tzinfo=CHINA)


@dataclass
class Door:
    """The door as it runs, and who came."""

    pool: asyncpg.Pool
    port: int
    piles: list[Pile] = field(default_factory=list)

    async def pile(self, number: str = PILES[0], **more: Any) -> Pile:
        """Return a charger that is connected and has not said who it is."""
        pile = await Pile(number, **more).connect(self.port)
        self.piles.append(pile)
        return pile

    async def status(self) -> list[tuple[str, int, str]]:
        rows = await self.pool.fetch(
            "SELECT station_id, connector, status FROM gateway.connector_now ORDER BY station_id, connector"
        )
        return [tuple(row) for row in rows]

    async def refused(self) -> list[str]:
        rows = await self.pool.fetch("SELECT code, station_id, reason FROM gateway.refused_input ORDER BY id")
        return [f"{row['code']} {row['station_id']} {row['reason']}" for row in rows]


async def file_piles(pool: asyncpg.Pool) -> None:
    stations = tuple(StationFile(station_id=p, connectors=2, power_w=120_000, current_type="DC") for p in PILES)
    site = SiteFiled(
        site_id="S", name="S", address="", division_code=None, division_name=None, longitude=121.4, latitude=29.3,
        stations=stations,
    )  # fmt: skip
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", [site])
    await directory.consumer(pool).catch_up()


@asynccontextmanager
async def door_of(database_url: str, **settings: Any) -> AsyncIterator[Door]:
    """A door on a real socket, open to this machine unless it is said otherwise."""
    made = Settings(**{"database_url": database_url, "role_secret": None, "ykc_networks": ["127.0.0.0/8"], **settings})
    listening = socket.create_server(("127.0.0.1", 0))
    stop = asyncio.Event()
    async with await create_pool(database_url) as pool:
        await file_piles(pool)
        running = asyncio.create_task(process.run(made, process.FIRST_SLOT, listening, stop))
        door = Door(pool, listening.getsockname()[1])

        async def held() -> bool:
            if running.done():
                running.result()
            return bool(await pool.fetchval("SELECT EXISTS (SELECT FROM gateway.worker WHERE slot = 1500)"))

        try:
            await eventually(held)
            yield door
        finally:
            stop.set()
            await running
            for pile in door.piles:
                await pile.close()


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with door_of(database_url) as door:
        yield door


async def test_a_day_of_a_charger(door: Door) -> None:
    """It logs in, is told the time, beats, charges, ends: every answer comes after what it acknowledges is stored."""
    pile = await door.pile()
    assert await pile.log_in() == 0
    clock = await pile.read()
    assert clock is not None
    assert (clock.kind, clock.body[:7], clock.body[12]) == (0x56, pile.bcd, datetime.now(CHINA).month)
    beat = await pile.beat()
    assert beat is not None
    assert (beat.kind, beat.body) == (0x04, pile.bcd + b"\x01\x00")
    tariff = await pile.ask(0x05, pile.bcd + b"\x01\x00")
    assert tariff is not None
    assert (tariff.kind, tariff.body) == (0x06, pile.bcd + b"\x01\x00\x00")
    for packed in (
        pile.state(2), pile.state(2), pile.state(2, plugged=1), pile.state(3, plugged=1, trade=TRADE_NO, minutes=1, kwh=0.5),
        pile.state(3, plugged=1, trade=TRADE_NO, minutes=2, kwh=1), pile.state(2, gun=2), pile.state(2, plugged=1),
    ):  # fmt: skip
        await pile.write(packed)
    answer = await pile.ask(0x03, pile.bcd + b"\x01\x00")  # of one connection what came before is durable before it
    assert answer is not None
    statuses = await door.pool.fetch(
        "SELECT connector, status FROM telemetry.status_change ORDER BY received_at, connector"
    )
    assert [tuple(row) for row in statuses] == [
        (1, "Available"), (1, "Occupied"), (1, "Charging"), (2, "Available"), (1, "Occupied"),
    ]  # fmt: skip
    await pile.write(pile.trade(TRADE_NO, BEGAN, BEGAN + timedelta(minutes=30), 12.5))
    taken = await pile.read()
    assert taken is not None
    assert (taken.kind, taken.body) == (0x40, bytes.fromhex(TRADE_NO) + b"\x00")
    (row,) = await door.pool.fetch("SELECT * FROM telemetry.transaction")
    assert (row["station_id"], row["transaction_id"], row["settled"], row["reason"]) == (
        PILES[0],
        TRADE_NO,
        True,
        "ykc 45",
    )
    assert row["meter_stop_wh"] - row["meter_start_wh"] == 12500
    assert row["stopped_at"] == BEGAN + timedelta(minutes=30)
    state = await door.pool.fetchrow("SELECT state, connected FROM gateway.station_now WHERE station_id = $1", PILES[0])
    assert tuple(state) == ("online", False)
    sources = await door.pool.fetch(
        "SELECT payload->>'source' AS s FROM eventlog.event WHERE type = 'TransactionEnded'"
    )
    assert [row["s"] for row in sources] == ["ykc"]
    frames = [row["frame"] for row in await door.pool.fetch("SELECT frame FROM telemetry.raw_frame")]
    assert any(frame.startswith("3b ") for frame in frames)
    assert b"LSVAA4182E2123456".hex() not in "".join(frames)
    assert await door.refused() == []


async def test_a_trade_that_is_told_again_is_acknowledged_and_stored_once(door: Door) -> None:
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    for _ in range(3):
        await pile.write(pile.trade(TRADE_NO, BEGAN, BEGAN + timedelta(minutes=30), 12.5))
        answer = await pile.read()
        assert answer is not None
        assert answer.body[-1] == 0
    assert await door.pool.fetchval("SELECT count(*) FROM telemetry.transaction") == 1
    assert await door.pool.fetchval("SELECT count(*) FROM eventlog.event WHERE type = 'TransactionEnded'") == 1


async def test_a_charger_that_nobody_filed_is_told_so_and_reported_as_unfiled(door: Door) -> None:
    pile = await door.pile("99999999999999")
    assert await pile.log_in() == 1
    assert await pile.read() is None
    seen = await door.pool.fetch(
        "SELECT payload->>'station_id' AS s FROM eventlog.event WHERE type = 'UnfiledStationSeen'"
    )
    assert [row["s"] for row in seen] == ["99999999999999"]
    assert any("YkcRefused 99999999999999 pile: is not filed" in line for line in await door.refused())


async def test_nobody_speaks_before_the_login_nor_for_another(door: Door) -> None:
    early = await door.pile()
    await early.write(early.state(1))
    assert await early.read() is None
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    pile.number = PILES[1]
    await pile.write(pile.state(1))
    pile.number = PILES[0]
    assert await pile.beat() is not None
    assert await door.status() == []
    refused = await door.refused()
    assert any("message 13 before the login" in line for line in refused)
    assert any(f"pile: {PILES[1]} is not {PILES[0]}" in line for line in refused)


async def test_what_cannot_be_used_is_named_and_the_connection_goes_on(door: Door) -> None:
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    await pile.write(pile.packed(0x13, b"short"))
    await pile.write(pile.trade(TRADE_NO, BEGAN, BEGAN - timedelta(minutes=30), 12.5))
    answer = await pile.read()
    assert answer is not None
    assert (answer.kind, answer.body[-1]) == (0x40, 1)  # an illegal bill: it need not be told again
    await pile.write(pile.state(1, faults=1))
    assert await pile.beat() is not None
    assert await door.status() == [(PILES[0], 1, "Faulted")]
    refused = await door.refused()
    assert any("length: a message 13 has 60 bytes, not 5" in line for line in refused)
    assert any("end: lies before start" in line for line in refused)


async def test_a_fault_that_only_the_heartbeat_tells(door: Door) -> None:
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    for _ in range(2):
        assert await pile.beat(gun=2, fault=1) is not None
    assert await door.status() == [(PILES[0], 2, "Faulted")]
    assert await door.pool.fetchval("SELECT count(*) FROM telemetry.status_change") == 1
    await pile.write(pile.state(2, gun=2))
    assert await pile.beat() is not None
    assert await door.status() == [(PILES[0], 2, "Available")]


class Filed:
    """A directory in which everything is filed."""

    def site_of(self, station_id: str) -> str | None:
        return "S"

    def knows_site(self, site_id: str) -> bool:
        return True

    def unfiled(self, station_id: str) -> Registration:
        return Registration.PENDING


async def test_a_status_counts_as_told_when_it_is_durable() -> None:
    conversation, recorder, pile, sent = await logged_in("logged")
    recorder.away = True
    (beat,) = Splitter().feed(pile.packed(0x03, pile.bcd + b"\x01\x01"))

    async def beats(settlement: Settlement) -> tuple[int, int, int]:
        """Return how many statuses two beats bring, how often they are answered before that is settled, and after."""
        await conversation.take(beat)
        await conversation.take(beat)
        told = sum(len(entry.observations) for entry in recorder.entries)
        before = len(sent)
        recorder.settle(settlement)
        after = len(sent) - before
        sent.clear()
        return told, before, after

    assert await beats(Refused("poison")) == (1, 0, 0)
    assert await beats(Committed()) == (1, 0, 2), "what was not stored is said again"
    assert await beats(Committed()) == (0, 2, 0), "and then it only asks"


async def logged_in(checksum: Any, **more: Any) -> tuple[Conversation, FakeRecorder, Pile, list[bytes]]:
    """Return a conversation of a pile whose login is settled, and what it is sent from then on."""

    async def ours(*_: object) -> bool:
        return True

    recorder, pile, sent = FakeRecorder(), Pile(PILES[0], **more), list[bytes]()
    around = Around(recorder, Filed(), ours, SystemClock(), checksum)
    conversation = Conversation("127.0.0.1", around, sent.append, lambda reason: None)
    (login,) = Splitter().feed(pile.packed(0x01, pile.login()))
    await conversation.take(login)
    recorder.settle()
    sent.clear()
    return conversation, recorder, pile, sent


def told(frames: list[bytes]) -> list[tuple[int, int]]:
    """Return kind and last byte of what was sent."""
    return [(found.kind, found.body[-1]) for packed in frames for found in Splitter().feed(packed)]


@pytest.mark.parametrize(
    ("checksum", "change", "answers"),
    [
        ("required", {"fits": False}, []),
        ("required", {"encrypted": True}, []),
        ("logged", {"encrypted": True}, []),
        ("logged", {"fits": False}, []),
        ("logged", {}, [(0x40, 1)]),
        ("ignored", {"fits": False}, [(0x40, 1)]),
    ],
)
async def test_a_bill_that_was_damaged_on_the_way_is_not_called_illegal(
    checksum: str, change: dict[str, Any], answers: list[tuple[int, int]]
) -> None:
    """On that the pile would forget it: a damaged one it is to tell again. This bill cannot be used in any case."""
    conversation, recorder, pile, sent = await logged_in(checksum)
    (bill,) = Splitter().feed(pile.trade(TRADE_NO, BEGAN, BEGAN - timedelta(minutes=30), 12.5))
    await conversation.take(bill._replace(**change))
    assert any(doubt.code == "YkcRefused" for entry in recorder.entries for doubt in entry.doubts)
    recorder.settle()
    assert told(sent) == answers


async def test_a_pile_that_reckons_otherwise_is_told_of_a_bill_that_cannot_be_used() -> None:
    conversation, recorder, pile, sent = await logged_in("logged", wrong_crc=True)
    (bill,) = Splitter().feed(pile.trade(TRADE_NO, BEGAN, BEGAN - timedelta(minutes=30), 12.5))
    await conversation.take(bill)
    recorder.settle()
    assert told(sent) == [(0x40, 1)]


async def test_a_bill_that_cannot_be_used_is_kept_however_much_is_refused_besides() -> None:
    """And one that is not kept, beyond hundreds a minute, is not answered: it comes again."""
    conversation, recorder, pile, sent = await logged_in("logged")
    (broken,) = Splitter().feed(pile.packed(0x13, b"short"))
    (bill,) = Splitter().feed(pile.trade(TRADE_NO, BEGAN, BEGAN - timedelta(minutes=30), 12.5))
    kept = 0
    for frame in [broken] * 40 + [bill] * (BILLS_A_MINUTE + 10):
        await conversation.take(frame)
        kept += sum(len(entry.doubts) for entry in recorder.entries)
        recorder.settle()
    assert told(sent) == [(0x40, 1)] * BILLS_A_MINUTE
    assert kept == REFUSED_A_MINUTE + BILLS_A_MINUTE


def test_what_a_pile_says_amiss_takes_no_other_piles_room() -> None:
    budgets, now = Budgets(), BEGAN
    assert sum(budgets.spend(PILES[0], now) for _ in range(1000)) == REFUSED_A_MINUTE
    assert budgets.spend(PILES[1], now)
    assert budgets.spend(None, now)


@pytest.mark.parametrize(("policy", "login"), [("logged", 0), ("ignored", 0), ("required", None)])
async def test_a_checksum_that_does_not_fit(database_url: str, policy: str, login: int | None) -> None:
    async with door_of(database_url, ykc_checksum=policy) as door:
        pile = await door.pile(wrong_crc=True)
        if login is None:
            await pile.write(pile.packed(0x01, pile.bcd + bytes(23)))
            await eventually(door.refused)
            assert any("checksum: does not fit" in line for line in await door.refused())
            return
        assert await pile.log_in() == login
        await pile.read()
        await pile.write(pile.state(1))
        assert await pile.beat() is not None
        assert await door.status() == [(PILES[0], 1, "Faulted")]
        told = [line for line in await door.refused() if "YkcChecksum" in line]
        assert len(told) == (1 if policy == "logged" else 0)  # once a connection


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
async def test_who_comes_from_elsewhere_is_not_let_in(database_url: str, networks: list[str]) -> None:
    async with door_of(database_url, ykc_networks=networks) as door:
        pile = await door.pile()
        with suppress(ConnectionError):
            assert await pile.log_in() is None
        assert await door.pool.fetchval("SELECT count(*) FROM telemetry.raw_frame") == 0


async def test_a_station_that_speaks_ocpp_keeps_the_word(door: Door) -> None:
    ownership = Ownership(door.pool, 0, SystemClock())
    await ownership.start()
    granting = asyncio.create_task(ownership.run())
    granted = asyncio.Event()
    ownership.claim(Opening(PILES[0], "1.6", "here", SystemClock().now()), lambda epoch: granted.set())
    await granted.wait()
    pile = await door.pile()
    assert await pile.log_in() == 1
    granting.cancel()
    await asyncio.gather(granting, return_exceptions=True)
    assert any("speaks OCPP for itself" in line for line in await door.refused())


async def test_a_station_that_begins_to_speak_ocpp_ends_the_connection(door: Door) -> None:
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    ownership = Ownership(door.pool, 0, SystemClock())
    await ownership.start()
    granting = asyncio.create_task(ownership.run())
    granted = asyncio.Event()
    ownership.claim(Opening(PILES[0], "1.6", "here", SystemClock().now()), lambda epoch: granted.set())
    await granted.wait()
    assert await pile.read() is None
    granting.cancel()
    await asyncio.gather(granting, return_exceptions=True)


async def test_a_platform_speaks_for_a_charger_only_when_that_is_silent(door: Door) -> None:
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    assert await pile.beat() is not None
    await Ownership(door.pool, 2000, SystemClock()).start()
    now = SystemClock().now()
    assert await speak_for(door.pool, 2000, {PILES[0]: now, PILES[1]: now}, "cec102") == {PILES[1]}
    assert await pile.beat() is not None
    assert await speak_for(door.pool, 2000, {PILES[0]: now + timedelta(minutes=2)}, "cec102") == {PILES[0]}
    assert await pile.read() is None  # and who comes back has the word again
    again = await door.pile()
    assert await again.log_in() == 0


async def test_a_newer_connection_takes_the_place_of_an_older(door: Door) -> None:
    older, newer = await door.pile(), await door.pile()
    await older.log_in()
    await older.read()
    assert await newer.log_in() == 0
    await newer.read()
    assert await older.read() is None
    assert await newer.beat() is not None


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x68\x00\x00\x00", b"\x68\x04\x00\x00\x01\x03\x00\x00"])
async def test_bytes_that_are_no_conversation_end_it(door: Door, data: bytes) -> None:
    stranger = await door.pile()
    await stranger.write(data)
    assert await stranger.read() is None
    pile = await door.pile()
    assert await pile.log_in() == 0


async def test_whatever_is_thrown_at_the_door_those_who_speak_are_heard(door: Door) -> None:
    """Frames with bytes changed at random, after a login and without: each ends as a refusal or an end, and nothing falls over."""
    dice = random.Random(7)
    good = await door.pile(PILES[1])
    assert await good.log_in() == 0
    await good.read()
    for _ in range(40):
        pile = await door.pile()
        if dice.random() < 0.7:
            assert await pile.log_in() == 0
        packed = [
            pile.state(3, trade=TRADE_NO),
            pile.trade(TRADE_NO, BEGAN, BEGAN, 1),
            pile.packed(0x03, pile.bcd + b"\x01\x00"),
        ]
        for _ in range(5):
            damaged = bytearray(dice.choice(packed))
            for _ in range(dice.randint(1, 6)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            with suppress(ConnectionError):
                await pile.write(bytes(damaged[: dice.randint(1, len(damaged))] if dice.random() < 0.2 else damaged))
        await pile.close()
    assert await good.beat() is not None
    await good.write(good.state(1))
    assert await good.beat() is not None
    assert (PILES[1], 1, "Faulted") in await door.status()


async def test_nothing_is_acknowledged_while_the_database_is_held_up(door: Door) -> None:
    pile = await door.pile()
    await pile.log_in()
    await pile.read()
    async with door.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE telemetry.transaction IN ACCESS EXCLUSIVE MODE")
        await pile.write(pile.trade(TRADE_NO, BEGAN, BEGAN + timedelta(minutes=30), 12.5))
        with pytest.raises(TimeoutError):
            await pile.read(within_s=1)
    answer = await pile.read()
    assert answer is not None
    assert (answer.kind, answer.body[-1]) == (0x40, 0)
    assert await door.pool.fetchval("SELECT count(*) FROM telemetry.transaction") == 1
