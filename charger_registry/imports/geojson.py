"""GeoJSON (RFC 7946): a point a site, its properties under the names that a table's columns have. Pure."""

from collections.abc import Callable
from typing import Any

from charger_registry.drafts import SiteDraft
from charger_registry.imports.fields import Fields, RowError
from charger_registry.imports.reading import Reading, read_items
from charger_registry.imports.table import COLUMNS, map_columns, site_of


def fits(value: Any) -> bool:
    """Say whether JSON is a collection of GeoJSON features."""
    return isinstance(value, dict) and value.get("type") == "FeatureCollection"


def read(value: Any, crs: str) -> Reading:
    """Return the sites of a collection."""
    features = value.get("features")

    def read_feature(feature: Fields, _: Callable[[RowError], None]) -> SiteDraft:
        return _site(feature, crs)

    return read_items("geojson", features if isinstance(features, list) else (), read_feature, "id")


def _site(feature: Fields, crs: str) -> SiteDraft:
    geometry = feature.members.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        raise feature.wrong("geometry", "is no Point")
    point = geometry.get("coordinates")
    if not isinstance(point, list) or len(point) < 2:
        raise feature.wrong("geometry.coordinates", "is no longitude and latitude")
    properties = feature.members.get("properties")
    given = properties if isinstance(properties, dict) else {}
    identity = {"id": feature.members.get("id", given.get("id")), "longitude": point[0], "latitude": point[1]}
    members = {**{name: given[name] for name in given if name.lower() in NAMES}, **identity}
    columns = map_columns(members)
    cells = {ours: members[theirs] for ours, theirs in columns.items()}
    names = {ours: theirs if ours in identity else f"properties.{theirs}" for ours, theirs in columns.items()}
    return site_of(Fields(cells, names=names), crs)


NAMES = {name for names in COLUMNS.values() for name in names} - {
    "lng",
    "lon",
    "经度",
    "lat",
    "纬度",
    "longitude",
    "latitude",
}
