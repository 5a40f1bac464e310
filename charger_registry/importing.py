"""Import of sites from CSV: columns by name, good rows in, each bad row named with field and reason, repeatable."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import asyncpg

from charger_registry import store
from charger_registry.coordinates import TO_WGS84
from charger_registry.csvtext import Record, decode, records, sniff
from charger_registry.drafts import Filing, SiteDraft, StationDraft
from youguan.errors import FieldError, Invalid

ALIASES = {
    "id": ("site_id", "station_id", "id", "场站编号", "编号"),
    "name": ("name", "site_name", "station_name", "名称", "场站名称"),
    "longitude": ("longitude", "lng", "lon", "经度"),
    "latitude": ("latitude", "lat", "纬度"),
    "stations": ("charge_count", "count", "stations", "charger_count", "充电桩数"),
    "address": ("address", "地址"),
    "division": ("division_code", "division", "区划代码"),
}
NEEDED = ("id", "longitude", "latitude")
MOST_STATIONS = 2000
LONGEST = {"name": 200, "address": 500, "division": 20}
# What no name holds; a line break within a quoted cell is one that somebody meant.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
SITE_ID = re.compile(r"[\w.\-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken: its line in the file (the header is line 1), the field and the reason."""

    row: int
    field: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What an import did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    site_ids: list[str] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ","


class RowError(ValueError):
    """One field of a row cannot be used."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.field = name
        self.reason = reason


def map_columns(header: Iterable[str]) -> dict[str, str]:
    """Return our field → the file's column; Invalid where a needed one is missing."""
    names = {name.strip().lower(): name for name in header}
    found = {ours: names[alias] for ours, aliases in ALIASES.items() for alias in reversed(aliases) if alias in names}
    missing = [ours for ours in NEEDED if ours not in found]
    if missing:
        fields = [FieldError(ours, f"no column named {' or '.join(ALIASES[ours])}") for ours in missing]
        raise Invalid("; ".join(f"{f.field}: {f.reason}" for f in fields), fields=fields)
    return found


def read_row(row: Mapping[str, str | None], columns: Mapping[str, str], crs: str) -> SiteDraft:
    """Return the site of a row; RowError names what cannot be used."""

    def text(ours: str) -> str:
        found = (row.get(columns.get(ours, "")) or "").strip()
        if CONTROL.search(found):
            raise RowError(columns[ours], "holds a control character")
        if len(found) > LONGEST.get(ours, len(found)):
            raise RowError(columns[ours], f"is longer than {LONGEST[ours]} characters")
        return found

    site_id = text("id")
    if not SITE_ID.fullmatch(site_id):
        raise RowError(columns["id"], f"{site_id!r} is no id: letters, digits, '.', '-' and '_', at most 40")
    return SiteDraft(
        id=site_id,
        name=text("name") or site_id,
        longitude=_number(text("longitude"), columns["longitude"], -180, 180),
        latitude=_number(text("latitude"), columns["latitude"], -90, 90),
        crs=crs,
        address=text("address"),
        division_code=text("division") or None,
        stations=_stations(site_id, _count(text("stations"), columns["stations"])) if text("stations") else None,
    )


def _stations(site_id: str, count: int) -> tuple[StationDraft, ...]:
    return tuple(StationDraft(f"{site_id}-{n:03d}") for n in range(1, count + 1))


def _count(text: str, column: str) -> int:
    number = _number(text, column, 0, MOST_STATIONS)
    if not number.is_integer():
        raise RowError(column, f"{text} is not a whole number")
    return int(number)


def _number(text: str, column: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise RowError(column, f"{text!r} is not a number") from None
    if not math.isfinite(number) or not low <= number <= high:
        raise RowError(column, f"{text} is not between {low:g} and {high:g}")
    return number


def read_sites(path: Path, crs: str) -> tuple[list[SiteDraft], Outcome]:
    """Return the sites of a CSV file and the rows that cannot be used."""
    if crs not in TO_WGS84:
        raise Invalid(f"crs: {crs} is not one of {', '.join(TO_WGS84)}", fields=[FieldError("crs", "unknown")])
    try:
        text, encoding = decode(path.read_bytes())
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise Invalid(f"{path} is no text: {error}") from None
    delimiter = sniff(text, _has_what_is_needed)
    found = records(text, delimiter)
    header = next(found, Record(1))
    if header.error is not None:
        raise Invalid(f"{path}:{header.line}: {header.error}")
    columns = map_columns(header.cells)
    ignored = [name for name in header.cells if name not in columns.values()]
    outcome = Outcome(ignored_columns=ignored, encoding=encoding, delimiter=delimiter)
    sites: dict[str, SiteDraft] = {}
    for record in found:
        try:
            site = read_row(_cells(header.cells, record), columns, crs)
            if site.id in sites:
                raise RowError(columns["id"], f"{site.id} stands in an earlier row already")
            sites[site.id] = site
        except RowError as error:
            outcome.refused.append(RefusedRow(record.line, error.field, error.reason))
    return list(sites.values()), outcome


def _has_what_is_needed(header: Iterable[str]) -> bool:
    try:
        return bool(map_columns(header))
    except Invalid:
        return False


def _cells(header: Sequence[str], record: Record) -> dict[str, str | None]:
    """Return a record by column; RowError where it cannot be read or has cells that no column names."""
    if record.error is not None:
        raise RowError("row", record.error)
    if any(cell.strip() for cell in record.cells[len(header) :]):
        raise RowError("row", f"has {len(record.cells)} cells, the header {len(header)}")
    return dict(zip_longest(header, record.cells[: len(header)]))


def facts(site: SiteDraft) -> tuple[Any, ...]:
    """Return what decides whether a site has changed; the last is how many stations, None where the file does not say."""
    return (
        site.name,
        site.address,
        site.division_code,
        site.longitude,
        site.latitude,
        site.crs,
        None if site.stations is None else len(site.stations),
    )


def has_changed(site: SiteDraft, filed: tuple[Any, ...]) -> bool:
    """Say whether a file says something else of a site than what is filed (`store.known_sites`)."""
    said = facts(site)
    return said != filed if said[-1] is not None else said[:-1] != filed[:-1]


def fingerprint(path: Path, crs: str) -> str:
    """Return by what the same file is recognised."""
    return hashlib.sha256(crs.encode() + b"\n" + path.read_bytes()).hexdigest()


async def import_sites(connection: asyncpg.Connection, path: Path, crs: str, now: datetime) -> Outcome:
    """File the sites of a CSV in one transaction, inventing nothing; what is filed already is not doubled."""
    async with connection.transaction():
        news, outcome = await take_sites(connection, path, crs, now)
        await store.file_all(connection, Filing(sites=news), now)
    return outcome


async def take_sites(
    connection: asyncpg.Connection, path: Path, crs: str, now: datetime
) -> tuple[tuple[SiteDraft, ...], Outcome]:
    """Return the sites of a CSV that are new or changed, to be filed in the caller's transaction, and note the import.

    A new site whose row does not say how many stations it has gets one; a site that is filed keeps those it has.
    """
    sites, outcome = read_sites(path, crs)
    known = await store.known_sites(connection, [site.id for site in sites])
    added = [
        replace(site, stations=_stations(site.id, 1)) if site.stations is None else site
        for site in sites
        if site.id not in known
    ]
    changed = [site for site in sites if site.id in known and has_changed(site, known[site.id])]
    outcome.added, outcome.changed = len(added), len(changed)
    outcome.unchanged = len(sites) - len(added) - len(changed)
    outcome.site_ids = [site.id for site in sites]
    run = (str(path.name), fingerprint(path, crs), now, outcome.added, outcome.changed, outcome.unchanged)
    await store.note_import(connection, (*run, len(outcome.refused)))
    return (*added, *changed), outcome
