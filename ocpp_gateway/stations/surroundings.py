"""What stands around a conversation with a station, and how others see one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ocpp_gateway.adapters.outcome import Authorise
from ocpp_gateway.protocol.frames import Answer, Call, Refusal
from ocpp_gateway.protocol.versions import Version
from ocpp_gateway.recorder.batch import Entry
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.store import Grant, Opening
from youguan.clock import Clock

Answered = Callable[[Answer | None, str], None]
"""Told the answer to a call of ours and its frame; None when none will come."""


class Wire(Protocol):
    """The connection, as the conversation sees it."""

    def send(self, frame: bytes) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Recorder(Protocol):
    """Where observations become durable."""

    @property
    def away(self) -> bool: ...
    def submit(self, entry: Entry) -> None: ...


class Claims(Protocol):
    """Where a connection asks to speak for its station."""

    def claim(self, opening: Opening, granted: Callable[[Grant], None]) -> None: ...


class Conversation(Protocol):
    """A station that is connected, whether we are its central system or pass it on to another."""

    @property
    def version(self) -> Version: ...
    @property
    def closed(self) -> bool: ...
    def ask(self, call: Call, answered: Answered) -> None: ...
    def give_up(self, message_id: str) -> None: ...
    def reject(self, refusal: Refusal, message_id: str) -> None: ...
    def end(self, reason: str) -> None: ...
    def replace(self) -> None: ...
    def is_older_than(self, epoch: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every conversation of a worker shares."""

    recorder: Recorder
    claims: Claims
    knows: Callable[[str], bool]
    clock: Clock
    heartbeat_interval_of: Callable[[str], int]  # in seconds
    authorise: Authorise
    tolerated_skew: timedelta = timedelta(minutes=5)
    unfiled: Callable[[str], Registration] = lambda _: Registration.PENDING  # what a station is that `knows` denies
