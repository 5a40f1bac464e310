"""What notifications are about, by the action that brings them. Pure."""

from typing import Literal

Kind = Literal[
    "security", "firmware", "logs", "component", "certificate", "charging", "grid", "payment", "vendor", "other"
]
ACTIONS: dict[Kind, frozenset[str]] = {
    "security": frozenset({"SecurityEventNotification"}),
    "firmware": frozenset({
        "FirmwareStatusNotification", "SignedFirmwareStatusNotification", "PublishFirmwareStatusNotification",
    }),
    "logs": frozenset({"DiagnosticsStatusNotification", "LogStatusNotification"}),
    "component": frozenset({
        "NotifyEvent", "NotifyPeriodicEventStream", "OpenPeriodicEventStream", "ClosePeriodicEventStream",
    }),
    "certificate": frozenset({"Get15118EVCertificate", "GetCertificateStatus", "GetCertificateChainStatus"}),
    "charging": frozenset({
        "NotifyChargingLimit", "NotifyEVChargingNeeds", "NotifyEVChargingSchedule", "NotifyPriorityCharging",
        "PullDynamicScheduleUpdate", "BatterySwap",
    }),
    "grid": frozenset({"NotifyDERAlarm", "NotifyDERStartStop", "ReportDERControl"}),
    "payment": frozenset({"NotifySettlement", "VatNumberValidation"}),
    "vendor": frozenset({"DataTransfer"}),
}  # fmt: skip
NAMED = frozenset().union(*ACTIONS.values())
KIND_OF: dict[str, Kind] = {action: kind for kind, actions in ACTIONS.items() for action in actions}


def kind_of(action: str) -> Kind:
    """Return what an action is about; `other` where that is not said above."""
    return KIND_OF.get(action, "other")


def actions_of(kind: Kind) -> frozenset[str]:
    """Return the actions of a kind; none of `other`, which are those that are named nowhere."""
    return ACTIONS.get(kind, frozenset())
