"""How far a station's clock is off, from the times that it gives to what it says as it happens. Pure.

A message that waited for a connection looks like one from a slow clock. So what seems to come from the past counts once in
`SPACING`, however many such messages come at once, and the middle one of the last few decides. The future has no such excuse.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from ocpp_gateway.observation import ClockMeasured, Observation, StatusReported, TransactionReported

KEPT, ENOUGH = 5, 3
SPACING = timedelta(seconds=10)
WORTH_TELLING_S = 60.0
WORTH_TELLING_SHARE = 0.01  # of a clock that stands still in 1970 nobody need hear every minute


class ClockGauge:
    """Measures one station's clock over one connection."""

    __slots__ = ("_leads_s", "_next_at", "_station_id", "_told_s", "_tolerated_s")

    def __init__(self, station_id: str, tolerated: timedelta) -> None:
        self._station_id = station_id
        self._tolerated_s = tolerated.total_seconds()
        self._leads_s: list[float] = []
        self._next_at: datetime | None = None
        self._told_s: float | None = None

    def measure(self, observations: Sequence[Observation], now: datetime) -> ClockMeasured | None:
        """Take what a message says; return how the clock is when that is known for the first time or has changed."""
        said = _said_at(observations[0], now) if observations else None
        if said is None or (said <= now and self._next_at is not None and now < self._next_at):
            return None
        return self._take(said, now)

    def _take(self, said: datetime, now: datetime) -> ClockMeasured | None:
        self._next_at = now + SPACING
        self._leads_s = [*self._leads_s[1 - KEPT :], (said - now).total_seconds()]
        if len(self._leads_s) < ENOUGH:
            return None
        skew_s = median(self._leads_s)
        if self._told_s is not None and not self._is_news(skew_s, self._told_s):
            return None
        self._told_s = skew_s
        return ClockMeasured(self._station_id, skew_s, self._is_skewed(skew_s), now)

    def _is_news(self, skew_s: float, told_s: float) -> bool:
        worth = max(WORTH_TELLING_S, abs(told_s) * WORTH_TELLING_SHARE)
        return self._is_skewed(skew_s) != self._is_skewed(told_s) or abs(skew_s - told_s) >= worth

    def _is_skewed(self, skew_s: float) -> bool:
        return abs(skew_s) > self._tolerated_s


def _said_at(observation: Observation, now: datetime) -> datetime | None:
    """Return the time that a station gave to what it says as it happens; None where it gave none or says it later."""
    if isinstance(observation, StatusReported):
        return observation.occurred_at if observation.occurred_at is not now else None
    if isinstance(observation, TransactionReported) and not observation.offline:
        return observation.occurred_at
    return None
