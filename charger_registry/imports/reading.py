"""What a file says: drafts with the row where each begins, and what cannot be used."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from charger_registry.drafts import SiteDraft, StationDraft
from charger_registry.imports.fields import Fields, RefusedRow, RowError
from youguan.errors import Reason, TooLarge

MOST_ITEMS = 50_000  # sites, and as many refusals
MOST_STATIONS = 2000  # of one site
MOST_STATIONS_TOGETHER = 200_000


@dataclass(slots=True)
class Reading:
    """The sites of a file by id in its order, each with its row; `encoding` and `delimiter` of text."""

    format: str
    rows: dict[str, int] = field(default_factory=dict)
    sites: dict[str, SiteDraft] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ","
    stations: int = 0

    def refuse(self, row: int, error: RowError) -> None:
        """Note what cannot be used; TooLarge where it is more than anybody would look at."""
        if len(self.refused) == MOST_ITEMS:
            raise TooLarge(Reason("more than {most} refusals: the file is not what it should be", most=MOST_ITEMS))
        self.refused.append(RefusedRow(row, error.field, error.reason))

    def take(self, row: int, site: SiteDraft, name_of_id: str) -> None:
        """Add a site; RowError where it is there already, TooLarge beyond what is read."""
        if site.id in self.sites:
            raise RowError(name_of_id, Reason("{given} stands in an earlier row already", given=site.id))
        self.stations += len(site.stations) if site.stations is not None else site.counted or 0
        if self.stations > MOST_STATIONS_TOGETHER:
            raise TooLarge(Reason("at most {most} stations are read; divide the file", most=MOST_STATIONS_TOGETHER))
        if len(self.sites) == MOST_ITEMS:
            raise TooLarge(Reason("at most {most} sites are read; divide the file", most=MOST_ITEMS))
        self.sites[site.id], self.rows[site.id] = site, row


# Reads one thing; what it cannot use within it (a connector, a station) it hands to the callable and goes on without.
Noted = Callable[[RowError], None]
ReadItem = Callable[[Fields, Noted], SiteDraft]


def read_items(kind: str, items: Iterable[Any], read: ReadItem, name_of_id: str) -> Reading:
    """Read things one by one; each that cannot be used is named and takes no other with it."""
    reading = Reading(kind)
    for number, item in enumerate(items, 1):
        found: list[RowError] = []
        try:
            if not isinstance(item, dict):
                raise RowError("", "is no object")
            reading.take(number, read(Fields(item), found.append), name_of_id)
        except RowError as error:
            found.append(error)
        for refused in found:
            reading.refuse(number, refused)
    return reading


def each(parent: Fields, name: str, most: int) -> list[tuple[int, Fields]]:
    """Return the objects of a list within a thing, numbered from 1; RowError where it is no list of a bearable length."""
    found = parent.members.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise parent.wrong(name, "is no list")
    if len(found) > most:
        raise parent.wrong(name, Reason("has more than {most} members", most=most))
    return [
        (number, Fields(item if isinstance(item, dict) else {"": item}, f"{parent.where}{name}[{number}]."))
        for number, item in enumerate(found, 1)
    ]


def inside(parent: Fields, name: str) -> Fields:
    """Return an object within a thing; an empty one where there is none."""
    found = parent.members.get(name)
    return Fields(found if isinstance(found, dict) else {}, f"{parent.where}{name}.")


def stations_of(
    parent: Fields, name: str, read: Callable[[Fields], StationDraft | None], name_of_id: str, noted: Noted
) -> tuple[tuple[StationDraft, ...] | None, bool]:
    """Return the stations of a list within a site, and whether all could be used; None where the site says nothing of them."""
    if name not in parent.members:
        return None, True
    found: dict[str, StationDraft] = {}
    whole = True
    for _, item in each(parent, name, MOST_STATIONS):
        try:
            station = read(item)
            if station is not None and station.id in found:
                raise item.wrong(name_of_id, "stands in an earlier item already")
            if station is not None:
                found[station.id] = station
        except RowError as error:
            whole = False
            noted(error)
    return tuple(found.values()), whole
