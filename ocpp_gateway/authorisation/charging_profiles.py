"""Charging profiles as stations hold them: read from a message, matched by criteria. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_gateway.adapters.values import read_integer, read_time
from ocpp_gateway.authorisation.facts import Criteria

# 1.6 and 2.x have two words for the same thing.
STATION_MAX = frozenset({"ChargePointMaxProfile", "ChargingStationMaxProfile"})
# Further than this no schedule of a station reaches, and no limit is higher.
TEN_YEARS_S = 10 * 366 * 24 * 3600
HIGHEST_LIMIT = 1e9
EXTERNAL = "ChargingStationExternalConstraints"
TX_DEFAULT, TX = "TxDefaultProfile", "TxProfile"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Limits over time in `unit` (W or A): (seconds from the start, limit, phases or 0 where not said), in order."""

    unit: str
    start: datetime | None
    duration_s: int | None
    periods: tuple[tuple[int, float, int], ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A charging profile; `connector` 0 is the station itself, None not known yet."""

    profile_id: int
    connector: int | None
    purpose: str
    stack_level: int
    kind: str
    recurrency: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    schedules: tuple[Schedule, ...]
    source: str = "CSO"


def read_profile(profile: dict[str, Any], connector: int | None, source: str = "CSO") -> Profile:
    """Return a profile of 1.6 or 2.x, valid by its schema; a Refusal names a time or an integer that is none."""
    schedules = profile["chargingSchedule"]
    transaction = profile.get("transactionId")
    return Profile(
        read_integer(profile.get("chargingProfileId", profile.get("id", 0)), "chargingProfile.id"),
        None if connector is None else read_integer(connector, "connector"),
        profile["chargingProfilePurpose"],
        read_integer(profile["stackLevel"], "chargingProfile.stackLevel"),
        profile["chargingProfileKind"],
        profile.get("recurrencyKind"),
        _time(profile, "validFrom"),
        _time(profile, "validTo"),
        None if transaction is None else str(transaction),
        tuple(_schedule(schedule) for schedule in (schedules if isinstance(schedules, list) else [schedules])),
        source,
    )


def _schedule(schedule: dict[str, Any]) -> Schedule:
    periods = sorted(
        (_seconds(period["startPeriod"]), min(float(period["limit"]), HIGHEST_LIMIT), period.get("numberPhases") or 0)
        for period in schedule["chargingSchedulePeriod"]
        if "limit" in period  # 2.1 has operation modes without one
    )
    duration = schedule.get("duration")
    return Schedule(
        schedule["chargingRateUnit"],
        _time(schedule, "startSchedule"),
        None if duration is None else _seconds(duration),
        tuple(periods),
    )


def _seconds(number: int) -> int:
    return max(0, min(number, TEN_YEARS_S))


def _time(holder: dict[str, Any], member: str) -> datetime | None:
    """Return a time in whole seconds, as schedules count."""
    said = holder.get(member)
    return read_time(said, member).replace(microsecond=0) if said else None


def fits(criteria: Criteria, profile: Profile) -> bool:
    """Say whether a profile is among those that the criteria name."""
    if criteria.profile_ids is not None:
        return profile.profile_id in criteria.profile_ids
    return (
        criteria.connector in (None, profile.connector)
        and criteria.purpose in (None, profile.purpose)
        and criteria.stack_level in (None, profile.stack_level)
        and (criteria.sources is None or profile.source in criteria.sources)
    )


def replaced(new: Profile, present: Iterable[Profile]) -> list[Profile]:
    """Return what a new profile takes the place of: the same id, or the same purpose and stack level at the same place."""
    return [
        old
        for old in present
        if old.profile_id == new.profile_id
        or (
            (old.connector, old.purpose, old.stack_level, old.transaction_id, old.source)
            == (new.connector, new.purpose, new.stack_level, new.transaction_id, new.source)
        )
    ]
