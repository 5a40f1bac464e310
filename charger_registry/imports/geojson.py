"""GeoJSON (RFC 7946): a point a site, its properties under the names that a table's columns have. Pure.

`properties.stations` lists its charging stations, each with its `connectors`, under the names of the same columns.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from charger_registry.imports.columns import CONNECTOR, SITE, STATION, named
from charger_registry.imports.fields import Fields, RowError
from charger_registry.imports.reading import MOST_STATIONS, Reading, each, inside
from charger_registry.imports.table import Sites

MOST_CONNECTORS = 99


def fits(value: Any) -> bool:
    """Say whether JSON is a collection of GeoJSON features."""
    return isinstance(value, dict) and value.get("type") == "FeatureCollection"


def read(value: Any, crs: str) -> Reading:
    """Return the sites of a collection."""
    features = value.get("features")
    reading, sites = Reading("geojson"), Sites(crs)
    for number, feature in enumerate(features if isinstance(features, list) else (), 1):
        for refused in _taken(sites, number, feature):
            reading.refuse(number, refused)
    sites.hand_over(reading, "id")
    return reading


def _taken(sites: Sites, number: int, feature: Any) -> list[RowError]:
    """Add a feature's rows; return once each what cannot be used of it."""
    refused: dict[str, RowError] = {}
    try:
        for row in _rows(feature):
            try:
                sites.take(number, row)
            except RowError as error:
                refused.setdefault(str(error), error)
    except RowError as error:
        refused.setdefault(str(error), error)
    return list(refused.values())


def _rows(feature: Any) -> Iterator[Fields]:
    """Yield a feature as the rows that a table would have: the site, and one for each of its stations and connectors."""
    if not isinstance(feature, dict):
        raise RowError("", "is no object")
    whole = Fields(feature)
    properties = inside(whole, "properties")
    stations = each(properties, "stations", MOST_STATIONS) if _is_listed(properties) else []
    site = _site(whole, properties)
    if not stations:
        yield _row(site)
    for _, station in stations:
        told = _named(station, STATION)
        connectors = [_named(connector, CONNECTOR) for _, connector in each(station, "connectors", MOST_CONNECTORS)]
        meters = [_named(meter, STATION) for _, meter in each(station, "meters", MOST_CONNECTORS)]
        yield _row({**site, **told, **(connectors[0] if connectors else {}), **(meters[0] if meters else {})})
        for part in (*connectors[1:], *meters[1:]):
            yield _row({"id": site["id"], "charger": told.get("charger", (f"{station.where}charger_id", None)), **part})


def _is_listed(properties: Fields) -> bool:
    return isinstance(properties.members.get("stations"), list)


def _site(feature: Fields, properties: Fields) -> dict[str, tuple[str, Any]]:
    """Return what a feature says of its site; a list of stations that is empty says that there are none."""
    members = dict(properties.members)
    if _is_listed(properties):
        members["stations"] = None if members["stations"] else 0
    x, y = _point(feature)
    place = {"id": feature.members.get("id", members.get("id")), "longitude": x, "latitude": y}
    return {**_named(Fields(members, properties.where), SITE), **{name: (name, said) for name, said in place.items()}}


def _point(feature: Fields) -> tuple[Any, Any]:
    geometry = feature.members.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        raise feature.wrong("geometry", "is no Point")
    point = geometry.get("coordinates")
    if not isinstance(point, list) or len(point) < 2:
        raise feature.wrong("geometry.coordinates", "is no longitude and latitude")
    return point[0], point[1]


def _named(thing: Fields, columns: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, Any]]:
    """Return our field → (the way to it, what is said)."""
    return {
        ours: (f"{thing.where}{theirs}", thing.members[theirs])
        for ours, theirs in named(thing.members, columns).items()
    }


def _row(cells: Mapping[str, tuple[str, Any]]) -> Fields:
    return Fields(
        {ours: said for ours, (_, said) in cells.items()}, names={ours: way for ours, (way, _) in cells.items()}
    )
