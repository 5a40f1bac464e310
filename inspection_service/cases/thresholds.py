"""The procedures' thresholds: who may be fined on the spot, who is heard, what is major, how far legal review goes. Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from inspection_service.cases.file import FAST, GENERAL
from inspection_service.law.catalogue import CITIZEN, FEN_A_YUAN, FINE, ORGANISATION, WARNING
from inspection_service.law.imposed import Imposed

FILE = Path(__file__).with_name("rules.toml")


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which amounts, by kind of party, and for which sanctions whatever the amount; `source` says where that stands."""

    fen: Mapping[str, int]
    sanctions: frozenset[str]
    source: str

    def reached(self, party: str, imposed: Imposed) -> bool:
        """Say whether one of the sanctions, or an amount that is fined or confiscated, comes up to it."""
        most = max(imposed.fine_fen, imposed.gains_fen)
        return not self.sanctions.isdisjoint(imposed.kinds) or (most > 0 and most >= self.fen[party])

    def within(self, party: str, imposed: Imposed) -> bool:
        """Say whether there is nothing but a warning or a fine of so much at the most."""
        return {WARNING, FINE} >= set(imposed.kinds) and imposed.fine_fen <= self.fen[party]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All of them."""

    simple: Threshold
    fast: Threshold
    hearing: Threshold
    major: Threshold
    levels: Mapping[str, int]
    statement_days: int
    recheck_days: int
    arrival_days: int
    shown_months: Mapping[str, int]
    ahead_days: Mapping[str, int]

    def ahead(self, period: str) -> int:
        """Return how many working days before its end a period is told."""
        return self.ahead_days.get(period, self.ahead_days["usual"])

    def levels_of(self, procedure: str | None, party: str, imposed: Imposed) -> int:
        """Return up to which level of legal review a case goes."""
        if self.major.reached(party, imposed) or self.hearing.reached(party, imposed):
            return self.levels["major"]
        return self.levels[procedure if procedure in (FAST, GENERAL) else GENERAL]


@cache
def thresholds() -> Thresholds:
    """Return what the file says."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(table: Mapping[str, Any]) -> Thresholds:
    """Return the thresholds of a table as the file has it."""
    levels = {name: table["levels"][name] for name in (FAST, GENERAL, "major")}
    amounts = {name: _threshold(table[name]) for name in ("simple", "fast", "hearing", "major")}
    shown = {name: table["credit"][name] for name in ("usual", "dangerous")}
    ahead = {name: days for name, days in table["ahead"].items() if name != "source"}
    return Thresholds(
        **amounts,
        levels=levels,
        statement_days=table["statement"]["days"],
        recheck_days=table["recheck"]["days"],
        arrival_days=table["arrival"]["days"],
        shown_months=shown,
        ahead_days=ahead,
    )


def _threshold(entry: Mapping[str, Any]) -> Threshold:
    fen = {party: entry[party] * FEN_A_YUAN for party in (CITIZEN, ORGANISATION)}
    return Threshold(fen, frozenset(entry.get("sanctions", ())), entry["source"])
