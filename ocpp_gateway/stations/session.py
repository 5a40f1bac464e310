"""The conversation with one station over one connection: what it says, and what it is answered."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol

from prometheus_client import Counter

from ocpp_gateway import metrics
from ocpp_gateway.adapters import ocpp16, ocpp201
from ocpp_gateway.adapters.outcome import Context, Handler, Outcome
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Answer, Call, Refusal, call_error, call_frame, call_result, read
from ocpp_gateway.protocol.versions import V16, V201, Version
from ocpp_gateway.recorder.batch import Committed, Disconnected, Doubt, Entry, Lost, Settlement
from ocpp_gateway.stations.store import Opening
from youguan.clock import Clock

HANDLERS: dict[Version, dict[str, Handler]] = {V16: ocpp16.HANDLERS, V201: ocpp201.HANDLERS}
# What a station may say before the registry knows it.
BEFORE_ACCEPTANCE = {"BootNotification", "Heartbeat"}
# What is answered anew when it is repeated: the answer tells the time.
TELLS_TIME = {"BootNotification", "Heartbeat"}
# OCPP allows one open call. A few more are borne, then the station is not read until it has been answered.
OPEN_CALLS = 8
# Of what is refused, so much is kept for each connection; the rest is only counted.
DOUBTS_A_CONNECTION = 100


Answered = Callable[[Answer | None, str], None]
"""Told the answer to a call of ours and its frame; None when none will come."""


class Wire(Protocol):
    """The connection, as the conversation sees it."""

    def send(self, frame: bytes) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Recorder(Protocol):
    """Where observations become durable."""

    def submit(self, entry: Entry) -> None: ...


class Claims(Protocol):
    """Where a connection asks to speak for its station."""

    def claim(self, opening: Opening, granted: Callable[[int], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every conversation of a worker shares."""

    recorder: Recorder
    claims: Claims
    knows: Callable[[str], bool]
    clock: Clock
    heartbeat_interval_s: int
    accepted_tokens: frozenset[str]


@cache
def _counter(version: str, action: str) -> Counter:
    """Return the counter of an action, looked up once."""
    return metrics.frames.labels(version, action)


class Session:
    """One station, one connection."""

    def __init__(self, station_id: str, version: Version, remote: str, wire: Wire, around: Surroundings) -> None:
        self.station_id = station_id
        self.version = version
        self._remote = remote
        self._wire = wire
        self._around = around
        self._epoch: int | None = None
        self._claiming = False
        self._held: deque[Entry] = deque()  # until the claim is granted
        self._open = 0
        self._paused = False
        self._unread = False  # the station does not take what it is sent
        self._closed = False
        self._doubts = 0
        # A repeat is the same frame as one that is open, or as the one answered last: ids begin again at 1 when they like.
        self._unanswered: set[bytes] = set()
        self._last: tuple[bytes, bytes] = (b"", b"")  # frame and answer
        self._asked: deque[tuple[Call, Answered]] = deque()  # the first of them is with the station
        if around.knows(station_id):
            self._claim()

    def receive(self, raw: bytes, text: str) -> None:
        """Take one whole message: its bytes, and the same as text."""
        now = self._around.clock.now()
        try:
            message = read(raw, self.version)
        except Refusal as refusal:
            self._refuse(refusal, raw, now)
            return
        if isinstance(message, Answer):
            self._take_answer(message, text, now)
        elif raw in self._unanswered:
            return
        elif raw == self._last[0] and message.action not in TELLS_TIME:
            self._hear(now, answer=self._last[1])
        else:
            self._call(message, raw, text, now)

    def _call(self, call: Call, raw: bytes, text: str, now: datetime) -> None:
        known = self._around.knows(self.station_id)
        try:
            outcome = self._handle(call, now, known)
        except Refusal as refusal:
            refusal.message_id = call.message_id
            self._refuse(refusal, raw, now)
            return
        _counter(self.version.name, call.action).inc()
        self._unanswered.add(raw)
        entry = Entry(
            self.station_id,
            now,
            text,
            outcome.observations,
            [self._doubt("PropertyConstraintViolation", r, raw, now) for r in outcome.doubts] if outcome.doubts else (),
            self._remote,
            self.version.name,
            fact=known,
            settle=self._settling(call, outcome, raw),
        )
        self._submit(entry)
        self._count_open(1)

    def _handle(self, call: Call, now: datetime, known: bool) -> Outcome:
        handler = HANDLERS[self.version].get(call.action)
        validator = schemas.requests(self.version).get(call.action)
        if handler is None or validator is None:
            if validator is None:
                raise Refusal("NotImplemented", f"{call.action} is no action of OCPP {self.version.name}")
            raise Refusal("NotSupported", f"{call.action} is not for a station to send, or not supported here")
        schemas.check(validator, call.payload, self.version)
        if not known and call.action not in BEFORE_ACCEPTANCE:
            raise Refusal("SecurityError", "this station is not filed; only BootNotification is answered until it is")
        context = Context(self.station_id, now, known, self._around.heartbeat_interval_s, self._around.accepted_tokens)
        return handler(call.payload, context)

    def _settling(self, call: Call, outcome: Outcome, raw: bytes) -> Callable[[Settlement], None]:
        started = time.monotonic()

        def settle(settlement: Settlement) -> None:
            if isinstance(settlement, Lost) or self._closed:
                return
            frame = self._answer(call, outcome, settlement)
            self._unanswered.discard(raw)
            self._last = (raw, frame)
            self._wire.send(frame)
            metrics.acknowledgement_seconds.observe(time.monotonic() - started)
            self._count_open(-1)

        return settle

    def _answer(self, call: Call, outcome: Outcome, settlement: Settlement) -> bytes:
        if not isinstance(settlement, Committed):
            return call_error(Refusal("InternalError", "this message could not be stored"), call.message_id)
        metrics.acknowledged.inc()
        answer = outcome.answer
        if callable(answer):
            answer = answer(settlement.transaction_id or 0)
        return call_result(call.message_id, answer)

    def ask(self, call: Call, answered: Answered) -> None:
        """Send a call of ours, once those before it have their answers: OCPP allows one open call."""
        if self._closed:
            answered(None, "")
            return
        self._asked.append((call, answered))
        if len(self._asked) == 1:
            self._send_asked()

    def give_up(self, message_id: str) -> None:
        """Wait no longer for the answer to a call of ours, or do not send it at all."""
        place = next((i for i, (call, _) in enumerate(self._asked) if call.message_id == message_id), None)
        if place is not None:
            _, answered = self._asked[place]
            del self._asked[place]
            answered(None, "")
            if place == 0:
                self._send_asked()

    def _send_asked(self) -> None:
        if not self._asked:
            return
        call, _ = self._asked[0]
        frame = call_frame(call)
        self._wire.send(frame)
        self._around.recorder.submit(Entry(self.station_id, self._around.clock.now(), frame.decode(), sent=True))

    def _take_answer(self, answer: Answer, text: str, now: datetime) -> None:
        if not self._asked or self._asked[0][0].message_id != answer.message_id:
            metrics.frames.labels(self.version.name, "unexpected answer").inc()
            self._hear(now)
            return
        _, answered = self._asked.popleft()
        answered(answer, text)
        self._send_asked()

    def _submit(self, entry: Entry) -> None:
        if entry.fact and self._epoch is None:
            self._held.append(entry)
            self._claim()
        else:
            self._around.recorder.submit(entry)

    def _claim(self) -> None:
        if self._claiming:
            return
        self._claiming = True
        opening = Opening(self.station_id, self.version.name, self._remote, self._around.clock.now())
        self._around.claims.claim(opening, self._granted)

    def _granted(self, epoch: int) -> None:
        self._epoch = epoch
        if self._closed:
            self._say_goodbye("closed")
            return
        while self._held:
            self._around.recorder.submit(self._held.popleft())

    def _refuse(self, refusal: Refusal, raw: bytes, now: datetime) -> None:
        metrics.refused.labels(refusal.code).inc()
        self._wire.send(call_error(refusal))
        self._doubts += 1
        keep = self._doubts <= DOUBTS_A_CONNECTION
        self._hear(now, doubts=[self._doubt(refusal.code, refusal.description, raw, now)] if keep else ())

    def _hear(self, now: datetime, *, answer: bytes | None = None, doubts: Sequence[Doubt] = ()) -> None:
        """Note that the station was heard, though it said nothing new; like a call this counts until it is stored."""

        def settle(settlement: Settlement) -> None:
            if isinstance(settlement, Lost) or self._closed:
                return
            if answer is not None:
                self._wire.send(answer)
            self._count_open(-1)

        known = self._around.knows(self.station_id)
        self._submit(Entry(self.station_id, now, "", doubts=doubts, fact=known, heard=known, settle=settle))
        self._count_open(1)

    def _doubt(self, code: str, reason: str, raw: bytes, now: datetime) -> Doubt:
        return Doubt(self.station_id, now, code, reason, raw.decode(errors="replace"))

    def _count_open(self, change: int) -> None:
        self._open += change
        if not self._paused and self._open >= OPEN_CALLS:
            self._paused = True
            self._wire.pause()
        elif self._paused and self._open <= 1 and not self._unread:
            self._paused = False
            self._wire.resume()

    def hold_back(self) -> None:
        """Read no more: the station does not take its answers, and they pile up."""
        self._unread = True
        if not self._paused:
            self._paused = True
            self._wire.pause()

    def go_on(self) -> None:
        """Read on: the station has taken its answers."""
        self._unread = False
        self._count_open(0)

    def end(self, reason: str) -> None:
        """The connection is gone: nothing more is answered; what was said before is still stored."""
        if self._closed:
            return
        self._closed = True
        while self._asked:
            self._asked.popleft()[1](None, "")
        if self._epoch is not None:
            self._say_goodbye(reason)

    def _say_goodbye(self, reason: str) -> None:
        now = self._around.clock.now()
        gone = Disconnected(self.station_id, self._epoch or 0, now, reason)
        self._around.recorder.submit(Entry(self.station_id, now, "", [gone]))

    def is_older_than(self, epoch: int) -> bool:
        """Say whether a connection of this epoch came after ours; one that still waits for its own epoch comes last."""
        return self._epoch is not None and self._epoch < epoch

    def replace(self) -> None:
        """Close because the station has come back on a newer connection."""
        self._wire.close(1000, "replaced by a newer connection")
