"""What the suite's metrics say of the last minutes: looked at regularly, kept in memory, told as rates."""

import asyncio
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from prometheus_client import CollectorRegistry, Metric

from youguan.repeating import repeat

EVERY_S = 5.0
KEPT = 61  # five minutes

WAITS, BATCHES = "youguan_ocpp_acknowledgement_seconds", "youguan_recorder_batch_messages"
# Which counter is kept under which of its labels.
COUNTED = {
    "youguan_ocpp_frames_total": "version",
    "youguan_ocpp_acknowledged_total": None,
    "youguan_ocpp_refused_total": "code",
    "youguan_ocpp_handshakes_rejected_total": "reason",
    "youguan_ocpp_admitted_total": "profile",
    "youguan_ocpp_connections_dropped_total": "reason",
    "youguan_mqtt_messages_total": "outcome",
    "youguan_relay_spool_bytes": None,
    "youguan_relay_lost_records": None,
    f"{WAITS}_bucket": "le",
    f"{BATCHES}_sum": None,
    f"{BATCHES}_count": None,
}

Counted = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the counters stood at, by name and label; `at` in seconds of a clock that never goes back."""

    at: float
    counts: Counted = field(default_factory=dict)

    def total(self, name: str) -> float:
        """Return the sum over all labels."""
        return sum(self.counts.get(name, {}).values())


def read(families: Iterable[Metric], at: float) -> Sample:
    """Return what the metrics of all processes stand at."""
    found: dict[str, Counts[str]] = {}
    for family in families:
        for sample in family.samples:
            if sample.name in COUNTED:
                label = COUNTED[sample.name]
                place = sample.labels.get(label, "") if label else ""
                found.setdefault(sample.name, Counts())[place] += sample.value  # type: ignore[assignment]
    return Sample(at, found)


@dataclass(frozen=True, slots=True)
class Trend:
    """The last minutes: messages a second between two looks, and what follows from the first and the last of them."""

    received: Sequence[float] = ()
    received_per_s: float = 0.0
    acknowledged_per_s: float = 0.0
    commits_per_s: float = 0.0
    messages_a_commit: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    seconds: float = 0.0


def trend(samples: Sequence[Sample]) -> Trend:
    """Return what the samples, the oldest first, add up to."""
    if len(samples) < 2:
        return Trend()
    first, last = samples[0], samples[-1]
    elapsed = last.at - first.at
    commits = _grown(first, last, f"{BATCHES}_count")
    waits = {le: count - first.counts.get(f"{WAITS}_bucket", {}).get(le, 0.0)
             for le, count in last.counts.get(f"{WAITS}_bucket", {}).items()}  # fmt: skip
    return Trend(
        received=[_grown(a, b, "youguan_ocpp_frames_total") / (b.at - a.at) for a, b in pairwise(samples)],
        received_per_s=_grown(first, last, "youguan_ocpp_frames_total") / elapsed,
        acknowledged_per_s=_grown(first, last, "youguan_ocpp_acknowledged_total") / elapsed,
        commits_per_s=commits / elapsed,
        messages_a_commit=_grown(first, last, f"{BATCHES}_sum") / commits if commits else None,
        p50_s=quantile(waits, 0.5),
        p99_s=quantile(waits, 0.99),
        seconds=elapsed,
    )


def _grown(first: Sample, last: Sample, name: str) -> float:
    return max(0.0, last.total(name) - first.total(name))  # a worker that began again counts from nothing


def quantile(buckets: Mapping[str, float], share: float) -> float | None:
    """Return the bound, in seconds, below which so large a share of the observations lies; None where there are none."""
    ordered = sorted((float(bound), count) for bound, count in buckets.items())
    if not ordered or ordered[-1][1] <= 0:
        return None
    return next(bound for bound, count in ordered if count >= share * ordered[-1][1])


class Figures:
    """Looks at the metrics regularly."""

    def __init__(self, registry: Callable[[], CollectorRegistry]) -> None:
        self._registry = registry
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await repeat(self.look, EVERY_S)

    async def look(self) -> None:
        """Look once."""
        now = asyncio.get_running_loop().time()
        self._samples.append(await asyncio.to_thread(lambda: read(self._registry().collect(), now)))

    def trend(self) -> Trend:
        """Return the last minutes."""
        return trend(self._samples)

    def counted(self, name: str) -> dict[str, float]:
        """Return what a counter stood at when we looked last, by label, the largest first."""
        counts = self._samples[-1].counts.get(name, {}) if self._samples else {}
        return dict(sorted(((label, count) for label, count in counts.items() if count), key=lambda pair: -pair[1]))
