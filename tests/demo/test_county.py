"""The sample county: the figures it promises, whatever the seed, and the same from the same seed."""

from collections import Counter
from datetime import UTC, datetime
from math import ceil, hypot
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charger_registry.drafts import Filing
from charger_registry.identifiers import is_organisation_code
from charger_registry.ledger.responsibility import ROLES, Line, holder
from deploy.demo.county import DIVISIONS, SEED, SITES, STATIONS, sample_county, sample_organisations, sample_roles
from youguan.credit_codes import is_uscc

TODAY = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def county() -> Filing:
    return sample_county(Random(SEED))


def ledger(filing: Filing, site_id: str) -> list[Line]:
    return [Line(r.role, r.organisation_id, "", r.since, r.until) for r in filing.roles if r.site_id == site_id]


def test_the_same_seed_gives_the_same_county(county: Filing) -> None:
    assert county == sample_county(Random(SEED))
    assert county != sample_county(Random(SEED + 1))


@settings(max_examples=20, deadline=None)
@given(st.integers())
def test_sites_and_stations_add_up(seed: int) -> None:
    filing = sample_county(Random(seed))
    stations = [station.id for site in filing.sites for station in site.stations or ()]
    assert (len(filing.sites), len(stations)) == (SITES, STATIONS)
    assert len(set(stations)) == STATIONS
    assert len({site.id for site in filing.sites}) == SITES
    assert min(len(site.stations or ()) for site in filing.sites) >= 1
    unmanaged = [site for site in filing.sites if holder(ledger(filing, site.id), "manager", TODAY) is None]
    assert len(unmanaged) == ceil(SITES * 0.03)


def test_every_division_has_sites_near_its_centre(county: Filing) -> None:
    centres = {code: (longitude, latitude) for code, _, _, longitude, latitude in DIVISIONS}
    assert len(centres) == 18
    assert {site.division_code for site in county.sites} == set(centres)
    for site in county.sites:
        assert site.division_code is not None
        east, north = centres[site.division_code]
        assert hypot(site.longitude - east, site.latitude - north) < 0.08, site
        assert site.generated


def test_stations_are_what_is_built(county: Filing) -> None:
    stations = [station for site in county.sites for station in site.stations or ()]
    assert {station.connectors for station in stations} == {1, 2}
    for station in stations:
        power_w = station.power_w or 0
        assert power_w == 7_000 if station.current_type == "AC" else 60_000 <= power_w <= 180_000


def test_organisations_have_codes_that_fit(county: Filing) -> None:
    codes = [organisation.uscc or "" for organisation in county.organisations]
    assert all(map(is_uscc, codes))
    assert all(is_organisation_code(code[8:17]) for code in codes)
    assert len(set(codes)) == len(codes)
    assert all("示例" in organisation.name for organisation in county.organisations), "none may pass for a real one"


def test_an_unmanaged_site_has_a_builder_and_nobody_else(county: Filing) -> None:
    for site in county.sites:
        lines = ledger(county, site.id)
        roles = {line.role for line in lines}
        assert roles <= set(ROLES)
        if "manager" not in roles:
            assert roles == {"builder"}
        else:
            assert roles == {"builder", "owner", "manager", "maintainer"}


def test_handovers_lie_in_the_past_and_leave_no_gap(county: Filing) -> None:
    handed_over = 0
    for site in county.sites:
        managers = sorted((x for x in ledger(county, site.id) if x.role == "manager"), key=lambda x: x.since)
        assert all(line.since < TODAY for line in managers)
        if len(managers) == 2:
            handed_over += 1
            assert managers[0].until == managers[1].since
            assert managers[0].organisation_id != managers[1].organisation_id
            assert managers[1].until is None
    assert handed_over > 20


def test_nothing_refers_to_what_is_not_there(county: Filing) -> None:
    organisations = {organisation.id for organisation in county.organisations}
    sites = {site.id for site in county.sites}
    assert {role.organisation_id for role in county.roles} <= organisations
    assert Counter(role.site_id for role in county.roles).keys() == sites


@settings(max_examples=50, deadline=None)
@given(st.integers(min_value=1, max_value=2000), st.integers())
def test_invented_roles_leave_three_in_a_hundred_without_a_manager(count: int, seed: int) -> None:
    """The same rule for the sites of a file, however many."""
    random = Random(seed)
    sites = [f"S{n}" for n in range(count)]
    roles = sample_roles(random, sites, sample_organisations(random))
    managed = {role.site_id for role in roles if role.role == "manager"}
    assert {role.site_id for role in roles if role.role == "builder"} == set(sites)
    assert count - len(managed) == ceil(count * 0.03)
