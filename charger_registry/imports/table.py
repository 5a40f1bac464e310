"""A table of sites, one row each, or one row a station or connector: columns by name in any order. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import Any, TypeVar

from charger_registry.drafts import ConnectorDraft, MeterDraft, SiteDraft, StationDraft
from charger_registry.imports.cells import site_of, station_of
from charger_registry.imports.columns import SITE, map_columns
from charger_registry.imports.csvtext import Record
from charger_registry.imports.fields import LONGEST_NAME, Fields, RowError
from charger_registry.imports.reading import MOST_STATIONS, Reading
from charger_registry.open_data.columns import DANGEROUS
from youguan.errors import Invalid, Reason

MOST_COLUMNS = 500
Draft = TypeVar("Draft", SiteDraft, StationDraft)
Part = TypeVar("Part", ConnectorDraft, MeterDraft)


def read_table(kind: str, records: Iterator[Record], crs: str) -> Reading:
    """Return the sites of a table whose first record is its header; Invalid where that lacks what is needed."""
    header = next(records, Record(1))
    if header.error is not None:
        raise Invalid(Reason("row {row}: {error}", row=header.line, error=header.error))
    if len(header.cells) > MOST_COLUMNS:
        raise Invalid(
            Reason(
                "row {row}: has {count} columns; at most {most} are read",
                row=header.line,
                count=len(header.cells),
                most=MOST_COLUMNS,
            )
        )
    columns = map_columns(header.cells)
    ignored = [name[:LONGEST_NAME] for name in header.cells if name.strip() and name not in columns.values()]
    reading, sites = Reading(kind, ignored_columns=ignored), Sites(crs)
    for record in records:
        try:
            sites.take(record.line, Fields(_cells(header.cells, columns, record), names=columns))
        except RowError as error:
            reading.refuse(record.line, error)
    sites.hand_over(reading, columns["id"])
    return reading


def _cells(header: Sequence[str], columns: Mapping[str, str], record: Record) -> dict[str, str | None]:
    """Return a record by our fields; RowError where it cannot be read or has cells that no column names."""
    if record.error is not None:
        raise RowError("row", record.error)
    if any(cell.strip() for cell in record.cells[len(header) :]):
        raise RowError(
            "row", Reason("has {count} cells, the header {columns}", count=len(record.cells), columns=len(header))
        )
    by_column = dict(zip_longest(header, map(_unguarded, record.cells[: len(header)])))
    return {ours: by_column[column] for ours, column in columns.items()}


def _unguarded(cell: str) -> str:
    """Return a cell without the apostrophe by which our own files keep a spreadsheet from taking it for a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(DANGEROUS) else cell


@dataclass(slots=True)
class _Entry:
    """A site and the stations that its rows have named so far."""

    row: int
    site: SiteDraft
    stations: dict[str, StationDraft]
    alone: bool
    whole: bool = True

    def draft(self, broken: Collection[str]) -> SiteDraft:
        """Return the site; `broken`: the stations of which a row could not be used."""
        if self.alone:
            return self.site
        stations, partly = tuple(map(_with_current, self.stations.values())), frozenset(broken) & self.stations.keys()
        return replace(self.site, stations=stations, whole=self.whole, partly=partly)


def _with_current(station: StationDraft) -> StationDraft:
    """Return a station of which no row says its current with that of its connectors: DC where any has it."""
    currents = {connector.current_type for connector in station.connector_files} - {None}
    if station.current_type is not None or not currents:
        return station
    return replace(station, current_type="DC" if "DC" in currents else "AC")


class Sites:
    """Puts rows together to sites. What a row refuses leaves its site and station less than whole: what is filed of them stays."""

    def __init__(self, crs: str) -> None:
        self._crs = crs
        self._broken: dict[str, set[str]] = {}  # site → its stations of which a row could not be used
        self._entries: dict[str, _Entry] = {}

    def hand_over(self, reading: Reading, name_of_id: str) -> None:
        """Add the sites to what a file says."""
        for entry in self._entries.values():
            reading.take(entry.row, entry.draft(self._broken.get(entry.site.id, ())), name_of_id)

    def take(self, row: int, cells: Fields) -> None:
        site_id = cells.identity("id")
        try:
            self._take(row, site_id, cells)
        except RowError:
            self._broken.setdefault(site_id, set()).add(str(cells.members.get("charger") or "").strip())
            if site_id in self._entries:
                self._entries[site_id].whole = False
            raise

    def _take(self, row: int, site_id: str, cells: Fields) -> None:
        known = self._entries.get(site_id)
        charger = cells.text("charger")
        if known is not None and (known.alone or charger is None):
            raise cells.wrong("id", Reason("{given} stands in an earlier row already", given=site_id))
        goes_on = known is not None and not any(cells.text(name, 10_000) for name in SITE if name != "id")
        site = known.site if goes_on and known else site_of(cells, self._crs)
        if charger is None:
            self._entries[site_id] = _Entry(row, site, {}, alone=True)
            return
        station = station_of(cells)
        if known is None:
            known = _Entry(row, site, {}, alone=False, whole=site_id not in self._broken)
        else:
            site = _joined(known.site, site, cells, known.row)
        before = known.stations.get(station.id)
        if before is None and len(known.stations) == MOST_STATIONS:
            raise cells.wrong("charger", Reason("a site has at most {most}", most=MOST_STATIONS))
        known.stations[station.id] = station if before is None else _with_connector(before, station, cells)
        known.site = site
        self._entries[site_id] = known


def _with_connector(before: StationDraft, station: StationDraft, cells: Fields) -> StationDraft:
    """Return a station with the connector, or the meter, that another row names."""
    if not (station.connector_files and before.connector_files) and not (station.meters and before.meters):
        raise cells.wrong(
            "charger",
            Reason("{given} stands in an earlier row already, and not both name a connector", given=station.id),
        )
    bare = [replace(draft, connector_files=(), meters=()) for draft in (before, station)]
    return replace(
        _joined(bare[0], bare[1], cells, 0),
        connector_files=_apart(before.connector_files, station.connector_files, "connector", cells),
        meters=_apart(before.meters, station.meters, "meter_connector", cells),
    )


def _apart(before: tuple[Part, ...], said: tuple[Part, ...], name: str, cells: Fields) -> tuple[Part, ...]:
    """Return parts with those that another row adds; RowError where it says something else of one that is there."""
    known = {part.connector: part for part in before}
    for part in said:
        if known.setdefault(part.connector, part) != part:
            raise cells.wrong(name, Reason("{given} stands in an earlier row already", given=part.connector))
    return tuple(known.values())


def _joined(first: Draft, other: Draft, cells: Fields, row: int) -> Draft:
    """Return a draft with what another row adds; RowError where the two say different things of it."""
    added: dict[str, Any] = {}
    for member in fields(first):
        ours, theirs = getattr(first, member.name), getattr(other, member.name)
        if theirs in (None, ()) or theirs == ours:
            continue
        if ours not in (None, ()):
            if row:
                raise cells.wrong(member.name, Reason("differs from what row {row} says", row=row))
            raise cells.wrong(member.name, "differs from an earlier row")
        added[member.name] = theirs
    return replace(first, **added)
