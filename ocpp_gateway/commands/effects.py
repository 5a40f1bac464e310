"""What a station's answer to a command tells us beyond itself: a reservation holds, a list has a version, a key a value. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_gateway.observation import Observation
from ocpp_gateway.protocol.versions import Version


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command of ours and what the station answered."""

    station_id: str
    version: Version
    action: str
    request: dict[str, Any]
    answer: dict[str, Any]
    answered_at: datetime


Effect = Callable[[Exchange], Sequence[Observation]]

EFFECTS: Mapping[tuple[str, str], Effect] = {}
"""(version, action) → what is to be kept besides the answer."""


def effects(exchange: Exchange) -> Sequence[Observation]:
    """Return what an exchange makes known."""
    effect = EFFECTS.get((exchange.version.name, exchange.action))
    return effect(exchange) if effect else ()
