"""How good a platform's data are: fresh, complete, consistent with what is filed, usable. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ocpp_gateway.cec102.profiles import Profile

Freshness = Literal["never", "fresh", "late", "silent"]
MOST_NAMED = 50
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a platform sent lately: messages, and their items by what became of them."""

    messages: int = 0
    taken: int = 0
    ignored: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Quality:
    """A platform's data, measured; shares from 0 to 1, None where there is nothing to measure.

    `complete`: of the connectors that are filed, those that were ever reported; `current`: within a day. `usable`: of what was sent
    within a day, what could be taken. `untold`: filed here, and in no file of the platform's; `unfiled`: the other way round.
    """

    freshness: Freshness
    silent_s: float | None
    filed: int
    complete: float | None
    current: float | None
    usable: float | None
    never_reported: tuple[str, ...]
    untold: tuple[str, ...]
    unfiled: tuple[str, ...]
    untold_count: int
    unfiled_count: int


def freshness_of(last_heard_at: datetime | None, now: datetime, profile: Profile) -> Freshness:
    """Say how fresh a platform is: late after half of the time after which it counts as silent."""
    if last_heard_at is None:
        return "never"
    silent_s = (now - last_heard_at).total_seconds()
    if silent_s > profile.silent_after_s:
        return "silent"
    return "late" if silent_s > profile.silent_after_s / 2 else "fresh"


def quality_of(
    profile: Profile,
    now: datetime,
    last_heard_at: datetime | None,
    filed: Mapping[str, datetime | None],
    told: Collection[str],
    traffic: Traffic,
) -> Quality:
    """Measure; `filed`: connector id → when it was last reported; `told`: the connector ids of the platform's own files."""
    never = sorted(connector_id for connector_id, at in filed.items() if at is None)
    current = sum(at is not None and now - at <= A_DAY for at in filed.values())
    sent = traffic.taken + traffic.ignored + traffic.refused
    untold = sorted(filed.keys() - set(told)) if told else []
    unfiled = sorted(set(told) - filed.keys())
    return Quality(
        freshness=freshness_of(last_heard_at, now, profile),
        silent_s=(now - last_heard_at).total_seconds() if last_heard_at else None,
        filed=len(filed),
        complete=(len(filed) - len(never)) / len(filed) if filed else None,
        current=current / len(filed) if filed else None,
        usable=traffic.taken / sent if sent else None,
        never_reported=tuple(never[:MOST_NAMED]),
        untold=tuple(untold[:MOST_NAMED]),
        unfiled=tuple(unfiled[:MOST_NAMED]),
        untold_count=len(untold),
        unfiled_count=len(unfiled),
    )
