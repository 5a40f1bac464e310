"""A form that is refused comes back on its page, with what was typed in it and what is wrong with which field."""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote, unquote, urlencode, urlsplit

from fastapi import Request, Response
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException
from starlette.types import Message

from youguan.database import AWAY, GAVE_WAY
from youguan.errors import FieldError, YouguanError
from youguan.web.origins import CAME_FROM, sent_from
from youguan.web.refilling import Form, Typed, form_sent, refilled
from youguan.web.translations import explain, field_name, language_of

CHOOSE_AGAIN = "files have to be chosen again: a form that comes back does not hold them"
HTML = "text/html"
OF_A_PAGE = frozenset({"path_params", "endpoint", "route", "fastapi"})
"""What the router noted about the form's address, which does not concern its page."""


class NoPage(Exception):
    """There is no page to come back to."""


async def given_back(request: Request, error: YouguanError) -> Response:
    """Return the page that a refused form was sent from, filled again, with the reason; the error is raised where there is none."""
    origin = sent_from(request)
    if origin is None or HTML not in request.headers.get("accept", ""):
        raise error
    given, language = await request.form(), language_of(request)
    typed = typed_in(given)
    try:
        html = await _page(request, origin)
    except NoPage:
        raise error from None
    form = form_sent(html, origin, request.url.path, typed)
    if form is None:
        raise error
    said = _box([*_reasons(error, form, language), *_lost(given, language)])
    wrong = {one.field for one in error.fields}
    html = refilled(html, form, typed, _action(request, origin), wrong, said)
    return _shown(html, error.status, error.headers)


async def filled_again(request: Request, response: Response) -> Response:
    """Return an endpoint's answer: the page by which it refused a form itself with what was typed in that form."""
    if response.status_code < 400 or not response.headers.get("content-type", "").startswith(HTML):
        return response
    html = bytes(response.body).decode()
    given = await request.form()
    typed = typed_in(given)
    form = form_sent(html, request.url.path, request.url.path, typed)
    if form is None:
        return response
    said = _box(_lost(given, language_of(request)))
    html = refilled(html, form, typed, _action(request, sent_from(request)), said=said)
    return _shown(html, response.status_code, _kept(response.headers))


def typed_in(form: FormData) -> Typed:
    """Return what a form was given, field by field; files stay with who chose them."""
    return {name: [value for value in form.getlist(name) if isinstance(value, str)] for name in form}


def _action(request: Request, origin: str | None) -> str:
    """Return the address that a form which came back is sent to: the same, and where it came from at first."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != CAME_FROM]
    query += [(CAME_FROM, origin)] if origin else []
    return quote(request.url.path) + (f"?{urlencode(query)}" if query else "")


async def _page(request: Request, address: str) -> str:
    """Return a page as whoever asks sees it; NoPage where nothing is to be seen there."""
    path, query = urlsplit(address).path, urlsplit(address).query
    dropped = (b"content-type", b"content-length", b"hx-request")
    scope = {
        **{name: value for name, value in request.scope.items() if name not in OF_A_PAGE},
        "method": "GET", "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [pair for pair in request.scope["headers"] if pair[0] not in dropped],
    }  # fmt: skip
    parts: list[bytes] = []

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
        elif message["status"] != 200 or not Headers(raw=message["headers"]).get("content-type", "").startswith(HTML):
            raise NoPage

    try:
        await request.app.router(scope, nothing, keep)
    except (HTTPException, *AWAY, *GAVE_WAY):
        raise NoPage from None
    return b"".join(parts).decode()


def _box(lines: Sequence[str]) -> str:
    """Return what a form says at its beginning, as HTML; nothing where there is nothing to say."""
    listed = "".join(f"<li>{line}</li>" for line in lines)
    return f'<div class="error" role="alert" tabindex="-1" autofocus><ul>{listed}</ul></div>' if lines else ""


def _reasons(error: YouguanError, form: Form, language: str) -> list[str]:
    """Return each wrong field by its label, and why."""
    labels = {each.name: each.label for each in form.fields if each.label}
    return [_line(each, labels, language) for each in error.fields] or [escape(explain(error.detail, language))]


def _lost(given: FormData, language: str) -> list[str]:
    """Say that chosen files are not with the form that comes back: no page can choose them."""
    chosen = any(not isinstance(value, str) and value.filename for _, value in given.multi_items())
    return [escape(explain(CHOOSE_AGAIN, language))] if chosen else []


def _line(wrong: FieldError, labels: Mapping[str, str], language: str) -> str:
    name = labels.get(wrong.field) or (field_name(wrong.field) if language == "zh" else wrong.field)
    return f"{escape(name)}: {escape(explain(wrong.reason, language))}"


def _kept(headers: Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("content-length", "content-type")}


def _shown(html: str, status: int, headers: Mapping[str, str]) -> Response:
    return Response(html, status, {"Cache-Control": "no-store", **headers}, media_type=HTML)
