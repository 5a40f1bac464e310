"""Which actions a central system may send in each version, and who may have them sent. Pure."""

from collections.abc import Mapping
from typing import Any

from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Refusal
from ocpp_gateway.protocol.versions import V16, V21, V201, Version
from youguan.errors import FieldError, Invalid, NotFound, Reason

IN_16 = frozenset({
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache",
    "ClearChargingProfile", "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule",
    "GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog",
    "InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset", "SendLocalList",
    "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage", "UnlockConnector", "UpdateFirmware",
})  # fmt: skip
IN_201 = frozenset({
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ClearCache", "ClearChargingProfile",
    "ClearDisplayMessage", "ClearVariableMonitoring", "CostUpdated", "CustomerInformation", "DataTransfer",
    "DeleteCertificate", "GetBaseReport", "GetChargingProfiles", "GetCompositeSchedule", "GetDisplayMessages",
    "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog", "GetMonitoringReport", "GetReport",
    "GetTransactionStatus", "GetVariables", "InstallCertificate", "PublishFirmware", "RequestStartTransaction",
    "RequestStopTransaction", "ReserveNow", "Reset", "SendLocalList", "SetChargingProfile", "SetDisplayMessage",
    "SetMonitoringBase", "SetMonitoringLevel", "SetNetworkProfile", "SetVariableMonitoring", "SetVariables",
    "TriggerMessage", "UnlockConnector", "UnpublishFirmware", "UpdateFirmware",
})  # fmt: skip
IN_21 = IN_201 | frozenset({
    "AFRRSignal", "AdjustPeriodicEventStream", "ChangeTransactionTariff", "ClearDERControl", "ClearTariffs",
    "GetDERControl", "GetPeriodicEventStream", "GetTariffs", "NotifyAllowedEnergyTransfer", "NotifyWebPaymentStarted",
    "RequestBatterySwap", "SetDERControl", "SetDefaultTariff", "UpdateDynamicSchedule", "UsePriorityCharging",
})  # fmt: skip
ACTIONS: Mapping[Version, frozenset[str]] = {V16: IN_16, V201: IN_201, V21: IN_21}

# What only looks: an inspector may have it sent. Everything else touches drivers or supply and is the regulator's.
ONLY_LOOKS = frozenset({
    "ExtendedTriggerMessage", "GetBaseReport", "GetChargingProfiles", "GetCompositeSchedule", "GetConfiguration",
    "GetDERControl", "GetDiagnostics", "GetDisplayMessages", "GetInstalledCertificateIds", "GetLocalListVersion",
    "GetLog", "GetMonitoringReport", "GetPeriodicEventStream", "GetReport", "GetTariffs", "GetTransactionStatus",
    "GetVariables", "TriggerMessage",
})  # fmt: skip
# What has a station send its files wherever the payload says: for an inspector, to an address of ours alone.
SENDS_AWAY = frozenset({"GetDiagnostics", "GetLog"})


def check_reason(action: str, reason: str) -> None:
    """Refuse what touches drivers or supply and says not why; what only looks needs no reason."""
    if action not in ONLY_LOOKS and not reason.strip():
        raise Invalid.about("reason", Reason("say why: {action} touches drivers or supply", action=action))


def check(version: Version, action: str, payload: dict[str, Any]) -> None:
    """Refuse what the schema refuses, by member; whatever else may be wrong is for the station to judge."""
    if action not in ACTIONS[version]:
        raise NotFound(
            Reason(
                "{action} is no action that a central system sends in OCPP {version}",
                action=action,
                version=version.name,
            )
        )
    try:
        schemas.check(schemas.commands(version)[action], payload, version)
    except Refusal as refusal:
        member = str(refusal.details.get("member", ""))
        reason = Reason.worded(refusal.description, f"schema.{refusal.details.get('rule')}", {})
        field = FieldError(f"payload.{member}" if member else "payload", reason)
        detail = f"{action}: {refusal.description}"
        raise Invalid(detail, fields=[field]) from None
