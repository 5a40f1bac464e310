"""Which command asks a station for a file or gives it one, in the words of its version. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from youguan.clock import utc_text

Kind = Literal["diagnostics", "security"]
LOGS = {"diagnostics": "DiagnosticsLog", "security": "SecurityLog"}


@dataclass(frozen=True, slots=True)
class Image:
    """Firmware as a station is told of it."""

    address: str
    signing_certificate: str | None
    signature: str | None


def ask_for_log(
    version: str, kind: Kind, address: str, request_id: int, oldest: datetime | None, latest: datetime | None
) -> tuple[str, dict[str, Any]]:
    """Return (action, payload); OCPP 1.6 knows the security log only with its security extensions."""
    if version == "1.6" and kind == "diagnostics":
        return "GetDiagnostics", {"location": address, **_period("startTime", oldest, "stopTime", latest)}
    log = {"remoteLocation": address, **_period("oldestTimestamp", oldest, "latestTimestamp", latest)}
    return "GetLog", {"logType": LOGS[kind], "requestId": request_id, "log": log}


def give_firmware(
    version: str, image: Image, request_id: int, retrieve_at: datetime, install_at: datetime | None
) -> tuple[str, dict[str, Any]]:
    """Return (action, payload): what is signed is given as signed firmware."""
    if version == "1.6" and image.signature is None:
        return "UpdateFirmware", {"location": image.address, "retrieveDate": utc_text(retrieve_at)}
    firmware: dict[str, Any] = {"location": image.address, "retrieveDateTime": utc_text(retrieve_at)}
    if install_at is not None:
        firmware["installDateTime"] = utc_text(install_at)
    if image.signature is not None:
        firmware |= {"signingCertificate": image.signing_certificate, "signature": image.signature}
    action = "SignedUpdateFirmware" if version == "1.6" else "UpdateFirmware"
    return action, {"requestId": request_id, "firmware": firmware}


def _period(first: str, oldest: datetime | None, last: str, latest: datetime | None) -> dict[str, str]:
    return {name: utc_text(at) for name, at in ((first, oldest), (last, latest)) if at is not None}
