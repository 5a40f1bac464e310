"""What is due of publication: a decision to be shown, or one that no longer stands to be taken back, each by its day. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from inspection_service.cases.file import CHANGED, ILLEGAL, REVOKED
from inspection_service.law.periods import periods

PUBLISH, WITHDRAW = "publish", "withdraw"
FALLS = (CHANGED, REVOKED, ILLEGAL)  # outcomes of review and litigation after which a decision is not as it was shown


@dataclass(frozen=True, slots=True)
class Due:
    """What somebody has to do about a decision, and the last day for it."""

    act: str
    due_on: date
    row: Mapping[str, Any]

    def overdue(self, day: date) -> bool:
        return self.due_on < day


def due(rows: Iterable[Mapping[str, Any]]) -> list[Due]:
    """Return what is to be done about rows of decisions, what is due first first; `fell_on`: when a decision stood no more."""
    return sorted((found for row in rows if (found := _due(row))), key=lambda each: each.due_on)


def _due(row: Mapping[str, Any]) -> Due | None:
    if row["fell_on"] is not None:  # to be taken back within three working days (Art. 48), and no longer to be shown
        last = periods()["withdrawal"].last_day(row["fell_on"])
        return Due(WITHDRAW, last, row) if last is not None and row["state"] == "published" else None
    return Due(PUBLISH, row["due_on"], row) if row["state"] == "to_check" and row["due_on"] else None
