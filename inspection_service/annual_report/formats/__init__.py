"""The report as a file: the same figures in every format."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from inspection_service.annual_report.formats.html import as_html
from inspection_service.annual_report.formats.pdf import as_pdf
from inspection_service.annual_report.formats.word import as_word
from inspection_service.annual_report.indicators import CHAPTERS, Report
from inspection_service.printing.press import Press
from youguan.spreadsheets import harmless


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its media type, and what makes it."""

    media_type: str
    make: Callable[[Report, Press], bytes]


def as_json(report: Report, _: Press) -> bytes:
    """Return the figures for machines."""
    return orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2) + b"\n"


def as_csv(report: Report, _: Press) -> bytes:
    """Return a row a figure, in UTF-8 with the mark by which spreadsheets know it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["id", "chapter", "指标", "indicator", "value", "单位", "unit"])
    for chapter, figures in report.chapters():
        for each, figure in figures:
            rows.writerow([each.id, CHAPTERS[chapter][1], each.name, each.name_en, figure, each.unit, each.unit_en])
    if report.repair_hours is not None:
        rows.writerow(
            [
                "repair_hours",
                CHAPTERS["charging"][1],
                "修复用时中位数",
                "Median time to mend",
                report.repair_hours,
                "小时",
                "hours",
            ]
        )
    for operator in report.uptime or ():
        name = harmless(operator.organisation)
        rows.writerow(["uptime_percent", CHAPTERS["charging"][1], name, name, operator.percent, "%", "%"])
    return text.getvalue().encode("utf-8-sig")


FORMATS: Mapping[str, Format] = {
    "json": Format("application/json", as_json),
    "html": Format("text/html; charset=utf-8", lambda report, _: as_html(report)),
    "pdf": Format("application/pdf", as_pdf),
    "docx": Format(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document", lambda report, _: as_word(report)
    ),
    "csv": Format("text/csv; charset=utf-8", as_csv),
}
