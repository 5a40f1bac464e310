"""The two connections of a relayed station: whatever comes in on one goes out on the other, down to pings and close codes.

Messages are passed on whole. A side that does not read makes us read less of the other, so memory is bounded by the sockets'
own buffers and one message each way. A connection that breaks without a word breaks the other without a word.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ocpp_gateway.stations.admission import Admitted

LARGEST_MESSAGE = 4 * 1024 * 1024
# How long whoever is told goodbye has to say it too.
GOODBYE_S = 5.0
# A side that says nothing is looked after by TCP alone: a ping would be a frame of ours, which the other side knows nothing of, and
# who does not answer one lives happily with its operator all the same. Dead lines are found after three minutes.
KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_TRIES = 120, 20, 3


class Leg(WSListener):
    """One of the two; `across` is the other, once there is one.

    `hear` takes its messages, `on_binary` is told the size of those that are no text and pass all the same, `on_parting` is told
    when it says goodbye first, `on_end` of its end.
    """

    __slots__ = (
        "_early", "_fragments", "_kind", "_paused", "_size", "_transport", "across",
        "gone", "hear", "on_begin", "on_binary", "on_end", "on_parting", "parted_first", "said_goodbye", "told_goodbye", "why",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.across: Leg | None = None
        self.hear: Callable[[bytes], None] = self.send_across
        self.on_begin: Callable[[], None] = _nothing
        self.on_binary: Callable[[int], None] = _nothing
        self.on_end: Callable[[], None] = _nothing
        self.on_parting: Callable[[], None] = _nothing
        self.gone = False
        self.said_goodbye: bytes | None = None  # what the close frame said that came from this side
        self.told_goodbye = False
        self.parted_first = False  # it said goodbye, and not because it was told
        self.why = ""  # we ended it
        self._transport: WSTransport | None = None
        self._early: list[tuple[Any, bytes]] = []  # what comes before the other leg is there
        self._fragments: list[bytes] = []
        self._kind: Any = None
        self._size = 0
        self._paused = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        raw = transport.underlying_transport.get_extra_info("socket")
        if raw is not None:
            keep_alive(raw)
        self._transport = transport
        if self.across is None:
            self.pause()
        self.on_begin()

    def begin(self) -> None:
        """Take what came early, and read on: the other leg is there."""
        early, self._early = self._early, []
        for kind, payload in early:
            self._take(kind, payload)
        self.resume()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        payload = frame.get_payload_as_bytes()
        if kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._fragment(kind, payload, bool(frame.fin))
        elif self.across is None:
            self._early.append((kind, payload))
        else:
            self._take(kind, payload)

    def _fragment(self, kind: Any, payload: bytes, ends: bool) -> None:
        begins = kind != WSMsgType.CONTINUATION
        if begins == (self._kind is not None):
            self.end(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
            return
        self._kind = kind if begins else self._kind
        self._size += len(payload)
        self._fragments.append(payload)
        if self._size > LARGEST_MESSAGE:
            self.end(WSCloseCode.MESSAGE_TOO_BIG, "message too big")
        elif ends:
            kind, message = self._kind, b"".join(self._fragments)
            self._fragments, self._kind, self._size = [], None, 0
            if self.across is None:
                self._early.append((kind, message))
            else:
                self._take(kind, message)

    def _take(self, kind: Any, payload: bytes) -> None:
        assert self.across is not None
        if kind == WSMsgType.TEXT:
            self.hear(payload)
        elif kind == WSMsgType.CLOSE:
            self._goodbye(payload)
        else:
            self.across.send(kind, payload)
            if kind == WSMsgType.BINARY:
                self.on_binary(len(payload))

    def send_across(self, message: bytes) -> None:
        """Pass a message on."""
        if self.across is not None:
            self.across.send_text(message)

    def _goodbye(self, payload: bytes) -> None:
        """Tell the other side goodbye in the same words; when both have said it, both connections end."""
        assert self.across is not None
        self.said_goodbye = payload
        self.parted_first = not self.told_goodbye
        if self.parted_first:
            self.on_parting()
        self.across.tell_goodbye(payload)
        if self.told_goodbye:
            self.finish()
            self.across.finish()
        else:
            asyncio.get_running_loop().call_later(GOODBYE_S, self._wait_no_longer)

    def _wait_no_longer(self) -> None:
        if self.said_goodbye is not None and not self.gone:
            self.tell_goodbye(self.said_goodbye)
            self.finish()
        if self.across is not None:
            self.across.finish()

    def tell_goodbye(self, payload: bytes) -> None:
        """Send a close frame, once."""
        if not self.told_goodbye:
            self.told_goodbye = True
            self.send(WSMsgType.CLOSE, payload)

    def send(self, kind: Any, payload: bytes) -> None:
        """Send a frame, while there is somebody to send it to."""
        if self._transport is not None and not self.gone and not self._transport.is_close_frame_sent:
            self._transport.send(kind, payload)

    def send_text(self, message: bytes) -> None:
        """Send a message."""
        if not self.told_goodbye:
            self.send(WSMsgType.TEXT, message)

    def finish(self) -> None:
        """End the connection when what was sent has gone out."""
        if self._transport is not None and not self.gone:
            self._transport.disconnect()

    def end(self, code: WSCloseCode, reason: str) -> None:
        """End both connections for a reason of ours."""
        self.why = self.why or reason
        payload = code.value.to_bytes(2, "big") + reason.encode()
        for leg in (self, self.across):
            if leg is not None:
                leg.tell_goodbye(payload)
                leg.finish()

    def close(self, code: WSCloseCode, reason: str) -> None:
        """End both connections."""
        self.end(code, reason)

    def pause_writing(self) -> None:
        if self.across is not None:
            self.across.pause()

    def resume_writing(self) -> None:
        if self.across is not None:
            self.across.resume()

    def pause(self) -> None:
        """Read no more from this side."""
        if self._reads() and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._reads() and self._paused and self._transport is not None:
            self._paused = False
            self._transport.underlying_transport.resume_reading()

    def _reads(self) -> bool:
        return self._transport is not None and not self.gone and not self._transport.underlying_transport.is_closing()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.gone = True
        across = self.across
        if across is not None and not across.gone:
            told = transport.close_handshake.sent if transport.close_handshake is not None else None
            if self.said_goodbye is None and not self.told_goodbye and told is not None:  # this side broke the protocol
                across.tell_goodbye(WSCloseCode(told.code).value.to_bytes(2, "big") + told.reason.encode())
            across.finish()
        self.on_end()


class StationLeg(Leg):
    """The connection to the station, with what the server knows of one that it holds."""

    __slots__ = ("admitted", "source", "station_id")

    def __init__(self, station_id: str, source: str, admitted: Admitted) -> None:
        super().__init__()
        self.station_id = station_id
        self.source = source
        self.admitted = admitted

    def look(self, now: float) -> None:
        """Ask nothing, however long it is silent: whether it is there is for its central system to ask."""


def keep_alive(raw: socket.socket) -> None:
    """Let TCP find out that the other end is no more."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)  # the latter: macOS
    if idle is not None:
        raw.setsockopt(socket.IPPROTO_TCP, idle, KEEPALIVE_IDLE_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_TRIES)


def words_of(payload: bytes | None) -> str:
    """Return what a close frame says."""
    if payload is None:
        return "without a word"
    if len(payload) < 2:
        return "no code"
    return f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode(errors='replace')}".rstrip()


def _nothing(*_: object) -> None:
    """Nobody is to be told."""
