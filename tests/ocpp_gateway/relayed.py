"""A gateway that passes stations on, between real sockets: an upstream of the `websockets` library, stations of the same."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ocpp_gateway.connections.server import Server
from ocpp_gateway.relay import legs
from ocpp_gateway.relay.conversation import Relayed
from ocpp_gateway.relay.passed import Passed
from ocpp_gateway.relay.reach import Reach
from ocpp_gateway.relay.relaying import Relaying
from ocpp_gateway.relay.upstreams import Upstream
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.surroundings import Surroundings
from ocpp_gateway.worker import rules_of
from tests.ocpp_gateway.fakes import FakeClaims, FakeRecorder, knowing
from youguan.clock import SystemClock
from youguan.settings import Settings

US = "youguan-test"


@dataclass
class FakeUpstreams:
    """Every station belongs to the one site that is given."""

    upstream: Upstream | None = None

    def any(self) -> bool:
        return self.upstream is not None

    def of(self, station_id: str) -> Upstream | None:
        return self.upstream


@dataclass
class CentralSystem:
    """An upstream: what it was asked, what it got, and what a test has it do."""

    subprotocols: list[str] | None = field(default_factory=lambda: ["ocpp2.0.1", "ocpp1.6"])
    answer: Callable[[ServerConnection, Request], Response | None] = lambda connection, request: None
    requests: list[Request] = field(default_factory=list)
    got: list[str | bytes] = field(default_factory=list)
    connections: asyncio.Queue[ServerConnection] = field(default_factory=asyncio.Queue)
    closed: asyncio.Queue[tuple[int | None, str | None]] = field(default_factory=asyncio.Queue)
    port: int = 0

    async def serve(self, connection: ServerConnection) -> None:
        self.connections.put_nowait(connection)
        try:
            async for message in connection:
                self.got.append(message)
        except websockets.ConnectionClosed:
            pass
        self.closed.put_nowait((connection.close_code, connection.close_reason))

    def look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return self.answer(connection, request)


@dataclass
class Relay:
    """Everything between a station and its upstream."""

    port: int
    upstreams: FakeUpstreams
    system: CentralSystem
    server: Server
    recorder: FakeRecorder
    notes: list[Passed]

    async def station(self, *subprotocols: str, path: str = "s1", **headers: str) -> ClientConnection:
        return await websockets.connect(
            f"ws://127.0.0.1:{self.port}/ocpp/{path}", proxy=None, compression=None, ping_interval=None, close_timeout=5,
            subprotocols=[websockets.Subprotocol(name) for name in subprotocols or ("ocpp1.6",)],
            additional_headers=Headers({name.replace("_", "-"): value for name, value in headers.items()}),
            max_size=None,
        )  # fmt: skip

    @asynccontextmanager
    async def both(self, *subprotocols: str) -> AsyncIterator[tuple[ClientConnection, ServerConnection]]:
        """Yield the station's end and the upstream's."""
        station = await self.station(*subprotocols)
        upstream = await asyncio.wait_for(self.system.connections.get(), 20)
        try:
            yield station, upstream
        finally:
            await station.close()

    def conversation(self, station_id: str = "s1") -> Relayed:
        found = self.server.sessions[station_id]
        assert isinstance(found, Relayed)
        return found


@asynccontextmanager
async def relay_of(
    *, judges: bool = False, may_send: bool = False, loopback: bool = True, settings: Settings | None = None, **tls: Any
) -> AsyncIterator[Relay]:
    """Run a gateway and an upstream; `tls`: the upstream's `context`, its `authority`, the relay's own `files`."""
    system = CentralSystem()
    recorder, notes = FakeRecorder(), list[Passed]()
    around = Surroundings(recorder, FakeClaims(), lambda _: True, SystemClock(), lambda _: 60, knowing())
    rules = rules_of(settings or Settings(ocpp_open_networks=["127.0.0.0/8"]))
    doorkeeper = Doorkeeper(rules, knows=lambda _: True, keys_of=lambda _: None, clock=SystemClock())
    context, authority, files = tls.get("context"), tls.get("authority"), tls.get("files", ())
    upstreams: Any = FakeUpstreams()
    reach = Reach(*files, loopback=loopback, largest_message=legs.LARGEST_MESSAGE)
    server = Server(around, doorkeeper, Relaying(upstreams, reach, doorkeeper, around, notes.append, US))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with serve(
            system.serve, "127.0.0.1", 0, subprotocols=None, select_subprotocol=_choosing(system), ssl=context,
            process_request=system.look, compression=None, ping_interval=None, max_size=None, close_timeout=5,
        ) as upstream:  # fmt: skip
            system.port = next(iter(upstream.sockets)).getsockname()[1]
            scheme = "wss" if context else "ws"
            upstreams.upstream = Upstream("x", f"{scheme}://localhost:{system.port}/csms", judges, may_send, authority)
            server.start(listening)
            yield Relay(listening.getsockname()[1], upstreams, system, server, recorder, notes)
            server.close_all()
            server.stop_accepting()


def _choosing(system: CentralSystem) -> Callable[[ServerConnection, Any], Any]:
    def choose(connection: ServerConnection, offered: Any) -> Any:
        return next((name for name in system.subprotocols or () if name in offered), None)

    return choose


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)
