"""Who may do what to the evidence of a case, and until when. Pure.

Its officers collect and confirm. What monitoring equipment recorded is reviewed by a legal reviewer, of any level, who never was
one of them: whether it holds as evidence is a question of law (Art. 41, 58), who gathered it does not judge it, and the head of
the organ decides on what others have judged.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from inspection_service.cases.machine import ENDED, State
from inspection_service.wording import REFUSED
from youguan.auth import INSPECTOR, REVIEWER, Principal
from youguan.errors import Conflict, Forbidden, Reason


class Deed(StrEnum):
    """What is done to evidence; each adds a link to the chain."""

    COLLECT = "collect"
    CONFIRM = "confirm"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a case decides that: `investigators`: everybody who ever was one of its officers."""

    state: State
    officers: Collection[str]
    investigators: Collection[str]
    interested: Collection[str]


def refuse(deed: Deed, case: Standing, who: Principal) -> None:
    """Raise Forbidden for whom a deed is not, Conflict where the case has ended."""
    if deed == Deed.REVIEW:
        _refuse_reviewer(case, who)
    elif not who.has(INSPECTOR) or who.subject not in case.officers:
        raise Forbidden("evidence is collected by the officers of the case")
    if who.subject in case.interested:
        raise Forbidden(REFUSED["interested"])
    if case.state in ENDED:
        raise Conflict(Reason("a case that is {state} takes no evidence", state=case.state))


def _refuse_reviewer(case: Standing, who: Principal) -> None:
    if not who.has(REVIEWER) or not who.level:
        raise Forbidden("what equipment recorded is reviewed by a legal reviewer (Art. 41)")
    if who.subject in (*case.officers, *case.investigators):
        raise Forbidden(REFUSED["kept_apart"])


def may(deed: Deed, case: Standing, who: Principal) -> bool:
    """Say whether nothing stands against a deed."""
    try:
        refuse(deed, case, who)
    except (Conflict, Forbidden):
        return False
    return True
