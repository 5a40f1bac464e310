"""Logging in and out: JSON for machines, a form for people."""

from datetime import timedelta
from pathlib import Path

import asyncpg
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from charger_registry import store
from charger_registry.people import Passwords, Tries, first_screen
from youguan import audit
from youguan.auth import Principal, TokenIssuer
from youguan.clock import Clock
from youguan.errors import TooManyRequests, Unauthenticated, Unavailable
from youguan.eventlog import publish
from youguan.events import AccessRevoked
from youguan.settings import Settings
from youguan.web.application import api
from youguan.web.security import SESSION_COOKIE, is_loopback, principal_of, remote_of
from youguan.web.templates import Templates

LONGEST_NAME, LONGEST_PASSWORD = 200, 1000


class Credentials(BaseModel):
    """Who logs in."""

    username: str = Field(max_length=LONGEST_NAME)
    password: str = Field(max_length=LONGEST_PASSWORD)


class Token(BaseModel):
    """For `Authorization: Bearer`."""

    token: str


class Login:
    """Checks passwords and issues tokens."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._demo = settings.demo
        self._passwords = Passwords()
        self._tries = Tries()
        self._issuer = (
            TokenIssuer(settings.token_private_key, timedelta(seconds=settings.token_lifetime_s))
            if settings.token_private_key
            else None
        )

    async def log_in(self, username: str, password: str, remote: str) -> tuple[str, list[str]]:
        """Return a token and the roles; Unauthenticated, TooManyRequests."""
        if self._issuer is None:
            raise Unavailable("no key to sign tokens with is configured (YOUGUAN_TOKEN_PRIVATE_KEY)")
        now = self._clock.now()
        self._tries.begin(username, remote, now)
        demo = self._demo and is_loopback(remote)
        async with self._pool.acquire() as connection:
            person = await store.find_person(connection, username, demo=demo)
        if not await self._passwords.fit(person["password_hash"] if person else None, password) or person is None:
            raise Unauthenticated("the name or the password is wrong")
        self._tries.succeeded(username, remote)
        async with self._pool.acquire() as connection, connection.transaction():
            await audit.record(connection, at=now, actor=username, action="login", subject=username, remote=remote)
        token = self._issuer.issue(
            subject=username,
            name=person["name"],
            roles=frozenset(person["roles"]),
            organisation_id=person["organisation_id"],
            division=person["division"],
            now=now,
        )
        return token, list(person["roles"])

    async def log_out(self, principal: Principal, remote: str) -> None:
        """Let the token no longer hold."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await audit.record(
                connection,
                at=now,
                actor=principal.subject,
                action="logout",
                subject=principal.subject,
                remote=remote,
            )
            revoked = AccessRevoked(subject=principal.subject, token_id=principal.token_id, at=now)
            await publish(connection, store.STREAM, [revoked])


def login_api(login: Login) -> FastAPI:
    """Return /api/auth."""
    app = api("Youguan login")

    @app.post("/login")
    async def log_in(credentials: Credentials, request: Request) -> Token:
        """Return a token for a name and a password."""
        token, _ = await login.log_in(credentials.username, credentials.password, remote_of(request))
        return Token(token=token)

    @app.post("/logout", status_code=204)
    async def log_out(request: Request) -> Response:
        """Let the token of this request no longer hold."""
        principal = principal_of(request)
        if principal is not None:
            await login.log_out(principal, remote_of(request))
        return Response(status_code=204)

    return app


def login_pages(login: Login, templates: Templates, settings: Settings) -> APIRouter:
    """Return /login and /logout."""
    router = APIRouter()

    @router.get("/login")
    async def page(request: Request, next: str = "") -> Response:
        return templates.render(request, "login.html", next=next, username="", error="")

    @router.post("/login")
    async def log_in(
        request: Request,
        username: str = Form(max_length=LONGEST_NAME),
        password: str = Form(max_length=LONGEST_PASSWORD),
        next: str = Form("", max_length=2000),
    ) -> Response:
        try:
            token, roles = await login.log_in(username, password, remote_of(request))
        except (Unauthenticated, TooManyRequests) as error:
            reason = "尝试次数过多，请稍后再试" if isinstance(error, TooManyRequests) else "用户名或密码不正确"
            page = templates.render(
                request, "login.html", status_code=error.status, next=next, username=username, error=reason
            )
            page.headers.update(error.headers)
            return page
        response = RedirectResponse(next if _is_ours(next) else first_screen(roles), 303)
        response.set_cookie(
            SESSION_COOKIE,
            token,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
            max_age=settings.token_lifetime_s,
        )
        return response

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        principal = principal_of(request)
        if principal is not None:
            await login.log_out(principal, remote_of(request))
        response = RedirectResponse("/", 303)
        response.delete_cookie(SESSION_COOKIE)
        return response

    return router


def _is_ours(address: str) -> bool:
    """Only a path of this site: never somebody else's address behind our login."""
    return address.startswith("/") and not address.startswith(("//", "/\\"))


TEMPLATES = Path(__file__).parent / "templates"
