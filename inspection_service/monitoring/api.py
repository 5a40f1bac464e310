"""/api/inspection: the register of reviewed monitoring equipment."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from inspection_service.monitoring import store
from inspection_service.monitoring.desk import RegisterDesk
from inspection_service.monitoring.register import Equipment
from youguan.auth import REGULATOR, Principal
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require_county

Name = Annotated[str, Field(min_length=1, max_length=100)]
Paper = Annotated[str, Field(min_length=1, max_length=300)]


class EquipmentIn(BaseModel):
    """Equipment with the papers of its review; `site_id` null: what it sees is no site's."""

    number: Name
    kind: Literal["camera", "meter", "sensor"]
    place: Paper
    site_id: str | None = Field(default=None, max_length=100)
    legal_review: Paper
    technical_review: Paper
    published_in: Paper
    published_on: date
    valid_from: date
    valid_until: date


class EquipmentOut(BaseModel):
    """An entry as the public sees it; `ended_on`: from that day it is no longer in the register."""

    id: str
    number: str
    kind: str
    place: str
    legal_review: str
    technical_review: str
    published_in: str
    published_on: date
    valid_from: date
    valid_until: date
    ended_on: date | None


class End(BaseModel):
    """From when an entry no longer stands, and why."""

    on: date
    reason: str = Field(min_length=1, max_length=2000)


def add_monitoring(app: FastAPI, desk: RegisterDesk) -> None:
    """Add the register to /api/inspection."""
    county = require_county(REGULATOR)

    @app.get("/monitoring-equipment")
    async def equipment(limit: Limit = 100, cursor: Cursor = None) -> Page[EquipmentOut]:
        """List monitoring equipment that was reviewed, with where it stands, the newest entry first."""
        key = decode_cursor(cursor, datetime, str)
        async with desk.pool.acquire() as connection:
            rows = await store.entries(connection, (key[0], key[1]) if key else None, limit)
        items = [EquipmentOut(**{name: row[name] for name in EquipmentOut.model_fields}) for row in rows]
        return Page(items=items, next=next_cursor(rows, limit, "entered_at", "id"))

    @app.post("/monitoring-equipment", status_code=201)
    async def enter(wish: EquipmentIn, who: Annotated[Principal, Depends(county)]) -> dict[str, str]:
        """Enter equipment that passed legal and technical review, and whose place was published."""
        return {"id": await desk.enter(who, Equipment(**wish.model_dump()))}

    @app.post("/monitoring-equipment/{entry_id}/end", status_code=204)
    async def end(entry_id: str, wish: End, who: Annotated[Principal, Depends(county)]) -> None:
        """Take equipment out of the register from a day on."""
        await desk.end(who, entry_id, wish.on, wish.reason)
