"""What is published, in the words of OCPI 2.2.1 and 2.3.0. Pure.

Every Location is under the party of whoever publishes: the operator is named in it, and has numbers of its own elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from charger_registry.equipment import connector_types
from charger_registry.equipment.opening_hours import OpeningHours
from charger_registry.open_data.published import (
    Band,
    ConnectorDocument,
    Price,
    PublishedEvse,
    PublishedSite,
    SiteDocument,
    per_kwh,
)
from youguan.clock import utc_text

VERSIONS = ("2.2.1", "2.3.0")
TIME_ZONE = "Asia/Shanghai"
STATUSES = {
    "available": "AVAILABLE",
    "occupied": "CHARGING",  # "the EVSE is in use": a vehicle is plugged in
    "charging": "CHARGING",
    "reserved": "RESERVED",
    "unavailable": "INOPERATIVE",
    "faulted": "OUTOFORDER",
    "unknown": "UNKNOWN",
}
# Of what a connector is called in OCPI where nothing but its current is filed: what is built in China.
USUAL_STANDARD = {"AC": "GBT_AC", "DC": "GBT_DC"}
LONGEST_ADDRESS = {"2.2.1": 45, "2.3.0": 255}
EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}", re.IGNORECASE)
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z?")
# GB/T 20234.3 goes to 750 V in what stands in most places; an AC station has 220 V to neutral.
USUAL_DC_V, AC_V, LARGEST_SINGLE_PHASE_W = 750, 220, 8_000
PARKING_TYPES = {"motorway": "ALONG_MOTORWAY", "roadside": "ON_STREET"}
VEHICLES = {"bus": "BUS", "sanitation": "RIGID", "logistics": "VAN"}


@dataclass(frozen=True, slots=True)
class PartyId:
    """Whose Locations these are."""

    country_code: str
    party_id: str


def location(site: PublishedSite, version: str, publisher: PartyId) -> dict[str, Any]:
    """Return a Location."""
    document = site.document
    return _filled(
        {
            "country_code": publisher.country_code,
            "party_id": publisher.party_id,
            "id": site.location_id,
            "publish": True,
            "name": _text(document.name, 255),
            "address": _text(document.address, LONGEST_ADDRESS[version]) or _text(document.name, 45),
            "city": _text(document.division_name or "N/A", 45),
            "country": "CHN",
            "coordinates": {"latitude": f"{document.latitude:.6f}", "longitude": f"{document.longitude:.6f}"},
            "evses": [found for evse in site.evses if (found := evse_of(site, evse, version))["connectors"]],
            "parking_places": parking_places(document) if version != "2.2.1" else [],
            "parking_type": PARKING_TYPES.get(document.construction or ""),
            "directions": [{"language": "zh", "text": _text(document.guide, 512)}] if document.guide else [],
            "operator": {"name": _text(document.operator.name, 100)} if document.operator else None,
            "owner": {"name": _text(document.owner.name, 100)} if document.owner else None,
            "time_zone": TIME_ZONE,
            "opening_times": opening_times(document.opening_hours),
            "energy_mix": None if document.renewable is None else {"is_green_energy": document.renewable},
            "help_phone": phone(document.help_phone) if version != "2.2.1" else None,
            "last_updated": utc_text(site.updated_at),
        }
    )


def evse_of(site: PublishedSite, evse: PublishedEvse, version: str) -> dict[str, Any]:
    """Return an EVSE; its connectors are those that the version has a word for."""
    document = evse.document
    price = document.price or site.document.price
    tariffs = [price.id] if price and is_tariff(price) else []
    reference = _text(evse.station_id, 1000)
    return _filled(
        {
            "uid": evse.uid,
            "evse_id": document.evse_id if document.evse_id and EVSE_ID.fullmatch(document.evse_id) else None,
            "status": "REMOVED" if evse.removed else STATUSES[evse.condition],
            "connectors": [
                found for one in document.connectors if (found := connector_of(one, tariffs, version)) is not None
            ],
            "physical_reference": reference if len(reference) <= 16 else None,
            "last_updated": utc_text(evse.updated_at),
        }
    )


def connector_of(connector: ConnectorDocument, tariffs: list[str], version: str) -> dict[str, Any] | None:
    """Return a Connector, or None where the version has no word for its kind."""
    standard = connector_types.to_ocpi(connector.type or USUAL_STANDARD.get(connector.current_type), version)
    if standard is None:
        return None
    power_type, voltage, amperage = electricity(connector)
    return _filled(
        {
            "id": str(connector.connector),
            "standard": standard,
            "format": connector.format or connector_types.usual_format(standard) or connector_types.CABLE,
            "power_type": power_type,
            "max_voltage": voltage,
            "max_amperage": amperage,
            "max_electric_power": connector.power_w,
            "tariff_ids": tariffs,
            "last_updated": utc_text(connector.updated_at),
        }
    )


def electricity(connector: ConnectorDocument) -> tuple[str, int, int]:
    """Return power type, volts (to neutral) and amperes: as filed, else those that give the filed power at the usual voltage."""
    if connector.current_type == "DC":
        volts = connector.voltage_v or USUAL_DC_V
        return "DC", volts, connector.current_a or -(-connector.power_w // volts)
    between_phases = connector.voltage_v is not None and connector.voltage_v > 300
    three = between_phases or connector.power_w > LARGEST_SINGLE_PHASE_W
    volts = AC_V if between_phases or connector.voltage_v is None else connector.voltage_v
    phases = 3 if three else 1
    amperes = connector.current_a or -(-connector.power_w // (volts * phases))
    return "AC_3_PHASE" if three else "AC_1_PHASE", volts, amperes


def opening_times(hours: OpeningHours | None) -> dict[str, Any] | None:
    """Return Hours; None where nothing, or nothing but a text, is known."""
    if hours is None or not (hours.always or hours.periods):
        return None
    if hours.always:
        return {"twentyfourseven": True}
    regular = [
        {"weekday": p.weekday, "period_begin": p.begin, "period_end": "23:59" if p.end == "24:00" else p.end}
        for p in hours.periods
    ]
    return {"twentyfourseven": False, "regular_hours": regular}


def parking_places(document: SiteDocument) -> list[dict[str, Any]]:
    """Return one Parking for each bay: those for people with disabilities first."""
    accessible = document.accessible_bays or 0
    ordinary = max((document.bays or 0) - accessible, 0)
    kind = VEHICLES.get(document.usage or "", "PERSONAL_VEHICLE")
    places = [_parking(f"A{n}", "DISABLED", only=True) for n in range(1, accessible + 1)]
    return places + [_parking(f"P{n}", kind, only=False) for n in range(1, ordinary + 1)]


def _parking(place: str, vehicle: str, *, only: bool) -> dict[str, Any]:
    return {"id": place, "vehicle_types": [vehicle], "restricted_to_type": only, "reservation_required": False}


def is_tariff(price: Price) -> bool:
    """Say whether fees are given as amounts; OCPI has no tariff of words alone."""
    return any(per_kwh(band) is not None for band in price.bands)


def tariff(
    price: Price, updated_at: datetime, ended_at: datetime | None, version: str, publisher: PartyId
) -> dict[str, Any]:
    """Return a Tariff. The amounts are what the public is shown, taxes included, so 2.2.1 is told of no tax on top of them."""
    until = price.valid_until or ended_at
    texts = [text for text in (price.energy_text, price.service_text, price.parking_text, price.idle_text) if text]
    return _filled(
        {
            "country_code": publisher.country_code,
            "party_id": publisher.party_id,
            "id": price.id,
            "currency": price.currency,
            "tariff_alt_text": [{"language": "zh", "text": _text("；".join(texts), 512)}] if texts else [],
            "elements": [element for band in price.bands if (element := _element(band)) is not None],
            "tax_included": "YES" if version != "2.2.1" else None,
            "start_date_time": utc_text(price.valid_from),
            "end_date_time": utc_text(until) if until else None,
            "last_updated": utc_text(updated_at),
        }
    )


def _element(band: Band) -> dict[str, Any] | None:
    """Return what a kWh costs in a band; OCPI knows one price of energy at a time, so service is in it."""
    amount = per_kwh(band)
    if amount is None:
        return None
    element: dict[str, Any] = {"price_components": [{"type": "ENERGY", "price": float(amount), "step_size": 1}]}
    if (band.begin, band.end) != ("00:00", "24:00"):
        element["restrictions"] = {"start_time": band.begin, "end_time": "00:00" if band.end == "24:00" else band.end}
    return element


def phone(number: str | None) -> str | None:
    """Return a telephone number as OCPI can carry it, or None."""
    plain = "".join(letter for letter in number or "" if letter.isascii() and letter.isprintable()).strip()
    return plain[:25] or None


def read_time(given: str) -> datetime | None:
    """Return a time as OCPI writes it, in UTC with or without `Z`; None for anything else."""
    if not DATE_TIME.fullmatch(given):
        return None
    try:
        return datetime.fromisoformat(given.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None


def find_evse(site: PublishedSite, uid: str) -> PublishedEvse | None:
    """Return the EVSE of an identifier, in which capitals do not matter."""
    return next((evse for evse in site.evses if evse.uid.lower() == uid.lower()), None)


def _text(text: str | None, longest: int) -> str:
    given = text or ""
    if not given.isprintable():
        given = "".join(letter if letter.isprintable() else " " for letter in given)
    return given.strip()[:longest]


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not known; only connectors must be told even where there are none."""
    return {name: value for name, value in members.items() if value not in (None, []) or name == "connectors"}
