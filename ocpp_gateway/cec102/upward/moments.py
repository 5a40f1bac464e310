"""What a province is told of this moment: how charging goes, and what power sites take. Pure.

Unlike what has happened it is worth nothing once the next moment is known, which takes its place in the queue.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from ocpp_gateway.cec102.upward.reports import Coded, Report, ids_of, local, number_of, order_number

CHARGING, SUSPENDED = 2, 5  # of an order that is not over
SITES_A_MESSAGE = 50
# A1 to C3 of T/CEC 102 by what OCPP's meters call them, the first that is known.
MEASURED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "CurrentA": (("Current.Import", "L1"), ("Current.Import", "")),
    "CurrentB": (("Current.Import", "L2"),),
    "CurrentC": (("Current.Import", "L3"),),
    "VoltageA": (("Voltage", "L1"), ("Voltage", "L1-N"), ("Voltage", "")),
    "VoltageB": (("Voltage", "L2"), ("Voltage", "L2-N")),
    "VoltageC": (("Voltage", "L3"), ("Voltage", "L3-N")),
    "SOC": (("SoC", ""),),
}
POWER, REGISTER = "Power.Active.Import", ("Energy.Active.Import.Register", "")
PHASES = ("L1", "L2", "L3")

Values = Mapping[tuple[str, str], float]
"""(measurand, phase) → the latest value, in its base unit."""


class Charging(NamedTuple):
    """A transaction that goes on; `number`: by which it will be told when it is over; `at`: of the latest value.

    `energy_wh`: what it has delivered by what was told of itself, where no register was sampled.
    """

    place: Coded
    number: str
    condition: str
    started_at: datetime
    meter_start_wh: float | None
    values: Values
    at: datetime | None
    energy_wh: float | None = None


class Drawing(NamedTuple):
    """A connector and what power it takes."""

    place: Coded
    condition: str
    values: Values
    at: datetime | None


def number_while_charging(place: Coded, transaction_id: str, started_at: datetime, *, platforms_own: bool) -> str:
    """Return the number under which a transaction will be told as an order: a platform's own is its own."""
    return transaction_id if platforms_own else order_number(place, transaction_id, started_at)


def charging_of(charging: Charging, now: datetime) -> Report:
    """Return what tells how charging goes; of money and of whose car it is we know nothing."""
    sampled = local(charging.at or now)
    told = {
        **ids_of(charging.place),
        "StartChargeSeq": charging.number,
        "OrderStatus": CHARGING if charging.condition == "charging" else SUSPENDED,
        "ConnectorStatus": number_of(charging.condition),
        "PushTimeStamp": local(now),
        "StartTime": local(charging.started_at),
        "EndTime": sampled,
        "eventTime": sampled,
        **_measured(charging.values),
        **_delivered(charging),
    }
    return Report("charging", charging.place.cec_connector_id, told)


def _measured(values: Values) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, meters in MEASURED.items():
        found = next((values[meter] for meter in meters if meter in values), None)
        if found is not None:
            told[name] = round(found, 1)
    if "VoltageA" in told:
        told["chargeVoltage"] = round(told["VoltageA"] * 10)
    if "CurrentA" in told:
        told["chargeCurrent"] = round((told["CurrentA"] + 400) * 10)
    return told


def _delivered(charging: Charging) -> dict[str, Any]:
    register = charging.values.get(REGISTER)
    if register is None or charging.meter_start_wh is None:
        delivered_wh = charging.energy_wh
    else:
        delivered_wh = max(0.0, register - charging.meter_start_wh)
    return {} if delivered_wh is None else {"TotalPower": round(delivered_wh / 1000, 4)}


def powers_of(drawing: Sequence[Drawing], now: datetime) -> Iterator[Report]:
    """Yield what tells the power of sites, in the order of their codes; a connector that charges and tells no power is left out."""
    sites = [
        _site(list(connectors), now)
        for code, connectors in groupby(drawing, lambda each: each.place.cec_station_id)
        if code is not None
    ]
    for begin in range(0, len(sites), SITES_A_MESSAGE):
        some = sites[begin : begin + SITES_A_MESSAGE]
        yield Report("power", some[0]["StationID"], {"SupStationPowerInfos": some})


def _site(connectors: Sequence[Drawing], now: datetime) -> dict[str, Any]:
    place = connectors[0].place
    equipments = [
        _equipment(code or "", list(some), now)
        for code, some in groupby(connectors, lambda each: each.place.cec_equipment_id)
    ]
    return {
        "OperatorID": place.operator_code,
        "EquipmentOwnerID": place.operator_code,
        "StationID": place.cec_station_id,
        "DataTime": local(now),
        "StationRealTimePower": _sum(equipment["EquipRealTimePower"] for equipment in equipments),
        "EquipmentPowerInfos": equipments,
    }


def _equipment(code: str, connectors: Sequence[Drawing], now: datetime) -> dict[str, Any]:
    powers = [(each, power_w / 1000) for each in connectors if (power_w := _power_w(each)) is not None]
    return {
        "EquipmentID": code,
        "DataTime": local(now),
        "EquipRealTimePower": _sum(power_kw for _, power_kw in powers),
        "ConnectorPowerInfos": [
            {
                "ConnectorID": each.place.cec_connector_id,
                "DataTime": local(each.at or now),
                "ConnectorRealTimePower": round(power_kw, 2),
            }
            for each, power_kw in powers
        ],
    }


def _power_w(drawing: Drawing) -> float | None:
    """Return what a connector takes: nothing where it does not charge; None where it charges and does not say."""
    if drawing.condition != "charging":
        return 0.0
    if (POWER, "") in drawing.values:
        return drawing.values[POWER, ""]
    phases = [drawing.values[POWER, phase] for phase in PHASES if (POWER, phase) in drawing.values]
    return sum(phases) if phases else None


def _sum(powers: Iterable[float]) -> float:
    return round(sum(powers), 2)
