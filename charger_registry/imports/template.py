"""The table that people fill in: a header in their language, and one example of each kind. Pure."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

import xlsxwriter

from charger_registry.imports.column_notes import CHOICES, explained
from charger_registry.imports.columns import COLUMNS

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


EXAMPLES = ({**EXAMPLE, **GUNS[0]}, GUNS[1])
SHEETS = {"zh": ("场站", "填写说明"), "en": ("sites", "columns")}
EXPLAINED = {
    "zh": ("列名", "所属", "必填", "说明", "可填内容"),
    "en": ("column", "of the", "needed", "what it is", "what it takes"),
}
WIDTHS = (22, 10, 8, 70, 60)
LAST_ROW = 5000  # to which a list of what a column takes is offered
LONGEST_LIST = 255  # letters that Excel takes for such a list


def csv_template(language: str) -> bytes:
    """Return the table as CSV that a Chinese Excel opens: UTF-8 with its mark, codes as they are."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    heads = HEADS[language]
    rows.writerow(heads.values())
    for row in EXAMPLES:
        rows.writerow([row.get(ours, "") for ours in heads])
    return text.getvalue().encode("utf-8-sig")


def excel_template(language: str) -> bytes:
    """Return it as a workbook: cells are text, so that codes keep their zeros, words are chosen, a second sheet explains all."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False}) as book:
        table, notes = (book.add_worksheet(name) for name in SHEETS[language])
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        _fill_table(table, language, bold, book.add_format({"num_format": "@"}))
        _fill_notes(notes, language, bold, wrapped)
    return target.getvalue()


def _fill_table(sheet: Any, language: str, bold: Any, text: Any) -> None:
    heads = HEADS[language]
    sheet.set_column(0, len(heads) - 1, 16, text)
    sheet.write_row(0, 0, heads.values(), bold)
    sheet.freeze_panes(1, 1)
    for number, row in enumerate(EXAMPLES, 1):
        for column, name in enumerate(heads):
            if name in row:
                sheet.write_string(number, column, row[name], text)
    for column, name in enumerate(heads):
        words = [word.of(language) for word in CHOICES.get(name, ())]
        if words and len(",".join(words)) <= LONGEST_LIST:
            taken = {"validate": "list", "source": words, "error_type": "warning"}
            sheet.data_validation(1, column, LAST_ROW, column, taken)


def _fill_notes(sheet: Any, language: str, bold: Any, wrapped: Any) -> None:
    sheet.write_row(0, 0, EXPLAINED[language], bold)
    sheet.freeze_panes(1, 1)
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    for number, (name, *texts) in enumerate(explained(language), 1):
        for column, said in enumerate((HEADS[language][name], *texts)):
            sheet.write_string(number, column, said, wrapped)


TEMPLATES: Mapping[str, Callable[[str], bytes]] = {"csv": csv_template, "xlsx": excel_template}
