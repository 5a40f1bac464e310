"""How good a platform's data are: fresh, complete, consistent with what is filed, usable. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from ocpp_gateway.cec102.profiles import Profile
from ocpp_gateway.cec102.upward.reports import CLOSED, IN_USE
from youguan.coordinates import Point, gcj02_to_wgs84
from youguan.events import SiteFiled

Freshness = Literal["never", "fresh", "late", "silent"]
MOST_NAMED = 50
A_DAY = timedelta(days=1)
TOLERATED_M = 200.0  # by which a site's point may differ: an entrance, and the middle of a car park
TOLERATED_POWER = 0.05
EARTH_M = 6_371_000.0

What = Literal["name", "position", "connectors", "power", "operating", "uscc"]


class SiteTold(NamedTuple):
    """A site as its platform files it, None what it does not tell: GCJ-02 degrees, `power_w` by connector id, StationStatus."""

    cec_station_id: str
    name: str | None
    point: Point | None
    power_w: Mapping[str, float | None]
    operating: int | None = None


class Contradiction(NamedTuple):
    """Where a platform's file and the registry's do not agree.

    `connector_id` None: of the whole site; `cec_station_id` None: of its operator.
    """

    cec_station_id: str | None
    what: What
    told: str
    filed: str
    connector_id: str | None = None


@dataclass(frozen=True, slots=True)
class Consistency:
    """Of how many sites both files are known, how many of them agree, and where they do not."""

    compared: int = 0
    agreeing: int = 0
    contradictions: tuple[Contradiction, ...] = ()


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

    `complete`: of the connectors that are filed, those that were ever reported; `current`: within a day. `usable`: of what was
    sent within a day, what could be taken. `untold`: filed here, and in no file of the platform's; `unfiled`: the other way
    round. `consistent`: of the sites that both file, those on which the files agree.
    """

    measured_at: datetime
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
    consistent: float | None = None
    contradictions: tuple[Contradiction, ...] = ()
    contradiction_count: int = 0


def freshness_of(last_heard_at: datetime | None, now: datetime, profile: Profile) -> Freshness:
    """Say how fresh a platform is: late after half of the time after which it counts as silent."""
    if last_heard_at is None:
        return "never"
    silent_s = (now - last_heard_at).total_seconds()
    if silent_s > profile.silent_after_s:
        return "silent"
    return "late" if silent_s > profile.silent_after_s / 2 else "fresh"


def taken_at(last_taken_at: datetime | None, waits_since: datetime | None, now: datetime) -> datetime | None:
    """Return when a province last dealt with all that it was to be told; None: never. Where nothing waits that is now."""
    if last_taken_at is None or waits_since is None:
        return None if last_taken_at is None else now
    return max(last_taken_at, waits_since)


def quality_of(
    profile: Profile,
    now: datetime,
    last_heard_at: datetime | None,
    filed: Mapping[str, datetime | None],
    told: Collection[str],
    traffic: Traffic,
    consistency: Consistency = Consistency(),
) -> Quality:
    """Measure; `filed`: connector id → when it was last reported; `told`: the connector ids of the platform's own files."""
    never = sorted(connector_id for connector_id, at in filed.items() if at is None)
    current = sum(at is not None and now - at <= A_DAY for at in filed.values())
    untold = sorted(filed.keys() - set(told)) if told else []
    unfiled = sorted(set(told) - filed.keys())
    return Quality(
        measured_at=now,
        freshness=freshness_of(last_heard_at, now, profile),
        silent_s=(now - last_heard_at).total_seconds() if last_heard_at else None,
        filed=len(filed),
        complete=(len(filed) - len(never)) / len(filed) if filed else None,
        current=current / len(filed) if filed else None,
        usable=_usable(traffic),
        never_reported=tuple(never[:MOST_NAMED]),
        untold=tuple(untold[:MOST_NAMED]),
        unfiled=tuple(unfiled[:MOST_NAMED]),
        untold_count=len(untold),
        unfiled_count=len(unfiled),
        consistent=consistency.agreeing / consistency.compared if consistency.compared else None,
        contradictions=consistency.contradictions[:MOST_NAMED],
        contradiction_count=len(consistency.contradictions),
    )


def brought_up_to_now(
    measured: Quality,
    profile: Profile,
    now: datetime,
    last_heard_at: datetime | None,
    traffic: Traffic,
    more: tuple[Contradiction, ...] = (),
) -> Quality:
    """Return what was measured a while ago with what is known at once: how fresh it is, how usable, and what else contradicts."""
    return replace(
        measured,
        freshness=freshness_of(last_heard_at, now, profile),
        silent_s=(now - last_heard_at).total_seconds() if last_heard_at else None,
        usable=_usable(traffic),
        contradictions=(*more, *measured.contradictions)[:MOST_NAMED],
        contradiction_count=len(more) + measured.contradiction_count,
    )


def _usable(traffic: Traffic) -> float | None:
    sent = traffic.taken + traffic.ignored + traffic.refused
    return traffic.taken / sent if sent else None


def consistency_of(told: Sequence[SiteTold], filed: Sequence[SiteFiled]) -> Consistency:
    """Hold a platform's files against the registry's, site by site."""
    registry = {site.cec_station_id: site for site in filed}
    pairs = [(site, registry[site.cec_station_id]) for site in told if site.cec_station_id in registry]
    found = [_contradictions(site, ours) for site, ours in pairs]
    return Consistency(len(pairs), sum(not one for one in found), tuple(c for one in found for c in one))


def operator_contradictions(told_uscc: str | None, filed_uscc: str | None) -> tuple[Contradiction, ...]:
    """Hold the credit code that a platform tells of its operator against that of the organisation whose it is."""
    if told_uscc is None or filed_uscc is None or told_uscc.strip().upper() == filed_uscc:
        return ()
    return (Contradiction(None, "uscc", told_uscc, filed_uscc),)


def _contradictions(told: SiteTold, filed: SiteFiled) -> list[Contradiction]:
    found: list[Contradiction] = []

    def differ(what: What, theirs: str, ours: str, connector_id: str | None = None) -> None:
        found.append(Contradiction(told.cec_station_id, what, theirs, ours, connector_id))

    if told.operating == CLOSED:  # as what is filed and not retired is told to provinces
        differ("operating", str(CLOSED), str(IN_USE))
    if told.name is not None and _bare(told.name) != _bare(filed.name):
        differ("name", told.name, filed.name)
    if told.point is not None:
        longitude, latitude = gcj02_to_wgs84(told.point)
        apart = distance_m((longitude, latitude), (filed.longitude, filed.latitude))
        if apart > TOLERATED_M:
            place = f"{longitude:.6f}, {latitude:.6f} ({apart:,.0f} m)"
            differ("position", place, f"{filed.longitude:.6f}, {filed.latitude:.6f}")
    power = {c.cec_connector_id: float(s.power_w) for s in filed.stations for c in s.connector_files}
    if told.power_w and len(told.power_w) != len(power):
        differ("connectors", str(len(told.power_w)), str(len(power)))
    for connector_id, theirs in sorted(told.power_w.items()):
        ours = power.get(connector_id)
        if theirs is not None and ours is not None and abs(theirs - ours) > TOLERATED_POWER * max(theirs, ours):
            differ("power", f"{theirs / 1000:g} kW", f"{ours / 1000:g} kW", connector_id)
    return found


def _bare(name: str) -> str:
    """Return a name without what people write differently: spaces, and brackets of either width."""
    return "".join(name.split()).translate(str.maketrans("（）", "()"))


def distance_m(one: Point, other: Point) -> float:
    """Return the metres between two points in degrees, longitude first."""
    (x1, y1), (x2, y2) = (tuple(map(math.radians, point)) for point in (one, other))
    half = math.sin((y2 - y1) / 2) ** 2 + math.cos(y1) * math.cos(y2) * math.sin((x2 - x1) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))
