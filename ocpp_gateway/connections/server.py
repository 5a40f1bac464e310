"""WebSockets at /ocpp/{station id}: the handshake, whole messages out of frames, and closing with the right word.

picows gives frames as they come: fragments, their assembly and UTF-8 are ours. Its handshake is synchronous and tells
the client the text of whatever is raised in it, so nothing may be raised in it.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
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
from picows.picows import WSAutoPingStrategy, _parse_http_request  # type: ignore[attr-defined]  # not in its stubs

from ocpp_gateway import metrics
from ocpp_gateway.connections import tls
from ocpp_gateway.connections.acceptor import Acceptor
from ocpp_gateway.connections.door import HANDSHAKE_S, Handshakes, Visitor, over_tls
from ocpp_gateway.connections.porch import Porch
from ocpp_gateway.protocol.versions import Version, negotiate
from ocpp_gateway.relay import legs
from ocpp_gateway.relay.handshake import Refused, refusal
from ocpp_gateway.relay.legs import StationLeg
from ocpp_gateway.relay.relaying import Met, Relaying
from ocpp_gateway.relay.upstreams import Upstream
from ocpp_gateway.stations.admission import Admitted, Arrival, Rejected, password_in, source_of
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.session import Session
from ocpp_gateway.stations.surroundings import Conversation, Surroundings
from youguan.files import allow_many_files
from youguan.station_ids import can_connect

log = logging.getLogger(__name__)
socket_log = logging.getLogger("picows.server")  # a line for every connection that comes and goes: only warnings
socket_log.setLevel(logging.WARNING)

PREFIX = "/ocpp/"
LARGEST_MESSAGE = 256 * 1024
MOST_FRAGMENTS = 1024  # of one message: empty ones add nothing to its size
READ_BUFFER = 2048
# A station that says nothing is asked whether it is there, and has as long again to answer.
SILENCE_S = 20.0
LOOK_S = 5.0
CHALLENGE = {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'}
RETRY = {"Retry-After": "60"}


class Server:
    """Accepts stations on listening sockets and holds a conversation with each."""

    def __init__(
        self,
        around: Surroundings,
        doorkeeper: Doorkeeper,
        relaying: Relaying | None = None,
        elsewhere: Callable[[str], tuple[int, int]] = lambda source: (0, 0),
    ) -> None:
        self._elsewhere = elsewhere  # connections of the other workers, in all and of a source
        self._around = around
        self._relaying = relaying
        self._meeting: set[Porch] = set()  # those whose upstreams are being asked
        self._doorkeeper = doorkeeper
        self._handshakes = Handshakes()
        self._acceptors: list[Acceptor] = []
        self.sessions: dict[str, Conversation] = {}
        self._listeners: set[Listener | StationLeg] = set()
        self._of_source: Counter[str] = Counter()
        self.takes_our_own = True  # False: so far only those that are passed on are known

    def start(self, listening: socket.socket, context: Callable[[], ssl.SSLContext] | None = None) -> None:
        """Begin to accept, with `context` over TLS."""
        receive = over_tls(context, self._arriving, self._handshakes, self._failed) if context else None
        acceptor = Acceptor(listening, self._arriving, lambda: len(self._listeners), allow_many_files(), receive)
        self._acceptors.append(acceptor)
        acceptor.start()

    @property
    def listens(self) -> bool:
        """Say whether connections are taken."""
        return bool(self._acceptors)

    def _arriving(self) -> Visitor | Porch:
        """Return what reads a request: where there are relayed sites, not before it is known whether it is one's."""
        if self._relaying is not None and self._relaying.upstreams.any():
            return Porch(self._handshakes, self._read_head)
        return self._visitor()

    def _visitor(self, met: Met | None = None) -> Visitor:
        """Return picows' protocol with a handshake that knows the peer, which its own server does not tell.

        `met`: the upstream has been asked already; pings are then the two sides' own.
        """
        largest = LARGEST_MESSAGE * 2 if met is None else legs.LARGEST_MESSAGE
        visitor: Visitor = Visitor(
            None, None, False, lambda request: self._shake_hands(request, visitor, met), socket_log, True, HANDSHAKE_S,
            False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE, met is None, largest, None, READ_BUFFER,
        )  # fmt: skip
        visitor.handshakes = self._handshakes
        visitor.on_gone = _gave_up
        return visitor

    def _failed(self, address: str, error: BaseException) -> None:
        self._doorkeeper.refused_before_words(address, tls.reason_of(error))

    def _read_head(self, porch: Porch, path: bytes) -> None:
        """Keep a connection until its upstream has been asked; one that has none is answered at once."""
        station_id = station_in(path)
        upstream = self._relaying.upstreams.of(station_id) if self._relaying is not None and station_id else None
        request = read_request(porch.head)
        if not (self._relaying and upstream and station_id and request and asks_for_websocket(request)):
            porch.hand_over(self._visitor())
            return
        arrival = arrival_of(station_id, request, porch.transport)
        asking = self._relay(self._relaying, porch, request, arrival, upstream)
        porch.asking = asyncio.get_running_loop().create_task(asking)
        self._meeting.add(porch)
        porch.asking.add_done_callback(lambda _: self._meeting.discard(porch))

    async def _relay(
        self, relaying: Relaying, porch: Porch, request: WSUpgradeRequest, arrival: Arrival, upstream: Upstream
    ) -> None:
        try:
            beside = self._beside(arrival.station_id, source_of(arrival.address))
            headers = list(request.headers.items())
            met = await relaying.meet(upstream, request.path, headers, arrival, beside)
        except Exception:
            log.exception("relay")
            met = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)
        if isinstance(met, Refused):
            porch.refuse(met.answer())
            return
        if relaying.upstreams.of(arrival.station_id) != upstream:  # decided otherwise meanwhile
            met.upstream.finish()
            porch.refuse(refusal(HTTPStatus.SERVICE_UNAVAILABLE, "come again", [("Retry-After", "1")]).answer())
            return
        met.station.on_begin = lambda: self._enter_relayed(relaying, met, upstream, arrival.address)
        porch.hand_over(self._visitor(met))

    def _enter_relayed(self, relaying: Relaying, met: Met, upstream: Upstream, remote: str) -> None:
        """Begin to pass on; an older connection with the same station is closed."""
        self._replace(met.station.station_id)
        conversation = relaying.converse(met, upstream, remote)
        self._note(met.station, conversation)
        met.station.on_end = lambda: self._leave_relayed(met.station, conversation)
        met.station.begin()
        met.upstream.begin()

    def _leave_relayed(self, leg: StationLeg, conversation: Conversation) -> None:
        metrics.relayed.dec()
        said = f"closed: {legs.words_of(leg.said_goodbye)}" if leg.parted_first else "closed"
        self.leave(leg, conversation, leg.why or said)

    def _shake_hands(
        self, request: WSUpgradeRequest, visitor: Visitor, met: Met | None
    ) -> WSUpgradeResponseWithListener:
        self._handshakes.over(visitor)
        try:
            if met is not None:
                request.headers["connection"] = "upgrade"
                return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(met.headers), met.station)
            return self._accept(request, visitor)
        except Exception:
            log.exception("handshake")
            metrics.rejected.labels("error").inc()
            return _rejection(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _accept(self, request: WSUpgradeRequest, visitor: Visitor) -> WSUpgradeResponseWithListener:
        station_id = station_in(request.path)
        if station_id is None:
            metrics.rejected.labels("path").inc()
            return _rejection(HTTPStatus.NOT_FOUND)
        if not asks_for_websocket(request):
            metrics.rejected.labels("no websocket").inc()
            return _rejection(HTTPStatus.BAD_REQUEST)
        if not self.takes_our_own:
            metrics.rejected.labels("database away").inc()
            return _rejection(HTTPStatus.SERVICE_UNAVAILABLE, RETRY)
        arrival = arrival_of(station_id, request, visitor.transport.underlying_transport)
        verdict = self._doorkeeper.admit(arrival, *self._beside(station_id, source_of(arrival.address)))
        if isinstance(verdict, Rejected):
            challenged = verdict.status == HTTPStatus.UNAUTHORIZED
            return _rejection(verdict.status, CHALLENGE if challenged else RETRY)
        request.headers["connection"] = "upgrade"  # `keep-alive, Upgrade` is legal; picows refuses it
        version = negotiate(offered(request))
        if version is None:
            metrics.rejected.labels("subprotocol").inc()
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(), Farewell())
        answer = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": version.subprotocol})
        return WSUpgradeResponseWithListener(answer, Listener(self, station_id, version, arrival.address, verdict))

    def _beside(self, station_id: str, source: str) -> tuple[int, int]:
        """Return how many connections there are, in all and of a source, beside one that the station comes back from."""
        replaced = 1 if station_id in self.sessions else 0
        total, of_source = self._elsewhere(source)
        here = len(self._listeners) + len(self._meeting)
        return here + total - replaced, self._of_source[source] + of_source - replaced

    def held(self) -> tuple[int, Counter[str]]:
        """Return how many connections there are here, in all and by source."""
        return len(self._listeners), self._of_source

    def enter(self, listener: "Listener", wire: "PicowsWire") -> Session:
        """Begin a conversation; an older one with the same station is closed."""
        self._replace(listener.station_id)
        session = Session(
            listener.station_id, listener.version, listener.remote, wire, self._around, listener.admitted.profile
        )
        self._note(listener, session)
        return session

    def _replace(self, station_id: str) -> None:
        older = self.sessions.get(station_id)
        if older is not None:
            older.end("replaced")
            older.replace()

    def _note(self, listener: "Listener | StationLeg", session: Conversation) -> None:
        self.sessions[listener.station_id] = session
        self._listeners.add(listener)
        self._of_source[listener.source] += 1
        metrics.connections.inc()

    def leave(self, listener: "Listener | StationLeg", session: Conversation, reason: str) -> None:
        """End a conversation whose connection is gone."""
        session.end(reason)
        if self.sessions.get(listener.station_id) is session:
            del self.sessions[listener.station_id]
        self._listeners.discard(listener)
        self._of_source[listener.source] -= 1
        if not self._of_source[listener.source]:
            del self._of_source[listener.source]
        metrics.connections.dec()

    def close_lost(self, epochs: Mapping[str, int]) -> None:
        """Close the connections of stations that another worker holds now; not one that is newer still."""
        for station_id, epoch in epochs.items():
            session = self.sessions.get(station_id)
            if session is not None and session.is_older_than(epoch):
                session.end("taken over")
                session.replace()

    def recheck(self, station_id: str | None = None) -> None:
        """Close connections whose key or certificate no longer holds: a station's, or any."""
        for listener in list(self._listeners):
            if station_id in (None, listener.station_id) and not self._doorkeeper.still_holds(
                listener.station_id, listener.admitted
            ):
                metrics.dropped.labels("credentials").inc()
                listener.end(WSCloseCode.POLICY_VIOLATION, "credentials no longer hold")

    def reconnect(self, station_id: str) -> None:
        """Let a station come again: it is to be connected in another way."""
        for listener in [listener for listener in self._listeners if listener.station_id == station_id]:
            metrics.dropped.labels("relay changed").inc()
            listener.end(WSCloseCode.SERVICE_RESTART, "connected in another way from now on")

    async def watch(self) -> None:
        """Ask silent stations whether they are there, drop those that are not, and those whose keys have run out."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.recheck()
            now = time.monotonic()
            for listener in list(self._listeners):
                listener.look(now)

    def stop_accepting(self) -> None:
        """Accept no more connections; those that are open go on."""
        for acceptor in self._acceptors:
            acceptor.stop()

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
    return station_id if can_connect(station_id) else None


def read_request(head: bytes) -> WSUpgradeRequest | None:
    """Return a request as picows reads it; None where it would refuse it."""
    try:
        request: WSUpgradeRequest = _parse_http_request(head)
    except RuntimeError:
        return None
    return request


def asks_for_websocket(request: WSUpgradeRequest) -> bool:
    """Say whether a request asks for what RFC 6455 describes: what picows would refuse without a word to us."""
    headers = request.headers
    connection = [word.strip().lower() for word in headers.get("connection", "").split(",")]
    return (
        "upgrade" in connection
        and headers.get("upgrade", "").lower() == "websocket"
        and headers.get("sec-websocket-version") == "13"
        and "sec-websocket-key" in headers
    )


def offered(request: WSUpgradeRequest) -> list[str]:
    """Return the subprotocols that the client offers, in its order."""
    headers = request.headers.getall("sec-websocket-protocol", [])
    return [name.strip() for header in headers for name in header.split(",") if name.strip()]


def arrival_of(station_id: str, request: WSUpgradeRequest, transport: Any) -> Arrival:
    """Return who comes, from where, and what is shown."""
    peer = transport.get_extra_info("peername")
    return Arrival(
        station_id,
        peer[0] if peer else "",
        transport.get_extra_info("ssl_object") is not None,
        password_in(request.headers.get("authorization"), station_id),
        tls.certificate_of(transport.get_extra_info("peercert")),
    )


def _gave_up() -> None:
    metrics.rejected.labels("handshake given up").inc()


def _rejection(status: HTTPStatus, headers: dict[str, str] | None = None) -> WSUpgradeResponseWithListener:
    response = WSUpgradeResponse.create_error_response(status, status.phrase.encode(), headers)
    return WSUpgradeResponseWithListener(response, None)


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

    def __init__(self, server: Server, station_id: str, version: Version, remote: str, admitted: Admitted) -> None:
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
        if kind == WSMsgType.TEXT and frame.fin and self._fragments is None:
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
