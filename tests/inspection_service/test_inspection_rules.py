"""The rules of inspections, without a database: checklists, draws, joint runs, the life of a visit."""

import json
import tomllib
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.commands.__main__ import app
from inspection_service.inspections.checklists import FILE, checklists, read
from inspection_service.inspections.plans.draw import ImpossibleDraw, Pool, Verdict, digest, draw, next_in_order, verify
from inspection_service.inspections.plans.joint import Premises, due_on, items_of, saved, stops
from inspection_service.inspections.visits.machine import (
    MOVES,
    Command,
    Seen,
    State,
    check_officer,
    check_replacer,
    failed,
    move,
    open_points,
)
from inspection_service.inspections.visits.probe import outcome_of, said
from inspection_service.inspections.visits.record import Asked, Line, Visited, content
from inspection_service.law.catalogue import catalogue
from inspection_service.law.statutes import LawError
from youguan.errors import Conflict, Forbidden

DAY = date(2026, 9, 16)
IDS = st.text("abcdef123", min_size=1, max_size=4)
SEEDS = st.text("0123456789abcdef", min_size=1, max_size=64)


def table() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def test_checklists_meet_their_kind_of_site() -> None:
    found = checklists()
    assert set(found.departments) <= set(catalogue().organs)
    estate = {point.id for point in found.points(["fire"], ["residential"], DAY)}
    roadside = {point.id for point in found.points(["fire"], ["roadside"], DAY)}
    assert roadside < estate
    assert "fire-residential.own-cables" in estate
    assert found.points(["market"], [None], date(2022, 12, 31)) == found.points(["market"], [None], DAY)[2:]
    assert all(point.remote for point in found.points(found.departments, [None], DAY, remote=True))
    assert found.points(["fire"], [None], date(2021, 1, 1)) == []


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("checklist", 0, "department"), "nobody", "unknown department"),
        (("checklist", 0, "version", 0, "points", 0, "item"), "nothing", "unknown item"),
    ],
)
def test_a_checklist_that_names_what_there_is_not_is_refused(
    path: tuple[str | int, ...], value: str, reason: str
) -> None:
    changed = deepcopy(table())
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(LawError, match=reason):
        read(changed, catalogue())


def test_two_versions_never_hold_at_once() -> None:
    changed = deepcopy(table())
    versions = changed["checklist"][0]["version"]
    versions.append({**versions[0], "in_force": date(2025, 1, 1)})
    with pytest.raises(LawError, match="two versions"):
        read(changed, catalogue())
    versions[0]["until"] = date(2024, 12, 31)
    found = read(changed, catalogue()).lists[0]
    assert [found.version_on(day) for day in (date(2024, 12, 31), date(2025, 1, 1))] == list(found.versions)


@given(
    st.lists(IDS, min_size=1, max_size=12), st.lists(IDS, min_size=2, max_size=6, unique=True),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 11)), max_size=8), st.integers(1, 12), SEEDS,
)  # fmt: skip
def test_whatever_is_drawn(
    sites: list[str], officers: list[str], bound: list[tuple[int, int]], count: int, seed: str
) -> None:
    conflicts = [(officers[a % len(officers)], sites[b % len(sites)]) for a, b in bound]
    pool = Pool.of(sites, officers, conflicts, count)
    try:
        found = draw(pool, seed)
    except ImpossibleDraw:
        free = {site: len(set(officers) - {o for o, s in conflicts if s == site}) for site in pool.sites}
        assert count > len(pool.sites) or min(free.values()) < 2
        return
    assert len({each.site for each in found}) == count
    assert {each.site for each in found} <= set(sites)
    for each in found:
        assert len(set(each.officers)) == 2
        assert not {(officer, each.site) for officer in each.officers} & set(conflicts)
    assert draw(Pool.of(sites[::-1], officers[::-1], conflicts[::-1], count), seed) == found
    if not conflicts:
        loads = [sum(officer in each.officers for each in found) for officer in officers]
        assert max(loads) - min(loads) <= 1
    published = {
        "pool": asdict(pool), "pool_sha256": digest(pool), "seed": seed,
        "drawn": [{"site": each.site, "officers": list(each.officers)} for each in found],
    }  # fmt: skip
    assert verify(json.loads(json.dumps(published))) == Verdict()


PUBLISHED = Pool.of(["s1", "s2", "s3", "s4"], ["a", "b", "c"], [("a", "s1")], 2)


def test_who_comes_for_whom_the_seed_says() -> None:
    order = ("a", "b", "c", "d", "e")
    assert next_in_order(order, {"a", "b"}, ()) == ("c", ())
    assert next_in_order(order, {"a", "b", "c"}, {"b", "d"}) == ("e", ("d",))
    assert next_in_order(order, {"a", "b"}, {"c", "d", "e"}) == (None, ("c", "d", "e"))


def published() -> dict[str, Any]:
    drawn = [{"site": each.site, "officers": list(each.officers)} for each in draw(PUBLISHED, "5eed")]
    site, (first, second) = drawn[0]["site"], drawn[0]["officers"]
    (third,) = set(PUBLISHED.officers) - {first, second}
    replaced = [{"site": site, "leaves": second, "comes": third, "passed_over": []}]
    record = {
        "pool": asdict(PUBLISHED), "pool_sha256": digest(PUBLISHED), "seed": "5eed", "drawn": drawn, "replacements": replaced,
    }  # fmt: skip
    found: dict[str, Any] = json.loads(json.dumps(record))
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(seed="0"), lambda r: r["pool"]["sites"].pop(), lambda r: r["pool"]["conflicts"].pop(),
        lambda r: r["drawn"].pop(), lambda r: r["drawn"].reverse(), lambda r: r["drawn"][0]["officers"].reverse(),
        lambda r: r["drawn"][0].update(site="s9"), lambda r: r.update(pool_sha256="0" * 64), lambda r: r.pop("seed"),
        lambda r: r.update(seed=5), lambda r: r.update(pool=None), lambda r: r["pool"].update(count=9),
        lambda r: r["drawn"].append({"site": "s1", "officers": ["b", "c"]}),
        lambda r: r["replacements"][0].update(comes=r["replacements"][0]["leaves"]),
        lambda r: r["replacements"][0].update(leaves="z"), lambda r: r["replacements"][0].pop("passed_over"),
        lambda r: r["replacements"][0].update(passed_over=["z"]), lambda r: r["replacements"][0].pop("site"),
        lambda r: r["replacements"].append(r["replacements"][0]),
    ],
)  # fmt: skip
def test_a_draw_that_was_changed_is_noticed(change: Callable[[dict[str, Any]], object]) -> None:
    record = published()
    assert verify(record) == Verdict()
    change(record)
    assert verify(record).broken


def chosen() -> dict[str, Any]:
    """Return a draw of which somebody was replaced by hand, before replacements were drawn."""
    record = published()
    record["replacements"][0]["passed_over"] = None
    return record


@pytest.mark.parametrize(
    ("change", "broken", "by_hand"),
    [
        (lambda r: None, 0, 1),
        (lambda r: r["replacements"][0].update(comes="z"), 0, 1),  # whoever was chosen needed not be in the pool
        (lambda r: r["replacements"][0].update(leaves="z"), 1, 0),
        (lambda r: r["replacements"][0].update(comes=r["drawn"][0]["officers"][0]), 1, 0),
        (lambda r: r["replacements"].append({**r["replacements"][0], "passed_over": []}), 1, 1),
        (lambda r: r["drawn"].pop(), 1, 1),
    ],
)
def test_who_was_chosen_by_hand_is_told_apart_from_what_is_broken(
    change: Callable[[dict[str, Any]], object], broken: int, by_hand: int
) -> None:
    record = chosen()
    change(record)
    verdict = verify(record)
    assert (min(len(verdict.broken), 1), len(verdict.by_hand)) == (broken, by_hand), verdict


def test_the_command_that_repeats_a_draw(tmp_path: Path) -> None:
    file = tmp_path / "draw.json"
    for record, code, says in (
        (published(), 0, "1 as the seed says, 0 chosen by hand"),
        (chosen(), 0, "0 as the seed says, 1 chosen by hand"),
        ({**published(), "seed": "0"}, 1, "said is"),
        ([], 1, "not a published draw"),
        (None, 1, "not JSON"),
    ):
        file.write_text(json.dumps(record) if record is not None else "{")
        result = CliRunner().invoke(app, ["draw", "verify", str(file)])
        assert (result.exit_code, says in result.output) == (code, True), result.output


@pytest.mark.parametrize(
    ("last", "months", "due"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)), (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 6, 15), 6, date(2026, 12, 15)), (date(2026, 6, 15), 7, date(2027, 1, 15)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)), (date(2026, 8, 31), 24, date(2028, 8, 31)),
    ],
)  # fmt: skip
def test_when_a_look_is_due_again(last: date, months: int, due: date) -> None:
    assert due_on(last, months) == due


def test_a_run_takes_what_is_due_and_each_premises_once() -> None:
    found = checklists()
    departments = ("fire", "market", "bureau")
    year = timedelta(days=366)
    places = [
        Premises("never seen", None, {}),
        Premises("all seen", None, dict.fromkeys(departments, DAY)),
        Premises("fire is due", "residential", {"fire": DAY - timedelta(days=190), "market": DAY, "bureau": DAY}),
        Premises("market is due", None, {"fire": DAY, "market": DAY - year, "bureau": DAY}),
        Premises("others are due", None, {**dict.fromkeys(departments, DAY)}),
    ]
    run = stops(found, places, departments, DAY)
    assert [(stop.site_id, stop.departments) for stop in run] == [
        ("never seen", departments), ("fire is due", ("fire",)), ("market is due", ("market",)),
    ]  # fmt: skip
    assert {point.id for point in run[1].points} == {"fire-residential.own-cables", "fire-residential.partition"}
    covered = items_of(run)
    assert len({point.id for point in covered}) == len(covered) == 3 + 2 + 2 + 2 + 4
    assert saved(len(stop.departments) for stop in run) == 2


def test_every_pair_of_state_and_command() -> None:
    allowed = {
        ("planned", "begin"): "under_way", ("under_way", "note"): "under_way", ("under_way", "finish"): "finished",
        ("finished", "confirm"): "finished", ("planned", "cancel"): "cancelled", ("under_way", "cancel"): "cancelled",
        ("planned", "replace"): "planned", ("under_way", "replace"): "under_way",
    }  # fmt: skip
    assert {(str(state), str(command)): str(to) for (state, command), to in MOVES.items()} == allowed
    for state, command in product(State, Command):
        if (state, command) in MOVES:
            assert move(state, command) == allowed[state, command]
        else:
            with pytest.raises(Conflict):
                move(state, command)


def test_who_may() -> None:
    check_officer("a", ["a", "b"], Command.FINISH, None)
    check_officer("b", ["a", "b"], Command.CONFIRM, "a")
    for who, command in (("c", Command.NOTE), ("a", Command.CONFIRM)):
        with pytest.raises(Forbidden):
            check_officer(who, ["a", "b"], command, "a")


@pytest.mark.parametrize(
    ("who", "regulator", "planned", "may"),
    [("h", True, True, True), ("a", False, False, True), ("a", False, True, False), ("c", False, False, False)],
)
def test_who_replaces_an_officer(who: str, regulator: bool, planned: bool, may: bool) -> None:
    with nullcontext() if may else pytest.raises(Forbidden):
        check_replacer(who, ["a", "b"], regulator=regulator, planned=planned)


def test_what_is_open_and_what_failed() -> None:
    seen = {1: Seen("passed", ""), 3: Seen("failed", "x")}
    assert open_points([1, 2, 3], seen) == [2]
    assert failed(seen) == [3]


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ({"state": "answered", "answer": {"status": "Accepted"}}, "answered"),
        ({"state": "answered", "answer": {"status": "NotImplemented"}}, "refused"),
        ({"state": "refused", "answer": None}, "refused"),
        ({"state": "timed_out", "answer": None}, "unanswered"),
        ({"state": "queued", "answer": None}, "unanswered"),
        ({"state": "undeliverable", "answer": None}, "unreachable"),
    ],
)
def test_what_came_of_a_probe(command: dict[str, Any], outcome: str) -> None:
    assert outcome_of(command) == outcome


def test_what_a_station_says_of_its_connectors_is_read_from_its_own_messages() -> None:
    def frame(text: str, *, sent: bool = False) -> dict[str, Any]:
        return {"received_at": "2026-09-16T02:00:00Z", "frame": text, "sent": sent}

    frames = [
        frame('[2,"1","StatusNotification",{"connectorId":2,"status":"Faulted","errorCode":"X"}]'),
        frame('[2,"2","StatusNotification",{"connectorId":2,"status":"Available","errorCode":"NoError"}]'),
        frame('[2,"3","StatusNotification",{"evseId":1,"connectorId":1,"connectorStatus":"Occupied","timestamp":"x"}]'),
        frame('[2,"4","StatusNotification",{"connectorId":9,"status":"Faulted"}]', sent=True),
        frame('[3,"4",{"status":"Accepted"}]'), frame('[2,"5","Heartbeat",{}]'),
        frame("no JSON"), frame('[2,"6","StatusNotification",[]]'),
    ]  # fmt: skip
    assert said(frames) == ["#1.1 Occupied", "#2 Available"]
    assert said([]) == []


@pytest.mark.parametrize(
    ("channel", "pieces", "told", "way"),
    [
        ("on_site", {}, True, "在某路1号进行检查，检查前已出示执法证件并告知回避等权利。"),
        ("on_site", {"photo": 2}, False, "在某路1号进行检查，未记载出示执法证件、告知权利的情况。"),
        ("remote", {}, False, "未到现场，以远程方式进行检查。"),
        ("remote", {"telemetry": 1, "still": 0, "probe": 2}, True, "未到现场，依据监测数据、远程探测进行检查。"),
    ],
)
def test_a_record_says_nothing_that_nobody_said(channel: str, pieces: dict[str, int], told: bool, way: str) -> None:
    """From afar nobody shows a certificate or signs, and only what is there is relied upon."""
    at = datetime(2026, 9, 16, 2, tzinfo=UTC)
    visited = Visited("局", "XW1", channel, "场站", "某路1号", ("局",), ("甲", "乙"), at, at, pieces, told)
    issued = content(visited, [Line("局", "备案", "passed", "")])
    assert issued["paragraphs"][2].endswith(f"执法人员甲、乙{way}")
    assert [words.split("：")[0] for words in issued["signatures"]] == [
        "执法人员", *(["被检查单位（签字）"] if channel == "on_site" else []),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "told", "line", "way"),
    [
        ("answered", ("#1 Faulted", "#2 Available"), "已应答（#1 Faulted、#2 Available）", "依据远程探测"),
        ("refused", (), "拒绝应答", "以远程方式"),
        ("unanswered", (), "没有应答", "以远程方式"),
        ("unreachable", (), "未连接，无法询问", "以远程方式"),
    ],
)
def test_a_record_says_what_came_of_asking(outcome: str, told: tuple[str, ...], line: str, way: str) -> None:
    at = datetime(2026, 9, 16, 2, 5, tzinfo=UTC)
    asked = (Asked("s-1", at, outcome, told),)
    visited = Visited("局", "XW1", "remote", "场站", "", ("局",), ("甲",), at, at, {"probe": 1}, asked=asked)
    said = content(visited, [])["paragraphs"]
    assert said[2].endswith(f"执法人员甲未到现场，{way}进行检查。")
    assert said[-2:] == [
        f"远程询问：2026年9月16日10时05分询问充电桩s-1，{line}。", "检查结果：0项中0项不合格。附远程探测1件。",
    ]  # fmt: skip
