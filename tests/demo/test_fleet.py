"""The fleet against a central system that validates everything: what it says is legal, and it always comes back."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from random import Random
from typing import Any

import pytest
import websockets
from ocpp.messages import Call, CallResult, validate_payload
from websockets.asyncio.server import ServerConnection

from deploy.demo.behaviour import Act, Step
from deploy.demo.fleet import Memory, Simulated, _live, memory_of, run_fleet
from deploy.demo.stations import Station16, Station201

KINDS = {"1.6": Station16, "2.0.1": Station201}
A_LIFE = (
    Step(0, Act.PLUG, 1),
    Step(0, Act.START, 1),
    Step(0.01, Act.METER, 1, power_w=60_000),
    Step(0.01, Act.METER, 1, power_w=50_000),
    Step(0, Act.STOP, 1),
    Step(0, Act.UNPLUG, 1),
    Step(0, Act.FAULT, 2, fault="GroundFailure"),
    Step(0, Act.REPAIR, 2),
    Step(0, Act.DROP, 1),
)


@dataclass
class CentralSystem:
    """Answers as a lenient central system does, validates every message both ways, and remembers what it heard."""

    pending: int = 0  # boots that are answered Pending first
    refuse: set[str] = field(default_factory=set)  # actions that are answered with a CALLERROR
    heard: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=lambda: defaultdict(list))
    connections: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        station_id = socket.request.path.rsplit("/", 1)[1]
        version = str(socket.subprotocol).removeprefix("ocpp")
        self.connections.append(station_id)
        async for raw in socket:
            _, message_id, action, payload = json.loads(raw)
            self.heard[station_id].append((action, payload))
            await self._validate(Call(message_id, action, payload), version)
            if action in self.refuse:
                await socket.send(json.dumps([4, message_id, "InternalError", "", {}]))
                continue
            answer = CallResult(message_id, self._answer(action), action)
            await self._validate(answer, version)
            await socket.send(json.dumps([3, message_id, answer.payload]))

    async def _validate(self, message: Call | CallResult, version: str) -> None:
        try:
            await validate_payload(message, version)
        except Exception as error:
            self.invalid.append(f"{version} {message.payload}: {error}")

    def _answer(self, action: str) -> dict[str, Any]:
        present = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if action == "BootNotification":
            self.pending -= 1
            return {"status": "Pending" if self.pending >= 0 else "Accepted", "currentTime": present, "interval": 1}
        accepted = {"idTagInfo": {"status": "Accepted"}}
        answers: dict[str, dict[str, Any]] = {
            "Heartbeat": {"currentTime": present},
            "Authorize": accepted,
            "StartTransaction": {**accepted, "transactionId": 77},
        }
        return answers.get(action, {})

    def said(self, station_id: str, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.heard[station_id] if name == action]


@asynccontextmanager
async def listening(system: CentralSystem, port: int = 0) -> AsyncIterator[int]:
    protocols = [websockets.Subprotocol("ocpp1.6"), websockets.Subprotocol("ocpp2.0.1")]
    async with websockets.serve(system.serve, "127.0.0.1", port, subprotocols=protocols) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def live(port: int, version: str, steps: Iterator[Step], memory: Memory) -> None:
    """Let a station live over one connection."""
    kind: Any = KINDS[version]
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ocpp/S1", subprotocols=[kind.subprotocol], proxy=None
    ) as socket:
        await _live(kind("S1", socket, memory.transactions), steps, memory)


@pytest.fixture
def memory() -> Memory:
    return memory_of(Simulated("S1", 2, 60_000), Random(1))


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_everything_it_says_is_legal(version: str, memory: Memory) -> None:
    system = CentralSystem()
    async with listening(system) as port:
        await live(port, version, iter(A_LIFE), memory)
    assert system.invalid == []
    actions = [action for action, _ in system.heard["S1"]]
    assert actions[:3] == ["BootNotification", "StatusNotification", "StatusNotification"]
    key = "status" if version == "1.6" else "connectorStatus"
    words = [payload[key] for payload in system.said("S1", "StatusNotification")][2:]
    if version == "1.6":
        assert words == ["Preparing", "Charging", "Finishing", "Available", "Faulted", "Available"]
        assert [p["errorCode"] for p in system.said("S1", "StatusNotification")][6] == "GroundFailure"
        assert {p["transactionId"] for p in system.said("S1", "MeterValues")} == {77}
        assert [p["transactionId"] for p in system.said("S1", "StopTransaction")] == [77]
    else:
        assert words == ["Occupied", "Available", "Faulted", "Available"]
        assert [p["seqNo"] for p in system.said("S1", "TransactionEvent")] == [0, 1, 2, 3]
        assert len({p["transactionInfo"]["transactionId"] for p in system.said("S1", "TransactionEvent")}) == 1
        assert [p["eventData"][0]["techCode"] for p in system.said("S1", "NotifyEvent")] == ["GroundFailure"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_lost_connection_ends_neither_a_transaction_nor_a_fault(version: str, memory: Memory) -> None:
    system = CentralSystem()
    before = (*A_LIFE[:2], Step(0, Act.FAULT, 2, fault="ReaderFailure"), Step(0, Act.DROP, 1))
    after = (*A_LIFE[2:4], A_LIFE[4], Step(0, Act.REPAIR, 2), Step(0, Act.DROP, 1))
    steps = chain(before, after)
    async with listening(system) as port:
        await live(port, version, steps, memory)
        begun = len(system.heard["S1"])
        await live(port, version, steps, memory)
    assert system.invalid == []
    again = [payload for action, payload in system.heard["S1"][begun:] if action == "StatusNotification"]
    key = "status" if version == "1.6" else "connectorStatus"
    assert [payload[key] for payload in again[:2]] == ["Charging" if version == "1.6" else "Occupied", "Faulted"]
    if version == "1.6":
        assert [p["transactionId"] for p in system.said("S1", "StopTransaction")] == [77]
    else:
        assert [p["eventType"] for p in system.said("S1", "TransactionEvent")][-1] == "Ended"
        assert [p["seqNo"] for p in system.said("S1", "TransactionEvent")] == [0, 1, 2, 3]
    assert memory.transactions == {}


async def test_it_boots_until_it_is_accepted(memory: Memory) -> None:
    system = CentralSystem(pending=2)
    async with listening(system) as port:
        await live(port, "1.6", iter((Step(0, Act.DROP, 1),)), memory)
    assert [action for action, _ in system.heard["S1"]] == ["BootNotification"] * 3 + ["StatusNotification"] * 2


async def test_a_fleet_comes_back_after_a_refusal_and_after_the_gateway_was_away() -> None:
    stop = asyncio.Event()
    stations = [Simulated(f"S{n}", 1, 7_000) for n in range(1, 5)]
    system = CentralSystem(refuse={"StatusNotification"})
    async with listening(system) as port:
        url = f"ws://127.0.0.1:{port}/ocpp"
        running = asyncio.create_task(run_fleet(url, stations, faults_per_hour=0, seed=1, stop=stop))
        async with asyncio.timeout(20):
            while len(system.connections) < 2 * len(stations):
                await asyncio.sleep(0.02)
        system.refuse.clear()
    system.heard.clear()
    async with listening(system, port):
        async with asyncio.timeout(60):
            while len([s for s in stations if system.said(s.id, "StatusNotification")]) < len(stations):
                await asyncio.sleep(0.02)
        stop.set()
        async with asyncio.timeout(3):
            await running
    assert system.invalid == []
    assert set(system.connections) == {station.id for station in stations}
    boots = {station.id: system.said(station.id, "BootNotification")[0] for station in stations}
    assert ["chargePointModel" in boots[station.id] for station in stations] == [True, False, True, False]


async def test_it_stops_at_once_while_it_is_still_ramping_up() -> None:
    stop = asyncio.Event()
    stations = [Simulated(f"S{n}", 1, 7_000) for n in range(300)]
    async with listening(CentralSystem()) as port:
        running = asyncio.create_task(
            run_fleet(f"ws://127.0.0.1:{port}/ocpp", stations, faults_per_hour=0, seed=1, stop=stop)
        )
        await asyncio.sleep(0.2)
        stop.set()
        async with asyncio.timeout(3):
            await running
