"""Where reviews are ordered, files scored by two who had no part in them, or by a third as well, and graded."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from inspection_service.file_review import draw, store
from inspection_service.file_review.scoring import Score, outcome, score, table, wrong
from inspection_service.notices import store as notices
from inspection_service.notices.wording import of_file
from youguan import audit
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.repeating import repeat

LOOKED_S = 3600.0
SYSTEM = "system"  # who does what time alone does


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
        if who.has(*OFFICIALS) and (who.scope.everything or who.subject in row["people"]):
            return row
        if who.has(*OFFICIALS) and await store.reviews_in(connection, review_id, who.subject):
            return row
        raise NotFound(Reason("file review {id}", id=review_id))

    async def give(
        self, who: Principal, review_id: str, case_id: str, marks: Mapping[str, int], remarks: str
    ) -> asyncpg.Record:
        """Put down what one of its reviewers found; with the second score the file is graded, or a third is drawn where two lie
        apart."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            await self.see(connection, who, review_id)
            row = await store.file(connection, review_id, case_id, hold=True)
            if who.subject not in row["reviewers"]:
                raise Forbidden("this file was drawn for others to review")
            before = await store.scores(connection, review_id, case_id)
            if any(each["reviewer"] == who.subject for each in before):
                raise Conflict("you have scored this file already")
            if row["grade"] is not None:
                raise Conflict("this file is graded already")
            if found := wrong(marks, row["procedure"]):
                raise Invalid.of(*(FieldError(name, reason) for name, reason in found.items()))
            made = score(marks, row["procedure"])
            line = (review_id, case_id, who.subject, dict(marks), remarks, made.total, list(made.vetoed), now)
            await store.add_score(connection, line)
            await self._note(connection, who.subject, "score", row, {"total": made.total, "vetoed": list(made.vetoed)})
            await self._weigh(connection, row, who.subject)
            return await store.file(connection, review_id, case_id)

    async def watch(self) -> None:
        """Decide of files that wait for nobody, again and again."""
        await repeat(self.pass_time, LOOKED_S)

    async def pass_time(self) -> int:
        """Draw the third who was not drawn, and grade what he has not scored in his time; return how many files that were."""
        async with self.pool.acquire() as connection:
            found = await store.undecided(connection, self.today())
            for review_id, case_id in found:
                async with connection.transaction():
                    row = await store.file(connection, review_id, case_id, hold=True)
                    await self._weigh(connection, row, SYSTEM)
        return len(found)

    async def _weigh(self, connection: asyncpg.Connection, row: asyncpg.Record, by: str) -> None:
        """Grade a file where its scores say what it is; else let a third score it, or where nobody is left the stricter stand.

        `by`: whose score it was, or the system, as time alone passes.
        """
        if row["grade"] is not None:
            return
        rows = await store.scores(connection, row["review_id"], row["case_id"])
        scores, until = [Score(each["total"], tuple(each["vetoed"])) for each in rows], row["third_until"]
        decided = outcome(scores, no_third=until is not None and until < self.today())
        if decided is None and until is None and len(scores) == draw.REVIEWERS_A_FILE:
            drawn = await self._draw_third(connection, row, by)
            decided = None if drawn else outcome(scores, no_third=True)
        if decided is not None:
            values = (decided.total, decided.grade, decided.rule, self._clock.now())
            await store.set_grade(connection, row["review_id"], row["case_id"], values)
            said = {"total": decided.total, "grade": decided.grade, "rule": decided.rule}
            await self._note(connection, by, "grade", row, said)

    async def _draw_third(self, connection: asyncpg.Connection, row: asyncpg.Record, by: str) -> bool:
        """Draw by the review's seed who scores a file as the third, and tell him; False: nobody is left."""
        review, officials = await store.review(connection, row["review_id"]), await store.officials(connection)
        may = [each["username"] for each in officials if _may_be_third(each)]
        working = {each["username"] for each in officials}
        part = await store.had_part(connection, [row["case_id"]])
        among = ([subject for subject in review["people"] if subject in working], may)
        third, drawn_from = draw.third(
            review["seed"], row["number"], among, part.get(row["case_id"], set()) | set(row["reviewers"])
        )
        if third is None:
            return False
        now, until = self._clock.now(), self.today() + table().third_within
        await store.set_third(connection, row["review_id"], row["case_id"], third, drawn_from, until)
        of = {"type": "FileReview", "review_id": row["review_id"], "case_id": row["case_id"]}
        await notices.tell(
            connection, of_file(third, row["number"], row["review_id"], row["case_id"], until), of, now, now
        )
        await self._note(connection, by, "third", row, {"third": third, "from": drawn_from, "until": until.isoformat()})
        return True

    async def _note(
        self, connection: asyncpg.Connection, by: str, action: str, row: asyncpg.Record, after: dict[str, Any]
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=by, action=f"file review {action}", subject=f"case {row['number']}",
            after={"review": row["review_id"], **after},
        )  # fmt: skip


def _may_be_third(official: asyncpg.Record) -> bool:
    return any(each.has(official["roles"], official["level"]) for each in table().third)
