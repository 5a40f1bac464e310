"""OCPI 2.2.1 and 2.3.0 locations, as the sender's list answers or as a bare list. Pure.

OCPI knows no stations: each EVSE becomes one, `{site}-{uid}`, its connectors numbered 1, 101, 201 … as OCPP 2.x would, by their
ids where those are numbers, so that one that is taken away does not rename the others.
"""

import re
from collections.abc import Iterator
from typing import Any

from charger_registry.drafts import ConnectorDraft, PartyDraft, SiteDraft, StationDraft
from charger_registry.equipment.connector_types import FORMATS, TYPES
from charger_registry.equipment.opening_hours import OpeningHours, Period
from charger_registry.imports.fields import Fields
from charger_registry.imports.reading import Noted, Reading, each, inside, read_items, stations_of
from youguan.errors import Reason

CURRENTS = {"AC_1_PHASE": "AC", "AC_2_PHASE": "AC", "AC_2_PHASE_SPLIT": "AC", "AC_3_PHASE": "AC", "DC": "DC"}
PLACES = {"ON_STREET": "roadside", "PARKING_GARAGE": "car_park", "ALONG_MOTORWAY": "motorway"}
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
MOST_CONNECTORS = 99
NUMBER = re.compile(r"0{0,9}[1-9][0-9]?")  # of a connector, as an id; a longer one is none
MOST_PARKING_PLACES = 100_000
LONGEST_TEXT = 512  # of a text that is shown
END_OF_DAY = ("00:00", "23:59")  # as hours that last until midnight are written


def fits(value: Any) -> bool:
    """Say whether JSON is a list of OCPI locations, in its envelope or not."""
    found = _items(value)
    return bool(found) and isinstance(found[0], dict) and "coordinates" in found[0] and "AddressInfo" not in found[0]


def read(value: Any, crs: str) -> Reading:
    """Return the sites of a list of locations."""
    return read_items("ocpi", _items(value), lambda item, noted: _site(item, crs, noted), "id")


def _items(value: Any) -> list[Any]:
    found = value.get("data", [value]) if isinstance(value, dict) else value
    return found if isinstance(found, list) else [found]


def _site(location: Fields, crs: str, noted: Noted) -> SiteDraft:
    country, party = location.code("country_code", 2), location.code("party_id", 3)
    location_id = location.needed("id", 36)
    site_id = re.sub(r"[^\w.\-]", "-", "-".join(filter(None, (country, party, location_id))), flags=re.ASCII)
    if len(site_id) > 40:
        raise location.wrong(
            "id", Reason("makes the id {site_id}, which is longer than 40 characters", site_id=site_id)
        )
    place = inside(location, "coordinates")
    stations, whole = stations_of(location, "evses", lambda evse: _station(site_id, evse), "uid", noted)
    places = [place for _, place in each(location, "parking_places", MOST_PARKING_PLACES)]
    return SiteDraft(
        id=site_id,
        name=location.text("name"),
        longitude=place.longitude("longitude"),
        latitude=place.latitude("latitude"),
        crs=crs,
        address=" ".join(filter(None, (location.text("city"), location.text("address")))) or None,
        stations=stations,
        whole=whole,
        usage="private" if location.flag("publish") is False else None,
        construction=PLACES.get(location.text("parking_type") or ""),
        bays=len(places) or None,
        accessible_bays=sum(map(_is_accessible, places)) if places else None,
        opening_hours=_hours(location),
        help_phone=location.phone("help_phone"),
        guide=_directions(location),
        renewable=inside(location, "energy_mix").flag("is_green_energy"),
        ocpi_country_code=country,
        ocpi_party_id=party,
        ocpi_location_id=location_id,
        parties=tuple(_parties(location)),
    )


def _parties(location: Fields) -> Iterator[PartyDraft]:
    """Yield who operates a location and who owns it, by the name that is given."""
    for role, member in (("manager", "operator"), ("owner", "owner")):
        name = inside(location, member).text("name", 100)
        if name is not None:
            yield PartyDraft(role, name)


def _is_accessible(place: Fields) -> bool:
    kinds = place.members.get("vehicle_types")
    return isinstance(kinds, list) and "DISABLED" in kinds


def _directions(location: Fields) -> str | None:
    """Return how to get there: in Chinese where it is said in several languages."""
    said = {text.text("language"): text.text("text", LONGEST_TEXT) for _, text in each(location, "directions", 100)}
    return said.get("zh") or next(filter(None, said.values()), None)


def _hours(location: Fields) -> OpeningHours | None:
    times = inside(location, "opening_times")
    if times.flag("twentyfourseven"):
        return OpeningHours(always=True)
    periods = []
    for _, hours in each(times, "regular_hours", 100):
        begin, end = hours.needed("period_begin"), hours.needed("period_end")
        weekday = hours.whole("weekday", 1, 7)
        if weekday is None or not CLOCK.fullmatch(begin) or not CLOCK.fullmatch(end):
            raise hours.wrong("period_begin", "is no time such as 08:00")
        periods.append(Period(weekday, begin, "24:00" if end in END_OF_DAY else end))
    return OpeningHours(periods=tuple(periods)) if periods else None


def _station(site_id: str, evse: Fields) -> StationDraft | None:
    """Return an EVSE as a station; None for one that is removed."""
    status = evse.members.get("status")
    if status == "REMOVED":
        return None
    if status == "PLANNED":
        raise evse.wrong("status", "is PLANNED: bring it when it stands")
    uid = evse.needed("uid", 36)
    found = [connector for _, connector in each(evse, "connectors", MOST_CONNECTORS)]
    connectors = tuple(_connector(number, one, evse) for number, one in zip(_numbers(found), found, strict=True))
    if not connectors:
        raise evse.wrong("connectors", "is empty")
    powers = [connector.power_w for connector in connectors if connector.power_w is not None]
    currents = {connector.current_type for connector in connectors}
    return StationDraft(
        id=re.sub(r"[^\w.\-*:]", "-", f"{site_id}-{uid}", flags=re.ASCII),
        power_w=max(powers, default=None),
        current_type="DC" if "DC" in currents else "AC",
        name=evse.text("physical_reference"),
        connector_files=connectors,
    )


def _numbers(connectors: list[Fields]) -> list[int]:
    """Return which connector of its EVSE each is: by its id where those are numbers of their own, else by their order."""
    ids = [str(connector.members.get("id") or "") for connector in connectors]
    found = [int(one) for one in ids if NUMBER.fullmatch(one)]
    return found if len(set(found)) == len(connectors) else list(range(1, len(connectors) + 1))


def _connector(number: int, connector: Fields, evse: Fields) -> ConnectorDraft:
    standard = connector.needed("standard")
    if standard not in TYPES:
        raise connector.wrong("standard", Reason("{given} is no connector type that we know", given=repr(standard)))
    form = connector.text("format")
    if form is not None and form not in FORMATS:
        raise connector.wrong("format", Reason("{given} is neither socket nor cable", given=repr(form)))
    power_type = connector.needed("power_type")
    if power_type not in CURRENTS:
        raise connector.wrong("power_type", Reason("{given} is no power type of OCPI", given=repr(power_type)))
    voltage_v = connector.whole("max_voltage", 0, 5000)
    current_a = connector.whole("max_amperage", 0, 5000)
    given = connector.whole("max_electric_power", 0, 10_000_000)
    phases = 3 if power_type == "AC_3_PHASE" else 1
    reckoned = voltage_v * current_a * phases if voltage_v and current_a else None
    return ConnectorDraft(
        connector=(number - 1) * 100 + 1,
        evse=1,
        type=standard,
        format=form,
        current_type=CURRENTS[power_type],
        power_w=given if given is not None else reckoned,
        voltage_v=voltage_v,
        current_a=current_a,
        ocpi_connector_id=connector.text("id", 36),
        evse_id=evse.code("evse_id", 48),
        bay=evse.text("physical_reference", 40),
    )
