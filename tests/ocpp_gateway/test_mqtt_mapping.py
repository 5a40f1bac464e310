"""From an MQTT message to observations: what a mapping says, and how what it cannot use is named."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.adapters.values import EARLIEST
from ocpp_gateway.mqtt.bridge import Budget
from ocpp_gateway.mqtt.mapping import read_mapping
from ocpp_gateway.mqtt.reading import read
from ocpp_gateway.observation import SensorRead
from ocpp_gateway.sensors.alarm import alarm_after
from tests.suite import COMMAND, ROOT
from youguan.errors import Invalid

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SHIPPED = ROOT / "ocpp_gateway/mqtt/topics.toml"
MAPPING = read_mapping(SHIPPED.read_text(encoding="utf-8"))
AT = "2026-05-04T11:59:00Z"


def said(topic: str, message: Any) -> Any:
    return read(MAPPING, topic, orjson.dumps(message), NOW)


def refusals(topic: str, message: Any) -> list[str]:
    return [str(refused) for refused in said(topic, message).refused]


def test_a_status() -> None:
    reading = said(
        "chargers/S1/C1/status", {"connector": 2, "status": "Faulted", "error_code": "GroundFailure", "at": AT}
    )
    (report,) = reading.statuses
    assert (report.station_id, report.connector, report.status, report.condition) == ("C1", 2, "Faulted", "faulted")
    assert (report.occurred_at, report.received_at) == (datetime(2026, 5, 4, 11, 59, tzinfo=UTC), NOW)
    assert (report.error_code, reading.site_id, reading.refused) == ("GroundFailure", "S1", [])


@pytest.mark.parametrize(
    "at", [AT, "2026-05-04T19:59:00+08:00", "2026-05-04T11:59:00", 1777895940, 1777895940000, 1777895940.0]
)
def test_times_in_every_spelling(at: Any) -> None:
    (report,) = said("chargers/S1/C1/status", {"connector": 1, "status": "Available", "at": at}).statuses
    assert report.occurred_at == datetime(2026, 5, 4, 11, 59, tzinfo=UTC)


def test_a_clock_that_cannot_be_believed_is_kept_but_not_decided_by() -> None:
    (report,) = said("chargers/S1/C1/status", {"connector": 1, "status": "Available", "at": 0}).statuses
    assert (report.occurred_at.year, report.effective_at) == (1970, NOW)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+08:00", -62135596800])
def test_the_first_instant_that_there_is_stands_for_a_time_that_is_not_known(at: Any) -> None:
    (report,) = said("chargers/S1/C1/status", {"connector": 1, "status": "Faulted", "at": at}).statuses
    assert (report.occurred_at, report.effective_at) == (EARLIEST, NOW)


def test_meter_values_in_base_units_and_good_members_beside_bad_ones() -> None:
    reading = said("chargers/S1/C1/meter", {"connector": 1, "energy_kwh": 12.5, "power_kw": -3, "voltage_v": "much"})
    assert [(s.kind.measurand, s.kind.unit, s.value) for s in reading.samples] == [
        ("Energy.Active.Import.Register", "Wh", 12500.0)
    ]
    assert [str(refused) for refused in reading.refused] == [
        "$.power_kw: -3 is out of range (0 to 2000)",
        "$.voltage_v: 'much' is not a number",
    ]


@pytest.mark.parametrize(
    ("topic", "message", "value", "sensor"),
    [
        ("sensors/S1/smoke/hall", {"value": True}, 1.0, "hall"),
        ("sensors/S1/smoke/hall", {"value": "normal"}, 0.0, "hall"),
        ("sensors/S1/water/pit", {"value": 1}, 1.0, "pit"),
        ("sensors/S1/temperature/hall", {"value": "71.5"}, 71.5, "hall"),
        ("bays/S1/C1/status", {"connector": 2, "vehicle": "petrol"}, 1.0, "bay-C1-2"),
        ("bays/S1/C1/status", {"connector": 2, "vehicle": "electric"}, 0.0, "bay-C1-2"),
    ],
)
def test_sensors(topic: str, message: dict[str, Any], value: float, sensor: str) -> None:
    (reading,) = said(topic, message).sensors
    assert (reading.site_id, reading.value, reading.sensor) == ("S1", value, sensor)


@pytest.mark.parametrize(
    ("topic", "message", "refused"),
    [
        ("elsewhere", {}, "topic: no pattern of the mapping matches it"),
        ("chargers/S1/C1/status/more", {}, "topic: no pattern of the mapping matches it"),
        ("chargers/S1/C1/status", [], "$.status: missing"),
        ("chargers/S1/C1/status", {"status": "Available"}, "$.connector: missing"),
        ("chargers/S1/C1/status", {"status": "Fine", "connector": 1}, "$.status: 'Fine' is no status that the mapping knows"),
        ("chargers/S1/C1/status", {"status": 1.5, "connector": 1}, "$.status: not a text"),
        ("chargers/S1/C1/status", {"status": "Available", "connector": -1}, "$.connector: '-1' is no connector number"),
        ("chargers/S1/C1/status", {"status": "Available", "connector": 2**31}, "$.connector: '2147483648' is no connector number"),
        ("chargers/S1/C1/status", {"status": "Available", "connector": True}, "$.connector: not a text"),
        ("chargers/S1/C1/status", {"status": "Available", "connector": 1, "at": "soon"}, "$.at: 'soon' is not a time"),
        ("chargers/S1/C1/status", {"status": "Available", "connector": 1, "at": 1e300}, "$.at: 1e+300 is not a time"),
        ("chargers/S1/C1/meter", {"connector": 1}, "holds nothing that the mapping asks for"),
        ("sensors/S1/smoke/hall", {"value": "burning"}, "$.value: 'burning' is neither a number nor one of: alarm, normal"),
        (
            "bays/S1/C1/status",
            {"connector": 1, "vehicle": "tank"},
            "$.vehicle: 'tank' is neither a number nor one of: none, electric, petrol",
        ),
        ("sensors/S1/temperature/hall", {"value": 1e9}, "$.value: 1e+09 is out of range (-60 to 1000)"),
        (f"chargers/S1/{'x' * 49}/status", {}, "{station}: longer than 48 characters"),
        ("chargers/S1/a\x00b/status", {}, "{station}: holds characters that cannot be shown"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(topic: str, message: Any, refused: str) -> None:
    reading = said(topic, message)
    assert [str(r) for r in reading.refused] == [refused]
    assert not reading.statuses + reading.samples + reading.sensors


def test_a_bad_remark_takes_no_status_with_it() -> None:
    reading = said(
        "chargers/S1/C1/status", {"connector": 1, "status": "Faulted", "error_info": "a\x00b", "error_code": [1]}
    )
    assert [report.status for report in reading.statuses] == ["Faulted"]
    assert [str(refused) for refused in reading.refused] == [
        "$.error_code: not a text",
        "$.error_info: holds characters that cannot be shown",
    ]


def test_bad_json_is_named() -> None:
    (refused,) = read(MAPPING, "chargers/S1/C1/status", b"{\xff", NOW).refused
    assert str(refused).startswith("not JSON")


OWN = """
version = 1
[[topic]]
pattern = "park/{site}/gateway"
station = "$.pile.no"
[[topic.status]]
each = "$.pile.guns"
connector = "$.no"
status = "$.state"
at = "$.time"
words = { "空闲" = "Available", "故障" = "Faulted" }
"""


def test_a_mapping_of_ones_own_with_lists_and_words() -> None:
    mapping = read_mapping(OWN)
    guns = [{"no": 1, "state": "空闲", "time": AT}, {"no": 2, "state": "故障"}, {"no": 3, "state": "?"}, 7]
    reading = read(mapping, "park/S/gateway", orjson.dumps({"pile": {"no": "P1", "guns": guns}}), NOW)
    assert [(s.station_id, s.connector, s.status) for s in reading.statuses] == [
        ("P1", 1, "Available"),
        ("P1", 2, "Faulted"),
    ]
    assert [refused.member for refused in reading.refused] == ["$.pile.guns[2].state", "$.pile.guns[3].state"]
    assert mapping.filters == ["park/+/gateway"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("version = 2", "version"),
        ("version = 1", "topic"),
        ("version = [", "not TOML"),
        (OWN.replace('"$.state"', '"$.state["'), "topic.0.status.0.status"),
        (OWN.replace('"Faulted"', '"Broken"'), "topic.0.status.0"),
        (OWN.replace("{site}", "+"), "topic.0.pattern"),
        (OWN + "colour = 1", "topic.0.status.0.colour"),
        (OWN + '[[topic.sensor]]\nkind = "k"\nvalue = "$.v"\nalarm = "smoke"', "topic.0.sensor.0"),
        (OWN + '[[topic.sensor]]\nkind = "k"\nvalue = "$.v"\nalarm = "noise"\nabove = 1.0', "topic.0.sensor.0.alarm"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_named(text: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_mapping(text)
    assert field in caught.value.detail
    assert "Value error" not in caught.value.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["connector", "status", "at", "value", "vehicle", "energy_kwh", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
TOPICS = st.sampled_from([topic.pattern.format(site="S", station="C", sensor="x") for topic in MAPPING.topic])


@given(TOPICS, JSON)
def test_no_message_breaks_the_reading(topic: str, message: Any) -> None:
    try:
        payload = orjson.dumps(message)
    except orjson.JSONEncodeError:
        return
    reading = read(MAPPING, topic, payload, NOW)
    assert reading.refused or reading.statuses or reading.samples or reading.sensors


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reading(payload: bytes) -> None:
    assert read(MAPPING, "chargers/S/C/status", payload, NOW).refused


def sensor(value: float) -> SensorRead:
    return SensorRead("s", "x", "temperature", None, None, NOW, NOW, NOW, value, "Celsius", "overheating", 70.0, 60.0)


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        (69.9, None, None),
        (70.0, None, "overheating"),
        (60.0, "overheating", "overheating"),
        (59.9, "overheating", None),
        (65.0, "smoke", None),
    ],
)
def test_an_alarm_begins_above_and_lasts_until_it_is_well_below(
    value: float, before: str | None, after: str | None
) -> None:
    assert alarm_after(sensor(value), before) == after


def test_only_so_much_of_what_is_refused_is_kept() -> None:
    budget = Budget(2)
    assert [budget.spend(NOW) for _ in range(3)] == [True, True, False]
    assert budget.spend(NOW + timedelta(minutes=1))


def try_mapping(*arguments: str, message: str, mapping: Path = SHIPPED) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "mqtt", "try", str(mapping), *arguments]
    return subprocess.run(command, input=message, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_shows_what_a_message_becomes(tmp_path: Path) -> None:
    good = try_mapping("chargers/S/C/status", message='{"connector": 1, "status": "Faulted"}')
    assert (good.returncode, good.stderr) == (0, "")
    assert orjson.loads(good.stdout)["condition"] == "faulted"
    bad = try_mapping(message='chargers/S/C/status {"connector": 1, "status": "Broken"}')
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == "chargers/S/C/status: $.status: 'Broken' is no status that the mapping knows\n"
    wild = try_mapping("chargers/#", message='{"connector": 1, "status": "Faulted"}')
    assert (wild.returncode, wild.stdout, wild.stderr[:11]) == (1, "", "chargers/#:")
    broken = tmp_path / "own.toml"
    broken.write_text("version = 1")
    assert try_mapping("a", message="", mapping=broken).returncode == 2
