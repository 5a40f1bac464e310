"""File review: the draw that anybody can repeat, the table of points, and reviews on a real PostgreSQL."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st

import inspection_service
from inspection_service.annual_report import store as report
from inspection_service.cases.desk import CaseDesk
from inspection_service.file_review import draw, store
from inspection_service.file_review.desk import FileReviewDesk, Order
from inspection_service.file_review.pages import file_review_pages
from inspection_service.file_review.people import Person, RegistryPeople, check_chosen
from inspection_service.file_review.scoring import (
    NO_OTHERS,
    Lacking,
    Outcome,
    Rule,
    Score,
    ahead,
    grade,
    outcome,
    read,
    score,
    table,
    wrong,
)
from inspection_service.law.catalogue import catalogue
from inspection_service.law.statutes import LawError
from tests.inspection_service.world import PRESS, START, TODAY, somebody
from youguan import audit
from youguan.auth import EVERYTHING, Principal
from youguan.clock import ManualClock, SystemClock
from youguan.database import create_pool
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from youguan.web.templates import Templates

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
    with pytest.raises(LawError, match="hundred"):
        read({"criterion": [{"id": "x", "name": "x", "name_en": "x", "points": 99}]})


@pytest.mark.parametrize(
    ("scores", "no_third", "expected"),
    [
        ([], True, None),
        ([Score(91, ())], True, None),
        ([Score(90, ()), Score(100, ())], False, Outcome(95, "excellent", Rule.MEAN)),
        ([Score(91, ("law",)), Score(100, ("facts",))], False, Outcome(95, "failed", Rule.MEAN)),
        ([Score(80, ()), Score(91, ())], False, None),
        ([Score(80, ()), Score(91, ())], True, Outcome(80, "passed", Rule.STRICTER)),
        ([Score(85, ("facts",)), Score(84, ())], False, None),
        ([Score(85, ("facts",)), Score(84, ())], True, Outcome(84, "failed", Rule.STRICTER)),
        ([Score(80, ()), Score(95, ()), Score(93, ())], False, Outcome(93, "excellent", Rule.MIDDLE)),
        ([Score(85, ("facts",)), Score(84, ()), Score(99, ())], False, Outcome(85, "passed", Rule.MIDDLE)),
        ([Score(85, ("facts",)), Score(84, ()), Score(0, ("law",))], False, Outcome(84, "failed", Rule.MIDDLE)),
    ],
)
def test_what_scores_make_of_a_file(scores: list[Score], no_third: bool, expected: Outcome | None) -> None:
    assert outcome(scores, no_third=no_third) == expected


SCORES = st.builds(Score, st.integers(0, 100), st.sampled_from([(), ("facts",), ("law", "facts")]))


@given(SCORES, SCORES, SCORES, st.booleans())
def test_every_order_of_scores_ends_in_the_same_grade(one: Score, two: Score, three: Score, late: bool) -> None:
    early = {outcome(pair) for pair in permutations((one, two))}
    ends = early if early != {None} else {outcome(pair, no_third=True) for pair in permutations((one, two))}
    (end,) = ends
    assert end is not None
    assert end.total is not None
    assert min(one.total, two.total) <= end.total <= max(one.total, two.total)
    if early == {None}:
        (end,) = {outcome(scores, no_third=late) for scores in permutations((one, two, three))}
        assert end is not None
        totals = [one.total, two.total, three.total]
        assert sorted(totals)[1] == end.total
        assert sum(bool(each.vetoed) for each in (one, two, three)) < 2 or end.grade == "failed"


@given(st.text(max_size=20), PEOPLE, PEOPLE, PEOPLE)
def test_the_third_is_the_next_whom_the_seed_names(
    seed: str, people: set[str], others: set[str], part: set[str]
) -> None:
    two = draw.reviewers(seed, "AJ-2026-000001", people, part)
    third, drawn_from = draw.another(seed, "AJ-2026-000001", (sorted(people), others), part | set(two))
    assert (third is None) == (not drawn_from) == (not (people | others) - part - set(two))
    assert not set(drawn_from) & (part | set(two))
    if left := people - part - set(two):
        assert set(drawn_from) == left
        assert draw.reviewers(seed, "AJ-2026-000001", people - set(two), part)[0] == third
    elif third is not None:
        assert draw.reviewers(seed, "AJ-2026-000001", drawn_from, ())[0] == third


@given(st.text(max_size=20), PEOPLE, PEOPLE, PEOPLE, st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=2))
def test_each_who_is_late_has_a_successor_of_his_own_or_none_has(
    seed: str, people: set[str], others: set[str], off: set[str], late: list[str]
) -> None:
    found = draw.successors(seed, "AJ-2026-000001", (people, others), off, late)
    free = (people | others) - off - set(late)
    assert [each for each, _, _ in found] == (late if len(free) >= len(late) else [])
    names = {successor for _, successor, _ in found}
    assert len(names) == len(found)
    assert names <= free
    taken = set(off) | set(late)
    for _, successor, drawn_from in found:  # as anybody draws again
        assert draw.another(seed, "AJ-2026-000001", (drawn_from,), ()) == (successor, drawn_from)
        assert not set(drawn_from) & taken
        taken.add(successor)


@given(st.text(max_size=20), st.dictionaries(st.sampled_from("abcdefgh"), st.none() | SCORES, min_size=2), PEOPLE)
def test_every_file_ends_whoever_scores_and_whoever_never_does(
    seed: str, minds: dict[str, Score | None], part: set[str]
) -> None:
    reviewers, third, were_to = draw.reviewers(seed, "AJ-2026-000001", minds, part), False, set[str]()
    if len(reviewers) < 2:
        return
    for _ in range(len(minds)):  # each time that is over lets somebody be replaced who is not drawn again
        were_to |= set(reviewers)
        scored = {each: mind for each in reviewers if (mind := minds[each]) is not None}
        match ahead(list(scored.values()), third=third, late=len(scored) < len(reviewers)):
            case Outcome() as end:
                assert (end.grade == "ungraded") == (end.total is None) is False
                return
            case Lacking.THIRD:
                third = True
                another, _ = draw.another(seed, "AJ-2026-000001", (minds,), part | were_to)
                if another is None:
                    assert outcome(list(scored.values()), no_third=True) is not None
                    return
                reviewers = [*reviewers, another]
            case Lacking.OTHERS:
                late = [each for each in reviewers if each not in scored]
                found = draw.successors(seed, "AJ-2026-000001", (minds,), part | were_to, late)
                if not found:
                    assert len(set(minds) - part - were_to) < len(late)
                    assert (NO_OTHERS.total, NO_OTHERS.grade, NO_OTHERS.rule) == (None, "ungraded", "unscored")
                    return
                reviewers = [*scored, *(successor for _, successor, _ in found)]
        assert not set(reviewers) & part
    raise AssertionError("it waits for ever")


# --- on a real PostgreSQL ---------------------------------------------------------------------------------------

HEAD, TOWN = somebody("h", "regulator"), somebody("elsewhere", "reviewer")
TEMPLATES = Path(inspection_service.__file__).parent / "templates"
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
        await connection.execute(
            "INSERT INTO inspection.evidence VALUES ('k1', 1, $1, $2, NULL, 'h', 's')",
            START,
            {"type": "content_review", "by": "r2"},
        )
        files, parts = await store.parts_of(connection, date(2026, 1, 1), TODAY)
        assert (files, parts) == (5, {"a": 5, "b": 5, "r3": 5, "r2": 1}), "who reviewed a recording had part"
        assert await store.kept_off(connection, ["k1", "k2"]) == {"k1": {"a", "b", "r2", "r3"}, "k2": {"a", "b", "r3"}}
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
    # Apart, and nobody is left who had no part: the stricter finding stands.
    stricter = await desk.give(r2, review_id, third, full("general", service=0, record=1), "")
    assert (stricter["total"], stricter["rule"], len(stricter["reviewers"])) == (86, "stricter", 2)
    async with pool.acquire() as connection:
        figures = {year: await report.figures(connection, year, EVERYTHING) for year in (2025, 2026)}
        assert (figures[2025]["excellent_files"], figures[2026]["excellent_files"]) == (0, 1)
        (record,) = await report.records(connection, "excellent_files", 2026, EVERYTHING, None, 10)
        assert (record["kind"], record["id"]) == ("case", first)
        assert [file["grade"] for file in await store.files(connection, review_id)] == ["excellent", "failed", "passed"]
        assert await audit.verify(connection) is None
        with pytest.raises(asyncpg.RaiseError, match="not changed"):
            await connection.execute("UPDATE inspection.file_score SET total = 100")


OFFICIALS = """
INSERT INTO inspection.official VALUES ('r1', '{reviewer}', NULL, 1), ('r2', '{reviewer}', NULL, 2), ('r3', '{reviewer}', NULL, 4),
    ('elsewhere', '{regulator}', '330226002', NULL), ('a', '{regulator}', NULL, NULL), ('r4', '{reviewer}', NULL, 3),
    ('i', '{inspector}', NULL, NULL)
"""
APART = (full("general"), full("general", service=0, record=1))


def reads(desk: FileReviewDesk, who: Principal) -> httpx.AsyncClient:
    """Return a browser with somebody logged in, of the pages of file reviews alone."""
    app = FastAPI()
    app.include_router(file_review_pages(desk, catalogue(), Templates(TEMPLATES), "http://127.0.0.1:9"))

    @app.middleware("http")
    async def log_in(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.principal = who
        return await call_next(request)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://suite.example")


async def lie_apart(desk: FileReviewDesk, people: tuple[str, ...]) -> tuple[str, asyncpg.Record]:
    """Return a review, and a file of it that the first two have scored, far apart."""
    review_id = await desk.order(HEAD, replace(ORDER, people=people, count=1))
    async with desk.pool.acquire() as connection:
        ((case_id, both),) = [(f["case_id"], f["reviewers"]) for f in await store.files(connection, review_id)]
    # Both at once: whoever is second has the third drawn.
    await asyncio.gather(
        *(
            desk.give(somebody(who, "reviewer"), review_id, case_id, marks, "")
            for who, marks in zip(both, APART, strict=True)
        )
    )
    async with desk.pool.acquire() as connection:
        return review_id, await store.file(connection, review_id, case_id)


async def test_a_third_whom_the_seed_names_scores_what_lies_apart(pool: asyncpg.Pool, desk: FileReviewDesk) -> None:
    await pool.execute(OFFICIALS)
    # Of the review's own people first: r3 and a had part, the account of x is closed.
    review_id, row = await lie_apart(desk, ("r1", "r2", "r4", "i", "r3", "a", "x"))
    two = draw.reviewers("seed", row["number"], ("r1", "r2", "r4", "i", "x"), ())
    assert row["reviewers"][:2] == two
    left = sorted({"r1", "r2", "r4", "i"} - set(two))
    assert (row["reviewers"][2], row["third_from"]) == (draw.reviewers("seed", row["number"], left, ())[0], left)
    assert (row["grade"], row["third_until"]) == (None, TODAY + timedelta(days=30))
    third, path = somebody(row["reviewers"][2], "inspector"), f"/file-reviews/{review_id}/files/{row['case_id']}"
    async with reads(desk, third) as client:
        for waits in ("/file-reviews", f"/file-reviews/{review_id}"):
            assert "待评分" in (await client.get(waits)).text
        blind = (await client.get(path)).text
        assert "第三名评查人" in blind
        assert "、".join(left) in blind
        assert 'name="facts"' in blind
        assert not any(f"<h2>{each}" in blind for each in two), "he does not see what the two have found"
        assert "Third reviewer" in (await client.get(path, headers={"Accept-Language": "en"})).text
    graded = await desk.give(third, review_id, row["case_id"], full("general", rights=1), "")
    assert (graded["total"], graded["grade"], graded["rule"]) == (91, "excellent", "middle")
    async with reads(desk, third) as client:
        graded_page = (await client.get(path)).text
        assert "三份评分：取中间分" in graded_page
        assert all(f"<h2>{each}" in graded_page for each in two)
        assert "待评分" not in (await client.get(f"/file-reviews/{review_id}")).text
    async with pool.acquire() as connection:
        assert await audit.verify(connection) is None


async def test_where_none_of_the_reviews_people_is_left_a_head_or_a_reviewer_of_level_4_is_the_third(
    pool: asyncpg.Pool, desk: FileReviewDesk
) -> None:
    await pool.execute(OFFICIALS)
    await pool.execute(
        """
        INSERT INTO inspection.notice_address (id, recipient, kind, address, added_at, added_by)
        VALUES ('n', 'person/elsewhere', 'webhook', 'x', $1, 'x')
        """,
        START,
    )
    cases = CaseDesk(pool, ManualClock(START), catalogue(), PRESS, "s" * 32)
    town = somebody("elsewhere", "regulator")
    review_id, row = await lie_apart(desk, ("r1", "r2"))
    assert (row["reviewers"][2], row["third_from"]) == ("elsewhere", ["elsewhere"])
    words, path = await pool.fetchrow("SELECT words, path FROM inspection.notice")
    assert "2026" in words
    assert path == f"/file-reviews/{review_id}/files/{row['case_id']}"
    async with pool.acquire() as connection:
        assert (await desk.see(connection, town, review_id))["id"] == review_id
        await cases.see(connection, town, row["case_id"])
        (listed,) = await store.reviews(connection, None, 9, "elsewhere", own=True)
        assert (listed["id"], listed["to_score"]) == (review_id, 1)
        assert await store.reviews(connection, None, 9, "i", own=True) == []
    await desk.give(town, review_id, row["case_id"], full("general", facts=0), "")
    async with pool.acquire() as connection:
        with pytest.raises(NotFound):
            await cases.see(connection, town, row["case_id"])


async def test_time_ends_what_a_third_does_not_score_and_draws_him_where_nobody_was_drawn(pool: asyncpg.Pool) -> None:
    await pool.execute(OFFICIALS)
    clock = ManualClock(START)
    desk = FileReviewDesk(pool, clock)
    review_id, row = await lie_apart(desk, ("r1", "r2"))
    assert await desk.pass_time() == 0
    # As a file stands whose scores lay apart before there was a third.
    await pool.execute(
        'UPDATE inspection.reviewed_file SET reviewers = \'["r1", "r2"]\', third_from = NULL, third_until = NULL'
    )
    assert (await desk.pass_time(), await desk.pass_time()) == (1, 0)
    clock.advance(timedelta(days=30))
    assert await desk.pass_time() == 0
    clock.advance(timedelta(days=1))
    assert (await desk.pass_time(), await desk.pass_time()) == (1, 0)
    async with pool.acquire() as connection:
        row = await store.file(connection, review_id, row["case_id"])
    assert (row["reviewers"][2], row["total"], row["grade"], row["rule"]) == ("elsewhere", 86, "passed", "stricter")
    with pytest.raises(Conflict, match="graded already"):
        await desk.give(somebody("elsewhere", "regulator"), review_id, row["case_id"], full("general"), "")


async def hears(pool: asyncpg.Pool, *people: str) -> None:
    """Give people an address each."""
    await pool.executemany(
        """
        INSERT INTO inspection.notice_address (id, recipient, kind, address, added_at, added_by)
        VALUES ($1, 'person/' || $1, 'webhook', 'x', $2, 'x')
        """,
        [(each, datetime(2020, 1, 1, tzinfo=UTC)) for each in people],
    )


async def test_who_never_scores_gives_way_to_the_next_whom_the_seed_names_until_nobody_is_left(
    pool: asyncpg.Pool,
) -> None:
    await pool.execute(OFFICIALS)
    clock = ManualClock(START)
    desk, cases = FileReviewDesk(pool, clock), CaseDesk(pool, clock, catalogue(), PRESS, "s" * 32)
    await hears(pool, "r1", "r2", "r4", "elsewhere")
    review_id = await desk.order(HEAD, replace(ORDER, people=("r1", "r2", "r4"), count=1))

    async def file() -> asyncpg.Record:
        async with pool.acquire() as connection:
            (row,) = await store.files(connection, review_id)
        return row

    async def told(stage: str) -> list[tuple[str, str]]:
        rows = await pool.fetch("DELETE FROM inspection.notice RETURNING address_id, words, path")
        assert {row["path"] for row in rows} <= {f"/file-reviews/{review_id}"}
        return sorted(
            (row["address_id"], str(until))
            for row in rows
            for until in days
            if f"{stage}（最迟 {until}" in row["words"]
        )

    days = [TODAY + timedelta(days=n) for n in range(100)]
    row = await file()
    active, idle = row["reviewers"]
    assert row["score_until"] == TODAY + timedelta(days=30)
    assert await told("抽取您评查 1 件案卷") == sorted((each, str(row["score_until"])) for each in (active, idle))
    await desk.give(somebody(active, "reviewer"), review_id, row["case_id"], full("general"), "")
    clock.advance(timedelta(days=22))
    assert (await desk.pass_time(), await told("")) == (0, [])
    clock.advance(timedelta(days=1))
    assert (await desk.pass_time(), await desk.pass_time()) == (0, 0)
    assert await told("仍有 1 件案卷待您评分") == [(idle, str(row["score_until"]))], "once, and only who has not scored"
    clock.advance(timedelta(days=7))
    assert await desk.pass_time() == 0, "the last day is his, too"
    clock.advance(timedelta(days=1))
    assert (await desk.pass_time(), await desk.pass_time()) == (1, 0)
    again = await file()
    (third,) = {"r1", "r2", "r4"} - {active, idle}
    assert again["reviewers"] == [active, third]
    assert again["replaced"] == [
        {"reviewer": idle, "successor": third, "drawn_from": [third], "until": str(row["score_until"])}
    ]
    assert await told("抽取您评查 1 件案卷") == [(third, str(again["score_until"]))]
    path = f"/file-reviews/{review_id}/files/{row['case_id']}"
    async with reads(desk, somebody(third, "reviewer")) as client:
        assert f"{idle} 至 {row['score_until']} 未评分，由 {third} 接替" in (await client.get(path)).text
        assert str(again["score_until"]) in (await client.get(f"/file-reviews/{review_id}")).text
    with pytest.raises(Forbidden, match="for others"):
        await desk.give(somebody(idle, "reviewer"), review_id, row["case_id"], full("general"), "")
    # None of the review's people is left: the town's head is next, and after that nobody.
    town = somebody("elsewhere", "regulator")
    for reviewer, became in ((town.subject, None), (town.subject, "ungraded")):
        clock.advance(timedelta(days=31))
        assert (await desk.pass_time(), await desk.pass_time()) == (1, 0)
        row = await file()
        assert (row["reviewers"], row["grade"]) == ([active, reviewer], became)
        async with pool.acquire() as connection:
            with pytest.raises(NotFound) if became else nullcontext():
                await cases.see(connection, town, row["case_id"])
    assert (row["total"], row["rule"], len(row["replaced"])) == (None, "unscored", 2)
    async with reads(desk, somebody(active, "reviewer")) as client:
        assert "逾期未评且无人可以接替：结案，不评等次" in (await client.get(path)).text
        for each in (f"/file-reviews/{review_id}", "/file-reviews"):
            assert "未评定" in (await client.get(each)).text
        assert "Not graded" in (await client.get("/file-reviews", headers={"Accept-Language": "en"})).text
    async with pool.acquire() as connection:
        (listed,) = await store.reviews(connection, None, 9, active)
        assert (listed["graded"], listed["ungraded"], listed["to_score"]) == (0, 1, 0)
        assert await audit.verify(connection) is None


async def test_a_score_that_comes_late_counts_and_the_other_reviewer_gives_way(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    desk = FileReviewDesk(pool, clock)
    await pool.execute(OFFICIALS)
    review_id = await desk.order(HEAD, replace(ORDER, people=("r1", "r2", "r4"), count=1))
    async with pool.acquire() as connection:
        (row,) = await store.files(connection, review_id)
    late, idle = row["reviewers"]
    clock.advance(timedelta(days=40))  # and nobody looked
    row = await desk.give(somebody(late, "reviewer"), review_id, row["case_id"], full("general"), "")
    assert row["reviewers"][0] == late
    assert [each["reviewer"] for each in row["replaced"]] == [idle]


async def test_whoever_declared_an_interest_is_kept_off_the_files_of_its_party(pool: asyncpg.Pool) -> None:
    await pool.execute(OFFICIALS)
    clock = ManualClock(START)
    desk = FileReviewDesk(pool, clock)
    await pool.execute("UPDATE inspection.case_file SET party_id = CASE id WHEN 'k1' THEN 'p' END, site_id = id")
    await pool.executemany(
        """
        INSERT INTO inspection.responsibility (site_id, place, role, organisation_id, organisation_name, since, until)
        VALUES ($1, 1, 'manager', 'q', 'q', '2020-01-01', $2)
        """,
        [("k2", START - timedelta(days=1)), ("k3", START - timedelta(days=3000))],  # since the act, and before it
    )
    interest = """
        INSERT INTO inspection.officer_interest (subject, organisation_id, reason, declared_at, declared_by, ended_at)
        VALUES ($1, $2, 'x', $3, 'x', $4)
    """
    await pool.executemany(interest, [("r1", "p", START, None), ("r2", "q", START, None), ("r4", "p", START, START)])
    async with pool.acquire() as connection:
        _, parts = await store.parts_of(connection, date(2026, 1, 1), TODAY)
        off = await store.kept_off(connection, ["k1", "k2", "k3"])
    assert (parts["r1"], parts["r2"], "r4" in parts) == (1, 1, False)
    assert {case: who - {"a", "b", "r3"} for case, who in off.items()} == {"k1": {"r1"}, "k2": {"r2"}, "k3": set()}
    review_id = await desk.order(HEAD, replace(ORDER, people=("r1", "r2", "r4", "i"), count=5))
    async with pool.acquire() as connection:
        drawn = {file["case_id"]: file["reviewers"] for file in await store.files(connection, review_id)}
    assert ("r1" in drawn["k1"], "r2" in drawn["k2"]) == (False, False)
    # Declared since: he scores it no more.
    who = drawn["k1"][0]
    await pool.execute(interest, who, "p", START + timedelta(days=1), None)
    with pytest.raises(Forbidden, match="declared an interest"):
        await desk.give(somebody(who, "reviewer"), review_id, "k1", full("general"), "")
    with pytest.raises(Invalid, match="fewer than two may review AJ-2026-000001"):
        await desk.order(HEAD, replace(ORDER, people=("r1", who), count=5))


async def test_files_that_wait_get_their_time_from_the_day_of_the_upgrade_and_are_told_of_it(
    pool: asyncpg.Pool, desk: FileReviewDesk
) -> None:
    review_id = await desk.order(HEAD, ORDER)
    async with pool.acquire() as connection:
        graded, *waiting = [file["case_id"] for file in await store.files(connection, review_id)]
    for who in ("r1", "r2"):
        await desk.give(somebody(who, "reviewer"), review_id, graded, full("general"), "")
    await hears(pool, "r1")
    upgrade = importlib.import_module("inspection_service.migrations.versions.0033_reviewers_time")
    await pool.execute(
        "ALTER TABLE inspection.reviewed_file DROP COLUMN score_until, DROP COLUMN replaced, DROP COLUMN told"
    )
    await pool.execute(upgrade.SCRIPT)
    upgraded = FileReviewDesk(pool, SystemClock())
    until = upgraded.today() + timedelta(days=30)
    rows = await pool.fetch("SELECT case_id, score_until, replaced FROM inspection.reviewed_file")
    assert {row["case_id"]: row["score_until"] for row in rows} == {graded: None} | dict.fromkeys(waiting, until)
    assert await upgraded.pass_time() == 0
    (words,) = [row["words"] for row in await pool.fetch("SELECT words FROM inspection.notice")]
    assert f"抽取您评查 2 件案卷（最迟 {until}" in words
