"""What chargers tell us, normalised: one kind of row for each kind of fact.

They are named tuples in the order of the columns they are copied into, since thousands a second pass through here. Times
are aware UTC: `occurred_at` as the charger said, `received_at` by us, `effective_at` the one to decide by.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zlib import crc32

from ocpp_gateway.authorisation.facts import AuthorisationFact
from ocpp_gateway.authorisation.rules import Standing

STATION_ITSELF = 0
EVSES_A_ROW = 100


class Condition(StrEnum):
    """What a status means to us, whatever the protocol's word."""

    AVAILABLE = "available"
    OCCUPIED = "occupied"
    CHARGING = "charging"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


class StatusReported(NamedTuple):
    """A connector's status, changed or not; `mark` is that of `mark_of`."""

    station_id: str
    connector: int
    occurred_at: datetime
    received_at: datetime
    effective_at: datetime
    status: str
    condition: str
    error_code: str | None
    error_info: str | None
    vendor_error_code: str | None
    mark: int = 0


class MeterKind(NamedTuple):
    """What a sample measures; `unit` after conversion to the base unit (Wh, W, A, V, …)."""

    measurand: str
    phase: str
    location: str
    context: str
    unit: str


class MeterSampled(NamedTuple):
    """One value of one meter at one time."""

    station_id: str
    connector: int
    kind: MeterKind
    occurred_at: datetime
    received_at: datetime
    value: float
    transaction_id: str | None
    mark: int = 0


@dataclass(frozen=True, slots=True)
class TransactionBegun:
    """A 1.6 StartTransaction: its id is ours to give, and the same start gets the same id."""

    station_id: str
    connector: int
    id_token: str
    started_at: datetime
    effective_at: datetime
    meter_start_wh: float
    mark: int = 0
    standing: Standing | None = None  # what its id token was answered; None: nobody asked us


@dataclass(frozen=True, slots=True)
class TransactionStopped:
    """A 1.6 StopTransaction."""

    station_id: str
    transaction_id: str
    stopped_at: datetime
    effective_at: datetime
    meter_stop_wh: float
    reason: str | None
    id_token: str | None
    samples: tuple[MeterSampled, ...] = ()  # transactionData; which connector they belong to, its start has said


class Reading(NamedTuple):
    """What the whole energy register said at a time."""

    at: datetime
    wh: float


@dataclass(frozen=True, slots=True)
class TransactionReported:
    """A 2.x TransactionEvent, or what is like it: `kind` is Started, Updated, Ended or Settled.

    Settled is the account after the end: it overrules what was said before. `lasting_id`: its sender uses no id again, so that
    another start under one is another word about the same. `samples`: those of an event that names no connector, which
    another event of the transaction has named or will name. `read`: the first and the last reading of the register in it; None:
    there is one, `register_wh`, read when it occurred.
    """

    station_id: str
    transaction_id: str
    seq_no: int
    kind: str
    connector: int | None
    id_token: str | None
    occurred_at: datetime
    effective_at: datetime
    received_at: datetime
    register_wh: float | None
    reason: str | None
    offline: bool
    lasting_id: bool = False
    standing: Standing | None = None  # what its id token was answered; None: nobody asked us
    samples: tuple[MeterSampled, ...] = ()
    read: tuple[Reading, Reading] | None = None

    @property
    def readings(self) -> tuple[Reading, Reading] | tuple[None, None]:
        """Return the first and the last reading of the register in it, if there is one."""
        if self.read or self.register_wh is None:
            return self.read or (None, None)
        only = Reading(self.occurred_at, self.register_wh)
        return only, only


@dataclass(frozen=True, slots=True)
class Booted:
    """A known station's BootNotification."""

    station_id: str
    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str | None
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """An unknown station's BootNotification, or anything that it says over MQTT: then nothing is known of its make."""

    station_id: str
    vendor: str | None
    model: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Notified:
    """Something worth keeping by name: firmware, diagnostics, log and security notifications, data transfers.

    `info`: what the station adds in words of its own.
    """

    station_id: str
    action: str
    status: str
    occurred_at: datetime
    received_at: datetime
    info: str | None = None


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What became of a command of ours: `state` is answered, refused, invalid, timed_out or undeliverable."""

    station_id: str
    command_id: str
    action: str
    state: str
    at: datetime
    answer: dict[str, Any] | None = None
    error_code: str | None = None
    error_description: str | None = None


class VariableKey(NamedTuple):
    """Which variable of a station: of which component (1.6 has none), where (0: the station), which attribute."""

    component: str
    component_instance: str
    evse: int
    connector: int
    variable: str
    variable_instance: str
    attribute: str

    @property
    def name(self) -> str:
        """Return which variable it is, where, in short: `Connector[1.2].Problem`, `Component/instance.Variable/instance`.

        In brackets the EVSE and, where there is one, its connector; what is the station's own has none, a key of 1.6 no component.
        """
        place = (self.evse, self.connector) if self.connector else (self.evse,)
        where = f"[{'.'.join(map(str, place))}]" if any(place) else ""
        component, variable = (
            _instance(self.component, self.component_instance),
            _instance(self.variable, self.variable_instance),
        )
        return f"{component}{where}.{variable}" if component else variable


def _instance(name: str, instance: str) -> str:
    return f"{name}/{instance}" if instance else name


class Variable(NamedTuple):
    """A variable with what was said about it; None: nothing was."""

    key: VariableKey
    value: str | None
    mutability: str | None = None
    data_type: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class VariablesReported:
    """Variables as a station reports them, or as it accepted them from us."""

    station_id: str
    reported_at: datetime
    variables: tuple[Variable, ...]


class Monitor(NamedTuple):
    """A monitor of a station by its number, and the variable that it watches; None: it is cleared."""

    number: int
    key: VariableKey | None


@dataclass(frozen=True, slots=True)
class MonitorsReported:
    """Monitors that a station has, or has no more."""

    station_id: str
    monitors: tuple[Monitor, ...]


@dataclass(frozen=True, slots=True)
class StreamBound:
    """A periodic event stream tells what a monitor watches from now on; None: it tells nothing any more."""

    station_id: str
    stream: int
    monitor: int | None


@dataclass(frozen=True, slots=True)
class StreamTold:
    """The latest value of a message of a stream; of which variable, its monitor says."""

    station_id: str
    stream: int
    at: datetime
    value: str


@dataclass(frozen=True, slots=True)
class ClockMeasured:
    """How far a station's clock is ahead of ours (negative: behind), and whether that is more than is tolerated."""

    station_id: str
    skew_s: float
    skewed: bool
    at: datetime


class SensorRead(NamedTuple):
    """A sensor's value; its mapping's threshold goes along, since the alarm depends on what was before."""

    site_id: str
    sensor: str
    kind: str
    station_id: str | None
    connector: int | None
    occurred_at: datetime
    received_at: datetime
    effective_at: datetime
    value: float
    unit: str
    alarm: str | None
    above: float | None
    clear_below: float | None


@dataclass(frozen=True, slots=True)
class CertificateRequested:
    """A station asks to have its certificate signed; `request` is PEM, names it and is signed with its own key."""

    station_id: str
    request: str
    request_number: int | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """A platform says that it does not reach a station; it is offline once that is said of all its connectors."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlatformSaid:
    """A message of a platform that was taken; `digest` is its envelope's, None where we had asked for it."""

    operator_id: str
    message: str
    digest: bytes | None
    received_at: datetime
    taken: int
    ignored: int
    refused: int


@dataclass(frozen=True, slots=True)
class PlatformSiteTold:
    """A site as its operator's platform files it; degrees as sent (GCJ-02), `connectors` with equipment and power in W."""

    operator_id: str
    cec_station_id: str
    name: str | None
    longitude: float | None
    latitude: float | None
    operating: int | None
    connectors: tuple[tuple[str, str, float | None], ...]
    document: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PlatformOperatorTold:
    """An operator as its platform files it."""

    operator_id: str
    name: str | None
    uscc: str | None
    document: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PlatformOrderTold:
    """An order of a platform, kept whatever becomes of it; `state` transaction, unfiled, ambiguous or own_word says what did."""

    operator_id: str
    order_no: str
    connector_id: str
    station_id: str | None
    connector: int | None
    state: str
    started_at: datetime
    ended_at: datetime
    energy_wh: float
    document: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PlatformStatsTold:
    """What a site delivered on a day of the county, as its platform reckons it."""

    operator_id: str
    cec_station_id: str
    day: date
    energy_wh: float
    document: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class UpstreamMet:
    """How a station's own central system was met: `state` is connected, refused, closed or away; which heartbeats it wants."""

    station_id: str
    site_id: str
    state: str
    detail: str
    at: datetime
    heartbeat_interval_s: int | None = None


@dataclass(frozen=True, slots=True)
class SpoolDrained:
    """What the relay noted up to a place of a spool is stored: in the very commit that stores it."""

    spool_id: str
    place: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RelayGap:
    """What was passed on and could not be kept, of one station or of nobody knows whom (None).

    `reason`: full (no room for it), disk (it could not be written), torn (a crash left it half written), damaged (its checksum
    does not hold), unreadable, unrecordable (too large, or no text), killed (what was passed on in a process's last moments).
    `records` None: nobody knows how many. `until` None: it has not ended, or nobody could say when.
    """

    spool_id: str
    station_id: str | None
    reason: str
    since: datetime
    until: datetime | None = None
    records: int | None = None
    lost_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MqttDelivered:
    """A broker's delivery of which nobody else could say that it is stored: by its number, and its content's hash."""

    slot: int
    number: int
    digest: bytes
    received_at: datetime


Observation = (
    StatusReported
    | MeterSampled
    | TransactionBegun
    | TransactionStopped
    | TransactionReported
    | Booted
    | Announced
    | Notified
    | CommandOutcome
    | VariablesReported
    | MonitorsReported
    | StreamBound
    | StreamTold
    | ClockMeasured
    | AuthorisationFact
    | SensorRead
    | CertificateRequested
    | OutOfReach
    | PlatformSaid
    | PlatformSiteTold
    | PlatformOperatorTold
    | PlatformOrderTold
    | PlatformStatsTold
    | UpstreamMet
    | SpoolDrained
    | RelayGap
    | MqttDelivered
)


class Excess(NamedTuple):
    """What of an observation is not kept, though its message is: the station has more of the kind than it may have."""

    station_id: str
    observation: Observation
    reason: str


def number_of(moment: datetime) -> int:
    """Return a number for a moment, other than that of any moment within half an hour of it."""
    return int(moment.timestamp() * 1_000_000) % 2**31


def mark_of(run: int, *codes: str | None) -> int:
    """Return what tells apart facts of one place and time: the run of a clock that told it, the codes that go with it."""
    if not run and not any(codes):
        return 0
    return crc32(repr((run, *codes)).encode()) - 2**31


def connector_number(evse: int, connector: int = 1) -> int:
    """Return our number of an OCPP 2 connector: the EVSE's, and a hundred more for each further connector on it."""
    return (connector - 1) * EVSES_A_ROW + evse if evse and connector else evse
