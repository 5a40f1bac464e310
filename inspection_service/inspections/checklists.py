"""What is looked at on the spot: checklists by department and kind of site, in versions. Pure, but for reading the file."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from inspection_service.law.catalogue import Catalogue, catalogue
from inspection_service.law.statutes import LawError
from inspection_service.tasks.rules import rules

FILE = Path(__file__).with_name("checklists.toml")


@dataclass(frozen=True, slots=True)
class Point:
    """Something to look at; `id` is unique over all checklists, `item` the supervised item that a failure is about."""

    id: str
    department: str
    item: str
    text: str
    text_en: str
    remote: bool


@dataclass(frozen=True, slots=True)
class Version:
    """The points of a checklist within a time, ends included; `until` None: still in force."""

    in_force: date
    until: date | None
    source: str
    points: tuple[Point, ...]

    def holds_on(self, day: date) -> bool:
        return self.in_force <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Checklist:
    """A department's list for some kinds of site; of no kinds: for all."""

    id: str
    department: str
    sites: frozenset[str]
    every_months: int
    name: str
    name_en: str
    versions: tuple[Version, ...]

    def meets(self, construction: str | None) -> bool:
        return not self.sites or construction in self.sites

    def version_on(self, day: date) -> Version | None:
        return next((version for version in self.versions if version.holds_on(day)), None)


@dataclass(frozen=True, slots=True)
class Checklists:
    """All of them, in the file's order; `tasks`: which matter of the task desk a failed item is."""

    lists: tuple[Checklist, ...]
    tasks: Mapping[str, str]

    @property
    def departments(self) -> tuple[str, ...]:
        """Return the departments that look at anything, in the file's order."""
        return tuple(dict.fromkeys(checklist.department for checklist in self.lists))

    def english(self) -> Mapping[str, str]:
        """Return the English of every point there has ever been, by its Chinese."""
        versions = [version for checklist in self.lists for version in checklist.versions]
        return {point.text: point.text_en for version in versions for point in version.points}

    def points(
        self, departments: Collection[str], constructions: Collection[str | None], day: date, *, remote: bool = False
    ) -> list[Point]:
        """Return what departments look at at sites of any of these kinds on a day; `remote`: what needs no visit."""
        found = [
            version.points
            for checklist in self.lists
            if checklist.department in departments and any(map(checklist.meets, constructions))
            for version in [checklist.version_on(day)]
            if version is not None
        ]
        return [point for points in found for point in points if point.remote or not remote]


@cache
def checklists() -> Checklists:
    """Return what the file says, checked against the catalogue of items."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")), catalogue())


def read(table: Mapping[str, Any], items: Catalogue) -> Checklists:
    """Return the checklists of a table; LawError where it names what there is not, or two versions hold at once."""
    found = Checklists(tuple(_checklist(entry) for entry in table["checklist"]), table["tasks"])
    for checklist in found.lists:
        for reason in _wrong(checklist, items, found.tasks):
            raise LawError(f"checklist {checklist.id}: {reason}")
    return found


def _checklist(entry: Mapping[str, Any]) -> Checklist:
    versions = tuple(
        Version(
            version["in_force"], version.get("until"), version["source"],
            tuple(_point(entry, point) for point in version["points"]),
        )
        for version in entry["version"]
    )  # fmt: skip
    return Checklist(
        entry["id"], entry["department"], frozenset(entry["sites"]), entry["every_months"], entry["name"],
        entry["name_en"], versions,
    )  # fmt: skip


def _point(entry: Mapping[str, Any], point: Mapping[str, Any]) -> Point:
    return Point(
        f"{entry['id']}.{point['id']}", entry["department"], point["item"], point["text"], point["text_en"],
        point.get("remote", False),
    )  # fmt: skip


def _wrong(checklist: Checklist, items: Catalogue, tasks: Mapping[str, str]) -> list[str]:
    reasons = [] if checklist.department in items.organs else [f"unknown department {checklist.department}"]
    points = [point for version in checklist.versions for point in version.points]
    reasons += [f"unknown item {point.item}" for point in points if point.item not in items.items]
    reasons += [f"no task for {point.item}" for point in points if tasks.get(point.item) not in rules().causes]
    for before, after in pairwise(sorted(checklist.versions, key=lambda version: version.in_force)):
        if before.until is None or before.until >= after.in_force:
            reasons.append(f"two versions hold on {after.in_force}")
    return reasons
