"""Keys of machine clients over HTTP."""

from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Response
from pydantic import BaseModel, Field

from charger_registry.people.api import Grounds, Short, Why, manager
from charger_registry.people.machine_keys.desk import KeyWish, MachineKeyDesk, state_of
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.web.paging import Page
from youguan.web.times import GivenTime, UtcTime


class KeyOut(BaseModel):
    """What is known of a key: never the key."""

    id: str
    name: str
    role: str
    scopes: list[str]
    organisation_id: str | None
    division: str | None
    state: Literal["holding", "expired", "revoked"]
    issued_by: str
    issued_at: UtcTime
    expires_at: UtcTime
    last_used_at: UtcTime | None
    revoked_by: str | None
    revoked_at: UtcTime | None


class KeyIn(BaseModel):
    """A new key: its role and bounds as a person has them, and what it is for (`registry:read`, `gateway:write` …)."""

    name: str = Field(min_length=1, max_length=200)
    role: Literal["regulator", "inspector", "operator"]
    scopes: list[Short] = Field(min_length=1, max_length=50)
    organisation_id: Short | None = None
    division: Short | None = None
    expires_at: GivenTime
    reason: Grounds


class NewKeyOut(BaseModel):
    """A new key, shown this once: `Authorization: Bearer ygk_…`."""

    id: str
    name: str
    key: str
    expires_at: UtcTime


def add_keys(app: FastAPI, desk: MachineKeyDesk, clock: Clock) -> None:
    """Add the keys of machine clients to /api/registry."""

    @app.get("/keys")
    async def keys(who: Annotated[Principal, Depends(manager)]) -> Page[KeyOut]:
        """List the keys that one may revoke, the latest first."""
        now = clock.now()
        return Page(items=[KeyOut(**dict(row), state=state_of(row, now)) for row in await desk.list_keys(who)])

    @app.post("/keys", status_code=201)
    async def issue(given: KeyIn, response: Response, who: Annotated[Principal, Depends(manager)]) -> NewKeyOut:
        """Issue a key; it is shown in this answer and never again."""
        named = given.model_dump(exclude={"reason", "scopes"})
        issued = await desk.issue(who, KeyWish(**named, scopes=tuple(given.scopes)), given.reason)
        response.headers["Cache-Control"] = "no-store"
        return NewKeyOut(id=issued.id, name=issued.name, key=issued.key, expires_at=issued.expires_at)

    @app.post("/keys/{key_id}/revoke", status_code=204)
    async def revoke(key_id: str, given: Why, who: Annotated[Principal, Depends(manager)]) -> None:
        """Let a key hold no longer: every service knows within a second."""
        await desk.revoke(who, key_id, given.reason)
