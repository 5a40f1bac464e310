"""One connection: whole messages out of frames, and closing with the right word.

picows gives frames as they come: fragments, their assembly and UTF-8 are ours.
"""

import socket
import time
from typing import Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ocpp_gateway import metrics
from ocpp_gateway.protocol.versions import Version
from ocpp_gateway.stations.admission import Admitted, source_of
from ocpp_gateway.stations.session import Session

LARGEST_MESSAGE = 256 * 1024
MOST_FRAGMENTS = 1024  # of one message: empty ones add nothing to its size
# A station that says nothing is asked whether it is there, and has as long again to answer.
SILENCE_S = 20.0


class Keeper(Protocol):
    """Who keeps account of connections, and holds the conversations over them."""

    def enter(self, listener: "Listener", wire: "PicowsWire", /) -> Session: ...
    def leave(self, listener: "Listener", session: Session, reason: str, /) -> None: ...


class Farewell(WSListener):
    """No common subprotocol: OCPP-J wants the handshake completed without one and the connection closed at once."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send_close(WSCloseCode.PROTOCOL_ERROR, b"no common subprotocol")
        transport.disconnect()


class PicowsWire:
    """One connection, as its conversation sees it."""

    __slots__ = ("_transport", "paused")

    def __init__(self, transport: WSTransport) -> None:
        self._transport = transport
        self.paused = False

    def send(self, frame: bytes) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send(WSMsgType.TEXT, frame)

    def ping(self) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send_ping()

    def abort(self) -> None:
        self._transport.disconnect(False)

    def pause(self) -> None:
        self.paused = True
        self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        self.paused = False
        self._transport.underlying_transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(WSCloseCode(code), reason.encode())
        self._transport.disconnect()


class Listener(WSListener):
    """Turns the frames of one connection into whole text messages."""

    __slots__ = (
        "_asked_at", "_fragments", "_server", "_session", "_wire", "admitted", "heard_at", "remote", "source",
        "station_id", "version",
    )  # fmt: skip

    def __init__(self, server: Keeper, station_id: str, version: Version, remote: str, admitted: Admitted) -> None:
        super().__init__()
        self.station_id = station_id
        self.version = version
        self.remote = remote
        self.source = source_of(remote)
        self.admitted = admitted
        self._server = server
        self.heard_at = time.monotonic()
        self._asked_at: float | None = None  # since when a ping waits for whatever comes back
        self._fragments: list[bytes] | None = None
        self._wire: PicowsWire | None = None
        self._session: Session | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        raw = transport.underlying_transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._wire = PicowsWire(transport)
        self._session = self._server.enter(self, self._wire)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard_at = time.monotonic()
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:  # RFC 6455 5.2; we negotiate no extension, and picows lets them by
            self._break_off(WSCloseCode.PROTOCOL_ERROR, "reserved bits", frame.get_payload_as_bytes())
        elif kind == WSMsgType.TEXT and frame.fin and self._fragments is None:
            self._whole(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._fragment(frame)
        elif kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind == WSMsgType.BINARY:
            self._break_off(WSCloseCode.UNSUPPORTED_DATA, "OCPP-J is text", frame.get_payload_as_bytes())

    def _fragment(self, frame: WSFrame) -> None:
        begins = frame.msg_type == WSMsgType.TEXT
        if begins == (self._fragments is not None):
            self._break_off(WSCloseCode.PROTOCOL_ERROR, "fragments out of order", frame.get_payload_as_bytes())
            return
        self._fragments = [] if self._fragments is None else self._fragments
        self._fragments.append(frame.get_payload_as_bytes())
        if len(self._fragments) > MOST_FRAGMENTS or sum(map(len, self._fragments)) > LARGEST_MESSAGE:
            self._break_off(WSCloseCode.MESSAGE_TOO_BIG, "message too big", b"".join(self._fragments))
        elif frame.fin:
            message, self._fragments = b"".join(self._fragments), None
            self._whole(message)

    def _whole(self, message: bytes) -> None:
        if len(message) > LARGEST_MESSAGE:
            self._break_off(WSCloseCode.MESSAGE_TOO_BIG, "message too big", message)
            return
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self._break_off(WSCloseCode.INVALID_TEXT, "not UTF-8", message)
            return
        if self._session is not None:
            self._session.receive(message, text)

    def pause_writing(self) -> None:
        if self._session is not None:
            self._session.hold_back()

    def resume_writing(self) -> None:
        if self._session is not None:
            self._session.go_on()

    def close(self, code: WSCloseCode, reason: str) -> None:
        if self._wire is not None:
            self._wire.close(code.value, reason)

    def _break_off(self, code: WSCloseCode, reason: str, raw: bytes) -> None:
        """Close over something that is no message: both are recorded, or nobody would see why a station comes again and again."""
        if self._session is not None and not self._session.closed:
            metrics.dropped.labels(reason).inc()
            self._session.break_off(reason, raw)
        self.close(code, reason)

    def end(self, code: WSCloseCode, reason: str) -> None:
        """Close for a reason that is recorded."""
        if self._session is not None:
            self._session.end(reason)
        self.close(code, reason)

    def look(self, now: float) -> None:
        """Ask a silent station whether it is there; drop it when it has not answered. One that we do not read is not silent."""
        if self._wire is None or self._wire.paused:
            self.heard_at = now
        if self._wire is None or self._asked_at is None or self.heard_at > self._asked_at:
            self._asked_at = None
        elif now - self._asked_at >= SILENCE_S:
            metrics.dropped.labels("no pong").inc()
            if self._session is not None:
                self._session.end("no answer to a ping")
            self._wire.abort()
            return
        if self._wire is not None and self._asked_at is None and now - self.heard_at >= SILENCE_S:
            self._asked_at = now
            self._wire.ping()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._session is not None:
            self._server.leave(self, self._session, "closed")
            self._session = None
