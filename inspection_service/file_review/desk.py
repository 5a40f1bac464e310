"""Where reviews are ordered, and files scored by whoever was drawn for them."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg

from inspection_service.file_review import draw, store
from inspection_service.file_review.course import SYSTEM, Course
from inspection_service.file_review.scoring import score, table, wrong
from youguan import audit
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.repeating import repeat

LOOKED_S = 3600.0


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
        self._course = Course(clock)

    def today(self) -> date:
        """Return the county's date."""
        return self._course.today()

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
            kept_off = await store.kept_off(connection, [rows[number]["id"] for number in drawn])
            files = []
            for place, number in enumerate(drawn, 1):
                row = rows[number]
                chosen = draw.reviewers(seed, number, order.people, kept_off.get(row["id"], set()))
                if len(chosen) < draw.REVIEWERS_A_FILE:
                    why = Reason(
                        "fewer than two may review {number}: the others had part or an interest in it", number=number
                    )
                    raise Invalid.about("people", why)
                files.append((review_id, row["id"], place, chosen, self.today() + table().within))
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
            await self._course.tell(connection, review_id)
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
            if who.subject in (await store.kept_off(connection, [case_id])).get(case_id, ()):
                raise Forbidden("you had part in this case or have declared an interest in it")
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
            await self._course.note(
                connection, who.subject, "score", row, {"total": made.total, "vetoed": list(made.vetoed)}
            )
            await self._course.take_on(connection, row, who.subject)
            return await store.file(connection, review_id, case_id)

    async def watch(self) -> None:
        """Take on files that wait for nobody, and tell whoever is waited for, again and again."""
        await repeat(self.pass_time, LOOKED_S)

    async def pass_time(self) -> int:
        """Take on the files of which the time is over or no third was drawn, and tell whoever has to score by when; return how many
        files were taken on."""
        async with self.pool.acquire() as connection:
            found = await store.undecided(connection, self.today())
            for review_id, case_id in found:
                async with connection.transaction():
                    row = await store.file(connection, review_id, case_id, hold=True)
                    await self._course.take_on(connection, row, SYSTEM)
            async with connection.transaction():
                await self._course.tell(connection)
        return len(found)
