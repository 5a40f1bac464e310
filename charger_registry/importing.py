"""Import of sites from CSV: columns by name, good rows in, each bad row named with field and reason, repeatable."""

import csv
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from charger_registry import store
from charger_registry.coordinates import TO_WGS84
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
        return (row.get(columns.get(ours, "")) or "").strip()

    site_id = text("id")
    if not SITE_ID.fullmatch(site_id):
        raise RowError(columns["id"], f"{site_id!r} is no id: letters, digits, '.', '-' and '_', at most 40")
    count = int(_number(text("stations") or "1", columns.get("stations", "stations"), 0, MOST_STATIONS))
    return SiteDraft(
        id=site_id,
        name=text("name") or site_id,
        longitude=_number(text("longitude"), columns["longitude"], -180, 180),
        latitude=_number(text("latitude"), columns["latitude"], -90, 90),
        crs=crs,
        address=text("address"),
        division_code=text("division") or None,
        stations=tuple(StationDraft(f"{site_id}-{n:03d}") for n in range(1, count + 1)),
    )


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
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8 text") from None
    reader = csv.DictReader(text.splitlines())
    columns = map_columns(reader.fieldnames or ())
    outcome = Outcome(ignored_columns=[n for n in reader.fieldnames or () if n not in columns.values()])
    sites: dict[str, SiteDraft] = {}
    for number, row in _numbered(reader):
        try:
            site = read_row(row, columns, crs)
            if site.id in sites:
                raise RowError(columns["id"], f"{site.id} stands in an earlier row already")
            sites[site.id] = site
        except RowError as error:
            outcome.refused.append(RefusedRow(number, error.field, error.reason))
    return list(sites.values()), outcome


def _numbered(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str | None]]]:
    for row in reader:
        yield reader.line_num, dict(row)


def facts(site: SiteDraft) -> tuple[Any, ...]:
    """Return what decides whether a site has changed."""
    return (
        site.name,
        site.address,
        site.division_code,
        site.longitude,
        site.latitude,
        site.crs,
        len(site.stations),
    )


def fingerprint(path: Path, crs: str) -> str:
    """Return by what the same file is recognised."""
    return hashlib.sha256(crs.encode() + b"\n" + path.read_bytes()).hexdigest()


async def import_sites(connection: asyncpg.Connection, path: Path, crs: str, now: datetime) -> Outcome:
    """File the sites of a CSV in one transaction, inventing nothing; what is filed already is not doubled."""
    sites, outcome = read_sites(path, crs)
    async with connection.transaction():
        known = await store.known_sites(connection, [site.id for site in sites])
        news = [site for site in sites if known.get(site.id) != facts(site)]
        outcome.added = sum(site.id not in known for site in news)
        outcome.changed = len(news) - outcome.added
        outcome.unchanged = len(sites) - len(news)
        outcome.site_ids = [site.id for site in sites]
        run = (str(path.name), fingerprint(path, crs), now, outcome.added, outcome.changed, outcome.unchanged)
        await store.note_import(connection, (*run, len(outcome.refused)))
        await store.file_all(connection, Filing(sites=tuple(news)), now)
    return outcome
