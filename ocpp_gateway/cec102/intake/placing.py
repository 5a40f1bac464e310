"""Which of our connectors a platform means by a ConnectorID, and what becomes of an order by that. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from ocpp_gateway.adapters.cec102 import Place
from ocpp_gateway.cec102.members import Refused
from ocpp_gateway.cec102.wording import UNFILED

Places = Mapping[str, Sequence[Place]]
"""ConnectorID → every connector that is filed under it for the platform's operator."""

OrderState = Literal["transaction", "unfiled", "ambiguous", "own_word"]


def place_of(connector_id: str, places: Places) -> Place | Refused:
    """Return the connector that is meant, or why that is nobody's to say: none is filed under the code, or several are."""
    match places.get(connector_id, ()):
        case [place]:
            return place
        case []:
            return Refused("ConnectorID", f"{connector_id}: {UNFILED}")
        case several:
            named = ", ".join(f"{station_id} {connector}" for station_id, connector in several)
            return Refused("ConnectorID", f"{connector_id}: is filed for several connectors ({named}): which is meant?")


def order_state(connector_id: str, places: Places, overruled: Collection[str]) -> OrderState:
    """Say what becomes of an order; `overruled`: the stations that speak for themselves."""
    match places.get(connector_id, ()):
        case [(station_id, _)]:
            return "own_word" if station_id in overruled else "transaction"
        case []:
            return "unfiled"
        case _:
            return "ambiguous"
