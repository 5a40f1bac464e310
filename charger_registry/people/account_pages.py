"""The page of one's own account: password, second factor, logins, delegations."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.login.api import browser_of
from charger_registry.login.desk import Login
from charger_registry.login.pages import keep_token, said
from charger_registry.people.delegations.desk import Delegations, Wish
from charger_registry.people.passwords import LONGEST_PASSWORD, first_screen
from charger_registry.people.providers import Provider
from charger_registry.people.second_factors.desk import SecondFactors
from youguan.auth import Principal
from youguan.clock import COUNTY
from youguan.errors import Invalid, YouguanError
from youguan.settings import Settings
from youguan.web.routes import Router
from youguan.web.security import SESSION_COOKIE, remote_of, require
from youguan.web.templates import Templates

DONE = {"password": "密码已更改，其他登录均已退出", "factor": "二次验证已关闭", "linked": "已关联，今后可用该账号登录"}
Himself = Annotated[Principal, Depends(require())]
Short = Annotated[str, Form(max_length=500)]


class Account:
    """What the page shows."""

    def __init__(
        self,
        login: Login,
        factors: SecondFactors,
        delegations: Delegations,
        templates: Templates,
        providers: Sequence[Provider] = (),
    ) -> None:
        self._providers = providers
        self.login = login
        self.factors = factors
        self.delegations = delegations
        self._templates = templates

    async def show(
        self, request: Request, who: Principal, *, error: YouguanError | None = None, done: str = "", **more: Any
    ) -> Response:
        """Return the page; `setup`: a second factor being set up, `codes`: new recovery codes, `given`: a delegation as typed."""
        return self._templates.render(
            request, "account.html", status_code=error.status if error else 200, error=said(error), done=DONE.get(done, ""),
            sessions=await self.login.sessions(who), factor=await self.factors.is_on(who.subject),
            delegations=await self.delegations.of(who), providers=self._providers,
            linked=await self.login.linked(who),
            leave_to_link=self.login.leave_to_link(who) if self._providers else "",
            **{"setup": None, "codes": (), "given": {}, **more},
        )  # fmt: skip


def account_pages(account: Account, settings: Settings) -> APIRouter:
    """Return /account."""
    router = Router(prefix="/account")
    _add_password(router, account, settings)
    _add_second_factor(router, account)
    _add_delegations(router, account, settings)
    return router


def _add_password(router: APIRouter, account: Account, settings: Settings) -> None:
    @router.get("")
    async def page(request: Request, who: Himself, done: str = "") -> Response:
        return await account.show(request, who, done=done)

    @router.post("/password")
    async def change_password(
        request: Request,
        who: Himself,
        old: str = Form(max_length=LONGEST_PASSWORD),
        new: str = Form(max_length=LONGEST_PASSWORD),
    ) -> Response:
        try:
            token = await account.login.change_password(who, old, new, remote_of(request), browser_of(request))
        except YouguanError as error:
            return await account.show(request, who, error=error)
        return keep_token(RedirectResponse("/account?done=password", 303), request, token, settings)

    @router.post("/sessions/end")
    async def end_session(request: Request, who: Himself, session_id: Short = "") -> Response:
        if session_id:
            await account.login.end_session(who, session_id, remote_of(request))
            return RedirectResponse("/account", 303)
        await account.login.log_out_everywhere(who, remote_of(request))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(SESSION_COOKIE)
        return response


def _add_second_factor(router: APIRouter, account: Account) -> None:
    @router.post("/second-factor")
    async def begin(request: Request, who: Himself) -> Response:
        try:
            return await account.show(request, who, setup=await account.factors.begin(who))
        except YouguanError as error:
            return await account.show(request, who, error=error)

    @router.post("/second-factor/confirm")
    async def confirm(request: Request, who: Himself, code: Short) -> Response:
        try:
            return await account.show(request, who, codes=await account.factors.confirm(who, code))
        except YouguanError as error:
            return await account.show(request, who, error=error, setup=await account.factors.begun(who))

    @router.post("/second-factor/remove")
    async def remove(request: Request, who: Himself, code: Short) -> Response:
        try:
            await account.factors.remove(who, code, remote_of(request))
        except YouguanError as error:
            return await account.show(request, who, error=error)
        return RedirectResponse("/account?done=factor", 303)


def _add_delegations(router: APIRouter, account: Account, settings: Settings) -> None:
    @router.post("/delegations")
    async def give(request: Request, who: Himself, receiver: Short, until: Short, reason: Short) -> Response:
        try:
            await account.delegations.give(who, Wish(receiver.strip(), _end_of(until), reason))
        except YouguanError as error:
            given = {"receiver": receiver, "until": until, "reason": reason}
            return await account.show(request, who, error=error, given=given)
        return RedirectResponse("/account", 303)

    @router.post("/delegations/{number}/end")
    async def end(number: int, who: Himself) -> Response:
        await account.delegations.end(who, number)
        return RedirectResponse("/account", 303)

    @router.post("/delegations/{number}/act")
    async def act(request: Request, number: int, who: Himself) -> Response:
        token, roles = await account.login.act_for(who, number, remote_of(request), browser_of(request))
        return keep_token(RedirectResponse(first_screen(roles), 303), request, token, settings)

    @router.post("/myself")
    async def be_oneself_again(request: Request, who: Himself) -> Response:
        token, roles = await account.login.be_oneself(who, remote_of(request), browser_of(request))
        return keep_token(RedirectResponse(first_screen(roles), 303), request, token, settings)


def _end_of(day: str) -> datetime:
    """Return the end of a day of the county; Invalid."""
    try:
        return datetime.combine(date.fromisoformat(day), time(23, 59, 59), tzinfo=COUNTY)
    except ValueError:
        raise Invalid.about("until", "not a date") from None
