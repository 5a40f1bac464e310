"""/api/inspection: how much there is to do, and who is sent instead."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from inspection_service.command_centre import store
from inspection_service.tasks.conditions import Said
from inspection_service.tasks.counter import Counter
from inspection_service.tasks.machine import Command
from youguan.auth import REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Limit, Page
from youguan.web.security import require
from youguan.web.times import UtcTime

MOST = 200


class LoadOut(BaseModel):
    """How many tasks somebody has that are not closed; of them late, to visit, escalated to the centre, with a request."""

    id: str
    name: str
    open: int
    overdue: int
    to_visit: int
    escalated: int
    requests: int
    oldest_opened_at: UtcTime | None


class DispatchIn(BaseModel):
    """Which tasks are to become another team's, and why."""

    model_config = ConfigDict(extra="forbid")

    task_ids: list[Annotated[str, Field(max_length=100)]] = Field(min_length=1, max_length=MOST)
    to: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=2000)


class DispatchedOut(BaseModel):
    """What became of one of them: `refused` says why, null: it is the other team's now."""

    task_id: str
    refused: str | None


def add_command_centre(app: FastAPI, counter: Counter) -> None:
    """Add the county's centre to /api/inspection."""
    regulator = require(REGULATOR)

    @app.get("/team-loads")
    async def teams(who: Annotated[Principal, Depends(regulator)]) -> Page[LoadOut]:
        """Return what each team has to see to, within one's bounds."""
        async with counter.pool.acquire() as connection:
            rows = await store.team_loads(connection, who.scope, counter.now())
        return Page(items=[LoadOut(**dict(row)) for row in rows])

    @app.get("/party-loads")
    async def parties(who: Annotated[Principal, Depends(regulator)], limit: Limit = 100) -> Page[LoadOut]:
        """Return what operators and others have to do, within one's bounds: those with most overdue."""
        async with counter.pool.acquire() as connection:
            rows = await store.party_loads(connection, who.scope, counter.now(), limit)
        return Page(items=[LoadOut(**dict(row)) for row in rows])

    @app.post("/dispatches")
    async def dispatch(wish: DispatchIn, who: Annotated[Principal, Depends(regulator)]) -> Page[DispatchedOut]:
        """Give tasks to another team, each by itself: one that is refused keeps none of the others back."""
        refused = await dispatch_all(counter, who, wish.task_ids, wish.to, wish.reason)
        return Page(items=[DispatchedOut(task_id=task_id, refused=why) for task_id, why in refused.items()])


async def dispatch_all(
    counter: Counter, who: Principal, task_ids: list[str], to: str, reason: str
) -> dict[str, str | None]:
    """Give tasks to another team; return why not, by task, None where it was done."""
    found: dict[str, str | None] = {}
    for task_id in dict.fromkeys(task_ids):
        try:
            await counter.do(who, task_id, Command.DISPATCH, Said(reason=reason, to=to))
            found[task_id] = None
        except YouguanError as error:
            found[task_id] = error.detail
    return found
