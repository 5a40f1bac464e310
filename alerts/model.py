"""The alerts' tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from youguan.tables import document, moment, text, whole

METADATA = MetaData(schema="alerts")


class Table(SQLModel):
    """What the alerts' tables share: one schema."""

    metadata = METADATA


class Rule(Table, table=True):
    """A rule; it fires when its condition has held for `for_s` seconds, and then opens a task or does not.

    `quiet_s`: nothing says when its condition is over, so it is when it has not been heard of for so long.
    """

    __tablename__ = "rule"
    name: str = text(key=True)
    severity: str = text()
    for_s: int = whole()
    enabled: bool
    version: int
    opens_task: bool
    quiet_s: int | None = whole(optional=True)


class DangerousError(Table, table=True):
    """An error code that is a danger to people."""

    __tablename__ = "dangerous_error"
    code: str = text(key=True)


class StationSite(Table, table=True):
    """Which site a station belongs to and how many connectors it has, as the registry told it."""

    __tablename__ = "station_site"
    station_id: str = text(key=True)
    site_id: str = text()
    connectors: int = whole()


class Alert(Table, table=True):
    """A rule holding for one subject; of those not resolved at most one for each."""

    __tablename__ = "alert"
    id: str = text(key=True)
    rule: str = text()
    subject: str = text()
    state: str = text()
    severity: str = text()
    site_id: str | None = text(optional=True)
    station_id: str | None = text(optional=True)
    connector: int | None = whole(optional=True)
    since: datetime = moment()
    raised_at: datetime | None = moment(optional=True)
    resolved_at: datetime | None = moment(optional=True)
    acknowledged_at: datetime | None = moment(optional=True)
    acknowledged_by: str | None = text(optional=True)
    details: dict[str, Any] = document()
    recorded_at: datetime = moment()
    heard_at: datetime | None = moment(optional=True)
