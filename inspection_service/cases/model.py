"""The tables of cases and of evidence."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field

from inspection_service.model import Table
from youguan.tables import document, moment, text, whole


class Officer(Table, table=True):
    """Who holds an enforcement certificate."""

    __tablename__ = "officer"
    subject: str = text(key=True)
    name: str = text()
    certificate: str = text()
    valid_until: date


class CaseFile(Table, table=True):
    """A case as it stands; how it came there is in its history."""

    __tablename__ = "case_file"
    id: str = text(key=True)
    number: str = text()
    state: str = text()
    procedure: str | None = text(optional=True)
    item_id: str = text()
    party_kind: str = text()
    party_id: str | None = text(optional=True)
    party_name: str = text()
    site_id: str | None = text(optional=True)
    station_id: str | None = text(optional=True)
    task_id: str | None = text(optional=True)
    division_code: str | None = text(optional=True)
    act_on: date
    found_on: date
    opened_at: datetime = moment()
    opened_by: str = text()
    moved_at: datetime = moment()
    due_on: date | None
    period: str | None = text(optional=True)
    facts: dict[str, Any] = document()
    visit_id: str | None = text(optional=True)


class FinedAct(Table, table=True):
    """A case that has fined its act, and when: no other case fines the same act."""

    __tablename__ = "fined_act"
    case_id: str = text(key=True)
    decided_on: date


class CaseHistory(Table, table=True):
    """One move of a case with everything that was said; never changed."""

    __tablename__ = "case_history"
    case_id: str = text(key=True)
    place: int = whole(key=True)
    at: datetime = moment()
    actor: str = text()
    actor_name: str = text()
    role: str = text()
    command: str = text()
    previous: str | None = text(optional=True)
    state: str = text()
    reason: str = text()
    said: dict[str, Any] = document()
    document: str | None = text(optional=True)


class CaseUrging(Table, table=True):
    """That the end of a case's period was told; `stage`: soon, over."""

    __tablename__ = "case_urging"
    case_id: str = text(key=True)
    period: str = text(key=True)
    due_on: date = Field(primary_key=True)
    stage: str = text(key=True)
    told_at: datetime = moment()


class DocumentSeries(Table, table=True):
    """The last number given of a kind of document in a year."""

    __tablename__ = "document_series"
    kind: str = text(key=True)
    year: int = whole(key=True)
    last: int


class CaseDocument(Table, table=True):
    """A document as it was issued; never changed."""

    __tablename__ = "case_document"
    number: str = text(key=True)
    case_id: str = text()
    place: int
    kind: str = text()
    issued_at: datetime = moment()
    issued_by: str = text()
    content: dict[str, Any] = document()
    sha256: str = text()


class CasePrint(Table, table=True):
    """A document as it was printed when it was issued; never changed."""

    __tablename__ = "case_print"
    number: str = text(key=True)
    pdf: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sha256: str = text()


class Evidence(Table, table=True):
    """A link of a case's chain of evidence; `content` of what is no file on the shelf. Never changed."""

    __tablename__ = "evidence"
    case_id: str = text(key=True)
    place: int = whole(key=True)
    collected_at: datetime = moment()
    record: dict[str, Any] = document()
    content: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    hash: str = text()
    signature: str = text()


class EvidenceRoot(Table, table=True):
    """The root of all chains at the end of a day, as it was published; never changed."""

    __tablename__ = "evidence_root"
    day: date = Field(primary_key=True)
    record: dict[str, Any] = document()
    hash: str = text()
    signature: str = text()
