"""The tables of filings."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from charger_registry.model import Table
from youguan.tables import big, document, moment, text, whole


class FilingTerm(Table, table=True):
    """How long something may take from a day on: working days, but months of grace."""

    __tablename__ = "filing_term"
    name: str = text(key=True)
    valid_from: date = Field(primary_key=True)
    amount: int


class DocumentType(Table, table=True):
    """A kind of paper."""

    __tablename__ = "document_type"
    code: str = text(key=True)
    place: int
    name: str = text()
    name_en: str = text()


class DocumentRule(Table, table=True):
    """What is asked of a kind of paper from a day on; `warning_days` before it expires its holder is told.

    `lapses`: a file lapses on which it was promised and not brought, `lapses_by_itself`: with time alone, no official deciding."""

    __tablename__ = "document_rule"
    code: str = text(key=True)
    valid_from: date = Field(primary_key=True)
    required: bool
    promisable: bool
    expires: bool
    warning_days: int
    lapses: bool = Field(default=True, sa_column_kwargs={"server_default": sql("true")})
    lapses_by_itself: bool = Field(default=False, sa_column_kwargs={"server_default": sql("false")})


class FilingSeries(Table, table=True):
    """The last number given in a year."""

    __tablename__ = "filing_series"
    year: int = whole(key=True)
    last: int


class Filing(Table, table=True):
    """The file of a site; `due_on`: when whoever has the next word must have said it.

    `lapse_due_since`: since when an official is to decide whether it lapses; `told_due_on`: of which day it was told that it has
    passed."""

    __tablename__ = "filing"
    id: str = text(key=True)
    number: str | None = text(optional=True)
    channel: str = text()
    organisation_id: str = text()
    site_id: str | None = text(optional=True)
    state: str = text()
    name: str = text()
    division_code: str = text()
    content: dict[str, Any] = document()
    created_at: datetime = moment()
    created_by: str = text()
    moved_at: datetime = moment()
    due_on: date | None
    submitted_at: datetime | None = moment(optional=True)
    answered_at: datetime | None = moment(optional=True)
    answer_due_on: date | None
    decision_due_on: date | None
    decision_days_left: int | None
    asked_for: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=sql("'{}'")))
    asked_at: datetime | None = moment(optional=True)
    asked_why: str | None = text(optional=True)
    decided_at: datetime | None = moment(optional=True)
    suspended_by: str | None = text(optional=True)
    started_on: date | None
    rating: int | None
    rating_comment: str | None = text(optional=True)
    rated_at: datetime | None = moment(optional=True)
    lapse_due_since: date | None
    told_due_on: date | None


class FilingDocument(Table, table=True):
    """A paper of a filing; what is ended stays on record. `standing`: counts, waiting for the authority, or refused by it."""

    __tablename__ = "filing_document"
    id: str = text(key=True)
    filing_id: str = text()
    type: str = text()
    number: str = text()
    valid_from: date | None
    valid_until: date | None
    replaces: str | None = text(optional=True)
    sha256: str = text()
    size_bytes: int = big()
    media_type: str = text()
    name: str = text()
    added_at: datetime = moment()
    added_by: str = text()
    ended_at: datetime | None = moment(optional=True)
    ended_by: str | None = text(optional=True)
    told: str | None = text(optional=True)
    standing: str = Field(sa_column=Column(Text, nullable=False, server_default=sql("'counts'")))
    judged_at: datetime | None = moment(optional=True)
    judged_by: str | None = text(optional=True)
    judged_why: str | None = text(optional=True)


class FilingPromise(Table, table=True):
    """A paper that was promised when the filing was accepted without it."""

    __tablename__ = "filing_promise"
    filing_id: str = text(key=True)
    type: str = text(key=True)
    due_on: date
    promised_at: datetime = moment()
    kept_at: datetime | None = moment(optional=True)
    told_at: datetime | None = moment(optional=True)


class FilingHistory(Table, table=True):
    """One step of a filing; never changed."""

    __tablename__ = "filing_history"
    filing_id: str = text(key=True)
    place: int = whole(key=True)
    at: datetime = moment()
    actor: str = text()
    role: str = text()
    command: str = text()
    previous: str | None = text(optional=True)
    state: str = text()
    reason: str = text()
    content: dict[str, Any] | None = document(optional=True)
    document_number: str | None = text(optional=True)


class GracePeriod(Table, table=True):
    """For how long a new site is guided before anything else; `told`: what was said of its end (ending, ended)."""

    __tablename__ = "grace_period"
    site_id: str = text(key=True)
    filing_id: str = text()
    since: date
    until: date
    told: str | None = text(optional=True)
