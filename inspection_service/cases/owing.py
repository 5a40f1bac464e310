"""What is owed of a decision: fine, confiscated gains, the surcharge of what is late, and what is to be given back. Pure."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction

from inspection_service.cases.file import Case, Facts
from inspection_service.cases.machine import State
from inspection_service.law.periods import periods


def owed_fen(case: Case, day: date) -> int:
    """Return what is still to be paid on a day, the surcharge with it (Art. 72, 73); less than nothing: more was paid than is owed,
    as where review has reduced the fine, or nothing is owed any more since the decision has fallen."""
    facts = case.facts
    if case.state == State.REVOKED:
        return -facts.kept_fen
    surcharge = surcharge_fen(case, day) if facts.pay_by is not None else 0
    return facts.payable_fen + surcharge - facts.kept_fen


def refund_fen(case: Case, day: date) -> int:
    """Return what is to be given back of what was paid (Art. 74)."""
    return max(-owed_fen(case, day), 0)


def surcharge_fen(case: Case, day: date) -> int:
    """Return the surcharge by a day: on every part of the fine for the days that it was late, and no more than the fine."""
    rate, facts = periods().surcharge, case.facts
    late = (rate.on(fen, due, until or day, facts.pauses) for fen, due, until in parts(facts))
    total = sum(late, Fraction(0))
    return int(min(total, rate.cap * facts.fine_fen))


def parts(facts: Facts) -> Iterator[tuple[int, date, date | None]]:
    """Yield the parts of a fine: how much, due when, paid when (None: not yet). What comes in pays what was due first, and the fine
    before what is confiscated, which bears no surcharge."""
    paid = deque(sorted(facts.paid, key=lambda payment: payment.on))
    left = facts.fine_fen
    for part in facts.schedule:
        owed = min(part.fen, left)
        left -= owed
        while owed and paid:
            payment = paid.popleft()
            taken = min(owed, payment.fen)
            yield taken, part.on, payment.on
            owed -= taken
            if taken < payment.fen:
                paid.appendleft(replace(payment, fen=payment.fen - taken))
        if owed:
            yield owed, part.on, None
