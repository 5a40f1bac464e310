"""The conversation with one station over one connection: what it says, and what it is answered."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from ocpp_gateway import metrics
from ocpp_gateway.adapters.outcome import Context, Outcome, Problems, Reply
from ocpp_gateway.observation import number_of
from ocpp_gateway.protocol.frames import (
    CALLRESULTERROR,
    ERROR_CODES,
    Answer,
    Call,
    Complaint,
    Refusal,
    Send,
    call_error,
    call_frame,
    call_result,
    read,
    send_frame,
)
from ocpp_gateway.protocol.persons import unread, words
from ocpp_gateway.protocol.shown import shown_answer, shown_refused, shown_request
from ocpp_gateway.protocol.streams import TELLING, Streams
from ocpp_gateway.protocol.versions import Version
from ocpp_gateway.recorder.batch import Committed, Disconnected, Doubt, Entry, Lost, Settlement
from ocpp_gateway.stations.asked import Asked
from ocpp_gateway.stations.clock_skew import ClockGauge
from ocpp_gateway.stations.registration import Registration, refusal_of
from ocpp_gateway.stations.routing import Route, route_of, routes
from ocpp_gateway.stations.store import Grant, Opening
from ocpp_gateway.stations.surroundings import Answered, Surroundings, Wire

log = logging.getLogger(__name__)

# What states no fact: it may be answered from memory while the database is away.
ONLY_ASKS = {"Authorize"}
# What is answered anew when it is repeated: the answer tells what is so now.
ANSWERED_ANEW = {"BootNotification", "Heartbeat"} | ONLY_ASKS
# OCPP allows one open call. A few more are borne, then the station is not read until it has been answered.
OPEN_CALLS = 8
# So many questions of a connection that has not been granted yet are answered while the database is away.
MOST_HELD = 32
# Of what is refused, so much is kept for each connection; the rest is only counted.
DOUBTS_A_CONNECTION = 100
# Of what is no message at all the beginning is kept: enough to know it by.
UNREADABLE_KEPT = 2000


class Session:
    """One station, one connection; there are thousands, so each has slots, and lists, which weigh a tenth of a deque."""

    __slots__ = (
        "_around", "_asked", "_claiming", "_closed", "_doubts", "_epoch", "_gauge", "_held", "_last", "_number", "_open",
        "_paused", "_problems", "_profile", "_remote", "_routes", "_streams", "_unanswered", "_unread", "_wire", "station_id",
        "version",
    )  # fmt: skip

    def __init__(
        self, station_id: str, version: Version, remote: str, wire: Wire, around: Surroundings, profile: int = 0
    ) -> None:
        self.station_id = station_id
        self._profile = profile
        self.version = version
        self._routes = routes(version)
        self._remote = remote
        self._wire = wire
        self._around = around
        self._number = number_of(around.clock.now())
        self._epoch: int | None = None
        self._claiming = False
        self._held: list[Entry] = []  # until the claim is granted
        self._open = 0
        self._paused = False
        self._unread = False  # the station does not take what it is sent
        self._closed = False
        self._doubts = 0
        # A repeat is the same frame as one that is open, or as the one answered last: ids begin again at 1 when they like. Their
        # hashes are kept: the frames themselves would be most of what a station that speaks weighs.
        self._unanswered: set[int] = set()
        self._last: tuple[int, bytes] = (0, b"")  # frame and answer
        self._asked = Asked()
        self._problems: Problems = {}
        self._streams = Streams() if version.sends else None
        self._gauge = ClockGauge(station_id, around.tolerated_skew)
        if around.knows(station_id):
            self._claim()

    @property
    def closed(self) -> bool:
        """Say whether the connection has ended."""
        return self._closed

    def receive(self, raw: bytes, text: str) -> None:
        """Take one whole message: its bytes, and the same as text."""
        now = self._around.clock.now()
        try:
            message = read(text, self.version)
        except Refusal as refusal:
            self._refuse(refusal, shown_refused(self.version, text, self._streams), now)
            return
        if not isinstance(message, Call):
            self._take_other(message, text, now)
        elif hash(raw) in self._unanswered:
            return
        elif hash(raw) == self._last[0] and message.action not in ANSWERED_ANEW:
            self._hear(now, answer=self._last[1])
        else:
            self._call(message, raw, text, now)

    def _call(self, call: Call, raw: bytes, text: str, now: datetime) -> None:
        known = self._around.knows(self.station_id)
        shown = shown_request(self.version, call.action, call.payload, text, self._streams)
        if shown is not call.payload:
            call = Call(call.message_id, call.action, shown)
            text = call_frame(call).decode()
        try:
            outcome = self._handle(self._routes, call, now, known)
        except Refusal as refusal:
            refusal.message_id = call.message_id
            self._refuse(refusal, text, now)
            return
        except Exception:
            log.exception("%s: %s could not be handled", self.station_id, call.action)
            reason = "this message could not be handled"
            self._refuse(Refusal("InternalError", reason, message_id=call.message_id), text, now)
            return
        if self._streams is not None and call.action in TELLING:
            self._streams.said(call.action, call.payload)
        content = hash(raw)
        self._unanswered.add(content)
        entry = Entry(
            self.station_id,
            now,
            text,
            outcome.observations,
            [self._doubt("PropertyConstraintViolation", r, text, now) for r in outcome.doubts]
            if outcome.doubts
            else (),
            self._remote,
            self.version.name,
            fact=known,
            states_no_fact=call.action in ONLY_ASKS,
            settle=self._settling(call.message_id, outcome.answer, content),
        )
        self._count_open(1)
        self._submit(entry)

    def _take_other(self, message: Answer | Complaint | Send, text: str, now: datetime) -> None:
        match message:
            case Answer():
                self._take_answer(message, text, now)
            case Complaint():
                metrics.frames.labels(self.version.name, "CALLRESULTERROR").inc()
                reason = f"the station cannot take our answer {message.message_id}: {message.description}"
                self._refuse(Refusal(message.error, words(reason), answered_as=None), unread(text), now)
            case Send():
                self._take_send(message, text, now)

    def _take_send(self, send: Send, text: str, now: datetime) -> None:
        """Take what wants no answer; it counts as open until it is stored, so that no flood of it fills the memory."""
        shown = shown_request(self.version, send.action, send.payload, text, self._streams)
        if shown is not send.payload:
            send = Send(send.message_id, send.action, shown)
            text = send_frame(send).decode()
        known = self._around.knows(self.station_id)
        try:
            outcome = self._handle(routes(self.version, sends=True), send, now, known)
        except Refusal as refusal:
            refusal.answered_as = None
            self._refuse(refusal, text, now)
            return
        except Exception:
            log.exception("%s: %s could not be handled", self.station_id, send.action)
            self._refuse(Refusal("InternalError", "this message could not be handled", answered_as=None), text, now)
            return
        entry = Entry(
            self.station_id, now, text, outcome.observations,
            [self._doubt("PropertyConstraintViolation", r, text, now) for r in outcome.doubts],
            self._remote, self.version.name,
            settle=lambda _: self._count_open(-1),
        )  # fmt: skip
        self._count_open(1)
        self._submit(entry)

    def _handle(self, known_routes: dict[str, Route], call: Call | Send, now: datetime, known: bool) -> Outcome:
        route = route_of(call, known_routes, self.version)
        around = self._around
        registration = Registration.ACCEPTED if known else around.unfiled(self.station_id)
        why = refusal_of(registration, call.action)
        if why is not None:
            raise Refusal("SecurityError", why)
        metrics.tally.received(route.counter)
        context = Context(
            self.station_id,
            now,
            registration,
            around.heartbeat_interval_of,
            around.authorise,
            self._problems,
            self._number,
        )
        outcome = route.handler(call.payload, context)
        if outcome.problems:
            self._problems.update(outcome.problems)
        measured = self._gauge.measure(outcome.observations, now)
        return outcome._replace(observations=(*outcome.observations, measured)) if measured else outcome

    def _settling(self, message_id: str, answer: Reply, content: int) -> Callable[[Settlement], None]:
        """Return what answers a call once it is settled.

        It keeps neither payload nor frame: let go of while the processor still has them in its cache, they cost 6 µs less.
        """
        started = time.monotonic()

        def settle(settlement: Settlement) -> None:
            if self._closed or isinstance(settlement, Lost):
                return
            frame = _answer(message_id, answer, settlement)
            self._unanswered.discard(content)
            self._last = (content, frame)
            self._wire.send(frame)
            if isinstance(settlement, Committed):
                metrics.tally.answered(time.monotonic() - started)
            self._count_open(-1)

        return settle

    def ask(self, call: Call, answered: Answered) -> None:
        """Send a call of ours, once those before it have their answers: OCPP allows one open call."""
        if self._closed:
            answered(None, "")
            return
        if self._asked.add(call, answered):
            self._send_asked()

    def give_up(self, message_id: str) -> None:
        """Wait no longer for the answer to a call of ours, or do not send it at all."""
        if self._asked.give_up(message_id):
            self._send_asked()

    def _send_asked(self) -> None:
        call = self._asked.first
        if call is None:
            return
        frame = call_frame(call)
        self._wire.send(frame)
        kept = frame.decode()
        shown = shown_request(self.version, call.action, call.payload, kept)
        if shown is not call.payload:
            kept = call_frame(Call(call.message_id, call.action, shown)).decode()
        self._around.recorder.submit(Entry(self.station_id, self._around.clock.now(), kept, sent=True))

    def reject(self, refusal: Refusal, message_id: str) -> None:
        """Tell the station that its answer to a call of ours cannot be taken, where its version has a word for that."""
        if not self.version.complains or self._closed:
            return
        frame = call_error(Refusal(refusal.code, refusal.description, answered_as=CALLRESULTERROR), message_id)
        self._wire.send(frame)
        self._around.recorder.submit(Entry(self.station_id, self._around.clock.now(), frame.decode(), sent=True))

    def _take_answer(self, answer: Answer, text: str, now: datetime) -> None:
        asked = self._asked.first
        if self._asked.take(answer, text):
            if self._streams is not None and asked is not None and answer.payload is not None:
                self._streams.answered(asked.action, answer.payload)
            self._send_asked()
            return
        metrics.frames.labels(self.version.name, "unexpected answer").inc()
        late = Refusal("ProtocolError", "an answer to no call of ours that is open", answered_as=None)
        self._refuse(late, _late(self.version, answer, text), now)

    def _submit(self, entry: Entry) -> None:
        if entry.fact and self._epoch is None:
            if self._around.recorder.away and len(self._held) < MOST_HELD:
                entry.let_go()
            self._held.append(entry)
            self._claim()
        else:
            self._around.recorder.submit(entry)

    def _claim(self) -> None:
        if self._claiming:
            return
        self._claiming = True
        opening = Opening(self.station_id, self.version.name, self._remote, self._around.clock.now(), self._profile)
        self._around.claims.claim(opening, self._granted)

    def _granted(self, grant: Grant) -> None:
        self._epoch = grant.epoch
        if self._streams is not None:
            self._streams.begin_with(grant.streams)
        if self._closed:
            self._say_goodbye("closed")
            return
        while self._held:
            self._around.recorder.submit(self._held.pop(0))

    def _refuse(self, refusal: Refusal, text: str, now: datetime) -> None:
        metrics.refused.labels(refusal.code if refusal.code in ERROR_CODES else "other").inc()
        if refusal.answered_as is not None:
            self._wire.send(call_error(refusal))
        self._doubts += 1
        keep = self._doubts <= DOUBTS_A_CONNECTION
        self._hear(now, doubts=[self._doubt(refusal.code, refusal.description, text, now)] if keep else ())

    def _hear(self, now: datetime, *, answer: bytes | None = None, doubts: Sequence[Doubt] = ()) -> None:
        """Note that the station was heard, though it said nothing new; like a call this counts until it is stored."""

        def settle(settlement: Settlement) -> None:
            if isinstance(settlement, Lost) or self._closed:
                return
            if answer is not None:
                self._wire.send(answer)
            self._count_open(-1)

        known = self._around.knows(self.station_id)
        self._count_open(1)
        self._submit(Entry(self.station_id, now, "", doubts=doubts, fact=known, heard=known, settle=settle))

    def _doubt(self, code: str, reason: str, text: str, now: datetime) -> Doubt:
        return Doubt(self.station_id, now, code, reason, text)

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

    def break_off(self, reason: str, raw: bytes) -> None:
        """End over something that is no message of OCPP-J: what it was is kept, and why the connection ended."""
        refusal = Refusal("RpcFrameworkError", f"the connection was closed: {reason}", answered_as=None)
        text = words(raw[:UNREADABLE_KEPT].decode(errors="replace"))
        self._refuse(refusal, text, self._around.clock.now())
        self.end(reason)

    def end(self, reason: str) -> None:
        """The connection is gone: nothing more is answered; what was said before is still stored."""
        if self._closed:
            return
        self._closed = True
        self._asked.give_up_all()
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


def _late(version: Version, answer: Answer, text: str) -> str:
    """Return what is kept of an answer of which nobody knows what it answers."""
    if answer.payload is None:
        return unread(text)
    shown = shown_answer(version, "", answer.payload, text)
    return text if shown is answer.payload else call_result(answer.message_id, shown).decode()


def _answer(message_id: str, answer: Reply, settlement: Settlement) -> bytes:
    if not isinstance(settlement, Committed):
        return call_error(Refusal("InternalError", "this message could not be stored"), message_id)
    return call_result(message_id, answer(settlement.transaction_id or 0) if callable(answer) else answer)
