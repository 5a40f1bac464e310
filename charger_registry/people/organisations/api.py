"""The files of organisations over HTTP, and who may speak for them."""

from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from charger_registry.people.api import MANAGERS, Grounds, Short, Why, changes_of, county
from charger_registry.people.organisations import store
from charger_registry.people.organisations.desk import Mandate, OrganisationDesk, OrganisationFile, may_change
from youguan.auth import Principal
from youguan.errors import NotFound, Reason
from youguan.web.paging import Page
from youguan.web.security import require
from youguan.web.times import GivenTime, UtcTime


class OrganisationFileOut(BaseModel):
    """An organisation's file."""

    id: str
    name: str
    uscc: str | None
    phone: str | None
    address: str
    operator_code: str | None
    ocpi_country_code: str | None
    ocpi_party_id: str | None
    deregistered_at: UtcTime | None


class OrganisationIn(BaseModel):
    """A new organisation; `uscc`: its unified social credit code."""

    id: str = Field(min_length=1, max_length=64)
    name: Short
    uscc: Short | None = None
    phone: Short | None = None
    address: str = Field("", max_length=500)
    operator_code: Short | None = Field(default=None, description="T/CEC 102's OperatorID, nine characters")
    ocpi_country_code: Short | None = None
    ocpi_party_id: Short | None = None
    reason: Grounds


class OrganisationChange(BaseModel):
    """What is to change of a file; members that are not there stay as they are."""

    name: Short = ""
    uscc: Short | None = None
    phone: Short | None = None
    address: str = Field("", max_length=500)
    operator_code: Short | None = Field(default=None, description="T/CEC 102's OperatorID, nine characters")
    ocpi_country_code: Short | None = None
    ocpi_party_id: Short | None = None
    reason: Grounds


class Deregistration(BaseModel):
    """An organisation ceases to be."""

    reason: Grounds
    since: GivenTime | None = None


class Undoing(BaseModel):
    """A deregistration was a mistake."""

    reason: Grounds
    document_number: str = Field(min_length=1, max_length=100, description="the number of the document")


class RepresentativeOut(BaseModel):
    """Somebody who may speak for an organisation, and on what evidence."""

    id: int
    name: str
    phone: str | None
    kind: Literal["legal_representative", "agent"]
    evidence_kind: str
    evidence_number: str
    valid_until: date | None
    username: str | None = Field(description="his account")
    verified_by: str
    verified_at: UtcTime
    ended_at: UtcTime | None
    ended_by: str | None
    ended_reason: str | None


class RepresentativeIn(BaseModel):
    """Somebody whom a regulator has found to speak for an organisation."""

    name: str = Field(min_length=1, max_length=200)
    phone: Short | None = None
    kind: Literal["legal_representative", "agent"]
    evidence_kind: str = Field(min_length=1, max_length=200)
    evidence_number: str = Field(min_length=1, max_length=200)
    valid_until: date | None = None
    username: Short | None = Field(default=None, description="his account, an operator's of this organisation")


def add_organisations(app: FastAPI, desk: OrganisationDesk) -> None:
    """Add the files of organisations to /api/registry."""

    def changer(organisation_id: str, who: Annotated[Principal, Depends(require(*MANAGERS))]) -> Principal:
        if not may_change(who, organisation_id):
            raise NotFound(
                Reason("organisation {organisation_id}, or the right to change it", organisation_id=organisation_id)
            )
        return who

    @app.post("/organisations", status_code=201)
    async def create(given: OrganisationIn, who: Annotated[Principal, Depends(county)]) -> OrganisationFileOut:
        """File an organisation."""
        file = OrganisationFile(**given.model_dump(exclude={"reason"}))
        return OrganisationFileOut(**dict(await desk.create(who, file, given.reason)))

    @app.get("/organisations/{organisation_id}")
    async def organisation(organisation_id: str, who: Annotated[Principal, Depends(require())]) -> OrganisationFileOut:
        """Return an organisation's file: of one's own, or of one that answers for a site within one's bounds."""
        return OrganisationFileOut(**dict(await desk.read(who, organisation_id)))

    @app.patch("/organisations/{organisation_id}")
    async def change(
        organisation_id: str, given: OrganisationChange, who: Annotated[Principal, Depends(changer)]
    ) -> OrganisationFileOut:
        """Change a file; its own administrator changes telephone and address."""
        return OrganisationFileOut(**dict(await desk.change(who, organisation_id, changes_of(given), given.reason)))

    @app.post("/organisations/{organisation_id}/deregister")
    async def deregister(
        organisation_id: str, given: Deregistration, who: Annotated[Principal, Depends(county)]
    ) -> OrganisationFileOut:
        """Note that an organisation ceases to be at an instant (default now): what it managed is managed by nobody."""
        row = await desk.deregister(who, organisation_id, given.since, given.reason)
        return OrganisationFileOut(**dict(row))

    @app.post("/organisations/{organisation_id}/deregister/undo")
    async def undo_deregistration(
        organisation_id: str, given: Undoing, who: Annotated[Principal, Depends(county)]
    ) -> OrganisationFileOut:
        """Note that a deregistration was a mistake: the organisation answers again, and its people may log in again."""
        row = await desk.undo_deregistration(who, organisation_id, given.reason, given.document_number)
        return OrganisationFileOut(**dict(row))

    @app.get("/organisations/{organisation_id}/representatives")
    async def representatives(
        organisation_id: str, who: Annotated[Principal, Depends(require())]
    ) -> Page[RepresentativeOut]:
        """List who may speak for an organisation or might once, the latest first."""
        await desk.read(who, organisation_id)
        async with desk.pool.acquire() as connection:
            rows = await store.list_representatives(connection, organisation_id)
        return Page(items=[RepresentativeOut(**dict(row)) for row in rows])

    @app.post("/organisations/{organisation_id}/representatives", status_code=201)
    async def verify(
        organisation_id: str, given: RepresentativeIn, who: Annotated[Principal, Depends(county)]
    ) -> Page[RepresentativeOut]:
        """Note who may speak for an organisation, and the evidence that was seen."""
        await desk.verify(who, organisation_id, Mandate(**given.model_dump()))
        return await representatives(organisation_id, who)

    @app.post("/organisations/{organisation_id}/representatives/{number}/end")
    async def end(
        organisation_id: str, number: int, given: Why, who: Annotated[Principal, Depends(county)]
    ) -> Page[RepresentativeOut]:
        """Note that somebody speaks for an organisation no longer."""
        await desk.end_mandate(who, organisation_id, number, given.reason)
        return await representatives(organisation_id, who)
