"""What an adapter is given and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_gateway.authorisation.rules import Decision, Presented
from ocpp_gateway.observation import Observation

Payload = dict[str, Any]
Authorise = Callable[[Presented], Decision]
"""Says from memory whether an id token may charge."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may know besides the payload; `known` says whether the registry has the station."""

    station_id: str
    received_at: datetime
    known: bool
    heartbeat_interval_s: int
    authorise: Authorise


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to send once the observations are stored.

    `answer` may be a function of the transaction id that the store gave, where the answer carries it.
    """

    answer: Payload | Callable[[int], Payload]
    observations: Sequence[Observation] = ()
    doubts: Sequence[str] = ()  # parts that could not be used, with the reason


Handler = Callable[[Payload, Context], Outcome]
