"""What passes between a station and its central system, as it is noted: after it was passed on, and without persons in it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import orjson

from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import CALL, CALLERROR, CALLRESULT, NUL, SEND
from ocpp_gateway.protocol.persons import words
from ocpp_gateway.protocol.streams import TELLING, Streams, StreamsKnown
from ocpp_gateway.protocol.versions import Version
from ocpp_gateway.relay import shown
from ocpp_gateway.relay.passed import ENDED, REFUSED, SAID, TOLD, UPSTREAM, Passed
from ocpp_gateway.relay.turns import MOST_OPEN
from youguan.clock import Clock

LARGEST_NOTED = 256 * 1024
SHOWN_OF_A_LARGE_ONE = 2000
# Calls of a station of which the answer tells what they do not: a 1.6 transaction's number, the heartbeats that are wanted.
AWAITED = frozenset({"BootNotification", "StartTransaction"})
REQUESTS = (CALL, SEND)

Value = TypeVar("Value")


class Noting:
    """Notes what one connection passes on; there are thousands, so it has slots."""

    __slots__ = (
        "_asked",
        "_awaiting",
        "_clock",
        "_connection",
        "_note",
        "_remote",
        "_site_id",
        "_station_id",
        "_streams",
        "_version",
    )

    def __init__(
        self,
        station_id: str,
        version: Version,
        remote: str,
        site_id: str,
        connection: int,
        clock: Clock,
        note: Callable[[Passed], None],
    ) -> None:
        self._station_id = station_id
        self._version = version
        self._streams = Streams() if version.sends else None
        self._remote = remote
        self._site_id = site_id
        self._connection = connection
        self._clock = clock
        self._note = note
        self._asked: dict[str, tuple[str, str]] = {}  # the upstream's open calls: id → action, frame
        self._awaiting: dict[str, str] = {}  # the station's open calls whose answers tell more: id → frame

    def begin_with(self, known: StreamsKnown) -> None:
        """Take what earlier connections have said of the station's streams."""
        if self._streams is not None:
            self._streams.begin_with(known)

    def answered(self, action: str, payload: dict[str, Any]) -> None:
        """Take what the station answers to a call, the upstream's or ours, for what it says of its streams."""
        if self._streams is not None:
            self._streams.answered(action, payload)

    def said(self, message: bytes) -> None:
        """Note what the station says, whatever it is."""
        self._take(message, SAID, self._said)

    def told(self, message: bytes) -> None:
        """Note what the upstream says, whatever it is."""
        self._take(message, TOLD, self._told)

    def binary(self, way: str, size: int) -> None:
        """Note that one of them (SAID, TOLD) has said something that is no text."""
        self._note(self._passed(REFUSED, self._clock.now(), "", f"binary, {size} bytes", state=way))

    def upstream(self, state: str, detail: str = "") -> None:
        """Note how the upstream is met."""
        self._note(self._passed(UPSTREAM, self._clock.now(), self._site_id, detail, state=state))

    def ended(self, reason: str, epoch: int) -> None:
        """Note that the connection is gone."""
        self._note(self._passed(ENDED, self._clock.now(), "", reason, number=epoch))

    def _take(self, message: bytes, way: str, note: Callable[[str, list[Any], datetime], None]) -> None:
        now = self._clock.now()
        why = "no UTF-8"
        try:
            text = message.decode()
            if len(message) <= LARGEST_NOTED and NUL not in text:
                note(text, parts_of(text), now)
                return
            why = f"{len(message)} bytes are more than is recorded" if NUL not in text else "contains U+0000"
        except UnicodeDecodeError:
            pass
        begins = words(message[:SHOWN_OF_A_LARGE_ONE].decode(errors="replace").replace(NUL, "�"))
        self._note(self._passed(REFUSED, now, begins, why, state=way))

    def _said(self, text: str, parts: list[Any], now: datetime) -> None:
        about = ""
        match parts:
            case [kind, message_id, str(action), dict(payload)] if kind in REQUESTS:
                text = shown.request(self._version, text, parts, action, payload, self._streams)
                if self._streams is not None and action in TELLING:
                    self._streams.said(action, payload)
                if isinstance(message_id, str) and action in AWAITED and action in schemas.requests(self._version):
                    remember(self._awaiting, message_id, text, MOST_OPEN)
            case [kind, str(message_id), dict(payload)] if kind == CALLRESULT:
                action, about = self._asked.pop(message_id, ("", ""))
                text = shown.answer(self._version, text, message_id, payload, action)
                self.answered(action, payload)
            case _:
                if len(parts) > 1 and parts[0] == CALLERROR and isinstance(parts[1], str):
                    self._asked.pop(parts[1], None)
                text = shown.unread(text)
        self._note(self._passed(SAID, now, text, about))

    def _told(self, text: str, parts: list[Any], now: datetime) -> None:
        about = ""
        match parts:
            case [kind, message_id, str(action), dict(payload)] if kind in REQUESTS:
                text = shown.request(self._version, text, parts, action, payload)
                if isinstance(message_id, str) and kind == CALL:
                    remember(self._asked, message_id, (action, text), MOST_OPEN)
            case [kind, str(message_id), dict(payload)] if kind == CALLRESULT:
                about = self._awaiting.pop(message_id, "")
                text = shown.answer(self._version, text, message_id, payload)
            case _:
                if len(parts) > 1 and parts[0] in (CALLRESULT, CALLERROR) and isinstance(parts[1], str):
                    about = self._awaiting.pop(parts[1], "")
                text = shown.unread(text)
        self._note(self._passed(TOLD, now, text, about, state=self._site_id))

    def _passed(
        self, kind: str, at: datetime, frame: str, about: str = "", *, state: str = "", number: int = 0
    ) -> Passed:
        return Passed(
            kind, self._station_id, self._connection, self._version.name, self._remote, at, frame, about, state, number
        )


def parts_of(text: str | bytes) -> list[Any]:
    """Return the members of a frame; none where it is no frame."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    return parts if isinstance(parts, list) else []


def remember(known: dict[str, Value], key: str, value: Value, most: int) -> None:
    """Keep a value with so many others, the newest."""
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]
