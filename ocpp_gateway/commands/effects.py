"""What a station's answer to a command tells us beyond itself: a reservation holds, a list has a version, a key a value. Pure."""

from collections.abc import Callable, Mapping, Sequence

from ocpp_gateway.authorisation import effects as authorisation
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.observation import Observation

Effect = Callable[[Exchange], Sequence[Observation]]

EFFECTS: Mapping[tuple[str, str], Effect] = {
    **authorisation.EFFECTS,
}
"""(version, action) → what is to be kept besides the answer."""


def effects(exchange: Exchange) -> Sequence[Observation]:
    """Return what an exchange makes known."""
    effect = EFFECTS.get((exchange.version.name, exchange.action))
    return effect(exchange) if effect else ()
