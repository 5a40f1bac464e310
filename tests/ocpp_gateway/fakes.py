"""Fakes of what a conversation stands between."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from ocpp_gateway.adapters.outcome import Authorise
from ocpp_gateway.authorisation.rules import Decision, IdToken, Presented, compared, decide
from ocpp_gateway.protocol.streams import NOTHING_KNOWN, StreamsKnown
from ocpp_gateway.protocol.versions import V16, Version
from ocpp_gateway.recorder.batch import Committed, Entry, Settlement
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.session import Session
from ocpp_gateway.stations.store import Grant, Opening
from ocpp_gateway.stations.surroundings import Surroundings
from youguan.clock import ManualClock

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass
class FakeWire:
    """Keeps what is sent."""

    sent: list[list[Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    paused: bool = False
    closed: int | None = None

    def send(self, frame: bytes) -> None:
        self.raw.append(frame)
        self.sent.append(orjson.loads(frame))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def close(self, code: int, reason: str) -> None:
        self.closed = code


@dataclass
class FakeRecorder:
    """Keeps entries until a test settles them; `away` as if the database were."""

    entries: list[Entry] = field(default_factory=list)
    away: bool = False

    def submit(self, entry: Entry) -> None:
        if self.away:
            entry.let_go()
        self.entries.append(entry)

    def settle(self, settlement: Settlement | None = None) -> None:
        """Settle everything submitted so far."""
        entries, self.entries = self.entries, []
        for entry in entries:
            entry.settle(settlement or Committed(7))


@dataclass
class FakeClaims:
    """Grants at once; `streams`: what is known of them."""

    epoch: int = 0
    streams: StreamsKnown = NOTHING_KNOWN

    def claim(self, opening: Opening, granted: Callable[[Grant], None]) -> None:
        self.epoch += 1
        granted(Grant(self.epoch, self.streams))


def knowing(*tokens: IdToken) -> Authorise:
    """Answer as a memory with these id tokens, none of them in a transaction."""
    known = {compared(token.id_token): token for token in tokens}

    def authorise(presented: Presented) -> Decision:
        return decide(presented, known.get(compared(presented.id_token)), (), NOW)

    return authorise


class Talk:
    """A conversation with fakes all around."""

    def __init__(
        self, version: Version = V16, *, filed: bool = True, unfiled: Registration = Registration.PENDING
    ) -> None:
        self.wire, self.recorder, self.clock = FakeWire(), FakeRecorder(), ManualClock(NOW)
        self.filed = filed
        self.unfiled = unfiled
        around = Surroundings(
            recorder=self.recorder,
            claims=FakeClaims(),
            knows=lambda _: self.filed,
            clock=self.clock,
            heartbeat_interval_of=lambda _: 60,
            authorise=knowing(IdToken("DEMO")),
            unfiled=lambda _: self.unfiled,
        )
        self.session = Session("s1", version, "127.0.0.1", self.wire, around)

    def say(self, action: str, payload: dict[str, Any], message_id: str = "1") -> None:
        self.raw(orjson.dumps([2, message_id, action, payload]))

    def raw(self, frame: bytes) -> None:
        self.session.receive(frame, frame.decode())
