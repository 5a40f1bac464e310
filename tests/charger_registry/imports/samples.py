"""Files as others send them, small."""

import io
import zipfile
from html import escape
from typing import Any

import orjson

CEC: dict[str, Any] = {
    "PageNo": 1, "PageCount": 1, "ItemSize": 2,
    "StationInfos": [
        {
            "StationID": "000000000000001", "OperatorID": "395815801", "EquipmentOwnerID": "313744932",
            "StationName": "跃龙充电站", "CountryCode": "CN", "AreaCode": "330226", "Address": "某路 1 号",
            "StationTel": "0574-1", "ServiceTel": "400-000-0001", "StationType": "1", "StationStatus": 50,
            "ParkNums": "4", "StationLng": "121.433469", "StationLat": 29.285513, "Construction": 9,
            "BusineHours": "24小时", "ElectricityFee": "0.65元/度", "ServiceFee": "0.30", "ParkFee": "免费",
            "EquipmentInfos": [
                {
                    "EquipmentID": "10000000000000000000001", "ManufacturerName": "某厂", "EquipmentModel": "D120",
                    "ProductionDate": "2024-05-01", "EquipmentType": 1, "Power": 120.0,
                    "ConnectorInfos": [
                        {"ConnectorID": "1000000000000000000000101", "ConnectorType": 4, "VoltageUpperLimits": 750,
                         "Current": 160, "Power": "120", "NationalStandard": 2},
                        {"ConnectorID": "1000000000000000000000102", "ConnectorType": 4, "Power": 120},
                    ],
                },
                {"EquipmentID": "2", "ConnectorInfos": [{"ConnectorID": "2-a", "ConnectorType": 77}]},
            ],
        },
        {"StationID": "000000000000002", "OperatorID": "395815801", "StationLng": "east", "StationLat": 29},
        {"StationID": "000000000000003", "OperatorID": "395815801", "StationStatus": 5},
        {"StationID": "000000000000004", "OperatorID": "395815801", "StationStatus": "1"},
    ],
}  # fmt: skip
OCPI: dict[str, Any] = {
    "status_code": 1000, "timestamp": "2026-06-01T00:00:00Z",
    "data": [
        {
            "country_code": "CN", "party_id": "ABC", "id": "LOC1", "publish": True, "name": "码头站", "address": "港路 1 号",
            "city": "宁海", "country": "CHN", "coordinates": {"latitude": "29.288000", "longitude": "121.429000"},
            "opening_times": {"twentyfourseven": False, "regular_hours": [
                {"weekday": 1, "period_begin": "08:00", "period_end": "00:00"},
                {"weekday": 2, "period_begin": "08:00", "period_end": "23:59"}]},
            "help_phone": "400-1", "energy_mix": {"is_green_energy": True},
            "directions": [{"language": "en", "text": "at the pier"}, {"language": "zh", "text": "码头内"}],
            "parking_places": [{"id": "A1", "vehicle_types": ["DISABLED"]}, {"id": "P1", "vehicle_types": ["BUS"]}],
            "evses": [
                {"uid": "1", "evse_id": "CN*ABC*E1", "status": "AVAILABLE", "physical_reference": "A1", "connectors": [
                    {"id": "1", "standard": "GBT_DC", "format": "CABLE", "power_type": "DC", "max_voltage": 750,
                     "max_amperage": 250, "last_updated": "2026-06-01T00:00:00Z"},
                    {"id": "2", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
                     "max_voltage": 230, "max_amperage": 32, "last_updated": "2026-06-01T00:00:00Z"}]},
                {"uid": "2", "status": "REMOVED", "connectors": []},
                {"uid": "3", "status": "AVAILABLE", "connectors": [{"id": "1", "standard": "EUROPLUG"}]},
            ],
        },
        {
            "country_code": "CN", "party_id": "ABC", "id": "LOC2", "publish": False,
            "coordinates": {"latitude": "29.288000", "longitude": "121.429000"},
            "evses": [
                {"uid": "1", "status": "PLANNED", "connectors": [{"id": "1", "standard": "GBT_DC", "power_type": "DC"}]},
                {"uid": "2", "status": "AVAILABLE", "connectors": [
                    {"id": "3", "standard": "GBT_DC", "format": "CABLE", "power_type": "DC"},
                    {"id": "1", "standard": "GBT_AC", "format": "CABLE", "power_type": "AC_1_PHASE"}]},
            ],
        },
    ],
}  # fmt: skip
OPEN_CHARGE_MAP: list[Any] = [
    {
        "ID": 148527, "UsageTypeID": 1, "UsageCost": "¥0.65/kWh", "NumberOfPoints": 3, "StatusTypeID": 50,
        "OperatorInfo": {"ID": 3, "Title": "山门公司"},
        "AddressInfo": {"Title": "山门站", "AddressLine1": "山路 1 号", "Town": "宁海", "Latitude": 29.3, "Longitude": 121.4},
        "Connections": [
            {"ConnectionTypeID": 1040, "CurrentTypeID": 30, "PowerKW": 60, "Quantity": 2},
            {"ConnectionTypeID": 1040, "CurrentTypeID": 30, "PowerKW": 30, "StatusTypeID": 200},
            {"ConnectionTypeID": 1039, "CurrentTypeID": 10, "PowerKW": 7, "Amps": 32, "Voltage": 220},
        ],
    },
    {"ID": 2, "AddressInfo": {"Title": "无处", "Latitude": 91, "Longitude": 0}},
    {"ID": 3, "StatusTypeID": 150, "AddressInfo": {"Latitude": 29.3, "Longitude": 121.4}},
    {"ID": 4, "StatusTypeID": 200, "AddressInfo": {"Latitude": 29.3, "Longitude": 121.4}},
    {"ID": 5, "UsageTypeID": 6, "OperatorInfo": {"ID": 1, "Title": "(Unknown Operator)"},
     "AddressInfo": {"Latitude": 29.3, "Longitude": 121.4}},
]  # fmt: skip
GEOJSON: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": "g1", "geometry": {"type": "Point", "coordinates": [121.4, 29.3, 5]},
         "properties": {"name": "公园站", "help_phone": "400-1", "count": 2, "colour": "green"}},
        {"type": "Feature", "id": "g2", "geometry": {"type": "LineString", "coordinates": []}, "properties": None},
    ],
}  # fmt: skip


def packed(value: Any) -> bytes:
    return orjson.dumps(value)


def xlsx(
    rows: list[list[Any]], *, sheet: str | None = None, extra: dict[str, bytes] | None = None, shared: bytes = b""
) -> bytes:
    """Return a workbook written from the format's description: text inline, numbers as numbers; `shared`: its shared strings."""
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(f"{_letters(column)}{number}", value) for column, value in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    body = sheet or f"<sheetData>{''.join(lines)}</sheetData>"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}">{body}</worksheet>',
    }
    if shared:
        relation = f'<Relationship Id="r2" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
        files["xl/_rels/workbook.xml.rels"] = files["xl/_rels/workbook.xml.rels"].replace("</Relationships>", relation)
        files["xl/sharedStrings.xml"] = shared.decode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in {**{n: c.encode() for n, c in files.items()}, **(extra or {})}.items():
            book.writestr(name, content)
    return target.getvalue()


def _cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def _letters(column: int) -> str:
    return (chr(64 + column // 26) if column >= 26 else "") + chr(65 + column % 26)
