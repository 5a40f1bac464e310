"""Every conversation with a station that others wrote, in strict mode: what it sends and what we say is checked by its schemas."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.authorisation.desk import add_demo_token
from ocpp_gateway.commands.desk import Wish
from tests.independent.station import Failed, NodeStation, install, node_station
from tests.integration.stations import now, text
from tests.ocpp_gateway.house import REGULATOR_A, House, house_of
from tests.ocpp_gateway.test_connections import basic
from tests.suite import eventually
from youguan.clock import SystemClock
from youguan.database import create_pool

pytestmark = pytest.mark.slow

VERSIONS = ("1.6", "2.0.1", "2.1")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the package is installed."""
    folder = tmp_path_factory.mktemp("ocpp-rpc")
    reason = install(folder)
    if reason is not None:
        pytest.skip(reason)
    yield folder


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        await add_demo_token(pool, SystemClock())
        yield pool


@pytest.fixture
async def house(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[House]:
    async with house_of(database_url, pool, tmp_path) as house:
        yield house


@pytest.fixture
async def station(package: Path) -> AsyncIterator[NodeStation]:
    async with node_station(package) as station:
        yield station
        assert station.heard("badMessage") == []
        assert station.heard("invalid") == []


async def connect(station: NodeStation, house: House, version: str, password: str | None = None) -> None:
    """Connect with Basic auth and boot."""
    key = password or (await house.issue()).key
    options = {"endpoint": f"ws://127.0.0.1:{house.port}/ocpp", "identity": "s1", "protocols": [f"ocpp{version}"]}

    async def connected() -> bool:
        try:
            return bool(await station.do("connect", password=key, **options) == f"ocpp{version}")
        except Failed as failed:  # the key takes a moment to reach the gateway
            assert failed.code == 401, failed
            return False

    await eventually(connected)
    answer = await station.call("BootNotification", BOOTS[version])
    assert answer["status"] == "Accepted"


BOOT_2 = {"reason": "PowerUp", "chargingStation": {"vendorName": "Test", "model": "T"}}
BOOTS: dict[str, dict[str, Any]] = {
    "1.6": {"chargePointVendor": "Test", "chargePointModel": "T"},
    "2.0.1": BOOT_2,
    "2.1": BOOT_2,
}


async def test_a_day_of_a_1_6_station(house: House, pool: asyncpg.Pool, station: NodeStation) -> None:
    await connect(station, house, "1.6")
    at = now()
    assert "currentTime" in await station.call("Heartbeat", {})
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": text(at)}
    assert await station.call("StatusNotification", status) == {}
    assert (await station.call("Authorize", {"idTag": "DEMO"}))["idTagInfo"]["status"] == "Accepted"
    assert (await station.call("Authorize", {"idTag": "STRANGER"}))["idTagInfo"]["status"] == "Invalid"
    start = {"connectorId": 1, "idTag": "DEMO", "meterStart": 1000, "timestamp": text(at)}
    begun = await station.call("StartTransaction", start)
    values = {
        "connectorId": 1,
        "transactionId": begun["transactionId"],
        "meterValue": [{"timestamp": text(at), "sampledValue": [{"value": "1.5", "unit": "kWh"}]}],
    }
    assert await station.call("MeterValues", values) == {}
    stop = {"transactionId": begun["transactionId"], "meterStop": 2000, "timestamp": text(now()), "reason": "Remote"}
    await station.call("StopTransaction", stop)
    row = await pool.fetchrow("SELECT * FROM telemetry.transaction WHERE station_id = 's1'")
    assert (row["id"], row["meter_start_wh"], row["meter_stop_wh"]) == (begun["transactionId"], 1000, 2000)
    assert await pool.fetchval("SELECT value FROM telemetry.meter_value WHERE station_id = 's1'") == 1500
    assert await pool.fetchval("SELECT status FROM gateway.connector_now WHERE station_id = 's1'") == "Preparing"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_day_of_a_2_x_station(house: House, pool: asyncpg.Pool, station: NodeStation, version: str) -> None:
    await connect(station, house, version)
    at = now()
    assert "currentTime" in await station.call("Heartbeat", {})
    status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": text(at)}
    assert await station.call("StatusNotification", status) == {}
    token = {"idToken": "DEMO", "type": "Central"}
    assert (await station.call("Authorize", {"idToken": token}))["idTokenInfo"]["status"] == "Accepted"
    for seq_no, (kind, wh) in enumerate((("Started", 1000), ("Updated", 1500), ("Ended", 2000))):
        event = {
            "eventType": kind, "timestamp": text(now()), "triggerReason": "Trigger", "seqNo": seq_no,
            "transactionInfo": {"transactionId": "T1"}, "evse": {"id": 1, "connectorId": 1}, "idToken": token,
            "meterValue": [{"timestamp": text(now()), "sampledValue": [{"value": wh}]}],
        }  # fmt: skip
        answer = await station.call("TransactionEvent", event)
        assert answer["idTokenInfo"]["status"] == "Accepted"
    row = await pool.fetchrow("SELECT * FROM telemetry.transaction WHERE station_id = 's1'")
    assert (row["transaction_id"], row["meter_start_wh"], row["meter_stop_wh"]) == ("T1", 1000, 2000)
    assert await pool.fetchval("SELECT status FROM gateway.connector_now WHERE station_id = 's1'") == "Occupied"


COMMANDS: dict[str, list[tuple[str, dict[str, Any], dict[str, Any]]]] = {
    "1.6": [
        ("Reset", {"type": "Soft"}, {"status": "Accepted"}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"}),
        (
            "GetConfiguration",
            {"key": ["HeartbeatInterval"]},
            {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]},
        ),
    ],
    "2.0.1": [
        ("Reset", {"type": "OnIdle"}, {"status": "Scheduled"}),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"}),
    ],
}
COMMANDS["2.1"] = COMMANDS["2.0.1"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_commands_are_taken_and_answered(house: House, station: NodeStation, version: str) -> None:
    await connect(station, house, version)
    for action, payload, answer in COMMANDS[version]:
        await station.do("answer", action=action, payload=answer)
        command = await house.desk.ask(REGULATOR_A, Wish("s1", action, payload, "test"), wait_s=30)
        assert (command["state"], command["answer"]) == ("answered", answer)
    assert [(told["action"], told["payload"]) for told in station.heard("asked")] == [
        (action, payload) for action, payload, _ in COMMANDS[version]
    ]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_an_answer_that_no_schema_allows(house: House, station: NodeStation, version: str) -> None:
    await connect(station, house, version)
    kind = "Soft" if version == "1.6" else "OnIdle"
    await station.do("answer", action="Reset", payload={"raw": {"status": 42}})
    command = await house.desk.ask(REGULATOR_A, Wish("s1", "Reset", {"type": kind}, "test"), wait_s=30)
    assert (command["state"], command["answer"]) == ("invalid", {"status": 42})
    assert "currentTime" in await station.call("Heartbeat", {}), "the conversation goes on"


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_wrong_is_answered_in_its_words(house: House, station: NodeStation, version: str) -> None:
    await connect(station, house, version)
    with pytest.raises(Failed) as failed:
        await station.call("Heartbeat", {"more": 1})
    assert failed.value.code is not None, "its own schema refuses to send it"
    assert [told["outbound"] for told in station.heard("invalid")] == [True]
    station.told.clear()
    for frame in ('{"not": "an array"}', "[2]", '[3,"never asked",{}]'):
        await station.do("say", frame=frame)
    assert "currentTime" in await station.call("Heartbeat", {}), "the conversation goes on"
    station.told.clear()  # it calls our CALLERROR for a frame without an id a bad message, as well it may


async def test_a_wrong_password(house: House, station: NodeStation) -> None:
    await house.issue()
    options = {"endpoint": f"ws://127.0.0.1:{house.port}/ocpp", "identity": "s1", "protocols": ["ocpp1.6"]}
    with pytest.raises(Failed) as failed:
        await station.do("connect", password="x" * 40, **options)
    assert failed.value.code == 401


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_it_comes_back_by_itself(house: House, station: NodeStation, version: str) -> None:
    """Another connection of its id takes its place, and goes: it connects again as its own strategy has it."""
    key = (await house.issue()).key
    await connect(station, house, version, password=key)
    async with house.connect(authorization=basic("s1", key), version=version) as other:
        assert other.subprotocol == f"ocpp{version}"

        async def back() -> bool:
            return len(station.heard("open")) == 2

        await eventually(back)
    assert [told["code"] for told in station.heard("disconnect")] == [1000]
    assert "currentTime" in await station.call("Heartbeat", {})
