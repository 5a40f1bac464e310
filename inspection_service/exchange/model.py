"""The table of cases that other organs have sent."""

from datetime import datetime
from typing import Any

from inspection_service.model import Table
from youguan.tables import document, moment, text


class ReceivedCase(Table, table=True):
    """A case as another organ sent it, and the lead that was opened for it; never changed."""

    __tablename__ = "received_case"
    organ: str = text(key=True)
    number: str = text(key=True)
    case_id: str = text()
    received_at: datetime = moment()
    content: dict[str, Any] = document()
