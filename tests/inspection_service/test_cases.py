"""Cases and their evidence on a real PostgreSQL: whole lives of cases, two people at once, and what nobody can change unseen."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from pydantic import TypeAdapter
from pypdf import PageObject, PdfReader
from starlette.datastructures import FormData
from typer.testing import CliRunner

from deploy.commands.__main__ import app
from inspection_service import organisations
from inspection_service.cases import store
from inspection_service.cases.acts import store as acts
from inspection_service.cases.effects import moved
from inspection_service.cases.file import Facts, Instalment, Said
from inspection_service.cases.machine import Command, State, step
from inspection_service.cases.opening import Opening
from inspection_service.cases.owing import owed_fen
from inspection_service.cases.pages import opening_in
from inspection_service.cases.particulars import Particulars
from inspection_service.cases.persons import Officer
from inspection_service.evidence import bundle
from inspection_service.evidence import store as evidence_store
from inspection_service.evidence.api import position
from inspection_service.evidence.chain import Link, broken
from inspection_service.evidence.desk import Wish
from inspection_service.exchange.desk import ExchangeDesk
from inspection_service.exchange.record import FORMAT
from inspection_service.inspections.checklists import checklists
from inspection_service.inspections.interests.desk import InterestDesk
from inspection_service.inspections.office import Office
from inspection_service.law.catalogue import catalogue
from inspection_service.printing.press import FontMissing, Press
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.intake import Intake
from tests.inspection_service.world import (
    HEAD,
    NAMED,
    PARTY,
    PRESS,
    REVIEWERS,
    START,
    STOPPED,
    TODAY,
    UNFILED,
    A,
    B,
    World,
    notify,
    photo,
    somebody,
    to_notified,
    waiting_for,
)
from youguan import audit
from youguan.auth import Principal
from youguan.clock import county_day
from youguan.documents import Document
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from youguan.eventlog import publish
from youguan.events import ConnectorStatusChanged, GracePeriodBegan, OrganisationFiled
from youguan.quota import DOCUMENTS


async def test_a_new_site_is_guided_first_as_long_as_the_registry_says(world: World) -> None:
    """What a filing's acceptance began, a case about the site knows by itself."""
    began = GracePeriodBegan(site_id="s", since=TODAY, until=TODAY + timedelta(days=30), at=START)
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", [began])
    await Intake(world.pool, TaskDesk(world.clock, timedelta(0))).consumer().catch_up()
    case_id = await world.cases.open(A, UNFILED)
    with pytest.raises(Conflict, match="guidance comes first"):
        await world.do(A, case_id, Command.ORDER, reason="限期备案", on=TODAY + timedelta(days=90))
    world.go_to(TODAY + timedelta(days=30))
    assert await world.do(A, case_id, Command.ORDER, reason="限期备案", on=TODAY + timedelta(days=90)) == "ordered"


async def test_the_general_procedure_from_lead_to_archive(world: World) -> None:
    case_id = await to_notified(world)
    await world.do(PARTY, case_id, Command.DEFEND, reason="请求从轻")
    assert (
        await world.do(HEAD, case_id, Command.DECIDE, reason="充分考虑", sanction="fine", fine_fen=18_000_00)
        == "decided"
    )
    assert (await world.row(case_id))["due_on"] == date(2026, 9, 24)
    assert await world.serve(case_id) == "served"
    assert (await world.row(case_id))["due_on"] == date(2026, 10, 8)
    world.go_to(date(2026, 10, 9))
    assert await world.do(A, case_id, Command.PAY, amount_fen=18_000_00, on=date(2026, 10, 9), receipt="1") == "served"
    assert await world.do(A, case_id, Command.PAY, amount_fen=540_00, on=date(2026, 10, 9), receipt="2") == "paid"
    assert await world.do(HEAD, case_id, Command.CLOSE) == "closed"
    assert await world.do(B, case_id, Command.ARCHIVE) == "closed"
    assert (await world.row(case_id))["facts"]["archived_on"] == "2026-10-09"
    assert await world.titles(case_id) == [
        "立案审批表", "调查终结报告", "法制审核意见书", "法制审核意见书", "法制审核意见书", "行政处罚事先告知书",
        "陈述申辩笔录", "行政处罚决定书", "送达回证", "结案审批表",
    ]  # fmt: skip
    async with world.pool.acquire() as connection:
        assert all(
            paragraph.endswith(("。", "："))
            for row in await store.documents(connection, case_id)
            for paragraph in row["content"]["paragraphs"]
        )
        said = {
            row["kind"]: "".join(row["content"]["paragraphs"]) for row in await store.documents(connection, case_id)
        }
    assert "有下列证据证明：1.《当事人的陈述》。" in said["decision"]
    assert "于2026年9月16日将拟作出的处罚" in said["decision"]
    assert "当事人进行了陈述、申辩。" in said["decision"]
    assert "送达文书：《行政处罚决定书》（甬宁综执罚字〔2026〕第000001号）。" in said["service"]
    assert "送达方式：直接送达。送达证明：证据第3号《签收单》。" in said["service"]
    async with world.pool.acquire() as connection:
        lines = await connection.fetch("SELECT action FROM audit.trail WHERE action LIKE 'case %' ORDER BY number")
        events = await connection.fetch("SELECT payload FROM eventlog.event WHERE type = 'CaseMoved' ORDER BY sequence")
        assert await audit.verify(connection) is None
    assert len(lines) == 1 + len(events) == 15
    assert events[-1]["payload"]["command"] == "archive"


async def test_a_fine_and_the_gains_are_one_decision_and_one_payment(world: World) -> None:
    both: dict[str, Any] = {"sanction": "fine", "also": ("confiscation_of_gains",)}
    case_id = await to_notified(world, also=both["also"], gains_fen=700_00)
    await world.do(PARTY, case_id, Command.DEFEND, reason="请求从轻")
    with pytest.raises(Conflict, match="no more than the party was told"):
        await world.do(HEAD, case_id, Command.DECIDE, reason="r", **both, fine_fen=18_000_00, gains_fen=700_01)
    await world.do(HEAD, case_id, Command.DECIDE, reason="充分考虑", **both, fine_fen=18_000_00, gains_fen=700_00)
    async with world.pool.acquire() as connection:
        decision = (await store.documents(connection, case_id))[-1]["content"]["paragraphs"]
    imposed = (
        "罚款人民币壹万捌仟元整（¥18,000.00）；"
        "没收违法所得人民币柒佰元整（¥700.00）（依据《中华人民共和国行政处罚法》第28条）"
    )
    assert imposed in "".join(decision)
    assert "没收的违法所得应当" in "".join(decision)
    await world.serve(case_id)
    assert await world.do(A, case_id, Command.PAY, amount_fen=18_000_00, on=TODAY, receipt="1") == "served"
    assert await world.do(A, case_id, Command.PAY, amount_fen=700_00, on=TODAY, receipt="2") == "paid"
    sent = await ExchangeDesk(world.cases, world.clock).send(A, case_id)
    assert (sent.sanctions, sent.fine_yuan, sent.gains_yuan) == (["fine", "confiscation_of_gains"], 18_000, 700)


async def test_of_two_provisions_for_one_act_the_one_with_the_higher_fine_is_used(world: World) -> None:
    """Art. 29: while a case under the heavier provision is under way, the lighter one fines nothing."""
    lighter, heavier = await world.cases.open(A, UNFILED), await world.cases.open(A, STOPPED)
    async with world.pool.acquire() as connection:
        cases = [await world.cases.case(connection, await store.get(connection, n)) for n in (lighter, heavier)]
    assert [[item.id for item in case.rivals] for case in cases] == [["car-park-stopped"], ["car-park-unfiled"]]
    await world.prove(lighter)
    spot = {
        "reason": "r",
        "sanction": "fine",
        "fine_fen": 3_000_00,
        "place": "p",
        "rights_told": True,
        "manner": "direct",
    }
    with pytest.raises(Conflict, match="provision with a higher fine"):
        await world.do(A, lighter, Command.PUNISH_ON_THE_SPOT, **spot)
    await world.do(A, heavier, Command.ASK_END, reason="查无实据")
    await world.do(HEAD, heavier, Command.DISMISS, reason="查无实据")
    with pytest.raises(Conflict, match=r"^order to correct first$"):
        await world.do(A, lighter, Command.PUNISH_ON_THE_SPOT, **spot)


async def test_a_form_opens_a_case_about_a_citizen_whatever_its_list_of_organisations_chose(world: World) -> None:
    given = {"party_kind": "citizen", "party_id": "m", "party_name": "赵铁柱", "act_on": TODAY.isoformat()}
    opening = await opening_in(FormData(given), world.cases)
    assert (opening.party_kind, opening.party_id, opening.party_name) == ("citizen", None, "赵铁柱")


async def test_a_case_is_about_a_party_and_a_place_that_are_known(world: World) -> None:
    async with world.pool.acquire() as connection:
        await connection.execute("INSERT INTO bounds.site VALUES ('s', '330226001'), ('t', '330226002')")
        await connection.execute("INSERT INTO bounds.station VALUES ('s-1', 's'), ('t-1', 't')")
    for wrong, error, about in (
        ({"party_id": "no-such-org"}, Invalid, "party_id: is no organisation"),
        ({"party_kind": "citizen"}, Invalid, "party_id: is an organisation's"),
        ({"party_id": None, "party_name": " "}, Invalid, "party_name"),
        ({"station_id": "nowhere"}, NotFound, "station nowhere"),
        ({"station_id": "t-1"}, Invalid, "station_id: stands at another site"),
        ({"found_on": TODAY + timedelta(days=1)}, Invalid, "found_on"),
        ({"act_on": TODAY, "found_on": TODAY - timedelta(days=1)}, Invalid, "found_on"),
        ({"particulars": replace(NAMED, uscc="91350100M000100Y44")}, Invalid, "uscc: no unified social credit code"),
    ):
        with pytest.raises(error, match=about):
            await world.cases.open(A, replace(UNFILED, **wrong))
    elsewhere = replace(UNFILED, site_id=None, station_id="t-1")
    with pytest.raises(NotFound, match="site t"):
        await world.cases.open(A, elsewhere)  # the site is not left out to get beyond one's bounds
    found = replace(UNFILED, party_name="别的名称", site_id=None, station_id="s-1", act_on=TODAY - timedelta(days=9))
    row = await world.row(await world.cases.open(A, replace(found, found_on=TODAY - timedelta(days=3))))
    assert (row["party_name"], row["site_id"], row["found_on"]) == ("宁海某公司", "s", TODAY - timedelta(days=3))


async def test_who_has_an_interest_takes_no_part_in_a_case(world: World) -> None:
    """Art. 43, for officers, reviewers and heads, in the party as in whoever has a role at the site."""
    case_id = await world.cases.open(A, STOPPED)
    office = Office(world.pool, world.clock, checklists(), catalogue())
    interests = InterestDesk(office)
    own = await interests.declare(B, "b", "other", "亲属在该场站的建设单位任职")
    for refused in (
        replace(STOPPED, second_officer="b"),
        replace(STOPPED, site_id=None, party_id="other", second_officer="b"),
    ):
        with pytest.raises(Invalid, match=r"b has declared an interest here and takes no part in it"):
            await world.cases.open(A, refused)
    await world.prove(case_id, confirmed=False)
    with pytest.raises(Forbidden, match="declared an interest"):
        await world.evidence.confirm(B, case_id, 1)
    with pytest.raises(Forbidden, match="declared an interest"):
        await world.do(B, case_id, Command.PROPOSE, reason="r", procedure="general")
    async with world.pool.acquire() as connection:
        row = await store.get(connection, case_id)
        case = await world.cases.case(connection, row)
        offered = await world.cases.offers(connection, B, row, case)
    assert {tuple(reason.code for reason in offer.against) for offer in offered} == {("interested",)}
    await interests.declare(HEAD, "h", "m", "持有当事人股份")
    with pytest.raises(Forbidden, match="declared an interest"):
        await world.do(HEAD, case_id, Command.REASSIGN, reason="回避", officers=("a", "c"))
    other = replace(HEAD, subject="h2")
    with pytest.raises(Invalid, match="b has declared"):
        await world.do(other, case_id, Command.REASSIGN, reason="回避", officers=("a", "b"))
    await world.do(other, case_id, Command.REASSIGN, reason="回避", officers=("a", "c"))
    await interests.end(HEAD, own)
    await world.cases.open(A, replace(STOPPED, second_officer="b"))


async def test_a_decision_names_where_its_party_is_and_who_represents_it(world: World) -> None:
    """Art. 59: what the opening left out is noted before a decision is drafted; a citizen has an address alone."""
    case_id = await world.cases.open(A, replace(STOPPED, particulars=replace(NAMED, address="", representative="")))
    with pytest.raises(Conflict, match=r"note the party's address first"):
        await notify(world, case_id)
    with pytest.raises(Conflict, match="no unified social credit code"):
        await world.do(A, case_id, Command.DESCRIBE, address="宁海县气象北路1号", uscc="91350100M000100Y44")
    await world.do(A, case_id, Command.DESCRIBE, address="宁海县气象北路1号", representative="陈德明")
    assert (await world.row(case_id))["facts"]["particulars"] == asdict(NAMED)
    await world.do(A, case_id, Command.CONCLUDE, reason="事实清楚", sanction="fine", fine_fen=20_000_00)
    async with world.pool.acquire() as connection:
        drafted = (await store.documents(connection, case_id))[-1]["content"]["paragraphs"][0]
    assert drafted == (
        "当事人：宁海某公司，统一社会信用代码：91350100M000100Y43，法定代表人（负责人）：陈德明，住所：宁海县气象北路1号。"
    )
    filed = OrganisationFiled(
        organisation_id="m", name="宁海某公司", uscc=NAMED.uscc, phone=None, address="旧址", representative="陈德明"
    )
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", [filed, replace(filed, address="宁海县气象北路2号")])
    await organisations.consumer(world.pool).catch_up()
    for typed, shown in (("", "宁海县气象北路2号"), ("宁海县气象北路1号", "宁海县气象北路1号")):
        other = await world.cases.open(A, replace(UNFILED, particulars=Particulars(typed)))
        assert (await world.row(other))["facts"]["particulars"] == asdict(replace(NAMED, address=shown))
    sent = await ExchangeDesk(world.cases, world.clock).send(A, case_id)
    assert Particulars(sent.party_address, sent.party_uscc, sent.party_representative) == NAMED


async def test_two_citizens_of_one_name_are_two_parties(world: World) -> None:
    first, second = (world.cases.identities.of("passport", number) for number in ("E12345678", "E87654321"))
    citizen = replace(STOPPED, party_kind="citizen", party_name="张某", party_id=None, act_on=TODAY)
    with pytest.raises(Invalid, match="only citizens"):
        await world.cases.open(A, replace(STOPPED, identity=first))
    ids = [
        await world.cases.open(A, replace(citizen, item_id=item, party_name=name, identity=identity))
        for item, name, identity in (
            ("car-park-stopped", "张某", first), ("car-park-unfiled", "张某", second), ("car-park-unfiled", "张某某", first),
            ("car-park-unfiled", "张某", None),
        )
    ]  # fmt: skip

    async def rivals(case_id: str) -> list[str]:
        async with world.pool.acquire() as connection:
            return [i.id for i in (await world.cases.case(connection, await store.get(connection, case_id))).rivals]

    assert [await rivals(case_id) for case_id in ids[1:]] == [[], ["car-park-stopped"], ["car-park-stopped"]]
    assert first is not None
    await world.do(A, ids[3], Command.IDENTIFY, identity=second)  # who it was is found out later
    assert await rivals(ids[3]) == []
    with pytest.raises(Conflict, match="only citizens"):
        await world.do(A, await world.cases.open(A, UNFILED), Command.IDENTIFY, identity=first)
    async with world.pool.acquire() as connection:
        kept = await connection.fetch("SELECT said::text FROM inspection.case_history")
    assert not any("E12345678" in line["said"] for line in kept)


async def test_what_was_said_gives_the_case_again(world: World) -> None:
    """Nothing is known of a case but by its history and its chain: said again, line by line, it leads to where the case stands."""
    case_id = await to_notified(world)
    await world.do(PARTY, case_id, Command.DEFEND, reason="请求从轻")
    await world.do(HEAD, case_id, Command.DECIDE, reason="充分考虑", sanction="fine", fine_fen=18_000_00)
    world.go_to(TODAY + timedelta(days=1))  # what proves the service is in the chain later than the decision
    await world.serve(case_id)
    world.go_to(date(2026, 10, 12))
    await world.do(A, case_id, Command.APPEAL, remedy="review", on=date(2026, 10, 9))
    await world.do(A, case_id, Command.PAY, amount_fen=5_000_00, on=date(2026, 10, 12), receipt="1")
    async with world.pool.acquire() as connection:
        lines = await store.history(connection, case_id)
        row = await store.get(connection, case_id)
        case = await world.cases.case(connection, row)
    opened = Facts(officers=("a", "b"), investigators=("a", "b"), particulars=NAMED)
    again = replace(case, state=State.LEAD, procedure=None, facts=opened)
    for line in lines[1:]:
        said = TypeAdapter(Said).validate_python(line["said"])
        day = county_day(line["at"])
        by_then = replace(again, pieces=tuple(piece for piece in case.pieces if piece.collected_on <= day))
        after = moved(by_then, step(again.state, Command(line["command"])), said, line["actor"], day)
        again = replace(again, state=after.state, procedure=after.procedure, facts=after.facts)
        assert again.state == line["state"]
    assert (again.state, again.procedure, again.facts) == (case.state, case.procedure, case.facts)


async def test_on_the_spot_within_the_ceiling_with_two_officers_and_review_first(world: World) -> None:
    case_id = await world.cases.open(A, UNFILED)
    spot: dict[str, Any] = {
        "reason": "逾期未改",
        "sanction": "fine",
        "fine_fen": 3_000_00,
        "place": "场站",
        "rights_told": True,
        "manner": "left",
        "people": ("王某",),
    }
    with pytest.raises(Conflict, match="telemetry alone"):
        await world.do(A, case_id, Command.PUNISH_ON_THE_SPOT, **spot)
    await world.prove(case_id, confirmed=False)
    with pytest.raises(Conflict, match="two officers"):
        await world.do(A, case_id, Command.PUNISH_ON_THE_SPOT, **spot)
    await world.evidence.confirm(B, case_id, 1)
    with pytest.raises(Conflict, match="order to correct first"):
        await world.do(A, case_id, Command.PUNISH_ON_THE_SPOT, **spot)
    await world.do(A, case_id, Command.ORDER, reason="限期备案", on=date(2026, 9, 23))
    with pytest.raises(Conflict, match="not over yet"):
        await world.do(A, case_id, Command.FIND_UNMENDED, reason="未备案")
    world.go_to(date(2026, 9, 24))
    await world.do(A, case_id, Command.FIND_UNMENDED, reason="未备案")
    assert await world.do(A, case_id, Command.PUNISH_ON_THE_SPOT, **spot) == "served"
    async with world.pool.acquire() as connection:
        decision = (await store.documents(connection, case_id))[-1]
    text = "\n".join(decision["content"]["paragraphs"])
    assert decision["number"] == "甬宁综执当罚字〔2026〕第000001号"
    for word in (
        "叁仟元整",
        "先自收到本决定书之日起六十日内",
        "行政复议",
        "百分之三",
        "浙02260001",
        "2026年10月9日",
        "签收情况：当事人拒绝签收，见证人：王某",
    ):
        assert word in text + "".join(decision["content"]["signatures"]), word
    digest = hashlib.sha256(orjson.dumps(decision["content"], option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert digest == decision["sha256"]
    await world.do(A, case_id, Command.PAY, amount_fen=3_000_00, on=date(2026, 9, 24), receipt="1")
    with pytest.raises(Conflict, match="organ's record"):
        await world.do(HEAD, case_id, Command.CLOSE)
    await world.do(REVIEWERS[0], case_id, Command.NOTE)
    assert await world.do(HEAD, case_id, Command.CLOSE) == "closed"


async def test_a_first_violation_mended_in_time_goes_unpunished_with_reasons(world: World) -> None:
    case_id = await world.cases.open(A, UNFILED)
    await world.do(A, case_id, Command.ORDER, reason="限期备案", on=date(2026, 9, 30))
    await world.do(PARTY, case_id, Command.REPORT_MENDED, reason="已备案")
    row = await world.row(case_id)
    assert (row["due_on"], row["period"]) == (date(2026, 9, 22), "recheck")
    await world.do(A, case_id, Command.CONFIRM_MENDED, reason="复查属实", on=TODAY, harm="none", minor=True)
    with pytest.raises(Conflict, match="obliges not to punish"):
        await world.do(A, case_id, Command.PROPOSE, reason="处罚", procedure="general")
    with pytest.raises(Forbidden):
        await world.do(A, case_id, Command.EXCUSE, reason="初次违法并及时改正")
    with pytest.raises(Conflict, match="propose first"):
        await world.do(HEAD, case_id, Command.EXCUSE, reason="初次违法并及时改正")
    await world.do(A, case_id, Command.ASK_END, reason="初次违法并及时改正")
    assert await world.do(HEAD, case_id, Command.EXCUSE, reason="初次违法并及时改正") == "unpunished"
    await world.do(A, case_id, Command.ARCHIVE)
    async with world.pool.acquire() as connection:
        document = (await store.documents(connection, case_id))[-1]
    assert "《中华人民共和国行政处罚法》第33条" in "".join(document["content"]["paragraphs"])
    again = await world.cases.open(A, UNFILED)
    async with world.pool.acquire() as connection:
        row = await store.get(connection, again)
        assert (await world.cases.case(connection, row)).earlier == (TODAY,)


async def test_a_hearing_is_asked_for_called_and_held_before_the_decision(world: World) -> None:
    stopped = Opening(**{**_members(STOPPED), "party_kind": "citizen", "party_name": "张某", "party_id": None})
    case_id = await to_notified(world, stopped)
    with pytest.raises(Conflict, match="still has time"):
        await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    assert await world.do(A, case_id, Command.ASK_HEARING, reason="当事人要求听证") == "hearing"
    with pytest.raises(Conflict, match="seven working days"):
        await world.do(REVIEWERS[0], case_id, Command.CALL_HEARING, on=date(2026, 9, 24), hour="09:30", place="会议室")
    await world.do(REVIEWERS[0], case_id, Command.CALL_HEARING, on=date(2026, 9, 28), hour="09:30", place="会议室")
    async with world.pool.acquire() as connection:
        told = (await store.documents(connection, case_id))[-1]["content"]["paragraphs"]
    assert any("定于2026年9月28日9时30分在会议室公开举行听证" in said for said in told)
    with pytest.raises(Conflict, match="day has not come"):
        await world.do(REVIEWERS[0], case_id, Command.HOLD_HEARING, reason="r", people=("甲",))
    world.go_to(date(2026, 9, 28))
    await world.do(REVIEWERS[0], case_id, Command.HOLD_HEARING, reason="记录在案", people=("甲", "乙"))
    with pytest.raises(Conflict, match="discussed collectively"):
        await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    await world.do(HEAD, case_id, Command.DISCUSS, reason="一致同意", people=("甲", "乙", "丙"))
    with pytest.raises(Conflict, match="after a hearing comes legal review"):
        await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    with pytest.raises(Forbidden):
        await world.do(REVIEWERS[2], case_id, Command.REVIEW_HEARING, reason="听证程序合法")
    await world.do(REVIEWERS[3], case_id, Command.REVIEW_HEARING, reason="听证程序合法")
    assert await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00) == "decided"


async def test_a_hearing_that_nobody_comes_to_is_ended_and_what_is_new_is_investigated(world: World) -> None:
    stopped = Opening(**{**_members(STOPPED), "party_kind": "citizen", "party_name": "张某", "party_id": None})
    case_id = await to_notified(world, stopped)
    await world.do(A, case_id, Command.ASK_HEARING, reason="当事人要求听证")
    await world.do(REVIEWERS[0], case_id, Command.CALL_HEARING, on=date(2026, 9, 28), hour="09:30", place="会议室")
    world.go_to(date(2026, 9, 28))
    assert await world.do(REVIEWERS[0], case_id, Command.FORFEIT_HEARING, reason="当事人未到场") == "notified"
    with pytest.raises(Conflict, match="given its hearing up"):
        await world.do(A, case_id, Command.ASK_HEARING, reason="再次要求听证")
    assert await world.do(HEAD, case_id, Command.REINVESTIGATE, reason="当事人提交新证据") == "filed"
    assert (await world.titles(case_id))[-2:] == ["行政处罚听证通知书", "终止听证通知书"]


def _members(opening: Opening) -> dict[str, Any]:
    return {name: getattr(opening, name) for name in Opening.__dataclass_fields__}


async def test_one_act_is_never_fined_twice_also_not_at_the_same_time(world: World) -> None:
    first, second = await to_notified(world), await to_notified(world)
    for case_id in (first, second):
        await world.do(PARTY, case_id, Command.DEFEND, reason="申辩")

    async def decide(case_id: str) -> str:
        return await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)

    outcomes = await asyncio.gather(decide(first), decide(second), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "str"]
    assert "fined already" in str(next(o for o in outcomes if isinstance(o, Conflict)))
    won, lost = (first, second) if outcomes[0] == "decided" else (second, first)
    await world.do(HEAD, won, Command.REVOKE, reason="程序违法")
    assert await decide(lost) == "decided"


async def test_a_decision_that_a_court_strikes_down_is_paid_back_and_may_be_decided_anew(world: World) -> None:
    case_id, fine = await to_notified(world), {"sanction": "fine", "fine_fen": 20_000_00}
    await world.do(PARTY, case_id, Command.DEFEND, reason="申辩")
    await world.do(HEAD, case_id, Command.DECIDE, reason="r", **fine)
    await world.serve(case_id)
    await world.do(A, case_id, Command.PAY, amount_fen=20_000_00, on=TODAY, receipt="1")
    other = await world.cases.open(A, STOPPED)

    async def seen_before() -> tuple[tuple[date, ...], bool]:
        async with world.pool.acquire() as connection:
            earlier = await acts.earlier_violations(connection, other)
            return earlier, await acts.act_is_fined(connection, other, continuing=False)

    assert await seen_before() == ((TODAY,), True)
    await world.do(A, case_id, Command.APPEAL, remedy="litigation", on=TODAY)
    ended = {"outcome": "revoked", "reason": "程序违法", "on": TODAY}
    assert await world.do(A, case_id, Command.END_APPEAL, **ended) == "revoked"
    assert await seen_before() == ((), False)
    assert await waiting_for(world, HEAD) == ["h"], "what was paid is to be given back"
    stands = "UPDATE inspection.case_file SET state = $2 WHERE id = $1"
    await world.pool.execute(stands, case_id, "served")
    assert await waiting_for(world, HEAD) == ["h"], "struck down before that was a decision's end: the head revokes it"
    await world.pool.execute(stands, case_id, "revoked")
    with pytest.raises(Conflict, match="given back"):
        await world.do(HEAD, case_id, Command.START_ANEW, reason="判决重新作出")
    await world.do(A, case_id, Command.REFUND, amount_fen=20_000_00, on=TODAY, receipt="2")
    assert await waiting_for(world, HEAD) == []
    async with world.pool.acquire() as connection:
        letter = (await store.documents(connection, case_id))[-1]["content"]
    assert (letter["title"], len(letter["paragraphs"])) == ("退还款项通知书", 2), (
        "no line for a reason that nobody gave"
    )
    assert await world.do(HEAD, case_id, Command.START_ANEW, reason="判决重新作出") == "lead"
    await notify(world, case_id, 10_000_00, grounds="从轻")
    await world.do(PARTY, case_id, Command.DEFEND, reason="无异议")
    fine |= {"fine_fen": 10_000_00, "grounds": "从轻"}
    assert await world.do(HEAD, case_id, Command.DECIDE, reason="r", **fine) == "decided"
    assert await seen_before() == ((TODAY,), True)


@pytest.mark.parametrize(
    ("changes", "one_act"),
    [
        ({"act_on": TODAY - timedelta(days=1)}, True),  # what goes on is one act until it is punished
        ({"act_on": TODAY - timedelta(days=40)}, True),
        ({"party_id": None}, True),
        ({"station_id": "s-1"}, True),
        ({"item_id": "car-park-unfiled"}, True),  # one act on one day that violates two norms
        ({"item_id": "car-park-unfiled", "act_on": TODAY - timedelta(days=1)}, False),
        ({"party_id": "other", "party_name": "另一公司"}, False),
        ({"site_id": None}, True),  # a place that is not named may be the same
        ({"site_id": None, "act_on": TODAY - timedelta(days=1), "item_id": "car-park-unfiled"}, False),
        ({"party_id": None, "party_name": "另一公司", "site_id": None}, False),
    ],
)
async def test_what_is_one_act(world: World, changes: dict[str, Any], one_act: bool) -> None:
    first = await to_notified(world)
    await world.do(PARTY, first, Command.DEFEND, reason="申辩")
    await world.do(HEAD, first, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    async with world.pool.acquire() as connection:
        await connection.execute("INSERT INTO bounds.site VALUES ('s', '330226001')")
        await connection.execute("INSERT INTO bounds.station VALUES ('s-1', 's')")
    other = await world.cases.open(A, replace(STOPPED, **changes))
    async with world.pool.acquire() as connection:
        assert await acts.act_is_fined(connection, other, continuing=True) is one_act
    world.go_to(TODAY + timedelta(days=1))
    later = await world.cases.open(A, replace(STOPPED, act_on=TODAY + timedelta(days=1)))
    async with world.pool.acquire() as connection:
        assert await acts.act_is_fined(connection, later, continuing=True) is False


async def test_every_occasion_of_a_single_act_is_an_act_of_its_own(world: World) -> None:
    first = await to_notified(world)
    await world.do(PARTY, first, Command.DEFEND, reason="申辩")
    await world.do(HEAD, first, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    same_day = await world.cases.open(A, STOPPED)
    before = await world.cases.open(A, replace(STOPPED, act_on=TODAY - timedelta(days=1)))
    async with world.pool.acquire() as connection:
        fined = [await acts.act_is_fined(connection, case, continuing=False) for case in (same_day, before)]
    assert fined == [True, False]


async def test_side_by_side_and_in_whatever_way_one_act_is_fined_once(world: World) -> None:
    """Two on the spot, by different officers, and a decision by the head: whoever is first fines, the others are told."""
    cases = [await world.cases.open(A, replace(UNFILED, site_id=site)) for site in ("s", None, "s")]
    for case_id in cases:
        await world.do(A, case_id, Command.ORDER, reason="限期备案", on=TODAY + timedelta(days=1))
    world.go_to(TODAY + timedelta(days=2))
    for case_id in cases:
        await world.do(A, case_id, Command.FIND_UNMENDED, reason="未备案")
        await world.prove(case_id)
    *spots, formal = cases
    fine: dict[str, Any] = {"reason": "逾期未改", "sanction": "fine", "fine_fen": 3_000_00}
    await world.do(A, formal, Command.PROPOSE, reason="应当立案", procedure="fast", admitted=True)
    await world.do(HEAD, formal, Command.APPROVE)
    await world.do(A, formal, Command.CONCLUDE, **fine)
    for reviewer in REVIEWERS:
        if await world.do(reviewer, formal, Command.PASS, reason="同意") == "reviewed":
            break
    await world.do(A, formal, Command.NOTIFY, on=world.cases.today(), manner="direct")
    await world.do(PARTY, formal, Command.DEFEND, reason="无异议")
    outcomes = await asyncio.gather(
        *(
            world.do(who, case_id, Command.PUNISH_ON_THE_SPOT, place="场站", rights_told=True, manner="direct", **fine)
            for who, case_id in zip((A, B), spots, strict=True)
        ),
        world.do(HEAD, formal, Command.DECIDE, **fine),
        return_exceptions=True,
    )
    told = [str(outcome) for outcome in outcomes if isinstance(outcome, Conflict)]
    assert (len(told), [each for each in told if "fined already" not in each]) == (2, [])
    assert await world.pool.fetchval("SELECT count(*) FROM inspection.fined_act") == 1
    fined = await world.pool.fetchval(
        "SELECT count(*) FROM inspection.case_file WHERE facts->>'decided_on' IS NOT NULL AND (facts->>'fine_fen')::bigint > 0"
    )
    assert fined == 1


async def test_what_another_organ_has_fined_is_not_fined_again(world: World) -> None:
    sent = {
        "format": FORMAT, "organ": "市场监管局", "number": "市监1", "item_id": "car-park-stopped", "party_kind": "organisation",
        "party_name": "宁海某公司", "act_on": TODAY.isoformat(), "reason": "抄告", "sanction": "fine", "fine_yuan": 10_000,
        "decided_on": TODAY.isoformat(),
    }  # fmt: skip
    unfined = {**sent, "number": "市监2", "fine_yuan": 0, "sanction": None, "decided_on": None, "act_on": "2026-08-01"}
    receipts = await ExchangeDesk(world.cases, world.clock).take(A, "b", [sent, {**unfined, "party_name": "另一公司"}])
    async with world.pool.acquire() as connection:
        taken = [receipt.case_id for receipt in receipts if receipt.case_id]
        assert [await acts.act_is_fined(connection, case, continuing=True) for case in taken] == [True, False], receipts


async def test_two_officers_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    case_id = await world.cases.open(A, STOPPED)
    seen = (await world.row(case_id))["place"]

    async def propose(who: Principal) -> None:
        await world.cases.do(who, case_id, Command.PROPOSE, Said(reason="r", procedure="general"), seen)

    async def end(who: Principal) -> None:
        await world.cases.do(who, case_id, Command.ASK_END, Said(reason="r"), seen)

    for _ in range(20):  # whoever is first
        outcomes = await asyncio.gather(propose(A), end(B), return_exceptions=True)
        told = [str(outcome) for outcome in outcomes if isinstance(outcome, Conflict)]
        assert len(told) == 1
        assert "somebody else has moved this case meanwhile" in told[0]
        assert len(await world.pool.fetch("SELECT FROM inspection.case_history WHERE case_id = $1", case_id)) == 2
        case_id = await world.cases.open(A, STOPPED)
        seen = (await world.row(case_id))["place"]


async def test_numbers_have_no_gaps_whoever_fails(world: World) -> None:
    opened = await asyncio.gather(*(world.cases.open(who, STOPPED) for who in (A, A, A, A)))
    with pytest.raises(NotFound):
        await world.cases.open(A, Opening(**{**_members(STOPPED), "site_id": "nowhere"}))
    await world.cases.open(A, STOPPED)
    numbers = await world.pool.fetch("SELECT number FROM inspection.case_file ORDER BY number")
    assert [row["number"] for row in numbers] == [f"AJ-2026-{n:06d}" for n in range(1, len(opened) + 2)]


@pytest.mark.parametrize(
    ("who", "opening", "error"),
    [
        (A, Opening(**{**_members(STOPPED), "second_officer": "a"}), Invalid),
        (A, Opening(**{**_members(STOPPED), "second_officer": "nobody"}), Invalid),
        (A, Opening(**{**_members(STOPPED), "act_on": TODAY + timedelta(days=1)}), Invalid),
        (A, Opening(**{**_members(STOPPED), "business_since": date.max}), Invalid),
        (A, Opening(**{**_members(STOPPED), "item_id": "nothing"}), NotFound),
        (A, Opening(**{**_members(STOPPED), "task_id": "nothing"}), NotFound),
        (HEAD, STOPPED, Forbidden),
        (somebody("elsewhere", "inspector"), STOPPED, Invalid),
    ],
)
async def test_what_is_not_opened(world: World, who: Principal, opening: Opening, error: type[Exception]) -> None:
    with pytest.raises(error):
        await world.cases.open(who, opening)
    assert await world.pool.fetchval("SELECT count(*) FROM inspection.case_file") == 0


async def test_a_case_waits_for_whoever_is_next(world: World) -> None:
    officer = replace(A, roles=frozenset({"inspector", "regulator"}))  # who investigates it decides nothing in it
    people = (HEAD, *REVIEWERS, officer, somebody("c", "inspector"))
    assert world.cases.waits(PARTY) is None
    case_id = await world.cases.open(A, STOPPED)
    assert await waiting_for(world, *people) == ["a"], "for its own officers alone"
    await world.do(A, case_id, Command.PROPOSE, reason="应当立案", procedure="general")
    assert await waiting_for(world, *people) == ["h"]
    await world.do(HEAD, case_id, Command.APPROVE)
    await world.prove(case_id)
    assert await waiting_for(world, *people) == ["a"]
    await world.do(A, case_id, Command.CONCLUDE, reason="事实清楚", sanction="fine", fine_fen=20_000_00, harm="none")
    assert await waiting_for(world, *people) == ["r1", "r2", "r3", "r4"], "a higher level may review for a lower one"
    await world.do(REVIEWERS[1], case_id, Command.PASS, reason="通过")
    assert (await world.row(case_id))["state"] == "review_2"
    assert await waiting_for(world, *people) == ["r3", "r4"], "not for who has passed it at another level"
    for reviewer in REVIEWERS[2:]:
        await world.do(reviewer, case_id, Command.PASS, reason="通过")
    await world.do(A, case_id, Command.NOTIFY, on=TODAY, manner="post")
    assert await waiting_for(world, *people) == ["a"], "a letter in the post is for its officers to look after"
    row = await world.row(case_id)
    assert (row["due_on"], row["period"]) == (date(2026, 9, 24), "arrival")
    await world.do(A, case_id, Command.RECORD_ARRIVAL, on=TODAY, proof=await world.proof(case_id))
    assert (await waiting_for(world, *people), (await world.row(case_id))["period"]) == ([], "decision")


async def test_a_penalty_waits_for_the_head_once_its_party_has_had_its_time(world: World) -> None:
    case_id = await to_notified(world)
    day = TODAY
    while not await waiting_for(world, HEAD):
        with pytest.raises(Conflict, match="still has time"):
            await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
        day += timedelta(days=1)
        world.go_to(day)
    await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    assert (await waiting_for(world, HEAD, *REVIEWERS), day) == ([], date(2026, 9, 21)), (
        "after three working days, a Sunday among them"
    )


async def test_who_sees_a_case(world: World) -> None:
    case_id = await world.cases.open(A, UNFILED)

    async def sees(who: Principal) -> bool:
        async with world.pool.acquire() as connection:
            rows = await store.list_cases(
                connection, states=(), words=None, item=None, overdue_on=None, mine=None, before=None, limit=9, scope=who.scope
            )  # fmt: skip
            try:
                await world.cases.see(connection, who, case_id)
            except NotFound:
                assert not rows
                return False
        assert len(rows) == 1
        return True

    strangers = (somebody("q", "operator", "other"), somebody("elsewhere", "inspector"))
    assert [await sees(who) for who in (A, HEAD, REVIEWERS[0], PARTY, *strangers)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    await world.do(A, case_id, Command.ORDER, reason="限期", on=date(2026, 9, 30))
    assert [await sees(who) for who in (PARTY, *strangers)] == [True, False, False]


async def test_nothing_that_was_written_is_ever_changed(world: World) -> None:
    case_id = await world.cases.open(A, UNFILED)
    await world.prove(case_id)
    await world.do(A, case_id, Command.ORDER, reason="限期", on=date(2026, 9, 30))
    for table, column in (
        ("case_history", "place"), ("case_document", "place"), ("case_print", "pdf"), ("evidence", "place"),
    ):  # fmt: skip
        for statement in (f"UPDATE inspection.{table} SET {column} = {column}", f"DELETE FROM inspection.{table}"):
            with pytest.raises(asyncpg.RaiseError, match="not changed"):
                await world.pool.execute(statement)


async def test_an_officer_whose_certificate_has_ended_acts_no_more(world: World) -> None:
    case_id = await world.cases.open(A, STOPPED)
    world.go_to(date(2028, 1, 1))
    with pytest.raises(Forbidden):
        await world.do(A, case_id, Command.ASK_END, reason="r")
    await world.cases.register(HEAD, Officer("a", "警员a", "浙02260001", date(2029, 1, 1)))
    assert await world.do(A, case_id, Command.ASK_END, reason="r") == "lead"
    with pytest.raises(Conflict, match="another officer"):
        await world.cases.register(HEAD, Officer("x", "x", "浙02260001", date(2029, 1, 1)))


async def test_recusal_replaces_officers_and_neither_ever_reviews(world: World) -> None:
    case_id = await world.cases.open(A, STOPPED)
    with pytest.raises(Invalid, match="certificate"):
        await world.do(HEAD, case_id, Command.REASSIGN, reason="回避", officers=("b", "nobody"))
    await world.do(HEAD, case_id, Command.REASSIGN, reason="回避", officers=("b", "c"))
    facts = (await world.row(case_id))["facts"]
    assert (facts["officers"], facts["investigators"]) == (["b", "c"], ["a", "b", "c"])
    with pytest.raises(Forbidden):
        await world.do(A, case_id, Command.PROPOSE, reason="r", procedure="general")


# --- print ------------------------------------------------------------------------------------------------------


async def test_every_document_of_a_case_is_printed_and_reads_as_it_was_issued(world: World) -> None:
    case_id = await to_notified(world)
    await world.do(PARTY, case_id, Command.DEFEND, reason="请求从轻")
    await world.do(HEAD, case_id, Command.DECIDE, reason="充分考虑", sanction="fine", fine_fen=18_000_00)
    await world.serve(case_id)
    async with world.pool.acquire() as connection:
        issued = await store.documents(connection, case_id)
        prints = [await store.printed(connection, document["number"]) for document in issued]
    assert len(issued) == 9
    for document, found in zip(issued, prints, strict=True):
        assert found is not None
        content = document["content"]
        read = PdfReader(io.BytesIO(found))
        text = "".join("".join(page.extract_text() for page in read.pages).split())
        wanted = (
            content["title"],
            content["organ"],
            document["number"],
            document["sha256"],
            *content["paragraphs"],
            *content["signatures"],
        )
        for words in wanted:
            assert "".join(words.split()) in text, (document["kind"], words)
        assert {font for page in read.pages for font in fonts_of(page)} == {"NotoSansCJKsc"}
        assert PRESS.pdf(document["number"], document["sha256"], content, document["issued_at"]) == found


def test_a_paragraph_longer_than_a_page_goes_on_to_the_next() -> None:
    content = {
        "title": "听证笔录", "organ": "宁海县", "on": "2026年9月1日", "paragraphs": ["主持人：甲。", "双方辩论如下，" * 280],
        "signatures": ["参加人："], "sealed": True,
    }  # fmt: skip
    heights: list[float] = []
    for page in PdfReader(io.BytesIO(PRESS.pdf("1", "0" * 64, content, START))).pages:
        page.extract_text(visitor_text=lambda words, area, at, *_: heights.append(at[5] * area[3] + area[5]))
    assert min(heights) >= 0, "words lie below the page"


def fonts_of(page: PageObject) -> set[str]:
    """Return the families of a page's fonts, all of them embedded."""
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    for font in fonts:
        assert "/FontFile2" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
    return {font["/BaseFont"].partition("+")[2].partition("-")[0] for font in fonts}


async def test_what_is_written_on_the_way_is_issued_too_each_under_its_number(world: World) -> None:
    opening = replace(UNFILED, referred_by="宁海县住房和城乡建设局", referral_number="宁住建移〔2026〕3号")
    case_id = await world.cases.open(A, opening)
    for who, command, said in (
        (A, Command.GIVE_RECEIPT, {}),
        (B, Command.QUESTION, {"reason": "问：是否备案？答：尚未。", "place": "场站", "people": ("王某",)}),
        (HEAD, Command.KEEP, {"reason": "账册可能灭失。", "place": "仓库", "things": ("账册一本", "合同两份")}),
        (HEAD, Command.DISPOSE, {"reason": "予以返还。"}),
        (PARTY, Command.CONFIRM_ADDRESS, {"place": "someone@example.com"}),
        (HEAD, Command.REASSIGN, {"reason": "申请回避成立。", "officers": ("b", "c")}),
        (B, Command.ASK_END, {"reason": "应由主管部门处理"}),
        (HEAD, Command.DISMISS, {"reason": "不属于违法"}),
    ):
        await world.do(who, case_id, command, **said)
    async with world.pool.acquire() as connection:
        issued = await store.documents(connection, case_id)
        facts = (await store.get(connection, case_id))["facts"]
    assert [document["number"] for document in issued] == [
        f"甬宁综执{series}字〔2026〕第000001号" for series in ("移回", "询", "登存", "登处", "址", "回", "不立")
    ]
    text = "".join("".join(document["content"]["paragraphs"]) for document in issued)
    for word in ("宁住建移〔2026〕3号", "账册一本、合同两份", "2026年9月24日", "someone@example.com", "警员c"):
        assert word in text, word
    assert "对先行登记保存的证据（2026年9月16日登记保存：账册一本、合同两份），依据" in text
    assert facts["address"] == "someone@example.com"
    referred = await world.cases.open(A, replace(UNFILED, item_id="price-not-shown"))
    await world.do(HEAD, referred, Command.REFER, reason="属于市场监管职责。")
    await world.do(A, referred, Command.ACKNOWLEDGE, on=TODAY, receipt="宁市监收1号")
    crime = await world.cases.open(A, replace(UNFILED, item_id="car-park-stopped"))
    await world.do(HEAD, crime, Command.TRANSFER, reason="涉嫌犯罪。")
    assert (await world.row(crime))["facts"]["referred_to"] == "宁海县公安局"
    told = await world.cases.open(A, replace(UNFILED, item_id="repair-overdue"))
    await world.do(HEAD, told, Command.TELL_SUBSIDY, reason="超期未修。")
    async with world.pool.acquire() as connection:
        letters = [(await store.documents(connection, each))[0]["content"] for each in (referred, crime, told)]
    assert [letter["paragraphs"][0] for letter in letters] == [
        "宁海县市场监督管理局：", "宁海县公安局：", "宁海县发展和改革局（能源）：",
    ]  # fmt: skip


async def test_a_plan_of_payment_is_allowed_printed_and_kept(world: World) -> None:
    case_id = await to_notified(world)
    await world.do(PARTY, case_id, Command.DEFEND, reason="经营困难")
    await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    await world.serve(case_id)
    plan = (Instalment(date(2026, 10, 16), 5_000_00), Instalment(date(2026, 11, 16), 15_000_00))
    with pytest.raises(Conflict, match="add up"):
        await world.do(HEAD, case_id, Command.ALLOW_INSTALMENTS, reason="困难", plan=plan[:1])
    await world.do(HEAD, case_id, Command.ALLOW_INSTALMENTS, reason="困难", plan=plan)
    async with world.pool.acquire() as connection:
        row, letter = await store.get(connection, case_id), (await store.documents(connection, case_id))[-1]
        case = await world.cases.case(connection, row)
    assert (row["due_on"], row["period"], case.facts.plan) == (date(2026, 10, 16), "payment", plan)
    assert "2026年10月16日前伍仟元整（¥5,000.00）；2026年11月16日前壹万伍仟元整" in letter["content"]["paragraphs"][2]
    world.go_to(date(2026, 10, 26))
    await world.do(A, case_id, Command.PAY, amount_fen=5_000_00, on=date(2026, 10, 26), receipt="1")
    async with world.pool.acquire() as connection:
        after = await world.cases.case(connection, await store.get(connection, case_id))
    assert owed_fen(after, date(2026, 10, 26)) == 15_000_00 + 1_500_00


async def test_what_cannot_be_printed_is_not_issued_and_takes_no_number(world: World) -> None:
    case_id = await world.cases.open(A, UNFILED)
    with pytest.raises(Invalid, match="could not be displayed"):
        await world.do(A, case_id, Command.ORDER, reason="限期\U0001f600", on=date(2026, 9, 30))
    await world.do(A, case_id, Command.ORDER, reason="限期", on=date(2026, 9, 30))
    async with world.pool.acquire() as connection:
        issued = await store.documents(connection, case_id)
    assert [document["number"] for document in issued] == ["甬宁综执责改字〔2026〕第000001号"]


def test_a_press_without_its_font_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(FontMissing):
        Press(tmp_path)


# --- evidence ---------------------------------------------------------------------------------------------------


async def filled(world: World) -> str:
    """Return a case with every sort of evidence, a document, and a root."""
    case_id = await world.cases.open(A, UNFILED)
    await world.prove(case_id)

    async def chunks() -> AsyncIterator[bytes]:
        yield photo()

    wish = Wish(
        "audiovisual", "inspector", "照片", world.clock.now(), {"latitude": "29.288000", "longitude": "121.429000"}
    )
    await world.evidence.collect_file(A, case_id, wish, lambda: world.shelf.keep(chunks(), "现场.jpg"), len(photo()))
    with pytest.raises(TooManyRequests, match="1024 MiB are used up"):
        await world.evidence.collect_file(
            A, case_id, wish, lambda: world.shelf.keep(chunks(), "x"), DOCUMENTS.size_bytes
        )
    now = datetime.now(UTC)
    world.clock.advance(now - world.clock.now())
    changed = ConnectorStatusChanged(
        station_id="s-1", connector=1, status="Faulted", condition="faulted", previous_condition=None, error_code=None,
        error_info=None, vendor_error_code=None, occurred_at=now, received_at=now, effective_at=now,
    )  # fmt: skip
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, "test", [changed])
        await connection.execute("INSERT INTO bounds.site VALUES ('s', '330226001')")
        await connection.execute("INSERT INTO bounds.station VALUES ('s-1', 's')")
    world.clock.advance(timedelta(minutes=1))
    end = world.clock.now()
    await world.evidence.collect_telemetry(A, case_id, "s-1", end - timedelta(hours=1), end, "遥测")
    await world.do(A, case_id, Command.ORDER, reason="限期", on=world.cases.today() + timedelta(days=30))
    await world.cases.open(A, STOPPED)
    return case_id


async def test_telemetry_is_frozen_as_it_was(world: World) -> None:
    case_id = await filled(world)
    async with world.pool.acquire() as connection:
        body = await world.evidence.content(connection, case_id, 4)
        links = await evidence_store.links(connection, case_id)
    told = orjson.loads(body)
    assert [(event["type"], event["payload"]["status"]) for event in told] == [("ConnectorStatusChanged", "Faulted")]
    assert links[3].record["source"]["events"] == 1
    assert links[3].record["sha256"] == hashlib.sha256(body).hexdigest()


async def test_telemetry_beyond_ones_bounds_or_too_much_of_it_is_refused(
    world: World,
) -> None:
    case_id = await filled(world)
    end = world.clock.now()
    start = end - timedelta(hours=1)
    town = replace(A, division="330226001")
    async with world.pool.acquire() as connection:
        await connection.execute("INSERT INTO bounds.site VALUES ('t', '330226002')")
        await connection.execute("INSERT INTO bounds.station VALUES ('t-1', 't')")
    for station in ("t-1", "nowhere"):
        with pytest.raises(NotFound, match=station):
            await world.evidence.collect_telemetry(town, case_id, station, start, end, "遥测")
    await world.evidence.collect_telemetry(town, case_id, "s-1", start, end, "遥测")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """
            INSERT INTO eventlog.event (stream, sequence, serial, type, version, recorded_at, payload)
            SELECT 'many', n, n, 'ConnectorStatusChanged', 1, $1, jsonb_build_object('station_id', 's-1')
            FROM generate_series(1, 10000) n
            """,
            start,
        )
    with pytest.raises(Invalid, match="10001 events"):
        await world.evidence.collect_telemetry(town, case_id, "s-1", start, end, "遥测")


async def test_a_bundle_is_verified_offline_and_any_changed_byte_is_found(world: World, tmp_path: Path) -> None:
    case_id = await filled(world)
    world.clock.advance(timedelta(days=2))
    assert await world.evidence.publish_roots() >= 2
    assert await world.evidence.publish_roots() == 0
    _, packed = await world.evidence.pack(A, case_id)
    verdict = bundle.verify(packed)
    assert (verdict.faults, verdict.links, verdict.files) == ((), 4, 4)
    assert (
        verdict.root
        == (await world.pool.fetchval("SELECT record FROM inspection.evidence_root ORDER BY day DESC LIMIT 1"))["root"]
    )
    for place in range(len(packed)):
        changed = bytearray(packed)
        changed[place] ^= 1 << (place % 8)
        assert bundle.verify(bytes(changed)).faults, f"byte {place}"
    for shorter in (packed[:-1], packed[1:], packed + b"\0", b""):
        assert bundle.verify(shorter).faults
    file = tmp_path / "case.zip"
    file.write_bytes(packed)
    run = CliRunner().invoke(app, ["evidence", "verify", str(file), "--key", world.evidence.signer.public_key])
    assert run.exit_code == 0, run.output
    assert "everything holds" in run.output
    for option in (("--key", "00"), ("--root", "00")):
        assert CliRunner().invoke(app, ["evidence", "verify", str(file), *option]).exit_code == 1


async def test_a_bundle_without_a_piece_or_with_one_more_does_not_hold(world: World) -> None:
    case_id = await filled(world)
    async with world.pool.acquire() as connection:
        links = await evidence_store.links(connection, case_id)
        files = {bundle.file_name(n): await world.evidence.content(connection, case_id, n) for n in (1, 3, 4)}
    manifest = {"case": links[0].record["case"], "links": [bundle.link_out(link) for link in links], "documents": []}
    signer, (first, third, last) = world.evidence.signer, files
    assert bundle.verify(bundle.pack(signer, manifest, files)).faults == ()
    without = {first: files[first], third: files[third]}
    assert bundle.verify(bundle.pack(signer, manifest, without)).faults == ("files/0004 is missing",)
    assert bundle.verify(bundle.pack(signer, manifest, {**files, "files/0009": b"x"})).faults == (
        "files/0009 belongs to nothing",
    )
    swapped = {**files, third: files[last]}
    assert bundle.verify(bundle.pack(signer, manifest, swapped)).faults == ("files/0003 is not what was collected",)
    shorter = {**manifest, "links": manifest["links"][1:]}
    assert bundle.verify(bundle.pack(signer, shorter, files)).faults


async def test_an_administrator_cannot_rewrite_a_chain_unseen(world: World) -> None:
    case_id = await filled(world)
    async with world.pool.acquire() as connection:
        links = await evidence_store.links(connection, case_id)
    key = world.evidence.signer.public_key
    assert broken(links, key) is None
    for n, link in enumerate(links):
        altered = Link({**link.record, "title": "other"}, link.hash, link.signature)
        assert broken([*links[:n], altered, *links[n + 1 :]], key) == n + 1
        assert broken([*links[:n], *links[n + 1 :]], key) in (n + 1, None if n == len(links) - 1 else n + 1)


async def test_only_a_cases_officers_collect_and_confirm(world: World) -> None:
    case_id = await world.cases.open(A, STOPPED)
    wish = Wish("witness", "public", "t", START, {})
    for who in (HEAD, somebody("c", "inspector"), REVIEWERS[0]):
        with pytest.raises(Forbidden):
            await world.evidence.collect_text(who, case_id, wish, "x")
    with pytest.raises(NotFound):
        await world.evidence.collect_text(somebody("elsewhere", "inspector"), case_id, wish, "x")
    await world.prove(case_id)
    with pytest.raises(Conflict, match="already"):
        await world.evidence.confirm(B, case_id, 1)
    with pytest.raises(NotFound):
        await world.evidence.confirm(B, case_id, 2)
    await world.do(A, case_id, Command.ASK_END, reason="r")
    await world.do(HEAD, case_id, Command.DISMISS, reason="r")
    with pytest.raises(Conflict, match="takes no evidence"):
        await world.evidence.collect_text(A, case_id, wish, "x")


async def test_two_collect_at_once_and_the_chain_holds(world: World) -> None:
    case_id = await world.cases.open(A, STOPPED)
    wish = Wish("witness", "public", "t", START, {})
    await asyncio.gather(*(world.evidence.collect_text(who, case_id, wish, who.subject) for who in (A, B) * 5))
    async with world.pool.acquire() as connection:
        links = await evidence_store.links(connection, case_id)
    assert (len(links), broken(links, world.evidence.signer.public_key)) == (10, None)


@pytest.mark.parametrize(
    ("latitude", "longitude", "found"),
    [
        (29.288, 121.4290001, {"latitude": "29.288000", "longitude": "121.429000", "crs": "wgs84"}),
        (None, 121.0, {}), (91.0, 121.0, {}), (29.0, 181.0, {}), (float("nan"), 121.0, {}),
    ],
)  # fmt: skip
def test_where_a_piece_of_evidence_was_taken(
    latitude: float | None, longitude: float | None, found: dict[str, str]
) -> None:
    assert position(latitude, longitude) == found


async def test_a_days_quota_holds_for_uploads_that_come_at_once(world: World) -> None:
    # A case is held by itself, so that uploads to one come one after the other: each has its own.
    sizes = [DOCUMENTS.size_bytes // 2] * 5 + [DOCUMENTS.size_bytes]
    cases = [await world.cases.open(A, UNFILED) for _ in sizes]
    wish = Wish("documentary", "inspector", "照片", world.clock.now(), {})
    all_asked = asyncio.Barrier(len(sizes))

    async def bring(case_id: str, size_bytes: int) -> Link:
        async def receive() -> Document:
            await all_asked.wait()  # nothing is kept before everybody was told that there is room
            return Document("0" * 64, size_bytes, "image/jpeg", "x.jpg")

        return await world.evidence.collect_file(A, case_id, wish, receive, size_bytes)

    found = await asyncio.gather(*map(bring, cases, sizes), return_exceptions=True)
    refused = [each for each in found if isinstance(each, BaseException)]
    assert all(isinstance(each, TooManyRequests) for each in refused), refused
    async with world.pool.acquire() as connection:
        brought = await evidence_store.collected_since(connection, A.subject, START - timedelta(days=1))
    assert brought.size_bytes == DOCUMENTS.size_bytes, "filled to the brim, and not beyond"
    assert brought.files == len(found) - len(refused)
