"""WebSockets at /ocpp/{station id}: the handshake, and who is connected.

picows' handshake is synchronous and tells the client the text of whatever is raised in it, so nothing may be raised in it.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus

from picows import WSCloseCode, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy

from ocpp_gateway import metrics
from ocpp_gateway.connections import tls
from ocpp_gateway.connections.acceptor import Acceptor
from ocpp_gateway.connections.door import HANDSHAKE_S, Handshakes, Visitor, over_tls
from ocpp_gateway.connections.listener import LARGEST_MESSAGE, Farewell, Listener, PicowsWire
from ocpp_gateway.connections.porch import Porch
from ocpp_gateway.connections.request import arrival_of, asks_for_websocket, offered, read_request, station_in
from ocpp_gateway.protocol.versions import negotiate
from ocpp_gateway.relay import legs
from ocpp_gateway.relay.handshake import Refused, refusal
from ocpp_gateway.relay.legs import StationLeg
from ocpp_gateway.relay.relaying import Met, Relaying
from ocpp_gateway.relay.upstreams import Upstream
from ocpp_gateway.stations.admission import Arrival, Rejected, source_of
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.session import Session
from ocpp_gateway.stations.surroundings import Conversation, Surroundings
from youguan.files import allow_many_files

log = logging.getLogger(__name__)
socket_log = logging.getLogger("picows.server")  # a line for every connection that comes and goes: only warnings
socket_log.setLevel(logging.WARNING)

READ_BUFFER = 2048
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

    def enter(self, listener: Listener, wire: PicowsWire) -> Session:
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

    def _note(self, listener: Listener | StationLeg, session: Conversation) -> None:
        self.sessions[listener.station_id] = session
        self._listeners.add(listener)
        self._of_source[listener.source] += 1
        metrics.connections.inc()

    def leave(self, listener: Listener | StationLeg, session: Conversation, reason: str) -> None:
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


def _gave_up() -> None:
    metrics.rejected.labels("handshake given up").inc()


def _rejection(status: HTTPStatus, headers: dict[str, str] | None = None) -> WSUpgradeResponseWithListener:
    response = WSUpgradeResponse.create_error_response(status, status.phrase.encode(), headers)
    return WSUpgradeResponseWithListener(response, None)
