"""Sites that may be one, over HTTP."""

from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from charger_registry.duplicates import store
from charger_registry.duplicates.desk import DuplicateDesk
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import remote_of, require
from youguan.web.times import UtcTime

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class PairOut(BaseModel):
    """Two sites that may be one: a score up to 100 and what it comes from."""

    first: str
    first_name: str
    first_stations: int
    second: str
    second_name: str
    second_stations: int
    score: int
    reasons: dict[str, Any]
    found_at: UtcTime


class Merge(BaseModel):
    """Which one is kept, and whether the other's stations are the same ones or stand beside them."""

    keep: str
    stations: Literal["same", "move"]
    reason: Reason


class Apart(BaseModel):
    """Why two sites are two."""

    reason: Reason


def add_duplicates(app: FastAPI, pool: asyncpg.Pool, desk: DuplicateDesk) -> None:
    """Add sites that may be one to /api/registry."""
    regulator = require(REGULATOR)

    @app.get("/duplicates")
    async def duplicates(
        who: Annotated[Principal, Depends(regulator)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PairOut]:
        """List pairs that nobody has decided about, the likeliest first."""
        key = decode_cursor(cursor, int, str, str)
        after = (key[0], key[1], key[2]) if key else None
        async with pool.acquire() as connection:
            rows = await store.proposed(connection, who.scope, after, limit)
        following = next_cursor(rows, limit, "score", "first", "second")
        return Page(items=[PairOut(**dict(row)) for row in rows], next=following)

    @app.post("/duplicates/{first}/{second}/merge", status_code=204)
    async def merge(
        first: str, second: str, wish: Merge, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> None:
        """Let one become part of the other; what was said of it stays on record under its own id."""
        await desk.merge(who, (first, second), wish.keep, wish.stations, wish.reason, remote=remote_of(request))

    @app.post("/duplicates/{first}/{second}/different", status_code=204)
    async def different(
        first: str, second: str, why: Apart, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> None:
        """Say that they are two: they are not proposed again."""
        await desk.tell_apart(who, (first, second), why.reason, remote=remote_of(request))
