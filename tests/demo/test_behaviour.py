"""What a simulated station does: never impossible, and as often as was asked for."""

from itertools import islice
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.v16.enums import ChargePointErrorCode

from deploy.demo.behaviour import FAULTS_16, Act, Step, life

# What may follow what at one connector; a connection may be dropped while nothing goes on.
FOLLOWS = {
    None: {Act.PLUG, Act.FAULT, Act.DROP},
    Act.PLUG: {Act.START},
    Act.START: {Act.METER},
    Act.METER: {Act.METER, Act.STOP},
    Act.STOP: {Act.UNPLUG},
    Act.FAULT: {Act.REPAIR},
}


def steps(seed: int, faults_per_hour: float, count: int, connectors: int = 2) -> list[Step]:
    return list(
        islice(life(Random(seed), connectors=connectors, power_w=60_000, faults_per_hour=faults_per_hour), count)
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(), st.floats(min_value=0, max_value=60), st.integers(min_value=1, max_value=4))
def test_every_step_may_follow_the_one_before(seed: int, faults_per_hour: float, connectors: int) -> None:
    doing: Act | None = None
    where = 0
    for step in steps(seed, faults_per_hour, 300, connectors):
        assert step.act in FOLLOWS[doing]
        assert 1 <= step.connector <= connectors
        assert step.wait_s >= 0
        assert doing is None or step.connector == where, "one thing at a time"
        doing = None if step.act in (Act.UNPLUG, Act.REPAIR, Act.DROP) else step.act
        where = step.connector


def test_the_same_seed_gives_the_same_life() -> None:
    assert steps(7, 1.0, 500) == steps(7, 1.0, 500)
    assert steps(7, 1.0, 500) != steps(8, 1.0, 500)


def test_power_is_what_the_station_has() -> None:
    powers = [step.power_w for step in steps(1, 0, 3000) if step.act == Act.METER]
    assert powers
    assert all(0 < power <= 60_000 for power in powers)


def test_faults_are_the_protocols_own() -> None:
    assert set(FAULTS_16) <= {str(code.value) for code in ChargePointErrorCode}
    assert {step.fault for step in steps(3, 30, 3000) if step.act == Act.FAULT} == set(FAULTS_16)


def test_no_faults_where_none_are_wanted() -> None:
    assert not any(step.act == Act.FAULT for step in steps(5, 0, 5000))


def test_faults_are_about_as_frequent_as_wanted() -> None:
    for wanted in (0.2, 1.0, 3.0):
        lived = steps(11, wanted, 60_000)
        hours = sum(step.wait_s for step in lived) / 3600
        rate = sum(step.act == Act.FAULT for step in lived) / hours
        assert wanted / 2 < rate < wanted * 1.5, f"wanted {wanted}, were {rate}"
