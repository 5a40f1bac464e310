"""What goes into one commit, and what of it is in doubt: pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import NamedTuple

from ocpp_gateway.observation import (
    Announced,
    Booted,
    Excess,
    MeterKind,
    MeterSampled,
    Observation,
    OutOfReach,
    SpoolDrained,
    StatusReported,
    TransactionBegun,
    TransactionReported,
    TransactionStopped,
)

KINDS_A_STATION = 200


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
    # It comes from a spool, which nobody reads again up to this place: it is stored whoever has its station by now, and so is
    # the place where it is refused.
    drained: SpoolDrained | None = None
    in_reach: bool = True  # False: the station itself is not heard by it, or what is said is that nobody reaches it
    settle: Callable[[Settlement], None] = lambda settlement: None

    def let_go(self) -> bool:
        """Settle now what states no fact, though its frame is stored later; say whether that was so."""
        if self.states_no_fact:
            settle, self.settle, self.states_no_fact = self.settle, _settled_before, False
            settle(COMMITTED)
            return True
        return False


def belongs_elsewhere(entry: Entry, lost: Collection[str]) -> bool:
    """Say whether an entry is another worker's to store: its station has moved there and says it again."""
    return entry.drained is None and entry.station_id in lost


def _settled_before(_: Settlement) -> None:
    """Tell nobody: it has been told."""


@dataclass(slots=True)
class Batch:
    """The rows of one commit, by table."""

    frames: list[tuple[str, datetime, str]] = field(default_factory=list)
    sent: list[tuple[str, datetime, str]] = field(default_factory=list)
    statuses: list[StatusReported] = field(default_factory=list)
    samples: list[MeterSampled] = field(default_factory=list)
    unplaced: list[MeterSampled] = field(default_factory=list)  # samples of connectors that only the store knows
    begun: dict["TransactionKey", TransactionBegun] = field(default_factory=dict)
    stopped: dict[tuple[str, str, datetime], TransactionStopped] = field(default_factory=dict)
    reported: list[TransactionReported] = field(default_factory=list)
    booted: dict[str, Booted] = field(default_factory=dict)
    announced: dict[str, tuple[Announced, Entry]] = field(default_factory=dict)
    ended: list[Disconnected] = field(default_factory=list)
    out_of_reach: dict[str, datetime] = field(default_factory=dict)
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
    mark: int


def key_of(begun: TransactionBegun) -> TransactionKey:
    """Return the key of a 1.6 start."""
    return TransactionKey(
        begun.station_id, begun.connector, begun.id_token, begun.started_at, begun.meter_start_wh, begun.mark
    )


def gather(entries: Iterable[Entry]) -> Batch:
    """Sort what the entries say into the rows of one commit."""
    batch = Batch()
    for entry in entries:
        if entry.sent:
            batch.sent.append((entry.station_id, entry.received_at, entry.frame))
        elif entry.fact and entry.frame:
            batch.frames.append((entry.station_id, entry.received_at, entry.frame))
            if entry.in_reach:
                batch.seen[entry.station_id] = entry.received_at
        elif entry.heard:
            batch.seen[entry.station_id] = entry.received_at
        if entry.doubts:
            batch.doubts.extend(entry.doubts)
        if entry.drained is not None:
            batch.seldom.append(entry.drained)
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
            batch.unplaced.extend(observation.samples)
        case TransactionBegun():
            batch.begun.setdefault(key_of(observation), observation)
        case TransactionStopped():
            key = observation.station_id, observation.transaction_id, observation.stopped_at
            batch.stopped.setdefault(key, observation)
            batch.unplaced.extend(observation.samples)
        case Booted():
            batch.booted[observation.station_id] = observation
        case Announced():
            batch.announced[observation.station_id] = (observation, entry)
        case Disconnected():
            batch.ended.append(observation)
        case OutOfReach():
            batch.out_of_reach[observation.station_id] = observation.at
        case _:
            batch.seldom.append(observation)


def rounds(reported: Sequence[TransactionReported]) -> Iterator[Sequence[TransactionReported]]:
    """Yield 2.x events in their order, parted where an id is used again: what came before must be stored by then."""
    begins = 0
    started: dict[tuple[str, str, int], datetime] = {}
    for place, report in enumerate(reported):
        if report.kind != "Started":
            continue
        key = (report.station_id, report.transaction_id, report.seq_no)
        if started.setdefault(key, report.occurred_at) != report.occurred_at:
            yield reported[begins:place]
            begins, started = place, {key: report.occurred_at}
    if reported:
        yield reported[begins:]


def by_turns(stopped: Iterable[TransactionStopped]) -> list[list[TransactionStopped]]:
    """Part stops so that no number is twice in a part: what was said first under it must be stored by then."""
    turns: list[list[TransactionStopped]] = []
    said: Counter[tuple[str, str]] = Counter()
    for stop in stopped:
        number = stop.station_id, stop.transaction_id
        if said[number] == len(turns):
            turns.append([])
        turns[said[number]].append(stop)
        said[number] += 1
    return turns


def leave_out(batch: Batch, entries: Iterable[Entry], kinds: Collection[MeterKind]) -> None:
    """Take samples of these kinds out of a batch, with a doubt for each message that brought some."""
    batch.samples = [sample for sample in batch.samples if sample.kind not in kinds]
    batch.unplaced = [sample for sample in batch.unplaced if sample.kind not in kinds]
    for entry in entries:
        if named := {sample.kind for sample in _samples(entry) if sample.kind in kinds}:
            first = min(named)
            reason = (
                f"sampledValue: {len(named)} kinds beyond the {KINDS_A_STATION} that a station may measure are not kept, "
                f"{first.measurand} in {first.unit} for one"
            )
            batch.doubts.append(
                Doubt(entry.station_id, entry.received_at, "PropertyConstraintViolation", reason, entry.frame)
            )


def in_doubt(excess: Sequence[Excess], entries: Sequence[Entry]) -> list[Doubt]:
    """Return a doubt for whatever of an observation is not kept, with the message that brought it."""
    brought = {id(observation): entry for entry in entries for observation in entry.observations} if excess else {}
    return [
        Doubt(left_out.station_id, entry.received_at, "PropertyConstraintViolation", left_out.reason, entry.frame)
        for left_out, entry in ((left_out, brought[id(left_out.observation)]) for left_out in excess)
    ]


def _samples(entry: Entry) -> Iterator[MeterSampled]:
    for observation in entry.observations:
        if isinstance(observation, MeterSampled):
            yield observation
        elif isinstance(observation, TransactionStopped | TransactionReported):
            yield from observation.samples
