"""The table that people fill in: a header in their language, and one example of each kind. Pure."""

import csv
import io

from charger_registry.imports.table import COLUMNS

HEADS = {
    "zh": {ours: next(n for n in names if not n.isascii()) for ours, names in COLUMNS.items()},
    "en": {ours: next(n for n in names if n.isascii()) for ours, names in COLUMNS.items()},
}
EXAMPLE = {
    "id": "EXAMPLE-1", "name": "示例充电站", "longitude": "121.429000", "latitude": "29.288000", "crs": "gcj02",
    "address": "示例路 1 号", "division": "330226001", "usage": "公共", "construction": "大型建筑配建停车场", "bays": "2",
    "accessible_bays": "1", "hours": "周一至周日 06:00-22:00", "help_phone": "400-000-0000", "parking": "充电减免",
    "parking_rules": "充电期间免费", "renewable": "否", "operator_code": "395815801", "cec_station_id": "000000000000001",
    "energy_per_kwh": "0.6500", "service_per_kwh": "0.3500", "idle_fee": "充满 30 分钟后 0.20 元/分钟",
    "manager": "395815801", "manager_since": "2026-01-01", "manager_until": "2028-12-31", "manager_evidence_kind": "合同",
    "manager_evidence": "HT-2026-001",
}  # fmt: skip
GUNS = (
    {
        "id": "EXAMPLE-1", "charger": "EXAMPLE-1-001", "vendor": "示例厂家", "model": "DC120", "power_kw": "120",
        "current_type": "DC", "cec_equipment_id": "00000000000000100001", "meter_serial": "000012345678",
        "meter_due_on": "2028-06-30", "connector": "1", "connector_type": "GBT_DC", "connector_power_kw": "120",
        "cec_connector_id": "0000000000000010000101",
    },
    {
        "id": "EXAMPLE-1", "charger": "EXAMPLE-1-001", "connector": "2", "connector_type": "GBT_DC",
        "connector_power_kw": "120", "cec_connector_id": "0000000000000010000102",
    },
)  # fmt: skip


def template(language: str) -> bytes:
    """Return the table as CSV that a Chinese Excel opens: UTF-8 with its mark, codes as they are."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    heads = HEADS[language]
    rows.writerow(heads.values())
    for row in ({**EXAMPLE, **GUNS[0]}, GUNS[1]):
        rows.writerow([row.get(ours, "") for ours in heads])
    return text.getvalue().encode("utf-8-sig")
