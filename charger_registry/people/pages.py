"""The pages of people, teams and the audit trail."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.divisions import store as divisions_store
from charger_registry.pages import organisation_meant, typed
from charger_registry.people import store
from charger_registry.people.api import manager
from charger_registry.people.authority import LEVELS, Account
from charger_registry.people.desk import Link, PeopleDesk
from charger_registry.people.organisations import store as bodies
from charger_registry.store import OFFERED, called, get_organisation
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import COUNTY
from youguan.errors import Invalid, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import require_county
from youguan.web.templates import Templates

PAGE = 50
ROLES = {"regulator": "监管员", "inspector": "执法队员", "operator": "运营商人员", "reviewer": "法制员"}
Text = Annotated[str, Form(max_length=500)]
Grounds = Annotated[str, Form(min_length=1, max_length=500)]
county = require_county(REGULATOR)


def people_pages(desk: PeopleDesk, templates: Templates, public_url: str | None = None) -> APIRouter:
    """Return /people, /people/persons, /people/teams and /people/audit; `public_url`: where people reach us, in links for them."""
    router = Router(prefix="/people")
    _add_list(router, desk, templates, public_url)
    _add_person(router, desk, templates, public_url)
    _add_organisation_names(router, desk, templates)
    _add_teams(router, desk, templates)
    _add_trail(router, desk, templates)
    return router


async def _choices(desk: PeopleDesk, who: Principal) -> dict[str, Any]:
    """Return what the form of an account offers."""
    async with desk.pool.acquire() as connection:
        divisions = await divisions_store.list_divisions(connection)
        teams = await store.list_teams(connection)
    return {
        "divisions": divisions, "teams": teams, "levels": LEVELS,
        "roles": ROLES if who.has(REGULATOR) else {OPERATOR: ROLES[OPERATOR]},
    }  # fmt: skip


def account_fields(
    name: Text,
    roles: Annotated[list[str], Form(default_factory=list)],
    organisation_id: Text = "",
    division: Text = "",
    team_id: Text = "",
    level: Text = "",
    administrator: Annotated[bool, Form()] = False,
) -> dict[str, Any]:
    """Return what a form says of an account, less its username."""
    return {
        "name": name.strip(), "roles": frozenset(roles), "organisation_id": organisation_id.strip() or None,
        "division": division.strip() or None, "team_id": team_id or None, "level": int(level) if level.isdecimal() else None,
        "administrator": administrator,
    }  # fmt: skip


Fields = Annotated[dict[str, Any], Depends(account_fields)]


async def _meant(desk: PeopleDesk, fields: dict[str, Any]) -> dict[str, Any]:
    """Return what a form says with the organisation that it names; Invalid where it names none, or several."""
    text = fields["organisation_id"]
    return {**fields, "organisation_id": await organisation_meant(desk.pool, text) if text else None}


async def _own(desk: PeopleDesk, who: Principal) -> str:
    """Return what names somebody's own organisation in a form; '' for an official."""
    if who.organisation_id is None:
        return ""
    async with desk.pool.acquire() as connection:
        return called(who.organisation_id, (await get_organisation(connection, who.organisation_id))["name"])


def _add_list(router: APIRouter, desk: PeopleDesk, templates: Templates, public_url: str | None) -> None:
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
            error=error, organisation=account.organisation_id or "" if account else await _own(desk, who),
            given=await typed(request, error),
            **await _choices(desk, who),
        )  # fmt: skip

    @router.get("/new")
    async def new(request: Request, who: Annotated[Principal, Depends(manager)]) -> Response:
        return await form(request, who)

    @router.post("/new")
    async def create(
        request: Request,
        who: Annotated[Principal, Depends(manager)],
        reason: Grounds,
        username: Text,
        fields: Fields,
    ) -> Response:
        account = Account(username.strip(), **fields)
        try:
            link = await desk.create(who, replace(account, **await _meant(desk, fields)), reason)
        except YouguanError as error:
            return await form(request, who, account, error)
        return await show_person(request, desk, templates, who, account.username, link=link, public_url=public_url)


async def show_person(
    request: Request,
    desk: PeopleDesk,
    templates: Templates,
    who: Principal,
    username: str,
    *,
    link: Link | None = None,
    public_url: str | None = None,
    error: YouguanError | None = None,
    form: str = "",
    account: Account | None = None,
) -> Response:
    """Return the page of a person, with a new link where one was made.

    Where something is wrong with a form of it: with what was typed, `account` where that was to be changed.
    """
    row = await desk.read(who, username)
    organisation = called(row["organisation_id"], row["organisation_name"]) if row["organisation_id"] else ""
    address = (public_url or str(request.base_url)).rstrip("/") + link.path if link else ""
    return templates.render(
        request, "person.html", status_code=error.status if error else 200, row=row,
        account=account or store.account_of(row), organisation=account.organisation_id or "" if account else organisation,
        link=link, address=address, own=username == who.subject, error=error, role_names=ROLES, form=form,
        given=await typed(request, error),
        **await _choices(desk, who),
    )  # fmt: skip


def _add_person(router: APIRouter, desk: PeopleDesk, templates: Templates, public_url: str | None) -> None:
    @router.get("/persons/{username}")
    async def person(request: Request, username: str, who: Annotated[Principal, Depends(manager)]) -> Response:
        return await show_person(request, desk, templates, who, username)

    @router.post("/persons/{username}/change")
    async def change(
        request: Request,
        username: str,
        who: Annotated[Principal, Depends(manager)],
        reason: Grounds,
        fields: Fields,
    ) -> Response:
        try:
            await desk.change(who, username, await _meant(desk, fields), reason)
        except YouguanError as error:
            account = Account(username, **fields)
            return await show_person(
                request, desk, templates, who, username, error=error, form="change", account=account
            )
        return RedirectResponse(f"/people/persons/{quote(username, safe='')}", 303)

    @router.post("/persons/{username}/{command}")
    async def do(
        request: Request,
        username: str,
        command: Literal["close", "open", "password-link", "end-logins", "second-factor"],
        who: Annotated[Principal, Depends(manager)],
        reason: Grounds,
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
            return await show_person(request, desk, templates, who, username, error=error, form=command)
        if link is not None:
            return await show_person(request, desk, templates, who, username, link=link, public_url=public_url)
        return RedirectResponse(f"/people/persons/{quote(username, safe='')}", 303)


def _add_organisation_names(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    @router.get("/organisation-names")
    async def names(
        request: Request,
        who: Annotated[Principal, Depends(manager)],
        organisation_id: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        """Return what the field of an account's organisation may suggest, within one's bounds."""
        async with desk.pool.acquire() as connection:
            rows = await bodies.list_organisations(
                connection, who.scope, organisation_id.strip() or None, None, OFFERED
            )
        held = [row for row in rows if row["deregistered_at"] is None]
        return templates.render(request, "organisation_names.html", rows=held, called=called)


def _add_teams(router: APIRouter, desk: PeopleDesk, templates: Templates) -> None:
    async def show(request: Request, error: YouguanError | None = None, said: dict[str, Any] | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            divisions = await divisions_store.list_divisions(connection)
        return templates.render(
            request, "teams.html", status_code=error.status if error else 200, teams=await desk.list_teams(),
            divisions=divisions, names={row["code"]: row for row in divisions}, error=error, said=said,
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
        reason: Grounds,
        divisions: Annotated[list[str], Form(default_factory=list)],
    ) -> Response:
        try:
            await desk.save_team(who, team_id.strip(), name.strip(), divisions, reason)
        except YouguanError as error:
            said = {"team_id": team_id, "name": name, "reason": reason, "divisions": divisions}
            return await show(request, error, said)
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
                since=midnight("since", since), until=midnight("until", until, days=1), before=key[0] if key else None, limit=PAGE,
            )  # fmt: skip
        chosen = {"actor": actor, "subject": subject, "action": action, "since": since, "until": until}
        return templates.render(
            request, "audit.html", rows=rows, next=next_cursor(rows, PAGE, "number"), chosen=chosen, set_out=_set_out
        )


def day_of(name: str, text: str) -> date | None:
    """Return the day that a form's field says; None where it is empty. Invalid: what is no day is never taken for none."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid.about(name, "is no date") from None


def midnight(name: str, text: str, *, days: int = 0) -> datetime | None:
    """Return when such a day of the county begins, or one so many days later."""
    day = day_of(name, text)
    return datetime.combine(day + timedelta(days=days), time(), tzinfo=COUNTY) if day else None


def _set_out(document: Any) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
