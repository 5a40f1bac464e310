"""Errors as application/problem+json (RFC 9457) for machines, as a page for people; never a stack trace."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from youguan.database import AWAY
from youguan.errors import FieldError, Forbidden, Invalid, Unauthenticated, Unavailable, YouguanError
from youguan.web.templates import kernel_templates

log = logging.getLogger(__name__)


class ProblemField(BaseModel):
    """One field that is wrong, and why."""

    field: str
    reason: str


class Problem(BaseModel):
    """What went wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    fields: list[ProblemField] = []


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"model": Problem, "description": "What went wrong", "content": {"application/problem+json": {}}}
}


def add_handlers(app: FastAPI) -> None:
    """Let an application answer every error in one way."""
    app.add_exception_handler(YouguanError, _youguan)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    app.add_exception_handler(asyncpg.CharacterNotInRepertoireError, _unwritable)
    for away in AWAY:
        app.add_exception_handler(away, _away)


async def _youguan(request: Request, error: Exception) -> Response:
    assert isinstance(error, YouguanError)
    return answer(request, error.status, error.title, error.detail, error.code, error.fields)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [FieldError(".".join(map(str, e["loc"][1:])) or str(e["loc"][0]), e["msg"]) for e in error.errors()]
    detail = "; ".join(f"{field.field}: {field.reason}" for field in fields)
    return answer(request, Invalid.status, Invalid.title, detail, Invalid.code, fields)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "_").replace("-", "_")
    return answer(request, error.status_code, title, str(error.detail), code, (), error.headers)


async def _away(request: Request, error: Exception) -> Response:
    log.warning("%s: database away: %s", request.url.path, error)
    detail = "the database is away for the moment; try again"
    return answer(request, Unavailable.status, Unavailable.title, detail, Unavailable.code, (), {"Retry-After": "2"})


async def _unwritable(request: Request, error: Exception) -> Response:
    detail = "a text holds a character that cannot be stored, such as NUL"
    return answer(request, Invalid.status, Invalid.title, detail, Invalid.code)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return answer(request, 500, "Internal error", "something went wrong here; it has been logged", "internal_error")


def answer(
    request: Request,
    status: int,
    title: str,
    detail: str,
    code: str,
    fields: tuple[FieldError, ...] | list[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the problem in the form that the asker can use."""
    if _wants_page(request):
        return _page(request, status, detail)
    problem = Problem(
        title=title,
        status=status,
        detail=detail,
        code=code,
        fields=[ProblemField(field=field.field, reason=field.reason) for field in fields],
    )
    return JSONResponse(problem.model_dump(), status, dict(headers or {}), media_type="application/problem+json")


def _wants_page(request: Request) -> bool:
    path = request.scope.get("root_path", "") + request.url.path
    return "/api/" not in path and "text/html" in request.headers.get("accept", "")


def _page(request: Request, status: int, detail: str) -> Response:
    if status == Unauthenticated.status:
        return RedirectResponse(f"/login?next={request.url.path}", 303)
    shown = detail if status < HTTPStatus.INTERNAL_SERVER_ERROR else ""
    titles = {
        Forbidden.status: "没有权限",
        HTTPStatus.NOT_FOUND: "没有找到这个页面",
        Unavailable.status: "服务暂时不可用",
    }
    return kernel_templates().render(
        request, "error.html", status_code=status, title=titles.get(status, "出了点问题"), detail=shown
    )
