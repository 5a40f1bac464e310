"""From the spool to the recorder: in order, each record once, never more than a few at a time."""

import asyncio
import logging
from collections import deque
from dataclasses import replace
from datetime import datetime

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.observation import SpoolDrained
from ocpp_gateway.recorder.batch import Entry, Lost, Settlement
from ocpp_gateway.relay import store
from ocpp_gateway.relay.passed import GAP, Passed, decode, encode
from ocpp_gateway.relay.spool import Spool
from ocpp_gateway.relay.witness import Witness
from ocpp_gateway.stations.session import Recorder
from youguan.clock import Clock
from youguan.database import AWAY

log = logging.getLogger(__name__)

# So many are with the recorder at once: its batches stay small, so that it never holds up what is passed on for long.
MOST_UNDER_WAY = 100
AT_ONCE = 10  # what is passed on goes between
# Few records are waited for a little, so that many share a commit: what is passed on waits for neither.
PACE_S = 0.025
PATIENCE_S = TELL_S = 1.0


class Journal:
    """Takes what is noted into a spool; what there was no room for is told when there is room again."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._untold = 0
        self._untold_since: datetime | None = None
        self.lost = 0

    def note(self, passed: Passed) -> None:
        """Keep a record, or count it."""
        self._count(self._spool.take_lost(), passed.at)
        if self._untold_since is not None:
            gap = Passed(GAP, "", 0, "", "", self._untold_since, number=self._untold)
            if self._spool.append(encode(gap)):
                self._untold, self._untold_since = 0, None
        if not self._spool.append(encode(passed)):
            self._count(1, passed.at)

    def _count(self, lost: int, at: datetime) -> None:
        if not lost:
            return
        if self._untold_since is None:
            self._untold_since = at
            log.error("relay: no room to note what is passed on; it is passed on all the same")
        self._untold += lost
        self.lost += lost

    async def tell_metrics(self) -> None:
        """Say regularly how much is kept and how much was not, until cancelled."""
        while True:
            metrics.relay_spooled.set(self._spool.size)
            metrics.relay_lost.set(self.lost)
            await asyncio.sleep(TELL_S)


class Drain:
    """Reads spools one after the other; the last is our own and never ends."""

    def __init__(self, pool: asyncpg.Pool, recorder: Recorder, witness: Witness, clock: Clock) -> None:
        self._pool = pool
        self._recorder = recorder
        self._witness = witness
        self._clock = clock
        self._under_way: deque[list[int | bool]] = deque()  # [place after it, settled], in order
        self._room = asyncio.Event()
        self._hurried = False

    async def run(self, left_behind: list[Spool], own: Spool) -> None:
        """Drain what others left, then our own, until cancelled."""
        for spool in left_behind:
            log.info("relay: %d bytes were left behind in spool %s", spool.size, spool.id)
            await self._drain(spool, await self._begin(spool), spool.durable)
            await self._settled()
            spool.remove()
        await self._drain(own, 0, None)

    async def _begin(self, spool: Spool) -> int:
        """Return the place up to which a spool is in the database already."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    return spool.begin_at(await store.drained(connection, spool.id))
            except (*AWAY, TimeoutError) as error:
                log.warning("relay: database away, what was left behind must wait: %s", error)
                await asyncio.sleep(PATIENCE_S)

    async def _drain(self, spool: Spool, place: int, ends: int | None) -> None:
        while ends is None or place < ends:
            records = await spool.read(place)
            for number, (after, content) in enumerate(records):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                await self._wait_for_room()
                self._submit(spool, after, content)
                place = after
            if len(records) < MOST_UNDER_WAY and not self._hurried:
                await asyncio.sleep(PACE_S)

    def _submit(self, spool: Spool, after: int, content: bytes) -> None:
        entry = self._entry(spool, after, content)
        waiting: list[int | bool] = [after, False]
        self._under_way.append(waiting)

        def settle(settlement: Settlement) -> None:
            if isinstance(
                settlement, Lost
            ):  # another worker has the station now; what it said here is told by nobody else
                self._recorder.submit(entry)
                return
            waiting[1] = True
            while self._under_way and self._under_way[0][1]:
                spool.release(self._under_way.popleft()[0])
            self._room.set()

        entry.settle = settle
        self._recorder.submit(entry)

    def _entry(self, spool: Spool, after: int, content: bytes) -> Entry:
        """Return what a record becomes, with the place that the spool is drained up to when it is stored."""
        now = self._clock.now()
        drained = SpoolDrained(spool.id, after, now)
        try:
            passed = decode(content)
            if passed.kind == GAP:
                return Entry("", now, "", [SpoolDrained(spool.id, after, passed.at, passed.number)])
            entry = self._witness.entry(passed)
        except Exception:
            log.exception("relay: a record of spool %s before %d cannot be read", spool.id, after)
            return Entry("", now, "", [drained])
        return replace(entry, observations=[*entry.observations, drained])

    async def _wait_for_room(self) -> None:
        while len(self._under_way) >= MOST_UNDER_WAY:
            self._room.clear()
            await self._room.wait()

    async def _settled(self) -> None:
        while self._under_way:
            self._room.clear()
            await self._room.wait()

    async def caught_up(self, own: Spool) -> None:
        """Wait until everything that our own spool has taken is stored."""
        self._hurried = True
        while own.size:
            self._room.clear()
            await self._room.wait()
