"""Notices: what is told to whom, against a web server and a mail server on real sockets and a real PostgreSQL."""

import asyncio
import email
import email.policy
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from charger_registry.filing.machine import State
from charger_registry.ledger.handovers.handover import State as Ending
from inspection_service import officials
from inspection_service.cases.machine import Command
from inspection_service.cases.machine import State as CaseState
from inspection_service.cases.waiting import reviewer_level
from inspection_service.notices.channels import KINDS, Post, http_client, shown
from inspection_service.notices.desk import AGAIN_AFTER_S, ALERTS_WITHIN, GIVEN_UP_AFTER, KEPT, MOST_ALERTS, NoticeDesk
from inspection_service.notices.registry_wording import (
    FILING_STATES,
    OUTCOMES,
    of_ended,
    of_filing,
    of_lapse_due,
    of_overdue,
    of_paper,
    of_promise,
)
from inspection_service.notices.wording import PARTYS, URGED, Told, of_task
from inspection_service.notices.wording import person as person_of
from tests.inspection_service.world import (
    HEAD,
    PARTY,
    REVIEWERS,
    START,
    STOPPED,
    TODAY,
    A,
    B,
    World,
    somebody,
    to_notified,
)
from youguan import audit
from youguan.errors import Conflict, Forbidden, Invalid, NotFound
from youguan.eventlog import publish
from youguan.events import (
    AlertRaised,
    Event,
    FilingLapseDue,
    FilingMoved,
    FilingOverdue,
    FilingPaperMoved,
    FilingPromiseOverdue,
    HandoverEnded,
    HandoverProposed,
    HandoverUrged,
    PersonChanged,
    TaskOpened,
    TaskUrged,
)

OTHER_PARTY, LINK = somebody("q", "operator", "n"), "https://county.example"


class Web:
    """A server that answers whatever it is posted, and keeps it."""

    def __init__(self) -> None:
        self.status, self.body = 200, '{"errcode": 0}'
        self.posted: list[tuple[str, str, dict[str, Any]]] = []
        self.origin = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip() for name, _, value in (row.partition(":") for row in head.split("\r\n")[1:])
        }
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.posted.append((head.split(" ")[1], headers["x-youguan-notice"], body))
        writer.write(
            f"HTTP/1.1 {self.status} x\r\ncontent-length: {len(self.body)}\r\nconnection: close\r\n\r\n{self.body}".encode()
        )
        await writer.drain()
        writer.close()


class Mail:
    """A mail server that takes everything, but what is for `nobody`."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 mail")
        while line := (await reader.readline()).decode().strip():
            if line.upper().startswith("RCPT") and "nobody" in line:
                await say("550 no such mailbox")
            elif line.upper() == "DATA":
                await say("354 go on")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.taken.append(email.message_from_bytes(body[:-5], policy=email.policy.default))
                await say("250 taken")
            elif line.upper() == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()


@asynccontextmanager
async def serving(server: Web | Mail) -> AsyncIterator[int]:
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


class House:
    """The desk of notices beside those of cases."""

    def __init__(self, world: World, web: Web, mail: Mail) -> None:
        self.pool, self.world, self.web, self.mail = world.pool, world, web, mail
        self.desk = NoticeDesk(world.pool, world.clock, Post((web.origin,), mail.url, "office@county.example"), LINK)

    async def tell(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "test", events)
        await self.desk.consumer().catch_up()

    async def send(self) -> int:
        async with http_client() as client:
            return await self.desk.send_due(client)

    async def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
async def house(world: World) -> AsyncIterator[House]:
    web, mail = Web(), Mail()
    async with serving(web) as web_port, serving(mail) as mail_port:
        web.origin, mail.url = f"http://127.0.0.1:{web_port}", f"smtp://127.0.0.1:{mail_port}"
        await world.pool.execute("INSERT INTO inspection.team VALUES ('t', 't', '{}')")
        yield House(world, web, mail)


def urged(stage: str, number: str = "GD-1") -> TaskUrged:
    return TaskUrged(
        task_id="7", number=number, stage=stage, site_id="s", assignee_id="m", team_id="t", due_at=START, at=START
    )


async def test_each_stage_of_a_task_is_told_to_whom_it_concerns_once(house: House) -> None:
    for who, recipient, path in (
        (PARTY, "organisation/m", "party"), (OTHER_PARTY, "organisation/n", "other"), (HEAD, "team/t", "team"),
        (HEAD, "centre", "centre"),
    ):  # fmt: skip
        await house.desk.add(who, recipient, "wecom", f"{house.web.origin}/{path}")
    await house.tell(*(urged(stage) for stage in URGED))
    assert await house.send() == 4
    assert await house.send() == 0
    assert sorted(path for path, _, _ in house.web.posted) == ["/centre", "/party", "/party", "/team"]
    (centre,) = [body for path, _, body in house.web.posted if path == "/centre"]
    assert centre["msgtype"] == "text"
    text = centre["text"]["content"]
    assert text.startswith("工单 GD-1 已升级至县指挥中心（期限 2026-09-16 10:00）\nTask GD-1 ")
    assert text.endswith(f"{LINK}/tasks/7")
    await house.tell()
    assert await house.send() == 0, "no event is told again"
    async with house.pool.acquire() as connection:
        assert await audit.verify(connection) is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "email"])
async def test_each_kind_has_its_form(house: House, kind: str) -> None:
    await house.desk.add(HEAD, "centre", kind, f"{house.web.origin}/hook?key=secret")
    await house.tell(urged("to_centre"))
    await house.send()
    ((path, notice_id, body),) = house.web.posted
    assert path == "/hook?key=secret"
    said = {"webhook": body.get("text"), "feishu": body.get("content", {})}.get(kind, body.get("text"))
    assert "GD-1" in str(said)
    if kind == "webhook":
        assert (body["id"], body["type"], body["task_id"]) == (notice_id, "TaskUrged", "7")
    (row,) = await house.desk.addresses(HEAD)
    assert "secret" not in shown(row["kind"], row["address"])
    assert row["taken_at"] is not None


async def test_an_email_goes_out_and_what_is_refused_is_said(house: House) -> None:
    await house.desk.add(HEAD, "centre", "email", "duty@county.example")
    await house.desk.add(HEAD, "centre", "email", "nobody@county.example")
    await house.tell(urged("to_centre"))
    await house.send()
    (mail,) = house.mail.taken
    assert (mail["From"], mail["To"]) == ("office@county.example", "duty@county.example")
    assert "GD-1" in mail.get_content()
    errors = {row["address"]: row["error"] for row in await house.desk.addresses(HEAD)}
    assert errors["duty@county.example"] is None
    assert "no such mailbox" in errors["nobody@county.example"]


@pytest.mark.parametrize(("status", "body"), [(500, "{}"), (302, ""), (200, '{"errcode": 93000, "errmsg": "invalid"}')])
async def test_what_is_not_taken_is_tried_again_until_it_is(house: House, status: int, body: str) -> None:
    house.web.status, house.web.body = status, body
    await house.desk.add(HEAD, "centre", "webhook", f"{house.web.origin}/hook")
    await house.tell(urged("to_centre"))
    assert await house.send() == 1
    assert await house.send() == 0, "not at once"
    (row,) = await house.desk.addresses(HEAD)
    assert row["error"]
    house.web.status, house.web.body = 200, "taken"
    await house.pass_time(AGAIN_AFTER_S[0])
    assert await house.send() == 1
    assert len({notice_id for _, notice_id, _ in house.web.posted}) == 1, "the same notice, by its id"
    (row,) = await house.desk.addresses(HEAD)
    assert (row["tries"], row["error"], row["try_at"]) == (2, None, None)
    await house.pass_time(KEPT.total_seconds() + 60)
    await house.send()
    assert await house.pool.fetchval("SELECT count(*) FROM inspection.notice") == 0


async def test_an_address_that_takes_nothing_is_given_up_and_one_that_ended_is_told_nothing(house: House) -> None:
    house.web.status = 404
    address = await house.desk.add(HEAD, "centre", "webhook", f"{house.web.origin}/hook")
    await house.tell(urged("to_centre"))
    await house.send()
    await house.pass_time(GIVEN_UP_AFTER.total_seconds())
    assert await house.send() == 1
    await house.pass_time(86400)
    assert await house.send() == 0
    await house.desk.try_out(HEAD, address)
    await house.desk.end(HEAD, address)
    assert await house.send() == 0
    assert await house.desk.addresses(HEAD) == []
    with pytest.raises(NotFound):
        await house.desk.try_out(HEAD, address)


async def test_a_case_is_told_to_its_officers_and_to_its_party_what_concerns_it(house: House) -> None:
    await house.desk.add(A, "person/a", "webhook", f"{house.web.origin}/a")
    await house.desk.add(B, "person/b", "webhook", f"{house.web.origin}/b")
    await house.desk.add(PARTY, "organisation/m", "webhook", f"{house.web.origin}/m")
    await house.pass_time(1)
    case_id = await to_notified(house.world)
    await house.world.do(PARTY, case_id, Command.DEFEND, reason="请求从轻")
    await house.desk.consumer().catch_up()
    while await house.send():
        pass
    told: dict[str, list[str]] = {}
    for path, _, body in house.web.posted:
        told.setdefault(path, []).append(body["command"])
    assert set(told["/m"]) == {"notify"}, "nothing of what the office did among itself before"
    assert {"approve", "defend"} <= set(told["/a"])
    assert "notify" not in told["/a"], "whose step it was knows"
    assert {"notify", "defend", "approve"} <= set(told["/b"])
    assert Command.CONCLUDE not in PARTYS


def person(username: str, role: str, **members: Any) -> PersonChanged:
    said = {"organisation_id": None, "division": None, "team_id": None, "level": None, "active": True, **members}
    return PersonChanged(username=username, name=username, roles=(role,), **said)


async def test_reviewers_of_the_level_are_told_that_it_is_their_turn(house: House) -> None:
    """Of the next level where nobody of this one may: who has passed another level, who has an interest, who sits elsewhere."""
    world, reviewers = house.world, ("r1", "s1", "r2", "r3", "r4")
    for name in reviewers:
        await house.desk.add(somebody(name, "reviewer"), person_of(name), "webhook", f"{house.web.origin}/{name}")
    await house.tell(
        person("r1", "reviewer", level=1), person("s1", "reviewer", level=1, division="330226002"),
        person("r2", "reviewer", level=2), person("r3", "reviewer", level=3), person("r4", "reviewer", level=4),
        person("r4", "reviewer", level=4, active=False),
    )  # fmt: skip
    await officials.consumer(house.pool).catch_up()
    await house.pass_time(1)

    async def told() -> list[str]:
        await house.desk.consumer().catch_up()
        house.web.posted.clear()
        await house.send()
        return sorted(path[1:] for path, _, body in house.web.posted if "待您审核" in body["text"])

    case_id = await world.cases.open(A, STOPPED)
    await world.do(A, case_id, Command.PROPOSE, reason="应当立案", procedure="general")
    await world.do(HEAD, case_id, Command.APPROVE)
    await world.prove(case_id)
    assert await told() == []
    await world.do(A, case_id, Command.CONCLUDE, reason="事实清楚", sanction="fine", fine_fen=20_000_00)
    assert await told() == ["r1"]
    await house.pool.execute(
        "INSERT INTO inspection.officer_interest (subject, organisation_id, reason, declared_at, declared_by)"
        " VALUES ('r2', 'm', 'x', $1, 'r2')",
        START,
    )
    await world.do(REVIEWERS[0], case_id, Command.PASS, reason="同意")
    assert await told() == ["r3"]
    await world.do(REVIEWERS[2], case_id, Command.PASS, reason="同意")
    assert await told() == []


@pytest.mark.parametrize(
    ("command", "previous", "state", "level"),
    [
        ("conclude", "filed", "review_1", 1), ("pass", "review_3", "review_4", 4), ("extend", "review_1", "review_1", None),
        ("ask_hearing", "notified", "hearing", 1), ("hold_hearing", "hearing", "heard", 4),
        ("punish_on_the_spot", "lead", "served", 1), ("decide", "heard", "decided", None),
    ],
)  # fmt: skip
def test_whose_level_a_step_leads_to(command: str, previous: str, state: str, level: int | None) -> None:
    assert reviewer_level(command, CaseState(previous), CaseState(state)) == level


def alert(severity: str, site_id: str | None = "s", number: int = 1) -> AlertRaised:
    return AlertRaised(
        alert_id=str(number), rule="connector_fault", severity=severity, site_id=site_id, station_id="s-1", connector=2,
        since=START, at=START, details={},
    )  # fmt: skip


async def test_alerts_are_told_from_a_severity_on_within_bounds_and_never_too_many(house: House) -> None:
    far, near = somebody("elsewhere", "regulator"), somebody("near", "regulator")
    await house.tell(person("h", "regulator"), person("elsewhere", "regulator", division="330226002"))
    await house.tell(person("near", "regulator", division="330226001"))
    await officials.consumer(house.pool).catch_up()
    for who, recipient, path, severity in (
        (HEAD, "person/h", "h", "minor"), (far, "person/elsewhere", "far", "info"), (near, "person/near", "near", "critical"),
        (HEAD, "centre", "centre", "major"), (HEAD, "team/t", "team", "info"), (A, "person/a", "a", None),
    ):  # fmt: skip
        await house.desk.add(who, recipient, "webhook", f"{house.web.origin}/{path}", severity)
    for who, recipient in ((A, "person/a"), (PARTY, "organisation/m"), (HEAD, "counter")):
        with pytest.raises(Invalid, match="alerts_from"):
            await house.desk.add(who, recipient, "webhook", f"{house.web.origin}/x", "major")
    await house.tell(alert("major"), alert("info"), alert("critical", site_id=None))
    await house.send()
    told = sorted((path, body["severity"]) for path, _, body in house.web.posted)
    assert told == [("/centre", "critical"), ("/centre", "major"), ("/h", "critical"), ("/h", "major")]
    text = next(body for path, _, body in house.web.posted if body["severity"] == "major")
    assert (
        text["text"] == "告警（严重）充电枪故障：场站 s-1 2号枪\nAlert (major) Connector fault: 场站 s-1, connector 2"
    )
    assert text["link"] == f"{LINK}/alerts?station=s-1"
    await house.pool.execute("UPDATE inspection.team SET divisions = '{330226001}'")
    for flood in ("major", "critical"):
        await house.tell(*(alert(flood, number=n) for n in range(MOST_ALERTS + 5)))
    while await house.send():
        pass
    counts = Counter(path for path, _, _ in house.web.posted)
    both = 2 * MOST_ALERTS
    assert counts == {"/h": both, "/centre": both, "/near": MOST_ALERTS, "/team": both}, "critical ones are told apart"
    assert sum("其余请在页面查看" in body["text"] for _, _, body in house.web.posted) == 7
    await house.pass_time(ALERTS_WITHIN.total_seconds() + 1)
    await house.tell(alert("critical"))
    assert await house.send() == 4, "there is room again"
    # Who is no regulator any more hears of none, also when he is one again: his page says so.
    await house.tell(person("h", "reviewer"), alert("critical"), person("h", "regulator"), alert("critical", number=2))
    assert {each["recipient"]: each["alerts_from"] for each in await house.desk.addresses(HEAD)} == {
        "person/h": None, "centre": "major", "team/t": "info",
    }  # fmt: skip
    await house.tell(person("elsewhere", "operator"))
    assert await house.desk.addresses(far) == [], "he is no official any more"


async def test_a_new_task_is_told_by_the_job_that_sends_what_is_due(house: House) -> None:
    await house.desk.add(PARTY, "organisation/m", "webhook", f"{house.web.origin}/m")
    await house.tell(
        TaskOpened(
            task_id="7", number="GD-1", cause="connector_fault", site_id="s", station_id="a", connector=1, assignee_id="m",
            assignee_name="m", due_on=TODAY, at=START,
        )
    )  # fmt: skip
    sending = asyncio.create_task(house.desk.run())
    async with asyncio.timeout(20):
        while not (await house.desk.addresses(PARTY))[0]["taken_at"]:
            await asyncio.sleep(0.01)
    sending.cancel()
    ((_, _, body),) = house.web.posted
    assert body["type"] == "TaskOpened"
    assert body["text"].startswith("有工单待办：GD-1（期限 2026-09-16）")


def moved(role: str, state: str, previous: str = "submitted", number: str | None = "BA-1") -> FilingMoved:
    return FilingMoved(
        filing_id="f", number=number, site_id="s", organisation_id="m", previous=previous, state=state, at=START, role=role,
        keeper_ids=("m", "n"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("news", "told"),
    [
        (moved("applicant", "submitted", "draft", None), {"counter"}),
        (moved("clerk", "submitted", "draft"), {"organisation/m", "organisation/n", "counter"}),
        (moved("authority", "supplement_required"), {"organisation/m", "organisation/n"}),
        (moved("system", "lapsed", "in_operation"), {"organisation/m", "organisation/n", "counter"}),
        (moved("authority", "in_operation", "lapsed"), {"organisation/m", "organisation/n"}),
        (moved("applicant", "suspended", "in_operation"), {"counter"}),
        (moved("applicant", "withdrawn", "draft", None), set()),
        (moved("clerk", "withdrawn", "draft", None), set()),
    ],
)
def test_a_filings_step_is_told_to_the_other_side(news: FilingMoved, told: set[str]) -> None:
    found = of_filing(news, "场站")
    assert set(found.recipients) == told
    assert ("恢复备案" in found.text) == (news.previous == "lapsed")


def paper(standing: str) -> FilingPaperMoved:
    return FilingPaperMoved(
        filing_id="f", number="BA-1", site_id="s", document_id="d", document_type="insurance", name="保险", name_en="Insurance",
        standing=standing, reason="空白", at=START, keeper_ids=("m", "n"),
    )  # fmt: skip


def overdue(state: str, last: date | None) -> FilingOverdue:
    return FilingOverdue(
        filing_id="f", number="BA-1", site_id=None, organisation_id="m", state=state, due_on=TODAY, withdrawn_after=last, at=START
    )  # fmt: skip


def promise(last: date | None) -> FilingPromiseOverdue:
    return FilingPromiseOverdue(
        filing_id="f", filing_number="BA-1", site_id="s", document_type="insurance", name="保险", name_en="Insurance",
        promised_for=TODAY, lapses_on=last, at=START, keeper_ids=("m", "n"),
    )  # fmt: skip


LAPSE_DUE = FilingLapseDue(filing_id="f", filing_number="BA-1", site_id="s", at=START)


@pytest.mark.parametrize(
    ("told", "recipients", "words"),
    [
        (of_paper(paper("waiting"), "场站"), {"counter"}, "保险已补交，待核验"),
        (of_paper(paper("counts"), "场站"), {"organisation/m", "organisation/n"}, "Insurance was accepted"),
        (of_paper(paper("refused"), "场站"), {"organisation/m", "organisation/n", "counter"}, "请重新补交 (空白)"),
        (of_overdue(overdue("submitted", None), ""), {"counter"}, "审核已逾期"),
        (of_promise(promise(TODAY), "场站"), {"organisation/m", "organisation/n", "counter"}, "without it by 20"),
        (of_promise(promise(None), "场站"), {"organisation/m", "organisation/n", "counter"}, "请尽快补交"),
        (of_lapse_due(LAPSE_DUE, "场站"), {"counter"}, "备案 BA-1 场站：承诺的材料逾期未补，待决定是否失效"),
        (of_overdue(overdue("supplement_required", TODAY), ""), {"organisation/m", "counter"}, "逾期视为撤回"),
    ],
)  # fmt: skip
def test_papers_and_passed_days_are_told(told: Told, recipients: set[str], words: str) -> None:
    assert set(told.recipients) == recipients
    assert words in told.text


@pytest.mark.parametrize(
    ("outcome", "told"),
    [("accepted", "mo"), ("declined", "mo"), ("withdrawn", "mn"), ("lapsed", "mno"), ("overtaken", "mno")],
)
def test_the_end_of_a_handover_is_told_to_whom_it_was_not_known(outcome: str, told: str) -> None:
    """O, who owns, has asked n to manage in m's place."""
    ended = HandoverEnded(
        handover_id="h", site_id="s", station_id=None, from_organisation_id="m", to_organisation_id="n", outcome=outcome,
        reason="", at=START, proposer_id="o",
    )  # fmt: skip
    assert of_ended(ended, "场站").recipients == tuple(f"organisation/{party}" for party in told)


async def test_handovers_and_filings_are_told_with_the_page_that_they_are_about(house: House) -> None:
    for who, recipient in ((PARTY, "organisation/m"), (OTHER_PARTY, "organisation/n"), (HEAD, "counter")):
        await house.desk.add(who, recipient, "webhook", f"{house.web.origin}/{recipient}")
    handover: dict[str, Any] = {
        "handover_id": "h",
        "site_id": "s",
        "station_id": None,
        "to_organisation_id": "n",
        "at": START,
    }
    asked = HandoverProposed(**handover, from_organisation_id="m", proposer_id="m", takes_over_at=None, answer_by=TODAY)
    ended = HandoverEnded(**handover, from_organisation_id="m", proposer_id="m", outcome="declined", reason="")
    await house.tell(
        asked, HandoverUrged(**handover, answer_by=TODAY), ended, moved("applicant", "submitted", "draft"),
        moved("authority", "rejected"), paper("waiting"), overdue("supplement_required", TODAY),
        promise(TODAY), LAPSE_DUE,
    )  # fmt: skip
    assert await house.send() == 13
    told = {(path, body["type"], body["link"].removeprefix(LINK)): body["text"] for path, _, body in house.web.posted}
    handovers, filings = "/registry/handovers/h", "/registry/filings/f"
    assert set(told) == {
        ("/organisation/n", "HandoverProposed", handovers), ("/organisation/n", "HandoverUrged", handovers),
        ("/organisation/m", "HandoverEnded", handovers), ("/counter", "FilingMoved", filings),
        ("/organisation/m", "FilingMoved", filings), ("/organisation/n", "FilingMoved", filings),
        ("/counter", "FilingPaperMoved", filings), ("/counter", "FilingOverdue", filings),
        ("/organisation/m", "FilingOverdue", filings), ("/counter", "FilingLapseDue", filings),
        *((f"/{party}", "FilingPromiseOverdue", filings) for party in ("organisation/m", "organisation/n", "counter")),
    }  # fmt: skip
    assert told["/organisation/m", "HandoverEnded", handovers].startswith(
        "管理交接已拒绝：场站\nHandover of 场站 was declined"
    )
    assert told["/counter", "FilingMoved", filings] == "备案 BA-1 场站：待审核\nFiling BA-1 场站: submitted"


async def test_an_address_is_told_only_what_happens_while_it_is_there(house: House) -> None:
    await house.pass_time(60)
    await house.desk.add(HEAD, "centre", "webhook", f"{house.web.origin}/hook")
    await house.tell(urged("to_centre"))  # before the address was there
    assert await house.send() == 0
    await house.desk.add(A, "person/a", "webhook", f"{house.web.origin}/a")
    await house.tell(
        PersonChanged(
            username="a", name="a", roles=("inspector",), organisation_id=None, division=None, team_id=None, level=None,
            active=False,
        )
    )  # fmt: skip
    assert await house.desk.addresses(A) == [], "his account is closed"


@pytest.mark.parametrize(
    ("who", "recipient"),
    [
        (PARTY, "organisation/n"), (PARTY, "centre"), (PARTY, "team/t"), (PARTY, "person/p"), (A, "person/b"), (A, "centre"),
        (A, "team/t"), (PARTY, "counter"), (HEAD, "organisation/m"), (HEAD, "team/none"),
    ],
)  # fmt: skip
async def test_nobody_sets_anothers_address(house: House, who: Any, recipient: str) -> None:
    with pytest.raises(Forbidden):
        await house.desk.add(who, recipient, "webhook", f"{house.web.origin}/x")


@pytest.mark.parametrize(
    ("kind", "address", "field"),
    [
        ("webhook", "http://127.0.0.1/x", "address"), ("webhook", "http://169.254.169.254/latest", "address"),
        ("webhook", "file:///etc/passwd", "address"), ("wecom", "{origin}@evil.example/x", "address"),
        ("wecom", "http://u:p@{host}/x", "address"), ("webhook", "http://[", "address"), ("email", "nobody", "address"),
        ("email", "a@b.example\nBcc: c@d.example", "address"), ("fax", "1", "kind"),
        ("webhook", "{origin}/" + "x" * 600, "address"),
    ],
)  # fmt: skip
async def test_an_address_where_nothing_may_go_is_refused(house: House, kind: str, address: str, field: str) -> None:
    given = address.format(origin=house.web.origin, host=house.web.origin.removeprefix("http://"))
    with pytest.raises(Invalid) as refused:
        await house.desk.add(HEAD, "centre", kind, given)
    assert [wrong.field for wrong in refused.value.fields] == [field]


async def test_the_same_address_stands_once_and_without_a_mail_server_there_is_no_mail(house: House) -> None:
    await house.desk.add(HEAD, "centre", "webhook", f"{house.web.origin}/x")
    with pytest.raises(Conflict):
        await house.desk.add(HEAD, "centre", "webhook", f"{house.web.origin}/x")
    with pytest.raises(Invalid, match="YOUGUAN_SMTP_URL"):
        Post((), None, "x").check("email", "a@b.example")


def test_every_stage_has_its_words() -> None:
    for stage in URGED:
        assert "GD-1" in of_task(urged(stage)).text
    assert set(FILING_STATES) == {state for state in State if state != State.DRAFT}
    assert set(OUTCOMES) == {state for state in Ending if state != Ending.PROPOSED}
