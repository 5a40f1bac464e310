"""From the spools to the recorder: each in its order, each record once, never more than a few at a time."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import asyncpg

from ocpp_gateway.observation import RelayGap, SpoolDrained
from ocpp_gateway.recorder.batch import Doubt, Entry, Settlement
from ocpp_gateway.relay import store
from ocpp_gateway.relay.gaps import KILLED, UNREADABLE, gap_found, gap_of_unrecordable, gap_told
from ocpp_gateway.relay.passed import GAP, REFUSED, TOLD, Passed, decode
from ocpp_gateway.relay.spool.folder import lock
from ocpp_gateway.relay.spool.reading import SpoolReader, spools_in
from ocpp_gateway.relay.spool.records import Record
from ocpp_gateway.relay.witness import Witness
from ocpp_gateway.stations.surroundings import Recorder
from youguan.clock import Clock
from youguan.database import AWAY

log = logging.getLogger(__name__)

# So many are with the recorder at once: its batches stay small.
MOST_UNDER_WAY = 100
AT_ONCE = 10  # whatever else the process does goes between
# Few records are waited for a little, so that many share a commit.
PACE_S = 0.025
PATIENCE_S = 1.0
# How often it is looked for spools that are new, and for those whose writers are gone.
LOOK_S = 0.5


@dataclass(slots=True)
class Draining:
    """A spool, how far it is read, and what of it is with the recorder: [place after it, settled], in order."""

    spool: SpoolReader
    place: int
    last_at: datetime  # of the last record that could be read
    under_way: deque[list[int | bool]] = field(default_factory=deque)

    def settle(self, waiting: list[int | bool]) -> None:
        """Note that something is stored; what comes before the first that is not is let go of."""
        waiting[1] = True
        while self.under_way and self.under_way[0][1]:
            self.spool.release(int(self.under_way.popleft()[0]))


class Drain:
    """Reads all spools of a folder in turn. One alone at a time does: what the folder's lock is for."""

    def __init__(self, pool: asyncpg.Pool, recorder: Recorder, witness: Witness, clock: Clock, folder: Path) -> None:
        self._pool = pool
        self._recorder = recorder
        self._witness = witness
        self._clock = clock
        self._folder = folder
        self._spools: dict[str, Draining] = {}
        self._under_way = 0
        self._settled = asyncio.Event()
        self._looked_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Drain until told to stop, and then what is left behind by then."""
        held = await self._be_alone(stop)
        try:
            while not stop.is_set():
                if not await self._go_round():
                    await asyncio.sleep(PACE_S)
            self._looked_at = 0.0
            while await self._go_round() or any(each.spool.left_behind for each in self._spools.values()):
                pass
            await self._wait_until_settled()
        finally:
            self.close()
            if held is not None:
                os.close(held)

    def close(self) -> None:
        """Let go of the spools; what is under way is told to nobody any more."""
        for each in self._spools.values():
            each.spool.close()
        self._spools.clear()

    async def _be_alone(self, stop: asyncio.Event) -> int | None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while (held := lock(self._folder)) is None and not stop.is_set():
            log.warning("relay: another process drains %s", self._folder)
            await asyncio.sleep(PATIENCE_S)
        return held

    async def _go_round(self) -> bool:
        """Take a part of each spool; say whether there was much."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            await self._look()
        much = False
        for each in list(self._in_turn()):
            much = await self._take(each) >= MOST_UNDER_WAY or much
            if each.spool.left_behind and each.place >= each.spool.durable:
                await self._finish(each)
                much = True
        return much

    def _in_turn(self) -> Iterator[Draining]:
        """Yield the oldest first. What began later waits for what was left behind: the same stations may go on there."""
        for _, each in sorted(self._spools.items()):
            yield each
            if each.spool.left_behind:
                return

    async def _look(self) -> None:
        for path in spools_in(self._folder):
            if path.name not in self._spools:
                try:
                    await self._begin(SpoolReader(path))
                except OSError as error:
                    log.error("relay spool %s cannot be read: %s", path.name, error)
        for each in self._spools.values():
            if not each.spool.left_behind and each.spool.look():
                log.info("relay: %d bytes were left behind in %s", each.spool.durable - each.place, each.spool.id)

    async def _begin(self, spool: SpoolReader) -> None:
        """Begin with what is not in the database already."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    place = spool.begin_at(await store.drained(connection, spool.id))
                break
            except (*AWAY, TimeoutError) as error:
                log.warning("relay: database away, what was passed on must wait: %s", error)
                await asyncio.sleep(PATIENCE_S)
        self._spools[spool.id] = Draining(spool, place, spool.begun_at or self._clock.now())

    async def _take(self, each: Draining) -> int:
        """Hand a part of a spool to the recorder; return how many records it is."""
        records = each.spool.read(each.place)
        for number, record in enumerate(records):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            await self._wait_until_settled(MOST_UNDER_WAY - 1)
            self._submit(each, record.after, self._entry(each, record))
            each.place = record.after
        return len(records)

    async def _finish(self, each: Draining) -> None:
        """Let go of a spool that is read to its end; of one that was not closed it is noted that its writer was killed.

        What such a process passed on in its last moments is known to nobody: it has left no goodbye.
        """
        spool = each.spool
        if not spool.was_closed:
            now = self._clock.now()
            gap = RelayGap(spool.id, None, KILLED, spool.written_at or now)
            drained = SpoolDrained(spool.id, spool.durable, now)
            self._submit(each, spool.durable, Entry("", now, "", [gap], drained=drained))
        await self._wait_until_settled()
        spool.remove()
        del self._spools[spool.id]

    def _submit(self, each: Draining, after: int, entry: Entry) -> None:
        waiting: list[int | bool] = [after, False]
        each.under_way.append(waiting)
        self._under_way += 1

        def settle(_: Settlement) -> None:
            each.settle(waiting)
            self._under_way -= 1
            self._settled.set()

        entry.settle = settle
        self._recorder.submit(entry)

    def _entry(self, each: Draining, record: Record) -> Entry:
        """Return what a record becomes, with the place that the spool is drained up to when it is stored."""
        spool, now = each.spool, self._clock.now()
        drained = SpoolDrained(spool.id, record.after, now)
        if record.content is None:
            torn = spool.left_behind and record.after == spool.durable
            gap = gap_found(spool.id, each.last_at, now, record.after - each.place, at_its_end=torn)
            return Entry("", now, "", [gap], drained=drained)
        try:
            passed = decode(record.content)
        except (ValueError, TypeError):
            log.exception("relay: a record of spool %s before %d cannot be read", spool.id, record.after)
            gap = RelayGap(spool.id, None, UNREADABLE, each.last_at, now, 1, len(record.content))
            return Entry("", now, "", [gap], drained=drained)
        each.last_at = passed.at
        return replace(self._told(passed, spool.id), drained=drained)

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

    async def _wait_until_settled(self, but: int = 0) -> None:
        """Wait until no more than so many are with the recorder."""
        while self._under_way > but:
            self._settled.clear()
            await self._settled.wait()
