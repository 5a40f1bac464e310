"""What was passed on and is not kept: what a record of a spool says of that, and what one that cannot be read leaves open. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ocpp_gateway.observation import RelayGap
from ocpp_gateway.relay.passed import GAP, Passed

FULL, DISK = "full", "disk"
TORN, DAMAGED, UNREADABLE, UNRECORDABLE, KILLED = "torn", "damaged", "unreadable", "unrecordable", "killed"
# So many stations of a gap are counted each by itself, the rest together.
MOST_STATIONS = 1000


@dataclass(slots=True)
class Untold:
    """What was not kept for one reason, by station, since then and up to then."""

    reason: str
    since: datetime
    until: datetime
    records: Counter[str] = field(default_factory=Counter)

    def count(self, station_id: str, number: int, at: datetime) -> None:
        """Count records of a station."""
        known = station_id in self.records or len(self.records) < MOST_STATIONS
        self.records[station_id if known else ""] += number
        self.until = max(self.until, at)

    def begins(self) -> Passed:
        """Return the record that says that there is a gap, though not yet of what."""
        return Passed(GAP, "", 0, "", "", self.since, about=self.reason)

    def tells(self, station_id: str, number: int) -> Passed:
        """Return the record that says how much of a station was not kept; 0 and no station: what began is told in full."""
        until = self.until.isoformat()
        return Passed(GAP, station_id, 0, "", "", self.since, about=self.reason, state=until, number=number)


def gap_told(passed: Passed, spool_id: str) -> RelayGap:
    """Return the gap that a record tells of."""
    until = datetime.fromisoformat(passed.state) if passed.state else None
    records = passed.number if until else None
    return RelayGap(spool_id, passed.station_id or None, passed.about, passed.at, until, records)


def gap_found(spool_id: str, since: datetime, now: datetime, lost_bytes: int, *, at_its_end: bool) -> RelayGap:
    """Return the gap where nothing can be read; at the end of what a killed process left behind it is what it was writing."""
    return RelayGap(spool_id, None, TORN if at_its_end else DAMAGED, since, now, None, lost_bytes)


def gap_of_unrecordable(passed: Passed, spool_id: str) -> RelayGap:
    """Return the gap of a message that is no text that can be kept; those of an hour are one."""
    hour = passed.at.replace(minute=0, second=0, microsecond=0)
    return RelayGap(spool_id, passed.station_id, UNRECORDABLE, hour, passed.at, 1)
