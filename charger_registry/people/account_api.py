"""One's own second factor and delegations over HTTP, under /api/auth."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from charger_registry.login.api import Token, browser_of
from charger_registry.login.desk import Login
from charger_registry.people.delegations.desk import Delegations, Wish
from charger_registry.people.second_factors.desk import SecondFactors
from youguan.auth import Principal
from youguan.web.paging import Page
from youguan.web.security import remote_of, require
from youguan.web.times import GivenTime, UtcTime

Himself = Annotated[Principal, Depends(require())]


class SetupOut(BaseModel):
    """What goes into an application on a phone (RFC 6238); shown this once."""

    secret: str
    address: str


class CodeIn(BaseModel):
    """A code of the second factor, or a recovery code."""

    code: str = Field(min_length=1, max_length=50)


class RecoveryOut(BaseModel):
    """Codes that each take the place of the phone once; shown this once."""

    recovery_codes: list[str]


class DelegationIn(BaseModel):
    """Who is to act for oneself, until when, and why."""

    receiver: str = Field(min_length=1, max_length=64)
    until: GivenTime
    reason: str = Field(min_length=1, max_length=500)


class DelegationOut(BaseModel):
    """A delegation that holds: `receiver` may act for `giver`."""

    id: int
    giver: str
    receiver: str
    since: UtcTime
    until: UtcTime
    reason: str


def add_second_factor(app: FastAPI, factors: SecondFactors) -> None:
    """Add one's own second factor."""

    @app.post("/second-factor", status_code=201)
    async def begin(response: Response, who: Himself) -> SetupOut:
        """Begin to set up a second factor: it counts once a code of it has been shown."""
        setup = await factors.begin(who)
        response.headers["Cache-Control"] = "no-store"
        return SetupOut(secret=setup.secret, address=setup.address)

    @app.post("/second-factor/confirm")
    async def confirm(given: CodeIn, response: Response, who: Himself) -> RecoveryOut:
        """Turn it on by its first code; every login needs one from then on."""
        response.headers["Cache-Control"] = "no-store"
        return RecoveryOut(recovery_codes=await factors.confirm(who, given.code))

    @app.post("/second-factor/remove", status_code=204)
    async def remove(given: CodeIn, request: Request, who: Himself) -> None:
        """Turn it off by a code of it; 429 after so many wrong ones."""
        await factors.remove(who, given.code, remote_of(request))


def add_delegations(app: FastAPI, delegations: Delegations, login: Login) -> None:
    """Add delegations."""

    @app.get("/delegations")
    async def listed(who: Himself) -> Page[DelegationOut]:
        """List the delegations that one has given or received and that hold."""
        return Page(items=[DelegationOut(**dict(row)) for row in await delegations.of(who)])

    @app.post("/delegations", status_code=201)
    async def give(given: DelegationIn, who: Himself) -> Page[DelegationOut]:
        """Let somebody act for oneself until a time: what he does so stands in the audit trail as `B for A`."""
        await delegations.give(who, Wish(given.receiver, given.until, given.reason))
        return await listed(who)

    @app.delete("/delegations/{delegation_id}", status_code=204)
    async def end(delegation_id: int, who: Himself) -> None:
        """End a delegation that one has given or received; whoever acts on it acts no longer."""
        await delegations.end(who, delegation_id)

    @app.post("/delegations/{delegation_id}/act")
    async def act(delegation_id: int, request: Request, who: Himself) -> Token:
        """Return a token with the roles and bounds of whoever gave the delegation."""
        token, _ = await login.act_for(who, delegation_id, remote_of(request), browser_of(request))
        return Token(token=token)
