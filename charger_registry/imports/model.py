"""The tables of imports."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, LargeBinary
from sqlalchemy import text as sql
from sqlmodel import Field

from charger_registry.model import Table
from youguan import tables


class ImportUpload(Table, table=True):
    """A file that somebody brought to be imported, and what was decided; its content is kept until then."""

    __tablename__ = "import_upload"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    name: str = tables.text()
    sha256: str = tables.text()
    format: str = tables.text()
    crs: str | None = tables.text(optional=True)
    content: bytes | None = Field(sa_column=Column(LargeBinary))
    brought_by: str = tables.text()
    brought_at: datetime = tables.moment()
    plan: str = tables.text()
    counts: Any = tables.document()
    notes: Any = tables.document()
    state: str = tables.text()
    decided_at: datetime | None = tables.moment(optional=True)


class ImportLine(Table, table=True):
    """What becomes of a row of a file."""

    __tablename__ = "import_line"
    upload_id: int = tables.big(key=True)
    place: int = tables.whole(key=True)
    row: int = tables.whole()
    site_id: str = tables.text()
    name: str = tables.text()
    outcome: str = tables.text()
    field: str = tables.text()
    reason: str = tables.text()
    said: Any = tables.document(optional=True)
    changes: Any = tables.document()
    more: int = tables.whole(server_default=sql("0"))


class Duplicate(Table, table=True):
    """Two sites that may be one (`first` is the lower id): why, and what somebody decided."""

    __tablename__ = "duplicate"
    first: str = tables.text(key=True)
    second: str = tables.text(key=True)
    score: int = tables.whole()
    reasons: Any = tables.document()
    found_at: datetime = tables.moment()
    state: str = tables.text()
    decided_at: datetime | None = tables.moment(optional=True)
    decided_by: str | None = tables.text(optional=True)
    reason: str | None = tables.text(optional=True)
