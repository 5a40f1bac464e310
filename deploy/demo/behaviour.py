"""What a simulated station does, as a timeline: pure, from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

FAULTS_16 = (
    "GroundFailure",
    "HighTemperature",
    "OverCurrentFailure",
    "PowerMeterFailure",
    "ReaderFailure",
    "InternalError",
)


class Act(StrEnum):
    """What can happen."""

    PLUG = "plug"
    START = "start"
    METER = "meter"
    STOP = "stop"
    UNPLUG = "unplug"
    FAULT = "fault"
    REPAIR = "repair"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Step:
    """After `wait_s` seconds something happens at a connector; `power_w` while charging, `fault` when it breaks."""

    wait_s: float
    act: Act
    connector: int
    power_w: float = 0.0
    fault: str = ""


def life(random: Random, *, connectors: int, power_w: int, faults_per_hour: float) -> Iterator[Step]:
    """Yield what happens to a station, for ever."""
    while True:
        connector = random.randint(1, connectors)
        idle_s = random.expovariate(1 / 240)
        faults_per_s = faults_per_hour / 3600  # a rate too small to be divided by is none
        if faults_per_s and random.expovariate(faults_per_s) < idle_s + 120:
            yield Step(random.uniform(1, idle_s + 1), Act.FAULT, connector, fault=random.choice(FAULTS_16))
            yield Step(random.uniform(30, 240), Act.REPAIR, connector)
        elif random.random() < 0.05:
            yield Step(idle_s, Act.DROP, connector)
        else:
            yield from _charge(random, connector, power_w, idle_s)


def _charge(random: Random, connector: int, power_w: int, idle_s: float) -> Iterator[Step]:
    yield Step(idle_s, Act.PLUG, connector)
    yield Step(random.uniform(2, 8), Act.START, connector)
    for part in range(random.randint(3, 12)):
        yield Step(20, Act.METER, connector, power_w=power_w * max(0.2, 0.95 - 0.06 * part))
    yield Step(random.uniform(2, 10), Act.STOP, connector)
    yield Step(random.uniform(5, 30), Act.UNPLUG, connector)
