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
from youguan.errors import Forbidden, Invalid, NotFound, Unavailable

IN_USE = ("available_s", "occupied_s", "charging_s", "reserved_s")
OUTAGE = ("unavailable_s", "faulted_s", "offline_s")


@dataclass(frozen=True, slots=True)
class Observed:
    """How long a site's connectors, or one of them, were in order, and were observed, in seconds."""

    site_id: str
    available_s: int
    observed_s: int
    station_id: str | None = None
    connector: int | None = None

    @classmethod
    def of(cls, seconds: Mapping[str, Any]) -> "Observed":
        """Return it from the seconds in each state, as the gateway sums them; excluded outage counts as in order (NEVI)."""
        outage = sum(int(seconds[name]) for name in OUTAGE)
        observed = outage + sum(int(seconds[name]) for name in IN_USE)
        in_order = observed - max(0, outage - int(seconds["excluded_s"]))
        return cls(seconds["site_id"], in_order, observed, seconds.get("station_id"), seconds.get("connector"))


class UptimeSource(Protocol):
    """Whoever knows how available sites were; None: it cannot be asked now."""

    async def of(self, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of sites from a day up to and without another."""
        ...


class UptimeDetails(UptimeSource, Protocol):
    """Whoever knows that of a site's connectors too."""

    async def of_site(self, site_id: str, first: date, after: date) -> list[Observed] | None:
        """Return the uptime of a site's connectors."""
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
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            figures = await store.figures(connection, year, scope)
            hours = await store.repair_hours(connection, year, scope)
            managers = await store.managers(connection, self._end(year))
        observed = await uptime.of(*period) if (period := self._period(year)) else []
        by_operator = None if observed is None else summed(observed, managers)
        return Report(year, self._organ, figures, hours, by_operator, self.today())

    async def sites_behind(self, year: int, organisation_id: str, uptime: UptimeSource) -> list[Observed]:
        """Return what an operator's uptime is made of, by site; Unavailable where nobody can be asked now."""
        async with self.pool.acquire() as connection:
            managers = await store.managers(connection, self._end(year))
        observed = await uptime.of(*period) if (period := self._period(year)) else []
        theirs = [site for site in _told(observed) if managers.get(site.site_id, ("",))[0] == organisation_id]
        return sorted(theirs, key=lambda site: site.site_id)

    async def connectors_behind(self, year: int, site_id: str, uptime: UptimeDetails) -> list[Observed]:
        """Return what a site's uptime is made of, by connector; Unavailable where nobody can be asked now."""
        observed = await uptime.of_site(site_id, *period) if (period := self._period(year)) else []
        return sorted(_told(observed), key=lambda each: (each.station_id or "", each.connector or 0))

    def _period(self, year: int) -> tuple[date, date] | None:
        """Return a year's first day and the day after its last, or today; None: it has not begun."""
        first, after = date(year, 1, 1), min(date(year + 1, 1, 1), self.today())
        return (first, after) if first < after else None

    def _end(self, year: int) -> datetime:
        """Return when it is asked who manages what: on a year's last day, or now."""
        end = datetime.combine(date(year, 12, 31), time(12), COUNTY).astimezone(UTC)
        return min(end, self._clock.now())

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


def summed(observed: list[Observed], managers: Mapping[str, tuple[str, str]]) -> list[Uptime]:
    """Return uptime by operator, the name of each in order; sites of nobody are left out."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for site in observed:
        if operator := managers.get(site.site_id):
            available, seen = found.get(operator, (0, 0))
            found[operator] = (available + site.available_s, seen + site.observed_s)
    in_order = sorted(found.items(), key=lambda each: (each[0][1], each[0][0]))
    return [Uptime(name, *seconds, organisation_id) for (organisation_id, name), seconds in in_order]


def _told(observed: list[Observed] | None) -> list[Observed]:
    if observed is None:
        raise Unavailable("the gateway cannot be asked now: try again")
    return observed


def _check(who: Principal) -> None:
    if not (who.has(REGULATOR) and who.scope.everything):
        raise Forbidden("entries of the annual report are the county's regulator's")
