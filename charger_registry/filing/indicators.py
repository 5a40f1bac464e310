"""The programme's indicators of filings, as functions of what is on record. Definitions with examples: docs/filing.md. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

GOOD_RATING = 3  # of 5: "basically satisfied" and better, as the national good-bad rating counts (国办发〔2019〕51号)


@dataclass(frozen=True, slots=True)
class Handled:
    """A filing that was submitted; days are the county's. `decision_due_on` None: it waits for the applicant."""

    online: bool
    answered_on: date | None
    answer_due_on: date
    decided_on: date | None
    decision_due_on: date | None
    rating: int | None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    of: int

    @property
    def percent(self) -> float | None:
        """Return the share in percent with one decimal; None of none."""
        return round(100 * self.count / self.of, 1) if self.of else None


@dataclass(frozen=True, slots=True)
class Indicators:
    """The four shares of a period."""

    online: Share
    timely_acceptance: Share
    on_time_completion: Share
    satisfaction: Share


def indicators(filings: Iterable[Handled], today: date) -> Indicators:
    """Return the indicators of the filings that were submitted in a period, as of a day."""
    handled = list(filings)
    ratings = [filing.rating for filing in handled if filing.rating is not None]
    return Indicators(
        Share(sum(filing.online for filing in handled), len(handled)),
        _in_time([(f.answered_on, f.answer_due_on) for f in handled if f.answered_on or not f.withdrawn], today),
        _in_time([(f.decided_on, f.decision_due_on) for f in handled if not f.withdrawn], today),
        Share(sum(rating >= GOOD_RATING for rating in ratings), len(ratings)),
    )


def _in_time(pairs: list[tuple[date | None, date | None]], today: date) -> Share:
    """Count what was done in time, of what was done or should have been; what is not due yet counts nowhere."""
    done = [(on, due) for on, due in pairs if on is not None]
    late = [due for on, due in pairs if on is None and due is not None and due < today]
    return Share(sum(due is None or on <= due for on, due in done), len(done) + len(late))
