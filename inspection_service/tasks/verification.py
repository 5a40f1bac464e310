"""How what somebody says about a task is proved: not believed. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from inspection_service.tasks.rules import Cause, Proof, Way
from youguan.events import TransactionEnded


@dataclass(frozen=True, slots=True)
class Holding:
    """How much longer something must stay in order: `until` while it can be told, `left` while it cannot or is out of service."""

    until: datetime | None
    left: timedelta | None

    @classmethod
    def begun(cls, now: datetime, time: timedelta, *, runs: bool) -> "Holding":
        return cls(now + time, None) if runs else cls(None, time)


def proves(ended: TransactionEnded, since: datetime, proof: Proof) -> bool:
    """Say whether a transaction proves what was said since: it began later, delivered enough, was not broken off."""
    began_later = ended.started_at is not None and ended.started_at >= since
    delivered = ended.energy_wh is not None and ended.energy_wh >= proof.least_energy_wh
    return began_later and delivered and ended.reason not in proof.broken_off


@dataclass(frozen=True, slots=True)
class Wait:
    """For what a mended task waits, and how long; `until` None: for as long as it takes."""

    way: Way
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What matters for how a task can be proved.

    `fires`: what raised it still says that it is so. `asked`: the station can be asked now. `lot`: drawn from [0, 1).
    """

    severity: str
    fires: bool
    asked: bool
    lot: float


# A charger is asked only where it has not said by itself that it is in order.
ORDER = (Way.SOURCE, Way.PROBE, Way.SAMPLING, Way.INSPECTOR)


def next_wait(cause: Cause, proof: Proof, seen: Circumstances, now: datetime, *, after: Way | None = None) -> Wait:
    """Return for what a mended task waits, or waits after a way has led nowhere: machines first, an inspector at the end.

    What raises an alert may always take it back; what still fires is never left to the lot.
    """
    left = ORDER[ORDER.index(after) + 1 :] if after is not None else ORDER
    for way in left:
        if way == Way.SOURCE and seen.fires:
            return Wait(way, proof.source_within.after(now) if Way.INSPECTOR in cause.ways else None)
        if way == Way.PROBE and way in cause.ways and seen.asked:
            return Wait(way, proof.probe_within.after(now))
        if way == Way.SAMPLING and _is_left_to_the_lot(cause, proof, seen):
            return Wait(way, proof.sample_wait.after(now))
    return Wait(Way.INSPECTOR, None)


def _is_left_to_the_lot(cause: Cause, proof: Proof, seen: Circumstances) -> bool:
    small = seen.severity in proof.sampled and not seen.fires
    return Way.SAMPLING in cause.ways and small and seen.lot >= proof.sample_share
