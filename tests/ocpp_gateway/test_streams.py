"""Periodic event streams of OCPP 2.1: what one tells of a variable that holds a secret is kept nowhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.commands.desk import Wish
from ocpp_gateway.protocol.secrets import MASK
from ocpp_gateway.protocol.streams import MOST_NUMBERS, STREAM, TELLING, Streams, StreamsKnown
from ocpp_gateway.protocol.versions import V21
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Grant, Opening
from tests.ocpp_gateway.fakes import NOW, Talk
from tests.ocpp_gateway.house import REGULATOR_A, House, house_of
from tests.ocpp_gateway.relayed import relay_of, until
from tests.suite import eventually
from youguan.clock import ManualClock
from youguan.database import create_pool

SECRET, POWER = 4, 5
HUSH, KILOWATTS = "geheim-4711", "7.25"
ACTIONS = [*sorted(TELLING), "SetVariableMonitoring", "GetPeriodicEventStream"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "monitor", "variableMonitoring", "variable", "name", "constantStreamData", "data", "v",
                         "variableMonitoringId", "setMonitoringResult"]), inner, max_size=4,
    ),
)  # fmt: skip


def told(stream: int, value: str, **rest: Any) -> dict[str, Any]:
    return {"id": stream, "pending": 0, "basetime": "2026-05-04T12:00:00Z", "data": [{"t": 0, "v": value}], **rest}


def opening(stream: int) -> dict[str, Any]:
    return {"constantStreamData": {"id": stream, "params": {"interval": 5}, "variableMonitoringId": stream + 10}}


def watching(variable: str) -> dict[str, Any]:
    return {"component": {"name": "SecurityCtrlr"}, "variable": {"name": variable}}


WATCHED = [
    {**watching(name), "id": stream + 10, "status": "Accepted", "type": "Periodic", "severity": 8}
    for stream, name in ((SECRET, "BasicAuthPassword"), (POWER, "Power"))
]
MONITORED = {
    "requestId": 1, "seqNo": 0, "generatedAt": "2026-05-04T12:00:00Z",
    "monitor": [
        {
            **{name: entry[name] for name in ("component", "variable")},
            "variableMonitoring": [
                {"id": entry["id"], "transaction": False, "value": 1, "type": "Periodic", "severity": 8,
                 "eventNotificationType": "CustomMonitor"}
            ],
        }
        for entry in WATCHED
    ],
}  # fmt: skip


def send(stream: int, value: str, **rest: Any) -> str:
    return json.dumps([6, f"m{stream}", STREAM, told(stream, value, **rest)])


def shows(streams: Streams, stream: int) -> bool:
    return streams.hidden(STREAM, told(stream, HUSH)) == told(stream, HUSH)


def begun(known: StreamsKnown | None = None) -> Streams:
    streams = Streams()
    streams.begin_with(known or StreamsKnown())
    return streams


def test_until_it_is_known_what_was_said_before_a_stream_may_tell_a_secret() -> None:
    streams = Streams()
    assert not shows(streams, POWER)
    streams.begin_with(StreamsKnown(frozenset({14}), {SECRET: 14, POWER: 15}))
    assert (shows(streams, SECRET), shows(streams, POWER)) == (False, True)


@pytest.mark.parametrize("opened_first", [True, False])
@pytest.mark.parametrize(
    ("way", "said"),
    [("said", ("NotifyMonitoringReport", MONITORED)), ("answered", ("SetVariableMonitoring", {"setMonitoringResult": WATCHED}))],
)  # fmt: skip
def test_it_is_known_by_reports_and_answers_in_whatever_order(
    way: str, said: tuple[str, Any], opened_first: bool
) -> None:
    streams = begun()
    if not opened_first:
        getattr(streams, way)(*said)
    for stream in (SECRET, POWER):
        streams.said("OpenPeriodicEventStream", opening(stream))
    if opened_first:
        getattr(streams, way)(*said)
    assert (shows(streams, SECRET), shows(streams, POWER)) == (False, True)


def test_what_a_connection_says_is_newer_than_what_was_known() -> None:
    streams = Streams()
    streams.answered("GetPeriodicEventStream", {"constantStreamData": [opening(SECRET)["constantStreamData"]]})
    streams.answered("SetVariableMonitoring", {"setMonitoringResult": WATCHED})
    streams.begin_with(StreamsKnown(frozenset({15}), {SECRET: 99, POWER: 15}))
    assert (shows(streams, SECRET), shows(streams, POWER)) == (False, True)


@pytest.mark.parametrize(("status", "is_shown"), [("Accepted", True), ("Rejected", False), (None, False)])
def test_a_monitor_that_is_not_set_anew_watches_what_it_did(status: str | None, is_shown: bool) -> None:
    streams = begun(StreamsKnown(frozenset({14}), {SECRET: 14}))
    result = {"id": 14, "status": status, "variable": {"name": "Power"}}
    streams.answered("SetVariableMonitoring", {"setMonitoringResult": [result]})
    assert shows(streams, SECRET) == is_shown


def test_who_invents_numbers_fills_no_memory() -> None:
    streams = begun()
    for number in range(2 * MOST_NUMBERS):
        streams.said("OpenPeriodicEventStream", opening(number))
    assert len(streams._monitor_of) == MOST_NUMBERS


@given(
    st.sampled_from(ACTIONS),
    st.dictionaries(st.text(), ANY_JSON) | ANY_JSON,
)
def test_no_rubbish_is_too_much(action: str, rubbish: Any) -> None:
    """What passes to another's central system is checked by nobody."""
    payload = rubbish if isinstance(rubbish, dict) else {"monitor": rubbish, "id": rubbish, "data": rubbish}
    streams = Streams()
    streams.said(action, payload)
    streams.answered(action, payload)
    hidden = streams.hidden(STREAM, {"data": [{"v": HUSH}], **payload})
    assert hidden["data"] == MASK or all(item == MASK or item["v"] == MASK for item in hidden["data"])


@pytest.mark.parametrize(
    "frame",
    [
        send(SECRET, HUSH),
        send(SECRET, HUSH, pending="no number"),
        send(SECRET, HUSH).replace("[6", "[2"),
        json.dumps([6, "m", STREAM, {"id": SECRET, "data": HUSH}]),
        json.dumps([6, "m", STREAM, {"id": "x", "data": [HUSH]}]),
        send(SECRET, HUSH + "\0"),
        f'[6,"m","{STREAM}",{{"id":{"[" * 300 + "]" * 300}}}]',
    ],
    ids=["whole", "refused", "as a CALL", "no list", "no number", "NUL", "too deep"],
)
def test_neither_what_is_taken_nor_what_is_refused_keeps_it(frame: str) -> None:
    talk = Talk(V21)
    talk.say("NotifyMonitoringReport", MONITORED)
    talk.say("OpenPeriodicEventStream", opening(SECRET), "2")
    talk.raw(frame.encode())
    kept = str(talk.recorder.entries)
    assert STREAM in kept
    assert HUSH not in kept


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


async def test_a_claim_brings_what_the_store_knows(pool: asyncpg.Pool) -> None:
    await pool.execute(
        """
        INSERT INTO gateway.monitor
        VALUES ('s1', 14, 'SecurityCtrlr', '', 0, 0, 'basicauthPASSWORD', ''), ('s1', 15, 'EVSE', '', 1, 0, 'Power', ''),
               ('s2', 15, 'Vpn', '', 0, 0, 'Secret', '')
        """
    )
    await pool.execute("INSERT INTO gateway.event_stream VALUES ('s1', 4, 14), ('s1', 5, 15)")
    owner = Ownership(pool, 0, ManualClock(NOW))
    await owner.start()
    running = asyncio.create_task(owner.run())
    found: list[StreamsKnown] = []
    for station_id, version in (("s1", "2.1"), ("s2", "2.1"), ("s3", "2.1"), ("s1", "2.0.1")):
        granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        owner.claim(Opening(station_id, version, "x", NOW + timedelta(seconds=len(found))), granted.set_result)
        found.append((await granted).streams)
    running.cancel()
    assert found == [
        StreamsKnown(frozenset({14}), {4: 14, 5: 15}),
        StreamsKnown(frozenset({15}), {}),
        StreamsKnown(),
        StreamsKnown(),
    ]


async def test_what_is_passed_on_keeps_it_from_nobody_but_us() -> None:
    async with relay_of() as relay:
        relay.system.subprotocols = ["ocpp2.1"]
        async with relay.both("ocpp2.1") as (station, upstream):
            await upstream.send(json.dumps([2, "u1", "SetVariableMonitoring", {"setMonitoringData": []}]))
            await station.recv()
            await station.send(json.dumps([3, "u1", {"setMonitoringResult": WATCHED}]))
            for stream, value in ((SECRET, HUSH), (POWER, KILOWATTS)):
                await station.send(json.dumps([2, f"o{stream}", "OpenPeriodicEventStream", opening(stream)]))
                await station.send(send(stream, value))
            await until(lambda: len(relay.system.got) == 5)
        kept = [note.frame for note in relay.notes]
        assert any(HUSH in str(message) for message in relay.system.got)
        assert any(STREAM in frame and KILOWATTS in frame for frame in kept)
        assert not any(HUSH in frame for frame in kept)


async def answering(connection: websockets.ClientConnection) -> None:
    """Answer what is asked of a station, until something is that is no SetVariableMonitoring."""
    while True:
        message = json.loads(await connection.recv())
        if message[0] == 2:
            await connection.send(json.dumps([3, message[1], {"setMonitoringResult": WATCHED}]))
            return


async def test_no_table_has_it_on_this_connection_nor_on_the_next(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """By a worker that is a process, from the command that has the variable watched to the frames that tell of it."""
    async with house_of(database_url, pool, tmp_path, YOUGUAN_OCPP_OPEN_NETWORKS='["127.0.0.0/8"]') as house:
        async with house.connect(version="2.1") as station:
            await connected(house)
            replying = asyncio.create_task(answering(station))
            asked = [
                {**watching(name), "value": 1, "type": "Periodic", "severity": 8}
                for name in ("BasicAuthPassword", "Power")
            ]
            command = await house.desk.ask(
                REGULATOR_A, Wish("s1", "SetVariableMonitoring", {"setMonitoringData": asked}, "look"), wait_s=20
            )
            assert command["state"] == "answered"
            await replying
            for stream in (SECRET, POWER):
                await station.send(json.dumps([2, f"o{stream}", "OpenPeriodicEventStream", opening(stream)]))
                assert json.loads(await station.recv())[2] == {"status": "Accepted"}
            await tell(house, station, 1)
        async with house.connect(version="2.1") as station:
            await tell(house, station, 2)
        assert await house.occurrences(HUSH) == 0
        variables = await pool.fetch("SELECT variable, value FROM gateway.variable WHERE attribute = 'Actual'")
        assert [tuple(row) for row in variables] == [("Power", KILOWATTS)]


async def connected(house: House) -> None:
    async def is_granted() -> Any:
        return await house.pool.fetchval("SELECT true FROM gateway.station_now WHERE station_id = 's1' AND connected")

    await eventually(is_granted)


async def tell(house: House, station: websockets.ClientConnection, times: int) -> None:
    """Say both values once the connection counts, and wait until both are stored so often: a SEND has no answer."""
    await station.send(json.dumps([2, f"h{times}", "Heartbeat", {}]))
    await station.recv()
    await station.send(send(SECRET, HUSH))
    await station.send(send(POWER, KILOWATTS))

    async def stored() -> bool:
        values = await house.pool.fetch(
            "SELECT frame FROM telemetry.raw_frame WHERE frame LIKE '%NotifyPeriodicEventStream%'"
        )
        hidden = sum(MASK in row["frame"] for row in values)
        return (len(values), hidden) == (2 * times, times)

    await eventually(stored)
