"""The report for Word."""

import io
from datetime import datetime, time

from docx import Document
from docx.document import Document as Paper
from docx.oxml.ns import qn
from docx.shared import Pt

from inspection_service.annual_report.indicators import CHAPTERS, Report, sentences

FONT = "仿宋"  # of official documents (GB/T 9704); Word takes its own where a machine has none


def as_word(report: Report) -> bytes:
    """Return the report as .docx, the same words as everywhere."""
    paper: Paper = Document()
    normal = paper.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(14)
    normal.element.get_or_add_rPr().rFonts.set(qn("w:eastAsia"), FONT)
    title = f"{report.organ}{report.year}年度行政执法工作报告"
    properties = paper.core_properties
    properties.title, properties.author = title, report.organ
    properties.created = properties.modified = datetime.combine(report.made_on, time())
    paper.add_heading(title, 0)
    for paragraph in sentences(report):
        paper.add_paragraph(paragraph)
    for chapter, figures in report.chapters():
        paper.add_heading(CHAPTERS[chapter][0], 1)
        rows = [(each.name, str(figure), each.unit) for each, figure in figures]
        if chapter == "charging" and report.repair_hours is not None:
            rows.append(("修复用时中位数", str(report.repair_hours), "小时"))
        _table(paper, rows)
    if report.uptime:
        paper.add_heading("各运营单位可用率", 1)
        _table(paper, [(e.organisation, "—" if e.percent is None else str(e.percent), "%") for e in report.uptime])
    body = io.BytesIO()
    paper.save(body)
    return body.getvalue()


def _table(paper: Paper, rows: list[tuple[str, str, str]]) -> None:
    table = paper.add_table(rows=len(rows), cols=3, style="Table Grid")
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
