"""The report as PDF, printed as the legal documents are."""

from dataclasses import asdict
from datetime import datetime, time
from pathlib import Path

import orjson

from inspection_service.annual_report.indicators import CHAPTERS, Report, sentences
from inspection_service.printing.press import Press
from youguan.clock import COUNTY

TEMPLATE = Path(__file__).with_name("report.typ")


def as_pdf(report: Report, press: Press) -> bytes:
    """Return the report as PDF/A."""
    told = {
        "title": f"{report.year}年度行政执法工作报告", "organ": report.organ, "on": report.made_on.isoformat(),
        "paragraphs": sentences(report),
        "chapters": [
            {"name": CHAPTERS[chapter][0], "figures": [[each.name, str(figure), each.unit] for each, figure in figures]}
            for chapter, figures in report.chapters()
        ],
        "repair_hours": report.repair_hours, "uptime": [{**asdict(e), "percent": e.percent} for e in report.uptime or ()],
    }  # fmt: skip
    made_at = datetime.combine(report.made_on, time(), COUNTY)
    return press.compile(TEMPLATE.read_bytes(), {"report": orjson.dumps(told).decode()}, made_at)
