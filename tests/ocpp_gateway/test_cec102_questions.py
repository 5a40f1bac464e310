"""A province asks as it would ask an operator's platform: an independent caller, real sockets, real PostgreSQL."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.members import Unusable
from ocpp_gateway.cec102.upward.questions import StationsAsked, StatusesAsked, read_question
from tests.independent.cec102_platform import CHINA, Party, Platform
from tests.ocpp_gateway.platforms import STATIONS, Gateway, gateway_of, let_in
from tests.suite import eventually
from youguan.eventlog import publish
from youguan.events import SiteRetired
from youguan.settings import Settings

PROFILE = profiles_of(Settings())["cec-2016"]
PROVINCE, SITE = "330000000", "000000000000009"
FORM = "%Y-%m-%d %H:%M:%S"


@pytest.fixture
async def gateway(database_url: str) -> AsyncIterator[Gateway]:
    async with gateway_of(database_url) as gateway:
        await let_in(gateway.pool, PROVINCE, "province", "cec-2016")
        yield gateway


@pytest.fixture
async def province(gateway: Gateway) -> Platform:
    return await gateway.platform(Party(operator_id=PROVINCE))


async def test_it_learns_what_is_filed_page_by_page(gateway: Gateway, province: Platform) -> None:
    async def filed() -> Any:
        ret, said = await province.say("query_stations_info", {"LastQueryTime": "", "PageNo": 1, "PageSize": 10})
        assert ret == 0
        return said["StationInfos"] and said

    said = await eventually(filed)
    assert (said["PageNo"], said["PageCount"], said["ItemSize"]) == (1, 1, 1)
    (station,) = said["StationInfos"]
    assert (station["StationID"], station["StationName"], len(station["EquipmentInfos"])) == (SITE, "S", 3)
    assert "AreaCodeCountryside" not in station  # the standard has no such member
    later = (datetime.now(CHINA) + timedelta(hours=1)).strftime(FORM)
    assert (await province.say("query_stations_info", {"LastQueryTime": later}))[1]["StationInfos"] == []
    assert (await province.say("query_stations_info", {"PageNo": 2}))[1]["StationInfos"] == []
    since = (datetime.now(CHINA) - timedelta(hours=1)).strftime(FORM)
    async with gateway.pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", [SiteRetired(site_id="S", station_ids=STATIONS)])

    async def closed() -> Any:
        ret, said = await province.say("query_stations_info", {"LastQueryTime": since})
        assert ret == 0
        return [s["StationID"] for s in said["StationInfos"] if s["StationStatus"] == 5]

    assert await eventually(closed) == [SITE], "who asks what has changed learns that it is no more"
    assert (await province.say("query_stations_info", {}))[1]["StationInfos"] == []


async def test_it_learns_what_connectors_are_and_what_a_site_delivered(gateway: Gateway, province: Platform) -> None:
    operator = await gateway.platform()
    statuses = [{"ConnectorID": "P1-1", "Status": 3}, {"ConnectorID": "P1-2", "Status": 255}]
    await operator.say("notification_stationStatus", {"ConnectorStatusInfo": statuses})
    now = datetime.now(CHINA)
    order = {
        "StartChargeSeq": "A-1", "ConnectorID": "P1-2", "StartTime": now.strftime(FORM), "EndTime": now.strftime(FORM),
        "TotalPower": 12.5,
    }  # fmt: skip
    await operator.say("notification_charge_order_info", {"ChargeOrderInfo": order})
    ret, said = await province.say("query_station_status", {"StationIDs": [SITE, "none"]})
    assert (ret, said["Total"]) == (0, 1)
    told = {c["ConnectorID"]: c["Status"] for c in said["StationStatusInfos"][0]["ConnectorStatusInfos"]}
    assert told == {"P1-1": 3, "P1-2": 255, "P2-1": 0, "P2-2": 0, "P3-1": 0, "P3-2": 0}
    today = now.strftime("%Y-%m-%d")
    ret, said = await province.say("query_station_stats", {"StationID": SITE, "StartTime": today, "EndTime": today})
    stats = said["StationStats"]
    assert (ret, stats["StationElectricity"], stats["StartTime"]) == (0, 12.5, today)
    first = stats["EquipmentStatsInfos"][0]
    assert (first["EquipmentID"], first["EquipmentElectricity"]) == ("P1", 12.5)
    assert first["ConnectorStatsInfos"][1] == {"ConnectorID": "P1-2", "ConnectorElectricity": 12.5}


async def test_a_station_id_that_two_operators_use_is_told_apart(gateway: Gateway, province: Platform) -> None:
    await gateway.pool.execute("UPDATE gateway.connector_code SET operator_code = '913302260' WHERE station_id = 'P3'")
    said = (await province.say("query_station_status", {"StationIDs": [SITE]}))[1]
    told = {s["OperatorID"]: {c["ConnectorID"] for c in s["ConnectorStatusInfos"]} for s in said["StationStatusInfos"]}
    assert told == {"395815801": {"P1-1", "P1-2", "P2-1", "P2-2"}, "913302260": {"P3-1", "P3-2"}}
    asked = {"StationIDs": [SITE], "OperatorID": "913302260"}
    assert (await province.say("query_station_status", asked))[1]["Total"] == 1
    day = {"StationID": SITE, "StartTime": "2026-05-04", "EndTime": "2026-05-04"}
    refused = await province.post("query_station_stats", province.party.seal(day))
    assert (refused["Ret"], refused["Msg"]) == (
        4004,
        f"OperatorID: is needed: {SITE} is a site of 395815801, 913302260",
    )
    said = (await province.say("query_station_stats", {**day, "OperatorID": "913302260"}))[1]
    assert [e["EquipmentID"] for e in said["StationStats"]["EquipmentStatsInfos"]] == ["P3"]


async def test_what_it_would_be_answered_is_tried_on_the_bench(gateway: Gateway, province: Platform) -> None:
    address = f"/api/gateway/platforms/{PROVINCE}/trial"
    async with gateway.client() as client:

        async def attempt(message: str, content: Any) -> dict[str, Any]:
            answer = await client.post(address, json={"message": message, "text": json.dumps(content)})
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        found = await attempt("query_station_status", province.party.seal({"StationIDs": [SITE]}))
        assert (found["ret"], found["answer"]["Total"], found["becomes"]) == (0, 1, [])
        found = await attempt("query_station_status", {"StationIDs": 1})
        assert (found["ret"], found["answer"], found["steps"][-1]["name"]) == (4004, None, "question")
        found = await attempt(
            "notification_stationStatus", {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 1}}
        )
        assert (found["ret"], "query_station_status" in found["steps"][0]["words"]) == (4004, True)
        page = (await client.get(f"/gateway/platforms/{PROVINCE}/trial")).text
        assert 'value="query_station_status"' in page
        assert "notification_" not in page
        tried = {"message": "query_station_status", "text": json.dumps({"StationIDs": [SITE]})}
        assert "StationStatusInfos" in (await client.post(f"/gateway/platforms/{PROVINCE}/trial", data=tried)).text


async def test_it_tells_us_nothing_and_an_operator_asks_nothing(gateway: Gateway, province: Platform) -> None:
    status = {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 1}}
    assert (await province.say("notification_stationStatus", status))[0] == 4004
    operator = await gateway.platform()
    assert (await operator.say("query_station_status", {"StationIDs": [SITE]}))[0] == 4004
    assert await gateway.pool.fetchval("SELECT count(*) FROM gateway.connector_now") == 0


async def test_a_question_is_answered_once_an_envelope_and_to_whom_has_a_token(province: Platform) -> None:
    envelope = province.party.seal({"StationIDs": [SITE]})
    assert (await province.post("query_station_status", envelope))["Ret"] == 0
    assert (await province.post("query_station_status", envelope))["Ret"] == 4003
    assert (await province.post("query_station_status", province.party.seal({"StationIDs": []}), ""))["Ret"] == 4002


@pytest.mark.parametrize(
    ("kind", "document", "reason"),
    [
        ("stations", {"PageNo": 0}, "PageNo: 0 is not from 1"),
        ("stations", {"LastQueryTime": "yesterday"}, "LastQueryTime: 'yesterday' is not a time"),
        ("statuses", {}, "StationIDs: is missing"),
        ("statuses", {"StationIDs": [{}]}, "StationIDs: is missing, or no list of ids"),
        ("statuses", {"StationIDs": ["x"] * 51}, "StationIDs: more than 50"),
        ("stats", {"StationID": "1", "StartTime": "2026-05-04", "EndTime": "2026-05-03"}, "EndTime: is not from"),
        ("stats", {"StationID": "1", "StartTime": "2020-05-04", "EndTime": "2026-05-03"}, "EndTime: is not from"),
        ("stats", {"StartTime": "2026-05-04", "EndTime": "2026-05-04"}, "StationID: is missing"),
    ],
)
def test_questions_that_are_none(kind: str, document: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unusable) as unusable:
        read_question(kind, document, PROFILE)
    assert str(unusable.value.refused).startswith(reason)


def test_questions_as_they_are_meant() -> None:
    assert read_question("stations", {}, PROFILE) == StationsAsked(None, 1, 10)
    assert read_question("stations", {"PageSize": "5000"}, PROFILE) == StationsAsked(None, 1, 100)
    assert read_question("statuses", {"StationIDs": ["01", 2]}, PROFILE) == StatusesAsked(("01", "2"))
