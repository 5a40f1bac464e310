"""Logging in and out over HTTP; one's own password and logins."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from charger_registry.login.desk import Login
from charger_registry.people.desk import PeopleDesk
from charger_registry.people.passwords import LONGEST_PASSWORD
from youguan.auth import Principal
from youguan.web.application import api
from youguan.web.paging import Page
from youguan.web.security import principal_of, remote_of, require
from youguan.web.times import UtcTime

LONGEST_NAME = 200
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class Credentials(BaseModel):
    """Who logs in."""

    username: Name
    password: Password
    code: str | None = Field(None, max_length=50, description="of the second factor, where one is set up")


class Token(BaseModel):
    """For `Authorization: Bearer`."""

    token: str


class NewPassword(BaseModel):
    """One's own password, changed."""

    old_password: Password
    new_password: Password


class LinkPassword(BaseModel):
    """A password set by a link: `link` is what stands behind /password/ in it."""

    link: str = Field(max_length=200)
    password: Password


class SessionOut(BaseModel):
    """A login that holds; `this`: the one that asks."""

    id: str
    began_at: UtcTime
    expires_at: UtcTime
    remote: str
    browser: str
    acting_for: str | None
    this: bool


def browser_of(request: Request) -> str:
    """Return what a client says it is."""
    return request.headers.get("user-agent", "")


def login_api(login: Login, desk: PeopleDesk) -> FastAPI:
    """Return /api/auth."""
    app = api("Youguan login")
    _add_entrance(app, login, desk)
    _add_sessions(app, login)
    return app


def _add_entrance(app: FastAPI, login: Login, desk: PeopleDesk) -> None:
    @app.post("/login")
    async def log_in(credentials: Credentials, request: Request) -> Token:
        """Return a token for a name and a password."""
        remote, browser = remote_of(request), browser_of(request)
        token, _ = await login.log_in(credentials.username, credentials.password, remote, browser, credentials.code)
        return Token(token=token)

    @app.post("/logout", status_code=204)
    async def log_out(request: Request) -> Response:
        """Let the token of this request no longer hold."""
        principal = principal_of(request)
        if principal is not None:
            await login.log_out(principal, remote_of(request))
        return Response(status_code=204)

    @app.post("/password-links/use", status_code=204)
    async def use_link(given: LinkPassword, request: Request) -> None:
        """Set a password by a link, once; whatever was issued before holds no longer."""
        await desk.use_link(given.link, given.password, remote_of(request))


def _add_sessions(app: FastAPI, login: Login) -> None:
    @app.post("/password")
    async def change_password(
        given: NewPassword, request: Request, who: Annotated[Principal, Depends(require())]
    ) -> Token:
        """Change one's own password: every login ends, and this is the token of a new one."""
        remote, browser = remote_of(request), browser_of(request)
        token = await login.change_password(who, given.old_password, given.new_password, remote, browser)
        return Token(token=token)

    @app.get("/sessions")
    async def sessions(who: Annotated[Principal, Depends(require())]) -> Page[SessionOut]:
        """List one's own logins that hold, newest first."""
        rows = await login.sessions(who)
        return Page(items=[SessionOut(**dict(r), id=r["token_id"], this=r["token_id"] == who.token_id) for r in rows])

    @app.delete("/sessions/{session_id}", status_code=204)
    async def end_session(session_id: str, request: Request, who: Annotated[Principal, Depends(require())]) -> None:
        """End one of one's own logins."""
        await login.end_session(who, session_id, remote_of(request))

    @app.delete("/sessions", status_code=204)
    async def log_out_everywhere(request: Request, who: Annotated[Principal, Depends(require())]) -> None:
        """End all of one's own logins, this one too."""
        await login.log_out_everywhere(who, remote_of(request))
