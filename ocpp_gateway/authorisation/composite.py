"""The composite schedule: what the stored profiles together permit, over time. Pure.

At every instant the limit is the lowest of: the station's maximum profiles, external constraints (2.x), and the profile of
the connector. Of the profiles of one purpose the highest stack level counts that has a period at that instant. A connector's
profile is its TxProfile while a transaction is under way, else its TxDefaultProfile; one for the connector itself goes before
one for the whole station (connector 0). The station as a whole (connector 0) is bound by its maximum profiles and external
constraints alone.

Watts and amperes are converted at the nominal 220 V a phase (GB/T 156), three phases unless a period names their number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ocpp_gateway.authorisation.charging_profiles import EXTERNAL, STATION_MAX, TX, TX_DEFAULT, Profile, Schedule

NOMINAL_V = 220.0
PHASES = 3
RECURRENCES = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which schedule: `unit` W or A; `transaction` (id, start) of the connector, None while nobody charges."""

    connector: int
    start: datetime
    duration_s: int
    unit: str
    transaction: tuple[str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """From so many seconds after the start on, at most so much; None: no profile limits."""

    start_s: int
    limit: float | None


def composite_schedule(profiles: Sequence[Profile], asked: Asked) -> list[Period]:
    """Return the limits over time, a period wherever they change."""
    found: list[Period] = []
    for start_s in sorted({0, *_changes(profiles, asked)}):
        limit = limit_at(profiles, asked, asked.start + timedelta(seconds=start_s))
        if not found or found[-1].limit != limit:
            found.append(Period(start_s, limit))
    return found


def limit_at(profiles: Iterable[Profile], asked: Asked, at: datetime) -> float | None:
    """Return the limit at one instant."""
    own = list(profiles)
    limits = [station_limit_at(own, asked, at), _external_limit_at(own, asked, at)]
    if asked.connector:
        limits.append(_connector_limit_at(own, asked, at))
    return min((limit for limit in limits if limit is not None), default=None)


def station_limit_at(profiles: Iterable[Profile], asked: Asked, at: datetime) -> float | None:
    """Return what the station's maximum profiles permit at one instant."""
    return _highest([p for p in profiles if p.purpose in STATION_MAX], asked, at)


def _external_limit_at(profiles: Iterable[Profile], asked: Asked, at: datetime) -> float | None:
    found = [p for p in profiles if p.purpose == EXTERNAL and p.connector in (0, asked.connector)]
    limits = [_highest([p for p in found if p.connector == place], asked, at) for place in (0, asked.connector)]
    return min((limit for limit in limits if limit is not None), default=None)


def _connector_limit_at(profiles: Sequence[Profile], asked: Asked, at: datetime) -> float | None:
    choices = [[p for p in profiles if p.purpose == TX_DEFAULT and p.connector == n] for n in (asked.connector, 0)]
    if asked.transaction:
        mine = [p for p in profiles if p.purpose == TX and _is_of(p, asked, asked.transaction[0])]
        choices.insert(0, mine)
    return next((limit for choice in choices if (limit := _highest(choice, asked, at)) is not None), None)


def _is_of(profile: Profile, asked: Asked, transaction_id: str) -> bool:
    return profile.transaction_id == transaction_id or (
        profile.transaction_id is None and profile.connector == asked.connector
    )


def _highest(profiles: Sequence[Profile], asked: Asked, at: datetime) -> float | None:
    """Return the limit of the highest stack level that has one at that instant."""
    for profile in sorted(profiles, key=lambda p: -p.stack_level):
        limit = _limit_of(profile, asked, at)
        if limit is not None:
            return limit
    return None


def _limit_of(profile: Profile, asked: Asked, at: datetime) -> float | None:
    if (profile.valid_from and at < profile.valid_from) or (profile.valid_to and at >= profile.valid_to):
        return None
    schedule = _preferred(profile, asked.unit)
    begun = _latest_start(profile, schedule, asked, at)
    if begun is None:
        return None
    elapsed_s = (at - begun).total_seconds()
    if schedule.duration_s is not None and elapsed_s >= schedule.duration_s:
        return None
    current = [period for period in schedule.periods if period[0] <= elapsed_s]
    return _converted(current[-1][1], schedule.unit, asked.unit, current[-1][2]) if current else None


def _preferred(profile: Profile, unit: str) -> Schedule:
    """2.x may give a profile in several schedules; one in the unit asked for needs no conversion."""
    return next((schedule for schedule in profile.schedules if schedule.unit == unit), profile.schedules[0])


def _latest_start(profile: Profile, schedule: Schedule, asked: Asked, at: datetime) -> datetime | None:
    """Return when the schedule last began at an instant; a relative one begins with the transaction."""
    start = schedule.start
    if profile.kind == "Relative" or start is None:
        start = asked.transaction[1].replace(microsecond=0) if asked.transaction else asked.start
    if at < start:
        return None
    recurrence = RECURRENCES.get(profile.recurrency or "") if profile.kind == "Recurring" else None
    return start if recurrence is None else at - (at - start) % recurrence


def _converted(limit: float, unit: str, wanted: str, phases: int) -> float:
    if unit == wanted:
        return limit
    watts_an_ampere = NOMINAL_V * (phases if phases > 0 else PHASES)
    return round(limit * watts_an_ampere if wanted == "W" else limit / watts_an_ampere, 1)


def _changes(profiles: Iterable[Profile], asked: Asked) -> Iterator[int]:
    """Yield every second within what is asked at which a limit may change."""
    end = asked.start + timedelta(seconds=asked.duration_s)
    for profile in profiles:
        for moment in _moments(profile, asked, end):
            if asked.start < moment < end:
                yield int((moment - asked.start).total_seconds())


def _moments(profile: Profile, asked: Asked, end: datetime) -> Iterator[datetime]:
    yield from (moment for moment in (profile.valid_from, profile.valid_to) if moment)
    schedule = _preferred(profile, asked.unit)
    offsets = [period[0] for period in schedule.periods] + ([schedule.duration_s] if schedule.duration_s else [])
    for begun in _starts(profile, schedule, asked, end):
        yield begun
        yield from (begun + timedelta(seconds=offset) for offset in offsets)


def _starts(profile: Profile, schedule: Schedule, asked: Asked, end: datetime) -> Iterator[datetime]:
    """Yield the starts of a schedule that may be under way within what is asked."""
    begun = _latest_start(profile, schedule, asked, asked.start) or _latest_start(profile, schedule, asked, end)
    first = begun if begun is None or begun <= asked.start else (schedule.start or begun)
    recurrence = RECURRENCES.get(profile.recurrency or "") if profile.kind == "Recurring" else None
    while first is not None and first < end:
        yield first
        if recurrence is None:
            return
        first += recurrence
