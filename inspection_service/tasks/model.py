"""The tables of tasks."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Column, Text
from sqlmodel import Field

from inspection_service.model import Table
from youguan.tables import big, document, moment, text, whole


class Team(Table, table=True):
    """An inspectors' team and its district: codes of divisions, or their beginnings."""

    __tablename__ = "team"
    id: str = text(key=True)
    name: str = text()
    divisions: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))


class Series(Table, table=True):
    """The last number given in a year."""

    __tablename__ = "series"
    year: int = whole(key=True)
    last: int


class Task(Table, table=True):
    """Work for a party or a team; of those not closed at most one for each cause and subject.

    `fires`: what raised it still says that it is so. `urged`: how far it has come up (`urging.Stage`); `urge_at`: when the next
    hears. `awaiting`: what is to prove that it is mended. `request`: what the party has asked for and nobody has decided yet.
    `closed_by`: the command that closed it.
    """

    __tablename__ = "task"
    id: str = text(key=True)
    number: str = text()
    origin: str = text()
    cause: str = text()
    subject: str = text()
    alert_id: str | None = text(optional=True)
    severity: str = text()
    state: str = text()
    fires: bool
    site_id: str | None = text(optional=True)
    station_id: str | None = text(optional=True)
    connector: int | None = whole(optional=True)
    division_code: str | None = text(optional=True)
    assignee_id: str = text()
    assignee_name: str = text()
    assignee_role: str = text()
    team_id: str = text()
    team_name: str = text()
    occurred_at: datetime = moment()
    opened_at: datetime = moment()
    due_at: datetime = moment()
    urged: int = whole()
    urge_at: datetime | None = moment(optional=True)
    moved_at: datetime = moment()
    mended_by: str | None = text(optional=True)
    awaiting: str | None = text(optional=True)
    await_until: datetime | None = moment(optional=True)
    probe_id: str | None = text(optional=True)
    verify_until: datetime | None = moment(optional=True)
    holding_left: timedelta | None
    time_asked: bool
    request: dict[str, Any] | None = document(optional=True)
    reopened: int = whole()
    merged_into: str | None = text(optional=True)
    closed_at: datetime | None = moment(optional=True)
    closed_by: str | None = text(optional=True)
    details: dict[str, Any] = document()


class UnheardStation(Table, table=True):
    """A station that is not connected or has fallen silent: while it is, nothing is proved by its silence."""

    __tablename__ = "unheard_station"
    station_id: str = text(key=True)
    since: datetime = moment()


class UnavailableConnector(Table, table=True):
    """A connector (0: its whole station) that is out of service: while it is, it does not show that it is in order."""

    __tablename__ = "unavailable_connector"
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    since: datetime = moment()


class TaskHistory(Table, table=True):
    """One move of a task; never changed. `role`: as what `actor` made it; where he stood, WGS-84; `given_to`: whom or which team
    it was given, or asked to be given, by name; `taken_from`: whose it was until then, where it became another's."""

    __tablename__ = "task_history"
    task_id: str = text(key=True)
    place: int = whole(key=True)
    at: datetime = moment()
    actor: str = text()
    command: str = text()
    previous: str | None = text(optional=True)
    state: str = text()
    reason: str = text()
    role: str = text()
    latitude: float | None
    longitude: float | None
    given_to: str | None = text(optional=True)
    taken_from: str | None = text(optional=True)


class TaskPaper(Table, table=True):
    """A document or photo that was brought with a move; never changed."""

    __tablename__ = "task_paper"
    task_id: str = text(key=True)
    place: int = whole(key=True)
    number: int = whole(key=True)
    sha256: str = text()
    size_bytes: int = big()
    media_type: str = text()
    name: str = text()
