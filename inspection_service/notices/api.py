"""/api/inspection: addresses at which people are told."""

from typing import Annotated, Literal

import asyncpg
from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from inspection_service.notices.channels import LONGEST_ADDRESS, shown
from inspection_service.notices.desk import NoticeDesk
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, REVIEWER, Principal
from youguan.web.paging import Page
from youguan.web.security import require_person
from youguan.web.times import UtcTime

Kind = Literal["webhook", "wecom", "dingtalk", "feishu", "email"]
Severity = Literal["info", "minor", "major", "critical"]
EVERYBODY = (INSPECTOR, OPERATOR, REGULATOR, REVIEWER)


class AddressIn(BaseModel):
    """Where a recipient (organisation/ID, team/ID, person/LOGIN, centre or counter) is told; `alerts_from`: from which severity on
    of alerts too."""

    recipient: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Kind
    address: Annotated[str, Field(min_length=1, max_length=LONGEST_ADDRESS)]
    alerts_from: Severity | None = None


class AddressOut(BaseModel):
    """An address, without its secret; `last_at`: of the last notice, `taken_at` null: not taken yet, for this `error`."""

    id: str
    recipient: str
    kind: str
    address: str
    alerts_from: Severity | None
    added_at: UtcTime
    added_by: str
    last_at: UtcTime | None
    tries: int | None
    try_at: UtcTime | None
    taken_at: UtcTime | None
    error: str | None


def add_notices(app: FastAPI, desk: NoticeDesk) -> None:
    """Add notices to /api/inspection."""
    anybody = require_person(*EVERYBODY)

    @app.get("/notice-addresses")
    async def addresses(who: Annotated[Principal, Depends(anybody)]) -> Page[AddressOut]:
        """List the addresses that one may set, the newest first, with what became of the last notice."""
        return Page(items=[address_out(row) for row in await desk.addresses(who)])

    @app.post("/notice-addresses", status_code=201)
    async def add(wish: AddressIn, who: Annotated[Principal, Depends(anybody)]) -> dict[str, str]:
        """Let a recipient be told at an address from now on."""
        return {"id": await desk.add(who, wish.recipient, wish.kind, wish.address, wish.alerts_from)}

    @app.post("/notice-addresses/{address_id}/trial", status_code=202)
    async def try_out(address_id: str, who: Annotated[Principal, Depends(anybody)]) -> None:
        """Send a trial; what becomes of it is in the list."""
        await desk.try_out(who, address_id)

    @app.delete("/notice-addresses/{address_id}", status_code=204)
    async def end(address_id: str, who: Annotated[Principal, Depends(anybody)]) -> None:
        """Tell nothing there any more."""
        await desk.end(who, address_id)


def address_out(row: asyncpg.Record) -> AddressOut:
    members = {name: row[name] for name in AddressOut.model_fields}
    return AddressOut(**members | {"address": shown(row["kind"], row["address"])})
