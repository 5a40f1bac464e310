"""The law as data: what the files may say, what may be drafted, and when periods end."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection_service.law import catalogue as catalogue_file
from inspection_service.law import mercy as mercy_file
from inspection_service.law import periods as periods_file
from inspection_service.law import statutes as statutes_file
from inspection_service.law.catalogue import FINE, GAINS, GOODS, MEASURES, PARTIES, catalogue
from inspection_service.law.evidence import KINDS, MACHINE, ORIGINS, Piece, is_barred, proves, recordings
from inspection_service.law.imposed import NOTHING, Imposed
from inspection_service.law.mercy import Circumstances, guidance_first, mercy
from inspection_service.law.periods import Pause, add_months, periods
from inspection_service.law.permission import Draft, heaviest, limitation_ends, refusals, tier_of
from inspection_service.law.statutes import LawError, statutes, table
from youguan.working_days import add_calendar_days, add_working_days, is_working_day

TODAY = date(2026, 9, 16)
CHECKED = (Piece("record", "inspector", officers=2),)
DAYS = st.dates(date(2023, 1, 1), date(2026, 12, 31))
Change = Callable[[dict[str, Any]], None]


def item_table(item_id: str, found: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = next(entry for entry in found["item"] if entry["id"] == item_id)
    return entry


def on_a_normative_document(found: dict[str, Any]) -> None:
    measures = item_table("charger-unfiled", found)["measure"]
    basis = [{"law": "charging-zj", "article": "全文"}]
    sanctions = [{"kind": "fine", "for": "anyone", "from": 0, "to": 100}]
    measures.append({"kind": "penalty", "organ": "bureau", "basis": basis, "sanctions": sanctions})


def order_on_a_normative_document(found: dict[str, Any]) -> None:
    basis = [{"law": "charging-zj", "article": "全文"}]
    item_table("repair-overdue", found)["measure"].append({"kind": "order", "organ": "bureau", "basis": basis})


def of_another_city(found: dict[str, Any]) -> None:
    basis = [{"law": "civility-jx", "article": "22"}]
    sanctions = [{"kind": "fine", "for": "anyone", "from": 20, "to": 200}]
    item_table("bay-blocked", found)["measure"].append(
        {"kind": "penalty", "organ": "bureau", "basis": basis, "sanctions": sanctions}
    )


def credit_without_the_list(found: dict[str, Any]) -> None:
    item_table("fire-equipment", found)["measure"].append(
        {"kind": "credit", "organ": "bureau", "basis": [{"law": "fire", "article": "60"}]}
    )


def no_such_article(found: dict[str, Any]) -> None:
    item_table("price-not-shown", found)["measure"][0]["basis"] = [{"law": "price", "article": "99"}]


def merciful_with_fire(found: dict[str, Any]) -> None:
    item_table("fire-equipment", found)["first_violation"] = "may"


def fine_without_range(found: dict[str, Any]) -> None:
    del item_table("car-park-stopped", found)["measure"][1]["sanctions"][0]["to"]


def referral_to_nobody(found: dict[str, Any]) -> None:
    del item_table("fire-equipment", found)["measure"][0]["to"]


def together_with_what_it_has_not(found: dict[str, Any]) -> None:
    item_table("car-park-stopped", found)["measure"][1]["together"] = [["fine", "closure"]]


def beside_nothing(found: dict[str, Any]) -> None:
    del item_table("car-park-stopped", found)["measure"][1]["together"]


def two_own_organs(found: dict[str, Any]) -> None:
    found["organ"][1]["own"] = True


@pytest.mark.parametrize(
    "change",
    [
        on_a_normative_document, order_on_a_normative_document, of_another_city, credit_without_the_list,
        no_such_article, merciful_with_fire, fine_without_range, referral_to_nobody, two_own_organs,
        together_with_what_it_has_not, beside_nothing,
    ],
)  # fmt: skip
def test_items_that_the_law_does_not_carry_stop_the_start(change: Change) -> None:
    found = copy.deepcopy(table("items.toml"))
    catalogue_file.read(found, statutes())
    change(found)
    with pytest.raises(LawError):
        catalogue_file.read(found, statutes())


def test_two_versions_of_a_statute_never_hold_at_once() -> None:
    found = copy.deepcopy(table("laws.toml"))
    penalty = found["law"][0]
    penalty["versions"].insert(0, {"in_force": date(2018, 1, 1), "source": "", "verified": True})
    with pytest.raises(LawError):
        statutes_file.read(found)
    penalty["versions"][0]["until"] = date(2021, 7, 14)
    read = statutes_file.read(found).by_id["penalty"]
    for day, start in [(date(2021, 7, 14), date(2018, 1, 1)), (date(2021, 7, 15), date(2021, 7, 15))]:
        version = read.version_on(day)
        assert version is not None
        assert version.in_force == start
    assert read.version_on(date(2017, 12, 31)) is None


def test_seven_days_of_the_penalty_law_are_working_days() -> None:
    found = copy.deepcopy(table("periods.toml"))
    next(entry for entry in found["period"] if entry["id"] == "service")["unit"] = "calendar_days"
    with pytest.raises(LawError, match=r"Art\. 85"):
        periods_file.read(found, statutes())


def recorded(officers: int, **said: Any) -> Piece:
    """Return what monitoring equipment recorded."""
    return Piece("audiovisual", "monitoring", officers, **said)


def draft(**changes: Any) -> Draft:
    """Return a draft against which nothing stands: a fine of the car park's closing."""
    usual = Draft(
        measure="penalty", party="organisation", act_on=TODAY - timedelta(days=10), found_on=TODAY, on=TODAY,
        imposed=Imposed((FINE,), 20_000_00), evidence=CHECKED,
    )  # fmt: skip
    amounts = {name: changes.pop(name) for name in ("kinds", "fine_fen", "gains_fen", "goods") if name in changes}
    return replace(usual, imposed=replace(usual.imposed, **amounts), **changes)


def codes(item: str, wanted: Draft) -> list[str]:
    return [refusal.code for refusal in refusals(catalogue(), catalogue().items[item], wanted)]


TELEMETRY = (Piece("electronic", "telemetry", officers=2), Piece("electronic", "platform"))
LONG_AGO = date(2024, 9, 15)


@pytest.mark.parametrize(
    ("item", "wanted", "against"),
    [
        ("car-park-stopped", draft(), []),
        ("car-park-stopped", draft(evidence=TELEMETRY), ["telemetry_only"]),
        ("car-park-stopped", draft(evidence=()), ["telemetry_only"]),
        ("car-park-stopped", draft(evidence=(*TELEMETRY, Piece("witness", "public"))), ["two_officers"]),
        ("car-park-stopped", draft(evidence=(*TELEMETRY, *CHECKED)), []),
        (
            "car-park-stopped",
            draft(evidence=(Piece("witness", "public"), recorded(1, registered=True))),
            ["content_unreviewed"],
        ),
        ("car-park-stopped", draft(evidence=(*CHECKED, recorded(1, registered=True))), []),
        ("car-park-stopped", draft(evidence=(recorded(2, content=True),)), ["telemetry_only"]),
        (
            "car-park-stopped",
            draft(evidence=(Piece("electronic", "telemetry", 1, registered=True, content=True),)),
            ["telemetry_only"],
        ),
        ("car-park-stopped", draft(already_fined=True), ["fined_already"]),
        ("car-park-stopped", draft(act_on=LONG_AGO), ["limitation"]),
        ("car-park-stopped", draft(act_on=LONG_AGO + timedelta(days=1)), []),
        ("car-park-stopped", draft(act_on=LONG_AGO, serious=True), []),
        ("car-park-stopped", draft(act_on=date(2011, 12, 31), serious=True), ["not_in_force", "limitation"]),
        ("car-park-stopped", draft(fine_fen=9_999_99), ["out_of_range"]),
        ("car-park-stopped", draft(fine_fen=30_000_01), ["out_of_range"]),
        ("car-park-stopped", draft(fine_fen=0), ["out_of_range"]),
        ("car-park-stopped", draft(fine_fen=30_000_00), ["needs_reasons"]),
        ("car-park-stopped", draft(fine_fen=30_000_00, reasons=" "), ["needs_reasons"]),
        ("car-park-stopped", draft(fine_fen=30_000_00, reasons="third time"), []),
        ("car-park-stopped", draft(kinds=("closure",)), ["no_such_sanction"]),
        ("car-park-stopped", draft(measure="order", evidence=()), []),
        ("car-park-stopped", draft(measure="credit"), ["no_penalty_to_record"]),
        ("car-park-stopped", draft(measure="credit", penalised=True), []),
        ("car-park-unfiled", draft(fine_fen=3_000_00), ["order_first"]),
        ("car-park-unfiled", draft(fine_fen=3_000_00, ordered=True), []),
        ("car-park-unfiled", draft(fine_fen=2_999_00, ordered=True), ["out_of_range"]),
        ("charger-unfiled", draft(), ["no_basis"]),
        ("charger-unfiled", draft(measure="order"), ["no_basis"]),
        ("charger-unfiled", draft(measure="credit", penalised=True), ["credit_not_listed"]),
        ("charger-unfiled", draft(measure="advice"), []),
        ("charger-unfiled", draft(measure="subsidy"), ["not_competent"]),
        ("repair-overdue", draft(), ["no_basis"]),
        ("zombie-charger", draft(), ["no_basis"]),
        ("bay-blocked", draft(party="citizen", fine_fen=100_00), ["no_basis"]),
        ("fire-equipment", draft(), ["not_competent"]),
        ("fire-equipment", draft(measure="referral"), []),
    ],
)
def test_what_may_be_drafted(item: str, wanted: Draft, against: list[str]) -> None:
    assert codes(item, wanted) == against


@pytest.mark.parametrize(("fen", "against"), [(0, []), (1, ["out_of_range"]), (20_000_00, ["out_of_range"])])
def test_no_money_is_taken_under_the_name_of_a_sanction_that_is_no_fine(fen: int, against: list[str]) -> None:
    found = copy.deepcopy(table("items.toml"))
    item_table("car-park-stopped", found)["measure"][1]["sanctions"].append({"kind": "warning", "for": "anyone"})
    known = catalogue_file.read(found, statutes())
    wanted = draft(kinds=("warning",), fine_fen=fen)
    assert [refusal.code for refusal in refusals(known, known.items["car-park-stopped"], wanted)] == against


@pytest.mark.parametrize(("item", "measure"), list(itertools.product(catalogue().items, MEASURES)))
def test_only_what_the_basis_carries_is_ever_drafted(item: str, measure: str) -> None:
    wanted = draft(measure=measure, ordered=True, penalised=True, reasons="because")
    carried = [m for m in catalogue().items[item].measures if m.kind == measure and m.organ.own]
    if not carried:
        assert codes(item, wanted) in (["no_basis"], ["not_competent"], ["credit_not_listed"])
    elif measure != "penalty":
        assert codes(item, replace(wanted, imposed=NOTHING)) == []


BOTH = (FINE, GAINS)


@pytest.mark.parametrize(
    ("item", "wanted", "against"),
    [
        ("car-park-stopped", draft(kinds=BOTH, gains_fen=800_00), []),
        ("car-park-stopped", draft(kinds=BOTH[::-1], gains_fen=800_00), []),
        ("car-park-stopped", draft(kinds=BOTH), ["gains"]),
        ("car-park-stopped", draft(gains_fen=800_00), ["gains"]),
        ("car-park-stopped", draft(goods=("车",)), ["goods"]),
        ("car-park-stopped", draft(kinds=(GAINS,), fine_fen=0, gains_fen=800_00), ["only_beside"]),
        ("car-park-stopped", draft(kinds=BOTH, fine_fen=30_000_00, gains_fen=800_00), ["needs_reasons"]),
        ("car-park-stopped", draft(kinds=BOTH, fine_fen=0, gains_fen=800_00), ["out_of_range"]),
        ("car-park-stopped", draft(kinds=(FINE, "closure")), ["no_such_sanction"]),
        ("car-park-unfiled", draft(kinds=BOTH, fine_fen=3_000_00, gains_fen=1), ["order_first"]),
        ("car-park-unfiled", draft(kinds=BOTH, fine_fen=3_000_00, gains_fen=1, ordered=True), []),
        ("metrology-tampered", draft(kinds=(FINE, GAINS, GOODS), fine_fen=1000_00, gains_fen=1, goods=("桩",)), []),
        ("metrology-tampered", draft(kinds=(GOODS,), fine_fen=0, goods=("桩",)), []),
        ("price-not-shown", draft(kinds=(FINE, GOODS), fine_fen=2000_00, goods=("牌",)), ["no_such_sanction"]),
        ("fire-equipment", draft(party="citizen", kinds=(FINE, "warning"), fine_fen=200_00), ["not_together"]),
        ("car-park-stopped", draft(heavier=True), ["heavier_provision"]),
        ("car-park-stopped", draft(heavier=True, already_fined=True), ["fined_already", "heavier_provision"]),
    ],
)  # fmt: skip
def test_several_sanctions_at_once_where_the_basis_carries_them(item: str, wanted: Draft, against: list[str]) -> None:
    """As whoever is competent sees it: each sanction within its range, with what it takes."""
    found = copy.deepcopy(table("items.toml"))
    competent = next(m["organ"] for m in item_table(item, found)["measure"] if m["kind"] == "penalty")
    for organ in found["organ"]:
        organ["own"] = organ["id"] == competent
    known = catalogue_file.read(found, statutes())
    assert [refusal.code for refusal in refusals(known, known.items[item], wanted)] == against


@given(st.lists(st.builds(Piece, st.sampled_from(KINDS), st.sampled_from(MACHINE), st.integers(0, 9), st.just(False))))
def test_machines_alone_never_prove(pieces: list[Piece]) -> None:
    assert not proves(pieces)


# officers, reviewed or registered equipment, what the review of the content came to (None: there was none): what is missing.
RECORDED: dict[tuple[int, str, bool | None], list[str]] = {
    (1, "registered", True): [], (2, "registered", True): [], (1, "reviewed", True): ["two_officers"], (2, "reviewed", True): [],
    (1, "neither", True): ["telemetry_only"], (2, "neither", True): ["telemetry_only"],
    (1, "registered", None): ["content_unreviewed"], (2, "registered", None): ["content_unreviewed"],
    (1, "reviewed", None): ["telemetry_only"], (2, "reviewed", None): ["content_unreviewed"],
    (1, "neither", None): ["telemetry_only"], (2, "neither", None): ["telemetry_only"],
    **{(n, said, False): ["telemetry_only"] for n in (1, 2) for said in ("registered", "reviewed", "neither")},
}  # fmt: skip


@pytest.mark.parametrize(("found", "missing"), RECORDED.items())
def test_what_equipment_recorded_counts_once_equipment_and_content_were_reviewed(
    found: tuple[int, str, bool | None], missing: list[str]
) -> None:
    officers, equipment, content = found
    said = {} if equipment == "neither" else {equipment: True}
    piece = recorded(officers, content=content, **said)
    assert codes("car-park-stopped", draft(evidence=(piece,))) == missing
    assert (recordings([piece]), is_barred(piece)) == (([], True) if missing else ([piece], False)), (
        "what counts is named, no other"
    )


@given(st.sampled_from(KINDS), st.integers(0, 9), st.booleans(), st.booleans(), st.sampled_from([None, False]))
def test_no_recording_proves_whose_content_was_not_reviewed_or_found_wanting(
    kind: str, officers: int, reviewed: bool, registered: bool, content: bool | None
) -> None:
    piece = Piece(kind, "monitoring", officers, reviewed, registered, content=content)
    assert not proves([piece])
    assert is_barred(piece)


@given(st.sampled_from(KINDS), st.sampled_from(ORIGINS), st.integers(0, 1))
def test_one_officer_never_proves(kind: str, origin: str, officers: int) -> None:
    assert not proves([Piece(kind, origin, officers)])


def test_of_several_items_the_highest_fine_counts() -> None:
    items = [catalogue().items[name] for name in ("metrology-unverified", "price-not-shown", "metrology-tampered")]
    for order, party in itertools.product(itertools.permutations(items), PARTIES):
        assert heaviest(order, party).id == "price-not-shown"


@pytest.mark.parametrize(
    ("yuan", "tier"),
    [(10_000, "lighter"), (15_999, "lighter"), (16_000, "ordinary"), (24_000, "ordinary"), (30_000, "heavier")],
)
def test_tiers_of_a_range(yuan: int, tier: str) -> None:
    sanction = catalogue().items["car-park-stopped"].measure("penalty")[0].sanctions[0]
    assert tier_of(yuan * 100, sanction, catalogue().tiers) == tier


@given(DAYS, st.booleans())
def test_an_act_is_punished_until_its_last_day_and_no_longer(act_on: date, serious: bool) -> None:
    last = limitation_ends(act_on, serious=serious)
    on_time = draft(act_on=act_on, found_on=last, on=last, serious=serious)
    late = replace(on_time, found_on=last + timedelta(days=1), on=last + timedelta(days=1))
    assert codes("car-park-stopped", on_time) == []
    assert codes("car-park-stopped", late) == ["limitation"]


# --- mercy and guidance -----------------------------------------------------------------------------------------

KNOWN = Circumstances(
    earlier=(), act_on=TODAY, harm="none", minor=False, due_on=TODAY + timedelta(days=9), mended_on=TODAY
)
FIRST = (False, ("first", "mended_in_time", "none_harm"))


@pytest.mark.parametrize(
    ("item", "known", "found"),
    [
        ("price-not-shown", KNOWN, FIRST),
        ("price-not-shown", replace(KNOWN, harm="slight"), (False, ("first", "mended_in_time", "slight_harm"))),
        ("price-not-shown", replace(KNOWN, harm="serious"), None),
        ("price-not-shown", replace(KNOWN, minor=True), (True, ("minor", "mended_in_time", "no_harm"))),
        ("price-not-shown", replace(KNOWN, mended_on=TODAY + timedelta(days=10)), None),
        ("price-not-shown", replace(KNOWN, mended_on=None), None),
        ("price-not-shown", replace(KNOWN, earlier=(TODAY - timedelta(days=730),)), None),
        ("price-not-shown", replace(KNOWN, earlier=(TODAY - timedelta(days=731),)), FIRST),
        ("price-not-shown", replace(KNOWN, mended_on=None, faultless=True), (True, ("faultless",))),
        ("fire-equipment", KNOWN, None),
        ("car-park-stopped", KNOWN, None),
    ],
)  # fmt: skip
def test_what_goes_unpunished(item: str, known: Circumstances, found: tuple[bool, tuple[str, ...]] | None) -> None:
    mercy_shown = mercy(catalogue().items[item], known)
    assert (mercy_shown and (mercy_shown.obliges, mercy_shown.because)) == found


@pytest.mark.parametrize("item", list(catalogue().items))
def test_guidance_comes_first_in_the_first_months_and_never_where_there_is_danger(item: str) -> None:
    entry = catalogue().items[item]
    for days, young in [(0, True), (180, True), (181, False), (-1, False)]:
        expected = young and entry.danger == "none"
        assert guidance_first(entry, in_business_since=TODAY - timedelta(days=days), on=TODAY) == expected
    for days, within in [(-1, False), (0, True), (29, True), (30, False), (180, False)]:
        given = guidance_first(
            entry, in_business_since=TODAY, on=TODAY + timedelta(days=days), until=TODAY + timedelta(days=30)
        )
        assert given == (within and entry.danger == "none"), "as long as the registry has given it, no longer"


def test_how_long_mercy_counts_is_a_table_with_its_days() -> None:
    found = copy.deepcopy(table("mercy.toml"))
    found["earlier_counts"].append({"days": 365, "in_force": date(2026, 1, 1), "source": "", "verified": True})
    with pytest.raises(LawError, match="two versions"):
        mercy_file.read(found)
    found["earlier_counts"][0]["until"] = date(2025, 12, 31)
    terms = mercy_file.read(found)
    days = {day: terms.on(day).earlier_counts.days for day in (date(2020, 1, 1), date(2025, 12, 31), date(2026, 1, 1))}
    assert days == {date(2020, 1, 1): 730, date(2025, 12, 31): 730, date(2026, 1, 1): 365}
    with pytest.raises(LawError, match="more than nothing"):
        mercy_file.read({**found, "grace": []})


# --- periods ----------------------------------------------------------------------------------------------------


@given(DAYS, st.sampled_from([p for p in periods().by_id.values() if p.unit in ("working_days", "calendar_days")]))
def test_without_pauses_a_period_is_the_kernels(start: date, period: periods_file.Period) -> None:
    if period.unit == "working_days":
        assert period.last_day(start) == add_working_days(start, period.count)
    else:
        assert period.last_day(start) == add_calendar_days(start, period.count, rolls_over=period.moves)


@given(DAYS, st.integers(1, 120), st.integers(0, 60))
def test_a_pause_moves_the_end_by_the_days_that_stood_still(start: date, after: int, length: int) -> None:
    decision = periods()["decision"]
    plain = decision.last_day(start)
    pause = Pause(start + timedelta(days=after), start + timedelta(days=after + length - 1))
    paused = decision.last_day(start, [pause] if length else [])
    assert plain is not None
    assert paused == plain + timedelta(days=length if after <= decision.count else 0)


def test_a_clock_that_stands_still_has_no_last_day() -> None:
    assert periods()["decision"].last_day(TODAY, [Pause(TODAY + timedelta(days=90))]) is None
    assert periods()["decision"].last_day(TODAY, [Pause(TODAY + timedelta(days=91))]) == TODAY + timedelta(days=90)


@pytest.mark.parametrize(
    ("day", "count", "found"),
    [
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2024, 2, 29), 24, date(2026, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
    ],
)
def test_months_that_have_no_such_day_end_on_their_last(day: date, count: int, found: date) -> None:
    assert add_months(day, count) == found


def test_what_would_end_after_the_last_year_says_so_as_days_do() -> None:
    for period in periods_file.periods().by_id.values():
        with pytest.raises(OverflowError):
            period.last_day(date(9999, 12, 31))


@given(DAYS)
def test_what_moves_never_ends_on_a_day_off(start: date) -> None:
    for period in periods().by_id.values():
        last = period.last_day(start)
        assert last is not None
        assert last > start
        assert is_working_day(last) or not period.moves


FINES = st.integers(1, 10_000_000)


@given(FINES, DAYS, st.integers(-30, 200))
def test_a_surcharge_is_three_percent_a_day_and_never_more_than_the_fine(fine: int, due: date, late: int) -> None:
    surcharge = periods().surcharge.fen(fine, due, due + timedelta(days=late))
    assert surcharge == min(fine * 3 * max(late, 0) // 100, fine)


@given(FINES, DAYS, st.integers(0, 60), st.integers(0, 60))
def test_days_of_review_or_litigation_cost_nothing(fine: int, due: date, before: int, during: int) -> None:
    pause = Pause(due + timedelta(days=before + 1), due + timedelta(days=before + during))
    paid = due + timedelta(days=before + during)
    alone = periods().surcharge.fen(fine, due, due + timedelta(days=before))
    assert periods().surcharge.fen(fine, due, paid, [pause] if during else []) == alone
