"""What is published of decisions: rules, redaction, feeds; and from decision to withdrawal on a real PostgreSQL."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import fromstring

import asyncpg
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection_service.cases.machine import Command
from inspection_service.law.catalogue import catalogue
from inspection_service.law.statutes import LawError
from inspection_service.publication import store
from inspection_service.publication.desk import PublicationDesk, shown
from inspection_service.publication.notice import ATOM, Shown, as_atom, as_csv, as_json_feed
from inspection_service.publication.redaction import leaks, masked, redacted
from inspection_service.publication.rules import Decision, read, rule_for, rules
from tests.inspection_service.world import (
    HEAD,
    PARTY,
    REVIEWERS,
    STOPPED,
    TODAY,
    A,
    World,
    notify,
    somebody,
    to_notified,
)
from youguan import audit
from youguan.auth import Principal
from youguan.errors import Conflict, Forbidden, Invalid, NotFound

# --- rules ------------------------------------------------------------------------------------------------------


def asked(procedure: str, party: str, sanctions: str, fine_fen: int, danger: str) -> Decision:
    return Decision(procedure, party, frozenset(sanctions.split("+")), fine_fen, danger)


@pytest.mark.parametrize(
    ("decision", "rule"),
    [
        (asked("general", "organisation", "fine", 20_000_00, "none"), "organisation"),
        (asked("fast", "organisation", "fine", 1, "none"), "organisation"),
        (asked("simple", "organisation", "fine", 3_000_00, "none"), "on-the-spot"),
        (asked("simple", "citizen", "warning", 0, "fire"), "danger"),
        (asked("general", "organisation", "warning", 0, "none"), "warning"),
        (asked("general", "organisation", "warning+fine", 1_000_00, "none"), "organisation"),
        (asked("general", "organisation", "closure", 0, "none"), "heavy"),
        (asked("general", "organisation", "fine+closure", 1_000_00, "none"), "heavy"),
        (asked("general", "citizen", "fine", 4_999_99, "none"), "rest"),
        (asked("general", "citizen", "fine", 5_000_00, "none"), "citizen-large"),
    ],
)
def test_which_rule_meets_a_decision(decision: Decision, rule: str) -> None:
    assert rule_for(decision).id == rule


def test_the_rules_are_complete_and_say_where_they_come_from() -> None:
    assert all(rule.source and rule.name_en for rule in rules().values())
    entry = {"id": "x", "name": "x", "name_en": "x", "source": "x", "publish": True}
    with pytest.raises(LawError, match="some months"):
        read({"rule": [entry]})
    with pytest.raises(LawError, match="every decision"):
        read({"rule": [{**entry, "months": 1, "parties": ["citizen"]}]})


# --- redaction --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mask"),
    [("张三丰", "张某某"), ("王宁", "王某"), ("欧阳修远", "欧阳某某"), ("司马", "司某"), ("张某", "张某")],
)
def test_a_name_keeps_its_surname(name: str, mask: str) -> None:
    assert masked(name) == mask


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("身份证330226199001011234，", "身份证〔身份证号略〕，"),
        ("33022619900101123X", "〔身份证号略〕"),
        ("电话13805741234。", "电话〔电话略〕。"),
        ("0574-65551234", "〔电话略〕"),
        ("浙B12345和浙BD12345", "〔车牌略〕和〔车牌略〕"),
        ("卡号6222 0213 0600 1234 567", "卡号〔账号略〕"),
        ("a.b@example.com", "〔邮箱略〕"),
        ("罚款20000元，第000001号，桩10000000000000000000001，2026年9月16日", None),
        ("统一社会信用代码91330100799655058B", None),
        (
            "某公司，统一社会信用代码：914403001922038216，住所：某路1号，付款账号6222021306001234567。",
            "某公司，统一社会信用代码：914403001922038216，住所：某路1号，付款账号〔账号略〕。",
        ),
        ("张某，证件号码末四位：123X，住址：某路1号，3幢。经查", "张某，证件号码末四位：〔略〕，住址：〔略〕。经查"),
        ("住所：宁海县气象北路1号。", None),
    ],
)
def test_what_leads_to_a_person_by_its_form_is_taken_out(text: str, left: str | None) -> None:
    assert redacted(text, ()) == (text if left is None else left)


NAMES = st.lists(st.text("张王李欧阳三四宁海明", min_size=2, max_size=4), min_size=1, max_size=4)


@given(NAMES, st.lists(st.text("在场说，明确罚款", max_size=5), max_size=6))
def test_no_name_that_was_given_is_left(names: list[str], between: list[str]) -> None:
    text = "".join(a + b for a, b in zip([*between, "", ""], [*names, *names], strict=False))
    assert leaks([redacted(text, names)], names) == []


# --- feeds ------------------------------------------------------------------------------------------------------

AT = datetime(2026, 9, 20, 1, tzinfo=UTC)
NOTICE = {
    "number": "罚1", "title": "行政处罚决定书", "party": "=公司<b>&", "item": "停业", "basis": "《条例》第43条", "sanction": "罚款",
    "decided_on": "2026-09-16", "organ": "局", "paragraphs": ["一\x0b", "二"],
}  # fmt: skip
ROWS = [
    Shown("1", "罚1", AT, date(2027, 9, 20), NOTICE, "", AT),
    Shown("2", "罚2", AT, date(2027, 9, 20), None, "已被撤销", AT),
]


def test_a_table_is_harmless_in_a_spreadsheet() -> None:
    lines = list(csv.reader(io.StringIO(as_csv(ROWS).decode("utf-8-sig"))))
    assert lines[1][:3] == ["罚1", "'=公司<b>&", "停业"]
    assert (lines[2][0], lines[2][1], lines[2][-1]) == ("罚2", "", "已被撤销")


def test_feeds_read_back() -> None:
    feed = fromstring(as_atom(ROWS, address="https://x/penalties", organ="局", now=AT))
    entries = feed.findall(f"{{{ATOM}}}entry")
    titles = [entry.findtext(f"{{{ATOM}}}title") for entry in entries]
    assert titles == ["=公司<b>&：停业", "罚2：已撤回"]
    assert [entry.findtext(f"{{{ATOM}}}id") for entry in entries] == ["https://x/penalties/1", "https://x/penalties/2"]
    assert feed.findtext(f"{{{ATOM}}}updated") == "2026-09-20T01:00:00.000Z"
    items = orjson.loads(as_json_feed(ROWS, address="https://x/penalties", organ="局"))["items"]
    assert [item["content_text"] for item in items] == ["一\x0b\n二", "已被撤销"]


# --- from decision to withdrawal --------------------------------------------------------------------------------


@pytest.fixture
def desk(world: World) -> PublicationDesk:
    return PublicationDesk(world.pool, world.clock, catalogue())


async def decided(world: World, **changes: Any) -> str:
    """Return a case that was decided today."""
    case_id = await to_notified(world, replace(STOPPED, **changes))
    await world.do(PARTY if "party_id" not in changes else A, case_id, Command.DEFEND, reason="申辩")
    if changes.get("party_kind") == "citizen":  # a large fine of a citizen: hearing time, and discussion
        world.go_to(date(2026, 9, 24))
        await world.do(HEAD, case_id, Command.DISCUSS, reason="同意", people=("甲", "乙", "丙"))
    await world.do(
        HEAD, case_id, Command.DECIDE, reason="证人李明华（电话13805741234）证实", sanction="fine", fine_fen=20_000_00
    )
    return case_id


async def only(world: World, case_id: str) -> asyncpg.Record:
    async with world.pool.acquire() as connection, connection.transaction():
        return (await store.of_case(connection, case_id))[0]


async def seen(world: World, desk: PublicationDesk) -> list[Shown]:
    async with world.pool.acquire() as connection:
        return [
            shown(row) for row in await store.list_public(connection, desk.today(), words=None, before=None, limit=9)
        ]


async def test_a_decision_waits_for_a_person_and_is_shown_without_names(world: World, desk: PublicationDesk) -> None:
    case_id = await decided(world)
    await desk.consumer().catch_up()
    row = await only(world, case_id)
    assert (row["state"], row["rule"], row["due_on"]) == ("to_check", "organisation", date(2026, 9, 24))
    assert await seen(world, desk) == []
    for who in (A, somebody("b", "reviewer"), PARTY):
        with pytest.raises((Forbidden, NotFound)):
            await desk.publish(who, row["id"], ())
    with pytest.raises(NotFound):
        await desk.publish(somebody("elsewhere", "reviewer"), row["id"], ())
    with pytest.raises(Forbidden, match="by a person"):
        await desk.publish(replace(HEAD, subject="key k", scopes=frozenset({"inspection:write"})), row["id"], ())
    with pytest.raises(Invalid, match="two characters"):
        await desk.publish(REVIEWERS[0], row["id"], ["李"])
    await desk.publish(REVIEWERS[0], row["id"], ["李明华"])
    with pytest.raises(Conflict, match="published"):
        await desk.publish(REVIEWERS[0], row["id"], ["李明华"])
    (found,) = await seen(world, desk)
    assert found.notice is not None
    text = orjson.dumps(found.notice).decode()
    assert "证人李某某（电话〔电话略〕）证实" in text
    assert "罚款人民币贰万元整" in found.notice["sanction"]
    assert "宁海某公司" in found.notice["party"]
    world.go_to(date(2027, 9, 16))
    assert len(await seen(world, desk)) == 1
    world.go_to(date(2027, 9, 17))
    assert await seen(world, desk) == []  # its twelve months are over
    async with world.pool.acquire() as connection:
        assert await audit.verify(connection) is None


async def test_a_citizen_is_shown_by_his_surname(world: World, desk: PublicationDesk) -> None:
    case_id = await decided(world, party_kind="citizen", party_name="赵铁柱", party_id=None)
    await desk.consumer().catch_up()
    row = await only(world, case_id)
    await desk.publish(REVIEWERS[1], row["id"], ["李明华"])
    (found,) = await seen(world, desk)
    text = orjson.dumps(found.notice).decode()
    assert found.notice is not None
    assert found.notice["party"] == "赵某某"
    assert "赵铁柱" not in text


@pytest.mark.parametrize("published", [True, False])
async def test_what_is_revoked_is_taken_back_and_says_why(world: World, desk: PublicationDesk, published: bool) -> None:
    case_id = await decided(world)
    await desk.consumer().catch_up()
    row = await only(world, case_id)
    if published:
        await desk.publish(HEAD, row["id"], ["李明华"])
    await world.do(HEAD, case_id, Command.REVOKE, reason="程序违法")
    await desk.consumer().catch_up()
    after = await only(world, case_id)
    assert (after["state"], after["notice"]) == ("withdrawn" if published else "ended", None)
    assert [(s.notice, s.withdrawn) for s in await seen(world, desk)] == [(None, "处罚决定已被撤销")] * published
    with pytest.raises(Conflict):
        await desk.publish(HEAD, row["id"], [], "again")
    await world.do(HEAD, case_id, Command.START_ANEW, reason="重新处理")
    await notify(world, case_id)
    await world.do(PARTY, case_id, Command.DEFEND, reason="无异议")
    await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)
    await desk.consumer().catch_up()
    anew = await only(world, case_id)
    assert (anew["version"], anew["state"], anew["number"] != row["number"]) == (2, "to_check", True)
    await desk.publish(HEAD, anew["id"], ["李明华"])
    assert [s.number for s in await seen(world, desk) if s.notice] == [anew["number"]]


async def test_review_and_repair_end_what_they_must(world: World, desk: PublicationDesk) -> None:
    case_id = await decided(world)
    await world.serve(case_id)
    await world.do(HEAD, case_id, Command.RECORD_CREDIT)
    await desk.consumer().catch_up()
    await desk.publish(HEAD, (await only(world, case_id))["id"], ["李明华"])
    await world.do(A, case_id, Command.APPEAL, remedy="review", on=TODAY)
    await world.do(A, case_id, Command.END_APPEAL, reason="r", outcome="changed", fine_fen=10_000_00, on=TODAY)
    await desk.consumer().catch_up()
    second = await only(world, case_id)
    assert (second["version"], second["state"]) == (2, "to_check")
    await desk.publish(HEAD, second["id"], ["李明华"])
    newest, before = await seen(world, desk) if (await seen(world, desk))[0].notice else (await seen(world, desk))[::-1]
    assert newest.notice is not None
    assert "壹万元整" in newest.notice["sanction"]
    assert any("贰万元整" in paragraph for paragraph in newest.notice["paragraphs"])
    assert newest.notice["paragraphs"][-1].startswith("处罚决定经行政复议或者诉讼变更：现为罚款人民币壹万元整")
    assert before.withdrawn == "处罚决定经行政复议或者诉讼变更"
    await world.do(A, case_id, Command.PAY, amount_fen=10_000_00, on=TODAY, receipt="1")
    with pytest.raises(Conflict, match="shortest time"):
        await world.do(HEAD, case_id, Command.REPAIR_CREDIT, reason="申请修复")
    world.go_to(date(2026, 12, 17))
    await world.do(HEAD, case_id, Command.REPAIR_CREDIT, reason="申请修复")
    await desk.consumer().catch_up()
    assert (await only(world, case_id))["state"] == "ended"
    assert [row.notice for row in await seen(world, desk)] == [None]


async def test_what_is_withheld_or_exempt_is_published_for_a_reason_only(world: World, desk: PublicationDesk) -> None:
    case_id = await decided(world)
    await desk.consumer().catch_up()
    row = await only(world, case_id)
    await desk.withhold(HEAD, row["id"], "涉及商业秘密")
    with pytest.raises(Invalid, match="reason"):
        await desk.publish(HEAD, row["id"], ["李明华"])
    await desk.publish(HEAD, row["id"], ["李明华"], "当事人同意")
    await desk.withdraw(REVIEWERS[0], row["id"], "内容有误")
    (found,) = await seen(world, desk)
    assert (found.notice, found.withdrawn) == (None, "内容有误")
    # What was taken back to be corrected is shown again, once more for a reason, until the credit is repaired.
    with pytest.raises(Invalid, match="taken back"):
        await desk.publish(HEAD, row["id"], ["李明华"])
    until = (await desk.publish(HEAD, row["id"], ["李明华"], "已更正"))["shown_until"]
    (found,) = await seen(world, desk)
    assert (found.notice is not None, found.withdrawn) == (True, "")
    await desk.withdraw(HEAD, row["id"], "内容有误")
    await world.serve(case_id)
    await world.do(HEAD, case_id, Command.RECORD_CREDIT)
    await world.do(A, case_id, Command.PAY, amount_fen=20_000_00, on=TODAY, receipt="1")
    world.go_to(TODAY + timedelta(days=1))
    again = await desk.publish(HEAD, row["id"], ["李明华"], "已更正")
    assert again["shown_until"] == until, "its time does not begin anew"
    await desk.withdraw(HEAD, row["id"], "内容有误")
    world.go_to(until + timedelta(days=1))
    with pytest.raises(Conflict, match="time is over"):
        await desk.publish(HEAD, row["id"], ["李明华"], "已更正")
    await world.do(HEAD, case_id, Command.REPAIR_CREDIT, reason="申请修复")
    with pytest.raises(Conflict, match="repaired"):
        await desk.publish(HEAD, row["id"], ["李明华"], "已更正")


async def test_what_is_due_is_listed_for_whoever_may_do_it_and_as_long_as_it_is(
    world: World, desk: PublicationDesk
) -> None:
    """What falls is taken back by itself; until that has happened it is on the list, with the three days of Art. 48."""
    case_id = await decided(world)
    await desk.consumer().catch_up()

    async def due(who: Principal) -> list[tuple[str, date, bool]]:
        return [(each.act, each.due_on, each.overdue(desk.today())) for each in await desk.due(who)]

    assert await due(REVIEWERS[0]) == await due(HEAD) == [("publish", date(2026, 9, 24), False)]
    nobody = (A, PARTY, somebody("a", "reviewer"), somebody("elsewhere", "reviewer"))
    assert [await due(who) for who in nobody] == [[], [], [], []]
    world.go_to(date(2026, 9, 25))
    assert await due(HEAD) == [("publish", date(2026, 9, 24), True)]
    row = await only(world, case_id)
    await desk.publish(HEAD, row["id"], ["李明华"])
    assert await due(HEAD) == []
    await world.do(HEAD, case_id, Command.REVOKE, reason="程序违法")
    assert await due(HEAD) == [("withdraw", date(2026, 9, 30), False)]
    world.go_to(date(2026, 10, 8))
    assert await due(HEAD) == [("withdraw", date(2026, 9, 30), True)]
    await desk.consumer().catch_up()
    assert await due(HEAD) == []


async def test_what_has_fallen_is_not_shown_and_what_came_in_its_place_is(world: World, desk: PublicationDesk) -> None:
    case_id = await decided(world)
    await world.serve(case_id)
    await desk.consumer().catch_up()
    first = await only(world, case_id)
    await world.do(A, case_id, Command.APPEAL, remedy="review", on=TODAY)
    await world.do(A, case_id, Command.END_APPEAL, reason="r", outcome="changed", fine_fen=10_000_00, on=TODAY)
    with pytest.raises(Conflict, match="no longer stands"):
        await desk.publish(HEAD, first["id"], ["李明华"])
    await desk.consumer().catch_up()
    (second,) = await desk.due(HEAD)
    assert (second.act, second.row["version"]) == ("publish", 2)
    await desk.publish(HEAD, second.row["id"], ["李明华"])
    assert await desk.due(HEAD) == []
