"""Operators' platforms at the door: a counterpart that was written apart from ours, real sockets, real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Opening
from ocpp_gateway.timeseries.rollup import Rollup
from tests.independent.cec102_platform import CHINA, Party, Platform
from tests.ocpp_gateway.platforms import OPERATOR_ID, Gateway, gateway_of, let_in
from tests.suite import eventually
from youguan.auth import OPERATOR
from youguan.clock import SystemClock
from youguan.events import ConnectorFile, SiteFiled, StationFile

STATUS = "notification_stationStatus"


@pytest.fixture
async def gateway(database_url: str) -> AsyncIterator[Gateway]:
    async with gateway_of(database_url) as gateway:
        yield gateway


@pytest.fixture
async def platform(gateway: Gateway) -> AsyncIterator[Platform]:
    platform = await gateway.platform()
    yield platform
    await platform.close()


def status(connector_id: str = "P1-1", number: Any = 255, **more: Any) -> dict[str, Any]:
    return {"ConnectorID": connector_id, "Status": number, **more}


# --- the token --------------------------------------------------------------------------------------------------


async def test_a_token_is_given_for_the_secret(gateway: Gateway) -> None:
    platform = Platform(gateway.address)
    said = await platform.log_in()
    assert (said["SuccStat"], said["FailReason"], said["TokenAvailableTime"]) == (0, 0, 7200)
    assert (await platform.say(STATUS, {"ConnectorStatusInfo": status()}))[0] == 0
    platform.party.operator_secret = "wrong"
    said = await platform.log_in()
    assert (said["SuccStat"], said["FailReason"], said["AccessToken"]) == (1, 2, "")
    await platform.close()


async def test_without_its_token_nobody_is_heard(gateway: Gateway, platform: Platform) -> None:
    for token in ("", "x", platform.token[:-1], platform.token + "x"):
        answer = await platform.post(STATUS, platform.party.seal({"ConnectorStatusInfo": status()}), token)
        assert answer["Ret"] == 4002
        platform.party.open(answer)
    assert await gateway.pool.fetchval("SELECT count(*) FROM telemetry.status_change") == 0


# --- what is taken ----------------------------------------------------------------------------------------------


async def test_a_fault_is_durable_when_it_is_answered(gateway: Gateway, platform: Platform) -> None:
    assert await platform.say(STATUS, {"ConnectorStatusInfo": status("P1-2")}) == (0, {"Status": 0})
    row = await gateway.pool.fetchrow("SELECT * FROM telemetry.status_change")
    assert (row["station_id"], row["connector"], row["status"], row["condition"]) == ("P1", 2, "Faulted", "faulted")
    (event,) = await gateway.events("ConnectorStatusChanged")
    assert (event["source"], event["condition"]) == ("cec102", "faulted")
    async with gateway.client() as client:
        found = (await client.get("/api/gateway/stations/P1/status-changes")).json()["items"]
    assert [(item["connector"], item["status"]) for item in found] == [(2, "Faulted")]


async def test_good_data_beside_bad_is_kept_and_the_bad_is_named(gateway: Gateway, platform: Platform) -> None:
    items = [status("P1-1", "1"), status("P1-2", 9), status("nowhere", 1), {"Status": 1}, status("P2-1", 3)]
    ret, said = await platform.say(STATUS, {"ConnectorStatusInfo": items})
    assert (ret, said) == (0, {"Status": 0})
    rows = await gateway.pool.fetch("SELECT station_id, status FROM gateway.connector_now ORDER BY 1")
    assert [tuple(row) for row in rows] == [("P1", "Available"), ("P2", "Charging")]
    refused = await gateway.refused()
    assert len(refused) == 3
    assert "PlatformRefused notification_stationStatus: ConnectorStatusInfo[1].Status: 9 is none of" in refused[0]
    assert "ConnectorStatusInfo[3].ConnectorID: is missing" in refused[1]
    assert "PlatformIgnored notification_stationStatus: ConnectorID: nowhere" in refused[2]


async def test_a_connector_that_nobody_filed_is_ignored_and_not_to_be_repeated(platform: Platform) -> None:
    assert await platform.say(STATUS, {"ConnectorStatusInfo": status("nowhere")}) == (0, {"Status": 1})


async def test_content_that_is_all_wrong(platform: Platform) -> None:
    assert await platform.say(STATUS, {"ConnectorStatusInfo": status(number="x")}) == (4004, {"Status": 1})
    assert (await platform.say(STATUS, {}))[0] == 4004
    assert (await platform.say(STATUS, b'{"a":1,}'))[0] == 4004
    assert (await platform.say(STATUS, [1]))[0] == 4004


async def test_zhejiangs_names_do_as_well(gateway: Gateway, platform: Platform) -> None:
    content = status(
        OperatorID=OPERATOR_ID, UpdateTime=datetime.now(CHINA).strftime("%Y-%m-%d %H:%M:%S"), StatusDesc="急停"
    )
    said = await platform.say("supervise_notification_station_status", {"ConnectorStatusInfo": [content]})
    assert said == (0, {"Status": 0})
    row = await gateway.pool.fetchrow("SELECT * FROM gateway.connector_now")
    assert (row["status"], row["error_info"]) == ("Faulted", "急停")


async def test_an_order_becomes_a_transaction_once(gateway: Gateway, platform: Platform) -> None:
    order = {
        "StartChargeSeq": "395815801000000000000000001", "ConnectorID": "P1-1", "StartTime": "2026-05-04 12:00:00",
        "EndTime": "2026-05-04 12:30:00", "TotalPower": "12.5", "LicensePlate": "浙B12345", "VIN": "LSVAA4182E2123456",
    }  # fmt: skip
    for _ in range(2):
        ret, said = await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order})
        assert (ret, said["ConfirmResult"], said["StartChargeSeq"]) == (0, 0, order["StartChargeSeq"])
    rows = await gateway.pool.fetch("SELECT * FROM telemetry.transaction")
    assert [(row["station_id"], row["meter_stop_wh"] - row["meter_start_wh"]) for row in rows] == [("P1", 12500.0)]
    assert len(await gateway.events("TransactionEnded")) == 1
    frames = "\n".join(row["frame"] for row in await gateway.pool.fetch("SELECT frame FROM telemetry.raw_frame"))
    assert "notification_charge_order_info" in frames
    assert "浙B" not in frames
    assert "LSVAA" not in frames


@pytest.mark.parametrize("over", [False, True])
async def test_what_a_platform_told_of_charging_is_listed_and_misses_nothing(
    gateway: Gateway, platform: Platform, over: bool
) -> None:
    number = "395815801000000000000000001"
    for minute in (5, 10):
        told = {
            "StartChargeSeq": number, "ConnectorID": "P1-1", "ConnectorStatus": 3, "StartTime": "2026-05-04 12:00:00",
            "EndTime": f"2026-05-04 12:{minute:02}:00", "TotalPower": minute / 10,
        }  # fmt: skip
        await platform.say("notification_equip_charge_status", told)
    if over:
        await platform.say("notification_charge_order_info", order())
    async with gateway.client() as client:
        lists = [
            (await client.get(address)).json()["items"]
            for address in ("/api/gateway/stations/P1/transactions", "/api/gateway/transactions")
        ]
        whole = (await client.get(f"/api/gateway/stations/P1/transactions/{number}")).json()
        page = (await client.get("/gateway/stations/P1/transactions")).text
    for (item,) in lists:
        assert (item["transaction_id"], item["energy_wh"], item["missing_events"]) == (
            number,
            12500 if over else 1000,
            0,
        )
    assert (whole["missing_seq"], len(whole["events"])) == ([], 4 if over else 3)
    assert (number in page, "条事件" in page) == (True, False)


async def test_the_largest_number_of_an_event_is_one_like_others(gateway: Gateway) -> None:
    insert = "INSERT INTO telemetry.transaction (station_id, transaction_id, settled) VALUES ('P1', 't', false)"
    await gateway.pool.execute(insert)
    await gateway.pool.execute(
        "INSERT INTO telemetry.transaction_event VALUES ('P1', 't', 2147483647, 'Ended', now(), now(), NULL, false)"
    )
    async with gateway.client() as client:
        (item,) = (await client.get("/api/gateway/transactions")).json()["items"]
    assert item["missing_events"] == 2147483647


def order(connector_id: str = "P1-1", number: str = "395815801000000000000000001", **more: Any) -> dict[str, Any]:
    times = {"StartTime": "2026-05-04 12:00:00", "EndTime": "2026-05-04 12:30:00"}
    return {
        "StartChargeSeq": number,
        "ConnectorID": connector_id,
        **times,
        "TotalPower": 12.5,
        "TotalMoney": 9.9,
        **more,
    }


async def test_the_account_of_an_order_overrules_what_was_said_while_it_charged(
    gateway: Gateway, platform: Platform
) -> None:
    """Its start differs by two seconds, its energy by a little: still the same transaction, which ended once."""
    charging = {
        "StartChargeSeq": order()["StartChargeSeq"], "ConnectorID": "P1-1", "StartTime": "2026-05-04 12:00:02",
        "EndTime": "2026-05-04 12:31:00", "StartChargeSeqStat": 4, "TotalPower": 12.1, "Status": 2,
    }  # fmt: skip
    late = {**charging, "EndTime": "2026-05-04 12:40:00", "StartChargeSeqStat": 2, "TotalPower": 11}
    await platform.say("notification_equip_charge_status", {"EquipChargeStatus": charging})
    before = await gateway.pool.fetchrow("SELECT * FROM telemetry.transaction")
    assert (before["meter_stop_wh"], before["settled"]) == (12100.0, False)
    ret, said = await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order(StopReason=3)})
    assert (ret, said["ConfirmResult"]) == (0, 0)
    await platform.say("notification_equip_charge_status", {"EquipChargeStatus": late})
    (row,) = await gateway.pool.fetch("SELECT * FROM telemetry.transaction")
    assert (row["transaction_id"], row["meter_stop_wh"], row["reason"]) == (
        order()["StartChargeSeq"],
        12500.0,
        "cec102 3",
    )
    assert row["stopped_at"].astimezone(CHINA).strftime("%H:%M:%S") == "12:30:00"
    (ended,) = await gateway.events("TransactionEnded")
    assert ended["source"] == "cec102"
    assert len(await gateway.events("TransactionStarted")) == 1


async def test_an_order_of_a_connector_that_nobody_filed_is_kept_and_marked(
    gateway: Gateway, platform: Platform
) -> None:
    for _ in range(2):
        ret, said = await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order("nowhere")})
        assert (ret, said["ConfirmResult"], said["ConnectorID"]) == (0, 0, "nowhere")
    (row,) = await gateway.pool.fetch("SELECT * FROM gateway.platform_order")
    assert (row["state"], row["station_id"], row["energy_wh"], row["document"]["TotalMoney"]) == (
        "unfiled",
        None,
        12500,
        9.9,
    )
    assert any("the order is kept" in line for line in await gateway.refused())
    assert await gateway.pool.fetchval("SELECT count(*) FROM telemetry.transaction") == 0
    assert [event["state"] for event in await gateway.events("PlatformOrderKept")] == ["unfiled"]
    async with gateway.client() as client:
        address = f"/api/gateway/platforms/{OPERATOR_ID}/orders"
        found = (await client.get(address, params={"state": "unfiled"})).json()["items"]
        assert [item["order_no"] for item in found] == [order()["StartChargeSeq"]]
        assert (await client.get(address, params={"state": "transaction"})).json()["items"] == []
        page = await client.get(f"/gateway/platforms/{OPERATOR_ID}/orders")
        assert order()["StartChargeSeq"] in page.text


async def test_an_order_that_is_told_otherwise_than_before_is_news(gateway: Gateway, platform: Platform) -> None:
    for kwh in (12.5, 12.5, 12.6):
        await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order(TotalPower=kwh)})
    assert [event["energy_wh"] for event in await gateway.events("PlatformOrderKept")] == [12500, 12600]
    (row,) = await gateway.pool.fetch("SELECT * FROM gateway.platform_order")
    assert (row["energy_wh"], row["first_received_at"] < row["received_at"]) == (12600, True)


MOVED = ("ended_before", "effective_at")


async def test_an_account_that_moves_the_end_across_midnight_bears_on_both_days(
    gateway: Gateway, platform: Platform
) -> None:
    """The last account of an order is what the transaction is, and every day on which its end ever was is counted again."""
    for end in ("2026-05-04 23:59:00", "2026-05-04 23:59:00", "2026-05-05 00:01:00", "2026-05-04 23:58:00"):
        await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order(EndTime=end)})
    stopped = await gateway.pool.fetchval("SELECT stopped_at FROM telemetry.transaction")
    assert stopped.astimezone(CHINA).isoformat() == "2026-05-04T23:58:00+08:00"
    assert len(await gateway.events("TransactionEnded")) == 1
    moved = [
        tuple(datetime.fromisoformat(event[name]).astimezone(CHINA).strftime("%d %H:%M") for name in MOVED)
        for event in await gateway.events("TransactionSettled")
    ]
    assert moved == [("04 23:59", "05 00:01"), ("05 00:01", "04 23:58")]
    rollup = Rollup(gateway.pool, SystemClock())
    await rollup.consumer().catch_up()
    due = await gateway.pool.fetch("SELECT day::text FROM gateway.day_due WHERE station_id = 'P1' ORDER BY day")
    assert [row["day"] for row in due] == ["2026-05-04", "2026-05-05"]
    async with gateway.pool.acquire() as connection:
        await rollup.roll_late(connection)
    counted = await gateway.pool.fetch(
        "SELECT day::text, transactions FROM telemetry.connector_day WHERE connector = 1 AND station_id = 'P1' ORDER BY day"
    )
    assert {row["day"]: row["transactions"] for row in counted}.items() >= {"2026-05-04": 1, "2026-05-05": 0}.items()


async def test_a_code_that_several_connectors_bear_is_nobodys(gateway: Gateway, platform: Platform) -> None:
    """Another site is filed with this operator's code and a code of its connectors: it takes nothing from the first."""
    twin = StationFile(
        station_id="T1", connectors=1, power_w=7000, current_type="AC", cec_equipment_id="T1",
        connector_files=(ConnectorFile(connector=1, cec_connector_id="P1-1"),),
    )  # fmt: skip
    site = SiteFiled(
        site_id="T", name="T", address="", division_code=None, division_name=None, longitude=121.4, latitude=29.3,
        stations=(twin,), operator_code=OPERATOR_ID,
    )  # fmt: skip
    async with gateway.pool.acquire() as connection, connection.transaction():
        await registry.file_codes(connection, site)
    items = [status("P1-1"), status("P1-2")]
    assert await platform.say(STATUS, {"ConnectorStatusInfo": items}) == (0, {"Status": 0})
    assert await gateway.pool.fetchval("SELECT array_agg(station_id || connector) FROM gateway.connector_now") == [
        "P12"
    ]
    assert any("is filed for several connectors (P1 1, T1 1)" in line for line in await gateway.refused())


async def test_an_operator_as_its_platform_files_it(gateway: Gateway, platform: Platform) -> None:
    told = {"OperatorID": OPERATOR_ID, "OperatorName": "甲公司", "OperatorUSCID": "91330100799655058B"}
    said = await platform.say("supervise_notification_operator_info", {"SupOperatorInfo": told})
    assert said == (0, {"Status": 0})
    (row,) = await gateway.pool.fetch("SELECT * FROM gateway.platform_operator")
    assert (row["operator_id"], row["name"], row["uscc"]) == (OPERATOR_ID, "甲公司", told["OperatorUSCID"])
    async with gateway.client() as client:
        assert "甲公司" in (await client.get(f"/gateway/platforms/{OPERATOR_ID}")).text


async def test_what_the_database_cannot_hold_is_refused_and_not_for_ever_busy(
    gateway: Gateway, platform: Platform
) -> None:
    station = {"StationID": "0009", "SiteGuide": "a\0b"}
    ret, _ = await platform.say("notification_stationInfo", {"StationInfo": station})
    assert ret == 4004
    assert await platform.say("notification_stationInfo", {"StationInfo": {"StationID": "0009"}}) == (0, {"Status": 0})


async def test_a_platform_that_is_refused_much_hides_no_others_refusals(gateway: Gateway, platform: Platform) -> None:
    await let_in(gateway.pool, "313744932")
    other = await gateway.platform(Party(operator_id="313744932"))
    wrong = [status(number="x") for _ in range(400)]
    await platform.say(STATUS, {"ConnectorStatusInfo": wrong})
    assert (await other.say(STATUS, {"ConnectorStatusInfo": status(number="y")}))[0] == 4004
    assert any("'y'" in line for line in await gateway.refused())


async def test_a_site_as_its_platform_files_it(gateway: Gateway, platform: Platform) -> None:
    connectors = [{"ConnectorID": "P1-1", "Power": 60}]
    station = {
        "StationID": "0009",
        "StationName": "站",
        "EquipmentInfos": [{"EquipmentID": "e", "ConnectorInfos": connectors}],
    }
    assert await platform.say("notification_stationInfo", {"StationInfo": station}) == (0, {"Status": 0})
    row = await gateway.pool.fetchrow("SELECT * FROM gateway.platform_station")
    assert (row["cec_station_id"], row["connectors"]) == ("0009", [["P1-1", "e", 60000.0]])


async def test_a_station_none_of_whose_connectors_is_reached_is_offline(gateway: Gateway, platform: Platform) -> None:
    await platform.say(STATUS, {"ConnectorStatusInfo": [status("P1-1", 1), status("P1-2", 1)]})
    await platform.say(STATUS, {"ConnectorStatusInfo": status("P1-1", 0)})
    state = "SELECT state FROM gateway.station_now WHERE station_id = 'P1'"
    assert await gateway.pool.fetchval(state) == "online"
    await platform.say(STATUS, {"ConnectorStatusInfo": status("P1-2", 0)})
    assert await gateway.pool.fetchval(state) == "offline"
    assert [event["station_id"] for event in await gateway.events("StationOffline")] == ["P1"]
    await platform.say(STATUS, {"ConnectorStatusInfo": status("P1-2", 1)})
    await eventually(lambda: _is(gateway, state, "online"))


async def _is(gateway: Gateway, query: str, value: Any) -> bool:
    found: bool = await gateway.pool.fetchval(query) == value
    return found


async def test_a_station_that_speaks_for_itself_keeps_the_word(gateway: Gateway, platform: Platform) -> None:
    ownership = Ownership(gateway.pool, 0, SystemClock())
    await ownership.start()
    granting = asyncio.create_task(ownership.run())
    granted = asyncio.Event()
    ownership.claim(Opening("P1", "1.6", "here", SystemClock().now()), lambda epoch: granted.set())
    await granted.wait()
    assert await platform.say(STATUS, {"ConnectorStatusInfo": [status("P1-1"), status("P2-1")]}) == (0, {"Status": 0})
    ret, said = await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order()})
    assert (ret, said["ConfirmResult"]) == (0, 0)
    assert await gateway.pool.fetchval("SELECT state FROM gateway.platform_order") == "own_word"
    assert await gateway.pool.fetchval("SELECT count(*) FROM telemetry.transaction") == 0
    granting.cancel()
    await asyncio.gather(granting, return_exceptions=True)
    rows = await gateway.pool.fetch("SELECT station_id FROM telemetry.status_change")
    assert [row["station_id"] for row in rows] == ["P2"]
    assert any("speaks for itself" in line for line in await gateway.refused())


# --- what is not taken ------------------------------------------------------------------------------------------


async def test_a_replayed_envelope(gateway: Gateway, platform: Platform) -> None:
    envelope = platform.party.seal({"ConnectorStatusInfo": status()})
    assert (await platform.post(STATUS, envelope))["Ret"] == 0
    answer = await platform.post(STATUS, envelope)
    assert (answer["Ret"], "before" in answer["Msg"]) == (4003, True)
    envelope["Sig"] = envelope["Sig"].lower()
    assert (await platform.post(STATUS, envelope))["Ret"] == 4003
    assert await gateway.pool.fetchval("SELECT count(*) FROM telemetry.status_change") == 1


async def test_of_one_envelope_sent_many_times_at_once_one_is_taken(gateway: Gateway, platform: Platform) -> None:
    envelope = platform.party.seal({"ConnectorStatusInfo": status()})
    answers = await asyncio.gather(*(platform.post(STATUS, envelope) for _ in range(8)))
    assert sorted(answer["Ret"] for answer in answers) == [0, *[4003] * 7]


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_stale_envelope(platform: Platform, minutes: int) -> None:
    envelope = platform.party.seal({"ConnectorStatusInfo": status()}, datetime.now(CHINA) + timedelta(minutes=minutes))
    assert (await platform.post(STATUS, envelope))["Ret"] == 4003


@pytest.mark.parametrize("member", ["Data", "TimeStamp", "Seq", "Sig"])
async def test_a_tampered_envelope(platform: Platform, member: str) -> None:
    envelope = platform.party.seal({"ConnectorStatusInfo": status()})
    envelope[member] = envelope[member][:-1] + ("0" if envelope[member][-1] != "0" else "1")
    answer = await platform.post(STATUS, envelope)
    assert answer["Ret"] == 4001
    platform.party.open(answer)


async def test_what_is_no_envelope(gateway: Gateway, platform: Platform) -> None:
    whole = json.dumps(platform.party.seal({"ConnectorStatusInfo": status()})).encode()
    for body in (b"", b"{}", b"null", b"\xff", whole[:-10], whole + b" " * 1_000_000, b"[" * 100_000):
        assert (await platform.post(STATUS, body))["Ret"] == 4003
    assert (await platform.post(STATUS, {**json.loads(whole), "OperatorID": "\x00"}))["Ret"] == 4003
    stranger = Platform(gateway.address, Party(operator_id="000000000"))
    assert (await stranger.post(STATUS, stranger.party.seal({})))["Ret"] == 4003
    await stranger.close()


async def test_what_a_platform_did_not_sign_is_never_held_against_it(gateway: Gateway, platform: Platform) -> None:
    forger, stranger = Party(sig_secret="not the one that we know"), Party(operator_id="000000000")
    for party in (forger, forger, stranger, Party(operator_id="000000001")):
        answer = await platform.post(STATUS, party.seal({"ConnectorStatusInfo": status()}))
        assert answer["Ret"] in (4001, 4003)

    async def kept() -> bool:
        rows = await gateway.pool.fetch("SELECT station_id, code FROM gateway.refused_input ORDER BY 1")
        named = [row["station_id"] for row in rows]
        assert {row["code"] for row in rows} <= {"PlatformNotAuthenticated"}
        return named == ["unproven/", "unproven/", "unproven/395815801", "unproven/395815801"]

    await eventually(kept)
    address = f"/api/gateway/platforms/{platform.party.operator_id}"
    async with gateway.client(OPERATOR, "o1") as client:
        assert (await client.get(f"{address}/refused")).json()["items"] == []
        unproven = (await client.get(f"{address}/refused", params={"proven": "false"})).json()["items"]
        assert [item["reason"] for item in unproven] == [f"{STATUS}: Sig: does not fit"] * 2
        assert (await client.get(address)).json()["quality"]["usable"] is None
        page = (await client.get(f"/gateway/platforms/{platform.party.operator_id}")).text
    assert page.index("没有拒收任何内容") < page.index("未通过身份验证的报文") < page.index("Sig</code> 不符")


async def test_data_of_other_secrets_under_a_right_signature(platform: Platform) -> None:
    other = Party(data_secret="x" * 16)
    assert (await platform.post(STATUS, other.seal({"ConnectorStatusInfo": status()})))["Ret"] == 4003


async def test_control_is_no_business_of_a_supervisor(platform: Platform) -> None:
    for message in ("query_start_charge", "query_stop_charge", "nothing", "a/b/c", "%00"):
        assert (await platform.say(message, {}))[0] == 4004


async def test_a_body_that_breaks_off(gateway: Gateway, platform: Platform) -> None:
    host, port = gateway.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /evcs/v1/query_token HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert await reader.read() == b""
    assert (await platform.say(STATUS, {"ConnectorStatusInfo": status()}))[0] == 0


async def test_other_methods_are_no_way_in(gateway: Gateway) -> None:
    async with httpx.AsyncClient(base_url=gateway.address, trust_env=False) as client:
        assert (await client.get("/evcs/v1/query_token")).status_code == 405


async def test_a_platform_that_is_shut_out(gateway: Gateway, platform: Platform) -> None:
    await gateway.pool.execute("UPDATE gateway.platform SET enabled = false")
    assert (await platform.post(STATUS, platform.party.seal({"ConnectorStatusInfo": status()})))["Ret"] == 4003


# --- many, and while the database is away -----------------------------------------------------------------------


async def test_many_at_once_are_all_there(gateway: Gateway, platform: Platform) -> None:
    envelopes = [
        platform.party.seal({"ConnectorStatusInfo": status(f"P{n % 3 + 1}-{n % 2 + 1}", (1, 2, 3, 255)[n % 4])})
        for n in range(300)
    ]
    answers = await asyncio.gather(*(platform.post(STATUS, envelope) for envelope in envelopes))
    acknowledged = sum(answer["Ret"] == 0 for answer in answers)
    assert {answer["Ret"] for answer in answers} <= {0, -1}, "busy, where the machine is"
    taken = await gateway.pool.fetchrow(
        "SELECT sum(messages)::int AS m, sum(taken)::int AS t FROM gateway.platform_traffic WHERE message = $1", STATUS
    )
    stored = await gateway.pool.fetchval("SELECT count(*) FROM telemetry.raw_frame")
    assert 0 < acknowledged <= taken["t"] <= stored <= 300
