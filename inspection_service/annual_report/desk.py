"""Where the annual report is put together, and where what no record holds is entered by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import asyncpg

from inspection_service.annual_report import store
from inspection_service.annual_report.indicators import ENTRIES, Report, Uptime
from youguan import audit
from youguan.auth import EVERYTHING, REGULATOR, Principal, Scope
from youguan.clock import COUNTY, Clock, county_day
from youguan.errors import Forbidden, Invalid, NotFound

IN_USE = ("available_s", "occupied_s", "charging_s", "reserved_s")
OUTAGE = ("unavailable_s", "faulted_s", "offline_s")


@dataclass(frozen=True, slots=True)
class SiteUptime:
    """How long a site's connectors were in order, and were observed, in seconds."""

    site_id: str
    available_s: int
    observed_s: int

    @classmethod
    def of(cls, seconds: Mapping[str, Any]) -> "SiteUptime":
        """Return it from the seconds in each state, as the gateway sums them; excluded outage counts as in order (NEVI)."""
        outage = sum(int(seconds[name]) for name in OUTAGE)
        observed = outage + sum(int(seconds[name]) for name in IN_USE)
        return cls(seconds["site_id"], observed - max(0, outage - int(seconds["excluded_s"])), observed)


class UptimeSource(Protocol):
    """Whoever knows how available sites were; None: it cannot be asked now."""

    async def of(self, first: date, after: date) -> list[SiteUptime] | None:
        """Return the uptime of sites from a day up to and without another."""
        ...


@dataclass(frozen=True, slots=True)
class EntryWish:
    """What is entered by hand, and where that is written."""

    kind: str
    on: date
    title: str
    count: int
    source: str


class AnnualDesk:
    """Puts reports together."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, organ: str) -> None:
        self.pool = pool
        self._clock = clock
        self._organ = organ

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    async def report(self, year: int, uptime: UptimeSource, scope: Scope = EVERYTHING) -> Report:
        """Return the report of a year, as far as somebody's bounds reach."""
        first, after = date(year, 1, 1), min(date(year + 1, 1, 1), self.today())
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            figures = await store.figures(connection, year, scope)
            hours = await store.repair_hours(connection, year, scope)
            end = datetime.combine(date(year, 12, 31), time(12), COUNTY).astimezone(UTC)
            managers = await store.managers(connection, min(end, self._clock.now()))
        observed = await uptime.of(first, after) if first < after else []
        by_operator = None if observed is None else summed(observed, managers)
        return Report(year, self._organ, figures, hours, by_operator, self.today())

    async def enter(self, who: Principal, wish: EntryWish) -> int:
        """Enter what no record holds; return its id. Forbidden, Invalid."""
        _check(who)
        if wish.kind not in ENTRIES:
            raise Invalid.about("kind", f"must be one of {', '.join(ENTRIES)}")
        if wish.on > self.today():
            raise Invalid.about("on", "lies in the future")
        for name in ("title", "source"):
            if not getattr(wish, name).strip():
                raise Invalid.about(name, "is needed")
        if not 0 < wish.count <= 10_000_000:
            raise Invalid.about("count", "must lie between 1 and 10,000,000")
        now = self._clock.now()
        row = (wish.kind, wish.on, wish.title.strip(), wish.count, wish.source.strip(), now, who.subject)
        async with self.pool.acquire() as connection, connection.transaction():
            entry_id = await store.add_entry(connection, row)
            said = {
                "kind": wish.kind,
                "on": wish.on.isoformat(),
                "title": wish.title,
                "count": wish.count,
                "source": wish.source,
            }
            await audit.record(
                connection, at=now, actor=who.subject, action="report enter", subject=f"entry {entry_id}", after=said
            )
        return entry_id

    async def withdraw(self, who: Principal, entry_id: int) -> None:
        """Let an entry count no longer; it stays on record. Forbidden, NotFound."""
        _check(who)
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.withdraw_entry(connection, entry_id, now, who.subject)
            if row is None:
                raise NotFound(f"entry {entry_id}")
            await audit.record(
                connection, at=now, actor=who.subject, action="report withdraw", subject=f"entry {entry_id}",
                before={"title": row["title"], "count": row["count"]},
            )  # fmt: skip


def summed(observed: list[SiteUptime], managers: Mapping[str, str]) -> list[Uptime]:
    """Return uptime by operator, the name of each in order; sites of nobody are left out."""
    found: dict[str, tuple[int, int]] = {}
    for site in observed:
        if name := managers.get(site.site_id):
            available, seen = found.get(name, (0, 0))
            found[name] = (available + site.available_s, seen + site.observed_s)
    return [Uptime(name, *seconds) for name, seconds in sorted(found.items())]


def _check(who: Principal) -> None:
    if not (who.has(REGULATOR) and who.scope.everything):
        raise Forbidden("entries of the annual report are the county's regulator's")
