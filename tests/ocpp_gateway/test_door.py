"""What holds a connection open: handshakes that are crowded out, and stations that have fallen silent."""

from functools import partial
from typing import Any, cast

import pytest

from ocpp_gateway.connections.door import Handshakes
from ocpp_gateway.connections.listener import SILENCE_S, Listener, PicowsWire
from ocpp_gateway.protocol.versions import V16
from ocpp_gateway.stations.admission import Admitted


def test_the_oldest_handshake_makes_room() -> None:
    handshakes = Handshakes(most=3)
    ended: list[int] = []
    visitors = [object() for _ in range(5)]
    for number, visitor in enumerate(visitors):
        handshakes.begin(visitor, partial(ended.append, number))
    assert ended == [0, 1]
    assert len(handshakes) == 3
    assert [handshakes.over(visitor) for visitor in visitors] == [False, False, True, True, True]
    assert len(handshakes) == 0


def test_whoever_is_done_makes_room_without_harm() -> None:
    handshakes = Handshakes(most=1)
    ended: list[int] = []
    for number in range(5):
        visitor = object()
        handshakes.begin(visitor, partial(ended.append, number))
        assert handshakes.over(visitor)
    assert ended == []


class FakeTransport:
    """Counts pings, and notes how the connection ends."""

    def __init__(self) -> None:
        self.is_close_frame_sent = False
        self.pings = 0
        self.ended: list[bool] = []
        self.underlying_transport = self

    def get_extra_info(self, name: str) -> Any:
        return None

    def send_ping(self) -> None:
        self.pings += 1

    def disconnect(self, graceful: bool = True) -> None:
        self.ended.append(graceful)

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class FakeSession:
    """Notes why it ended."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def end(self, reason: str) -> None:
        self.reasons.append(reason)


class FakeServer:
    """Gives the same session to everybody."""

    def __init__(self) -> None:
        self.session = FakeSession()

    def enter(self, listener: Listener, wire: PicowsWire) -> FakeSession:
        self.wire = wire
        return self.session


class Line:
    """A connection whose silence can be told to the second."""

    def __init__(self) -> None:
        self.server, self.transport = FakeServer(), FakeTransport()
        server: Any = cast(Any, self.server)
        transport: Any = cast(Any, self.transport)
        self.listener = Listener(server, "s1", V16, "192.0.2.1", Admitted(0))
        self.listener.on_ws_connected(transport)
        self.heard = self.listener.heard_at

    def look(self, after_s: float) -> None:
        self.listener.look(self.heard + after_s)


@pytest.fixture
def line() -> Line:
    return Line()


def test_who_has_just_spoken_is_not_asked(line: Line) -> None:
    line.look(SILENCE_S - 1)
    assert line.transport.pings == 0


def test_who_is_silent_is_asked_once_and_dropped_when_nothing_comes_back(line: Line) -> None:
    line.look(SILENCE_S)
    line.look(SILENCE_S + 5)
    assert (line.transport.pings, line.transport.ended) == (1, [])
    line.look(2 * SILENCE_S)
    assert line.transport.ended == [False]
    assert line.server.session.reasons == ["no answer to a ping"]


def test_who_answers_stays(line: Line) -> None:
    line.look(SILENCE_S)
    line.listener.heard_at = line.heard + SILENCE_S + 1
    for after in (SILENCE_S + 5, 2 * SILENCE_S, 2 * SILENCE_S + 0.9):
        line.look(after)
    assert (line.transport.pings, line.transport.ended) == (1, [])
    line.look(2 * SILENCE_S + 1)
    assert line.transport.pings == 2


def test_whom_we_do_not_read_is_not_silent(line: Line) -> None:
    line.look(SILENCE_S)
    line.server.wire.pause()
    line.look(10 * SILENCE_S)
    line.server.wire.resume()
    line.look(11 * SILENCE_S - 1)
    assert line.transport.ended == []
    assert line.transport.pings == 1
