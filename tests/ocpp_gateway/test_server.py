"""WebSockets for real: what is negotiated, whole messages out of frames, and the word with which a connection is closed."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from ocpp_gateway.connections.listener import LARGEST_MESSAGE, MOST_FRAGMENTS
from ocpp_gateway.connections.server import Server
from ocpp_gateway.protocol.versions import VERSIONS
from ocpp_gateway.recorder.batch import Committed, Disconnected, Entry
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.session import UNREADABLE_KEPT
from ocpp_gateway.stations.surroundings import Surroundings
from ocpp_gateway.worker import rules_of
from tests.ocpp_gateway.fakes import FakeClaims, FakeRecorder, knowing
from tests.suite import eventually
from youguan.clock import SystemClock
from youguan.settings import Settings

HEARTBEAT = '[2,"1","Heartbeat",{}]'
FIN, RSV1, TEXT, CONTINUATION, BINARY, CLOSE, PING, PONG = 0x80, 0x40, 1, 0, 2, 8, 9, 10


class Settling(FakeRecorder):
    """Settles at once."""

    def submit(self, entry: Entry) -> None:
        super().submit(entry)
        entry.settle(Committed(7))


class Served:
    """A server on a port of its own, and clients for it."""

    def __init__(self, port: int, recorder: Settling) -> None:
        self.port = port
        self.recorder = recorder

    async def connect(self, *subprotocols: str, station: str = "s1") -> ClientConnection:
        return await websockets.connect(
            f"ws://127.0.0.1:{self.port}/ocpp/{station}", proxy=None, compression=None,
            subprotocols=[websockets.Subprotocol(name) for name in subprotocols],
        )  # fmt: skip

    @asynccontextmanager
    async def raw(self) -> AsyncIterator["Raw"]:
        """Open a connection whose frames a test writes byte by byte."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ocpp/raw HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6", "", "",
        ]  # fmt: skip
        writer.write("\r\n".join(lines).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            assert head.startswith(b"HTTP/1.1 101"), head
            yield Raw(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class Raw:
    """Frames as they are on the wire."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def frame(self, head: int, payload: bytes = b"") -> None:
        size = len(payload)
        form, mark = ("!BH", 126) if size < 65536 else ("!BQ", 127)
        length = bytes([0x80 | size]) if size < 126 else struct.pack(form, 0x80 | mark, size)
        self._writer.write(bytes([head]) + length + bytes(4) + payload)  # a mask of zeros changes nothing

    async def next(self) -> tuple[int, bytes]:
        """Return (kind, payload) of the next frame from the server."""
        async with asyncio.timeout(20):
            head, size = await self._reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            return head & 0x0F, await self._reader.readexactly(size)

    async def close_code(self) -> int:
        kind, payload = await self.next()
        assert kind == CLOSE, (kind, payload)
        return int.from_bytes(payload[:2], "big")


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    recorder = Settling()
    around = Surroundings(recorder, FakeClaims(), lambda _: True, SystemClock(), lambda _: 60, knowing())
    rules = rules_of(Settings(ocpp_open_networks=["127.0.0.0/8"]))
    doorkeeper = Doorkeeper(rules, knows=lambda _: True, keys_of=lambda _: None, clock=SystemClock())
    server = Server(around, doorkeeper)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        server.start(listening)
        yield Served(listening.getsockname()[1], recorder)
        server.close_all()
        server.stop_accepting()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
async def test_each_version_is_spoken_by_what_was_negotiated(served: Served, version: Any) -> None:
    async with await served.connect("ocpp9.9", version.subprotocol) as station:
        assert station.subprotocol == version.subprotocol
        await station.send(HEARTBEAT)
        answer = json.loads(await station.recv())
        assert answer[:2] == [3, "1"]
    assert {entry.ocpp_version for entry in served.recorder.entries if entry.frame} == {version.name}


async def test_the_newest_version_offered_is_taken(served: Served) -> None:
    async with await served.connect("ocpp1.6", "ocpp2.1", "ocpp2.0.1") as station:
        assert station.subprotocol == "ocpp2.1"


async def test_nothing_in_common_is_closed_at_once(served: Served) -> None:
    async with await served.connect("soap") as station:
        assert station.subprotocol is None
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await station.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1002


async def test_a_send_is_stored_and_not_answered(served: Served) -> None:
    stream = {"id": 1, "pending": 0, "basetime": "2026-05-04T12:00:00Z", "data": [{"t": 0, "v": "1"}]}
    async with await served.connect("ocpp2.1") as station:
        await station.send(json.dumps([6, "1", "NotifyPeriodicEventStream", stream]))
        await station.send(HEARTBEAT)
        assert json.loads(await station.recv())[:2] == [3, "1"], "the first answer is the heartbeat's"
    assert "NotifyPeriodicEventStream" in served.recorder.entries[0].frame


async def test_a_ping_is_answered_and_what_is_refused_ends_no_connection(served: Served) -> None:
    async with await served.connect("ocpp2.0.1") as station:
        await (await station.ping())
        for wrong in ("nonsense", '[2,"n","Nonsense",{}]', '[2,"p","DataTransfer",{"vendorId":"\\u0000"}]'):
            await station.send(wrong)
            assert json.loads(await station.recv())[0] == 4
        await station.send(HEARTBEAT)
        assert json.loads(await station.recv())[0] == 3


async def test_fragments_with_a_ping_between_are_one_message(served: Served) -> None:
    async with served.raw() as raw:
        raw.frame(TEXT, HEARTBEAT[:5].encode())
        raw.frame(FIN | PING, b"hello")
        raw.frame(CONTINUATION, HEARTBEAT[5:9].encode())
        raw.frame(FIN | CONTINUATION, HEARTBEAT[9:].encode())
        got = [await raw.next(), await raw.next()]
    assert (PONG, b"hello") in got
    assert any(kind == TEXT and json.loads(payload)[:2] == [3, "1"] for kind, payload in got)


@pytest.mark.parametrize(
    ("say", "code", "reason", "kept"),
    [
        (lambda raw: raw.frame(FIN | BINARY, b"x"), 1003, "OCPP-J is text", "x"),
        (lambda raw: raw.frame(FIN | CONTINUATION, b"x"), 1002, "fragments out of order", "x"),
        (lambda raw: (raw.frame(TEXT, b"["), raw.frame(FIN | TEXT, b"]")), 1002, "fragments out of order", "]"),
        (lambda raw: raw.frame(FIN | RSV1 | TEXT, b"[]"), 1002, "reserved bits", "[]"),
        (lambda raw: raw.frame(FIN | TEXT, b"\xff\xfe"), 1007, "not UTF-8", "\ufffd\ufffd"),
        (
            lambda raw: raw.frame(FIN | TEXT, b"x" * (LARGEST_MESSAGE + 1)),
            1009,
            "message too big",
            "x" * UNREADABLE_KEPT,
        ),
        (
            lambda raw: [raw.frame(TEXT if n == 0 else CONTINUATION, b"x" * 60_000) for n in range(5)],
            1009,
            "message too big",
            "x" * UNREADABLE_KEPT,
        ),
        (
            lambda raw: [raw.frame(TEXT if n == 0 else CONTINUATION, b"") for n in range(MOST_FRAGMENTS + 1)],
            1009,
            "message too big",
            "",
        ),
        (lambda raw: raw.frame(FIN | CLOSE, struct.pack("!H", 1000)), 1000, "closed", None),
    ],
    ids=[
        "binary",
        "continues nothing",
        "two at once",
        "compressed, which nobody agreed to",
        "no UTF-8",
        "too big",
        "too big in parts",
        "in too many parts",
        "goodbye",
    ],
)
async def test_the_word_with_which_a_connection_is_closed_is_kept(
    served: Served, say: Callable[[Raw], object], code: int, reason: str, kept: str | None
) -> None:
    async with served.raw() as raw:
        say(raw)
        assert await raw.close_code() == code

    async def told() -> bool:
        return bool(gone())

    def gone() -> list[Disconnected]:
        return [said for e in served.recorder.entries for said in e.observations if isinstance(said, Disconnected)]

    await eventually(told)
    assert [each.reason for each in gone()] == [reason]
    doubts = [doubt for entry in served.recorder.entries for doubt in entry.doubts]
    assert [doubt.frame for doubt in doubts] == ([] if kept is None else [kept])
    assert all(reason in doubt.reason for doubt in doubts)


async def test_the_largest_message_is_taken(served: Served) -> None:
    async with await served.connect("ocpp2.0.1") as station:
        filling = LARGEST_MESSAGE - len('[2,"1","DataTransfer",{"vendorId":"v","data":""}]')
        await station.send(f'[2,"1","DataTransfer",{{"vendorId":"v","data":"{"x" * filling}"}}]')
        assert json.loads(await station.recv())[0] == 3


async def test_a_newer_connection_replaces_the_older(served: Served) -> None:
    async with await served.connect("ocpp1.6") as older, await served.connect("ocpp2.0.1") as newer:
        with pytest.raises(websockets.ConnectionClosed):
            await older.recv()
        await newer.send(HEARTBEAT)
        assert json.loads(await newer.recv())[0] == 3
