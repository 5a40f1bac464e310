"""A command of ours and its answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
