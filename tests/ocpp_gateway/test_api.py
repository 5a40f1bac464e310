"""What is read of stations over HTTP: pages that go on, transactions with their gaps, variables."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from ocpp_gateway.api import gateway_api
from ocpp_gateway.devices.api import add_variables
from ocpp_gateway.notifications.api import add_notifications
from ocpp_gateway.observation import (
    MeterKind,
    MeterSampled,
    Monitor,
    MonitorsReported,
    Notified,
    StreamBound,
    StreamTold,
    TransactionReported,
    Variable,
    VariableKey,
    VariablesReported,
)
from ocpp_gateway.pages.store import latest_statuses
from ocpp_gateway.protocol.versions import V21, V201, Version
from ocpp_gateway.recorder.batch import Entry
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.store import Span
from ocpp_gateway.timeseries.api import add_timeseries
from ocpp_gateway.transactions.api import MOST_COUNTED, add_transactions, missing
from tests.ocpp_gateway.fakes import Talk
from youguan.auth import REGULATOR, Principal
from youguan.clock import SystemClock
from youguan.database import create_pool

NOW = datetime.now(UTC).replace(microsecond=0)
KINDS = [MeterKind(measurand, "", "Outlet", "Sample.Periodic", "V") for measurand in ("Voltage", "Frequency")]


class LoggedIn:
    """The regulator asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"principal": Principal("p1", "P", frozenset({REGULATOR}), None, None, "t", "c", NOW)}
        await self._app(scope, receive, send)


class World:
    """A recorder that writes and an API that reads."""

    def __init__(self, pool: asyncpg.Pool, recorder: DirectRecorder, client: httpx.AsyncClient) -> None:
        self.pool = pool
        self.recorder = recorder
        self.client = client

    async def put(self, *observations: Any, frames: list[str] | None = None, station: str = "s1") -> None:
        for frame in frames or ["[]"]:
            self.recorder.submit(Entry(station, NOW, frame, observations))
        await self.recorder.settled()

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    async def all(self, path: str, **query: Any) -> list[Any]:
        """Return the items of every page; two a page."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(path, limit=2, **query, **cursor)
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        await pool.execute("INSERT INTO gateway.worker VALUES (0, now()), (1, now())")
        await pool.execute("INSERT INTO gateway.station_now (station_id) VALUES ('s1'), ('s2')")
        recorder = DirectRecorder(database_url, 0, on_lost=lambda _: None)
        running = asyncio.create_task(recorder.run())
        async with httpx.AsyncClient(transport=transport(pool), base_url="http://test") as client:
            yield World(pool, recorder, client)
        recorder.stop()
        await running


def transport(pool: asyncpg.Pool) -> httpx.ASGITransport:
    app = gateway_api(pool, SystemClock())
    add_transactions(app, pool)
    add_variables(app, pool)
    add_notifications(app, pool)
    add_timeseries(app, pool, SystemClock())
    return httpx.ASGITransport(app=LoggedIn(app))


def reported(
    seq_no: int, kind: str, *, transaction: str = "t1", minutes: int = 0, token: str | None = None, station: str = "s1"
) -> TransactionReported:
    at = NOW + timedelta(minutes=minutes)
    return TransactionReported(
        station, transaction, seq_no, kind, 1, token, at, at, NOW, 100.0 + minutes * 10, "Local" if kind == "Ended" else None,
        seq_no == 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [([], []), ([(0, 2), (3, 4)], [0, 1, 3]), ([(1, 2**31 - 1), (2**31, 2**31 + 5)], list(range(1, 101)))],
)
def test_the_numbers_that_never_came(gaps: list[tuple[int, int]], expected: list[int]) -> None:
    assert missing(gaps) == expected


async def test_a_transaction_with_what_is_missing_of_it(world: World) -> None:
    kind = KINDS[0]
    samples = [MeterSampled("s1", 1, kind, NOW + timedelta(minutes=m), NOW, 230.0 + m, "t1") for m in (0, 5, 600)]
    await world.put(reported(0, "Started", token="A"), reported(3, "Ended", minutes=10), *samples)
    found = await world.get("/stations/s1/transactions/t1")
    assert (found["energy_wh"], found["duration_s"], found["id_token"], found["reason"]) == (100.0, 600.0, "A", "Local")
    assert (found["missing_events"], found["missing_seq"]) == (2, [1, 2])
    assert [(event["seq_no"], event["kind"]) for event in found["events"]] == [(0, "Started"), (3, "Ended")]
    assert found["events_next"] is None
    assert await world.all("/stations/s1/transactions/t1/events") == found["events"]
    assert [sample["value"] for sample in found["meter_samples"]] == [230.0, 235.0]
    for transaction, first, never_came in (("late", 2, [0, 1, 3]), ("begun", 5, [6])):
        beginning = "Started" if transaction == "begun" else "Updated"
        await world.put(*(reported(first + n, k, transaction=transaction) for n, k in ((0, beginning), (2, "Ended"))))
        found = await world.get(f"/stations/s1/transactions/{transaction}")
        assert (found["missing_events"], found["missing_seq"]) == (len(never_came), never_came)
    assert (await world.client.get("/stations/s1/transactions/t2")).status_code == httpx.codes.NOT_FOUND


async def test_transactions_newest_first_by_filter_with_their_count(world: World) -> None:
    for number in range(3):
        await world.put(reported(0, "Started", transaction=f"t{number}", token="A"))
    await world.put(
        reported(0, "Started", transaction="t3", token="B"), reported(1, "Ended", transaction="t0", minutes=5)
    )
    await world.put(reported(0, "Started", transaction="u", token="B", station="s2"), station="s2")

    async def ids(path: str, **query: Any) -> list[str]:
        found = [transaction["transaction_id"] for transaction in await world.all(path, **query)]
        assert (await world.get(path, limit=1, **query))["count"] == len(found)
        return found

    assert await ids("/stations/s1/transactions") == ["t3", "t2", "t1", "t0"]
    assert await ids("/stations/s1/transactions", open=True) == ["t3", "t2", "t1"]
    assert await ids("/stations/s1/transactions", open=False) == ["t0"]
    assert await ids("/stations/s1/transactions", id_token="B") == ["t3"]
    assert await ids("/transactions", id_token="b") == ["u", "t3"]
    assert await ids("/transactions", station="s2") == ["u"]


async def test_measured_values_go_on_where_the_page_ended(world: World) -> None:
    samples = [
        MeterSampled("s1", connector, kind, NOW + timedelta(seconds=second), NOW, second, None)
        for second in range(3) for connector in (1, 2) for kind in KINDS
    ]  # fmt: skip
    await world.put(*samples)
    found = await world.all("/stations/s1/meter-samples")
    assert len({(s["occurred_at"], s["connector"], s["measurand"]) for s in found}) == len(found) == len(samples)
    assert [s["occurred_at"] for s in found] == sorted((s["occurred_at"] for s in found), reverse=True)
    assert len(await world.all("/stations/s1/meter-samples", **{"from": (NOW + timedelta(seconds=2)).isoformat()})) == 4


async def test_messages_go_on_where_the_page_ended(world: World) -> None:
    await world.put(frames=[f'[2,"{number}","Heartbeat",{{}}]' for number in range(5)])
    found = await world.all("/stations/s1/frames")
    assert len({frame["frame"] for frame in found}) == len(found) == 5


async def test_variables_by_key(world: World) -> None:
    keys = [VariableKey("EVSE", "", evse, 0, name, "", "Actual") for evse in (1, 2) for name in ("Power", "Available")]
    await world.put(VariablesReported("s1", NOW, tuple(Variable(key, "1", "ReadOnly", "decimal", "W") for key in keys)))
    found = await world.all("/stations/s1/variables")
    assert [(v["evse"], v["variable"]) for v in found] == sorted((key.evse, key.variable) for key in keys)
    assert len(await world.all("/stations/s1/variables", variable="Power")) == 2
    assert await world.all("/stations/s1/variables", component="OCPPCommCtrlr") == []


async def test_what_a_stream_tells_is_the_value_of_the_variable_that_its_monitor_watches(world: World) -> None:
    power = VariableKey("EVSE", "", 1, 0, "Power", "", "Actual")
    secret = power._replace(variable="BasicAuthPassword")

    async def values() -> dict[str, Any]:
        return {v["variable"]: (v["value"], v["unit"]) for v in await world.all("/stations/s1/variables")}

    await world.put(VariablesReported("s1", NOW, (Variable(power, "1", "ReadOnly", "decimal", "W"),)))
    await world.put(StreamTold("s1", 4, NOW + timedelta(seconds=1), "2"))
    assert await values() == {"Power": ("1", "W")}, "nobody knows of what"
    await world.put(
        MonitorsReported("s1", (Monitor(9, power), Monitor(8, secret))), StreamBound("s1", 4, 9), StreamBound("s1", 5, 8),
        StreamTold("s1", 4, NOW + timedelta(seconds=3), "3"), StreamTold("s1", 4, NOW + timedelta(seconds=2), "2"),
        StreamTold("s1", 5, NOW, "hush"),
    )  # fmt: skip
    assert await values() == {"Power": ("3", "W"), "BasicAuthPassword": (None, None)}
    await world.put(StreamBound("s1", 4, None))
    await world.put(StreamTold("s1", 4, NOW + timedelta(seconds=4), "4"))
    assert (await values())["Power"] == ("3", "W")


@pytest.mark.parametrize("path", ["meter-samples", "frames", "status-changes", "transactions", "variables"])
async def test_a_cursor_of_another_list_is_named(world: World, path: str) -> None:
    answer = await world.client.get(f"/stations/s1/{path}", params={"cursor": "WyJ4IiwieSIsInoiXQ"})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answer.json()["fields"][0]["field"] == "cursor"


@pytest.mark.parametrize(("more", "count", "whole"), [(0, MOST_COUNTED, True), (1, MOST_COUNTED, False)])
async def test_of_very_many_transactions_it_is_only_said_that_they_are_more(
    world: World, more: int, count: int, whole: bool
) -> None:
    await world.pool.execute(
        """
        INSERT INTO telemetry.transaction (station_id, transaction_id, stopped_at)
        SELECT 's1', 'n' || n, now() FROM generate_series(1, $1) n
        """,
        MOST_COUNTED + more,
    )
    for path in ("/transactions", "/stations/s1/transactions"):
        page = await world.get(path, limit=1)
        assert (page["count"], page["count_is_whole"]) == (count, whole)


async def test_pages_of_statuses_leave_out_none_that_differ_in_their_mark_alone(world: World) -> None:
    async with world.pool.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO telemetry.status_change (station_id, connector, occurred_at, received_at, effective_at, status,
                                                 condition, mark)
            SELECT 's1', 1, $1, $1, $1, 'Faulted', 'faulted', mark FROM generate_series(1, 5) mark
            """,
            NOW,
        )
        seen: list[int] = []
        before = None
        while rows := await latest_statuses(connection, "s1", Span(None, None), before, 2):
            seen += [row["mark"] for row in rows]
            last = rows[-1]
            before = (last["occurred_at"], last["connector"], last["status"], last["mark"])
    assert seen == [5, 4, 3, 2, 1]


async def test_notifications_by_kind_and_time_the_last_received_first(world: World) -> None:
    told = [
        ("SecurityEventNotification", "TamperDetectionActivated", "door"),
        ("SecurityEventNotification", "InvalidMessages", None),
        ("SecurityEventNotification", "StartupOfTheDevice", None),
        ("SignedFirmwareStatusNotification", "InvalidSignature", None),
        ("DataTransfer", "vendor.example", "m"),
        ("SomethingNew", "x", None),
    ]
    for minutes, (action, said, info) in enumerate(told):
        await world.put(Notified("s1", action, said, NOW, NOW + timedelta(minutes=minutes), info))
    await world.put(*(Notified("s1", "NotifyEvent", f"C.V={n}", NOW, NOW - timedelta(days=1)) for n in range(3)))

    async def found(**query: Any) -> list[tuple[Any, ...]]:
        items = await world.all("/stations/s1/notifications", **query)
        return [(item["said"], item["info"], item["critical"], item["alarm"]) for item in items]

    assert await found(kind="security") == [
        ("StartupOfTheDevice", None, True, None),
        ("InvalidMessages", None, False, None),
        ("TamperDetectionActivated", "door", True, "tampering"),
    ]
    assert await found(kind="firmware") == [("InvalidSignature", None, True, "firmware_signature")]
    assert await found(kind="other") == [("x", None, False, None)]
    assert sorted(said for said, *_ in await found(to=NOW.isoformat())) == [f"C.V={n}" for n in range(3)]
    later = await found(**{"from": NOW.isoformat()})
    assert [said for said, *_ in later] == [said for _, said, _ in reversed(told)]
    assert (await world.client.get("/stations/s1/notifications?kind=x")).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert (await world.client.get("/stations/none/notifications")).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("version", [V201, V21], ids=lambda version: version.name)
async def test_what_two_places_tell_within_a_second_is_two_notifications_and_a_repeat_is_none(
    world: World, version: Version
) -> None:
    first, other, reader = (
        {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
        {"name": "TokenReader", "instance": "left", "evse": {"id": 2}},
    )
    at = "2026-05-04T12:00:00Z"
    problem: dict[str, Any] = {
        "eventNotificationType": "HardWiredNotification", "variable": {"name": "Problem"}, "trigger": "Alerting",
        "timestamp": at, "actualValue": "true", "techCode": "0x17",
    }  # fmt: skip
    over = {**problem, "cleared": True}
    talk = Talk(version)
    for number, (place, event) in enumerate(
        [(first, problem), (other, problem), (first, problem), (reader, problem), (first, over)]
    ):
        told = {"generatedAt": at, "seqNo": 0, "eventData": [{**event, "eventId": number, "component": place}]}
        talk.clock.advance(timedelta(seconds=1))
        talk.say("NotifyEvent", told, str(number))
        await world.put(*talk.recorder.entries.pop().observations)
    assert [n["said"] for n in await world.all("/stations/s1/notifications")] == [
        "Connector[1.1].Problem=0x17 cleared",
        "TokenReader/left[2].Problem=0x17",
        "Connector[2.1].Problem=0x17",
        "Connector[1.1].Problem=0x17",
    ]


async def test_what_an_exclusion_does_not_know_is_refused_by_name(world: World) -> None:
    given = {
        "station_id": "s1", "kind": "grid_outage", "from": "2026-05-01T00:00:00Z", "until": "2026-05-02T00:00:00Z",
        "reason": "x",
    }  # fmt: skip
    answer = await world.client.post("/exclusions", json={**given, "announced": "2026-04-01T00:00:00Z"})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answer.json()["fields"][0]["field"] == "announced"
    assert (await world.client.post("/exclusions", json=given)).status_code == httpx.codes.CREATED
