"""What may be done to evidence, by whom, and what the review of a recording makes of it (Penalty Law Art. 41)."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.commands.__main__ import app
from inspection_service.cases import store
from inspection_service.cases.machine import ENDED, Command, State
from inspection_service.evidence import bundle, lookup, reviewing
from inspection_service.evidence import store as evidence_store
from inspection_service.evidence.chain import Link
from inspection_service.evidence.deeds import Deed, Standing, may, refuse
from inspection_service.evidence.desk import pieces
from inspection_service.evidence.reviewing import Finding
from inspection_service.law.evidence import proves
from inspection_service.monitoring.desk import RegisterDesk
from inspection_service.monitoring.register import Equipment
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
    found_in_order,
    somebody,
    waiting_for,
)
from youguan.auth import Principal
from youguan.errors import Conflict, Forbidden, Invalid, NotFound, YouguanError

CAMERA = Equipment(
    "CAM-01", "camera", "气象北路1号门口", "s", "法审〔2026〕1号", "技审〔2026〕1号", "县政府网站", TODAY, TODAY,
    date(2027, 12, 31),
)  # fmt: skip

PEOPLE = {
    "officer": A,
    "former officer": somebody("f", "inspector"),
    "another inspector": somebody("c", "inspector"),
    "officer without the role": somebody("a", "regulator"),
    **{f"reviewer {n}": reviewer for n, reviewer in enumerate(REVIEWERS, 1)},
    "reviewer without a level": somebody("r0", "reviewer"),
    "reviewer who was an officer": somebody("f", "reviewer", level=4),
    "reviewer with an interest": somebody("i", "reviewer", level=4),
    "officer with an interest": somebody("i", "inspector"),
    "head": HEAD,
    "party": PARTY,
}
# Written down once more by hand: while a case is under way these may, and at its end nobody.
MAY = {
    Deed.COLLECT: {"officer"},
    Deed.CONFIRM: {"officer"},
    Deed.REVIEW: {"reviewer 1", "reviewer 2", "reviewer 3", "reviewer 4"},
}


@pytest.mark.parametrize("state", State)
def test_every_state_deed_and_person(state: State) -> None:
    case = Standing(state, ("a", "b", "i"), ("a", "b", "f"), ("i",))
    for deed, (name, who) in itertools.product(Deed, PEOPLE.items()):
        expected = name in MAY[deed] and state not in ENDED
        assert may(deed, case, who) == expected, (state, deed, name)
        if not expected:
            with pytest.raises(Conflict if name in MAY[deed] else Forbidden):
                refuse(deed, case, who)


async def recorded(world: World) -> tuple[str, str]:
    """Return a case with a camera's picture as its only evidence, and the camera's entry."""
    register, case_id = RegisterDesk(world.pool, world.clock), await world.cases.open(A, STOPPED)
    entry = await register.enter(HEAD, CAMERA)
    await world.do(A, case_id, Command.PROPOSE, reason="应当立案", procedure="general")
    await world.do(HEAD, case_id, Command.APPROVE)
    await world.picture(case_id, entry)
    return case_id, entry


async def refused(world: World, case_id: str) -> list[str]:
    """Return why a case cannot be concluded."""
    try:
        await world.do(A, case_id, Command.CONCLUDE, reason="事实清楚", sanction="fine", fine_fen=20_000_00)
    except YouguanError as error:
        return [field.field for field in error.fields]
    return []


async def test_a_recording_is_reviewed_named_to_the_party_and_looked_up_by_it(world: World) -> None:
    case_id, _ = await recorded(world)
    assert await refused(world, case_id) == ["content_unreviewed"]
    assert await waiting_for(world, HEAD, *REVIEWERS) == ["r1", "r2", "r3", "r4"]
    wrong: list[tuple[Principal, int, type[YouguanError]]] = [
        (A, 1, Forbidden), (B, 1, Forbidden), (HEAD, 1, Forbidden), (PARTY, 1, NotFound),
        (somebody("elsewhere", "reviewer", level=4), 1, NotFound), (REVIEWERS[0], 2, NotFound),
    ]  # fmt: skip
    for who, place, error in wrong:
        with pytest.raises(error):
            await world.evidence.review(who, case_id, place, found_in_order())
    with pytest.raises(Invalid, match="clear"):
        blank = {**found_in_order(), "clear": Finding(True, " ")}
        await world.evidence.review(REVIEWERS[0], case_id, 1, blank)
    unclear = {**found_in_order(), "clear": Finding(False, "车牌不清")}
    await world.evidence.review(REVIEWERS[1], case_id, 1, unclear)
    assert await waiting_for(world, HEAD, *REVIEWERS) == []
    await world.evidence.confirm(B, case_id, 1)
    assert await refused(world, case_id) == ["telemetry_only"], "what was found wanting no two officers make evidence"
    with pytest.raises(Conflict, match="r2 has reviewed evidence 1"):
        await world.evidence.review(REVIEWERS[0], case_id, 1, found_in_order())
    async with world.pool.acquire() as connection:
        assert await lookup.of_case(connection, world.cases, case_id) == []
    await world.evidence.review(REVIEWERS[2], case_id, 1, found_in_order())
    assert await refused(world, case_id) == []
    for reviewer in REVIEWERS[:3]:
        await world.do(reviewer, case_id, Command.PASS, reason="同意")
    await world.do(A, case_id, Command.NOTIFY, on=world.cases.today(), manner="direct")
    async with world.pool.acquire() as connection:
        notice = next(d for d in await store.documents(connection, case_id) if d["kind"] == "notice")
        row = await world.cases.see(connection, PARTY, case_id)
        (piece,) = await lookup.of_case(connection, world.cases, row["id"])
        with pytest.raises(NotFound):
            await lookup.check(connection, world.cases, case_id, 2)
    assert (piece.place, piece.equipment) == (1, "CAM-01，气象北路1号门口")
    told = next(text for text in notice["content"]["paragraphs"] if "监控设备记录" in text)
    assert "证据第1号《监控截图》（CAM-01，气象北路1号门口，2026年9月16日10时00分记录）" in told
    assert "登录后可以在本案页面查阅、下载" in told


async def test_who_has_judged_a_recording_neither_investigates_its_case_nor_stands_for_it(world: World) -> None:
    case_id, _ = await recorded(world)
    for reviewer in (REVIEWERS[1], REVIEWERS[2]):
        await world.evidence.review(reviewer, case_id, 1, found_in_order())
        with pytest.raises(Invalid, match=f"{reviewer.subject} has reviewed a recording of this case"):
            await world.do(HEAD, case_id, Command.REASSIGN, reason="回避", officers=("a", reviewer.subject))
    await world.pool.execute("UPDATE inspection.case_file SET facts = facts || $1", {"officers": ["a", "r2"]})
    with pytest.raises(Conflict, match="r2 has reviewed evidence 1, and does not stand for it"):
        await world.evidence.confirm(somebody("r2", "inspector"), case_id, 1)


async def test_a_notice_without_recordings_names_none(world: World) -> None:
    """What was not reviewed is named nowhere, beside evidence that proves without it."""
    case_id, _ = await recorded(world)
    await world.prove(case_id)
    await world.do(A, case_id, Command.CONCLUDE, reason="事实清楚", sanction="fine", fine_fen=20_000_00)
    async with world.pool.acquire() as connection:
        report = next(d for d in await store.documents(connection, case_id) if d["kind"] == "conclusion")
    assert "1.《当事人的陈述》" in "".join(report["content"]["paragraphs"])
    assert "监控截图" not in "".join(report["content"]["paragraphs"])


async def test_a_review_is_verified_offline_and_what_was_kept_before_is_not_reviewed(
    world: World, tmp_path: Path
) -> None:
    case_id, entry = await recorded(world)
    await world.picture(case_id, entry)
    await world.evidence.review(REVIEWERS[0], case_id, 1, {**found_in_order(), "whole": Finding(False, "缺帧")})
    _, packed = await world.evidence.pack(HEAD, case_id)
    found = bundle.verify(packed)
    assert (found.faults, dict(found.recordings)) == ((), {1: False, 2: None})
    (tmp_path / "case.zip").write_bytes(packed)
    said = CliRunner().invoke(app, ["evidence", "verify", str(tmp_path / "case.zip")]).output
    assert "recording 1: its content was reviewed and found wanting" in said
    assert "recording 2: nobody has reviewed its content" in said
    async with world.pool.acquire() as connection:
        links = await evidence_store.links(connection, case_id)
    assert reviewing.open_to(links, "r1", 1) == {1, 2}
    assert reviewing.open_to(links, "another", 1) == {2}
    review = links[2]
    changes: tuple[dict[str, Any], ...] = (
        {"reviews": 3}, {"reviews": 9}, {"reviews": 0}, {"by": "a"}, {"findings": {}},
        {"findings": {**review.record["findings"], "real": {"holds": 1, "reason": "x"}}},
        {"findings": {**review.record["findings"], "real": {"holds": True, "reason": ""}}},
    )  # fmt: skip
    for changed in changes:
        signed = world.evidence.signer.link(links[1].hash, {**review.record, **changed})
        assert reviewing.faults([*links[:2], signed]) == ["link 3 is no review of a recording"], changed
    later = world.evidence.signer.link(review.hash, {"type": "confirmation", "confirms": 1, "place": 4, "by": "r1"})
    assert reviewing.faults([*links, later]) == ["link 3 is no review of a recording"], (
        "who judged it stands for it later"
    )
    moved = Link({**review.record, "place": 1}, review.hash, review.signature)
    assert reviewing.faults([moved]) == ["link 1 is no review of a recording"], "a review comes after what it is of"


async def test_a_statement_is_no_recording(world: World) -> None:
    case_id = await world.cases.open(A, STOPPED)
    await world.prove(case_id)
    with pytest.raises(Conflict, match="not recorded by monitoring equipment"):
        await world.evidence.review(REVIEWERS[0], case_id, 1, found_in_order())


async def test_what_equipment_in_the_register_recorded_proves_until_it_is_taken_out(world: World) -> None:
    """Art. 41: one officer collects it; the entry has to stand on the day of the recording, at the site of the case."""
    register, case_id = RegisterDesk(world.pool, world.clock), await world.cases.open(A, STOPPED)
    entry = await register.enter(HEAD, CAMERA)
    other = await register.enter(HEAD, replace(CAMERA, number="CAM-02", site_id=None, valid_from=date(2027, 1, 1)))
    for wrong, error, about in (
        (replace(CAMERA, number=" CAM-01 "), Conflict, "stands in the register"),
        (replace(CAMERA, number="x", valid_from=TODAY - timedelta(days=1)), Invalid, "valid_from: lies before the day"),
        (
            replace(CAMERA, number=" ", published_on=date(2027, 1, 1)),
            Invalid,
            "number: .*; published_on: .*; valid_from:",
        ),
        (replace(CAMERA, number="x", valid_until=date(2026, 1, 1)), Invalid, "valid_until"),
        (replace(CAMERA, number="x", site_id="nowhere"), Invalid, "site nowhere is unknown"),
    ):
        with pytest.raises(error, match=about):
            await register.enter(HEAD, wrong)

    for equipment, origin, taken_at in (
        (other, "monitoring", START), (entry, "inspector", START), (entry, "monitoring", START - timedelta(days=1)),
    ):  # fmt: skip
        with pytest.raises(Invalid, match="equipment"):
            await world.picture(case_id, equipment, origin=origin, taken_at=taken_at)
    with pytest.raises(Invalid, match="kind"):
        await world.picture(case_id, entry, kind="witness")
    link = await world.picture(case_id, entry)
    assert link.record["source"]["equipment"]["legal_review"] == "法审〔2026〕1号"
    assert not link.record["reviewed"], "the register says so, no officer"

    async def proven() -> bool:
        async with world.pool.acquire() as connection:
            return proves((await world.cases.case(connection, await store.get(connection, case_id))).pieces)

    assert not await proven(), "nobody has reviewed what it shows"
    await world.evidence.review(REVIEWERS[0], case_id, 1, found_in_order())
    assert await proven()
    with pytest.raises(Invalid, match="between valid_from and today"):
        await register.end(HEAD, entry, TODAY + timedelta(days=1), "镜头移位")
    with pytest.raises(Invalid, match="reason"):
        await register.end(HEAD, entry, TODAY, " ")
    await register.end(HEAD, other, date(2027, 1, 1), "编号有误")
    await register.enter(HEAD, replace(CAMERA, number="CAM-02", valid_from=date(2027, 1, 1)))
    await register.end(HEAD, entry, TODAY, "镜头移位")
    assert not await proven()
    await world.evidence.confirm(B, case_id, 1)
    assert not await proven(), "two officers do not heal a review that was void"
    async with world.pool.acquire() as connection:
        collected, *others = await evidence_store.links(connection, case_id)
    noted_before = replace(collected, record={**collected.record, "reviewed": True})
    assert not proves(pieces([noted_before, *others], ("a", "b"))), (
        "older links have noted the register's word as reviewed"
    )
    with pytest.raises(Conflict, match="ended already"):
        await register.end(HEAD, entry, TODAY, "x")
    await register.enter(HEAD, CAMERA)
