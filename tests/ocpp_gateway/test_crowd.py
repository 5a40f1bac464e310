"""Bounds on connections hold for all workers together: each knows what the others hold."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from ocpp_gateway.connections.crowd import GONE_AFTER, SOURCES_TOLD, Crowd
from youguan.clock import ManualClock
from youguan.database import create_pool


@pytest.mark.parametrize("workers", [2, 3])
async def test_each_counts_the_others_until_they_are_gone(database_url: str, workers: int) -> None:
    clock = ManualClock(datetime(2026, 5, 4, 12, tzinfo=UTC))
    async with await create_pool(database_url) as pool:
        crowds = [Crowd(pool, slot, clock) for slot in range(workers)]
        for _ in range(2):
            for number, crowd in enumerate(crowds, 1):
                await crowd.tell(10 * number, Counter({"192.0.2.1": number, "192.0.2.2": 1}))
        assert crowds[0].elsewhere("192.0.2.1") == (
            sum(10 * number for number in range(2, workers + 1)),
            sum(range(2, workers + 1)),
        )
        assert crowds[0].elsewhere("198.51.100.1")[1] == 0
        clock.advance(GONE_AFTER)
        await crowds[0].tell(10, Counter())
        assert crowds[0].elsewhere("192.0.2.1") == (0, 0)


async def test_a_flood_of_sources_is_told_by_its_busiest(database_url: str) -> None:
    clock = ManualClock(datetime(2026, 5, 4, 12, tzinfo=UTC))
    async with await create_pool(database_url) as pool:
        here, there = Crowd(pool, 0, clock), Crowd(pool, 1, clock)
        await here.tell(1000, Counter({f"192.0.2.{n}": n for n in range(1, SOURCES_TOLD + 50)}))
        await there.tell(0, Counter())
        assert there.elsewhere("192.0.2.1") == (1000, 0)
        assert there.elsewhere("192.0.2.149") == (1000, 149)
