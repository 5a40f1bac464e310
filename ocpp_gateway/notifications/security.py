"""Which notifications endanger a station's security, as data (`security.toml`), and what is told of them. Pure."""

import tomllib
from functools import cache
from pathlib import Path

from ocpp_gateway.notifications.kinds import actions_of
from ocpp_gateway.observation import Notified
from youguan.clock import effective_time
from youguan.events import Event, FirmwareVerified, SecurityAlarmed

FILE = Path(__file__).with_name("security.toml")
EVERYDAY, FIRMWARE = "everyday", "firmware_signature"
# What a station says of new firmware's signature: FirmwareStatusEnumType of 2.x, and SignedFirmwareStatusNotification of 1.6.
SIGNATURE_WRONG, SIGNATURE_RIGHT = "InvalidSignature", "SignatureVerified"


@cache
def critical_events() -> dict[str, str]:
    """Return what each critical security event raises: a rule of alerts, or `everyday`."""
    listed = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: alarm for alarm, names in listed.items() for name in names}


def is_critical(action: str, said: str) -> bool:
    """Say whether OCPP calls a notification critical, or whether firmware was refused by it."""
    return said in critical_events() if action in actions_of("security") else alarm_of(action, said) is not None


def alarm_of(action: str, said: str) -> str | None:
    """Return which rule of alerts a notification raises."""
    if action in actions_of("security"):
        alarm = critical_events().get(said)
        return alarm if alarm != EVERYDAY else None
    return FIRMWARE if action in actions_of("firmware") and said == SIGNATURE_WRONG else None


def told_of(notified: Notified) -> Event | None:
    """Return what is told of a notification, however late it came; None: it is nobody's concern."""
    at = effective_time(notified.occurred_at, notified.received_at)
    alarm = alarm_of(notified.action, notified.status)
    if alarm is not None:
        return SecurityAlarmed(
            alarm=alarm, station_id=notified.station_id, said=notified.status, info=notified.info, effective_at=at
        )
    if notified.action in actions_of("firmware") and notified.status == SIGNATURE_RIGHT:
        return FirmwareVerified(station_id=notified.station_id, at=at)
    return None
