"""Payloads made from the official schemas: what a station may say, whatever it means by it."""

from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from hypothesis import strategies as st

from ocpp_gateway.protocol.versions import Version

TIMES = st.sampled_from([
    "2026-05-04T12:00:00Z", "1970-01-01T00:00:00Z", "2026-05-04T20:00:00+08:00", "2026-05-04T12:00:00.123",
    "2099-12-31T23:59:59Z", "yesterday",
])  # fmt: skip
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64) | st.integers(-(2**40), 2**40)
WORDS = st.sampled_from(
    ["", "true", "Faulted", "Available", "BasicAuthPassword", "Connector", "Problem", "1e400", "中"]
)
MOST_ITEMS = 2


@cache
def schema(version: Version, name: str) -> dict[str, Any]:
    """Return the schema of a request or response by its file's name."""
    raw = files("ocpp").joinpath(version.folder, "schemas", f"{name}.json").read_bytes()
    found: dict[str, Any] = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    return found


@cache
def requests(version: Version, action: str) -> st.SearchStrategy[Any]:
    """Return payloads that fit the schema of an action's request."""
    name = action if action == "NotifyPeriodicEventStream" else f"{action}{version.request_suffix}"
    root = schema(version, name)
    return _fitting(root, root)


def _fitting(part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in part:
        return _fitting(root["definitions"][part["$ref"].rpartition("/")[2]], root)
    if "enum" in part:
        return st.sampled_from(part["enum"])
    match part.get("type"):
        case "object":
            return _objects(part, root)
        case "array":
            most = max(part.get("minItems", 0), MOST_ITEMS)
            return st.lists(_fitting(part["items"], root), min_size=part.get("minItems", 0), max_size=most)
        case "string":
            longest = part.get("maxLength", 40)
            texts = TIMES if part.get("format") == "date-time" else WORDS | st.text(max_size=min(longest, 40))
            return texts.map(lambda text: text[:longest])
        case "integer":
            return st.integers(int(part.get("minimum", -(2**31))), int(part.get("maximum", 2**31 - 1)))
        case "number":
            low, high = part.get("minimum", -(2**40)), part.get("maximum", 2**40)
            return NUMBERS.filter(lambda number: low <= number <= high and "multipleOf" not in part) | st.integers(
                int(low), int(high)
            )
        case "boolean":
            return st.booleans()
    return st.none() | st.booleans() | st.text(max_size=5)


def _objects(part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    members = {name: _fitting(inner, root) for name, inner in part.get("properties", {}).items()}
    needed = part.get("required", [])
    optional = {name: inner for name, inner in members.items() if name not in needed}
    return st.fixed_dictionaries({name: members[name] for name in needed}, optional=optional)
