"""Wrong tries, counted by source and by station: who must wait, and what is told of it. Bounded, and pure but for its memory.

A source that fails too often is answered 429, a station id never: nobody can lock a station out by guessing at it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from typing import NamedTuple

from youguan.events import StationAccessRefused

TRIES = 10
WINDOW = timedelta(minutes=5)
TOLD_EVERY = timedelta(minutes=1)
TOLD_AT_ONCE = 20
REMEMBERED = 10_000


class Subject(NamedTuple):
    """Whose tries are counted: a source, or a station that is guessed at."""

    source: str | None
    station_id: str | None


@dataclass(slots=True)
class Tally:
    """The tries of one window."""

    since: datetime
    tries: int = 0
    reason: str = ""
    told: int = 0
    told_at: datetime | None = None


class Attempts:
    """The wrong tries of late."""

    def __init__(self) -> None:
        self._tallies: OrderedDict[Subject, Tally] = OrderedDict()

    def note(self, source: str, station_id: str | None, reason: str, now: datetime) -> None:
        """Count a wrong try; `station_id` where its password or certificate was guessed at."""
        self._count(Subject(source, None), reason, now)
        if station_id is not None:
            self._count(Subject(None, station_id), reason, now)

    def too_many(self, source: str, now: datetime) -> bool:
        """Say whether a source has failed too often of late."""
        tally = self._tallies.get(Subject(source, None))
        return tally is not None and tally.tries >= TRIES and now - tally.since < WINDOW

    def _count(self, subject: Subject, reason: str, now: datetime) -> None:
        tally = self._tallies.get(subject)
        if tally is None or now - tally.since >= WINDOW:
            tally = self._tallies[subject] = Tally(now)
        self._tallies.move_to_end(subject)
        tally.tries += 1
        tally.reason = reason
        if len(self._tallies) > REMEMBERED:
            self._tallies.popitem(last=False)

    def to_tell(self, now: datetime) -> list[StationAccessRefused]:
        """Return what is worth telling: of each subject once a minute, of many the busiest."""
        due = [(subject, tally) for subject, tally in self._tallies.items() if _is_due(tally, now)]
        return [
            StationAccessRefused(
                source=subject.source, station_id=subject.station_id, tries=tally.tries - tally.told,
                reason=tally.reason, since=tally.since, at=now,
            )
            for subject, tally in nlargest(TOLD_AT_ONCE, due, key=lambda pair: pair[1].tries - pair[1].told)
        ]  # fmt: skip

    def told(self, events: Iterable[StationAccessRefused]) -> None:
        """Note what has been told."""
        for event in events:
            tally = self._tallies.get(Subject(event.source, event.station_id))
            if tally is not None and tally.since == event.since:
                tally.told += event.tries
                tally.told_at = event.at


def _is_due(tally: Tally, now: datetime) -> bool:
    return (
        tally.tries >= TRIES
        and tally.tries > tally.told
        and (tally.told_at is None or now - tally.told_at >= TOLD_EVERY)
    )
