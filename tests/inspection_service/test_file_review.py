"""File review: the draw that anybody can repeat, the table of points, and reviews on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection_service.annual_report import store as report
from inspection_service.cases.desk import CaseDesk
from inspection_service.file_review import draw, store
from inspection_service.file_review.desk import FileReviewDesk, Order
from inspection_service.file_review.people import Person, RegistryPeople, check_chosen
from inspection_service.file_review.scoring import Score, agreed, fatal, grade, read, score, table, wrong
from inspection_service.law.catalogue import catalogue
from inspection_service.law.statutes import LawError
from tests.inspection_service.world import PRESS, START, TODAY, somebody
from youguan import audit
from youguan.auth import EVERYTHING, Principal
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable

NUMBERS = st.sets(st.from_regex(r"AJ-2026-\d{6}", fullmatch=True), min_size=1, max_size=30)
PEOPLE = st.sets(st.sampled_from("abcdefgh"), min_size=0, max_size=8)


@given(st.text(max_size=20), NUMBERS, st.integers(1, 40))
def test_the_same_seed_draws_the_same_files_whatever_the_order(seed: str, numbers: set[str], count: int) -> None:
    drawn = draw.files(seed, numbers, count)
    assert draw.files(seed, sorted(numbers, reverse=True), count) == drawn
    assert len(drawn) == min(count, len(numbers)) == len(set(drawn))
    assert set(drawn) <= numbers
    assert draw.files(seed, numbers, count + 5)[: len(drawn)] == drawn
    assert draw.fingerprint(sorted(numbers)) == draw.fingerprint(list(numbers))


@given(st.text(max_size=20), PEOPLE, PEOPLE)
def test_nobody_reviews_what_he_had_part_in(seed: str, people: set[str], part: set[str]) -> None:
    chosen = draw.reviewers(seed, "AJ-2026-000001", people, part)
    assert not set(chosen) & part
    assert len(set(chosen)) == len(chosen) == min(2, len(people - part))


def full(procedure: str, **but: int) -> dict[str, int]:
    return {line.id: line.points for line in table().of(procedure)} | but


@pytest.mark.parametrize(
    ("marks", "procedure", "names"),
    [
        (full("general"), "general", []),
        (full("simple"), "simple", []),
        (full("general"), "simple", ["filing", "review"]),
        (full("simple"), "general", ["filing", "review"]),
        (full("general", facts=21), "general", ["facts"]),
        (full("general", facts=-1), "general", ["facts"]),
        (full("general", colour=1), "general", ["colour"]),
    ],
)
def test_what_is_wrong_with_marks_is_named(marks: Mapping[str, int], procedure: str, names: list[str]) -> None:
    assert sorted(wrong(marks, procedure)) == names


def test_what_marks_add_up_to() -> None:
    assert score(full("simple"), "simple") == Score(100, ())  # what does not apply counts as full
    assert score(full("general", facts=0, service=4), "general") == Score(74, ("facts",))
    assert (grade(89, vetoed=False), grade(90, vetoed=False), grade(59, vetoed=False)) == (
        "passed",
        "excellent",
        "failed",
    )
    assert grade(100, vetoed=True) == "failed"
    assert agreed([Score(91, ()), Score(100, ())]) == 95
    assert agreed([Score(80, ()), Score(91, ())]) is None
    assert agreed([Score(80, ("facts",)), Score(80, ())]) is None
    # What both found fatal no settling of the points undoes; what one found stands where whoever settles says so.
    found = [
        fatal(vetoes, fails=fails)
        for vetoes in ((True, True), (True, False), (False, False))
        for fails in (False, True)
    ]
    assert found == [True, True, False, True, False, False]
    with pytest.raises(LawError, match="hundred"):
        read({"criterion": [{"id": "x", "name": "x", "name_en": "x", "points": 99}]})


# --- on a real PostgreSQL ---------------------------------------------------------------------------------------

HEAD, TOWN = somebody("h", "regulator"), somebody("elsewhere", "reviewer")
ORDER = Order("2026 年度评查", date(2026, 1, 1), TODAY, 3, ("r1", "r2", "r3", "a"), "seed")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Five files that were archived, of two officers each."""
    async with await create_pool(database_url) as pool:
        for n in range(1, 6):
            facts = {
                "officers": ["a", "b"],
                "investigators": ["a", "b"],
                "decided_on": "2026-03-01",
                "archived_on": "2026-04-01",
            }
            await pool.execute(
                """
                INSERT INTO inspection.case_file (id, number, state, procedure, item_id, party_kind, party_name, act_on, found_on,
                    opened_at, opened_by, moved_at, facts)
                VALUES ($1, $2, 'closed', 'general', 'car-park-stopped', 'organisation', 'x', $3, $3, $4, 'a', $4, $5)
                """,
                f"k{n}", f"AJ-2026-{n:06d}", date(2026, 2, 1), START, facts,
            )  # fmt: skip
            await pool.execute(
                """
                INSERT INTO inspection.case_history
                VALUES ($1, 1, $2, 'r3', 'x', 'reviewer_1', 'pass', NULL, 'closed', '', '{}', NULL)
                """,
                f"k{n}", START,
            )  # fmt: skip
        yield pool


@pytest.fixture
def desk(pool: asyncpg.Pool) -> FileReviewDesk:
    return FileReviewDesk(pool, ManualClock(START))


async def test_files_are_drawn_by_the_seed_and_reviewed_by_who_had_no_part(
    pool: asyncpg.Pool, desk: FileReviewDesk
) -> None:
    review_id = await desk.order(HEAD, ORDER)
    async with pool.acquire() as connection:
        row, files = await store.review(connection, review_id), await store.files(connection, review_id)
    assert [file["number"] for file in files] == draw.files(row["seed"], row["numbers"], 3)
    assert row["fingerprint"] == draw.fingerprint(row["numbers"])
    assert all(sorted(file["reviewers"]) == ["r1", "r2"] for file in files)
    for changed, match in (
        ({"people": ("r1", "r3")}, "fewer than two"),
        ({"first": TODAY, "last": TODAY}, "no file"),
        ({"last": TODAY + timedelta(days=1)}, "still to come"),
    ):
        with pytest.raises(Invalid, match=match):
            await desk.order(HEAD, replace(ORDER, **changed))
    for who in (TOWN, somebody("r1", "reviewer")):
        with pytest.raises(Forbidden):
            await desk.order(who, ORDER)


async def test_who_may_be_chosen_and_in_what_he_had_part(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        files, parts = await store.parts_of(connection, date(2026, 1, 1), TODAY)
        assert (files, parts) == (5, {"a": 5, "b": 5, "r3": 5})
        assert await store.parts_of(connection, TODAY, TODAY) == (0, {})
    known = [Person("r1", "一", ("reviewer",), 1)]
    check_chosen(["r1"], known)
    with pytest.raises(Invalid, match="r2 is no official"):
        check_chosen(["r1", "r2"], known)
    with pytest.raises(Unavailable):
        await RegistryPeople("http://127.0.0.1:9", {}).officials()


async def test_who_was_drawn_reads_a_file_beyond_his_bounds_until_it_is_graded(
    pool: asyncpg.Pool, desk: FileReviewDesk
) -> None:
    cases = CaseDesk(pool, ManualClock(START), catalogue(), PRESS, "s" * 32)
    review_id = await desk.order(HEAD, replace(ORDER, people=("r1", TOWN.subject)))
    async with pool.acquire() as connection:
        drawn = [file["case_id"] for file in await store.files(connection, review_id)]
        (other, *_) = {f"k{n}" for n in range(1, 6)} - set(drawn)
        assert (await cases.see(connection, TOWN, drawn[0]))["id"] == drawn[0]
        for case_id, hold in ((other, False), (drawn[0], True)):
            with pytest.raises(NotFound):
                await cases.see(connection, TOWN, case_id, hold=hold)
        for who in (TOWN, somebody("r1", "reviewer")):
            await desk.give(who, review_id, drawn[0], full("general"), "")
        with pytest.raises(NotFound):
            await cases.see(connection, TOWN, drawn[0])


async def offers_settling(desk: FileReviewDesk, who: Principal, review_id: str, case_id: str) -> bool:
    async with desk.pool.acquire() as connection:
        row = await store.file(connection, review_id, case_id)
        return await desk.settles(connection, who, row, await store.scores(connection, review_id, case_id))


async def test_two_scores_grade_a_file_and_the_report_counts_it(pool: asyncpg.Pool, desk: FileReviewDesk) -> None:
    review_id = await desk.order(HEAD, ORDER)
    async with pool.acquire() as connection:
        first, second, third = [file["case_id"] for file in await store.files(connection, review_id)]
    r1, r2, r3 = (somebody(f"r{n}", "reviewer") for n in (1, 2, 3))
    with pytest.raises(Forbidden):
        await desk.give(r3, review_id, first, full("general"), "")
    with pytest.raises(NotFound):
        await desk.give(TOWN, review_id, first, full("general"), "")
    with pytest.raises(Invalid, match="facts: must lie"):
        await desk.give(r1, review_id, first, full("general", facts=99), "")
    # Both at once: whoever is second grades it.
    await asyncio.gather(*(desk.give(who, review_id, first, full("general", record=0), "") for who in (r1, r2)))
    with pytest.raises(Conflict, match="already"):
        await desk.give(r1, review_id, first, full("general"), "")
    await desk.give(r1, review_id, second, full("general", facts=0), "证据不足")
    await desk.give(r2, review_id, second, full("general", facts=0), "证据不足")
    await desk.give(r1, review_id, third, full("general"), "")
    with pytest.raises(Conflict, match="no two scores"):
        await desk.settle(HEAD, review_id, third, 90, "r")
    assert (await desk.give(r2, review_id, third, full("general", service=0, law=1), ""))["grade"] is None
    with pytest.raises(Invalid, match="between 76 and 100"):
        await desk.settle(HEAD, review_id, third, 75, "r")
    for concerned in ("a", "b", "r3", "r1"):  # officers, a reviewer of the case, one of those who scored
        with pytest.raises(Forbidden, match="does not settle"):
            await desk.settle(somebody(concerned, "regulator"), review_id, third, 80, "r")
    offered = [await offers_settling(desk, who, review_id, third) for who in (HEAD, somebody("r3", "regulator"), r1)]
    assert offered == [True, False, False], "the page asks nobody for what is refused"
    assert (await desk.settle(HEAD, review_id, third, 80, "送达有瑕疵"))["grade"] == "passed"
    async with pool.acquire() as connection:
        figures = {year: await report.figures(connection, year, EVERYTHING) for year in (2025, 2026)}
        assert (figures[2025]["excellent_files"], figures[2026]["excellent_files"]) == (0, 1)
        (record,) = await report.records(connection, "excellent_files", 2026, EVERYTHING, None, 10)
        assert (record["kind"], record["id"]) == ("case", first)
        assert [file["grade"] for file in await store.files(connection, review_id)] == ["excellent", "failed", "passed"]
        assert await audit.verify(connection) is None
        with pytest.raises(asyncpg.RaiseError, match="not changed"):
            await connection.execute("UPDATE inspection.file_score SET total = 100")
