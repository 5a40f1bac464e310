"""The tables of file reviews."""

from datetime import date, datetime
from typing import Any

from inspection_service.model import Table
from youguan.tables import document, moment, text, whole


class FileReview(Table, table=True):
    """A review: from which list, by which seed; never changed."""

    __tablename__ = "file_review"
    id: str = text(key=True)
    name: str = text()
    first_day: date
    last_day: date
    seed: str = text()
    numbers: list[str] = document()
    fingerprint: str = text()
    people: list[str] = document()
    ordered_by: str = text()
    ordered_at: datetime = moment()


class ReviewedFile(Table, table=True):
    """A file that was drawn, who reviews it, and what it is.

    `reviewers`: the two, who are to score until `score_until`, and the third where there is one, drawn from `third_from`, who is to
    score until `third_until`. `replaced`: who did not in his time, with his `successor`, `drawn_from` whom, and his `until`.
    `told`: of what those who are to score were told: drawn, or soon over.
    """

    __tablename__ = "reviewed_file"
    review_id: str = text(key=True)
    case_id: str = text(key=True)
    place: int = whole()
    reviewers: list[str] = document()
    total: int | None = whole(optional=True)
    grade: str | None = text(optional=True)
    settled_by: str | None = text(optional=True)
    reason: str = text()
    third_from: list[str] | None = document(optional=True)
    third_until: date | None
    rule: str | None = text(optional=True)
    graded_at: datetime | None = moment(optional=True)
    score_until: date | None
    replaced: list[dict[str, Any]] = document()
    told: str | None = text(optional=True)


class FileScore(Table, table=True):
    """What one reviewer found of a file; never changed."""

    __tablename__ = "file_score"
    review_id: str = text(key=True)
    case_id: str = text(key=True)
    reviewer: str = text(key=True)
    marks: dict[str, Any] = document()
    remarks: str = text()
    total: int = whole()
    vetoed: list[str] = document()
    at: datetime = moment()
