"""When something goes unpunished, and when guidance comes first: rules with their reasons. Pure, but for the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from inspection_service.law.catalogue import Item
from inspection_service.law.statutes import Article, LawError, Version, statutes, table, versions_of

HARM = ("none", "slight", "serious")


@dataclass(frozen=True, slots=True)
class Term:
    """So many days, on the days on which the file says so."""

    days: int
    version: Version


@dataclass(frozen=True, slots=True)
class InForce:
    """How long earlier violations count, and how long the grace period lasts (包容期)."""

    earlier_counts: Term
    grace: Term


@dataclass(frozen=True, slots=True)
class Terms:
    """The same, as it held when, the oldest first."""

    earlier_counts: Sequence[Term]
    grace: Sequence[Term]

    def on(self, day: date) -> InForce:
        """Return what held on a day; of a day before all of it, what held first, of one after all of it, what held last."""
        return InForce(_on(self.earlier_counts, day), _on(self.grace, day))


@cache
def terms() -> Terms:
    """Return what the file says."""
    return read(table("mercy.toml"))


def read(found: Mapping[str, Any]) -> Terms:
    """Return the terms of a table; LawError where it contradicts itself."""
    return Terms(*(_terms(name, found[name]) for name in ("earlier_counts", "grace")))


def _terms(name: str, entries: Sequence[Mapping[str, Any]]) -> tuple[Term, ...]:
    if not entries or any(entry["days"] <= 0 for entry in entries):
        raise LawError(f"{name}: a count of days that is more than nothing")
    versions = versions_of(name, entries)
    return tuple(Term(entry["days"], version) for entry, version in zip(entries, versions, strict=True))


def _on(found: Sequence[Term], day: date) -> Term:
    return next((term for term in reversed(found) if term.version.in_force <= day), found[0])


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known: violations of this item by this party before, the harm, by when it was to be mended and when it was."""

    earlier: tuple[date, ...]
    act_on: date
    harm: str
    minor: bool
    due_on: date
    mended_on: date | None
    faultless: bool = False


@dataclass(frozen=True, slots=True)
class Mercy:
    """Not punished: whether the law leaves a choice (`may`) or not, by which article, and why."""

    obliges: bool
    article: Article
    because: tuple[str, ...]


def mercy(item: Item, known: Circumstances) -> Mercy | None:
    """Return why an act goes unpunished (Art. 33), or None. Education goes with it."""
    article = statutes().article({"law": "penalty", "article": "33"})
    in_time = known.mended_on is not None and known.mended_on <= known.due_on
    if known.faultless:
        return Mercy(True, article, ("faultless",))
    if known.minor and in_time and known.harm == "none":
        return Mercy(True, article, ("minor", "mended_in_time", "no_harm"))
    if item.first_violation == "may" and is_first(known) and in_time and known.harm in ("none", "slight"):
        return Mercy(False, article, ("first", "mended_in_time", f"{known.harm}_harm"))
    return None


def is_first(known: Circumstances) -> bool:
    """Say whether there was no violation of the item within the time before the act in which one counts."""
    counts_days = terms().on(known.act_on).earlier_counts.days
    return not any(0 < (known.act_on - day).days <= counts_days for day in known.earlier)


def guidance_first(item: Item, *, in_business_since: date, on: date, until: date | None = None) -> bool:
    """Say whether a party is guided rather than given a notice: within the first months, and never where there is danger.

    `until`: when a grace period that the registry has given ends, that day without; else it is as long as usual.
    """
    usual = timedelta(days=terms().on(in_business_since).grace.days)
    last = until - timedelta(days=1) if until else in_business_since + usual
    return item.danger == "none" and in_business_since <= on <= last
