"""The tables of tasks."""

from datetime import date, datetime, timedelta
from typing import Any

from inspection_service.model import Table
from youguan.tables import document, moment, text, whole


class MendingPeriod(Table, table=True):
    """How many days there are to mend, by severity."""

    __tablename__ = "mending_period"
    severity: str = text(key=True)
    days: int


class Reopening(Table, table=True):
    """How soon after closing the same fault opens the same task again."""

    __tablename__ = "reopening"
    cause: str = text(key=True)
    within_s: int


class Series(Table, table=True):
    """The last number given in a year."""

    __tablename__ = "series"
    year: int = whole(key=True)
    last: int


class Task(Table, table=True):
    """Work for a party or a team; of those not closed at most one for each cause and subject."""

    __tablename__ = "task"
    id: str = text(key=True)
    number: str = text()
    cause: str = text()
    subject: str = text()
    alert_id: str = text()
    severity: str = text()
    state: str = text()
    site_id: str | None = text(optional=True)
    station_id: str | None = text(optional=True)
    connector: int | None = whole(optional=True)
    division_code: str | None = text(optional=True)
    assignee_id: str = text()
    assignee_name: str = text()
    assignee_role: str = text()
    occurred_at: datetime = moment()
    opened_at: datetime = moment()
    due_on: date | None
    moved_at: datetime = moment()
    verify_until: datetime | None = moment(optional=True)
    holding_left: timedelta | None
    closed_at: datetime | None = moment(optional=True)
    details: dict[str, Any] = document()


class UnheardStation(Table, table=True):
    """A station that is not connected or has fallen silent: while it is, nothing is proved by its silence."""

    __tablename__ = "unheard_station"
    station_id: str = text(key=True)
    since: datetime = moment()


class TaskHistory(Table, table=True):
    """One move of a task; never changed."""

    __tablename__ = "task_history"
    task_id: str = text(key=True)
    place: int = whole(key=True)
    at: datetime = moment()
    actor: str = text()
    command: str = text()
    previous: str | None = text(optional=True)
    state: str = text()
    reason: str = text()
