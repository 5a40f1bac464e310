"""The inspection service's tables."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from youguan.tables import document, moment, text, whole

METADATA = MetaData(schema="inspection")


class Table(SQLModel):
    """What the inspection service's tables share: one schema."""

    metadata = METADATA


class Site(Table, table=True):
    """A site, as the registry told it."""

    __tablename__ = "site"
    id: str = text(key=True)
    name: str = text()
    address: str = text()
    division_code: str | None = text(optional=True)
    division_name: str | None = text(optional=True)
    longitude: float
    latitude: float


class Responsibility(Table, table=True):
    """A line of a site's ledger, as the registry believes it now."""

    __tablename__ = "responsibility"
    site_id: str = text(key=True)
    place: int = whole(key=True)
    station_id: str | None = text(optional=True)
    role: str = text()
    organisation_id: str = text()
    organisation_name: str = text()
    since: datetime = moment()
    until: datetime | None = moment(optional=True)


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
