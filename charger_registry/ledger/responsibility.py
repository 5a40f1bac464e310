"""Who is responsible at an instant: pure rules over the lines of a site's ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from youguan.clock import county_day

ROLES = ("builder", "owner", "manager", "maintainer", "property_manager")
EVIDENCE_KINDS = ("contract", "acceptance_record", "decision", "other")
ORDER, RETURN = "order", "return"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a line rests on: the kind of document, its number, and what else is to be said of it."""

    kind: str = "other"
    number: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a ledger: [since, until), `until` None: open; `station_id` '' means the whole site.

    `origin`: filing, handover, order, import, sample, or return (who comes back when an order ends); `id`: under which it is
    kept, 0 where it is not yet. `ceased_at`: when the organisation has ceased to be, on its own file and no part of the line.
    """

    role: str
    organisation_id: str
    station_id: str
    since: datetime
    until: datetime | None
    origin: str = "import"
    evidence: Evidence = field(default_factory=Evidence)
    organisation_name: str = ""
    id: int = 0
    ceased_at: datetime | None = field(default=None, compare=False)

    def holds_at(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)

    def answers_at(self, instant: datetime) -> bool:
        """Say whether it holds and there is somebody to answer for it: an organisation that exists still."""
        return self.holds_at(instant) and (self.ceased_at is None or instant < self.ceased_at)

    @property
    def answers_until(self) -> datetime | None:
        """Return until when there is somebody to answer for it; None: without an end."""
        return min(filter(None, (self.until, self.ceased_at)), default=None)

    def overlaps(self, other: "Line") -> bool:
        """Say whether there is an instant at which both hold."""
        begins_in_time = other.until is None or self.since < other.until
        return begins_in_time and (self.until is None or other.since < self.until)

    def is_of(self, role: str, station_id: str) -> bool:
        """Say whether it gives a role at exactly this place: the site itself (''), or one of its stations."""
        return self.role == role and self.station_id == station_id


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """Nobody manages a site: why, since when, and who it was that managed it last ('': nobody)."""

    reason: str
    since: datetime
    organisation_id: str = ""


def holder(lines: Iterable[Line], role: str, instant: datetime, station_id: str = "") -> Line | None:
    """Return who has a role at an instant and exists still; a station's own line takes precedence over the site's."""
    candidates = [line for line in lines if line.role == role and line.answers_at(instant)]
    own = [line for line in candidates if station_id and line.station_id == station_id]
    return next(iter(own or [line for line in candidates if not line.station_id]), None)


def unmanaged(lines: Sequence[Line], instant: datetime, filed_at: datetime) -> Unmanaged | None:
    """Say why nobody manages a site at an instant, or None where somebody does.

    `no_manager`: there never was one; `contract_ended`: the last one's period is over; `deregistered`: the last one
    ceased to be before its period was over.
    """
    managers = [line for line in lines if line.is_of("manager", "") and line.since <= instant]
    if any(line.answers_at(instant) for line in managers):
        return None
    if not managers:
        return Unmanaged("no_manager", filed_at)
    last = max(managers, key=lambda line: line.since)
    if last.ceased_at is not None and (last.until is None or last.ceased_at < last.until):
        return Unmanaged("deregistered", max(last.ceased_at, last.since), last.organisation_id)
    return Unmanaged("contract_ended", last.until or instant, last.organisation_id)


def last_day(until: datetime | None) -> date | None:
    """Return the county's last day of a period that ends before an instant."""
    return county_day(until - timedelta(microseconds=1)) if until else None
