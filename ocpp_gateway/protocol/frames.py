"""Frames of OCPP-J: [2, id, action, payload], [3, id, payload], [4, id, code, description, details].

OCPP 2.1 adds [5, id, code, description, details], a CALLRESULT refused, and [6, id, action, payload], a message that is
never answered.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ocpp_gateway.protocol.versions import Version

CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
LONGEST_MESSAGE_ID = 36
UNKNOWN_ID = "-1"
ERROR_CODES = frozenset({
    "FormatViolation", "FormationViolation", "GenericError", "InternalError", "MessageTypeNotSupported", "NotImplemented",
    "NotSupported", "OccurenceConstraintViolation", "OccurrenceConstraintViolation", "PropertyConstraintViolation",
    "ProtocolError", "RpcFrameworkError", "SecurityError", "TypeConstraintViolation",
})  # fmt: skip
"""Every code of OCPP-J; 1.6 spells two of them in its own way."""
NUL, NUL_ESCAPED = "\x00", r"\u0000"
LONGEST_PATH = 200  # as a refusal names it: a text can lie a thousand levels deep


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


@dataclass(frozen=True, slots=True)
class Complaint:
    """A station cannot take an answer of ours (CALLRESULTERROR)."""

    message_id: str
    error: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """A message that wants no answer, so that its sender never learns whether it was stored.

    What is lost of it before the commit is outside the promise that nothing acknowledged is lost: nothing is acknowledged.
    """

    message_id: str
    action: str
    payload: dict[str, Any]


Message = Call | Answer | Complaint | Send


class Refusal(Exception):
    """A message that cannot be taken; `answered_as` is the type of the frame that says so, None where none may."""

    def __init__(
        self,
        code: str,
        description: str,
        *,
        message_id: str = UNKNOWN_ID,
        details: dict[str, Any] | None = None,
        answered_as: int | None = CALLERROR,
    ) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.message_id = message_id
        self.details = details or {}
        self.answered_as = answered_as


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one frame, naming what is wrong in the words of its version."""

    version: Version
    parts: list[Any] = field(default_factory=list)
    answered_as: int | None = CALLERROR

    def refuse(self, reason: str, message_id: str = UNKNOWN_ID, code: str | None = None) -> Refusal:
        code = code or self.version.malformed
        return Refusal(code, reason, message_id=message_id, answered_as=self.answered_as)

    def message_id(self) -> str:
        message_id = self.parts[1] if len(self.parts) > 1 else None
        if not isinstance(message_id, str) or not message_id:
            raise self.refuse("the message id must be a string")
        if len(message_id) > LONGEST_MESSAGE_ID:
            raise self.refuse(f"the message id is longer than {LONGEST_MESSAGE_ID} characters")
        return message_id

    def request(self, name: str) -> tuple[str, str, dict[str, Any]]:
        message_id = self.message_id()
        if len(self.parts) != 4:
            raise self.refuse(f"a {name} has four members: [{self.parts[0]}, id, action, payload]", message_id)
        _, _, action, payload = self.parts
        if not isinstance(action, str):
            raise self.refuse("the action must be a string", message_id)
        if not isinstance(payload, dict):
            raise self.refuse("the payload must be an object", message_id, self.version.format_violation)
        return message_id, action, payload

    def result(self) -> Answer:
        message_id = self.message_id()
        if len(self.parts) != 3 or not isinstance(self.parts[2], dict):
            raise self.refuse("a CALLRESULT has three members: [3, id, payload]", message_id)
        return Answer(message_id, self.parts[2])

    def error(self) -> tuple[str, str, str]:
        message_id = self.message_id()
        if len(self.parts) < 3:
            raise self.refuse(f"an error has five members: [{self.parts[0]}, id, code, description, details]")
        code, description = (str(part).replace(NUL, "") for part in (*self.parts[2:4], "")[:2])
        return message_id, code, description


def read(text: str, version: Version) -> Message:
    """Return the message of a frame; raise Refusal where it is none."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Reader(version).refuse(f"not JSON: {error}") from None
    message = _call(parts) or _read_any(parts, version)
    if NUL_ESCAPED in text and isinstance(message, Call | Answer | Send):
        _refuse_nul(message.payload, message.message_id, _complaint_about(message, version))
    return message


def _call(parts: Any) -> Call | None:
    """Return the call that nearly every frame is; what is wrong with the others is named by the reader."""
    if not isinstance(parts, list) or len(parts) != 4 or parts[0] != CALL:
        return None
    _, message_id, action, payload = parts
    named = isinstance(message_id, str) and 0 < len(message_id) <= LONGEST_MESSAGE_ID and isinstance(action, str)
    return Call(message_id, action, payload) if named and isinstance(payload, dict) else None


def _complaint_about(message: Call | Answer | Send, version: Version) -> int | None:
    """Return the type of message by which a message is refused; None where it is not answered."""
    if isinstance(message, Call):
        return CALLERROR
    return CALLRESULTERROR if version.complains and isinstance(message, Answer) else None


def _read_any(parts: Any, version: Version) -> Message:
    reader = _Reader(version)
    if not isinstance(parts, list) or not parts:
        raise reader.refuse("not a JSON array")
    kind = parts[0]
    if kind == CALL:
        return Call(*_Reader(version, parts).request("CALL"))
    if kind not in _types(version):
        code = "MessageTypeNotSupported" if version.name != "1.6" and isinstance(kind, int) else None
        named = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else UNKNOWN_ID
        raise reader.refuse(f"unknown message type {kind!r:.20}", named[:LONGEST_MESSAGE_ID] or UNKNOWN_ID, code)
    return _read_other(kind, parts, version)


def _types(version: Version) -> tuple[int, ...]:
    more = ((CALLRESULTERROR,) if version.complains else ()) + ((SEND,) if version.sends else ())
    return (CALLRESULT, CALLERROR, *more)


def _read_other(kind: int, parts: list[Any], version: Version) -> Message:
    """Read what is no CALL: an answer is never answered with a CALLERROR, or two that disagree would never end."""
    if kind == CALLRESULT:
        readable = len(parts) > 1 and isinstance(parts[1], str) and 0 < len(parts[1]) <= LONGEST_MESSAGE_ID
        return _Reader(version, parts, CALLRESULTERROR if version.complains and readable else None).result()
    reader = _Reader(version, parts, None)
    if kind == SEND:
        return Send(*reader.request("SEND"))
    message_id, code, description = reader.error()
    if kind == CALLERROR:
        return Answer(message_id, None, code, description)
    return Complaint(message_id, code, description)


def _refuse_nul(payload: dict[str, Any] | None, message_id: str, answered_as: int | None) -> None:
    """Refuse U+0000 by its member: JSON can say it, and PostgreSQL keeps it in no text."""
    member = _with_nul(payload)
    if member is not None:
        member = member.replace(NUL, "")
        raise Refusal(
            "PropertyConstraintViolation",
            f"{member}: contains U+0000",
            message_id=message_id,
            details={"member": member, "rule": "text"},
            answered_as=answered_as,
        )


def _with_nul(payload: Any) -> str | None:
    """Return the path of a text that contains U+0000, however deep it lies; None where there is none."""
    left: list[tuple[str, Any]] = [("", payload)]
    while left:
        path, value = left.pop()
        if isinstance(value, str) and NUL in value:
            return path
        if isinstance(value, list):
            left += [(f"{path}[{i}]"[:LONGEST_PATH], item) for i, item in enumerate(value)]
        elif isinstance(value, dict):
            named = [(f"{path}.{name}"[:LONGEST_PATH] if path else name, name, item) for name, item in value.items()]
            if wrong := next((member for member, name, _ in named if NUL in name), None):
                return wrong
            left += [(member, item) for member, _, item in named]
    return None


def call_frame(call: Call) -> bytes:
    """Return a CALL of ours, compact."""
    return orjson.dumps([CALL, call.message_id, call.action, call.payload])


def send_frame(send: Send) -> bytes:
    """Return a SEND, compact."""
    return orjson.dumps([SEND, send.message_id, send.action, send.payload])


def call_result(message_id: str, payload: dict[str, Any]) -> bytes:
    """Return a CALLRESULT, compact.

    A copy: orjson's own bytes keep the 4 KiB in which they were written, and every connection remembers its last answers.
    """
    return memoryview(orjson.dumps([CALLRESULT, message_id, payload])).tobytes()


def call_error(refusal: Refusal, message_id: str | None = None) -> bytes:
    """Return the CALLERROR, or CALLRESULTERROR, of a refusal; the description may have 255 characters."""
    kind = refusal.answered_as or CALLERROR
    return orjson.dumps(
        [kind, message_id or refusal.message_id, refusal.code, refusal.description[:255], refusal.details]
    )
