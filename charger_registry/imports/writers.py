"""Exports as files, written piece by piece, so that a county of any size needs little memory."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import date
from typing import IO, Any, NamedTuple, Protocol

import orjson
import xlsxwriter

from charger_registry.drafts import SiteDraft
from charger_registry.imports.columns import COLUMNS
from charger_registry.imports.export import feature, rows
from charger_registry.imports.template import HEADS
from charger_registry.open_data.columns import harmless


class Writer(Protocol):
    """Takes sites in, as often as there are some; the file, which stays open, is whole after `finish`."""

    def add(self, sites: Iterable[SiteDraft]) -> None: ...

    def finish(self) -> None: ...


class CsvTable:
    """A row a connector, under the heads of the template; a Chinese Excel opens it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        self._rows = csv.writer(self._text)
        self._rows.writerow(HEADS["zh"].values())

    def add(self, sites: Iterable[SiteDraft]) -> None:
        self._rows.writerows(
            [harmless(_plain(row.get(name))) for name in COLUMNS] for site in sites for row in rows(site)
        )

    def finish(self) -> None:
        self._text.detach()


class ExcelTable:
    """The same as a workbook, whose rows wait on the disk; codes are text."""

    def __init__(self, file: IO[bytes]) -> None:
        self._book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._sheet = self._book.add_worksheet("sites")
        self._sheet.write_row(0, 0, list(HEADS["zh"].values()))
        self._next = 1

    def add(self, sites: Iterable[SiteDraft]) -> None:
        for row in (row for site in sites for row in rows(site)):
            for column, name in enumerate(COLUMNS):
                if row.get(name) is not None:
                    self._sheet.write_string(self._next, column, str(_plain(row[name])))
            self._next += 1

    def finish(self) -> None:
        self._book.close()


class GeoJsonFile:
    """A feature a site, its stations with their connectors and meters among its properties."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._file.write(b'{"type":"FeatureCollection","features":[')
        self._begun = False

    def add(self, sites: Iterable[SiteDraft]) -> None:
        for site in sites:
            self._file.write((b",\n" if self._begun else b"\n") + orjson.dumps(feature(site)))
            self._begun = True

    def finish(self) -> None:
        self._file.write(b"\n]}\n")


class Form(NamedTuple):
    """A kind of file."""

    begin: Callable[[IO[bytes]], Writer]
    media_type: str


WRITERS = {
    "csv": Form(CsvTable, "text/csv; charset=utf-8"),
    "xlsx": Form(ExcelTable, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "geojson": Form(GeoJsonFile, "application/geo+json"),
}


def _plain(cell: Any) -> str | int | float | bool | None:
    return cell.isoformat() if isinstance(cell, date) else cell
