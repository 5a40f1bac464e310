"""What a regulator changes of the rules of filings, and what he may not: terms, and what is asked of each paper. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from youguan.errors import FieldError, Invalid, Reason

TERMS = ("answer", "decision", "supplement", "promise", "lapse", "grace", "unsupplied", "restore")
MOST_DAYS, MOST_WARNING_DAYS = 365, 365
# A commitment stands in for no paper that says whether people are safe (the State Council's rules on 告知承诺, 国办发〔2020〕42号).
SAFETY = ("fire_acceptance", "electrical_acceptance")


@dataclass(frozen=True, slots=True)
class TermRule:
    """How long something may take from a day on: working days, but the grace period in months."""

    name: str
    amount: int
    valid_from: date


@dataclass(frozen=True, slots=True)
class DocumentRule:
    """What is asked of a kind of paper from a day on; `lapses`: a file lapses on which it was promised and not brought,
    `lapses_by_itself`: with time alone, no official deciding.
    """

    code: str
    valid_from: date
    required: bool
    promisable: bool
    expires: bool
    warning_days: int
    lapses: bool = True
    lapses_by_itself: bool = False


def check_term(rule: TermRule, today: date) -> None:
    """Refuse a term that cannot be, or that would change what was due already; Invalid by field."""
    wrong = list(_not_past(rule.valid_from, today))
    if rule.name not in TERMS:
        wrong.append(FieldError("name", Reason("is none of: {codes}", codes=", ".join(TERMS))))
    if not 1 <= rule.amount <= MOST_DAYS:
        wrong.append(FieldError("amount", Reason("is no number from {least} to {most}", least=1, most=MOST_DAYS)))
    if wrong:
        raise Invalid.of(*wrong)


def check_document(rule: DocumentRule, today: date) -> None:
    """Refuse what may not be asked, or not from then on; Invalid by field."""
    wrong = list(_not_past(rule.valid_from, today))
    if rule.promisable and rule.code in SAFETY:
        wrong.append(FieldError("promisable", Reason("is about safety: such a paper must be there")))
    if not 0 <= rule.warning_days <= MOST_WARNING_DAYS:
        most = Reason("is no number from {least} to {most}", least=0, most=MOST_WARNING_DAYS)
        wrong.append(FieldError("warning_days", most))
    if wrong:
        raise Invalid.of(*wrong)


def _not_past(valid_from: date, today: date) -> Iterator[FieldError]:
    if valid_from <= today:
        yield FieldError("valid_from", Reason("must lie in the future"))
