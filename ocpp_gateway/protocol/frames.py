"""Frames of OCPP-J: [2, id, action, payload], [3, id, payload], [4, id, code, description, details]."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ocpp_gateway.protocol.versions import Version

CALL, CALLRESULT, CALLERROR = 2, 3, 4
LONGEST_MESSAGE_ID = 36
UNKNOWN_ID = "-1"


class Call(NamedTuple):
    """A request; `payload` is a JSON object."""

    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a station says to a call of ours; `error` is set when it refuses."""

    message_id: str
    payload: dict[str, Any] | None
    error: str | None = None
    description: str = ""


class Refusal(Exception):
    """A message that must be answered with CALLERROR."""

    def __init__(
        self, code: str, description: str, *, message_id: str = UNKNOWN_ID, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.message_id = message_id
        self.details = details or {}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one frame, naming what is wrong in the words of its version."""

    version: Version
    parts: list[Any] = field(default_factory=list)

    def refuse(self, reason: str, message_id: str = UNKNOWN_ID, code: str | None = None) -> Refusal:
        return Refusal(code or self.version.malformed, reason, message_id=message_id)

    def message_id(self) -> str:
        message_id = self.parts[1] if len(self.parts) > 1 else None
        if not isinstance(message_id, str) or not message_id:
            raise self.refuse("the message id must be a string")
        if len(message_id) > LONGEST_MESSAGE_ID:
            raise self.refuse(f"the message id is longer than {LONGEST_MESSAGE_ID} characters")
        return message_id

    def call(self) -> Call:
        message_id = self.message_id()
        if len(self.parts) != 4:
            raise self.refuse("a CALL has four members: [2, id, action, payload]", message_id)
        _, _, action, payload = self.parts
        if not isinstance(action, str):
            raise self.refuse("the action must be a string", message_id)
        if not isinstance(payload, dict):
            raise self.refuse("the payload must be an object", message_id, self.version.format_violation)
        return Call(message_id, action, payload)

    def result(self) -> Answer:
        if len(self.parts) != 3 or not isinstance(self.parts[2], dict):
            raise self.refuse("a CALLRESULT has three members: [3, id, payload]")
        return Answer(self.message_id(), self.parts[2])

    def error(self) -> Answer:
        if len(self.parts) < 3:
            raise self.refuse("a CALLERROR has five members: [4, id, code, description, details]")
        description = str(self.parts[3]) if len(self.parts) > 3 else ""
        return Answer(self.message_id(), None, str(self.parts[2]), description)


def read(raw: bytes | str, version: Version) -> Call | Answer:
    """Return the message of a frame; raise Refusal where it is none."""
    try:
        parts = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _Reader(version).refuse(f"not JSON: {error}") from None
    if isinstance(parts, list) and len(parts) == 4 and parts[0] == CALL:  # nearly every frame; the rest is named below
        _, message_id, action, payload = parts
        named = isinstance(message_id, str) and 0 < len(message_id) <= LONGEST_MESSAGE_ID and isinstance(action, str)
        if named and isinstance(payload, dict):
            return Call(message_id, action, payload)
    return _read_other(parts, version)


def _read_other(parts: Any, version: Version) -> Call | Answer:
    reader = _Reader(version)
    if not isinstance(parts, list) or not parts:
        raise reader.refuse("not a JSON array")
    reader = _Reader(version, parts)
    kind = parts[0]
    if isinstance(kind, bool) or kind not in (CALL, CALLRESULT, CALLERROR):
        code = "MessageTypeNotSupported" if version.name != "1.6" and isinstance(kind, int) else None
        named = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else UNKNOWN_ID
        raise reader.refuse(f"unknown message type {kind!r:.20}", named[:LONGEST_MESSAGE_ID], code)
    if kind == CALL:
        return reader.call()
    return reader.result() if kind == CALLRESULT else reader.error()


def call_frame(call: Call) -> bytes:
    """Return a CALL of ours, compact."""
    return orjson.dumps([CALL, call.message_id, call.action, call.payload])


def call_result(message_id: str, payload: dict[str, Any]) -> bytes:
    """Return a CALLRESULT, compact."""
    return orjson.dumps([CALLRESULT, message_id, payload])


def call_error(refusal: Refusal, message_id: str | None = None) -> bytes:
    """Return a CALLERROR; the description may have 255 characters."""
    return orjson.dumps(
        [CALLERROR, message_id or refusal.message_id, refusal.code, refusal.description[:255], refusal.details]
    )
