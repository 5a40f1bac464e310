"""Who is asking, over HTTP: bearer token or session cookie, CSRF, and what a role needs."""

import secrets
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import asyncpg
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.responses import Response

from youguan.audit import Origin
from youguan.auth import NOTHING, Principal, Scope, TokenVerifier
from youguan.bounds import sites_within, stations_within
from youguan.errors import Forbidden, NotFound, Reason, Unauthenticated
from youguan.machine_keys import PREFIX, KeyRing, refuse_beyond_scopes

SESSION_COOKIE = "youguan_session"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FORM, FORM_OF_FILES = "application/x-www-form-urlencoded", "multipart/form-data"
# Only to be described in OpenAPI: `identify` has read the token already.
BEARER = HTTPBearer(auto_error=False, description="the token of POST /api/auth/login, or a machine's key")


def shown_again(request: Request) -> dict[str, str]:
    """Return the headers with which another service is asked on behalf of whoever asks us."""
    cookie = request.cookies.get(SESSION_COOKIE, "")
    return {"Authorization": request.headers.get("authorization") or f"Bearer {cookie}"}


async def identify(request: Request, verifier: TokenVerifier, keys: KeyRing) -> None:
    """Put who is asking into `request.state.principal`; refuse a cookie's change without its CSRF token."""
    request.state.principal = None
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        who = keys.verify(token) if token.startswith(PREFIX) else verifier.verify(token)
        refuse_beyond_scopes(who, request.method, request.url.path)
        request.state.principal = who
        return
    _refuse_foreign_origin(request)
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie is None:
        return
    try:
        principal = verifier.verify(cookie)
    except Unauthenticated:
        return  # an old cookie is as good as none
    if request.method not in SAFE_METHODS:
        await _check_csrf(request, principal)
    request.state.principal = principal


def _refuse_foreign_origin(request: Request) -> None:
    """A browser says from where a form is sent; another site's forms are refused, the login form's too."""
    origin = request.headers.get("origin")
    if request.method in SAFE_METHODS or origin is None:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("this request was sent by another site")


async def _check_csrf(request: Request, principal: Principal) -> None:
    """Compare the token; a form with files is not read here, and holds when the browser says that it is a page of ours."""
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").startswith(FORM_OF_FILES) and "origin" in request.headers:
        return
    if not given and request.headers.get("content-type", "").startswith(FORM):
        given = parse_qs((await request.body()).decode(errors="replace")).get("csrf", [""])[0]
    if not secrets.compare_digest(given.encode(), principal.csrf.encode()):
        raise Forbidden("the form has expired or was not ours (CSRF token); load the page again")


def remote_of(request: Request) -> str:
    """Return the address of whoever is connected: a proxy's, unless `trusted_proxies` names it."""
    return request.client.host if request.client else ""


def origin_of(request: Request) -> Origin:
    """Return what the audit trail says about where a request comes from."""
    who = principal_of(request)
    return Origin(remote_of(request) or None, who.subject if who else None, who.acting_for if who else None)


def is_loopback(address: str) -> bool:
    """Say whether an address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def principal_of(request: Request) -> Principal | None:
    """Return who is asking, or None."""
    found: Principal | None = getattr(request.state, "principal", None)
    return found


def require(*roles: str) -> Callable[..., Principal]:
    """Return a dependency that gives the principal and refuses whoever has none of the roles (none named: any login)."""

    def dependency(request: Request, _: Annotated[object, Security(BEARER)] = None) -> Principal:
        principal = principal_of(request)
        if principal is None:
            raise Unauthenticated("log in first")
        if roles and not principal.has(*roles):
            raise Forbidden(Reason("this needs one of the roles: {roles}", roles=", ".join(roles)))
        return principal

    return dependency


def require_county(*roles: str) -> Callable[..., Principal]:
    """Return the same for what concerns the whole county: whoever is bounded by a division or an organisation may not."""

    def dependency(who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        if not who.scope.everything:
            raise Forbidden("this concerns the whole county, and your bounds are narrower")
        return who

    return dependency


def require_person(*roles: str) -> Callable[..., Principal]:
    """Return the same for what a machine's key is never for."""

    def dependency(who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        if who.scopes is not None:
            raise Forbidden("this needs a person's login")
        return who

    return dependency


def require_station(pool: asyncpg.Pool, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency for addresses with a `station_id`: a login with one of the roles and the station within its bounds.

    NotFound beyond them: not even that there is such a station is said.
    """

    async def dependency(station_id: str, who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        async with pool.acquire() as connection:
            if station_id not in await stations_within(connection, who.scope, [station_id]):
                raise NotFound(Reason("station {station_id}", station_id=station_id))
        return who

    return dependency


def require_site(pool: asyncpg.Pool, *roles: str) -> Callable[..., Awaitable[Principal]]:
    """Return the same for addresses with a `site_id`."""

    async def dependency(site_id: str, who: Annotated[Principal, Depends(require(*roles))]) -> Principal:
        async with pool.acquire() as connection:
            if site_id not in await sites_within(connection, who.scope, [site_id]):
                raise NotFound(Reason("site {site_id}", site_id=site_id))
        return who

    return dependency


def scope_of(request: Request) -> Scope:
    """Return the bounds of whoever is asking; nothing for somebody who is not logged in."""
    principal = principal_of(request)
    return principal.scope if principal else NOTHING


Next = Callable[[Request], Awaitable[Response]]
