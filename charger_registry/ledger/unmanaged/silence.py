"""When a manager counts as silent: no answer to so many tasks, or no contact for so many days. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from youguan.clock import COUNTY


@dataclass(frozen=True, slots=True)
class Thresholds:
    """After how many tasks without an answer, and after how many days without contact, a manager is silent."""

    unanswered_tasks: int
    days_without_contact: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A task that was given to the manager: by when it was due, whether it was answered, and when it was closed."""

    opened_at: datetime
    due_on: date | None
    answered_at: datetime | None
    closed_at: datetime | None

    @property
    def overdue_at(self) -> datetime | None:
        """Return when its last day was over."""
        if self.due_on is None:
            return None
        return datetime.combine(self.due_on + timedelta(days=1), time(), COUNTY)

    def unanswered_at(self, now: datetime) -> datetime | None:
        """Return since when it has been without an answer in time; what closed before it was due asked for none."""
        overdue = self.overdue_at
        if self.answered_at is not None or overdue is None or overdue > now:
            return None
        return overdue if self.closed_at is None or self.closed_at >= overdue else None


@dataclass(frozen=True, slots=True)
class Contact:
    """What was heard of a site and its manager.

    `heard_at`: when one of the stations was heard last, None: never, or nothing is to be heard as the site does not operate, which
    says nothing. `operating_since`: when the site began to operate, or began anew. `noted_at`: when somebody noted that the manager
    answers.
    """

    heard_at: datetime | None = None
    operating_since: datetime | None = None
    noted_at: datetime | None = None
    asked: tuple[Asked, ...] = ()


def silent_since(contact: Contact, managing_since: datetime, limits: Thresholds, now: datetime) -> datetime | None:
    """Return since when a manager has been silent, or None. Whatever he answered last begins the reckoning anew."""
    answered = [asked.answered_at for asked in contact.asked if asked.answered_at is not None]
    noted = [contact.noted_at] if contact.noted_at is not None else []
    beginning = max([managing_since, *(moment for moment in (*answered, *noted) if moment <= now)])
    unanswered = _unanswered(contact.asked, beginning, now)
    found = unanswered[limits.unanswered_tasks - 1 : limits.unanswered_tasks]
    if contact.heard_at is not None:
        expected_since = max(beginning, contact.operating_since or beginning)
        out_of_contact = max(contact.heard_at, expected_since) + timedelta(days=limits.days_without_contact)
        found += [out_of_contact] if out_of_contact <= now else []
    return min(found, default=None)


def _unanswered(asked: Iterable[Asked], beginning: datetime, now: datetime) -> list[datetime]:
    since = [task.unanswered_at(now) for task in asked if task.opened_at >= beginning]
    return sorted(moment for moment in since if moment is not None)
