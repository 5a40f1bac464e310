"""People, teams and the audit trail over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, Field

from charger_registry.people import store
from charger_registry.people.authority import Account, manages
from charger_registry.people.desk import Link, PeopleDesk
from youguan import audit
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, REVIEWER, Principal
from youguan.errors import Forbidden
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.security import require, require_county, require_person
from youguan.web.times import GivenTime, UtcTime

Role = Literal["regulator", "inspector", "operator", "reviewer"]
Grounds = Annotated[str, Field(min_length=1, max_length=500)]
Short = Annotated[str, Field(max_length=200)]
MANAGERS = (REGULATOR, OPERATOR)


class PersonOut(BaseModel):
    """Somebody who logs in, with roles and bounds; `has_password`: has set one."""

    username: str
    name: str
    roles: list[str]
    organisation_id: str | None
    organisation_name: str | None
    division: str | None
    team_id: str | None
    level: int | None
    administrator: bool
    active: bool
    has_password: bool


class PersonIn(BaseModel):
    """A new account."""

    username: str = Field(max_length=64)
    name: Short
    roles: list[Role] = Field(min_length=1)
    organisation_id: Short | None = None
    division: Short | None = None
    team_id: Short | None = None
    level: int | None = None
    administrator: bool = False
    reason: Grounds


class PersonChange(BaseModel):
    """What is to change of an account; members that are not there stay as they are."""

    name: Short = ""
    roles: list[Role] = Field(default_factory=list)
    organisation_id: Short | None = None
    division: Short | None = None
    team_id: Short | None = None
    level: int | None = None
    administrator: bool = False
    reason: Grounds


class Why(BaseModel):
    """Why."""

    reason: Grounds


class LinkOut(BaseModel):
    """The path with which somebody sets his own password, once; it is shown this once."""

    username: str
    path: str
    until: UtcTime


class TeamOut(BaseModel):
    """Inspectors who share a district: a set of divisions' codes, or their beginnings."""

    id: str
    name: str
    divisions: list[str]
    members: list[str]


class TeamIn(BaseModel):
    """A team as it is to be."""

    name: Short
    divisions: list[Short] = Field(min_length=1, max_length=200)
    reason: Grounds


class TrailLine(BaseModel):
    """A line of the audit trail."""

    number: int
    at: UtcTime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any
    remote: str | None
    hash: str


class HeadOut(BaseModel):
    """The last line of the audit trail: keep it, and `youguan audit verify --head NUMBER:HASH` tells whether lines went missing."""

    number: int
    hash: str


def changes_of(given: BaseModel) -> dict[str, Any]:
    """Return what a change names, less its reason."""
    named = given.model_dump(exclude_unset=True, exclude={"reason"})
    return {**named, "roles": frozenset(named["roles"])} if "roles" in named else named


def county(
    who: Annotated[Principal, Depends(require_county(REGULATOR))], _: Annotated[Principal, Depends(require_person())]
) -> Principal:
    """Refuse whoever is no regulator of the county, and machines."""
    return who


def manager(who: Annotated[Principal, Depends(require(*MANAGERS))]) -> Principal:
    """Refuse whoever manages nobody."""
    if not manages(who):
        raise Forbidden("people are managed by regulators, and by the administrator of an organisation")
    return who


def add_people(app: FastAPI, desk: PeopleDesk) -> None:
    """Add people and teams to /api/registry."""
    _add_accounts(app, desk)
    _add_errands(app, desk)
    _add_teams(app, desk)


def _manager_of(desk: PeopleDesk) -> Callable[..., Awaitable[Principal]]:
    """Return a dependency that refuses whoever does not manage the person of an address; NotFound."""

    async def dependency(username: str, who: Annotated[Principal, Depends(manager)]) -> Principal:
        await desk.read(who, username)
        return who

    return dependency


def _add_accounts(app: FastAPI, desk: PeopleDesk) -> None:
    near = _manager_of(desk)

    @app.get("/persons")
    async def persons(
        who: Annotated[Principal, Depends(manager)], q: str | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[PersonOut]:
        """List whom one manages, by username."""
        key = decode_cursor(cursor, str)
        rows = await desk.list_people(who, q, key[0] if key else None, limit)
        return Page(items=[_person(row) for row in rows], next=next_cursor(rows, limit, "username"))

    @app.post("/persons", status_code=201)
    async def create(given: PersonIn, response: Response, who: Annotated[Principal, Depends(manager)]) -> LinkOut:
        """Make an account; the answer holds the link with which its password is set, shown this once."""
        named = given.model_dump(exclude={"reason", "roles"})
        link = await desk.create(who, Account(**named, roles=frozenset(given.roles)), given.reason)
        response.headers["Cache-Control"] = "no-store"
        return _link(link)

    @app.get("/persons/{username}")
    async def person(username: str, who: Annotated[Principal, Depends(near)]) -> PersonOut:
        """Return one person whom one manages."""
        return _person(await desk.read(who, username))

    @app.patch("/persons/{username}")
    async def change(username: str, given: PersonChange, who: Annotated[Principal, Depends(near)]) -> PersonOut:
        """Change name, roles or bounds; where these change his logins end."""
        return _person(await desk.change(who, username, changes_of(given), given.reason))


def _add_errands(app: FastAPI, desk: PeopleDesk) -> None:
    near = _manager_of(desk)

    @app.post("/persons/{username}/close", status_code=204)
    async def close(username: str, given: Why, who: Annotated[Principal, Depends(near)]) -> None:
        """Close an account; its logins end."""
        await desk.set_active(who, username, False, given.reason)

    @app.post("/persons/{username}/open", status_code=204)
    async def reopen(username: str, given: Why, who: Annotated[Principal, Depends(near)]) -> None:
        """Open a closed account again."""
        await desk.set_active(who, username, True, given.reason)

    @app.post("/persons/{username}/password-link", status_code=201)
    async def password_link(
        username: str, given: Why, response: Response, who: Annotated[Principal, Depends(near)]
    ) -> LinkOut:
        """Make a link with which somebody sets a new password."""
        response.headers["Cache-Control"] = "no-store"
        return _link(await desk.link(who, username, given.reason))

    @app.delete("/persons/{username}/second-factor", status_code=204)
    async def remove_second_factor(
        username: str,
        who: Annotated[Principal, Depends(near)],
        reason: Annotated[str, Query(min_length=1, max_length=500)],
    ) -> None:
        """Forget the second factor of somebody who has lost his phone; his logins end."""
        await desk.remove_second_factor(who, username, reason)

    @app.post("/persons/{username}/end-logins", status_code=204)
    async def end_logins(username: str, given: Why, who: Annotated[Principal, Depends(near)]) -> None:
        """Let everything that was issued to somebody hold no longer."""
        await desk.end_logins(who, username, given.reason)


def _add_teams(app: FastAPI, desk: PeopleDesk) -> None:
    @app.get("/teams")
    async def teams(_: Annotated[Principal, Depends(require(REGULATOR, INSPECTOR, REVIEWER))]) -> Page[TeamOut]:
        """List the inspectors' teams with their districts."""
        return Page(items=[TeamOut(**dict(row)) for row in await desk.list_teams()])

    @app.put("/teams/{team_id}")
    async def save_team(team_id: str, given: TeamIn, who: Annotated[Principal, Depends(county)]) -> TeamOut:
        """Add or change a team; where its district changes its inspectors log in again."""
        return TeamOut(**dict(await desk.save_team(who, team_id, given.name, given.divisions, given.reason)))


def add_trail(app: FastAPI, desk: PeopleDesk) -> None:
    """Add the audit trail to /api/registry."""
    county = require_county(REGULATOR)

    @app.get("/audit")
    async def trail(
        _: Annotated[Principal, Depends(county)],
        actor: Annotated[str | None, Query(description="whoever acted, or for whom")] = None,
        action: Annotated[str | None, Query(description="its beginning")] = None,
        subject: Annotated[str | None, Query(description="its beginning: `site NH0001`, `person `")] = None,
        since: Annotated[GivenTime | None, Query(alias="from")] = None,
        until: Annotated[GivenTime | None, Query(alias="to")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[TrailLine]:
        """List lines of the audit trail, newest first."""
        key = decode_cursor(cursor, int)
        async with desk.pool.acquire() as connection:
            rows = await store.read_trail(
                connection, actor=actor, action=action, subject=subject, since=since, until=until,
                before=key[0] if key else None, limit=limit,
            )  # fmt: skip
        return Page(
            items=[TrailLine(**{**dict(row), "hash": row["hash"].hex()}) for row in rows],
            next=next_cursor(rows, limit, "number"),
        )

    @app.get("/audit/head")
    async def head(_: Annotated[Principal, Depends(require(REGULATOR, REVIEWER))]) -> HeadOut:
        """Return the last line's number and hash."""
        async with desk.pool.acquire() as connection:
            found = await audit.head(connection)
        return HeadOut(number=found.number if found else 0, hash=found.hash.hex() if found else "")


def _person(row: Any) -> PersonOut:
    return PersonOut(**dict(row), has_password=row["password_hash"] is not None)


def _link(link: Link) -> LinkOut:
    return LinkOut(username=link.username, path=link.path, until=link.until)
