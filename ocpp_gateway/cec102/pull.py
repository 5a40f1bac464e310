"""Asking operators' platforms: once a day what they file, and every few minutes what their connectors are.

It runs beside the door, since both write through one recorder; of several web processes the first that looks asks.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.calling import Callers, Rounds
from ocpp_gateway.cec102.client import Away, Caller, Refusing
from ocpp_gateway.cec102.envelope import Declined
from ocpp_gateway.cec102.feed import Feed, Told
from ocpp_gateway.cec102.messages import Content, Item, StatusSaid, read
from ocpp_gateway.cec102.privacy import Mark, without_persons
from youguan.clock import COUNTY, Clock
from youguan.database import AWAY
from youguan.errors import Unavailable

log = logging.getLogger(__name__)

LOOK_S = 5.0
STATIONS_A_QUESTION = 50  # as the standard bounds it
PAGE_SIZE, MOST_PAGES = 50, 400
A_DAY = timedelta(days=1)
FILES_EVERY = A_DAY


class Puller:
    """Asks whoever is due."""

    def __init__(self, callers: Callers, feed: Feed, mark: Mark, clock: Clock) -> None:
        self._callers = callers
        self._feed = feed
        self._mark = mark
        self._clock = clock
        self._rounds = Rounds(self._ask)

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        try:
            while True:
                try:
                    self._rounds.begin(await self._callers.of("operator"))
                except (*AWAY, Unavailable) as error:
                    log.warning("asking platforms: %s", error)
                await asyncio.sleep(LOOK_S)
        finally:
            await self._rounds.end()

    async def _ask(self, caller: Caller) -> None:
        operator_id, now = caller.peer.operator_id, self._clock.now()
        every = caller.peer.profile.pull_s
        async with self._feed.pool.acquire() as connection:
            if not every or not await store.is_due(connection, operator_id, now, timedelta(seconds=every)):
                return
            filed_at = await store.files_told_at(connection, operator_id)
        error = None
        try:
            daily = filed_at is None or now - filed_at >= FILES_EVERY
            if daily:
                await self.ask_files(caller)
            await self.ask_statuses(caller)
            if daily:
                await self.ask_stats(caller)
        except (Away, Refusing, Declined, Unavailable) as failed:
            error = str(failed)
            log.warning("asking %s: %s", operator_id, error)
        async with self._feed.pool.acquire() as connection:
            await store.note_pull(connection, operator_id, error)

    async def ask_files(self, caller: Caller) -> None:
        """Take in what a platform files, page by page."""
        for page in range(1, MOST_PAGES + 1):
            wanted = {"LastQueryTime": "", "PageNo": page, "PageSize": PAGE_SIZE}
            answer = await caller.ask("query_stations", wanted)
            await self._take(caller, "query_stations", "station", answer)
            if page >= _number(answer.get("PageCount")):
                return

    async def ask_statuses(self, caller: Caller) -> None:
        """Take in what a platform's connectors are; what has not changed is no news."""
        async with self._feed.pool.acquire() as connection:
            sites = await store.sites_of(connection, caller.peer.operator_id)
        for ids in _parts(sites, STATIONS_A_QUESTION):
            answer = await caller.ask("query_status", {"StationIDs": ids})
            await self._take(caller, "query_status", "status", answer)

    async def ask_stats(self, caller: Caller) -> None:
        """Take in what each site delivered yesterday, to be held against its transactions; who refuses one is asked the next."""
        day = str(self._clock.now().astimezone(COUNTY).date() - A_DAY)
        async with self._feed.pool.acquire() as connection:
            sites = await store.sites_of(connection, caller.peer.operator_id)
        refused: Refusing | None = None
        for station_id in sites:
            wanted = {"StationID": station_id, "StartTime": day, "EndTime": day}
            try:
                await self._take(caller, "query_stats", "stats", await caller.ask("query_stats", wanted))
            except Refusing as error:
                refused = error
        if refused is not None:
            raise refused

    async def _take(self, caller: Caller, asked: str, kind: str, answer: Mapping[str, Any]) -> None:
        profile, now = caller.peer.profile, self._clock.now()
        safe = without_persons(dict(answer), self._mark)
        content = read(profile, kind, safe, caller.peer.operator_id)
        if kind == "status":
            content = Content(await self._news(caller, content.said), content.refused, content.doubted)
        name = profile.sends[asked]  # type: ignore[index]
        await self._feed.take(Told(caller.peer.operator_id, name, safe, content, profile.statuses, now, now))

    async def _news(self, caller: Caller, said: Sequence[Item]) -> list[Item]:
        async with self._feed.pool.acquire() as connection:
            known = await store.words_now(connection, caller.peer.operator_id)
        words = caller.peer.profile.statuses
        return [item for item in said if isinstance(item, StatusSaid) and _is_news(item, known, words)]


def _is_news(item: StatusSaid, known: Mapping[str, str | None], words: Mapping[int, str]) -> bool:
    """Say whether a status is another than we know; of a station that speaks for itself nothing is."""
    return item.connector_id not in known or known[item.connector_id] not in (None, words[item.status])


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[begins : begins + size] for begins in range(0, len(items), size))


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 1
