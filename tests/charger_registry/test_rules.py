"""The ledger's rules, identifiers and coordinates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.identifiers import is_organisation_code
from charger_registry.ledger.responsibility import Line, holder, unmanaged
from charger_registry.people.passwords import Tries
from youguan.coordinates import TO_WGS84, gcj02_to_wgs84, to_wgs84, wgs84_to_gcj02
from youguan.credit_codes import is_uscc
from youguan.errors import TooManyRequests

START = datetime(2026, 1, 1, tzinfo=UTC)


def line(role: str = "manager", who: str = "a", since: int = 0, until: int | None = None, station: str = "") -> Line:
    return Line(
        role, who, station, START + timedelta(days=since), None if until is None else START + timedelta(days=until)
    )


def test_a_period_includes_its_beginning_and_not_its_end() -> None:
    lines = [line(who="a", until=10), line(who="b", since=10)]
    at = [holder(lines, "manager", START + timedelta(days=day)) for day in (-1, 0, 9, 10)]
    assert [found.organisation_id if found else None for found in at] == [None, "a", "a", "b"]


def test_a_stations_own_manager_takes_precedence() -> None:
    lines = [line(who="site"), line(who="own", station="s1")]
    assert [holder(lines, "manager", START, s).organisation_id for s in ("", "s1", "s2")] == ["site", "own", "site"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("lines", "deregistered", "reason"),
    [
        ([line("builder")], {}, "no_manager"),
        ([line()], {}, None),
        ([line(until=3)], {}, "contract_ended"),
        ([line(until=3), line(who="b", since=3)], {}, None),
        ([line(since=9)], {}, "no_manager"),
        ([line()], {"a": START + timedelta(days=2)}, "deregistered"),
        ([line()], {"a": START + timedelta(days=9)}, None),
        ([line(station="s1")], {}, "no_manager"),
        ([line(until=3)], {"a": START + timedelta(days=2)}, "deregistered"),
        ([line(until=3)], {"a": START + timedelta(days=4)}, "contract_ended"),
    ],
)
def test_why_nobody_manages(lines: list[Line], deregistered: dict[str, datetime], reason: str | None) -> None:
    known = [replace(line, ceased_at=deregistered.get(line.organisation_id)) for line in lines]
    now = START + timedelta(days=5)
    found = unmanaged(known, now, START)
    assert (found.reason if found else None) == reason
    assert (holder(known, "manager", now) is None) is (reason is not None), "who is no more has no role"


@pytest.mark.parametrize("code", ["91330100799655058B", "91440300708461136T"])
def test_a_credit_code_is_checked_in_every_character(code: str) -> None:
    assert is_uscc(code)
    assert not any(is_uscc(code[:n] + ("2" if code[n] != "2" else "3") + code[n + 1 :]) for n in range(18))


@pytest.mark.parametrize(
    ("code", "fits"),
    [("395815801", True), ("313744932", True), ("799655058", True), ("123456789", False)],
)
def test_organisation_codes(code: str, fits: bool) -> None:
    assert is_organisation_code(code) is fits


def test_the_published_point() -> None:
    longitude, latitude = wgs84_to_gcj02((121.4290, 29.2880))
    assert (round(longitude, 6), round(latitude, 6)) == (121.433469, 29.285513)


@given(st.floats(75, 134), st.floats(18, 53))
def test_there_and_back_is_within_a_millimetre(longitude: float, latitude: float) -> None:
    back = gcj02_to_wgs84(wgs84_to_gcj02((longitude, latitude)))
    assert hypot(back[0] - longitude, back[1] - latitude) < 1e-8


@pytest.mark.parametrize("crs", sorted(TO_WGS84))
def test_every_system_stays_near(crs: str) -> None:
    longitude, latitude = to_wgs84((121.43, 29.29), crs)
    assert hypot(longitude - 121.43, latitude - 29.29) < 0.02


def test_who_fails_too_often_waits_and_nobody_else() -> None:
    tries = Tries()
    for _ in range(10):
        tries.begin("x", "10.0.0.1", START)
    with pytest.raises(TooManyRequests) as error:
        tries.begin("x", "10.0.0.1", START + timedelta(minutes=1))
    assert error.value.headers["Retry-After"] == "240"
    tries.begin("y", "10.0.0.1", START)
    tries.begin("x", "10.0.0.2", START)
    tries.begin("x", "10.0.0.1", START + timedelta(minutes=6))


def test_a_source_is_limited_too_but_not_by_those_who_get_in() -> None:
    tries = Tries()
    for n in range(400):
        tries.begin(f"known {n}", "10.0.0.1", START)
        tries.succeeded(f"known {n}", "10.0.0.1")
    for n in range(200):
        tries.begin(f"guessed {n}", "10.0.0.1", START)
    with pytest.raises(TooManyRequests):
        tries.begin("known 1", "10.0.0.1", START)


def test_what_is_remembered_of_tries_is_bounded() -> None:
    tries = Tries()
    for n in range(6000):
        tries.begin(f"{n}" + "x" * 100_000, f"10.0.{n // 250}.{n % 250}", START)
    assert len(tries._rates._begun) <= 10_000
    assert max(map(len, tries._rates._begun)) <= 401
