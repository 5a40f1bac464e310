"""Which decisions are published, and for how long. Pure, but for the reading of the file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from inspection_service.law.catalogue import FEN_A_YUAN
from inspection_service.law.statutes import LawError

FILE = Path(__file__).with_name("rules.toml")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules ask of a decision."""

    procedure: str
    party: str
    sanctions: frozenset[str]
    fine_fen: int
    danger: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the file; `months`: how long what it publishes is shown; `sanctions`: one of them was imposed; `only`: nothing else
    was. Of neither: any."""

    id: str
    name: str
    name_en: str
    publish: bool
    months: int
    least_fen: int
    wanted: Mapping[str, frozenset[str]]
    sanctions: frozenset[str]
    only: frozenset[str]
    source: str

    def meets(self, decision: Decision) -> bool:
        asked = all(getattr(decision, member) in values for member, values in self.wanted.items())
        return asked and decision.fine_fen >= self.least_fen and self._meets_sanctions(decision.sanctions)

    def _meets_sanctions(self, imposed: frozenset[str]) -> bool:
        one_of_them = not self.sanctions or not self.sanctions.isdisjoint(imposed)
        return one_of_them and (not self.only or imposed <= self.only)

    @property
    def meets_everything(self) -> bool:
        return not (self.wanted or self.least_fen or self.sanctions or self.only)


MEMBERS = {"procedures": "procedure", "parties": "party", "dangers": "danger"}


@cache
def rules() -> Mapping[str, Rule]:
    """Return what the file says, in its order."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(table: Mapping[str, Any]) -> Mapping[str, Rule]:
    """Return the rules of a table; LawError where one shows for no time, or the last does not meet everything."""
    found = {entry["id"]: _rule(entry) for entry in table["rule"]}
    if wrong := [rule.id for rule in found.values() if rule.publish and rule.months <= 0]:
        raise LawError(f"{wrong[0]}: what is published is shown for some months")
    last = list(found.values())[-1]
    if not last.meets_everything:
        raise LawError(f"{last.id}: the last rule meets every decision")
    return found


def _rule(entry: Mapping[str, Any]) -> Rule:
    wanted = {member: frozenset(entry[name]) for name, member in MEMBERS.items() if name in entry}
    least = entry.get("from_yuan", 0) * FEN_A_YUAN
    names = (entry["id"], entry["name"], entry["name_en"])
    sanctions, only = (frozenset(entry.get(member, ())) for member in ("sanctions", "only_sanctions"))
    return Rule(*names, entry["publish"], entry.get("months", 0), least, wanted, sanctions, only, entry["source"])


def rule_for(decision: Decision) -> Rule:
    """Return the rule that says whether a decision is published."""
    return next(rule for rule in rules().values() if rule.meets(decision))
