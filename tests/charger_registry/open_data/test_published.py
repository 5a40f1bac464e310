"""What is published and when it last changed: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.open_data.ocpi import electricity, read_time
from charger_registry.open_data.published import (
    ConnectorDocument,
    EvseDocument,
    KnownEvse,
    evse_changes,
    evse_condition,
    public_id,
    to_the_millisecond,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(days=1)


def connector(number: int = 1, *, power_w: int = 7_000, current: str = "AC", volts: int | None = None,
              amperes: int | None = None, at: datetime = NOW) -> ConnectorDocument:  # fmt: skip
    return ConnectorDocument(
        connector=number, type=None, format=None, current_type=current, power_w=power_w, voltage_v=volts,
        current_a=amperes, price_id=None, updated_at=at,
    )  # fmt: skip


def evse(*connectors: ConnectorDocument) -> EvseDocument:
    return EvseDocument(power_w=7_000, evse_id=None, bay=None, price=None, connectors=connectors)


KEY = ("a", "a1", 1)


def test_what_is_as_it_was_is_not_written() -> None:
    known = {KEY: KnownEvse(evse(connector(at=THEN)), removed=False)}
    assert not evse_changes(known, {KEY: evse(connector())}, NOW).site_ids


def test_only_the_connector_that_changed_is_dated() -> None:
    known = {KEY: KnownEvse(evse(connector(1, at=THEN), connector(2, at=THEN)), removed=False)}
    changes = evse_changes(known, {KEY: evse(connector(1), connector(2, power_w=11_000))}, NOW)
    assert [c.updated_at for c in changes.written[KEY].connectors] == [THEN, NOW]


def test_what_is_gone_is_removed_once_and_what_is_back_is_written() -> None:
    known = {KEY: KnownEvse(evse(connector(at=THEN)), removed=False)}
    gone = {KEY: KnownEvse(evse(connector(at=THEN)), removed=True)}
    assert evse_changes(known, {}, NOW).removed == [KEY]
    assert evse_changes(gone, {}, NOW).removed == []
    assert list(evse_changes(gone, {KEY: evse(connector())}, NOW).written) == [KEY]


@pytest.mark.parametrize(
    ("told", "condition"),
    [
        ({}, "unknown"),
        ({"1": "available"}, "available"),
        ({"1": "faulted"}, "unknown"),
        ({"1": "faulted", "2": "faulted"}, "faulted"),
        ({"1": "faulted", "2": "unavailable"}, "unavailable"),
        ({"1": "faulted", "2": "available"}, "available"),
        ({"1": "available", "2": "charging"}, "charging"),
        ({"1": "occupied", "2": "charging"}, "charging"),
        ({"1": "available", "2": "reserved"}, "reserved"),
        ({"0": "faulted", "3": "charging"}, "unknown"),
    ],
)
def test_an_evse_of_two_connectors(told: dict[str, str], condition: str) -> None:
    assert evse_condition(True, told, (1, 2)) == condition
    assert evse_condition(False, told, (1, 2)) == evse_condition(False, told, (1, 2), closed=True) == "unknown"
    assert evse_condition(True, told, (1, 2), closed=True) == ("unknown" if condition == "unknown" else "unavailable")


@given(st.text(), st.integers())
def test_an_identifier_can_be_carried_and_is_always_the_same(station: str, number: int) -> None:
    made = public_id(station, number)
    assert 0 < len(made) <= 36
    assert made.isascii()
    assert made.isprintable()
    assert not set(made) & set(" /?#%")
    assert made == public_id(station, number)


@given(st.lists(st.text(max_size=60), unique=True))
def test_different_stations_have_different_identifiers(stations: list[str]) -> None:
    assert len({public_id(station, 1) for station in stations}) == len(stations)


@pytest.mark.parametrize(
    ("given_connector", "expected"),
    [
        (connector(power_w=7_000), ("AC_1_PHASE", 220, 32)),
        (connector(power_w=22_000), ("AC_3_PHASE", 220, 34)),
        (connector(power_w=42_000, volts=380, amperes=63), ("AC_3_PHASE", 220, 63)),
        (connector(power_w=7_400, volts=230), ("AC_1_PHASE", 230, 33)),
        (connector(power_w=60_000, current="DC"), ("DC", 750, 80)),
        (connector(power_w=60_000, current="DC", volts=1000, amperes=250), ("DC", 1000, 250)),
    ],
)
def test_volts_and_amperes(given_connector: ConnectorDocument, expected: tuple[str, int, int]) -> None:
    assert electricity(given_connector) == expected


@pytest.mark.parametrize(
    "text",
    ["2015-06-29T20:39:09Z", "2015-06-29T20:39:09", "2016-12-29T17:45:09.2Z", "2016-12-29T17:45:09.2",
     "2018-01-01T01:08:01.123Z", "2018-01-01T01:08:01.123"],
)  # fmt: skip
def test_times_as_the_specification_writes_them(text: str) -> None:
    found = read_time(text)
    assert found is not None
    assert found.utcoffset() == timedelta(0)
    assert found.isoformat().startswith(text[:19])


@pytest.mark.parametrize(
    "text",
    ["", "2015-06-29", "2015-06-29T20:39:09+00:00", "2015-06-29 20:39:09Z", "2015-06-31T20:39:09Z", "٢٠١٥-06-29T20:39:09Z"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    assert read_time(text) is None


def test_times_are_kept_as_precise_as_they_are_told() -> None:
    assert to_the_millisecond(THEN.replace(microsecond=123_999)) == THEN.replace(microsecond=123_000)
