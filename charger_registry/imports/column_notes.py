"""What each column of the table of sites is for, in both languages, and the words that it takes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from charger_registry.equipment.connector_types import TYPES
from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES, Code
from charger_registry.imports.columns import COLUMNS, NEEDED, PARTIES, SITE, STATION


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        return self.en if language == "en" else self.zh


NOTES: Mapping[str, Words] = {
    "id": Words("场站的唯一编号；再次导入时据此找到同一场站", "the site's own id, by which it is found again"),
    "name": Words("场站名称，首次导入请填写", "name of the site"),
    "longitude": Words("经度，十进制度", "longitude in degrees"),
    "latitude": Words("纬度，十进制度", "latitude in degrees"),
    "crs": Words("坐标系；不填按上传时的选择", "reference system of the point; else as chosen when the file is brought"),
    "address": Words("详细地址", "street address"),
    "division": Words("镇街区划代码，9 或 12 位；加载了边界的，不得在界外", "code of the town, within whose boundary it lies"),
    "count": Words("充电桩总数；逐桩填写的不必填，填写后多出的桩会注销", "how many stations there are; those beyond are retired"),
    "usage": Words("服务对象；个人、单位专用的不对外公开", "whom it serves; private ones and a unit's are not published"),
    "construction": Words("建设场所", "what kind of place it stands at"),
    "bays": Words("充电车位数", "bays to charge at"),
    "accessible_bays": Words("其中无障碍车位数", "those of them that are accessible"),
    "hours": Words("营业时间，如 24/7，或 周一至周五 08:00-22:00", "opening hours, such as 24/7 or Mo-Fr 08:00-22:00"),
    "help_phone": Words("公众服务电话", "telephone for drivers"),
    "site_phone": Words("站点电话", "telephone at the site"),
    "parking": Words("停车是否收费", "whether parking is paid for"),
    "parking_rules": Words("停车规则的文字说明", "the rules of parking in words"),
    "guide": Words("入口、楼层等找桩说明", "how to find it: entrance, floor"),
    "renewable": Words("是否使用绿电", "whether its electricity is renewable"),
    "operator_code": Words("T/CEC 102 运营商编码，9 位", "OperatorID of T/CEC 102, 9 characters"),
    "cec_station_id": Words("T/CEC 102 充电站编码", "StationID of T/CEC 102"),
    "energy_per_kwh": Words(
        "电费，元/度；分时的写作 00:00-08:00 0.30; 08:00-24:00 0.90，须覆盖全天",
        "price of energy a kWh; by time of day as 00:00-08:00 0.30; 08:00-24:00 0.90, the whole day",
    ),
    "service_per_kwh": Words("服务费，元/度；时段须与电费相同", "service fee a kWh, at the same times of day"),
    "energy_text": Words("电费的文字说明", "the price of energy in words"),
    "service_text": Words("服务费的文字说明", "the service fee in words"),
    "parking_fee": Words("停车费的文字说明", "what parking costs, in words"),
    "idle_fee": Words("占位费的文字说明", "what staying after charging costs, in words"),
    "ocpi_country_code": Words("OCPI 国家代码，如 CN", "country code of OCPI"),
    "ocpi_party_id": Words("OCPI 运营方代码，3 位", "party id of OCPI, 3 characters"),
    "ocpi_location_id": Words("OCPI 场站编号", "location id of OCPI"),
    "reinstated": Words("已注销的场站恢复时填写理由", "why a retired site stands again"),
    "charger": Words("充电桩编号，与 OCPP 编号一致；每枪一行", "the station's id, as in OCPP; a row for each connector"),
    "charger_name": Words("充电桩名称", "name of the station"),
    "vendor": Words("生产厂家", "manufacturer"),
    "model": Words("型号", "model"),
    "serial_number": Words("出厂编号", "serial number"),
    "manufacturer_code": Words("厂家组织机构代码，9 位", "code of the manufacturer, 9 characters"),
    "made_on": Words("出厂日期，如 2026-01-31", "day of manufacture, such as 2026-01-31"),
    "power_kw": Words("额定功率，千瓦", "rated power in kW"),
    "current_type": Words("交流或直流", "AC or DC"),
    "cec_equipment_id": Words("T/CEC 102 充电设备编码", "EquipmentID of T/CEC 102"),
    "charger_reinstated": Words("已注销的充电桩恢复时填写理由", "why a retired station stands again"),
    "meter_connector": Words("电能表所属枪号；整桩一块表的不填", "connector of the meter; empty: the whole station's"),
    "meter_serial": Words("电能表编号", "serial number of the meter"),
    "meter_certificate": Words("检定证书编号", "number of its certificate"),
    "meter_verified_on": Words("检定日期", "day of its verification"),
    "meter_due_on": Words("检定有效期至，到期前提醒", "last day on which the verification holds"),
    "connector": Words("枪号，从 1 起；填写枪的其他内容时必填", "number of the connector, from 1; needed where more is said of it"),
    "evse": Words("充电位序号；不填同枪号", "number of the EVSE; else that of the connector"),
    "connector_name": Words("枪名称", "name of the connector"),
    "connector_type": Words("枪类型", "type of the connector"),
    "connector_format": Words("插座或带线枪头", "socket or attached cable"),
    "connector_current_type": Words("交流或直流；不填按枪类型", "AC or DC; else as its type has it"),
    "connector_power_kw": Words("枪额定功率，千瓦", "rated power of the connector in kW"),
    "voltage_v": Words("额定电压，伏", "rated voltage in V"),
    "current_a": Words("额定电流，安", "rated current in A"),
    "national_standard": Words("国标版本：1 为 2011 版，2 为 2015 版", "version of the national standard: 1 is 2011, 2 is 2015"),
    "cec_connector_id": Words("T/CEC 102 充电接口编码，同一运营商内不重复", "ConnectorID of T/CEC 102, unique within an operator"),
    "ocpi_connector_id": Words("OCPI 枪编号", "connector id of OCPI"),
    "evse_id": Words("EVSE 编号，如 CN*ABC*E1", "EVSE id, such as CN*ABC*E1"),
    "bay": Words("车位号", "number of the bay"),
    **{
        name: note
        for role in PARTIES
        for name, note in {
            role: Words("单位的编号、信用代码、运营商编码或名称", "id, credit code, operator code or name"),
            f"{role}_since": Words("起始日", "from which day"),
            f"{role}_until": Words("截止日，含当日", "the last day"),
            f"{role}_evidence_kind": Words("凭证类型", "kind of the document that says so"),
            f"{role}_evidence": Words("凭证编号", "number of that document"),
        }.items()
    },
}  # fmt: skip
CURRENTS, FLAGS = (Words("交流", "AC"), Words("直流", "DC")), (Words("是", "yes"), Words("否", "no"))
EVIDENCES = (
    Words("合同", "contract"), Words("验收记录", "acceptance_record"), Words("决定", "decision"), Words("其他", "other"),
)  # fmt: skip


def _of_codes(codes: tuple[Code, ...]) -> tuple[Words, ...]:
    return tuple(Words(code.zh, code.en) for code in codes)


# Column → the words that it takes; the others take any text, number or day.
CHOICES: Mapping[str, tuple[Words, ...]] = {
    "crs": tuple(Words(name, name) for name in ("gcj02", "wgs84", "cgcs2000", "bd09")),
    "usage": _of_codes(USAGES),
    "construction": _of_codes(CONSTRUCTIONS),
    "parking": _of_codes(PARKINGS),
    "renewable": FLAGS,
    "current_type": CURRENTS,
    "connector_type": tuple(Words(code, code) for code in TYPES),
    "connector_format": (Words("插座", "socket"), Words("带线", "cable")),
    "connector_current_type": CURRENTS,
    **{f"{role}_evidence_kind": EVIDENCES for role in PARTIES},
}
YES, PARTS = Words("是", "yes"), (Words("场站", "site"), Words("充电桩", "station"), Words("充电枪", "connector"))


def part_of(name: str) -> Words:
    """Return of what a column tells."""
    return PARTS[0] if name in SITE else PARTS[1] if name in STATION else PARTS[2]


def explained(language: str) -> list[tuple[str, str, str, str, str]]:
    """Return of each column, in their order: our field, of what it tells, whether it is needed, what it is, and what it takes."""
    return [
        (
            name,
            part_of(name).of(language),
            YES.of(language) if name in NEEDED else "",
            NOTES[name].of(language),
            ("；" if language == "zh" else "; ").join(word.of(language) for word in CHOICES.get(name, ())),
        )
        for name in COLUMNS
    ]
