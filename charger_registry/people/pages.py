"""The pages of people, teams, organisations and the audit trail."""

from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.divisions import store as divisions_store
from charger_registry.people import store
from charger_registry.people.api import manager
from charger_registry.people.authority import LEVELS, Account
from charger_registry.people.desk import Link, PeopleDesk
from charger_registry.people.organisations import Mandate, OrganisationDesk, OrganisationFile, may_change
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import COUNTY, Clock, county_day
from youguan.errors import NotFound, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require, require_county
from youguan.web.templates import Templates

PAGE = 50
ROLES = {"regulator": "监管员", "inspector": "执法队员", "operator": "运营商人员", "reviewer": "法制员"}
KINDS = {"legal_representative": "法定代表人", "agent": "委托代理人"}
PARTS = {
    "builder": "建设单位",
    "owner": "产权单位",
    "manager": "运营管理单位",
    "maintainer": "运维单位",
    "property_manager": "物业",
}
Text = Annotated[str, Form(max_length=500)]
Reason = Annotated[str, Form(min_length=1, max_length=500)]
county = require_county(REGULATOR)


def people_pages(desk: PeopleDesk, organisations: OrganisationDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /people/…."""
    router = APIRouter(prefix="/people")
    _add_list(router, desk, templates)
    _add_person(router, desk, templates)
    _add_teams(router, desk, templates)
    _add_trail(router, desk, templates)
    _add_organisations(router, organisations, templates)
    _add_organisation(router, organisations, templates, clock)
    return router


async def _choices(desk: PeopleDesk, who: Principal) -> dict[str, Any]:
    """Return what the form of an account offers."""
    async with desk.pool.acquire() as connection:
        organisations = await store.list_organisations(connection, who.scope, None, None, 1000)
        divisions = await divisions_store.list_divisions(connection)
        teams = await store.list_teams(connection)
    return {
        "organisations": organisations, "divisions": divisions, "teams": teams, "levels": LEVELS,
        "roles": ROLES if who.has(REGULATOR) else {OPERATOR: ROLES[OPERATOR]},
    }  # fmt: skip


def _given(
    username: str,
    name: str,
    roles: list[str],
    organisation_id: str,
    division: str,
    team_id: str,
    level: str,
    admin: bool,
) -> Account:
    return Account(
        username.strip(), name.strip(), frozenset(roles), organisation_id or None, division.strip() or None, team_id or None,
        int(level) if level.isdecimal() else None, admin,
    )  # fmt: skip


def _add_list(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    @router.get("")
    async def people(
        request: Request, who: Annotated[Principal, Depends(manager)], q: str = "", cursor: Cursor = None
    ) -> Response:
        key = decode_cursor(cursor, str)
        rows = await desk.list_people(who, q or None, key[0] if key else None, PAGE)
        following = next_cursor(rows, PAGE, "username")
        return templates.render(request, "people.html", rows=rows, next=following, q=q, roles=ROLES)

    async def form(
        request: Request, who: Principal, account: Account | None = None, error: YouguanError | None = None
    ) -> Response:
        return templates.render(
            request, "person_new.html", status_code=error.status if error else 200, account=account,
            error=error.detail if error else "", **await _choices(desk, who),
        )  # fmt: skip

    @router.get("/new")
    async def new(request: Request, who: Annotated[Principal, Depends(manager)]) -> Response:
        return await form(request, who)

    @router.post("/new")
    async def create(
        request: Request,
        who: Annotated[Principal, Depends(manager)],
        reason: Reason,
        username: Text,
        name: Text,
        roles: Annotated[list[str], Form(default_factory=list)],
        organisation_id: Text = "",
        division: Text = "",
        team_id: Text = "",
        level: Text = "",
        administrator: Annotated[bool, Form()] = False,
    ) -> Response:
        account = _given(username, name, roles, organisation_id, division, team_id, level, administrator)
        try:
            link = await desk.create(who, account, reason)
        except YouguanError as error:
            return await form(request, who, account, error)
        return await show_person(request, desk, templates, who, account.username, link=link)


async def show_person(
    request: Request,
    desk: PeopleDesk,
    templates: Templates,
    who: Principal,
    username: str,
    *,
    link: Link | None = None,
    error: YouguanError | None = None,
) -> Response:
    """Return the page of a person, with a new link where one was made."""
    row = await desk.read(who, username)
    address = str(request.base_url).rstrip("/") + link.path if link else ""
    return templates.render(
        request, "person.html", status_code=error.status if error else 200, row=row, account=store.account_of(row),
        link=link, address=address, own=username == who.subject, error=error.detail if error else "", role_names=ROLES,
        **await _choices(desk, who),
    )  # fmt: skip


def _add_person(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    @router.get("/persons/{username}")
    async def person(request: Request, username: str, who: Annotated[Principal, Depends(manager)]) -> Response:
        return await show_person(request, desk, templates, who, username)

    @router.post("/persons/{username}/change")
    async def change(
        request: Request,
        username: str,
        who: Annotated[Principal, Depends(manager)],
        reason: Reason,
        name: Text,
        roles: Annotated[list[str], Form(default_factory=list)],
        organisation_id: Text = "",
        division: Text = "",
        team_id: Text = "",
        level: Text = "",
        administrator: Annotated[bool, Form()] = False,
    ) -> Response:
        account = _given(username, name, roles, organisation_id, division, team_id, level, administrator)
        changes = {
            "name": account.name, "roles": account.roles, "organisation_id": account.organisation_id,
            "division": account.division, "team_id": account.team_id, "level": account.level,
            "administrator": account.administrator,
        }  # fmt: skip
        try:
            await desk.change(who, username, changes, reason)
        except YouguanError as error:
            return await show_person(request, desk, templates, who, username, error=error)
        return RedirectResponse(f"/people/persons/{quote(username, safe='')}", 303)

    @router.post("/persons/{username}/{command}")
    async def do(
        request: Request,
        username: str,
        command: Literal["close", "open", "password-link", "end-logins", "second-factor"],
        who: Annotated[Principal, Depends(manager)],
        reason: Reason,
    ) -> Response:
        link = None
        try:
            match command:
                case "password-link":
                    link = await desk.link(who, username, reason)
                case "second-factor":
                    await desk.remove_second_factor(who, username, reason)
                case "end-logins":
                    await desk.end_logins(who, username, reason)
                case _:
                    await desk.set_active(who, username, command == "open", reason)
        except YouguanError as error:
            return await show_person(request, desk, templates, who, username, error=error)
        if link is not None:
            return await show_person(request, desk, templates, who, username, link=link)
        return RedirectResponse(f"/people/persons/{quote(username, safe='')}", 303)


def _add_teams(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    async def show(request: Request, error: YouguanError | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            divisions = await divisions_store.list_divisions(connection)
        return templates.render(
            request, "teams.html", status_code=error.status if error else 200, teams=await desk.list_teams(),
            divisions=divisions, error=error.detail if error else "",
        )  # fmt: skip

    @router.get("/teams")
    async def teams(request: Request, _: Annotated[Principal, Depends(county)]) -> Response:
        return await show(request)

    @router.post("/teams")
    async def save(
        request: Request,
        who: Annotated[Principal, Depends(county)],
        team_id: Text,
        name: Text,
        reason: Reason,
        divisions: Annotated[list[str], Form(default_factory=list)],
    ) -> Response:
        try:
            await desk.save_team(who, team_id.strip(), name.strip(), divisions, reason)
        except YouguanError as error:
            return await show(request, error)
        return RedirectResponse("/people/teams", 303)


def _add_trail(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    @router.get("/audit")
    async def trail(
        request: Request,
        _: Annotated[Principal, Depends(county)],
        actor: str = "",
        subject: str = "",
        action: str = "",
        since: str = "",
        until: str = "",
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, int)
        async with desk.pool.acquire() as connection:
            rows = await store.read_trail(
                connection, actor=actor.strip() or None, action=action.strip() or None, subject=subject.strip() or None,
                since=_midnight(since), until=_midnight(until, end=True), before=key[0] if key else None, limit=PAGE,
            )  # fmt: skip
        chosen = {"actor": actor, "subject": subject, "action": action, "since": since, "until": until}
        return templates.render(
            request, "audit.html", rows=rows, next=next_cursor(rows, PAGE, "number"), chosen=chosen, set_out=_set_out
        )


def _midnight(day: str, *, end: bool = False) -> datetime | None:
    """Return when a day of the county begins or ends; None where it is none."""
    try:
        return datetime.combine(date.fromisoformat(day), time.max if end else time.min, tzinfo=COUNTY)
    except ValueError:
        return None


def _set_out(document: Any) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def _add_organisations(router: APIRouter, desk: OrganisationDesk, templates: Templates) -> None:
    async def show(
        request: Request, who: Principal, q: str = "", cursor: str | None = None, error: YouguanError | None = None
    ) -> Response:
        key = decode_cursor(cursor, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_organisations(connection, who.scope, q or None, key[0] if key else None, PAGE)
        return templates.render(
            request, "organisations.html", status_code=error.status if error else 200, rows=rows, q=q,
            next=next_cursor(rows, PAGE, "id"), may_file=who.has(REGULATOR) and who.scope.everything,
            error=error.detail if error else "",
        )  # fmt: skip

    @router.get("/organisations")
    async def organisations(
        request: Request, who: Annotated[Principal, Depends(require())], q: str = "", cursor: Cursor = None
    ) -> Response:
        return await show(request, who, q, cursor)

    @router.post("/organisations")
    async def file(
        request: Request,
        who: Annotated[Principal, Depends(county)],
        organisation_id: Text,
        name: Text,
        reason: Reason,
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
        return RedirectResponse(f"/people/organisations/{quote(given.id, safe='')}", 303)


def _add_organisation(router: APIRouter, desk: OrganisationDesk, templates: Templates, clock: Clock) -> None:
    async def show(
        request: Request, who: Principal, organisation_id: str, error: YouguanError | None = None
    ) -> Response:
        row = await desk.read(who, organisation_id)
        async with desk.pool.acquire() as connection:
            representatives = await store.list_representatives(connection, organisation_id)
            sites = await store.managed_sites(connection, organisation_id)
        today = county_day(clock.now())
        return templates.render(
            request, "organisation.html", status_code=error.status if error else 200, row=row, sites=sites, parts=PARTS,
            representatives=[(line, store.speaks(line, today)) for line in representatives], kinds=KINDS,
            rules=who.has(REGULATOR) and who.scope.everything, may_change=may_change(who, organisation_id),
            error=error.detail if error else "",
        )  # fmt: skip

    def address(organisation_id: str) -> str:
        return f"/people/organisations/{quote(organisation_id, safe='')}"

    @router.get("/organisations/{organisation_id}")
    async def organisation(
        request: Request, organisation_id: str, who: Annotated[Principal, Depends(require())]
    ) -> Response:
        return await show(request, who, organisation_id)

    @router.post("/organisations/{organisation_id}/change")
    async def change(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(manager)],
        reason: Reason,
        name: Annotated[str | None, Form(max_length=200)] = None,
        uscc: Annotated[str | None, Form(max_length=200)] = None,
        phone: Text = "",
        address_: Annotated[str, Form(alias="address", max_length=500)] = "",
    ) -> Response:
        if not may_change(who, organisation_id):
            raise NotFound(f"organisation {organisation_id}, or the right to change it")
        changes: dict[str, Any] = {"phone": phone.strip() or None, "address": address_.strip()}
        if name is not None:
            changes |= {"name": name.strip(), "uscc": (uscc or "").strip() or None}
        try:
            await desk.change(who, organisation_id, changes, reason)
        except YouguanError as error:
            return await show(request, who, organisation_id, error)
        return RedirectResponse(address(organisation_id), 303)

    @router.post("/organisations/{organisation_id}/deregister")
    async def deregister(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(county)],
        reason: Reason,
        since: Text = "",
    ) -> Response:
        try:
            await desk.deregister(who, organisation_id, _midnight(since), reason)
        except YouguanError as error:
            return await show(request, who, organisation_id, error)
        return RedirectResponse(address(organisation_id), 303)

    @router.post("/organisations/{organisation_id}/representatives")
    async def verify(
        request: Request,
        organisation_id: str,
        who: Annotated[Principal, Depends(county)],
        name: Reason,
        kind: Annotated[Literal["legal_representative", "agent"], Form()],
        evidence_kind: Reason,
        evidence_number: Reason,
        phone: Text = "",
        valid_until: Text = "",
    ) -> Response:
        until = _midnight(valid_until)
        mandate = Mandate(
            name.strip(), phone.strip() or None, kind, evidence_kind.strip(), evidence_number.strip(),
            until.date() if until else None,
        )  # fmt: skip
        try:
            await desk.verify(who, organisation_id, mandate)
        except YouguanError as error:
            return await show(request, who, organisation_id, error)
        return RedirectResponse(address(organisation_id), 303)

    @router.post("/organisations/{organisation_id}/representatives/{number}/end")
    async def end(
        request: Request,
        organisation_id: str,
        number: int,
        who: Annotated[Principal, Depends(county)],
        reason: Reason,
    ) -> Response:
        try:
            await desk.end_mandate(who, organisation_id, number, reason)
        except YouguanError as error:
            return await show(request, who, organisation_id, error)
        return RedirectResponse(address(organisation_id), 303)
