"""Cases at random: whatever is tried, by whomever and in whatever order, what the law forbids does not happen."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from inspection_service.cases.conditions import against, missing, unmet
from inspection_service.cases.effects import moved
from inspection_service.cases.file import SIMPLE, Case, Facts, Said
from inspection_service.cases.machine import REVIEWERS, STEPS, Command, Role, State, commands_of, step
from inspection_service.cases.offers import offers
from inspection_service.cases.owing import owed_fen
from inspection_service.cases.persons import acting
from inspection_service.cases.thresholds import thresholds
from inspection_service.law.catalogue import catalogue
from inspection_service.law.evidence import Piece, proves
from tests.inspection_service.world import NAMED
from youguan.errors import Conflict, Forbidden

START = date(2026, 9, 16)
# Who tries to be what: officers who are heads or reviewers too, and reviewers of all levels.
PEOPLE = {
    Role.OFFICER: ("a", "b"), Role.HEAD: ("h", "h", "h", "a"), Role.PARTY: ("p",),
    **{role: (f"r{n}", f"r{n}", f"r{n}", "r1", "a") for n, role in enumerate(REVIEWERS, 1)},
}  # fmt: skip
SIGNED = Piece("documentary", "inspector", 1, place=2, collected_on=date.max)
PROVED = (Piece("record", "inspector", 2), SIGNED)
PIECES = st.sampled_from([PROVED, PROVED, PROVED, (Piece("electronic", "telemetry", 2),), ()])
# What leads onward is tried more often than what ends a case.
ONWARD = {
    Command.PUNISH_ON_THE_SPOT, Command.FIND_UNMENDED, Command.PROPOSE, Command.APPROVE, Command.CONCLUDE, Command.PASS,
    Command.NOTIFY, Command.DEFEND, Command.ASK_HEARING, Command.CALL_HEARING, Command.HOLD_HEARING, Command.REVIEW_HEARING,
    Command.DISCUSS, Command.DECIDE, Command.SERVE, Command.PAY, Command.NOTE, Command.CLOSE,
}  # fmt: skip
FINES = st.sampled_from([0, 200_00, 3_000_00, 10_000_00, *[20_000_00] * 9, 30_000_00, 30_000_01])
SAID = st.builds(
    Said,
    reason=st.sampled_from(["r"] * 9 + [""]),
    grounds=st.sampled_from(["g", ""]),
    officers=st.sampled_from([("a", "b"), ("a", "c"), ("a", "a"), ()]),
    people=st.sampled_from([("x", "y", "z"), ("x",), ()]),
    procedure=st.sampled_from(["general", "fast"]),
    sanction=st.sampled_from(["fine"] * 9 + ["warning", "closure", None]),
    also=st.sampled_from([()] * 6 + [("confiscation_of_gains",)] * 3 + [("warning",)]),
    fine_fen=FINES,
    gains_fen=st.sampled_from([0] * 6 + [700_00] * 4),
    harm=st.sampled_from(["none", "slight", "serious"]),
    minor=st.booleans(),
    admitted=st.booleans(),
    rights_told=st.booleans(),
    place=st.just("here"),
    hour=st.just("14:00"),
    manner=st.sampled_from(["direct"] * 6 + ["left", "post", "electronic", "public_notice"]),
    proof=st.sampled_from([2, 2, 2, 1, None]),
    amount_fen=FINES,
    receipt=st.just("1"),
    remedy=st.sampled_from(["review", "litigation"]),
    outcome=st.sampled_from(["upheld", "changed", "revoked"]),
)
DAYS = st.sampled_from([0, 0, 0, 1, 8, 30])
STEPS_TRIED = st.tuples(st.integers(0, 999), st.integers(0, 999), SAID, DAYS, st.sampled_from([-5, 0, 0, 0, 0, 20]))
TRIES = st.lists(STEPS_TRIED, min_size=20, max_size=60)


def attempt(case: Case, command: Command, role: Role, who: str, said: Said, day: date) -> Case | None:
    """Return the case after a step, or None where it is not taken: what the desk does, without writing."""
    try:
        line = step(case.state, command)
        acting(case, line, {role}, who)
    except (Conflict, Forbidden):
        return None
    if missing(said, line) or against(catalogue(), case, said, day, line) or unmet(case, said, day, line):
        return None
    # What can be done is offered: nothing stands against it whatever is said.
    assert [offer.against for offer in offers(catalogue(), case, {role}, who, day) if offer.command == command] == [()]
    after = moved(case, line, said, who, day)
    return replace(case, state=after.state, procedure=after.procedure, facts=after.facts)


def check(before: Case, after: Case, who: str, day: date) -> None:
    """Hold a step against what must hold of every case."""
    facts, range_of = after.facts, catalogue().items[after.item.id].measure("penalty")[0].sanctions[0]
    assert set(facts.officers) <= set(facts.investigators)
    if facts.decided_on is None:
        return
    assert proves(after.pieces)
    assert facts.fine_fen == 0 or range_of.least_fen <= facts.fine_fen <= range_of.most_fen
    assert (facts.gains_fen > 0) == ("confiscation_of_gains" in facts.imposed.kinds)
    if after.procedure == SIMPLE:
        assert thresholds().simple.within(after.party_kind, facts.imposed)
        assert not range_of.after_order or facts.ordered or facts.fine_fen == 0
    else:
        assert facts.notified_on is not None
        assert facts.fine_fen <= facts.notified_fine_fen
        assert facts.filed_on is not None
        levels = thresholds().levels_of(after.procedure, after.party_kind, facts.imposed)
        assert len(set(facts.reviewers)) == len(facts.reviewers) >= levels
        assert not set(facts.reviewers) & set(facts.investigators)
        assert facts.hearing_on is None or facts.hearing_reviewed or before.facts.decided_on is not None
    if before.facts.decided_on is None and after.procedure != SIMPLE:
        assert who not in facts.investigators
    if after.state == State.CLOSED and before.state in (State.SERVED, State.PAID):
        assert owed_fen(after, day) <= max(owed_fen(before, day), 0)
        assert before.state == State.PAID or owed_fen(before, day) <= 0


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["car-park-unfiled", "car-park-stopped"]),
    st.sampled_from(["citizen", "organisation"]),
    PIECES,
    TRIES,
)
def test_whatever_is_tried(
    item: str, party: str, pieces: tuple[Piece, ...], tries: list[tuple[int, int, Said, int, int]]
) -> None:
    officers = Facts(officers=("a", "b"), investigators=("a", "b"), particulars=NAMED)
    case, day = Case("n", State.LEAD, None, catalogue().items[item], party, START, START, officers, pieces), START
    for which, whose, said, passed, ahead in tries:
        day += timedelta(days=passed)
        commands = commands_of(case.state)
        if not commands:
            return
        onward = [command for command in commands if command in ONWARD]
        choice = onward if onward and which % 25 else commands
        command = choice[which % len(choice)]
        roles = STEPS[case.state, command].roles
        role = roles[whose % len(roles)]
        who = PEOPLE[role][whose % len(PEOPLE[role])]
        after = attempt(case, command, role, who, replace(said, on=day + timedelta(days=ahead)), day)
        if after is not None:
            check(case, after, who, day)
            case = after


def test_a_walk_that_does_everything_right_ends_in_a_decision() -> None:
    """So that the walks above have somewhere to go."""
    officers = Facts(officers=("a", "b"), investigators=("a", "b"), particulars=NAMED)
    item = catalogue().items["car-park-stopped"]
    case: Case | None = Case("n", State.LEAD, None, item, "organisation", START, START, officers, PROVED)
    said = Said(reason="r", on=START, procedure="general", sanction="fine", fine_fen=20_000_00, manner="direct")
    walk = (
        (Command.PROPOSE, Role.OFFICER, "a"), (Command.APPROVE, Role.HEAD, "h"), (Command.CONCLUDE, Role.OFFICER, "b"),
        *((Command.PASS, role, f"r{n}") for n, role in enumerate(REVIEWERS[:3], 1)), (Command.NOTIFY, Role.OFFICER, "a"),
        (Command.DEFEND, Role.PARTY, "p"), (Command.DECIDE, Role.HEAD, "h"),
    )  # fmt: skip
    for command, role, who in walk:
        assert case is not None, command
        before, case = case, attempt(case, command, role, who, said, START)
        assert case is not None, command
        check(before, case, who, START)
    assert case is not None
    assert case.state == State.DECIDED
