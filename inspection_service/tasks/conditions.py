"""What else must hold, beside state and role, for somebody to move a task. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspection_service.tasks.deadlines import latest_due_at
from inspection_service.tasks.machine import Command, Role, State
from inspection_service.tasks.rules import Rules

TIME, TRANSFER = "time", "transfer"
NEEDS_REASON = (
    Command.ANSWER, Command.ASK_TIME, Command.ASK_TRANSFER, Command.REFUSE, Command.REASSIGN, Command.DISPATCH,
    Command.REFUTE, Command.CANCEL,
)  # fmt: skip
WHY = {
    "reason": "say why",
    "already_asked": "more time is asked for once, and was",
    "request_waits": "a request waits for its answer already",
    "no_request": "nothing of that kind was asked for",
    "until": "must lie after the deadline, and not further than as long again",
    "still_so": "what raised this still says that it is so",
    "oneself": "whoever said that it is mended does not confirm it",
    "too_late": "it was closed too long ago: open another one",
    "occurred_at": "lies in the future, or too far back",
    "another": "another task about the same thing is open",
    "to": "names nobody whom this could be given to",
    "same": "has it already",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says with a command. `until`: the wanted deadline; `to`: whose it is to be; where he stood, in degrees."""

    reason: str = ""
    until: datetime | None = None
    to: str | None = None
    latitude: float | None = None
    longitude: float | None = None


def unmet(
    task: Mapping[str, Any], command: Command, subject: str, said: Said, rules: Rules, now: datetime
) -> str | None:
    """Return the first condition that does not hold, by its name in `WHY`; None: nothing is against it."""
    if command in NEEDS_REASON and not said.reason.strip():
        return "reason"
    request = task["request"]
    match command:
        case Command.ASK_TIME if task["time_asked"]:
            return "already_asked"
        case Command.ASK_TIME | Command.ASK_TRANSFER if request is not None:
            return "request_waits"
        case Command.ASK_TIME:
            return None if _within(task, said.until, rules, now) else "until"
        case Command.GRANT_TIME | Command.GRANT_TRANSFER | Command.REFUSE:
            kinds = {Command.GRANT_TIME: (TIME,), Command.GRANT_TRANSFER: (TRANSFER,)}.get(command, (TIME, TRANSFER))
            return None if request is not None and request["kind"] in kinds else "no_request"
        case Command.CONFIRM | Command.CANCEL if task["fires"]:
            return "still_so"
        case Command.CONFIRM:
            return "oneself" if task["mended_by"] == subject else None
        case Command.REFUTE if task["state"] == State.CLOSED:
            within = rules.cause(task["cause"]).reopens_within
            return None if task["closed_at"] + within >= now and task["merged_into"] is None else "too_late"
    return None


def _within(task: Mapping[str, Any], until: datetime | None, rules: Rules, now: datetime) -> bool:
    latest = latest_due_at(task["due_at"], rules.terms[task["severity"]])
    return until is not None and max(task["due_at"], now) < until <= latest


def roles_in(task: Mapping[str, Any], *, operator_of: str | None, inspector: bool, regulator: bool) -> set[Role]:
    """Return as what somebody may move a task that lies within his bounds; a team whose task it is, is its party too."""
    roles = set()
    if operator_of is not None and operator_of == task["assignee_id"]:
        roles.add(Role.PARTY)
    if inspector:
        roles |= {Role.TEAM, Role.PARTY} if task["assignee_role"] == "team" else {Role.TEAM}
    if regulator:
        roles.add(Role.CENTRE)
    return roles
