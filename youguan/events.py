"""The contract between services: every domain event, typed and versioned.

An event says what happened, in the past tense. `version` rises when a member changes its meaning; a new member with a
default is no new version. Times: `occurred_at` as the charger said, `received_at` by us, `effective_at` the one that
decisions use (`youguan.clock.effective_time`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened and that another service may need to know."""

    version: ClassVar[int] = 1


# --- ocpp_gateway -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStatusChanged(Event):
    """A connector (0: the station itself) reports another status or error than before.

    `status` is the protocol's own word; `condition` ours: available, occupied, charging, reserved, unavailable or
    faulted.
    """

    station_id: str
    connector: int
    status: str
    condition: str
    previous_condition: str | None
    error_code: str | None
    error_info: str | None
    vendor_error_code: str | None
    occurred_at: datetime
    received_at: datetime
    effective_at: datetime
    source: str = "ocpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConnected(Event):
    """A station opened a connection that was accepted."""

    station_id: str
    ocpp_version: str
    remote: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDisconnected(Event):
    """A station's connection ended. It is not offline yet: that takes silence."""

    station_id: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorHistoryChanged(Event):
    """A station said late how a connector was: it changes the day of `at`, and nothing that is now."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationBooted(Event):
    """A known station sent BootNotification."""

    station_id: str
    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str | None
    at: datetime
    reason: str | None = None  # why it booted, as OCPP 2.x says it


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOffline(Event):
    """A station that was heard before has been silent for too long."""

    station_id: str
    last_seen_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOnline(Event):
    """A station is heard for the first time, or again after it was offline."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationClockSkewed(Event):
    """A station's clock is ahead of ours (`skew_s` > 0) or behind by more than is tolerated."""

    station_id: str
    skew_s: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationClockRight(Event):
    """A station's clock that was wrong is right again."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted(Event):
    """Charging began; `standing`: what its id token was answered (accepted, blocked, …), None where nobody asked us."""

    station_id: str
    connector: int
    transaction_id: str
    effective_at: datetime
    id_token: str | None = None
    standing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionAuthorised(Event):
    """A transaction under way learnt whose it is: in OCPP 2 the cable may come before the card.

    Also where an id token that had been refused at its start is accepted when it is presented again.
    """

    station_id: str
    connector: int
    transaction_id: str
    id_token: str
    effective_at: datetime
    standing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded(Event):
    """Charging ended; `energy_wh` is None where the station reported no meter.

    `started_at`: the effective time of its start; None where nobody told of one.
    """

    station_id: str
    connector: int
    transaction_id: str
    energy_wh: float | None
    reason: str | None
    effective_at: datetime
    started_at: datetime | None = None
    source: str = "ocpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSettled(Event):
    """An account said how a transaction went that was known to have ended; `ended_before`: where its end was until then."""

    station_id: str
    connector: int
    transaction_id: str
    energy_wh: float | None
    effective_at: datetime
    ended_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRanBackwards(Event):
    """The energy register stood lower at the end of a transaction than at its start: what it delivered nobody knows."""

    station_id: str
    connector: int
    transaction_id: str
    meter_start_wh: float
    meter_stop_wh: float
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfiledStationSeen(Event):
    """A station that the registry does not know asked to be accepted."""

    station_id: str
    remote: str
    ocpp_version: str
    vendor: str | None
    model: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnded(Event):
    """A command to a station has its answer, or has got none.

    `state`: answered, refused, invalid, timed_out or undeliverable.
    """

    station_id: str
    command_id: str
    action: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationProbed(Event):
    """What came of asking a station how it is. `outcome`: answered, unanswered, unreachable.

    `condition`: how what was asked about stands after the answer, of several connectors the worst; None: it never said.
    """

    probe_id: str
    station_id: str
    connector: int | None
    outcome: str
    condition: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatIntervalSet(Event):
    """A station, or every station of a site, is to say that it is there so often; None: no interval of its own any more.

    `scope`: station or site.
    """

    scope: str
    subject_id: str
    interval_s: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenEntry:
    """An id token as it is now (a member of events, not an event).

    `id_token_type` None: of any type. `status`: accepted or blocked. `concurrent`: may be in several transactions at once.
    """

    id_token: str
    id_token_type: str | None
    group_id: str | None
    master_pass: bool
    status: str
    expires_at: datetime | None
    concurrent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokensChanged(Event):
    """Id tokens were added, changed or removed: each as it is now."""

    entries: tuple[IdTokenEntry, ...]
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorAlarmed(Event):
    """A sensor beside the chargers has reached its threshold.

    `alarm`: smoke, water, overheating, or bay_blocked (a petrol car in a charging bay). `kind`: what the sensor measures.
    """

    alarm: str
    site_id: str
    sensor: str
    kind: str
    station_id: str | None
    connector: int | None
    value: float
    unit: str
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorCleared(Event):
    """What a sensor had alarmed about is over."""

    alarm: str
    site_id: str
    sensor: str
    kind: str
    station_id: str | None
    connector: int | None
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationAccessRefused(Event):
    """Somebody keeps trying to connect and is refused: what was counted since it was last told.

    `source` is an address, or `station_id` whose password is guessed; one of them is None. `reason` is the latest.
    """

    source: str | None
    station_id: str | None
    tries: int
    reason: str
    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityAlarmed(Event):
    """A station reports that its security is in danger.

    `alarm`: tampering, firmware_signature, or security_event, which is any other that OCPP calls critical and that is not of
    everyday operation. `said`: OCPP's word for it; `info`: the station's own explanation.
    """

    alarm: str
    station_id: str
    said: str
    info: str | None
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareVerified(Event):
    """A station has found the signature of new firmware right."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamAway(Event):
    """The central system to which a site's stations are passed on cannot be reached; `station_id` is one that met that."""

    site_id: str
    station_id: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamBack(Event):
    """It can be reached again, or the site is passed on no longer."""

    site_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRecordsLost(Event):
    """What was passed on could not be kept: so many messages since then (0: nobody knows how many), and why."""

    spool_id: str
    records: int
    since: datetime
    reason: str = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationKeyOffered(Event):
    """A station is about to be told a new key; `digest` is what is stored of it. It may come back with it until `until`."""

    station_id: str
    digest: str
    command_id: str
    offered_by: str
    reason: str
    until: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationKeyAnswered(Event):
    """What a station said to a new key: `verdict` is accepted, declined, or unknown where no answer came."""

    station_id: str
    digest: str
    verdict: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationKeyUsed(Event):
    """A station came in with a key for the first time since others beside it still hold."""

    station_id: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSilent(Event):
    """An operator's platform has said nothing for too long, or a province's dealt with nothing.

    `last_heard_at`: since when; of one that was never heard (`ever_heard` false), since it was let in or changed last.
    """

    operator_id: str
    name: str
    last_heard_at: datetime
    at: datetime
    ever_heard: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformHeard(Event):
    """A platform that was silent is heard again, or nobody listens to it any more."""

    operator_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformOrdersUntold(Event):
    """A province has refused orders, or they cannot be told it and have waited for a day for what they lack; `since`: the first."""

    operator_id: str
    name: str
    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformOrdersSettled(Event):
    """No order is refused or withheld any more: each is taken, waits to be sent again or is set aside, or nobody is told."""

    operator_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformOrderKept(Event):
    """A platform told of an order: for the first time, or otherwise than before.

    `state`: `transaction`, or why it is kept without becoming one: `unfiled`, `ambiguous` (no connector, or several, are filed
    under its code: `station_id` is None), `own_word` (the station speaks for itself).
    """

    operator_id: str
    order_no: str
    state: str
    station_id: str | None
    connector: int | None
    energy_wh: float
    started_at: datetime
    ended_at: datetime
    at: datetime


# --- charger_registry -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFile:
    """A connector by our number with its T/CEC 102 ConnectorID, text with its leading zeros (a member of events)."""

    connector: int
    cec_connector_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFile:
    """A charging station as it is filed (a member of events, not an event); `connector_files`: those with a T/CEC 102 code."""

    station_id: str
    connectors: int
    power_w: int
    current_type: str  # "AC" or "DC"
    cec_equipment_id: str | None = None
    connector_files: tuple[ConnectorFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeBand:
    """What a kWh costs from `begin` to `end` of a day, `HH:MM`, yuan as decimal text; None: not posted (a member of events)."""

    begin: str
    end: str
    energy_per_kwh: str | None = None
    service_per_kwh: str | None = None


# For whom a site can be (`usage`) that concerns nobody else: somebody at home, the people of one organisation.
NOT_FOR_THE_PUBLIC = ("private", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFiled(Event):
    """A site was filed or its file changed: the whole of it as it is now. Coordinates are WGS-84 degrees."""

    site_id: str
    name: str
    address: str
    division_code: str | None
    division_name: str | None
    longitude: float
    latitude: float
    stations: tuple[StationFile, ...]
    operator_code: str | None = None  # T/CEC 102's OperatorID and StationID: ids are unique within an operator
    cec_station_id: str | None = None
    construction: str | None = None  # what it stands at: residential, car_park, motorway …
    usage: str | None = None  # for whom it is: public, private, taxi …
    standing: str | None = None  # where that is not in operation, by its filing: not_begun, suspended
    bays: int | None = None
    parking: str | None = None  # how parking goes: free, paid …; all else as it is written for people
    parking_rules: str | None = None
    guide: str | None = None
    opening_hours: str | None = None
    help_phone: str | None = None
    site_phone: str | None = None
    energy_fee: str | None = None
    service_fee: str | None = None
    parking_fee: str | None = None
    fee_bands: tuple[FeeBand, ...] = ()  # the posted fees by the time of day, where they are in yuan


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRetired(Event):
    """A site and its stations no longer belong to the county."""

    site_id: str
    station_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFiled(Event):
    """An organisation was filed or its file changed; `representative`: its legal one, where a regulator has verified him."""

    organisation_id: str
    name: str
    uscc: str | None
    phone: str | None
    address: str = ""
    representative: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsibilityEntry:
    """One line of a site's ledger as it is believed now (a member of events, not an event).

    `station_id` None: the whole site. The period is [since, until), `until` None: open; it ends with the organisation.
    """

    role: str
    organisation_id: str
    organisation_name: str
    station_id: str | None
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsibilitiesChanged(Event):
    """A site's ledger changed: all of it, past periods included, as it is believed now."""

    site_id: str
    entries: tuple[ResponsibilityEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverProposed(Event):
    """Somebody is asked to manage a site, or one of its stations, from the acceptance or a later instant on.

    `from_organisation_id` None: nobody manages. `answer_by`: the last day of the county on which there may be an answer. `until`
    None: without an end.
    """

    handover_id: str
    site_id: str
    station_id: str | None
    from_organisation_id: str | None
    to_organisation_id: str
    proposer_id: str
    takes_over_at: datetime | None
    answer_by: date
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverUrged(Event):
    """A handover is about to lapse: `answer_by` is the last day of the county on which its receiver may answer."""

    handover_id: str
    site_id: str
    station_id: str | None
    to_organisation_id: str
    answer_by: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverEnded(Event):
    """A handover came to its end. `outcome`: accepted, declined, withdrawn, lapsed, or overtaken: another one manages by now."""

    handover_id: str
    site_id: str
    station_id: str | None
    from_organisation_id: str | None
    to_organisation_id: str
    outcome: str
    reason: str
    at: datetime
    proposer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteUnmanaged(Event):
    """Nobody manages the site. `reason`: no_manager, deregistered, contract_ended, silent.

    `organisation_id`: who managed it last, None: nobody did. `accountable_…`: who answers meanwhile, None: nobody is known.
    """

    site_id: str
    reason: str
    since: datetime
    at: datetime
    organisation_id: str | None = None
    accountable_id: str | None = None
    accountable_name: str | None = None
    accountable_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteManaged(Event):
    """A site that nobody managed has a manager again."""

    site_id: str
    organisation_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged(Event):
    """An account was made or changed: all of it as it is now. `division` None: the whole county, for officials."""

    username: str
    name: str
    roles: tuple[str, ...]
    organisation_id: str | None
    division: str | None
    team_id: str | None
    level: int | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamChanged(Event):
    """An inspectors' team was made or changed; `divisions` is its district: codes, or their beginnings."""

    team_id: str
    name: str
    divisions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKeyIssued(Event):
    """A machine client got a key; `digest` is what is kept of it, `scopes` what it is for."""

    key_id: str
    name: str
    digest: str
    role: str
    scopes: tuple[str, ...]
    organisation_id: str | None
    division: str | None
    expires_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKeyRevoked(Event):
    """A key of a machine client holds no longer from `at` on, which may still be to come."""

    key_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKeyUsed(Event):
    """A machine client has used its key; told now and then, not each time."""

    key_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingMoved(Event):
    """A filing went from one state to another; `site_id` None: the site is not filed yet.

    `role`: as what whoever moved it acted (applicant, filer, authority, clerk, system); `keeper_ids`: whose file it was, or is.
    """

    filing_id: str
    number: str | None
    site_id: str | None
    organisation_id: str
    previous: str
    state: str
    at: datetime
    role: str = ""
    keeper_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingOverdue(Event):
    """What a filing waits for has not come by its day, `due_on`: a supplement, or the authority's word.

    `state`: supplement_required or submitted; `withdrawn_after`: the last day on which the supplement may still come.
    """

    filing_id: str
    number: str | None
    site_id: str | None
    organisation_id: str
    state: str
    due_on: date
    withdrawn_after: date | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingPaperMoved(Event):
    """A paper was brought on a file that stands (`waiting`), or the authority has said of it that it `counts` or is `refused`.

    `name`, `name_en`: what its kind is called; `keeper_ids`: whose file it is.
    """

    filing_id: str
    number: str | None
    site_id: str | None
    document_id: str
    document_type: str
    name: str
    name_en: str
    standing: str
    reason: str
    at: datetime
    keeper_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GracePeriodBegan(Event):
    """A new site is guided before anything else from `since` up to and without `until`; never about safety or fire."""

    site_id: str
    since: date
    until: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GracePeriodEnding(Event):
    """A site's grace period is about to end: it holds up to and without `until`."""

    site_id: str
    until: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GracePeriodEnded(Event):
    """A site's grace period, of which `GracePeriodEnding` was told, is over."""

    site_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterVerificationDue(Event):
    """A meter's verification is about to run out, or (`overdue`) has: its last day is `due_on`. `connector` 0: the station's."""

    station_id: str
    connector: int
    site_id: str
    serial_number: str | None
    due_on: date
    overdue: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterVerified(Event):
    """A meter about which `MeterVerificationDue` was told is in order again, or there no longer."""

    station_id: str
    connector: int
    site_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentExpiring(Event):
    """A paper of a site is about to be no longer valid, or (`expired`) is not: its last day is `valid_until`."""

    document_id: str
    document_type: str
    number: str
    site_id: str
    filing_id: str
    valid_until: date
    expired: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRenewed(Event):
    """What was said about a paper's validity is over: another one has taken its place."""

    document_id: str
    site_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingPromiseOverdue(Event):
    """A paper that was promised when a site's filing was accepted has not come by the day.

    `lapses_on`: the last day on which it may still come before the filing lapses; None: it stands. `name`, `name_en`: what the
    paper's kind is called; `keeper_ids`: whose file it is.
    """

    filing_id: str
    site_id: str
    document_type: str
    promised_for: date
    lapses_on: date | None = None
    at: datetime
    filing_number: str | None = None
    name: str = ""
    name_en: str = ""
    keeper_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingLapseDue(Event):
    """What was promised on a file has not come by its last day: an official is to decide whether the file lapses."""

    filing_id: str
    filing_number: str | None
    site_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FilingPromiseKept(Event):
    """A promised paper that was overdue has come."""

    filing_id: str
    site_id: str
    document_type: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRevoked(Event):
    """A token (`token_id`) or everything issued to a subject before `at` no longer holds."""

    subject: str
    token_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCredential:
    """What is known of a station's key (a member of events, not an event): never the key; `until` None: open."""

    digest: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCredentialsChanged(Event):
    """A station's keys changed: all of them as they are now, those that ended lately included."""

    station_id: str
    credentials: tuple[StationCredential, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRejected(Event):
    """A station that asked to be accepted and that no site lists is not wanted; filing it ends that."""

    station_id: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationReadmitted(Event):
    """A rejected station may ask again."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRelayChanged(Event):
    """How a site's stations reach their operator's own central system; `upstream_url` None: they are connected to us alone.

    `admission`: who judges what a station shows, `ours` or `upstream`. `may_send`: whether we may send commands to them.
    `authority`: PEM, who vouches for the upstream where the system does not.
    """

    site_id: str
    upstream_url: str | None
    admission: str = "ours"
    may_send: bool = False
    authority: str | None = None
    at: datetime


# --- alerts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Event):
    """A rule holds for a subject: it is firing.

    `rule`: connector_fault, station_offline, unmanaged_site, unfiled_charger, clock_skew. `severity`: critical, major,
    minor, info. `since`: when the condition began (effective time); `details`: members that explain it, by rule;
    `opens_task`: whether somebody has to do something about it; `subject`: what the rule holds for, in a form of the rule's
    own: of one rule and subject at most one alert is open.
    """

    alert_id: str
    rule: str
    severity: str
    site_id: str | None
    station_id: str | None
    connector: int | None
    since: datetime
    at: datetime
    details: dict[str, Any]
    opens_task: bool = True
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAmended(Event):
    """What a firing alert is about holds as before, for another reason or with another answerable: `details` say it anew."""

    alert_id: str
    rule: str
    site_id: str | None
    station_id: str | None
    connector: int | None
    at: datetime
    details: dict[str, Any]
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWorsened(Event):
    """What a firing alert is about has become worse than it was when it was raised; `details` say what it is now."""

    alert_id: str
    rule: str
    severity: str
    site_id: str | None
    station_id: str | None
    connector: int | None
    at: datetime
    details: dict[str, Any]
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertResolved(Event):
    """The rule no longer holds for the subject. `because`: recovered, decided by somebody, or gone: filed no longer."""

    alert_id: str
    rule: str
    site_id: str | None
    station_id: str | None
    connector: int | None
    at: datetime
    because: str = "recovered"
    subject: str = ""


# --- inspection_service -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOpened(Event):
    """A task was opened for whoever is responsible, or opened again."""

    task_id: str
    number: str
    cause: str
    site_id: str | None
    station_id: str | None
    connector: int | None
    assignee_id: str
    assignee_name: str
    due_on: date | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMoved(Event):
    """A task went from one state to another (open, accepted, mended, verifying, closed). `actor`: whose doing that was."""

    task_id: str
    previous: str
    state: str
    reason: str
    at: datetime
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChanged(Event):
    """Whose a task is, or by when it is due, is another than it was: both as they are now."""

    task_id: str
    assignee_id: str
    assignee_name: str
    due_on: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUrged(Event):
    """Somebody is to hear of a task that waits. `stage`: remind, fall_due (the party), to_team, to_centre."""

    task_id: str
    number: str
    stage: str
    site_id: str | None
    assignee_id: str
    team_id: str
    due_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationProbeWanted(Event):
    """A station is to be asked how it is, or one of its connectors; `probe_id` is the command's id too. `reason`: for the trail."""

    probe_id: str
    station_id: str
    connector: int | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Event):
    """An inspector opened a case, as a lead."""

    case_id: str
    number: str
    item_id: str
    party_id: str | None
    site_id: str | None
    station_id: str | None
    task_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved(Event):
    """Somebody took a step in a case; `due_on`: by when the next one is due."""

    case_id: str
    number: str
    command: str
    previous: str
    state: str
    party_id: str | None
    due_on: date | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUrged(Event):
    """A period in a case ends soon, or has ended. `period`: order, recheck, decision, service, evidence_kept, payment, demand,
    enforcement; `stage`: soon, over."""

    case_id: str
    number: str
    period: str
    stage: str
    party_id: str | None
    due_on: date
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFinished(Event):
    """An inspection is finished. `channel`: on_site or remote; `failed_items`: supervised items that were not in order."""

    visit_id: str
    code: str
    channel: str
    site_id: str | None
    departments: tuple[str, ...]
    failed_items: tuple[str, ...]
    at: datetime


def all_events() -> dict[str, type[Event]]:
    """Return every event type by its name."""
    return {cls.__name__: cls for cls in Event.__subclasses__()}
