"""By when the next thing in a case is due, under which statutory period, and who is to hear of it when. Pure."""

from datetime import date
from enum import StrEnum

from inspection_service.cases.conditions import enforcement_end, remedies_end
from inspection_service.cases.file import Case
from inspection_service.cases.machine import INVESTIGATION, TOLD, State
from inspection_service.cases.owing import owed_fen
from inspection_service.cases.thresholds import thresholds
from inspection_service.law.periods import periods
from youguan.working_days import add_working_days

Due = tuple[date | None, str | None]
NOTHING: Due = (None, None)
# What the party has to do within them; in all others it is our organ that is late.
PARTYS_OWN = frozenset({"order", "payment"})
# What follows on these by itself, as time passes: no step has to end them.
GIVE_WAY = ("payment", "demand", "arrival")


class Stage(StrEnum):
    """What is told of a period: that it ends soon, that it has ended."""

    SOON = "soon"
    OVER = "over"


def due(case: Case, day: date) -> Due:
    """Return by when the next thing is due where a case stands on a day, and which period that is: the first of them."""
    since = case.facts.kept_on
    kept = periods()["evidence_kept"].last_day(since) if since else None
    all_of_them = (_next(case, day), (kept, "evidence_kept"), (_arrival(case, day), "arrival"))
    found = [(on, period) for on, period in all_of_them if on is not None]
    return min(found, default=NOTHING)


def _next(case: Case, day: date) -> Due:
    facts = case.facts
    if case.state == State.ORDERED:
        return facts.order_due, "order"
    if case.state == State.MENDED:
        return _recheck(case), "recheck"
    if case.state in INVESTIGATION:
        return facts.decide_by, "decision"
    if case.state == State.DECIDED and facts.decided_on is not None:
        return periods()["service"].last_day(facts.decided_on), "service"
    if case.state in (State.SERVED, State.DEMANDED):
        return _execution(case, day)
    return NOTHING


def _recheck(case: Case) -> date | None:
    """Return by when our organ looks whether what the party reported is so; where that day was not kept yet, by the order's end."""
    if case.facts.reported_on is None:
        return case.facts.order_due
    return add_working_days(case.facts.reported_on, thresholds().recheck_days)


def _arrival(case: Case, day: date) -> date | None:
    """Return by when our officers look for the receipt of a notice that was posted: till then the party's time does not begin.
    Once that is past, the end of the time to decide, as soon as it is near, is what has to be told."""
    facts = case.facts
    if case.state not in TOLD or facts.posted_on is None or not facts.in_the_post:
        return None
    last = add_working_days(facts.posted_on, thresholds().arrival_days)
    ends = facts.decide_by is not None and stage(facts.decide_by, "decision", day) is not None
    return None if ends and day > last else last


def _execution(case: Case, day: date) -> Due:
    """Return the end of the time to pay, or of the wait after the demand. Once that is past, without a demand not before nothing
    can be attacked any more: the last day to apply to the court (Coercion Law Art. 53), after which the fine is lost."""
    facts, waits = case.facts, (case.facts.payment_due, "payment")
    if case.state == State.DEMANDED and facts.demanded_on is not None:
        waits = (periods()["demand"].last_day(facts.demanded_on), "demand")
    remedies, last = remedies_end(case), enforcement_end(case)
    if waits[0] is None or remedies is None or last is None:
        return waits
    over = waits[0] if case.state == State.DEMANDED else max(waits[0], remedies)
    return (last, "enforcement") if day > over and owed_fen(case, day) > 0 else waits


def stage(due_on: date, period: str, day: date) -> Stage | None:
    """Return what is to be told of a period's end on a day; None: nothing yet."""
    if day > due_on:
        return Stage.OVER
    return Stage.SOON if add_working_days(day, thresholds().ahead(period)) >= due_on else None


def horizons(day: date) -> dict[str, date]:
    """Return by period the last day of whose end something may be told on a day; `usual`: of every period that is not named."""
    return {period: add_working_days(day, ahead) for period, ahead in thresholds().ahead_days.items()}
