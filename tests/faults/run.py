"""A whole suite under load while its parts are killed, and the reckoning."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from deploy import embedded
from tests.faults.kills import Killer
from tests.faults.ledger import Ledger, differences
from tests.faults.publisher import Publisher
from tests.faults.stations import Station, life_of_statuses
from tests.faults.upstream import upstream_of
from tests.suite import Suite, eventually
from youguan.database import connect

PARTS = ("gateway-0", "gateway-1", "bridge", "jobs", "relay", "web", "mqtt", "postgresql")
STATIONS = 24
RELAYED = range(101, 105)  # sites, each with a station that is passed on
SITES = 4
PAUSE_S = 0.02
ENOUGH = 5  # messages that each must get acknowledged after the last kill
BACK_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run counted, and what it found wrong. `relayed`: what an upstream acknowledged."""

    ledger: Ledger
    relayed: Ledger
    killed: dict[str, int]
    wrong: list[str]


def suite_of(data: Path) -> Suite:
    return Suite(data, "--demo", "--stations=0", "--workers=2", YOUGUAN_HOLDING_TIME_S="1")


async def run(suite: Suite, seconds: float, seed: int, say: Callable[[str], None] = print) -> Outcome:
    """Let stations and sensors speak, kill parts for so long, let all recover, and compare."""
    ledger, relayed = Ledger(), Ledger()
    ports = suite.ports()
    stations = [
        Station(ports["ocpp"], f"NH{n:04d}-001", "ocpp2.0.1" if n % 3 == 0 else "ocpp1.6", ledger, PAUSE_S)
        for n in range(1, STATIONS + 1)
    ]
    sites = [Publisher(ports["mqtt"], f"NH{n:04d}", ledger, PAUSE_S) for n in range(201, 201 + SITES)]
    passed_on = [
        Station(ports["ocpp"], f"NH{n:04d}-001", "ocpp1.6", relayed, PAUSE_S, life=life_of_statuses) for n in RELAYED
    ]
    async with upstream_of(ports["http"], [f"NH{n:04d}" for n in RELAYED]):
        killed = await _under_load(suite, [*stations, *passed_on, *sites], seconds, Random(seed), say)
    wrong = [*ledger.refused, *relayed.refused, *await _reckon(suite, ledger, relayed)]
    return Outcome(ledger, relayed, killed, wrong)


async def _under_load(
    suite: Suite, speakers: list[Station | Publisher], seconds: float, random: Random, say: Callable[[str], None]
) -> dict[str, int]:
    """Kill parts while all speak, and let all recover; return how often each was killed."""
    stop = asyncio.Event()
    lives = [asyncio.create_task(speaker.live(stop)) for speaker in speakers]
    killer = Killer(suite.data, PARTS, random, say)
    try:
        await _heard_more(speakers, lives)
        await killer.go_on(seconds)
        await _heard_more(speakers, lives)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*lives), BACK_WITHIN_S)
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
    return dict(killer.killed)


async def _heard_more(speakers: list[Station | Publisher], lives: list[asyncio.Task[None]]) -> None:
    """Wait until each has been acknowledged often enough from now on; one that ended before its time says why."""
    goals = [speaker.acknowledged + ENOUGH for speaker in speakers]

    async def reached() -> bool:
        for life in lives:
            if life.done():
                life.result()
        return all(speaker.acknowledged >= goal for speaker, goal in zip(speakers, goals, strict=True))

    await eventually(reached, within_s=BACK_WITHIN_S)


async def _reckon(suite: Suite, ledger: Ledger, relayed: Ledger) -> list[str]:
    """Return what differs, once the bridge has handed on what the broker still holds and every consumer has caught up."""
    connection = await connect(embedded.cluster(suite.data).dsn())
    try:
        found: list[str] = []

        async def nothing() -> bool:
            found[:] = await differences(connection, ledger, relayed)
            found.extend(
                f"consumer {row['name']}: {row['error'] or 'behind'}" for row in await connection.fetch(BEHIND)
            )
            return not found

        with suppress(TimeoutError):
            await eventually(nothing, within_s=30)
        return found
    finally:
        await connection.close()


BEHIND = """
SELECT DISTINCT c.name, c.error FROM eventlog.consumer c CROSS JOIN eventlog.stream s
LEFT JOIN eventlog.consumer_position p ON (p.consumer, p.stream) = (c.name, s.name)
WHERE c.error IS NOT NULL OR coalesce(p.sequence, 0) < s.last_sequence
"""
