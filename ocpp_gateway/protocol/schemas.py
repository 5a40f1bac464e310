"""The official schemas, compiled once: the `ocpp` package's files, checked by jsonschema-rs.

Formats are not checked here: real stations write times without a zone, and the adapters read those (`adapters.times`).
"""

from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

from ocpp_gateway.protocol.frames import Refusal
from ocpp_gateway.protocol.versions import Version

OCCURRENCE = {"required", "minItems", "maxItems"}
FORMAT = {"additionalProperties", "unevaluatedProperties"}


@cache
def requests(version: Version) -> dict[str, Any]:
    """Return action → compiled validator of its request."""
    return _compiled(version, version.request_suffix)


@cache
def responses(version: Version) -> dict[str, Any]:
    """Return action → compiled validator of its response."""
    return _compiled(version, "Response")


def _compiled(version: Version, suffix: str) -> dict[str, Any]:
    validators = {}
    for file in files("ocpp").joinpath(version.folder, "schemas").iterdir():
        name = file.name.removesuffix(".json")
        if file.name == name or name.endswith("Response") != (suffix == "Response"):
            continue
        schema = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        validators[name.removesuffix(suffix)] = jsonschema_rs.Draft4Validator(schema, validate_formats=False)
    return validators


def check(validator: Any, payload: dict[str, Any], version: Version) -> None:
    """Raise a Refusal that names the first member that is wrong and why."""
    if not validator.is_valid(payload):
        raise _refusal(next(validator.iter_errors(payload)), version)


def _refusal(error: Any, version: Version) -> Refusal:
    keyword = error.kind.name
    member = _path([*error.instance_path, *_named(error.kind)])
    if keyword in OCCURRENCE:
        code = version.occurrence_violation
    elif keyword in FORMAT:
        code = version.format_violation
    elif keyword == "type":
        code = "TypeConstraintViolation"
    else:
        code = "PropertyConstraintViolation"
    reason = f"{member}: {error.message}" if member else error.message
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
