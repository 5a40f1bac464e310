"""/api/inspection: officers' interests."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from inspection_service.inspections.api import Grounds, Id
from inspection_service.inspections.interests import store
from inspection_service.inspections.interests.desk import InterestDesk
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.web.paging import Page
from youguan.web.security import require, require_county, require_person
from youguan.web.times import UtcTime


class InterestIn(BaseModel):
    """An organisation with which an officer has to do otherwise."""

    subject: Id
    organisation_id: Id
    reason: Grounds


class InterestOut(BaseModel):
    """An interest; `ended_at` null: it holds."""

    id: int
    subject: str
    organisation_id: str
    organisation_name: str | None
    reason: str
    declared_at: UtcTime
    declared_by: str
    ended_at: UtcTime | None


def add_interests(app: FastAPI, desk: InterestDesk) -> None:
    """Add officers' interests to /api/inspection."""

    @app.get("/officer-interests")
    async def interests(_: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Page[InterestOut]:
        """List what officers have declared, those that hold first."""
        async with desk.office.pool.acquire() as connection:
            rows = await store.interests(connection)
        return Page(items=[InterestOut(**dict(row)) for row in rows])

    @app.post("/officer-interests", status_code=201)
    async def declare(
        interest: InterestIn, who: Annotated[Principal, Depends(require_person(*OFFICIALS))]
    ) -> dict[str, int]:
        """Declare an interest: whoever has it, or the county's regulator for an officer."""
        return {"id": await desk.declare(who, interest.subject, interest.organisation_id, interest.reason)}

    @app.post("/officer-interests/{interest_id}/end", status_code=204)
    async def end(interest_id: int, who: Annotated[Principal, Depends(require_county(REGULATOR))]) -> None:
        """Say that an interest is over."""
        await desk.end(who, interest_id)
