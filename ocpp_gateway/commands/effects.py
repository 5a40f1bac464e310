"""What a station's answer to a command tells us beyond itself: a reservation holds, a list has a version, a key a value. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ocpp_gateway.authorisation import effects as authorisation
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.devices.reported import accepted, cleared, configuration_key, set_as_asked, watched
from ocpp_gateway.observation import MonitorsReported, Observation, StreamBound, Variable, VariablesReported

Effect = Callable[[Exchange], Sequence[Observation]]


def _variables(exchange: Exchange, found: Iterable[Variable]) -> list[Observation]:
    variables = tuple(found)
    return [VariablesReported(exchange.station_id, exchange.answered_at, variables)] if variables else []


def configuration_told(exchange: Exchange) -> Sequence[Observation]:
    """1.6 GetConfiguration: keys with their values."""
    keys = exchange.answer.get("configurationKey", [])
    return _variables(exchange, (configuration_key(k["key"], k.get("value"), k["readonly"]) for k in keys))


def configuration_changed(exchange: Exchange) -> Sequence[Observation]:
    """1.6 ChangeConfiguration: the value holds now, unless it takes a reboot."""
    if exchange.answer["status"] != "Accepted":
        return []
    return _variables(exchange, [configuration_key(exchange.request["key"], exchange.request["value"])])


def variables_told(exchange: Exchange) -> Sequence[Observation]:
    """2.x GetVariables."""
    return _variables(exchange, accepted(exchange.answer["getVariableResult"]))


def variables_set(exchange: Exchange) -> Sequence[Observation]:
    """2.x SetVariables."""
    asked, results = exchange.request["setVariableData"], exchange.answer["setVariableResult"]
    return _variables(exchange, set_as_asked(asked, results))


def monitors_set(exchange: Exchange) -> Sequence[Observation]:
    """2.1 SetVariableMonitoring: only what was accepted has a number, by which streams name it."""
    results = (r for r in exchange.answer["setMonitoringResult"] if r["status"] == "Accepted")
    monitors = tuple(watched(results))
    return [MonitorsReported(exchange.station_id, monitors)] if monitors else []


def monitors_cleared(exchange: Exchange) -> Sequence[Observation]:
    """2.1 ClearVariableMonitoring: what is cleared, or is not there, has no number any more."""
    monitors = tuple(cleared(exchange.answer["clearMonitoringResult"]))
    return [MonitorsReported(exchange.station_id, monitors)] if monitors else []


def streams_told(exchange: Exchange) -> Sequence[Observation]:
    """2.1 GetPeriodicEventStream: which streams are open, and of which monitors."""
    return [
        StreamBound(exchange.station_id, stream["id"], stream["variableMonitoringId"])
        for stream in exchange.answer.get("constantStreamData", [])
    ]


EFFECTS: Mapping[tuple[str, str], Effect] = {
    **authorisation.EFFECTS,
    ("1.6", "GetConfiguration"): configuration_told,
    ("1.6", "ChangeConfiguration"): configuration_changed,
    ("2.0.1", "GetVariables"): variables_told,
    ("2.0.1", "SetVariables"): variables_set,
    ("2.1", "GetVariables"): variables_told,
    ("2.1", "SetVariables"): variables_set,
    ("2.1", "SetVariableMonitoring"): monitors_set,
    ("2.1", "ClearVariableMonitoring"): monitors_cleared,
    ("2.1", "GetPeriodicEventStream"): streams_told,
}
"""(version, action) → what is to be kept besides the answer."""


def effects(exchange: Exchange) -> Sequence[Observation]:
    """Return what an exchange makes known."""
    effect = EFFECTS.get((exchange.version.name, exchange.action))
    return effect(exchange) if effect else ()
