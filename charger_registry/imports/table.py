"""A table of sites, one row each, or one row a station or connector: columns by name in any order. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import Any, TypeVar
from unicodedata import normalize

from charger_registry.drafts import (
    ConnectorDraft,
    MeterDraft,
    PartyDraft,
    PriceBand,
    PriceDraft,
    SiteDraft,
    StationDraft,
)
from charger_registry.equipment import connector_types, opening_hours, place_codes
from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES, Code
from charger_registry.imports.csvtext import Record
from charger_registry.imports.fields import LONGEST_NAME, STATION_ID, Fields, RowError
from charger_registry.imports.reading import MOST_STATIONS, Reading
from charger_registry.ledger.responsibility import ROLES
from charger_registry.open_data.columns import DANGEROUS
from youguan.errors import FieldError, Invalid, Reason

PARTIES = {
    "builder": "建设单位",
    "owner": "产权单位",
    "manager": "运营管理单位",
    "maintainer": "运维单位",
    "property_manager": "物业",
}
# Of each role: who has it, from which day to which, and the document that says so.
PARTY = {
    name: words
    for role, word in PARTIES.items()
    for name, words in {
        role: (role, word),
        f"{role}_since": (f"{role}_since", f"{word}起始日"),
        f"{role}_until": (f"{role}_until", f"{word}截止日"),
        f"{role}_evidence_kind": (f"{role}_evidence_kind", f"{word}凭证类型"),
        f"{role}_evidence": (f"{role}_evidence", f"{word}凭证编号"),
    }.items()
}
EVIDENCE = {
    "contract": "contract", "合同": "contract", "acceptance_record": "acceptance_record", "验收记录": "acceptance_record",
    "decision": "decision", "决定": "decision", "other": "other", "其他": "other",
}  # fmt: skip
# Our field → what a column may be called; the first Chinese word and the first English one head the template.
SITE = {
    "id": ("site_id", "station_id", "id", "场站编号", "编号"),
    "name": ("name", "site_name", "station_name", "场站名称", "名称"),
    "longitude": ("longitude", "lng", "lon", "经度"),
    "latitude": ("latitude", "lat", "纬度"),
    "crs": ("crs", "coordinate_system", "坐标系"),
    "address": ("address", "地址"),
    "division": ("division_code", "division", "区划代码"),
    "count": ("charge_count", "count", "stations", "charger_count", "充电桩数"),
    "usage": ("usage", "场站类型"),
    "construction": ("construction", "建设场所"),
    "bays": ("bays", "park_nums", "充电车位数"),
    "accessible_bays": ("accessible_bays", "无障碍车位数"),
    "hours": ("opening_hours", "hours", "营业时间"),
    "help_phone": ("help_phone", "service_phone", "客服电话"),
    "site_phone": ("site_phone", "站点电话"),
    "parking": ("parking", "停车收费"),
    "parking_rules": ("parking_rules", "停车说明"),
    "guide": ("guide", "站点引导"),
    "renewable": ("renewable", "绿电"),
    "operator_code": ("operator_code", "operatorid", "运营商编码"),
    "cec_station_id": ("cec_station_id", "充电站编码"),
    "energy_per_kwh": ("energy_per_kwh", "电费", "电费(元/度)"),
    "service_per_kwh": ("service_per_kwh", "服务费", "服务费(元/度)"),
    "energy_text": ("energy_text", "电费说明"),
    "service_text": ("service_text", "服务费说明"),
    "parking_fee": ("parking_fee", "停车费"),
    "idle_fee": ("idle_fee", "占位费"),
    "ocpi_country_code": ("ocpi_country_code", "ocpi国家代码"),
    "ocpi_party_id": ("ocpi_party_id", "ocpi运营方代码"),
    "ocpi_location_id": ("ocpi_location_id", "ocpi场站编号"),
    **PARTY,
    "reinstated": ("reinstated", "场站恢复理由"),
}
STATION = {
    "charger": ("charger_id", "ocpp_id", "充电桩编号", "桩编号"),
    "charger_name": ("charger_name", "充电桩名称"),
    "vendor": ("vendor", "manufacturer", "生产厂家"),
    "model": ("model", "型号"),
    "serial_number": ("serial_number", "出厂编号"),
    "manufacturer_code": ("manufacturer_code", "厂家代码"),
    "made_on": ("made_on", "出厂日期"),
    "power_kw": ("power_kw", "充电桩功率", "充电桩功率(kw)"),
    "current_type": ("current_type", "交直流"),
    "cec_equipment_id": ("cec_equipment_id", "充电设备编码"),
    "charger_reinstated": ("charger_reinstated", "充电桩恢复理由"),
    "meter_connector": ("meter_connector", "电能表所属枪号"),
    "meter_serial": ("meter_serial_number", "电能表编号"),
    "meter_certificate": ("meter_certificate", "检定证书编号"),
    "meter_verified_on": ("meter_verified_on", "检定日期"),
    "meter_due_on": ("meter_due_on", "检定有效期至"),
}
CONNECTOR = {
    "connector": ("connector", "枪号"),
    "evse": ("evse", "充电位序号"),
    "connector_name": ("connector_name", "枪名称"),
    "connector_type": ("connector_type", "枪类型"),
    "connector_format": ("connector_format", "枪形式"),
    "connector_current_type": ("connector_current_type", "枪交直流"),
    "connector_power_kw": ("connector_power_kw", "枪功率", "枪功率(kw)"),
    "voltage_v": ("voltage_v", "额定电压"),
    "current_a": ("current_a", "额定电流"),
    "national_standard": ("national_standard", "国标版本"),
    "cec_connector_id": ("cec_connector_id", "充电接口编码"),
    "ocpi_connector_id": ("ocpi_connector_id", "ocpi枪编号"),
    "evse_id": ("evse_id", "evse编号"),
    "bay": ("bay", "车位号"),
}
COLUMNS = {**SITE, **STATION, **CONNECTOR}
MOST_COLUMNS = 500
NEEDED = ("id", "longitude", "latitude")
Draft = TypeVar("Draft", SiteDraft, StationDraft)
Part = TypeVar("Part", ConnectorDraft, MeterDraft)
CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d|24:00)"
BAND = re.compile(rf"{CLOCK}-{CLOCK} (\S+)")
CURRENTS = {"dc": "DC", "直流": "DC", "1": "DC", "ac": "AC", "交流": "AC", "2": "AC"}
FORMATS = {"socket": "SOCKET", "插座": "SOCKET", "cable": "CABLE", "带线": "CABLE", "枪头": "CABLE"}


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


def map_columns(header: Iterable[str]) -> dict[str, str]:
    """Return our field → the file's column; Invalid where a needed one is missing."""
    found = named(header, COLUMNS)
    missing = [ours for ours in NEEDED if ours not in found]
    if missing:
        wrong = [
            FieldError(ours, Reason("no column named {names}", names=" / ".join(COLUMNS[ours]))) for ours in missing
        ]
        raise Invalid.of(*wrong)
    return found


def named(header: Iterable[str], columns: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return our field → what it is called there; the first of our words for it counts."""
    names = {normalize("NFKC", name).strip().lower(): name for name in header}
    return {ours: names[alias] for ours, aliases in columns.items() for alias in reversed(aliases) if alias in names}


def has_what_is_needed(header: Iterable[str]) -> bool:
    try:
        return bool(map_columns(header))
    except Invalid:
        return False


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


def site_of(cells: Fields, crs: str) -> SiteDraft:
    """Return the site of a row; RowError names what cannot be used."""
    hours = cells.text("hours", 300)
    return SiteDraft(
        id=cells.identity("id"),
        name=cells.text("name"),
        longitude=cells.longitude("longitude"),
        latitude=cells.latitude("latitude"),
        crs=cells.crs("crs", crs),
        address=cells.text("address", 500),
        division_code=cells.division("division"),
        stations=None,
        counted=cells.whole("count", 0, MOST_STATIONS),
        usage=_word(cells, "usage", USAGES),
        construction=_word(cells, "construction", CONSTRUCTIONS),
        bays=cells.whole("bays", 0, 100_000),
        accessible_bays=cells.whole("accessible_bays", 0, 100_000),
        opening_hours=opening_hours.read(hours) if hours else None,
        help_phone=cells.phone("help_phone"),
        site_phone=cells.phone("site_phone"),
        parking=_word(cells, "parking", PARKINGS),
        parking_rules=cells.text("parking_rules", 500),
        guide=cells.text("guide", 500),
        renewable=cells.flag("renewable"),
        operator_code=cells.code("operator_code", 9),
        cec_station_id=cells.code("cec_station_id", 20),
        ocpi_country_code=cells.code("ocpi_country_code", 2),
        ocpi_party_id=cells.code("ocpi_party_id", 3),
        ocpi_location_id=cells.text("ocpi_location_id", 36),
        price=_price(cells),
        parties=tuple(party for role in ROLES if (party := _party(cells, role))),
        reinstated=cells.text("reinstated", 500),
    )


def _party(cells: Fields, role: str) -> PartyDraft | None:
    organisation = cells.text(role)
    kind = cells.text(f"{role}_evidence_kind")
    if organisation is None:
        named = next((name for name in PARTY if name.startswith(f"{role}_") and cells.text(name)), None)
        if named:
            raise cells.wrong(role, Reason("is missing, but {other} is given", other=cells.names.get(named, named)))
        return None
    if kind is not None and kind not in EVIDENCE:
        raise cells.wrong(
            f"{role}_evidence_kind",
            Reason("{given} is not one of {known}", given=repr(kind), known=", ".join(EVIDENCE)),
        )
    return PartyDraft(
        role=role,
        organisation=organisation,
        since=cells.day(f"{role}_since"),
        until=cells.day(f"{role}_until"),
        evidence_kind=EVIDENCE[kind] if kind else "other",
        evidence_number=cells.text(f"{role}_evidence", 100) or "",
    )


def _word(cells: Fields, name: str, codes: tuple[Code, ...]) -> str | None:
    found = cells.text(name)
    try:
        return place_codes.of_words(codes, found) if found else None
    except KeyError:
        known = "、".join(code.zh for code in codes)
        raise cells.wrong(name, Reason("{given} is not one of {known}", given=repr(found), known=known)) from None


def _price(cells: Fields) -> PriceDraft | None:
    """Return the fees of a row: an amount a kWh for the whole day, or by the time of day."""
    energy, service = _amounts(cells, "energy_per_kwh"), _amounts(cells, "service_per_kwh")
    spans = max(energy, service, key=len)
    if not spans.keys() >= energy.keys() | service.keys():
        raise cells.wrong("service_per_kwh", "names other times of day than energy_per_kwh")
    price = PriceDraft(
        bands=tuple(PriceBand(*span, energy.get(span), service.get(span)) for span in spans),
        energy_text=cells.text("energy_text", 500),
        service_text=cells.text("service_text", 500),
        parking_text=cells.text("parking_fee", 500),
        idle_text=cells.text("idle_fee", 500),
    )
    return price if price != PriceDraft() else None


def _amounts(cells: Fields, name: str) -> dict[tuple[str, str], str]:
    """Return (begin, end) → amount of a cell such as `0.65`, or `00:00-08:00 0.30; 08:00-24:00 0.90`."""
    found = cells.text(name, 1000)
    if found is None or ":" not in found:
        amount = cells.amount(name)
        return {("00:00", "24:00"): amount} if amount is not None else {}
    amounts: dict[tuple[str, str], str] = {}
    for part in filter(None, map(str.strip, found.split(";"))):
        band = BAND.fullmatch(part)
        if band is None:
            raise cells.wrong(name, Reason("{given} is no amount such as 0.65 or 08:00-24:00 0.65", given=repr(part)))
        amounts[band[1], band[2]] = Fields({name: band[3]}, cells.where, cells.names).amount(name) or ""
    return amounts


def station_of(cells: Fields) -> StationDraft:
    """Return the station of a row, with the connector where it names one."""
    meter = MeterDraft(
        connector=cells.whole("meter_connector", 0, 9999) or 0,
        serial_number=cells.text("meter_serial", 60),
        certificate_number=cells.text("meter_certificate", 60),
        verified_on=cells.day("meter_verified_on"),
        verification_due_on=cells.day("meter_due_on"),
    )
    connector = _connector(cells)
    return StationDraft(
        id=cells.identity("charger", STATION_ID),
        power_w=cells.watts("power_kw"),
        current_type=_current(cells, "current_type"),
        name=cells.text("charger_name"),
        vendor=cells.text("vendor"),
        model=cells.text("model"),
        serial_number=cells.text("serial_number", 60),
        manufacturer_code=cells.code("manufacturer_code", 9),
        made_on=cells.day("made_on"),
        cec_equipment_id=cells.code("cec_equipment_id", 23),
        connector_files=(connector,) if connector else (),
        meters=(meter,) if meter != MeterDraft(meter.connector) else (),
        reinstated=cells.text("charger_reinstated", 500),
    )


def _current(cells: Fields, name: str) -> str | None:
    found = cells.text(name)
    if found is not None and found.lower() not in CURRENTS:
        raise cells.wrong(name, Reason("{given} is neither AC nor DC", given=repr(found)))
    return CURRENTS[found.lower()] if found else None


def _connector(cells: Fields) -> ConnectorDraft | None:
    number = cells.whole("connector", 1, 9999)
    if number is None:
        named = next((name for name in CONNECTOR if name != "connector" and cells.text(name)), None)
        if named:
            raise cells.wrong(
                "connector", Reason("is missing, but {other} is given", other=cells.names.get(named, named))
            )
        return None
    kind = cells.text("connector_type")
    code = connector_types.of_words(kind) if kind else None
    if kind and code is None:
        raise cells.wrong("connector_type", Reason("{given} is no connector type that we know", given=repr(kind)))
    form = cells.text("connector_format")
    if form is not None and form.lower() not in FORMATS:
        raise cells.wrong("connector_format", Reason("{given} is neither socket nor cable", given=repr(form)))
    return ConnectorDraft(
        connector=number,
        evse=cells.whole("evse", 1, 9999) or (number - 1) % 100 + 1,
        name=cells.text("connector_name"),
        type=code,
        format=FORMATS[form.lower()] if form else connector_types.usual_format(code) if code else None,
        current_type=_current(cells, "connector_current_type")
        or (connector_types.TYPES[code].current_type if code else None),
        power_w=cells.watts("connector_power_kw"),
        voltage_v=cells.whole("voltage_v", 0, 5000),
        current_a=cells.whole("current_a", 0, 5000),
        national_standard=cells.whole("national_standard", 1, 9),
        cec_connector_id=cells.code("cec_connector_id", 26),
        ocpi_connector_id=cells.text("ocpi_connector_id", 36),
        evse_id=cells.code("evse_id", 48),
        bay=cells.text("bay", 40),
    )
