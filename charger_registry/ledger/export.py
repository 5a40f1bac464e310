"""The ledger as CSV, as a spreadsheet opens it. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from youguan.clock import utc_text

COLUMNS = (
    "site_id", "site_name", "division_code", "station_id", "role", "organisation_id", "organisation_name", "uscc", "since",
    "until", "origin", "evidence_kind", "evidence_number", "evidence", "believed_from", "believed_until", "recorded_by",
    "reason", "withdrawn_by", "withdrawn_reason",
)  # fmt: skip
MARK = "\ufeff"  # by which spreadsheets know that it is UTF-8
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header() -> str:
    """Return the first line, with the mark before it."""
    return MARK + _line(COLUMNS)


def csv_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows of the ledger as lines of CSV, times in UTC."""
    return "".join(_line([_cell(row[name]) for name in COLUMNS]) for row in rows)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return utc_text(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
