"""What a province is told, in T/CEC 102's words. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ocpp_gateway.cec102.profiles import Profile
from youguan.clock import COUNTY

# What a condition is in T/CEC 102; what cannot be used for another reason than a fault is not reached.
NUMBERS = {"unavailable": 0, "available": 1, "occupied": 2, "charging": 3, "reserved": 4, "faulted": 255}
OFFLINE = 0


class Coded(NamedTuple):
    """A connector of ours by its codes."""

    station_id: str
    connector: int
    operator_code: str
    cec_station_id: str | None
    cec_equipment_id: str | None
    cec_connector_id: str


def coded(row: Mapping[str, Any] | Any) -> Coded:
    """Return the codes of a stored connector."""
    return Coded(*(row[name] for name in Coded._fields))


def number_of(condition: str) -> int:
    """Return what a condition is in T/CEC 102."""
    return NUMBERS.get(condition, OFFLINE)


def status_of(place: Coded, number: int, at: datetime, profile: Profile) -> dict[str, Any]:
    """Return what tells a connector's status."""
    return _wrapped(
        {**_ids(place), "Status": number, "ParkStatus": 0, "LockStatus": 0, "UpdateTime": local(at)}, "status", profile
    )


def order_of(
    place: Coded, transaction_id: str, started_at: datetime, ended_at: datetime, energy_wh: float, profile: Profile
) -> dict[str, Any]:
    """Return what tells a transaction that is over; of money and of whose car it was we know nothing."""
    return _wrapped(
        {
            **_ids(place),
            profile.order_key: order_number(place, transaction_id, started_at),
            "StartTime": local(started_at),
            "EndTime": local(ended_at),
            "TotalPower": round(energy_wh / 1000, 4),
            "SumPeriod": 0,
        },
        "order",
        profile,
    )


def order_number(place: Coded, transaction_id: str, started_at: datetime) -> str:
    """Return an order's number: the operator's nine characters and eighteen digits, the same whenever it is asked."""
    told = f"{place.station_id}\n{transaction_id}\n{started_at.isoformat()}"
    digits = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") % 10**18
    return f"{place.operator_code:0>9.9}{digits:018d}"


def is_confirmed(kind: str, content: Mapping[str, Any], answer: Mapping[str, Any], profile: Profile) -> bool:
    """Say whether an answer confirms what was told: an order only by its own number, and without dispute."""
    if kind != "order":
        return True
    wrap = profile.wraps.get("order", "")
    told = content[wrap] if wrap else content
    number = answer.get(profile.order_key, told[profile.order_key])
    return str(number) == told[profile.order_key] and str(answer.get("ConfirmResult", 0)) == "0"


def local(at: datetime) -> str:
    """Return a time as T/CEC 102 writes it: the county's."""
    return at.astimezone(COUNTY).strftime("%Y-%m-%d %H:%M:%S")


def _ids(place: Coded) -> dict[str, Any]:
    return {
        "OperatorID": place.operator_code,
        "EquipmentOwnerID": place.operator_code,
        "StationID": place.cec_station_id or "",
        "EquipmentID": place.cec_equipment_id or "",
        "ConnectorID": place.cec_connector_id,
    }


def _wrapped(told: dict[str, Any], kind: str, profile: Profile) -> dict[str, Any]:
    wrap = profile.wraps.get(kind, "")  # type: ignore[call-overload]
    return {wrap: told} if wrap else told
