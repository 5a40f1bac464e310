"""What the columns of a table of sites may be called, and which is which in a header. Pure."""

from collections.abc import Iterable, Mapping
from unicodedata import normalize

from youguan.errors import FieldError, Invalid, Reason

PARTIES = {
    "builder": "建设单位",
    "owner": "产权单位",
    "manager": "运营管理单位",
    "maintainer": "运维单位",
    "property_manager": "物业",
}
# Of each role: who has it, from which day to which, and the document that says so.
PARTY = {
    name: words
    for role, word in PARTIES.items()
    for name, words in {
        role: (role, word),
        f"{role}_since": (f"{role}_since", f"{word}起始日"),
        f"{role}_until": (f"{role}_until", f"{word}截止日"),
        f"{role}_evidence_kind": (f"{role}_evidence_kind", f"{word}凭证类型"),
        f"{role}_evidence": (f"{role}_evidence", f"{word}凭证编号"),
    }.items()
}
# Our field → what a column may be called; the first Chinese word and the first English one head the template.
SITE = {
    "id": ("site_id", "station_id", "id", "场站编号", "编号"),
    "name": ("name", "site_name", "station_name", "场站名称", "名称"),
    "longitude": ("longitude", "lng", "lon", "经度"),
    "latitude": ("latitude", "lat", "纬度"),
    "crs": ("crs", "coordinate_system", "坐标系"),
    "address": ("address", "地址"),
    "division": ("division_code", "division", "区划代码"),
    "count": ("charge_count", "count", "stations", "charger_count", "充电桩数"),
    "usage": ("usage", "场站类型"),
    "construction": ("construction", "建设场所"),
    "bays": ("bays", "park_nums", "充电车位数"),
    "accessible_bays": ("accessible_bays", "无障碍车位数"),
    "hours": ("opening_hours", "hours", "营业时间"),
    "help_phone": ("help_phone", "service_phone", "客服电话"),
    "site_phone": ("site_phone", "站点电话"),
    "parking": ("parking", "停车收费"),
    "parking_rules": ("parking_rules", "停车说明"),
    "guide": ("guide", "站点引导"),
    "renewable": ("renewable", "绿电"),
    "operator_code": ("operator_code", "operatorid", "运营商编码"),
    "cec_station_id": ("cec_station_id", "充电站编码"),
    "energy_per_kwh": ("energy_per_kwh", "电费", "电费(元/度)"),
    "service_per_kwh": ("service_per_kwh", "服务费", "服务费(元/度)"),
    "energy_text": ("energy_text", "电费说明"),
    "service_text": ("service_text", "服务费说明"),
    "parking_fee": ("parking_fee", "停车费"),
    "idle_fee": ("idle_fee", "占位费"),
    "ocpi_country_code": ("ocpi_country_code", "ocpi国家代码"),
    "ocpi_party_id": ("ocpi_party_id", "ocpi运营方代码"),
    "ocpi_location_id": ("ocpi_location_id", "ocpi场站编号"),
    **PARTY,
    "reinstated": ("reinstated", "场站恢复理由"),
}
STATION = {
    "charger": ("charger_id", "ocpp_id", "充电桩编号", "桩编号"),
    "charger_name": ("charger_name", "充电桩名称"),
    "vendor": ("vendor", "manufacturer", "生产厂家"),
    "model": ("model", "型号"),
    "serial_number": ("serial_number", "出厂编号"),
    "manufacturer_code": ("manufacturer_code", "厂家代码"),
    "made_on": ("made_on", "出厂日期"),
    "power_kw": ("power_kw", "充电桩功率", "充电桩功率(kw)"),
    "current_type": ("current_type", "交直流"),
    "cec_equipment_id": ("cec_equipment_id", "充电设备编码"),
    "charger_reinstated": ("charger_reinstated", "充电桩恢复理由"),
    "meter_connector": ("meter_connector", "电能表所属枪号"),
    "meter_serial": ("meter_serial_number", "电能表编号"),
    "meter_certificate": ("meter_certificate", "检定证书编号"),
    "meter_verified_on": ("meter_verified_on", "检定日期"),
    "meter_due_on": ("meter_due_on", "检定有效期至"),
}
CONNECTOR = {
    "connector": ("connector", "枪号"),
    "evse": ("evse", "充电位序号"),
    "connector_name": ("connector_name", "枪名称"),
    "connector_type": ("connector_type", "枪类型"),
    "connector_format": ("connector_format", "枪形式"),
    "connector_current_type": ("connector_current_type", "枪交直流"),
    "connector_power_kw": ("connector_power_kw", "枪功率", "枪功率(kw)"),
    "voltage_v": ("voltage_v", "额定电压"),
    "current_a": ("current_a", "额定电流"),
    "national_standard": ("national_standard", "国标版本"),
    "cec_connector_id": ("cec_connector_id", "充电接口编码"),
    "ocpi_connector_id": ("ocpi_connector_id", "ocpi枪编号"),
    "evse_id": ("evse_id", "evse编号"),
    "bay": ("bay", "车位号"),
}
COLUMNS = {**SITE, **STATION, **CONNECTOR}
NEEDED = ("id", "longitude", "latitude")


def map_columns(header: Iterable[str]) -> dict[str, str]:
    """Return our field → the file's column; Invalid where a needed one is missing."""
    found = named(header, COLUMNS)
    missing = [ours for ours in NEEDED if ours not in found]
    if missing:
        wrong = [
            FieldError(ours, Reason("no column named {names}", names=" / ".join(COLUMNS[ours]))) for ours in missing
        ]
        raise Invalid.of(*wrong)
    return found


def named(header: Iterable[str], columns: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return our field → what it is called there; the first of our words for it counts."""
    names = {normalize("NFKC", name).strip().lower(): name for name in header}
    return {ours: names[alias] for ours, aliases in columns.items() for alias in reversed(aliases) if alias in names}


def has_what_is_needed(header: Iterable[str]) -> bool:
    try:
        return bool(map_columns(header))
    except Invalid:
        return False
