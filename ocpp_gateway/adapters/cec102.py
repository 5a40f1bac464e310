"""T/CEC 102: what a platform says of a connector → observations."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ocpp_gateway.cec102.messages import ChargingSaid, Item, OrderSaid, PowerSaid, StatusSaid
from ocpp_gateway.observation import (
    Condition,
    MeterKind,
    MeterSampled,
    Observation,
    StatusReported,
    TransactionReported,
)
from youguan.clock import effective_time

SOURCE = "cec102"
REACH = timedelta(days=3650)  # a platform's records reach back for years, and it has a clock that somebody sets
OFFLINE = "Offline"
CONDITIONS: Mapping[str, Condition] = {
    OFFLINE: Condition.UNAVAILABLE,
    "Available": Condition.AVAILABLE,
    "Occupied": Condition.OCCUPIED,
    "Charging": Condition.CHARGING,
    "Reserved": Condition.RESERVED,
    "Finishing": Condition.OCCUPIED,
    "Faulted": Condition.FAULTED,
}
SETTLED = 2**31 - 1
"""The sequence number of an order's account: whatever is said of it comes before."""
ENDED = SETTLED - 1
"""That of its end, as what is said of charging has it: the account comes later and may differ."""

Place = tuple[str, int]
"""(station id, connector number)."""


def observed(
    item: Item, place: Place, statuses: Mapping[int, str], told_at: datetime, received_at: datetime
) -> list[Observation]:
    """Return what is to be stored of an item; `told_at`: when the platform made the message, for what has no time of its own."""
    handle = HANDLERS.get(type(item))
    return handle(item, place, statuses, told_at, received_at) if handle else []


def _status(
    said: StatusSaid, place: Place, statuses: Mapping[int, str], told: datetime, now: datetime
) -> list[Observation]:
    return [_reported(said.status, said.description, said.at or told, place, statuses, now)]


def _reported(
    number: int, description: str | None, at: datetime, place: Place, statuses: Mapping[int, str], now: datetime
) -> StatusReported:
    word = statuses[number]
    return StatusReported(
        *place, at, now, effective_time(at, now, REACH), word, CONDITIONS[word], None, description or None, None
    )  # fmt: skip


def _charging(
    said: ChargingSaid, place: Place, statuses: Mapping[int, str], told: datetime, now: datetime
) -> list[Observation]:
    at = said.at or told
    found: list[Observation] = []
    if said.status is not None:
        found.append(_reported(said.status, None, at, place, statuses, now))
    for measurand, phase, unit, value in said.measured:
        kind = MeterKind(measurand, phase, "Outlet", "Sample.Periodic", unit)
        found.append(MeterSampled(*place, kind, at, now, value, said.order_no))
    if said.order_no is not None and said.started_at is not None:
        found.append(_event(said.order_no, place, 0, "Started", said.started_at, now, 0.0))
        kind_of_event, number = ("Ended", ENDED) if said.ended else ("Updated", _place_in(said.started_at, at))
        found.append(_event(said.order_no, place, number, kind_of_event, at, now, said.energy_wh))
    return found


def _order(said: OrderSaid, place: Place, _: Mapping[int, str], __: datetime, now: datetime) -> list[Observation]:
    reason = f"{SOURCE} {said.stop_reason}" if said.stop_reason is not None else None
    return [
        _event(said.order_no, place, 0, "Started", said.started_at, now, 0.0),
        _event(said.order_no, place, SETTLED, "Settled", said.ended_at, now, said.energy_wh, reason),
    ]


def _place_in(started_at: datetime, at: datetime) -> int:
    """Return the sequence number of something said in the middle: seconds since the start, so that a repeat is recognised."""
    return min(max(int((at - started_at).total_seconds()), 0) + 1, ENDED - 1)


def _event(
    order_no: str,
    place: Place,
    seq_no: int,
    kind: str,
    at: datetime,
    now: datetime,
    wh: float | None,
    reason: str | None = None,
) -> TransactionReported:
    station_id, connector = place
    return TransactionReported(
        station_id, order_no, seq_no, kind, connector, None, at, effective_time(at, now, REACH), now, wh, reason, False,
        lasting_id=True,
    )  # fmt: skip


def _power(said: PowerSaid, place: Place, _: Mapping[int, str], told: datetime, now: datetime) -> list[Observation]:
    kind = MeterKind("Power.Active.Import", "", "Outlet", "Sample.Periodic", "W")
    return [MeterSampled(*place, kind, said.at or told, now, said.power_w, None)]


HANDLERS: Mapping[type[Any], Callable[[Any, Place, Mapping[int, str], datetime, datetime], list[Observation]]] = {
    StatusSaid: _status,
    ChargingSaid: _charging,
    OrderSaid: _order,
    PowerSaid: _power,
}
