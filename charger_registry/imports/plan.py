"""What filing a file would do, row by row: added, changed, unchanged, refused. Pure: from what it says and what is filed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count, islice
from typing import Any

import orjson

from charger_registry.divisions.boundaries import Boundary, judge
from charger_registry.drafts import ConnectorDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.equipment.connector_codes import Code, Place
from charger_registry.fees.posting import refuse_gaps, sorted_bands
from charger_registry.imports.differences import differences
from charger_registry.imports.fields import RowError
from charger_registry.imports.parties import Directory, Parties, judge_parties
from charger_registry.imports.permission import Rights, permitted
from charger_registry.imports.reading import Reading
from charger_registry.imports.shared_codes import Codes
from charger_registry.ledger.responsibility import Line as LedgerLine
from youguan.coordinates import to_wgs84
from youguan.errors import Invalid, Reason

ADDED, CHANGED, UNCHANGED, REFUSED = "added", "changed", "unchanged", "refused"
OUTCOMES = (ADDED, CHANGED, UNCHANGED, REFUSED)
SITE_RETIRED = "the site was retired: it stands again only where the authority gives the reason (reinstated)"
STATION_RETIRED = (
    "station {station} was retired: it stands again only where the authority gives the reason (charger_reinstated)"
)


@dataclass(frozen=True, slots=True)
class Filed:
    """What is filed of what a file names: sites as drafts, and whose the codes and stations are already.

    `place_of_code`: (operator, ConnectorID) → the connector that bears it; `retired_sites` and `retired_stations` (station → its
    site) stand no more; `ledgers`: what is believed of who is responsible for sites; `directory`: the organisations.
    """

    sites: Mapping[str, SiteDraft] = field(default_factory=dict)
    site_of_code: Mapping[tuple[str, str], str] = field(default_factory=dict)
    site_of_location: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    site_of_station: Mapping[str, str] = field(default_factory=dict)
    place_of_code: Mapping[Code, Place] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)
    retired_sites: frozenset[str] = frozenset()
    retired_stations: Mapping[str, str] = field(default_factory=dict)
    ledgers: Mapping[str, Sequence[LedgerLine]] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)


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
    """Lines in the order of the file, and what is to be filed of it; `reinstated`: site or station → why it stands again."""

    lines: tuple[Line, ...]
    sites: tuple[SiteDraft, ...]
    roles: tuple[RoleDraft, ...] = ()
    reinstated: Mapping[str, str] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        return sum(1 for line in self.lines if line.outcome == outcome)

    @property
    def fingerprint(self) -> str:
        """Return by what a plan is recognised: the same file on the same registry."""
        said = [(line.row, line.site_id, line.outcome, line.field, line.reason, line.changes) for line in self.lines]
        return hashlib.sha256(orjson.dumps(said)).hexdigest()


def plan(reading: Reading, filed: Filed, boundaries: Mapping[str, Boundary], rights: Rights, brought_on: date) -> Plan:
    """Return what filing a file brought on a day would do; a refused row or field takes no other with it."""
    lines = [Line(r.row, "", "", REFUSED, r.field, r.reason) for r in reading.refused]
    sites: list[SiteDraft] = []
    roles: list[RoleDraft] = []
    reinstated: dict[str, str] = {}
    taken: dict[tuple[str, ...], str] = {}  # a site, code or station → the site of the file that names it first
    told = {said.id: resolved(said, filed) for said in reading.sites.values()}
    codes = Codes(filed.place_of_code, told.values())
    for said, named in told.items():
        row, name, before = reading.rows[said], named.name or named.id, filed.sites.get(named.id)
        draft, refused = named, list[RowError]()
        try:
            draft, refused = _allowed(named, before, filed, rights)
            draft = _priced(placed(draft, before, boundaries), refused)
            _refuse(draft, filed, taken)
            draft = _admitted(draft, before, codes, refused)
            parties = judge_parties(draft, filed.ledgers.get(draft.id, ()), filed.directory, rights.decides, brought_on)
        except RowError as error:
            lines.append(Line(row, draft.id, name, REFUSED, error.field, error.reason))
            continue
        lines += [Line(row, draft.id, name, REFUSED, e.field, e.reason) for e in (*refused, *parties.refused)]
        line = _line(row, name, draft, before, parties)
        lines.append(line)
        if line.outcome != UNCHANGED:
            sites.append(draft)
            roles += parties.roles
            reinstated |= _reinstated(draft, filed)
    lines.sort(key=lambda line: line.row)
    return Plan(tuple(lines), tuple(sites), tuple(roles), reinstated)


def _line(row: int, name: str, draft: SiteDraft, before: SiteDraft | None, parties: Parties) -> Line:
    changes = [*(differences(before, draft) if before else ()), *parties.changes]
    outcome = ADDED if before is None else CHANGED if changes else UNCHANGED
    return Line(row, draft.id, name, outcome, changes=tuple(changes))


def _reinstated(draft: SiteDraft, filed: Filed) -> dict[str, str]:
    """Return what stands again of a site that is filed: its id, its stations', with the reasons."""
    found = {draft.id: draft.reinstated} if draft.id in filed.retired_sites else {}
    for station in draft.stations or ():
        if station.id in filed.retired_stations:
            found[station.id] = station.reinstated or draft.reinstated
    return {known: reason for known, reason in found.items() if reason}


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
        there = {s.id: s for s in before.stations}
        told = [(s.id in draft.partly, replace(s, id=known.get(s.cec_equipment_id or "", s.id))) for s in stations]
        stations = tuple(_completed(s, there[s.id]) if partly and s.id in there else s for partly, s in told)
    if stations is None:
        retired = set() if draft.reinstated else set(filed.retired_stations)
        stations = counted(site_id, draft.counted, before, retired)
    return replace(draft, id=site_id, stations=stations)


def _completed(said: StationDraft, filed: StationDraft) -> StationDraft:
    """Return a station that is told in part with the connectors that are filed beside: nothing is said of those."""
    told = {connector.connector for connector in said.connector_files}
    stay = (ConnectorDraft(c.connector, c.evse) for c in filed.connector_files if c.connector not in told)
    return replace(said, connector_files=(*said.connector_files, *stay)) if told else said


def counted(
    site_id: str, many: int | None, before: SiteDraft | None, retired: set[str]
) -> tuple[StationDraft, ...] | None:
    """Return so many stations: those that are filed first, by id; a site is filed with one where nobody says how many.

    The name of one that is retired is not given to another.
    """
    if before is None:
        return tuple(StationDraft(name) for name in _numbered(site_id, 1 if many is None else many, retired))
    if many is None:
        return None
    kept = sorted(station.id for station in before.stations or ())[:many]
    return tuple(StationDraft(s) for s in (*kept, *_numbered(site_id, many - len(kept), retired | set(kept))))


def _numbered(site_id: str, many: int, taken: set[str]) -> list[str]:
    names = (f"{site_id}-{n:03d}" for n in count(1))
    return list(islice((name for name in names if name not in taken), max(0, many)))


def _allowed(
    draft: SiteDraft, before: SiteDraft | None, filed: Filed, rights: Rights
) -> tuple[SiteDraft, list[RowError]]:
    """Return a draft without what does not stand any more and what whoever imports may not say, each with its reason."""
    if draft.id in filed.merged:
        raise RowError("id", Reason("the site was merged into {site}", site=filed.merged[draft.id]))
    if draft.id in filed.retired_sites and not draft.reinstated:
        raise RowError("id", SITE_RETIRED)
    draft, refused = permitted(draft, before, rights)
    if draft.stations is None or draft.reinstated:
        return draft, refused
    gone = [s for s in draft.stations if s.id in filed.retired_stations and not s.reinstated]
    refused += [RowError("stations", Reason(STATION_RETIRED, station=station.id)) for station in gone]
    return replace(draft, stations=tuple(s for s in draft.stations if s not in gone)), refused


def placed(draft: SiteDraft, before: SiteDraft | None, boundaries: Mapping[str, Boundary]) -> SiteDraft:
    """Hold the point against the boundary of the division; RowError where it lies outside of the one that is declared.

    A place that is filed so already is listed until somebody mends it: it keeps no telephone and no fee from being taken.
    """
    point = to_wgs84((draft.longitude, draft.latitude), draft.crs)
    declared = draft.division_code or (before.division_code if before else None)
    found = judge(point, declared, boundaries)
    if found.outside_m is not None and before is not None and _is_as_filed(draft, before, declared):
        return draft
    if found.outside_m is not None:
        raise RowError(
            "longitude",
            Reason(
                "the point lies {metres} m outside of division {division}",
                metres=round(found.outside_m),
                division=found.division,
            ),
        )
    return replace(draft, position=found.position, division_code=draft.division_code or found.division)


def _is_as_filed(draft: SiteDraft, before: SiteDraft, declared: str | None) -> bool:
    return (draft.longitude, draft.latitude, draft.crs, declared) == (
        before.longitude, before.latitude, before.crs, before.division_code
    )  # fmt: skip


def _priced(draft: SiteDraft, refused: list[RowError]) -> SiteDraft:
    """Return a draft with its fees in the order of the day; without any that leave a part of it open or say two for it."""
    if draft.price is None:
        return draft
    try:
        refuse_gaps(draft.price)
    except Invalid as error:
        refused += [RowError("price", wrong.reason) for wrong in error.fields]
        return replace(draft, price=None)
    return replace(draft, price=sorted_bands(draft.price))


def _admitted(draft: SiteDraft, before: SiteDraft | None, codes: Codes, refused: list[RowError]) -> SiteDraft:
    """Return a draft without stations that bear another connector's code; RowError where a new site is left with none."""
    operator = draft.operator_code or (before.operator_code if before else None)
    draft, shared = codes.admit(draft, operator)
    if before is None and shared and not draft.stations:
        raise shared[0]
    refused += shared
    return draft


def _refuse(draft: SiteDraft, filed: Filed, taken: dict[tuple[str, ...], str]) -> None:
    """Raise RowError where a draft takes what is another's."""
    if (draft.id,) in taken:
        raise RowError("id", Reason("is site {site}, as an earlier row is", site=draft.id))
    taken[(draft.id,)] = draft.id
    code = (draft.operator_code or "", draft.cec_station_id or "")
    holder = taken.setdefault(code, filed.site_of_code.get(code, draft.id)) if all(code) else draft.id
    if holder != draft.id:
        raise RowError(
            "cec_station_id",
            Reason("{station} of operator {operator} is site {site}", station=code[1], operator=code[0], site=holder),
        )
    for station in draft.stations or ():
        owner = taken.setdefault(("station", station.id, ""), filed.site_of_station.get(station.id, draft.id))
        if owner != draft.id:
            raise RowError(
                "stations", Reason("station {station} belongs to site {site}", station=station.id, site=owner)
            )
