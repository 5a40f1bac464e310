"""Statutes, their versions and articles. Pure, but for the reading of the file."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
# What may lay down a penalty (Administrative Penalty Law Art. 10-14); a normative document may not (Art. 16).
PENAL = frozenset({"law", "administrative_regulation", "local_regulation", "government_rule"})
NATIONAL_LIST = "national_list"
KINDS = PENAL | {"normative_document", NATIONAL_LIST}


class LawError(ValueError):
    """The law's files contradict themselves: the service does not start on them."""


@dataclass(frozen=True, slots=True)
class Version:
    """A text of a statute and the days on which it is in force; `until` None: it still is. Not `verified`: not checked."""

    in_force: date
    until: date | None
    source: str
    verified: bool

    def holds_on(self, day: date) -> bool:
        return self.in_force <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Statute:
    """A statute; `area`: the beginning of the division codes where it holds."""

    id: str
    name: str
    name_en: str
    kind: str
    area: str
    versions: tuple[Version, ...]
    articles: Mapping[str, str]

    def version_on(self, day: date) -> Version | None:
        return next((version for version in self.versions if version.holds_on(day)), None)


@dataclass(frozen=True, slots=True)
class Article:
    """Where something is laid down: an article of a statute, as the files name it."""

    statute: Statute
    number: str

    @property
    def text(self) -> str:
        return self.statute.articles[self.number]

    @property
    def title(self) -> str:
        """Return 《statute》第n条, as documents cite it; what has no number is cited by its heading."""
        where = f"第{self.number}条" if self.number.isdigit() else self.number
        return f"《{self.statute.name}》{where}"


@dataclass(frozen=True, slots=True)
class Statutes:
    """All of them, by id."""

    by_id: Mapping[str, Statute]

    def article(self, reference: Mapping[str, Any]) -> Article:
        """Return the article that a file refers to; LawError where there is none."""
        statute = self.by_id.get(reference["law"])
        number = str(reference["article"])
        if statute is None or number not in statute.articles:
            raise LawError(f"no article {number} of {reference['law']}")
        return Article(statute, number)


def table(name: str) -> dict[str, Any]:
    """Return a file of the law."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


@cache
def statutes() -> Statutes:
    """Return what the file says."""
    return read(table("laws.toml"))


def read(found: Mapping[str, Any]) -> Statutes:
    """Return the statutes of a table; LawError where it contradicts itself."""
    by_id = {entry["id"]: _statute(entry) for entry in found["law"]}
    if len(by_id) != len(found["law"]):
        raise LawError("a statute stands there twice")
    return Statutes(by_id)


def _statute(entry: Mapping[str, Any]) -> Statute:
    if entry["kind"] not in KINDS:
        raise LawError(f"{entry['id']}: no kind of statute: {entry['kind']}")
    versions = versions_of(entry["id"], entry["versions"])
    return Statute(
        entry["id"], entry["name"], entry["name_en"], entry["kind"], entry["area"], versions, entry["articles"]
    )


def versions_of(name: str, entries: Iterable[Mapping[str, Any]]) -> tuple[Version, ...]:
    """Return the versions of something in the law's files, the oldest first; LawError where two hold on one day."""
    found = tuple(Version(v["in_force"], v.get("until"), v["source"], v["verified"]) for v in entries)
    for earlier, later in pairwise(found):
        if earlier.until is None or earlier.until >= later.in_force:
            raise LawError(f"{name}: two versions in force on {later.in_force}")
    return found
