"""What a task is opened with, whoever opens it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from inspection_service.tasks.assignment import Assignee


class Origin(StrEnum):
    """Where a task comes from."""

    ALERT = "alert"
    INSPECTION = "inspection"
    PUBLIC = "public"
    DEPARTMENT = "department"  # another department passed it on (抄告)
    HAND = "hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Something that somebody has to see to.

    `cause`: a rule of alerts or a matter of `rules.toml`. `subject`: of one cause and subject at most one task is open.
    `occurred_at`: when it happened, which says whose it is; `assignee`: whose else. `actor`: who opens it, and `role`: as what.
    """

    origin: Origin
    cause: str
    severity: str
    subject: str
    occurred_at: datetime
    actor: str
    role: str
    reason: str
    site_id: str | None = None
    station_id: str | None = None
    connector: int | None = None
    details: dict[str, Any] = field(default_factory=dict)
    alert_id: str | None = None
    fires: bool = False
    assignee: Assignee | None = None


def subject_of(site_id: str | None, station_id: str | None, connector: int | None) -> str:
    """Return what something is about by its narrowest place: a connector, a station, a site; empty where there is none."""
    if station_id is None:
        return site_id or ""
    return station_id if connector is None else f"{station_id}#{connector}"
