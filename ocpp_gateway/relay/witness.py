"""What becomes of what the relay has noted: the same adapters as for stations of our own, whose answers are another's. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ocpp_gateway.adapters.outcome import Context, Problems
from ocpp_gateway.adapters.values import read_place, read_time
from ocpp_gateway.authorisation.rules import Decision, Presented, Standing
from ocpp_gateway.commands.effects import effects
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.observation import (
    CertificateRequested,
    Observation,
    TransactionBegun,
    TransactionReported,
    UpstreamMet,
)
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Answer, Call, Refusal, Send, read
from ocpp_gateway.protocol.versions import Version, named
from ocpp_gateway.recorder.batch import Disconnected, Doubt, Entry
from ocpp_gateway.relay.passed import ENDED, REFUSED, SAID, TOLD, UPSTREAM, Passed
from ocpp_gateway.stations.clock_skew import ClockGauge
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.routing import HANDLERS, SENDS
from youguan.clock import effective_time

MOST_REMEMBERED = 50_000
DOUBTS_A_CONNECTION = 100
# What a station asks of its central system, and what answering a 1.6 start gives: not ours to do.
NOT_OURS = (CertificateRequested, TransactionBegun)


@dataclass(slots=True)
class Remembered:
    """What goes from one message of a connection to the next."""

    gauge: ClockGauge
    problems: Problems = field(default_factory=dict)
    doubts: int = 0


class Witness:
    """Turns records, in their order, into what is to be stored."""

    def __init__(self, tolerated_skew: timedelta) -> None:
        self._tolerated_skew = tolerated_skew
        self._connections: OrderedDict[tuple[str, int], Remembered] = OrderedDict()

    def entry(self, passed: Passed) -> Entry:
        """Return what a record is to become."""
        return TAKEN[passed.kind](self, passed)

    def _said(self, passed: Passed) -> Entry:
        version = named(passed.version)
        memory = self._memory(passed)
        observations: Sequence[Observation] = ()
        reasons: list[tuple[str, str]] = []
        try:
            message = read(passed.frame, version)
            match message:
                case Call() | Send():
                    observations, doubts = self._handle(message, passed, version, memory)
                    reasons += [("PropertyConstraintViolation", doubt) for doubt in doubts]
                case Answer(payload=dict() as payload) if passed.about:
                    observations = _exchanged(passed, version, payload)
        except Refusal as refusal:
            reasons.append((refusal.code, refusal.description))
        return Entry(
            passed.station_id, passed.at, passed.frame, observations, self._doubts(passed, memory, reasons),
            passed.remote, passed.version,
        )  # fmt: skip

    def _handle(
        self, call: Call | Send, passed: Passed, version: Version, memory: Remembered
    ) -> tuple[Sequence[Observation], Sequence[str]]:
        handler = (SENDS if isinstance(call, Send) else HANDLERS)[version].get(call.action)
        validator = schemas.requests(version).get(call.action)
        if handler is None or validator is None:
            raise Refusal("NotSupported", f"{call.action} is no action that a station sends in OCPP {version.name}")
        schemas.check(validator, call.payload, version)
        context = Context(
            passed.station_id, passed.at, Registration.ACCEPTED, _never, _nobody, memory.problems, passed.connection,
        )  # fmt: skip
        outcome = handler(call.payload, context)
        memory.problems.update(outcome.problems or {})
        found = [observation for observation in outcome.observations if not isinstance(observation, NOT_OURS)]
        measured = memory.gauge.measure(found, passed.at)
        return [*found, measured] if measured else found, outcome.doubts

    def _told(self, passed: Passed) -> Entry:
        found = _answered(passed) if passed.about else ()
        return Entry(passed.station_id, passed.at, passed.frame, found, sent=True)

    def _refused(self, passed: Passed) -> Entry:
        doubts = self._doubts(passed, self._memory(passed), [("FormationViolation", passed.about)])
        heard = passed.state != TOLD
        return Entry(passed.station_id, passed.at, "", (), doubts, passed.remote, passed.version, heard=heard)

    def _ended(self, passed: Passed) -> Entry:
        self._connections.pop((passed.station_id, passed.connection), None)
        gone = Disconnected(passed.station_id, passed.number, passed.at, passed.about)
        return Entry(passed.station_id, passed.at, "", [gone])

    def _met(self, passed: Passed) -> Entry:
        """A station that its upstream does not let in was heard all the same: it is not offline."""
        met = UpstreamMet(passed.station_id, passed.frame, passed.state, passed.about, passed.at)
        return Entry(passed.station_id, passed.at, "", [met], heard=True)

    def _memory(self, passed: Passed) -> Remembered:
        key = (passed.station_id, passed.connection)
        memory = self._connections.get(key)
        if memory is None:
            memory = self._connections[key] = Remembered(ClockGauge(passed.station_id, self._tolerated_skew))
            if len(self._connections) > MOST_REMEMBERED:
                self._connections.popitem(last=False)
        return memory

    def _doubts(self, passed: Passed, memory: Remembered, reasons: Sequence[tuple[str, str]]) -> list[Doubt]:
        room = max(0, DOUBTS_A_CONNECTION - memory.doubts)
        memory.doubts += len(reasons)
        return [Doubt(passed.station_id, passed.at, code, why, passed.frame) for code, why in reasons[:room]]


TAKEN: dict[str, Callable[[Witness, Passed], Entry]] = {
    SAID: Witness._said,
    TOLD: Witness._told,
    REFUSED: Witness._refused,
    ENDED: Witness._ended,
    UPSTREAM: Witness._met,
}


def _nobody(_: Presented) -> Decision:
    """Authorise nobody: what we would answer is told to nobody either."""
    return Decision(Standing.UNKNOWN)


def _never(_: str) -> int:
    """Want no heartbeats: the upstream says when they come."""
    return 0


def _exchanged(passed: Passed, version: Version, answer: dict[str, Any]) -> Sequence[Observation]:
    """Return what a station's answer to its central system makes known."""
    asked = read(passed.about, version)
    if not isinstance(asked, Call) or asked.action not in schemas.responses(version):
        return ()
    schemas.check(schemas.requests(version)[asked.action], asked.payload, version)
    schemas.check(schemas.responses(version)[asked.action], answer, version)
    return effects(Exchange(passed.station_id, version, asked.action, asked.payload, answer, passed.at))


def _answered(passed: Passed) -> Sequence[Observation]:
    """Return what the upstream's answer to a station's call makes known that the call does not."""
    version = named(passed.version)
    try:
        asked, answer = read(passed.about, version), read(passed.frame, version)
        if not (isinstance(asked, Call) and isinstance(answer, Answer) and answer.payload is not None):
            return ()
        schemas.check(schemas.requests(version)[asked.action], asked.payload, version)
        schemas.check(schemas.responses(version)[asked.action], answer.payload, version)
        return ANSWERED[asked.action](passed, asked.payload, answer.payload)
    except Refusal:
        return ()


def _started(passed: Passed, asked: dict[str, Any], answer: dict[str, Any]) -> Sequence[Observation]:
    """A 1.6 transaction gets its number. As an event of 2.x: so transactions are kept whose number is another's."""
    at = read_time(asked["timestamp"], "timestamp")
    return [
        TransactionReported(
            passed.station_id, str(answer["transactionId"]), 0, "Started", read_place(asked, "connectorId"), asked["idTag"],
            at, effective_time(at, passed.at), passed.at, float(asked["meterStart"]), None, offline=False,
        )
    ]  # fmt: skip


def _paced(passed: Passed, _: dict[str, Any], answer: dict[str, Any]) -> Sequence[Observation]:
    """A station's heartbeats come as its upstream wants them: so long it may be silent."""
    if answer["status"] != "Accepted" or answer["interval"] <= 0:
        return ()
    return [UpstreamMet(passed.station_id, passed.state, "connected", "", passed.at, answer["interval"])]


ANSWERED: dict[str, Callable[[Passed, dict[str, Any], dict[str, Any]], Sequence[Observation]]] = {
    "BootNotification": _paced,
    "StartTransaction": _started,
}
"""Those calls of a station of which the answer is noted together with the call."""
