"""One station and its central system: what each says is passed on first, and noted then. What we may add is told to both.

A command of ours goes to the station only after its central system has answered a DataTransfer that announces it; the answers to
either are ours and go no further. OCPP lets a side have one open call, and we speak in a side's place: what we add waits until
that side's own call has its answer. Only one thing ever waits for us: a call of the station, for the moments in which its central
system has our announcement to answer, and no longer than `ANNOUNCED_WITHIN_S`.
"""

import asyncio
import uuid
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import orjson
from picows import WSCloseCode

from ocpp_gateway import metrics
from ocpp_gateway.observation import Notified, number_of
from ocpp_gateway.protocol.frames import (
    CALL,
    CALLERROR,
    CALLRESULT,
    CALLRESULTERROR,
    NUL,
    Answer,
    Call,
    Refusal,
    call_error,
    call_frame,
)
from ocpp_gateway.protocol.versions import Version
from ocpp_gateway.recorder.batch import Entry
from ocpp_gateway.relay import shown
from ocpp_gateway.relay.noting import Noting, parts_of, remember
from ocpp_gateway.relay.passed import SAID, TOLD, Passed
from ocpp_gateway.relay.turns import Turns
from ocpp_gateway.relay.upstreams import Upstream
from ocpp_gateway.stations.store import Grant, Opening
from ocpp_gateway.stations.surroundings import Answered, Surroundings

OURS_REMEMBERED = 256
ANNOUNCED_WITHIN_S = 5.0
VENDOR, ANNOUNCEMENT = "youguan", "SupervisorCommand"

TO_UPSTREAM, TO_STATION = (metrics.relay_messages.labels(to) for to in ("upstream", "station"))


class Stage(Enum):
    """How far the command is that is first: its announcement may be open, has its answer, or it is with the station."""

    NEW, ANNOUNCED, SENT = range(3)


class Way(Protocol):
    """One of the two connections, as the conversation sees it."""

    def send_text(self, message: bytes) -> None: ...
    def end(self, code: WSCloseCode, reason: str) -> None: ...


class Relayed:
    """A station that is passed on; there are thousands, so it has slots."""

    __slots__ = (
        "_announced", "_announcing", "_around", "_closed", "_epoch", "_held", "_noting", "_of_station", "_of_upstream", "_ours",
        "_stage", "_station", "_timer", "_upstream_way", "_wanted", "station_id", "upstream", "version",
    )  # fmt: skip

    def __init__(
        self,
        station_id: str,
        version: Version,
        remote: str,
        upstream: Upstream,
        ways: tuple[Way, Way],
        around: Surroundings,
        note: Callable[[Passed], None],
        profile: int,
    ) -> None:
        self.station_id = station_id
        self.version = version
        self.upstream = upstream
        self._station, self._upstream_way = ways
        self._around = around
        now = around.clock.now()
        self._noting = Noting(station_id, version, remote, upstream.site_id, number_of(now), around.clock, note)
        self._epoch: int | None = None
        self._closed = False
        self._ours: dict[str, None] = {}  # ids of our calls to the station, answered or not
        self._announcing: dict[
            str, str
        ] = {}  # ids of our calls to the upstream, answered or not → of the commands they announce
        self._announced: str | None = None  # the one of them that is open
        self._held: bytes | None = None  # the station's call that waits for the answer to it
        self._of_station, self._of_upstream = Turns(), Turns()
        self._wanted: list[tuple[Call, Answered]] = []  # the first is under way
        self._stage = Stage.NEW
        self._timer: asyncio.TimerHandle | None = None
        self._noting.upstream("connected")
        opening = Opening(station_id, version.name, remote, now, profile)
        around.claims.claim(opening, self._granted)

    @property
    def closed(self) -> bool:
        """Say whether the connection has ended."""
        return self._closed

    # --- what passes ---------------------------------------------------------------------------------------------

    def said(self, message: bytes) -> None:
        """Pass on what the station says, unless it answers us."""
        if not (self.upstream.may_send and self._concerns_us(message)):
            self._pass_up(message)

    def _pass_up(self, message: bytes) -> None:
        self._upstream_way.send_text(message)
        metrics.tally.received(TO_UPSTREAM)
        self._noting.said(message)

    def told(self, message: bytes) -> None:
        """Pass on what the upstream says, unless it answers us."""
        if self.upstream.may_send and self._answers_announcement(message):
            return
        self._station.send_text(message)
        metrics.tally.received(TO_STATION)
        self._noting.told(message)

    def said_binary(self, size: int) -> None:
        """Note that the station has said something that is no text."""
        self._noting.binary(SAID, size)

    def told_binary(self, size: int) -> None:
        """Note that the upstream has said something that is no text."""
        self._noting.binary(TOLD, size)

    # --- what we add ---------------------------------------------------------------------------------------------

    def ask(self, call: Call, answered: Answered) -> None:
        """Send a call of ours, once the upstream knows of it and those before it have their answers."""
        if self._closed or not self.upstream.may_send or call.message_id in self._of_upstream:
            answered(None, "")
            return
        self._wanted.append((call, answered))
        if len(self._wanted) == 1:
            self._go_on()

    def give_up(self, message_id: str) -> None:
        """Wait no longer for the answer to a call of ours, or do not send it at all; a late answer goes no further."""
        place = next((i for i, (call, _) in enumerate(self._wanted) if call.message_id == message_id), None)
        if place is None:
            return
        _, answered = self._wanted.pop(place)
        answered(None, "")
        if place == 0:
            self._next()

    def reject(self, refusal: Refusal, message_id: str) -> None:
        """Tell the station that its answer to a call of ours cannot be taken, where its version has a word for that."""
        if self.version.complains and not self._closed:
            frame = call_error(Refusal(refusal.code, refusal.description, answered_as=CALLRESULTERROR), message_id)
            self._send(frame, shown.unread(frame.decode()))

    def _go_on(self) -> None:
        """Take the next step of the command that is first, where it is its turn."""
        if self._closed or not self._wanted or self._announced is not None:
            return
        call, _ = self._wanted[0]
        now = asyncio.get_running_loop().time()
        match self._stage:
            case Stage.NEW if not self._comes_later(self._of_station.wait_s(now)):
                self._announce(call)
            case Stage.ANNOUNCED if not self._comes_later(self._of_upstream.wait_s(now)):
                self._send_asked(call)

    def _comes_later(self, wait_s: float) -> bool:
        """Look again when the open call of the side in whose place we speak has timed out; its answer makes us look sooner."""
        self._stop_waiting()
        if wait_s:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._go_on)
        return wait_s > 0

    def _announce(self, call: Call) -> None:
        """Tell the upstream what we are about to ask of its station; it need not like it, but it must have heard."""
        data = {"command": call.message_id, "action": call.action}
        told = Call(
            str(uuid.uuid4()),
            "DataTransfer",
            {"vendorId": VENDOR, "messageId": ANNOUNCEMENT, "data": orjson.dumps(data).decode()},
        )
        self._announced = told.message_id
        remember(self._announcing, told.message_id, call.message_id, OURS_REMEMBERED)
        self._upstream_way.send_text(call_frame(told))
        self._timer = asyncio.get_running_loop().call_later(ANNOUNCED_WITHIN_S, self._announced_in_vain)

    def _announced_in_vain(self) -> None:
        """The upstream has not answered: nothing is sent, and what waited for it goes on."""
        self._announcement_is_over()
        if self._wanted and self._stage is Stage.NEW:
            self.give_up(self._wanted[0][0].message_id)
        self._go_on()

    def _announcement_is_over(self) -> None:
        self._stop_waiting()
        self._announced = None
        self.let_go()

    def let_go(self) -> None:
        """Pass on what was kept back."""
        held, self._held = self._held, None
        if held is not None:
            self._begin_turn(parts_of(held))
            self._pass_up(held)

    def _begin_turn(self, parts: list[Any]) -> None:
        if len(parts) > 1 and isinstance(parts[1], str):
            self._of_station.begin(parts[1], asyncio.get_running_loop().time())

    def _concerns_us(self, message: bytes) -> bool:
        """Take what answers us, and keep a call back while the upstream has one of ours to answer."""
        parts = parts_of(message)
        if not parts:
            return False
        if parts[0] == CALL:
            if self._announced is not None and self._held is None:
                self._held = message
                return True
            if self._announced is not None:  # it has two open itself
                self._announced_in_vain()
            self._begin_turn(parts)
            return False
        if self._answers_us(parts, message):
            return True
        if parts[0] in (CALLRESULT, CALLERROR) and len(parts) > 1 and self._of_upstream.end(str(parts[1])):
            asyncio.get_running_loop().call_soon(self._go_on)
        return False

    def _answers_announcement(self, message: bytes) -> bool:
        """Take what answers us; of what else the upstream says, note whose turn it is."""
        parts = parts_of(message)
        if len(parts) < 3 or not isinstance(parts[1], str):
            return False
        kind, message_id = parts[0], parts[1]
        if kind == CALL:
            self._of_upstream.begin(message_id, asyncio.get_running_loop().time())
        if kind not in (CALLRESULT, CALLERROR):
            return False
        if message_id not in self._announcing:
            if self._of_station.end(message_id):
                asyncio.get_running_loop().call_soon(self._go_on)
            return False
        if message_id == self._announced:
            how = str(parts[2].get("status", "")) if isinstance(parts[2], dict) else str(parts[2])
            self._announcement_is_over()
            if self._wanted and self._wanted[0][0].message_id == self._announcing[message_id]:
                self._note_announced(how[:50])
            self._go_on()
        return True

    def _note_announced(self, told: str) -> None:
        self._stage = Stage.ANNOUNCED
        call, _ = self._wanted[0]
        now = self._around.clock.now()
        announced = Notified(self.station_id, f"{ANNOUNCEMENT} {call.action}", told, now, now)
        self._around.recorder.submit(Entry(self.station_id, now, "", [announced]))

    def _send_asked(self, call: Call) -> None:
        self._stage = Stage.SENT
        remember(self._ours, call.message_id, None, OURS_REMEMBERED)
        frame = call_frame(call)
        parts = [CALL, call.message_id, call.action]
        self._send(frame, shown.request(self.version, frame.decode(), parts, call.action, call.payload))

    def _send(self, frame: bytes, kept: str) -> None:
        self._station.send_text(frame)
        entry = Entry(self.station_id, self._around.clock.now(), kept, sent=True)
        self._around.recorder.submit(entry)

    def _answers_us(self, parts: list[Any], message: bytes) -> bool:
        """Take an answer to a call of ours; what the upstream has asked under the same id is answered to the upstream."""
        if len(parts) < 3 or parts[0] not in (CALLRESULT, CALLERROR):
            return False
        message_id = parts[1]
        if not isinstance(message_id, str) or message_id not in self._ours or message_id in self._of_upstream:
            return False
        if self._wanted and self._wanted[0][0].message_id == message_id:
            call, answered = self._wanted.pop(0)
            answer = _answer(parts)
            self._noting.answered(call.action, answer.payload or {})
            answered(answer, message.decode(errors="replace"))
            self._next()
        return True

    def _next(self) -> None:
        self._stage = Stage.NEW
        if self._announced is None:
            self._stop_waiting()
        self._go_on()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- its beginning and its end -------------------------------------------------------------------------------

    def _granted(self, grant: Grant) -> None:
        self._epoch = grant.epoch
        self._noting.begin_with(grant.streams)
        if self._closed:
            self._say_goodbye("closed")

    def end(self, reason: str) -> None:
        """The connection is gone."""
        if self._closed:
            return
        self.let_go()
        self._closed = True
        self._stop_waiting()
        while self._wanted:
            self._wanted.pop(0)[1](None, "")
        if self._epoch is not None:
            self._say_goodbye(reason)

    def lose_upstream(self, state: str, detail: str) -> None:
        """Note that the upstream has ended the connection, or is gone."""
        if not self._closed:
            self._noting.upstream(state, detail)

    def _say_goodbye(self, reason: str) -> None:
        self._noting.ended(reason, self._epoch or 0)

    def is_older_than(self, epoch: int) -> bool:
        """Say whether a connection of this epoch came after ours; one that still waits for its own epoch comes last."""
        return self._epoch is not None and self._epoch < epoch

    def replace(self) -> None:
        """Close because the station has come back on a newer connection."""
        self._station.end(WSCloseCode.OK, "replaced by a newer connection")


def _answer(parts: list[Any]) -> Answer:
    if parts[0] == CALLRESULT:
        payload = parts[2] if isinstance(parts[2], dict) else {}
        return Answer(parts[1], payload)
    description = str(parts[3]) if len(parts) > 3 else ""
    return Answer(parts[1], None, str(parts[2]).replace(NUL, ""), description.replace(NUL, ""))
