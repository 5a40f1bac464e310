"""Open Charge Map points. Pure. Its connections are counted, not named: each piece becomes a station of one connector."""

from typing import Any

from charger_registry.drafts import ConnectorDraft, PartyDraft, PriceDraft, SiteDraft, StationDraft
from charger_registry.equipment.connector_types import TYPES, of_open_charge_map
from charger_registry.imports.fields import Fields, RowError
from charger_registry.imports.reading import MOST_STATIONS, Reading, each, inside, read_items
from youguan.errors import Reason

DIRECT = 30  # of its three kinds of current
USAGES = {1: "public", 4: "public", 5: "public", 7: "public", 2: "unit", 6: "unit"}
PLANNED, REMOVED = 150, frozenset({200, 210})  # of its kinds of status: 210 is a place that is listed twice


def fits(value: Any) -> bool:
    """Say whether JSON is a list of Open Charge Map's points."""
    found = value if isinstance(value, list) else [value]
    return bool(found) and isinstance(found[0], dict) and "AddressInfo" in found[0]


def read(value: Any, crs: str) -> Reading:
    """Return the sites of a list of points."""
    items = value if isinstance(value, list) else [value]
    return read_items("open_charge_map", items, lambda item, _: _site(item, crs), "ID")


def _site(point: Fields, crs: str) -> SiteDraft:
    number = point.whole("ID", 1, 2**53)
    if number is None:
        raise point.wrong("ID", "is missing")
    _refuse_what_does_not_stand(point)
    place = inside(point, "AddressInfo")
    site_id = f"ocm-{number}"
    cost = point.text("UsageCost", 300)
    return SiteDraft(
        id=site_id,
        name=place.text("Title"),
        longitude=place.longitude("Longitude"),
        latitude=place.latitude("Latitude"),
        crs=crs,
        address=" ".join(filter(None, map(place.text, ("Town", "AddressLine1", "AddressLine2")))) or None,
        stations=_stations(site_id, point),
        usage=USAGES.get(point.whole("UsageTypeID", 0, 1000) or 0),
        guide=place.text("AccessComments", 500),
        price=PriceDraft(energy_text=cost) if cost else None,
        parties=_parties(point),
    )


def _refuse_what_does_not_stand(point: Fields) -> None:
    status = point.whole("StatusTypeID", 0, 1000)
    if status == PLANNED:
        raise point.wrong("StatusTypeID", "is 150: planned; bring it when it stands")
    if status in REMOVED:
        raise point.wrong("StatusTypeID", Reason("is {status}: removed; retire the site instead", status=status))


def _parties(point: Fields) -> tuple[PartyDraft, ...]:
    """Return who operates a point; `(Unknown Operator)` and the like name nobody."""
    name = inside(point, "OperatorInfo").text("Title", 100)
    return (PartyDraft("manager", name),) if name and not name.startswith("(") else ()


def _stations(site_id: str, point: Fields) -> tuple[StationDraft, ...] | None:
    if not point.members.get("Connections"):
        return None
    found: list[StationDraft] = []
    counted = 0  # what stands no more keeps its number: the others keep theirs
    for _, connection in each(point, "Connections", MOST_STATIONS):
        pieces = connection.whole("Quantity", 1, MOST_STATIONS) or 1
        if counted + pieces > MOST_STATIONS:
            raise RowError("Connections", Reason("name more than {most} pieces", most=MOST_STATIONS))
        if connection.whole("StatusTypeID", 0, 1000) not in {PLANNED, *REMOVED}:
            numbers = range(counted + 1, counted + pieces + 1)
            found += [_station(f"{site_id}-{number:03d}", connection) for number in numbers]
        counted += pieces
    return tuple(found)


def _station(station_id: str, connection: Fields) -> StationDraft:
    code, form = of_open_charge_map(connection.whole("ConnectionTypeID", 0, 100_000) or 0)
    direct = connection.whole("CurrentTypeID", 0, 1000) == DIRECT or TYPES[code].current_type == "DC"
    power_w = connection.watts("PowerKW")
    connector = ConnectorDraft(
        connector=1,
        evse=1,
        type=code,
        format=form,
        current_type="DC" if direct else "AC",
        power_w=power_w,
        voltage_v=connection.whole("Voltage", 0, 5000),
        current_a=connection.whole("Amps", 0, 5000),
    )
    return StationDraft(
        id=station_id, power_w=power_w, current_type=connector.current_type, connector_files=(connector,)
    )
