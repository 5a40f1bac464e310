"""Where a command is asked for: checked, audited, queued, and, if wanted, waited for."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import orjson

from ocpp_gateway import store as stations
from ocpp_gateway.commands import catalogue, store
from ocpp_gateway.commands.recording import write_outcomes
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.observation import CommandOutcome
from ocpp_gateway.protocol.secrets import key_command, sets_station_key
from ocpp_gateway.protocol.shown import shown_request
from ocpp_gateway.protocol.versions import Version, named
from ocpp_gateway.relay.store import policy_of
from youguan import audit
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Conflict, Forbidden, Invalid, Reason, Unavailable
from youguan.eventlog import follow, publish
from youguan.events import CommandEnded, StationKeyOffered
from youguan.station_keys import digest, new_key

STREAM = "gateway/jobs"
ANSWER_WITHIN_S = 60
WATCH_S = 1.0
KEY_ELSEWHERE = "a station's key is changed by POST /api/gateway/stations/{station_id}/key-rotation"
ONLY_REGULATOR = "{action} needs the role regulator"
TO_ANY_ADDRESS = (
    "{action} to any address needs the role regulator; to us: POST /api/gateway/stations/{station_id}/diagnostics"
)
# State, and whether another was with the station meanwhile → how it ends, and why.
OVERDUE = {
    ("queued", False): ("undeliverable", "no gateway could send it in time"),
    ("queued", True): ("undeliverable", "an earlier command was not answered"),
    ("sent", False): ("timed_out", "the gateway that sent it is gone"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a station to do, and why; `to_us`: what it sends away goes to an address of ours."""

    station_id: str
    action: str
    payload: dict[str, Any]
    reason: str = ""
    timeout_s: int = ANSWER_WITHIN_S
    to_us: bool = False


class Keys:
    """What makes stations' new keys into what is stored, and what carries them to the worker unread."""

    def __init__(self, secret: str | None, grace: timedelta) -> None:
        self._secret = secret
        self.grace = grace
        self.sealer = Sealer(secret)

    def digest(self, station_id: str, key: str) -> str:
        """Return what is stored of a key; Unavailable without a secret."""
        if self._secret is None:
            raise Unavailable("no secret to make keys with is configured (YOUGUAN_STATION_KEY_SECRET)")
        return digest(self._secret, station_id, key.encode())


def may_ask(who: Principal, action: str, *, to_us: bool = False) -> bool:
    """Say whether somebody may have an action sent: whatever touches drivers or supply, or sends files away, is the regulator's."""
    looks = action in catalogue.ONLY_LOOKS and (to_us or action not in catalogue.SENDS_AWAY)
    return who.has(REGULATOR) or (who.has(INSPECTOR) and looks)


class Desk:
    """Takes commands for stations, whichever worker holds them."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, keys: Keys | None = None) -> None:
        self._pool = pool
        self._clock = clock
        self._keys = keys or Keys(None, timedelta())
        self._waiting: dict[str, asyncio.Event] = {}

    async def ask(self, who: Principal, wish: Wish, *, wait_s: float = 0, remote: str | None = None) -> asyncpg.Record:
        """Queue a command and return it, ended if somebody waits for that; Invalid, Forbidden, NotFound, Conflict."""
        if not may_ask(who, wish.action, to_us=wish.to_us):
            why = TO_ANY_ADDRESS if wish.action in catalogue.SENDS_AWAY else ONLY_REGULATOR
            raise Forbidden(Reason(why, action=wish.action, station_id=wish.station_id))
        return await self._ask(who, lambda _: wish, wish.station_id, wait_s, remote)

    async def rotate_key(
        self, who: Principal, station_id: str, reason: str, *, wait_s: float = 0, remote: str | None = None
    ) -> asyncpg.Record:
        """Tell a station a new key; whoever asks does not see it. Forbidden, NotFound, Conflict, Unavailable."""
        if not who.has(REGULATOR):
            raise Forbidden("a new key needs the role regulator")
        key = new_key()

        def wish(version: Version) -> Wish:
            return Wish(station_id, *key_command(version, key), reason)

        return await self._ask(who, wish, station_id, wait_s, remote, new_key=key)

    async def _ask(
        self,
        who: Principal,
        wish: Callable[[Version], Wish],
        station_id: str,
        wait_s: float,
        remote: str | None,
        new_key: str | None = None,
    ) -> asyncpg.Record:
        command_id = str(uuid.uuid4())
        ended = self._waiting.setdefault(command_id, asyncio.Event())
        try:
            await self._queue(who, wish, station_id, command_id, remote, new_key)
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

    async def _queue(
        self,
        who: Principal,
        wanted: Callable[[Version], Wish],
        station_id: str,
        command_id: str,
        remote: str | None,
        new_key: str | None,
    ) -> None:
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await _refuse_where_not_filed(connection, station_id)
            station = await stations.get_station(connection, station_id)
            if not station["connected"]:
                raise Conflict(Reason("station {station_id} is not connected", station_id=station_id))
            await _refuse_where_relayed(connection, station_id, new_key is not None)
            version = named(station["ocpp_version"])
            wish = wanted(version)
            catalogue.check_reason(wish.action, wish.reason)
            catalogue.check(version, wish.action, wish.payload)
            if new_key is None and sets_station_key(version, wish.action, wish.payload):
                member = "payload.key" if "key" in wish.payload else "payload.setVariableData"
                raise Invalid.about(member, Reason(KEY_ELSEWHERE, station_id=station_id))
            shown = shown_request(version, wish.action, wish.payload, orjson.dumps(wish.payload).decode())
            await audit.record(
                connection,
                at=now,
                actor=who.subject,
                action=f"command {wish.action}",
                subject=f"station {wish.station_id}",
                after={"command": command_id, "payload": shown, "reason": wish.reason},
                remote=remote,
            )
            command = (
                command_id, wish.station_id, version.name, wish.action, shown, who.subject, wish.reason, now,
                wish.timeout_s,
            )  # fmt: skip
            await store.insert_command(connection, command)
            if shown is not wish.payload:
                await store.seal(connection, command_id, self._keys.sealer.seal(command_id, wish.payload))
            if new_key is not None:
                await self._offer(connection, who, wish, command_id, new_key)

    async def _offer(
        self, connection: asyncpg.Connection, who: Principal, wish: Wish, command_id: str, key: str
    ) -> None:
        """Let every worker know the new key before the station does: it may come back with it on any of them at once."""
        if await store.rotating(connection, wish.station_id):
            raise Conflict(Reason("station {station_id} is being told a new key already", station_id=wish.station_id))
        now = self._clock.now()
        kept = self._keys.digest(wish.station_id, key)
        await store.note_rotation(connection, command_id, kept)
        offered = StationKeyOffered(
            station_id=wish.station_id, digest=kept, command_id=command_id, offered_by=who.subject, reason=wish.reason,
            until=now + self._keys.grace, at=now,
        )  # fmt: skip
        await publish(connection, STREAM, [offered])

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
                CommandOutcome(row["station_id"], row["id"], row["action"], state, now, error_description=why)
                for row in await store.overdue(connection, now)
                for state, why in [OVERDUE[row["state"], row["behind"]]]
            ]
            news = await write_outcomes(connection, outcomes)
            await publish(connection, STREAM, news)
        return sum(isinstance(event, CommandEnded) for event in news)


async def _refuse_where_not_filed(connection: asyncpg.Connection, station_id: str) -> None:
    """A station in quarantine is nobody's yet: it is told Pending or Rejected, and nothing else."""
    word = await stations.quarantined_as(connection, station_id)
    if word is not None:
        raise Conflict(Reason("station {station_id} is not filed: it is {word}", station_id=station_id, word=word))


async def _refuse_where_relayed(connection: asyncpg.Connection, station_id: str, new_key: bool) -> None:
    """A station that is passed on to its operator's own system takes commands of ours only by a policy, and never a key."""
    policy = await policy_of(connection, station_id)
    if policy is None:
        return
    if new_key:
        raise Conflict("the station is passed on to its operator's own central system, whose key it is")
    if not policy["may_send"]:
        raise Conflict(
            Reason(
                "the station is passed on to its operator's own central system; site {site_id} allows no commands of ours",
                site_id=policy["site_id"],
            )
        )
