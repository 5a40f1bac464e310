"""What becomes of a file as scores come and time passes: a grade, a third or another to score it, or its end without a grade."""

from collections import Counter
from collections.abc import Collection
from datetime import date
from typing import Any

import asyncpg

from inspection_service.file_review import draw, store
from inspection_service.file_review.scoring import NO_OTHERS, Lacking, Outcome, Score, ahead, outcome, table
from inspection_service.notices import store as notices
from inspection_service.notices.wording import of_file, of_scoring
from youguan import audit
from youguan.clock import Clock, county_day

SYSTEM = "system"  # who does what time alone does


class Course:
    """Takes files on, within the caller's transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def today(self) -> date:
        """Return the county's date."""
        return county_day(self._clock.now())

    async def take_on(self, connection: asyncpg.Connection, row: asyncpg.Record, by: str) -> None:
        """Let a file that is held be what its scores and the time make of it; `by`: whose score it was, or the system."""
        if row["grade"] is not None:
            return
        rows = await store.scores(connection, row["review_id"], row["case_id"])
        scores, until = [Score(each["total"], tuple(each["vetoed"])) for each in rows], row["third_until"]
        time = until or row["score_until"]
        late = time is not None and time < self.today()
        match ahead(scores, third=until is not None, late=late):
            case Outcome() as decided:
                await self._end(connection, row, decided, by)
            case Lacking.THIRD if not await self._draw_third(connection, row, by):
                stricter = outcome(scores, no_third=True)
                assert stricter is not None
                await self._end(connection, row, stricter, by)
            case Lacking.OTHERS if not await self._replace(connection, row, {each["reviewer"] for each in rows}):
                await self._end(connection, row, NO_OTHERS, SYSTEM)

    async def tell(self, connection: asyncpg.Connection, review_id: str | None = None) -> None:
        """Tell whoever has to score files, of one review or of all, by when, and again shortly before: once for all of a review."""
        now, files = self._clock.now(), Counter[tuple[str, str, str, date, bool]]()
        for row in await store.take_untold(connection, self.today() + table().remind, review_id):
            waited_for = set(row["reviewers"]) - set(row["scored_by"])
            files.update(
                (each, row["name"], row["review_id"], row["until"], row["told"] == "soon") for each in waited_for
            )
        for (reviewer, name, about, until, soon), count in sorted(files.items()):
            told = of_scoring(reviewer, name, about, count, until, soon=soon)
            await notices.tell(connection, told, {"type": "FileReview", "review_id": about}, now, now)

    async def note(
        self, connection: asyncpg.Connection, by: str, action: str, row: asyncpg.Record, after: dict[str, Any]
    ) -> None:
        """Write down what was done with a file."""
        await audit.record(
            connection, at=self._clock.now(), actor=by, action=f"file review {action}", subject=f"case {row['number']}",
            after={"review": row["review_id"], **after},
        )  # fmt: skip

    async def _end(self, connection: asyncpg.Connection, row: asyncpg.Record, decided: Outcome, by: str) -> None:
        values = (decided.total, decided.grade, decided.rule, self._clock.now())
        await store.set_grade(connection, row["review_id"], row["case_id"], values)
        said = {"total": decided.total, "grade": decided.grade, "rule": decided.rule}
        await self.note(connection, by, "grade", row, said)

    async def _draw_third(self, connection: asyncpg.Connection, row: asyncpg.Record, by: str) -> bool:
        """Draw by the review's seed who scores a file as the third, and tell him; False: nobody is left."""
        seed, among, off = await self._drawn_from(connection, row)
        third, drawn_from = draw.another(seed, row["number"], among, off)
        if third is None:
            return False
        now, until = self._clock.now(), self.today() + table().third_within
        await store.set_third(connection, row["review_id"], row["case_id"], third, drawn_from, until)
        of = {"type": "FileReview", "review_id": row["review_id"], "case_id": row["case_id"]}
        told = of_file(third, row["number"], row["review_id"], row["case_id"], until)
        await notices.tell(connection, told, of, now, now)
        await self.note(connection, by, "third", row, {"third": third, "from": drawn_from, "until": until.isoformat()})
        return True

    async def _replace(self, connection: asyncpg.Connection, row: asyncpg.Record, scored_by: Collection[str]) -> bool:
        """Draw by the review's seed who takes the place of each who has not scored in his time; False: nobody is left."""
        seed, among, off = await self._drawn_from(connection, row)
        late = [each for each in row["reviewers"] if each not in scored_by]
        drawn = draw.successors(seed, row["number"], among, off, late)
        if not drawn:
            return False
        places, until = {each: successor for each, successor, _ in drawn}, self.today() + table().within
        replaced = [
            {
                "reviewer": each,
                "successor": successor,
                "drawn_from": drawn_from,
                "until": row["score_until"].isoformat(),
            }
            for each, successor, drawn_from in drawn
        ]
        values = ([places.get(each, each) for each in row["reviewers"]], [*row["replaced"], *replaced], until)
        await store.set_reviewers(connection, row["review_id"], row["case_id"], values)
        await self.note(connection, SYSTEM, "replace", row, {"replaced": replaced, "until": until.isoformat()})
        return True

    async def _drawn_from(
        self, connection: asyncpg.Connection, row: asyncpg.Record
    ) -> tuple[str, tuple[Collection[str], ...], set[str]]:
        """Return the seed, the lists from which others are drawn, the earlier first, and who is not."""
        review, officials = await store.review(connection, row["review_id"]), await store.officials(connection)
        working = {each["username"] for each in officials}
        people = [subject for subject in review["people"] if subject in working]
        kept_off = (await store.kept_off(connection, [row["case_id"]])).get(row["case_id"], set())
        were_to = {each["reviewer"] for each in row["replaced"]}
        also = [each["username"] for each in officials if _may_else(each)]
        return review["seed"], (people, also), kept_off | were_to | set(row["reviewers"])


def _may_else(official: asyncpg.Record) -> bool:
    return any(each.has(official["roles"], official["level"]) for each in table().third)
