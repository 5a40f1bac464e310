"""From the spool to the recorder: in order, each record once, never more than a few at a time."""

import asyncio
import logging
from collections import deque
from dataclasses import replace

import asyncpg

from ocpp_gateway.observation import RelayGap, SpoolDrained
from ocpp_gateway.recorder.batch import Doubt, Entry, Settlement
from ocpp_gateway.relay import store
from ocpp_gateway.relay.gaps import KILLED, UNREADABLE, gap_found, gap_of_unrecordable, gap_told
from ocpp_gateway.relay.passed import GAP, REFUSED, TOLD, Passed, decode
from ocpp_gateway.relay.spool import Record, Spool
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
PATIENCE_S = 1.0


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
        self._last_at = clock.now()  # of the last record that could be read

    async def run(self, left_behind: list[Spool], own: Spool) -> None:
        """Drain what others left, then our own, until cancelled."""
        for spool in left_behind:
            log.info("relay: %d bytes were left behind in spool %s", spool.size, spool.id)
            await self._drain(spool, await self._begin(spool), spool.durable)
            if not spool.was_closed:
                self._note_killed(spool)
            await self._settled()
            spool.remove()
        await self._drain(own, 0, None)

    def _note_killed(self, spool: Spool) -> None:
        """Note that what a process passed on in its last moments is known to nobody: it has left no goodbye."""
        now = self._clock.now()
        gap = RelayGap(spool.id, None, KILLED, spool.written_at or now)
        drained = SpoolDrained(spool.id, spool.durable, now)
        self._submit(spool, spool.durable, Entry("", now, "", [gap], drained=drained))

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
        """Drain from a place on, up to where a spool ends that nobody writes any more (None: ours)."""
        self._last_at = spool.begun_at or self._clock.now()
        while ends is None or place < ends:
            records = await spool.read(place)
            for number, record in enumerate(records):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                await self._wait_for_room()
                self._submit(spool, record.after, self._entry(spool.id, place, record, last=record.after == ends))
                place = record.after
            if len(records) < MOST_UNDER_WAY and not self._hurried:
                await asyncio.sleep(PACE_S)

    def _submit(self, spool: Spool, after: int, entry: Entry) -> None:
        waiting: list[int | bool] = [after, False]
        self._under_way.append(waiting)

        def settle(_: Settlement) -> None:
            waiting[1] = True
            while self._under_way and self._under_way[0][1]:
                spool.release(self._under_way.popleft()[0])
            self._room.set()

        entry.settle = settle
        self._recorder.submit(entry)

    def _entry(self, spool_id: str, place: int, record: Record, *, last: bool) -> Entry:
        """Return what a record becomes, with the place that the spool is drained up to when it is stored.

        `last`: of what a process left behind.
        """
        now = self._clock.now()
        drained = SpoolDrained(spool_id, record.after, now)
        if record.content is None:
            gap = gap_found(spool_id, self._last_at, now, record.after - place, at_its_end=last)
            return Entry("", now, "", [gap], drained=drained)
        try:
            passed = decode(record.content)
        except (ValueError, TypeError):
            log.exception("relay: a record of spool %s before %d cannot be read", spool_id, record.after)
            gap = RelayGap(spool_id, None, UNREADABLE, self._last_at, now, 1, len(record.content))
            return Entry("", now, "", [gap], drained=drained)
        self._last_at = passed.at
        return replace(self._told(passed, spool_id), drained=drained)

    def _told(self, passed: Passed, spool_id: str) -> Entry:
        if passed.kind == GAP:
            return Entry(passed.station_id, passed.at, "", [gap_told(passed, spool_id)])
        try:
            entry = self._witness.entry(passed)
        except Exception as error:
            log.exception("relay: %s: what was passed on could not be handled", passed.station_id)
            doubt = Doubt(passed.station_id, passed.at, "InternalError", f"could not be handled: {error}", passed.frame)
            sent = passed.kind == TOLD
            return Entry(passed.station_id, passed.at, passed.frame, doubts=[doubt], sent=sent)
        if passed.kind == REFUSED and not entry.doubts:  # more than are kept of a connection
            return replace(entry, observations=[*entry.observations, gap_of_unrecordable(passed, spool_id)])
        return entry

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
