"""What a file is worth: the table of points, and what its scores make together. Pure, but for the reading of the file."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from inspection_service.file_review.draw import REVIEWERS_A_FILE
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
class Standing:
    """Who may be the third: officials of a role, of legal reviewers those from a level on."""

    role: str
    level: int

    def has(self, roles: Collection[str], level: int | None) -> bool:
        return self.role in roles and (level or 0) >= self.level


@dataclass(frozen=True, slots=True)
class Table:
    """All of them, and from where on a file is excellent, passes, or its scores lie apart.

    `third`: who may score it beside the review's own people; `within`, `third_within`: how long the first two and the third have;
    `remind`: how long before the end they are reminded.
    """

    criteria: tuple[Criterion, ...]
    excellent: int
    passes: int
    apart: int
    source: str
    third: tuple[Standing, ...]
    within: timedelta
    third_within: timedelta
    remind: timedelta

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
    third = tuple(Standing(each["role"], each.get("level", 0)) for each in found["third"])
    return Table(
        criteria, found["excellent"], found["passes"], found["apart"], found["source"], third,
        *(timedelta(days=found[name]) for name in ("within_days", "third_within_days", "remind_days")),
    )  # fmt: skip


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


EXCELLENT, PASSED, FAILED, UNGRADED = "excellent", "passed", "failed", "ungraded"


class Rule(StrEnum):
    """By what a file ended. `settled`: by the county's regulator, as long as there was no third; `unscored`: without a grade, as
    two did not score it in their time and nobody is left who may."""

    MEAN = "mean"
    MIDDLE = "middle"
    STRICTER = "stricter"
    SETTLED = "settled"
    UNSCORED = "unscored"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file has in the end, and by which rule; a file without a grade has no total."""

    total: int | None
    grade: str
    rule: Rule


NO_OTHERS = Outcome(None, UNGRADED, Rule.UNSCORED)


class Lacking(StrEnum):
    """Who has to be drawn for a file to come to its end."""

    THIRD = "third"
    OTHERS = "others"  # in the place of those who have not scored in their time


def ahead(scores: Sequence[Score], *, third: bool, late: bool) -> Outcome | Lacking | None:
    """Return what is to become of a file now; None: whoever has to score it is waited for.

    `third`: one was drawn; `late`: the time of those who have to score it is over.
    """
    if (decided := outcome(scores, no_third=third and late)) is not None:
        return decided
    if len(scores) < REVIEWERS_A_FILE:
        return Lacking.OTHERS if late else None
    return None if third else Lacking.THIRD


def outcome(scores: Sequence[Score], *, no_third: bool = False) -> Outcome | None:
    """Return what two scores or three make of a file; None while another has to score it.

    `no_third`: nobody is left to score it, or he has not in his time.
    """
    totals, fatal = sorted(each.total for each in scores), sum(bool(each.vetoed) for each in scores)
    match len(scores):
        case 0 | 1:
            return None
        case 2 if not _lie_apart(scores):
            return _outcome(sum(totals) // 2, Rule.MEAN, vetoed=fatal > 0)
        case 2 if no_third:
            return _outcome(totals[0], Rule.STRICTER, vetoed=fatal > 0)
        case 2:
            return None
    return _outcome(totals[1], Rule.MIDDLE, vetoed=fatal > 1)


def _lie_apart(scores: Sequence[Score]) -> bool:
    """Say whether two scores are too far from each other, or one of them alone vetoes."""
    one, other = scores
    return abs(one.total - other.total) > table().apart or bool(one.vetoed) != bool(other.vetoed)


def _outcome(total: int, rule: Rule, *, vetoed: bool) -> Outcome:
    return Outcome(total, grade(total, vetoed=vetoed), rule)


def grade(total: int, *, vetoed: bool) -> str:
    """Return what a file is."""
    if vetoed or total < table().passes:
        return FAILED
    return EXCELLENT if total >= table().excellent else PASSED
