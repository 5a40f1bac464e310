"""What a move does to a task beside its state: its terms, what it waits for, when somebody hears of it. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from inspection_service.tasks.assignment import Assignee
from inspection_service.tasks.deadlines import due_at
from inspection_service.tasks.machine import State
from inspection_service.tasks.rules import Rules, Way
from inspection_service.tasks.urging import Stage, following
from inspection_service.tasks.verification import Circumstances, Holding, Wait, next_wait

AT_REST = {
    "verify_until": None, "holding_left": None, "awaiting": None, "await_until": None, "probe_id": None, "closed_at": None,
    "closed_by": None, "urge_at": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Now:
    """When something is moved, and what matters then: whether its station can be heard, whether its connector is in service.

    `lot`: from [0, 1).
    """

    at: datetime
    heard: bool
    in_service: bool
    lot: float
    holding_time: timedelta


def circumstances(task: Mapping[str, Any], now: Now) -> Circumstances:
    """Return how a task can be proved now."""
    asked = task["station_id"] is not None and now.heard
    return Circumstances(task["severity"], task["fires"], asked, now.lot)


def effects(task: Mapping[str, Any], state: State, rules: Rules, now: Now) -> dict[str, Any]:
    """Return what of a task changes as it comes into a state; nothing where it stays in the one that it has."""
    if state == task["state"]:
        return {}
    changed: dict[str, Any] = {**AT_REST, "state": state, "moved_at": now.at}
    match state:
        case State.OPEN if task["state"] == State.CLOSED:
            due = due_at(now.at, rules.terms[task["severity"]])
            begun = {"due_at": due, "urged": Stage.NONE, "time_asked": False, "reopened": task["reopened"] + 1}
            changed |= begun | urged({**task, **begun}, rules, since=now.at)
        case State.OPEN:
            changed |= urged(task, rules, since=task["opened_at"])
        case State.ACCEPTED:
            changed["urge_at"] = task["urge_at"]
        case State.MENDED:
            wait = next_wait(rules.cause(task["cause"]), rules.proof, circumstances(task, now), now.at)
            changed |= {"request": None} | waiting(task, wait, rules, now.at)
        case State.VERIFYING:
            holding = Holding.begun(now.at, now.holding_time, runs=now.heard and now.in_service)
            changed |= {"request": None, "verify_until": holding.until, "holding_left": holding.left}
            changed |= urged(task, rules, since=now.at)  # of which nobody hears while the holding time runs
        case State.CLOSED:
            changed |= {"request": None, "closed_at": now.at}
    return changed


def waiting(task: Mapping[str, Any], wait: Wait, rules: Rules, now: datetime) -> dict[str, Any]:
    """Return what changes as a mended task waits for its proof.

    Where nobody comes to look, the centre hears of it; where only an alert's end proves it, the party's own time goes on.
    """
    changed: dict[str, Any] = {"awaiting": wait.way, "await_until": wait.until, "probe_id": None, "urge_at": None}
    match wait.way:
        case Way.INSPECTOR:
            changed["urge_at"] = rules.proof.visit_within.after(now)
        case Way.PROBE:
            changed["probe_id"] = str(uuid.uuid4())
        case Way.SOURCE if wait.until is None:
            changed |= urged(task, rules, since=now)
    return changed


def urged(task: Mapping[str, Any], rules: Rules, *, since: datetime) -> dict[str, Any]:
    """Return when somebody hears of a task that is the party's to do."""
    urging = following(Stage(task["urged"]), task["due_at"], rules.terms[task["severity"]], since=since)
    return {"urge_at": urging.at if urging else None}


def given(task: Mapping[str, Any], target: Assignee, rules: Rules, now: datetime) -> dict[str, Any]:
    """Return what changes as a task becomes another's: he has as long as anybody has from the beginning."""
    due = rules.terms[task["severity"]].due.after(now)
    his = {"assignee_id": target.id, "assignee_name": target.name, "assignee_role": target.role}
    return {**his, "request": None, "time_asked": False, **put_off(task, due, rules, now)}


def put_off(task: Mapping[str, Any], until: datetime, rules: Rules, now: datetime) -> dict[str, Any]:
    """Return what changes as a task gets another deadline, and with it its reminders anew."""
    anew = {"due_at": until, "urged": Stage.NONE}
    return anew | urged({**task, **anew}, rules, since=now)
