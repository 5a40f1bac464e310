"""Whose a site was on which days of a year: what its connectors were like counts for who managed it then. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from youguan.clock import first_day_from


@dataclass(frozen=True, slots=True)
class Span:
    """Days [first, after) on which an organisation managed a site."""

    site_id: str
    organisation_id: str
    organisation: str
    first: date
    after: date


def spans(ledger: Iterable[Mapping[str, Any]], first: date, after: date) -> list[Span]:
    """Return whose each site was on the days [first, after); on days of nobody it is nobody's.

    `ledger`: the managers' entries, by site and since when; `until` None: to this day.
    """
    found: list[Span] = []
    for entry in ledger:
        begins = max(first, first_day_from(entry["since"]))
        ends = after if entry["until"] is None else min(after, first_day_from(entry["until"]))
        if begins >= ends:
            continue
        span = Span(entry["site_id"], entry["organisation_id"], entry["organisation_name"], begins, ends)
        if found and _goes_on(found[-1], span):
            span = replace(span, first=found.pop().first)
        found.append(span)
    return found


def _goes_on(earlier: Span, later: Span) -> bool:
    same = (earlier.site_id, earlier.organisation_id) == (later.site_id, later.organisation_id)
    return same and earlier.after == later.first
