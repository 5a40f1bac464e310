"""What platforms' messages become: pure."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.adapters.cec102 import observed
from ocpp_gateway.cec102.envelope import parsed
from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.intake.placing import order_state, place_of
from ocpp_gateway.cec102.members import Refused
from ocpp_gateway.cec102.messages import (
    ChargingSaid,
    Content,
    OperatorSaid,
    OrderSaid,
    PowerSaid,
    StationSaid,
    StatusSaid,
    read,
)
from ocpp_gateway.cec102.profiles import read_profiles
from ocpp_gateway.cec102.wording import KEPT, SENTENCES, TEMPLATES, UNFILED, each_known_again, known_again
from ocpp_gateway.observation import MeterSampled, StatusReported, TransactionReported
from ocpp_gateway.privacy import marker, without_persons
from ocpp_gateway.relay import wording as relay_wording
from youguan.errors import Invalid
from youguan.settings import Settings
from youguan.web.translations import chinese as known_chinese
from youguan.web.translations import explain

PROFILES = profiles_of(Settings())
CEC, ZHEJIANG = PROFILES["cec-2016"], PROFILES["zhejiang"]
NOON = datetime(2026, 5, 4, 4, tzinfo=UTC)  # twelve o'clock in the county
MARK = marker("secret")


def said(kind: str, document: Any, profile: Any = CEC) -> Content:
    return read(profile, kind, document, "395815801")


def status(number: Any = 255, **more: Any) -> dict[str, Any]:
    return {"ConnectorID": "00012", "Status": number, **more}


# --- status -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"ConnectorStatusInfo": status()},
        {"ConnectorStatusInfo": [status()]},
        {"connectorStatusInfos": [status()]},
        {"connectorStatusInfo": {"connectorID": "00012", "status": "255"}},
        {"ConnectorStatusInfo": status(255.0)},
        status(),
        {"StationStatusInfos": [{"StationID": "9", "ConnectorStatusInfos": [status()]}]},
        {"Total": 1, "StationStatusInfo": {"ConnectorStatusInfos": status()}},
    ],
)
def test_a_status_in_all_its_spellings(document: Any) -> None:
    content = said("status", document)
    assert [(s.connector_id, s.status) for s in content.said if isinstance(s, StatusSaid)] == [("00012", 255)]
    assert content.refused == []


def test_bad_members_take_no_good_ones_with_them() -> None:
    items = [
        status(),
        status(7),
        {"Status": 1},
        5,
        status("x"),
        status(None),
        status(True),
        status(1, ConnectorID="2" * 65),
    ]
    content = said("status", {"ConnectorStatusInfo": [*items, status(1, ConnectorID="two")]})
    assert [s.connector_id for s in content.said if isinstance(s, StatusSaid)] == ["00012", "two"]
    assert [str(r) for r in content.refused] == [
        "ConnectorStatusInfo[1].Status: 7 is none of 0, 1, 2, 3, 4, 5, 255",
        "ConnectorStatusInfo[2].ConnectorID: is missing or empty",
        "ConnectorStatusInfo[3]: is no object",
        "ConnectorStatusInfo[4].Status: 'x' is no number",
        "ConnectorStatusInfo[5].Status: is missing",
        "ConnectorStatusInfo[6].Status: 'True' is no number",
        "ConnectorStatusInfo[7].ConnectorID: is longer than 64 characters, or not printable",
    ]


@pytest.mark.parametrize("document", [{}, {"ConnectorStatusInfo": None}, {"ConnectorStatusInfo": "x"}, {"x": 1}])
def test_a_message_without_its_items(document: Any) -> None:
    content = said("status", document)
    assert content.said == []
    assert "ConnectorStatusInfo: is missing" in str(content.refused[0])


def test_a_number_as_an_id_is_its_digits() -> None:
    (found,) = said("status", status(1, ConnectorID=12)).said
    assert isinstance(found, StatusSaid)
    assert found.connector_id == "12"


@pytest.mark.parametrize(
    "at",
    [
        "0000-00-00 00:00:00",
        "1970-01-01 08:00:00",
        "yesterday",
        "2026-13-04 12:00:00",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00",
        "0001-01-01 00:00:00",
    ],
)
def test_a_time_that_stands_for_none_takes_no_other_status_with_it(at: str) -> None:
    """Nor the status itself, a fault: it has the time of its envelope."""
    content = said("status", {"ConnectorStatusInfo": [status(UpdateTime=at), status(1, ConnectorID="two")]})
    assert [(s.connector_id, s.at) for s in content.said if isinstance(s, StatusSaid)] == [
        ("00012", None),
        ("two", None),
    ]
    assert [r.member for r in content.refused] == ["ConnectorStatusInfo[0].UpdateTime"]


@pytest.mark.parametrize(
    ("words", "kept"),
    [("急停\u3000按下\n已断电", "急停 按下 已断电"), ("x" * 600, "x" * 500), ("\x00", None), ({}, None), (7, "7")],
)
def test_what_people_wrote_makes_no_status_unusable(words: Any, kept: str | None) -> None:
    (found,) = said("status", status(StatusDesc=words)).said
    assert isinstance(found, StatusSaid)
    assert (found.status, found.description) == (255, kept)


def test_zhejiang_says_when_and_why() -> None:
    document = {"ConnectorStatusInfo": status(UpdateTime="2026-05-04 12:00:00", StatusDesc="急停")}
    (found,) = said("status", document, ZHEJIANG).said
    assert found == StatusSaid("00012", None, 255, NOON, "急停")


@pytest.mark.parametrize(
    ("number", "word", "condition"),
    [
        (0, "Offline", "unavailable"), (1, "Available", "available"), (2, "Occupied", "occupied"),
        (3, "Charging", "charging"), (4, "Reserved", "reserved"), (5, "Finishing", "occupied"), (255, "Faulted", "faulted"),
    ],
)  # fmt: skip
def test_a_status_in_our_words(number: int, word: str, condition: str) -> None:
    (item,) = said("status", status(number)).said
    (found,) = observed(item, ("s1", 2), CEC.statuses, NOON, NOON)
    assert isinstance(found, StatusReported)
    assert (found.station_id, found.connector, found.status, found.condition) == ("s1", 2, word, condition)
    assert found.occurred_at == NOON


# --- orders and charging ----------------------------------------------------------------------------------------


def order(**changes: Any) -> dict[str, Any]:
    return {
        "StartChargeSeq": "395815801000000000000000001", "ConnectorID": "c", "StartTime": "2026-05-04 12:00:00",
        "EndTime": "2026-05-04 12:30:00", "TotalPower": "12.5", "TotalElecMoney": 10, "TotalSeviceMoney": 5, "TotalMoney": 15,
        "StopReason": 0, "ChargeDetails": [{"DetailPower": 10}, {"DetailPower": "2.5"}], **changes,
    }  # fmt: skip


@pytest.mark.parametrize("wrapped", [True, False])
def test_an_order_becomes_a_transaction(wrapped: bool) -> None:
    content = said("order", {"ChargeOrderInfo": order()} if wrapped else order())
    assert content.refused == content.doubted == []
    (item,) = content.said
    assert isinstance(item, OrderSaid)
    assert item.confirm == {"StartChargeSeq": order()["StartChargeSeq"], "ConnectorID": "c"}
    started, ended = observed(item, ("s1", 1), {}, NOON, NOON)
    assert isinstance(started, TransactionReported)
    assert isinstance(ended, TransactionReported)
    assert (started.kind, started.occurred_at, started.register_wh) == ("Started", NOON, 0.0)
    assert (ended.kind, ended.register_wh, ended.reason) == ("Settled", 12500.0, "cec102 0")


def test_zhejiangs_names_and_spellings() -> None:
    document = {
        "OrderNo": "1", "ConnectorID": "c", "StartTime": "2026-05-04 12:00:00", "EndTime": "2026-05-04 12:30:00",
        "TotalElect": 3, "TotalMoney": 3, "TotalElecMoney": 1, "TotalServiceMoney": 1,
    }  # fmt: skip
    content = said("order", document, ZHEJIANG)
    (item,) = content.said
    assert isinstance(item, OrderSaid)
    assert item.confirm == {"OrderNo": "1", "ConnectorID": "c"}
    assert [str(doubt) for doubt in content.doubted] == ["TotalMoney: 3 is not 1 + 1"]


def test_an_order_whose_parts_contradict_it_is_kept_and_named() -> None:
    content = said("order", order(TotalPower=99))
    assert len(content.said) == 1
    assert [str(doubt) for doubt in content.doubted] == ["TotalPower: 99 is not the sum of ChargeDetails, 12.5"]


def test_an_order_that_ends_before_it_begins_is_refused() -> None:
    content = said("order", order(EndTime="2026-05-04 11:00:00"))
    assert content.said == []
    assert [str(r) for r in content.refused] == ["EndTime: lies before StartTime"]


def test_charging_becomes_status_samples_and_transaction() -> None:
    document = {
        "OrderNo": "1", "ConnectorID": "c", "OrderStatus": 2, "ConnectorStatus": 3, "PushTimeStamp": "2026-05-04 12:05:00",
        "StartTime": "2026-05-04 12:00:00", "TotalPower": 1.5, "CurrentA": "16", "VoltageA": 220, "SOC": "many",
    }  # fmt: skip
    content = said("charging", document, ZHEJIANG)
    assert [str(r) for r in content.refused] == ["SOC: 'many' is no number"]
    (item,) = content.said
    assert isinstance(item, ChargingSaid)
    found = observed(item, ("s1", 1), ZHEJIANG.statuses, NOON, NOON)
    assert [type(o) for o in found] == [
        StatusReported, MeterSampled, MeterSampled, TransactionReported, TransactionReported,
    ]  # fmt: skip
    events = [o for o in found if isinstance(o, TransactionReported)]
    assert [(e.kind, e.seq_no, e.register_wh) for e in events] == [("Started", 0, 0.0), ("Updated", 301, 1500.0)]


def test_no_value_of_a_charge_takes_the_fault_beside_it_with_it() -> None:
    document = {
        "OrderNo": "1", "ConnectorID": "c", "OrderStatus": "?", "ConnectorStatus": 255, "PushTimeStamp": "0000-00-00 00:00:00",
        "EndTime": "2026-05-04 12:00:00", "StartTime": "then", "TotalPower": -0.01, "SOC": 80,
    }  # fmt: skip
    content = said("charging", document, ZHEJIANG)
    (item,) = content.said
    assert isinstance(item, ChargingSaid)
    assert (item.status, item.at, item.started_at, item.energy_wh) == (255, NOON, None, None)
    assert [measured.value for measured in item.measured] == [80]
    assert [r.member for r in content.refused] == ["OrderStatus", "TotalPower", "StartTime", "PushTimeStamp"]
    nothing = said("charging", {"ConnectorID": "c", "ConnectorStatus": "x", "TotalPower": "x"}, ZHEJIANG)
    assert (nothing.said, len(nothing.refused)) == ([], 2)


@pytest.mark.parametrize("order_status", [1, 7], ids=["being started", "not begun"])
def test_a_charge_that_has_not_begun_is_a_status_and_no_transaction(order_status: int) -> None:
    document = {
        "OrderNo": "1", "ConnectorID": "c", "OrderStatus": order_status, "ConnectorStatus": 2, "StartTime": "2026-05-04 12:00:00",
        "PushTimeStamp": "2026-05-04 12:00:05", "TotalPower": 0, "VoltageA": 220,
    }  # fmt: skip
    (item,) = said("charging", document, ZHEJIANG).said
    found = observed(item, ("s1", 1), ZHEJIANG.statuses, NOON, NOON)
    assert [type(o) for o in found] == [StatusReported, MeterSampled]


def test_power_of_a_site() -> None:
    document = {
        "SupStationPowerInfos": [
            {"StationID": "1", "EquipmentPowerInfos": [
                {"EquipmentID": "e", "DataTime": "2026-05-04 12:00:00", "ConnectorPowerInfos": [
                    {"ConnectorID": "c", "ConnectorRealTimePower": "7.2"}, {"ConnectorID": "d"}]}]}]}  # fmt: skip
    content = said("power", document, ZHEJIANG)
    assert content.said == [PowerSaid("c", NOON, 7200.0)]
    assert len(content.refused) == 1


# --- files ------------------------------------------------------------------------------------------------------


def test_a_site_with_its_equipment() -> None:
    connectors = [{"ConnectorID": "e01", "Power": 60}, {"ConnectorID": "e02"}, {"no": 1}]
    document = {
        "StationID": "000009", "StationName": "站", "StationLng": "121.43", "StationLat": 29.28, "StationStatus": "50",
        "EquipmentInfos": [{"EquipmentID": "e", "Power": 120, "ConnectorInfos": connectors}, {"x": 1}],
    }  # fmt: skip
    content = said("station", {"StationInfo": document})
    (item,) = content.said
    assert isinstance(item, StationSaid)
    assert (item.station_id, item.longitude, item.operating) == ("000009", 121.43, 50)
    assert [tuple(c) for c in item.connectors] == [("e01", "e", 60000.0), ("e02", "e", 120000.0)]
    assert len(content.refused) == 2


def test_a_connector_of_a_file_that_cannot_be_used_takes_no_other_with_it() -> None:
    connectors = [{"ConnectorID": "e01", "Power": "much"}, {"ConnectorID": ""}, {"ConnectorID": "e03", "Power": 60}]
    document = {
        "StationID": "9", "StationLng": 999, "StationLat": 29.28, "StationStatus": 1.5,
        "EquipmentInfos": [{"EquipmentID": "e", "Power": -1, "ConnectorInfos": connectors}],
    }  # fmt: skip
    content = said("station", {"StationInfo": document})
    (item,) = content.said
    assert isinstance(item, StationSaid)
    assert (item.longitude, item.latitude, item.operating) == (None, 29.28, None)
    assert [tuple(c) for c in item.connectors] == [("e01", "e", None), ("e03", "e", 60000.0)]
    assert [r.member.rpartition(".")[2] for r in content.refused] == [
        "Power", "Power", "ConnectorID", "StationLng", "StationStatus",
    ]  # fmt: skip


def test_an_operator() -> None:
    (item,) = said("operator", {"SupOperatorInfo": {"OperatorID": "395815801"}}, ZHEJIANG).said
    assert isinstance(item, OperatorSaid)
    assert item.operator_id == "395815801"


def test_a_platform_speaks_for_its_own_operator_alone() -> None:
    items = [status(1, OperatorID="395815801"), status(1, OperatorID="313744932")]
    content = said("status", {"ConnectorStatusInfo": items})
    assert len(content.said) == 1
    assert [str(r) for r in content.refused] == [
        "ConnectorStatusInfo[1].OperatorID: 313744932: this platform speaks for 395815801 alone"
    ]
    assert said("operator", {"OperatorInfo": {"OperatorID": "313744932"}}).said == []


@pytest.mark.parametrize(
    ("filed", "overruled", "state"),
    [
        ({}, (), "unfiled"),
        ({"c": [("s1", 1)]}, (), "transaction"),
        ({"c": [("s1", 1)]}, {"s1"}, "own_word"),
        ({"c": [("s1", 1), ("s2", 1)]}, {"s1"}, "ambiguous"),
    ],
)
def test_what_becomes_of_an_order(filed: Any, overruled: Any, state: str) -> None:
    assert order_state("c", filed, overruled) == state
    assert isinstance(place_of("c", filed), Refused) is (state in ("unfiled", "ambiguous"))


# --- whatever is sent -------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["ConnectorStatusInfo", "ConnectorID", "Status", "StationInfo", "EquipmentInfos", "ConnectorInfos",
                         "EquipmentID", "Power", "ChargeOrderInfo", "StartTime", "EndTime", "TotalPower", "StationID", "VIN"]),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.dictionaries(st.text(), JSON), st.sampled_from(["status", "charging", "order", "power", "station", "operator"])
)
def test_nothing_makes_the_reading_fail(document: dict[str, Any], kind: str) -> None:
    content = said(kind, without_persons(document, MARK), ZHEJIANG)
    assert all(str(refused) for refused in (*content.refused, *content.doubted))


# --- persons ----------------------------------------------------------------------------------------------------


def test_cars_and_people_are_marked_wherever_they_stand() -> None:
    document = {
        "LicensePlate": "浙B12345", "VIN": "LSVAA4182E2123456", "Phone": 13800138000, "StationTel": "联系 13900139000 老王",
        "ServiceTel": "400-000-1234", "StopDesc": "车牌浙B·D12345停车", "StationID": "13800138000",
        "ChargeDetails": [{"vin": "LSVAA4182E2123456"}], "plate_no": "", "UserID": ["x"],
        "connectorId": "13700137000", "OrderNo": "13600136000", "EquipmentID": "浙B12345",
    }  # fmt: skip
    safe = without_persons(document, MARK)
    text = orjson.dumps(safe).decode()
    for personal in ("浙B", "LSVAA", '13800138000"', "13900139000"):
        assert personal not in text.replace('"StationID":"13800138000"', "")
    assert safe["ServiceTel"] == "400-000-1234"
    assert (safe["StationID"], safe["connectorId"], safe["OrderNo"]) == ("13800138000", "13700137000", "13600136000")
    assert safe["VIN"] == safe["ChargeDetails"][0]["vin"] != document["VIN"]
    assert safe["VIN"] != without_persons(document, marker("other"))["VIN"]
    assert safe["plate_no"] is safe["UserID"] is None


@pytest.mark.parametrize(
    "name",
    ["VinCode", "CarVin", "vinNo", "vehicleVIN", "PlateNumber", "car_plate", "licensePlateNo", "UserPhone", "MobilePhone",
     "CellPhoneNumber", "IdCardNo", "UserAccount", "PayAccountNo", "OwnerName", "user_real_name", "CardName", "DriverId"],
)  # fmt: skip
def test_whoever_is_named_by_a_part_of_a_name_is_marked(name: str) -> None:
    assert without_persons({name: "zhang san"}, MARK)[name].startswith("~")


def test_what_names_a_site_a_company_or_a_thing_stays() -> None:
    names = (
        "ElectricityAccountID", "ServicePhone", "StationPhone", "OperatorName", "EquipmentOwnerID", "StationName", "template",
        "PlatformID", "DiscountInfo", "ConnectorName", "ManufacturerName", "Invoice", "Saving", "EquipmentOwnerName",
    )  # fmt: skip
    document = dict.fromkeys(names, "zhang san")
    made = {
        "EquipmentModel": "EVDC120KW0012345A",
        "EquipmentManufacturerNumber": "ABC12345678901234",
        "Code": "ABC12345678901234",
    }
    assert without_persons({**document, **made}, MARK) == {**document, **made}


@pytest.mark.parametrize(
    "person", ["LSVAU2180C2183294", "lsvau2180c2183294", "浙b12345", "浙B·d12345", "330226198504121234", "33022619850412123x"]
)  # fmt: skip
def test_whoever_is_named_in_words_is_marked(person: str) -> None:
    safe = without_persons({"StopDesc": f"停止：{person}，已拒绝"}, MARK)["StopDesc"]
    assert person not in safe
    assert safe.startswith("停止：~")


def test_a_long_word_is_searched_as_fast_as_a_short_one() -> None:
    text = "x" * 1_000_000
    assert without_persons({"StopDesc": text}, MARK) == {"StopDesc": text}
    assert without_persons({"StopDesc": "1234567890123456A"}, MARK) == {"StopDesc": "1234567890123456A"}


# --- profiles ---------------------------------------------------------------------------------------------------


def test_zhejiang_is_marked_with_what_is_unverified() -> None:
    assert any("supervise_" in what for what in ZHEJIANG.unverified)
    assert ZHEJIANG.kind_of("supervise_notification_station_status") == "status"
    assert ZHEJIANG.kind_of("notification_stationStatus") == ZHEJIANG.kind_of("NOTIFICATION_STATIONSTATUS") == "status"
    assert CEC.kind_of("supervise_notification_station_status") is None
    assert ZHEJIANG.kind_of("query_start_charge") is None  # a supervisor controls nobody's charging


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version = 2", "version"),
        ("x", "not TOML"),
        ('version = 1\n[profile.a]\nbased_on = "a"', "based_on"),
        ('version = 1\n[profile.a]\nbased_on = "b"', "based_on"),
        ('version = 1\n[profile.a]\ntitle = "A"', "a.base_path"),
    ],
)
def test_a_profile_that_is_wrong_is_named(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        read_profiles(text)


def test_pauses_between_tries_grow_and_stay() -> None:
    assert [CEC.pause_s(tries) for tries in (1, 3, 4, 6, 60)] == [60, 60, 300, 3600, 3600]


def test_what_is_no_object_is_no_content() -> None:
    assert parsed(b'{"a":1}') == {"a": 1}


# --- what is wrong, in the reader's language --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "chinese"),
    [
        ("m: ConnectorStatusInfo[1].Status: 'x' is no number", "m: ConnectorStatusInfo[1].Status", "'x' 不是数字"),
        (f"m: ConnectorID: P9-9: {UNFILED}", "m: ConnectorID: P9-9", "该平台没有备案这个编码的枪"),
        (
            "m: ConnectorID: A: is filed for several connectors (P1 1, P2 1): which is meant?" + KEPT, "m: ConnectorID: A",
            "备案给了多把枪（P1 1, P2 1），无法判断是哪一把；订单留存，不记为充电事务",
        ),
        ("TotalMoney: 5 is not 3 + 1", "TotalMoney", "5 不等于 3 + 1"),
        ("Data: not JSON: unexpected end: line 1 column 1", "Data", "不是 JSON：unexpected end: line 1 column 1"),
        ("m: Sig: does not fit", "m: Sig", "不符"),
        (
            "transaction 7 of P1 cannot be told: nobody told when it began", "", "P1 的充电事务 7 不能上报：没有开始时间",
        ),
        ("ConnectError: All connection attempts failed", "", "连不上对方：All connection attempts failed"),
        ("the answer has no Status", "", "对方的应答缺少 Status"),
        ("Status '1': not taken", "", "对方没有接收：Status '1'"),
        ("Ret 4002: no token is given: FailReason 1", "Ret 4002", "对方没有给令牌：FailReason 1"),
        ("Ret 500: ", "", "对方返回 Ret 500"),
        ("the answer takes longer than 120 s", "", "对方超过 120 秒没有答完"),
        ("the answer is not JSON; it answers other requests", "", "对方的应答不是 JSON；对方能应答其他请求"),
        ("not signed, and so not believed: Ret 4001: x is missing", "", "应答没有签名，不予采信：Ret 4001：x is missing"),
        ("could not be told: KeyError", "", "无法上报：KeyError"),
        ("Data: cannot be stored: out of range", "Data", "无法保存：out of range"),
        ("what nobody knows: at all", "", "what nobody knows: at all"),
    ],
)  # fmt: skip
def test_a_reason_that_was_kept_is_said_in_chinese(text: str, where: str, chinese: str) -> None:
    wrong = known_again(text)
    assert (wrong.where, explain(wrong.reason, "zh")) == (where, chinese)
    assert explain(wrong.reason, "en") == (text.removeprefix(f"{where}: ") if where else text)


def test_several_questions_that_went_wrong_are_said_one_by_one() -> None:
    text = "query_station_status: the answer is not JSON; it answers other requests; query_stations_info: Ret 4004"
    told = [(wrong.where, explain(wrong.reason, "zh")) for wrong in each_known_again(text)]
    assert told == [
        ("query_station_status", "对方的应答不是 JSON；对方能应答其他请求"), ("query_stations_info", "对方返回 Ret 4004"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("detail", "chinese"),
    [
        ("no answer in time", "没有及时应答"),
        ("its certificate does not hold: self-signed certificate", "证书无效：self-signed certificate"),
        ("HTTP 503 Service Unavailable", "HTTP 503 Service Unavailable"),
        ("1001 going away: till noon", "1001 going away: till noon"),
    ],
)
def test_why_an_upstream_is_away_is_said_in_chinese(detail: str, chinese: str) -> None:
    wrong = relay_wording.known_again(detail)
    assert (wrong.where, explain(wrong.reason, "zh"), explain(wrong.reason, "en")) == ("", chinese, detail)


def test_every_reason_has_its_chinese() -> None:
    every = (*TEMPLATES, *SENTENCES, *relay_wording.SENTENCES)
    assert [template for template in every if template not in known_chinese()[0]] == []


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("status", {"ConnectorStatusInfo": 1}), ("status", {"ConnectorStatusInfo": [1]}),
        *(("status", {"ConnectorStatusInfo": {"ConnectorID": id, "Status": status}}) for id, status in (
            ("a", "x"), ("a", None), ("a", 9), ("a", 1.5), ("a", -1), ("", 1), ("x" * 65, 1), ({}, 1),
        )),
        ("status", {"ConnectorStatusInfo": {"ConnectorID": "a", "Status": 1, "UpdateTime": "then"}}),
        ("status", {"ConnectorStatusInfo": {"ConnectorID": "a", "Status": 1, "OperatorID": "000000000"}}),
        ("order", {"ChargeOrderInfo": {"ConnectorID": "a", "OrderNo": "1", "StartTime": "2026-05-04", "EndTime": "2026-05-03"}}),
        ("order", {"ChargeOrderInfo": {
            "ConnectorID": "a", "OrderNo": "1", "StartTime": "2026-05-04", "EndTime": "2026-05-04", "TotalPower": 9,
            "TotalMoney": 5, "TotalElecMoney": 1, "TotalSeviceMoney": 1, "ChargeDetails": [{"DetailPower": 1}],
        }}),
        ("station", {"StationInfo": {"StationName": "x"}}), ("stats", {"StationStats": {"StationID": "1"}}),
    ],
)  # fmt: skip
def test_what_is_refused_is_known_again(kind: str, document: dict[str, Any]) -> None:
    content = read(CEC, kind, document, "395815801")
    assert content.refused or content.doubted
    for refused in (*content.refused, *content.doubted):
        wrong = known_again(str(refused))
        assert wrong.where.startswith(refused.member)
        assert explain(wrong.reason, "zh") != refused.reason
