"""What a platform's message says, by our names: pure.

Everything that cannot be used is named by member and reason, and takes nothing good with it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from ocpp_gateway.cec102.members import Members, Refused, Unusable
from ocpp_gateway.cec102.profiles import Profile

MOST_ITEMS = 5000
LARGEST_KWH, LARGEST_KW, LARGEST_MONEY = 100_000.0, 5_000.0, 1_000_000.0
T = TypeVar("T")
LARGEST_SITE_KWH = 10_000_000.0  # of a site in a day
ROUNDING_KWH, ROUNDING_MONEY = 0.05, 0.02  # an item's; what is rounded item by item may differ by so much in sum


class StatusSaid(NamedTuple):
    """A connector's status; `at` None: the message does not say since when."""

    connector_id: str
    station_id: str | None
    status: int
    at: datetime | None
    description: str | None


class Measured(NamedTuple):
    """A value of a connector: the measurand and phase in OCPP's words, in its base unit."""

    measurand: str
    phase: str
    unit: str
    value: float


class ChargingSaid(NamedTuple):
    """How charging goes; `ended` where it is over."""

    connector_id: str
    order_no: str | None
    status: int | None
    at: datetime | None
    started_at: datetime | None
    energy_wh: float | None
    ended: bool
    measured: tuple[Measured, ...]


class OrderSaid(NamedTuple):
    """A charging order that is over; `confirm`: how its sender names it and the connector; `document`: it as it was sent."""

    connector_id: str
    order_no: str
    started_at: datetime
    ended_at: datetime
    energy_wh: float
    stop_reason: str | None
    confirm: dict[str, str]
    document: Mapping[str, Any]


class PowerSaid(NamedTuple):
    """The power of a connector."""

    connector_id: str
    at: datetime | None
    power_w: float


class ConnectorFile(NamedTuple):
    """A connector as its platform files it."""

    connector_id: str
    equipment_id: str
    power_w: float | None


class StationSaid(NamedTuple):
    """A site as its platform files it (T/CEC 102 calls it a station); GCJ-02 degrees; `document` as it was sent."""

    station_id: str
    name: str | None
    longitude: float | None
    latitude: float | None
    operating: int | None
    connectors: tuple[ConnectorFile, ...]
    document: Mapping[str, Any]


class OperatorSaid(NamedTuple):
    """An operator as its platform files it; `uscc`: its unified social credit code."""

    operator_id: str
    name: str | None
    uscc: str | None
    document: Mapping[str, Any]


class StatsSaid(NamedTuple):
    """What a site delivered from a day to a day, as its platform reckons it."""

    station_id: str
    since: datetime
    until: datetime
    energy_wh: float
    document: Mapping[str, Any]


AboutConnector = StatusSaid | ChargingSaid | OrderSaid | PowerSaid
Item = AboutConnector | StationSaid | OperatorSaid | StatsSaid


@dataclass(slots=True)
class Content:
    """What a message says; what cannot be used; what is used though its parts contradict each other."""

    said: list[Item] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    doubted: list[Refused] = field(default_factory=list)

    def usable(self, read: Callable[..., T | None], *of: Any) -> T | None:
        """Return a member that may be missing; one that cannot be used is named, and takes no other with it."""
        try:
            return read(*of)
        except Unusable as unusable:
            self.refused.append(unusable.refused)
            return None


def read(profile: Profile, kind: str, document: Mapping[str, Any], operator_id: str) -> Content:
    """Return what the business object of a message says; its sender speaks for `operator_id`, and for no other operator."""
    content = Content()
    whole = Members(document, profile.spellings)
    try:
        for item in READERS[kind].items(whole):
            _take(item, READERS[kind].read, profile, content, operator_id)
    except Unusable as unusable:
        content.refused.append(unusable.refused)
    return content


def _take(item: Members | Refused, reader: "ItemReader", profile: Profile, content: Content, operator_id: str) -> None:
    if isinstance(item, Refused):
        content.refused.append(item)
    elif len(content.said) >= MOST_ITEMS:
        raise Unusable(item.path, f"more than {MOST_ITEMS} items in one message")
    else:
        try:
            of = item.optional_text("OperatorID")
            if of is not None and of != operator_id:
                raise Unusable(item.within("OperatorID"), f"{of}: this platform speaks for {operator_id} alone")
            content.said += reader(item, profile, content)
        except Unusable as unusable:
            content.refused.append(unusable.refused)


def _under(name: str, key: str) -> Callable[[Members], Sequence[Members | Refused]]:
    """Return what finds the items of a message: under a name, or the message itself where it has the items' key."""

    def items(whole: Members) -> Sequence[Members | Refused]:
        if whole.get(name) is None and whole.get(key) is not None:
            return [whole]
        return list(whole.several(name))

    return items


# --- status -----------------------------------------------------------------------------------------------------


def _statuses(whole: Members) -> Sequence[Members | Refused]:
    """Return the connectors of a message: on their own, or within the stations of an answer to query_station_status."""
    for name in ("StationStatusInfos", "StationStatusInfo"):
        if whole.get(name) is not None:
            stations = list(whole.several(name))
            found: list[Members | Refused] = [station for station in stations if isinstance(station, Refused)]
            for station in stations:
                if isinstance(station, Members):
                    found += station.several("ConnectorStatusInfo")
            return found
    return _under("ConnectorStatusInfo", "ConnectorID")(whole)


def _status(item: Members, profile: Profile, content: Content) -> list[Item]:
    status, connector_id = _status_number(item, profile), item.text("ConnectorID")
    station_id = content.usable(item.optional_text, "StationID")
    at = content.usable(item.optional_time, "UpdateTime")  # a clock that was never set makes no fault unknown
    return [StatusSaid(connector_id, station_id, status, at, item.optional_words("StatusDesc"))]


def _status_number(item: Members, profile: Profile) -> int:
    status = item.integer("Status", 0, 2**31 - 1)
    if status not in profile.statuses:
        raise Unusable(item.within("Status"), f"{status} is none of {', '.join(map(str, profile.statuses))}")
    return status


# --- charging ---------------------------------------------------------------------------------------------------

ORDER_IS_OVER = (4, 6)  # ended, ended badly
NOT_CHARGING = (1, 7)  # being started, not begun: a status, and no charge of 0 kWh
VALUES = (
    ("CurrentA", "Current.Import", "L1", "A", 2000.0), ("CurrentB", "Current.Import", "L2", "A", 2000.0),
    ("CurrentC", "Current.Import", "L3", "A", 2000.0), ("VoltageA", "Voltage", "L1", "V", 3000.0),
    ("VoltageB", "Voltage", "L2", "V", 3000.0), ("VoltageC", "Voltage", "L3", "V", 3000.0), ("SOC", "SoC", "", "Percent", 100.0),
)  # fmt: skip


def _charging(item: Members, profile: Profile, content: Content) -> list[Item]:
    connector_id, before = item.text("ConnectorID"), len(content.refused)
    status = content.usable(_status_number, item, profile) if item.get("Status") is not None else None
    order_no = content.usable(item.optional_text, "StartChargeSeq")
    order_status = _first(content, item.optional_number, ("OrderStatus", "StartChargeSeqStat"), 0, 99)
    order_no = None if order_status in NOT_CHARGING else order_no
    energy = content.usable(item.optional_number, "TotalPower", 0, LARGEST_KWH)
    measured = []
    for name, measurand, phase, unit, high in VALUES:
        low = -high if measurand == "Current.Import" else 0
        value = content.usable(item.optional_number, name, low, high)
        if value is not None:
            measured.append(Measured(measurand, phase, unit, value))
    started_at = content.usable(item.optional_time, "StartTime")
    if len(content.refused) > before and status is None and energy is None and not measured:
        return []  # nothing is left of it
    return [
        ChargingSaid(
            connector_id,
            order_no,
            status,
            _first(content, item.optional_time, ("PushTimeStamp", "EndTime", "eventTime")),
            started_at,
            None if energy is None else energy * 1000,
            order_status in ORDER_IS_OVER,
            tuple(measured),
        )
    ]


def _first(content: Content, read: Callable[..., T | None], names: Sequence[str], *of: Any) -> T | None:
    """Return the first of some members that says something."""
    return next((value for name in names if (value := content.usable(read, name, *of))), None)


# --- orders -----------------------------------------------------------------------------------------------------


def _order(item: Members, _: Profile, content: Content) -> list[Item]:
    connector_id, order_no = item.text("ConnectorID"), item.text("StartChargeSeq")
    started_at, ended_at = item.time("StartTime"), item.time("EndTime")
    if ended_at < started_at:
        raise Unusable(item.within("EndTime"), "lies before StartTime")
    energy = item.number("TotalPower", 0, LARGEST_KWH)
    content.doubted += _contradictions(item, energy)
    return [
        OrderSaid(
            connector_id,
            order_no,
            started_at,
            ended_at,
            energy * 1000,
            item.optional_words("StopReason"),
            {item.spelled("StartChargeSeq"): order_no, "ConnectorID": connector_id},
            item.found,
        )
    ]


def _contradictions(item: Members, energy_kwh: float) -> list[Refused]:
    """Return where an order's sums do not agree with its parts; what is no number there is named as well."""
    found: list[Refused] = []
    try:
        total, elec, service = (
            item.optional_number(name, 0, LARGEST_MONEY)
            for name in ("TotalMoney", "TotalElecMoney", "TotalSeviceMoney")
        )
        if None not in (total, elec, service):
            assert total is not None
            assert elec is not None
            assert service is not None
            if abs(total - elec - service) > ROUNDING_MONEY:
                found.append(Refused(item.within("TotalMoney"), f"{total:g} is not {elec:g} + {service:g}"))
        parts = [part for part in item.several("ChargeDetails") if isinstance(part, Members)]
        kwh = [part.optional_number("DetailPower", 0, LARGEST_KWH) for part in parts]
        sums = [value for value in kwh if value is not None]
        if sums and len(sums) == len(kwh) and abs(sum(sums) - energy_kwh) > ROUNDING_KWH * len(sums):
            found.append(
                Refused(item.within("TotalPower"), f"{energy_kwh:g} is not the sum of ChargeDetails, {sum(sums):g}")
            )
    except Unusable as unusable:
        found.append(unusable.refused)
    return found


# --- power ------------------------------------------------------------------------------------------------------


def _power(station: Members, _: Profile, content: Content) -> list[Item]:
    found: list[Item] = []
    for equipment in station.several("EquipmentPowerInfos"):
        if isinstance(equipment, Refused):
            content.refused.append(equipment)
            continue
        said_at = content.usable(equipment.optional_time, "DataTime")
        for connector in equipment.several("ConnectorPowerInfos"):
            try:
                if isinstance(connector, Refused):
                    raise Unusable(connector.member, connector.reason)
                kw = connector.number("ConnectorRealTimePower", -LARGEST_KW, LARGEST_KW)
                connector_id = connector.text("ConnectorID")
                at = content.usable(connector.optional_time, "DataTime") or said_at
                found.append(PowerSaid(connector_id, at, kw * 1000))
            except Unusable as unusable:
                content.refused.append(unusable.refused)
    return found


# --- files ------------------------------------------------------------------------------------------------------


def _station(item: Members, _: Profile, content: Content) -> list[Item]:
    station_id = item.text("StationID")
    connectors: list[ConnectorFile] = []
    for equipment in item.several("EquipmentInfos") if item.get("EquipmentInfos") is not None else ():
        if isinstance(equipment, Refused):
            content.refused.append(equipment)
        else:
            connectors += content.usable(_connectors, equipment, content) or ()
    return [
        StationSaid(
            station_id,
            item.optional_words("StationName"),
            content.usable(item.optional_number, "StationLng", -180, 180),
            content.usable(item.optional_number, "StationLat", -90, 90),
            content.usable(item.integer, "StationStatus", 0, 255) if item.get("StationStatus") is not None else None,
            tuple(connectors),
            item.found,
        )
    ]


def _connectors(equipment: Members, content: Content) -> list[ConnectorFile]:
    """Return the connectors of an equipment, one that cannot be used left out; its power is theirs where they have none."""
    equipment_id = equipment.text("EquipmentID")
    kw = content.usable(equipment.optional_number, "Power", 0, LARGEST_KW)
    found = (content.usable(_connector, one, equipment_id, kw, content) for one in equipment.several("ConnectorInfos"))
    return [connector for connector in found if connector is not None]


def _connector(connector: Members | Refused, equipment_id: str, kw: float | None, content: Content) -> ConnectorFile:
    if isinstance(connector, Refused):
        raise Unusable(connector.member, connector.reason)
    connector_id = connector.text("ConnectorID")
    own = content.usable(connector.optional_number, "Power", 0, LARGEST_KW)
    power = kw if own is None else own
    return ConnectorFile(connector_id, equipment_id, None if power is None else power * 1000)


def _operator(item: Members, _: Profile, content: Content) -> list[Item]:
    operator_id, name = item.text("OperatorID"), item.optional_words("OperatorName")
    return [OperatorSaid(operator_id, name, content.usable(item.optional_text, "OperatorUSCID"), item.found)]


def _stats(item: Members, _: Profile, __: Content) -> list[Item]:
    since, until = item.time("StartTime"), item.time("EndTime")
    energy = item.number("StationElectricity", 0, LARGEST_SITE_KWH)
    return [StatsSaid(item.text("StationID"), since, until, energy * 1000, item.found)]


ItemReader = Callable[[Members, Profile, Content], list[Item]]


class Reader(NamedTuple):
    """Where a message's items stand, and how one of them is read."""

    items: Callable[[Members], Sequence[Members | Refused]]
    read: ItemReader


READERS: Mapping[str, Reader] = {
    "status": Reader(_statuses, _status),
    "charging": Reader(_under("EquipChargeStatus", "ConnectorID"), _charging),
    "order": Reader(_under("ChargeOrderInfo", "ConnectorID"), _order),
    "power": Reader(_under("SupStationPowerInfos", "EquipmentPowerInfos"), _power),
    "station": Reader(_under("StationInfo", "StationID"), _station),
    "operator": Reader(_under("OperatorInfo", "OperatorID"), _operator),
    "stats": Reader(_under("StationStats", "StationID"), _stats),
}
