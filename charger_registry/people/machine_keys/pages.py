"""The page of machine clients' keys."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.divisions import store as divisions_store
from charger_registry.pages import organisation_meant, typed
from charger_registry.people.api import manager
from charger_registry.people.machine_keys.desk import ROLES as KEY_ROLES
from charger_registry.people.machine_keys.desk import IssuedKey, KeyWish, MachineKeyDesk, state_of
from charger_registry.people.pages import ROLES, Grounds, Text
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import YouguanError
from youguan.machine_keys import SCOPES
from youguan.web.routes import Router
from youguan.web.templates import Templates

STATES = {"holding": ("good", "有效"), "expired": ("", "已过期"), "revoked": ("bad", "已吊销")}
DAYS = {30: "30 天", 90: "90 天", 365: "一年", 730: "两年"}
MEANINGS = {
    "registry": "场站登记",
    "gateway": "充电桩网关",
    "alerts": "告警",
    "inspection": "工单与案件",
    "read": "读取",
    "write": "写入",
}


def key_pages(desk: MachineKeyDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /people/keys."""
    router = Router(prefix="/people/keys")

    async def show(
        request: Request, who: Principal, issued: IssuedKey | None = None, error: YouguanError | None = None
    ) -> Response:
        now, chosen = clock.now(), (await request.form()).getlist("scopes") if error else []
        async with desk.pool.acquire() as connection:
            divisions = await divisions_store.list_divisions(connection)
        rows = [(row, STATES[state_of(row, now)]) for row in await desk.list_keys(who)]
        return templates.render(
            request, "machine_keys.html", status_code=error.status if error else 200, rows=rows, issued=issued,
            error=error, scopes=SCOPES, chosen=chosen, meanings=MEANINGS, days=DAYS, given=await typed(request, error),
            divisions=divisions, roles={r: ROLES[r] for r in KEY_ROLES if who.has(REGULATOR) or r == OPERATOR},
            role_names=ROLES,
        )  # fmt: skip

    @router.get("")
    async def keys(request: Request, who: Annotated[Principal, Depends(manager)]) -> Response:
        return await show(request, who)

    @router.post("")
    async def issue(
        request: Request,
        who: Annotated[Principal, Depends(manager)],
        name: Grounds,
        role: Text,
        days: Annotated[int, Form(ge=1, le=731)],
        reason: Grounds,
        scopes: Annotated[list[str], Form(default_factory=list)],
        organisation_id: Text = "",
        division: Text = "",
    ) -> Response:
        until = clock.now() + timedelta(days=days)
        try:
            whose = await organisation_meant(desk.pool, organisation_id) if organisation_id.strip() else None
            wish = KeyWish(name.strip(), role, tuple(scopes), whose, division.strip() or None, until)
            issued = await desk.issue(who, wish, reason)
        except YouguanError as error:
            return await show(request, who, error=error)
        return await show(request, who, issued=issued)

    @router.post("/{key_id}/revoke")
    async def revoke(
        request: Request, key_id: str, who: Annotated[Principal, Depends(manager)], reason: Grounds
    ) -> Response:
        try:
            await desk.revoke(who, key_id, reason)
        except YouguanError as error:
            return await show(request, who, error=error)
        return RedirectResponse("/people/keys", 303)

    return router
