"""What filing a file would do, row by row: added, changed, unchanged, refused. Pure: from what it says and what is filed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import orjson

from charger_registry.divisions.boundaries import Boundary, judge
from charger_registry.drafts import SiteDraft, StationDraft
from charger_registry.equipment.opening_hours import OpeningHours
from charger_registry.imports.fields import RowError
from charger_registry.imports.reading import Reading
from youguan.coordinates import to_wgs84

ADDED, CHANGED, UNCHANGED, REFUSED = "added", "changed", "unchanged", "refused"
OUTCOMES = (ADDED, CHANGED, UNCHANGED, REFUSED)
APART = ("id", "stations", "whole", "counted", "generated", "position", "connector_files", "meters", "connectors")
MOST_CHANGES_SHOWN = 50
Changes = list[tuple[str, Any, Any]]


@dataclass(frozen=True, slots=True)
class Filed:
    """What is filed of what a file names: sites as drafts, and whose the codes and stations are already."""

    sites: Mapping[str, SiteDraft] = field(default_factory=dict)
    site_of_code: Mapping[tuple[str, str], str] = field(default_factory=dict)
    site_of_location: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    site_of_station: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rights:
    """What whoever imports may do: change these sites (None: any), and add sites in a division."""

    may_change: frozenset[str] | None = None
    may_add: Callable[[str | None], bool] = lambda division: True


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of a row: the changes as (field, before, after), or the field and reason of its refusal."""

    row: int
    site_id: str
    name: str
    outcome: str
    field: str = ""
    reason: str = ""
    changes: tuple[tuple[str, Any, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Lines in the order of the file, and what is to be filed of it."""

    lines: tuple[Line, ...]
    sites: tuple[SiteDraft, ...]

    def count(self, outcome: str) -> int:
        return sum(1 for line in self.lines if line.outcome == outcome)

    @property
    def fingerprint(self) -> str:
        """Return by what a plan is recognised: the same file on the same registry."""
        said = [(line.row, line.site_id, line.outcome, line.field, line.reason, line.changes) for line in self.lines]
        return hashlib.sha256(orjson.dumps(said)).hexdigest()


def plan(reading: Reading, filed: Filed, boundaries: Mapping[str, Boundary], rights: Rights) -> Plan:
    """Return what filing would do; a refused row takes no other with it."""
    lines = [Line(r.row, "", "", REFUSED, r.field, r.reason) for r in reading.refused]
    sites: list[SiteDraft] = []
    taken: dict[tuple[str, ...], str] = {}  # a site, code or station → the site of the file that names it first
    for said in reading.sites.values():
        draft = resolved(said, filed)
        row, name = reading.rows[said.id], draft.name or said.id
        before = filed.sites.get(draft.id)
        try:
            draft = placed(draft, before, boundaries)
            _refuse(draft, before, filed, rights, taken)
        except RowError as error:
            lines.append(Line(row, draft.id, name, REFUSED, error.field, error.reason))
            continue
        changes = differences(before, draft) if before else []
        outcome = ADDED if before is None else CHANGED if changes else UNCHANGED
        if outcome != UNCHANGED:
            sites.append(draft)
        lines.append(Line(row, draft.id, name, outcome, changes=tuple(changes[:MOST_CHANGES_SHOWN])))
    lines.sort(key=lambda line: line.row)
    return Plan(tuple(lines), tuple(sites))


def resolved(draft: SiteDraft, filed: Filed) -> SiteDraft:
    """Return a draft under the ids that the registry has for it, where it is filed under a code; counted stations named."""
    code = (draft.operator_code or "", draft.cec_station_id or "")
    location = (draft.ocpi_country_code or "", draft.ocpi_party_id or "", draft.ocpi_location_id or "")
    by_code = filed.site_of_code.get(code) if all(code) else filed.site_of_location.get(location)
    site_id = draft.id if draft.id in filed.sites or by_code is None else by_code
    before = filed.sites.get(site_id)
    stations = draft.stations
    if stations is not None and before is not None and before.stations:
        known = {s.cec_equipment_id: s.id for s in before.stations if s.cec_equipment_id}
        stations = tuple(replace(s, id=known.get(s.cec_equipment_id or "", s.id)) for s in stations)
    if stations is None:
        stations = counted(site_id, draft.counted, before)
    return replace(draft, id=site_id, stations=stations)


def counted(site_id: str, count: int | None, before: SiteDraft | None) -> tuple[StationDraft, ...] | None:
    """Return so many stations: those that are filed first, by id; a site is filed with one where nobody says how many."""
    if before is None:
        return tuple(
            StationDraft(station_id) for station_id in _numbered(site_id, 1 if count is None else count, set())
        )
    if count is None:
        return None
    kept = sorted(station.id for station in before.stations or ())[:count]
    return tuple(StationDraft(s) for s in (*kept, *_numbered(site_id, count - len(kept), set(kept))))


def _numbered(site_id: str, count: int, taken: set[str]) -> list[str]:
    names = (f"{site_id}-{n:03d}" for n in range(1, count + len(taken) + 1))
    return [name for name in names if name not in taken][:count]


def placed(draft: SiteDraft, before: SiteDraft | None, boundaries: Mapping[str, Boundary]) -> SiteDraft:
    """Hold the point against the boundary of the division; RowError where it lies outside of the one that is declared."""
    point = to_wgs84((draft.longitude, draft.latitude), draft.crs)
    declared = draft.division_code or (before.division_code if before else None)
    found = judge(point, declared, boundaries)
    if found.outside_m is not None:
        raise RowError("longitude", f"the point lies {found.outside_m:.0f} m outside of division {found.division}")
    return replace(draft, position=found.position, division_code=draft.division_code or found.division)


def _refuse(
    draft: SiteDraft, before: SiteDraft | None, filed: Filed, rights: Rights, taken: dict[tuple[str, ...], str]
) -> None:
    """Raise RowError where a draft takes what is another's, or whoever imports may not do it."""
    if draft.id in filed.merged:
        raise RowError("id", f"the site was merged into {filed.merged[draft.id]}")
    if before is None and not rights.may_add(draft.division_code):
        raise RowError("id", "the site is not filed, and you may not add sites there: file it")
    if before is not None and rights.may_change is not None and draft.id not in rights.may_change:
        raise RowError("id", "the site is filed, and it is not yours to change")
    if (draft.id,) in taken:
        raise RowError("id", f"is site {draft.id}, as an earlier row is")
    taken[(draft.id,)] = draft.id
    code = (draft.operator_code or "", draft.cec_station_id or "")
    holder = taken.setdefault(code, filed.site_of_code.get(code, draft.id)) if all(code) else draft.id
    if holder != draft.id:
        raise RowError("cec_station_id", f"{draft.cec_station_id} of operator {draft.operator_code} is site {holder}")
    for station in draft.stations or ():
        owner = taken.setdefault(("station", station.id, ""), filed.site_of_station.get(station.id, draft.id))
        if owner != draft.id:
            raise RowError("stations", f"station {station.id} belongs to site {owner}")


def differences(before: SiteDraft, said: SiteDraft) -> Changes:
    """Return what a draft says otherwise than what is filed, as (field, before, after)."""
    return [*_members(before, said, ""), *_stations(before, said)]


def _members(before: Any, said: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    for member in fields(said):
        after = getattr(said, member.name)
        if member.name in APART or after is None:
            continue
        was = getattr(before, member.name)
        if was != after:
            yield f"{where}{member.name}", shown(was), shown(after)


def _stations(before: SiteDraft, said: SiteDraft) -> Iterator[tuple[str, Any, Any]]:
    if said.stations is None:
        return
    known = {station.id: station for station in before.stations or ()}
    wanted = {station.id for station in said.stations}
    for station in said.stations:
        if station.id not in known:
            yield f"stations[{station.id}]", None, "added"
            continue
        was = known[station.id]
        where = f"stations[{station.id}]."
        yield from _members(was, station, where)
        if station.connectors is not None and not station.connector_files and station.connectors != was.connectors:
            yield f"{where}connectors", was.connectors, station.connectors
        yield from _parts(was.connector_files, station.connector_files, where, "connectors", removed=True)
        yield from _parts(was.meters, station.meters, where, "meters", removed=False)
    if said.whole:
        yield from ((f"stations[{gone}]", "filed", None) for gone in known if gone not in wanted)


def _parts(
    before: Sequence[Any], said: Sequence[Any], where: str, name: str, *, removed: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Compare connectors or meters by their number; a draft that names none says nothing of them."""
    known = {part.connector: part for part in before}
    for part in said:
        if part.connector in known:
            yield from _members(known[part.connector], part, f"{where}{name}[{part.connector}].")
        else:
            yield f"{where}{name}[{part.connector}]", None, "added"
    if said and removed:
        numbers = {part.connector for part in said}
        yield from ((f"{where}{name}[{gone}]", "filed", None) for gone in known if gone not in numbers)


def shown(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, OpeningHours):
        return value.text or value.as_json()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return orjson.loads(orjson.dumps(value))
