"""The page of the county's centre."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from inspection_service.command_centre import store
from inspection_service.command_centre.api import MOST, dispatch_all
from inspection_service.tasks import store as tasks
from inspection_service.tasks.assignment import COUNTY_TEAM
from inspection_service.tasks.counter import Counter
from inspection_service.tasks.pages import WORDS
from inspection_service.tasks.store import Filter
from youguan.auth import REGULATOR, Principal
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.storable import UNSTORABLE
from youguan.web.templates import Templates

PARTIES, TASKS = 20, 50


def command_centre_pages(counter: Counter, templates: Templates) -> APIRouter:
    """Return /command-centre."""
    router = Router()
    regulator = require(REGULATOR)

    async def page(request: Request, who: Principal, team: str, done: int = 0, refused: int = 0) -> Response:
        now = counter.now()
        async with counter.pool.acquire() as connection:
            teams = await store.team_loads(connection, who.scope, now)
            parties = await store.party_loads(connection, who.scope, now, PARTIES)
            wanted = Filter(status="open", team_id=team) if team else Filter(escalated=True)
            rows = await tasks.list_tasks(connection, wanted, who.scope, limit=TASKS)
        targets = {row["id"]: row["name"] for row in teams} | {COUNTY_TEAM[0]: COUNTY_TEAM[1]}
        return templates.render(
            request, "command_centre.html", teams=teams, parties=parties, rows=rows, team=team, now=now, done=done,
            refused=refused, targets={id_: name for id_, name in targets.items() if id_ != team}, **WORDS,
        )  # fmt: skip

    @router.get("/command-centre")
    async def centre(request: Request, who: Annotated[Principal, Depends(regulator)], team: str = "") -> Response:
        return await page(request, who, team)

    @router.post("/command-centre/dispatch")
    async def dispatch(request: Request, who: Annotated[Principal, Depends(regulator)]) -> Response:
        given = await request.form()
        texts = {name: UNSTORABLE.sub("", str(given.get(name, ""))).strip()[:2000] for name in ("to", "reason", "team")}
        ids = [UNSTORABLE.sub("", str(task_id))[:100] for task_id in given.getlist("task_id")][:MOST]
        found = await dispatch_all(counter, who, ids, texts["to"], texts["reason"])
        refused = sum(why is not None for why in found.values())
        return await page(request, who, texts["team"], len(found) - refused, refused)

    return router
