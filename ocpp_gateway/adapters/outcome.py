"""What an adapter is given and what it returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ocpp_gateway.authorisation.rules import Decision, Presented
from ocpp_gateway.observation import Observation

Payload = dict[str, Any]
Authorise = Callable[[Presented], Decision]
"""Says from memory whether an id token may charge."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What 2.x tells of a fault apart from the status: the code and its explanation."""

    code: str
    info: str | None


Problems = dict[int, Problem | None]
"""Connector number (0: the station) → its latest problem; None where it is over."""
NO_PROBLEMS: Mapping[int, Problem | None] = {}


class Context(NamedTuple):
    """What a handler may know besides the payload; `known` says whether the registry has the station."""

    station_id: str
    received_at: datetime
    known: bool
    heartbeat_interval_s: int
    authorise: Authorise
    problems: Mapping[int, Problem | None] = NO_PROBLEMS


Reply = Payload | Callable[[int], Payload]
"""An answer, or a function of the transaction id that the store gave, where the answer carries it."""


class Outcome(NamedTuple):
    """The answer to send once the observations are stored."""

    answer: Reply
    observations: Sequence[Observation] = ()
    doubts: Sequence[str] = ()  # parts that could not be used, with the reason
    problems: Mapping[int, Problem | None] | None = None  # to be remembered for as long as the connection lasts


Handler = Callable[[Payload, Context], Outcome]
