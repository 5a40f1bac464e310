"""Two languages: texts are written in Chinese, their English stands in `translations/en.toml` of the package that uses them."""

import tomllib
from functools import cache
from importlib.resources import files

from starlette.requests import Request

LANGUAGES = ("zh", "en")
COOKIE = "lang"
PACKAGES = ("youguan.web", "charger_registry", "ocpp_gateway", "alerts", "inspection_service")


@cache
def english() -> dict[str, str]:
    """Return Chinese text → English text of every package that is installed."""
    table: dict[str, str] = {}
    for package in PACKAGES:
        try:
            file = files(package).joinpath("translations", "en.toml")
        except ModuleNotFoundError:
            continue
        if file.is_file():
            table.update(tomllib.loads(file.read_text(encoding="utf-8")))
    return table


def language_of(request: Request) -> str:
    """Return the language to answer in: as asked for, as remembered, as the browser prefers, else Chinese."""
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]


def translate(text: str, language: str) -> str:
    """Return the text in the language; what has no English yet stays as it is."""
    return english().get(text, text) if language == "en" else text
