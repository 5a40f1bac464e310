"""Where reviews are ordered, files scored by two who had no part in them, and graded."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from inspection_service.file_review import draw, store
from inspection_service.file_review.scoring import Score, agreed, fatal, grade, score, wrong
from youguan import audit
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason


@dataclass(frozen=True, slots=True)
class Order:
    """What is reviewed: so many of the files archived from a day to another, by these people; `seed`: of one's own."""

    name: str
    first: date
    last: date
    count: int
    people: Sequence[str]
    seed: str = ""


class FileReviewDesk:
    """Orders and grades reviews."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self._clock = clock

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    async def order(self, who: Principal, order: Order) -> str:
        """Draw files and reviewers; return the review's id. Invalid where there is nothing to draw, or nobody for a file."""
        if not (who.has(REGULATOR) and who.scope.everything):
            raise Forbidden("file reviews are ordered by the county's regulator")
        if not order.first <= order.last <= self.today():
            raise Invalid.about("first, last", "one day to another, neither still to come")
        seed, now, review_id = order.seed or secrets.token_hex(16), self._clock.now(), str(uuid.uuid4())
        async with self.pool.acquire() as connection, connection.transaction():
            rows = {row["number"]: row for row in await store.archived(connection, order.first, order.last)}
            if not rows:
                raise Invalid.about("first, last", "no file with a decision was archived then")
            drawn = draw.files(seed, rows, order.count)
            part = await store.had_part(connection, [rows[number]["id"] for number in drawn])
            files = []
            for place, number in enumerate(drawn, 1):
                row = rows[number]
                chosen = draw.reviewers(seed, number, order.people, part.get(row["id"], set()))
                if len(chosen) < draw.REVIEWERS_A_FILE:
                    raise Invalid.about("people", Reason("fewer than two had no part in {number}", number=number))
                files.append((review_id, row["id"], place, chosen))
            numbers = sorted(rows)
            review = (
                review_id, order.name, order.first, order.last, seed, numbers, draw.fingerprint(numbers), list(order.people),
                who.subject, now,
            )  # fmt: skip
            await store.add(connection, review, files)
            await audit.record(
                connection, at=now, actor=who.subject, action="file review order", subject=f"file review {review_id}",
                after={"seed": seed, "files": drawn, "of": len(numbers), "fingerprint": review[6]},
            )  # fmt: skip
        return review_id

    async def see(self, connection: asyncpg.Connection, who: Principal, review_id: str) -> asyncpg.Record:
        """Return a review: for the county's officials, and for whoever reviews in it; NotFound for others."""
        row = await store.review(connection, review_id)
        if not (who.has(*OFFICIALS) and (who.scope.everything or who.subject in row["people"])):
            raise NotFound(Reason("file review {id}", id=review_id))
        return row

    async def give(
        self, who: Principal, review_id: str, case_id: str, marks: Mapping[str, int], remarks: str
    ) -> asyncpg.Record:
        """Put down what one of the two found; with the second score the file is graded, unless they lie apart."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            await self.see(connection, who, review_id)
            row = await store.file(connection, review_id, case_id, hold=True)
            if who.subject not in row["reviewers"]:
                raise Forbidden("this file was drawn for others to review")
            before = await store.scores(connection, review_id, case_id)
            if any(each["reviewer"] == who.subject for each in before):
                raise Conflict("you have scored this file already")
            if found := wrong(marks, row["procedure"]):
                raise Invalid.of(*(FieldError(name, reason) for name, reason in found.items()))
            made = score(marks, row["procedure"])
            line = (review_id, case_id, who.subject, dict(marks), remarks, made.total, list(made.vetoed), now)
            await store.add_score(connection, line)
            scores = [*(Score(each["total"], tuple(each["vetoed"])) for each in before), made]
            if len(scores) == draw.REVIEWERS_A_FILE and (total := agreed(scores)) is not None:
                become = grade(total, vetoed=bool(made.vetoed))
                await store.set_grade(connection, review_id, case_id, (total, become, None, "", now))
            await self._note(connection, who, "score", row, {"total": made.total, "vetoed": list(made.vetoed)})
            return await store.file(connection, review_id, case_id)

    async def settle(
        self, who: Principal, review_id: str, case_id: str, total: int, reason: str, *, fails: bool = False
    ) -> asyncpg.Record:
        """Decide between two scores that lie apart: within what they found, with reasons; `fails`: what one of them alone called a
        fault that vetoes is one."""
        if not (who.has(REGULATOR) and who.scope.everything):
            raise Forbidden("scores are settled by the county's regulator")
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.file(connection, review_id, case_id, hold=True)
            scores = await store.scores(connection, review_id, case_id)
            if not _lie_apart(row, scores):
                raise Conflict("there are no two scores that lie apart")
            if who.subject in await _had_part(connection, row, scores):
                raise Forbidden("who scored a file, or had part in its case, does not settle its scores")
            totals = [each["total"] for each in scores]
            if not min(totals) <= total <= max(totals):
                raise Invalid.about(
                    "total", Reason("must lie between {least} and {most}", least=min(totals), most=max(totals))
                )
            vetoed = fatal([bool(each["vetoed"]) for each in scores], fails=fails)
            values = (total, grade(total, vetoed=vetoed), who.subject, reason, self._clock.now())
            await store.set_grade(connection, review_id, case_id, values)
            await self._note(connection, who, "settle", row, {"total": total, "reason": reason})
            return await store.file(connection, review_id, case_id)

    async def settles(
        self, connection: asyncpg.Connection, who: Principal, row: asyncpg.Record, scores: Sequence[asyncpg.Record]
    ) -> bool:
        """Say whether a file's scores are somebody's to settle now."""
        county = who.has(REGULATOR) and who.scope.everything
        return county and _lie_apart(row, scores) and who.subject not in await _had_part(connection, row, scores)

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, row: asyncpg.Record, after: dict[str, Any]
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=f"file review {action}", subject=f"case {row['number']}",
            after={"review": row["review_id"], **after},
        )  # fmt: skip


def _lie_apart(row: asyncpg.Record, scores: Sequence[asyncpg.Record]) -> bool:
    return row["grade"] is None and len(scores) >= draw.REVIEWERS_A_FILE


async def _had_part(connection: asyncpg.Connection, row: asyncpg.Record, scores: Sequence[asyncpg.Record]) -> set[str]:
    """Return who scored a file, or had part in its case."""
    part = await store.had_part(connection, [row["case_id"]])
    return part.get(row["case_id"], set()) | {each["reviewer"] for each in scores}
