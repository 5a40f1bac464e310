"""What nobody may read in frames, commands and their answers, and how a station is told a new key. Pure; the one place for it."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from ocpp_gateway.protocol.versions import V16, V201, Version

MASK = "********"
# Members that hold a secret wherever they stand (network profiles, VPN, APN).
SECRET_MEMBERS = frozenset({"apnPassword", "basicAuthPassword", "password", "simPin", "key"})
SECRET_MEMBERS_IN = frozenset({"SetNetworkProfile"})
STATION_KEYS = frozenset({"authorizationkey", "basicauthpassword"})  # 1.6 names are compared without regard to case
SECRET_NAME = re.compile(  # PostgreSQL is asked by it as well
    "passw|secret|authorizationkey|vpnkey|privatekey|presharedkey|credential|simpin|token$", re.IGNORECASE
)
# `ftp://name:password@host/…`, where diagnostics and logs are sent and firmware comes from.
PASSWORD_IN_ADDRESS = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+(?=@)", re.IGNORECASE)
# `…/files/upload/<token>`: whoever knows it brings the file in the station's place.
UPLOADS = "/files/upload/"
UPLOAD_TOKEN = re.compile(rf"(?P<before>{UPLOADS})[^/?#\s]+")
ADDRESSES_IN = frozenset({
    "GetDiagnostics", "GetLog", "UpdateFirmware", "SignedUpdateFirmware", "PublishFirmware", "SetNetworkProfile",
})  # fmt: skip
# JSON is read to a depth of 1,024 and written to one of 254, and Python's own stack ends before. No member of OCPP lies deeper
# than this; what somebody has put there nobody can search for secrets, so it is hidden.
DEEPEST = 100
CONCERNED = ADDRESSES_IN | SECRET_MEMBERS_IN | {"ChangeConfiguration", "SetVariables", "NotifyEvent", "NotifyReport"}

Payload = dict[str, Any]
Value = TypeVar("Value")


def is_secret(name: Any) -> bool:
    """Say whether a variable's or key's name promises a secret: AuthorizationKey, BasicAuthPassword and the like."""
    return isinstance(name, str) and SECRET_NAME.search(name) is not None


def masked(version: Version, action: str, payload: Payload) -> Payload:
    """Return a request without what is secret in it; the very same object where nothing is."""
    if action not in CONCERNED:
        return payload
    payload = as_deep_as_can_be_searched(payload)
    if version is V16 and action == "ChangeConfiguration":
        return _masked_value(payload, "key", "value")
    if action == "SetVariables":
        return _masked_items(payload, "setVariableData", "attributeValue")
    if action == "NotifyEvent":
        return _masked_items(payload, "eventData", "actualValue")
    if action == "NotifyReport":
        return _masked_report(payload)
    found = payload
    if action in SECRET_MEMBERS_IN:
        found = _walk(found, lambda name, value: MASK if name in SECRET_MEMBERS and isinstance(value, str) else value)
    if action in ADDRESSES_IN:
        found = _walk(found, lambda _, value: _without_token(without_password(value)))
    return payload if found == payload else found


def masked_answer(version: Version, action: str, payload: Payload) -> Payload:
    """Return a station's answer without what is secret in it; stations should not tell keys, and some do."""
    if version is V16 and action == "GetConfiguration":
        payload = as_deep_as_can_be_searched(payload)
        entries = payload.get("configurationKey")
        return _with(payload, "configurationKey", entries, lambda entry: _masked_value(entry, "key", "value"))
    if action == "GetVariables":
        return _masked_items(as_deep_as_can_be_searched(payload), "getVariableResult", "attributeValue")
    return payload


def masked_late(payload: Payload) -> Payload:
    """Return an answer that came too late to be known what it answers, without what is secret in it."""
    return masked_answer(V201, "GetVariables", masked_answer(V16, "GetConfiguration", payload))


def without_password(value: Any) -> Any:
    """Return an address without the password in it; anything else as it is."""
    return PASSWORD_IN_ADDRESS.sub(rf"\g<before>{MASK}", value) if isinstance(value, str) else value


def sets_station_key(version: Version, action: str, payload: Payload) -> bool:
    """Say whether a command would change the key by which the station is known to us."""
    if version is V16 and action == "ChangeConfiguration":
        return _is_station_key(payload.get("key"))
    if action == "SetVariables":
        items = payload.get("setVariableData")
        return isinstance(items, list) and any(_is_station_key(_variable(item)) for item in items)
    return False


def key_command(version: Version, key: str) -> tuple[str, Payload]:
    """Return the command that tells a station its new key: of 1.6 as hexadecimal digits, as the security whitepaper asks."""
    if version is V16:
        return "ChangeConfiguration", {"key": "AuthorizationKey", "value": key}
    variable = {
        "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}, "attributeValue": key,
    }  # fmt: skip
    return "SetVariables", {"setVariableData": [variable]}


# Ends of a command that say nothing about whether the station has the new key.
SILENT_ENDS = frozenset({"timed_out", "invalid"})


def verdict(state: str, answer: Payload | None) -> str:
    """Return what the end of such a command means: accepted, declined, or unknown."""
    if state in SILENT_ENDS:
        return "unknown"
    if state != "answered" or answer is None:
        return "declined"
    results = answer.get("setVariableResult") or [{}]
    status = answer.get("status") or results[0].get("attributeStatus")
    return "accepted" if status in ("Accepted", "RebootRequired") else "declined"


def as_deep_as_can_be_searched(payload: Value) -> Value:
    """Return a JSON value without what lies deeper in it than is searched; the very same object where nothing does."""
    found: Value = cut(payload, DEEPEST)
    return payload if found == payload else found


def cut(value: Any, levels: int) -> Any:
    """Return a JSON value in which what lies deeper is hidden."""
    if isinstance(value, dict | list) and levels == 0:
        return MASK
    if isinstance(value, dict):
        return {key: cut(member, levels - 1) for key, member in value.items()}
    if isinstance(value, list):
        return [cut(member, levels - 1) for member in value]
    return value


def _without_token(value: Any) -> Any:
    return UPLOAD_TOKEN.sub(rf"\g<before>{MASK}", value) if isinstance(value, str) else value


def _masked_value(entry: Payload, name: str, value: str) -> Payload:
    if is_secret(entry.get(name)) and isinstance(entry.get(value), str):
        return {**entry, value: MASK}
    return entry


def _masked_items(payload: Payload, items: str, value: str) -> Payload:
    def hide(item: Payload) -> Payload:
        hidden = is_secret(_variable(item)) and isinstance(item.get(value), str)
        return {**item, value: MASK} if hidden else item

    return _with(payload, items, payload.get(items), hide)


def _masked_report(payload: Payload) -> Payload:
    def hide(item: Payload) -> Payload:
        if not is_secret(_variable(item)):
            return item
        attributes = item.get("variableAttribute")
        return _with(
            item, "variableAttribute", attributes, lambda each: {**each, "value": MASK} if "value" in each else each
        )

    return _with(payload, "reportData", payload.get("reportData"), hide)


def _with(payload: Payload, name: str, items: Any, hide: Any) -> Payload:
    if not isinstance(items, list):
        return payload
    hidden = [hide(item) if isinstance(item, dict) else item for item in items]
    return payload if hidden == items else {**payload, name: hidden}


def _variable(item: Any) -> Any:
    variable = item.get("variable") if isinstance(item, Mapping) else None
    return variable.get("name") if isinstance(variable, Mapping) else None


def _is_station_key(name: Any) -> bool:
    return isinstance(name, str) and name.lower() in STATION_KEYS


def _walk(value: Any, change: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _walk(member, change, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_walk(member, change, name) for member in value]
    return change(name, value)
