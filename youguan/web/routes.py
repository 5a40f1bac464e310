"""Endpoints that are analysed when they are first asked for; those of pages give a refused form back."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.routing import Match, compile_path
from starlette.types import Scope

from youguan.database import GAVE_WAY
from youguan.errors import Forbidden, Unauthenticated, YouguanError
from youguan.web.problems import gave_way, invalid_of
from youguan.web.returning import filled_again, given_back
from youguan.web.security import FORM
from youguan.web.storable import refuse, unstorable_fields

log = logging.getLogger(__name__)


class LateRoute(APIRoute):
    """An endpoint whose parameters and answers are analysed when somebody first asks for it, or for its description.

    FastAPI does so when a route is declared, three milliseconds for each of more than five hundred: every process that
    composes the services would begin a second later, and the one that only runs their jobs has no use for any of it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._analyse = lambda: APIRoute.__init__(self, path, endpoint, **options)
        self._regex = compile_path(path)[0]

    def __getattr__(self, name: str) -> Any:
        """Return what only the analysis knows."""
        if name != "_analyse" and (analyse := self.__dict__.pop("_analyse", None)):
            analyse()
            return getattr(self, name)
        raise AttributeError(name, name=name, obj=self)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave the analysis for whoever asks for this very path."""
        if scope["type"] != "http" or not self._regex.match(get_route_path(scope)):
            return Match.NONE, {}
        return super().matches(scope)


class PageRoute(LateRoute):
    """A page or what one of its forms is sent to: text that cannot be kept is refused, what was typed stays typed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_form = self.body_field is not None

        async def handled(request: Request) -> Response:
            refuse(unstorable_fields([*request.path_params.items(), *request.query_params.multi_items()]))
            if request.method != "POST":
                return await handle(request)
            try:
                # Larger forms than these, with files, are for their endpoints to read.
                if takes_form or request.headers.get("content-type", "").startswith(FORM):
                    refuse(unstorable_fields((await request.form()).multi_items()))
                return await filled_again(request, await handle(request))
            except (Unauthenticated, Forbidden):
                raise
            except GAVE_WAY as error:
                log.warning("%s %s: %s", request.method, request.url.path, error)
                return await given_back(request, gave_way())
            except RequestValidationError as error:
                return await given_back(request, invalid_of(error))
            except YouguanError as error:
                return await given_back(request, error)

        return handled


class Router(APIRouter):
    """The pages of a room under one prefix."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(prefix=prefix, route_class=PageRoute)
