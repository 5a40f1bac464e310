"""Which handler takes an action of a station, in each version, and by what its payload is checked before."""

from functools import cache
from typing import Any, NamedTuple

from prometheus_client import Counter

from ocpp_gateway import metrics
from ocpp_gateway.adapters import ocpp16, ocpp21, ocpp201
from ocpp_gateway.adapters.outcome import Handler
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.frames import Call, Refusal, Send
from ocpp_gateway.protocol.versions import V16, V21, V201, Version

HANDLERS: dict[Version, dict[str, Handler]] = {V16: ocpp16.HANDLERS, V201: ocpp201.HANDLERS, V21: ocpp21.HANDLERS}
SENDS: dict[Version, dict[str, Handler]] = {V16: {}, V201: {}, V21: ocpp21.SENDS}


class Route(NamedTuple):
    """What becomes of an action: by what its payload is checked, who handles it, where it is counted."""

    validator: Any
    handler: Handler
    counter: Counter


@cache
def routes(version: Version, *, sends: bool = False) -> dict[str, Route]:
    """Return the route of every action that a station may send as a CALL, or as a SEND."""
    validators = schemas.requests(version)
    return {
        action: Route(validators[action], handler, metrics.frames.labels(version.name, action))
        for action, handler in (SENDS if sends else HANDLERS)[version].items()
        if action in validators
    }


def route_of(message: Call | Send, known: dict[str, Route], version: Version) -> Route:
    """Return the route of a message whose payload is as its schema says; Refusal."""
    route = known.get(message.action)
    if route is None:
        if message.action not in schemas.requests(version):
            raise Refusal("NotImplemented", f"{message.action} is no action of OCPP {version.name}")
        raise Refusal("NotSupported", f"{message.action} is not for a station to send, or not supported here")
    schemas.check(route.validator, message.payload, version)
    return route
