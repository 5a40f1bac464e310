"""Credentials tokens for OCPI over HTTP: issued, listed and revoked by regulators."""

from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from charger_registry.open_data.tokens import store
from charger_registry.open_data.tokens.desk import Purpose, TokenDesk
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require_county
from youguan.web.times import UtcTime

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class TokenWish(BaseModel):
    """Who gets a token, for what and why; `registration`: it is exchanged for another at the credentials module."""

    party: str = Field(min_length=1, max_length=100)
    purpose: Purpose = "access"
    reason: Reason


class NewToken(BaseModel):
    """A new token, shown this once; in the Authorization header stands its Base64."""

    id: int
    party: str
    token: str
    issued_at: UtcTime


class TokenOut(BaseModel):
    """What is known of a token; `country_code` and `party_id` as its holder said when it registered."""

    id: int
    party: str
    country_code: str | None
    party_id: str | None
    purpose: Purpose
    registered: bool
    issued_at: UtcTime
    issued_by: str
    reason: str
    used_at: UtcTime | None
    ended_at: UtcTime | None
    ended_by: str | None


class TokenRevocation(BaseModel):
    """Why a token holds no longer."""

    reason: Reason


def add_ocpi_tokens(app: FastAPI, pool: asyncpg.Pool, desk: TokenDesk) -> None:
    """Add tokens to /api/registry."""
    regulator = require_county(REGULATOR)

    @app.get("/ocpi-tokens")
    async def tokens(
        _: Annotated[Principal, Depends(regulator)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[TokenOut]:
        """List tokens, newest first; the tokens themselves nobody has."""
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            rows = await store.list_tokens(connection, key[0] if key else None, limit)
        return Page(items=[TokenOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "id"))

    @app.post("/ocpi-tokens", status_code=201)
    async def issue(
        wish: TokenWish, request: Request, response: Response, who: Annotated[Principal, Depends(regulator)]
    ) -> NewToken:
        """Issue a token; it is shown in this answer and never again."""
        issued = await desk.issue(who, wish.party, wish.purpose, wish.reason, remote_of(request))
        response.headers["Cache-Control"] = "no-store"
        return NewToken(id=issued.token_id, party=issued.party, token=issued.token, issued_at=issued.issued_at)

    @app.post("/ocpi-tokens/{token_id}/revoke", status_code=204)
    async def revoke(
        token_id: int, why: TokenRevocation, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> None:
        """Let a token hold no longer, from this moment on."""
        await desk.revoke(who, token_id, why.reason, remote_of(request))
