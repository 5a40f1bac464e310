"""Asking operators' platforms: once a day what they file, and every few minutes what their connectors are.

It runs beside the door, since both write through one recorder; of several web processes the first that looks asks.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import asyncpg

from ocpp_gateway.cec102.asking import store
from ocpp_gateway.cec102.calling import Callers, Rounds
from ocpp_gateway.cec102.client import Away, Caller, Refusing
from ocpp_gateway.cec102.envelope import Declined
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake.feed import Feed, Told
from ocpp_gateway.cec102.messages import Content, Item, StationSaid, StatusSaid, read
from ocpp_gateway.cec102.profiles import Asked
from ocpp_gateway.privacy import Mark, without_persons
from youguan.clock import COUNTY, Clock
from youguan.database import AWAY
from youguan.errors import Unavailable

log = logging.getLogger(__name__)

LOOK_S = 5.0
STATIONS_A_QUESTION = 50  # as the standard bounds it
PAGE_SIZE, MOST_PAGES = 50, 400
A_DAY = timedelta(days=1)
FILES_EVERY = A_DAY

Noted = TypeVar("Noted")


class Outcome(NamedTuple):
    """How a question went; `answered`: with yes or no, so that the same again would be answered the same."""

    answered: bool
    error: str


class Puller:
    """Asks whoever is due."""

    def __init__(self, callers: Callers, feed: Feed, mark: Mark, clock: Clock) -> None:
        self._callers = callers
        self._feed = feed
        self._mark = mark
        self._clock = clock
        self._rounds = Rounds(self._ask)
        self._unfiled: dict[
            str, set[str]
        ] = {}  # operator id → connectors that nobody has filed, which was said already

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
        """Ask what is due, one question whatever became of the others; what was not answered is asked again the next time."""
        operator_id, now = caller.peer.operator_id, self._clock.now()
        every = caller.peer.profile.pull_s
        async with self._feed.pool.acquire() as connection:
            if not every or not await store.is_due(connection, operator_id, now, timedelta(seconds=every)):
                return
            asked = await store.asked_before(connection, operator_id)
        yesterday = now.astimezone(COUNTY).date() - A_DAY
        outcomes = [await self._outcome(caller, "query_status", self.ask_statuses(caller))]
        if asked["files_asked_at"] is None or now - asked["files_asked_at"] >= FILES_EVERY:
            outcomes.append(await self._outcome(caller, "query_stations", self.ask_files(caller)))
            if outcomes[-1].answered:
                await self._note(store.note_files_asked, operator_id, now)
                self._unfiled.pop(operator_id, None)
        if asked["stats_asked_of"] is None or asked["stats_asked_of"] < yesterday:
            outcomes.append(await self._outcome(caller, "query_stats", self.ask_stats(caller, yesterday)))
            if outcomes[-1].answered:
                await self._note(store.note_stats_asked, operator_id, yesterday)
        await self._note(store.note_pull, operator_id, "; ".join(o.error for o in outcomes if o.error) or None)

    async def _outcome(self, caller: Caller, asked: Asked, asking: Awaitable[None]) -> "Outcome":
        name = caller.peer.profile.sends[asked]
        try:
            await asking
        except (Away, Refusing, Declined, Unavailable) as failed:
            log.warning("asking %s for %s: %s", caller.peer.operator_id, name, failed)
            return Outcome(isinstance(failed, Refusing), f"{name}: {failed}")
        return Outcome(True, "")

    async def _note(
        self, note: Callable[[asyncpg.Connection, str, Noted], Awaitable[None]], operator_id: str, what: Noted
    ) -> None:
        async with self._feed.pool.acquire() as connection:
            await note(connection, operator_id, what)

    async def ask_files(self, caller: Caller) -> None:
        """Take in what a platform files, page by page; what a whole answer does not name any more it has taken out of its file."""
        began, named, whole = self._clock.now(), set[str](), True
        for page in range(1, MOST_PAGES + 1):
            wanted, asked_at = {"LastQueryTime": "", "PageNo": page, "PageSize": PAGE_SIZE}, self._clock.now()
            answer = await caller.ask("query_stations", wanted)
            content = await self._take(caller, "query_stations", "station", answer, asked_at)
            named.update(item.station_id for item in content.said if isinstance(item, StationSaid))
            whole = whole and not content.refused  # a site that could not be read is there all the same
            if page >= _number(answer.get("PageCount")):
                await self._forget_unnamed(
                    caller.peer.operator_id, named, began, whole=whole, told=answer.get("ItemSize")
                )
                return

    async def _forget_unnamed(
        self, operator_id: str, named: Collection[str], began: datetime, *, whole: bool, told: Any
    ) -> None:
        """Forget the sites of a platform that a whole answer did not name; one that names none at all is believed by nobody."""
        if whole and named and (told is None or len(named) >= _number(told)):
            async with self._feed.pool.acquire() as connection:
                await store.forget_unnamed(connection, operator_id, named, began)

    async def ask_statuses(self, caller: Caller) -> None:
        """Take in what a platform's connectors are; what has not changed is no news."""
        async with self._feed.pool.acquire() as connection:
            sites = await registry.sites_of(connection, caller.peer.operator_id)
        for ids in _parts(sites, STATIONS_A_QUESTION):
            asked_at = self._clock.now()  # what the platform itself told since then is newer
            answer = await caller.ask("query_status", {"StationIDs": ids})
            said = await self._take(caller, "query_status", "status", answer, asked_at)
            told = [item.connector_id for item in said.said if isinstance(item, StatusSaid)]
            async with self._feed.pool.acquire() as connection:
                await store.confirm(connection, caller.peer.operator_id, told, asked_at)

    async def ask_stats(self, caller: Caller, day: date) -> None:
        """Take in what each site delivered on a day, to be held against its transactions; who refuses one is asked the next."""
        async with self._feed.pool.acquire() as connection:
            sites = await store.sites_without_stats(connection, caller.peer.operator_id, day)
        refused: Refusing | None = None
        for station_id in sites:
            wanted, asked_at = {"StationID": station_id, "StartTime": str(day), "EndTime": str(day)}, self._clock.now()
            try:
                await self._take(caller, "query_stats", "stats", await caller.ask("query_stats", wanted), asked_at)
            except Refusing as error:
                refused = error
        if refused is not None:
            raise refused

    async def _take(
        self, caller: Caller, asked: Asked, kind: str, answer: Mapping[str, Any], asked_at: datetime
    ) -> Content:
        """Record what is news of an answer; return all that it says."""
        profile, now = caller.peer.profile, self._clock.now()
        safe = without_persons(dict(answer), self._mark)
        content = read(profile, kind, safe, caller.peer.operator_id)
        news = content.said
        statuses = [item for item in content.said if isinstance(item, StatusSaid)]
        if kind == "status":
            news = await self._news(caller, statuses)
        name, kept = profile.sends[asked], Content(news, content.refused, content.doubted)
        await self._feed.take(Told(caller.peer.operator_id, name, safe, kept, profile.statuses, asked_at, now))
        await self._note_unfiled(caller.peer.operator_id, {item.connector_id for item in statuses})
        return content

    async def _news(self, caller: Caller, statuses: Sequence[StatusSaid]) -> list[Item]:
        """Return what is news of statuses; that a connector is filed for nobody is, once a day."""
        async with self._feed.pool.acquire() as connection:
            known = await store.words_now(connection, caller.peer.operator_id)
        words, named = caller.peer.profile.statuses, self._unfiled.get(caller.peer.operator_id, ())
        return [item for item in statuses if item.connector_id not in named and _is_news(item, known, words)]

    async def _note_unfiled(self, operator_id: str, connector_ids: Collection[str]) -> None:
        async with self._feed.pool.acquire() as connection:
            filed = await registry.places_of(connection, operator_id, connector_ids)
        named = self._unfiled.setdefault(operator_id, set())
        named.update(set(connector_ids) - filed.keys())
        named.difference_update(filed)


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
