"""Errors as application/problem+json (RFC 9457) for machines, as a page for people; never a stack trace."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from youguan.database import AWAY, GAVE_WAY
from youguan.errors import FieldError, Forbidden, Invalid, Reason, Unauthenticated, Unavailable, YouguanError
from youguan.web.templates import kernel_templates
from youguan.web.translations import explained, in_words, language_of, preferred

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=BaseModel)


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


# What a person is told: what happened, and what to do now.
WORDS: dict[int, tuple[str, str]] = {
    Forbidden.status: ("没有权限", "您的账号不能查看或办理这一项。需要时请换一个账号登录。"),
    HTTPStatus.NOT_FOUND: ("没有找到这个页面", "地址可能写错了，或者它不在您的范围内。"),
    Unavailable.status: ("服务暂时不可用", "暂时连不上数据库。已经保存的数据没有丢失，请稍后再试。"),
}


def add_handlers(app: FastAPI) -> None:
    """Let an application answer every error in one way."""
    app.add_exception_handler(YouguanError, _youguan)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    for unusable in (asyncpg.DataError, asyncpg.ProgramLimitExceededError, UnicodeEncodeError, OverflowError):
        app.add_exception_handler(unusable, _unusable)
    for busy in GAVE_WAY:
        app.add_exception_handler(busy, _busy)
    for away in AWAY:
        app.add_exception_handler(away, _away)


async def _youguan(request: Request, error: Exception) -> Response:
    assert isinstance(error, YouguanError)
    return answer(request, error.status, error.title, error.detail, error.code, error.fields, error.headers)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _youguan(request, invalid_of(error))


def invalid_of(error: RequestValidationError) -> Invalid:
    """Return what a request's parameters are refused for, field by field."""
    return Invalid.of(*(_field(found) for found in error.errors()))


def _field(found: Mapping[str, Any]) -> FieldError:
    if found["type"] == "json_invalid":
        reason = Reason("is not JSON: {error}, at character {at}", error=found["ctx"]["error"], at=found["loc"][1])
        return FieldError("body", reason)
    return FieldError(".".join(map(str, found["loc"][1:])) or str(found["loc"][0]), _worded(found))


def checked(model: type[Model], members: Mapping[str, Any]) -> Model:
    """Return a form's members as the API takes them; Invalid names what it does not take, as the API would say it."""
    try:
        return model.model_validate(members)
    except ValidationError as error:
        wrong = (FieldError(".".join(map(str, e["loc"])), _worded(e)) for e in error.errors())
        raise Invalid.of(*wrong) from None


def _worded(found: Mapping[str, Any]) -> Reason:
    """Return pydantic's reason; translations know it by its kind, `pydantic.string_too_long` for instance."""
    if found["type"] == "value_error":  # of ours: as it was said, without pydantic's "Value error, "
        said = str(found["ctx"]["error"])
        first = next(iter(found["ctx"]["error"].args), said)
        return first if isinstance(first, Reason) else Reason.worded(said, said, {})
    return Reason.worded(found["msg"], f"pydantic.{found['type']}", found.get("ctx", {}))


async def _unusable(request: Request, error: Exception) -> Response:
    """A value that passed the types but that the database cannot take: too large, too early, no text."""
    log.warning("%s %s: %s", request.method, request.url.path, error)
    detail = "a value cannot be used: it is out of range, or no text"
    return answer(request, Invalid.status, Invalid.title, detail, Invalid.code)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "_").replace("-", "_")
    return answer(request, error.status_code, title, str(error.detail), code, (), error.headers)


async def _away(request: Request, error: Exception) -> Response:
    log.warning("%s: database away: %s", request.url.path, error)
    detail = "the database is away for the moment; try again"
    return answer(request, Unavailable.status, Unavailable.title, detail, Unavailable.code, (), {"Retry-After": "2"})


async def _busy(request: Request, error: Exception) -> Response:
    """Two changes waited for each other, and this one gave way: nothing of it was kept."""
    log.warning("%s %s: %s", request.method, request.url.path, error)
    return await _youguan(request, gave_way())


def gave_way() -> Unavailable:
    """Return what is said of a change that gave way to another."""
    return Unavailable("somebody else changes the same just now; try again", headers={"Retry-After": "1"})


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
        return _page(request, status, in_words(detail, fields, language_of(request)))
    language = preferred(request) or "en"
    if status == Unauthenticated.status and "hx-request" in request.headers:
        headers = {**(headers or {}), "HX-Redirect": _login_address(request)}
    problem = _problem(language, status, title, detail, code, fields)
    return JSONResponse(problem.model_dump(), status, dict(headers or {}), media_type="application/problem+json")


def problem_of(request: Request, error: YouguanError) -> Problem:
    """Return what went wrong with one of several things, as it would be answered had it been asked for alone."""
    return _problem(preferred(request) or "en", error.status, error.title, error.detail, error.code, error.fields)


def _problem(language: str, status: int, title: str, detail: str, code: str, fields: Sequence[FieldError]) -> Problem:
    return Problem(
        title=title,
        status=status,
        detail=in_words(detail, fields, language),
        code=code,
        fields=[ProblemField(field=f.field, reason=explained(f, language).reason) for f in fields],
    )


def _login_address(request: Request) -> str:
    """Return where to log in and come back from: to the page asked for, or to the one that a form or a refresh belongs to."""
    sent_from = None if request.method in ("GET", "HEAD") else request.headers.get("referer", "/")
    back = urlsplit(request.headers.get("hx-current-url") or sent_from or str(request.url))
    return f"/login?next={quote(back.path + (f'?{back.query}' if back.query else ''))}"


def _wants_page(request: Request) -> bool:
    path = request.scope.get("root_path", "") + request.url.path
    return "/api/" not in path and "text/html" in request.headers.get("accept", "")


def _page(request: Request, status: int, detail: str) -> Response:
    if status == Unauthenticated.status:
        return RedirectResponse(_login_address(request), 303)
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    title, advice = WORDS.get(
        status, ("出了点问题", "问题已经记录下来，请稍后再试。" if is_ours else "请求没有被接受。")
    )
    shown = "" if is_ours or status == HTTPStatus.NOT_FOUND else detail
    return kernel_templates().render(
        request, "error.html", status_code=status, title=title, advice=advice, detail=shown, again=is_ours
    )
