"""What was recorded in a ledger, change by change: what was believed from then on, and what no longer. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from charger_registry.ledger.responsibility import Line


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line with the time within which it was believed, and who let that begin and end, and why."""

    line: Line
    believed_from: datetime
    believed_until: datetime | None
    recorded_by: str
    reason: str
    withdrawn_by: str | None
    withdrawn_reason: str | None


@dataclass(slots=True)
class Change:
    """One change of a ledger: who, when, why; what it withdrew and what it added."""

    at: datetime
    by: str
    reason: str
    withdrawn: list[Line] = field(default_factory=list)
    added: list[Line] = field(default_factory=list)


def changes(recorded: Iterable[Recorded]) -> list[Change]:
    """Return the changes that made a ledger what it is, newest first."""
    found: dict[datetime, Change] = {}
    for entry in recorded:
        begun = entry.believed_from
        found.setdefault(begun, Change(begun, entry.recorded_by, entry.reason)).added.append(entry.line)
        ended = entry.believed_until
        if ended is not None:
            change = Change(ended, entry.withdrawn_by or "", entry.withdrawn_reason or "")
            found.setdefault(ended, change).withdrawn.append(entry.line)
    return sorted(found.values(), key=lambda change: change.at, reverse=True)
