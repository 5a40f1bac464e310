"""The table of public reports."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Identity, LargeBinary
from sqlmodel import Field

from inspection_service.model import Table
from youguan.tables import moment, text


class PublicReport(Table, table=True):
    """What somebody reported, without who that was; its words and photo are erased some time after its task was closed."""

    __tablename__ = "public_report"
    receipt: str = text(key=True)
    token: str | None = text(optional=True)
    task_id: str = text()
    matter: str = text()
    said: str = text()
    received_at: datetime = moment()
    photo_type: str | None = text(optional=True)
    photo: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    erased_at: datetime | None = moment(optional=True)


class PublicTry(Table, table=True):
    """That somebody reported or looked, by a hash of what is counted; forgotten after some minutes."""

    __tablename__ = "public_try"
    number: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key: str = text()
    at: datetime = moment()
