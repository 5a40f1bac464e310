"""From events to conditions: which rule begins or ceases to hold for which subject. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from youguan.events import (
    ConnectorStatusChanged,
    DocumentExpiring,
    DocumentRenewed,
    Event,
    FilingPromiseKept,
    FilingPromiseOverdue,
    FirmwareVerified,
    GracePeriodEnded,
    GracePeriodEnding,
    MeterRanBackwards,
    MeterVerificationDue,
    MeterVerified,
    PlatformHeard,
    PlatformOrdersSettled,
    PlatformOrdersUntold,
    PlatformSilent,
    RelayRecordsLost,
    SecurityAlarmed,
    SensorAlarmed,
    SensorCleared,
    SiteFiled,
    SiteManaged,
    SiteRetired,
    SiteUnmanaged,
    StationAccessRefused,
    StationClockRight,
    StationClockSkewed,
    StationOffline,
    StationOnline,
    StationRejected,
    UnfiledStationSeen,
    UpstreamAway,
    UpstreamBack,
)

CONNECTOR_FAULT = "connector_fault"
STATION_OFFLINE = "station_offline"
UNMANAGED_SITE = "unmanaged_site"
UNFILED_CHARGER = "unfiled_charger"
FILE_CONTRADICTED = "file_contradicted"
CLOCK_SKEW = "clock_skew"
SENSOR_RULES = ("smoke", "water", "overheating", "bay_blocked")
ACCESS_ATTEMPTS = "access_attempts"
TAMPERING, FIRMWARE_SIGNATURE, SECURITY_EVENT = "tampering", "firmware_signature", "security_event"
DOCUMENT_EXPIRING, DOCUMENT_EXPIRED = "document_expiring", "document_expired"
METER_BACKWARDS = "meter_backwards"
METER_DUE, METER_OVERDUE = "meter_verification_due", "meter_verification_overdue"
FILING_PROMISE_OVERDUE = "filing_promise_overdue"
GRACE_ENDING = "grace_period_ending"
PLATFORM_SILENT, ORDERS_UNTOLD = "platform_silent", "orders_untold"
UPSTREAM_AWAY, RELAY_GAP = "upstream_away", "relay_gap"
SEVERITIES = ("info", "minor", "major", "critical")
EVSES_A_ROW = 100  # connector n of EVSE m has the number (n - 1) * 100 + m


@dataclass(frozen=True, slots=True)
class Holds:
    """A rule holds for a subject since a time; `amends`: told again, it says anew what is the matter."""

    rule: str
    subject: str
    since: datetime
    site_id: str | None = None
    station_id: str | None = None
    connector: int | None = None
    details: dict[str, Any] = field(default_factory=dict)
    amends: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """A rule no longer holds for a subject; why, as `AlertResolved` says it."""

    rule: str
    subject: str
    at: datetime
    because: str = "recovered"


@dataclass(frozen=True, slots=True)
class Gone:
    """Everything about stations that are filed no longer is over; about their site as well where it is named."""

    station_ids: tuple[str, ...]
    site_id: str | None = None


Finding = Holds | Over | Gone


def findings(event: Event, now: datetime) -> Sequence[Finding]:
    """Return what an event says about the rules."""
    match event:
        case ConnectorStatusChanged():
            return _connector(event)
        case StationOffline():
            seen, station = event.last_seen_at, event.station_id
            return [Holds(STATION_OFFLINE, station, seen, station_id=station, details={"last_seen_at": seen})]
        case StationOnline():
            return [Over(STATION_OFFLINE, event.station_id, event.at)]
        case SiteUnmanaged():
            site, why = event.site_id, _unmanaged(event)
            return [Holds(UNMANAGED_SITE, site, event.since, site_id=site, details=why, amends=True)]
        case SiteManaged():
            return [Over(UNMANAGED_SITE, event.site_id, event.at)]
        case UnfiledStationSeen():
            shown = {"remote": event.remote, "vendor": event.vendor, "model": event.model}
            return [Holds(UNFILED_CHARGER, event.station_id, event.at, station_id=event.station_id, details={**shown})]
        case SiteFiled():
            return [Over(UNFILED_CHARGER, station.station_id, now) for station in event.stations]
        case StationRejected():
            return [Over(UNFILED_CHARGER, event.station_id, event.at, "decided")]
        case SiteRetired():
            return [Gone(event.station_ids, event.site_id)]
    return _beside(event)


def _beside(event: Event) -> Sequence[Finding]:
    """Return what is wrong beside the charging itself: clocks, sensors, who tries to connect, a station's security."""
    match event:
        case StationClockSkewed():
            station, skew = event.station_id, {"skew_s": event.skew_s}
            return [Holds(CLOCK_SKEW, station, event.at, station_id=station, details={**skew})]
        case StationClockRight():
            return [Over(CLOCK_SKEW, event.station_id, event.at)]
        case SensorAlarmed() if event.alarm in SENSOR_RULES:
            return [_sensor(event)]
        case SensorCleared() if event.alarm in SENSOR_RULES:
            return [Over(event.alarm, _sensor_subject(event), event.effective_at)]
        case StationAccessRefused():
            return [_attempts(event)]
        case SecurityAlarmed() if event.alarm in (TAMPERING, FIRMWARE_SIGNATURE, SECURITY_EVENT):
            return [_security(event)]
        case MeterRanBackwards():
            return [_backwards(event)]
        case FirmwareVerified():
            return [Over(FIRMWARE_SIGNATURE, event.station_id, event.at)]
    return _links(event)


def _links(event: Event) -> Sequence[Finding]:
    """Return what is wrong between us and other systems: platforms, provinces, central systems to which sites are passed on."""
    match event:
        case PlatformSilent():
            heard_at = event.last_heard_at if event.ever_heard else None
            shown = {"operator_id": event.operator_id, "name": event.name, "last_heard_at": heard_at}
            return [Holds(PLATFORM_SILENT, event.operator_id, event.last_heard_at, details={**shown})]
        case PlatformHeard():
            return [Over(PLATFORM_SILENT, event.operator_id, event.at)]
        case PlatformOrdersUntold():
            untold = {"operator_id": event.operator_id, "name": event.name}
            return [Holds(ORDERS_UNTOLD, event.operator_id, event.since, details={**untold})]
        case PlatformOrdersSettled():
            return [Over(ORDERS_UNTOLD, event.operator_id, event.at)]
        case UpstreamAway():
            site, why = event.site_id, {"reason": event.reason, "station": event.station_id}
            return [Holds(UPSTREAM_AWAY, site, event.at, site_id=site, details={**why})]
        case UpstreamBack():
            return [Over(UPSTREAM_AWAY, event.site_id, event.at)]
        case RelayRecordsLost():
            return [
                Holds(RELAY_GAP, event.spool_id, event.since, details={"tries": event.records, "reason": event.reason})
            ]
    return _papers(event)


def _papers(event: Event) -> Sequence[Finding]:
    """Return what is wrong with the file of a site."""
    match event:
        case DocumentExpiring():
            details = {"document_type": event.document_type, "number": event.number, "valid_until": event.valid_until}
            rule = DOCUMENT_EXPIRED if event.expired else DOCUMENT_EXPIRING
            holds = Holds(rule, event.document_id, event.at, site_id=event.site_id, details=details)
            return [Over(DOCUMENT_EXPIRING, event.document_id, event.at), holds] if event.expired else [holds]
        case DocumentRenewed():
            return [Over(rule, event.document_id, event.at) for rule in (DOCUMENT_EXPIRING, DOCUMENT_EXPIRED)]
        case FilingPromiseOverdue():
            details = {
                "document_type": event.document_type,
                "promised_for": event.promised_for,
                "lapses_on": event.lapses_on,
            }
            subject = f"{event.filing_id}/{event.document_type}"
            return [Holds(FILING_PROMISE_OVERDUE, subject, event.at, site_id=event.site_id, details=details)]
        case FilingPromiseKept():
            return [Over(FILING_PROMISE_OVERDUE, f"{event.filing_id}/{event.document_type}", event.at)]
        case GracePeriodEnding():
            details = {"until": event.until}
            return [Holds(GRACE_ENDING, event.site_id, event.at, site_id=event.site_id, details=details)]
        case GracePeriodEnded():
            return [Over(GRACE_ENDING, event.site_id, event.at)]
        case MeterVerificationDue():
            return _meter(event)
        case MeterVerified():
            return [
                Over(rule, f"{event.station_id}#{event.connector}", event.at) for rule in (METER_DUE, METER_OVERDUE)
            ]
    return []


def _meter(event: MeterVerificationDue) -> Sequence[Finding]:
    """Return that a meter is due or overdue, and no longer the other of the two."""
    subject, details = (
        f"{event.station_id}#{event.connector}",
        {"serial_number": event.serial_number, "due_on": event.due_on},
    )
    rule, other = (METER_OVERDUE, METER_DUE) if event.overdue else (METER_DUE, METER_OVERDUE)
    holds = Holds(rule, subject, event.at, site_id=event.site_id, station_id=event.station_id, details={**details})
    return [Over(other, subject, event.at), holds]


def _unmanaged(event: SiteUnmanaged) -> dict[str, Any]:
    """Return why nobody manages, and who is accountable meanwhile, as the registry's rules say."""
    accountable = {"id": event.accountable_id, "name": event.accountable_name, "role": event.accountable_role}
    return {"reason": event.reason, "accountable": accountable if event.accountable_id is not None else None}


def _attempts(event: StationAccessRefused) -> Finding:
    subject = f"source {event.source}" if event.source is not None else f"station {event.station_id}"
    details = {"source": event.source, "tries": event.tries, "reason": event.reason}
    return Holds(ACCESS_ATTEMPTS, subject, event.since, station_id=event.station_id, details=details)


def _backwards(event: MeterRanBackwards) -> Finding:
    details = {
        "transaction_id": event.transaction_id,
        "meter_start_wh": event.meter_start_wh,
        "meter_stop_wh": event.meter_stop_wh,
        "tries": 1,
    }
    station, connector = event.station_id, event.connector
    return Holds(
        METER_BACKWARDS,
        f"{station}#{connector}",
        event.effective_at,
        station_id=station,
        connector=connector or None,
        details=details,
    )


def _security(event: SecurityAlarmed) -> Finding:
    """Return what endangers a station: of the lesser kinds each is a condition of its own."""
    station, details = event.station_id, {"security_event": event.said, "info": event.info, "tries": 1}
    subject = f"{station}/{event.said}" if event.alarm == SECURITY_EVENT else station
    return Holds(event.alarm, subject, event.effective_at, station_id=station, details=details)


def _connector(event: ConnectorStatusChanged) -> Sequence[Finding]:
    """Out of use, or out of its platform's reach, a connector says nothing of its fault: it may be broken still."""
    subject = f"{event.station_id}#{event.connector}"
    if event.condition == "unavailable":
        return []
    if event.condition != "faulted":
        return [Over(CONNECTOR_FAULT, subject, event.effective_at)]
    details = {
        "status": event.status,
        "error_code": event.error_code,
        "error_info": event.error_info,
        "vendor_error_code": event.vendor_error_code,
    }
    return [
        Holds(
            CONNECTOR_FAULT,
            subject,
            event.effective_at,
            station_id=event.station_id,
            connector=event.connector,
            details=details,
        )
    ]


def _sensor_subject(event: SensorAlarmed | SensorCleared) -> str:
    return f"{event.site_id}/{event.kind}/{event.sensor}"


def _sensor(event: SensorAlarmed) -> Finding:
    return Holds(
        event.alarm,
        _sensor_subject(event),
        event.effective_at,
        site_id=event.site_id,
        station_id=event.station_id,
        connector=event.connector,
        details={"sensor": event.sensor, "value": event.value, "unit": event.unit},
    )


def severity(rule_severity: str, details: dict[str, Any], dangerous: frozenset[str]) -> str:
    """Return how bad an alert is: what endangers people is critical."""
    return "critical" if details.get("error_code") in dangerous else rule_severity


def is_worse(severity: str, than: str) -> bool:
    """Compare two severities."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)


def as_filed(holds: Holds, connectors: int | None) -> Holds | None:
    """Return what holds by the file of its station, which has so many connectors; None: the station is filed nowhere.

    A fault of a connector that the file does not know is no fault of the file's connectors, but it contradicts the file.
    """
    if holds.rule not in (CONNECTOR_FAULT, STATION_OFFLINE):
        return holds
    if connectors is None:
        return None
    if not holds.connector or _is_filed(holds.connector, connectors):
        return holds
    return replace(
        holds,
        rule=FILE_CONTRADICTED,
        subject=holds.station_id or holds.subject,
        details={**holds.details, "filed_connectors": connectors},
    )


def _is_filed(connector: int, connectors: int) -> bool:
    """A station with so many connectors has on its n-th EVSE at most those that the EVSEs before it leave."""
    row, place = divmod(connector - 1, EVSES_A_ROW)
    return row >= 0 and row + place < connectors
