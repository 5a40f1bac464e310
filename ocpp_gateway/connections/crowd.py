"""How many connections the other workers hold, in all and of each source that has many: the bounds are for all of them together.

Each tells the others once a second; while the database is away what was told last counts. So the bounds can be passed by what the
others take within a second, and by no more: from then on everybody refuses. That is meant. To be exact, a worker would have to ask
before each handshake, which must not wait, or to take a share of the room in advance, and a share is refused to stations while
others have theirs to spare: in a reconnect storm, or while the database is away, that keeps chargers out which there is
room for. What the bounds protect is guarded in each worker by itself and without delay: it never holds more than a bound alone,
nor more than it has files for (`acceptor.py`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import asyncpg

from ocpp_gateway.stations import store
from youguan.clock import Clock
from youguan.database import AWAY

log = logging.getLogger(__name__)

TELL_S = 1.0
# Whoever has said nothing for so long holds nothing any more.
GONE_AFTER = timedelta(seconds=10)
SOURCES_TOLD = 100


class Crowd:
    """The connections of the other workers, as they told."""

    def __init__(self, pool: asyncpg.Pool, slot: int, clock: Clock) -> None:
        self._pool = pool
        self._slot = slot
        self._clock = clock
        self._total = 0
        self._of_source: Counter[str] = Counter()

    def elsewhere(self, source: str) -> tuple[int, int]:
        """Return how many connections others hold, in all and of a source."""
        return self._total, self._of_source[source]

    async def run(self, ours: Callable[[], tuple[int, Counter[str]]]) -> None:
        """Tell what we hold, in all and by source, and hear what others do, until cancelled."""
        while True:
            try:
                await self.tell(*ours())
            except AWAY as error:
                log.warning("crowd %d: database away: %s", self._slot, error)
            await asyncio.sleep(TELL_S)

    async def tell(self, total: int, of_source: Counter[str]) -> None:
        """Tell what we hold now, and hear what others do."""
        now, most = self._clock.now(), dict(of_source.most_common(SOURCES_TOLD))
        async with self._pool.acquire() as connection:
            others = await store.tell_crowd(connection, self._slot, total, most, (now, now - GONE_AFTER))
        self._total = sum(count for count, _ in others)
        self._of_source = sum((Counter(sources) for _, sources in others), Counter())
