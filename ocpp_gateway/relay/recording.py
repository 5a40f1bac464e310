"""How what the relay met becomes durable: in the recorder's commit, with what was noted there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import asyncpg

from ocpp_gateway.observation import RelayGap, SpoolDrained, UpstreamMet
from ocpp_gateway.relay import store
from youguan.events import Event, RelayRecordsLost, UpstreamAway, UpstreamBack


async def write_met(connection: asyncpg.Connection, met: Sequence[UpstreamMet]) -> list[Event]:
    """Note how upstreams were met, and tell when one is away and when it is back."""
    await store.meet_stations(connection, latest(met))
    says = {each.site_id: each for each in met if each.state in ("connected", "away")}
    # Sites in one order, or two workers could wait for each other.
    return [told(each) for _, each in sorted(says.items()) if await store.meet_site(connection, each)]


def latest(met: Sequence[UpstreamMet]) -> list[UpstreamMet]:
    """Return how each station met its upstream last, with the last heartbeat interval that was told."""
    found: dict[str, UpstreamMet] = {}
    for each in met:
        before = found.get(each.station_id)
        if before is not None and each.heartbeat_interval_s is None:
            each = replace(each, heartbeat_interval_s=before.heartbeat_interval_s)  # noqa: PLW2901
        found[each.station_id] = each
    return list(found.values())


def told(met: UpstreamMet) -> Event:
    """Return the event of a change."""
    if met.state == "away":
        return UpstreamAway(site_id=met.site_id, station_id=met.station_id, reason=met.detail, at=met.at)
    return UpstreamBack(site_id=met.site_id, at=met.at)


async def write_drained(connection: asyncpg.Connection, drained: Sequence[SpoolDrained]) -> list[Event]:
    """Note up to where spools are stored."""
    for spool_id in sorted({each.spool_id for each in drained}):
        last = max((each for each in drained if each.spool_id == spool_id), key=lambda each: each.place)
        await store.note_drained(connection, spool_id, last.place, last.at)
    return []


async def write_gaps(connection: asyncpg.Connection, gaps: Sequence[RelayGap]) -> list[Event]:
    """Note what was not kept, and tell it: of each spool, reason and beginning once."""
    for gap in gaps:
        await store.note_gap(connection, gap)
    counts: dict[tuple[str, str, datetime], int] = {}
    for gap in gaps:
        if gap.records != 0:  # 0 says that what began is told in full
            key = (gap.spool_id, gap.reason, gap.since)
            counts[key] = counts.get(key, 0) + (gap.records or 0)
    return [
        RelayRecordsLost(spool_id=spool_id, records=records, since=since, reason=reason)
        for (spool_id, reason, since), records in counts.items()
    ]
