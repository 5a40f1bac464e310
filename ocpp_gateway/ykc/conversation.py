"""What a charger says on one connection, and when it is answered: after what it said is durable, or named as refused."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from ocpp_gateway import metrics
from ocpp_gateway.adapters.ykc import SOURCE, account_of, faulted, measured, status_of
from ocpp_gateway.mqtt.bridge import Budget, Directory
from ocpp_gateway.observation import Announced, Observation, StatusReported
from ocpp_gateway.recorder.batch import Committed, Doubt, Entry, Lost, Settlement
from ocpp_gateway.recorder.batch import Refused as RefusedByDatabase
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.ykc import messages
from ocpp_gateway.ykc.frames import Frame, frame
from ocpp_gateway.ykc.messages import Heartbeat, Login, Realtime, Said, TariffAsked, Trade, Unusable
from youguan.clock import Clock

log = logging.getLogger(__name__)

REFUSED, CHECKSUM = "YkcRefused", "YkcChecksum"
SPEAKER = "ykc/"
"""With which the refused input of somebody begins who has not said which pile he is; no station's id holds a slash."""
REFUSED_A_MINUTE, BILLS_A_MINUTE, STRANGERS_A_MINUTE = 30, 300, 300
UNSETTLED = 64  # frames of one connection that wait for the database; then it is read no further


class Recorder(Protocol):
    """What makes it durable."""

    def submit(self, entry: Entry) -> None: ...


@dataclass(slots=True)
class Budgets:
    """How much of what is refused is kept: of each pile, of its bills besides, and of all together who have not logged in."""

    _piles: dict[tuple[str, bool], Budget] = field(default_factory=dict)
    _strangers: Budget = field(default_factory=lambda: Budget(STRANGERS_A_MINUTE))

    def spend(self, pile: str | None, now: datetime, *, bill: bool = False) -> bool:
        """Say whether one more is kept."""
        if pile is None:
            return self._strangers.spend(now)
        limit = BILLS_A_MINUTE if bill else REFUSED_A_MINUTE
        return self._piles.setdefault((pile, bill), Budget(limit)).spend(now)


@dataclass(slots=True)
class Around:
    """What every conversation shares. `may_write` says whether a pile is ours to write, and takes it."""

    recorder: Recorder
    directory: Directory
    may_write: Callable[[str, datetime], Awaitable[bool]]
    clock: Clock
    checksum: Literal["logged", "required", "ignored"]
    budgets: Budgets = field(default_factory=Budgets)


class Conversation:
    """One connection. `send` gives bytes to the charger, `close` ends the connection for a reason."""

    def __init__(
        self, remote: str, around: Around, send: Callable[[bytes], None], close: Callable[[str], None]
    ) -> None:
        self.pile: str | None = None
        self._remote = remote
        self._around = around
        self._send = send
        self._close = close
        self._places = asyncio.Semaphore(UNSETTLED)
        self._status: dict[int, StatusReported] = {}  # the last of each gun that was handed on
        self._stored: dict[int, StatusReported] = {}  # the last of each gun that is durable
        self._doubted_checksum = False
        self._reckons_as_we = False  # one of its checksums has fitted: one that does not was damaged on the way
        self._sequence = 0

    async def take(self, received: Frame) -> None:
        """Take a frame: it is answered later, when what it says is durable."""
        await self._places.acquire()
        metrics.ykc_frames.labels(f"{received.kind:02x}" if received.kind in messages.READERS else "other").inc()
        now = self._around.clock.now()
        text = f"{received.kind:02x} {messages.without_persons(received.kind, received.body).hex()}"
        doubts = self._checked(received, text, now)
        if doubts is None:
            return
        try:
            said = messages.read(received.kind, received.body)
        except Unusable as unusable:
            self._refuse(received, text, str(unusable), now)
            return
        if self.pile is None:
            await self._introduce(received, said, text, doubts, now)
        elif said is not None and said.pile != self.pile:
            self._refuse(received, text, f"pile: {said.pile} is not {self.pile}, who logged in here", now)
        else:
            self._record(received, said, text, doubts, now)

    def _checked(self, received: Frame, text: str, now: datetime) -> list[Doubt] | None:
        """Return what is doubtful of a frame though it is taken; None where it is refused."""
        self._reckons_as_we = self._reckons_as_we or received.fits
        if received.encrypted:
            self._refuse(received, text, "encrypted: no key is agreed for that", now)
            self._close("encrypted")
            return None
        if received.fits or self._around.checksum == "ignored":
            return []
        metrics.ykc_checksums.inc()
        if self._around.checksum == "required":
            self._refuse(received, text, "checksum: does not fit", now)
            return None
        if self._doubted_checksum:  # a charger that reckons otherwise does so in every frame
            return []
        self._doubted_checksum = True
        log.info("%s (%s): its checksums are not CRC-16/MODBUS", self.pile or "a charger", self._remote)
        return [Doubt(self._speaker(), now, CHECKSUM, "checksum: does not fit; the frame is taken all the same", text)]

    # --- who is it ----------------------------------------------------------------------------------------------

    async def _introduce(
        self, received: Frame, said: Said | None, text: str, doubts: Sequence[Doubt], now: datetime
    ) -> None:
        if not isinstance(said, Login):
            self._refuse(received, text, f"message {received.kind:02x} before the login", now)
            self._close("spoke before its login")
            return
        if self._around.directory.site_of(said.pile) is None:
            self._turn_away(received, said, text, "pile: is not filed", now, announced=True)
        elif not await self._around.may_write(said.pile, now):
            self._turn_away(received, said, text, "pile: speaks OCPP for itself at this moment", now, announced=False)
        else:
            self.pile = said.pile
            self._record(received, said, text, doubts, now)

    def _turn_away(
        self, received: Frame, said: Login, text: str, reason: str, now: datetime, *, announced: bool
    ) -> None:
        rejected = self._around.directory.unfiled(said.pile) is Registration.REJECTED
        known = [Announced(said.pile, None, None, now)] if announced and not rejected else []

        def settle(_: Settlement) -> None:
            self._answer(messages.LOGIN_ANSWER, messages.login_answer(said.pile, accepted=False), received)
            self._close(reason)

        doubts = self._doubts(said.pile, text, reason, now)
        self._submit(Entry(said.pile, now, text, known, doubts, self._remote, SOURCE, fact=False), settle)

    # --- what it says -------------------------------------------------------------------------------------------

    def _record(self, received: Frame, said: Said | None, text: str, doubts: Sequence[Doubt], now: datetime) -> None:
        assert self.pile is not None
        observations = self._observed(said, now)
        asks = not observations and not isinstance(said, Login | Trade) and not self._waits(said)

        def settle(settlement: Settlement) -> None:
            match settlement:
                case Committed():
                    self._stored.update(_statuses(observations))
                    self._acknowledge(received, said, kept=True)
                case RefusedByDatabase():
                    self._untold(observations)
                    self._acknowledge(received, said, kept=False)
                case Lost():  # it says this again after its next login, if it is ours to write then
                    self._close("the station speaks elsewhere")

        entry = Entry(
            self.pile, now, text, observations, doubts, self._remote, SOURCE, states_no_fact=asks and not doubts
        )
        self._submit(entry, settle)

    def _observed(self, said: Said | None, now: datetime) -> list[Observation]:
        match said:
            case Realtime():
                return [*self._news(status_of(said, now)), *measured(said, now)]
            case Heartbeat(faulted=True):
                before = self._status.get(said.gun)
                known = before is not None and before.status == "Faulted"
                return [] if known else self._news(faulted(said.pile, said.gun, now))
            case Trade():
                return account_of(said, now)
        return []

    def _news(self, status: StatusReported) -> list[Observation]:
        """Return a status unless it is the one told before: a gun tells it every few seconds, changed or not."""
        before = self._status.get(status.connector)
        self._status[status.connector] = status
        same = before is not None and (before.status, before.error_code, before.error_info) == (
            status.status, status.error_code, status.error_info,
        )  # fmt: skip
        return [] if same else [status]

    def _waits(self, said: Said | None) -> bool:
        """Say whether what a frame repeats is not durable yet: then neither may its answer be given."""
        return isinstance(said, Heartbeat) and self._status.get(said.gun) is not self._stored.get(said.gun)

    def _untold(self, observations: Sequence[Observation]) -> None:
        """Let what the database refused be news again when it is said the next time."""
        for gun, status in _statuses(observations).items():
            if self._status.get(gun) is status:
                del self._status[gun]
                self._stored.pop(gun, None)

    def _acknowledge(self, received: Frame, said: Said | None, *, kept: bool) -> None:
        match said:
            case Login() if kept:
                self._answer(messages.LOGIN_ANSWER, messages.login_answer(said.pile, accepted=True), received)
                self._sequence += 1
                self._send(frame(messages.TIME, messages.time_of(said.pile, self._around.clock.now()), self._sequence))
            case Trade():
                self._answer(messages.TRADE_ANSWER, messages.trade_answer(said.trade_no, kept=kept), received)
            case Heartbeat() if kept:
                self._answer(messages.HEARTBEAT_ANSWER, messages.heartbeat_answer(said), received)
            case TariffAsked() if kept:
                self._answer(messages.TARIFF_ANSWER, messages.tariff_answer(said), received)

    def _answer(self, kind: int, body: bytes, to: Frame) -> None:
        self._send(frame(kind, body, to.sequence))

    # --- what is refused ----------------------------------------------------------------------------------------

    def _refuse(self, received: Frame, text: str, reason: str, now: datetime) -> None:
        """Keep that a frame was not taken; a trade that cannot be used is told so, or it would come again and again."""
        trade_no = received.body[:16].hex()
        bill = received.kind == messages.TRADE and self.pile is not None and len(trade_no) == 32
        doubts = self._doubts(self._speaker(), text, reason, now, bill=bill)

        def settle(settlement: Settlement) -> None:
            if bill and doubts and self._arrived_whole(received) and isinstance(settlement, Committed):
                self._answer(messages.TRADE_ANSWER, messages.trade_answer(trade_no, kept=False), received)

        self._submit(Entry(self._speaker(), now, "", (), doubts, self._remote, SOURCE), settle)

    def _arrived_whole(self, received: Frame) -> bool:
        """Say whether a frame is what the pile has said: told that a bill cannot be used it forgets it, untold it says it again."""
        reckons_otherwise = self._around.checksum != "required" and not self._reckons_as_we
        return not received.encrypted and (received.fits or self._around.checksum == "ignored" or reckons_otherwise)

    def _doubts(self, speaker: str, text: str, reason: str, now: datetime, *, bill: bool = False) -> list[Doubt]:
        metrics.refused.labels(REFUSED).inc()
        kept = self._around.budgets.spend(self.pile, now, bill=bill)
        return [Doubt(speaker, now, REFUSED, reason, text)] if kept else []

    def _speaker(self) -> str:
        return self.pile or f"{SPEAKER}{self._remote}"

    def _submit(self, entry: Entry, settle: Callable[[Settlement], None]) -> None:
        def settled(settlement: Settlement) -> None:
            self._places.release()
            settle(settlement)

        entry.settle = settled
        self._around.recorder.submit(entry)


def _statuses(observations: Sequence[Observation]) -> dict[int, StatusReported]:
    return {said.connector: said for said in observations if isinstance(said, StatusReported)}
