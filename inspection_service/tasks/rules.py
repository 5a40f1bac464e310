"""What the terms are and what proves what, as data (`rules.toml`). Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from youguan.working_days import add_working_time, subtract_working_time

FILE = Path(__file__).with_name("rules.toml")
SEVERITIES = ("info", "minor", "major", "critical")


class Way(StrEnum):
    """What proves that something is mended."""

    SOURCE = "source"  # what raised the alert says that it is over
    TRANSACTION = "transaction"
    PROBE = "probe"  # the station, asked how it is
    INSPECTOR = "inspector"
    SAMPLING = "sampling"


@dataclass(frozen=True, slots=True)
class Span:
    """So much time: of the office where `office`, else of the clock."""

    time: timedelta
    office: bool

    def after(self, moment: datetime) -> datetime:
        return add_working_time(moment, self.time) if self.office else moment + self.time

    def before(self, moment: datetime) -> datetime:
        return subtract_working_time(moment, self.time) if self.office else moment - self.time


@dataclass(frozen=True, slots=True)
class Terms:
    """How long there is to mend what is so bad, and who hears when."""

    due: Span
    remind_before: Span
    to_team_after: Span
    to_centre_after: Span


@dataclass(frozen=True, slots=True)
class Proof:
    """How long each way of proving is waited for, how much of what is small is visited, which transactions prove nothing."""

    probe_within: Span
    source_within: Span
    visit_within: Span
    sample_wait: Span
    sample_share: float
    sampled: tuple[str, ...]
    least_energy_wh: float
    broken_off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """What is known of a cause; the file says what the members mean."""

    ways: tuple[Way, ...]
    holds: bool = False
    reopens_within_days: int = 0
    severity: str | None = None
    same_as: tuple[str, ...] = ()
    public: bool = False
    joins: bool = True

    @property
    def reopens_within(self) -> timedelta:
        return timedelta(days=self.reopens_within_days)


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it."""

    terms: Mapping[str, Terms]
    proof: Proof
    default: Cause
    causes: Mapping[str, Cause]
    matters: tuple[str, ...] = field(default=())

    def cause(self, name: str) -> Cause:
        return self.causes.get(name, self.default)

    def matters_like(self, rule: str) -> tuple[str, ...]:
        """Return what people tell of that is the same as an alert of a rule."""
        return tuple(name for name, cause in self.causes.items() if rule in cause.same_as)


@cache
def rules() -> Rules:
    """Return what the file says."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(table: Mapping[str, Any]) -> Rules:
    """Return the rules of a table as the file has it; ValueError where it contradicts itself."""
    causes = {name: _cause(said) for name, said in table["cause"].items()}
    matters = tuple(name for name, cause in causes.items() if cause.severity is not None)
    if wrong := [name for name in matters if causes[name].severity not in SEVERITIES]:
        raise ValueError(f"no such severity: {wrong[0]}")
    if wrong := [name for name, cause in causes.items() if Way.SAMPLING in cause.ways and cause.holds]:
        raise ValueError(f"what a charger confirms is not sampled: {wrong[0]}")
    said = table["proof"]
    proof = Proof(
        **{name: _span(said[name]) for name in ("probe_within", "source_within", "visit_within", "sample_wait")},
        sample_share=said["sample_share"],
        sampled=tuple(said["sampled"]),
        least_energy_wh=said["least_energy_wh"],
        broken_off=tuple(said["broken_off"]),
    )
    terms = {name: Terms(**{key: _span(span) for key, span in table["severity"][name].items()}) for name in SEVERITIES}
    return Rules(terms, proof, _cause(table["default"]), causes, matters)


def _cause(said: Mapping[str, Any]) -> Cause:
    cause = Cause(**{**said, "ways": tuple(map(Way, said["ways"]))})
    return replace(cause, same_as=tuple(cause.same_as))


def _span(said: Mapping[str, float]) -> Span:
    ((unit, hours),) = said.items()
    if unit not in ("hours", "office_hours"):
        raise ValueError(f"no such unit of time: {unit}")
    return Span(timedelta(hours=hours), unit == "office_hours")


def is_worse(severity: str, than: str) -> bool:
    """Compare two severities."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)
