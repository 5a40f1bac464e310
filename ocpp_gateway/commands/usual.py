"""What is usually asked of a station, in the words of its version. Pure."""

from typing import Any, Literal

from ocpp_gateway.observation import EVSES_A_ROW
from ocpp_gateway.protocol.versions import V16, Version
from youguan.errors import Invalid

Usual = Literal["probe", "report", "out_of_service", "in_service", "unlock", "soft_reset", "hard_reset"]

# What interrupts drivers or can leave a station useless: whoever sends it from a page says so twice.
DANGEROUS = frozenset({
    "ChangeAvailability", "ChangeConfiguration", "DeleteCertificate", "InstallCertificate", "PublishFirmware",
    "RemoteStopTransaction", "RequestStopTransaction", "Reset", "SetNetworkProfile", "SetVariables",
    "SignedUpdateFirmware", "UnlockConnector", "UpdateFirmware",
})  # fmt: skip


def put(version: Version, act: Usual, connector: int, request_id: int) -> tuple[str, dict[str, Any]]:
    """Return (action, payload); connector 0 is the station itself. Invalid where a connector must be named."""
    match act:
        case "probe":
            return "TriggerMessage", {"requestedMessage": "StatusNotification", **_where(version, connector)}
        case "report" if version is V16:
            return "GetConfiguration", {}
        case "report":
            return "GetBaseReport", {"requestId": request_id, "reportBase": "FullInventory"}
        case "out_of_service" | "in_service":
            return "ChangeAvailability", _availability(version, connector, usable=act == "in_service")
        case "unlock":
            return "UnlockConnector", _one(version, connector)
        case "soft_reset" | "hard_reset":
            return "Reset", {"type": _reset(version, hard=act == "hard_reset")}


def _reset(version: Version, *, hard: bool) -> str:
    if version is V16:
        return "Hard" if hard else "Soft"
    return "Immediate" if hard else "OnIdle"


def _availability(version: Version, connector: int, *, usable: bool) -> dict[str, Any]:
    word = "Operative" if usable else "Inoperative"
    if version is V16:
        return {"connectorId": connector, "type": word}
    return {"operationalStatus": word, **_where(version, connector)}


def _where(version: Version, connector: int) -> dict[str, Any]:
    if not connector:
        return {}
    if version is V16:
        return {"connectorId": connector}
    row, evse = divmod(connector - 1, EVSES_A_ROW)
    return {"evse": {"id": evse + 1, "connectorId": row + 1}}


def _one(version: Version, connector: int) -> dict[str, Any]:
    if not connector:
        raise Invalid.about("connector", "name a connector")
    if version is V16:
        return {"connectorId": connector}
    row, evse = divmod(connector - 1, EVSES_A_ROW)
    return {"evseId": evse + 1, "connectorId": row + 1}
