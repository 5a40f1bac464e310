"""Group commit: a batch begins when the last commit has ended, and nobody is answered before his batch is durable.

Repeats are rare, so rows are copied as if there were none; a batch that holds one is done again with the repeats taken
out. A row that the database refuses is found by halving its batch. When the database is away the batch waits and is
tried again.
"""

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.recorder.batch import Doubt, Entry, Refused
from ocpp_gateway.recorder.committer import SEEN_EVERY_S, Committer

log = logging.getLogger(__name__)

LARGEST_BATCH = 2000
SMALLEST_HALF = 400  # fewer are not worth two commits; of 1,000 stations, each of three workers has about 333
LONGEST_PAUSE_S = 2.0
# A commit that takes longer says that the database is away before any error does.
AWAY_AFTER_S = 3.0
# So many questions are answered before their frames are stored while it is away: memory stays bounded.
MOST_LET_GO = 10_000
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
    """Writes what the stations of one worker say."""

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
        self._committer = Committer(
            dsn, slot, on_lost=on_lost, source=source, quarantined_a_source=quarantined_a_source, alone=alone
        )
        self._slot = slot
        self._waiting: deque[Entry] = deque()
        self._rung = asyncio.Event()
        self._stopping = False
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
        self._committer.forget(station_id)

    async def run(self) -> None:
        """Write until `stop`, then write what is left."""
        while not (self._stopping and not self._waiting):
            await self._wait()
            entries = [self._waiting.popleft() for _ in range(batch_size(len(self._waiting)))]
            if entries or self._committer.seen_due():
                await self._write(entries)
        await self._committer.close()

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
                await self._committer.commit(entries, careful=careful, uncertain=uncertain)
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
        self._committer.terminate()
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


def batch_size(waiting: int) -> int:
    """Return how many of those that wait go into one commit.

    Half of a crowd, so that the database has the other half to write while the first is answered and speaks again.
    """
    return min(waiting, max(SMALLEST_HALF, waiting // 2), LARGEST_BATCH)


def is_misrouted(error: Exception) -> bool:
    """Say whether a row went to the default partition while its own was made: only a partition's bounds have no name."""
    return isinstance(error, asyncpg.CheckViolationError) and error.constraint_name is None
