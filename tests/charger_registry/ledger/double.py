"""What the ledger must never hold: two managers at once."""

from collections.abc import Iterable
from itertools import pairwise

from charger_registry.ledger.responsibility import Line


def two_managers(lines: Iterable[Line]) -> tuple[Line, Line] | None:
    """Return two lines by which a site or a station has two managers at once, or None."""
    by_place: dict[str, list[Line]] = {}
    for line in lines:
        if line.role == "manager":
            by_place.setdefault(line.station_id, []).append(line)
    for found in by_place.values():
        found.sort(key=lambda line: line.since)
        for before, after in pairwise(found):
            if before.overlaps(after):
                return before, after
    return None
