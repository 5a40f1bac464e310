"""What a province is told, and what its answers mean. Pure.

What is queued is in the standard's words; it is put into a province's own when it is sent, and so by the profile that it has then.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from ocpp_gateway.cec102.members import Members
from ocpp_gateway.cec102.profiles import Profile, Told
from youguan.clock import COUNTY
from youguan.coordinates import wgs84_to_gcj02
from youguan.events import FeeBand, SiteFiled, StationFile

# What a condition is in T/CEC 102; what cannot be used for another reason than a fault is not reached.
NUMBERS = {"unavailable": 0, "available": 1, "occupied": 2, "charging": 3, "reserved": 4, "faulted": 255}
OFFLINE = 0
# Why a transaction ended, in T/CEC 102's numbers where it has one: by hand, by the platform, the plug was pulled.
STOP_REASONS = {"Local": 0, "Remote": 1, "EVDisconnected": 4}
STOP_CUSTOM = 5
EQUIPMENT_TYPES = {"DC": 1, "AC": 2}
CHARGING_TYPES = {"AC": 1, "DC": 2}  # slow and fast
CONNECTOR_TYPES = {"DC": 4, "AC": 6}
IN_USE, CLOSED = 50, 5  # StationStatus
STANDINGS = {"not_begun": 1, "suspended": 6}  # of a site that is not in use: being built, being mended
# What of a site's file goes up as it is filed; for words the profile has the province's numbers. What is not filed is left out.
AS_FILED = {
    "StationType": "usage", "Construction": "construction", "ParkNums": "bays", "ParkType": "parking",
    "ParkInfo": "parking_rules", "SiteGuide": "guide", "BusineHours": "opening_hours", "ServiceTel": "help_phone",
    "StationTel": "site_phone", "ElectricityFee": "energy_fee", "ServiceFee": "service_fee", "ParkFee": "parking_fee",
}  # fmt: skip
# What of a platform's own order goes up as it came. Whose car it was does not.
PASSED_ON = (
    "EquipmentOwnerID", "TotalMoney", "TotalElecMoney", "TotalSeviceMoney", "StopReason", "StopDesc", "SumPeriod",
    "ChargeDetails", "PayChannel", "PaymentAmount", "PayTime", "DiscountInfo", "CuspElect", "PeakElect", "FlatElect",
    "ValleyElect",
)  # fmt: skip

Met = Literal["taken", "held", "stumbled", "away", "misunderstood", "refused"]
"""How telling went. `stumbled`: it answered that this went wrong, or not in a way that confirms it; `away`: it did not answer, or
has no time; `misunderstood`: it does not accept how we speak."""
State = Literal["waiting", "taken", "refused"]


class Coded(NamedTuple):
    """A connector of ours by its codes."""

    station_id: str
    connector: int
    operator_code: str
    cec_station_id: str | None
    cec_equipment_id: str | None
    cec_connector_id: str


class Report(NamedTuple):
    """Something to be told: its kind, what it is about, and what is told in the standard's words.

    `withheld`: why it cannot be told as it is; then `content` says which transaction it is.
    """

    kind: Told
    subject: str
    content: dict[str, Any]
    withheld: str = ""


def coded(row: Mapping[str, Any] | Any) -> Coded:
    """Return the codes of a stored connector."""
    return Coded(*(row[name] for name in Coded._fields))


def number_of(condition: str) -> int:
    """Return what a condition is in T/CEC 102."""
    return NUMBERS.get(condition, OFFLINE)


def status_of(place: Coded, number: int, at: datetime) -> Report:
    """Return what tells a connector's status."""
    told = {**ids_of(place), "Status": number, "ParkStatus": 0, "LockStatus": 0, "UpdateTime": local(at)}
    return Report("status", place.cec_connector_id, told)


def order_of(
    place: Coded,
    transaction_id: str,
    started_at: datetime,
    ended_at: datetime,
    energy_wh: float,
    reason: str | None,
    now: datetime,
) -> Report:
    """Return what tells a transaction that is over; of money and of whose car it was we know nothing."""
    stopped = {"StopReason": STOP_REASONS.get(reason, STOP_CUSTOM), "StopDesc": reason} if reason else {}
    number = order_number(place, transaction_id, started_at)
    return _order(place, number, started_at, ended_at, energy_wh, {"SumPeriod": 0, **stopped}, now)


def order_withheld(
    station_id: str, connector: Coded | None, transaction_id: str, ended_at: datetime, lacks: str
) -> Report:
    """Return what stands for the order of a transaction that cannot be told yet, since something of it is not known."""
    which = {"station_id": station_id, "transaction_id": transaction_id, "ended_at": ended_at.isoformat()}
    subject = connector.cec_connector_id if connector else station_id
    return Report("order", subject, which, f"transaction {transaction_id} of {station_id} cannot be told: {lacks}")


def order_as_told(place: Coded, order: Mapping[str, Any] | Any, sender: Profile, now: datetime) -> Report:
    """Return what tells a stored order of a platform: with its own number and sums, as they came."""
    members = Members(order["document"], sender.spellings)
    told = {name: value for name in PASSED_ON if (value := members.get(name)) is not None}
    return _order(place, order["order_no"], order["started_at"], order["ended_at"], order["energy_wh"], told, now)


def _order(
    place: Coded,
    number: str,
    started_at: datetime,
    ended_at: datetime,
    energy_wh: float,
    more: Mapping[str, Any],
    now: datetime,
) -> Report:
    told = {
        **ids_of(place),
        "StartChargeSeq": number,
        "StartTime": local(started_at),
        "EndTime": local(ended_at),
        "TotalPower": round(energy_wh / 1000, 4),
        "PushTime": local(now),
        **more,
    }
    return Report("order", place.cec_connector_id, told)


def order_number(place: Coded, transaction_id: str, started_at: datetime) -> str:
    """Return an order's number: the operator's nine characters and eighteen digits, the same whenever it is asked."""
    told = f"{place.station_id}\n{transaction_id}\n{started_at.isoformat()}"
    digits = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") % 10**18
    return f"{place.operator_code:0>9.9}{digits:018d}"


def station_of(filed: SiteFiled, *, retired: bool = False) -> Report | None:
    """Return what tells a site as it is filed (T/CEC 102's station), in GCJ-02; None where it has no codes."""
    if filed.operator_code is None or filed.cec_station_id is None:
        return None
    longitude, latitude = wgs84_to_gcj02((filed.longitude, filed.latitude))
    division = filed.division_code or ""
    told = {
        "StationID": filed.cec_station_id,
        "OperatorID": filed.operator_code,
        "EquipmentOwnerID": filed.operator_code,
        "StationName": filed.name,
        "CountryCode": "CN",
        "AreaCode": division[:6],
        "AreaCodeCountryside": f"{division:0<12}" if division else "",
        "Address": filed.address,
        "StationStatus": CLOSED if retired else STANDINGS.get(filed.standing or "", IN_USE),
        "StationLng": round(longitude, 6),
        "StationLat": round(latitude, 6),
        **{member: known for member, name in AS_FILED.items() if (known := getattr(filed, name)) is not None},
        **_fees(filed),
        "EquipmentInfos": [_equipment(station) for station in filed.stations if station.connector_files],
    }
    return Report("station", filed.cec_station_id, told)


def _fees(filed: SiteFiled) -> dict[str, Any]:
    """Return the fees by the time of day, for each way of charging that there is."""
    ways = sorted({CHARGING_TYPES[s.current_type] for s in filed.stations if s.current_type in CHARGING_TYPES})
    if not (filed.fee_bands and ways):
        return {}
    policies = [_policy(band, way) for way in ways for band in filed.fee_bands]
    return {"PeriodFee": int(len(filed.fee_bands) > 1), "PolicyInfos": policies}


def _policy(band: FeeBand, way: int) -> dict[str, Any]:
    end = "235959" if band.end == "24:00" else _clock(band.end)  # a day has no hour 24 in most languages
    fees = {"ElecFee": band.energy_per_kwh, "ServiceFee": band.service_per_kwh}
    told = {name: float(fee) for name, fee in fees.items() if fee is not None}
    return {"StartTime": _clock(band.begin), "EndTime": end, "ChargingType": way, **told}


def _clock(time: str) -> str:
    return time.replace(":", "") + "00"


def _equipment(station: StationFile) -> dict[str, Any]:
    kw = round(station.power_w / 1000, 1)
    connector_type = CONNECTOR_TYPES.get(station.current_type, CONNECTOR_TYPES["AC"])
    return {
        "EquipmentID": station.cec_equipment_id or station.station_id,
        "EquipmentType": EQUIPMENT_TYPES.get(station.current_type, 5),
        "Power": kw,
        "ConnectorInfos": [
            {"ConnectorID": connector.cec_connector_id, "ConnectorType": connector_type, "Power": kw}
            for connector in station.connector_files
        ],
    }


def worded(kind: Told, content: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """Return what is told in a province's own words, as its messages hold it."""
    told = bare(kind, content, profile)
    wrap = profile.wraps.get(kind, "")
    return {wrap: told} if wrap else told


def bare(kind: Told, content: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """Return what is told in a province's own words, with what it demands and we do not know as its profile says that."""
    writes = {**profile.writes, **profile.writes_of.get(kind, {})}
    put = {name: said for name, value in content.items() if (said := _put(name, value, profile)) is not None}
    told: dict[str, Any] = _renamed({**profile.unknown.get(kind, {}), **put}, writes)
    return told


def _put(name: str, value: Any, profile: Profile) -> Any:
    """Return a member as a province takes it: its number for a word of ours, a text no longer than it may be; None: not at all."""
    if name in profile.numbers and isinstance(value, str):
        return profile.numbers[name].get(value)
    match profile.types.get(name):
        case "number" if isinstance(value, str):
            return int(value) if value.isdecimal() else None
        case "text":
            value = str(value)
    return value[: profile.longest.get(name)] if isinstance(value, str) else value


def _renamed(value: Any, writes: Mapping[str, str]) -> Any:
    """Return a value with its members by others' names; "": not told."""
    if isinstance(value, list):
        return [_renamed(item, writes) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {writes.get(name, name): _renamed(v, writes) for name, v in value.items() if writes.get(name, name)}


class Reply(NamedTuple):
    """What an answer with Ret 0 means for what was told, and why."""

    met: Met
    words: str = ""


def reply_of(kind: Told, content: Mapping[str, Any], answer: Mapping[str, Any], profile: Profile) -> Reply:
    """Say whether an answer confirms what was told: an order only by its own number, and without dispute."""
    said = Members(answer, profile.spellings)
    if kind == "order":
        number, result = said.get("StartChargeSeq"), said.get("ConfirmResult")
        if number is None or str(number) != content["StartChargeSeq"]:
            return Reply("stumbled", f"the answer confirms {number!r:.60}, which is not this order")
        if str(result) != "0":
            return Reply("stumbled", f"not confirmed: ConfirmResult {result!r:.20}")
        return Reply("taken")
    member = profile.confirmed_by.get(kind, "")
    if not member:
        return Reply("taken")
    value = said.get(member)
    if value is None:
        return Reply("stumbled", f"the answer has no {member}")
    return Reply("taken") if str(value) == "0" else Reply("refused", f"{member} {value!r:.20}: not taken")


class Tried(NamedTuple):
    """What becomes of a report after a try, and at how many tries its province has stumbled by then."""

    state: State
    stumbles: int


def after(met: Met, stumbles: int, profile: Profile) -> Tried:
    """Return what becomes of a report: one at which a province stumbles again and again makes way, however long it was away."""
    if met in ("taken", "held"):
        return Tried("taken", stumbles)
    stumbles += met == "stumbled"
    gives_way = met == "refused" or (met == "stumbled" and stumbles >= profile.most_tries)
    return Tried("refused" if gives_way else "waiting", stumbles)


def local(at: datetime) -> str:
    """Return a time as T/CEC 102 writes it: the county's."""
    return at.astimezone(COUNTY).strftime("%Y-%m-%d %H:%M:%S")


def ids_of(place: Coded) -> dict[str, Any]:
    """Return the members by which a connector is known."""
    return {
        "OperatorID": place.operator_code,
        "EquipmentOwnerID": place.operator_code,
        "StationID": place.cec_station_id or "",
        "EquipmentID": place.cec_equipment_id or "",
        "ConnectorID": place.cec_connector_id,
    }
