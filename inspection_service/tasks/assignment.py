"""Whose task it is: the manager at the time it happened, else the owner, else the builder, else the township's team. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LINE_OF_ACCOUNT = ("manager", "owner", "builder")
COUNTY_TEAM = ("team-county", "县指挥中心")


@dataclass(frozen=True, slots=True)
class Duty:
    """A line of a site's ledger: [since, until), `until` None: open; `station_id` None: the whole site."""

    role: str
    organisation_id: str
    organisation_name: str
    station_id: str | None
    since: datetime
    until: datetime | None

    def holds_at(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)


@dataclass(frozen=True, slots=True)
class Assignee:
    """Who gets a task, and as what."""

    id: str
    name: str
    role: str


def assignee(
    duties: Iterable[Duty],
    instant: datetime,
    *,
    station_id: str | None,
    otherwise: Assignee,
) -> Assignee:
    """Return who was to answer at an instant; a station's own line takes precedence over the site's."""
    held = [duty for duty in duties if duty.holds_at(instant) and duty.station_id in (None, station_id)]
    held.sort(key=lambda duty: duty.station_id is None)
    for role in LINE_OF_ACCOUNT:
        for duty in held:
            if duty.role == role:
                return Assignee(duty.organisation_id, duty.organisation_name, role)
    return otherwise


def settler(details: Mapping[str, Any], otherwise: Assignee, nobody: Assignee) -> Assignee:
    """Return who is to settle who manages a site: whom the registry names, else who answers, but never the silent manager."""
    named = details.get("accountable")
    if named:
        return Assignee(named["id"], named["name"], named["role"])
    return nobody if otherwise.role == "manager" else otherwise


@dataclass(frozen=True, slots=True)
class Team:
    """An inspectors' team and its district: codes of divisions, or their beginnings."""

    id: str
    name: str
    divisions: tuple[str, ...]

    def nearness(self, division_code: str) -> int:
        """Return how much of a division's code its district names; 0: it is not in it."""
        return max((len(code) for code in self.divisions if division_code.startswith(code)), default=0)


def team_of(teams: Iterable[Team], division_code: str | None, division_name: str | None) -> Assignee:
    """Return the team in whose district a division lies, else the township's by its name, else the county's centre."""
    if division_code is None:
        return Assignee(*COUNTY_TEAM, "team")
    near = max(teams, key=lambda team: team.nearness(division_code), default=None)
    if near is not None and near.nearness(division_code):
        return Assignee(near.id, near.name, "team")
    return Assignee(f"team-{division_code}", f"{division_name or division_code}执法队", "team")
