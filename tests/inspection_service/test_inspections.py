"""Inspections on a real PostgreSQL: drawn, carried out, sent twice, counted, and what nobody may."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from pypdf import PdfReader

from inspection_service.cases.desk import CaseDesk
from inspection_service.cases.opening import Opening
from inspection_service.cases.persons import Officer
from inspection_service.evidence import store as chains
from inspection_service.evidence.desk import EvidenceDesk, Wish, pieces
from inspection_service.inspections.checklists import checklists
from inspection_service.inspections.interests.desk import InterestDesk
from inspection_service.inspections.office import Office
from inspection_service.inspections.plans import store as plans_store
from inspection_service.inspections.plans.api import read_draw
from inspection_service.inspections.plans.desk import PlanDesk, PlanWish
from inspection_service.inspections.plans.draw import Verdict, verify
from inspection_service.inspections.plans.joint import Counters
from inspection_service.inspections.visits import store as visits_store
from inspection_service.inspections.visits.desk import Noted, Piece, Replacement, Said, VisitDesk, VisitWish
from inspection_service.inspections.visits.machine import REMOTE, Command, Position
from inspection_service.inspections.visits.probe import Probe
from inspection_service.inspections.visits.proof import ProofDesk
from inspection_service.inspections.visits.remote import RemoteDesk, Window
from inspection_service.law.catalogue import catalogue
from inspection_service.law.evidence import proves
from inspection_service.printing.press import Press
from inspection_service.store import file_site, replace_duties, retire_site
from inspection_service.tasks.desk import TaskDesk
from youguan import audit
from youguan.auth import EVERYTHING, Principal, Scope, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.documents import Document, Shelf
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unavailable
from youguan.eventlog import publish
from youguan.events import ConnectorStatusChanged, ResponsibilitiesChanged, ResponsibilityEntry, SiteFiled
from youguan.quota import DOCUMENTS
from youguan.settings import Settings

START = datetime(2026, 9, 16, 2, tzinfo=UTC)
TODAY = date(2026, 9, 16)
PRESS = Press()
PRIVATE, _ = generate_keys()


def somebody(subject: str, role: str, organisation: str | None = None, division: str | None = None) -> Principal:
    return Principal(subject, subject, frozenset({role}), organisation, division, "", "", START)


REGULATOR, TOWN = somebody("h", "regulator"), somebody("t", "regulator", division="330226002")
OFFICERS = {subject: somebody(subject, "inspector") for subject in "abcd"}
A, B, C = OFFICERS["a"], OFFICERS["b"], OFFICERS["c"]
OPERATOR, STRANGER = somebody("o", "operator", "m1"), somebody("x", "operator", "m2")
RANDOM = PlanWish("双随机", ("fire", "bureau"), TODAY, TODAY + timedelta(days=30), "年度计划", count=3)
JOINT = PlanWish("综合查一次", ("fire", "market", "bureau"), TODAY, TODAY + timedelta(days=30), "到期检查")


class World:
    """The desk, a clock of its own, and six sites of two organisations in two towns."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.clock = ManualClock(START)
        office = Office(pool, self.clock, checklists(), catalogue())
        self.plans, self.interests = PlanDesk(office), InterestDesk(office)
        self.desk = VisitDesk(office, PRESS, TaskDesk(self.clock, timedelta(minutes=5)))
        self.cases = CaseDesk(pool, self.clock, catalogue(), PRESS)

    async def visits(self, plan_id: str | None = None) -> list[asyncpg.Record]:
        async with self.pool.acquire() as connection:
            return await visits_store.list_visits(
                connection, scope=REGULATOR.scope, states=[], plan_id=plan_id, site_id=None, channel=None, officer=None,
                before=None, limit=1000,
            )  # fmt: skip

    async def visit(self, visit_id: str) -> asyncpg.Record:
        async with self.pool.acquire() as connection:
            return await visits_store.get_visit(connection, visit_id)

    async def counters(self, year: int = 2026, scope: Scope = EVERYTHING) -> Counters:
        async with self.pool.acquire() as connection:
            return await plans_store.counters(connection, year, scope)

    async def carry_out(self, visit_id: str, *, failing: int | None = None) -> None:
        """Do everything that a visit needs."""
        visit = await self.visit(visit_id)
        first, second = (OFFICERS[subject] for subject in visit["officers"])
        await self.desk.do(first, visit_id, Command.BEGIN, Said(position=Position(29.3, 121.4)))
        async with self.pool.acquire() as connection:
            places = [row["place"] for row in await visits_store.visit_points(connection, visit_id)]
        for place in places:
            result = "failed" if place == failing else "passed"
            await self.desk.note(first, visit_id, Noted(place, result, f"key-{place:04d}", "见照片"))
        await self.desk.do(first, visit_id, Command.FINISH)
        await self.desk.do(second, visit_id, Command.CONFIRM)


def filed(n: int) -> SiteFiled:
    return SiteFiled(
        site_id=f"s{n}", name=f"场站{n}", address=f"某路{n}号", division_code=f"33022600{1 + n % 2}", division_name="街道",
        longitude=121.0, latitude=29.0, stations=(), construction="residential" if n < 3 else None,
    )  # fmt: skip


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with await create_pool(database_url) as pool:
        world = World(pool)
        async with pool.acquire() as connection:
            for n in range(1, 7):
                organisation = f"m{1 + n % 2}"
                entry = ResponsibilityEntry(
                    role="manager", organisation_id=organisation, organisation_name=organisation, station_id=None,
                    since=START - timedelta(days=99), until=None,
                )  # fmt: skip
                await file_site(connection, filed(n), START)
                await replace_duties(connection, ResponsibilitiesChanged(site_id=f"s{n}", entries=(entry,)))
                await connection.execute("INSERT INTO bounds.site VALUES ($1, $2)", f"s{n}", f"33022600{1 + n % 2}")
                await connection.execute("INSERT INTO bounds.station VALUES ($1, $2)", f"s{n}-1", f"s{n}")
                since = START - timedelta(days=99)
                await connection.execute(
                    "INSERT INTO bounds.party VALUES ($1, 0, $2, $3, NULL)", f"s{n}", organisation, since
                )
        for n, subject in enumerate(OFFICERS, 1):
            await world.cases.register(REGULATOR, Officer(subject, f"警员{subject}", f"浙{n:04d}", date(2027, 12, 31)))
        yield world


async def test_a_random_draw_is_published_drawn_once_and_anybody_can_repeat_it(world: World) -> None:
    await world.interests.declare(REGULATOR, "a", "m1", "亲属任职")
    plan_id = await world.plans.plan_random(REGULATOR, RANDOM)
    async with world.pool.acquire() as connection:
        before = await plans_store.get_draw(connection, plan_id)
        (announced,) = await plans_store.list_draws(connection, None, 9)
        assert (announced["pool_sha256"], announced["drawn_at"]) == (before["pool_sha256"], None)
        await retire_site(connection, "s6", START)
    assert before["seed"] is None
    assert before["pool"]["conflicts"] == [["浙0001", "s2"], ["浙0001", "s4"], ["浙0001", "s6"]]
    published = (await read_draw(world.plans, plan_id)).model_dump_json()
    assert not [subject for subject in OFFICERS if f'"{subject}"' in published], "nobody learns how somebody logs in"
    renewed = Officer("b", "警员b", "浙9999", date(2029, 12, 31))
    await world.cases.register(REGULATOR, renewed)  # between the pool and the draw
    assert await world.visits() == []
    drawn = await world.plans.draw(REGULATOR, plan_id)
    async with world.pool.acquire() as connection:
        after = await plans_store.get_draw(connection, plan_id)
        assert (await plans_store.list_draws(connection, None, 9))[0]["drawn_at"] is not None
        assert await audit.verify(connection) is None
    assert after["pool"] == before["pool"]
    assert verify({name: after[name] for name in ("pool", "pool_sha256", "seed", "drawn")}) == Verdict()
    with pytest.raises(Conflict, match="never repeated"):
        await world.plans.draw(REGULATOR, plan_id)
    visits = await world.visits(plan_id)
    wanted = {each.site: [before["people"][number] for number in each.officers] for each in drawn if each.site != "s6"}
    assert {visit["site_id"]: visit["officers"] for visit in visits} == wanted
    assert all("a" not in officers for site, officers in wanted.items() if site in ("s2", "s4"))
    assert sorted(v["code"] for v in visits) == [f"XW3302262026{n:07d}" for n in range(1, len(visits) + 1)]
    await check_replacement(world, plan_id, visits[0])


async def check_replacement(world: World, plan_id: str, visit: asyncpg.Record) -> None:
    """Whoever cannot go, the next by the seed comes, whom nobody chooses, and whoever cannot either is passed over by name."""
    (first, second), others = visit["officers"], [each for each in OFFICERS if each not in visit["officers"]]
    organisation = f"m{1 + int(visit['site_id'][1:]) % 2}"
    free = [each for each in others if each != "a" or organisation != "m1"]
    ill = Replacement(first, None, "突发疾病")
    with pytest.raises(Invalid, match="comes: the seed of the draw names"):
        await world.desk.replace_officer(REGULATOR, visit["id"], replace(ill, comes=second))
    for _ in range(2):
        await world.desk.replace_officer(REGULATOR, visit["id"], ill)
    officers = set((await world.visit(visit["id"]))["officers"])
    assert officers - {second} <= set(free)
    assert len(officers) == 2
    for each in set(free) - officers:
        await world.interests.declare(REGULATOR, each, organisation, "亲属任职")
    with pytest.raises(Conflict, match="nobody in the published pool"):
        await world.desk.replace_officer(REGULATOR, visit["id"], Replacement(second, None, "出差"))
    published = (await read_draw(world.plans, plan_id)).model_dump(mode="json")
    assert len(published["replacements"]) == 1
    assert not [subject for subject in OFFICERS if f'"{subject}"' in orjson.dumps(published).decode()]
    assert verify(published) == Verdict()


async def test_two_who_draw_at_once_draw_once(world: World) -> None:
    plan_id = await world.plans.plan_random(REGULATOR, RANDOM)
    done = await asyncio.gather(*(world.plans.draw(REGULATOR, plan_id) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in done) == 3
    assert len(await world.visits(plan_id)) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"departments": ("nobody",)}, "departments"), ({"departments": ()}, "departments"),
        ({"departments": ("fire", "fire")}, "departments"), ({"ends_on": TODAY - timedelta(days=1)}, "ends_on"),
        ({"starts_on": TODAY + timedelta(days=40)}, "ends_on"),
    ],
)  # fmt: skip
async def test_a_plan_that_cannot_be_is_refused(world: World, change: dict[str, Any], field: str) -> None:
    for make in (world.plans.plan_random, world.plans.plan_joint):
        with pytest.raises(Invalid) as error:
            await make(REGULATOR, replace(RANDOM, **change))
        assert [wrong.field for wrong in error.value.fields] == [field]


async def test_who_plans_what_and_where(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.plans.plan_random(A, RANDOM)
    with pytest.raises(Invalid, match="division"):
        await world.plans.plan_random(TOWN, RANDOM)
    with pytest.raises(Invalid, match="division"):
        await world.plans.plan_random(TOWN, replace(RANDOM, division="330226001"))
    plan_id = await world.plans.plan_random(TOWN, replace(RANDOM, division="330226002"))
    async with world.pool.acquire() as connection:
        assert (await plans_store.get_draw(connection, plan_id))["pool"]["sites"] == ["s1", "s3", "s5"]
    with pytest.raises(Conflict, match="cannot be drawn"):
        await world.plans.plan_random(TOWN, replace(RANDOM, division="330226002", count=4))
    with pytest.raises(Invalid, match="two at least"):
        await world.plans.plan_joint(REGULATOR, replace(JOINT, departments=("fire",)))


async def test_a_run_leaves_out_only_who_is_going_there_in_its_window_anyway(world: World) -> None:
    soon = await world.desk.plan_visit(A, VisitWish("s1", ("market",), "b", "投诉", TODAY))
    late = await world.desk.plan_visit(A, VisitWish("s2", ("market",), "b", "投诉", TODAY))
    await world.pool.execute(
        "UPDATE inspection.visit SET planned_for = $2 WHERE id = $1", late, TODAY - timedelta(days=90)
    )
    plan_id = await world.plans.plan_joint(REGULATOR, JOINT)
    departments = {visit["site_id"]: set(visit["departments"]) for visit in await world.visits(plan_id)}
    assert departments["s2"] - departments["s1"] == {"market"}, "a visit that nobody made keeps nobody away"
    async with world.pool.acquire() as connection:
        others = await plans_store.visits_besides(connection, plan_id)
    assert [(row["id"], row["departments"]) for row in others] == [(soon, ["market"])]


async def test_a_run_visits_each_premises_once_and_is_counted(world: World) -> None:
    single = await world.desk.plan_visit(A, VisitWish("s1", ("market",), "b", "投诉", TODAY))
    await world.carry_out(single)
    assert await world.counters() == Counters(0, 0, 0, 0)
    plan_id = await world.plans.plan_joint(REGULATOR, JOINT)
    visits = {visit["site_id"]: visit for visit in await world.visits(plan_id)}
    assert {site: len(visit["departments"]) for site, visit in visits.items()} == {
        "s1": 2, **dict.fromkeys(["s2", "s3", "s4", "s5", "s6"], 3),
    }  # fmt: skip
    with pytest.raises(Conflict, match="nothing is due"):
        await world.plans.plan_joint(REGULATOR, JOINT)
    async with world.pool.acquire() as connection:
        owed = {stop.site_id: stop for stop in await world.plans.due(connection, REGULATOR.scope, JOINT)}
    assert {site: (stop.departments, len(stop.left_out)) for site, stop in owed.items()} == {
        site: ((), len(visit["departments"])) for site, visit in visits.items()
    }  # fmt: skip
    assert (await world.counters()).runs == 0
    for site in ("s1", "s2", "s3"):
        await world.carry_out(visits[site]["id"])
    assert await world.counters() == Counters(1, 3, 13, 1 + 2 + 2)
    assert await world.counters(2025) == Counters(0, 0, 0, 0)
    assert await world.counters(scope=Scope(divisions=("330227",))) == Counters(0, 0, 0, 0)


async def test_two_who_plan_runs_at_once_send_nobody_twice(world: World) -> None:
    await asyncio.gather(*(world.plans.plan_joint(REGULATOR, JOINT) for _ in range(3)), return_exceptions=True)
    sites = [visit["site_id"] for visit in await world.visits()]
    assert sorted(sites) == ["s1", "s2", "s3", "s4", "s5", "s6"]


async def test_what_is_not_in_order_is_for_whoever_was_responsible_when_it_was_seen(world: World) -> None:
    visit_id = await world.desk.plan_visit(A, VisitWish("s1", ("emergency",), "b", "专项检查", TODAY))
    await world.desk.do(A, visit_id, Command.BEGIN)
    for place, result in enumerate(("passed", "failed"), 1):
        await world.desk.note(A, visit_id, Noted(place, result, f"key-{place:04d}"))
    world.clock.advance(timedelta(hours=1))
    handed_over = [
        ResponsibilityEntry(
            role="manager", organisation_id=organisation, organisation_name=organisation, station_id=None, since=since,
            until=until,
        )
        for organisation, since, until in (
            ("m2", START - timedelta(days=99), world.clock.now()), ("m9", world.clock.now(), None),
        )
    ]  # fmt: skip
    async with world.pool.acquire() as connection:
        await replace_duties(connection, ResponsibilitiesChanged(site_id="s1", entries=tuple(handed_over)))
    world.clock.advance(timedelta(hours=1))
    await world.desk.do(A, visit_id, Command.FINISH)
    async with world.pool.acquire() as connection:
        (task,) = await connection.fetch("SELECT * FROM inspection.task")
    assert (task["origin"], task["assignee_id"], task["occurred_at"]) == ("inspection", "m2", START)


async def test_what_does_not_join_is_found_again_at_the_next_visit(world: World) -> None:
    for _ in range(2):
        visit_id = await world.desk.plan_visit(A, VisitWish("s3", ("bureau",), "b", "专项检查", TODAY))
        await world.carry_out(visit_id, failing=1)
    async with world.pool.acquire() as connection:
        tasks = await connection.fetch(
            "SELECT cause, subject, site_id, details->>'visit_id' AS visit FROM inspection.task"
        )
    assert [(task["cause"], task["site_id"]) for task in tasks] == [("other", "s3")] * 2
    assert len({task["visit"] for task in tasks}) == 2


async def test_a_visit_from_code_to_record(world: World) -> None:
    visit_id = await world.desk.plan_visit(A, VisitWish("s1", ("fire", "bureau"), "b", "专项检查", TODAY))
    with pytest.raises(Conflict):
        await world.desk.note(A, visit_id, Noted(1, "passed", "key-0001"))
    with pytest.raises(Forbidden):
        await world.desk.do(C, visit_id, Command.BEGIN)
    await world.desk.do(B, visit_id, Command.BEGIN, Said(position=Position(29.3, 121.4), rights_told=True))
    await world.desk.do(A, visit_id, Command.BEGIN)
    with pytest.raises(Conflict, match="nothing is said yet of: 1, 2, 3, 4, 5, 6, 7, 8, 9"):
        await world.desk.do(A, visit_id, Command.FINISH)
    with pytest.raises(Invalid, match="place"):
        await world.desk.note(A, visit_id, Noted(10, "passed", "key-0001"))
    for place in range(1, 10):
        await world.desk.note(A, visit_id, Noted(place, "passed", f"key-{place:04d}"))
    await world.desk.note(B, visit_id, Noted(2, "failed", "key-again", "消防车通道被占用"))
    photo = Piece("photo-0001", "photo", "通道", "0" * 64, DOCUMENTS.size_bytes, "image/png", "a.png", place=2)
    await asyncio.gather(*(world.desk.bring(A, visit_id, photo) for _ in range(3)))
    with pytest.raises(TooManyRequests, match="a day's 1000 files or 1024 MiB are used up"):
        await world.desk.may_bring(A, visit_id, 1)
    with pytest.raises(TooManyRequests):  # who was told that there is room while others brought theirs
        await world.desk.bring(A, visit_id, replace(photo, key="photo-0002", size_bytes=1))
    await world.desk.bring(A, visit_id, photo)
    await world.desk.may_bring(B, visit_id, 1)
    await asyncio.gather(*(world.desk.do(A, visit_id, Command.FINISH) for _ in range(3)))
    with pytest.raises(Forbidden):
        await world.desk.do(A, visit_id, Command.CONFIRM)
    for _ in range(2):
        await world.desk.do(B, visit_id, Command.CONFIRM)
    async with world.pool.acquire() as connection:
        record = await visits_store.get_record(connection, visit_id)
        assert len(await visits_store.pieces(connection, visit_id)) == 1
        events = await connection.fetch("SELECT payload FROM eventlog.event WHERE type = 'VisitFinished'")
        lines = await connection.fetchval("SELECT count(*) FROM inspection.visit_result")
        (task,) = await connection.fetch("SELECT * FROM inspection.task")
    told = (task["origin"], task["cause"], task["site_id"], task["assignee_id"], task["details"]["visit_id"])
    assert told == ("inspection", "fire_equipment", "s1", "m2", visit_id)
    assert [event["payload"]["failed_items"] for event in events] == [["fire-equipment"]]
    assert lines == 10
    assert record["number"] == "甬宁综执现检字〔2026〕第000001号"
    number, pdf = await world.desk.pdf(visit_id)
    assert (number, pdf) == await world.desk.pdf(visit_id)
    text = "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())
    for words in (
        "现场检查笔录",
        "XW33022620260000001",
        "消防车通道被占用",
        "9项中1项不合格",
        "照片1件",
        "警员a（浙0001）",
        "检查前已出示执法证件并告知回避等权利",
    ):
        assert words in text, words


async def test_numbers_have_no_gaps_when_something_fails(world: World) -> None:
    wish = VisitWish("s1", ("fire",), "b", "x", TODAY)
    for second in ("a", "nobody"):
        with pytest.raises(Invalid):
            await world.desk.plan_visit(A, replace(wish, second_officer=second))
    with pytest.raises(NotFound):
        await world.desk.plan_visit(A, replace(wish, site_id="s9"))
    await asyncio.gather(*(world.desk.plan_visit(A, wish) for _ in range(5)))
    assert sorted(v["code"][-7:] for v in await world.visits()) == [f"{n:07d}" for n in range(1, 6)]


async def test_who_has_an_interest_does_not_inspect(world: World) -> None:
    interest = await world.interests.declare(A, "a", "m1", "亲属任职")
    with pytest.raises(Forbidden):
        await world.interests.declare(A, "b", "m1", "x")
    with pytest.raises(Conflict):
        await world.interests.declare(A, "a", "m1", "x")
    wish = VisitWish("s2", ("fire",), "b", "x", TODAY)
    with pytest.raises(Conflict, match="interest"):
        await world.desk.plan_visit(A, wish)
    with pytest.raises(Conflict, match="interest"):
        await world.desk.plan_visit(B, replace(wish, second_officer="a"))
    await world.desk.plan_visit(A, replace(wish, site_id="s1"))
    with pytest.raises(Forbidden):
        await world.interests.end(A, interest)
    await world.interests.end(REGULATOR, interest)
    await world.desk.plan_visit(A, wish)


async def test_an_officer_who_falls_ill_is_replaced_and_both_stay_on_record(world: World) -> None:
    await world.interests.declare(somebody("d", "inspector"), "d", "m2", "亲属任职")
    visit_id = await world.desk.plan_visit(A, VisitWish("s1", ("fire",), "b", "x", TODAY))
    ill = Replacement("b", "c", "突发疾病")
    for who, wanted, error in (
        (C, ill, Forbidden),
        (A, replace(ill, reason=" "), Invalid),
        (A, replace(ill, leaves="c", comes="d"), Invalid),
        (A, replace(ill, comes="a"), Invalid),
        (A, replace(ill, comes="nobody"), Invalid),
        (REGULATOR, replace(ill, comes="d"), Conflict),
    ):
        with pytest.raises(error):
            await world.desk.replace_officer(who, visit_id, wanted)
    for _ in range(2):
        await world.desk.replace_officer(A, visit_id, ill)
    await world.carry_out(visit_id)
    async with world.pool.acquire() as connection:
        (kept,) = await visits_store.replacements(connection, visit_id)
        record = (await visits_store.get_record(connection, visit_id))["content"]
    assert (await world.visit(visit_id))["officers"] == ["a", "c"]
    assert f"执法人员{kept['left_name']}由{kept['came_name']}接替：突发疾病" in record["paragraphs"]
    with pytest.raises(Conflict, match="finished"):
        await world.desk.replace_officer(REGULATOR, visit_id, Replacement("c", "b", "x"))


async def test_a_party_sees_what_is_finished_at_its_own_sites(world: World) -> None:
    visit_id = await world.desk.plan_visit(A, VisitWish("s2", ("fire",), "b", "x", TODAY))

    async def sees(who: Principal) -> bool:
        async with world.pool.acquire() as connection:
            return await visits_store.is_seen(connection, visit_id, who.scope)

    assert [await sees(who) for who in (A, REGULATOR, TOWN, OPERATOR, STRANGER)] == [True, True, False, False, False]
    await world.carry_out(visit_id)
    assert [await sees(who) for who in (TOWN, OPERATOR, STRANGER)] == [False, True, False]
    with pytest.raises(Forbidden):
        await world.desk.do(OPERATOR, visit_id, Command.CONFIRM)


async def test_a_visit_is_called_off_with_a_reason(world: World) -> None:
    visit_id = await world.desk.plan_visit(A, VisitWish("s2", ("fire",), "b", "x", TODAY))
    with pytest.raises(Forbidden):
        await world.desk.do(A, visit_id, Command.CANCEL, Said("x"))
    with pytest.raises(Invalid, match="reason"):
        await world.desk.do(REGULATOR, visit_id, Command.CANCEL, Said(" "))
    with pytest.raises(NotFound):
        await world.desk.do(TOWN, visit_id, Command.CANCEL, Said("x"))
    await world.desk.do(REGULATOR, visit_id, Command.CANCEL, Said("场站停业"))
    with pytest.raises(Conflict):
        await world.desk.do(A, visit_id, Command.BEGIN)


FRAMES = [
    {"received_at": "2026-09-16T02:00:00Z", "sent": False,
     "frame": '[2,"1","StatusNotification",{"connectorId":1,"errorCode":"GroundFailure","status":"Faulted"}]'},
]  # fmt: skip


class FakeGateway:
    """A gateway that knows one message, and may be away."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, str]] = []

    async def frames(self, station_id: str, start: datetime, end: datetime | None) -> list[dict[str, Any]]:
        if self.away:
            raise Unavailable("away")
        return FRAMES

    async def probe(self, station_id: str, reason: str) -> Probe:
        self.asked.append((station_id, reason))
        return Probe("answered", {"action": "TriggerMessage"}, FRAMES)


async def test_a_remote_inspection_freezes_what_was_told_and_leads_to_a_case(world: World, tmp_path: Path) -> None:
    told = ConnectorStatusChanged(
        station_id="s1-1", connector=1, status="Faulted", condition="faulted", previous_condition=None,
        error_code="GroundFailure", error_info=None, vendor_error_code=None, occurred_at=START, received_at=START,
        effective_at=START,
    )  # fmt: skip
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, "gateway/0", [told])
    world.clock.advance(datetime.now(UTC) + timedelta(minutes=1) - world.clock.now())
    day = world.desk.office.today()
    visit_id = await world.desk.plan_visit(A, VisitWish("s1", ("fire", "bureau"), "b", "远程", day, REMOTE))
    async with world.pool.acquire() as connection:
        assert [row["point"] for row in await visits_store.visit_points(connection, visit_id)] == [
            "management.filed", "management.in-order", "management.bays",
        ]  # fmt: skip
    remote, gateway = RemoteDesk(world.desk, world.clock), FakeGateway()

    async def freeze(station_id: str, days: int = 1) -> None:
        window = Window(station_id, end - timedelta(days=days), end, "extract-1")
        await remote.freeze(A, visit_id, window, gateway)

    end = world.clock.now()
    with pytest.raises(Conflict):
        await freeze("s1-1")
    await world.desk.do(A, visit_id, Command.BEGIN)
    with pytest.raises(NotFound):
        await freeze("s2-1")
    with pytest.raises(Invalid):
        await freeze("s1-1", days=32)
    gateway.away = True
    with pytest.raises(Unavailable):
        await freeze("s1-1")
    async with world.pool.acquire() as connection:
        assert await visits_store.pieces(connection, visit_id) == []  # all of it or nothing
    gateway.away = False
    for _ in range(2):
        await freeze("s1-1")
        await remote.probe(A, visit_id, "s1-1", "asked-0001", gateway)
    with pytest.raises(NotFound):
        await remote.probe(A, visit_id, "s2-1", "asked-0002", gateway)
    async with world.pool.acquire() as connection:
        telemetry, frames, probe = await visits_store.pieces(connection, visit_id)
        contents = [(await visits_store.piece(connection, visit_id, number))["content"] for number in (1, 2, 3)]
    assert [piece["kind"] for piece in (telemetry, frames, probe)] == ["telemetry", "frames", "probe"]
    assert telemetry["source"]["events"] == frames["source"]["events"] == 1
    assert b"GroundFailure" in contents[0]
    assert orjson.loads(contents[1]) == FRAMES
    assert (probe["source"]["outcome"], probe["source"]["said"]) == ("answered", ["#1 Faulted"])
    assert gateway.asked == [("s1-1", (await world.visit(visit_id))["code"])]  # once
    await world.carry_out(visit_id, failing=1)
    async with world.pool.acquire() as connection:
        recorded = (await visits_store.get_record(connection, visit_id))["content"]["paragraphs"]
    assert recorded[-2].endswith("询问充电桩s1-1，已应答（#1 Faulted）。")
    lead = Opening(
        "car-park-unfiled",
        "organisation",
        "m2",
        day,
        "b",
        "远程检查发现未备案",
        party_id="m2",
        site_id="s1",
        visit_id=visit_id,
    )
    world.clock.advance(timedelta(days=2))
    case_id = await world.cases.open(A, lead)
    async with world.pool.acquire() as connection:
        assert [case["id"] for case in await visits_store.cases_of(connection, visit_id)] == [case_id]
        found_on = await connection.fetchval("SELECT found_on FROM inspection.case_file WHERE id = $1", case_id)
    assert found_on == day, "found by the visit, and not when it was typed in"
    with pytest.raises(NotFound):
        await world.cases.open(A, replace(lead, site_id="s2"))
    evidence = EvidenceDesk(world.pool, world.clock, Shelf(Settings(data_dir=tmp_path), "inspection"), PRIVATE)
    proof = ProofDesk(world.desk, evidence)
    with pytest.raises(NotFound):
        await proof.take(A, visit_id, "no such case")
    with pytest.raises(Forbidden):
        await proof.take(C, visit_id, case_id)
    for _ in range(2):
        await proof.take(A, visit_id, case_id)
    await evidence.confirm(B, case_id, 1)
    async with world.pool.acquire() as connection:
        links = await chains.links(connection, case_id)
        kept = await evidence.content(connection, case_id, 1)
    number, pdf = await world.desk.pdf(visit_id)
    assert kept == pdf
    assert links[0].record["source"]["record"] == number
    assert proves(pieces(links, ("a", "b")))  # both stand for it: no word of it was written again
    by_hand, elsewhere = [
        await world.cases.open(A, replace(lead, visit_id=None, site_id=site)) for site in ("s1", "s2")
    ]
    async with world.pool.acquire() as connection:
        offered = [
            [row["id"] for row in await visits_store.proving(connection, n)] for n in (case_id, by_hand, elsewhere)
        ]
    assert offered == [[], [visit_id], []]
    await proof.take(A, visit_id, by_hand)
    with pytest.raises(NotFound):
        await proof.take(A, visit_id, elsewhere)
    by_hand_again = Wish("record", "inspector", "现场检查笔录", world.clock.now(), {})
    received: list[str] = []

    async def receive() -> Document:
        received.append("x")
        return Document("0" * 64, 1, "application/pdf", "x.pdf")

    for written in (
        evidence.collect_text(A, elsewhere, by_hand_again, "x"),
        evidence.collect_file(A, elsewhere, by_hand_again, receive, 1),
        evidence.collect_file(A, elsewhere, replace(by_hand_again, origin="party"), receive, 1),
    ):
        with pytest.raises(Conflict, match="comes from its visit"):
            await written
    assert not received, "it is refused before its content is taken"


async def test_what_was_written_is_never_changed(world: World) -> None:
    plan_id = await world.plans.plan_random(REGULATOR, RANDOM)
    await world.plans.draw(REGULATOR, plan_id)
    visit = (await world.visits(plan_id))[0]
    await world.carry_out(visit["id"])
    async with world.pool.acquire() as connection:
        for table in ("plan", "plan_item", "draw", "drawn", "visit_point", "visit_result", "visit_record"):
            with pytest.raises(asyncpg.PostgresError, match="what happened is not changed"):
                await connection.execute(f"DELETE FROM inspection.{table}")
