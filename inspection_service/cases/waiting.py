"""Which cases wait for somebody: where one of its officers, a reviewer or the head of the organ is whom the next step waits for.
Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from inspection_service.cases.heads import HandedOver
from inspection_service.cases.machine import REVIEWERS, REVIEWS, Command, Role, State
from inspection_service.cases.thresholds import thresholds
from youguan.auth import INSPECTOR, REGULATOR, REVIEWER, Principal
from youguan.working_days import add_working_days

REVIEWED: Mapping[Role, State] = dict(zip(REVIEWERS, REVIEWS, strict=True))


@dataclass(frozen=True, slots=True)
class Waits:
    """For whom cases wait, and as what.

    `levels`: up to which level he reviews, 0 where he does not; `head`: whether he decides for the organ, `items`: of these items
    alone where a town does; `told_by`: who was told of a penalty by that day has had his time for a statement. `investigates`:
    whether he may be an officer; `day`: the county's.
    """

    subject: str
    levels: int
    head: bool
    items: tuple[str, ...]
    told_by: date
    investigates: bool
    day: date

    @property
    def reviews(self) -> tuple[State, ...]:
        """Return the states in which it is a reviewer's turn whatever the case: legal review, and a hearing that was asked for."""
        return (*(REVIEWED[role] for role in REVIEWERS[: self.levels]), State.HEARING) if self.levels else ()


def waits(who: Principal, handed: HandedOver, day: date) -> Waits | None:
    """Return what waits for somebody; None: he neither investigates, reviews nor decides."""
    levels = (who.level or 0) if who.has(REVIEWER) else 0
    towns = [] if who.scope.everything else [sorted(handed.get(town, ())) for town in who.scope.divisions]
    items = tuple(item for items in towns for item in items)
    head = who.has(REGULATOR) and (who.scope.everything or bool(items))
    investigates = who.has(INSPECTOR)
    if not (investigates or levels or head):
        return None
    return Waits(who.subject, levels, head, items, told_by(day), investigates, day)


def reviewer_level(moved: str, previous: State, state: State) -> int | None:
    """Return from which level on a reviewer's turn has come with a step; None: with this one it has not."""
    if moved == Command.PUNISH_ON_THE_SPOT:  # what was decided on the spot is put on the organ's record
        return 1
    if state == previous:
        return None
    if state in REVIEWS:
        return REVIEWS.index(state) + 1
    return {State.HEARING: 1, State.HEARD: len(REVIEWS)}.get(state)


def told_by(day: date) -> date:
    """Return the last day on which somebody may have been told of a penalty whose time for a statement is over on a day.

    Who has a right to a hearing has longer, to ask for it: the head sees such a case a little early, and never too late.
    """
    found = day - timedelta(days=1)
    while day <= add_working_days(found, thresholds().statement_days):
        found -= timedelta(days=1)
    return found
