"""What a row of a table says of a site, of a station and of a connector. Pure."""

import re

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
from charger_registry.imports.columns import CONNECTOR, PARTY
from charger_registry.imports.fields import STATION_ID, Fields
from charger_registry.imports.reading import MOST_STATIONS
from charger_registry.ledger.responsibility import ROLES
from youguan.errors import Reason

EVIDENCE = {
    "contract": "contract", "合同": "contract", "acceptance_record": "acceptance_record", "验收记录": "acceptance_record",
    "decision": "decision", "决定": "decision", "other": "other", "其他": "other",
}  # fmt: skip
CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d|24:00)"
BAND = re.compile(rf"{CLOCK}-{CLOCK} (\S+)")
CURRENTS = {"dc": "DC", "直流": "DC", "1": "DC", "ac": "AC", "交流": "AC", "2": "AC"}
FORMATS = {"socket": "SOCKET", "插座": "SOCKET", "cable": "CABLE", "带线": "CABLE", "枪头": "CABLE"}


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
