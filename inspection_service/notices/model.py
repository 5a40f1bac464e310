"""The tables of notices."""

from datetime import datetime
from typing import Any

from inspection_service.model import Table
from youguan.tables import document, moment, text, whole


class NoticeAddress(Table, table=True):
    """Where somebody is told: `recipient` is organisation/ID, team/ID, person/LOGIN, centre or counter.

    `alerts_from`: from which severity on alerts are told there too; none: no alerts.
    """

    __tablename__ = "notice_address"
    id: str = text(key=True)
    recipient: str = text()
    kind: str = text()
    address: str = text()
    added_at: datetime = moment()
    added_by: str = text()
    ended_at: datetime | None = moment(optional=True)
    alerts_from: str | None = text(optional=True)


class Notice(Table, table=True):
    """Something to be told at an address. `try_at`: when it is tried next; none: it was taken, or given up."""

    __tablename__ = "notice"
    id: str = text(key=True)
    address_id: str = text()
    words: str = text()
    path: str = text()
    event: dict[str, Any] = document()
    made_at: datetime = moment()
    tries: int = whole()
    try_at: datetime | None = moment(optional=True)
    taken_at: datetime | None = moment(optional=True)
    error: str | None = text(optional=True)
