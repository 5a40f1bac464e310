"""What goes into one commit, and what of it is news: pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import NamedTuple

from ocpp_gateway.observation import (
    Announced,
    Booted,
    MeterSampled,
    Notified,
    Observation,
    StatusReported,
    TransactionBegun,
    TransactionReported,
    TransactionStopped,
)
from youguan.events import ConnectorStatusChanged


@dataclass(frozen=True, slots=True)
class Committed:
    """The entry is durable; `transaction_id` is what the store gave to a 1.6 StartTransaction."""

    transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The database refuses what the entry holds; it is kept among the refused input."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The station has moved to another worker: it will say this again there."""


Settlement = Committed | Refused | Lost
COMMITTED = Committed()


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection ended; `epoch` says which, so that an old one's late end leaves the new one alone."""

    station_id: str
    epoch: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that was refused, kept for inspection."""

    station_id: str
    received_at: datetime
    code: str
    reason: str
    frame: str


@dataclass(slots=True)
class Entry:
    """One message on its way into the database, and whom to tell when it is there."""

    station_id: str
    received_at: datetime
    frame: str
    observations: Sequence[Observation | Disconnected] = ()
    doubts: Sequence[Doubt] = ()
    remote: str = ""
    ocpp_version: str = ""
    fact: bool = True  # False: from a station in quarantine
    sent: bool = False  # the frame is ours to the station
    states_no_fact: bool = False  # it only asks, so it may be answered while the database is away
    heard: bool = False  # the station was heard, though it said nothing that is a fact
    settle: Callable[[Settlement], None] = lambda settlement: None

    def let_go(self) -> bool:
        """Settle now what states no fact, though its frame is stored later; say whether that was so."""
        if self.states_no_fact:
            settle, self.settle, self.states_no_fact = self.settle, _settled_before, False
            settle(COMMITTED)
            return True
        return False


def _settled_before(_: Settlement) -> None:
    """Tell nobody: it has been told."""


@dataclass(slots=True)
class Batch:
    """The rows of one commit, by table."""

    frames: list[tuple[str, datetime, str]] = field(default_factory=list)
    sent: list[tuple[str, datetime, str]] = field(default_factory=list)
    statuses: list[StatusReported] = field(default_factory=list)
    samples: list[MeterSampled] = field(default_factory=list)
    stop_samples: list[MeterSampled] = field(default_factory=list)  # of connectors that only the store knows
    begun: dict["TransactionKey", TransactionBegun] = field(default_factory=dict)
    stopped: dict[tuple[str, str], TransactionStopped] = field(default_factory=dict)
    reported: list[TransactionReported] = field(default_factory=list)
    notified: list[Notified] = field(default_factory=list)
    booted: dict[str, Booted] = field(default_factory=dict)
    announced: dict[str, tuple[Announced, Entry]] = field(default_factory=dict)
    ended: list[Disconnected] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    seldom: list[Observation] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)

    def is_simple(self) -> bool:
        """Say whether it holds nothing but received frames, statuses and samples."""
        simple = {"frames", "statuses", "samples", "seen"}
        return not any(getattr(self, member.name) for member in fields(self) if member.name not in simple)


class TransactionKey(NamedTuple):
    """By what a 1.6 transaction is recognised when its start is told again."""

    station_id: str
    connector: int
    id_token: str
    started_at: datetime
    meter_start_wh: float


def key_of(begun: TransactionBegun) -> TransactionKey:
    """Return the key of a 1.6 start."""
    return TransactionKey(begun.station_id, begun.connector, begun.id_token, begun.started_at, begun.meter_start_wh)


def gather(entries: Iterable[Entry]) -> Batch:
    """Sort what the entries say into the rows of one commit."""
    batch = Batch()
    for entry in entries:
        if entry.sent:
            batch.sent.append((entry.station_id, entry.received_at, entry.frame))
        elif entry.fact and entry.frame:
            batch.frames.append((entry.station_id, entry.received_at, entry.frame))
            batch.seen[entry.station_id] = entry.received_at
        elif entry.heard:
            batch.seen[entry.station_id] = entry.received_at
        if entry.doubts:
            batch.doubts.extend(entry.doubts)
        for observation in entry.observations:
            if isinstance(observation, MeterSampled):  # six to one of everything else
                batch.samples.append(observation)
            else:
                _sort_in(batch, observation, entry)
    return batch


def _sort_in(batch: Batch, observation: Observation | Disconnected, entry: Entry) -> None:
    match observation:  # the most frequent first
        case StatusReported():
            batch.statuses.append(observation)
        case TransactionReported():
            batch.reported.append(observation)
        case TransactionBegun():
            batch.begun.setdefault(key_of(observation), observation)
        case TransactionStopped():
            batch.stopped.setdefault((observation.station_id, observation.transaction_id), observation)
            batch.stop_samples.extend(observation.samples)
        case Booted():
            batch.booted[observation.station_id] = observation
        case Announced():
            batch.announced[observation.station_id] = (observation, entry)
        case Notified():
            batch.notified.append(observation)
        case Disconnected():
            batch.ended.append(observation)
        case _:
            batch.seldom.append(observation)


class Now(NamedTuple):
    """The latest state of a connector, in the order of the table's columns after its key."""

    status: str
    condition: str
    error_code: str | None
    error_info: str | None
    vendor_error_code: str | None
    occurred_at: datetime
    received_at: datetime
    effective_at: datetime


Place = tuple[str, int]
"""(station id, connector number)."""


def recognise(
    statuses: Sequence[StatusReported], known: Mapping[Place, Now], source: str = "ocpp"
) -> tuple[dict[Place, Now], list[ConnectorStatusChanged]]:
    """Return the latest state of every connector reported, and an event for each change, in the order of receipt."""
    latest: dict[Place, Now] = {}
    changes: list[ConnectorStatusChanged] = []
    for report in statuses:
        place = (report.station_id, report.connector)
        before = latest.get(place) or known.get(place)
        latest[place] = _now(report)
        if before is None or _differs(before, report):
            changes.append(_change(report, before, source))
    return latest, changes


def _now(report: StatusReported) -> Now:
    return Now(
        report.status,
        report.condition,
        report.error_code,
        report.error_info,
        report.vendor_error_code,
        report.occurred_at,
        report.received_at,
        report.effective_at,
    )


def _differs(before: Now, report: StatusReported) -> bool:
    return (before.status, before.error_code, before.vendor_error_code) != (
        report.status,
        report.error_code,
        report.vendor_error_code,
    )


def _change(report: StatusReported, before: Now | None, source: str) -> ConnectorStatusChanged:
    return ConnectorStatusChanged(
        station_id=report.station_id,
        connector=report.connector,
        status=report.status,
        condition=str(report.condition),
        previous_condition=before.condition if before else None,
        error_code=report.error_code,
        error_info=report.error_info,
        vendor_error_code=report.vendor_error_code,
        occurred_at=report.occurred_at,
        received_at=report.received_at,
        effective_at=report.effective_at,
        source=source,
    )
