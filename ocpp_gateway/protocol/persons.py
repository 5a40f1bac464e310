"""Persons in frames: plates, chassis numbers and telephones are blanked before a frame is kept. Pure; the one place for it.

OCPP names nobody but by tokens. What vendors put beside it does: DataTransfer, customData, actions of their own, free text.
What is passed on, answered and authorised is never changed here: only what is recorded.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

from ocpp_gateway.privacy import in_words, without_persons
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.secrets import MASK, Payload, as_deep_as_can_be_searched, cut
from ocpp_gateway.protocol.versions import Version

# Members of OCPP that hold free text, or whatever their vendor likes.
FREE = frozenset({"additionalInfo", "content", "customData", "data", "info", "techInfo", "vendorErrorCode"})
WHATEVER = frozenset({"customData", "data"})
# Members of OCPP that hold what a driver shows: some operators take the car's or the telephone's number for that.
TOKENS = frozenset({"additionalIdToken", "idTag", "idToken", "parentIdTag"})
# What is about a driver by its very purpose.
CUSTOMER = frozenset({"CustomerInformation", "NotifyCustomerInformation"})
CUSTOMER_MEMBERS = ("customerIdentifier", "data")
JSON_IN_TEXT_LEVELS = 20
# As frames have them, to see cheaply that there is nothing to search.
FREE_QUOTED, ALL_QUOTED = (
    re.compile("|".join(f'"{name}"' for name in sorted(names))) for names in (FREE, FREE | TOKENS)
)
# Most of what passes: where these name somebody, it is in customData. `True`: where tokens count.
BULK = {
    True: frozenset({"Heartbeat", "MeterValues"}),
    False: frozenset({"Heartbeat", "MeterValues", "TransactionEvent"}),
}

Judge = Callable[[str, Any], Any]
"""Gives what is kept of a member by its name and value."""


def unnamed(version: Version, action: str, payload: Payload, text: str, *, tokens: bool = False) -> Payload:
    """Return a request without persons in it; the very same object where nobody is named.

    `text`: the frame, which says cheaply that there is nothing to search. `tokens`: neither what is shown in place of a token,
    where it reads as a plate, a chassis number or a telephone; for who authorises by tokens they must stay.
    """
    if action in BULK[tokens] and '"customData"' not in text:
        return payload
    if action in CUSTOMER:
        hidden = {name: MASK for name in CUSTOMER_MEMBERS if isinstance(payload.get(name), str)}
        payload = {**payload, **hidden} if hidden else payload
    if action not in schemas.requests(version):  # a vendor's own: nobody knows what stands where
        return _same(payload, searched(payload))
    return unnamed_answer(payload, text, tokens=tokens)


def unnamed_answer(payload: Payload, text: str, *, tokens: bool = False) -> Payload:
    """Return an answer without persons in it, whatever it answers; the very same object where nobody is named."""
    if not (ALL_QUOTED if tokens else FREE_QUOTED).search(text):
        return payload
    return _same(payload, _members(as_deep_as_can_be_searched(payload), _judge if tokens else _judge_free))


def unread(text: str) -> str:
    """Return a frame that is no request and no result, or none at all, without persons in it."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError:
        return words(text)
    if not isinstance(parts, list):
        return words(text)
    shown = [*parts[:2], *searched(parts[2:])]
    return text if shown == parts else orjson.dumps(shown).decode()


def searched(value: Any) -> Any:
    """Return a JSON value of which nobody knows what stands where, without persons in it; also in JSON within its texts."""
    return without_persons(_texts(as_deep_as_can_be_searched(value), _opened), _blank)


def words(text: str) -> str:
    """Return free text without plates, telephones, chassis and identity numbers."""
    return in_words(text, _blank)


def _judge(name: str, value: Any) -> Any:
    return words(value) if name in TOKENS and isinstance(value, str) else _judge_free(name, value)


def _judge_free(name: str, value: Any) -> Any:
    told = name in FREE and (isinstance(value, str) or name in WHATEVER)
    return searched(value) if told else value


def _members(value: Any, judge: Judge) -> Any:
    """Judge every member, the outermost first: what that has changed is not searched again."""
    if isinstance(value, dict):
        return {name: _member(name, member, judge) for name, member in value.items()}
    return [_members(item, judge) for item in value] if isinstance(value, list) else value


def _member(name: str, value: Any, judge: Judge) -> Any:
    found = judge(name, value)
    return _members(found, judge) if found is value else found


def _texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _texts(member, change) for name, member in value.items()}
    if isinstance(value, list):
        return [_texts(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def _opened(text: str) -> str:
    """Search a text, by its members where it is JSON, as the `data` of OCPP 1.6 mostly is."""
    if text.lstrip()[:1] not in ("{", "["):
        return words(text)
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return words(text)
    shown = without_persons(_texts(cut(told, JSON_IN_TEXT_LEVELS), words), _blank)
    return text if shown == told else orjson.dumps(shown).decode()


def _same(payload: Payload, shown: Any) -> Payload:
    return payload if shown == payload else shown


def _blank(_: str) -> str:
    return MASK
