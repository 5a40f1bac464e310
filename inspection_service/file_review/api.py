"""/api/inspection: file reviews."""

from datetime import date, datetime
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from inspection_service.file_review import store
from inspection_service.file_review.desk import FileReviewDesk, Order
from inspection_service.file_review.people import RegistryPeople, check_chosen
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_county, shown_again
from youguan.web.times import UtcTime

Subject = Annotated[str, Field(min_length=1, max_length=100)]


class ReviewWish(BaseModel):
    """What is reviewed: files archived from `first` to `last`, by people of whom two are drawn for each file."""

    name: str = Field(min_length=1, max_length=200)
    first: date
    last: date
    count: int = Field(ge=1, le=500)
    people: list[Subject] = Field(min_length=2, max_length=100)
    seed: str = Field(default="", max_length=200)


class ReviewOut(BaseModel):
    """A review: whoever ranks `numbers` by the SHA-256 of seed and number, a line each, draws the same files.

    `to_score`: of how many whoever asks has still to score.
    """

    id: str
    name: str
    first_day: date
    last_day: date
    seed: str
    fingerprint: str
    ordered_by: str
    ordered_at: UtcTime
    files: int
    graded: int
    ungraded: int
    excellent: int
    to_score: int


class Replaced(BaseModel):
    """Who had not scored a file `until` his day, and who took his place.

    The SHA-256 of seed, number and the successor's name, a line each, is the least of `drawn_from`.
    """

    reviewer: str
    successor: str
    drawn_from: list[str]
    until: date


class FileOut(BaseModel):
    """A file that was drawn; `grade`: excellent, passed, failed, or ungraded where it was closed without one; null while it waits.

    `reviewers`: two, who may score until `score_until`, and a third where their scores lie apart: whose SHA-256 of seed, number and
    name, a line each, is the least of `third_from`; he may score until `third_until`. `rule`: mean of two that agree, middle of
    three, stricter of two where there is no third; unscored: two did not score it in their time, and nobody is left; settled: by
    the regulator whom `settled_by` names, before there was a third.
    """

    case_id: str
    number: str
    place: int
    reviewers: list[str]
    score_until: date | None
    replaced: list[Replaced]
    third_from: list[str] | None
    third_until: date | None
    scores: int
    total: int | None
    grade: str | None
    rule: str | None
    settled_by: str | None
    reason: str


class ReviewWithFiles(BaseModel):
    """A review with the list that was drawn from and the files that were."""

    id: str
    name: str
    seed: str
    fingerprint: str
    numbers: list[str]
    people: list[str]
    files: list[FileOut]


class Marks(BaseModel):
    """Points by the table's lines."""

    marks: dict[str, int]
    remarks: str = Field(default="", max_length=2000)


def members(row: asyncpg.Record, model: type[BaseModel]) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields}


def file_out(row: asyncpg.Record) -> FileOut:
    return FileOut(**{**dict(row), "scores": len(row["scored_by"])})


def people_for(request: Request, base_url: str) -> RegistryPeople:
    """Return whom the registry knows, as whoever asks may see it."""
    return RegistryPeople(base_url, shown_again(request))


def add_file_reviews(app: FastAPI, desk: FileReviewDesk, base_url: str) -> None:
    """Add file reviews to /api/inspection; `base_url`: where the registry is asked who may review."""
    official, county = require(*OFFICIALS), require_county(REGULATOR)

    @app.get("/file-reviews")
    async def reviews(
        who: Annotated[Principal, Depends(official)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ReviewOut]:
        """List reviews, newest first: the county's officials see all, others those in which they review."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            before = (key[0], key[1]) if key else None
            rows = await store.reviews(connection, before, limit, who.subject, own=not who.scope.everything)
        return Page(
            items=[ReviewOut(**members(row, ReviewOut)) for row in rows],
            next=next_cursor(rows, limit, "ordered_at", "id"),
        )

    @app.post("/file-reviews", status_code=201)
    async def order(request: Request, wish: ReviewWish, who: Annotated[Principal, Depends(county)]) -> ReviewWithFiles:
        """Draw files and who reviews them: of officials whose account is active."""
        check_chosen(wish.people, await people_for(request, base_url).officials())
        return await read(who, await desk.order(who, Order(**wish.model_dump())))

    async def read(who: Principal, review_id: str) -> ReviewWithFiles:
        async with desk.pool.acquire() as connection:
            row = await desk.see(connection, who, review_id)
            files = await store.files(connection, review_id)
        shown = {name: row[name] for name in ReviewWithFiles.model_fields if name != "files"}
        return ReviewWithFiles(**shown, files=[file_out(each) for each in files])

    @app.get("/file-reviews/{review_id}")
    async def review(review_id: str, who: Annotated[Principal, Depends(official)]) -> ReviewWithFiles:
        """Return a review with its draw and its files."""
        return await read(who, review_id)

    @app.post("/file-reviews/{review_id}/files/{case_id}/scores", status_code=201)
    async def give(review_id: str, case_id: str, marks: Marks, who: Annotated[Principal, Depends(official)]) -> FileOut:
        """Put down what one of its reviewers found."""
        return file_out(await desk.give(who, review_id, case_id, marks.marks, marks.remarks))
