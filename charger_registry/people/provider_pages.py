"""Logging in at a provider and coming back; and linking one's own account with it."""

from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.login.api import browser_of
from charger_registry.login.desk import Login
from charger_registry.login.pages import ask_for_code, is_ours, keep_token
from charger_registry.people.passwords import first_screen
from charger_registry.people.providers import Errand, ProviderClient, new_errand
from charger_registry.people.second_factors.desk import CodeNeeded
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import Forbidden, NotFound, Reason, Unauthenticated, YouguanError
from youguan.settings import Settings
from youguan.web.routes import Router
from youguan.web.security import principal_of, remote_of, require
from youguan.web.templates import Templates

COOKIE, ERRAND_S = "youguan_errand", 600
AWAY = "登录服务暂时不可用，请稍后再试"
UNKNOWN = "该账号未关联，或登录未完成：请用密码登录后在“我的账户”中关联"


def provider_pages(
    login: Login, client: ProviderClient, templates: Templates, settings: Settings, clock: Clock
) -> APIRouter:
    """Return /login/with/{provider} and where a browser comes back to."""
    router = Router()

    def back_to(request: Request, provider: str) -> str:
        base = (settings.public_url or str(request.base_url)).rstrip("/")
        return f"{base}/login/with/{provider}/back"

    async def send(request: Request, provider: str, next: str, link_for: str | None) -> Response:
        if provider not in client.providers:
            raise NotFound(Reason("login provider {provider}", provider=provider))
        errand = new_errand(provider, next if is_ours(next) else "", link_for)
        response = RedirectResponse(await client.address(errand, back_to(request, provider)), 303)
        sealed = login.seal(orjson.dumps(asdict(errand)))
        response.set_cookie(
            COOKIE, sealed, httponly=True, samesite="lax", secure=request.url.scheme == "https", max_age=ERRAND_S,
            path="/login/with",
        )  # fmt: skip
        return response

    @router.get("/login/with/{provider}")
    async def begin(
        request: Request,
        provider: str,
        next: str = "",
        link: Annotated[str, Query(max_length=1000, description="of one's account page: to link, not to log in")] = "",
    ) -> Response:
        link_for = login.refuse_foreign_link(principal_of(request), link).subject if link else None
        return await send(request, provider, next, link_for)

    @router.post("/account/unlink")
    async def unlink(
        request: Request, who: Annotated[Principal, Depends(require())], provider: Annotated[str, Form(max_length=100)]
    ) -> Response:
        await login.unlink(who, provider, remote_of(request))
        return RedirectResponse("/account", 303)

    @router.get("/login/with/{provider}/back")
    async def back(request: Request, provider: str, code: str = "", state: str = "") -> Response:
        try:
            errand = Errand(**orjson.loads(login.unseal(request.cookies.get(COOKIE, ""), ERRAND_S)))
            known = provider in client.providers and errand.provider == provider
            if not known or not code or errand.state != state:
                raise Unauthenticated("this is not the login that was begun here")
            subject = await client.subject(errand, code, back_to(request, provider), clock.now())
            response = await arrive(request, errand, subject)
        except YouguanError as error:
            reason = error if isinstance(error, Forbidden) else AWAY if error.retryable else UNKNOWN
            response = templates.render(
                request, "login.html", status_code=error.status, next="", username="", error=reason,
                providers=client.providers.values(),
            )  # fmt: skip
        response.delete_cookie(COOKIE, path="/login/with")
        return response

    async def arrive(request: Request, errand: Errand, subject: str) -> Response:
        remote = remote_of(request)
        if errand.link_for is not None:
            who = principal_of(request)
            if who is None or who.subject != errand.link_for:
                raise Unauthenticated("log in first")
            await login.link(who, errand.provider, subject, remote)
            return RedirectResponse("/account?done=linked", 303)
        provider = client.providers[errand.provider]
        try:
            token, roles = await login.log_in_by(provider, subject, remote, browser_of(request))
        except CodeNeeded as needed:
            return ask_for_code(request, login, templates, needed, errand.next)
        return keep_token(RedirectResponse(errand.next or first_screen(roles), 303), request, token, settings)

    return router
