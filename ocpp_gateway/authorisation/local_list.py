"""What a station is sent so that it can authorise by itself: whole, or only what differs from what it has. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_gateway.authorisation.rules import IdToken, Presented, Purpose, decide
from ocpp_gateway.authorisation.wording import ANY_TYPE, LONGEST_16, LONGEST_21, LONGEST_201, id_tag_info, id_token_info
from ocpp_gateway.protocol.versions import V16, V21, V201, Version

LONGEST = {V16: LONGEST_16, V201: LONGEST_201, V21: LONGEST_21}
TYPES_OF_201 = frozenset({"Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress"})

Info = dict[str, Any]
Entries = Mapping[str, Info]
"""id token → what the station is told about it, its type with it in 2.x; without a status it is taken out of the list."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a station should have, and the id tokens that its version cannot carry, each with the reason."""

    entries: dict[str, Info]
    left_out: dict[str, str]


def wanted(tokens: Iterable[IdToken], version: Version, now: datetime) -> Wanted:
    """Return the list for a version: each token with its standing, blocked ones too, so that a station refuses them offline."""
    entries: dict[str, Info] = {}
    left_out: dict[str, str] = {}
    for token in tokens:
        reason = _unfit(token, version)
        if reason:
            left_out[token.id_token] = reason
        else:
            entries[token.id_token] = _info(token, version, now)
    return Wanted(entries, left_out)


def _unfit(token: IdToken, version: Version) -> str | None:
    longest = LONGEST[version]
    if len(token.id_token) > longest or len(token.group_id or "") > longest:
        return f"OCPP {version.name} carries no id token or group of more than {longest} characters"
    if version is V201 and token.type and token.type not in TYPES_OF_201:
        return f"OCPP 2.0.1 knows no id token of type {token.type}"
    return None


def _info(token: IdToken, version: Version, now: datetime) -> Info:
    decision = decide(Presented(token.id_token, None, Purpose.ASK, ""), token, (), now)
    if version is V16:
        return id_tag_info(decision)
    return {"type": token.type or ANY_TYPE, **id_token_info(decision)}


def difference(has: Entries, should: Entries) -> dict[str, Info] | None:
    """Return what to send to whoever has one list so that he has the other; None where only the whole list does it."""
    if any(has[token].get("type") != should[token].get("type") for token in has.keys() & should.keys()):
        return None
    changed = {token: info for token, info in should.items() if has.get(token) != info}
    return {**changed, **{token: _without_status(has[token]) for token in has if token not in should}}


def _without_status(info: Info) -> Info:
    return {"type": info["type"]} if "type" in info else {}


def applied(has: Entries, entries: Entries) -> dict[str, Info]:
    """Return what a station has after a differential update."""
    return {token: info for token, info in {**has, **entries}.items() if "status" in info}


def messages(
    version: Version, entries: Entries, *, full: bool, after: int, largest: int | None = None
) -> list[dict[str, Any]]:
    """Return the SendLocalList payloads: one, or as many as `largest` entries a message need, each a version further on."""
    pairs = list(entries.items())
    size = largest or max(len(pairs), 1)
    parts = [pairs[start : start + size] for start in range(0, len(pairs), size)] or [[]]
    return [
        _payload(version, part, full=full and place == 0, number=after + place + 1) for place, part in enumerate(parts)
    ]


def _payload(version: Version, part: Sequence[tuple[str, Info]], *, full: bool, number: int) -> dict[str, Any]:
    kind = "Full" if full else "Differential"
    if version is V16:
        listed = [{"idTag": token, **({"idTagInfo": info} if info else {})} for token, info in part]
        return {"listVersion": number, "localAuthorizationList": listed, "updateType": kind}
    payload: dict[str, Any] = {"versionNumber": number, "updateType": kind}
    if part:  # an empty array is refused by the schema of 2.x
        payload["localAuthorizationList"] = [_authorisation_data(token, info) for token, info in part]
    return payload


def _authorisation_data(token: str, info: Info) -> dict[str, Any]:
    rest = {member: value for member, value in info.items() if member != "type"}
    return {"idToken": {"idToken": token, "type": info["type"]}, **({"idTokenInfo": rest} if rest else {})}


def entries_of(version: Version, request: dict[str, Any]) -> dict[str, Info]:
    """Return what a SendLocalList said, in our words."""
    found: dict[str, Info] = {}
    for line in request.get("localAuthorizationList", []):
        if version is V16:
            found[line["idTag"]] = line.get("idTagInfo", {})
        else:
            found[line["idToken"]["idToken"]] = {"type": line["idToken"]["type"], **line.get("idTokenInfo", {})}
    return found
