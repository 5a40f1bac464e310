"""Asking operators' platforms and reporting to a province: a counterpart written apart from ours is on the other end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.calling import Callers
from ocpp_gateway.cec102.client import Away, Caller, Peer, Refusing, http_client
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.directory import profiles_of
from ocpp_gateway.cec102.reports import Coded, is_confirmed, order_number, order_of, status_of
from ocpp_gateway.cec102.upward import Upward
from ocpp_gateway.cec102.watch import PlatformWatch
from ocpp_gateway.commands.sealing import Sealer
from tests.independent.cec102_platform import Party, Serving
from tests.ocpp_gateway.platforms import KEY, OPERATOR_ID, SAMPLE, SECRET, file_all, gateway_of, let_in
from tests.suite import eventually
from youguan.clock import ManualClock, SystemClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import ConnectorStatusChanged, Event, StationOffline, StationOnline, TransactionEnded
from youguan.settings import Settings

PROFILES = profiles_of(Settings())
PROVINCE = "330000000"
SECRETS = {"operator_secret": KEY, "data_secret": KEY, "data_secret_iv": KEY, "sig_secret": KEY}
REFUSE, TAKE = 4004, {"Status": 0}


@pytest.fixture
def serving() -> Iterator[Serving]:
    serving = Serving({})
    yield serving
    serving.stop()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client() as client:
        yield client


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        await file_all(pool)
        yield pool


def caller(client: httpx.AsyncClient, serving: Serving, profile: str = "cec-2016") -> Caller:
    peer = Peer(OPERATOR_ID, OPERATOR_ID, serving.address, PROFILES[profile], SAMPLE)
    return Caller(client, peer, SystemClock())


# --- calling ----------------------------------------------------------------------------------------------------


async def test_one_token_serves_many_questions(client: httpx.AsyncClient, serving: Serving) -> None:
    serving.answers["query_station_status"] = lambda content: {"Total": 0, "Asked": content["StationIDs"]}
    calling = caller(client, serving)
    for _ in range(3):
        assert (await calling.ask("query_status", {"StationIDs": ["9"]}))["Asked"] == ["9"]
    assert serving.tokens == 1


async def test_a_token_that_holds_no_longer_is_fetched_anew_once(client: httpx.AsyncClient, serving: Serving) -> None:
    serving.answers["query_station_status"] = lambda content: TAKE
    calling = caller(client, serving)
    await calling.ask("query_status", {})
    serving.tokens += 1  # it knows another one now
    assert await calling.ask("query_status", {}) == TAKE
    serving.answers["query_station_status"] = lambda content: 4002
    with pytest.raises(Refusing, match="4002"):
        await calling.ask("query_status", {})
    assert serving.tokens == 4


@pytest.mark.parametrize(
    ("ret", "error"), [(4004, Refusing), (4003, Refusing), (4015, Refusing), (-1, Away), (500, Away)]
)
async def test_what_can_be_tried_again_and_what_not(
    client: httpx.AsyncClient, serving: Serving, ret: int, error: type[Exception]
) -> None:
    serving.answers["query_station_status"] = lambda content: ret
    with pytest.raises(error):
        await caller(client, serving).ask("query_status", {})


async def test_a_wrong_secret(client: httpx.AsyncClient, serving: Serving) -> None:
    serving.party = Party(operator_secret="other")
    with pytest.raises(Refusing, match="FailReason 2"):
        await caller(client, serving).ask("query_status", {})
    serving.party = Party(sig_secret="other")
    with pytest.raises(Refusing, match="4001"):
        await caller(client, serving).ask("query_status", {})


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"Ret":0,"Msg":"","Data":"","Sig":"0"}', b"x" * 10_000_001, b'{"Ret":"a"}']
)
async def test_answers_that_are_none(client: httpx.AsyncClient, serving: Serving, body: bytes) -> None:
    serving.mood = lambda message: body
    with pytest.raises(Away):
        await caller(client, serving).ask("query_status", {})


async def test_nobody_is_there(client: httpx.AsyncClient, serving: Serving) -> None:
    calling = caller(client, serving)
    serving.stop()
    with pytest.raises(Away):
        await calling.ask("query_status", {})


# --- asking -----------------------------------------------------------------------------------------------------


async def test_a_platform_is_asked_for_its_files_and_what_its_connectors_are(
    database_url: str, serving: Serving
) -> None:
    pages = [[{"StationID": f"00000000000000{n}"}] for n in (8, 9)]
    equipment = {"EquipmentID": "P1", "ConnectorInfos": [{"ConnectorID": "P1-1"}, {"ConnectorID": "P7-7"}]}
    pages[1][0]["EquipmentInfos"] = [equipment]  # type: ignore[assignment]

    def files(content: Any) -> dict[str, Any]:
        return {"PageNo": content["PageNo"], "PageCount": 2, "StationInfos": pages[content["PageNo"] - 1]}

    connectors = [
        {"ConnectorID": "P1-1", "Status": 255},
        {"ConnectorID": "P1-2", "Status": "3"},
        {"ConnectorID": "P2-1", "Status": 77},
    ]
    serving.answers["query_stations_info"] = files
    serving.answers["query_station_status"] = lambda content: {
        "Total": 1, "StationStatusInfos": [{"StationID": content["StationIDs"][0], "ConnectorStatusInfos": connectors}]
    }  # fmt: skip
    async with gateway_of(database_url) as gateway:
        await let_in(gateway.pool, address=serving.address)

        async def asked() -> bool:
            return bool(await gateway.pool.fetchval("SELECT count(*) = 2 FROM gateway.connector_now"))

        await eventually(asked)
        rows = await gateway.pool.fetch("SELECT connector, status FROM gateway.connector_now ORDER BY 1")
        assert [tuple(row) for row in rows] == [(1, "Faulted"), (2, "Charging")]
        assert await gateway.pool.fetchval("SELECT count(*) FROM gateway.platform_station") == 2
        assert any("77 is none of" in line for line in await gateway.refused())
        async with gateway.client() as client:
            found = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}")).json()
    assert (found["pull_error"], found["quality"]["unfiled"]) == (None, ["P7-7"])


async def test_a_platform_that_cannot_be_asked_says_why(database_url: str, serving: Serving) -> None:
    serving.mood = lambda message: b"<html>"
    async with gateway_of(database_url) as gateway:
        await let_in(gateway.pool, address=serving.address)

        async def told() -> str | None:
            error: str | None = await gateway.pool.fetchval("SELECT pull_error FROM gateway.platform_now")
            return error

        assert await eventually(told) == "the answer is not JSON"


# --- upward: the words ------------------------------------------------------------------------------------------

PLACE = Coded("P1", 1, OPERATOR_ID, "000000000000009", "P1", "P1-1")
AT = datetime(2026, 5, 4, 4, tzinfo=UTC)


def test_a_status_in_the_provinces_words() -> None:
    told = status_of(PLACE, 255, AT, PROFILES["zhejiang"])["ConnectorStatusInfo"]
    assert (told["Status"], told["UpdateTime"], told["StationID"]) == (255, "2026-05-04 12:00:00", "000000000000009")


def test_an_order_has_the_same_number_whenever_it_is_told() -> None:
    number = order_number(PLACE, "7", AT)
    assert (len(number), number[:9], number[9:].isdigit()) == (27, OPERATOR_ID, True)
    assert number == order_number(PLACE, "7", AT) != order_number(PLACE, "8", AT)
    told = order_of(PLACE, "7", AT, AT + timedelta(hours=1), 12_345.6, PROFILES["zhejiang"])
    assert (told["OrderNo"], told["TotalPower"], told["EndTime"]) == (number, 12.3456, "2026-05-04 13:00:00")
    wrapped = order_of(PLACE, "7", AT, AT, 0, PROFILES["cec-2016"])
    assert wrapped["ChargeOrderInfo"]["StartChargeSeq"] == number


@pytest.mark.parametrize(
    ("answer", "confirmed"),
    [({}, True), ({"ConfirmResult": 0}, True), ({"ConfirmResult": "1"}, False), ({"OrderNo": "other"}, False)],
)
def test_an_order_is_confirmed_by_its_number(answer: dict[str, Any], confirmed: bool) -> None:
    told = order_of(PLACE, "7", AT, AT, 0, PROFILES["zhejiang"])
    assert is_confirmed("order", told, answer, PROFILES["zhejiang"]) is confirmed


# --- upward: the queue ------------------------------------------------------------------------------------------


class Reporting:
    """A queue, a province, and a clock that is moved by hand."""

    def __init__(self, pool: asyncpg.Pool, client: httpx.AsyncClient) -> None:
        self.pool = pool
        self.clock = ManualClock(datetime.now(UTC))
        sealer = Sealer(SECRET)
        desk = PlatformDesk(pool, self.clock, sealer, PROFILES)
        self.upward = Upward(desk, Callers(desk, sealer, client, self.clock), self.clock)

    async def happen(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "gateway/0", list(events))
        await self.upward.consumer().catch_up()

    async def states(self) -> list[tuple[str, int]]:
        rows = await self.pool.fetch("SELECT state, tries FROM gateway.upward_report ORDER BY id")
        return [(row["state"], row["tries"]) for row in rows]


@pytest.fixture
async def reporting(pool: asyncpg.Pool, client: httpx.AsyncClient, serving: Serving) -> Reporting:
    await let_in(pool, PROVINCE, "province", "cec-2016", serving.address)
    return Reporting(pool, client)


def changed(condition: str = "faulted", station_id: str = "P1", connector: int = 1) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        station_id=station_id, connector=connector, status=condition, condition=condition, previous_condition=None,
        error_code=None, error_info=None, vendor_error_code=None, occurred_at=AT, received_at=AT, effective_at=AT,
    )  # fmt: skip


def taking(serving: Serving) -> None:
    serving.answers["notification_stationStatus"] = lambda content: TAKE
    serving.answers["notification_charge_order_info"] = lambda content: {
        "StartChargeSeq": content["ChargeOrderInfo"]["StartChargeSeq"], "ConfirmResult": 0
    }  # fmt: skip


def told(serving: Serving) -> list[tuple[str, int]]:
    infos = [content["ConnectorStatusInfo"] for message, content in serving.served.messages if "Status" in message]
    return [(info["ConnectorID"], info["Status"]) for info in infos]


async def test_what_happens_goes_up_in_order_and_once(reporting: Reporting, serving: Serving) -> None:
    taking(serving)
    await reporting.happen(changed("charging"), changed("faulted"), changed("available", "elsewhere"))
    ended = TransactionEnded(
        station_id="P1", connector=2, transaction_id="7", energy_wh=1000.0, reason=None, effective_at=AT, started_at=AT
    )
    await reporting.happen(changed("available", connector=2), ended)
    await reporting.upward.look()
    await reporting.upward.look()
    assert told(serving) == [("P1-1", 3), ("P1-1", 255), ("P1-2", 1)]
    assert [message for message, _ in serving.served.messages][-1] == "notification_charge_order_info"
    assert await reporting.states() == [("taken", 1)] * 4


async def test_a_station_that_is_silent_is_told_as_offline_and_comes_back(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    insert = "INSERT INTO gateway.connector_now VALUES ('P1', 1, 'Charging', 'charging', NULL, NULL, NULL, $1, $1, $1)"
    await reporting.pool.execute(insert, AT)
    await reporting.happen(
        StationOffline(station_id="P1", last_seen_at=AT, at=AT), StationOnline(station_id="P1", at=AT)
    )
    await reporting.upward.look()
    assert told(serving) == [("P1-1", 0), ("P1-2", 0), ("P1-1", 3)]


async def test_a_province_that_is_away_is_tried_again_ever_more_slowly_and_nothing_is_lost(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    serving.mood = lambda message: b"<html>bad gateway"
    await reporting.happen(changed("charging"), changed("faulted"))
    pauses = []
    for _ in range(6):
        await reporting.upward.look()
        await reporting.upward.look()  # nothing is due yet
        due = await reporting.pool.fetchval("SELECT due_at FROM gateway.upward_report ORDER BY id LIMIT 1")
        pauses.append((due - reporting.clock.now()).total_seconds())
        reporting.clock.advance(due - reporting.clock.now())
    assert pauses == [60, 60, 60, 300, 900, 3600]
    assert await reporting.states() == [("waiting", 6), ("waiting", 0)]
    error = await reporting.pool.fetchval("SELECT error FROM gateway.upward_report ORDER BY id LIMIT 1")
    assert error == "the answer is not JSON"
    serving.mood = lambda message: None
    await reporting.upward.look()
    assert await reporting.states() == [("taken", 7), ("taken", 1)]
    assert told(serving) == [("P1-1", 3), ("P1-1", 255)]


async def test_what_a_province_refuses_makes_way_for_the_next(reporting: Reporting, serving: Serving) -> None:
    serving.answers["notification_stationStatus"] = lambda content: (
        REFUSE if content["ConnectorStatusInfo"]["Status"] == 3 else TAKE
    )
    await reporting.happen(changed("charging"), changed("faulted"))
    await reporting.upward.look()
    assert await reporting.states() == [("refused", 1), ("taken", 1)]


@pytest.mark.parametrize("ret", [4001, 4002, 4003, -1, 500])
async def test_when_a_province_does_not_understand_us_nothing_is_given_up(
    reporting: Reporting, serving: Serving, ret: int
) -> None:
    serving.answers["notification_stationStatus"] = lambda content: ret
    await reporting.happen(changed("charging"), changed("faulted"))
    await reporting.upward.look()
    assert await reporting.states() == [("waiting", 1), ("waiting", 0)]


async def test_an_order_that_a_province_holds_already_is_told(
    pool: asyncpg.Pool, client: httpx.AsyncClient, serving: Serving
) -> None:
    await let_in(pool, PROVINCE, "province", "zhejiang", serving.address)
    reporting = Reporting(pool, client)
    answers = iter([{"OrderNo": "another", "ConfirmResult": 0}, 4015])
    serving.answers["supervise_notification_charge_order_info"] = lambda content: next(answers)
    ended = TransactionEnded(
        station_id="P1", connector=1, transaction_id="7", energy_wh=1.0, reason=None, effective_at=AT, started_at=AT
    )
    await reporting.happen(ended)
    await reporting.upward.look()
    assert await reporting.states() == [("waiting", 1)]  # what was confirmed is another order
    reporting.clock.advance(timedelta(minutes=1))
    await reporting.upward.look()
    assert await reporting.states() == [("taken", 2)]


async def test_a_slow_province_holds_up_no_other(reporting: Reporting, pool: asyncpg.Pool, serving: Serving) -> None:
    taking(serving)
    held = threading.Event()
    slow = Serving({})
    taking(slow)

    def wait(_: str) -> None:
        held.wait(30)

    slow.mood = wait
    try:
        await let_in(pool, "440000000", "province", "cec-2016", slow.address)
        await reporting.happen(changed("faulted"))
        looking = asyncio.create_task(reporting.upward.look())

        async def first_is_told() -> bool:
            return told(serving) == [("P1-1", 255)]

        await eventually(first_is_told)
        assert told(slow) == []
        held.set()
        await looking
        assert told(slow) == [("P1-1", 255)]
    finally:
        held.set()
        slow.stop()


async def test_a_province_that_is_let_in_learns_what_everything_is_and_then_what_happens(
    database_url: str, serving: Serving
) -> None:
    taking(serving)
    async with gateway_of(database_url) as gateway, gateway.client() as client:
        platform = await gateway.platform()
        status = {"ConnectorStatusInfo": [{"ConnectorID": "P1-1", "Status": 3}, {"ConnectorID": "P2-1", "Status": 1}]}
        await platform.say("notification_stationStatus", status)
        wanted = {
            "name": "省平台", "role": "province", "profile": "cec-2016", "inbound": SECRETS, "outbound": SECRETS, "reason": "test",
            "address": serving.address, "our_operator_id": OPERATOR_ID,
        }  # fmt: skip
        answer = await client.put(f"/api/gateway/platforms/{PROVINCE}", json=wanted)
        assert answer.status_code == 200, answer.text
        await platform.say(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}}
        )

        async def all_told() -> bool:
            return ("P1-1", 255) in told(serving)

        await eventually(all_told)
        assert told(serving)[:2] == [("P1-1", 3), ("P2-1", 1)]
        found = (await client.get(f"/api/gateway/platforms/{PROVINCE}")).json()
        assert found["queue"]["waiting"] == 0
        reports = (await client.get(f"/api/gateway/platforms/{PROVINCE}/reports", params={"state": "taken"})).json()[
            "items"
        ]
        assert {report["subject"] for report in reports} == {"P1-1", "P2-1"}
        page = await client.get(f"/gateway/platforms/{PROVINCE}")
        assert page.status_code == 200
        assert "P2-1" in page.text


async def test_what_was_refused_is_sent_again_when_somebody_says_so(database_url: str, serving: Serving) -> None:
    serving.answers["notification_stationStatus"] = lambda content: REFUSE
    async with gateway_of(database_url) as gateway, gateway.client() as client:
        await let_in(gateway.pool, PROVINCE, "province", "cec-2016", serving.address)
        platform = await gateway.platform()
        await platform.say(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}}
        )

        async def state(wanted: str) -> bool:
            return bool(await gateway.pool.fetchval("SELECT bool_and(state = $1) FROM gateway.upward_report", wanted))

        await eventually(lambda: state("refused"))
        taking(serving)
        address = f"/api/gateway/platforms/{PROVINCE}/reports/retry"
        assert (await client.post(address, json={"reason": "mended"})).json() == {"reports": 1}
        await eventually(lambda: state("taken"))


# --- silence ----------------------------------------------------------------------------------------------------


async def test_a_platform_that_falls_silent_is_told_of_once_and_so_is_its_return(database_url: str) -> None:
    async with gateway_of(database_url) as gateway:
        await gateway.platform()
        clock = ManualClock(datetime.now(UTC))
        watch = PlatformWatch(PlatformDesk(gateway.pool, clock, Sealer(SECRET), PROFILES), clock)
        async with gateway.pool.acquire() as connection:
            assert await watch.look(connection) == 0
            clock.advance(timedelta(hours=7))
            assert await watch.look(connection) == 1
            assert await watch.look(connection) == 0
            row = await store.get_platform(connection, OPERATOR_ID)
        assert row["silent_since"] is not None
        await gateway.platform()
        assert [event["operator_id"] for event in await gateway.events("PlatformSilent")] == [OPERATOR_ID]
        assert [event["operator_id"] for event in await gateway.events("PlatformHeard")] == [OPERATOR_ID]
