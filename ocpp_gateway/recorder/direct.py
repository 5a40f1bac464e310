"""Group commit: a batch begins when the last commit has ended, and nobody is answered before his batch is durable.

Repeats are rare, so rows are copied as if there were none; a batch that holds one is done again with the repeats taken
out. A row that the database refuses is found by halving its batch. When the database is away the batch waits and is
tried again.
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
from ocpp_gateway.observation import MeterKind, SensorRead, StatusReported, TransactionBegun
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
    Refused,
    Settlement,
    TransactionKey,
    gather,
    key_of,
    recognise,
)
from youguan.clock import EARLIEST_PLAUSIBLE
from youguan.database import connect, storage_mode
from youguan.eventlog import publish
from youguan.events import (
    Event,
    StationBooted,
    StationDisconnected,
    StationOnline,
    TransactionAuthorised,
    TransactionEnded,
    TransactionStarted,
    UnfiledStationSeen,
)

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
# What the database says about a row, not about itself: class 22 (data) and 23 (constraints), and what cannot be encoded.
POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.UntranslatableCharacterError,
    ValueError,
    struct.error,
    OverflowError,
    TypeError,
)

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
    ) -> None:
        self._source = source
        self.stream = f"gateway/{slot}"
        self._dsn = dsn
        self._slot = slot
        self._on_lost = on_lost
        self._waiting: deque[Entry] = deque()
        self._rung = asyncio.Event()
        self._stopping = False
        self._connection: asyncpg.Connection | None = None
        self._plain = True
        self._days: set[tuple[str, date]] = set()
        self._kinds: dict[MeterKind, int] = {}
        self._losses: int | None = None
        self._connectors: dict[Place, Now] = {}
        self._places: dict[str, set[Place]] = {}
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
        return bool(self._seen) and time.monotonic() - self._seen_noted >= SEEN_EVERY_S

    async def _write(self, entries: list[Entry]) -> None:
        """Commit entries, however long the database is away; halve them where a row is refused."""
        pause = 0.05
        careful = False
        while True:
            patience = asyncio.get_running_loop().call_later(self._away_after_s, self._notice_away, entries)
            try:
                await self._commit(entries, careful=careful)
                self.away, self._let_go = False, 0
                return
            except POISON as error:
                if careful or not isinstance(error, asyncpg.UniqueViolationError):
                    await self._isolate(entries, error)
                    return
                careful = True
            except AWAY as error:
                careful = True  # the lost commit may have gone through
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
            await self._write([Entry(entry.station_id, entry.received_at, "", doubts=[doubt])])
            entry.settle(Refused(str(error)))

    async def _commit(self, entries: list[Entry], *, careful: bool) -> None:
        started = time.monotonic()
        connection = self._connection or await self._open()
        batch = gather(entries)
        await self._prepare(connection, batch)
        fits = not careful and len(entries) <= LARGEST_STATEMENT and batch.is_simple() and not self._seen_due()
        if not (fits and await self._commit_at_once(connection, entries, batch)):
            await self._commit_in_steps(connection, entries, batch, careful=careful)
        metrics.batch_size.observe(len(entries))
        metrics.commit_seconds.observe(time.monotonic() - started)

    async def _commit_at_once(self, connection: asyncpg.Connection, entries: list[Entry], batch: Batch) -> bool:
        """Commit the everyday batch in one statement; False when stations were lost: then nothing is stored."""
        if self._losses is None:
            return False
        latest, changes = recognise(batch.statuses, await self._known(connection, batch.statuses), self._source)
        if not await store.write_at_once(
            connection, self._slot, self._losses, batch, self._kinds, self.stream, changes
        ):
            return False
        self._seen.update(batch.seen)
        self._remember(latest)
        self._settle(entries, (), {})
        return True

    async def _commit_in_steps(
        self, connection: asyncpg.Connection, entries: list[Entry], batch: Batch, *, careful: bool
    ) -> None:
        async with connection.transaction():
            count, lost = await self._check_losses(connection)
            if lost:
                batch = gather(entry for entry in entries if entry.station_id not in lost)
            numbers, latest = await self._store(connection, batch, careful=careful)
        self._losses = count
        self._remember(latest)
        self._settle(entries, lost, numbers)

    async def _open(self) -> asyncpg.Connection:
        connection = await connect(self._dsn)
        self._plain = await storage_mode(connection) == "plain"
        self._kinds = await store.load_kinds(connection)
        if self._losses is None:  # what was taken from us while the database was away is still to be noticed
            self._losses = await store.losses(connection, self._slot)
        self._connectors.clear()
        self._places.clear()
        self._connection = connection
        return connection

    async def _prepare(self, connection: asyncpg.Connection, batch: Batch) -> None:
        """Make partitions and kinds ahead, outside the commit: other workers need them as well."""
        missing = needed_days(batch) - self._days if self._plain else set()
        if missing:
            await store.ensure_days(connection, sorted(missing))
            self._days |= missing
        kinds = {s.kind for samples in (batch.samples, batch.stop_samples) for s in samples} - self._kinds.keys()
        if kinds:
            await store.add_kinds(connection, kinds)
            self._kinds = await store.load_kinds(connection)

    async def _check_losses(self, connection: asyncpg.Connection) -> tuple[int, Mapping[str, int]]:
        """Return the count of losses and, of those since the last commit, the stations that others hold now."""
        count = await store.losses(connection, self._slot)
        if self._losses is None or count == self._losses:
            return count, {}
        taken = await store.taken_since(connection, self._slot, self._losses)
        for station_id in taken:
            self.forget(station_id)  # others have written it, even where it has come back to us
        lost = {station_id: epoch for station_id, epoch in taken.items() if epoch is not None}
        for station_id in lost:
            self._seen.pop(station_id, None)
        self._on_lost(lost)
        return count, lost

    async def _store(
        self, connection: asyncpg.Connection, batch: Batch, *, careful: bool
    ) -> tuple[dict[TransactionKey, tuple[int, bool]], dict[Place, Now]]:
        await store.copy_frames(connection, batch)
        if careful:
            statuses = await store.insert_statuses(connection, batch.statuses)
            await store.insert_samples(connection, store.sample_rows(batch.samples, self._kinds))
        else:
            statuses = batch.statuses
            await store.copy_statuses(connection, statuses)
            await store.copy_samples(connection, batch.samples, self._kinds)
        await store.copy_notifications(connection, batch)
        events: list[Event] = []
        numbers = await store.begin_transactions(connection, batch.begun.values())
        events += _starts(batch, numbers)
        events += await _stops(connection, batch)
        if batch.stop_samples:
            placed = await store.placed(connection, batch.stop_samples)
            await store.insert_samples(connection, store.sample_rows(placed, self._kinds))
        events += await _reports(connection, batch)
        latest, changes = await self._recognise(connection, statuses)
        events += changes
        events += await self._connectivity(connection, batch)
        events += await seldom.write(connection, batch.seldom)
        await store.keep_refused(connection, batch.doubts)
        await publish(connection, self.stream, events)
        return numbers, latest

    async def _recognise(
        self, connection: asyncpg.Connection, statuses: Sequence[StatusReported]
    ) -> tuple[dict[Place, Now], list[Event]]:
        latest, changes = recognise(statuses, await self._known(connection, statuses), self._source)
        await store.write_connectors(connection, latest)
        return latest, list(changes)

    async def _known(self, connection: asyncpg.Connection, statuses: Sequence[StatusReported]) -> Mapping[Place, Now]:
        """Return the latest of at least the connectors that are spoken of."""
        unknown = {(s.station_id, s.connector) for s in statuses} - self._connectors.keys()
        if not unknown:
            return self._connectors
        return {**self._connectors, **await store.read_connectors(connection, unknown)}

    async def _connectivity(self, connection: asyncpg.Connection, batch: Batch) -> list[Event]:
        self._seen.update(batch.seen)
        events: list[Event] = []
        if self._seen and (batch.ended or batch.booted or self._seen_due()):
            for station_id in await store.note_seen(connection, self._seen):
                events.append(StationOnline(station_id=station_id, at=self._seen[station_id]))
            self._seen = {}
            self._seen_noted = time.monotonic()
        await store.note_boots(connection, batch)
        events += [
            StationBooted(
                station_id=b.station_id,
                vendor=b.vendor,
                model=b.model,
                serial_number=b.serial_number,
                firmware_version=b.firmware_version,
                at=b.at,
                reason=b.reason,
            )
            for b in batch.booted.values()
        ]
        events += await _ends(connection, batch)
        events += await _unfiled(connection, batch)
        return events

    def _remember(self, latest: dict[Place, Now]) -> None:
        self._connectors.update(latest)
        for place in latest:
            self._places.setdefault(place[0], set()).add(place)

    def _settle(
        self, entries: Iterable[Entry], lost: Collection[str], numbers: dict[TransactionKey, tuple[int, bool]]
    ) -> None:
        for entry in entries:
            if lost and entry.station_id in lost:
                entry.settle(Lost())
                continue
            entry.settle(_committed(entry, numbers) if numbers else COMMITTED)


def batch_size(waiting: int) -> int:
    """Return how many of those that wait go into one commit.

    Half of a crowd, so that the database has the other half to write while the first is answered and speaks again.
    """
    return min(waiting, max(SMALLEST_HALF, waiting // 2), LARGEST_BATCH)


def _committed(entry: Entry, numbers: dict[TransactionKey, tuple[int, bool]]) -> Settlement:
    for observation in entry.observations:
        if isinstance(observation, TransactionBegun):
            return Committed(numbers[key_of(observation)][0])
    return COMMITTED


def needed_days(batch: Batch) -> set[tuple[str, date]]:
    """Return the (table, day) whose partitions must exist; times that no partition is made for go to the default one."""
    latest = datetime.now(UTC) + timedelta(days=1)
    times: dict[str, set[date]] = {
        "raw_frame": {frame[1].date() for frames in (batch.frames, batch.sent) for frame in frames},
        "notification": {n.received_at.date() for n in batch.notified},
        "status_change": {s.occurred_at.date() for s in batch.statuses},
        "meter_sample": {s.occurred_at.date() for samples in (batch.samples, batch.stop_samples) for s in samples},
        "connectivity_change": {e.at.date() for e in batch.ended},
        "sensor_reading": {s.occurred_at.date() for s in batch.seldom if isinstance(s, SensorRead)},
    }
    plausible = (EARLIEST_PLAUSIBLE.date(), latest.date())
    return {(table, day) for table, days in times.items() for day in days if plausible[0] <= day <= plausible[1]}


def _starts(batch: Batch, numbers: dict[TransactionKey, tuple[int, bool]]) -> list[Event]:
    return [
        TransactionStarted(
            station_id=begun.station_id,
            connector=begun.connector,
            transaction_id=str(numbers[key][0]),
            effective_at=begun.effective_at,
            id_token=begun.id_token,
        )
        for key, begun in batch.begun.items()
        if numbers[key][1]
    ]


async def _stops(connection: asyncpg.Connection, batch: Batch) -> list[Event]:
    rows = await store.stop_transactions(connection, batch.stopped.values())
    return [
        TransactionEnded(
            station_id=row["station_id"],
            connector=row["connector"] or 0,
            transaction_id=row["transaction_id"],
            energy_wh=row["energy_wh"],
            reason=row["reason"],
            effective_at=batch.stopped[row["station_id"], row["transaction_id"]].effective_at,
        )
        for row in rows
    ]


async def _reports(connection: asyncpg.Connection, batch: Batch) -> list[Event]:
    events: list[Event] = []
    for report in await store.insert_reports(connection, batch.reported):
        energy_wh = await store.merge_report(connection, report)
        number = report.connector or 0
        if report.kind == "Started":
            events.append(
                TransactionStarted(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    effective_at=report.effective_at,
                    id_token=report.id_token,
                )
            )
        elif report.kind == "Updated" and report.id_token:
            events.append(
                TransactionAuthorised(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    id_token=report.id_token,
                    effective_at=report.effective_at,
                )
            )
        elif report.kind == "Ended":
            events.append(
                TransactionEnded(
                    station_id=report.station_id,
                    connector=number,
                    transaction_id=report.transaction_id,
                    energy_wh=energy_wh,
                    reason=report.reason,
                    effective_at=report.effective_at,
                )
            )
    return events


async def _ends(connection: asyncpg.Connection, batch: Batch) -> list[Event]:
    gone = await store.note_ends(connection, batch.ended)
    return [
        StationDisconnected(station_id=end.station_id, reason=end.reason, at=end.at)
        for end in batch.ended
        if end.station_id in gone
    ]


async def _unfiled(connection: asyncpg.Connection, batch: Batch) -> list[Event]:
    if not batch.announced:
        return []
    fresh = await store.note_unfiled(connection, batch)
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
