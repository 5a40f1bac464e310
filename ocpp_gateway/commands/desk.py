"""Where a command is asked for: checked, audited, queued, and, if wanted, waited for."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from ocpp_gateway import store as stations
from ocpp_gateway.commands import catalogue, store
from ocpp_gateway.commands.recording import told
from ocpp_gateway.observation import CommandOutcome
from ocpp_gateway.protocol.versions import named
from youguan import audit
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Conflict, Forbidden
from youguan.eventlog import follow, publish
from youguan.events import CommandEnded

STREAM = "gateway/jobs"
ANSWER_WITHIN_S = 60
WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a station to do, and why."""

    station_id: str
    action: str
    payload: dict[str, Any]
    reason: str = ""
    timeout_s: int = ANSWER_WITHIN_S


def may_ask(who: Principal, action: str) -> bool:
    """Say whether somebody may have an action sent: whatever touches drivers or supply is the regulator's."""
    return who.has(REGULATOR) or (who.has(INSPECTOR) and action in catalogue.ONLY_LOOKS)


class Desk:
    """Takes commands for stations, whichever worker holds them."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._waiting: dict[str, asyncio.Event] = {}

    async def ask(self, who: Principal, wish: Wish, *, wait_s: float = 0, remote: str | None = None) -> asyncpg.Record:
        """Queue a command and return it, ended if somebody waits for that; Invalid, Forbidden, NotFound, Conflict."""
        if not may_ask(who, wish.action):
            raise Forbidden(f"{wish.action} needs the role regulator")
        command_id = str(uuid.uuid4())
        ended = self._waiting.setdefault(command_id, asyncio.Event())
        try:
            await self._queue(who, wish, command_id, remote)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await ended.wait()
        finally:
            del self._waiting[command_id]
        return await self.read(command_id)

    async def read(self, command_id: str) -> asyncpg.Record:
        """Return a command; NotFound."""
        async with self._pool.acquire() as connection:
            return await store.get_command(connection, command_id)

    async def _queue(self, who: Principal, wish: Wish, command_id: str, remote: str | None) -> None:
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            station = await stations.get_station(connection, wish.station_id)
            if not station["connected"]:
                raise Conflict(f"station {wish.station_id} is not connected")
            version = named(station["ocpp_version"])
            catalogue.check(version, wish.action, wish.payload)
            await audit.record(
                connection,
                at=now,
                actor=who.subject,
                action=f"command {wish.action}",
                subject=f"station {wish.station_id}",
                after={"command": command_id, "payload": wish.payload, "reason": wish.reason},
                remote=remote,
            )
            command = (
                command_id, wish.station_id, version.name, wish.action, wish.payload, who.subject, wish.reason, now,
                wish.timeout_s,
            )  # fmt: skip
            await store.insert_command(connection, command)

    async def keep_answers(self) -> None:
        """Tell whoever waits that a command has ended."""
        async for batch in follow(self._pool, (CommandEnded,)):
            for stored in batch:
                if isinstance(stored.event, CommandEnded) and stored.event.command_id in self._waiting:
                    self._waiting[stored.event.command_id].set()

    async def watch(self) -> None:
        """End commands that no worker took or finished in time."""
        while True:
            async with self._pool.acquire() as connection:
                await self.end_overdue(connection)
            await asyncio.sleep(WATCH_S)

    async def end_overdue(self, connection: asyncpg.Connection) -> int:
        """End what is overdue now; return how many."""
        now = self._clock.now()
        async with connection.transaction():
            outcomes = [
                CommandOutcome(
                    row["station_id"], row["id"], row["action"], "undeliverable", now,
                    error_description="no gateway could send it in time",
                )
                for row in await store.overdue(connection, now)
            ]  # fmt: skip
            ended = await store.end_commands(connection, outcomes)
            await publish(connection, STREAM, [told(outcome) for outcome in ended])
        return len(ended)
