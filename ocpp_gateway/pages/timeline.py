"""A connector's last day as a line of conditions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

OFFLINE, UNKNOWN = "offline", "unknown"


@dataclass(frozen=True, slots=True)
class Said:
    """From when on a connector was in a condition, as it said."""

    connector: int
    at: datetime
    condition: str


@dataclass(frozen=True, slots=True)
class Link:
    """From when on a station was online or offline."""

    at: datetime
    online: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A time in one condition."""

    since: datetime
    until: datetime
    condition: str

    @property
    def seconds(self) -> float:
        """Return how long it lasted."""
        return (self.until - self.since).total_seconds()


def line(said: Iterable[Said], links: Iterable[Link], low: datetime, high: datetime) -> list[Piece]:
    """Return the pieces of [low, high) of one connector, without gaps; what came before `low` holds at its beginning."""
    conditions = sorted(said, key=lambda one: one.at)
    online = sorted(links, key=lambda one: one.at)
    moments = {low, high, *(one.at for one in conditions), *(one.at for one in online)}
    cuts = sorted(moment for moment in moments if low <= moment <= high)
    pieces: list[Piece] = []
    for since, until in pairwise(cuts):
        condition = _at(conditions, online, since)
        if pieces and pieces[-1].condition == condition:
            pieces[-1] = Piece(pieces[-1].since, until, condition)
        else:
            pieces.append(Piece(since, until, condition))
    return pieces


def _at(conditions: Sequence[Said], links: Sequence[Link], moment: datetime) -> str:
    said = [one.condition for one in conditions if one.at <= moment]
    link = [one.online for one in links if one.at <= moment]
    if not said:
        return UNKNOWN
    return said[-1] if not link or link[-1] else OFFLINE


def totals(pieces: Iterable[Piece]) -> dict[str, float]:
    """Return seconds by condition, the longest first."""
    sums: dict[str, float] = {}
    for piece in pieces:
        sums[piece.condition] = sums.get(piece.condition, 0.0) + piece.seconds
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))
