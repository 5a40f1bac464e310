"""When a manager is silent, and who is accountable while nobody manages."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.ledger.responsibility import Line, Unmanaged
from charger_registry.ledger.unmanaged.management import Rules, accountable, judge
from charger_registry.ledger.unmanaged.silence import Asked, Contact, Thresholds, silent_since

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Thresholds(unanswered_tasks=2, days_without_contact=30)
RULES = Rules(LIMITS, ("owner", "builder"))


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def asked(opened: int, due: int, answered: int | None = None, closed: int | None = None) -> Asked:
    return Asked(
        day(opened), date(2026, 1, 1) + timedelta(days=due), None if answered is None else day(answered),
        None if closed is None else day(closed),
    )  # fmt: skip


def midnight(number: int) -> datetime:
    """Return when a day is over in the county."""
    return day(number + 1) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("contact", "now", "since"),
    [
        (Contact(), 400, None),  # never connected: its silence says nothing
        (Contact(heard_at=day(5)), 34, None),
        (Contact(heard_at=day(5)), 35, day(35)),
        (Contact(heard_at=day(-90)), 29, None),  # before this one managed
        (Contact(heard_at=day(-90)), 30, day(30)),
        (Contact(heard_at=day(5), noted_at=day(20)), 49, None),
        (Contact(heard_at=day(5), noted_at=day(20)), 50, day(50)),
        (Contact(heard_at=day(5), operating_since=day(20)), 49, None),  # switched off, then resumed
        (Contact(heard_at=day(5), operating_since=day(20)), 50, day(50)),
        (Contact(operating_since=day(20)), 99, None),
        (Contact(asked=(asked(1, 4), asked(2, 5))), 5, None),
        (Contact(asked=(asked(1, 4), asked(2, 5))), 7, midnight(5)),
        (Contact(asked=(asked(1, 4), asked(2, 5, answered=6))), 7, None),
        (Contact(asked=(asked(1, 4), asked(2, 5), asked(8, 9, answered=9))), 30, None),  # answered later: begins anew
        (Contact(asked=(asked(1, 4, closed=3), asked(2, 5))), 30, None),  # mended itself before it was due
        (Contact(asked=(asked(1, 4, closed=8), asked(2, 5))), 30, midnight(5)),
        (Contact(asked=(asked(-9, -5), asked(2, 5))), 30, None),  # asked of this one before it managed
        (Contact(asked=(asked(1, 4), asked(2, 5)), noted_at=day(6)), 30, None),
        (Contact(heard_at=day(40), asked=(asked(1, 4), asked(2, 5))), 41, midnight(5)),
        (Contact(heard_at=day(40), noted_at=day(99)), 75, day(70)),  # noted in the future: not yet
    ],
)
def test_who_is_silent_since_when(contact: Contact, now: int, since: datetime | None) -> None:
    assert silent_since(contact, START, LIMITS, day(now)) == since


tasks = st.builds(
    lambda opened, days, answer, close: asked(
        opened, opened + days, None if answer is None else opened + answer, None if close is None else opened + close
    ),
    st.integers(0, 60), st.integers(0, 10), st.none() | st.integers(0, 20), st.none() | st.integers(0, 20),
)  # fmt: skip
contacts = st.builds(
    Contact, st.none() | st.integers(-9, 60).map(day), st.none() | st.integers(-9, 60).map(day),
    st.none() | st.integers(0, 60).map(day), st.lists(tasks, max_size=6).map(tuple),
)  # fmt: skip


@given(contacts, st.integers(0, 120), st.integers(1, 30))
def test_silence_lies_in_the_past_and_a_word_ends_it(contact: Contact, now: int, later: int) -> None:
    since = silent_since(contact, START, LIMITS, day(now))
    if since is not None:
        assert START < since <= day(now)
        assert silent_since(replace(contact, noted_at=day(now)), START, LIMITS, day(now)) is None
        unheard = replace(contact, asked=tuple(a for a in contact.asked if a.answered_at is None), noted_at=None)
        again = silent_since(unheard, START, LIMITS, day(now + later))
        assert again is not None, "who says nothing more stays silent"


def line(role: str, who: str, since: int = 0, until: int | None = None) -> Line:
    return Line(role, who, "", day(since), None if until is None else day(until))


def test_a_finding_names_whom_it_concerns() -> None:
    quiet, now = Contact(heard_at=START), day(40)
    manager = line("manager", "m")
    gone = replace(manager, ceased_at=day(3))
    assert judge([manager], quiet, START, RULES, now) == Unmanaged("silent", day(30), "m")
    assert judge([manager], Contact(heard_at=now), START, RULES, now) is None
    assert judge([gone], quiet, START, RULES, now) == Unmanaged("deregistered", day(3), "m")
    assert judge([line("manager", "m", 0, 9)], quiet, START, RULES, now) == Unmanaged("contract_ended", day(9), "m")
    assert judge([line("owner", "o")], quiet, START, RULES, now) == Unmanaged("no_manager", START)


@pytest.mark.parametrize(
    ("lines", "order", "who"),
    [
        ([line("owner", "o"), line("builder", "b")], ("owner", "builder"), "o"),
        ([line("owner", "o"), line("builder", "b")], ("builder", "owner"), "b"),
        ([line("owner", "o", 0, 5), line("builder", "b")], ("owner", "builder"), "b"),
        ([line("owner", "gone"), line("builder", "b")], ("owner", "builder"), "b"),
        ([line("maintainer", "x")], ("owner", "builder"), None),
        ([line("maintainer", "x")], ("owner", "maintainer"), "x"),
    ],
)
def test_who_is_accountable_is_data(lines: list[Line], order: tuple[str, ...], who: str | None) -> None:
    known = [replace(line, ceased_at=day(1)) if line.organisation_id == "gone" else line for line in lines]
    found = accountable(known, Rules(LIMITS, order), day(10))
    assert (found.organisation_id if found else None) == who
