"""Cases, their rules alone: every (state, command, role) triple, and what must hold before each step."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection_service.cases.conditions import BY_THE_LAW, CONDITIONS, against, missing, unmet
from inspection_service.cases.documents import Issue, content, ended, money, templates
from inspection_service.cases.effects import moved
from inspection_service.cases.file import Appeal, Case, Facts, Instalment, Payment, Said
from inspection_service.cases.heads import handed_over
from inspection_service.cases.heads import read as read_heads
from inspection_service.cases.identity import Identities
from inspection_service.cases.machine import REVIEWERS, REVIEWS, STEPS, Command, Role, State, leads_to, step
from inspection_service.cases.offers import BY_THE_CASE, LAID_DOWN, first_days, offers
from inspection_service.cases.owing import owed_fen, refund_fen
from inspection_service.cases.particulars import Particulars
from inspection_service.cases.persons import Officer, acting, roles_in
from inspection_service.cases.thresholds import thresholds
from inspection_service.cases.words import UNMET
from inspection_service.law.catalogue import catalogue
from inspection_service.law.evidence import Piece
from inspection_service.law.imposed import Imposed
from inspection_service.law.permission import SAID_BY
from inspection_service.law.statutes import LawError, statutes
from inspection_service.wording import REFUSED
from tests.inspection_service.world import NAMED
from youguan.auth import Principal
from youguan.errors import Conflict, Forbidden, Invalid, Unavailable
from youguan.working_days import add_working_days

# state: command roles → state, written down once more by hand. o: officer, h: head, p: party, 1-4: reviewers, r: any reviewer.
TABLE = """
lead: guide o guided, order o ordered, punish_on_the_spot o served, propose o proposed, reassign h lead
lead: ask_end o lead, dismiss h dismissed
guided: reopen o lead, archive o guided
ordered: extend_order h ordered, report_mended p mended, confirm_mended o rechecked, find_unmended o lead
ordered: ask_end o ordered, dismiss h dismissed, reassign h ordered
mended: confirm_mended o rechecked, find_unmended o lead, ask_end o mended, dismiss h dismissed, reassign h mended
rechecked: excuse h unpunished, close_mended o closed, punish_on_the_spot o served, propose o proposed
rechecked: ask_end o rechecked, dismiss h dismissed, reassign h rechecked
proposed: approve h filed, refuse h lead, reassign h proposed
filed: conclude o review_1, extend h filed, withdraw h withdrawn, terminate h terminated, transfer h transferred, reassign h filed
review_1: pass 1 review_2, object 1 filed, extend h review_1, withdraw h withdrawn, terminate h terminated
review_1: transfer h transferred, reassign h review_1
review_2: pass 2 review_3, object 2 filed, extend h review_2, withdraw h withdrawn, terminate h terminated
review_2: transfer h transferred, reassign h review_2
review_3: pass 3 review_4, object 3 filed, extend h review_3, withdraw h withdrawn, terminate h terminated
review_3: transfer h transferred, reassign h review_3
review_4: pass 4 reviewed, object 4 filed, extend h review_4, withdraw h withdrawn, terminate h terminated
review_4: transfer h transferred, reassign h review_4
reviewed: notify o notified, exempt h unpunished, extend h reviewed, withdraw h withdrawn, terminate h terminated
reviewed: transfer h transferred, reassign h reviewed
notified: defend op notified, ask_hearing op hearing, discuss h notified, decide h decided, exempt h unpunished
notified: extend h notified, withdraw h withdrawn, terminate h terminated, transfer h transferred, reassign h notified
hearing: withdraw_hearing op notified, forfeit_hearing r notified
hearing: call_hearing r hearing, hold_hearing r heard, extend h hearing, withdraw h withdrawn, terminate h terminated
hearing: transfer h transferred, reassign h hearing
heard: discuss h heard, decide h decided, exempt h unpunished, extend h heard, withdraw h withdrawn, terminate h terminated
notified+heard: reinvestigate h filed
notified+hearing+heard: record_arrival o =
notified: notify o =
heard: transfer h transferred, reassign h heard, review_hearing 4 heard, object 4 filed
decided: serve o served, revoke h revoked, reassign h decided
served: note r served, pay oh served, allow_instalments h served, demand o demanded, close h closed, appeal oh served
served: end_appeal oh served, revoke h revoked, terminate h terminated
demanded: note r demanded, pay oh demanded, apply h enforcing, appeal oh demanded, end_appeal oh demanded
demanded: close h closed, revoke h revoked, terminate h terminated
enforcing: note r enforcing, pay oh enforcing, close h closed, appeal oh enforcing, end_appeal oh enforcing
enforcing: revoke h revoked, terminate h terminated
paid: note r paid, close h closed, appeal oh paid, end_appeal oh paid, revoke h revoked
closed: appeal oh closed, end_appeal oh closed, revoke h revoked, archive o closed
unpunished: archive o unpunished
dismissed: archive o dismissed
withdrawn: archive o withdrawn
terminated: archive o terminated
transferred: archive o transferred, acknowledge oh transferred, take_back h lead
referred: archive o referred, acknowledge oh referred, take_back h lead
lead+ordered+mended+rechecked+filed: question o =, keep h =, tell_subsidy h =, refer h referred
lead+ordered+mended+rechecked: transfer h transferred
guided: refer h referred
lead+guided+ordered+mended+rechecked+proposed+filed+review_1+review_2+review_3+review_4+reviewed+notified: dispose h =
hearing+heard+decided+served+demanded+enforcing+paid+closed+unpunished+dismissed+withdrawn+terminated: dispose h =
transferred+referred+revoked: dispose h =
lead+ordered+mended+rechecked+proposed+filed+review_1+review_2+review_3+review_4+reviewed: confirm_address op =, give_receipt o =
lead+ordered+mended+rechecked+proposed+filed+review_1+review_2+review_3+review_4+reviewed: identify o =
notified+hearing+heard+decided: identify o =
lead+ordered+mended+rechecked+proposed+filed+review_1+review_2+review_3+review_4+reviewed: describe o =
notified+hearing+heard: describe o =
notified+hearing+heard+decided: confirm_address op =, give_receipt o =
served+demanded+enforcing+paid+closed: record_credit h =, repair_credit h =
revoked: archive o revoked, start_anew h lead, end_appeal oh revoked
served+demanded+enforcing+paid+closed+revoked: refund oh =
"""
LETTERS = {
    "o": (Role.OFFICER,), "h": (Role.HEAD,), "p": (Role.PARTY,), "r": REVIEWERS,
    **{str(n): (role,) for n, role in enumerate(REVIEWERS, 1)},
}  # fmt: skip


def by_hand() -> dict[tuple[str, str, Role], str]:
    found: dict[tuple[str, str, Role], str] = {}
    for line in TABLE.strip().splitlines():
        states, _, moves = line.partition(": ")
        for state, move in itertools.product(states.split("+"), moves.split(", ")):
            command, letters, to = move.split()
            found |= {
                (state, command, role): state if to == "=" else to for letter in letters for role in LETTERS[letter]
            }
    return found


EXPECTED = by_hand()
TODAY = date(2026, 9, 16)
CHECKED = (Piece("record", "inspector", officers=2),)


def case(state: State = State.LEAD, item: str = "car-park-stopped", **changes: Any) -> Case:
    """Return a case of two officers, with evidence; `facts` are what else is known."""
    facts = Facts(
        **{"officers": ("a", "b"), "investigators": ("a", "b"), "particulars": NAMED, **changes.pop("facts", {})}
    )
    usual = Case("AJ-2026-000001", state, None, catalogue().items[item], "organisation", TODAY, TODAY, facts, CHECKED)
    return replace(usual, **changes)


@pytest.mark.parametrize("state", State)
def test_every_triple(state: State) -> None:
    for command, role in itertools.product(Command, Role):
        expected = EXPECTED.get((state, command, role))
        if (state, command) not in STEPS:
            assert expected is None
            with pytest.raises(Conflict):
                step(state, command)
            continue
        line = step(state, command)
        if expected is None:
            with pytest.raises(Forbidden):
                acting(case(state), line, {role}, "x")
        else:
            assert acting(case(state), line, {role}, "x") == role
            assert leads_to(line, state, levels=4) == expected, (command, role)


def test_every_line_of_the_table_is_named_everywhere() -> None:
    conditions = {name for line in STEPS.values() for name in line.conditions}
    assert conditions == set(CONDITIONS) | set(BY_THE_LAW)
    assert conditions - set(BY_THE_LAW) <= set(REFUSED)
    for line in STEPS.values():
        assert statutes().article({"law": line.article[0], "article": line.article[1]})
        assert set(line.needs) <= set(Said.__dataclass_fields__)
    assert {line.document for line in STEPS.values() if line.document} == set(templates()) - {
        "short", "gains", "remedies", "remedies_spot", "remedies_order", "payment",
    }  # fmt: skip


def test_what_stands_against_a_step_is_said_everywhere_and_laid_down_somewhere() -> None:
    by_person = {"interested", "kept_apart", "reviewed_before"}
    assert set(CONDITIONS) >= BY_THE_CASE
    assert set(LAID_DOWN) <= BY_THE_CASE | by_person
    assert (set(CONDITIONS) | by_person) <= set(REFUSED)
    assert (set(CONDITIONS) | by_person | set(SAID_BY)) == set(UNMET)
    for law, article in LAID_DOWN.values():
        assert statutes().article({"law": law, "article": article})


TELEMETRY = (Piece("electronic", "telemetry"),)
RECORDED = Piece("audiovisual", "monitoring", 1, registered=True, place=2, content=True)
MENDED = {"order_due": TODAY, "mended_on": TODAY, "harm": "none", "minor": True, "end_asked": True}
FINED = {"sanction": "fine", "fine_fen": 3_000_00}
NOTIFIED = {"sanction": "fine", "fine_fen": 20_000_00, "notified_fine_fen": 20_000_00, "notified_on": TODAY}


@pytest.mark.parametrize(
    ("found", "role", "who", "command", "why"),
    [
        (case(), Role.OFFICER, "a", Command.ORDER, []),
        (case(item="repair-overdue"), Role.OFFICER, "a", Command.ORDER, [("no_basis", "penalty", "16")]),
        (case(), Role.HEAD, "h", Command.REFER, [("no_basis", "penalty", "16")]),
        (case(item="metrology-unverified"), Role.HEAD, "h", Command.REFER, []),
        (case(item="metrology-unverified"), Role.HEAD, "a", Command.REFER, [("kept_apart", "penalty", "43")]),
        (
            case(item="car-park-unfiled", pieces=TELEMETRY), Role.OFFICER, "a", Command.PUNISH_ON_THE_SPOT,
            [("telemetry_only", "penalty", "41"), ("order_first", "penalty", "28")],
        ),
        (case(item="car-park-unfiled", facts={"ordered": True}), Role.OFFICER, "a", Command.PUNISH_ON_THE_SPOT, []),
        (case(), Role.OFFICER, "a", Command.PUNISH_ON_THE_SPOT, [("ceiling", "penalty", "51")]),
        (
            case(item="metrology-unverified"), Role.OFFICER, "a", Command.PUNISH_ON_THE_SPOT,
            [("not_competent", "penalty", "38")],
        ),
        (
            case(State.RECHECKED, "car-park-unfiled", facts=MENDED), Role.OFFICER, "a", Command.PROPOSE,
            [("not_obliged", "penalty", "33"), ("punishable", "penalty", "28")],
        ),
        (case(State.RECHECKED, "car-park-unfiled", facts=MENDED), Role.HEAD, "h", Command.EXCUSE, []),
        (case(act_on=date(2024, 9, 15)), Role.OFFICER, "a", Command.PROPOSE, [("limitation", "penalty", "36")]),
        (case(act_on=date(2024, 9, 16)), Role.OFFICER, "a", Command.PROPOSE, []),
        (case(State.NOTIFIED, facts=NOTIFIED), Role.HEAD, "h", Command.DECIDE, [("statement_over", "penalty", "62")]),
        (case(State.NOTIFIED, facts={**NOTIFIED, "defended": True}), Role.HEAD, "h", Command.DECIDE, []),
        (
            case(State.NOTIFIED, facts={**NOTIFIED, "defended": True, "told": ()}, pieces=(RECORDED,)), Role.HEAD, "h",
            Command.DECIDE, [("evidence_told", "penalty", "44")],
        ),
        (
            case(State.NOTIFIED, facts={**NOTIFIED, "defended": True, "told": (2,)}, pieces=(RECORDED,)),
            Role.HEAD, "h", Command.DECIDE, [],
        ),
        (
            case(State.NOTIFIED, facts={**NOTIFIED, "defended": True, "particulars": Particulars("某路1号")}), Role.HEAD, "h",
            Command.DECIDE, [("described", "penalty", "59")],
        ),
        (
            case(State.FILED, party_kind="citizen", facts={"particulars": Particulars("某路1号")}), Role.OFFICER, "a",
            Command.CONCLUDE, [],
        ),
        (
            case(State.FILED, facts={"particulars": Particulars()}), Role.OFFICER, "a", Command.CONCLUDE,
            [("described", "penalty", "59")],
        ),
        (
            case(State.NOTIFIED, facts={**NOTIFIED, "defended": True}, act_is_fined=True), Role.HEAD, "h", Command.DECIDE,
            [("fined_already", "penalty", "29")],
        ),
        (case(State.CLOSED), Role.HEAD, "h", Command.RECORD_CREDIT, [("no_penalty_to_record", "credit-list", "行政处罚信息")]),
        (
            case(State.REVIEW_2, facts={"reviewers": ("r",)}), Role.REVIEWER_2, "r", Command.PASS,
            [("reviewed_before", "penalty", "58")],
        ),
    ],
)  # fmt: skip
def test_only_what_can_be_done_is_offered_and_the_rest_says_why_not(
    found: Case, role: Role, who: str, command: Command, why: list[tuple[str, str, str]]
) -> None:
    offer = next(o for o in offers(catalogue(), found, {role}, who, TODAY) if o.command == command)
    assert [(r.code, r.article.statute.id, r.article.number) for r in offer.against] == why


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_legal_review_goes_as_far_as_it_must(levels: int) -> None:
    state, passed = State.REVIEW_1, 0
    while state in REVIEWS:
        state, passed = leads_to(step(state, Command.PASS), state, levels=levels), passed + 1
    assert (state, passed) == (State.REVIEWED, levels)


@pytest.mark.parametrize(("state", "command"), [pair for pair, line in STEPS.items() if line.apart_from])
def test_nobody_does_what_his_own_work_is_the_subject_of(state: State, command: Command) -> None:
    line = step(state, command)
    with pytest.raises(Forbidden, match="has investigated"):
        acting(case(state), line, set(line.roles), "a")
    if "reviewers" in line.apart_from:
        with pytest.raises(Forbidden, match="has reviewed"):
            acting(case(state, facts={"reviewers": ("x",)}), line, set(line.roles), "x")


def somebody(
    subject: str, *roles: str, organisation: str | None = None, level: int | None = None, division: str | None = None
) -> Principal:
    now = datetime(2026, 9, 16, tzinfo=UTC)
    return Principal(subject, subject, frozenset(roles), organisation, division, "", "", now, level=level)


HANDED = read_heads(
    {"head": {"handed_over": [{"division": "330226104", "items": ["car-park-stopped"], "source": "某文件"}]}}
)


@pytest.mark.parametrize(
    ("who", "officer", "roles"),
    [
        (somebody("a", "inspector"), Officer("a", "A", "1", TODAY), {Role.OFFICER}),
        (somebody("a", "inspector"), Officer("a", "A", "1", TODAY - timedelta(days=1)), set()),
        (somebody("a", "inspector"), None, set()),
        (somebody("c", "inspector"), Officer("c", "C", "3", TODAY), set()),
        (somebody("r", "reviewer", level=1), None, {Role.REVIEWER_1}),
        (somebody("r", "reviewer", level=3), None, {Role.REVIEWER_1, Role.REVIEWER_2, Role.REVIEWER_3}),
        (somebody("r", "reviewer"), None, set()),
        (somebody("h", "regulator"), None, {Role.HEAD}),
        (somebody("h", "regulator", division="330226104"), None, {Role.HEAD}),  # this item was handed over to this town
        (somebody("h", "regulator", division="330226105"), None, set()),
        (somebody("p", "operator", organisation="m"), None, {Role.PARTY}),
        (somebody("p", "operator", organisation="other"), None, set()),
    ],
)
def test_who_acts_as_what(who: Principal, officer: Officer | None, roles: set[Role]) -> None:
    assert roles_in(case(), who, officer, "m", TODAY, HANDED) == roles


def test_a_town_decides_only_what_was_handed_over_to_it() -> None:
    town = somebody("h", "regulator", division="330226104")
    assert roles_in(case(item="car-park-unfiled"), town, None, "m", TODAY, HANDED) == set()
    assert roles_in(case(), town, None, "m", TODAY, handed_over()) == set(), "nothing was, by the file"
    with pytest.raises(LawError):
        read_heads({"head": {"handed_over": [{"division": "330226104", "items": [], "source": ""}]}})


FINE = Said(reason="r", sanction="fine", fine_fen=20_000_00, place="p", rights_told=True, manner="direct")


@pytest.mark.parametrize(
    ("party", "item", "said", "failed"),
    [
        ("organisation", "car-park-unfiled", replace(FINE, fine_fen=3_000_00), []),
        ("organisation", "car-park-stopped", replace(FINE, fine_fen=10_000_00), ["ceiling"]),
        ("citizen", "car-park-unfiled", replace(FINE, fine_fen=3_000_00), ["ceiling"]),
        ("citizen", "car-park-unfiled", replace(FINE, fine_fen=200_00), []),
        ("citizen", "car-park-unfiled", replace(FINE, fine_fen=200_01), ["ceiling"]),
        ("organisation", "car-park-unfiled", replace(FINE, fine_fen=3_000_01), ["ceiling"]),
        ("organisation", "car-park-unfiled", replace(FINE, sanction="closure", fine_fen=0), ["ceiling"]),
        ("organisation", "car-park-unfiled", replace(FINE, sanction="warning", fine_fen=0), []),
        ("organisation", "car-park-unfiled", replace(FINE, also=("warning",), fine_fen=3_000_00), []),
        (
            "organisation",
            "car-park-unfiled",
            replace(FINE, also=("confiscation_of_gains",), fine_fen=1_00),
            ["ceiling"],
        ),
    ],
)
def test_ceilings_on_the_spot(party: str, item: str, said: Said, failed: list[str]) -> None:
    line = step(State.LEAD, Command.PUNISH_ON_THE_SPOT)
    assert unmet(case(item=item, party_kind=party), said, TODAY, line) == failed


@pytest.mark.parametrize("command", [Command.CONCLUDE, Command.DECIDE])
def test_a_fine_outside_of_the_middle_needs_grounds_of_its_own(command: Command) -> None:
    state = State.FILED if command == Command.CONCLUDE else State.NOTIFIED
    for said, codes in (
        (FINE, []),
        (replace(FINE, fine_fen=30_000_00), ["needs_reasons"]),
        (replace(FINE, fine_fen=30_000_00, grounds="屡教不改"), []),
        (replace(FINE, fine_fen=10_000_00), ["needs_reasons"]),
    ):
        found = against(catalogue(), case(state), said, TODAY, step(state, command))
        assert [refusal.code for refusal in found] == codes


def test_no_decision_on_telemetry_alone() -> None:
    found = case(pieces=(Piece("electronic", "telemetry", officers=2),))
    for state, command in (
        (State.LEAD, Command.PUNISH_ON_THE_SPOT),
        (State.FILED, Command.CONCLUDE),
        (State.NOTIFIED, Command.DECIDE),
    ):
        refused = against(catalogue(), found, FINE, TODAY, step(state, command))
        assert [refusal.code for refusal in refused] == ["telemetry_only"]


DECIDE, ASK = step(State.NOTIFIED, Command.DECIDE), step(State.NOTIFIED, Command.ASK_HEARING)
SMALL = {
    "sanction": "fine",
    "fine_fen": 20_000_00,
    "notified_fine_fen": 20_000_00,
    "notified_on": TODAY,
    "discussed": True,
}
LARGE = {**SMALL, "fine_fen": 50_000_00, "notified_fine_fen": 50_000_00}


@pytest.mark.parametrize(
    ("facts", "days", "failed"),
    [
        (SMALL, 0, ["statement_over"]),
        (SMALL, 3, ["statement_over"]),
        (SMALL, 4, []),
        ({**SMALL, "defended": True}, 0, []),
        ({**LARGE, "defended": True}, 5, ["statement_over"]),
        (LARGE, 6, []),
        ({**LARGE, "hearing_on": TODAY, "hearing_reviewed": True}, 0, []),
        ({**LARGE, "hearing_on": TODAY}, 0, ["hearing_reviewed"]),
        ({**SMALL, "notified_on": None}, 9, ["statement_over"]),
    ],
)
def test_nobody_is_decided_against_before_his_time_is_over(facts: dict[str, Any], days: int, failed: list[str]) -> None:
    found = case(State.NOTIFIED, facts=facts)
    said = replace(FINE, fine_fen=found.facts.fine_fen)
    assert unmet(found, said, add_working_days(TODAY, days), DECIDE) == failed


@pytest.mark.parametrize(
    ("facts", "days", "failed"),
    [(SMALL, 0, ["hearing_right"]), (LARGE, 5, []), (LARGE, 6, ["hearing_in_time"])],
)
def test_who_may_ask_for_a_hearing_and_when(facts: dict[str, Any], days: int, failed: list[str]) -> None:
    found = case(State.NOTIFIED, facts=facts)
    assert unmet(found, Said(reason="r"), add_working_days(TODAY, days), ASK) == failed


@pytest.mark.parametrize(
    ("command", "on", "failed"),
    [
        (Command.WITHDRAW_HEARING, None, []),
        (Command.FORFEIT_HEARING, None, ["hearing_called"]),
        (Command.FORFEIT_HEARING, TODAY + timedelta(days=1), ["hearing_called"]),
        (Command.FORFEIT_HEARING, TODAY, []),
    ],
)
def test_a_hearing_that_is_given_up_stands_in_no_ones_way(command: Command, on: date | None, failed: list[str]) -> None:
    found, line = case(State.HEARING, facts={**LARGE, "hearing_on": on}), step(State.HEARING, command)
    assert unmet(found, Said(reason="r"), TODAY, line) == failed
    after = moved(found, line, Said(reason="r"), "r", TODAY)
    notified = replace(found, state=after.state, facts=after.facts)
    said = replace(FINE, fine_fen=50_000_00)
    assert unmet(notified, said, TODAY, DECIDE) == ["statement_over"], "its statement is still its right"
    assert unmet(notified, said, add_working_days(TODAY, 4), DECIDE) == []
    assert unmet(notified, Said(reason="r"), TODAY, ASK) == ["hearing_wanted"]


def test_a_hearing_is_told_seven_working_days_ahead() -> None:
    line = step(State.HEARING, Command.CALL_HEARING)
    for days, failed in ((7, ["hearing_notice"]), (8, [])):
        said = Said(on=add_working_days(TODAY, days), place="p")
        assert unmet(case(State.HEARING), said, TODAY, line) == failed


@pytest.mark.parametrize(
    ("said", "facts", "failed"),
    [
        (FINE, {}, []),
        (replace(FINE, fine_fen=10_000_00), {}, []),
        (replace(FINE, fine_fen=20_000_01), {}, ["not_aggravated"]),
        (replace(FINE, sanction="closure", fine_fen=0), {}, ["not_aggravated"]),
        (replace(FINE, also=("warning",)), {}, ["not_aggravated"]),
        (FINE, {"also": ("warning",)}, []),
        (replace(FINE, gains_fen=2), {"also": ("confiscation_of_gains",), "gains_fen": 1}, ["not_aggravated"]),
        (
            replace(FINE, fine_fen=50_000_00),
            {"notified_fine_fen": 50_000_00, "discussed": False, "hearing_on": TODAY, "hearing_reviewed": True},
            ["discussed"],
        ),
    ],
)
def test_a_decision_is_no_worse_than_what_was_told(said: Said, facts: dict[str, Any], failed: list[str]) -> None:
    found = case(State.NOTIFIED, facts={**SMALL, "defended": True, **facts})
    assert unmet(found, said, TODAY, DECIDE) == failed


@pytest.mark.parametrize("state", [State.NOTIFIED, State.HEARD])
def test_what_a_statement_brings_is_looked_into_and_told_afresh(state: State) -> None:
    period = {"filed_on": TODAY, "decide_by": TODAY + timedelta(days=90), "reviewers": ("r1", "r2", "r3")}
    found = case(state, facts={**SMALL, **period, "defended": True, "hearing_on": TODAY, "hearing_given_up": True})
    after = moved(found, step(state, Command.REINVESTIGATE), Said(reason="r"), "h", TODAY)
    assert (after.state, after.due_on, after.period) == (State.FILED, TODAY + timedelta(days=90), "decision")
    assert after.facts == replace(
        found.facts, notified_on=None, notified_fine_fen=0, defended=False, hearing_on=None, hearing_given_up=False, discussed=False
    )  # fmt: skip
    heavier = replace(FINE, fine_fen=30_000_00, grounds="g")
    concluded = moved(found.with_(after.facts), step(State.FILED, Command.CONCLUDE), heavier, "a", TODAY)
    reviewed, notify = replace(found, state=State.REVIEWED, facts=concluded.facts), step(State.REVIEWED, Command.NOTIFY)
    told = moved(reviewed, notify, Said(on=TODAY), "a", TODAY)
    said_to = replace(found, state=State.NOTIFIED, facts=told.facts)
    assert unmet(said_to, heavier, TODAY, DECIDE) == ["statement_over"], "nobody is decided against on an old statement"
    assert unmet(said_to, heavier, add_working_days(TODAY, 4), DECIDE) == []


@pytest.mark.parametrize(("state", "command"), [(State.LEAD, Command.ORDER), (State.HEARING, Command.CALL_HEARING)])
def test_the_day_that_a_form_proposes_is_none_that_is_refused(state: State, command: Command) -> None:
    found = case(state, "car-park-unfiled", facts={"hearing_asked": True})
    proposed = first_days(found, TODAY)[command]
    assert unmet(found, Said(reason="r", on=proposed, place="p"), TODAY, step(state, command)) == []
    assert unmet(found, Said(reason="r", on=TODAY, place="p"), TODAY, step(state, command)) != []


def test_what_is_missing_is_named() -> None:
    line = step(State.LEAD, Command.PUNISH_ON_THE_SPOT)
    assert missing(Said(), line) == ["reason", "sanction", "place", "rights_told", "manner"]
    assert missing(FINE, line) == []


@pytest.mark.parametrize(
    ("since", "item", "failed"),
    [
        (TODAY - timedelta(days=9), "car-park-unfiled", []),
        (TODAY - timedelta(days=999), "car-park-unfiled", ["guidance"]),
        (None, "car-park-unfiled", ["guidance"]),
        (None, "price-not-shown", []),  # our organ may do no more than advise here
        (None, "repair-overdue", []),
        (TODAY, "fire-equipment", ["no_basis"]),
        (TODAY, "safety-equipment", ["no_basis"]),
        (TODAY, "car-park-stopped", ["no_basis"]),
    ],
)
def test_guidance_has_its_basis_and_its_time(since: date | None, item: str, failed: list[str]) -> None:
    found, line, said = (
        case(item=item, facts={"business_since": since}),
        step(State.LEAD, Command.GUIDE),
        Said(reason="r"),
    )
    law = [refusal.code for refusal in against(catalogue(), found, said, TODAY, line)]
    assert law or unmet(found, said, TODAY, line) == failed
    assert not law or law == failed


@pytest.mark.parametrize("command", [Command.ORDER, Command.PROPOSE, Command.PUNISH_ON_THE_SPOT])
@pytest.mark.parametrize(
    ("since", "item", "guided", "failed"),
    [
        (TODAY, "car-park-unfiled", False, ["guided_first"]),
        (TODAY, "car-park-unfiled", True, []),
        (TODAY - timedelta(days=999), "car-park-unfiled", False, []),
        (TODAY, "car-park-stopped", False, []),  # its basis carries no advice
        (TODAY, "estate-wiring", False, []),  # danger is never only guided
    ],
)
def test_in_the_grace_period_guidance_comes_first(
    command: Command, since: date, item: str, guided: bool, failed: list[str]
) -> None:
    found = case(item=item, facts={"business_since": since, "guided": guided})
    said = replace(FINE, fine_fen=3_000_00, procedure="general", on=TODAY + timedelta(days=1))
    against_it = unmet(found, said, TODAY, step(State.LEAD, command))
    assert [name for name in against_it if name == "guided_first"] == failed


SIGNED = Piece("documentary", "inspector", 1, place=3, title="签收单", collected_on=TODAY)
SERVING = [
    ({"manner": "direct"}, {}, []),
    ({"manner": "left"}, {}, ["witnessed"]),
    ({"manner": "left", "people": ("王某",)}, {}, []),
    ({"manner": "electronic"}, {}, ["address_confirmed"]),
    ({"manner": "electronic"}, {"address": "a@b.cn"}, []),
    ({"manner": "public_notice"}, {}, ["notice_over"]),
    ({"manner": "public_notice", "on": TODAY - timedelta(days=30)}, {}, []),
    ({"manner": "post", "proof": 1}, {}, ["proved"]),
]


@pytest.mark.parametrize(("words", "facts", "failed"), SERVING)
def test_a_service_has_its_manner_and_its_proof(
    words: dict[str, Any], facts: dict[str, Any], failed: list[str]
) -> None:
    """What is left needs a witness, what goes electronically a confirmed address, what is made public its thirty days."""
    old = Piece("record", "inspector", 2, place=1, collected_on=TODAY - timedelta(days=41))
    decided = {"decided_on": TODAY - timedelta(days=40), "reviewed_on": TODAY - timedelta(days=40), **facts}
    said = Said(**{"on": TODAY, "proof": 3, **words})
    later = ("notice_over", "proved")  # a notice is told of beforehand
    for state, command, without in ((State.DECIDED, Command.SERVE, ()), (State.REVIEWED, Command.NOTIFY, later)):
        found = case(state, facts=decided, act_on=date(2026, 1, 1), found_on=date(2026, 1, 1), pieces=(old, SIGNED))
        assert unmet(found, said, TODAY, step(state, command)) == [name for name in failed if name not in without]


def test_what_was_made_public_is_served_when_the_notice_has_run() -> None:
    found = case(State.DECIDED, facts={"decided_on": TODAY, "fine_fen": 1}, pieces=(SIGNED,))
    said = Said(on=TODAY, manner="public_notice", proof=3)
    day, line = TODAY + timedelta(days=31), step(State.DECIDED, Command.SERVE)
    served = moved(found, line, said, "a", day).facts
    assert (served.served_on, served.pay_by) == (date(2026, 10, 16), date(2026, 11, 2))
    issue = Issue("局", "某公司", (), "a", day)
    receipt = content("service", issue, found, found.with_(served), line, said)["paragraphs"][2]
    assert receipt == "送达日期：2026年10月16日（2026年9月16日公告，期满视为送达）。送达方式：公告送达。"


@pytest.mark.parametrize(
    ("day", "defended", "refused"),
    [(date(2026, 10, 16), False, True), (date(2026, 10, 21), False, True), (date(2026, 10, 22), False, False),
     (date(2026, 9, 20), True, False)],
)  # fmt: skip
def test_a_notice_that_is_made_public_is_issued_that_day_and_the_partys_time_runs_from_its_end(
    day: date, defended: bool, refused: bool
) -> None:
    found = case(State.REVIEWED, facts={"reviewed_on": TODAY, "sanction": "fine", "fine_fen": 3_000_00})
    told = moved(found, step(State.REVIEWED, Command.NOTIFY), Said(on=TODAY, manner="public_notice"), "a", TODAY).facts
    assert told.notified_on == date(2026, 10, 16)
    before = replace(found, state=State.NOTIFIED, facts=replace(told, defended=defended))
    line, said = step(State.NOTIFIED, Command.DECIDE), Said(reason="r", sanction="fine", fine_fen=3_000_00)
    assert ("statement_over" in unmet(before, said, day, line)) is refused
    after = before.with_(moved(before, line, said, "h", day).facts)
    text = "".join(content("decision", Issue("局", "某", (), "h", day), before, after, line, said)["paragraphs"])
    assert f"本机关于2026年{'9月20日' if defended else '10月16日'}将拟作出的处罚" in text


def test_a_notice_that_is_posted_is_issued_that_day_and_the_partys_time_runs_from_its_arrival() -> None:
    found = case(State.REVIEWED, facts={"reviewed_on": TODAY, "sanction": "fine", "fine_fen": 3_000_00})
    told = moved(found, step(State.REVIEWED, Command.NOTIFY), Said(on=TODAY, manner="post"), "a", TODAY).facts
    assert (told.posted_on, told.notified_on) == (TODAY, None)
    grave, post = (
        found.with_(replace(told, fine_fen=50_000_00, notified_fine_fen=50_000_00)),
        step(State.REVIEWED, Command.NOTIFY),
    )
    paper = content("notice", Issue("局", "某公司", (), "a", TODAY), found, grave, post, Said(on=TODAY, manner="post"))
    assert "自收到本告知书之日起五个工作日内要求听证" in "".join(paper["paragraphs"]), (
        "no day is named that nobody knows yet"
    )
    receipt = Piece("documentary", "inspector", 1, place=3, title="邮件回执", collected_on=TODAY + timedelta(days=3))
    early = replace(receipt, place=1, collected_on=TODAY - timedelta(days=1))
    sent = replace(found, state=State.NOTIFIED, facts=told, pieces=(early, receipt))
    day, decide = TODAY + timedelta(days=60), Said(reason="r", sanction="fine", fine_fen=3_000_00)
    again, public = step(State.NOTIFIED, Command.NOTIFY), Said(on=TODAY + timedelta(days=9), manner="public_notice")
    assert unmet(sent, public, day, again) == [], "what came back is served again, in another manner"
    renewed = sent.with_(moved(sent, again, public, "a", day).facts)
    assert (renewed.facts.posted_on, renewed.facts.notified_on) == (None, date(2026, 10, 25))
    for heard in (renewed, sent.with_(replace(told, defended=True)), sent.with_(replace(told, notified_on=TODAY))):
        assert unmet(heard, public, day, again) == ["unreached"]
    offered = {
        o.command: o.against
        for o in offers(
            catalogue(), sent.with_(replace(told, posted_on=None, notified_on=TODAY)), {Role.OFFICER}, "a", day
        )
    }
    assert [[r.code for r in offered[c]] for c in (Command.NOTIFY, Command.RECORD_ARRIVAL)] == [
        ["unreached"],
        ["posted"],
    ]
    assert "statement_over" in unmet(sent, decide, day, step(State.NOTIFIED, Command.DECIDE))
    arrive, on = step(State.NOTIFIED, Command.RECORD_ARRIVAL), TODAY + timedelta(days=3)
    for said, refused in (
        (Said(on=TODAY - timedelta(days=1), proof=3), ["posted"]),
        (Said(on=day + timedelta(days=1), proof=3), ["posted"]),
        (Said(on=on, proof=1), ["notice_proved"]),
        (Said(on=on), ["notice_proved"]),
        (Said(on=on, proof=3), []),
    ):
        assert unmet(sent, said, day, arrive) == refused
    said = Said(on=on, proof=3)
    after = sent.with_(moved(sent, arrive, said, "a", day).facts)
    assert after.facts.notified_on == on
    issued = content("notice_service", Issue("局", "某公司", (), "a", day), sent, after, arrive, said)["paragraphs"]
    assert issued[1:] == [
        "送达文书：2026年9月16日交邮的行政处罚事先告知书。", "送达日期：2026年9月19日。送达方式：邮寄送达。",
        "送达证明：证据第3号《邮件回执》。",
    ]  # fmt: skip
    assert "statement_over" not in unmet(after, decide, day, step(State.NOTIFIED, Command.DECIDE))
    assert unmet(after, said, day, arrive) == ["posted"], "once"


def test_a_decision_names_what_the_notice_named_and_what_the_party_brought_itself() -> None:
    seen = Piece("record", "inspector", 2, place=1, title="现场笔录")
    later = Piece("audiovisual", "inspector", 2, place=2, title="补拍照片")
    brought = Piece("documentary", "party", 1, place=3, title="申辩材料")
    found = case(State.REVIEWED, facts={"reviewed_on": TODAY, **FINED}, pieces=(seen, replace(RECORDED, content=None)))

    def after(before: Case, command: Command, said: Said) -> tuple[Case, str]:
        line = step(before.state, command)
        made = moved(before, line, said, "x", TODAY)
        now = replace(before, state=made.state, facts=made.facts)
        issue = Issue("局", "某公司", (), "x", TODAY)
        return now, "".join(
            content(line.document, issue, before, now, line, said)["paragraphs"]
        ) if line.document else ""

    notified, notice = after(found, Command.NOTIFY, Said(on=TODAY, manner="direct"))
    assert "上述事实有下列证据：1.《现场笔录》。" in notice
    heard = replace(notified, pieces=(seen, later, brought, replace(RECORDED, place=4, title="后审录像")))
    fine = Said(reason="r", sanction="fine", fine_fen=3_000_00)
    assert "证明：1.《现场笔录》；2.《申辩材料》。" in after(heard, Command.DECIDE, fine)[1]
    line = step(State.NOTIFIED, Command.DECIDE)
    assert "evidence_told" not in unmet(heard, fine, TODAY, line)
    assert "evidence_told" in unmet(replace(heard, pieces=(replace(seen, officers=1), later)), fine, TODAY, line)
    anew = after(heard, Command.REINVESTIGATE, Said(reason="r"))[0]
    assert (anew.facts.told, anew.relied_on) == (None, heard.pieces), "a new notice names what there is by then"
    served_again = replace(heard, facts=replace(heard.facts, posted_on=TODAY, notified_on=None))
    assert "2.《补拍照片》" in after(served_again, Command.NOTIFY, Said(on=TODAY, manner="direct"))[1]


# What is written down afterwards: (facts, state, command), the first day that it may have, and what refuses the day before.
AFTERWARDS = [
    ({"reviewed_on": TODAY}, State.REVIEWED, Command.NOTIFY, "since_reviewed"),
    ({"decided_on": TODAY}, State.DECIDED, Command.SERVE, "since_decided"),
    ({"served_on": TODAY, "fine_fen": 1}, State.SERVED, Command.PAY, "since_served"),
    (
        {"served_on": TODAY, "fine_fen": 1, "pay_by": TODAY - timedelta(days=9)},
        State.SERVED,
        Command.DEMAND,
        "since_served",
    ),
    ({"served_on": TODAY}, State.SERVED, Command.APPEAL, "since_served"),
    ({"appeals": (Appeal("review", TODAY),)}, State.SERVED, Command.END_APPEAL, "since_appeal"),
]


@pytest.mark.parametrize(("facts", "state", "command", "condition"), AFTERWARDS)
def test_nothing_is_dated_before_what_it_follows(
    facts: dict[str, Any], state: State, command: Command, condition: str
) -> None:
    found, today = (
        case(state, facts=facts, act_on=date(2026, 1, 1), found_on=date(2026, 1, 1), pieces=(SIGNED,)),
        TODAY + timedelta(days=3),
    )
    for days, failed in ((-1, [condition]), (0, []), (3, []), (4, [condition])):
        said = Said(on=TODAY + timedelta(days=days), remedy="review", outcome="upheld", proof=SIGNED.place)
        assert unmet(found, said, today, step(state, command)) == failed, days


def test_what_has_ended_is_not_extended() -> None:
    wish = Said(reason="r", on=TODAY + timedelta(days=30))
    for state, command, fact in (
        (State.ORDERED, Command.EXTEND_ORDER, {"order_due": TODAY}),
        (State.FILED, Command.EXTEND, {"filed_on": date(2026, 6, 18), "decide_by": TODAY}),
    ):
        found, line = case(state, facts=fact), step(state, command)
        assert unmet(found, wish, TODAY, line) == []
        assert unmet(found, wish, TODAY + timedelta(days=1), line) == ["still_runs"]


def test_what_ends_without_a_penalty_is_proposed_by_officers_and_decided_by_the_head() -> None:
    dismiss, ask = step(State.LEAD, Command.DISMISS), step(State.LEAD, Command.ASK_END)
    said = Said(reason="r")
    assert unmet(case(), said, TODAY, dismiss) == ["end_asked"]
    asked = case().with_(moved(case(), ask, said, "a", TODAY).facts)
    assert unmet(asked, said, TODAY, dismiss) == []
    assert unmet(asked, said, TODAY, ask) == ["end_unasked"]
    ordered = moved(asked, step(State.LEAD, Command.ORDER), Said(on=TODAY + timedelta(days=9)), "a", TODAY)
    assert not ordered.facts.end_asked


def test_an_archived_case_keeps_its_end_and_its_remedies() -> None:
    closed = case(State.CLOSED, facts={**SERVED, "decided_on": TODAY})
    line = step(State.CLOSED, Command.ARCHIVE)
    after = moved(closed, line, Said(), "a", TODAY)
    archived = replace(closed, facts=after.facts)
    assert (after.state, after.facts.archived_on) == (State.CLOSED, TODAY)
    assert unmet(archived, Said(), TODAY, line) == ["unarchived"]
    appeal = Said(remedy="review", on=TODAY)
    assert unmet(archived, appeal, TODAY, step(State.CLOSED, Command.APPEAL)) == []
    revoked = moved(archived, step(State.CLOSED, Command.REVOKE), Said(reason="r"), "h", TODAY)
    assert (revoked.state, revoked.facts.archived_on) == (State.REVOKED, None)


@pytest.mark.parametrize("command", [Command.PROPOSE, Command.PUNISH_ON_THE_SPOT])
def test_what_the_law_obliges_not_to_punish_is_not_punished(command: Command) -> None:
    mended = {"order_due": TODAY, "mended_on": TODAY, "harm": "none", "minor": True}
    said = replace(FINE, fine_fen=3_000_00, procedure="general")
    line = step(State.RECHECKED, command)
    assert unmet(case(State.RECHECKED, facts=mended), said, TODAY, line)[:1] == ["not_obliged"]
    assert "not_obliged" not in unmet(case(State.RECHECKED, facts={**mended, "minor": False}), said, TODAY, line)


def test_a_first_violation_that_was_mended_in_time_is_excused_and_a_second_is_not() -> None:
    mended = {"order_due": TODAY, "mended_on": TODAY, "harm": "slight"}
    mended |= {"end_asked": True}
    line = step(State.RECHECKED, Command.EXCUSE)
    first = case(State.RECHECKED, "car-park-unfiled", facts=mended)
    assert unmet(first, Said(reason="r"), TODAY, line) == []
    assert unmet(replace(first, earlier=(TODAY - timedelta(days=30),)), Said(reason="r"), TODAY, line) == ["mercy"]
    late = case(State.RECHECKED, "car-park-unfiled", facts={**mended, "mended_on": TODAY + timedelta(days=1)})
    assert unmet(late, Said(reason="r"), TODAY, line) == ["mercy"]


def test_what_was_mended_only_after_a_second_order_is_punished() -> None:
    mended = {"order_due": TODAY, "mended_on": TODAY, "harm": "none", "minor": True, "ordered": True, "end_asked": True}
    found = case(State.RECHECKED, "car-park-unfiled", facts=mended)
    assert unmet(found, Said(reason="r"), TODAY, step(State.RECHECKED, Command.EXCUSE)) == ["mercy"]
    said = replace(FINE, fine_fen=3_000_00, procedure="general")
    assert unmet(found, said, TODAY, step(State.RECHECKED, Command.PROPOSE)) == []


@pytest.mark.parametrize("state", [State.DISMISSED, State.DECIDED, State.TRANSFERRED])
def test_what_is_kept_is_given_back_also_where_the_case_has_gone_on_or_ended(state: State) -> None:
    found, wish = case(state, facts={"kept_on": TODAY, "decided_on": TODAY}), Said(reason="r")
    assert unmet(found, wish, TODAY, step(state, Command.DISPOSE)) == []
    if state != State.DECIDED:
        assert unmet(found, wish, TODAY, step(state, Command.ARCHIVE)) == ["nothing_kept"]
    after = moved(found, step(state, Command.DISPOSE), wish, "h", TODAY)
    assert (after.state, after.facts.kept_on, after.period) == (
        state,
        None,
        "service" if state == State.DECIDED else None,
    )


@pytest.mark.parametrize(("days_late", "ordered", "failed"), [(0, False, ["punishable"]), (1, True, [])])
def test_who_mends_after_the_last_day_of_an_order_has_not_followed_it(
    days_late: int, ordered: bool, failed: list[str]
) -> None:
    found, day = case(State.ORDERED, "car-park-unfiled", facts={"order_due": TODAY}), TODAY + timedelta(days=9)
    said = Said(reason="r", on=TODAY + timedelta(days=days_late), harm="serious")
    after = moved(found, step(State.ORDERED, Command.CONFIRM_MENDED), said, "a", day)
    assert after.facts.ordered is ordered
    rechecked = replace(found, state=after.state, facts=after.facts)
    assert unmet(rechecked, Said(procedure="general"), day, step(State.RECHECKED, Command.PROPOSE)) == failed
    spot = offers(catalogue(), rechecked, {Role.OFFICER}, "a", day)
    assert [not o.against for o in spot if o.command == Command.PUNISH_ON_THE_SPOT] == [ordered]


def test_what_is_paid_more_than_review_left_of_a_fine_can_be_closed_after_the_demand_too() -> None:
    facts = {
        **SERVED,
        "demanded_on": TODAY,
        "paid": (Payment(TODAY, 500_00, "1"),),
        "appeals": (Appeal("review", TODAY),),
    }
    said = Said(reason="r", on=TODAY, outcome="changed", fine_fen=400_00)
    found = case(State.DEMANDED, facts=facts)
    after = moved(found, step(State.DEMANDED, Command.END_APPEAL), said, "h", TODAY)
    assert after.state == State.DEMANDED
    assert unmet(found.with_(after.facts), Said(), TODAY, step(State.DEMANDED, Command.CLOSE)) == []
    assert unmet(found, Said(), TODAY, step(State.DEMANDED, Command.CLOSE)) == ["nothing_to_pay"]


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        (replace(FINE, procedure="fast", admitted=True, fine_fen=10_000_00), []),
        (replace(FINE, procedure="fast", admitted=True, fine_fen=10_000_01), ["fast_if_clear"]),
        (replace(FINE, procedure="fast"), ["fast_if_clear"]),
        (replace(FINE, procedure="general"), []),
    ],
)
def test_the_fast_track(said: Said, failed: list[str]) -> None:
    assert unmet(case(), said, TODAY, step(State.LEAD, Command.PROPOSE)) == failed


def test_thresholds_of_legal_review() -> None:
    levels = thresholds().levels_of
    assert [levels(kind, "organisation", Imposed(("fine",), 1_000_00)) for kind in ("fast", "general")] == [2, 3]
    assert levels("fast", "organisation", Imposed(("fine",), 50_000_00)) == 4
    assert levels("general", "citizen", Imposed(("closure",))) == 4
    assert levels("general", "citizen", Imposed(("fine", "closure"), 1)) == 4
    assert levels("general", "organisation", Imposed(("fine", "confiscation_of_gains"), 1_000_00, 50_000_00)) == 4


@pytest.mark.parametrize(
    ("kind", "number", "same_as"),
    [
        ("id_card", "11010519491231002X", "１１０１０５ 1949-1231 002x"),
        ("passport", "E12345678", "e1234 5678"),
        ("other", "AB123", "ab-123"),
    ],
)
def test_an_identity_document_is_found_again_and_its_number_is_not_kept(kind: str, number: str, same_as: str) -> None:
    identities = Identities("s" * 32)
    found = identities.of(kind, number)
    assert found is not None
    assert found == identities.of(kind, same_as)
    assert found.tail == number[-4:]
    assert number not in repr(found)
    others = (Identities("t" * 32).of(kind, number), identities.of("taiwan_permit", number))
    assert found.key not in {other.key for other in others if other is not None}
    with pytest.raises(Unavailable):
        Identities(None).of(kind, number)


@pytest.mark.parametrize(
    ("kind", "number", "field"),
    [
        ("id_card", "110105194912310021", "document_number"),
        ("id_card", "11010519490231002X", "document_number"),
        ("id_card", "1101051949123100", "document_number"),
        ("passport", "E1", "document_number"),
        ("library_card", "E12345678", "document_kind"),
    ],
)
def test_what_is_no_identity_document_is_refused_by_name(kind: str, number: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Identities("s" * 32).of(kind, number)
    assert [each.field for each in refused.value.fields] == [field]


def test_no_document_is_no_identity() -> None:
    assert Identities(None).of("", " ") is None


# --- execution --------------------------------------------------------------------------------------------------

SERVED = {
    "sanction": "fine",
    "fine_fen": 1_000_00,
    "served_on": TODAY,
    "pay_by": TODAY + timedelta(days=15),
    "noted": True,
}


def served(**facts: Any) -> Case:
    return case(State.SERVED, facts={**SERVED, **facts})


def test_payment_in_parts_ends_with_the_last_fen() -> None:
    line = step(State.SERVED, Command.PAY)
    first = moved(served(), line, Said(amount_fen=400_00, on=TODAY, receipt="1"), "a", TODAY)
    assert (first.state, first.facts.paid) == (State.SERVED, (Payment(TODAY, 400_00, "1"),))
    after = replace(served(), facts=first.facts)
    assert moved(after, line, Said(amount_fen=600_00, on=TODAY, receipt="2"), "a", TODAY).state == State.PAID
    assert moved(after, line, Said(amount_fen=599_99, on=TODAY, receipt="2"), "a", TODAY).state == State.SERVED


@pytest.mark.parametrize(
    ("facts", "days_late", "owed"),
    [
        ({}, 0, 1_000_00),
        ({}, 1, 1_030_00),
        ({}, 33, 1_990_00),
        ({}, 34, 2_000_00),
        ({}, 400, 2_000_00),
        ({"appeals": (Appeal("review", TODAY + timedelta(days=16), TODAY + timedelta(days=25)),)}, 20, 1_300_00),
        ({"appeals": (Appeal("litigation", TODAY),)}, 300, 1_000_00),
        ({"paid": (Payment(TODAY, 500_00, "1"),)}, 10, 650_00),
        ({"paid": (Payment(TODAY + timedelta(days=25), 1_000_00, "1"),)}, 99, 300_00),
        ({"paid": (Payment(TODAY + timedelta(days=45), 500_00, "1"),)}, 34, 500_00 + 450_00 + 510_00),
        ({"paid": (Payment(TODAY + timedelta(days=45), 500_00, "1"),)}, 99, 500_00 + 1_000_00),
    ],
)
def test_what_is_owed(facts: dict[str, Any], days_late: int, owed: int) -> None:
    assert owed_fen(served(**facts), TODAY + timedelta(days=15 + days_late)) == owed


@given(
    st.integers(1, 10**8),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 10**7)), max_size=6),
    st.integers(0, 400),
)
def test_a_surcharge_never_exceeds_the_fine_and_never_shrinks(
    fine: int, paid: list[tuple[int, int]], days: int
) -> None:
    payments = tuple(Payment(TODAY + timedelta(days=n), fen, str(n)) for n, fen in paid)
    found = served(fine_fen=fine, paid=payments)
    total = sum(payment.fen for payment in payments)
    owed = [owed_fen(found, TODAY + timedelta(days=301 + n)) for n in (0, days)]
    assert owed[0] <= owed[1] <= 2 * fine - total


PLAN = (Instalment(TODAY + timedelta(days=30), 400_00), Instalment(TODAY + timedelta(days=60), 600_00))


@pytest.mark.parametrize(
    ("plan", "paid", "day", "failed"),
    [
        (PLAN, (), 0, []),
        (PLAN, (), 15, []),
        (PLAN, (), 16, ["payment_not_late"]),
        (PLAN[:1], (), 0, ["plan_covers"]),
        (PLAN[:1], (Payment(TODAY, 600_00, "1"),), 0, []),
        (PLAN, (Payment(TODAY, 1, "1"),), 0, ["plan_covers"]),
        (PLAN[::-1], (), 0, ["plan_ahead"]),
        ((Instalment(TODAY, 1_000_00),), (), 0, ["plan_ahead"]),
        ((*PLAN, Instalment(TODAY + timedelta(days=90), 0)), (), 0, ["plan_covers"]),
    ],
)
def test_which_instalments_are_allowed(
    plan: tuple[Instalment, ...], paid: tuple[Payment, ...], day: int, failed: list[str]
) -> None:
    line = step(State.SERVED, Command.ALLOW_INSTALMENTS)
    assert unmet(served(paid=paid), Said(reason="r", plan=plan), TODAY + timedelta(days=day), line) == failed


@pytest.mark.parametrize(
    ("paid", "days", "owed", "due"),
    [
        ((), 30, 1_000_00, 30),
        ((), 40, 1_120_00, 30),  # ten days on the first part alone
        ((), 70, 1_000_00 + 480_00 + 180_00, 30),
        ((), 900, 2_000_00, 30),
        ((Payment(TODAY + timedelta(days=30), 400_00, "1"),), 60, 600_00, 60),
        ((Payment(TODAY + timedelta(days=40), 400_00, "1"),), 60, 720_00, 60),
        ((Payment(TODAY + timedelta(days=1), 1_000_00, "1"),), 900, 0, 60),
    ],
)
def test_a_part_that_is_late_costs_more_by_itself(paid: tuple[Payment, ...], days: int, owed: int, due: int) -> None:
    found = served(plan=PLAN, paid=paid)
    assert owed_fen(found, TODAY + timedelta(days=days)) == owed
    assert found.facts.payment_due == TODAY + timedelta(days=due)


def test_a_plan_keeps_what_was_paid_before_it() -> None:
    found = served(paid=(Payment(TODAY, 600_00, "1"),))
    line, day = step(State.SERVED, Command.ALLOW_INSTALMENTS), TODAY + timedelta(days=2)
    after = moved(found, line, Said(reason="r", plan=PLAN[:1]), "h", day)
    assert after.facts.plan == (Instalment(day, 600_00), PLAN[0])
    assert (after.due_on, after.period) == (PLAN[0].on, "payment")
    assert owed_fen(found.with_(after.facts), TODAY + timedelta(days=31)) == 412_00


def test_nobody_pays_more_than_is_owed() -> None:
    line = step(State.SERVED, Command.PAY)
    for fen, failed in ((1_000_00, []), (1_000_01, ["not_overpaid"])):
        assert unmet(served(), Said(amount_fen=fen, on=TODAY, receipt="1"), TODAY, line) == failed


# --- other measures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "state", "command", "facts", "refused"),
    [
        ("price-not-shown", State.LEAD, Command.REFER, {}, []),
        ("car-park-stopped", State.LEAD, Command.REFER, {}, ["no_basis"]),
        ("repair-overdue", State.LEAD, Command.TELL_SUBSIDY, {}, []),
        ("repair-overdue", State.LEAD, Command.TELL_SUBSIDY, {"subsidy_told_on": TODAY}, ["subsidy_untold"]),
        ("car-park-stopped", State.LEAD, Command.TELL_SUBSIDY, {}, ["subsidised"]),
        ("car-park-stopped", State.PAID, Command.RECORD_CREDIT, {"decided_on": TODAY}, []),
        ("car-park-stopped", State.PAID, Command.RECORD_CREDIT, {"decided_on": TODAY, "credited_on": TODAY}, ["uncredited"]),
        (
            "car-park-stopped", State.PAID, Command.RECORD_CREDIT,
            {"decided_on": TODAY, "appeals": (Appeal("review", TODAY, TODAY, "revoked"),)}, ["no_penalty_to_record"],
        ),
        ("repair-overdue", State.PAID, Command.RECORD_CREDIT, {"decided_on": TODAY}, ["credit_not_listed"]),
        ("car-park-stopped", State.PAID, Command.REPAIR_CREDIT, {"decided_on": TODAY}, ["credited", "shown_enough"]),
        (
            "car-park-stopped", State.PAID, Command.REPAIR_CREDIT,
            {"decided_on": date(2026, 6, 16), "credited_on": TODAY}, ["shown_enough"],
        ),
        ("car-park-stopped", State.PAID, Command.REPAIR_CREDIT, {"decided_on": date(2026, 6, 15), "credited_on": TODAY}, []),
        ("car-park-stopped", State.FILED, Command.KEEP, {"kept_on": TODAY}, ["nothing_kept"]),
        ("car-park-stopped", State.FILED, Command.DISPOSE, {}, ["kept"]),
        ("car-park-stopped", State.LEAD, Command.GIVE_RECEIPT, {}, ["referred_to_us"]),
        ("car-park-stopped", State.LEAD, Command.GIVE_RECEIPT, {"referred_by": "住建局"}, []),
    ],
)  # fmt: skip
def test_each_measure_has_a_basis_of_its_own(
    item: str, state: State, command: Command, facts: dict[str, Any], refused: list[str]
) -> None:
    found, line, said = (
        case(state, item, facts=facts),
        step(state, command),
        Said(reason="r", things=("桩",), place="p"),
    )
    law = [refusal.code for refusal in against(catalogue(), found, said, TODAY, line)]
    assert law + unmet(found, said, TODAY, line) == refused


def test_a_referral_goes_out_and_comes_back_with_its_receipt() -> None:
    found = case(item="price-not-shown")
    sent = moved(found, step(State.LEAD, Command.REFER), Said(reason="r"), "h", TODAY)
    assert (sent.state, sent.facts.referred_to) == (State.REFERRED, "宁海县市场监督管理局")
    referred, line = replace(found, state=State.REFERRED, facts=sent.facts), step(State.REFERRED, Command.ACKNOWLEDGE)
    assert unmet(referred, Said(on=TODAY - timedelta(days=1)), TODAY, line) == ["since_referred"]
    taken = moved(referred, line, Said(on=TODAY, receipt="市监收1"), "a", TODAY)
    assert unmet(referred.with_(taken.facts), Said(on=TODAY), TODAY, line) == ["unacknowledged"]
    back = moved(referred, step(State.REFERRED, Command.TAKE_BACK), Said(reason="r"), "h", TODAY)
    assert (back.state, back.facts.referred_to, back.facts.referral_receipt) == (State.LEAD, "", "")


@pytest.mark.parametrize("state", [State.REFERRED, State.TRANSFERRED])
def test_what_comes_back_is_a_lead_whose_order_can_be_extended_as_any(state: State) -> None:
    filed = {"filed_on": TODAY, "decide_by": TODAY + timedelta(days=90), "referred_on": TODAY}
    back = moved(case(state, facts=filed), step(state, Command.TAKE_BACK), Said(reason="r"), "h", TODAY)
    assert (back.state, back.due_on) == (State.LEAD, None)
    due = TODAY + timedelta(days=7)
    ordered = moved(case().with_(back.facts), step(State.LEAD, Command.ORDER), Said(reason="r", on=due), "a", TODAY)
    found, line = case(State.ORDERED).with_(ordered.facts), step(State.ORDERED, Command.EXTEND_ORDER)
    assert unmet(found, Said(reason="r", on=due + timedelta(days=1)), TODAY, line) == []


def test_what_is_kept_is_decided_about_first() -> None:
    filed = case(State.FILED, facts={"filed_on": TODAY, "decide_by": TODAY + timedelta(days=90)})
    kept = moved(filed, step(State.FILED, Command.KEEP), Said(reason="r"), "h", TODAY)
    assert (kept.due_on, kept.period) == (date(2026, 9, 24), "evidence_kept")
    after = moved(filed.with_(kept.facts), step(State.FILED, Command.DISPOSE), Said(reason="r"), "h", TODAY)
    assert (after.due_on, after.period) == (TODAY + timedelta(days=90), "decision")


def test_a_revoked_decision_leaves_the_credit_record() -> None:
    found = served(credited_on=TODAY)
    after = moved(found, step(State.SERVED, Command.REVOKE), Said(reason="r"), "h", TODAY)
    assert after.facts.credit_ended_on == TODAY


@pytest.mark.parametrize("outcome", ["revoked", "illegal"])
@pytest.mark.parametrize("state", [State.SERVED, State.PAID, State.CLOSED])
def test_a_decision_falls_with_the_review_or_suit_in_which_it_falls(state: State, outcome: str) -> None:
    paid = (Payment(TODAY, 1_000_00, "1"),)
    found = case(state, facts={**SERVED, "appeals": (Appeal("review", TODAY),), "credited_on": TODAY, "paid": paid})
    after = moved(found, step(state, Command.END_APPEAL), Said(reason="r", on=TODAY, outcome=outcome), "h", TODAY)
    assert (after.state, after.facts.credit_ended_on, after.due_on) == (State.REVOKED, TODAY, None)
    fallen = replace(found, state=after.state, facts=after.facts)
    assert (owed_fen(fallen, TODAY), refund_fen(fallen, TODAY)) == (-1_000_00, 1_000_00)
    for command in (Command.START_ANEW, Command.ARCHIVE):
        assert unmet(fallen, Said(reason="r"), TODAY, step(State.REVOKED, command)) == ["refunded"]
    refund, back = step(State.REVOKED, Command.REFUND), Said(reason="r", on=TODAY, amount_fen=1_000_00, receipt="2")
    assert unmet(fallen, replace(back, amount_fen=1_000_01), TODAY, refund) == ["not_refunded_more"]
    given_back = fallen.with_(moved(fallen, refund, back, "h", TODAY).facts)
    assert unmet(given_back, back, TODAY, refund) == ["to_refund", "not_refunded_more"]
    anew = moved(given_back, step(State.REVOKED, Command.START_ANEW), Said(reason="r"), "h", TODAY)
    assert (anew.state, anew.procedure) == (State.LEAD, None)
    assert anew.facts == Facts(officers=("a", "b"), investigators=("a", "b"), particulars=NAMED)


def test_what_review_takes_off_a_fine_that_was_paid_is_given_back_and_no_more() -> None:
    found = case(State.PAID, facts={**SERVED, "fine_fen": 400_00, "paid": (Payment(TODAY, 1_000_00, "1"),)})
    refund = step(State.PAID, Command.REFUND)
    assert unmet(found, Said(on=TODAY, amount_fen=600_00, receipt="2"), TODAY, refund) == []
    assert unmet(found, Said(on=TODAY, amount_fen=600_01, receipt="2"), TODAY, refund) == ["not_refunded_more"]
    assert unmet(served(), Said(on=TODAY, amount_fen=1, receipt="2"), TODAY, step(State.SERVED, Command.REFUND)) == [
        "to_refund", "not_refunded_more",
    ]  # fmt: skip
    assert unmet(found, Said(), TODAY, step(State.PAID, Command.CLOSE)) == []


def test_enforcement_waits_for_the_demand_and_for_the_remedies() -> None:
    line = step(State.DEMANDED, Command.APPLY)
    demanded = case(State.DEMANDED, facts={**SERVED, "demanded_on": TODAY + timedelta(days=20)})
    suit_ends = date(2027, 3, 16)
    wish = Said(reason="r")
    assert unmet(demanded, wish, TODAY + timedelta(days=21), line) == ["demand_over", "remedies_over"]
    assert unmet(demanded, wish, suit_ends, line) == ["remedies_over"]
    on_the_spot, review_ends = replace(demanded, procedure="simple"), date(2026, 11, 16)
    assert unmet(on_the_spot, wish, review_ends, line) == ["remedies_over"]
    assert unmet(on_the_spot, wish, review_ends + timedelta(days=1), line) == []
    assert unmet(on_the_spot, wish, date(2027, 2, 17), line) == ["remedies_over"]
    assert unmet(demanded, wish, suit_ends + timedelta(days=1), line) == []
    assert unmet(demanded, wish, date(2027, 6, 16), line) == []
    assert unmet(demanded, wish, date(2027, 6, 17), line) == ["remedies_over"]
    for remedy, last in (("review", date(2026, 12, 15)), ("litigation", date(2026, 11, 30))):
        appeals = (Appeal(remedy, TODAY, date(2026, 11, 30), "upheld"),)
        attacked = replace(demanded, facts=replace(demanded.facts, appeals=appeals))
        assert unmet(attacked, wish, last, line) == ["remedies_over"]
        assert unmet(attacked, wish, last + timedelta(days=1), line) == []
    lost = replace(demanded.facts, appeals=(Appeal("litigation", TODAY, date(2026, 11, 30), "revoked"),))
    assert unmet(replace(demanded, facts=lost), wish, date(2026, 12, 1), line) == ["stands"]
    under_way = replace(demanded, facts=replace(demanded.facts, appeals=(Appeal("review", TODAY),)))
    assert unmet(under_way, wish, suit_ends + timedelta(days=1), line) == ["remedies_over"]


def test_what_review_changes_is_no_worse_and_becomes_the_fine() -> None:
    line = step(State.SERVED, Command.END_APPEAL)
    found = served(appeals=(Appeal("review", TODAY),))
    for fen, failed in ((1_000_00, ["not_worse"]), (999_99, []), (0, [])):
        said = Said(reason="r", on=TODAY, outcome="changed", fine_fen=fen)
        assert unmet(found, said, TODAY, line) == failed
    after = moved(found, line, Said(reason="r", on=TODAY, outcome="changed", fine_fen=500_00), "h", TODAY)
    assert (after.facts.fine_fen, after.facts.appeals) == (500_00, (Appeal("review", TODAY, TODAY, "changed"),))
    assert moved(found, line, Said(reason="r", on=TODAY, outcome="upheld"), "h", TODAY).facts.fine_fen == 1_000_00


SUED = Said(remedy="litigation", on=TODAY)


@pytest.mark.parametrize(
    ("state", "facts", "command", "said", "due"),
    [
        (State.SERVED, SERVED, Command.DEMAND, Said(on=TODAY + timedelta(days=20)), (date(2026, 10, 20), "demand")),
        (State.DEMANDED, {**SERVED, "demanded_on": TODAY}, Command.APPEAL, SUED, (date(2026, 9, 30), "demand")),
        (State.DECIDED, {"decided_on": TODAY}, Command.REASSIGN, Said(officers=("b", "c")), (date(2026, 9, 24), "service")),
        (State.DECIDED, {"decided_on": TODAY, "sanction": "warning"}, Command.SERVE, Said(on=TODAY), (None, None)),
        (
            State.DEMANDED, {**SERVED, "demanded_on": TODAY}, Command.PAY, Said(on=TODAY, amount_fen=1),
            (date(2027, 6, 16), "enforcement"),
        ),
        (State.SERVED, SERVED, Command.PAY, Said(on=TODAY, amount_fen=1), (date(2026, 10, 1), "payment")),
        (State.DECIDED, {"decided_on": TODAY}, Command.REVOKE, Said(reason="r"), (None, None)),
    ],
)  # fmt: skip
def test_by_when_the_next_step_is_due(
    state: State, facts: dict[str, Any], command: Command, said: Said, due: tuple[date | None, str | None]
) -> None:
    after = moved(case(state, facts=facts), step(state, command), said, "a", TODAY + timedelta(days=25))
    assert (after.due_on, after.period) == due


def test_a_decision_on_the_spot_goes_to_review_first() -> None:
    line = step(State.SERVED, Command.APPEAL)
    simple, suit = replace(served(), procedure="simple"), Said(remedy="litigation", on=TODAY)
    assert unmet(simple, suit, TODAY, line) == ["review_first"]
    assert unmet(simple, Said(remedy="review", on=TODAY), TODAY, line) == []
    reviewed = replace(simple, facts=replace(simple.facts, appeals=(Appeal("review", TODAY, TODAY),)))
    assert unmet(reviewed, suit, TODAY, line) == []
    assert unmet(served(), suit, TODAY, line) == []


def test_a_decision_on_the_spot_is_put_on_record_before_it_closes() -> None:
    line = step(State.PAID, Command.CLOSE)
    paid = replace(case(State.PAID, facts={**SERVED, "noted": False}), procedure="simple")
    assert unmet(paid, Said(), TODAY, line) == ["noted"]
    noted = moved(paid, step(State.PAID, Command.NOTE), Said(), "r", TODAY)
    assert unmet(replace(paid, facts=noted.facts), Said(), TODAY, line) == []


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (3_000_00, "叁仟元整（¥3,000.00）"),
        (10_001_00, "壹万零壹元整（¥10,001.00）"),
        (20_305_07, "贰万零叁佰零伍元零柒分（¥20,305.07）"),
        (100_500_50, "壹拾万零伍佰元伍角（¥100,500.50）"),
        (0, "零元整（¥0.00）"),
    ],
)
def test_money_in_words(fen: int, words: str) -> None:
    assert money(fen) == words


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("同意", "同意。"), ("同意。 \n", "同意。"), ("他说：“不知道。”", "他说：“不知道。”"), ("他说“不知道”", "他说“不知道”。"),
        ("（见附件。）", "（见附件。）"), ("见《目录》", "见《目录》。"), ("某某公司：", "某某公司："), ("", ""),
    ],
)  # fmt: skip
def test_a_paragraph_has_one_full_stop(given: str, printed: str) -> None:
    assert ended(given) == printed
