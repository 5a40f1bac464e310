"""The tables of inspections."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, Identity, LargeBinary, Text
from sqlmodel import Field

from inspection_service.model import Table
from youguan.tables import document, moment, text, whole


def texts(*, optional: bool = False) -> Any:
    return Field(sa_column=Column(ARRAY(Text), nullable=optional))


def counted() -> Any:
    return Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))


class Plan(Table, table=True):
    """What is to be looked at, by whom, within which days; never changed."""

    __tablename__ = "plan"
    id: str = text(key=True)
    number: str = text()
    kind: str = text()
    title: str = text()
    departments: list[str] = texts()
    division_code: str | None = text(optional=True)
    starts_on: date
    ends_on: date
    reason: str = text()
    made_at: datetime = moment()
    made_by: str = text()


class PlanItem(Table, table=True):
    """A point that a plan covers; never changed."""

    __tablename__ = "plan_item"
    plan_id: str = text(key=True)
    place: int = whole(key=True)
    department: str = text()
    point: str = text()
    item_id: str = text()


class Draw(Table, table=True):
    """Among whom a plan draws, frozen before there is a seed. `people`: whose the certificates of the pool are; not published."""

    __tablename__ = "draw"
    plan_id: str = text(key=True)
    pool: dict[str, Any] = document()
    pool_sha256: str = text()
    people: dict[str, str] = document()


class Drawn(Table, table=True):
    """What was drawn, with the seed; once and for all."""

    __tablename__ = "drawn"
    plan_id: str = text(key=True)
    seed: str = text()
    drawn: dict[str, Any] = document()
    drawn_at: datetime = moment()
    drawn_by: str = text()


class Visit(Table, table=True):
    """One check at one premises; `code` is its 行政行为码."""

    __tablename__ = "visit"
    id: str = text(key=True)
    code: str = text()
    plan_id: str | None = text(optional=True)
    channel: str = text()
    state: str = text()
    site_id: str | None = text(optional=True)
    premises_name: str = text()
    premises_address: str = text()
    division_code: str | None = text(optional=True)
    departments: list[str] = texts()
    officers: list[str] = texts()
    reason: str = text()
    planned_for: date
    planned_at: datetime = moment()
    planned_by: str = text()
    moved_at: datetime = moment()
    began_at: datetime | None = moment(optional=True)
    finished_at: datetime | None = moment(optional=True)
    finished_by: str | None = text(optional=True)
    confirmed_at: datetime | None = moment(optional=True)
    confirmed_by: str | None = text(optional=True)
    latitude: float | None
    longitude: float | None
    rights_told: bool


class VisitReplacement(Table, table=True):
    """An officer who could not go or go on, and who came for him; never changed."""

    __tablename__ = "visit_replacement"
    visit_id: str = text(key=True)
    number: int = whole(key=True)
    leaves: str = text()
    comes: str = text()
    reason: str = text()
    at: datetime = moment()
    replaced_by: str = text()
    passed_over: list[str] | None = texts(optional=True)


class VisitPoint(Table, table=True):
    """What is looked at, as the checklist said when the visit was planned; never changed."""

    __tablename__ = "visit_point"
    visit_id: str = text(key=True)
    place: int = whole(key=True)
    department: str = text()
    point: str = text()
    item_id: str = text()
    text_en: str = text()
    text: str = text()


class VisitResult(Table, table=True):
    """What was noted at a point; never changed, the newest counts."""

    __tablename__ = "visit_result"
    visit_id: str = text(key=True)
    number: int = whole(key=True)
    place: int
    key: str = text()
    result: str = text()
    note: str = text()
    at: datetime = moment()
    noted_by: str = text()
    latitude: float | None
    longitude: float | None


class VisitPiece(Table, table=True):
    """A photo, a still or an extract that belongs to a visit; never changed."""

    __tablename__ = "visit_piece"
    visit_id: str = text(key=True)
    number: int = whole(key=True)
    key: str = text()
    place: int | None
    kind: str = text()
    title: str = text()
    source: dict[str, Any] = document()
    sha256: str = text()
    size_bytes: int
    media_type: str = text()
    name: str = text()
    content: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    at: datetime = moment()
    added_by: str = text()
    latitude: float | None
    longitude: float | None


class VisitRecord(Table, table=True):
    """The record of a finished visit (现场检查笔录); never changed."""

    __tablename__ = "visit_record"
    visit_id: str = text(key=True)
    number: str = text()
    content: dict[str, Any] = document()
    sha256: str = text()
    issued_at: datetime = moment()


class OfficerInterest(Table, table=True):
    """An organisation with which an officer has to do otherwise: he is not drawn for its sites."""

    __tablename__ = "officer_interest"
    id: int = counted()
    subject: str = text()
    organisation_id: str = text()
    reason: str = text()
    declared_at: datetime = moment()
    declared_by: str = text()
    ended_at: datetime | None = moment(optional=True)


class ReportEntry(Table, table=True):
    """What the annual report tells and no record holds: entered by hand, with its source."""

    __tablename__ = "report_entry"
    id: int = counted()
    kind: str = text()
    on: date
    title: str = text()
    count: int
    source: str = text()
    noted_at: datetime = moment()
    noted_by: str = text()
    withdrawn_at: datetime | None = moment(optional=True)
    withdrawn_by: str | None = text(optional=True)
