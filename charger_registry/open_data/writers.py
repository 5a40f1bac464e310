"""Files of the open data, written piece by piece, so that a county of any size needs little memory."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import orjson
import xlsxwriter

from charger_registry.open_data.columns import CONNECTORS, SITES, Value, connector_rows, feature, harmless, site_row
from charger_registry.open_data.published import PublishedSite


class Writer(Protocol):
    """Takes sites in, as often as there are some."""

    def add(self, sites: Sequence[PublishedSite]) -> None: ...

    def finish(self) -> None: ...


class CsvWriter:
    """One table as CSV: UTF-8 with its mark, so that Excel reads Chinese; nothing in it is taken for a formula."""

    def __init__(
        self, path: Path, columns: Sequence[str], rows: Callable[[PublishedSite], Iterable[list[Value]]]
    ) -> None:
        self._file: IO[str] = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)
        self._rows = rows

    def add(self, sites: Sequence[PublishedSite]) -> None:
        self._writer.writerows([harmless(value) for value in row] for site in sites for row in self._rows(site))

    def finish(self) -> None:
        self._file.close()


class ExcelWriter:
    """A workbook: what it is, the sites, the connectors. Text is written as text, so none of it is a formula."""

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._book = xlsxwriter.Workbook(
            path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        notes = self._book.add_worksheet("about")
        for number, (name, value) in enumerate(about.items()):
            notes.write_string(number, 0, name)
            notes.write_string(number, 1, value)
        notes.set_column(0, 0, 20)
        notes.set_column(1, 1, 80)
        self._sites = _Sheet(self._book, "sites", SITES)
        self._connectors = _Sheet(self._book, "connectors", CONNECTORS)

    def add(self, sites: Sequence[PublishedSite]) -> None:
        self._sites.write(map(site_row, sites))
        self._connectors.write(row for site in sites for row in connector_rows(site))

    def finish(self) -> None:
        self._book.close()


class _Sheet:
    """One table of a workbook; its head stays in sight and its columns can be filtered."""

    def __init__(self, book: xlsxwriter.Workbook, name: str, columns: Sequence[str]) -> None:
        self._sheet = book.add_worksheet(name)
        self._next = 0
        bold = book.add_format({"bold": True})
        self._sheet.write_row(0, 0, columns, bold)
        self._sheet.freeze_panes(1, 2)
        self._sheet.set_column(0, len(columns) - 1, 16)

    def write(self, rows: Iterable[list[Value]]) -> None:
        for row in rows:
            self._next += 1
            for column, value in enumerate(row):
                if value is not None:
                    self._write(column, value)

    def _write(self, column: int, value: Value) -> None:
        if isinstance(value, bool):
            self._sheet.write_boolean(self._next, column, value)
        elif isinstance(value, str):
            self._sheet.write_string(self._next, column, value)
        else:
            self._sheet.write_number(self._next, column, value)


class GeoJsonWriter:
    """One FeatureCollection."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.write(b'{"type":"FeatureCollection","features":[')
        self._begun = False

    def add(self, sites: Sequence[PublishedSite]) -> None:
        for site in sites:
            self._file.write((b",\n" if self._begun else b"\n") + orjson.dumps(feature(site)))
            self._begun = True

    def finish(self) -> None:
        self._file.write(b"\n]}\n")
        self._file.close()


def writer_of(name: str, path: Path, about: Mapping[str, str]) -> Writer:
    """Return what writes the file of a name."""
    match name:
        case "sites.csv":
            return CsvWriter(path, SITES, lambda site: [site_row(site)])
        case "connectors.csv":
            return CsvWriter(path, CONNECTORS, connector_rows)
        case "open-data.xlsx":
            return ExcelWriter(path, about)
        case _:
            return GeoJsonWriter(path)
