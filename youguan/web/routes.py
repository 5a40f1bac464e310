"""Endpoints that are analysed when they are first asked for."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.routing import Match, compile_path
from starlette.types import Scope


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


class Router(APIRouter):
    """The pages of a room under one prefix."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(prefix=prefix, route_class=LateRoute)
