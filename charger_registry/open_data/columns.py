"""What is published, as rows: one a site, one a connector; the same columns in CSV and Excel. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from charger_registry.equipment.opening_hours import OpeningHours, as_osm
from charger_registry.open_data.published import (
    Band,
    ConnectorDocument,
    Price,
    PublishedEvse,
    PublishedSite,
)
from youguan.clock import utc_text

Value = str | int | float | bool | None
# What a spreadsheet takes for a formula, or for the end of a cell.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")

PLACE: Mapping[str, Callable[[PublishedSite], Value]] = {
    "site_id": lambda s: s.site_id,
    "site_name": lambda s: s.document.name,
    "address": lambda s: s.document.address,
    "division_code": lambda s: s.document.division_code,
    "division_name": lambda s: s.document.division_name,
    "longitude": lambda s: round(s.document.longitude, 6),
    "latitude": lambda s: round(s.document.latitude, 6),
    "position": lambda s: s.document.position,
    "usage": lambda s: s.document.usage,
    "construction": lambda s: s.document.construction,
    "operator_name": lambda s: s.document.operator.name if s.document.operator else None,
    "operator_uscc": lambda s: s.document.operator.uscc if s.document.operator else None,
    "operator_code": lambda s: s.document.operator.operator_code if s.document.operator else None,
    "owner_name": lambda s: s.document.owner.name if s.document.owner else None,
    "owner_uscc": lambda s: s.document.owner.uscc if s.document.owner else None,
    "help_phone": lambda s: s.document.help_phone,
    "opening_hours": lambda s: hours_text(s.document.opening_hours),
    "bays": lambda s: s.document.bays,
    "accessible_bays": lambda s: s.document.accessible_bays,
    "parking": lambda s: s.document.parking,
    "parking_rules": lambda s: s.document.parking_rules,
    "guide": lambda s: s.document.guide,
    "renewable": lambda s: s.document.renewable,
}
FEES: Mapping[str, Callable[[Price], Value]] = {
    "currency": lambda p: p.currency,
    "energy_per_kwh": lambda p: bands_text(p.bands, lambda band: band.energy_per_kwh),
    "service_per_kwh": lambda p: bands_text(p.bands, lambda band: band.service_per_kwh),
    "fees_in_words": lambda p: "; ".join(
        text for text in (p.energy_text, p.service_text, p.parking_text, p.idle_text) if text
    ),
}
SITES: Sequence[str] = (
    *PLACE, "stations", "evses", "connectors", "connector_types", "current_types", "power_w", "available", "in_use",
    "unavailable", "faulted", "unknown", *FEES, "updated_at",
)  # fmt: skip
CONNECTORS: Sequence[str] = (
    *PLACE, "station_id", "station_power_w", "evse", "evse_uid", "evse_id", "bay", "connector", "connector_type", "format",
    "current_type", "power_w", "voltage_v", "current_a", *FEES, "status", "status_since", "updated_at",
)  # fmt: skip
IN_USE = ("occupied", "charging", "reserved")


def site_row(site: PublishedSite) -> list[Value]:
    """Return a site's row: the columns of `SITES`; EVSEs are counted by their condition."""
    connectors = [connector for evse in site.evses for connector in evse.document.connectors]
    told = Counter[str](evse.condition for evse in site.evses)
    return [
        *_place(site),
        len({evse.station_id for evse in site.evses}),
        len(site.evses),
        len(connectors),
        " ".join(sorted({connector.type for connector in connectors if connector.type})),
        " ".join(sorted({connector.current_type for connector in connectors})),
        max((connector.power_w for connector in connectors), default=None),
        told["available"],
        sum(told[word] for word in IN_USE),
        told["unavailable"],
        told["faulted"],
        told["unknown"],
        *_fees(site.document.price),
        utc_text(site.updated_at),
    ]


def connector_rows(site: PublishedSite) -> Iterator[list[Value]]:
    """Yield a row for each connector of a site: the columns of `CONNECTORS`."""
    place = _place(site)
    for evse in site.evses:
        for connector in evse.document.connectors:
            yield [*place, *_connector(site, evse, connector)]


def _connector(site: PublishedSite, evse: PublishedEvse, connector: ConnectorDocument) -> list[Value]:
    return [
        evse.station_id,
        evse.document.power_w,
        evse.evse,
        evse.uid,
        evse.document.evse_id,
        evse.document.bay,
        connector.connector,
        connector.type,
        connector.format,
        connector.current_type,
        connector.power_w,
        connector.voltage_v,
        connector.current_a,
        *_fees(evse.document.price or site.document.price),
        evse.condition,
        utc_text(evse.since) if evse.since else None,
        utc_text(evse.updated_at),
    ]


def _place(site: PublishedSite) -> list[Value]:
    return [read(site) for read in PLACE.values()]


def _fees(price: Price | None) -> list[Value]:
    return [read(price) if price else None for read in FEES.values()]


def hours_text(hours: OpeningHours | None) -> str | None:
    """Return opening hours as OpenStreetMap writes them (`24/7`, `Mo-Fr 08:00-22:00; Sa-Su off`), else in their own words."""
    if hours is None:
        return None
    return as_osm(hours) or hours.text or None


def bands_text(bands: Iterable[Band], amount: Callable[[Band], str | None]) -> str | None:
    """Return what a kWh costs by the time of day: `00:00-08:00 0.3000; 08:00-24:00 0.9000`."""
    return "; ".join(f"{b.begin}-{b.end} {given}" for b in bands if (given := amount(b)) is not None) or None


def harmless(value: Value) -> Value:
    """Return a cell of a CSV that no spreadsheet takes for a formula: such text begins with an apostrophe."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value


def site_document(site: PublishedSite) -> dict[str, Any]:
    """Return a site as JSON: what is filed, its EVSEs with their connectors, and what holds for them."""
    return {
        "id": site.site_id,
        **site.document.model_dump(mode="json"),
        "updated_at": utc_text(site.updated_at),
        "evses": [evse_document(evse) for evse in site.evses],
    }


def evse_document(evse: PublishedEvse) -> dict[str, Any]:
    """Return an EVSE as JSON."""
    return {
        "uid": evse.uid,
        "station_id": evse.station_id,
        "evse": evse.evse,
        **evse.document.model_dump(mode="json"),
        "status": evse.condition,
        "status_since": utc_text(evse.since) if evse.since else None,
        "updated_at": utc_text(evse.updated_at),
    }


def feature(site: PublishedSite) -> dict[str, Any]:
    """Return a site as a GeoJSON feature, WGS-84, with everything that is published of it."""
    point = [round(site.document.longitude, 6), round(site.document.latitude, 6)]
    return {
        "type": "Feature",
        "id": site.site_id,
        "geometry": {"type": "Point", "coordinates": point},
        "properties": site_document(site),
    }
