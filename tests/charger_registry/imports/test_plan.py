"""What filing a file would do, and where its points lie: pure."""

from dataclasses import replace
from math import cos, radians
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.divisions.boundaries import METRES_A_DEGREE, Boundary, boundary, judge
from charger_registry.drafts import ConnectorDraft, SiteDraft, StationDraft
from charger_registry.duplicates.resemblance import Place, compare
from charger_registry.imports.plan import Filed, Plan, Rights, differences, plan
from charger_registry.imports.reading import Reading

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
    return plan(reading, known, boundaries or {}, rights or Rights())


def outcomes(found: Plan) -> list[tuple[str, str, str]]:
    return [(line.site_id, line.outcome, line.field) for line in found.lines]


SAYS_NOTHING = SiteDraft("s", None, 121.4, 29.3, stations=None)


def test_what_says_nothing_new_changes_nothing() -> None:
    assert outcomes(made(SAYS_NOTHING)) == [("s", "unchanged", "")]
    assert outcomes(made(replace(FILED))) == [("s", "unchanged", "")]
    assert made(SAYS_NOTHING).sites == ()


def test_only_what_differs_is_a_change() -> None:
    (line,) = made(replace(SAYS_NOTHING, address="新路", name="甲站")).lines
    assert (line.outcome, line.changes) == ("changed", (("address", "路", "新路"),))


def test_a_site_is_found_again_by_its_code_and_its_stations_too() -> None:
    theirs = SiteDraft(
        "395815801-01", "甲站", 121.4, 29.3, operator_code="395815801", cec_station_id="01",
        stations=(StationDraft("395815801-E1", power_w=60_000, cec_equipment_id="E1"),), whole=False,
    )  # fmt: skip
    found = made(theirs)
    assert outcomes(found) == [("s", "changed", "")]
    assert found.lines[0].changes == (("stations[s-1].power_w", 7000, 60_000),)
    assert [s.id for s in found.sites[0].stations or ()] == ["s-1"]


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


def test_who_may_do_what() -> None:
    new = SiteDraft("n", None, 121, 29, division_code="330226001")
    rights = Rights(frozenset({"s"}), lambda division: division == "330226001")
    assert outcomes(made(replace(SAYS_NOTHING, name="新"), new, replace(new, id="m", division_code="33"), rights=rights)) == [
        ("s", "changed", ""), ("n", "added", ""), ("m", "refused", "id"),
    ]  # fmt: skip
    assert outcomes(made(SAYS_NOTHING, rights=Rights(frozenset()))) == [("s", "refused", "id")]


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
        ("stations[s-1].connectors[1].type", "GBT_AC", "GBT_DC"),
        ("stations[s-1].connectors[2]", None, "added"),
        ("stations[s-2]", "filed", None),
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
