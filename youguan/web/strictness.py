"""What no endpoint of an API may be asked: members that it does not know, and text and numbers that cannot be kept."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant

from youguan.errors import FieldError, Reason
from youguan.web.routes import LateRoute
from youguan.web.storable import refuse, shown, unstorable, unstorable_fields

PAGING = frozenset({"limit", "cursor"})
"""Every list takes these, also one that always fits on a single page."""


class StrictRoute(LateRoute):
    """An endpoint that refuses what would be passed over in silence or fail in the database, and names it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = PAGING.union(_query_names(self.dependant))
        body = self.body_field
        reads_form = body is not None and isinstance(body.field_info, params.Form)

        async def strict(request: Request) -> Response:
            refuse(_unknown(request, known))
            refuse(unstorable_fields([*request.path_params.items(), *request.query_params.multi_items()]))
            if reads_form:
                refuse(unstorable_fields((await request.form()).multi_items()))
            elif body is not None and "json" in request.headers.get("content-type", "json"):
                refuse(unstorable(await _body(request)))
            return await handle(request)

        return strict


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _query_names(needed)


def _unknown(request: Request, known: frozenset[str]) -> Iterator[FieldError]:
    for name in dict.fromkeys(request.query_params):
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            yield FieldError(shown(name), Reason("is not a member of this query (known: {known})", known=listed))


async def _body(request: Request) -> Any:
    """Return the body as JSON; what is none is for the endpoint's own parser to refuse."""
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None
