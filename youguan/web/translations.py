"""Two languages: texts are written in Chinese, their English stands in `translations/en.toml` of the package that uses them.

Reasons of errors are written in English, for programs; their Chinese stands in `translations/zh.toml`, by template, beside a table
`[fields]` of what the fields that they name are called.
"""

import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.requests import Request

from youguan.errors import FieldError, Reason, YouguanError

LANGUAGES = ("zh", "en")
COOKIE = "lang"
PACKAGES = ("youguan.web", "charger_registry", "ocpp_gateway", "alerts", "inspection_service")


@cache
def english(package: str | None = None) -> dict[str, str]:
    """Return Chinese text → English text of every package that is installed; what `package` says itself comes first."""
    tables = _tables("en.toml")
    everything = {text: said for table in tables.values() for text, said in table.items()}
    return everything | tables.get(package or "", {})


@cache
def chinese() -> tuple[dict[str, str], dict[str, str]]:
    """Return template of a reason → Chinese, and field → what it is called, of every package that is installed."""
    reasons: dict[str, str] = {}
    fields: dict[str, str] = {}
    for table in _tables("zh.toml").values():
        fields.update(table.pop("fields", {}))
        reasons.update(table)
    return reasons, fields


def _tables(name: str) -> dict[str, dict[str, Any]]:
    """Return package → its table, of every package that is installed and has one."""
    found = {}
    for package in PACKAGES:
        with suppress(ModuleNotFoundError, FileNotFoundError):
            text = files(package).joinpath("translations", name).read_text(encoding="utf-8")
            found[package] = tomllib.loads(text)
    return found


def language_of(request: Request) -> str:
    """Return the language to answer in: as asked for, as remembered, as the browser prefers, else Chinese."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    return preferred(request) or LANGUAGES[0]


def preferred(request: Request) -> str | None:
    """Return the language that `Accept-Language` asks for, None where it names none of ours."""
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return None


def translate(text: str, language: str, package: str | None = None) -> str:
    """Return the text in the language, as `package` says it; what has no English yet stays as it is."""
    return english(package).get(text, text) if language == "en" else text


def explain(error: YouguanError | str, language: str) -> str:
    """Return what is wrong in the language: of an error with fields each of them with its reason."""
    return _reason(error, language) if isinstance(error, str) else in_words(error.detail, error.fields, language)


def in_words(detail: str, fields: Sequence[FieldError], language: str) -> str:
    """Return what an error says, in the language."""
    if language == "zh" and fields:
        return "；".join(f"{field_name(field.field)}：{_reason(field.reason, language)}" for field in fields)
    return _reason(detail, language)


def explained(field: FieldError, language: str) -> FieldError:
    """Return a field's error with its reason in the language."""
    return FieldError(field.field, _reason(field.reason, language))


def _reason(text: str, language: str) -> str:
    if language != "zh":
        return text
    template, values = (text.template, text.values) if isinstance(text, Reason) else (text, None)
    said = chinese()[0].get(template)
    if said is None:
        return text
    return said.format(**{name: _worded(value) for name, value in values.items()}) if values is not None else said


def _worded(value: object) -> object:
    """Return a value of a reason: words that have their own Chinese in it, several with commas as well."""
    if not isinstance(value, str):
        return value
    known = chinese()[0]
    parts = value.split(", ")
    return known.get(value) or ("、".join(known[part] for part in parts) if all(p in known for p in parts) else value)


INDEX = re.compile(r"\[(\d+)\]$")


def field_name(path: str) -> str:
    """Return what a field is called in Chinese: `stations[2].power_kw` is 充电桩 3 功率."""
    known = chinese()[1]
    words = []
    for part in path.split("."):
        if part.isdigit():  # a place in a list, as pydantic names it
            words.append(str(int(part) + 1))
            continue
        index = INDEX.search(part)
        name = INDEX.sub("", part)
        words.append(known.get(name, name) + (f" {int(index[1]) + 1}" if index else ""))
    return " ".join(words)
