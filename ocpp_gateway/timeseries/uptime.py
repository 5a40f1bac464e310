"""Uptime by three rules from the same seconds. Pure.

- `nevi`: 23 CFR 680.116(b) (United States): percent of the time that a port was online and available for use or in use;
  minutes of outage that are excluded (utility interruption, vehicle, scheduled maintenance, vandalism, natural disaster)
  do not count. The regulation divides by the 525,600 minutes of a year; here by the time observed, so that a month or a
  port younger than a year has a figure. The requirement: more than 97.
- `uk`: SI 2023/1168, regulation 7 (United Kingdom): reliable is a point whose OCPI status is neither INOPERATIVE nor OUTOFORDER;
  UNKNOWN (a lost connection) counts as reliable. No exclusions. The requirement, for a network of rapid points: 99.
- `intact` (完好率) and `online` (在线率): the county's own: time without a fault, and time not offline, of the time observed.

Time before a station was ever heard is not observed time.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seconds:
    """Seconds in each state, and those of outage that are excluded."""

    available_s: int = 0
    occupied_s: int = 0
    charging_s: int = 0
    reserved_s: int = 0
    unavailable_s: int = 0
    faulted_s: int = 0
    offline_s: int = 0
    unknown_s: int = 0
    excluded_s: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Seconds":
        """Return what a row tells."""
        return cls(**{name: int(row[name]) for name in cls.__dataclass_fields__})

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    @property
    def observed_s(self) -> int:
        """Return the time since the station was first heard."""
        in_use = self.available_s + self.occupied_s + self.charging_s + self.reserved_s
        return in_use + self.unavailable_s + self.faulted_s + self.offline_s

    @property
    def outage_s(self) -> int:
        """Return the time out of order or out of reach, excluded or not."""
        return self.unavailable_s + self.faulted_s + self.offline_s


def nevi(seconds: Seconds) -> float | None:
    """Return uptime in percent by the NEVI rule; None where nothing was observed."""
    return _percent(seconds.observed_s - max(0, seconds.outage_s - seconds.excluded_s), seconds.observed_s)


def uk(seconds: Seconds) -> float | None:
    """Return reliability in percent by the UK rule; None where nothing was observed."""
    return _percent(seconds.observed_s - seconds.unavailable_s - seconds.faulted_s, seconds.observed_s)


def intact(seconds: Seconds) -> float | None:
    """Return the share of time without a fault in percent (完好率)."""
    return _percent(seconds.observed_s - seconds.faulted_s, seconds.observed_s)


def online(seconds: Seconds) -> float | None:
    """Return the share of time not offline in percent (在线率)."""
    return _percent(seconds.observed_s - seconds.offline_s, seconds.observed_s)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


RULES: Mapping[str, Callable[[Seconds], float | None]] = {"nevi": nevi, "uk": uk, "intact": intact, "online": online}


def percents(seconds: Seconds) -> dict[str, float | None]:
    """Return uptime in percent by every rule."""
    return {name: rule(seconds) for name, rule in RULES.items()}


def by_connector(rows: Iterable[Mapping[str, Any]]) -> dict[int, Seconds]:
    """Return the seconds of each connector of a station, at whatever sites it was."""
    found: dict[int, Seconds] = {}
    for row in rows:
        found[row["connector"]] = found.get(row["connector"], Seconds()) + Seconds.of(row)
    return found
