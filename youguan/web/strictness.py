"""What no endpoint of an API may be asked: members that it does not know, and text and numbers that cannot be kept."""

import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant

from youguan.errors import FieldError, Invalid, Reason
from youguan.web.routes import LateRoute

# PostgreSQL's text holds neither NUL nor half a surrogate pair, which JSON can spell.
UNSTORABLE = re.compile("[\\x00\ud800-\udfff]")
LEAST, MOST = -(2**63), 2**64 - 1  # what JSON can be written with again
TOO_LARGE = "is a number beyond 64 bits"
WHY = "holds a character that no text can hold (NUL or half of a surrogate pair)"


def has_no_place_in_text(value: str) -> bool:
    """Say whether a string holds what cannot be stored as text."""
    return UNSTORABLE.search(value) is not None


PAGING = frozenset({"limit", "cursor"})
"""Every list takes these, also one that always fits on a single page."""


class StrictRoute(LateRoute):
    """An endpoint that refuses what would be passed over in silence or fail in the database, and names it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = PAGING.union(_query_names(self.dependant))
        reads_json = self.body_field is not None

        async def strict(request: Request) -> Response:
            refuse(_unknown(request, known))
            refuse(_unstorable(dict(request.path_params)))
            refuse(_unstorable(dict(request.query_params)))
            if reads_json and "json" in request.headers.get("content-type", "json"):
                refuse(_unstorable(await _body(request)))
            return await handle(request)

        return strict


def refuse(found: Iterator[FieldError]) -> None:
    """Raise Invalid where something was found."""
    fields = list(found)
    if fields:
        raise Invalid("; ".join(f"{field.field}: {field.reason}" for field in fields), fields=fields)


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _query_names(needed)


def _unknown(request: Request, known: frozenset[str]) -> Iterator[FieldError]:
    for name in dict.fromkeys(request.query_params):
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            yield FieldError(_shown(name), Reason("is not a member of this query (known: {known})", known=listed))


def _unstorable(value: Any) -> Iterator[FieldError]:
    """Find what cannot be stored in a JSON value, however deep it is nested."""
    left = [("", value)]
    while left:
        path, found = left.pop()
        if isinstance(found, str) and has_no_place_in_text(found):
            yield FieldError(path or "body", WHY)
        elif isinstance(found, int) and not LEAST <= found <= MOST:
            yield FieldError(path or "body", TOO_LARGE)
        elif isinstance(found, dict):
            names = [f"{path}.{_shown(name)}".lstrip(".") for name in found]
            yield from (
                FieldError(path, WHY) for name, path in zip(found, names, strict=True) if UNSTORABLE.search(name)
            )
            left += zip(names, found.values(), strict=True)
        elif isinstance(found, list):
            left += [(f"{path}[{place}]", member) for place, member in enumerate(found)]


def _shown(name: str) -> str:
    return UNSTORABLE.sub("?", name)[:100]


async def _body(request: Request) -> Any:
    """Return the body as JSON; what is none is for the endpoint's own parser to refuse."""
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None
