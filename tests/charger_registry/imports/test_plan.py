"""What filing a file would do, and where its points lie: pure."""

from dataclasses import replace
from datetime import date, datetime
from math import cos, radians
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.divisions.boundaries import METRES_A_DEGREE, Boundary, boundary, judge
from charger_registry.drafts import (
    ConnectorDraft,
    PartyDraft,
    PriceBand,
    PriceDraft,
    RoleDraft,
    SiteDraft,
    StationDraft,
)
from charger_registry.duplicates.inheritance import inherited
from charger_registry.duplicates.resemblance import Place, compare
from charger_registry.imports.differences import differences
from charger_registry.imports.parties import Directory, Known, said_of
from charger_registry.imports.permission import Rights
from charger_registry.imports.plan import Filed, Plan, plan
from charger_registry.imports.reading import Reading
from charger_registry.ledger.responsibility import Line
from tests.charger_registry.ledger.double import two_managers
from youguan.clock import COUNTY
from youguan.coordinates import to_wgs84

TODAY = date(2026, 6, 1)
SQUARE = {
    "type": "Polygon",
    "coordinates": [
        [[121.0, 29.0], [122.0, 29.0], [122.0, 30.0], [121.0, 30.0], [121.0, 29.0]],
        [[121.4, 29.4], [121.6, 29.4], [121.6, 29.6], [121.4, 29.6], [121.4, 29.4]],
    ],
}
TOWN = {
    "type": "MultiPolygon",
    "coordinates": [[[[121.1, 29.1], [121.2, 29.1], [121.2, 29.2], [121.1, 29.2], [121.1, 29.1]]]],
}
BOUNDARIES = {"330226": boundary("330226", SQUARE), "330226001": boundary("330226001", TOWN)}
FILED = SiteDraft(
    "s", "甲站", 121.4, 29.3, address="路", operator_code="395815801", cec_station_id="01",
    stations=(
        StationDraft("s-1", 1, 7000, "AC", cec_equipment_id="E1", connector_files=(ConnectorDraft(1, 1, type="GBT_AC"),)),
        StationDraft("s-2", 1, 7000, "AC", connector_files=(ConnectorDraft(1, 1),)),
    ),
)  # fmt: skip


def made(
    *sites: SiteDraft,
    filed: Filed | None = None,
    rights: Rights | None = None,
    boundaries: dict[str, Boundary] | None = None,
) -> Plan:
    reading = Reading("csv")
    for row, site in enumerate(sites, 2):
        reading.take(row, site, "id")
    known = filed or Filed({"s": FILED}, {("395815801", "01"): "s"}, site_of_station={"s-1": "s", "s-2": "s"})
    return plan(reading, known, boundaries or {}, rights or Rights(), TODAY)


def outcomes(found: Plan) -> list[tuple[str, str, str]]:
    return [(line.site_id, line.outcome, line.field) for line in found.lines]


def coded(*codes: str | None) -> tuple[ConnectorDraft, ...]:
    return tuple(ConnectorDraft(n, n, cec_connector_id=code) for n, code in enumerate(codes, 1))


def site_of(site_id: str, *stations: StationDraft, operator: str | None = "395815801") -> SiteDraft:
    return SiteDraft(site_id, site_id, 121.4, 29.3, operator_code=operator, stations=stations)


@pytest.mark.parametrize(
    "bands", [(("00:00", "08:00"),), (("00:00", "24:00"), ("08:00", "10:00")), (("01:00", "24:00"),)]
)
def test_fees_that_leave_a_part_of_the_day_open_are_refused_and_nothing_else(
    bands: tuple[tuple[str, str], ...],
) -> None:
    fees = PriceDraft(tuple(PriceBand(begin, end, "0.3000") for begin, end in bands))
    found = made(SiteDraft("n", "新站", 121.4, 29.3, price=fees), filed=Filed())
    assert outcomes(found) == [("n", "refused", "price"), ("n", "added", "")]
    assert [site.price for site in found.sites] == [None]


def test_fees_are_filed_in_the_order_of_the_day() -> None:
    night, day = PriceBand("00:00", "08:00", "0.3000"), PriceBand("08:00", "24:00", "0.9000")
    found = made(SiteDraft("n", "新站", 121.4, 29.3, price=PriceDraft((day, night))), filed=Filed())
    assert [site.price for site in found.sites] == [PriceDraft((night, day))]


@pytest.mark.parametrize(
    ("sites", "expected", "stations"),
    [
        # The second bearer in the file is refused, and only its station.
        ((site_of("a", StationDraft("a1", connector_files=coded("X")), StationDraft("a2", connector_files=coded("X", "Y"))),
          site_of("b", StationDraft("b1", connector_files=coded("Y")))),
         [("a", "added", ""), ("a", "refused", "cec_connector_id"), ("b", "added", "")], ["a1", "b1"]),
        # What is filed bears it already: a new site is left with no station, and refused.
        ((site_of("a", StationDraft("a1", connector_files=coded("FILED"))),), [("a", "refused", "cec_connector_id")], []),
        # Twice at one station.
        ((site_of("a", StationDraft("a1", connector_files=coded("X", "X")), StationDraft("a2", connector_files=coded("Z"))),),
         [("a", "added", ""), ("a", "refused", "cec_connector_id")], ["a2"]),
        # Another operator may use the same code, as may who names none.
        ((site_of("a", StationDraft("a1", connector_files=coded("FILED")), operator="123456789"),
          site_of("b", StationDraft("b1", connector_files=coded("FILED")), operator=None)),
         [("a", "added", ""), ("b", "added", "")], ["a1", "b1"]),
        # The file itself takes the code away from its bearer.
        ((site_of("o", StationDraft("o1", connector_files=coded("OTHER"))),
          site_of("a", StationDraft("a1", connector_files=coded("FILED")))),
         [("o", "changed", ""), ("a", "added", "")], ["o1", "a1"]),
        # What says nothing of its code keeps it.
        ((site_of("o", StationDraft("o1", connector_files=coded(None))),
          site_of("a", StationDraft("a1", connector_files=coded("FILED")))),
         [("o", "unchanged", ""), ("a", "refused", "cec_connector_id")], []),
    ],
)  # fmt: skip
def test_a_code_of_an_operator_is_one_connectors(
    sites: tuple[SiteDraft, ...], expected: list[tuple[str, str, str]], stations: list[str]
) -> None:
    bearer = site_of("o", StationDraft("o1", 1, 7000, "AC", connector_files=coded("FILED")))
    filed = Filed(
        {"o": bearer}, site_of_station={"o1": "o"}, place_of_code={("395815801", "FILED"): ("o1", 1)}
    )  # fmt: skip
    found = made(*sites, filed=filed)
    assert sorted(outcomes(found)) == sorted(expected)
    assert [station.id for site in found.sites for station in site.stations or ()] == stations


SAYS_NOTHING = SiteDraft("s", None, 121.4, 29.3, stations=None)


def test_what_says_nothing_new_changes_nothing() -> None:
    assert outcomes(made(SAYS_NOTHING)) == [("s", "unchanged", "")]
    assert outcomes(made(replace(FILED))) == [("s", "unchanged", "")]
    assert made(SAYS_NOTHING).sites == ()


def test_only_what_differs_is_a_change() -> None:
    (line,) = made(replace(SAYS_NOTHING, address="新路", name="甲站")).lines
    assert (line.outcome, line.changes) == ("changed", (("address", "路", "新路"),))


def test_a_plan_is_told_from_another_by_the_last_of_many_changes() -> None:
    many = tuple(StationDraft(f"n-{n}", power_w=7000) for n in range(60))
    plans = [made(replace(SAYS_NOTHING, stations=(*many, StationDraft("s-1", power_w=w)))) for w in (8000, 9000)]
    assert plans[0].fingerprint != plans[1].fingerprint


def test_a_site_is_found_again_by_its_code_and_its_stations_too() -> None:
    theirs = SiteDraft(
        "395815801-01", "甲站", 121.4, 29.3, operator_code="395815801", cec_station_id="01",
        stations=(StationDraft("395815801-E1", power_w=60_000, cec_equipment_id="E1"),), whole=False,
    )  # fmt: skip
    found = made(theirs)
    assert outcomes(found) == [("s", "changed", "")]
    assert found.lines[0].changes == (("stations[s-1].power_w", 7000, 60_000),)
    assert [s.id for s in found.sites[0].stations or ()] == ["s-1"]


def test_a_connector_whose_row_cannot_be_used_stays_as_it_is_filed() -> None:
    said = (ConnectorDraft(2, 2, bay="B2"),)
    part = replace(
        SAYS_NOTHING, stations=(StationDraft("s-1", connector_files=said),), whole=False, partly=frozenset({"s-1"})
    )
    found = made(part)
    assert found.lines[0].changes == (("stations[s-1].connectors[2]", None, "added"),)
    (station,) = found.sites[0].stations or ()
    assert station.connector_files == (*said, ConnectorDraft(1, 1)), "nothing is said of the first"
    whole = made(replace(part, partly=frozenset()))
    assert ("stations[s-1].connectors[1]", "filed", None) in whole.lines[0].changes


@pytest.mark.parametrize(
    ("count", "ids", "changes"),
    [
        (None, None, 0), (2, ["s-1", "s-2"], 0), (1, ["s-1"], 1), (0, [], 2),
        (4, ["s-1", "s-2", "s-001", "s-002"], 2),
    ],
)  # fmt: skip
def test_counted_stations_are_those_that_are_filed_first(
    count: int | None, ids: list[str] | None, changes: int
) -> None:
    found = made(replace(SAYS_NOTHING, counted=count))
    assert len(found.lines[0].changes) == changes
    if found.sites:
        assert [s.id for s in found.sites[0].stations or ()] == ids


def test_a_new_site_has_a_station_unless_it_says_none() -> None:
    new = SiteDraft("n", None, 121, 29, stations=None)
    assert [s.id for s in made(new).sites[0].stations or ()] == ["n-001"]
    assert made(replace(new, counted=0)).sites[0].stations == ()


def test_what_is_another_s_is_not_taken() -> None:
    new = SiteDraft("n", None, 121, 29)
    assert outcomes(made(replace(new, stations=(StationDraft("s-1"),)))) == [("n", "refused", "stations")]
    twice = (
        replace(new, operator_code="1", cec_station_id="2"),
        replace(new, id="m", operator_code="1", cec_station_id="2"),
    )
    assert outcomes(made(*twice)) == [("n", "added", ""), ("m", "refused", "cec_station_id")]
    shared = (replace(new, stations=(StationDraft("x"),)), replace(new, id="m", stations=(StationDraft("x"),)))
    assert outcomes(made(*shared)) == [("n", "added", ""), ("m", "refused", "stations")]
    same = (SAYS_NOTHING, SiteDraft("t", None, 121, 29, operator_code="395815801", cec_station_id="01", stations=None))
    assert outcomes(made(*same)) == [("s", "unchanged", ""), ("s", "refused", "id")]
    gone = Filed(merged={"n": "s"})
    assert made(new, filed=gone).lines[0].reason == "the site was merged into s"


TOWN_FILED = Filed({"s": replace(FILED, division_code="330226001")}, site_of_station={"s-1": "s", "s-2": "s"})
OF_TOWN = Rights(covers=lambda division: division == "330226001")


def test_a_regulator_decides_within_its_bounds_before_and_after() -> None:
    new = SiteDraft("n", None, 121, 29, division_code="330226001")
    sites = (replace(SAYS_NOTHING, name="新"), new, replace(new, id="m", division_code="33"))
    assert outcomes(made(*sites, filed=TOWN_FILED, rights=OF_TOWN)) == [
        ("s", "changed", ""), ("n", "added", ""), ("m", "refused", "id"),
    ]  # fmt: skip
    moved = replace(SAYS_NOTHING, division_code="330226002")
    assert outcomes(made(moved, filed=TOWN_FILED, rights=OF_TOWN)) == [("s", "refused", "division_code")]
    elsewhere = Filed({"s": replace(FILED, division_code="330226002")})
    assert outcomes(made(SAYS_NOTHING, filed=elsewhere, rights=OF_TOWN)) == [("s", "refused", "id")]
    assert outcomes(made(SAYS_NOTHING, filed=Filed({"s": FILED}), rights=OF_TOWN)) == [("s", "refused", "id")]


def test_a_manager_keeps_the_file_and_decides_nothing() -> None:
    manager = Rights(decides=False, manages=frozenset({"s"}), operator_code="313744932")
    said = replace(
        SAYS_NOTHING, name="新", longitude=121.5, help_phone="400-1", operator_code="000000000", cec_station_id="9",
        stations=(StationDraft("s-1", 1, 9000, "AC"), StationDraft("s-9")),
    )  # fmt: skip
    found = made(said, rights=manager)
    assert [(line.outcome, line.field) for line in found.lines] == [
        ("refused", "name"), ("refused", "longitude"), ("refused", "operator_code"), ("refused", "stations"), ("changed", ""),
    ]  # fmt: skip
    assert found.lines[-1].changes == (("help_phone", None, "400-1"), ("stations[s-1].power_w", 7000, 9000))
    (site,) = found.sites
    assert (site.name, site.longitude, site.operator_code, site.whole) == (None, 121.4, None, False)
    assert [s.id for s in site.stations or ()] == ["s-1"]
    hidden = made(replace(SAYS_NOTHING, usage="private"), rights=manager)
    assert outcomes(hidden) == [("s", "refused", "usage"), ("s", "unchanged", "")], (
        "the public's map is not his to leave"
    )
    assert outcomes(made(replace(SAYS_NOTHING, usage="taxi"), rights=manager)) == [("s", "changed", "")]
    own = made(replace(SAYS_NOTHING, operator_code="313744932"), rights=manager)
    assert own.lines[0].changes == (("operator_code", "395815801", "313744932"),)
    assert outcomes(made(SAYS_NOTHING, rights=Rights(decides=False))) == [("s", "refused", "id")]
    assert outcomes(made(SiteDraft("n", None, 121, 29), rights=manager)) == [("n", "refused", "id")]


def test_the_same_place_in_another_system_is_no_move() -> None:
    manager = Rights(decides=False, manages=frozenset({"s"}))
    filed = Filed({"s": replace(FILED, crs="gcj02")})
    x, y = to_wgs84((121.4, 29.3), "gcj02")
    assert outcomes(made(replace(SAYS_NOTHING, longitude=x, latitude=y), filed=filed, rights=manager)) == [
        ("s", "unchanged", "")
    ]


def test_what_was_retired_stays_so_unless_the_authority_says_why() -> None:
    gone = Filed(retired_sites=frozenset({"s"}), retired_stations={"s-1": "s", "n-001": "n"})
    assert outcomes(made(FILED, filed=gone)) == [("s", "refused", "id")]
    back = made(replace(FILED, reinstated="误销，甬备〔2026〕1 号"), filed=gone)
    assert outcomes(back) == [("s", "added", "")]
    assert back.reinstated == {"s": "误销，甬备〔2026〕1 号", "s-1": "误销，甬备〔2026〕1 号"}
    manager = Rights(decides=False, manages=frozenset({"s"}))
    assert outcomes(made(replace(FILED, reinstated="因为"), filed=gone, rights=manager)) == [("s", "refused", "id")]
    other = SiteDraft("n", None, 121, 29, stations=(StationDraft("s-1"), StationDraft("x")))
    found = made(other, filed=gone)
    assert outcomes(found) == [("n", "refused", "stations"), ("n", "added", "")]
    assert [s.id for s in found.sites[0].stations or ()] == ["x"], "a retired id finds no new home by itself"
    moved = made(replace(other, stations=(StationDraft("s-1", reinstated="移桩"),)), filed=gone)
    assert (outcomes(moved), moved.reinstated) == ([("n", "added", "")], {"s-1": "移桩"})
    counted = made(replace(other, stations=None, counted=2), filed=gone)
    assert [s.id for s in counted.sites[0].stations or ()] == ["n-002", "n-003"]


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=COUNTY)


LEDGER = [
    Line("manager", "one", "", at(2025), None, organisation_name="甲公司"),
    Line("owner", "one", "", at(2024), at(2025, 12, 31), organisation_name="甲公司"),
]
DIRECTORY = Directory(
    [
        Known("one", "甲公司", ("395815801",)),
        Known("two", "乙公司", ("91330226MA00000000",)),
        Known("gone", "丙公司", (), at(2026)),
        Known("x1", "同名公司"),
        Known("x2", "同名公司"),
    ]
)


def test_the_ledger_of_the_kept_site_takes_over_what_nobody_has_there() -> None:
    kept = [Line("manager", "one", "", at(2025), None)]
    gone = [
        Line("manager", "two", "", at(2025), None, id=1),
        Line("owner", "two", "", at(2025), at(2027), id=2),
        Line("builder", "two", "", at(2020), at(2021), id=3),
        Line("manager", "three", "moved", at(2025), None, id=4),
        Line("manager", "three", "retired", at(2025), None, id=5),
        Line("maintainer", "two", "", at(2028), None, id=6),
    ]
    found = inherited(kept, gone, {"moved"}, at(2026))
    assert found.withdrawn == ()
    assert [(x.role, x.station_id, x.since, x.until, x.id) for x in found.added] == [
        ("owner", "", at(2026), at(2027), 0), ("manager", "moved", at(2026), None, 0), ("maintainer", "", at(2028), None, 0),
    ]  # fmt: skip
    assert two_managers([*kept, *found.added]) is None


def parties(*said: PartyDraft, rights: Rights | None = None) -> Plan:
    filed = Filed({"s": FILED}, ledgers={"s": LEDGER}, directory=DIRECTORY)
    return made(replace(SAYS_NOTHING, parties=said), filed=filed, rights=rights)


@pytest.mark.parametrize(
    ("party", "refused", "why"),
    [
        (PartyDraft("manager", "甲公司"), "", ""),
        (PartyDraft("manager", "395815801", date(2025, 1, 1)), "", ""),
        (PartyDraft("manager", "甲公司", date(2025, 2, 1)), "manager_since", "the ledger says 2025-01-01"),
        (PartyDraft("manager", "乙公司"), "manager", "甲公司 has this role"),
        (PartyDraft("owner", "one", date(2024, 1, 1), date(2025, 12, 30)), "", ""),
        (PartyDraft("owner", "one", date(2024, 1, 1), date(2025, 12, 31)), "owner_since", "the ledger says"),
        (PartyDraft("builder", "乙公"), "builder", "alike: 乙公司"),
        (PartyDraft("builder", "同名公司"), "builder", "several organisations"),
        (PartyDraft("builder", "丙公司"), "builder", "丙公司 has been deregistered"),
        (PartyDraft("builder", "two", date(2026, 1, 2), date(2026, 1, 1)), "builder_until", "ends before it begins"),
    ],
)
def test_what_the_ledger_says_already_or_otherwise(party: PartyDraft, refused: str, why: str) -> None:
    found = parties(party)
    assert found.roles == ()
    assert [(line.field, why in line.reason) for line in found.lines if line.outcome == "refused"] == (
        [(refused, True)] if refused else []
    )


def test_a_day_on_which_a_role_changes_hands_is_the_new_holders() -> None:
    noon = at(2025, 6, 1).replace(hour=12)
    ledger = [Line("manager", "two", "", at(2024), noon), Line("manager", "one", "", noon, None)]
    filed = Filed({"s": FILED}, ledgers={"s": ledger}, directory=DIRECTORY)
    said = PartyDraft("manager", "one", date(2025, 6, 1))
    assert said_of(ledger, at(2026)) == (said,)
    assert outcomes(made(replace(SAYS_NOTHING, parties=(said,)), filed=filed)) == [("s", "unchanged", "")]


def test_a_role_that_nobody_has_is_given_by_the_authority() -> None:
    party = PartyDraft("owner", "91330226MA00000000", None, date(2027, 5, 31), "contract", "HT-1")
    found = parties(party)
    assert found.roles == (
        RoleDraft(
            "s", "owner", "two", at(2026, 6, 1), at(2027, 6, 1), evidence_kind="contract", evidence_number="HT-1"
        ),
    )
    assert found.lines[0].changes == (("parties[owner]", None, "91330226MA00000000 (two), 2026-06-01 – 2027-05-31"),)
    mine = parties(party, rights=Rights(decides=False, manages=frozenset({"s"})))
    assert [(line.outcome, line.field) for line in mine.lines] == [("refused", "owner"), ("unchanged", "")]


def test_a_point_outside_of_its_division_is_refused_with_the_distance() -> None:
    site = SiteDraft("n", None, 122.01, 29.5, division_code="330226")
    (line,) = made(site, boundaries=BOUNDARIES).lines
    metres = 0.01 * METRES_A_DEGREE * cos(radians(29.5))
    assert (line.field, line.reason) == ("longitude", f"the point lies {metres:.0f} m outside of division 330226")
    inside = made(replace(site, longitude=121.9), boundaries=BOUNDARIES).sites[0]
    assert (inside.position, inside.division_code) == ("verified", "330226")
    elsewhere = made(replace(site, division_code="440300"), boundaries=BOUNDARIES).sites[0]
    assert elsewhere.position == "unverified"
    undeclared = made(replace(site, longitude=121.15, latitude=29.15, division_code=None), boundaries=BOUNDARIES).sites[
        0
    ]
    assert (undeclared.position, undeclared.division_code) == ("verified", "330226001"), "the smallest that holds it"
    converted = made(replace(site, longitude=122.002, crs="gcj02"), boundaries=BOUNDARIES).sites[0]
    assert converted.position == "verified", "in GCJ-02 the same figures lie further west"
    filed = Filed({"n": replace(site, stations=())})
    told = replace(site, stations=None, help_phone="400-1")
    assert outcomes(made(told, filed=filed, boundaries=BOUNDARIES)) == [("n", "changed", "")], "its place is as it was"
    moved = [replace(told, longitude=122.02), replace(told, division_code="330226001")]
    for draft in moved:
        assert outcomes(made(draft, filed=filed, boundaries=BOUNDARIES)) == [("n", "refused", "longitude")]


def test_a_hole_is_outside() -> None:
    judged = judge((121.5, 29.5), "330226", BOUNDARIES)
    assert judged.outside_m == pytest.approx(0.1 * METRES_A_DEGREE * cos(radians(29.5)), rel=1e-3)
    assert judge((121.5, 29.5), "330226", {}).outside_m is None


@given(st.floats(120.5, 122.5), st.floats(28.5, 30.5))
def test_what_is_held_is_within_the_box_and_what_is_not_has_a_distance(longitude: float, latitude: float) -> None:
    square = BOUNDARIES["330226"]
    if square.holds((longitude, latitude)):
        assert 121 <= longitude <= 122
        assert 29 <= latitude <= 30
    else:
        assert square.metres_to((longitude, latitude)) >= 0


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[1, 2], [1, 2]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
        {"type": "Polygon", "coordinates": [[["a", 0], [1, 0], [1, 1], ["a", 0]]]},
        {"type": "MultiPolygon", "coordinates": [[]]}, {"type": "Polygon", "coordinates": [[[181, 0], [1, 0], [1, 1], [181, 0]]]},
    ],
)  # fmt: skip
def test_what_is_no_boundary_is_said_so(geometry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"geometry|ring|corner|coordinates"):
        boundary("33", geometry)


def test_differences_name_every_level() -> None:
    said = replace(
        FILED,
        stations=(StationDraft("s-1", connector_files=(ConnectorDraft(1, 1, type="GBT_DC"), ConnectorDraft(2, 2))),),
    )
    assert differences(FILED, said) == [
        ("stations[s-2]", "filed", None),
        ("stations[s-1].connectors[1].type", "GBT_AC", "GBT_DC"),
        ("stations[s-1].connectors[2]", None, "added"),
    ]


# --- which sites look like one ----------------------------------------------------------------------------------

HERE = Place("a", "跃龙街道东门超市充电站", "东路 1 号", 121.4, 29.3)


@pytest.mark.parametrize(
    ("other", "is_proposed"),
    [
        (Place("b", "东门超市充电桩(跃龙街道)", "东路1号", 121.40005, 29.3), True),
        (Place("b", "东门超市", "", 121.4, 29.3), True),
        (Place("b", "西门公园充电站", "西路 9 号", 121.40005, 29.3), False),
        (Place("b", "跃龙街道东门超市充电站", "东路 1 号", 121.42, 29.3), False),
        (Place("b", "1002", "", 121.4, 29.3), False),
    ],
)
def test_which_are_proposed(other: Place, is_proposed: bool) -> None:
    found = compare(HERE, other)
    assert found.is_proposed is is_proposed, found
    assert compare(other, HERE).score == found.score


def test_the_same_equipment_is_the_same_wherever_it_is_said_to_stand() -> None:
    far = Place("b", "别处", "", 121.9, 29.3, equipment=frozenset({"某厂 001"}))
    found = compare(replace(HERE, equipment=frozenset({"某厂 001", "某厂 002"})), far)
    assert (found.is_proposed, found.reasons["equipment"]) == (True, 1)


def test_names_that_are_ids_tell_nothing() -> None:
    found = compare(Place("1001", "1001", "", 121.4, 29.3), Place("1002", "1002", "", 121.4, 29.3))
    assert (found.score, "name" in found.reasons) == (40, False)
