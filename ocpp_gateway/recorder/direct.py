"""Group commit: a batch begins when the last commit has ended, and nobody is answered before his batch is durable.

Repeats are rare, so rows are copied as if there were none; a batch that holds one is done again with the repeats taken
out. A row that the database refuses is found by halving its batch. When the database is away the batch waits and is
tried again; the number of the last commit, which each commit counts up, says whether one without an answer went through.
"""

import asyncio
import logging
import struct
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.lateness import Late
from ocpp_gateway.observation import (
    MeterKind,
    Notified,
    SensorRead,
    StatusReported,
    TransactionBegun,
)
from ocpp_gateway.recorder import seldom, store
from ocpp_gateway.recorder.batch import (
    COMMITTED,
    Batch,
    Committed,
    Doubt,
    Entry,
    Lost,
    Now,
    Place,
    Recognised,
    Refused,
    Settlement,
    TransactionKey,
    belongs_elsewhere,
    gather,
    in_doubt,
    key_of,
    late_words,
    leave_out,
    recognise,
    without_repeats,
)
from ocpp_gateway.recorder.connectivity import recording as connectivity
from ocpp_gateway.recorder.connectivity import store as connectivity_store
from ocpp_gateway.recorder.store import Standing
from ocpp_gateway.recorder.transactions import recording as transactions
from ocpp_gateway.recorder.transactions import store as transaction_store
from youguan.database import connect, storage_mode
from youguan.eventlog import publish
from youguan.events import Event, UnfiledStationSeen

log = logging.getLogger(__name__)

LARGEST_BATCH = 2000
LARGEST_STATEMENT = 64
SMALLEST_HALF = 400  # fewer are not worth two commits; of 1,000 stations, each of three workers has about 333
SEEN_EVERY_S = 1.0
LONGEST_PAUSE_S = 2.0
# A commit that takes longer says that the database is away before any error does.
AWAY_AFTER_S = 3.0
# So many questions are answered before their frames are stored while it is away: memory stays bounded.
MOST_LET_GO = 10_000
# Days about today that have partitions of their own; what is told of others is little, and goes to the default ones.
DAYS_BACK, DAYS_AHEAD = 7, 1
DAY_AGAIN_S = 60.0  # until a partition that could not be made is tried again
# What the database says about a row, not about itself: class 22 (data), 23 (constraints) and 54 (a text that is too long for an
# index, say), and what cannot be encoded.
POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.UntranslatableCharacterError,
    ValueError,
    struct.error,
    OverflowError,
    TypeError,
)

# A deadlock, for one: rolled back for the sake of somebody else's transaction.
ROLLED_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# What the database says about our statements: class 42, a column that is not there or that we may not read, say. It is there, and
# trying again helps only where a table is being replaced: for some three seconds.
OF_ANOTHER_SCHEMA = asyncpg.SyntaxOrAccessError
MOST_OF_ANOTHER_SCHEMA = 7
MOST_MISROUTED = 20  # each try can meet another new partition: six tables, of a few days each
# InternalClientError: what asyncpg says of a connection that ends while it looks up a statement's types.
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class DirectRecorder:
    """Writes what the stations of one worker say; the only writer of its stream."""

    def __init__(
        self,
        dsn: str,
        slot: int,
        *,
        on_lost: Callable[[Mapping[str, int]], None],
        source: str = "ocpp",
        away_after_s: float = AWAY_AFTER_S,
        quarantined_a_source: int = 2000,
        alone: bool = True,
    ) -> None:
        """`alone`: nobody else writes of its stations, so what their connectors say is remembered between batches."""
        self._source = source
        self._alone = alone
        self.stream = f"gateway/{slot}"
        self._dsn = dsn
        self._slot = slot
        self._on_lost = on_lost
        self._quarantined_a_source = quarantined_a_source
        self._full: set[str] = set()  # sources with more unfiled stations than are kept
        self._waiting: deque[Entry] = deque()
        self._rung = asyncio.Event()
        self._stopping = False
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
        self._away_after_s = away_after_s
        self.away = False
        self._let_go = 0

    def submit(self, entry: Entry) -> None:
        """Take an entry; its `settle` is called when it is durable, refused, or lost to another worker."""
        if self.away:
            self._let_go_of([entry])
        self._waiting.append(entry)
        self._rung.set()

    def forget(self, station_id: str) -> None:
        """Forget what is known of a station that another worker may write from now on."""
        for place in self._places.pop(station_id, ()):
            self._connectors.pop(place, None)
        self._late = {place: late for place, late in self._late.items() if place[0] != station_id}

    async def run(self) -> None:
        """Write until `stop`, then write what is left."""
        while not (self._stopping and not self._waiting):
            await self._wait()
            entries = [self._waiting.popleft() for _ in range(batch_size(len(self._waiting)))]
            if entries or self._seen_due():
                await self._write(entries)
        if self._connection:
            await self._connection.close()

    async def settled(self) -> None:
        """Wait until everything submitted so far is settled."""
        done = asyncio.Event()
        self.submit(Entry("", datetime.now(UTC), "", settle=lambda settlement: done.set()))
        await done.wait()

    def stop(self) -> None:
        """Let `run` end when everything submitted is settled."""
        self._stopping = True
        self._rung.set()

    async def _wait(self) -> None:
        if self._waiting or self._stopping:
            return
        self._rung.clear()
        try:
            async with asyncio.timeout(SEEN_EVERY_S):
                await self._rung.wait()
        except TimeoutError:
            return

    def _seen_due(self) -> bool:
        return bool(self._seen) and self._is_time_to_note()

    def _is_time_to_note(self) -> bool:
        return time.monotonic() - self._seen_noted >= SEEN_EVERY_S

    async def _write(self, entries: list[Entry]) -> None:
        """Commit entries, however long the database is away; halve them where a row is refused.

        SyntaxOrAccessError where the database has not the tables that we write: then this process must end.
        """
        pause = 0.05
        careful = uncertain = False
        misrouted = of_another_schema = 0
        while True:
            patience = asyncio.get_running_loop().call_later(self._away_after_s, self._notice_away, entries)
            try:
                await self._commit(entries, careful=careful, uncertain=uncertain)
                self.away, self._let_go = False, 0
                return
            except POISON as error:
                if is_misrouted(error) and misrouted < MOST_MISROUTED:
                    misrouted += 1
                    log.warning("recorder %d: a partition was made meanwhile, trying again: %s", self._slot, error)
                    continue
                if careful or not isinstance(error, asyncpg.UniqueViolationError):
                    await self._isolate(entries, error)
                    return
                careful = True
            except ROLLED_BACK as error:
                log.warning("recorder %d: rolled back, trying again at once: %s", self._slot, error)
            except AWAY as error:
                of_another_schema += isinstance(error, OF_ANOTHER_SCHEMA)
                if of_another_schema == MOST_OF_ANOTHER_SCHEMA:
                    log.critical("recorder %d: the database is there, but not as we write it: %s", self._slot, error)
                    raise
                uncertain = True  # the lost commit may have gone through
                self._notice_away(entries)
                pause = await self._pause(pause, error)
            finally:
                patience.cancel()

    def _notice_away(self, under_way: Sequence[Entry]) -> None:
        """Answer what only asks, from now until a commit goes through (docs/adr/0006-authorise-from-memory.md)."""
        self.away = True
        self._let_go_of([*under_way, *self._waiting])

    def _let_go_of(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self._let_go < MOST_LET_GO and entry.let_go():
                self._let_go += 1

    async def _pause(self, pause: float, error: Exception) -> float:
        log.warning("recorder %d: database away, nothing is acknowledged: %s", self._slot, error)
        if self._connection:
            self._connection.terminate()
            self._connection = None
        await asyncio.sleep(pause)
        return min(pause * 2, LONGEST_PAUSE_S)

    async def _isolate(self, entries: list[Entry], error: Exception) -> None:
        if len(entries) > 1:
            middle = len(entries) // 2
            await self._write(entries[:middle])
            await self._write(entries[middle:])
            return
        for entry in entries:
            log.warning("recorder %d: %s cannot be stored: %s", self._slot, entry.station_id, error)
            metrics.refused.labels("InternalError").inc()
            doubt = Doubt(entry.station_id, entry.received_at, "InternalError", str(error), entry.frame)
            kept = Entry(entry.station_id, entry.received_at, "", doubts=[doubt], drained=entry.drained)
            await self._write([kept])
            entry.settle(Refused(str(error)))

    async def _commit(self, entries: list[Entry], *, careful: bool, uncertain: bool) -> None:
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
        fits = at_once and batch.is_simple() and not self._seen_due()
        if not (fits and await self._commit_at_once(connection, entries, batch)):
            await self._commit_in_steps(connection, entries, batch, beyond, careful=careful, uncertain=uncertain)
        metrics.batch_size.observe(len(entries))
        metrics.commit_seconds.observe(time.monotonic() - started)

    async def _commit_at_once(self, connection: asyncpg.Connection, entries: list[Entry], batch: Batch) -> bool:
        """Commit the everyday batch in one statement; False, and nothing stored, when something is late or stations were lost."""
        if self._standing is None:
            return False
        known = await self._known(connection, batch.statuses)
        told = recognise(batch.statuses, known, self._source, self._late)
        if told.late or not await store.write_at_once(
            connection, self._slot, self._standing, batch, self._kinds, self.stream, told
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
        await publish(connection, self.stream, events)
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


def batch_size(waiting: int) -> int:
    """Return how many of those that wait go into one commit.

    Half of a crowd, so that the database has the other half to write while the first is answered and speaks again.
    """
    return min(waiting, max(SMALLEST_HALF, waiting // 2), LARGEST_BATCH)


def is_misrouted(error: Exception) -> bool:
    """Say whether a row went to the default partition while its own was made: only a partition's bounds have no name."""
    return isinstance(error, asyncpg.CheckViolationError) and error.constraint_name is None


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
