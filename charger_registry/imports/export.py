"""Sites as rows and features that an import takes again: what is filed, with its equipment, fees and who is responsible. Pure.

Whoever imports an export changes nothing. Points are given as they were filed, in GeoJSON as WGS-84.
"""

from collections.abc import Iterator
from typing import Any

from charger_registry.drafts import ConnectorDraft, MeterDraft, PartyDraft, PriceDraft, SiteDraft, StationDraft
from charger_registry.equipment.opening_hours import DAYS, OpeningHours
from charger_registry.imports.columns import CONNECTOR, SITE, STATION
from charger_registry.open_data.columns import bands_text
from charger_registry.open_data.published import Band
from youguan.coordinates import to_wgs84

Cells = dict[str, Any]
WHOLE_DAY = ("00:00", "24:00")
PLACES = 7  # of degrees: a centimetre


def rows(site: SiteDraft) -> Iterator[Cells]:
    """Yield a site as a table has it: what is said of the site in its first row, what of a station in the station's first."""
    told = site_cells(site)
    if not site.stations:
        yield {**told, "count": 0}
    for station in site.stations or ():
        first, *others = _of_station(station)
        yield {**told, **first}
        yield from ({"id": site.id, "charger": station.id, **other} for other in others)
        told = {"id": site.id}


def _of_station(station: StationDraft) -> list[Cells]:
    """Return what is said of a station, one part for each of its connectors and meters."""
    parts = _parts(station)
    return [{**station_cells(station), **parts[0]}, *parts[1:]]


def _parts(station: StationDraft) -> list[Cells]:
    connectors = [connector_cells(connector) for connector in station.connector_files]
    meters = [meter_cells(meter) for meter in station.meters]
    longest = max(len(connectors), len(meters), 1)
    # A row that goes on must name a connector where its station has some: those without a meter come last.
    padded = [[*cells, *({} for _ in range(longest - len(cells)))] for cells in (connectors, meters)]
    return [{**connector, **meter} for connector, meter in zip(*padded, strict=True)]


def feature(site: SiteDraft) -> dict[str, Any]:
    """Return a site as a GeoJSON feature."""
    longitude, latitude = to_wgs84((site.longitude, site.latitude), site.crs)
    cells = {
        name: cell for name, cell in site_cells(site).items() if name not in ("id", "longitude", "latitude", "crs")
    }
    stations = [
        {
            **_under(STATION, station_cells(station)),
            "connectors": [_under(CONNECTOR, connector_cells(connector)) for connector in station.connector_files],
            "meters": [_under(STATION, meter_cells(meter)) for meter in station.meters],
        }
        for station in site.stations or ()
    ]
    return {
        "type": "Feature",
        "id": site.id,
        "geometry": {"type": "Point", "coordinates": [round(longitude, PLACES), round(latitude, PLACES)]},
        "properties": {**_under(SITE, cells), "stations": stations},
    }


def _under(columns: dict[str, tuple[str, ...]], cells: Cells) -> Cells:
    """Return cells under the names that a file has for them, without those that say nothing."""
    return {columns[name][0]: cell for name, cell in cells.items() if cell is not None}


def site_cells(site: SiteDraft) -> Cells:
    """Return what is said of a site, by our fields."""
    own = ("id", "name", "longitude", "latitude", "crs", "address", "usage", "construction", "bays", "accessible_bays",
           "help_phone", "site_phone", "parking", "parking_rules", "guide", "renewable", "operator_code", "cec_station_id",
           "ocpi_country_code", "ocpi_party_id", "ocpi_location_id")  # fmt: skip
    return {
        **{name: getattr(site, name) for name in own},
        "division": site.division_code,
        "hours": _hours(site.opening_hours),
        **_fees(site.price),
        **{name: cell for party in site.parties for name, cell in _party(party).items()},
    }


def _hours(hours: OpeningHours | None) -> str | None:
    if hours is None:
        return None
    if hours.text:
        return hours.text
    return "24/7" if hours.always else "; ".join(f"周{DAYS[p.weekday - 1]} {p.begin}-{p.end}" for p in hours.periods)


def _fees(price: PriceDraft | None) -> Cells:
    if price is None:
        return {}
    bands = [Band(**{name: getattr(band, name) for name in Band.model_fields}) for band in price.bands]
    if len(bands) == 1 and (bands[0].begin, bands[0].end) == WHOLE_DAY:
        amounts = {name: getattr(bands[0], name) for name in ("energy_per_kwh", "service_per_kwh")}
    else:
        amounts = {
            "energy_per_kwh": bands_text(bands, lambda band: band.energy_per_kwh),
            "service_per_kwh": bands_text(bands, lambda band: band.service_per_kwh),
        }
    texts = {"energy_text": price.energy_text, "service_text": price.service_text}
    return {**amounts, **texts, "parking_fee": price.parking_text, "idle_fee": price.idle_text}


def _party(party: PartyDraft) -> Cells:
    return {
        party.role: party.organisation,
        f"{party.role}_since": party.since,
        f"{party.role}_until": party.until,
        f"{party.role}_evidence_kind": party.evidence_kind,
        f"{party.role}_evidence": party.evidence_number or None,
    }


def station_cells(station: StationDraft) -> Cells:
    """Return what is said of a station, without its connectors and meters."""
    own = ("vendor", "model", "serial_number", "manufacturer_code", "made_on", "current_type", "cec_equipment_id")
    return {
        "charger": station.id,
        "charger_name": station.name,
        "power_kw": _kilowatts(station.power_w),
        **{name: getattr(station, name) for name in own},
    }


def connector_cells(connector: ConnectorDraft) -> Cells:
    """Return what is said of a connector."""
    own = ("connector", "evse", "voltage_v", "current_a", "national_standard", "cec_connector_id", "ocpi_connector_id",
           "evse_id", "bay")  # fmt: skip
    return {
        **{name: getattr(connector, name) for name in own},
        "connector_name": connector.name,
        "connector_type": connector.type,
        "connector_format": connector.format,
        "connector_current_type": connector.current_type,
        "connector_power_kw": _kilowatts(connector.power_w),
    }


def meter_cells(meter: MeterDraft) -> Cells:
    """Return what is said of a meter."""
    return {
        "meter_connector": meter.connector,
        "meter_serial": meter.serial_number,
        "meter_certificate": meter.certificate_number,
        "meter_verified_on": meter.verified_on,
        "meter_due_on": meter.verification_due_on,
    }


def _kilowatts(power_w: int | None) -> str | None:
    return None if power_w is None else f"{power_w / 1000:.3f}".rstrip("0").rstrip(".")
