"""The report as one page of HTML that needs nothing beside it."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from inspection_service.annual_report.indicators import CHAPTERS, Report, sentences

TEMPLATE = "report.html"


def as_html(report: Report) -> bytes:
    """Return the report as a page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"]), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template(TEMPLATE).render(report=report, chapters=CHAPTERS, paragraphs=sentences(report))
    return page.encode()
