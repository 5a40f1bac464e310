"""WebSockets at /ocpp/{station id}: the handshake, whole messages out of frames, and closing with the right word.

picows gives frames as they come: fragments, their assembly and UTF-8 are ours. Its handshake is synchronous and tells
the client the text of whatever is raised in it, so nothing may be raised in it.
"""

import ipaddress
import logging
import socket
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # not in its stubs

from ocpp_gateway import metrics
from ocpp_gateway.acceptor import Acceptor
from ocpp_gateway.protocol.versions import Version, negotiate
from ocpp_gateway.stations.session import Session, Surroundings
from youguan.files import allow_many_files

log = logging.getLogger(__name__)
socket_log = logging.getLogger("picows.server")  # a line for every connection that comes and goes: only warnings
socket_log.setLevel(logging.WARNING)

PREFIX = "/ocpp/"
LONGEST_ID = 48  # OCPP 2.0.1 Part 4: station identity
LARGEST_MESSAGE = 256 * 1024
READ_BUFFER = 2048
HANDSHAKE_S = 10.0

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Server:
    """Accepts stations on a listening socket and holds a conversation with each."""

    def __init__(self, around: Surroundings, open_networks: Sequence[str]) -> None:
        self._around = around
        self._open: list[Network] = [ipaddress.ip_network(network) for network in open_networks]
        self._acceptor: Acceptor | None = None
        self.sessions: dict[str, Session] = {}
        self._listeners: set[Listener] = set()

    def start(self, listening: socket.socket) -> None:
        """Begin to accept."""
        self._acceptor = Acceptor(listening, self._protocol, lambda: len(self._listeners), allow_many_files())
        self._acceptor.start()

    def _protocol(self) -> Any:
        """Return picows' protocol with a handshake that knows the peer, which its own server does not tell."""
        protocol: Any = WSProtocol(
            None, None, False, lambda request: self._shake_hands(request, protocol), socket_log, True, HANDSHAKE_S,
            False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE, True, LARGEST_MESSAGE * 2, None, READ_BUFFER,
        )  # fmt: skip
        return protocol

    def _shake_hands(self, request: WSUpgradeRequest, protocol: Any) -> WSUpgradeResponseWithListener:
        try:
            return self._accept(request, protocol)
        except Exception:
            log.exception("handshake")
            return _rejection(HTTPStatus.INTERNAL_SERVER_ERROR, "error")

    def _accept(self, request: WSUpgradeRequest, protocol: Any) -> WSUpgradeResponseWithListener:
        station_id = station_in(request.path)
        if station_id is None:
            return _rejection(HTTPStatus.NOT_FOUND, "path")
        peer = protocol.transport.underlying_transport.get_extra_info("peername")
        remote = peer[0] if peer else ""
        if not self._may_connect(remote):
            return _rejection(HTTPStatus.UNAUTHORIZED, "credentials", {"WWW-Authenticate": 'Basic realm="OCPP"'})
        if "upgrade" in [word.strip().lower() for word in request.headers.get("connection", "").split(",")]:
            request.headers["connection"] = "upgrade"  # `keep-alive, Upgrade` is legal; picows refuses it
        version = negotiate(offered(request))
        if version is None:
            metrics.rejected.labels("subprotocol").inc()
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(), Farewell())
        answer = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": version.subprotocol})
        return WSUpgradeResponseWithListener(answer, Listener(self, station_id, version, remote))

    def _may_connect(self, remote: str) -> bool:
        """Without credentials only from networks that a setting names."""
        try:
            address = ipaddress.ip_address(remote)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._open)

    def enter(self, listener: "Listener", wire: "PicowsWire") -> Session:
        """Begin a conversation; an older one with the same station is closed."""
        older = self.sessions.get(listener.station_id)
        if older is not None:
            older.end("replaced")
            older.replace()
        session = Session(listener.station_id, listener.version, listener.remote, wire, self._around)
        self.sessions[listener.station_id] = session
        self._listeners.add(listener)
        metrics.connections.inc()
        return session

    def leave(self, listener: "Listener", session: Session, reason: str) -> None:
        """End a conversation whose connection is gone."""
        session.end(reason)
        if self.sessions.get(listener.station_id) is session:
            del self.sessions[listener.station_id]
        self._listeners.discard(listener)
        metrics.connections.dec()

    def close_lost(self, epochs: Mapping[str, int]) -> None:
        """Close the connections of stations that another worker holds now; not one that is newer still."""
        for station_id, epoch in epochs.items():
            session = self.sessions.get(station_id)
            if session is not None and session.is_older_than(epoch):
                session.end("taken over")
                session.replace()

    def stop_accepting(self) -> None:
        """Accept no more connections; those that are open go on."""
        if self._acceptor is not None:
            self._acceptor.stop()

    def close_all(self) -> None:
        """Tell every station that we restart."""
        for listener in list(self._listeners):
            listener.close(WSCloseCode.SERVICE_RESTART, "restarting")


def station_in(path: bytes) -> str | None:
    """Return the station id in a request's path, percent-decoded; None where there is none that could be stored."""
    text = urlsplit(path.decode("latin-1")).path
    if not text.startswith(PREFIX):
        return None
    try:
        station_id = unquote(text.removeprefix(PREFIX), errors="strict")
    except UnicodeDecodeError:
        return None
    if not 0 < len(station_id) <= LONGEST_ID or "/" in station_id or not station_id.isprintable():
        return None
    return station_id


def offered(request: WSUpgradeRequest) -> list[str]:
    """Return the subprotocols that the client offers, in its order."""
    headers = request.headers.getall("sec-websocket-protocol", [])
    return [name.strip() for header in headers for name in header.split(",") if name.strip()]


def _rejection(status: HTTPStatus, reason: str, headers: dict[str, str] | None = None) -> WSUpgradeResponseWithListener:
    metrics.rejected.labels(reason).inc()
    response = WSUpgradeResponse.create_error_response(status, status.phrase.encode(), headers)
    return WSUpgradeResponseWithListener(response, None)


class Farewell(WSListener):
    """No common subprotocol: OCPP-J wants the handshake completed without one and the connection closed at once."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send_close(WSCloseCode.PROTOCOL_ERROR, b"no common subprotocol")
        transport.disconnect()


class PicowsWire:
    """One connection, as its conversation sees it."""

    def __init__(self, transport: WSTransport) -> None:
        self._transport = transport

    def send(self, frame: bytes) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send(WSMsgType.TEXT, frame)

    def pause(self) -> None:
        self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        self._transport.underlying_transport.resume_reading()

    def close(self, code: int, reason: str) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(WSCloseCode(code), reason.encode())
        self._transport.disconnect()


class Listener(WSListener):
    """Turns the frames of one connection into whole text messages."""

    def __init__(self, server: Server, station_id: str, version: Version, remote: str) -> None:
        super().__init__()
        self.station_id = station_id
        self.version = version
        self.remote = remote
        self._server = server
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
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin and self._fragments is None:
            self._whole(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._fragment(frame)
        elif kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind == WSMsgType.BINARY:
            self.close(WSCloseCode.UNSUPPORTED_DATA, "OCPP-J is text")

    def _fragment(self, frame: WSFrame) -> None:
        begins = frame.msg_type == WSMsgType.TEXT
        if begins == (self._fragments is not None):
            self.close(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
            return
        self._fragments = [*(self._fragments or ()), frame.get_payload_as_bytes()]
        if sum(map(len, self._fragments)) > LARGEST_MESSAGE:
            self.close(WSCloseCode.MESSAGE_TOO_BIG, "message too big")
        elif frame.fin:
            message, self._fragments = b"".join(self._fragments), None
            self._whole(message)

    def _whole(self, message: bytes) -> None:
        if len(message) > LARGEST_MESSAGE:
            self.close(WSCloseCode.MESSAGE_TOO_BIG, "message too big")
            return
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self.close(WSCloseCode.INVALID_TEXT, "not UTF-8")
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

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._session is not None:
            self._server.leave(self, self._session, "closed")
            self._session = None
