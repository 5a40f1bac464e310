"""T/CEC 102 station info: what query_stations_info answers, a notification_stationInfo, or the bare list. Pure.

Their station is our site, their equipment our station. Ids are text within an operator, leading zeros and all; coordinates are
GCJ-02 unless said otherwise. Numbers as text and the spellings of platforms are understood.
"""

import re
from typing import Any

from charger_registry.drafts import ConnectorDraft, PriceBand, PriceDraft, SiteDraft, StationDraft
from charger_registry.equipment import opening_hours, place_codes
from charger_registry.equipment.connector_types import TYPES, of_cec
from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES, Code
from charger_registry.imports.fields import Fields
from charger_registry.imports.reading import Noted, Reading, each, read_items, stations_of
from youguan.errors import Reason

CURRENTS = {1: "DC", 2: "AC", 3: "DC"}
BEING_BUILT, CLOSED = 1, 5
MOST_CONNECTORS = 99
TIME = re.compile(r"(\d{2}):?(\d{2})(?::?\d{2})?")


def fits(value: Any) -> bool:
    """Say whether JSON is station info of T/CEC 102."""
    found = _items(value)
    return bool(found) and isinstance(found[0], dict) and "StationID" in found[0] and "StationLng" in found[0]


def read(value: Any, crs: str) -> Reading:
    """Return the sites of station info."""
    return read_items("cec102", _items(value), lambda item, noted: site_of(item, crs, noted), "StationID")


def _items(value: Any) -> list[Any]:
    """Return the station infos, however they are wrapped; an object where a list is due is a list of one."""
    if isinstance(value, dict):
        wrapped = next((value[name] for name in ("StationInfos", "StationInfo", "Data", "data") if name in value), None)
        return [value] if wrapped is None else _items(wrapped)
    return value if isinstance(value, list) else []


def site_of(info: Fields, crs: str, noted: Noted) -> SiteDraft:
    """Return the site of a station info; what cannot be used of its equipment is noted and left out."""
    operator, station_id = info.code("OperatorID", 9), info.code("StationID", 20)
    if operator is None or station_id is None:
        raise info.wrong("StationID" if operator else "OperatorID", "is missing")
    status = info.whole("StationStatus", 0, 255)
    if status == CLOSED:
        raise info.wrong("StationStatus", "is 5: closed for good; retire the site instead")
    if status == BEING_BUILT:
        raise info.wrong("StationStatus", "is 1: being built; bring it when it stands")
    stations, whole = stations_of(
        info, "EquipmentInfos", lambda equipment: _station(operator, equipment), "EquipmentID", noted
    )
    hours = info.text("BusineHours", 300) or info.text("BusinessHours", 300)
    return SiteDraft(
        id=f"{operator}-{station_id}",
        name=info.text("StationName"),
        longitude=info.longitude("StationLng"),
        latitude=info.latitude("StationLat"),
        crs=crs,
        address=info.text("Address", 500),
        division_code=info.division("AreaCodeCountryside") or info.division("AreaCode"),
        stations=stations,
        whole=whole,
        usage=_word(info, "StationType", USAGES),
        construction=_word(info, "Construction", CONSTRUCTIONS),
        bays=info.whole("ParkNums", 0, 100_000) or None,
        opening_hours=opening_hours.read(hours) if hours else None,
        help_phone=info.phone("ServiceTel"),
        site_phone=info.phone("StationTel"),
        parking=_word(info, "ParkType", PARKINGS),
        parking_rules=info.text("ParkInfo", 500),
        guide=info.text("SiteGuide", 500),
        operator_code=operator,
        cec_station_id=station_id,
        price=_price(info),
    )


def _word(info: Fields, name: str, codes: tuple[Code, ...]) -> str | None:
    number = info.whole(name, 0, 10_000)
    try:
        return None if number is None else place_codes.of_cec(codes, number)
    except KeyError:
        raise info.wrong(name, Reason("{given} is no number of T/CEC 102's list", given=number)) from None


def _price(info: Fields) -> PriceDraft | None:
    bands = tuple(_band(policy) for _, policy in each(info, "PolicyInfos", 100))
    price = PriceDraft(
        bands=bands,
        energy_text=info.text("ElectricityFee", 500),
        service_text=info.text("ServiceFee", 500),
        parking_text=info.text("ParkFee", 500),
    )
    return price if price != PriceDraft() else None


def _band(policy: Fields) -> PriceBand:
    begin, end = _time(policy, "StartTime"), _time(policy, "EndTime")
    return PriceBand(
        begin, "24:00" if end in ("00:00", "23:59") else end, policy.amount("ElecFee"), policy.amount("ServiceFee")
    )


def _time(policy: Fields, name: str) -> str:
    found = TIME.fullmatch(policy.needed(name))
    if found is None or not (int(found[1]) < 24 or found[0][:2] == "24") or int(found[2]) > 59:
        raise policy.wrong(name, "is no time such as 083000")
    return f"{found[1]}:{found[2]}"


def _station(operator: str, equipment: Fields) -> StationDraft:
    code = equipment.code("EquipmentID", 23)
    if code is None:
        raise equipment.wrong("EquipmentID", "is missing")
    guns = each(equipment, "ConnectorInfos", MOST_CONNECTORS)
    numbers = _numbers(code, [gun for _, gun in guns])
    connectors = tuple(_connector(number, gun) for number, (_, gun) in zip(numbers, guns, strict=True))
    power_w = equipment.watts("Power")
    return StationDraft(
        id=f"{operator}-{code}",
        connectors=len(connectors) or None,
        power_w=power_w or max((c.power_w for c in connectors if c.power_w), default=None),
        current_type=CURRENTS.get(equipment.whole("EquipmentType", 0, 255) or 0)
        or next((c.current_type for c in connectors if c.current_type), None),
        name=equipment.text("EquipmentName"),
        vendor=equipment.text("ManufacturerName"),
        model=equipment.text("EquipmentModel"),
        serial_number=equipment.text("EquipmentManufacturerNumber", 60),
        manufacturer_code=equipment.code("ManufacturerID", 9),
        made_on=equipment.day("ProductionDate"),
        cec_equipment_id=code,
        connector_files=connectors,
    )


def _numbers(equipment_id: str, guns: list[Fields]) -> list[int]:
    """Return our numbers: what the codes end in after the equipment's, where that tells them apart; else their order."""
    ends = [str(gun.members.get("ConnectorID") or "").removeprefix(equipment_id) for gun in guns]
    found = [int(end) for end in ends if end.isascii() and end.isdigit() and 1 <= int(end) <= MOST_CONNECTORS]
    return found if len(set(found)) == len(guns) else list(range(1, len(guns) + 1))


def _connector(number: int, gun: Fields) -> ConnectorDraft:
    code = gun.code("ConnectorID", 26)
    if code is None:
        raise gun.wrong("ConnectorID", "is missing")
    kind = gun.whole("ConnectorType", 0, 255)
    try:
        our_type, form = of_cec(kind) if kind is not None else (None, None)
    except KeyError:
        raise gun.wrong("ConnectorType", Reason("{given} is no number of T/CEC 102's list", given=kind)) from None
    return ConnectorDraft(
        connector=number,
        evse=number,
        name=gun.text("ConnectorName"),
        type=our_type,
        format=form,
        current_type=TYPES[our_type].current_type if our_type else None,
        power_w=gun.watts("Power"),
        voltage_v=gun.whole("VoltageUpperLimits", 0, 5000),
        current_a=gun.whole("Current", 0, 5000),
        national_standard=gun.whole("NationalStandard", 0, 9),
        cec_connector_id=code,
        bay=gun.text("ParkNo", 40),
    )
