"""What the ledger of a site takes over when another becomes part of it. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from charger_registry.ledger.amendment import Amendment
from charger_registry.ledger.responsibility import Line


def inherited(kept: Sequence[Line], gone: Sequence[Line], moved: Collection[str], now: datetime) -> Amendment:
    """Return what holds of the other site from now on: the lines of stations that move, and roles that nobody has."""
    lines = [
        replace(line, since=max(line.since, now), id=0)
        for line in gone
        if (not line.station_id or line.station_id in moved) and (line.until is None or line.until > now)
    ]
    free = [line for line in lines if not any(o.is_of(line.role, line.station_id) and o.overlaps(line) for o in kept)]
    return Amendment((), tuple(free))
