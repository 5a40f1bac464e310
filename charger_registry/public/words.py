"""What is filed and said as a driver reads it: kinds, fees, connectors and what holds for them. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from charger_registry.equipment.connector_types import TYPES
from charger_registry.open_data.published import Band, ConnectorDocument, Price, PublishedSite, band_at, per_kwh

CONDITIONS = {
    "available": ("good", "空闲"),
    "occupied": ("busy", "占用"),
    "charging": ("busy", "充电中"),
    "reserved": ("busy", "预约"),
    "unavailable": ("warn", "停用"),
    "faulted": ("bad", "故障"),
    "unknown": ("", "未知"),
}


def kind_name(code: str, language: str) -> str:
    """Return the name of a type of connectors."""
    kind = TYPES.get(code)
    return code if kind is None else kind.en if language == "en" else kind.zh


def fee_of(site: Mapping[str, Any], now: datetime) -> str | None:
    """Return what a kWh costs at a site now, where that is posted as an amount."""
    document = site["published"]
    price = Price.model_validate(document["price"]) if document and document["price"] else None
    return amount_text(band_at(price, now))


def amount_text(band: Band | None) -> str | None:
    """Return what a kWh costs in a band as people write it: two decimals, more where they are needed."""
    total = per_kwh(band) if band else None
    return None if total is None else amount(total)


def amount(given: Decimal | str | None) -> str:
    """Return an amount as people write it, a dash where none is posted."""
    if given is None:
        return "—"
    whole, _, part = f"{Decimal(given):.4f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"


def connectors_by_station(site: PublishedSite) -> dict[str, list[ConnectorDocument]]:
    """Return the connectors of each station, by number."""
    found: dict[str, list[ConnectorDocument]] = {}
    for evse in site.evses:
        found.setdefault(evse.station_id, []).extend(evse.document.connectors)
    return {station: sorted(all_, key=lambda one: one.connector) for station, all_ in found.items()}


def own_prices(site: PublishedSite) -> dict[str, Price]:
    """Return the fees of stations that ask others than their site."""
    return {evse.station_id: evse.document.price for evse in site.evses if evse.document.price and not evse.removed}


def station_view(station: dict[str, Any]) -> dict[str, Any]:
    """Return a station with a condition for each filed connector: unknown where it is not online or did not say.

    Where the site is not in operation nobody can charge, whatever they say.
    """
    told = {c["connector"]: c["condition"] for c in station["told"]} if station["state"] == "online" else {}
    if station["closed"]:
        told = dict.fromkeys(told, "unavailable")
    return {**station, "conditions": [told.get(n, "unknown") for n in station["numbers"] or ()]}
