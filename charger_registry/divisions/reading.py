"""A table of divisions as people send it, one a row: columns by name in any order; what cannot be used is named by row. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from unicodedata import normalize

from charger_registry.identifiers import normal_division_code
from charger_registry.imports.csvtext import Record, decode, records, sniff
from youguan.errors import FieldError, Invalid, Reason

# Our field → what a column may be called.
COLUMNS = {
    "code": ("code", "division_code", "adcode", "区划代码", "代码"),
    "name": ("name", "名称"),
    "name_en": ("name_en", "英文名称"),
    "parent": ("parent", "parent_code", "上级代码", "上级"),
    "longitude": ("longitude", "lng", "lon", "经度"),
    "latitude": ("latitude", "lat", "纬度"),
}
NEEDED = ("code", "name")
LONGEST, MOST_ROWS = 100, 20_000
VILLAGE_DIGITS = 12


@dataclass(frozen=True, slots=True)
class DivisionDraft:
    """A division to be filed; None says nothing: what is filed stays. The point is where a map writes the name, WGS-84."""

    code: str
    name: str
    name_en: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken: its line in the file, field and reason."""

    row: int
    field: str
    reason: str


@dataclass(slots=True)
class Reading:
    """What a table says: line → division, and the rows that say nothing usable."""

    divisions: dict[int, DivisionDraft] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)


class _Wrong(ValueError):
    """A field of a row cannot be used."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.field = name
        self.reason = reason


def read(data: bytes) -> Reading:
    """Return the divisions of a CSV; Invalid where it is no table with a code and a name."""
    try:
        text, _ = decode(data)
    except ValueError:
        raise _invalid_file(Reason("is neither UTF-8 nor GB18030 text")) from None
    lines = records(text, sniff(text, lambda header: not _missing(header)))
    header = next(lines, Record(1))
    if missing := _missing(header.cells):
        raise Invalid.of(
            *(
                FieldError(name, Reason("no column is named {names}", names=" / ".join(COLUMNS[name])))
                for name in missing
            )
        )
    columns = _columns(header.cells)
    reading = Reading(ignored_columns=[n for n in header.cells if n.strip() and n not in columns.values()])
    for record in lines:
        if len(reading.divisions) + len(reading.refused) >= MOST_ROWS:
            raise _invalid_file(Reason("has more than {most} rows", most=MOST_ROWS))
        try:
            reading.divisions[record.line] = _division(_cells(header.cells, columns, record))
        except _Wrong as wrong:
            reading.refused.append(Refused(record.line, columns.get(wrong.field, wrong.field), wrong.reason))
    return reading


def _invalid_file(reason: Reason) -> Invalid:
    return Invalid.about("file", reason)


def _columns(header: Sequence[str]) -> dict[str, str]:
    """Return our field → the file's column."""
    names = {normalize("NFKC", name).strip().lower(): name for name in header}
    return {ours: names[alias] for ours, aliases in COLUMNS.items() for alias in reversed(aliases) if alias in names}


def _missing(header: Sequence[str]) -> list[str]:
    found = _columns(header)
    return [name for name in NEEDED if name not in found]


def _cells(header: Sequence[str], columns: Mapping[str, str], record: Record) -> dict[str, str]:
    """Return the cells of a record by our fields, trimmed, figures and letters in their narrow form."""
    if record.error is not None:
        raise _Wrong("row", Reason("cannot be read as CSV"))
    if any(cell.strip() for cell in record.cells[len(header) :]):
        raise _Wrong("row", Reason("has more cells than the header"))
    by_column = dict(zip(header, record.cells, strict=False))
    return {ours: normalize("NFKC", by_column.get(column, "")).strip() for ours, column in columns.items()}


def _division(cells: Mapping[str, str]) -> DivisionDraft:
    code, name = _code(cells, "code"), cells["name"]
    if not name:
        raise _Wrong("name", Reason("is missing"))
    for text in ("name", "name_en"):
        if len(cells.get(text, "")) > LONGEST:
            raise _Wrong(text, Reason("is longer than {longest} characters", longest=LONGEST))
        if not cells.get(text, "").isprintable():
            raise _Wrong(text, Reason("holds a control character"))
    parent = _code(cells, "parent") if cells.get("parent") else None
    if parent is not None and (parent == code or not code.startswith(parent)):
        raise _Wrong("parent", Reason("{code} is not the code of a part of {parent}", code=code, parent=parent))
    longitude, latitude = _number(cells, "longitude", 70, 140), _number(cells, "latitude", 0, 60)
    for absent, given, value in (("longitude", latitude, longitude), ("latitude", longitude, latitude)):
        if value is None and given is not None:
            raise _Wrong(absent, Reason("is missing"))
    return DivisionDraft(code, name, cells.get("name_en") or None, longitude, latitude, parent)


def _code(cells: Mapping[str, str], name: str) -> str:
    given = cells[name]
    if not given:
        raise _Wrong(name, Reason("is missing"))
    code = normal_division_code(given)
    if code is None:
        raise _Wrong(name, Reason("{given} is no division code of 2, 4, 6, 9 or 12 digits", given=given[:LONGEST]))
    if len(given) == VILLAGE_DIGITS and not given.endswith("000"):
        raise _Wrong(name, Reason("{given} is a village's code: divisions go down to towns", given=given))
    return code


def _number(cells: Mapping[str, str], name: str, least: float, most: float) -> float | None:
    given = cells.get(name, "")
    if not given:
        return None
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise _Wrong(name, Reason("is no number from {least} to {most}", least=least, most=most))
    return value


def admitted(reading: Reading, known: Collection[str], may_file: Collection[str]) -> Reading:
    """Return what may be filed: refused besides is what lies beyond the bounds, stands twice, or lies within nothing known.

    `known`: codes that are filed; `may_file`: those of the file that whoever brings it may file.
    """
    rows: dict[str, int] = {}
    found = Reading(refused=list(reading.refused), ignored_columns=reading.ignored_columns)
    in_file = {draft.code for draft in reading.divisions.values()}
    for row, draft in reading.divisions.items():
        if draft.code not in may_file:
            found.refused.append(Refused(row, "code", Reason("lies beyond your bounds")))
        elif draft.code in rows:
            found.refused.append(Refused(row, "code", Reason("stands in row {row} already", row=rows[draft.code])))
        elif draft.parent is not None and draft.parent not in known and draft.parent not in in_file:
            found.refused.append(Refused(row, "parent", Reason("is not known")))
        else:
            rows[draft.code] = row
            found.divisions[row] = draft
    found.refused.sort(key=lambda refused: refused.row)
    return found


def brought_up_to_date(draft: DivisionDraft, before: DivisionDraft | None) -> DivisionDraft:
    """Return a division as it will be filed: what the file leaves open stays, and a name stands in for an English one."""
    filed = before or DivisionDraft(draft.code, draft.name)
    has_point = draft.longitude is not None
    return replace(
        draft,
        name_en=draft.name_en or filed.name_en or draft.name,
        longitude=draft.longitude if has_point else filed.longitude,
        latitude=draft.latitude if has_point else filed.latitude,
        parent=None,
    )
