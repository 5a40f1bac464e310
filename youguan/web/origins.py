"""Which page of ours a form was sent from, and with that the address of what its sender sees."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request

CAME_FROM = "came_from"
"""In the address that a form which came back is sent to: the page that it was on, for the browser names the refusal by then."""


def sent_from(request: Request) -> str | None:
    """Return the page of ours that a form was sent from, its query included; None where the browser names none."""
    named = request.query_params.get(CAME_FROM)
    if named is None:
        try:
            referer = urlsplit(request.headers.get("referer", ""))
        except ValueError:  # no address at all
            return None
        if referer.netloc != request.headers.get("host"):
            return None
        named = referer.path + (f"?{referer.query}" if referer.query else "")
    return named if _is_ours(named) else None


def page_address(request: Request) -> str:
    """Return where what is shown can be asked for again, by GET: of a form, the page that it was sent from."""
    asked = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    shown = asked if request.method in ("GET", "HEAD") else sent_from(request)
    return shown if shown is not None and _is_ours(shown) else "/"


def in_language(address: str, language: str) -> str:
    """Return the address of a page in another language."""
    path, _, query = address.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "lang"]
    return f"{path}?{urlencode([*kept, ('lang', language)])}"


def _is_ours(address: str) -> bool:
    return address.startswith("/") and not address.startswith(("//", "/\\"))
