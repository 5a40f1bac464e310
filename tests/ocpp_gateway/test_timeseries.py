"""Days, hours and uptime: the database's counting held against a plain one, and the three rules on worked examples."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocpp_gateway.retention.store import forget_days
from ocpp_gateway.stations.store import file_site
from ocpp_gateway.timeseries import store
from ocpp_gateway.timeseries.api import add_timeseries
from ocpp_gateway.timeseries.months import whole_months
from ocpp_gateway.timeseries.rollup import Rollup, bounds, days_between
from ocpp_gateway.timeseries.uptime import Seconds, intact, nevi, online, uk
from youguan.auth import Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Invalid
from youguan.eventlog import publish
from youguan.events import ConnectorStatusChanged, SiteFiled, StationFile

DAY = date(2026, 5, 4)
LOW, HIGH = bounds(DAY)
STATES = ("available", "occupied", "charging", "reserved", "unavailable", "faulted", "offline", "unknown")
A_DAY_S = 86400


@pytest.mark.parametrize(
    ("seconds", "by_nevi", "by_uk", "by_intact", "by_online"),
    [
        (Seconds(), None, None, None, None),
        (Seconds(unknown_s=500), None, None, None, None),
        (Seconds(available_s=100), 100, 100, 100, 100),
        (Seconds(available_s=50, charging_s=25, occupied_s=15, reserved_s=10), 100, 100, 100, 100),
        (Seconds(available_s=90, faulted_s=10), 90, 90, 90, 100),
        (Seconds(available_s=90, unavailable_s=10), 90, 90, 100, 100),
        # The two disagree about lost communication: down under NEVI, reliable under the UK rule.
        (Seconds(available_s=90, offline_s=10), 90, 100, 100, 90),
        (Seconds(available_s=80, faulted_s=20, excluded_s=15), 95, 80, 80, 100),
        (Seconds(available_s=80, offline_s=10, faulted_s=10, excluded_s=20), 100, 90, 90, 90),
        # A year of 525,600 minutes with 14,892 of outage: exactly 97.1666…, above the 97 asked for.
        (Seconds(available_s=(525_600 - 14_892) * 60, faulted_s=14_892 * 60), 97.16666666666667, None, None, None),
    ],
)
def test_the_rules(
    seconds: Seconds, by_nevi: float | None, by_uk: float | None, by_intact: float | None, by_online: float | None
) -> None:
    assert nevi(seconds) == by_nevi
    if by_uk is not None or by_nevi is None:
        assert (uk(seconds), intact(seconds), online(seconds)) == (by_uk, by_intact, by_online)


@given(st.builds(Seconds, *[st.integers(0, A_DAY_S)] * 8, st.integers(0, A_DAY_S)))
def test_no_rule_leaves_its_bounds_and_an_exclusion_never_harms(seconds: Seconds) -> None:
    for rule in (nevi, uk, intact, online):
        figure = rule(seconds)
        assert figure is None or 0 <= figure <= 100
    counted = replace(seconds, excluded_s=0)
    if seconds.observed_s:
        assert (nevi(seconds) or 0) >= (nevi(counted) or 0)


def test_a_day_of_the_county_begins_at_midnight_there() -> None:
    assert LOW.astimezone(UTC) == datetime(2026, 5, 3, 16, tzinfo=UTC)
    assert list(days_between(LOW - timedelta(seconds=1), LOW + timedelta(seconds=1))) == [date(2026, 5, 3), DAY]
    assert list(days_between(LOW, HIGH)) == [DAY]


# --- the database's counting ------------------------------------------------------------------------------------


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    async with await create_pool(database_url, min_size=1, max_size=2) as pool, pool.acquire() as connection:
        yield connection


async def file(
    connection: asyncpg.Connection, *stations: str, connectors: int = 1, site: str = "site", at: datetime = LOW
) -> None:
    files = tuple(StationFile(station_id=s, connectors=connectors, power_w=1, current_type="AC") for s in stations)
    filed = SiteFiled(
        site_id=site,
        name=site,
        address="",
        division_code=None,
        division_name=None,
        longitude=1,
        latitude=1,
        stations=files,
    )
    await file_site(connection, filed, at)


async def heard(connection: asyncpg.Connection, station: str) -> None:
    """Let a station be one that has spoken: its days are counted wherever it is filed."""
    await connection.execute(
        "INSERT INTO gateway.connector_now VALUES ($1, 1, '', 'available', '', NULL, NULL, $2, $2, $2)", station, LOW
    )


async def say(
    connection: asyncpg.Connection, at: datetime, condition: str, *, station: str = "s", number: int = 1
) -> None:
    await connection.execute(
        "INSERT INTO telemetry.status_change VALUES ($1, $2, $3, $3, $3, $4, $4)", station, number, at, condition
    )


async def link(connection: asyncpg.Connection, at: datetime, change: str, station: str = "s") -> None:
    await connection.execute("INSERT INTO telemetry.connectivity_change VALUES ($1, $2, $3)", station, at, change)


async def day(connection: asyncpg.Connection, the_day: date = DAY, station: str = "s") -> dict[str, Any]:
    row = await connection.fetchrow(
        "SELECT * FROM telemetry.connector_day WHERE day = $1 AND station_id = $2 AND connector = 1", the_day, station
    )
    assert row is not None
    return dict(row)


def plain(changes: list[tuple[int, str]], links: list[tuple[int, str]]) -> dict[str, list[int]]:
    """Count second by second, hour by hour, in the plainest way."""
    counted = {state: [0] * 24 for state in STATES}
    condition, connected = "unknown", "never"
    by_second = dict(changes)
    link_by_second = dict(links)
    for second in range(A_DAY_S):
        condition = by_second.get(second, condition)
        connected = link_by_second.get(second, connected)
        state = {"offline": "offline", "never": "unknown"}.get(connected, condition)
        counted[state][second // 3600] += 1
    return counted


SECOND = st.integers(0, A_DAY_S - 1)
CHANGES = st.lists(st.tuples(SECOND, st.sampled_from(STATES[:6])), max_size=8, unique_by=lambda c: c[0])
LINKS = st.lists(st.tuples(SECOND, st.sampled_from(["online", "offline"])), max_size=5, unique_by=lambda c: c[0])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, links=LINKS)
async def test_the_counting_is_that_of_a_plain_clock(
    connection: asyncpg.Connection, changes: list[tuple[int, str]], links: list[tuple[int, str]]
) -> None:
    await connection.execute(
        """
        TRUNCATE gateway.station_directory, gateway.station_stay, telemetry.status_change, telemetry.connectivity_change,
            telemetry.connector_day
        """
    )
    await file(connection, "s")
    for second, condition in changes:
        await say(connection, LOW + timedelta(seconds=second), condition)
    for second, change in links:
        await link(connection, LOW + timedelta(seconds=second), change)
    await store.roll_day(connection, DAY, LOW, HIGH, None)
    expected = plain(changes, links)
    row = await day(connection)
    assert {state: row[f"{state}_s"] for state in STATES} == {state: sum(hours) for state, hours in expected.items()}
    hours = await store.hours(connection, "s", DAY, DAY + timedelta(days=1))
    assert len(hours) == 24
    assert {state: [h[f"{state}_s"] for h in hours] for state in STATES} == expected


async def test_a_day_begins_as_the_one_before_ended(connection: asyncpg.Connection) -> None:
    await file(connection, "s")
    await link(connection, LOW - timedelta(days=30), "connected")
    await say(connection, LOW - timedelta(days=30), "faulted")
    for n in (-1, 0):
        low, high = bounds(DAY + timedelta(days=n))
        await store.roll_day(connection, DAY + timedelta(days=n), low, high, None)
    assert (await day(connection))["faulted_s"] == A_DAY_S, "known from thirty days ago, then from day to day"


async def test_what_is_learnt_late_reaches_every_day_that_follows(connection: asyncpg.Connection) -> None:
    await file(connection, "s")
    await link(connection, LOW, "connected")
    await say(connection, LOW, "available")
    days = [DAY + timedelta(days=n) for n in range(3)]
    for the_day in days:
        assert await store.roll_day(connection, the_day, *bounds(the_day), None) == []
    await say(connection, LOW + timedelta(hours=12), "faulted")
    assert await store.roll_day(connection, days[0], *bounds(days[0]), ["s"]) == ["s"]
    assert await store.roll_day(connection, days[1], *bounds(days[1]), ["s"]) == ["s"]
    assert await store.roll_day(connection, days[1], *bounds(days[1]), ["s"]) == [], "the second time nothing is new"
    assert (await day(connection, days[0]))["faulted_s"] == A_DAY_S // 2
    assert (await day(connection, days[1]))["faulted_s"] == A_DAY_S
    assert (await day(connection, days[2]))["faulted_s"] == 0, "not yet counted again"


async def test_excluded_is_only_outage_within_the_periods(connection: asyncpg.Connection) -> None:
    await file(connection, "s")
    await link(connection, LOW, "connected")
    await say(connection, LOW, "available")
    await say(connection, LOW + timedelta(hours=6), "faulted")
    await say(connection, LOW + timedelta(hours=12), "available")
    periods = [(0, 8), (7, 9), (11, 20)]
    await store.insert_exclusions(
        connection,
        [
            (str(n), "s", "grid_outage", LOW + timedelta(hours=a), LOW + timedelta(hours=b), None, "r", "p", LOW)
            for n, (a, b) in enumerate(periods)
        ],
    )
    await store.roll_day(connection, DAY, LOW, HIGH, None)
    assert (await day(connection))["excluded_s"] == 4 * 3600, "6 to 9 and 11 to 12, what overlaps once"
    await store.withdraw_exclusion(connection, "2", LOW)
    await store.roll_day(connection, DAY, LOW, HIGH, None)
    assert (await day(connection))["excluded_s"] == 3 * 3600


async def test_energy_and_transactions_count_on_the_day_they_end(connection: asyncpg.Connection) -> None:
    await file(connection, "s")
    await connection.executemany(
        """
        INSERT INTO telemetry.transaction (station_id, transaction_id, connector, ended_at, meter_start_wh, meter_stop_wh)
        VALUES ('s', $1, 1, $2, 1000, $3)
        """,
        [("a", LOW, 3000.0), ("b", HIGH - timedelta(seconds=1), 1500.0), ("c", HIGH, 9000.0)],
    )
    await store.roll_day(connection, DAY, LOW, HIGH, None)
    row = await day(connection)
    assert (row["transactions"], row["energy_wh"]) == (2, 2500)


async def test_sums_by_connector_station_site_and_county(connection: asyncpg.Connection) -> None:
    await file(connection, "s", connectors=2)
    await file(connection, "t", connectors=2, site="other")
    for station in ("s", "t"):
        await link(connection, LOW, "connected", station)
        for number in (1, 2):
            await say(connection, LOW, "available", station=station, number=number)
    await say(connection, LOW + timedelta(hours=12), "faulted", station="t", number=2)
    await store.roll_day(connection, DAY, LOW, HIGH, None)

    async def sums(by: Any, **where: Any) -> list[tuple[int, int]]:
        given_ = {"site_id": None, "station_id": None, **where}
        rows = await store.sum_days(connection, DAY, DAY + timedelta(days=1), by, **given_)
        return [(row["available_s"], row["faulted_s"]) for row in rows]

    half = A_DAY_S // 2
    assert sorted(await sums("connector")) == [(half, half), (half * 2, 0), (half * 2, 0), (half * 2, 0)]
    assert sorted(await sums("station")) == [(half * 3, half), (half * 4, 0)]
    assert sorted(await sums("site")) == [(half * 3, half), (half * 4, 0)]
    assert await sums("county") == [(half * 7, half)]
    assert await sums("county", site_id="other") == [(half * 3, half)]
    assert sorted(await sums("connector", station_id="t")) == [(half, half), (half * 2, 0)]


async def test_a_day_counts_for_the_site_where_the_station_stood_at_its_noon(database_url: str) -> None:
    first, last = date(2026, 5, 30), date(2026, 6, 2)
    clock = ManualClock(bounds(first)[0])

    def noon(the_day: date, hours: int) -> datetime:
        return bounds(the_day)[0] + timedelta(hours=12 + hours)

    async with await create_pool(database_url) as pool, pool.acquire() as connection:
        rollup = Rollup(pool, clock)

        async def faulted(since: date, until: date) -> dict[str | None, float]:
            rows = await store.sum_days(connection, since, until, "site", site_id=None, station_id=None)
            return {row["site_id"]: float(row["faulted_s"]) / A_DAY_S for row in rows}

        await file(connection, "s", site="x")
        await heard(connection, "s")
        await link(connection, clock.now(), "connected")
        await say(connection, clock.now(), "faulted")
        clock.advance(timedelta(hours=23))
        await rollup.roll(connection)
        clock.advance(timedelta(days=3))
        await rollup.roll(connection)
        assert await faulted(first, last) == {"x": 3}
        # told late: it moved in the forenoon of 31 May, its new site was retired in the afternoon of 1 June
        await file(connection, "s", site="y", at=noon(first + timedelta(days=1), -2))
        await file(connection, site="y", at=noon(last - timedelta(days=1), 2))
        await rollup.roll_late(connection)
        await rollup.roll(connection)
        assert await faulted(first, last) == {"x": 1, "y": 2}
        assert await sum_of_spans(connection, ("x", first, last), ("y", first, last)) == [A_DAY_S, 2 * A_DAY_S]
        assert await faulted(last, last + timedelta(days=1)) == {None: 23 / 24}, "of today so far"
        may = (date(2026, 5, 1), date(2026, 6, 1))
        assert await faulted(*may) == {"x": 1, "y": 1}
        await say(connection, noon(may[1], -36), "available")
        await store.mark_due(connection, [("s", may[1] - timedelta(days=1))])
        await rollup.roll_late(connection)
        assert await faulted(*may) == {"x": 1, "y": 0}, "the month is summed again"
        await forget_days(connection, last)
        assert await connection.fetchval("SELECT min(day) FROM telemetry.connector_day") == may[1], (
            "summed days alone go"
        )
        await store.mark_due(connection, [("s", may[1] - timedelta(days=1))])
        await Rollup(pool, clock, countable=timedelta(days=1)).roll_late(connection)
        assert await faulted(*may) == {"x": 1, "y": 0}, "what they added up to stays"


async def sum_of_spans(connection: asyncpg.Connection, *spans: tuple[str, date, date]) -> list[int]:
    return [row["faulted_s"] for row in await store.sum_spans(connection, spans)]


DATES = st.dates(date(2025, 11, 1), date(2026, 5, 1))


@given(DATES, DATES, st.none() | DATES.map(lambda day: day.replace(day=1)))
def test_every_day_is_read_once(one: date, other: date, summed_until: date | None) -> None:
    since, until = min(one, other), max(one, other)
    first, after = whole_months(since, until, summed_until)
    days = {since + timedelta(days=n) for n in range((until - since).days)}
    months = {first + timedelta(days=n) for n in range((after - first).days)}
    assert months <= days
    assert {day for day in days if day < first or day >= after} == days - months
    assert not months or (first.day == after.day == 1 and summed_until is not None and after <= summed_until)
    if summed_until is not None and until <= summed_until and (until - since).days > 62:
        assert months, "two months and a day hold a whole one"


async def test_uptime_and_hours_are_read_page_by_page(connection: asyncpg.Connection, database_url: str) -> None:
    await file(connection, "s", "t", "u", connectors=2)
    for station in "stu":
        await say(connection, LOW, "available", station=station)
    await heard(connection, "t")
    await file(connection, "s", "u", connectors=2)  # the other is filed no longer
    await store.roll_day(connection, DAY, LOW, HIGH, None)
    app = FastAPI()
    period = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()}
    who = Principal("r", "R", frozenset({"regulator"}), None, None, "t", "c", LOW)

    @app.middleware("http")
    async def somebody(request: Request, call_next: Any) -> Any:
        request.state.principal = who
        return await call_next(request)

    async with await create_pool(database_url) as pool:
        add_timeseries(app, pool, ManualClock(HIGH))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:

            async def walk(path: str, **query: str) -> list[list[dict[str, Any]]]:
                pages: list[list[dict[str, Any]]] = []
                cursor: dict[str, str] = {}
                while True:
                    answer = await client.get(path, params={**period, **query, **cursor})
                    page = answer.raise_for_status().json()
                    pages.append(page["items"])
                    if page["next"] is None:
                        return pages
                    cursor = {"cursor": page["next"]}

            for by in ("connector", "station", "site", "county"):
                (whole,) = await walk("/uptime", by=by, limit="1000")
                single = await walk("/uptime", by=by, limit="1")
                assert whole
                assert [row for page in single for row in page] == whole
            (hours,) = await walk("/stations/s/hours", limit="1000")
            pages = await walk("/stations/s/hours", limit="7")
            assert len(hours) == 2 * 24
            assert [row for page in pages for row in page] == hours
            with pytest.raises(Invalid):
                await client.get("/uptime", params={**period, "by": "station", "cursor": "x"})
            (of_sites,) = await walk("/uptime", by="site", limit="1000")
            of_site = next(row for row in of_sites if row["site_id"])
            site, day, after = of_site["site_id"], *period.values()
            said = [f"{site},2020-01-01,2020-12-31", f"{site},{day},{after}", f"elsewhere,{day},{after}"]
            spans = (await client.get("/uptime/spans", params={"span": said})).raise_for_status().json()["items"]
            assert spans == [{**of_site, "place": 1}]
            for wrong in ("s", f"{site},{day},x", f"{site},{after},{day}"):
                with pytest.raises(Invalid):
                    await client.get("/uptime/spans", params={"span": wrong})


async def test_the_job_counts_today_so_far_yesterday_and_what_came_late(database_url: str) -> None:
    clock = ManualClock(LOW + timedelta(hours=6))
    async with await create_pool(database_url) as pool:
        rollup = Rollup(pool, clock)
        async with pool.acquire() as connection:
            await file(connection, "s")
            await link(connection, LOW, "connected")
            await say(connection, LOW, "available")
            await rollup.roll(connection)
            assert (await day(connection))["available_s"] == 6 * 3600
            clock.advance(timedelta(days=1))
            await rollup.roll(connection)
            assert (await day(connection))["available_s"] == A_DAY_S
            late = LOW + timedelta(hours=20)
            await say(connection, late, "faulted")
            change = ConnectorStatusChanged(
                station_id="s", connector=1, status="Faulted", condition="faulted", previous_condition="available",
                error_code=None, error_info=None, vendor_error_code=None, occurred_at=late, received_at=clock.now(),
                effective_at=late,
            )  # fmt: skip
            await publish(connection, "gateway/0", [change])
        await rollup.consumer().catch_up()
        async with pool.acquire() as connection:
            await rollup.roll_late(connection)
            assert (await day(connection))["faulted_s"] == 4 * 3600
            await rollup.roll(connection)
            assert (await day(connection, DAY + timedelta(days=1)))["faulted_s"] == 6 * 3600
