"""The rules of filings: every state, command and role; what is missing; when things are due; the indicators."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.divisions.boundaries import boundary
from charger_registry.drafts import StationDraft
from charger_registry.filing.comparison import Effect, compare_facts, compare_roles, compare_stations
from charger_registry.filing.content import (
    REASONS,
    Content,
    DocumentType,
    Paper,
    StationLine,
    World,
    has_moved,
    judged,
    problems,
    promised,
    site_draft,
)
from charger_registry.filing.deadlines import Terms, add_months, days_left, later, resumed
from charger_registry.filing.indicators import Handled, Share, indicators
from charger_registry.filing.machine import Command, Role, State, move, open_to
from charger_registry.filing.words import EFFECTS, SINCE_FILED, STATES, STEPS
from charger_registry.ledger.responsibility import Line
from youguan.errors import Conflict, Forbidden
from youguan.web.translations import chinese
from youguan.working_days import add_working_days

TODAY = date(2026, 11, 24)
DAY = timedelta(days=1)
TERMS = Terms(answer=5, decision=10, supplement=15, promise=30, lapse=10, grace=6, unsupplied=10, restore=60)

# What each role (a: applicant, o: authority, c: clerk, f: filer, t: with time) may do in each state, and what follows.
EXPECTED = """
draft                 save                draft                a c
draft                 attach              draft                a c
draft                 submit              submitted            a c
draft                 withdraw            withdrawn            a c
submitted             withdraw            withdrawn            a c
submitted             admit               submitted            o
submitted             require_supplement  supplement_required  o
submitted             accept              accepted             o
submitted             reject              rejected             o
supplement_required   save                supplement_required  a c
supplement_required   attach              supplement_required  a c
supplement_required   submit              submitted            a c
supplement_required   withdraw            withdrawn            a c t
supplement_required   reject              rejected             o
accepted              attach              accepted             a c
accepted              accept_paper        accepted             o
accepted              refuse_paper        accepted             o
accepted              start               in_operation         a c
accepted              suspend             suspended            o
accepted              retire              retired              o
accepted              rate                accepted             f
accepted              lapse               lapsed               o t
in_operation          attach              in_operation         a c
in_operation          accept_paper        in_operation         o
in_operation          refuse_paper        in_operation         o
in_operation          suspend             suspended            a o c
in_operation          retire              retired              o
in_operation          rate                in_operation         f
in_operation          lapse               lapsed               o t
suspended             attach              suspended            a c
suspended             accept_paper        suspended            o
suspended             refuse_paper        suspended            o
suspended             suspend             suspended            o
suspended             resume              in_operation         a o
suspended             retire              retired              a o
suspended             rate                suspended            f
retired               rate                retired              f
rejected              rate                rejected             f
lapsed                rate                lapsed               f
lapsed                restore             in_operation         o
"""
ROLES = {"a": Role.APPLICANT, "o": Role.AUTHORITY, "c": Role.CLERK, "f": Role.FILER, "t": Role.SYSTEM}
MAY = {
    (State(state), Command(command), ROLES[letter]): State(following)
    for state, command, following, *letters in map(str.split, EXPECTED.strip().splitlines())
    for letter in letters
}


@pytest.mark.parametrize(("state", "command", "role"), list(product(State, Command, Role)))
def test_every_state_command_and_role(state: State, command: Command, role: Role) -> None:
    if (state, command, role) in MAY:
        assert move(state, command, [role]) == (role, MAY[state, command, role])
        assert command in open_to(state, [role])
        return
    has_a_place = any((state, command, other) in MAY for other in Role)
    with pytest.raises(Forbidden if has_a_place else Conflict):
        move(state, command, [role])
    assert command not in open_to(state, [role])


def test_the_pages_have_words_for_everything() -> None:
    assert set(STATES) == set(State)
    assert set(STEPS) == {"begin", *Command} - {"save", "attach"}
    assert set(EFFECTS) == set(SINCE_FILED) == set(get_args(Effect))
    assert set(REASONS.values()) <= set(chinese()[0])


TYPES = [
    DocumentType("fire_acceptance", required=True, promisable=False, expires=False),
    DocumentType("insurance", required=True, promisable=True, expires=True),
    DocumentType("management_contract", required=False, promisable=False, expires=False),
    DocumentType("other", required=False, promisable=False, expires=False),
]
WHOLE = Content(
    name="一号场站", address="示例路1号", division_code="330226001", longitude="121.43", latitude="29.29",
    contact_name="张三", contact_phone="400-000-0000", builder="b", owner="w", manager="m", managed_from="2026-12-01",
    stations=(StationLine(id="NEW-1", power_kw="120"), StationLine(id="NEW-2", power_kw="7", current_type="AC")),
)  # fmt: skip
PAPERS = [Paper("fire_acceptance", None), Paper("insurance", TODAY)]
WORLD = World(TODAY, TERMS, {"330226001"}, {"b": False, "w": False, "m": False, "gone": True}, {"TAKEN"})


def wrong(content: Content, papers: list[Paper] = PAPERS, asked_for: tuple[str, ...] = ()) -> dict[str, str]:
    return {p.field: p.code for p in problems(content, "m", TYPES, papers, asked_for, WORLD)}


def test_nothing_is_missing_in_a_whole_filing() -> None:
    assert wrong(WHOLE) == {}
    site = site_draft(WHOLE, "S")
    assert (site.name, site.crs, site.longitude) == ("一号场站", "gcj02", 121.43)
    assert site.stations is not None
    assert [(s.id, s.connectors, s.power_w, s.current_type) for s in site.stations] == [
        ("NEW-1", 1, 120_000, "DC"),
        ("NEW-2", 1, 7_000, "AC"),
    ]


def test_a_file_names_no_other_than_the_ledger() -> None:
    held = {"manager": {"x": "x公司"}, "owner": {"v": "v公司", "w": "w公司"}, "maintainer": {"y": "y公司"}}
    found = problems(WHOLE, "m", TYPES, PAPERS, (), replace(WORLD, held=held))
    assert [(p.field, p.code) for p in found] == [("manager", "held")]
    assert str(found[0].reason).startswith("x公司 has this role")


def test_a_paper_counts_from_the_day_on_which_it_holds() -> None:
    for begins, found in ((TODAY, {}), (TODAY + DAY, {"documents.insurance": "not_yet"})):
        assert wrong(WHOLE, [PAPERS[0], Paper("insurance", TODAY + 9 * DAY, valid_from=begins)]) == found


MONDAY = date(2026, 11, 30)


@pytest.mark.parametrize(("looked_at", "last"), [
    ([], MONDAY),
    ([(MONDAY - 3 * DAY, MONDAY)], MONDAY + DAY),  # over a weekend
    ([(MONDAY, MONDAY + 2 * DAY), (MONDAY + DAY, MONDAY + 3 * DAY)], MONDAY + 3 * DAY),  # a day counts once
    ([(MONDAY - 14 * DAY, MONDAY - 7 * DAY)], MONDAY),  # before the term began
    ([(MONDAY, MONDAY + DAY), (MONDAY + 4 * DAY, MONDAY + 9 * DAY)], MONDAY + DAY),  # the second came too late
])  # fmt: skip
def test_a_term_stands_still_while_a_paper_is_looked_at(looked_at: list[tuple[date, date]], last: date) -> None:
    assert later(MONDAY - 7 * DAY, MONDAY, looked_at) == last


def test_everything_is_missing_in_an_empty_one() -> None:
    assert wrong(Content(), []) == dict.fromkeys(
        ["name", "address", "division_code", "contact_name", "contact_phone", "longitude", "latitude", "builder", "owner",
         "manager", "managed_from", "stations", "documents.fire_acceptance", "documents.insurance"],
        "missing",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"longitude": "east"}, {"longitude": "no_number"}),
        ({"latitude": "121.4"}, {"latitude": "out_of_range"}),
        ({"latitude": "nan"}, {"latitude": "out_of_range"}),
        ({"crs": "mars"}, {"crs": "unknown"}),
        ({"usage": "horses"}, {"usage": "unknown"}),
        ({"division_code": "110101"}, {"division_code": "unknown"}),
        ({"owner": "x"}, {"owner": "nobody"}),
        ({"owner": "gone"}, {"owner": "deregistered"}),
        ({"managed_from": "soon"}, {"managed_from": "no_date"}),
        ({"managed_until": "2026-11-30"}, {"managed_until": "ends_before"}),
        ({"manager": "w"}, {"documents.management_contract": "missing"}),
        ({"stations": (StationLine(id="TAKEN", power_kw="7"),)}, {"stations[0].id": "elsewhere"}),
        ({"stations": (StationLine(id="a/b", power_kw="7"),)}, {"stations[0].id": "malformed"}),
        ({"stations": (StationLine(id="a", power_kw="7"),) * 2}, {"stations[1].id": "doubled"}),
        ({"stations": (StationLine(power_kw="7"),)}, {"stations[0].id": "missing"}),
        ({"stations": (StationLine(id="a", power_kw="x", connectors="1.5", current_type="?"),)},
         {"stations[0].connectors": "no_number", "stations[0].power_kw": "no_number", "stations[0].current_type": "unknown"}),
        ({"promises": {"insurance": str(TODAY + DAY)}}, {"committed": "not_committed"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_field(change: dict[str, object], found: dict[str, str]) -> None:
    assert wrong(WHOLE.model_copy(update=change)) == found


LAST = add_working_days(TODAY, TERMS.promise)


@pytest.mark.parametrize(
    ("code", "day", "found"),
    [
        ("insurance", str(TODAY + DAY), None),
        ("insurance", str(LAST), None),
        ("insurance", str(LAST + DAY), "too_late"),
        ("insurance", str(TODAY), "past"),
        ("insurance", "soon", "no_date"),
        ("fire_acceptance", str(TODAY + DAY), "not_promisable"),
    ],
)
def test_what_may_be_promised_and_for_when(code: str, day: str, found: str | None) -> None:
    content = WHOLE.model_copy(update={"promises": {code: day}, "committed": True})
    others = [paper for paper in PAPERS if paper.type != code]
    assert wrong(content, others) == ({f"promises.{code}": found} if found else {})
    if found is None:
        owed = {code: date.fromisoformat(day)}
        assert promised(content, others, (), TODAY) == owed
        assert promised(content, PAPERS, (), TODAY) == {}
        assert promised(content, [*others, Paper(code, TODAY - DAY)], (), TODAY) == owed, (
            "what has expired is owed still"
        )
        assert promised(content, PAPERS, (code,), TODAY) == owed, "what was asked for anew is owed until it comes"
        assert promised(content, [*PAPERS, Paper(code, None, fresh=True)], (code,), TODAY) == {}


def test_a_promise_stands_in_for_a_paper_that_has_expired() -> None:
    content = WHOLE.model_copy(update={"promises": {"insurance": str(TODAY + DAY)}, "committed": True})
    assert wrong(content, [PAPERS[0], Paper("insurance", TODAY - DAY)]) == {}


SQUARE = {
    "type": "Polygon",
    "coordinates": [[[121.0, 29.0], [122.0, 29.0], [122.0, 30.0], [121.0, 30.0], [121.0, 29.0]]],
}
COUNTY = {"330226": boundary("330226", SQUARE)}


@pytest.mark.parametrize(
    ("longitude", "latitude", "crs", "position", "outside"),
    [
        ("121.5", "29.5", "wgs84", "unverified", None),
        ("122.1", "29.5", "wgs84", "unverified", 9678),
        ("122.002", "29.5", "wgs84", "unverified", 194),
        ("122.002", "29.5", "gcj02", "unverified", None),
        ("x", "29.5", "wgs84", None, None),
        ("500", "29.5", "wgs84", None, None),
        ("121.5", "29.5", "nad27", None, None),
    ],
)
def test_a_point_is_held_against_the_boundary(
    longitude: str, latitude: str, crs: str, position: str | None, outside: int | None
) -> None:
    content = WHOLE.model_copy(update={"longitude": longitude, "latitude": latitude, "crs": crs})
    found = judged(content, COUNTY)
    assert (found.position if found else None) == position
    world = replace(WORLD, boundaries=COUNTY)
    told = [p for p in problems(content, "m", TYPES, PAPERS, (), world) if p.code == "outside"]
    assert [p.reason for p in told] == ([f"lies {outside} m outside of division 330226"] if outside else [])


def test_what_a_new_filing_leaves_as_it_was_says_nothing() -> None:
    a, b, c = (StationLine(id=name, connectors="2", power_kw="60") for name in "abc")
    begun = WHOLE.model_copy(update={"stations": (a, b)})
    content = begun.model_copy(update={"name": "新名", "stations": (a, c.model_copy(update={"power_kw": "7"}))})
    draft = site_draft(content, "1", begun, present=["a", "b", "since"])
    assert (draft.name, draft.address, draft.division_code) == ("新名", None, None)
    assert draft.stations == (StationDraft("a"), StationDraft("c", 2, 7000, "DC"), StationDraft("since"))
    assert draft.whole, "b was taken out"
    assert not has_moved(content, begun)
    assert has_moved(content.model_copy(update={"crs": "bd09"}), begun)


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - 9 * DAY, NOON + 9 * DAY


@pytest.mark.parametrize(("lines", "filed", "effect"), [
    ([Line("manager", "m", "", BEFORE, None)], "m", "same"),
    ([Line("manager", "n", "", BEFORE, None)], "m", "refused"),
    ([Line("manager", "n", "NEW-1", BEFORE, None)], "m", "begins"),  # of one station alone
    ([Line("manager", "n", "", BEFORE, NOON)], "m", "begins"),
    ([Line("manager", "n", "", BEFORE, None, ceased_at=BEFORE + DAY)], "m", "succeeds"),
    ([Line("manager", "n", "", NOON + 2 * DAY, None)], "m", "refused"),  # is to have it before the filing would give it
    ([Line("manager", "n", "", AFTER, None)], "m", "begins"),  # until then
    ([Line("manager", "n", "", NOON + 2 * DAY, NOON + 3 * DAY)], "m", "begins"),  # has had it by then
    ([Line("manager", "n", "", BEFORE, None)], "", "stays"),
    ([], "", "nobody"),
])  # fmt: skip
def test_what_acceptance_makes_of_a_role(lines: list[Line], filed: str, effect: str) -> None:
    found = {row.role: row.effect for row in compare_roles(WHOLE.model_copy(update={"manager": filed}), lines, NOON)}
    assert found["manager"] == effect


def test_what_acceptance_makes_of_stations() -> None:
    known = StationLine(id="KEPT", power_kw="60")
    begun = Content(stations=(known, StationLine(id="GONE", power_kw="60"), StationLine(id="OTHER", power_kw="60")))
    content = Content(stations=(known, StationLine(id="OTHER", power_kw="7"), StationLine(id="NEW", power_kw="7")))
    found = compare_stations(content, begun, ["KEPT", "GONE", "OTHER", "CAME-SINCE"])
    assert found == {"added": ("NEW",), "retired": ("GONE",), "changed": ("OTHER",)}


def test_what_acceptance_makes_of_a_site() -> None:
    begun = Content(name="旧", address="路", usage="public")
    changed = compare_facts(begun.model_copy(update={"usage": "unit", "address": "", "longitude": "121"}), begun)
    assert changed == (("usage", "public", "unit"), ("longitude", "", "121")), "what is left out stays"


def test_what_was_asked_for_must_come_again() -> None:
    assert wrong(WHOLE, asked_for=("insurance",)) == {"documents.insurance": "not_supplied"}
    assert wrong(WHOLE, [*PAPERS, Paper("insurance", None, fresh=True)], ("insurance",)) == {}


def test_a_paper_that_has_expired_is_none() -> None:
    old = Paper("insurance", TODAY - DAY)
    assert wrong(WHOLE, [PAPERS[0], old]) == {"documents.insurance": "expired"}
    assert wrong(WHOLE, [*PAPERS, old]) == {}


@given(st.dates(date(2024, 1, 1), date(2027, 6, 1)), st.integers(0, 30), st.integers(0, 60))
def test_a_term_that_stood_still_loses_no_day(day: date, left: int, waited: int) -> None:
    due = add_working_days(day, left)
    today = day + waited * DAY
    assert days_left(resumed(today, days_left(due, day)), today) == left


def test_a_term_that_was_late_stays_late() -> None:
    assert resumed(TODAY, -2) < TODAY


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 11, 24), 6, date(2027, 5, 24)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
    ],
)
def test_months(day: date, months: int, then: date) -> None:
    assert add_months(day, months) == then


def handled(**changes: object) -> Handled:
    usual: dict[str, object] = {
        "online": True, "answered_on": TODAY, "answer_due_on": TODAY, "decided_on": TODAY, "decision_due_on": TODAY,
        "rating": None,
    }  # fmt: skip
    return Handled(**{**usual, **changes})  # type: ignore[arg-type]


def test_the_indicators_of_a_worked_example() -> None:
    """The example of docs/filing.md."""
    waiting = handled(answered_on=None, answer_due_on=TODAY + DAY, decided_on=None, decision_due_on=TODAY + DAY)
    filings = [
        handled(rating=5),
        handled(online=False, answered_on=TODAY + DAY, rating=2),
        handled(decided_on=TODAY + DAY, rating=3),
        handled(decided_on=None, decision_due_on=None),
        waiting,
        handled(answered_on=None, answer_due_on=TODAY - DAY, decided_on=None, decision_due_on=TODAY - DAY),
        handled(answered_on=None, answer_due_on=TODAY - DAY, decided_on=None, withdrawn=True),
    ]
    found = indicators(filings, TODAY)
    assert (found.online, found.online.percent) == (Share(6, 7), 85.7)
    assert found.timely_acceptance == Share(3, 5)
    assert found.on_time_completion == Share(2, 4)
    assert found.satisfaction == Share(2, 3)


def test_the_share_of_none_is_none() -> None:
    found = indicators([], TODAY)
    assert found.online == Share(0, 0)
    assert found.online.percent is None
