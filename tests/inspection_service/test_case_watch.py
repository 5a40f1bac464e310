"""What time alone does to cases: the ends of periods are told, each once, up to the last day to apply to the court."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from inspection_service.cases.due import PARTYS_OWN, Stage, due, stage
from inspection_service.cases.file import Appeal, Case, Facts, Payment
from inspection_service.cases.machine import Command, State
from inspection_service.cases.watch import CaseWatch
from inspection_service.cases.words import PERIODS
from inspection_service.law.catalogue import catalogue
from inspection_service.notices.wording import of_period
from tests.inspection_service.world import HEAD, PARTY, START, TODAY, A, World, to_notified
from youguan.events import CaseUrged

SERVED = Facts(sanction="fine", fine_fen=1_000_00, served_on=TODAY, pay_by=date(2026, 10, 1))
SUIT_OVER, COURT = date(2027, 3, 16), (date(2027, 6, 16), "enforcement")
PAYMENT = (date(2026, 10, 1), "payment")


@pytest.mark.parametrize(
    ("changes", "day", "expected"),
    [
        ({}, TODAY, PAYMENT),
        ({}, SUIT_OVER, PAYMENT),
        ({}, SUIT_OVER + timedelta(days=1), COURT),
        ({}, date(2028, 1, 1), COURT),  # it is past, and stays what was missed
        ({"appeals": (Appeal("litigation", TODAY),)}, date(2028, 1, 1), PAYMENT),
        ({"paid": (Payment(TODAY, 1_000_00, "1"),)}, date(2028, 1, 1), PAYMENT),
        ({"demanded_on": TODAY}, date(2026, 9, 30), (date(2026, 9, 30), "demand")),
        ({"demanded_on": TODAY}, date(2026, 10, 1), COURT),
    ],
)
def test_the_last_day_to_apply_to_the_court_is_due_when_nothing_else_is(
    changes: dict[str, Any], day: date, expected: tuple[date, str]
) -> None:
    state = State.DEMANDED if "demanded_on" in changes else State.SERVED
    item, facts = catalogue().items["car-park-stopped"], replace(SERVED, **changes)
    assert due(Case("n", state, "general", item, "organisation", TODAY, TODAY, facts), day) == expected


@pytest.mark.parametrize(
    ("period", "day", "told"),
    [
        ("service", date(2026, 9, 21), None),
        ("service", date(2026, 9, 22), Stage.SOON),
        ("service", date(2026, 9, 24), Stage.SOON),
        ("service", date(2026, 9, 25), Stage.OVER),
        ("decision", date(2026, 9, 10), None),
        ("decision", date(2026, 9, 11), Stage.SOON),
    ],
)
def test_an_end_is_told_some_working_days_ahead_and_when_it_is_past(period: str, day: date, told: Stage | None) -> None:
    assert stage(date(2026, 9, 24), period, day) == told


@pytest.mark.parametrize("period", PERIODS)
def test_whoever_is_late_is_told_and_the_head_of_what_is_the_organs_own(period: str) -> None:
    urged = CaseUrged(case_id="c", number="AJ-1", period=period, stage="over", party_id="m", due_on=TODAY, at=START)
    own = period in PARTYS_OWN
    told = of_period(urged, ["a"], party_knows=True, english="x")
    assert told.recipients == ("person/a", "organisation/m" if own else "centre")
    assert of_period(urged, ["a"], party_knows=False, english="x").recipients[1:] == (() if own else ("centre",))
    assert told.text == f"案件 AJ-1：{PERIODS[period]} 2026-09-16 已届满\nCase AJ-1: x 2026-09-16 (past)"


def test_what_was_reported_as_mended_is_for_the_officers_to_look_at() -> None:
    item, facts = catalogue().items["car-park-unfiled"], Facts(order_due=date(2026, 12, 31))
    ordered = Case("n", State.ORDERED, None, item, "organisation", TODAY, TODAY, facts)
    assert due(ordered, TODAY) == (date(2026, 12, 31), "order")
    reported = replace(ordered, state=State.MENDED)
    assert due(reported, TODAY) == (date(2026, 12, 31), "recheck")
    assert due(reported.with_(replace(facts, reported_on=TODAY)), TODAY) == (date(2026, 9, 22), "recheck"), (
        "one Sunday is worked"
    )
    assert "recheck" not in PARTYS_OWN


@pytest.mark.parametrize(
    ("state", "changes", "day", "period"),
    [
        (State.NOTIFIED, {}, TODAY, "arrival"),
        (State.HEARING, {}, date(2026, 9, 25), "arrival"),  # it is past, and stays what was missed
        (State.HEARD, {}, date(2026, 12, 1), "decision"),  # until the time to decide ends soon
        (State.NOTIFIED, {"notified_on": TODAY}, TODAY, "decision"),
        (State.NOTIFIED, {"posted_on": None}, TODAY, "decision"),
        (State.FILED, {}, TODAY, "decision"),
    ],
)
def test_a_posted_notice_is_looked_for_until_its_arrival_is_recorded(
    state: State, changes: dict[str, Any], day: date, period: str
) -> None:
    ends = {"arrival": date(2026, 9, 24), "decision": date(2026, 12, 15)}
    facts = replace(Facts(posted_on=TODAY, decide_by=ends["decision"]), **changes)
    item = catalogue().items["car-park-unfiled"]
    assert due(Case("n", state, "general", item, "organisation", TODAY, TODAY, facts), day) == (ends[period], period)
    assert "arrival" not in PARTYS_OWN


async def test_every_end_is_told_once_up_to_the_last_day_for_the_court(world: World) -> None:
    watch, case_id = CaseWatch(world.cases, world.clock), await to_notified(world)
    await world.do(PARTY, case_id, Command.DEFEND, reason="申辩")
    await world.do(HEAD, case_id, Command.DECIDE, reason="r", sanction="fine", fine_fen=20_000_00)

    async def told_on(day: date) -> list[tuple[str, str]]:
        world.go_to(day)
        count = await watch.pass_time()
        assert await watch.pass_time() == 0, "nothing is told twice"
        rows = await world.pool.fetch(
            "SELECT payload FROM eventlog.event WHERE type = 'CaseUrged' ORDER BY sequence DESC LIMIT $1", count
        )
        found = [row["payload"] for row in reversed(rows)]
        return [(each["period"], each["stage"]) for each in found]

    assert await told_on(date(2026, 9, 21)) == []
    assert await told_on(date(2026, 9, 22)) == [("service", "soon")]
    assert await told_on(date(2026, 9, 26)) == [], "nobody is told on a day off"
    assert await told_on(date(2026, 9, 28)) == [("service", "over")]
    await world.serve(case_id, date(2026, 9, 28))
    assert await told_on(date(2026, 10, 12)) == [("payment", "soon")]
    assert await told_on(date(2026, 10, 14)) == [("payment", "over")]
    await world.do(A, case_id, Command.DEMAND, on=date(2026, 10, 14))
    assert await told_on(date(2026, 10, 27)) == [("demand", "soon")]
    assert await told_on(date(2026, 10, 29)) == [("demand", "over")]
    row = await world.row(case_id)
    assert (row["due_on"], row["period"]) == (date(2027, 6, 29), "enforcement")
    assert await told_on(date(2027, 5, 24)) == []
    assert await told_on(date(2027, 6, 21)) == [("enforcement", "soon")]
    assert await told_on(date(2027, 6, 30)) == [("enforcement", "over")]
