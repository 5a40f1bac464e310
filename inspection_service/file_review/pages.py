"""The pages of file reviews: all of them, one with its draw, and a file with the table of points."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.file_review import store
from inspection_service.file_review.api import Subject, people_for
from inspection_service.file_review.desk import FileReviewDesk, Order
from inspection_service.file_review.people import Person, RegistryPeople, check_chosen
from inspection_service.file_review.scoring import table
from inspection_service.law.catalogue import Catalogue
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import NotFound, Unavailable, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require, require_county
from youguan.web.templates import Templates

PAGE = 50
RULES = {
    "mean": "两份评分一致：取平均分",
    "middle": "三份评分：取中间分，两人认定的一票否决成立",
    "stricter": "无人可以复评或者逾期未评：从严取较低分，一人认定的一票否决成立",
    "settled": "由县级监管员裁定",
    "unscored": "逾期未评且无人可以接替：结案，不评等次",
}
GRADES = {
    "excellent": ("good", "优秀案卷"),
    "passed": ("", "合格"),
    "failed": ("bad", "不合格"),
    "ungraded": ("", "未评定"),
}


def file_review_pages(desk: FileReviewDesk, catalogue: Catalogue, templates: Templates, base_url: str) -> APIRouter:
    """Return /file-reviews."""
    router = Router(prefix="/file-reviews")
    _add_list(router, desk, templates, base_url)
    _add_one(router, desk, catalogue, templates)
    return router


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who may be chosen; `parts`: how many of the files he is kept off, `all_of_them`: so that he can review none."""

    person: Person
    parts: int
    all_of_them: bool


async def _choices(
    desk: FileReviewDesk, people: RegistryPeople, first: date, last: date
) -> tuple[list[Choice], Unavailable | None]:
    """Return who may be chosen, and where the registry cannot be asked now, that."""
    try:
        known = await people.officials()
    except Unavailable as error:
        return [], error
    async with desk.pool.acquire() as connection:
        files, parts = await store.parts_of(connection, first, last)
    return [Choice(p, parts.get(p.subject, 0), 0 < files <= parts.get(p.subject, 0)) for p in known], None


def _add_list(router: APIRouter, desk: FileReviewDesk, templates: Templates, base_url: str) -> None:
    async def page(
        request: Request,
        who: Principal,
        given: Mapping[str, Any],
        cursor: str | None = None,
        error: YouguanError | None = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            before = (key[0], key[1]) if key else None
            rows = await store.reviews(connection, before, PAGE, who.subject, own=not who.scope.everything)
        first, last = given.get("first", desk.today().replace(month=1, day=1)), given.get("last", desk.today())
        orders = who.has(REGULATOR) and who.scope.everything
        choices, away = await _choices(desk, people_for(request, base_url), first, last) if orders else ([], None)
        return templates.render(
            request, "file_reviews.html", status_code=error.status if error else 200, rows=rows, given=given,
            next=next_cursor(rows, PAGE, "ordered_at", "id"), error=error, today=desk.today(),
            orders=orders, first=first, last=last, choices=choices, away=away,
        )  # fmt: skip

    @router.get("")
    async def reviews(
        request: Request, who: Annotated[Principal, Depends(require(*OFFICIALS))], cursor: Cursor = None
    ) -> Response:
        return await page(request, who, {}, cursor)

    @router.post("")
    async def order(
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        name: Annotated[str, Form(min_length=1, max_length=200)],
        first: Annotated[date, Form()],
        last: Annotated[date, Form()],
        count: Annotated[int, Form(ge=1, le=500)],
        people: Annotated[list[Subject], Form(default_factory=list, max_length=100)],
        seed: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        try:
            check_chosen(people, await people_for(request, base_url).officials())
            review_id = await desk.order(who, Order(name.strip(), first, last, count, people, seed.strip()))
        except YouguanError as error:
            given = {"name": name, "count": count, "people": people, "seed": seed, "first": first, "last": last}
            return await page(request, who, given, error=error)
        return RedirectResponse(f"/file-reviews/{review_id}", 303)


def _add_one(router: APIRouter, desk: FileReviewDesk, catalogue: Catalogue, templates: Templates) -> None:
    official = require(*OFFICIALS)

    async def show(
        request: Request, who: Principal, review_id: str, case_id: str, error: YouguanError | None = None
    ) -> Response:
        async with desk.pool.acquire() as connection:
            review = await desk.see(connection, who, review_id)
            row = await store.file(connection, review_id, case_id)
            scores = await store.scores(connection, review_id, case_id)
        given = any(score["reviewer"] == who.subject for score in scores)
        # Whoever still has to score does not see what the others have found.
        blind = row["grade"] is None and who.subject in row["reviewers"] and not given
        return templates.render(
            request, "reviewed_file.html", status_code=error.status if error else 200, review=review, row=row,
            scores=[] if blind else scores, blind=blind, points=table(), lines=table().of(row["procedure"]), grades=GRADES,
            rules=RULES, item=catalogue.items[row["item_id"]], error=error,
        )  # fmt: skip

    @router.get("/{review_id}")
    async def review(request: Request, review_id: str, who: Annotated[Principal, Depends(official)]) -> Response:
        async with desk.pool.acquire() as connection:
            row = await desk.see(connection, who, review_id)
            files = await store.files(connection, review_id)
        return templates.render(request, "file_review.html", row=row, files=files, grades=GRADES, me=who.subject)

    @router.get("/{review_id}/files/{case_id}")
    async def file(
        request: Request, review_id: str, case_id: str, who: Annotated[Principal, Depends(official)]
    ) -> Response:
        return await show(request, who, review_id, case_id)

    @router.post("/{review_id}/files/{case_id}/scores")
    async def give(
        request: Request, review_id: str, case_id: str, who: Annotated[Principal, Depends(official)]
    ) -> Response:
        given = await request.form()
        marks = {line.id: mark for line in table().criteria if (mark := _whole(given.get(line.id))) is not None}
        try:
            await desk.give(who, review_id, case_id, marks, str(given.get("remarks", ""))[:2000].replace("\0", ""))
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, review_id, case_id, error)
        return RedirectResponse(f"/file-reviews/{review_id}/files/{case_id}", 303)


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 5 else None
