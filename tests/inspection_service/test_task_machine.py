"""The life of a task as a table: every (state, command, role), and the rules beside it, held against what is written here."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection_service.inspections.checklists import checklists
from inspection_service.tasks import sayings
from inspection_service.tasks.conditions import Said, roles_in, unmet
from inspection_service.tasks.deadlines import due_at, latest_due_at
from inspection_service.tasks.machine import Command, Role, State, has_place, may, move
from inspection_service.tasks.rules import SEVERITIES, Way, read, rules
from inspection_service.tasks.urging import Stage, due_now, following, schedule
from inspection_service.tasks.verification import Circumstances, next_wait
from youguan.errors import Conflict, Reason
from youguan.web.translations import chinese, explain

# Who may: p the party, t the team, c the centre, m machines. Then where it leads from open, accepted, mended, verifying, closed:
# a state by its first letter, a dot where the command has no place.
TABLE = """
accept          ptc  a....
answer          ptc  aam..
mend            ptc  mm...
ask_time        p    aa...
ask_transfer    p    oa...
grant_time      tc   oa...
grant_transfer  c    oo...
refuse          tc   oa...
reassign        c    oo...
dispatch        c    oamv.
confirm         t    ..cc.
refute          t    ..ooo
cancel          c    ccc..
recover         m    vvv..
fail            m    ..ooo
worsen          m    oao..
entrust         m    ooo..
hold            m    ...c.
succeed         m    ..cc.
settle          m    cccc.
lapse           m    cccc.
sample          m    ..c..
merge           m    cccc.
join            m    oamv.
visit           m    ..m..
remind          m    oamv.
fall_due        m    oamv.
to_team         m    oamv.
to_centre       m    oamv.
"""
ROWS = {Command(name): (roles, leads) for name, roles, leads in (line.split() for line in TABLE.split("\n") if line)}
INITIALS = {state.value[0]: state for state in State}
ROLES = {"p": Role.PARTY, "t": Role.TEAM, "c": Role.CENTRE, "m": Role.MACHINE}
NOW = datetime(2026, 5, 6, 2, tzinfo=UTC)  # ten in the morning of a working day


@pytest.mark.parametrize(("state", "command", "role"), list(itertools.product(State, Command, Role)))
def test_every_state_command_and_role(state: State, command: Command, role: Role) -> None:
    roles, leads = ROWS[command]
    expected = leads[list(State).index(state)]
    assert may(command, {role}) is (role in [ROLES[letter] for letter in roles])
    assert has_place(state, command) is (expected != ".")
    if expected == ".":
        with pytest.raises(Conflict):
            move(state, command)
    else:
        assert move(state, command) == INITIALS[expected]


def test_people_close_nothing_but_on_the_spot_or_what_was_opened_in_error() -> None:
    closing = {
        c for c in Command for s in State if has_place(s, c) and move(s, c) == State.CLOSED and s != State.CLOSED
    }
    assert {c for c in closing if not may(c, {Role.MACHINE})} == {Command.CONFIRM, Command.CANCEL}
    assert not any(may(c, {Role.PARTY}) for c in closing)


@pytest.mark.parametrize(
    ("organisation", "inspector", "regulator", "assignee_role", "roles"),
    [
        ("m", False, False, "manager", {Role.PARTY}),
        ("x", False, False, "manager", set()),
        (None, True, False, "manager", {Role.TEAM}),
        (None, True, False, "team", {Role.TEAM, Role.PARTY}),
        (None, False, True, "team", {Role.CENTRE}),
        ("m", True, True, "manager", {Role.PARTY, Role.TEAM, Role.CENTRE}),
    ],
)
def test_as_what_somebody_moves_a_task(
    organisation: str | None, inspector: bool, regulator: bool, assignee_role: str, roles: set[Role]
) -> None:
    task = {"assignee_id": "m", "assignee_role": assignee_role}
    assert roles_in(task, operator_of=organisation, inspector=inspector, regulator=regulator) == roles


def task(**changed: Any) -> dict[str, Any]:
    due = due_at(NOW, rules().terms["major"])
    return {
        "state": State.OPEN, "cause": "connector_fault", "severity": "major", "due_at": due, "time_asked": False,
        "request": None, "fires": False, "mended_by": "m", "closed_at": None, "merged_into": None, **changed,
    }  # fmt: skip


WANTS_TIME, WANTS_OUT = {"kind": "time"}, {"kind": "transfer"}
LATER = latest_due_at(due_at(NOW, rules().terms["major"]), rules().terms["major"])
CLOSED = {"state": State.CLOSED, "closed_at": NOW}


@pytest.mark.parametrize(
    ("command", "said", "changed", "why"),
    [
        (Command.ASK_TIME, Said("x", LATER), {}, None),
        (Command.ASK_TIME, Said("", LATER), {}, "reason"),
        (Command.ASK_TIME, Said(" ", LATER), {}, "reason"),
        (Command.ASK_TIME, Said("x"), {}, "until"),
        (Command.ASK_TIME, Said("x", LATER + timedelta(seconds=1)), {}, "until"),
        (Command.ASK_TIME, Said("x", NOW), {}, "until"),
        (Command.ASK_TIME, Said("x", LATER), {"time_asked": True}, "already_asked"),
        (Command.ASK_TIME, Said("x", LATER), {"request": WANTS_OUT}, "request_waits"),
        (Command.ASK_TRANSFER, Said("x"), {"request": WANTS_TIME}, "request_waits"),
        (Command.ASK_TRANSFER, Said("x"), {"time_asked": True}, None),
        (Command.GRANT_TIME, Said(), {"request": WANTS_TIME}, None),
        (Command.GRANT_TIME, Said(), {"request": WANTS_OUT}, "no_request"),
        (Command.GRANT_TRANSFER, Said(), {"request": WANTS_OUT}, None),
        (Command.GRANT_TRANSFER, Said(), {}, "no_request"),
        (Command.REFUSE, Said("x"), {"request": WANTS_OUT}, None),
        (Command.REFUSE, Said("x"), {}, "no_request"),
        (Command.REFUSE, Said(), {"request": WANTS_OUT}, "reason"),
        (Command.CONFIRM, Said(), {}, None),
        (Command.CONFIRM, Said(), {"fires": True}, "still_so"),
        (Command.CONFIRM, Said(), {"mended_by": "who"}, "oneself"),
        (Command.CANCEL, Said("x"), {"fires": True}, "still_so"),
        (Command.CANCEL, Said("x"), {}, None),
        (Command.REFUTE, Said("x"), CLOSED, None),
        (Command.REFUTE, Said("x"), {**CLOSED, "closed_at": NOW - timedelta(days=4)}, "too_late"),
        (Command.REFUTE, Said("x"), {**CLOSED, "merged_into": "other"}, "too_late"),
        (Command.REFUTE, Said(), CLOSED, "reason"),
    ],
)
def test_what_else_must_hold(command: Command, said: Said, changed: dict[str, Any], why: str | None) -> None:
    assert unmet(task(**changed), command, "who", said, rules(), NOW) == why


# --- terms ---

MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.sampled_from(SEVERITIES))
def test_who_hears_hears_in_order(moment: datetime, severity: str) -> None:
    terms = rules().terms[severity]
    due = due_at(moment, terms)
    moments = [urging.at for urging in schedule(due, terms)]
    assert moments == sorted(moments)
    assert moments[1] == due > moment
    assert latest_due_at(due, terms) > due


@given(MOMENTS, st.sampled_from(SEVERITIES), st.sampled_from(Stage), st.timedeltas(timedelta(-20), timedelta(90)))
def test_nobody_hears_twice_or_of_what_a_later_one_has_heard(
    due: datetime, severity: str, stage: Stage, ago: timedelta
) -> None:
    terms, now = rules().terms[severity], due + ago
    reached = due_now(stage, due, terms, now)
    assert reached >= stage
    assert due_now(reached, due, terms, now) == reached
    after = following(reached, due, terms, since=now)
    assert after is None or (after.stage > reached and after.at > now)


def test_a_reminder_that_would_come_before_the_beginning_is_left_out() -> None:
    terms, due = rules().terms["critical"], NOW + timedelta(hours=3)
    first = following(Stage.NONE, due, terms, since=NOW)
    assert first is not None
    assert (first.stage, first.at) == (Stage.OVERDUE, due)


# --- proof ---


@pytest.mark.parametrize(
    ("cause", "after", "changed", "way"),
    [
        ("connector_fault", None, {}, Way.PROBE),
        ("connector_fault", None, {"asked": False, "fires": True}, Way.SOURCE),
        ("connector_fault", None, {"asked": False}, Way.INSPECTOR),
        ("connector_fault", None, {"fires": True}, Way.SOURCE),
        ("connector_fault", Way.SOURCE, {"fires": True}, Way.PROBE),
        ("connector_fault", Way.PROBE, {"fires": True}, Way.INSPECTOR),
        ("connector_fault", Way.SOURCE, {"fires": True, "asked": False}, Way.INSPECTOR),
        ("station_offline", None, {"fires": True}, Way.SOURCE),
        ("smoke", None, {"fires": True}, Way.SOURCE),
        ("smoke", None, {}, Way.INSPECTOR),
        ("connector_damaged", None, {}, Way.INSPECTOR),
        ("cannot_charge", None, {}, Way.PROBE),
        ("screen_dead", None, {"severity": "minor", "lot": 0.9}, Way.SAMPLING),
        ("screen_dead", None, {"severity": "minor", "lot": 0.1}, Way.INSPECTOR),
        ("screen_dead", None, {"severity": "major", "lot": 0.9}, Way.INSPECTOR),
        ("screen_dead", None, {"severity": "minor", "lot": 0.9, "fires": True}, Way.SOURCE),
        ("screen_dead", Way.SOURCE, {"severity": "minor", "lot": 0.9, "fires": True}, Way.INSPECTOR),
        ("other", None, {"severity": "info", "lot": 0.9}, Way.INSPECTOR),
    ],
)
def test_what_proves_that_it_is_mended(cause: str, after: Way | None, changed: dict[str, Any], way: Way) -> None:
    seen = replace(Circumstances("major", fires=False, asked=True, lot=0.5), **changed)
    wait = next_wait(rules().cause(cause), rules().proof, seen, NOW, after=after)
    assert wait.way == way
    assert (wait.until is None) is (way == Way.INSPECTOR)


@given(
    st.sampled_from([*rules().causes, "smoke"]), st.sampled_from(SEVERITIES), st.booleans(), st.booleans(),
    st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_every_way_ends_with_an_inspector_or_a_lot_and_nothing_that_fires_is_left_to_one(
    cause: str, severity: str, fires: bool, asked: bool, lot: float
) -> None:
    seen, after, ways = Circumstances(severity, fires, asked, lot), None, []
    while after not in (Way.INSPECTOR, Way.SAMPLING):
        after = next_wait(rules().cause(cause), rules().proof, seen, NOW, after=after).way
        ways.append(after)
    assert len(ways) == len(set(ways))
    assert not (fires and Way.SAMPLING in ways)


@pytest.mark.parametrize(
    ("section", "name", "member", "value", "why"),
    [
        ("cause", "other", "severity", "awful", "no such severity"),
        ("cause", "connector_fault", "ways", ["sampling"], "not sampled"),
        ("cause", "other", "ways", ["hope"], "hope"),
        ("severity", "major", "due", {"days": 3}, "no such unit"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(
    section: str, name: str, member: str, value: Any, why: str
) -> None:
    span, said = {"hours": 1}, {"ways": ["inspector"]}
    terms = {"due": span, "remind_before": span, "to_team_after": span, "to_centre_after": span}
    proof = {"probe_within": span, "source_within": span, "visit_within": span, "sample_wait": span}
    table: dict[str, Any] = {
        "severity": {severity: dict(terms) for severity in SEVERITIES},
        "proof": {**proof, "sample_share": 0.5, "sampled": [], "least_energy_wh": 100, "broken_off": []},
        "default": said,
        "cause": {"connector_fault": {**said, "holds": True}, "other": {**said, "severity": "minor"}},
    }
    assert read(table).matters == ("other",)
    table[section][name][member] = value
    with pytest.raises(ValueError, match=why):
        read(table)


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        ("XW1: 灭火器材配备齐全、在有效期内；消防车通道、疏散通道畅通",
         "XW1: Extinguishers are there and in date; Fire lane and ways out are clear"),
        ("inspection: XW1: 无私拉电线、飞线充电", "inspection: XW1: No cables laid against the rules"),
        ("XW1: 灭火器材配备齐全、在有效期内；其他", "XW1: 灭火器材配备齐全、在有效期内；其他"),
        ("无私拉电线、飞线充电", "无私拉电线、飞线充电"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_an_inspection_found_is_read_in_english(kept: str, read: str) -> None:
    assert sayings.found_in_english(kept, checklists().english()) == read


def test_every_point_that_an_inspection_may_find_is_read_in_english() -> None:
    english = checklists().english()
    assert sayings.found_in_english(sayings.found("XW1", english), english) == f"XW1: {'; '.join(english.values())}"


def test_what_machines_said_is_recognised_and_has_its_chinese() -> None:
    said = sayings.CHARGED.format(id="7 delivered 3 Wh", energy_wh="1500")
    found = sayings.recognised(said)
    assert isinstance(found, Reason)
    assert (str(found), explain(found, "zh")) == (said, "充电订单 7 delivered 3 Wh 已充 1500 Wh")
    worse = sayings.recognised("major → critical; due on 2026-05-05")
    assert explain(worse, "zh") == "由严重升为危险，期限 2026-05-05"
    assert explain(worse, "en") == "major → critical; due on 2026-05-05"
    assert [template for template in sayings.TEMPLATES if template not in chinese()[0]] == []
    assert sayings.recognised("甲公司 → 乙公司") == "甲公司 → 乙公司"
