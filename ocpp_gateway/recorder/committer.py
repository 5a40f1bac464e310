"""One commit: what it needs to be there, its rows in one statement or in steps, and what is remembered for the next one.

Repeats are rare, so rows are copied as if there were none; `careful` is a batch of which some are repeats. The number of the last
commit, which each commit counts up, says whether one without an answer went through.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.lateness import Late
from ocpp_gateway.observation import MeterKind, Notified, SensorRead, StatusReported, TransactionBegun
from ocpp_gateway.recorder import seldom, store
from ocpp_gateway.recorder.batch import (
    COMMITTED,
    Batch,
    Committed,
    Entry,
    Lost,
    Settlement,
    TransactionKey,
    belongs_elsewhere,
    gather,
    in_doubt,
    key_of,
    leave_out,
)
from ocpp_gateway.recorder.connectivity import recording as connectivity
from ocpp_gateway.recorder.connectivity import store as connectivity_store
from ocpp_gateway.recorder.statuses import Now, Place, Recognised, late_words, recognise, without_repeats
from ocpp_gateway.recorder.store import Standing
from ocpp_gateway.recorder.transactions import recording as transactions
from ocpp_gateway.recorder.transactions import store as transaction_store
from youguan.database import connect, storage_mode
from youguan.eventlog import publish
from youguan.events import Event, UnfiledStationSeen

log = logging.getLogger(__name__)

LARGEST_STATEMENT = 64
SEEN_EVERY_S = 1.0
# Days about today that have partitions of their own; what is told of others is little, and goes to the default ones.
DAYS_BACK, DAYS_AHEAD = 7, 1
DAY_AGAIN_S = 60.0  # until a partition that could not be made is tried again


class Committer:
    """Commits entries over a connection of its own, and settles them; the only writer of its stream."""

    def __init__(
        self,
        dsn: str,
        slot: int,
        *,
        on_lost: Callable[[Mapping[str, int]], None],
        source: str,
        quarantined_a_source: int,
        alone: bool,
    ) -> None:
        """`on_lost` is told the stations that others hold now; `alone` as a DirectRecorder's."""
        self._source = source
        self._alone = alone
        self._stream = f"gateway/{slot}"
        self._dsn = dsn
        self._slot = slot
        self._on_lost = on_lost
        self._quarantined_a_source = quarantined_a_source
        self._full: set[str] = set()  # sources with more unfiled stations than are kept
        self._connection: asyncpg.Connection | None = None
        self._plain = True
        self._days: set[tuple[str, date]] = set()
        self._kinds: dict[MeterKind, int] = {}
        self._standing: Standing | None = None
        self._connectors: dict[Place, Now] = {}
        self._places: dict[str, set[Place]] = {}
        self._late: dict[Place, Late] = {}
        self._seen: dict[str, datetime] = {}
        self._seen_noted = 0.0

    async def commit(self, entries: list[Entry], *, careful: bool, uncertain: bool) -> None:
        """Commit entries; `careful`: there are repeats; `uncertain`: they may have been committed already."""
        started = time.monotonic()
        connection = self._connection or await self._open()
        if uncertain and await self._went_through(connection, entries):
            return
        batch = gather(entries)
        beyond = await self._prepare(connection, batch)
        if beyond:
            leave_out(batch, entries, beyond)
        at_once = not (careful or uncertain) and len(entries) <= LARGEST_STATEMENT
        fits = at_once and batch.is_simple() and not self.seen_due()
        if not (fits and await self._commit_at_once(connection, entries, batch)):
            await self._commit_in_steps(connection, entries, batch, beyond, careful=careful, uncertain=uncertain)
        metrics.batch_size.observe(len(entries))
        metrics.commit_seconds.observe(time.monotonic() - started)

    def forget(self, station_id: str) -> None:
        """Forget what is known of a station that another worker may write from now on."""
        for place in self._places.pop(station_id, ()):
            self._connectors.pop(place, None)
        self._late = {place: late for place, late in self._late.items() if place[0] != station_id}

    def seen_due(self) -> bool:
        """Say whether it is time to note who was heard, though nothing else is to be written."""
        return bool(self._seen) and self._is_time_to_note()

    def _is_time_to_note(self) -> bool:
        return time.monotonic() - self._seen_noted >= SEEN_EVERY_S

    def terminate(self) -> None:
        """Give up the connection; the next commit opens another."""
        if self._connection:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection:
            await self._connection.close()

    async def _commit_at_once(self, connection: asyncpg.Connection, entries: list[Entry], batch: Batch) -> bool:
        """Commit the everyday batch in one statement; False, and nothing stored, when something is late or stations were lost."""
        if self._standing is None:
            return False
        known = await self._known(connection, batch.statuses)
        told = recognise(batch.statuses, known, self._source, self._late)
        if told.late or not await store.write_at_once(
            connection, self._slot, self._standing, batch, self._kinds, self._stream, told
        ):
            return False
        self._standing = self._standing._replace(batch=self._standing.batch + 1)
        self._seen.update(batch.seen)
        self._remember(told.latest)
        self._settle(entries, (), {})
        return True

    async def _commit_in_steps(
        self,
        connection: asyncpg.Connection,
        entries: list[Entry],
        batch: Batch,
        beyond: Collection[MeterKind],
        *,
        careful: bool,
        uncertain: bool,
    ) -> None:
        async with connection.transaction():
            standing = await store.begin_batch(connection, self._slot)
            if uncertain and standing and self._standing and standing.batch != self._standing.batch + 1:
                raise ConnectionError("the commit that had no answer has only now gone through")
            lost = await self._check_losses(connection, standing)
            if lost:
                ours = [entry for entry in entries if not belongs_elsewhere(entry, lost)]
                batch = gather(ours)
                leave_out(batch, ours, beyond)
            seen = {**self._seen, **batch.seen}
            at_once = bool(batch.ended or batch.booted or batch.out_of_reach)
            noted = bool(seen) and (at_once or self._is_time_to_note())
            numbers, told = await self._store(connection, entries, batch, seen if noted else {}, careful=careful)
        self._standing = standing
        self._seen = {} if noted else seen
        if noted:
            self._seen_noted = time.monotonic()
        self._remember(told.latest)
        self._remember_late(told.late)
        self._settle(entries, lost, numbers)

    async def _went_through(self, connection: asyncpg.Connection, entries: list[Entry]) -> bool:
        """Say whether a commit that had no answer was one after all; then its entries are settled."""
        standing = await store.standing(connection, self._slot)
        if self._standing is None or standing.batch != self._standing.batch + 1:
            return False
        lost = await self._check_losses(connection, standing)
        batch = gather(entry for entry in entries if not belongs_elsewhere(entry, lost))
        numbers = await transaction_store.begin_transactions(
            connection, batch.begun.values()
        )  # which they have begun already
        self._standing = standing
        self._seen.update(batch.seen)
        self._settle(entries, lost, numbers)
        return True

    async def _open(self) -> asyncpg.Connection:
        connection = await connect(self._dsn)
        try:
            self._plain = await storage_mode(connection) == "plain"
            self._kinds = await store.load_kinds(connection)
            if self._standing is None:  # what was taken from us while the database was away is still to be noticed
                self._standing = await store.standing(connection, self._slot)
        except BaseException:
            connection.terminate()
            raise
        self._connectors.clear()
        self._places.clear()
        self._connection = connection
        return connection

    async def _prepare(self, connection: asyncpg.Connection, batch: Batch) -> Collection[MeterKind]:
        """Make partitions and kinds ahead, outside the commit: other workers need them as well.

        Return the kinds that are more than their station may make.
        """
        missing = needed_days(batch, datetime.now(UTC).date()) - self._days if self._plain else set()
        if missing:
            await self._make_days(connection, sorted(missing))
        kinds = {s.kind for samples in (batch.samples, batch.unplaced) for s in samples} - self._kinds.keys()
        if not kinds:
            return ()
        told_by = {s.kind: s.station_id for s in (*batch.unplaced, *batch.samples) if s.kind in kinds}
        self._kinds |= await store.add_kinds(connection, told_by)
        return kinds - self._kinds.keys()

    async def _make_days(self, connection: asyncpg.Connection, days: Sequence[tuple[str, date]]) -> None:
        self._days.update(days)
        waiting = await store.ensure_days(connection, days)
        if waiting:
            log.warning("recorder %d: %d partitions must wait, of %s first", self._slot, len(waiting), waiting[0])
            again = self._days.difference_update
            asyncio.get_running_loop().call_later(DAY_AGAIN_S, again, waiting)

    async def _check_losses(self, connection: asyncpg.Connection, standing: Standing | None) -> Mapping[str, int]:
        """Return, of the stations lost since the last commit, those that others hold now."""
        if standing is None or self._standing is None or standing.losses == self._standing.losses:
            return {}
        taken = await store.taken_since(connection, self._slot, self._standing.losses)
        for station_id in taken:
            self.forget(station_id)  # others have written it, even where it has come back to us
        lost = {station_id: epoch for station_id, epoch in taken.items() if epoch is not None}
        for station_id in lost:
            self._seen.pop(station_id, None)
        self._on_lost(lost)
        return lost

    async def _store(
        self,
        connection: asyncpg.Connection,
        entries: Sequence[Entry],
        batch: Batch,
        seen: Mapping[str, datetime],
        *,
        careful: bool,
    ) -> tuple[dict[TransactionKey, transaction_store.Numbered], Recognised]:
        await store.copy_frames(connection, batch)
        told = await self._store_statuses(connection, batch, careful=careful)
        if careful:
            await store.insert_samples(connection, store.sample_rows(batch.samples, self._kinds))
        else:
            await store.copy_samples(connection, batch.samples, self._kinds)
        events: list[Event] = []
        numbers = await transaction_store.begin_transactions(connection, batch.begun.values())
        events += transactions.starts(batch, numbers)
        events += await transactions.reports(
            connection, batch, self._source
        )  # before the stops: a relayed 1.6 start is reported
        events += await transactions.stops(connection, batch)
        if batch.unplaced:
            placed = await transaction_store.placed(connection, batch.unplaced)
            await store.insert_samples(connection, store.sample_rows(placed, self._kinds))
        events += told.changes
        events += late_words(told.past)
        events += await connectivity.write(connection, batch, seen)
        events += await self._unfiled(connection, batch)
        news, excess = await seldom.write(connection, batch.seldom)
        events += news
        await store.keep_refused(connection, [*batch.doubts, *in_doubt(excess, entries)])
        await publish(connection, self._stream, events)
        return numbers, told

    async def _store_statuses(self, connection: asyncpg.Connection, batch: Batch, *, careful: bool) -> Recognised:
        """Store statuses with the times by which they count."""
        statuses = await self._store_news(connection, batch.statuses) if careful else batch.statuses
        told = recognise(statuses, await self._known(connection, statuses), self._source, self._late)
        if careful:
            await store.correct_statuses(connection, told.by_receipt)
        await store.write_statuses(connection, told, stored=careful)
        await store.note_by_receipt(connection, told.by_receipt)
        return told

    async def _store_news(
        self, connection: asyncpg.Connection, statuses: Sequence[StatusReported]
    ) -> Sequence[StatusReported]:
        """Store statuses of which some are repeats; return those that are not."""
        fresh = await store.insert_statuses(connection, statuses)
        news, again = without_repeats(statuses, fresh, await self._known(connection, statuses))
        if again:
            await store.insert_statuses(connection, again)
        return news

    async def _known(self, connection: asyncpg.Connection, statuses: Sequence[StatusReported]) -> Mapping[Place, Now]:
        """Return the latest of at least the connectors that are spoken of."""
        unknown = {(s.station_id, s.connector) for s in statuses} - self._connectors.keys()
        if not unknown:
            return self._connectors
        return {**self._connectors, **await store.read_connectors(connection, unknown)}

    async def _unfiled(self, connection: asyncpg.Connection, batch: Batch) -> list[Event]:
        if not batch.announced:
            return []
        fresh, full = await connectivity_store.note_unfiled(connection, batch, self._quarantined_a_source)
        for remote in full - self._full:
            log.warning("recorder %d: more unfiled stations from %s than are shown", self._slot, remote)
        metrics.quarantine_full.inc(len(full))
        self._full |= full
        return [
            UnfiledStationSeen(
                station_id=announced.station_id,
                remote=entry.remote,
                ocpp_version=entry.ocpp_version,
                vendor=announced.vendor,
                model=announced.model,
                at=announced.at,
            )
            for announced, entry in batch.announced.values()
            if announced.station_id in fresh
        ]

    def _remember(self, latest: dict[Place, Now]) -> None:
        if not self._alone:
            return
        self._connectors.update(latest)
        for place in latest:
            self._places.setdefault(place[0], set()).add(place)

    def _remember_late(self, late: Mapping[Place, Late | None]) -> None:
        for place, last in late.items():
            if last is None:
                self._late.pop(place, None)
            else:
                self._late[place] = last

    def _settle(
        self, entries: Iterable[Entry], lost: Collection[str], numbers: dict[TransactionKey, transaction_store.Numbered]
    ) -> None:
        for entry in entries:
            if lost and belongs_elsewhere(entry, lost):
                entry.settle(Lost())
                continue
            entry.settle(_committed(entry, numbers) if numbers else COMMITTED)


def _committed(entry: Entry, numbers: dict[TransactionKey, transaction_store.Numbered]) -> Settlement:
    for observation in entry.observations:
        if isinstance(observation, TransactionBegun):
            return Committed(numbers[key_of(observation)].transaction_id)
    return COMMITTED


def needed_days(batch: Batch, today: date) -> set[tuple[str, date]]:
    """Return the (table, day) whose partitions must exist, before midnight those of the next day.

    Times that no partition is made for go to the default one.
    """
    times: dict[str, set[date]] = {
        "raw_frame": {frame[1].date() for frames in (batch.frames, batch.sent) for frame in frames},
        "notification": {n.received_at.date() for n in batch.seldom if isinstance(n, Notified)},
        "status_change": {s.occurred_at.date() for s in batch.statuses},
        "meter_sample": {s.occurred_at.date() for samples in (batch.samples, batch.unplaced) for s in samples},
        "connectivity_change": {e.at.date() for e in batch.ended},
        "sensor_reading": {s.occurred_at.date() for s in batch.seldom if isinstance(s, SensorRead)},
    }
    made = {today + timedelta(days=n) for n in range(-DAYS_BACK, DAYS_AHEAD + 1)}
    always = {today, today + timedelta(days=DAYS_AHEAD)}
    return {(table, day) for table, days in times.items() for day in (days & made) | always}
