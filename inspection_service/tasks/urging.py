"""Who hears when a task is late: the party is reminded and told, then the township's team, then the county's centre. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from inspection_service.tasks.machine import Command, State
from inspection_service.tasks.rules import Terms, Way


class Stage(IntEnum):
    """How far a task has come up."""

    NONE = 0
    REMINDED = 1
    OVERDUE = 2
    TEAM = 3
    CENTRE = 4


COMMANDS = {
    Stage.REMINDED: Command.REMIND,
    Stage.OVERDUE: Command.FALL_DUE,
    Stage.TEAM: Command.TO_TEAM,
    Stage.CENTRE: Command.TO_CENTRE,
}
WAITED_FOR = (State.OPEN, State.ACCEPTED)  # afterwards it is mostly not the party whom the office waits for


@dataclass(frozen=True, slots=True)
class Urging:
    """What happens next by itself, and when."""

    stage: Stage
    at: datetime


def waits_for_party(task: Mapping[str, Any]) -> bool:
    """Say whether the party has to do something: mend it, or let what it says be seen (`store.WAITS` says the same).

    A holding time that stands still, since the station is silent or out of service, and a wait for an alert's end that nothing
    ends are the party's to go on with: else a task is parked where nobody hears of it.
    """
    match task["state"]:
        case State.MENDED:
            return task["awaiting"] == Way.SOURCE and task["await_until"] is None
        case State.VERIFYING:
            return task["verify_until"] is None
    return task["state"] in WAITED_FOR


def schedule(due_at: datetime, terms: Terms) -> list[Urging]:
    """Return every stage with its time, in order."""
    return [
        Urging(Stage.REMINDED, terms.remind_before.before(due_at)),
        Urging(Stage.OVERDUE, due_at),
        Urging(Stage.TEAM, terms.to_team_after.after(due_at)),
        Urging(Stage.CENTRE, terms.to_centre_after.after(due_at)),
    ]


def following(stage: Stage, due_at: datetime, terms: Terms, *, since: datetime) -> Urging | None:
    """Return what comes after a stage; a reminder that would come before `since`, when the task began anew, is left out."""
    return next(
        (
            urging
            for urging in schedule(due_at, terms)
            if urging.stage > stage and (urging.stage > Stage.REMINDED or urging.at > since)
        ),
        None,
    )


def due_now(stage: Stage, due_at: datetime, terms: Terms, now: datetime) -> Stage:
    """Return the stage at which a task ought to be now: who was away for a week reminds nobody of what is late already."""
    return max([stage, *(urging.stage for urging in schedule(due_at, terms) if urging.at <= now)])
