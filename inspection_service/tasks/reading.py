"""What somebody reads of a task: all of it within his bounds; of one that was taken from his organisation, what was until then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspection_service.tasks.urging import Stage
from youguan.auth import Principal

NOT_HIS = {
    "request": None, "awaiting": None, "urged": Stage.NONE, "verify_until": None, "merged_into": None, "closed_at": None,
}  # fmt: skip
"""What is the new party's matter."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A task with its history and papers; `former`: as it was when it was taken from whoever reads it."""

    task: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    papers: Sequence[Mapping[str, Any]]
    former: bool = False


def within(who: Principal, task: Mapping[str, Any]) -> bool:
    """Say whether a task is within somebody's bounds: an operator's are his organisation's to do, a team's are its own."""
    given = who.team_id is not None and who.team_id == task["team_id"]
    return given or who.scope.covers(task["division_code"], task["assignee_id"])


def read_by(who: Principal, whole: Reading) -> Reading | None:
    """Return what somebody reads of a task; None where that is nothing."""
    if within(who, whole.task):
        return whole
    party = who.scope.organisation_id
    taken = [line for line in whole.history if party is not None and line["taken_from"] == party]
    return _until(taken[-1], whole) if taken else None


def _until(last: Mapping[str, Any], whole: Reading) -> Reading:
    """Return a task as it was left with a move: nothing of what came of it afterwards."""
    return Reading(
        {**whole.task, **NOT_HIS, "state": last["state"]},
        [line for line in whole.history if line["place"] <= last["place"]],
        [paper for paper in whole.papers if paper["place"] <= last["place"]],
        former=True,
    )
