"""Which format a file has is told by its content, not by its name. Pure."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from charger_registry.imports import cec102, excel, geojson, ocpi, open_charge_map
from charger_registry.imports.columns import has_what_is_needed
from charger_registry.imports.csvtext import Record, decode, records, sniff
from charger_registry.imports.reading import Reading
from charger_registry.imports.table import read_table
from youguan.coordinates import TO_WGS84
from youguan.errors import Invalid, Reason, TooLarge

LARGEST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 200_000


class Format(NamedTuple):
    """A format of JSON: its name, the coordinate system that it has unless said otherwise, how to recognise and read it."""

    name: str
    crs: str
    fits: Callable[[Any], bool]
    read: Callable[[Any, str], Reading]


OF_JSON = (
    Format("geojson", "wgs84", geojson.fits, geojson.read),
    Format("cec102", "gcj02", cec102.fits, cec102.read),
    Format("open_charge_map", "wgs84", open_charge_map.fits, open_charge_map.read),
    Format("ocpi", "wgs84", ocpi.fits, ocpi.read),
)


def read(data: bytes, crs: str | None = None) -> Reading:
    """Return the sites of a file in any of the formats; `crs` None: the format's own. Invalid, TooLarge."""
    if crs is not None and crs not in TO_WGS84:
        raise Invalid.about("crs", Reason("{given} is not one of {known}", given=repr(crs), known=", ".join(TO_WGS84)))
    if len(data) > LARGEST_BYTES:
        raise TooLarge(Reason("at most {most} MiB are read", most=LARGEST_BYTES // 1024**2))
    if excel.fits(data):
        return read_table("xlsx", _up_to(excel.rows(data)), crs or "wgs84")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _json(data, crs)
    return _csv(data, crs or "wgs84")


def _json(data: bytes, crs: str | None) -> Reading:
    try:
        value = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Invalid(Reason("this is no JSON: {error}", error=str(error))) from None
    found = next((kind for kind in OF_JSON if kind.fits(value)), None)
    if found is None:
        raise Invalid("this JSON is none of GeoJSON, OCPI locations, T/CEC 102 station info and Open Charge Map")
    return found.read(value, crs or found.crs)


def _csv(data: bytes, crs: str) -> Reading:
    try:
        text, encoding = decode(data)
    except ValueError:
        raise Invalid(
            "the file is no text (UTF-8, GB18030 or marked UTF-16), no workbook (.xlsx) and no JSON"
        ) from None
    delimiter = sniff(text, has_what_is_needed)
    reading = read_table("csv", _up_to(records(text, delimiter)), crs)
    reading.encoding, reading.delimiter = encoding, delimiter
    return reading


def _up_to(found: Iterator[Record]) -> Iterator[Record]:
    """Yield records; TooLarge beyond what is read."""
    for count, record in enumerate(found):
        if count > MOST_ROWS:
            raise TooLarge(Reason("at most {most} rows are read; divide the file", most=MOST_ROWS))
        yield record
