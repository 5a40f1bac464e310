"""What people do with tasks, on a real PostgreSQL: roles, bounds, requests, papers, teams, proofs, time; two at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from inspection_service.command_centre import store as loads
from inspection_service.command_centre.api import dispatch_all
from inspection_service.tasks import store
from inspection_service.tasks.conditions import Said
from inspection_service.tasks.counter import Counter, Finding
from inspection_service.tasks.machine import Command
from inspection_service.tasks.store import Filter
from tests.inspection_service.test_tasks import NOW, SITE, World, ledger, raised, resolved
from youguan.auth import EVERYTHING, Principal
from youguan.database import create_pool
from youguan.documents import Document
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from youguan.events import OrganisationFiled, StationFile, StationProbed, TeamChanged
from youguan.quota import DOCUMENTS, Brought

STATION = StationFile(station_id="a", connectors=2, power_w=7000, current_type="AC")
PAPER = Document("0" * 64, 3, "image/jpeg", "维修后.jpg")


def person(role: str, organisation: str | None = None, division: str | None = None, **more: Any) -> Principal:
    return Principal(
        f"{role} {organisation or division}", "P", frozenset([role]), organisation, division, "t", "c", NOW, **more
    )


PARTY, OTHER = person("operator", "m"), person("operator", "b")
INSPECTOR, COLLEAGUE = person("inspector", division="330226001"), person("inspector", division="330226")
ELSEWHERE, CENTRE = person("inspector", division="330226002"), person("regulator")


class Office(World):
    """The world with its counter."""

    def __init__(self, pool: Any) -> None:
        super().__init__(pool)
        self.counter = Counter(pool, self.desk)

    async def say(self, who: Principal, command: str, papers: tuple[Document, ...] = (), **said: Any) -> None:
        task = await self.task()
        await self.counter.do(who, task["id"], Command(command), Said(**said), papers)

    async def find(self, who: Principal = INSPECTOR, **finding: Any) -> tuple[str, bool]:
        made: dict[str, Any] = {"cause": "cannot_charge", "reason": "充不上", "station_id": "a", **finding}
        opened = await self.counter.open(who, Finding(**made))
        return opened.number, opened.joined


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with await create_pool(database_url) as pool:
        office = Office(pool)
        await office.tell(replace(SITE, stations=(STATION,)), ledger(("builder", "b", 90), ("manager", "m", 80)))
        await pool.execute("INSERT INTO bounds.station VALUES ('a', 's')")
        yield office


async def test_from_a_word_by_hand_to_an_inspectors_own_eyes(office: Office) -> None:
    await office.find(cause="connector_damaged", connector=1)
    await office.say(PARTY, "accept")
    await office.say(PARTY, "answer", reason="等配件")
    with pytest.raises(TooManyRequests):
        await office.say(PARTY, "mend", papers=(PAPER, replace(PAPER, size_bytes=DOCUMENTS.size_bytes)))
    await office.say(PARTY, "mend", papers=(PAPER,), reason="已更换")
    task = await office.task()
    assert (task["state"], task["awaiting"], task["assignee_id"]) == ("mended", "inspector", "m")
    with pytest.raises(Forbidden):
        await office.say(PARTY, "confirm")
    await office.say(INSPECTOR, "refute", reason="仍然破损", latitude=29.0, longitude=121.0)
    assert await office.state() == "open"
    await office.say(PARTY, "mend")
    await office.say(INSPECTOR, "confirm")
    assert await office.state() == "closed"
    async with office.pool.acquire() as connection:
        (paper,) = await store.papers(connection, task["id"])
        history = await store.history(connection, task["id"])
        brought = await store.papers_since(connection, PARTY.subject, history[0]["at"] - timedelta(days=1))
        assert (brought.files, brought.size_bytes, brought.first_at is not None) == (1, PAPER.size_bytes, True)
        assert await store.papers_since(connection, INSPECTOR.subject, history[0]["at"]) == Brought()
        assert await store.paper(connection, task["id"], paper["place"], paper["number"]) == PAPER
    refuted = next(line for line in history if line["command"] == "refute")
    assert (refuted["role"], refuted["latitude"], refuted["longitude"]) == ("team", 29.0, 121.0)
    actions = await office.pool.fetch("SELECT action FROM audit.trail ORDER BY number")
    assert [row["action"] for row in actions] == [
        "task open", "task accept", "task answer", "task mend", "task refute", "task mend", "task confirm",
    ]  # fmt: skip


async def test_who_mends_does_not_confirm_and_nobody_closes_what_still_fires(office: Office) -> None:
    await office.tell(raised())
    await office.say(INSPECTOR, "mend")
    with pytest.raises(Conflict, match="still says"):
        await office.say(COLLEAGUE, "confirm")
    with pytest.raises(Conflict, match="still says"):
        await office.say(CENTRE, "cancel", reason="x")
    await office.pool.execute("UPDATE inspection.task SET fires = false")
    with pytest.raises(Conflict, match="does not confirm it"):
        await office.say(INSPECTOR, "confirm")
    key = replace(COLLEAGUE, scopes=frozenset({"inspection:write"}))
    with pytest.raises(Forbidden, match="not for a machine's key"):
        await office.say(key, "confirm")
    async with office.pool.acquire() as connection:
        task = await office.counter.see(connection, key, (await office.task())["id"])
    assert "confirm" in office.counter.offers(COLLEAGUE, task)
    assert "confirm" not in office.counter.offers(key, task)
    await office.say(COLLEAGUE, "confirm")
    assert await office.state() == "closed"


@pytest.mark.parametrize(
    ("who", "error"),
    [(OTHER, NotFound), (ELSEWHERE, NotFound), (person("reviewer"), Forbidden), (person("operator"), NotFound)],
)
async def test_who_may_not(office: Office, who: Principal, error: type[Exception]) -> None:
    await office.tell(raised())
    for command in Command:
        if command.value in ("accept", "mend", "cancel", "reassign"):
            with pytest.raises(error):
                await office.say(who, command, reason="x")
    assert await office.moves() == [("open", "open")]


async def test_machines_words_are_nobodys_to_say(office: Office) -> None:
    await office.tell(raised())
    for command in ("settle", "hold", "recover", "succeed", "sample"):
        with pytest.raises(Forbidden):
            await office.say(CENTRE, command, reason="x")


async def test_more_time_is_asked_for_once_and_told(office: Office) -> None:
    await office.tell(raised())
    due = (await office.task())["due_at"]
    until = due + timedelta(days=2)
    await office.say(PARTY, "ask_time", reason="等配件", until=until)
    with pytest.raises(Forbidden):
        await office.say(PARTY, "grant_time")
    with pytest.raises(Conflict):
        await office.say(CENTRE, "grant_transfer")
    await office.say(INSPECTOR, "grant_time")
    assert (await office.task())["due_at"] == until
    (changed,) = await office.told("TaskChanged")
    assert changed["due_on"] > due.date().isoformat()
    with pytest.raises(Conflict, match="once"):
        await office.say(PARTY, "ask_time", reason="再等", until=until + timedelta(days=1))


async def test_a_task_that_is_anothers_goes_to_him_with_a_term_of_his_own(office: Office) -> None:
    await office.tell(raised())
    with pytest.raises(Invalid, match="to"):
        await office.say(PARTY, "ask_transfer", reason="不归我们", to="nobody")
    await office.say(PARTY, "ask_transfer", reason="归建设单位", to="b")
    await office.pass_time(3600)
    with pytest.raises(Forbidden):
        await office.say(INSPECTOR, "grant_transfer")
    before = (await office.task())["due_at"]
    await office.say(CENTRE, "grant_transfer")
    task = await office.task()
    assert (task["assignee_id"], task["assignee_role"], task["request"]) == ("b", "builder", None)
    assert task["due_at"] >= before
    with pytest.raises(NotFound):
        await office.say(PARTY, "accept")
    await office.say(OTHER, "accept")
    await office.say(OTHER, "answer", (PAPER,), reason="建设单位的事")
    async with office.pool.acquire() as connection:
        his = await office.counter.read(connection, PARTY, task["id"])
        assert (his.former, his.task["state"], his.papers) == (True, "open", [])
        assert [line["command"] for line in his.history] == ["open", "ask_transfer", "grant_transfer"]
        whole = await office.counter.read(connection, OTHER, task["id"])
        assert (whole.former, len(whole.papers), whole.history[-1]["command"]) == (False, 1, "answer")
        with pytest.raises(NotFound):
            await office.counter.read(connection, person("operator", "n"), task["id"])
    await office.say(CENTRE, "reassign", reason="仍归管理单位", to="m")
    assert ((await office.task())["assignee_id"], await office.state()) == ("m", "open")
    with pytest.raises(Invalid):
        await office.say(CENTRE, "reassign", reason="x", to="m")
    lines = await office.pool.fetch("SELECT command, given_to FROM inspection.task_history ORDER BY place")
    assert [line["given_to"] for line in lines] == [None, "b", "b", None, None, "m"]


async def test_a_refused_request_is_over(office: Office) -> None:
    await office.tell(raised())
    await office.say(PARTY, "ask_transfer", reason="x", to="b")
    with pytest.raises(Conflict, match="waits"):
        await office.say(PARTY, "ask_time", reason="x", until=NOW + timedelta(days=5))
    await office.say(INSPECTOR, "refuse", reason="合同写明")
    assert (await office.task())["request"] is None
    with pytest.raises(Conflict, match="nothing of that kind"):
        await office.say(CENTRE, "refuse", reason="x")


# --- opening ---


async def test_two_who_say_the_same_at_once_open_one_task(office: Office) -> None:
    found = await asyncio.gather(*(office.find(connector=n) for n in (1, 1, 1, 1)))
    assert sorted(joined for _, joined in found) == [False, True, True, True]
    assert len(await office.tasks()) == 1
    assert (await office.find(connector=2))[1] is False


async def test_two_officers_at_once_move_it_once(office: Office) -> None:
    await office.tell(raised())
    done = await asyncio.gather(
        office.say(INSPECTOR, "accept"), office.say(COLLEAGUE, "accept"), office.say(PARTY, "accept"),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(type(one).__name__ for one in done) == ["Conflict", "Conflict", "NoneType"]
    assert await office.moves() == [("open", "open"), ("accept", "accepted")]
    assert await office.pool.fetchval("SELECT count(*) FROM audit.trail") == 1


async def test_what_is_the_same_as_an_alert_joins_its_task_and_the_other_way_round(office: Office) -> None:
    await office.tell(raised())
    number, joined = await office.find(connector=1)
    assert (number, joined) == ("GD-2026-000001", True)
    await office.tell(resolved())
    await office.pass_time(30)
    assert await office.state() == "closed"
    await office.pass_time(8 * 86400)
    number, joined = await office.find()
    assert joined is False
    await office.tell(raised())
    rows = await office.pool.fetch(
        "SELECT number, state, merged_into IS NOT NULL AS merged FROM inspection.task ORDER BY number"
    )
    assert [tuple(row) for row in rows][1:] == [("GD-2026-000002", "closed", True), ("GD-2026-000003", "open", False)]


async def test_what_does_not_join_is_two(office: Office) -> None:
    await office.find(cause="other", reason="一")
    await office.find(cause="other", reason="二")
    assert len(await office.tasks()) == 2


async def test_the_same_again_within_days_is_the_same_task_unless_another_manages(office: Office) -> None:
    await office.find(cause="connector_damaged")
    await office.say(PARTY, "mend")
    await office.say(INSPECTOR, "confirm")
    await office.pass_time(3 * 86400)
    number, joined = await office.find(cause="connector_damaged")
    task = await office.task()
    assert (number, joined, task["state"], task["reopened"]) == ("GD-2026-000001", True, "open", 1)
    assert task["due_at"] > office.clock.now()
    assert len(await office.told("TaskOpened")) == 2
    await office.say(PARTY, "mend")
    await office.say(INSPECTOR, "confirm")
    await office.tell(ledger(("builder", "b", 90), ("manager", "new", -3)))
    number, joined = await office.find(cause="connector_damaged")
    assert (number, joined, (await office.task())["assignee_id"]) == ("GD-2026-000002", False, "new")
    earlier = await office.pool.fetchval("SELECT id FROM inspection.task WHERE number = 'GD-2026-000001'")
    with pytest.raises(Conflict, match="another task"):
        await office.counter.do(INSPECTOR, earlier, Command.REFUTE, Said("x"))
    await office.say(replace(PARTY, organisation_id="new"), "mend")
    await office.say(INSPECTOR, "confirm")
    later = (await office.task())["id"]
    async with office.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM inspection.task FOR UPDATE")  # both wait here, so that they look at once
        both = [office.counter.do(INSPECTOR, task, Command.REFUTE, Said("x")) for task in (earlier, later)]
        at_once = [asyncio.create_task(refutal) for refutal in both]
        await two_wait(connection)
    refused = [each for each in await asyncio.gather(*at_once, return_exceptions=True) if each]
    assert [(type(each), "another task" in str(each)) for each in refused] == [(Conflict, True)]


async def two_wait(connection: asyncpg.Connection) -> None:
    """Return when two others wait for a row that this connection holds."""
    # Not pg_stat_activity: within a transaction it goes on showing who was connected when it was first asked.
    held_up = (
        "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    async with asyncio.timeout(10):
        while await connection.fetchval(held_up) < 2:
            await asyncio.sleep(0)


async def test_another_department_passes_it_on_for_who_managed_then(office: Office) -> None:
    await office.tell(ledger(("builder", "b", 90), ("manager", "new", 10)))
    then = NOW - timedelta(days=20)
    await office.find(CENTRE, occurred_at=then, department="消防救援大队", document="宁消〔2026〕1号")
    task = await office.task()
    assert (task["origin"], task["assignee_id"], task["occurred_at"]) == ("department", "b", then)
    assert task["details"]["document"] == "宁消〔2026〕1号"


@pytest.mark.parametrize(
    ("who", "finding", "error"),
    [
        (INSPECTOR, {"cause": "connector_fault"}, Invalid),
        (INSPECTOR, {"occurred_at": NOW + timedelta(seconds=1)}, Invalid),
        (INSPECTOR, {"occurred_at": NOW - timedelta(days=732)}, Invalid),
        (INSPECTOR, {"station_id": "nowhere"}, NotFound),
        (INSPECTOR, {"site_id": "other"}, Invalid),
        (INSPECTOR, {"station_id": None}, Invalid),
        (ELSEWHERE, {}, NotFound),
        (CENTRE, {"station_id": None, "site_id": "nowhere"}, NotFound),
    ],
)
async def test_what_cannot_be_opened(
    office: Office, who: Principal, finding: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await office.find(who, **finding)
    assert await office.tasks() == []


# --- proof and time ---


async def probe(office: Office, outcome: str, condition: str | None) -> None:
    task = await office.task()
    wanted = await office.told("StationProbeWanted")
    assert wanted[-1]["probe_id"] == task["probe_id"]
    probed = StationProbed(
        probe_id=task["probe_id"], station_id="a", connector=None, outcome=outcome, condition=condition, at=NOW
    )
    await office.tell(probed, probed, replace(probed, probe_id="another", condition="faulted"))


@pytest.mark.parametrize(
    ("outcome", "condition", "state", "awaiting"),
    [
        ("answered", "available", "verifying", None),
        ("answered", "charging", "verifying", None),
        ("answered", "faulted", "open", None),
        ("answered", "unavailable", "mended", "inspector"),
        ("answered", None, "mended", "inspector"),
        ("unanswered", None, "mended", "inspector"),
        ("unreachable", None, "mended", "inspector"),
    ],
)
async def test_a_station_is_asked(
    office: Office, outcome: str, condition: str | None, state: str, awaiting: str | None
) -> None:
    await office.find()
    await office.say(PARTY, "mend")
    assert (await office.task())["awaiting"] == "probe"
    await probe(office, outcome, condition)
    task = await office.task()
    assert (task["state"], task["awaiting"], task["probe_id"]) == (state, awaiting, None)
    await office.pass_time(30)
    assert await office.state() == ("closed" if state == "verifying" else state)


async def test_a_probe_that_never_ends_and_an_alert_that_stays_lead_to_an_inspector(office: Office) -> None:
    await office.tell(raised())
    await office.say(PARTY, "mend")
    waits = [(await office.task())["awaiting"]]
    for seconds in (720, 180):
        await office.pass_time(seconds)
        waits.append((await office.task())["awaiting"])
    assert waits == ["source", "probe", "inspector"]
    assert (await office.moves())[-1] == ("visit", "mended")
    await office.tell(resolved())
    assert await office.state() == "verifying"


@pytest.mark.parametrize(("lot", "closes"), [(0.9, True), (0.1, False)])
async def test_small_matters_close_by_lot(office: Office, lot: float, closes: bool) -> None:
    office.lot = lot
    await office.find(cause="sign_missing")
    await office.say(PARTY, "mend")
    assert (await office.task())["awaiting"] == ("sampling" if closes else "inspector")
    await office.pass_time(10 * 86400)
    assert await office.state() == ("closed" if closes else "mended")
    assert (await office.task())["urged"] == (0 if closes else 4)


async def test_who_is_late_is_reminded_told_and_passed_up_and_nobody_hears_twice(office: Office) -> None:
    await office.tell(raised())
    task = await office.task()
    for _ in range(40):
        await office.pass_time(6 * 3600)
    told = [event["stage"] for event in await office.told("TaskUrged")]
    assert told == ["remind", "fall_due", "to_team", "to_centre"]
    async with office.pool.acquire() as connection:
        escalated = await store.list_tasks(connection, Filter(escalated=True), EVERYTHING, limit=9)
    assert [row["id"] for row in escalated] == [task["id"]]


async def test_the_party_sees_what_it_is_urged_for_until_it_has_mended_it(office: Office) -> None:
    await office.tell(raised())
    task = await office.task()

    async def urged() -> tuple[int, list[str]]:
        async with office.pool.acquire() as connection:
            count = await store.count_urged(connection, task["assignee_id"])
            rows = await store.list_tasks(connection, Filter(urged=True), PARTY.scope, limit=9)
        return count, [row["id"] for row in rows]

    assert await urged() == (0, [])
    for _ in range(40):
        await office.pass_time(6 * 3600)
    assert await urged() == (1, [task["id"]])
    await office.say(PARTY, "mend")
    assert await urged() == (0, [])


async def test_after_a_week_of_standing_still_nobody_is_reminded_of_what_is_late(office: Office) -> None:
    await office.tell(raised())
    await office.pass_time(30 * 86400)
    await office.pass_time(0)
    assert [event["stage"] for event in await office.told("TaskUrged")] == ["to_centre"]


async def test_nobody_is_urged_while_it_is_the_offices_turn(office: Office) -> None:
    await office.find(cause="connector_damaged")
    await office.say(PARTY, "mend")
    await office.say(INSPECTOR, "confirm")
    await office.pass_time(60 * 86400)
    assert await office.told("TaskUrged") == []


# --- teams and the centre ---


async def test_a_team_sees_what_it_is_given_beyond_its_district(office: Office) -> None:
    await office.tell(
        TeamChanged(team_id="town", name="城区中队", divisions=("330226001",)),
        TeamChanged(team_id="west", name="西片中队", divisions=("330226002",)),
        raised(),
    )
    assert (await office.task())["team_id"] == "town"
    west = replace(ELSEWHERE, division=None, team_id="west", team_divisions=("330226002",))
    with pytest.raises(NotFound):
        await office.say(west, "accept")
    ids = [(await office.task())["id"], "none"]
    assert await dispatch_all(office.counter, CENTRE, ids, "west", "城区人手不足") == {
        ids[0]: None,
        "none": "task none",
    }
    await office.say(west, "accept")
    async with office.pool.acquire() as connection:
        mine = await store.list_tasks(connection, Filter(), west.scope, team_id="west", limit=9)
        teams = await loads.team_loads(connection, EVERYTHING, office.clock.now())
        theirs = await loads.team_loads(connection, person("regulator", division="330226003").scope, office.clock.now())
        parties = await loads.party_loads(connection, EVERYTHING, office.clock.now() + timedelta(days=9), 9)
    assert [row["id"] for row in mine] == ids[:1]
    assert [(row["id"], row["open"]) for row in teams] == [("west", 1), ("town", 0)]
    assert theirs == []
    assert [(row["id"], row["open"], row["overdue"]) for row in parties] == [("m", 1, 1)]
    line = await office.pool.fetchrow("SELECT * FROM audit.trail WHERE action = 'task dispatch'")
    assert (line["before"]["team_id"], line["after"]["team_id"]) == ("town", "west")


async def test_what_is_told_twice_is_done_once(office: Office) -> None:
    await office.tell(raised(), raised(), OrganisationFiled(organisation_id="m", name="m", uscc=None, phone=None))
    await office.say(PARTY, "mend")
    await office.tell(raised(), resolved(), resolved())
    assert len(await office.tasks()) == 1
    assert [command for command, _ in await office.moves()][:2] == ["open", "mend"]
