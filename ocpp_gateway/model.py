"""The gateway's tables: what is now (schema gateway) and what was (schema telemetry, the time series)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from youguan.tables import big, document, moment, text, whole

METADATA = MetaData()
NOW = {"schema": "gateway"}
SERIES = {"schema": "telemetry"}


class Table(SQLModel):
    """What the gateway's tables share."""

    metadata = METADATA


class Worker(Table, table=True):
    """A gateway process; `losses` counts how often stations were taken from it, `batch` its recorder's commits.

    `started_at`: since when it notes what is said without a break, which an absence of the database is as well.
    """

    __tablename__ = "worker"
    __table_args__ = NOW
    slot: int = whole(key=True)
    started_at: datetime = moment()
    losses: int = big()
    batch: int = big()


class Takeover(Table, table=True):
    """A station that was taken from a worker."""

    __tablename__ = "takeover"
    __table_args__ = NOW
    slot: int = whole(key=True)
    number: int = big(key=True)
    station_id: str = text(key=True)


class StationDirectory(Table, table=True):
    """A station that is filed, as the registry told it."""

    __tablename__ = "station_directory"
    __table_args__ = NOW
    station_id: str = text(key=True)
    site_id: str = text()
    connectors: int


class StationStay(Table, table=True):
    """Where a station stood, from when to when; of one that was filed for the first time `since` is minus infinity."""

    __tablename__ = "station_stay"
    __table_args__ = NOW
    station_id: str = text(key=True)
    site_id: str = text()
    since: datetime = moment(key=True)
    until: datetime | None = moment(optional=True)


class PrivateStation(Table, table=True):
    """A station that is filed, or was filed last, at what is somebody's own: strangers are told nothing of it."""

    __tablename__ = "private_station"
    __table_args__ = NOW
    station_id: str = text(key=True)


class StationNow(Table, table=True):
    """The latest of a station; `epoch` counts its connections."""

    __tablename__ = "station_now"
    __table_args__ = NOW
    station_id: str = text(key=True)
    epoch: int = big()
    slot: int | None = whole(optional=True)
    connected: bool
    state: str = text()
    ocpp_version: str | None = text(optional=True)
    remote: str | None = text(optional=True)
    connected_at: datetime | None = moment(optional=True)
    last_seen_at: datetime | None = moment(optional=True)
    vendor: str | None = text(optional=True)
    model: str | None = text(optional=True)
    serial_number: str | None = text(optional=True)
    firmware_version: str | None = text(optional=True)
    booted_at: datetime | None = moment(optional=True)
    boot_reason: str | None = text(optional=True)
    clock_skew_s: float | None
    clock_skewed: bool
    clock_measured_at: datetime | None = moment(optional=True)
    security_profile: int | None = whole(optional=True)


class HeartbeatInterval(Table, table=True):
    """How often a site's stations, or one of them, are to say that they are there; `scope`: site or station."""

    __tablename__ = "heartbeat_interval"
    __table_args__ = NOW
    scope: str = text(key=True)
    subject_id: str = text(key=True)
    interval_s: int = whole()
    set_by: str = text()
    reason: str = text()
    set_at: datetime = moment()


class ConnectorNow(Table, table=True):
    """The latest of a connector, against which a change is recognised."""

    __tablename__ = "connector_now"
    __table_args__ = NOW
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    status: str = text()
    condition: str = text()
    error_code: str | None = text(optional=True)
    error_info: str | None = text(optional=True)
    vendor_error_code: str | None = text(optional=True)
    occurred_at: datetime = moment()
    received_at: datetime = moment()
    effective_at: datetime = moment()


class Quarantine(Table, table=True):
    """A station that the registry does not know."""

    __tablename__ = "quarantine"
    __table_args__ = NOW
    station_id: str = text(key=True)
    remote: str = text()
    ocpp_version: str = text()
    vendor: str | None = text(optional=True)
    model: str | None = text(optional=True)
    first_seen_at: datetime = moment()
    last_seen_at: datetime = moment()


class RejectedStation(Table, table=True):
    """A station that is not filed and that somebody has decided against, as the registry told it."""

    __tablename__ = "rejected_station"
    __table_args__ = NOW
    station_id: str = text(key=True)
    rejected_at: datetime = moment()


class RefusedInput(Table, table=True):
    """A message, or a part of one, that could not be taken, and why."""

    __tablename__ = "refused_input"
    __table_args__ = NOW
    id: int = big(key=True)
    station_id: str = text()
    received_at: datetime = moment()
    code: str = text()
    reason: str = text()
    frame: str = text()


class Command(Table, table=True):
    """What the supervisor asked of a station, and what became of it."""

    __tablename__ = "command"
    __table_args__ = NOW
    id: str = text(key=True)
    station_id: str = text()
    ocpp_version: str = text()
    action: str = text()
    payload: dict[str, Any] = document()
    requested_by: str = text()
    reason: str = text()
    requested_at: datetime = moment()
    timeout_s: int = whole()
    state: str = text()
    slot: int | None = whole(optional=True)
    sent_at: datetime | None = moment(optional=True)
    answer: dict[str, Any] | None = document(optional=True)
    error_code: str | None = text(optional=True)
    error_description: str | None = text(optional=True)
    ended_at: datetime | None = moment(optional=True)


class StationVariable(Table, table=True):
    """A variable as its station last reported it; EVSE and connector 0: the station's own."""

    __tablename__ = "variable"
    __table_args__ = NOW
    station_id: str = text(key=True)
    component: str = text(key=True)
    component_instance: str = text(key=True)
    evse: int = whole(key=True)
    connector: int = whole(key=True)
    variable: str = text(key=True)
    variable_instance: str = text(key=True)
    attribute: str = text(key=True)
    value: str | None = text(optional=True)
    mutability: str | None = text(optional=True)
    data_type: str | None = text(optional=True)
    unit: str | None = text(optional=True)
    reported_at: datetime = moment()


class Monitor(Table, table=True):
    """Which variable a monitor of a station watches; `number` is the station's own."""

    __tablename__ = "monitor"
    __table_args__ = NOW
    station_id: str = text(key=True)
    number: int = whole(key=True)
    component: str = text()
    component_instance: str = text()
    evse: int = whole()
    connector: int = whole()
    variable: str = text()
    variable_instance: str = text()


class EventStream(Table, table=True):
    """Of which monitor a periodic event stream of OCPP 2.1 tells."""

    __tablename__ = "event_stream"
    __table_args__ = NOW
    station_id: str = text(key=True)
    number: int = whole(key=True)
    monitor: int = whole()


class IdTokenGroup(Table, table=True):
    """Id tokens that may end each other's transactions; those of a master pass end any, and begin none."""

    __tablename__ = "id_token_group"
    __table_args__ = NOW
    group_id: str = text(key=True)
    name: str = text()
    master_pass: bool


class IdToken(Table, table=True):
    """What a driver identifies with; `key` is the token as it is compared, `type` None goes for any."""

    __tablename__ = "id_token"
    __table_args__ = NOW
    key: str = text(key=True)
    id_token: str = text()
    type: str | None = text(optional=True)
    group_id: str | None = text(optional=True)
    status: str = text()
    expires_at: datetime | None = moment(optional=True)
    concurrent: bool
    note: str = text()
    changed_at: datetime = moment()


class LocalList(Table, table=True):
    """The list that a station authorises by itself; `entries` None: it holds what we did not send."""

    __tablename__ = "local_list"
    __table_args__ = NOW
    station_id: str = text(key=True)
    version: int = whole()
    entries: dict[str, Any] | None = document(optional=True)
    at: datetime = moment()


class Reservation(Table, table=True):
    """A reservation that a station accepted, and what became of it."""

    __tablename__ = "reservation"
    __table_args__ = NOW
    station_id: str = text(key=True)
    reservation_id: int = big(key=True)
    connector: int | None = whole(optional=True)
    id_token: str = text()
    group_id: str | None = text(optional=True)
    expires_at: datetime = moment()
    state: str = text()
    made_at: datetime = moment()
    ended_at: datetime | None = moment(optional=True)


class ChargingProfile(Table, table=True):
    """A charging profile that a station accepted or reported; `source` says who limits (CSO: we)."""

    __tablename__ = "charging_profile"
    __table_args__ = NOW
    id: int = big(key=True)
    station_id: str = text()
    profile_id: int = big()
    connector: int | None = whole(optional=True)
    purpose: str = text()
    stack_level: int = whole()
    transaction_id: str | None = text(optional=True)
    valid_from: datetime | None = moment(optional=True)
    valid_to: datetime | None = moment(optional=True)
    profile: dict[str, Any] = document()
    source: str = text()
    set_at: datetime = moment()
    cleared_at: datetime | None = moment(optional=True)


class StationCredential(Table, table=True):
    """What is stored of a station's key, as the registry told it; `until` in the past: it holds no longer."""

    __tablename__ = "station_credential"
    __table_args__ = NOW
    station_id: str = text(key=True)
    digest: str = text(key=True)
    until: datetime | None = moment(optional=True)


class CommandSecret(Table, table=True):
    """The payload of a command that carries a secret, sealed, until the command has ended."""

    __tablename__ = "command_secret"
    __table_args__ = NOW
    command_id: str = text(key=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class KeyRotation(Table, table=True):
    """Which new key a command tells a station."""

    __tablename__ = "key_rotation"
    __table_args__ = NOW
    command_id: str = text(key=True)
    digest: str = text()


class Probe(Table, table=True):
    """A command that asks for another service how a station is, or one of its connectors, until that is told."""

    __tablename__ = "probe"
    __table_args__ = NOW
    command_id: str = text(key=True)
    connector: int | None = whole(optional=True)


class CertificateRequest(Table, table=True):
    """What a station asked to have signed; `request_number` is its own (2.1)."""

    __tablename__ = "certificate_request"
    __table_args__ = NOW
    id: str = text(key=True)
    station_id: str = text()
    request: str = text()
    request_number: int | None = whole(optional=True)
    received_at: datetime = moment()
    state: str = text()
    decided_by: str | None = text(optional=True)
    decided_at: datetime | None = moment(optional=True)
    reason: str | None = text(optional=True)
    serial: str | None = text(optional=True)
    command_id: str | None = text(optional=True)


class RawFrame(Table, table=True):
    """A message exactly as it was received, or sent on our own account: evidence."""

    __tablename__ = "raw_frame"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    received_at: datetime = moment(key=True)
    frame: str = text()
    sent: bool


class StatusChange(Table, table=True):
    """A connector's status as it was reported; `mark` tells apart what else is of one time."""

    __tablename__ = "status_change"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    occurred_at: datetime = moment(key=True)
    received_at: datetime = moment()
    effective_at: datetime = moment()
    status: str = text(key=True)
    condition: str = text()
    error_code: str | None = text(optional=True)
    error_info: str | None = text(optional=True)
    vendor_error_code: str | None = text(optional=True)
    mark: int = whole(key=True)


class StatusByReceipt(Table, table=True):
    """A status of which the own time counts for nothing, found by its receipt."""

    __tablename__ = "status_by_receipt"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    received_at: datetime = moment(key=True)
    condition: str = text()


class MeterKind(Table, table=True):
    """What samples measure, in which unit, and which station was the first to."""

    __tablename__ = "meter_kind"
    __table_args__ = SERIES
    id: int = whole(key=True)
    measurand: str = text()
    phase: str = text()
    location: str = text()
    context: str = text()
    unit: str = text()
    station_id: str = text()


class MeterSample(Table, table=True):
    """A measured value in its kind's unit."""

    __tablename__ = "meter_sample"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    kind: int = whole(key=True)
    occurred_at: datetime = moment(key=True)
    received_at: datetime = moment()
    value: float
    transaction_id: str | None = text(optional=True)
    mark: int = whole(key=True)


class ConnectivityChange(Table, table=True):
    """A station came or went."""

    __tablename__ = "connectivity_change"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    occurred_at: datetime = moment(key=True)
    change: str = text()
    reason: str | None = text(optional=True)


class Notification(Table, table=True):
    """A notification worth keeping by name."""

    __tablename__ = "notification"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    action: str = text()
    status: str = text()
    occurred_at: datetime = moment()
    received_at: datetime = moment(key=True)
    info: str | None = text(optional=True)


class Summed(Table):
    """What of a connector's days adds up to that of its months: seconds in each state, energy, transactions."""

    available_s: int
    occupied_s: int
    charging_s: int
    reserved_s: int
    unavailable_s: int
    faulted_s: int
    offline_s: int
    unknown_s: int
    excluded_s: int
    energy_wh: float
    transactions: int


class ConnectorDay(Summed, table=True):
    """Seconds of a day of the county in each state, and its line of states: the n-th begins at `begins_s[n]`.

    `site_id`: where the station stood at noon; empty: filed nowhere.
    """

    __tablename__ = "connector_day"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    day: date = Field(primary_key=True)
    counted_s: int
    closing_condition: str = text()
    closing_link: str = text()
    begins_s: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    states: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    site_id: str = text()


class ConnectorMonth(Summed, table=True):
    """What the days of a month that is over add up to, by the site where the station stood; `month`: its first day."""

    __tablename__ = "connector_month"
    __table_args__ = SERIES
    month: date = Field(primary_key=True)
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    site_id: str = text(key=True)


class DayDue(Table, table=True):
    """A day that must be counted again."""

    __tablename__ = "day_due"
    __table_args__ = NOW
    station_id: str = text(key=True)
    day: date = Field(primary_key=True)


class Exclusion(Table, table=True):
    """A period in which a station's outage does not count, and why."""

    __tablename__ = "exclusion"
    __table_args__ = NOW
    id: str = text(key=True)
    station_id: str = text()
    kind: str = text()
    since: datetime = moment()
    until: datetime = moment()
    announced_at: datetime | None = moment(optional=True)
    reason: str = text()
    recorded_by: str = text()
    recorded_at: datetime = moment()
    withdrawn_at: datetime | None = moment(optional=True)


class Transaction(Table, table=True):
    """A charging process; of OCPP 1.6 `transaction_id` is our own `id`; `standing`: what its id token was answered last.

    `ended_at`: the effective time of its end, by which it counts; `stopped_at` is the charger's own.
    """

    __tablename__ = "transaction"
    __table_args__ = SERIES
    id: int = big(key=True)
    station_id: str = text()
    transaction_id: str = text()
    connector: int | None = whole(optional=True)
    id_token: str | None = text(optional=True)
    started_at: datetime | None = moment(optional=True)
    stopped_at: datetime | None = moment(optional=True)
    meter_start_wh: float | None
    meter_stop_wh: float | None
    first_reading_at: datetime | None = moment(optional=True)
    last_reading_at: datetime | None = moment(optional=True)
    reason: str | None = text(optional=True)
    recorded_at: datetime = moment()
    mark: int = whole()
    settled: bool
    numbered: bool
    standing: str | None = text(optional=True)
    ended_at: datetime | None = moment(optional=True)


class TransactionEvent(Table, table=True):
    """A 2.x TransactionEvent, by which repeats are recognised."""

    __tablename__ = "transaction_event"
    __table_args__ = SERIES
    station_id: str = text(key=True)
    transaction_id: str = text(key=True)
    seq_no: int = whole(key=True)
    kind: str = text()
    occurred_at: datetime = moment()
    received_at: datetime = moment()
    register_wh: float | None
    offline: bool


class SensorNow(Table, table=True):
    """The latest of a sensor, against which an alarm is recognised; `alarm` names the rule that holds."""

    __tablename__ = "sensor_now"
    __table_args__ = NOW
    site_id: str = text(key=True)
    kind: str = text(key=True)
    sensor: str = text(key=True)
    station_id: str | None = text(optional=True)
    connector: int | None = whole(optional=True)
    occurred_at: datetime = moment()
    received_at: datetime = moment()
    effective_at: datetime = moment()
    value: float
    unit: str = text()
    alarm: str | None = text(optional=True)
    alarm_since: datetime | None = moment(optional=True)


class SensorReading(Table, table=True):
    """A sensor's value at one time."""

    __tablename__ = "sensor_reading"
    __table_args__ = SERIES
    site_id: str = text(key=True)
    kind: str = text(key=True)
    sensor: str = text(key=True)
    occurred_at: datetime = moment(key=True)
    received_at: datetime = moment()
    effective_at: datetime = moment()
    value: float
    unit: str = text()


class EvidenceFile(Table, table=True):
    """A file that a station was asked for; with `received_at` it is there."""

    __tablename__ = "evidence_file"
    __table_args__ = NOW
    id: str = text(key=True)
    station_id: str = text()
    kind: str = text()
    token_hash: str = text()
    requested_by: str = text()
    requested_at: datetime = moment()
    expires_at: datetime = moment()
    request_id: int | None = whole(optional=True)
    command_id: str | None = text(optional=True)
    received_at: datetime | None = moment(optional=True)
    remote: str | None = text(optional=True)
    name: str | None = text(optional=True)
    content_type: str | None = text(optional=True)
    size_bytes: int | None = big(optional=True)
    sha256: str | None = text(optional=True)
    station_connected: bool | None
    station_remote: str | None = text(optional=True)


class Firmware(Table, table=True):
    """Firmware for stations of one make; with `received_at` its content is there, with `withdrawn_at` it is given no more."""

    __tablename__ = "firmware"
    __table_args__ = NOW
    id: str = text(key=True)
    vendor: str = text()
    model: str = text()
    version: str = text()
    name: str = text()
    signing_certificate: str | None = text(optional=True)
    signature: str | None = text(optional=True)
    announced_by: str = text()
    announced_at: datetime = moment()
    received_at: datetime | None = moment(optional=True)
    size_bytes: int | None = big(optional=True)
    sha256: str | None = text(optional=True)
    withdrawn_at: datetime | None = moment(optional=True)
    withdrawn_by: str | None = text(optional=True)
    withdrawn_reason: str | None = text(optional=True)


class RelaySite(Table, table=True):
    """A site whose stations are passed on to their operator's own central system, as the registry told it."""

    __tablename__ = "relay_site"
    __table_args__ = NOW
    site_id: str = text(key=True)
    upstream_url: str = text()
    admission: str = text()
    may_send: bool
    authority: str | None = text(optional=True)
    changed_at: datetime = moment()


class RelayUpstream(Table, table=True):
    """Whether the central system of a site can be reached."""

    __tablename__ = "relay_upstream"
    __table_args__ = NOW
    site_id: str = text(key=True)
    state: str = text()
    detail: str = text()
    since: datetime = moment()


class RelayStation(Table, table=True):
    """How a station met its central system last, and which heartbeat interval that wants."""

    __tablename__ = "relay_station"
    __table_args__ = NOW
    station_id: str = text(key=True)
    site_id: str = text()
    state: str = text()
    detail: str = text()
    since: datetime = moment()
    seen_at: datetime = moment()
    interval_s: int | None = whole(optional=True)


class RelaySpool(Table, table=True):
    """Up to where a spool of the relay is stored."""

    __tablename__ = "relay_spool"
    __table_args__ = NOW
    spool_id: str = text(key=True)
    place: int = big()
    drained_at: datetime = moment()


class RelayGap(Table, table=True):
    """What was passed on and could not be kept. `station_id` None: of nobody knows whom; `records` None: nobody knows how many."""

    __tablename__ = "relay_gap"
    __table_args__ = NOW
    id: int = big(key=True)
    spool_id: str = text()
    station_id: str | None = text(optional=True)
    reason: str = text()
    since: datetime = moment()
    until: datetime | None = moment(optional=True)
    records: int | None = big(optional=True)
    lost_bytes: int = big()


class MqttRetained(Table, table=True):
    """A connector at a site of which the broker may hold a retained status, or why it refuses one."""

    __tablename__ = "mqtt_retained"
    __table_args__ = NOW
    station_id: str = text(key=True)
    connector: int = whole(key=True)
    site_id: str = text(key=True)
    refused_reason: str | None = text(optional=True)
    refused_at: datetime | None = moment(optional=True)


class MqttDelivered(Table, table=True):
    """A broker's delivery that tells no time of its own and is stored, by the number under which it would come again."""

    __tablename__ = "mqtt_delivered"
    __table_args__ = NOW
    slot: int = whole(key=True)
    number: int = whole(key=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    received_at: datetime = moment()


class CrowdHeld(Table, table=True):
    """How many connections a worker holds, in all and of its busiest sources."""

    __tablename__ = "crowd"
    __table_args__ = NOW
    slot: int = whole(key=True)
    connections: int = whole()
    sources: dict[str, Any] = document()
    told_at: datetime = moment()
