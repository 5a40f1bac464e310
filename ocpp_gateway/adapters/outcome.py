"""What an adapter is given and what it returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ocpp_gateway.authorisation.rules import Decision, Presented
from ocpp_gateway.observation import Observation
from ocpp_gateway.stations.registration import Registration
from youguan.clock import LONGEST_OFFLINE

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


# A station's clock may be in a wrong zone. What is further away than that, or than it may have been offline, was told by a clock
# that has never been set, and the next time that clock starts it tells the same times again.
WIDEST_ZONE = timedelta(days=1)


class Context(NamedTuple):
    """What a handler may know besides the payload; `connection` is a number that no other of the station's has."""

    station_id: str
    received_at: datetime
    registration: Registration
    heartbeat_interval_of: Callable[[str], int]
    authorise: Authorise
    problems: Mapping[int, Problem | None] = NO_PROBLEMS
    connection: int = 0

    def run_of(self, occurred_at: datetime) -> int:
        """Return 0, or for a time that a clock tells which was never set, the number of its run."""
        if -WIDEST_ZONE <= self.received_at - occurred_at <= LONGEST_OFFLINE:
            return 0
        return self.connection


Reply = Payload | Callable[[int], Payload]
"""An answer, or a function of the transaction id that the store gave, where the answer carries it."""


class Outcome(NamedTuple):
    """The answer to send once the observations are stored."""

    answer: Reply
    observations: Sequence[Observation] = ()
    doubts: Sequence[str] = ()  # parts that could not be used, with the reason
    problems: Mapping[int, Problem | None] | None = None  # to be remembered for as long as the connection lasts


Handler = Callable[[Payload, Context], Outcome]
