"""A station of a relayed site arrives: it is answered what its upstream answers."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from picows import WSTransport

from ocpp_gateway import metrics
from ocpp_gateway.observation import number_of
from ocpp_gateway.protocol.versions import V16, VERSIONS, Version, negotiate
from ocpp_gateway.relay.conversation import Relayed
from ocpp_gateway.relay.handshake import (
    Headers,
    Refused,
    address_of,
    asked_of_upstream,
    passed_on,
    refusal,
    went_round,
)
from ocpp_gateway.relay.legs import Leg, StationLeg, words_of
from ocpp_gateway.relay.passed import UPSTREAM, Passed
from ocpp_gateway.relay.reach import Reach, RefusedByUpstream, Unreachable
from ocpp_gateway.relay.upstreams import Upstream, Upstreams
from ocpp_gateway.stations.admission import Admitted, Arrival, Rejected, source_of
from ocpp_gateway.stations.doorkeeper import Doorkeeper
from ocpp_gateway.stations.surroundings import Surroundings

log = logging.getLogger(__name__)

SUBPROTOCOL = "sec-websocket-protocol"
CHALLENGE = ("WWW-Authenticate", 'Basic realm="OCPP", charset="UTF-8"')
RETRY = ("Retry-After", "60")
NOT_LET_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Met:
    """The upstream lets the station in: its leg, what it answered, and the leg that the station is to have."""

    upstream: Leg
    station: StationLeg
    version: Version
    headers: Headers


class Relaying:
    """Meets upstreams for one worker."""

    def __init__(
        self,
        upstreams: Upstreams,
        reach: Reach,
        doorkeeper: Doorkeeper,
        around: Surroundings,
        note: Callable[[Passed], None],
        us: str,
    ) -> None:
        self.upstreams = upstreams
        self._reach = reach
        self._doorkeeper = doorkeeper
        self._around = around
        self._note = note
        self._us = us

    async def meet(
        self, upstream: Upstream, path: bytes, headers: Headers, arrival: Arrival, beside: tuple[int, int]
    ) -> Met | Refused:
        """Ask the upstream whether it lets a station in."""
        if went_round(headers, self._us):
            metrics.rejected.labels("relay loop").inc()
            return refusal(HTTPStatus.LOOP_DETECTED, "the upstream leads back to here")
        verdict = self._doorkeeper.admit(arrival, *beside, elsewhere=upstream.judges)
        if isinstance(verdict, Rejected):
            hint = CHALLENGE if verdict.status == HTTPStatus.UNAUTHORIZED else RETRY
            return refusal(verdict.status, verdict.status.phrase, [hint])
        leg = Leg()
        try:
            transport, _ = await self._reach.connect(
                address_of(upstream.url, path), asked_of_upstream(headers, self._us), upstream.authority, lambda: leg
            )
        except Unreachable as error:
            self._tell(upstream, arrival, "away", str(error))
            return refusal(HTTPStatus.BAD_GATEWAY, "the central system of this station cannot be reached", [RETRY])
        except RefusedByUpstream as error:
            self._refused(upstream, arrival, error.refused)
            return error.refused
        return self._met(leg, transport, headers, arrival, verdict)

    def _met(self, leg: Leg, transport: WSTransport, headers: Headers, arrival: Arrival, verdict: Admitted) -> Met:
        answered = list(transport.response.headers.items())
        version = version_of(answered, headers)
        station = StationLeg(arrival.station_id, source_of(arrival.address), verdict)
        return Met(leg, station, version, passed_on(answered))

    def _refused(self, upstream: Upstream, arrival: Arrival, refused: Refused) -> None:
        """Note a refusal; one that says that the upstream itself is out of order is no word about the station."""
        state = "away" if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"
        self._tell(upstream, arrival, state, f"HTTP {refused.status} {refused.reason}")
        metrics.rejected.labels("upstream").inc()
        if upstream.judges and refused.status in NOT_LET_IN:
            self._doorkeeper.refused_elsewhere(arrival)

    def _tell(self, upstream: Upstream, arrival: Arrival, state: str, detail: str) -> None:
        metrics.relay_upstreams.labels(state).inc()
        now = self._around.clock.now()
        self._note(
            Passed(
                UPSTREAM,
                arrival.station_id,
                number_of(now),
                V16.name,
                arrival.address,
                now,
                upstream.site_id,
                detail,
                state,
            )
        )

    def converse(self, met: Met, upstream: Upstream, remote: str) -> Relayed:
        """Begin to pass on what the two say."""
        metrics.relay_upstreams.labels("connected").inc()
        station, across = met.station, met.upstream
        conversation = Relayed(
            station.station_id,
            met.version,
            remote,
            upstream,
            (station, across),
            self._around,
            self._note,
            met.station.admitted.profile,
        )
        station.across, across.across = across, station
        station.hear, across.hear = conversation.said, conversation.told
        station.on_binary, across.on_binary = conversation.said_binary, conversation.told_binary
        station.on_parting = conversation.let_go
        across.on_parting = lambda: _upstream_parts(conversation, across)
        across.on_end = lambda: _upstream_ended(conversation, station, across)
        metrics.relayed.inc()
        return conversation


def _upstream_parts(conversation: Relayed, across: Leg) -> None:
    words = words_of(across.said_goodbye)
    conversation.lose_upstream("closed", words)
    conversation.end(f"closed by upstream: {words}")


def _upstream_ended(conversation: Relayed, station: Leg, across: Leg) -> None:
    """Say of an end without a word that the upstream is gone, unless it is the station that left."""
    if not (station.gone or station.parted_first or across.told_goodbye or across.parted_first):
        conversation.lose_upstream("away", "the connection broke")
        conversation.end("upstream away")


def version_of(answered: Iterable[tuple[str, str]], asked: Iterable[tuple[str, str]]) -> Version:
    """Return the version that the two speak: what the upstream chose, else the newest of ours that the station offers."""
    chosen = _subprotocols(answered)
    found = next((version for version in VERSIONS if version.subprotocol in chosen), None)
    return found or negotiate(_subprotocols(asked)) or V16


def _subprotocols(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [offered.strip() for name, value in headers if name.lower() == SUBPROTOCOL for offered in value.split(",")]
