"""A file of divisions' outlines as people send it: GeoJSON, a feature a division; what cannot be used is named. Pure."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from charger_registry.divisions.boundaries import boundary
from charger_registry.identifiers import normal_division_code
from youguan.coordinates import to_wgs84
from youguan.errors import Invalid, Reason

CODES = ("division_code", "adcode", "code", "区划代码")
NAMES = ("name", "名称")
MOST_FEATURES, LONGEST = 5000, 60


@dataclass(slots=True)
class Outlines:
    """What a file says: division → (name, geometry in WGS-84), and the features that cannot be used, each with the reason."""

    outlines: dict[str, tuple[str | None, dict[str, Any]]] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)


def read(data: bytes, crs: str) -> Outlines:
    """Return the outlines of a GeoJSON collection; Invalid where it is none."""
    found = Outlines()
    try:
        collection = orjson.loads(data)
        features = collection["features"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise Invalid.about("file", Reason("is no GeoJSON FeatureCollection")) from None
    if not isinstance(features, list) or len(features) > MOST_FEATURES:
        raise Invalid.about("file", Reason("has no list of at most {most} features", most=MOST_FEATURES))
    for number, feature in enumerate(features, 1):
        try:
            code, name, geometry = _feature(feature, crs)
            boundary(code, geometry)
            found.outlines[code] = (name, geometry)
        except ValueError as error:
            found.refused.append({"feature": number, "reason": error.args[0]})
    return found


def _feature(feature: Any, crs: str) -> tuple[str, str | None, dict[str, Any]]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        raise ValueError(Reason("the feature has no properties or no geometry"))
    given = next((str(properties[name]) for name in CODES if properties.get(name) is not None), "")
    code = normal_division_code(given)
    if code is None:
        raise ValueError(Reason("{given} is no division code of 2, 4, 6, 9 or 12 digits", given=given[:LONGEST] or "—"))
    name = next((str(properties[name]) for name in NAMES if properties.get(name) is not None), None)
    boundary(code, geometry)  # before its coordinates are converted: only what is a geometry can be
    plain = {"type": geometry["type"], "coordinates": _converted(geometry["coordinates"], crs)}
    return code, name, plain


def _converted(coordinates: Any, crs: str) -> Any:
    """Return the coordinates of a geometry in WGS-84, two to a corner."""
    if isinstance(coordinates[0], list):
        return [_converted(part, crs) for part in coordinates]
    return list(to_wgs84((float(coordinates[0]), float(coordinates[1])), crs))
