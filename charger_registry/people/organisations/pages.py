"""The pages of organisations: what is on file, who speaks for them, and what they answer for."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.pages import ROLES as PARTS
from charger_registry.pages import typed
from charger_registry.people.api import manager
from charger_registry.people.organisations import store
from charger_registry.people.organisations.desk import Mandate, OrganisationDesk, OrganisationFile, may_change
from charger_registry.people.pages import PAGE, Grounds, Text, county, day_of, midnight
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import NotFound, Reason, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates

CODES = {"operator_code": "运营商编码", "ocpi_party": "OCPI 国家和运营方"}
KINDS = {"legal_representative": "法定代表人", "agent": "委托代理人"}


class Organisations:
    """What the pages of organisations show."""

    def __init__(self, desk: OrganisationDesk, templates: Templates, clock: Clock) -> None:
        self.desk = desk
        self.templates = templates
        self._clock = clock

    async def show(
        self, request: Request, who: Principal, organisation_id: str, error: YouguanError | None = None, form: str = ""
    ) -> Response:
        """Return the page of one, and where something is wrong with a form of it, that as it was typed. NotFound beyond one's
        bounds.
        """
        row = await self.desk.read(who, organisation_id)
        async with self.desk.pool.acquire() as connection:
            representatives = await store.list_representatives(connection, organisation_id)
            sites = await store.managed_sites(connection, organisation_id, PAGE)
            undone = await store.undone_deregistrations(connection, organisation_id)
            taken = await store.taken_codes(connection, organisation_id)
        today = county_day(self._clock.now())
        return self.templates.render(
            request, "organisation.html", status_code=error.status if error else 200, row=row, sites=sites, parts=PARTS,
            undone=undone, taken=taken, codes=CODES,
            representatives=[(line, store.speaks(line, today)) for line in representatives], kinds=KINDS,
            rules=who.has(REGULATOR) and who.scope.everything, may_change=may_change(who, organisation_id),
            error=error, form=form, given=await typed(request, error),
        )  # fmt: skip


def organisation_pages(desk: OrganisationDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /people/organisations."""
    router = Router(prefix="/people/organisations")
    pages = Organisations(desk, templates, clock)
    _add_list(router, desk, templates)
    _add_file(router, pages)
    _add_end(router, pages)
    _add_representatives(router, pages)
    return router


def back_to(organisation_id: str) -> Response:
    return RedirectResponse(f"/people/organisations/{quote(organisation_id, safe='')}", 303)


def _add_list(router: APIRouter, desk: OrganisationDesk, templates: Templates) -> None:
    async def show(
        request: Request, who: Principal, q: str = "", cursor: str | None = None, error: YouguanError | None = None
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_organisations(connection, who.scope, q or None, key[0] if key else None, PAGE)
            taken = await store.taken_codes(connection, None) if who.has(REGULATOR) and who.scope.everything else []
        return templates.render(
            request, "organisations.html", status_code=error.status if error else 200, rows=rows, q=q, taken=taken, codes=CODES,
            next=next_cursor(rows, PAGE, "id"), may_file=who.has(REGULATOR) and who.scope.everything,
            error=error, given=await typed(request, error),
        )  # fmt: skip

    @router.get("")
    async def organisations(
        request: Request, who: Annotated[Principal, Depends(require())], q: str = "", cursor: Cursor = None
    ) -> Response:
        return await show(request, who, q, cursor)

    @router.post("")
    async def file(
        request: Request,
        who: Annotated[Principal, Depends(county)],
        organisation_id: Text,
        name: Text,
        reason: Grounds,
        uscc: Text = "",
        phone: Text = "",
        address: Text = "",
    ) -> Response:
        given = OrganisationFile(
            organisation_id.strip(), name.strip(), uscc.strip() or None, phone.strip() or None, address.strip()
        )
        try:
            await desk.create(who, given, reason)
        except YouguanError as error:
            return await show(request, who, error=error)
        return back_to(given.id)


def _add_file(router: APIRouter, pages: Organisations) -> None:
    @router.get("/{organisation_id}")
    async def organisation(
        request: Request, organisation_id: str, who: Annotated[Principal, Depends(require())]
    ) -> Response:
        return await pages.show(request, who, organisation_id)

    @router.post("/{organisation_id}/change")
    async def change(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(manager)],
        reason: Grounds,
        name: Annotated[str | None, Form(max_length=200)] = None,
        uscc: Annotated[str | None, Form(max_length=200)] = None,
        phone: Text = "",
        address_: Annotated[str, Form(alias="address", max_length=500)] = "",
        operator_code: Text = "",
        ocpi_country_code: Text = "",
        ocpi_party_id: Text = "",
    ) -> Response:
        if not may_change(who, organisation_id):
            raise NotFound(
                Reason("organisation {organisation_id}, or the right to change it", organisation_id=organisation_id)
            )
        changes: dict[str, Any] = {"phone": phone.strip() or None, "address": address_.strip()}
        if name is not None:
            codes = {
                "operator_code": operator_code,
                "ocpi_country_code": ocpi_country_code,
                "ocpi_party_id": ocpi_party_id,
            }
            changes |= {code: text.strip().upper() or None for code, text in codes.items()}
            changes |= {"name": name.strip(), "uscc": (uscc or "").strip() or None}
        try:
            await pages.desk.change(who, organisation_id, changes, reason)
        except YouguanError as error:
            return await pages.show(request, who, organisation_id, error, "change")
        return back_to(organisation_id)


def _add_end(router: APIRouter, pages: Organisations) -> None:
    @router.post("/{organisation_id}/deregister")
    async def deregister(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(county)],
        reason: Grounds,
        since: Text = "",
    ) -> Response:
        try:
            await pages.desk.deregister(who, organisation_id, midnight("since", since), reason)
        except YouguanError as error:
            return await pages.show(request, who, organisation_id, error, "deregister")
        return back_to(organisation_id)

    @router.post("/{organisation_id}/deregister/undo")
    async def undo(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(county)],
        reason: Grounds,
        document_number: Annotated[str, Form(min_length=1, max_length=100)],
    ) -> Response:
        try:
            await pages.desk.undo_deregistration(who, organisation_id, reason, document_number)
        except YouguanError as error:
            return await pages.show(request, who, organisation_id, error, "undo")
        return back_to(organisation_id)


def _add_representatives(router: APIRouter, pages: Organisations) -> None:
    @router.post("/{organisation_id}/representatives")
    async def verify(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(county)],
        name: Grounds,
        kind: Annotated[Literal["legal_representative", "agent"], Form()],
        evidence_kind: Grounds,
        evidence_number: Grounds,
        phone: Text = "",
        valid_until: Text = "",
        username: Text = "",
    ) -> Response:
        try:
            mandate = Mandate(
                name.strip(), phone.strip() or None, kind, evidence_kind.strip(), evidence_number.strip(),
                day_of("valid_until", valid_until), username.strip() or None,
            )  # fmt: skip
            await pages.desk.verify(who, organisation_id, mandate)
        except YouguanError as error:
            return await pages.show(request, who, organisation_id, error, "verify")
        return back_to(organisation_id)

    @router.post("/{organisation_id}/representatives/{number}/end")
    async def end(
        request: Request,
        organisation_id: str,
        number: int,
        who: Annotated[Principal, Depends(county)],
        reason: Grounds,
    ) -> Response:
        try:
            await pages.desk.end_mandate(who, organisation_id, number, reason)
        except YouguanError as error:
            return await pages.show(request, who, organisation_id, error, f"end-{number}")
        return back_to(organisation_id)
