"""From what a station says of itself to variables. Pure.

What opens a door is no fact to keep: a variable whose name says that it is a secret, or that can only be written, loses
its value here, before anything is stored of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ocpp_gateway.observation import Excess, Monitor, Observation, Variable, VariableKey
from ocpp_gateway.protocol.secrets import is_secret

ACTUAL = "Actual"
NO_COMPONENT = ""  # OCPP 1.6 knows keys only
TRUE_IN_16 = {True: "ReadOnly", False: "ReadWrite"}


def variable(payload: dict[str, Any], attribute: str, value: str | None, mutability: str | None = None) -> Variable:
    """Return a variable of 2.x from the members `component`, `variable` and, where given, `variableCharacteristics`."""
    component, named = payload["component"], payload["variable"]
    evse = component.get("evse", {})
    described = payload.get("variableCharacteristics", {})
    key = VariableKey(
        component["name"],
        component.get("instance", ""),
        evse.get("id", 0),
        evse.get("connectorId", 0),
        named["name"],
        named.get("instance", ""),
        attribute,
    )
    hidden = is_secret(named["name"]) or mutability == "WriteOnly"
    return Variable(key, None if hidden else value, mutability, described.get("dataType"), described.get("unit"))


def report(report_data: Iterable[dict[str, Any]]) -> Iterator[Variable]:
    """Yield what a NotifyReport says, one variable for each attribute."""
    for entry in report_data:
        for attribute in entry["variableAttribute"]:
            said = attribute.get("value"), attribute.get("mutability", "ReadWrite")
            yield variable(entry, attribute.get("type", ACTUAL), *said)


def monitors(monitored: Iterable[dict[str, Any]]) -> Iterator[Variable]:
    """Yield what a NotifyMonitoringReport says: each monitor is an attribute that is named by its kind."""
    for entry in monitored:
        for monitor in entry["variableMonitoring"]:
            yield variable(entry, f"Monitor.{monitor['type']}", f"{monitor['value']:g}")


def watched(entries: Iterable[dict[str, Any]]) -> Iterator[Monitor]:
    """Yield the monitors of a NotifyMonitoringReport, or of the answer to SetVariableMonitoring, that have a number."""
    for entry in entries:
        for monitor in entry.get("variableMonitoring", [entry]):
            if "id" in monitor:
                yield Monitor(monitor["id"], variable(entry, ACTUAL, None).key)


def cleared(results: Iterable[dict[str, Any]]) -> Iterator[Monitor]:
    """Yield the monitors that the answer to ClearVariableMonitoring says are no more."""
    return (Monitor(result["id"], None) for result in results if result["status"] != "Rejected")


def streamed(key: VariableKey, value: str) -> Variable:
    """Return what a stream tells of a variable."""
    return Variable(key, None if is_secret(key.variable) else value)


def accepted(results: Iterable[dict[str, Any]]) -> Iterator[Variable]:
    """Yield what the answer to GetVariables says."""
    for result in results:
        if result["attributeStatus"] == "Accepted":
            yield variable(result, result.get("attributeType", ACTUAL), result.get("attributeValue"))


def set_as_asked(asked: Iterable[dict[str, Any]], results: Iterable[dict[str, Any]]) -> Iterator[Variable]:
    """Yield what SetVariables has set: the values that we asked for, where the station accepted them."""
    wanted = {_place(entry): entry["attributeValue"] for entry in asked}
    for result in results:
        if result["attributeStatus"] == "Accepted" and _place(result) in wanted:
            yield variable(result, result.get("attributeType", ACTUAL), wanted[_place(result)])


def _place(entry: dict[str, Any]) -> VariableKey:
    return variable(entry, entry.get("attributeType", ACTUAL), None).key


def configuration_key(name: str, value: str | None, readonly: bool | None = None) -> Variable:
    """Return a configuration key of 1.6 as a variable of no component."""
    mutability = None if readonly is None else TRUE_IN_16[readonly]
    key = VariableKey(NO_COMPONENT, "", 0, 0, name, "", ACTUAL)
    return Variable(key, None if is_secret(name) else value, mutability)


def beyond_bound(member: str, most: int, left_out: Sequence[tuple[str, object, Observation]]) -> list[Excess]:
    """Return, for each station that told of more than it may have, what is not kept: (station, its name, who told of it)."""
    many = Counter(station_id for station_id, _, _ in left_out)
    first: dict[str, tuple[object, Observation]] = {}
    for station_id, name, told in left_out:
        first.setdefault(station_id, (name, told))
    most_of = f"beyond the {most} that a station may have are not kept"
    return [
        Excess(station_id, told, f"{member}: {many[station_id]} {most_of}, {name} for one")
        for station_id, (name, told) in first.items()
    ]
