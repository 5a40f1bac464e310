"""Commands down: what each version permits, who may ask, and the way of a command through a worker on a real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from ocpp_gateway.commands import catalogue
from ocpp_gateway.commands.desk import Desk, Keys, Wish, may_ask
from ocpp_gateway.commands.effects import effects
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.commands.outbox import Outbox
from ocpp_gateway.commands.store import take_queued
from ocpp_gateway.observation import Monitor, MonitorsReported, StreamBound, VariableKey, VariablesReported
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.versions import V16, V21, V201, Version
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.session import Session
from ocpp_gateway.stations.surroundings import Surroundings
from tests.ocpp_gateway.fakes import NOW, FakeWire, knowing
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, REVIEWER, Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, Forbidden, Invalid, NotFound
from youguan.eventlog import publish
from youguan.events import SiteFiled, StationFile

RESET = {"type": "Soft"}


def principal(*roles: str) -> Principal:
    return Principal("p1", "P", frozenset(roles), None, None, "t", "c", NOW)


@pytest.mark.parametrize("version", [V16, V201, V21], ids=lambda version: version.name)
def test_every_action_that_goes_down_has_both_schemas(version: Version) -> None:
    assert catalogue.ACTIONS[version] <= schemas.requests(version).keys()
    assert catalogue.ACTIONS[version] <= schemas.responses(version).keys()


@pytest.mark.parametrize(
    ("action", "role", "may"),
    [
        ("Reset", REGULATOR, True),
        ("Reset", INSPECTOR, False),
        ("TriggerMessage", REGULATOR, True),
        ("TriggerMessage", INSPECTOR, True),
        ("TriggerMessage", OPERATOR, False),
        ("TriggerMessage", REVIEWER, False),
        ("ChangeAvailability", INSPECTOR, False),
        ("RemoteStartTransaction", INSPECTOR, False),
        ("SetVariables", INSPECTOR, False),
        ("GetLog", INSPECTOR, False),
        ("GetDiagnostics", REGULATOR, True),
    ],
)
def test_who_may_ask(action: str, role: str, may: bool) -> None:
    assert may_ask(principal(role), action) is may


@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        ("Reset", {}, "payload.type"),
        ("Reset", {"type": "Gently"}, "payload.type"),
        ("Reset", {"type": "Soft", "why": 1}, "payload.why"),
        ("ChangeAvailability", {"connectorId": "1", "type": "Operative"}, "payload.connectorId"),
        ("UpdateFirmware", {"location": "https://f/1", "retrieveDate": "soon"}, "payload.retrieveDate"),
        ("UpdateFirmware", {"location": "https://f/1", "retrieveDate": "2026-01-01T00:00:00"}, "payload.retrieveDate"),
        ("GetDiagnostics", {"location": "here"}, "payload.location"),
    ],
)
def test_the_member_that_is_wrong_is_named(action: str, payload: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        catalogue.check(V16, action, payload)
    assert [error.field for error in caught.value.fields] == [field]


@pytest.mark.parametrize(("action", "reason"), [("Reset", ""), ("SetVariables", " ")])
def test_whoever_touches_drivers_or_supply_says_why(action: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        catalogue.check_reason(action, reason)
    assert [error.field for error in caught.value.fields] == ["reason"]
    catalogue.check_reason(action, "fire")
    catalogue.check_reason("TriggerMessage", reason)


def test_what_a_station_sends_is_no_command() -> None:
    with pytest.raises(NotFound):
        catalogue.check(V16, "BootNotification", {})


def test_connector_99_is_for_the_station_to_judge() -> None:
    catalogue.check(V16, "ChangeAvailability", {"connectorId": 99, "type": "Operative"})


class Bench:
    """One worker with one connected station, and the desk of a web process."""

    def __init__(self, dsn: str, pool: asyncpg.Pool) -> None:
        self.pool, self.clock, self.wire = pool, ManualClock(NOW), FakeWire()
        self.recorder = DirectRecorder(dsn, 0, on_lost=lambda _: None)
        self.ownership = Ownership(pool, 0, self.clock)
        self.sessions: dict[str, Session] = {}
        keys = Keys("a secret of thirty-two letters...", timedelta())
        self.outbox = Outbox(pool, 0, self.sessions.get, self.recorder, self.clock, keys.sealer)
        self.desk = Desk(pool, self.clock, keys)

    async def start(self) -> None:
        await self.ownership.start()
        self.running = [
            asyncio.create_task(run)
            for run in (self.recorder.run(), self.ownership.run(), self.outbox.run(), self.desk.keep_answers())
        ]
        around = Surroundings(self.recorder, self.ownership, lambda _: True, self.clock, lambda _: 60, knowing())
        self.sessions["s1"] = Session("s1", V16, "127.0.0.1", self.wire, around)
        async with asyncio.timeout(20):
            while not await self.pool.fetchval("SELECT connected FROM gateway.station_now WHERE station_id = 's1'"):
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        writing, *others = self.running
        self.recorder.stop()
        await writing
        for task in others:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def sent(self, count: int = 1) -> list[Any]:
        """Wait until the station has been sent so many calls; return the last."""
        async with asyncio.timeout(20):
            while len(self.wire.sent) < count:
                await asyncio.sleep(0.01)
        return self.wire.sent[-1]

    def answer(self, text: str) -> None:
        self.sessions["s1"].receive(text.encode(), text)

    async def ask(self, action: str = "Reset", payload: dict[str, Any] | None = None, **rest: Any) -> asyncpg.Record:
        wish = Wish("s1", action, RESET if payload is None else payload, "because", **rest)
        return await self.desk.ask(principal(REGULATOR), wish, wait_s=20)


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with await create_pool(database_url) as pool:
        station = StationFile(station_id="s1", connectors=1, power_w=7000, current_type="AC")
        site = SiteFiled(
            site_id="x", name="X", address="", division_code=None, division_name=None, longitude=121.4, latitude=29.3,
            stations=(station,),
        )  # fmt: skip
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [site])
        bench = Bench(database_url, pool)
        await bench.start()
        yield bench
        await bench.stop()


async def test_a_command_is_sent_and_its_answer_stored_with_both_frames(bench: Bench) -> None:
    asked = asyncio.create_task(bench.ask())
    call = await bench.sent()
    assert call[0] == 2
    assert call[2:] == ["Reset", RESET]
    bench.answer(f'[3,"{call[1]}",{{"status":"Accepted"}}]')
    row = await asked
    assert (row["state"], row["answer"], row["requested_by"]) == ("answered", {"status": "Accepted"}, "p1")
    frames = await bench.pool.fetch("SELECT frame, sent FROM telemetry.raw_frame ORDER BY sent")
    assert [frame["sent"] for frame in frames] == [False, True]
    assert frames[0]["frame"] == f'[3,"{call[1]}",{{"status":"Accepted"}}]'
    audited = await bench.pool.fetchrow("SELECT action, subject, actor, after FROM audit.trail")
    assert audited is not None
    assert tuple(audited)[:3] == ("command Reset", "station s1", "p1")
    assert audited["after"]["reason"] == "because"


async def test_who_is_named_in_a_command_is_told_to_the_station_and_not_kept(bench: Bench) -> None:
    named = {"vendorId": "cn.charger", "data": "浙B12345 13812345678"}
    asked = asyncio.create_task(bench.ask("DataTransfer", named))
    call = await bench.sent()
    assert call[3] == named
    bench.answer(f'[3,"{call[1]}",{{"status":"Accepted"}}]')
    kept = [(await asked)["payload"], await bench.pool.fetchval("SELECT after FROM audit.trail")]
    kept += [row["frame"] for row in await bench.pool.fetch("SELECT frame FROM telemetry.raw_frame")]
    assert len(kept) == 4
    assert not [person for person in ("浙B12345", "13812345678") if person in str(kept)]


async def test_one_call_at_a_time(bench: Bench) -> None:
    first, second = asyncio.create_task(bench.ask()), asyncio.create_task(bench.ask("ClearCache", {}))
    call = await bench.sent()
    bench.answer(f'[3,"{call[1]}",{{"status":"Accepted"}}]')
    following = await bench.sent(2)
    assert {call[2], following[2]} == {"Reset", "ClearCache"}
    bench.answer(f'[3,"{following[1]}",{{"status":"Accepted"}}]')
    assert {(await first)["state"], (await second)["state"]} == {"answered"}


async def test_what_waits_behind_another_is_not_called_sent_and_ends_with_the_reason(bench: Bench) -> None:
    first = asyncio.create_task(bench.ask())
    call = await bench.sent()
    second = asyncio.create_task(bench.ask("ClearCache", {}, timeout_s=1))
    async with asyncio.timeout(20):
        while not (row := await bench.pool.fetchrow("SELECT * FROM gateway.command WHERE action = 'ClearCache'")):
            await asyncio.sleep(0.01)
    assert await take_queued(bench.pool, 0, NOW) == [], "the first is with the station"
    bench.clock.advance(timedelta(seconds=2))
    async with bench.pool.acquire() as connection:
        assert await bench.desk.end_overdue(connection) == 1
    row = await second
    assert (row["state"], row["sent_at"]) == ("undeliverable", None)
    assert row["error_description"] == "an earlier command was not answered"
    bench.answer(f'[3,"{call[1]}",{{"status":"Accepted"}}]')
    assert (await first)["state"] == "answered"
    assert len(bench.wire.sent) == 1


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        ('[4,"{}","NotSupported","no",{{}}]', "refused", "NotSupported"),
        ('[3,"{}",{{"status":"Perhaps"}}]', "invalid", "PropertyConstraintViolation"),
    ],
)
async def test_what_else_may_come_back(bench: Bench, answer: str, state: str, code: str) -> None:
    asked = asyncio.create_task(bench.ask())
    bench.answer(answer.format((await bench.sent())[1]))
    row = await asked
    assert (row["state"], row["error_code"]) == (state, code)


async def test_no_answer_in_time(bench: Bench) -> None:
    row = await bench.ask(timeout_s=1)
    assert row["state"] == "timed_out"
    late = asyncio.create_task(bench.ask())
    call = await bench.sent(2)
    assert call[1] != row["id"], "the next call goes out although the first was never answered"
    bench.answer(f'[3,"{call[1]}",{{"status":"Accepted"}}]')
    assert (await late)["state"] == "answered"


async def test_the_connection_ends_before_the_answer(bench: Bench) -> None:
    asked = asyncio.create_task(bench.ask())
    await bench.sent()
    bench.sessions["s1"].end("closed")
    assert (await asked)["state"] == "timed_out"


@pytest.mark.parametrize("word", ["pending", "rejected"])
async def test_a_station_in_quarantine_is_told_nothing_else_and_whoever_asks_why(bench: Bench, word: str) -> None:
    async with bench.pool.acquire() as connection:
        await connection.execute("INSERT INTO gateway.quarantine VALUES ('new', '', '1.6', NULL, NULL, $1, $1)", NOW)
        if word == "rejected":
            await connection.execute("INSERT INTO gateway.rejected_station VALUES ('new', $1)", NOW)
    with pytest.raises(Conflict, match=f"not filed: it is {word}"):
        await bench.desk.ask(principal(REGULATOR), Wish("new", "Reset", RESET))
    with pytest.raises(NotFound):
        await bench.desk.ask(principal(REGULATOR), Wish("never heard", "Reset", RESET))


async def test_a_station_that_is_not_connected(bench: Bench) -> None:
    bench.sessions.pop("s1").end("closed")
    async with asyncio.timeout(20):
        while await bench.pool.fetchval("SELECT connected FROM gateway.station_now"):
            await asyncio.sleep(0.01)
    with pytest.raises(Conflict):
        await bench.ask()
    with pytest.raises(NotFound):
        await bench.desk.ask(principal(REGULATOR), Wish("nobody", "Reset", RESET))


async def test_whoever_may_not_ask_leaves_no_trace(bench: Bench) -> None:
    with pytest.raises(Forbidden):
        await bench.desk.ask(principal(INSPECTOR), Wish("s1", "Reset", RESET))
    with pytest.raises(Invalid):
        await bench.ask(payload={})
    with pytest.raises(Invalid, match="say why"):
        await bench.desk.ask(principal(REGULATOR), Wish("s1", "Reset", RESET))
    with pytest.raises(Invalid, match="say why"):
        await bench.desk.rotate_key(principal(REGULATOR), "s1", " ")
    assert await bench.pool.fetchval("SELECT count(*) FROM gateway.command") == 0
    assert await bench.pool.fetchval("SELECT count(*) FROM audit.trail") == 0


async def test_what_a_worker_had_sent_when_it_died_ends(bench: Bench) -> None:
    asked = asyncio.create_task(bench.ask())
    await bench.sent()
    await Outbox(bench.pool, 0, lambda _: None, bench.recorder, bench.clock).start()
    assert (await asked)["state"] == "timed_out"


async def test_what_no_worker_takes_ends(bench: Bench) -> None:
    await bench.pool.execute("UPDATE gateway.station_now SET slot = 9")
    asked = asyncio.create_task(bench.ask(timeout_s=1))
    async with asyncio.timeout(20):
        while not await bench.pool.fetchval("SELECT count(*) FROM gateway.command"):
            await asyncio.sleep(0.01)
    bench.clock.advance(timedelta(seconds=2))
    async with bench.pool.acquire() as connection:
        assert await bench.desk.end_overdue(connection) == 1
    assert (await asked)["state"] == "undeliverable"


async def test_what_a_station_answers_about_itself_is_kept_without_its_secrets(bench: Bench) -> None:
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "60"},
        {"key": "AuthorizationKey", "readonly": False, "value": "0123456789abcdef"},
    ]
    asked = asyncio.create_task(bench.ask("GetConfiguration", {}))
    bench.answer(json.dumps([3, (await bench.sent())[1], {"configurationKey": keys}]))
    assert "0123456789abcdef" not in str(dict(await asked))
    secret = "SELECT count(*) FROM telemetry.raw_frame WHERE frame LIKE '%0123456789abcdef%'"
    assert await bench.pool.fetchval(secret) == 0
    for number, (answer, key) in enumerate([("Accepted", "A"), ("RebootRequired", "B"), ("Rejected", "C")], 2):
        asked = asyncio.create_task(bench.ask("ChangeConfiguration", {"key": key, "value": "5"}))
        bench.answer(json.dumps([3, (await bench.sent(number))[1], {"status": answer}]))
        await asked
    rows = await bench.pool.fetch("SELECT variable, value, mutability FROM gateway.variable ORDER BY variable")
    assert [tuple(row) for row in rows] == [
        ("A", "5", None), ("AuthorizationKey", None, "ReadWrite"), ("HeartbeatInterval", "60", "ReadWrite"),
    ]  # fmt: skip


@pytest.mark.parametrize("version", [V201, V21], ids=lambda version: version.name)
def test_what_was_set_and_read_in_2x_is_known(version: Version) -> None:
    place = {"component": {"name": "C"}, "variable": {"name": "V"}}
    secret = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}

    def known(action: str, request: dict[str, Any], answer: dict[str, Any]) -> list[Any]:
        schemas.check(schemas.requests(version)[action], request, version)
        schemas.check(schemas.responses(version)[action], answer, version)
        found = effects(Exchange("s1", version, action, request, answer, NOW))
        return [(v.key.variable, v.value) for o in found if isinstance(o, VariablesReported) for v in o.variables]

    asked = [{**place, "attributeValue": "7"}, {**secret, "attributeValue": "hush-hush-hush-hush"}]
    results = [{**place, "attributeStatus": "Accepted"}, {**secret, "attributeStatus": "Accepted"}]
    told = known("SetVariables", {"setVariableData": asked}, {"setVariableResult": results})
    assert told == [("V", "7"), ("BasicAuthPassword", None)]
    refused = [{**place, "attributeStatus": "Rejected"}]
    assert known("SetVariables", {"setVariableData": asked[:1]}, {"setVariableResult": refused}) == []
    read = [{**place, "attributeStatus": "Accepted", "attributeValue": "8"}]
    assert known("GetVariables", {"getVariableData": [place]}, {"getVariableResult": read}) == [("V", "8")]


def test_of_which_variable_a_stream_tells_is_known_by_its_monitor() -> None:
    place = {"component": {"name": "C"}, "variable": {"name": "V"}}
    watch = {**place, "value": 1, "type": "Periodic", "severity": 5}
    results = [
        {**place, "type": "Periodic", "severity": 5, "status": status, **number}
        for status, number in (("Accepted", {"id": 9}), ("Rejected", {"id": 8}), ("Accepted", {}))
    ]
    open_ones = [{"id": 4, "variableMonitoringId": 9, "params": {}}]
    exchanges: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("SetVariableMonitoring", {"setMonitoringData": [watch]}, {"setMonitoringResult": results}),
        ("GetPeriodicEventStream", {}, {"constantStreamData": open_ones}),
    ]
    cleared = [{"id": n, "status": status} for n, status in ((9, "Accepted"), (8, "Rejected"), (7, "NotFound"))]
    exchanges.append(("ClearVariableMonitoring", {"id": [9, 8, 7]}, {"clearMonitoringResult": cleared}))
    for action, asked, answer in exchanges:
        schemas.check(schemas.requests(V21)[action], asked, V21)
        schemas.check(schemas.responses(V21)[action], answer, V21)
    found = [o for action, asked, answer in exchanges for o in effects(Exchange("s1", V21, action, asked, answer, NOW))]
    key = VariableKey("C", "", 0, 0, "V", "", "Actual")
    gone = MonitorsReported("s1", (Monitor(9, None), Monitor(7, None)))
    assert found == [MonitorsReported("s1", (Monitor(9, key),)), StreamBound("s1", 4, 9), gone]
