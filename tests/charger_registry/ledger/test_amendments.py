"""Any sequence of orders, ends and corrections: never two managers at once, and what was believed stays as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charger_registry.ledger.amendment import Amendment, assign, correct, end, follows, give, recorded_at
from charger_registry.ledger.history import Recorded, changes
from charger_registry.ledger.responsibility import Evidence, Line, holder, unmanaged
from tests.charger_registry.ledger.double import two_managers
from youguan.errors import Conflict, Invalid, NotFound, YouguanError

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 20


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def line(who: str = "a", since: int = 0, until: int | None = None, station: str = "", number: int = 0) -> Line:
    return Line("manager", who, station, day(since), None if until is None else day(until), id=number)


class Book:
    """A ledger in memory, kept as the table keeps it: lines are numbered, believed from one step until another."""

    def __init__(self) -> None:
        self.entries: list[tuple[Line, int, int | None]] = []
        self.step = 0

    def believed(self, at: int | None = None) -> list[Line]:
        step = self.step if at is None else at
        return [kept for kept, begun, ended in self.entries if begun <= step and (ended is None or step < ended)]

    def apply(self, amendment: Amendment) -> None:
        self.step += 1
        gone = {withdrawn.id for withdrawn in amendment.withdrawn}
        assert gone <= {kept.id for kept in self.believed(self.step - 1)}
        self.entries = [(kept, begun, self.step if kept.id in gone else ended) for kept, begun, ended in self.entries]
        for added in amendment.added:
            self.entries.append((replace(added, id=len(self.entries) + 1), self.step, None))


organisations, stations, days = st.sampled_from("abc"), st.sampled_from(["", "s1"]), st.integers(0, DAYS)
periods = st.tuples(days, st.one_of(st.none(), days))
commands = st.one_of(
    st.tuples(st.sampled_from(["give", "assign"]), organisations, stations, periods),
    st.tuples(st.just("end"), stations, days),
    st.tuples(st.just("correct"), st.integers(0, 10), organisations, periods),
    st.tuples(st.just("strike"), st.integers(0, 10)),
)


def decide(believed: list[Line], command: tuple[object, ...]) -> Amendment:
    match command:
        case (("give" | "assign") as way, str(who), str(station), (int(since), until)):
            assert until is None or isinstance(until, int)
            given = line(who, since, until, station)
            return give(believed, given) if way == "give" else ordered(believed, replace(given, origin="order"))
        case ("end", str(station), int(at)):
            return end(believed, "manager", station, day(at))
        case ("correct", int(which), str(who), (int(since), until)) if believed:
            wrong = believed[which % len(believed)]
            assert until is None or isinstance(until, int)
            return correct(believed, wrong.id, replace(line(who, since, until, wrong.station_id), id=0))
        case ("strike", int(which)) if believed:
            return correct(believed, believed[which % len(believed)].id, None)
    raise Conflict("nothing to change")


def ordered(believed: list[Line], order: Line) -> Amendment:
    """Return what an order makes of a ledger: within its time its own, and nothing else than before at any other."""
    amendment = assign(believed, order)
    after, follower = amendment.over(believed), follows(believed, order)
    for number in range(DAYS + 1):
        at = day(number)
        was, has = (holder(lines, "manager", at, order.station_id) for lines in (believed, after))
        if order.holds_at(at):
            assert has == order
        elif order.until is not None or at < order.since:
            assert (has and has.organisation_id) == (was and was.organisation_id)
        if at == order.until:
            assert has == follower
    return amendment


@settings(max_examples=300, deadline=None)
@given(st.lists(commands, max_size=12))
def test_never_two_managers_no_gap_unfound_and_the_past_stays(given_commands: list[tuple[object, ...]]) -> None:
    book = Book()
    past: list[list[Line]] = [[]]
    for command in given_commands:
        try:
            book.apply(decide(book.believed(), command))
        except YouguanError:
            continue
        past.append(book.believed())
        assert two_managers(book.believed()) is None
        for number in range(DAYS + 1):
            managed = any(kept.station_id == "" and kept.holds_at(day(number)) for kept in book.believed())
            assert (unmanaged(book.believed(), day(number), START) is None) is managed
    assert [book.believed(step) for step in range(book.step + 1)] == past


def test_who_has_the_role_ends_where_the_next_one_begins() -> None:
    before = line("a", 0, number=1)
    amendment = give([before], line("b", 5))
    assert amendment.withdrawn == (before,)
    assert [(kept.organisation_id, kept.since, kept.until) for kept in amendment.added] == [
        ("a", day(0), day(5)), ("b", day(5), None),
    ]  # fmt: skip


def test_who_was_interrupted_by_an_order_has_the_role_back_when_it_ends() -> None:
    before = replace(line("a", 0, 30, number=1), evidence=Evidence("contract", "1"))
    custody = replace(line("b", 5, 10), origin="order")
    after = [replace(kept, id=number) for number, kept in enumerate(assign([before], custody).added, 1)]
    assert [(kept.organisation_id, kept.since, kept.until, kept.origin) for kept in after] == [
        ("a", day(0), day(5), "import"), ("b", day(5), day(10), "order"), ("a", day(10), day(30), "return"),
    ]  # fmt: skip
    assert after[2].evidence == before.evidence
    longer = assign(after, replace(line("b", 8, 20), origin="order")).over(after)
    assert [(kept.organisation_id, kept.since, kept.until) for kept in sorted(longer, key=lambda kept: kept.since)] == [
        ("a", day(0), day(5)), ("b", day(5), day(8)), ("b", day(8), day(20)), ("a", day(20), day(30)),
    ]  # fmt: skip
    for_good = assign(after, replace(line("c", 7), origin="order")).over(after)
    assert holder(for_good, "manager", day(29)) == replace(line("c", 7), origin="order"), "nobody is to come back"


def test_an_order_that_outlasts_whom_it_interrupts_leaves_nobody() -> None:
    before, custody = line("a", 0, 8, number=1), replace(line("b", 5, 10), origin="order")
    assert follows([before], custody) is None
    found = unmanaged(assign([before], custody).over([before]), day(10), START)
    assert found is not None
    assert (found.reason, found.since, found.organisation_id) == ("contract_ended", day(10), "b")
    gone = replace(line("a", number=1), ceased_at=day(7))
    found = unmanaged(assign([gone], custody).over([gone]), day(10), START)
    assert found is not None
    assert (found.reason, found.since) == ("deregistered", day(10))


def test_an_order_that_is_ended_early_brings_back_who_was_to_come() -> None:
    after = assign([line("a", number=1)], replace(line("b", 5, 10), origin="order")).added
    believed = [replace(kept, id=number) for number, kept in enumerate(after, 1)]
    left = end(believed, "manager", "", day(7)).over(believed)
    assert [(kept.organisation_id, kept.since, kept.until) for kept in left] == [
        ("a", day(0), day(5)), ("b", day(5), day(7)), ("a", day(7), None),
    ]  # fmt: skip
    ended = end(believed, "manager", "", day(12)).over(believed)
    assert holder(ended, "manager", day(12)) is None


def interrupted_order() -> list[Line]:
    """Return a's ledger with b's order of days 5 to 20, and within it c's order of days 8 to 10."""
    believed = [line("a", number=1)]
    for custody in (line("b", 5, 20), line("c", 8, 10)):
        kept = assign(believed, replace(custody, origin="order")).over(believed)
        believed = [replace(other, id=number) for number, other in enumerate(kept, 1)]
    return believed


def managed_by(believed: list[Line]) -> str:
    """Return who manages on each of the days, '-' where nobody does."""
    found = (holder(believed, "manager", day(number)) for number in range(DAYS + 3))
    return "".join(kept.organisation_id if kept else "-" for kept in found)


@pytest.mark.parametrize(("at", "then"), [
    (12, "aaaaabbbccbbaaaaaaaaaaa"),  # the order that was interrupted, after it came back
    (9, "aaaaabbbcbbbbbbbbbbbaaa"),  # the one that interrupted it
    (6, "aaaaab--ccbbbbbbbbbbaaa"),  # cut short already: found as unmanaged until the next order
])  # fmt: skip
def test_an_order_within_an_order_is_ended(at: int, then: str) -> None:
    believed = interrupted_order()
    assert managed_by(believed) == "aaaaabbbccbbbbbbbbbbaaa"
    assert managed_by(end(believed, "manager", "", day(at)).over(believed)) == then


@pytest.mark.parametrize(("since", "until", "then"), [
    (10, 12, "aaaaabbbccbbaaaaaaaaaaa"),
    (10, 22, "aaaaabbbccbbbbbbbbbbbba"),
    (8, 9, "aaaaabbbcbbbbbbbbbbbaaa"),
    (8, 12, "aaaaabbbccccbbbbbbbbaaa"),
    (8, 21, "aaaaabbbcccccccccccccaa"),
    (8, None, "aaaaabbbccccccccccccccc"),
])  # fmt: skip
def test_an_order_that_ended_at_another_time_brings_back_at_that_time(since: int, until: int | None, then: str) -> None:
    believed = interrupted_order()
    wrong = next(kept for kept in believed if kept.since == day(since))
    true = replace(wrong, until=None if until is None else day(until))
    assert managed_by(correct(believed, wrong.id, true).over(believed)) == then


def test_a_period_before_another_one_disturbs_nobody() -> None:
    amendment = give([line("a", 10, number=1)], line("b", 0, 10))
    assert (amendment.withdrawn, len(amendment.added)) == ((), 1)
    with pytest.raises(Conflict, match="a has this role"):
        give([line("a", 10, number=1)], line("b", 0, 11))


def test_a_period_must_not_be_empty() -> None:
    for until in (5, 4):
        with pytest.raises(Invalid):
            give([], line("a", 5, until))


def test_a_role_that_nobody_has_cannot_end() -> None:
    with pytest.raises(Conflict):
        end([line("a", 5, number=1)], "manager", "", day(4))
    ended = end([line("a", 5, number=1)], "manager", "", day(5))
    assert ended.added == ()
    assert [kept.until for kept in end([line("a", 5, number=1)], "manager", "", day(7)).added] == [day(7)]


def test_a_correction_replaces_one_line_and_no_other() -> None:
    believed = [line("a", 0, 5, number=1), line("b", 5, number=2)]
    true = replace(line("c", 1, 5), evidence=Evidence("contract", "1"))
    assert correct(believed, 1, true) == Amendment((believed[0],), (true,))
    with pytest.raises(Conflict, match="b manages within that period"):
        correct(believed, 1, line("c", 1, 6))
    with pytest.raises(Conflict, match="already"):
        correct(believed, 1, line("a", 0, 5))
    with pytest.raises(NotFound):
        correct(believed, 3, None)


def test_a_maintainer_may_have_company() -> None:
    believed = [Line("maintainer", "a", "", day(0), None, id=1), Line("maintainer", "b", "", day(0), day(3), id=2)]
    assert correct(believed, 2, Line("maintainer", "b", "", day(0), None)).withdrawn == (believed[1],)
    assert two_managers(believed) is None


@given(st.integers(-3, 3))
def test_changes_are_recorded_one_after_the_other(ahead: int) -> None:
    last = day(1)
    now = last + timedelta(microseconds=ahead)
    assert recorded_at(now, last) > last
    assert recorded_at(now, None) == now


def test_the_changes_of_a_ledger_tell_who_said_what_instead_of_what() -> None:
    old, new = line("a", 0, number=1), line("b", 0, number=2)
    recorded = [
        Recorded(old, day(0), day(3), "import", "", "r", "mistaken"),
        Recorded(new, day(3), None, "r", "mistaken", None, None),
    ]
    told = [(change.at, change.by, change.reason, change.withdrawn, change.added) for change in changes(recorded)]
    assert told == [(day(3), "r", "mistaken", [old], [new]), (day(0), "import", "", [], [old])]


def test_a_line_of_a_station_counts_for_nobody_else() -> None:
    believed = give([line("a", number=1)], line("b", 3, station="s1")).added
    assert holder([line("a"), *believed], "manager", day(4), "s1") == believed[0]
    assert holder([line("a"), *believed], "manager", day(4), "s2") == line("a")
