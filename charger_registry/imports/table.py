"""A table of sites, one row each, or one row a station or connector: columns by name in any order. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import Any, TypeVar
from unicodedata import normalize

from charger_registry.drafts import ConnectorDraft, MeterDraft, PriceBand, PriceDraft, SiteDraft, StationDraft
from charger_registry.equipment import connector_types, opening_hours, place_codes
from charger_registry.equipment.place_codes import CONSTRUCTIONS, PARKINGS, USAGES, Code
from charger_registry.imports.csvtext import Record
from charger_registry.imports.fields import LONGEST_NAME, STATION_ID, Fields, RowError
from charger_registry.imports.reading import MOST_STATIONS, Reading
from youguan.errors import FieldError, Invalid

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
    "parking_fee": ("parking_fee", "停车费"),
    "idle_fee": ("idle_fee", "占位费"),
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
    "meter_serial": ("meter_serial_number", "电能表编号"),
    "meter_certificate": ("meter_certificate", "检定证书编号"),
    "meter_verified_on": ("meter_verified_on", "检定日期"),
    "meter_due_on": ("meter_due_on", "检定有效期至"),
}
CONNECTOR = {
    "connector": ("connector", "枪号"),
    "connector_type": ("connector_type", "枪类型"),
    "connector_format": ("connector_format", "枪形式"),
    "connector_power_kw": ("connector_power_kw", "枪功率", "枪功率(kw)"),
    "voltage_v": ("voltage_v", "额定电压"),
    "current_a": ("current_a", "额定电流"),
    "national_standard": ("national_standard", "国标版本"),
    "cec_connector_id": ("cec_connector_id", "充电接口编码"),
    "evse_id": ("evse_id", "evse编号"),
    "bay": ("bay", "车位号"),
}
COLUMNS = {**SITE, **STATION, **CONNECTOR}
MOST_COLUMNS = 500
NEEDED = ("id", "longitude", "latitude")
Draft = TypeVar("Draft", SiteDraft, StationDraft)
CURRENTS = {"dc": "DC", "直流": "DC", "1": "DC", "ac": "AC", "交流": "AC", "2": "AC"}
FORMATS = {"socket": "SOCKET", "插座": "SOCKET", "cable": "CABLE", "带线": "CABLE", "枪头": "CABLE"}


def read_table(kind: str, records: Iterator[Record], crs: str) -> Reading:
    """Return the sites of a table whose first record is its header; Invalid where that lacks what is needed."""
    header = next(records, Record(1))
    if header.error is not None:
        raise Invalid(f"row {header.line}: {header.error}")
    if len(header.cells) > MOST_COLUMNS:
        raise Invalid(f"row {header.line}: has {len(header.cells)} columns; at most {MOST_COLUMNS} are read")
    columns = map_columns(header.cells)
    ignored = [name[:LONGEST_NAME] for name in header.cells if name.strip() and name not in columns.values()]
    reading = Reading(kind, ignored_columns=ignored)
    sites = _Sites(crs)
    for record in records:
        try:
            sites.take(record.line, Fields(_cells(header.cells, columns, record), names=columns))
        except RowError as error:
            reading.refuse(record.line, error)
    for entry in sites.entries.values():
        reading.take(entry.row, entry.draft(), columns["id"])
    return reading


def map_columns(header: Iterable[str]) -> dict[str, str]:
    """Return our field → the file's column; Invalid where a needed one is missing."""
    names = {normalize("NFKC", name).strip().lower(): name for name in header}
    found = {ours: names[alias] for ours, aliases in COLUMNS.items() for alias in reversed(aliases) if alias in names}
    missing = [ours for ours in NEEDED if ours not in found]
    if missing:
        wrong = [FieldError(ours, f"no column named {' or '.join(COLUMNS[ours])}") for ours in missing]
        raise Invalid("; ".join(f"{f.field}: {f.reason}" for f in wrong), fields=wrong)
    return found


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
        raise RowError("row", f"has {len(record.cells)} cells, the header {len(header)}")
    by_column = dict(zip_longest(header, record.cells[: len(header)]))
    return {ours: by_column[column] for ours, column in columns.items()}


@dataclass(slots=True)
class _Entry:
    """A site and the stations that its rows have named so far."""

    row: int
    site: SiteDraft
    stations: dict[str, StationDraft]
    alone: bool
    whole: bool = True

    def draft(self) -> SiteDraft:
        if self.alone:
            return self.site
        return replace(self.site, stations=tuple(self.stations.values()), whole=self.whole)


class _Sites:
    """Puts rows together to sites. What a row refuses leaves its site less than whole: what is filed of it is not retired."""

    def __init__(self, crs: str) -> None:
        self._crs = crs
        self._broken: set[str] = set()
        self.entries: dict[str, _Entry] = {}

    def take(self, row: int, cells: Fields) -> None:
        site_id = cells.identity("id")
        try:
            self._take(row, site_id, cells)
        except RowError:
            self._broken.add(site_id)
            if site_id in self.entries:
                self.entries[site_id].whole = False
            raise

    def _take(self, row: int, site_id: str, cells: Fields) -> None:
        known = self.entries.get(site_id)
        charger = cells.text("charger")
        if known is not None and (known.alone or charger is None):
            raise cells.wrong("id", f"{site_id} stands in an earlier row already")
        goes_on = known is not None and not any(cells.text(name, 10_000) for name in SITE if name != "id")
        site = known.site if goes_on and known else site_of(cells, self._crs)
        if charger is None:
            self.entries[site_id] = _Entry(row, site, {}, alone=True)
            return
        station = station_of(cells)
        if known is None:
            known = _Entry(row, site, {}, alone=False, whole=site_id not in self._broken)
        else:
            site = _joined(known.site, site, cells, known.row)
        before = known.stations.get(station.id)
        if before is None and len(known.stations) == MOST_STATIONS:
            raise cells.wrong("charger", f"a site has at most {MOST_STATIONS}")
        known.stations[station.id] = station if before is None else _with_connector(before, station, cells)
        known.site = site
        self.entries[site_id] = known


def _with_connector(before: StationDraft, station: StationDraft, cells: Fields) -> StationDraft:
    numbers = {connector.connector for connector in before.connector_files}
    if not station.connector_files or not numbers:
        raise cells.wrong("charger", f"{station.id} stands in an earlier row already, and not both name a connector")
    if station.connector_files[0].connector in numbers:
        raise cells.wrong("connector", f"{station.connector_files[0].connector} stands in an earlier row already")
    files = (*before.connector_files, *station.connector_files)
    together = _joined(replace(before, connector_files=()), replace(station, connector_files=()), cells, 0)
    return replace(together, connector_files=files)


def _joined(first: Draft, other: Draft, cells: Fields, row: int) -> Draft:
    """Return a draft with what another row adds; RowError where the two say different things of it."""
    added: dict[str, Any] = {}
    for member in fields(first):
        ours, theirs = getattr(first, member.name), getattr(other, member.name)
        if theirs in (None, ()) or theirs == ours:
            continue
        if ours not in (None, ()):
            raise cells.wrong(
                member.name, f"differs from what row {row} says" if row else "differs from an earlier row"
            )
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
        price=_price(cells),
    )


def _word(cells: Fields, name: str, codes: tuple[Code, ...]) -> str | None:
    found = cells.text(name)
    try:
        return place_codes.of_words(codes, found) if found else None
    except KeyError:
        known = "、".join(code.zh for code in codes)
        raise cells.wrong(name, f"{found!r} is not one of {known}") from None


def _price(cells: Fields) -> PriceDraft | None:
    energy, service = cells.amount("energy_per_kwh"), cells.amount("service_per_kwh")
    parking, idle = cells.text("parking_fee", 300), cells.text("idle_fee", 300)
    if energy is service is parking is idle is None:
        return None
    bands = (PriceBand("00:00", "24:00", energy, service),) if energy is not None or service is not None else ()
    return PriceDraft(bands=bands, parking_text=parking, idle_text=idle)


def station_of(cells: Fields) -> StationDraft:
    """Return the station of a row, with the connector where it names one."""
    current = cells.text("current_type")
    if current is not None and current.lower() not in CURRENTS:
        raise cells.wrong("current_type", f"{current!r} is neither AC nor DC")
    meter = MeterDraft(
        serial_number=cells.text("meter_serial", 60),
        certificate_number=cells.text("meter_certificate", 60),
        verified_on=cells.day("meter_verified_on"),
        verification_due_on=cells.day("meter_due_on"),
    )
    connector = _connector(cells)
    return StationDraft(
        id=cells.identity("charger", STATION_ID),
        power_w=cells.watts("power_kw"),
        current_type=CURRENTS[current.lower()] if current else connector.current_type if connector else None,
        name=cells.text("charger_name"),
        vendor=cells.text("vendor"),
        model=cells.text("model"),
        serial_number=cells.text("serial_number", 60),
        manufacturer_code=cells.code("manufacturer_code", 9),
        made_on=cells.day("made_on"),
        cec_equipment_id=cells.code("cec_equipment_id", 23),
        connector_files=(connector,) if connector else (),
        meters=(meter,) if meter != MeterDraft() else (),
    )


def _connector(cells: Fields) -> ConnectorDraft | None:
    number = cells.whole("connector", 1, 9999)
    if number is None:
        named = next((name for name in CONNECTOR if name != "connector" and cells.text(name)), None)
        if named:
            raise cells.wrong("connector", f"is missing, but {cells.names.get(named, named)} is given")
        return None
    kind = cells.text("connector_type")
    code = connector_types.of_words(kind) if kind else None
    if kind and code is None:
        raise cells.wrong("connector_type", f"{kind!r} is no connector type that we know")
    form = cells.text("connector_format")
    if form is not None and form.lower() not in FORMATS:
        raise cells.wrong("connector_format", f"{form!r} is neither socket nor cable")
    return ConnectorDraft(
        connector=number,
        evse=(number - 1) % 100 + 1,
        type=code,
        format=FORMATS[form.lower()] if form else connector_types.usual_format(code) if code else None,
        current_type=connector_types.TYPES[code].current_type if code else None,
        power_w=cells.watts("connector_power_kw"),
        voltage_v=cells.whole("voltage_v", 0, 5000),
        current_a=cells.whole("current_a", 0, 5000),
        national_standard=cells.whole("national_standard", 1, 9),
        cec_connector_id=cells.code("cec_connector_id", 26),
        evse_id=cells.code("evse_id", 48),
        bay=cells.text("bay", 40),
    )
