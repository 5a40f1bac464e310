"""Where the annual report is put together, and where what no record holds is entered by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar

import asyncpg

from inspection_service.annual_report import store
from inspection_service.annual_report.indicators import ENTRIES, Report, Uptime
from inspection_service.annual_report.managed import Span, spans
from youguan import audit
from youguan.auth import EVERYTHING, REGULATOR, Principal, Scope
from youguan.clock import Clock, county_day
from youguan.errors import Forbidden, Invalid, NotFound, Reason, Unavailable

T = TypeVar("T")
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

    async def of_spans(self, spans: Sequence[Span]) -> list[tuple[Span, Observed]] | None:
        """Return the uptime of each span's site within it, of those that were observed."""
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
            ledger = await store.managers(connection, year)
        observed = await self._observed(year, ledger, uptime)
        by_operator = None if observed is None else summed(observed)
        return Report(year, self._organ, figures, hours, by_operator, self.today())

    async def _observed(
        self, year: int, ledger: Sequence[Mapping[str, Any]], uptime: UptimeSource
    ) -> list[tuple[Span, Observed]] | None:
        """Return how available sites were while somebody managed them; None where nobody can be asked now."""
        period = self._period(year)
        managed = spans(ledger, *period) if period else []
        if period is None or not managed:
            return []
        whole = {span.site_id: span for span in managed if (span.first, span.after) == period}
        parts = [span for span in managed if span.site_id not in whole]
        sites = await uptime.of(*period)
        of_parts = await uptime.of_spans(parts) if parts else []
        if sites is None or of_parts is None:
            return None
        return [(whole[site.site_id], site) for site in sites if site.site_id in whole] + of_parts

    async def sites_behind(self, year: int, organisation_id: str, uptime: UptimeSource) -> list[tuple[Span, Observed]]:
        """Return what an operator's uptime is made of: its sites while it managed them; Unavailable."""
        period = self._period(year)
        if period is None:
            return []
        async with self.pool.acquire() as connection:
            ledger = await store.managers(connection, year, organisation_id)
        theirs = spans(ledger, *period)
        observed = _told(await uptime.of_spans(theirs)) if theirs else []
        return sorted(observed, key=lambda each: (each[0].site_id, each[0].first))

    async def connectors_behind(
        self, year: int, site_id: str, uptime: UptimeDetails, days: tuple[date | None, date | None] = (None, None)
    ) -> list[tuple[Span, Observed]]:
        """Return what a site's uptime is made of by connector, in a year or its days (first, last); Unavailable."""
        period = self._period(year)
        if period is None:
            return []
        first, after = max(period[0], days[0] or period[0]), min(period[1], _after(days[1]) or period[1])
        observed = _told(await uptime.of_site(site_id, first, after)) if first < after else []
        within = Span(site_id, "", "", first, after)
        in_order = sorted(observed, key=lambda each: (each.station_id or "", each.connector or 0))
        return [(within, each) for each in in_order]

    def _period(self, year: int) -> tuple[date, date] | None:
        """Return a year's first day and the day after its last, or today; None: it has not begun."""
        first, after = date(year, 1, 1), min(date(year + 1, 1, 1), self.today())
        return (first, after) if first < after else None

    async def enter(self, who: Principal, wish: EntryWish) -> int:
        """Enter what no record holds; return its id. Forbidden, Invalid."""
        _check(who)
        if wish.kind not in ENTRIES:
            raise Invalid.about("kind", Reason("must be one of {known}", known=", ".join(ENTRIES)))
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
                raise NotFound(Reason("entry {id}", id=entry_id))
            await audit.record(
                connection, at=now, actor=who.subject, action="report withdraw", subject=f"entry {entry_id}",
                before={"title": row["title"], "count": row["count"]},
            )  # fmt: skip


def summed(observed: Sequence[tuple[Span, Observed]]) -> list[Uptime]:
    """Return uptime by operator, each by its latest name and in the order of names."""
    names: dict[str, str] = {}
    found: dict[str, tuple[int, int]] = {}
    for span, site in sorted(observed, key=lambda each: each[0].after):
        names[span.organisation_id] = span.organisation
        available, seen = found.get(span.organisation_id, (0, 0))
        found[span.organisation_id] = (available + site.available_s, seen + site.observed_s)
    in_order = sorted(found, key=lambda organisation_id: (names[organisation_id], organisation_id))
    return [Uptime(names[id_], *found[id_], id_) for id_ in in_order]


def _after(last: date | None) -> date | None:
    return None if last is None else last + timedelta(days=1)


def _told(observed: list[T] | None) -> list[T]:
    if observed is None:
        raise Unavailable("the gateway cannot be asked now: try again")
    return observed


def _check(who: Principal) -> None:
    if not (who.has(REGULATOR) and who.scope.everything):
        raise Forbidden("entries of the annual report are the county's regulator's")
