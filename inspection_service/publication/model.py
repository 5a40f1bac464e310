"""The table of what is published of decisions."""

from datetime import date, datetime
from typing import Any

from inspection_service.model import Table
from youguan.tables import document, moment, text, whole


class Publication(Table, table=True):
    """What is published of a decision; one that review or a court has changed is another version."""

    __tablename__ = "publication"
    id: str = text(key=True)
    case_id: str = text()
    version: int = whole()
    number: str = text()
    state: str = text()
    rule: str = text()
    decided_on: date
    due_on: date | None
    notice: dict[str, Any] | None = document(optional=True)
    names: list[str] = document()
    checked_by: str | None = text(optional=True)
    published_at: datetime | None = moment(optional=True)
    shown_until: date | None
    reason: str = text()
    changed_at: datetime = moment()
