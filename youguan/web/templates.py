"""Pages: Jinja2 with the shell of the house, in the reader's language."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from youguan.web.origins import in_language, page_address
from youguan.web.translations import PACKAGES, explain, language_of, translate

HERE = Path(__file__).parent
STATIC = HERE / "static"
LOCAL_TIME = ZoneInfo("Asia/Shanghai")


class Marks(NamedTuple):
    """What stands between words in a language."""

    colon: str
    comma: str
    semicolon: str


CHINESE_MARKS, ENGLISH_MARKS = Marks("：", "、", "；"), Marks(": ", ", ", "; ")


class Templates:
    """The templates of one service, with those of the kernel behind them."""

    def __init__(self, folder: Path) -> None:
        self._package = next((each for each in PACKAGES if each.endswith(folder.parent.name)), None)
        self.environment = Environment(
            loader=FileSystemLoader([folder, HERE / "templates"]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["local_time"] = lambda moment: local_time(moment, datetime.now(UTC))
        self.environment.filters["local_minute"] = local_minute
        self.environment.globals["static"] = static_url

    def render(self, request: Request, name: str, *, status_code: int = 200, **context: Any) -> HTMLResponse:
        """Return a page; `_` in it translates, `explain` says what is wrong, `marks` stand between words, `principal` is who is
        logged in or None; `this_page` is its address, `translated` that in the other language.
        """
        language, this_page = language_of(request), page_address(request)

        def say(text: str, **values: object) -> str:
            translated = translate(text, language, self._package)
            return translated.format(**values) if values else translated

        html = self.environment.get_template(name).render(
            request=request,
            language=language,
            marks=CHINESE_MARKS if language == "zh" else ENGLISH_MARKS,
            _=say,
            explain=lambda error: explain(error, language),
            principal=getattr(request.state, "principal", None),
            demo=getattr(request.app.state, "demo", None),
            path=request.url.path,
            this_page=this_page,
            translated=in_language(this_page, "en" if language == "zh" else "zh"),
            **context,
        )
        response = HTMLResponse(html, status_code)
        response.headers["Vary"] = "Accept-Language, Cookie"
        response.headers["Cache-Control"] = "no-store"
        return response


@cache
def kernel_templates() -> Templates:
    """Return the templates of the kernel alone."""
    return Templates(HERE / "templates")


def local_time(moment: datetime | None, now: datetime) -> str:
    """Return a time as people in the county read it: with its year where that is not this year."""
    if moment is None:
        return "—"
    local = _local(moment)
    year = "" if local.year == now.astimezone(LOCAL_TIME).year else f"{local.year:04d}-"
    return year + local.strftime("%m-%d %H:%M:%S")


def local_minute(moment: datetime | None) -> str:
    """Return a time of any year as people in the county read it."""
    return _local(moment).strftime("%Y-%m-%d %H:%M") if moment else "—"


def _local(moment: datetime) -> datetime:
    """Return a moment in the county's time; the last hours that a charger's clock may say, in UTC: there the calendar has ended."""
    try:
        return moment.astimezone(LOCAL_TIME)
    except OverflowError:
        return moment


@cache
def static_url(name: str) -> str:
    """Return the address of a static file; its content's hash is in it, so that it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
