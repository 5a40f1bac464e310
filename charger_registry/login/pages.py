"""The pages of logging in and out, and of the link with which a password is set."""

from collections.abc import Sequence

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.login.api import LONGEST_NAME, browser_of
from charger_registry.login.desk import Login
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.passwords import LONGEST_PASSWORD, first_screen
from charger_registry.people.providers import Provider
from charger_registry.people.second_factors.desk import CodeNeeded
from youguan.errors import Forbidden, Invalid, TooManyRequests, Unauthenticated, YouguanError
from youguan.settings import Settings
from youguan.web.routes import Router
from youguan.web.security import SESSION_COOKIE, principal_of, remote_of
from youguan.web.templates import Templates

REFUSALS = {
    "old_password": "原密码不正确",
    "new_password": "新密码不符合要求：至少 10 个字符，不要重复同几个字符，也不要与用户名相同",
    "receiver": "没有这位可以代行的人员：公务人员之间、同一运营商人员之间才能代行，且不能是本人",
    "until": "截止日期须在今后 92 天之内",
    "code": "验证码不正确或已使用过",
    "password": "新密码不符合要求：至少 10 个字符，不要重复同几个字符，也不要与用户名相同",
    "too_many_requests": "尝试次数过多，请稍后再试",
}


def login_pages(
    login: Login, desk: PeopleDesk, templates: Templates, settings: Settings, providers: Sequence[Provider] = ()
) -> APIRouter:
    """Return /login, /logout and /password/{link}."""
    router = Router()
    _add_login_page(router, login, templates, settings, providers)
    _add_link_page(router, desk, templates)
    return router


def keep_token(response: Response, request: Request, token: str, settings: Settings) -> Response:
    """Let a browser keep a token."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        max_age=settings.token_lifetime_s,
    )
    return response


def ask_for_code(request: Request, login: Login, templates: Templates, needed: CodeNeeded, next: str) -> Response:
    """Return the page that asks whoever has shown who he is for a code."""
    return templates.render(request, "login_code.html", next=next, ticket=login.ticket(needed.username), error="")


def _add_login_page(
    router: APIRouter, login: Login, templates: Templates, settings: Settings, providers: Sequence[Provider]
) -> None:
    @router.get("/login")
    async def page(request: Request, next: str = "") -> Response:
        return templates.render(request, "login.html", next=next, username="", error="", providers=providers)

    @router.post("/login")
    async def log_in(
        request: Request,
        username: str = Form(max_length=LONGEST_NAME),
        password: str = Form(max_length=LONGEST_PASSWORD),
        next: str = Form("", max_length=2000),
    ) -> Response:
        try:
            token, roles = await login.log_in(username, password, remote_of(request), browser_of(request))
        except CodeNeeded as needed:
            return ask_for_code(request, login, templates, needed, next)
        except (Unauthenticated, TooManyRequests, Forbidden) as error:
            reason = error if isinstance(error, Forbidden) else REFUSALS.get(error.code, "用户名或密码不正确")
            page = templates.render(
                request, "login.html", status_code=error.status, next=next, username=username, error=reason,
                providers=providers,
            )  # fmt: skip
            page.headers.update(error.headers)
            return page
        return into(request, token, roles, next)

    def into(request: Request, token: str, roles: list[str], next: str) -> Response:
        response = RedirectResponse(next if is_ours(next) else first_screen(roles), 303)
        return keep_token(response, request, token, settings)

    @router.post("/login/code")
    async def second_step(
        request: Request,
        ticket: str = Form(max_length=1000),
        code: str = Form(max_length=50),
        next: str = Form("", max_length=2000),
    ) -> Response:
        try:
            token, roles = await login.second_step(ticket, code, remote_of(request), browser_of(request))
        except (Unauthenticated, TooManyRequests) as error:
            reason = REFUSALS.get(error.code, "验证码不正确、已使用过或等候过久")
            page = templates.render(
                request, "login_code.html", status_code=error.status, next=next, ticket=ticket, error=reason
            )
            page.headers.update(error.headers)
            return page
        return into(request, token, roles, next)

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        principal = principal_of(request)
        if principal is not None:
            await login.log_out(principal, remote_of(request))
        response = RedirectResponse("/", 303)
        response.delete_cookie(SESSION_COOKIE)
        return response


def _add_link_page(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    async def show(request: Request, link: str, error: YouguanError | None = None) -> Response:
        found = await desk.whose_link(link)
        return templates.render(
            request, "password_link.html", status_code=error.status if error else 200, link=link,
            username=found["username"], until=found["until"], error=said(error),
        )  # fmt: skip

    @router.get("/password/{link}")
    async def page(request: Request, link: str) -> Response:
        return await show(request, link)

    @router.post("/password/{link}")
    async def set_password(request: Request, link: str, password: str = Form(max_length=LONGEST_PASSWORD)) -> Response:
        try:
            await desk.use_link(link, password, remote_of(request))
        except Invalid as error:
            return await show(request, link, error)
        return RedirectResponse("/login", 303)


def said(error: YouguanError | None) -> str | YouguanError:
    """Return what a page says about a password that was refused: our own words, else the error's."""
    if error is None:
        return ""
    field = error.fields[0].field if error.fields else error.code
    return REFUSALS.get(field, error)


def is_ours(address: str) -> bool:
    """Only a path of this site: never somebody else's address behind our login."""
    return address.startswith("/") and not address.startswith(("//", "/\\"))
