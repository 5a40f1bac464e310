"""A worker's outbox: takes the commands that are queued for its stations, sends each, and stores what comes back.

Commands are rows; a notification only rings, and looking now and then does without it. A row is taken by the worker that
holds the station's connection, and by nobody else; one at a time for each station, since OCPP allows one open call.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from ocpp_gateway.commands import store
from ocpp_gateway.commands.effects import effects
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.commands.recording import write_outcomes
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.observation import CommandOutcome
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Answer, Call, Refusal, call_result
from ocpp_gateway.protocol.persons import unread, words
from ocpp_gateway.protocol.shown import shown_answer
from ocpp_gateway.recorder.batch import Entry, Lost, Settlement
from ocpp_gateway.stations.surroundings import Conversation, Recorder
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.eventlog import publish
from youguan.listening import Rung, listening

log = logging.getLogger(__name__)

POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command on its way to a station; `content`: what it is sent, where `payload` hides something of it."""

    id: str
    station_id: str
    action: str
    payload: dict[str, Any]
    content: dict[str, Any] | None


class Outbox:
    """Sends what is queued for the stations of one worker."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        slot: int,
        find: Callable[[str], Conversation | None],
        recorder: Recorder,
        clock: Clock,
        sealer: Sealer | None = None,
    ) -> None:
        self._pool = pool
        self._slot = slot
        self._find = find
        self._recorder = recorder
        self._clock = clock
        self._sealer = sealer or Sealer(None)
        self._rung = Rung()

    async def start(self) -> None:
        """End what a predecessor in this slot had sent: its answer will not find us."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            outcomes = [
                CommandOutcome(row["station_id"], row["id"], row["action"], "timed_out", now,
                               error_description="the gateway restarted before the answer came")
                for row in await store.under_way(connection, self._slot)
            ]  # fmt: skip
            await publish(connection, f"gateway/{self._slot}", await write_outcomes(connection, outcomes))

    async def run(self) -> None:
        """Send what is queued and what comes, until cancelled; survive a database that goes away."""
        while True:
            try:
                self._rung = Rung()
                async with listening(self._pool, store.CHANNEL, self._rung):
                    await self._serve()
            except AWAY as error:
                log.warning("outbox %d: database away: %s", self._slot, error)
                await asyncio.sleep(POLL_S)

    async def _serve(self) -> None:
        while True:
            self._rung.clear()
            async with self._pool.acquire() as connection:
                queued = await store.take_queued(connection, self._slot, self._clock.now())
            for row in queued:
                sealed = row["sealed"]
                content = row["payload"] if sealed is None else self._sealer.open(row["id"], sealed)
                command = Command(row["id"], row["station_id"], row["action"], row["payload"], content)
                self._send(command, row["ocpp_version"], row["timeout_s"])
            await self._rung.within(POLL_S)

    def _send(self, command: Command, version: str, timeout_s: float) -> None:
        session = self._find(command.station_id)
        if session is None or session.version.name != version:
            self._end(command, "undeliverable", error_description="the station is not connected any more")
            return
        if command.content is None:
            self._end(command, "undeliverable", error_description="its content was sealed under another secret")
            return
        waiting: asyncio.TimerHandle | None = None

        def answered(answer: Answer | None, frame: str) -> None:
            if waiting is not None:
                waiting.cancel()
            self._take_answer(command, session, answer, frame)

        session.ask(Call(command.id, command.action, command.content), answered)
        waiting = asyncio.get_running_loop().call_later(timeout_s, session.give_up, command.id)

    def _take_answer(self, command: Command, session: Conversation, answer: Answer | None, frame: str) -> None:
        if answer is None:
            why = (
                "the connection ended before the answer came"
                if session.closed
                else "the station did not answer in time"
            )
            self._end(command, "timed_out", error_description=why)
        elif answer.payload is None:
            self._end(
                command, "refused", unread(frame), error_code=answer.error,
                error_description=words(answer.description),
            )  # fmt: skip
        else:
            self._answered(command, session, answer.payload, frame)

    def _answered(self, command: Command, session: Conversation, payload: dict[str, Any], frame: str) -> None:
        version = session.version
        shown = shown_answer(version, command.action, payload, frame)
        if shown is not payload:
            payload, frame = shown, call_result(command.id, shown).decode()
        try:
            schemas.check(schemas.responses(version)[command.action], payload, version)
        except Refusal as refusal:
            session.reject(refusal, command.id)
            self._end(
                command, "invalid", frame, answer=payload, error_code=refusal.code,
                error_description=refusal.description,
            )  # fmt: skip
            return
        exchange = Exchange(command.station_id, version, command.action, command.payload, payload, self._clock.now())
        self._end(command, "answered", frame, answer=payload, exchange=exchange)

    def _end(
        self, command: Command, state: str, frame: str = "", *, exchange: Exchange | None = None, **rest: Any
    ) -> None:
        now = self._clock.now()
        outcome = CommandOutcome(command.station_id, command.id, command.action, state, now, **rest)
        observations = [outcome, *(effects(exchange) if exchange else ())]

        def settle(settlement: Settlement) -> None:
            if isinstance(settlement, Lost):  # the station has moved on; what became of the command is ours to tell
                self._recorder.submit(Entry("", now, "", observations))
            self._rung.ring()  # the station's next may go

        self._recorder.submit(Entry(command.station_id, now, frame, observations, settle=settle))
