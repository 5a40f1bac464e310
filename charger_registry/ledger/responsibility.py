"""Who is responsible at an instant: pure rules over the lines of a site's ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

ROLES = ("builder", "owner", "manager", "maintainer", "property_manager")
EVIDENCE_KINDS = ("contract", "acceptance_record", "decision", "other")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a line rests on: the kind of document, its number, and what else is to be said of it."""

    kind: str = "other"
    number: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a ledger: [since, until), `until` None: open; `station_id` '' means the whole site.

    `origin`: filing, handover, order, import or sample; `id`: under which it is kept, 0 where it is not yet.
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

    def holds_at(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)

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
    """Return who has a role at an instant; a station's own line takes precedence over the site's."""
    candidates = [line for line in lines if line.role == role and line.holds_at(instant)]
    own = [line for line in candidates if station_id and line.station_id == station_id]
    return next(iter(own or [line for line in candidates if not line.station_id]), None)


def unmanaged(
    lines: Sequence[Line], instant: datetime, deregistered: Mapping[str, datetime], filed_at: datetime
) -> Unmanaged | None:
    """Say why nobody manages a site at an instant, or None where somebody does.

    `deregistered`: when organisations ceased to be. `no_manager`: there never was one; `contract_ended`: the last one's period
    is over.
    """
    manager = holder(lines, "manager", instant)
    if manager is not None:
        ceased, who = deregistered.get(manager.organisation_id), manager.organisation_id
        return Unmanaged("deregistered", max(ceased, manager.since), who) if ceased and ceased <= instant else None
    past = [line for line in lines if line.is_of("manager", "") and line.until is not None and line.until <= instant]
    if not past:
        return Unmanaged("no_manager", filed_at)
    last = max(past, key=lambda line: line.until or instant)
    return Unmanaged("contract_ended", last.until or instant, last.organisation_id)
