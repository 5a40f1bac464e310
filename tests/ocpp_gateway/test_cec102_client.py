"""Asking operators' platforms and reporting to a province: a counterpart written apart from ours is on the other end."""

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES, Code
from ocpp_gateway.cec102 import store as platforms
from ocpp_gateway.cec102.asking.pull import Puller
from ocpp_gateway.cec102.calling import Callers
from ocpp_gateway.cec102.client import Away, Caller, Peer, Refusing, Stumbled, http_client
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.intake.feed import Feed
from ocpp_gateway.cec102.upward import store as upward
from ocpp_gateway.cec102.upward.kept import store as kept
from ocpp_gateway.cec102.upward.reporting import NOT_STARTED, Upward
from ocpp_gateway.cec102.upward.reports import (
    Coded,
    Report,
    after,
    order_as_told,
    order_number,
    order_of,
    order_withheld,
    reply_of,
    station_of,
    status_of,
    worded,
)
from ocpp_gateway.cec102.watch import PlatformWatch
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.privacy import marker
from tests.independent.cec102_platform import Party, Serving
from tests.ocpp_gateway.platforms import KEY, OPERATOR_ID, SAMPLE, SECRET, file_all, gateway_of, let_in
from tests.suite import eventually
from youguan.clock import COUNTY, ManualClock, SystemClock
from youguan.database import create_pool
from youguan.errors import Unavailable
from youguan.eventlog import publish
from youguan.events import (
    ConnectorFile,
    ConnectorStatusChanged,
    Event,
    FeeBand,
    SiteFiled,
    SiteRetired,
    StationFile,
    StationOffline,
    StationOnline,
    TransactionEnded,
)
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
    ("ret", "error"), [(4004, Refusing), (4003, Refusing), (4015, Refusing), (-1, Away), (500, Stumbled)]
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
    with pytest.raises(Away, match=r"not signed.*4001"):  # it answers with another secret too
        await caller(client, serving).ask("query_status", {})


@pytest.mark.parametrize("signature", ["", "0" * 32])
@pytest.mark.parametrize("ret", [4004, 4015, 500])
async def test_a_refusal_that_nobody_signed_is_not_believed(
    client: httpx.AsyncClient, serving: Serving, ret: int, signature: str
) -> None:
    said = orjson.dumps({"Ret": ret, "Msg": "go away", "Data": "", "Sig": signature})
    serving.mood = lambda message: None if message == "query_token" else said
    with pytest.raises(Away, match="not signed") as raised:
        await caller(client, serving).ask("status", {})
    assert type(raised.value) is Away  # neither a refusal nor a stumble


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"Ret":0,"Msg":"","Data":"","Sig":"0"}', b"x" * 10_000_001, b'{"Ret":"a"}']
)
async def test_answers_that_are_none(client: httpx.AsyncClient, serving: Serving, body: bytes) -> None:
    serving.mood = lambda message: body
    with pytest.raises(Away):
        await caller(client, serving).ask("query_status", {})


async def test_an_answer_that_never_ends_is_none(client: httpx.AsyncClient) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        peer = Peer(OPERATOR_ID, OPERATOR_ID, address, PROFILES["cec-2016"], SAMPLE)
        with pytest.raises(Away, match="takes longer than 0"):
            await Caller(client, peer, SystemClock(), within_s=0.2).ask("query_status", {})


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
    serving.answers["query_station_stats"] = lambda content: {
        "StationStats": {**content, "StationElectricity": 1}
    }  # fmt: skip
    serving.answers["query_station_status"] = lambda content: {
        "Total": 1, "StationStatusInfos": [{"StationID": content["StationIDs"][0], "ConnectorStatusInfos": connectors}]
    }  # fmt: skip
    async with gateway_of(database_url) as gateway:
        await gateway.pool.execute(  # it has taken this one out of its file since
            """
            INSERT INTO gateway.platform_station (operator_id, cec_station_id, connectors, document, received_at)
            VALUES ($1, 'gone', '[["P8-8", "P8", null]]', '{}', now() - interval '1 day')
            """,
            OPERATOR_ID,
        )
        await let_in(gateway.pool, address=serving.address)

        async def asked() -> bool:
            return bool(await gateway.pool.fetchval("SELECT count(*) = 2 FROM gateway.connector_now"))

        await eventually(asked)
        rows = await gateway.pool.fetch("SELECT connector, status FROM gateway.connector_now ORDER BY 1")
        assert [tuple(row) for row in rows] == [(1, "Faulted"), (2, "Charging")]

        async def filed() -> bool:
            rows = await gateway.pool.fetch("SELECT cec_station_id FROM gateway.platform_station ORDER BY 1")
            return [row["cec_station_id"] for row in rows] == [f"00000000000000{n}" for n in (8, 9)]

        await eventually(filed)

        async def named() -> bool:  # with the message itself, after what it says of stations
            return any("77 is none of" in line for line in await gateway.refused())

        await eventually(named)
        async with gateway.client() as client:
            found = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}")).json()
    assert (found["pull_error"], found["quality"]["unfiled"]) == (None, ["P7-7"])


async def test_what_sites_delivered_is_asked_for_and_held_against_their_transactions(
    database_url: str, serving: Serving
) -> None:
    yesterday = datetime.now(COUNTY).date() - timedelta(days=1)
    begins = datetime.combine(yesterday, time(10), COUNTY)
    serving.answers["query_stations_info"] = lambda content: {
        "PageNo": 1,
        "PageCount": 1,
        "StationInfos": [{"StationID": "x"}],
    }
    serving.answers["query_station_status"] = lambda content: {"Total": 0, "StationStatusInfos": []}
    serving.answers["query_station_stats"] = lambda content: {
        "StationStats": {
            "StationID": content["StationID"], "StartTime": content["StartTime"], "EndTime": content["EndTime"],
            "StationElectricity": "40.5",
        }
    }  # fmt: skip
    async with gateway_of(database_url) as gateway:
        platform = await gateway.platform()
        order = {
            "StartChargeSeq": "A-1", "ConnectorID": "P1-1", "StartTime": begins.strftime("%Y-%m-%d %H:%M:%S"),
            "EndTime": begins.strftime("%Y-%m-%d %H:%M:%S"), "TotalPower": 38,
        }  # fmt: skip
        await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order})
        # A charger that believes it is 1970: what it charged counts on the day on which its end was received, here as everywhere.
        await gateway.pool.execute(
            "UPDATE telemetry.transaction SET stopped_at = '1970-01-02', started_at = '1970-01-02'"
        )
        await let_in(gateway.pool, address=serving.address)
        async with gateway.client() as client:

            async def told() -> Any:
                answer = await client.get(f"/api/gateway/platforms/{OPERATOR_ID}/stats")
                return answer.json()["items"]

            (item,) = await eventually(told)
            page = (await client.get(f"/gateway/platforms/{OPERATOR_ID}")).text
    assert (item["day"], item["cec_station_id"]) == (str(yesterday), "000000000000009")
    assert (item["energy_wh"], item["recorded_wh"]) == (40_500, 38_000)
    assert "相差超过 5%" in page


async def test_a_platform_that_cannot_be_asked_says_why(database_url: str, serving: Serving) -> None:
    serving.mood = lambda message: b"<html>"
    async with gateway_of(database_url) as gateway:
        await let_in(gateway.pool, address=serving.address)

        async def told() -> str | None:
            error: str | None = await gateway.pool.fetchval("SELECT pull_error FROM gateway.platform_now")
            return error

        assert (await eventually(told)).startswith(
            "query_station_status: the answer is not JSON; query_stations_info: "
        )


async def test_a_question_that_a_platform_does_not_know_holds_up_no_other(database_url: str, serving: Serving) -> None:
    """What it files it tells of itself; the question for that it refuses, and stumbles at that for statuses."""
    serving.answers["query_stations_info"] = lambda content: 4004
    serving.answers["query_station_status"] = lambda content: 500
    serving.answers["query_station_stats"] = lambda content: {"StationStats": {**content, "StationElectricity": 1}}
    async with gateway_of(database_url) as gateway:
        platform = await gateway.platform()
        await platform.say("notification_stationInfo", {"StationInfo": {"StationID": "000000000000009"}})
        await let_in(gateway.pool, address=serving.address)

        async def noted() -> asyncpg.Record | None:
            return await gateway.pool.fetchrow("SELECT * FROM gateway.platform_now WHERE pull_error IS NOT NULL")

        row = await eventually(noted)
        assert await gateway.pool.fetchval("SELECT count(*) FROM gateway.platform_stats") == 1
    assert row["pull_error"] == "query_station_status: Ret 500: ; query_stations_info: Ret 4004"
    assert row["files_asked_at"] is not None
    assert row["stats_asked_of"] == datetime.now(COUNTY).date() - timedelta(days=1)


async def test_what_a_platform_tells_while_it_is_asked_is_newer_than_its_answer(
    database_url: str, serving: Serving
) -> None:
    told = threading.Event()

    def late(content: Any) -> dict[str, Any]:
        assert told.wait(20)
        connector = {"ConnectorID": "P1-1", "Status": 1}
        return {"StationStatusInfos": [{"StationID": content["StationIDs"][0], "ConnectorStatusInfos": [connector]}]}

    serving.answers["query_station_status"] = late
    async with gateway_of(database_url) as gateway:
        platform = await gateway.platform()
        await let_in(gateway.pool, address=serving.address)
        await eventually(lambda: _was_asked(serving, "query_station_status"))
        await asyncio.sleep(1.1)  # an envelope counts seconds
        await platform.say(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}}
        )
        told.set()
        await eventually(lambda: _pulled(gateway.pool))
        status = await gateway.pool.fetchval("SELECT status FROM gateway.connector_now WHERE station_id = 'P1'")
    assert status == "Faulted"


async def test_what_has_not_changed_is_confirmed_and_who_is_back_is_news(database_url: str, serving: Serving) -> None:
    """P1 was offline since it said so itself; P2 is what its platform told long ago."""
    connectors = [{"ConnectorID": "P1-1", "Status": 1}, {"ConnectorID": "P2-1", "Status": 1}]
    serving.answers["query_station_status"] = lambda content: {
        "StationStatusInfos": [{"StationID": content["StationIDs"][0], "ConnectorStatusInfos": connectors}]
    }
    async with gateway_of(database_url) as gateway:
        long_ago = datetime.now(UTC) - timedelta(days=3)
        platform = await gateway.platform()
        for connector in connectors:
            await platform.say("notification_stationStatus", {"ConnectorStatusInfo": connector})
        await gateway.pool.execute("UPDATE gateway.connector_now SET received_at = $1", long_ago)
        await gateway.pool.execute("UPDATE gateway.station_now SET state = 'offline' WHERE station_id = 'P1'")
        await let_in(gateway.pool, address=serving.address)

        async def confirmed() -> bool:
            counted = "SELECT count(*) = 2 FROM gateway.connector_code WHERE confirmed_at IS NOT NULL"
            return bool(await gateway.pool.fetchval(counted))

        await eventually(confirmed)
        async with gateway.client() as client:
            quality = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}")).json()["quality"]
        states = await gateway.pool.fetch("SELECT station_id, state FROM gateway.station_now ORDER BY 1")
        said = await gateway.pool.fetch("SELECT station_id FROM telemetry.status_change ORDER BY 1")
    assert [tuple(row) for row in states] == [("P1", "online"), ("P2", "online")]
    assert [row["station_id"] for row in said] == ["P1", "P1", "P2"]
    assert quality["current"] == quality["complete"]


async def test_that_a_connector_is_filed_for_nobody_is_not_said_at_every_question(
    database_url: str, pool: asyncpg.Pool, client: httpx.AsyncClient, serving: Serving
) -> None:
    connectors = [{"ConnectorID": "nobody's", "Status": 1}, {"ConnectorID": "P1-1", "Status": 1}]
    serving.answers["query_station_status"] = lambda content: {
        "StationStatusInfos": [{"StationID": content["StationIDs"][0], "ConnectorStatusInfos": connectors}]
    }
    clock, sealer = SystemClock(), Sealer(SECRET)
    feed = Feed(pool, database_url, 2001, clock)
    callers = Callers(PlatformDesk(pool, clock, sealer, PROFILES), sealer, client, clock)
    puller, asked = Puller(callers, feed, marker(SECRET), clock), caller(client, serving)
    running = asyncio.create_task(feed.run())

    async def taken() -> bool:
        with contextlib.suppress(Unavailable):  # the recorder is not up yet
            await puller.ask_statuses(asked)
            return True
        return False

    await eventually(taken)
    await puller.ask_statuses(asked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    reasons = [row["reason"] for row in await pool.fetch("SELECT reason FROM gateway.refused_input")]
    assert len(reasons) <= 1
    assert await pool.fetchval("SELECT status FROM gateway.connector_now") == "Available"


async def _was_asked(serving: Serving, message: str) -> bool:
    return any(name == message for name, _ in serving.served.messages)


async def _pulled(pool: asyncpg.Pool) -> bool:
    counted = "SELECT count(*) > 0 FROM gateway.platform_traffic WHERE message = 'query_station_status'"
    return bool(await pool.fetchval(counted))


# --- upward: the words ------------------------------------------------------------------------------------------

PLACE = Coded("P1", 1, OPERATOR_ID, "000000000000009", "P1", "P1-1")
AT = datetime(2026, 5, 4, 4, tzinfo=UTC)


def test_a_status_in_the_provinces_words() -> None:
    report = status_of(PLACE, 255, AT)
    told = worded(report.kind, report.content, PROFILES["zhejiang"])["ConnectorStatusInfo"]
    assert (told["Status"], told["UpdateTime"], told["StationID"]) == (255, "2026-05-04 12:00:00", "000000000000009")


def test_an_order_has_the_same_number_whenever_it_is_told() -> None:
    number = order_number(PLACE, "7", AT)
    assert (len(number), number[:9], number[9:].isdigit()) == (27, OPERATOR_ID, True)
    assert number == order_number(PLACE, "7", AT) != order_number(PLACE, "8", AT)


def test_an_order_of_a_charger_in_both_provinces_words() -> None:
    """Money and the way it was paid are unknown: who demands them is told so by its profile."""
    report = order_of(PLACE, "7", AT, AT + timedelta(hours=1), 12_345.6, "EVDisconnected", AT + timedelta(hours=2))
    told = worded(report.kind, report.content, PROFILES["zhejiang"])
    assert told == {
        "OperatorID": OPERATOR_ID, "EquipmentOwnerID": OPERATOR_ID, "StationID": "000000000000009", "EquipmentID": "P1",
        "ConnectorID": "P1-1", "OrderNo": order_number(PLACE, "7", AT), "StartTime": "2026-05-04 12:00:00",
        "EndTime": "2026-05-04 13:00:00", "PushTime": "2026-05-04 14:00:00", "TotalElect": 12.3456, "SumPeriod": 0,
        "StopReason": "4", "StopDesc": "EVDisconnected", "TotalMoney": 0, "TotalElecMoney": 0, "TotalServiceMoney": 0,
        "PayChannel": 6,
    }  # fmt: skip
    wrapped = worded(report.kind, report.content, PROFILES["cec-2016"])["ChargeOrderInfo"]
    assert set(wrapped) == {
        "OperatorID", "EquipmentOwnerID", "StationID", "EquipmentID", "ConnectorID", "StartChargeSeq", "StartTime", "EndTime",
        "TotalPower", "SumPeriod", "StopReason", "TotalMoney", "TotalElecMoney", "TotalSeviceMoney",
    }  # fmt: skip
    assert (wrapped["StopReason"], wrapped["TotalMoney"]) == (4, 0)


@pytest.mark.parametrize(
    ("said", "standard", "zhejiang"), [(4, 4, "4"), ("2", 2, "2"), ("急停", 5, "急停"), (None, 5, "5")]
)
def test_why_an_order_ended_is_a_number_or_a_text_by_the_profile(said: Any, standard: Any, zhejiang: Any) -> None:
    content = {"StartChargeSeq": "N"} if said is None else {"StartChargeSeq": "N", "StopReason": said}
    assert worded("order", content, PROFILES["cec-2016"])["ChargeOrderInfo"]["StopReason"] == standard
    assert worded("order", content, PROFILES["zhejiang"])["StopReason"] == zhejiang


def test_a_platforms_order_goes_up_as_it_came_but_for_whose_car_it_was() -> None:
    document = {
        "OrderNo": "A-0007", "EquipmentOwnerID": "313744932", "TotalMoney": "9.90", "TotalElecMoney": 6, "TotalServiceMoney": 3.9,
        "LicensePlate": "~mark", "StopReason": "2", "PayChannel": 2,
        "ChargeDetails": [{"DetailPower": 12.5, "ServicePrice": 0.3}],
    }  # fmt: skip
    order = {"document": document, "order_no": "A-0007", "started_at": AT, "ended_at": AT, "energy_wh": 12_500.0}
    report = order_as_told(PLACE, order, PROFILES["zhejiang"], AT)
    told = worded(report.kind, report.content, PROFILES["zhejiang"])
    assert (told["OrderNo"], told["TotalMoney"], told["TotalServiceMoney"], told["PayChannel"], told["StopReason"]) == (
        "A-0007", "9.90", 3.9, 2, "2",
    )  # fmt: skip
    assert (told["EquipmentOwnerID"], told["TotalElect"]) == ("313744932", 12.5)
    assert told["ChargeDetails"] == [{"DetailPower": 12.5, "ServicePrice": 0.3}]
    assert "~mark" not in str(told)
    standard = worded(report.kind, report.content, PROFILES["cec-2016"])["ChargeOrderInfo"]
    assert (standard["StartChargeSeq"], standard["TotalSeviceMoney"], "PayChannel" in standard) == (
        "A-0007",
        3.9,
        False,
    )


@pytest.mark.parametrize(
    ("kind", "answer", "met"),
    [
        ("order", {}, "stumbled"),
        ("order", {"ConfirmResult": 0}, "stumbled"),
        ("order", {"OrderNo": "N"}, "stumbled"),
        ("order", {"OrderNo": "N", "ConfirmResult": "1"}, "stumbled"),
        ("order", {"OrderNo": "other", "ConfirmResult": 0}, "stumbled"),
        ("order", {"OrderNo": "N", "ConfirmResult": "0"}, "taken"),
        ("order", {"startchargeseq": "N", "confirmResult": 0}, "taken"),
        ("status", {}, "stumbled"),
        ("status", {"Status": "0"}, "taken"),
        ("status", {"Status": 1}, "refused"),
    ],
)
def test_what_an_answer_confirms(kind: Any, answer: dict[str, Any], met: str) -> None:
    assert reply_of(kind, {"StartChargeSeq": "N"}, answer, PROFILES["cec-2016"]).met == met
    if kind == "status":  # of Zhejiang's answers to it nobody knows anything
        assert reply_of(kind, {}, answer, PROFILES["zhejiang"]).met == "taken"


@pytest.mark.parametrize(
    ("met", "stumbles", "becomes"),
    [
        ("taken", 1, ("taken", 1)), ("held", 1, ("taken", 1)), ("refused", 1, ("refused", 1)), ("away", 7, ("waiting", 7)),
        ("misunderstood", 7, ("waiting", 7)), ("stumbled", 6, ("waiting", 7)), ("stumbled", 7, ("refused", 8)),
    ],
)  # fmt: skip
def test_what_becomes_of_a_report(met: Any, stumbles: int, becomes: tuple[str, int]) -> None:
    assert after(met, stumbles, PROFILES["cec-2016"]) == becomes


def test_a_site_as_it_is_filed_in_the_provinces_words() -> None:
    station = StationFile(
        station_id="P1", connectors=1, power_w=60_000, current_type="DC", cec_equipment_id="E1",
        connector_files=(ConnectorFile(connector=1, cec_connector_id="E1-1"),),
    )  # fmt: skip
    filed = SiteFiled(
        site_id="S", name="站", address="路 1", division_code="330226001", division_name=None, longitude=121.4290,
        latitude=29.2880, stations=(station,), operator_code=OPERATOR_ID, cec_station_id="0009",
    )  # fmt: skip
    report = station_of(filed)
    assert report is not None
    told = worded("station", report.content, PROFILES["zhejiang"])["StationInfo"]
    assert (told["StationLng"], told["StationLat"]) == (121.433469, 29.285513)  # GCJ-02
    assert (told["AreaCode"], told["AreaCodeCountryside"], told["StationStatus"]) == ("330226", "330226001000", 50)
    assert told["EquipmentInfos"] == [
        {"EquipmentID": "E1", "EquipmentType": 1, "Power": 60.0,
         "ConnectorInfos": [{"ConnectorID": "E1-1", "ConnectorType": 4, "Power": 60.0}]},
    ]  # fmt: skip
    assert (told["StationType"], told["Construction"], told["ParkNums"]) == (1, 255, 0)  # nobody filed any of it
    retired = station_of(filed, retired=True)
    assert retired is not None
    assert retired.content["StationStatus"] == 5
    assert station_of(dataclasses.replace(filed, operator_code=None)) is None


def test_a_province_is_told_of_a_site_what_is_filed_and_in_its_own_numbers() -> None:
    filed = SiteFiled(
        site_id="S", name="站", address="路" * 60, division_code="330226001", division_name=None, longitude=121.4290,
        latitude=29.2880, stations=tuple(
            StationFile(station_id=s, connectors=1, power_w=7000, current_type=s[:2]) for s in ("DC1", "AC1", "AC2")
        ), operator_code=OPERATOR_ID, cec_station_id="0009", usage="community",
        fee_bands=(
            FeeBand(begin="00:00", end="08:30", energy_per_kwh="0.3500"),
            FeeBand(begin="08:30", end="24:00", energy_per_kwh="0.9000", service_per_kwh="0.4000"),
        ),
        construction="residential", standing="suspended", bays=12, parking="paid", parking_fee="5 元/小时",
        opening_hours="24小时", help_phone="400-000-1234", site_phone=None, energy_fee="0.9 元/度", guide="南门进",
    )  # fmt: skip
    report = station_of(filed)
    assert report is not None
    zhejiang, standard = (
        worded("station", report.content, PROFILES[n])["StationInfo"] for n in ("zhejiang", "cec-2016")
    )
    names = ("StationType", "Construction", "StationStatus", "ParkNums", "ParkType")
    assert [zhejiang.get(name) for name in names] == [105, 1, 6, 12, 1]
    assert [standard.get(name) for name in names] == [255, 1, 6, 12, None]  # the standard has no 105, and no ParkType
    texts = ("BusineHours", "ServiceTel", "StationTel", "ElectricityFee", "ParkFee", "SiteGuide")
    assert [standard.get(n) for n in texts] == ["24小时", "400-000-1234", None, "0.9 元/度", "5 元/小时", "南门进"]
    assert len(standard["Address"]) == 50
    night = {"StartTime": "000000", "EndTime": "083000", "ElecFee": 0.35}
    day = {"StartTime": "083000", "EndTime": "235959", "ElecFee": 0.9, "ServiceFee": 0.4}
    assert zhejiang["PolicyInfos"] == [{**band, "ChargingType": way} for way in (1, 2) for band in (night, day)]
    assert (zhejiang["PeriodFee"], standard.get("PolicyInfos")) == (1, None)
    strange = worded("station", {**report.content, "Construction": "moon"}, PROFILES["zhejiang"])["StationInfo"]
    assert strange["Construction"] == 255


@pytest.mark.parametrize(
    ("member", "codes"), [("StationType", USAGES), ("Construction", CONSTRUCTIONS), ("ParkType", PARKINGS)]
)
def test_every_word_of_the_registry_has_its_number(member: str, codes: Sequence[Code]) -> None:
    numbers = PROFILES["zhejiang"].numbers[member]
    assert numbers == {code.word: code.cec for code in codes}
    assert PROFILES["cec-2016"].numbers.get(member, numbers).keys() == numbers.keys()


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

    async def look(self) -> None:
        """Let what is due be sent."""
        await self.upward.look()
        await self.upward.told()

    async def states(self) -> list[tuple[str, int]]:
        rows = await self.pool.fetch("SELECT state, tries FROM gateway.upward_report ORDER BY id")
        return [(row["state"], row["tries"]) for row in rows]


async def reporting_to(
    pool: asyncpg.Pool, client: httpx.AsyncClient, serving: Serving, profile: str = "cec-2016"
) -> Reporting:
    """Let a province in that is told only what happens from now on."""
    reporting = Reporting(pool, client)
    await reporting.upward.consumer().catch_up()
    await let_in(pool, PROVINCE, "province", profile, serving.address)
    return reporting


@pytest.fixture
async def reporting(pool: asyncpg.Pool, client: httpx.AsyncClient, serving: Serving) -> Reporting:
    return await reporting_to(pool, client, serving)


def changed(condition: str = "faulted", station_id: str = "P1", connector: int = 1) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        station_id=station_id, connector=connector, status=condition, condition=condition, previous_condition=None,
        error_code=None, error_info=None, vendor_error_code=None, occurred_at=AT, received_at=AT, effective_at=AT,
    )  # fmt: skip


def taking(serving: Serving) -> None:
    serving.answers["notification_stationInfo"] = lambda content: TAKE
    serving.answers["notification_stationStatus"] = lambda content: TAKE
    serving.answers["notification_charge_order_info"] = lambda content: {
        "StartChargeSeq": content["ChargeOrderInfo"]["StartChargeSeq"], "ConfirmResult": 0
    }  # fmt: skip


def told(serving: Serving) -> list[tuple[str, int]]:
    infos = [content["ConnectorStatusInfo"] for message, content in serving.served.messages if "Status" in message]
    return [(info["ConnectorID"], info["Status"]) for info in infos]


def told_of(serving: Serving, connector_id: str) -> list[Any]:
    """Return what was told of one connector: its statuses, and its orders as that."""
    bare = [
        content.get("ConnectorStatusInfo") or content.get("ChargeOrderInfo") for _, content in serving.served.messages
    ]
    return [info.get("Status", "order") for info in bare if info and info["ConnectorID"] == connector_id]


def ended(**changes: Any) -> TransactionEnded:
    told = {
        "station_id": "P1", "connector": 1, "transaction_id": "7", "energy_wh": 1000.0, "reason": None, "effective_at": AT,
        "started_at": AT, **changes,
    }  # fmt: skip
    return TransactionEnded(**told)


async def test_what_happens_goes_up_in_order_and_once(reporting: Reporting, serving: Serving) -> None:
    taking(serving)
    await reporting.happen(changed("charging"), changed("faulted"), changed("available", "elsewhere"))
    await reporting.happen(changed("available", connector=2), ended(connector=2))
    await reporting.look()
    await reporting.look()
    assert told_of(serving, "P1-1") == [3, 255]
    assert told_of(serving, "P1-2") == [1, "order"]
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
    await reporting.look()
    assert (told_of(serving, "P1-1"), told_of(serving, "P1-2")) == ([0, 3], [0])


def site(*station_ids: str, site_id: str = "N", coded: bool = True, **changes: Any) -> SiteFiled:
    """A site whose stations have one connector each, with the code {station}-1."""
    stations = tuple(
        StationFile(
            station_id=s, connectors=1, power_w=60_000, current_type="DC", cec_equipment_id=s,
            connector_files=(ConnectorFile(connector=1, cec_connector_id=f"{s}-1"),) if coded else (),
        )
        for s in station_ids
    )  # fmt: skip
    known = {"operator_code": OPERATOR_ID, "cec_station_id": f"0{site_id}", **changes}
    return SiteFiled(
        site_id=site_id, name=site_id, address="", division_code="330226001", division_name=None, longitude=121.4,
        latitude=29.3, stations=stations, **known,
    )  # fmt: skip


async def queued(reporting: Reporting) -> list[tuple[Any, ...]]:
    """Return what is told, in order: of a site its operator, code and status, of a connector its code and status."""
    rows = await reporting.pool.fetch("SELECT kind, content FROM gateway.upward_report ORDER BY id")
    names = {"station": ("OperatorID", "StationID", "StationStatus"), "status": ("ConnectorID", "Status")}
    return [tuple(row["content"][name] for name in names[row["kind"]]) for row in rows]


async def charging_at(reporting: Reporting, *station_ids: str) -> None:
    insert = "INSERT INTO gateway.connector_now VALUES ($2, 1, 'Charging', 'charging', NULL, NULL, NULL, $1, $1, $1)"
    await reporting.pool.executemany(insert, [(AT, station_id) for station_id in station_ids])


async def test_a_connector_that_is_coded_after_it_began_to_speak_is_told_once(reporting: Reporting) -> None:
    await charging_at(reporting, "N1")
    await reporting.happen(site("N1", "N2", coded=False))
    await reporting.happen(site("N1", "N2"), site("N1", "N2", bays=3))
    file = (OPERATOR_ID, "0N", 50)
    assert await queued(reporting) == [file, file, ("N1-1", 3), file]  # of N2 nobody knows anything


async def test_a_site_that_changes_hands_is_closed_under_its_old_code(reporting: Reporting) -> None:
    await charging_at(reporting, "N1")
    new: dict[str, Any] = {"operator_code": "313744932", "cec_station_id": "77"}
    await reporting.happen(site("N1"), site("N1", **new), site("N1", operator_code=None))
    assert await queued(reporting) == [
        (OPERATOR_ID, "0N", 50), ("N1-1", 3),
        (OPERATOR_ID, "0N", 5), ("313744932", "77", 50), ("N1-1", 3),
        ("313744932", "77", 5),
    ]  # fmt: skip


async def test_a_code_that_nobody_bears_any_more_is_offline_and_one_that_moved_is_not(reporting: Reporting) -> None:
    await charging_at(reporting, "N1", "N2", "N3")
    await reporting.happen(site("N1", "N2", "N3"), site("N3", site_id="M"), site("N1"))
    assert (await queued(reporting))[-4:] == [
        (OPERATOR_ID, "0M", 50),
        ("N3-1", 3),
        (OPERATOR_ID, "0N", 50),
        ("N2-1", 0),
    ]


async def test_a_file_from_before_the_first_province_is_known(pool: asyncpg.Pool, client: httpx.AsyncClient) -> None:
    reporting = Reporting(pool, client)
    await reporting.happen(site("N1"))
    await let_in(pool, PROVINCE, "province", "cec-2016", "http://127.0.0.1:1")
    await reporting.happen(SiteRetired(site_id="N", station_ids=("N1",)), SiteRetired(site_id="N", station_ids=("N1",)))
    assert await queued(reporting) == [(OPERATOR_ID, "0N", 5)]


async def test_a_status_that_is_the_same_number_is_not_told_twice(reporting: Reporting, serving: Serving) -> None:
    """Plugged in and finished are both 2; what it was told before something else is told again."""
    taking(serving)
    for condition in ("occupied", "occupied", "faulted", "occupied"):
        await reporting.happen(changed(condition))
        await reporting.look()
    await reporting.happen(changed("occupied"))
    await reporting.look()
    assert told_of(serving, "P1-1") == [2, 255, 2]
    serving.answers["notification_stationStatus"] = lambda content: REFUSE
    await reporting.happen(changed("available"))
    await reporting.look()
    taking(serving)
    await reporting.happen(changed("available"))  # what it refused it does not have
    await reporting.look()
    assert told_of(serving, "P1-1")[-2:] == [1, 1]


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [
        ({"started_at": None}, "nobody told when it began"),
        ({"energy_wh": None}, "nobody told how much was charged"),
        ({"connector": 0, "started_at": None}, "nobody told at which connector it was"),
    ],
)
async def test_an_order_that_cannot_be_told_is_listed_with_its_reason_until_it_can(
    reporting: Reporting, serving: Serving, lacks: dict[str, Any], reason: str
) -> None:
    taking(serving)
    await reporting.happen(ended(**lacks))
    await reporting.look()
    row = await reporting.pool.fetchrow("SELECT state, error FROM gateway.upward_report")
    assert (row["state"], row["error"]) == ("withheld", f"transaction 7 of P1 cannot be told: {reason}")
    await reporting.pool.execute(
        """
        INSERT INTO telemetry.transaction (station_id, transaction_id, connector, started_at, stopped_at, meter_start_wh,
            meter_stop_wh, recorded_at) VALUES ('P1', '7', 1, $1, $2, 500, 1500, $2)
        """,
        AT - timedelta(hours=1),
        AT,
    )
    reporting.clock.advance(timedelta(minutes=1))
    await reporting.look()
    (order,) = [content["ChargeOrderInfo"] for _, content in serving.served.messages]
    assert (order["ConnectorID"], order["TotalPower"]) == ("P1-1", 1.0)
    assert (order["StartTime"], order["EndTime"]) == (
        f"{(AT - timedelta(hours=1)).astimezone(COUNTY):%Y-%m-%d %H:%M:%S}", f"{AT.astimezone(COUNTY):%Y-%m-%d %H:%M:%S}"
    )  # fmt: skip
    assert await reporting.states() == [("taken", 1)]


async def test_reports_of_several_connectors_are_under_way_at_once(reporting: Reporting, serving: Serving) -> None:
    taking(serving)
    together = threading.Barrier(4, timeout=20)

    def meet(message: str) -> None:
        if "Status" in message:
            together.wait()  # nobody is answered before four have asked

    serving.mood = meet
    connectors = [(station, n) for station in ("P1", "P2") for n in (1, 2)]
    await reporting.happen(*(changed(condition, s, n) for condition in ("charging", "faulted") for s, n in connectors))
    await reporting.look()
    assert await reporting.states() == [("taken", 1)] * 8
    assert [told_of(serving, f"{s}-{n}") for s, n in connectors] == [[3, 255]] * 4
    assert serving.tokens == 1


async def test_a_province_that_is_away_is_tried_again_ever_more_slowly_and_then_told_what_is_so_and_every_order(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    serving.mood = lambda message: b"<html>bad gateway"
    await reporting.happen(changed("charging"), ended(), changed("faulted"))
    pauses = []
    for _ in range(6):
        await reporting.look()
        await reporting.happen(changed("available", connector=2), changed("charging", connector=2))
        await reporting.look()  # it is left alone, whatever happens meanwhile
        again_at = await reporting.pool.fetchval("SELECT tell_again_at FROM gateway.platform_now")
        pauses.append((again_at - reporting.clock.now()).total_seconds())
        reporting.clock.advance(again_at - reporting.clock.now())
    assert pauses == [60, 60, 60, 300, 900, 3600]
    assert (await reporting.states())[:3] == [("overtaken", 1), ("waiting", 5), ("waiting", 0)]
    error = await reporting.pool.fetchval("SELECT error FROM gateway.upward_report ORDER BY id LIMIT 1")
    assert error == "the answer is not JSON"
    serving.mood = lambda message: None
    await reporting.look()
    assert (await reporting.states())[:3] == [("overtaken", 1), ("taken", 6), ("taken", 1)]
    assert (told_of(serving, "P1-1"), told_of(serving, "P1-2")) == (["order", 255], [3])


async def test_what_a_province_refuses_makes_way_for_the_next(reporting: Reporting, serving: Serving) -> None:
    serving.answers["notification_stationStatus"] = lambda content: (
        REFUSE if content["ConnectorStatusInfo"]["Status"] == 3 else TAKE
    )
    await reporting.happen(changed("charging"), changed("faulted"))
    await reporting.look()
    assert await reporting.states() == [("refused", 1), ("taken", 1)]


async def test_a_report_at_which_a_province_stumbles_for_ever_makes_way_and_can_be_sent_again(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    serving.answers["notification_charge_order_info"] = lambda content: {
        "StartChargeSeq": content["ChargeOrderInfo"]["StartChargeSeq"], "ConfirmResult": 1
    }  # fmt: skip
    await reporting.happen(ended(connector=2), changed("faulted"))
    for _ in range(8):
        await reporting.look()
        reporting.clock.advance(timedelta(hours=1))
    assert await reporting.states() == [("refused", 8), ("taken", 1)]
    error = await reporting.pool.fetchval("SELECT error FROM gateway.upward_report ORDER BY id LIMIT 1")
    assert error == "not confirmed: ConfirmResult 1"
    taking(serving)
    async with reporting.pool.acquire() as connection:
        assert await kept.retry(connection, PROVINCE, reporting.clock.now()) == 1
    await reporting.look()
    assert await reporting.states() == [("taken", 1), ("taken", 1)]


async def test_an_order_that_was_refused_is_kept_and_an_alert_until_somebody_sets_it_aside(
    reporting: Reporting, serving: Serving
) -> None:
    """So is one that is withheld, which may be completed within a day."""
    taking(serving)
    watch = PlatformWatch(PlatformDesk(reporting.pool, reporting.clock, Sealer(SECRET), PROFILES), reporting.clock)
    serving.answers["notification_charge_order_info"] = lambda content: REFUSE
    await reporting.happen(ended(connector=2, transaction_id="8", energy_wh=None))
    async with reporting.pool.acquire() as connection:
        assert await watch.look(connection) == 0
        await reporting.happen(ended(), changed("faulted"))
        await reporting.look()
        assert [await watch.look(connection), await watch.look(connection)] == [1, 0]
    for _ in range(2):
        reporting.clock.advance(timedelta(days=8))
        await reporting.look()
    assert await reporting.states() == [("withheld", 0), ("refused", 1)]  # the status is forgotten
    async with reporting.pool.acquire() as connection:
        refused = await kept.reports(connection, PROVINCE, "refused", "order", None, 10)
        assert await kept.set_aside(connection, PROVINCE, [refused[0]["id"]], reporting.clock.now()) == 1
        assert await watch.look(connection) == 0
        assert await kept.set_aside(connection, PROVINCE, None, reporting.clock.now()) == 1
        assert [await watch.look(connection), await watch.look(connection)] == [1, 0]
        assert await kept.set_aside(connection, PROVINCE, None, reporting.clock.now()) == 0
        assert await kept.retry(connection, PROVINCE, reporting.clock.now()) == 0
        assert {row["state"] for row in await kept.reports(connection, PROVINCE, None, None, None, 10)} == {"set_aside"}
    types = await reporting.pool.fetch(
        "SELECT type FROM eventlog.event WHERE type LIKE 'PlatformOrders%' ORDER BY sequence"
    )
    assert [row["type"] for row in types] == ["PlatformOrdersUntold", "PlatformOrdersSettled"]
    reporting.clock.advance(timedelta(days=8))
    await reporting.look()
    assert await reporting.states() == []


async def test_what_was_refused_of_a_moment_is_not_sent_again(reporting: Reporting) -> None:
    now = reporting.clock.now()
    async with reporting.pool.acquire() as connection:
        moment = Report("charging", "P1-1", {"ConnectorID": "P1-1"})
        await upward.queue_moment(connection, PROVINCE, "charging", [moment], now)
        await connection.execute("UPDATE gateway.upward_report SET state = 'refused', ended_at = $1", now)
        assert await kept.retry(connection, PROVINCE, now) == 0
        assert [row["kind"] for row in await kept.reports(connection, PROVINCE, "refused", "charging", None, 10)] == [
            "charging"
        ]
        assert await kept.reports(connection, PROVINCE, "refused", "order", None, 10) == []


async def test_a_record_at_which_a_province_cuts_the_connection_makes_way_with_its_reason(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    serving.answers["notification_stationStatus"] = lambda content: (
        None if content["ConnectorStatusInfo"]["Status"] == 3 else TAKE
    )
    await reporting.happen(changed("charging"), changed("faulted", connector=2))
    for _ in range(8):
        await reporting.look()
        assert (await reporting.states())[1] == ("taken", 1)  # another connector waits for nobody
        reporting.clock.advance(timedelta(hours=1))
    assert await reporting.states() == [("refused", 8), ("taken", 1)]
    error = await reporting.pool.fetchval("SELECT error FROM gateway.upward_report ORDER BY id LIMIT 1")
    assert error.startswith("RemoteProtocolError")
    assert error.endswith("it answers other requests")


async def test_a_province_that_stumbles_once_after_it_was_away_for_long_is_told_again(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    await reporting.happen(changed("faulted"))
    serving.cut = True
    for _ in range(9):
        await reporting.look()
        reporting.clock.advance(timedelta(hours=1))
    serving.cut = False
    serving.answers["notification_stationStatus"] = lambda content: 500
    await reporting.look()
    reporting.clock.advance(timedelta(hours=1))
    assert await reporting.states() == [("waiting", 10)]
    taking(serving)
    await reporting.look()
    assert await reporting.states() == [("taken", 11)]


async def test_a_province_that_cuts_every_connection_is_away_and_nothing_is_put_aside(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    await reporting.happen(changed("charging"), changed("faulted", connector=2))
    serving.cut = True
    for _ in range(12):
        await reporting.look()
        reporting.clock.advance(timedelta(hours=1))
    assert await reporting.states() == [("waiting", 12), ("waiting", 12)]
    serving.cut = False
    await reporting.look()
    assert await reporting.states() == [("taken", 13), ("taken", 13)]


async def test_a_province_that_stumbles_at_everything_costs_one_report_at_a_time(
    reporting: Reporting, serving: Serving
) -> None:
    serving.answers["notification_stationStatus"] = lambda content: 500
    await reporting.happen(*(changed("faulted", station, n) for station in ("P1", "P2") for n in (1, 2)))
    for _ in range(8):
        await reporting.look()
        reporting.clock.advance(timedelta(hours=1))
    assert [state for state, _ in await reporting.states()] == ["refused", "waiting", "waiting", "waiting"]
    taking(serving)
    await reporting.look()
    assert [state for state, _ in await reporting.states()] == ["refused", "taken", "taken", "taken"]


async def test_what_is_sent_again_is_never_older_than_what_was_told_since(
    reporting: Reporting, serving: Serving
) -> None:
    serving.answers["notification_stationStatus"] = lambda content: (
        REFUSE if content["ConnectorStatusInfo"]["Status"] == 3 else TAKE
    )
    await reporting.happen(changed("charging"), changed("charging", connector=2), changed("faulted"))
    await reporting.look()
    taking(serving)
    async with reporting.pool.acquire() as connection:
        assert await kept.retry(connection, PROVINCE, reporting.clock.now()) == 1
    await reporting.look()
    assert [state for state, _ in await reporting.states()] == ["overtaken", "taken", "taken"]
    assert told(serving)[-2:] == [("P1-1", 255), ("P1-2", 3)]


async def test_a_province_whose_profile_changes_is_told_what_waits_in_its_new_words(
    reporting: Reporting, pool: asyncpg.Pool, serving: Serving
) -> None:
    serving.mood = lambda message: b"<html>"
    await reporting.happen(ended(connector=2))
    await reporting.look()
    serving.mood = lambda message: None
    serving.answers["supervise_notification_charge_order_info"] = lambda content: {
        "OrderNo": content["OrderNo"], "ConfirmResult": 0
    }  # fmt: skip
    await let_in(pool, PROVINCE, "province", "zhejiang", serving.address)
    reporting.clock.advance(timedelta(minutes=1))
    await reporting.look()
    assert await reporting.states() == [("taken", 2)]


@pytest.mark.parametrize("ret", [4001, 4002, 4003, -1, 500])
async def test_when_a_province_does_not_understand_us_nothing_is_given_up(
    reporting: Reporting, serving: Serving, ret: int
) -> None:
    serving.answers["notification_stationStatus"] = lambda content: ret
    await reporting.happen(changed("charging"), changed("faulted"))
    await reporting.look()
    assert await reporting.states() == [("waiting", 1), ("waiting", 0)]


async def test_an_order_that_a_province_holds_already_is_told(
    pool: asyncpg.Pool, client: httpx.AsyncClient, serving: Serving
) -> None:
    reporting = await reporting_to(pool, client, serving, "zhejiang")
    answers = iter([{"OrderNo": "another", "ConfirmResult": 0}, 4015])
    serving.answers["supervise_notification_charge_order_info"] = lambda content: next(answers)
    await reporting.happen(ended(energy_wh=1.0))
    await reporting.look()
    assert await reporting.states() == [("waiting", 1)]  # what was confirmed is another order
    reporting.clock.advance(timedelta(minutes=1))
    await reporting.look()
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
        await reporting.upward.look()

        async def first_is_told() -> bool:
            return told(serving) == [("P1-1", 255)]

        await eventually(first_is_told)
        await reporting.happen(changed("available"))

        async def second_is_told() -> bool:
            await reporting.upward.look()  # while the slow one is still at its first
            return told(serving) == [("P1-1", 255), ("P1-1", 1)]

        await eventually(second_is_told)
        assert told(slow) == []
        held.set()
        await reporting.upward.told()
        assert told(slow) == [("P1-1", 255), ("P1-1", 1)]
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
        uncalled = {**wanted, "address": None, "outbound": None}
        answer = await client.put(f"/api/gateway/platforms/{PROVINCE}", json=uncalled)
        assert answer.json()["queue"]["waiting"] == 0  # it would wait for ever
        answer = await client.put(f"/api/gateway/platforms/{PROVINCE}", json=wanted)
        assert answer.status_code == 200, answer.text
        await platform.say(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}}
        )

        async def all_told() -> bool:
            return ("P1-1", 255) in told(serving)

        await eventually(all_told)
        assert set(told(serving)[:2]) == {("P1-1", 3), ("P2-1", 1)}

        async def nothing_waits() -> bool:
            found = (await client.get(f"/api/gateway/platforms/{PROVINCE}")).json()
            return bool(found["queue"]["waiting"] == 0)

        await eventually(nothing_waits)
        reports = (await client.get(f"/api/gateway/platforms/{PROVINCE}/reports", params={"state": "taken"})).json()[
            "items"
        ]
        assert {report["subject"] for report in reports} >= {"P1-1", "P2-1"}
        async with gateway.pool.acquire() as connection:
            await upward.queue(connection, PROVINCE, [order_withheld("P1", None, "7", AT, NOT_STARTED)], AT)
        page = await client.get(f"/gateway/platforms/{PROVINCE}")
        assert page.status_code == 200
        assert "P2-1" in page.text
        assert f"/gateway/platforms/{PROVINCE}/reports?state=withheld" in page.text
        listed = f"/gateway/platforms/{PROVINCE}/reports"
        page = await client.get(listed, params={"state": "withheld", "kind": "order"})
        assert "P1 的充电事务 7 不能上报：没有开始时间" in page.text
        assert "P2-1" not in (await client.get(listed, params={"state": "refused"})).text
        assert "P2-1" in (await client.get(listed, params={"kind": "status", "state": ""})).text
        aside = await client.post(
            f"/api/gateway/platforms/{PROVINCE}/reports/set-aside", json={"reason": "no such charge"}
        )
        assert aside.json() == {"reports": 1}
        assert (await client.get(f"/api/gateway/platforms/{PROVINCE}")).json()["freshness"] == "fresh"
        listed = (await client.get("/gateway/platforms")).text
        assert "正常接收" in listed
        trail = await gateway.pool.fetchval("SELECT after FROM audit.trail WHERE action = 'platform reports set aside'")
        assert trail == {"reports": 1, "ids": None, "reason": "no such charge"}


async def test_a_platforms_order_goes_up_once_by_its_own_number_and_the_sites_files_before_all(
    database_url: str, serving: Serving
) -> None:
    taking(serving)
    charging = {
        "StartChargeSeq": "A-0007", "ConnectorID": "P1-1", "StartTime": "2026-05-04 12:00:02",
        "EndTime": "2026-05-04 12:30:00", "StartChargeSeqStat": 4, "TotalPower": 12.1,
    }  # fmt: skip
    order = {
        "StartChargeSeq": "A-0007", "ConnectorID": "P1-1", "StartTime": "2026-05-04 12:00:00", "EndTime": "2026-05-04 12:30:00",
        "TotalPower": 12.5, "TotalMoney": 9.9, "VIN": "LSVAA4182E2123456",
    }  # fmt: skip
    async with gateway_of(database_url) as gateway, gateway.client() as client:
        wanted = {
            "name": "省平台", "role": "province", "profile": "cec-2016", "inbound": SECRETS, "outbound": SECRETS, "reason": "test",
            "address": serving.address, "our_operator_id": OPERATOR_ID,
        }  # fmt: skip
        kept = "SELECT EXISTS (SELECT FROM gateway.filed_site)"
        await eventually(lambda: gateway.pool.fetchval(kept))
        assert (await client.put(f"/api/gateway/platforms/{PROVINCE}", json=wanted)).status_code == 200
        platform = await gateway.platform()
        await platform.say("notification_equip_charge_status", {"EquipChargeStatus": charging})
        await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order})

        async def told_of_it() -> bool:
            return any("order" in message for message, _ in serving.served.messages)

        await eventually(told_of_it)
    messages = serving.served.messages
    assert messages[0][0] == "notification_stationInfo"
    assert messages[0][1]["StationInfo"]["StationID"] == "000000000000009"
    orders = [content["ChargeOrderInfo"] for message, content in messages if "order" in message]
    assert [(o["StartChargeSeq"], o["TotalPower"], o["TotalMoney"]) for o in orders] == [("A-0007", 12.5, 9.9)]
    assert "VIN" not in orders[0]


async def test_what_was_refused_is_sent_again_when_somebody_says_so(database_url: str, serving: Serving) -> None:
    taking(serving)
    serving.answers["notification_stationStatus"] = lambda content: REFUSE
    async with gateway_of(database_url) as gateway, gateway.client() as client:
        await let_in(gateway.pool, PROVINCE, "province", "cec-2016", serving.address)
        platform = await gateway.platform()
        await platform.say(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}}
        )

        async def last_is(wanted: str) -> bool:
            """Of several of one connector the first may be overtaken."""
            states = "SELECT state FROM gateway.upward_report WHERE kind = 'status' ORDER BY id DESC LIMIT 1"
            return bool(await gateway.pool.fetchval(states) == wanted)

        async def sent_again() -> bool:
            await client.post(address, json={"reason": "mended"})
            return await last_is("taken")

        await eventually(lambda: last_is("refused"))
        taking(serving)
        address = f"/api/gateway/platforms/{PROVINCE}/reports/retry"
        assert (await client.post(address, json={"reason": "mended"})).json()["reports"] >= 1
        await eventually(sent_again)  # the station's coming online is a report too, and may be refused meanwhile


# --- silence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ever_heard", [True, False])
async def test_a_platform_that_falls_silent_is_told_of_once_and_so_is_its_return(
    database_url: str, ever_heard: bool
) -> None:
    """One that is let in and never speaks is silent since it was let in."""
    async with gateway_of(database_url) as gateway:
        if ever_heard:
            await gateway.platform()
        clock = ManualClock(datetime.now(UTC))
        watch = PlatformWatch(PlatformDesk(gateway.pool, clock, Sealer(SECRET), PROFILES), clock)
        async with gateway.pool.acquire() as connection:
            assert await watch.look(connection) == 0
            clock.advance(timedelta(hours=7))
            assert [await watch.look(connection), await watch.look(connection)] == [1, 0]
            row = await platforms.get_platform(connection, OPERATOR_ID)
        assert row["silent_since"] is not None
        (event,) = await gateway.events("PlatformSilent")
        since = row["last_heard_at"] if ever_heard else row["changed_at"]
        assert (datetime.fromisoformat(event["last_heard_at"]), event["ever_heard"]) == (since, ever_heard)
        await gateway.platform()
        assert [event["operator_id"] for event in await gateway.events("PlatformHeard")] == [OPERATOR_ID]


async def test_a_silent_platform_that_is_shut_out_is_nobodys_alert_any_more(database_url: str) -> None:
    async with gateway_of(database_url) as gateway, gateway.client() as client:
        await gateway.platform()
        clock = ManualClock(datetime.now(UTC) + timedelta(hours=7))
        watch = PlatformWatch(PlatformDesk(gateway.pool, clock, Sealer(SECRET), PROFILES), clock)
        async with gateway.pool.acquire() as connection:
            assert await watch.look(connection) == 1
        wanted = {"name": "A", "profile": "cec-2016", "enabled": False, "reason": "contract ended"}
        answer = await client.put(f"/api/gateway/platforms/{OPERATOR_ID}", json=wanted)
        assert answer.json()["silent_since"] is None
        assert [event["operator_id"] for event in await gateway.events("PlatformHeard")] == [OPERATOR_ID]


async def test_a_province_that_deals_with_nothing_for_hours_is_an_alert_until_it_does(
    reporting: Reporting, serving: Serving
) -> None:
    taking(serving)
    serving.cut = True
    watch = PlatformWatch(PlatformDesk(reporting.pool, reporting.clock, Sealer(SECRET), PROFILES), reporting.clock)
    since = reporting.clock.now()
    await reporting.happen(changed("faulted"))
    found = []
    async with reporting.pool.acquire() as connection:
        for hours in (0, 5, 2, 1):
            reporting.clock.advance(timedelta(hours=hours))
            await reporting.look()
            found.append(await watch.look(connection))
        assert found == [0, 0, 1, 0]
        assert (await platforms.get_platform(connection, PROVINCE))["silent_since"] is not None
        serving.cut = False
        reporting.clock.advance(timedelta(hours=1))
        await reporting.look()
        assert [await watch.look(connection), await watch.look(connection)] == [1, 0]
    rows = await reporting.pool.fetch(
        "SELECT type, payload FROM eventlog.event WHERE type LIKE 'Platform%' ORDER BY recorded_at, sequence"
    )
    assert [(row["type"], row["payload"]["operator_id"]) for row in rows] == [
        ("PlatformSilent", PROVINCE), ("PlatformHeard", PROVINCE),
    ]  # fmt: skip
    assert datetime.fromisoformat(rows[0]["payload"]["last_heard_at"]) == since


async def test_a_platform_that_is_heard_while_it_is_looked_at_is_not_silent(database_url: str) -> None:
    async with gateway_of(database_url) as gateway:
        await gateway.platform()
        async with gateway.pool.acquire() as connection:
            row = await platforms.get_platform(connection, OPERATOR_ID)
            before = row["last_heard_at"] - timedelta(hours=7)
            assert not await platforms.mark_silent(connection, OPERATOR_ID, before, row["last_heard_at"])
