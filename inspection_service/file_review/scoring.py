"""What a file is worth: the table of points, and what two scores make together. Pure, but for the reading of the file."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from inspection_service.law.statutes import LawError
from youguan.errors import Reason

FILE = Path(__file__).with_name("points.toml")
WHOLE = 100


@dataclass(frozen=True, slots=True)
class Criterion:
    """A line of the table; of no procedures: for all of them."""

    id: str
    name: str
    name_en: str
    points: int
    veto: bool
    procedures: frozenset[str]

    def applies(self, procedure: str | None) -> bool:
        return not self.procedures or procedure in self.procedures


@dataclass(frozen=True, slots=True)
class Table:
    """All of them, and from where on a file is excellent, passes, or its scores lie apart."""

    criteria: tuple[Criterion, ...]
    excellent: int
    passes: int
    apart: int
    source: str

    def of(self, procedure: str | None) -> list[Criterion]:
        return [criterion for criterion in self.criteria if criterion.applies(procedure)]


@dataclass(frozen=True, slots=True)
class Score:
    """What one reviewer found: points in all, and the ids of the faults that let a file fail."""

    total: int
    vetoed: tuple[str, ...]


@cache
def table() -> Table:
    """Return what the file says."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(found: Mapping[str, Any]) -> Table:
    """Return the table; LawError where its points are no hundred or a line stands there twice."""
    criteria = tuple(
        Criterion(
            c["id"], c["name"], c["name_en"], c["points"], c.get("veto", False), frozenset(c.get("procedures", ()))
        )
        for c in found["criterion"]
    )
    if sum(criterion.points for criterion in criteria) != WHOLE or len({c.id for c in criteria}) != len(criteria):
        raise LawError("the table of points has a hundred, and each line once")
    return Table(criteria, found["excellent"], found["passes"], found["apart"], found["source"])


def wrong(marks: Mapping[str, int], procedure: str | None) -> dict[str, str]:
    """Return what is wrong with marks, by criterion: each line that applies gets from nothing to its points, no other any."""
    lines = {criterion.id: criterion for criterion in table().of(procedure)}
    found = {name: "is no line for this file" for name in marks if name not in lines}
    found |= {name: "is needed" for name in lines if name not in marks}
    return found | {
        name: Reason("must lie between {least} and {most}", least=0, most=lines[name].points)
        for name, mark in marks.items()
        if name in lines and not 0 <= mark <= lines[name].points
    }


def score(marks: Mapping[str, int], procedure: str | None) -> Score:
    """Return what marks add up to; a line of the veto with nothing at all is a fault that lets the file fail."""
    lines = table().criteria
    total = sum(marks[line.id] if line.applies(procedure) else line.points for line in lines)
    vetoed = tuple(line.id for line in lines if line.veto and line.applies(procedure) and marks[line.id] == 0)
    return Score(total, vetoed)


EXCELLENT, PASSED, FAILED = "excellent", "passed", "failed"


def agreed(scores: Sequence[Score]) -> int | None:
    """Return the mean of all scores, rounded down; None where they lie too far apart, or one of them alone vetoes."""
    totals = [each.total for each in scores]
    if max(totals) - min(totals) > table().apart or len({bool(each.vetoed) for each in scores}) > 1:
        return None
    return sum(totals) // len(totals)


def fatal(vetoes: Sequence[bool], *, fails: bool) -> bool:
    """Say whether a file fails whatever its points: both found so, or one did and whoever settles (`fails`) agrees with him."""
    return all(vetoes) or (fails and any(vetoes))


def grade(total: int, *, vetoed: bool) -> str:
    """Return what a file is."""
    if vetoed or total < table().passes:
        return FAILED
    return EXCELLENT if total >= table().excellent else PASSED
