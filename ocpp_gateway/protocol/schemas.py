"""The official schemas, compiled once: the `ocpp` package's files, checked by jsonschema-rs.

Of what a station says formats are not checked here: real ones write times without a zone, and the adapters read those
(`adapters.times`). What we have sent keeps them: a station would have to guess.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

from ocpp_gateway.protocol.frames import Refusal
from ocpp_gateway.protocol.versions import Version

INTEGER = {"minimum": -(2**31), "maximum": 2**31 - 1}
"""What OCPP calls an integer has 32 bits, which its schemas do not say."""
OCCURRENCE = {"required", "minItems", "maxItems"}
FORMAT = {"additionalProperties", "unevaluatedProperties"}
LONGEST_MEMBER, LONGEST_REASON = 120, 130
"""A description has 255 characters: the value that is quoted in it gives way, not what is wrong with it."""


@cache
def requests(version: Version) -> dict[str, Any]:
    """Return action → compiled validator of its request."""
    return _compiled(version, version.request_suffix)


@cache
def commands(version: Version) -> dict[str, Any]:
    """Return action → compiled validator of a request that goes to a station: times and addresses must be such."""
    return _compiled(version, version.request_suffix, formats=True)


@cache
def responses(version: Version) -> dict[str, Any]:
    """Return action → compiled validator of its response."""
    return _compiled(version, "Response")


def _compiled(version: Version, suffix: str, *, formats: bool = False) -> dict[str, Any]:
    validators = {}
    for file in files("ocpp").joinpath(version.folder, "schemas").iterdir():
        name = file.name.removesuffix(".json")
        if file.name == name or name.endswith("Response") != (suffix == "Response"):
            continue
        schema = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        validators[name.removesuffix(suffix)] = jsonschema_rs.Draft4Validator(bounded(schema), validate_formats=formats)
    return validators


def bounded(schema: Any) -> Any:
    """Return a schema in which every integer has the bounds that it lacks."""
    if isinstance(schema, list):
        return [bounded(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: bounded(value) for name, value in schema.items()}
    return {**INTEGER, **inner} if inner.get("type") == "integer" else inner


def check(validator: Any, payload: dict[str, Any], version: Version) -> None:
    """Raise a Refusal that names the first member that is wrong and why."""
    if not validator.is_valid(payload):
        raise _refusal(next(validator.iter_errors(payload)), version)


def _refusal(error: Any, version: Version) -> Refusal:
    keyword = error.kind.name
    member = _shortened(_path([*error.instance_path, *_named(error.kind)]), LONGEST_MEMBER)
    message = _shortened(error.message, LONGEST_REASON)
    if keyword in OCCURRENCE:
        code = version.occurrence_violation
    elif keyword in FORMAT:
        code = version.format_violation
    elif keyword == "type":
        code = "TypeConstraintViolation"
    else:
        code = "PropertyConstraintViolation"
    reason = f"{member}: {message}" if member else message
    return Refusal(code, reason, details={"member": member, "rule": keyword})


def _named(kind: Any) -> list[str]:
    """Return the member that is missing, or the first that should not be there."""
    if kind.name == "required":
        return [kind.property]
    return list(kind.unexpected)[:1] if kind.name == "additionalProperties" else []


def _path(parts: list[str | int]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, without its middle where it is longer."""
    half = most // 2
    return text if len(text) <= most else f"{text[: half - 1]}…{text[half - most :]}"
