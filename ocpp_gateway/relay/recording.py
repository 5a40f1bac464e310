"""How what the relay met becomes durable: in the recorder's commit, with what was noted there."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.observation import SpoolDrained, UpstreamMet
from ocpp_gateway.relay import store
from youguan.events import Event, RelayRecordsLost, UpstreamAway, UpstreamBack


async def write_met(connection: asyncpg.Connection, met: Sequence[UpstreamMet]) -> list[Event]:
    """Note how upstreams were met, and tell when one is away and when it is back."""
    events: list[Event] = []
    for each in sorted(met, key=lambda m: m.site_id):  # sites in one order, or two workers could wait for each other
        if await store.meet(connection, each):
            events.append(told(each))
    return events


def told(met: UpstreamMet) -> Event:
    """Return the event of a change."""
    if met.state == "away":
        return UpstreamAway(site_id=met.site_id, station_id=met.station_id, reason=met.detail, at=met.at)
    return UpstreamBack(site_id=met.site_id, at=met.at)


async def write_drained(connection: asyncpg.Connection, drained: Sequence[SpoolDrained]) -> list[Event]:
    """Note up to where spools are stored, and tell what they had no room for."""
    for spool_id in sorted({each.spool_id for each in drained}):
        ours = [each for each in drained if each.spool_id == spool_id]
        lost = sum(each.lost for each in ours)
        await store.note_drained(connection, spool_id, max(each.place for each in ours), lost, ours[-1].at)
    return [RelayRecordsLost(spool_id=each.spool_id, records=each.lost, since=each.at) for each in drained if each.lost]
