"""Id tokens, local lists, reservations and charging profiles over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Path, Query, Request, Response
from pydantic import BaseModel, Field

from ocpp_gateway import store as stations
from ocpp_gateway.authorisation import store
from ocpp_gateway.authorisation.composite import Asked, composite_schedule
from ocpp_gateway.authorisation.desk import Token, TokenDesk
from ocpp_gateway.authorisation.reservations import State
from ocpp_gateway.commands.api import CommandOut, Wait, tell_ended
from youguan.auth import INSPECTOR, REGULATOR, Principal, Scope
from youguan.clock import Clock
from youguan.errors import FieldError, Invalid
from youguan.web.paging import Cursor, Limit, Page, decode_cursor, next_cursor
from youguan.web.problems import checked
from youguan.web.security import remote_of, require, require_county, require_station
from youguan.web.times import GivenTime, UtcTime
from youguan.web.translations import explained, preferred

MOST_ROWS = 10_000
GroupId = Annotated[str, Path(min_length=1, max_length=255)]
A_WEEK_S = 7 * 24 * 3600
regulator = require_county(REGULATOR)


class TokenIn(BaseModel, extra="forbid"):
    """An id token to register; without a type it goes for any."""

    id_token: str = Field(min_length=1, max_length=255)
    type: str | None = Field(default=None, min_length=1, max_length=20)
    group_id: str | None = Field(default=None, max_length=255)
    status: Literal["accepted", "blocked"] = "accepted"
    expires_at: GivenTime | None = None
    concurrent: bool = Field(default=False, description="may be in several transactions at once")
    note: str = Field(default="", max_length=500)


class TokenChange(BaseModel, extra="forbid"):
    """What to change; what is not named stays."""

    group_id: str | None = Field(default=None, max_length=255)
    status: Literal["accepted", "blocked"] = "accepted"
    expires_at: GivenTime | None = None
    concurrent: bool = False
    note: str = Field(default="", max_length=500)


class TokenOut(BaseModel):
    """An id token as it is registered."""

    id_token: str
    type: str | None
    group_id: str | None
    master_pass: bool
    status: Literal["accepted", "blocked"]
    expires_at: UtcTime | None
    concurrent: bool
    note: str
    changed_at: UtcTime


class TokensIn(BaseModel, extra="forbid"):
    """Many id tokens; each row is judged by itself."""

    tokens: list[Any] = Field(max_length=MOST_ROWS)
    replace: bool = Field(default=False, description="rows whose id token is registered change it")


class FieldOut(BaseModel):
    """What is wrong with a field."""

    field: str
    reason: str


class RowError(BaseModel):
    """What is wrong with a row, counted from 0."""

    row: int
    id_token: str | None
    fields: list[FieldOut]


class TokensTaken(BaseModel):
    """What became of an import."""

    stored: int
    errors: list[RowError]


class GroupIn(BaseModel, extra="forbid"):
    """A group of id tokens that may end each other's transactions; a master pass ends any and begins none."""

    name: str = Field(default="", max_length=200)
    master_pass: bool = False


class GroupOut(GroupIn):
    """A group with the number of its members."""

    group_id: str
    members: int


class ListWanted(BaseModel, extra="forbid"):
    """How a station's list is to be brought up to date; the whole list is sent where nobody knows what the station has."""

    update_type: Literal["Full", "Differential"] = "Differential"
    entries_a_message: int | None = Field(default=None, ge=1, description="as many as the station takes in one message")
    reason: str = Field(min_length=1, max_length=500)


class ListOut(BaseModel):
    """What a station has; `entries` null: it holds what we did not send."""

    version: int
    entries: int | None
    at: UtcTime | None


class ListSent(ListOut):
    """What a station has now, what was sent to it, and the id tokens that its version cannot carry, with reasons."""

    commands: list[CommandOut]
    left_out: dict[str, str]


class ReservationOut(BaseModel):
    """A reservation; `connector` null: whichever is free."""

    station_id: str
    reservation_id: int
    connector: int | None
    id_token: str
    group_id: str | None
    expires_at: UtcTime
    state: State
    made_at: UtcTime
    ended_at: UtcTime | None


class ProfileOut(BaseModel):
    """A charging profile that a station has or had; `profile` as it was sent or reported."""

    profile_id: int
    connector: int | None
    purpose: str
    stack_level: int
    transaction_id: str | None
    valid_from: UtcTime | None
    valid_to: UtcTime | None
    profile: dict[str, Any]
    source: str
    set_at: UtcTime
    cleared_at: UtcTime | None


class PeriodOut(BaseModel):
    """From so many seconds after the start on; `limit` null: no profile limits."""

    start_s: int
    limit: float | None


class CompositeOut(BaseModel):
    """What the stored profiles permit together, reckoned by us; the station's own answer comes by GetCompositeSchedule."""

    connector: int
    unit: Literal["W", "A"]
    start: UtcTime
    duration_s: int
    transaction_id: str | None
    periods: list[PeriodOut]


def add_authorisation(app: FastAPI, desk: TokenDesk, clock: Clock) -> None:
    """Add everything to /api/gateway."""
    _add_tokens(app, desk)
    _add_groups(app, desk)
    _add_local_lists(app, desk)
    _add_reservations(app, desk.pool)
    _add_profiles(app, desk.pool, clock)


def _add_tokens(app: FastAPI, desk: TokenDesk) -> None:
    @app.get("/id-tokens")
    async def tokens(
        _: Annotated[Principal, Depends(regulator)],
        status: Literal["accepted", "blocked"] | None = None,
        group: str | None = None,
        q: Annotated[str | None, Query(description="part of the id token or of its note")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[TokenOut]:
        """List id tokens."""
        key = decode_cursor(cursor, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_tokens(
                connection, status=status, group_id=group, words=q, after=key[0] if key else None, limit=limit
            )
        following = next_cursor(rows, limit, "key")
        return Page(items=[TokenOut(**dict(row)) for row in rows], next=following)

    @app.post("/id-tokens", status_code=201)
    async def add(token: TokenIn, who: Annotated[Principal, Depends(regulator)]) -> TokenOut:
        """Register an id token."""
        return TokenOut(**dict(await desk.add(who, Token(**token.model_dump()))))

    @app.post("/id-tokens/import")
    async def bring_in(
        tokens: TokensIn, request: Request, who: Annotated[Principal, Depends(regulator)]
    ) -> TokensTaken:
        """Register many id tokens; rows that are wrong are named, the others are stored."""
        return await take_rows(desk, who, tokens, preferred(request) or "en")

    @app.get("/id-tokens/{id_token:path}")
    async def token(id_token: str, _: Annotated[Principal, Depends(regulator)]) -> TokenOut:
        """Return an id token."""
        async with desk.pool.acquire() as connection:
            return TokenOut(**dict(await store.get_token(connection, id_token)))

    @app.patch("/id-tokens/{id_token:path}")
    async def change(id_token: str, changes: TokenChange, who: Annotated[Principal, Depends(regulator)]) -> TokenOut:
        """Change an id token: every worker knows within two seconds."""
        return TokenOut(**dict(await desk.change(who, id_token, changes.model_dump(exclude_unset=True))))

    @app.delete("/id-tokens/{id_token:path}", status_code=204)
    async def remove(id_token: str, who: Annotated[Principal, Depends(regulator)]) -> None:
        """Remove an id token: from then on it is unknown."""
        await desk.remove(who, id_token)


async def take_rows(desk: TokenDesk, who: Principal, tokens: TokensIn, language: str = "en") -> TokensTaken:
    """Store the rows that are right and name what is wrong with the others, in the language of whoever asks."""
    errors: dict[int, Sequence[FieldError]] = {}
    good: dict[int, Token] = {}
    for place, row in enumerate(tokens.tokens):
        try:
            good[place] = _token_of(row)
        except Invalid as error:
            errors[place] = error.fields
    refused, stored = await desk.bring_in(who, list(good.values()), replacing=tokens.replace)
    places = list(good)
    errors.update({places[n]: found for n, found in refused.items()})
    rows = [_row_error(n, tokens.tokens[n], errors[n], language) for n in sorted(errors)]
    return TokensTaken(stored=len(stored), errors=rows)


def _token_of(row: Any) -> Token:
    """Return what a row says; Invalid."""
    if not isinstance(row, dict):
        raise Invalid.about("row", "is no JSON object")
    return Token(**checked(TokenIn, row).model_dump())


def _row_error(place: int, row: Any, errors: Sequence[FieldError], language: str) -> RowError:
    named = row.get("id_token") if isinstance(row, dict) else None
    said = [explained(error, language) for error in errors]
    fields = [FieldOut(field=error.field, reason=error.reason) for error in said]
    return RowError(row=place, id_token=named if isinstance(named, str) else None, fields=fields)


def _add_groups(app: FastAPI, desk: TokenDesk) -> None:
    @app.get("/id-token-groups")
    async def groups(
        _: Annotated[Principal, Depends(regulator)], limit: Limit = 100, cursor: Cursor = None
    ) -> Page[GroupOut]:
        """List groups, by id."""
        key = decode_cursor(cursor, str)
        async with desk.pool.acquire() as connection:
            rows = await store.list_groups(connection, after=key[0] if key else None, limit=limit)
        return Page(items=[GroupOut(**dict(row)) for row in rows], next=next_cursor(rows, limit, "group_id"))

    @app.put("/id-token-groups/{group_id}", status_code=204)
    async def put(group_id: GroupId, group: GroupIn, who: Annotated[Principal, Depends(regulator)]) -> None:
        """Make a group or change it."""
        await desk.put_group(who, group_id, group.name, group.master_pass)

    @app.delete("/id-token-groups/{group_id}", status_code=204)
    async def remove(group_id: str, who: Annotated[Principal, Depends(regulator)]) -> None:
        """Remove a group that has no members."""
        await desk.remove_group(who, group_id)


def _add_local_lists(app: FastAPI, desk: TokenDesk) -> None:
    looks, rules = require_station(desk.pool, REGULATOR, INSPECTOR), require_station(desk.pool, REGULATOR)

    @app.get("/stations/{station_id}/local-list")
    async def local_list(station_id: str, _: Annotated[Principal, Depends(looks)]) -> ListOut:
        """Return which list a station has, as far as is known."""
        return await _list_of(desk.pool, station_id)

    @app.put("/stations/{station_id}/local-list", status_code=202)
    async def send(
        station_id: str,
        wanted: ListWanted,
        request: Request,
        response: Response,
        who: Annotated[Principal, Depends(rules)],
        wait: Wait = 30,
    ) -> ListSent:
        """Bring a station's list up to date with the registered id tokens; 200 when the station has answered."""
        sent = await desk.send_list(
            who,
            station_id,
            whole=wanted.update_type == "Full",
            reason=wanted.reason,
            entries_a_message=wanted.entries_a_message,
            wait_s=wait,
            remote=remote_of(request),
        )
        tell_ended(response, *sent.commands)
        now = await _list_of(desk.pool, station_id)
        commands = [CommandOut(**dict(row)) for row in sent.commands]
        return ListSent(**now.model_dump(), commands=commands, left_out=dict(sent.left_out))


async def _list_of(pool: asyncpg.Pool, station_id: str) -> ListOut:
    async with pool.acquire() as connection:
        await stations.get_station(connection, station_id)
        row = await store.get_local_list(connection, station_id)
    if row is None:
        return ListOut(version=0, entries=None, at=None)
    entries = row["entries"]
    return ListOut(version=row["version"], entries=None if entries is None else len(entries), at=row["at"])


def _add_reservations(app: FastAPI, pool: asyncpg.Pool) -> None:
    async def listed(
        scope: Scope, station_id: str | None, state: State | None, limit: int, cursor: str | None
    ) -> Page[ReservationOut]:
        key = decode_cursor(cursor, datetime, str, int)
        async with pool.acquire() as connection:
            if station_id is not None:
                await stations.get_station(connection, station_id)
            rows = await store.list_reservations(
                connection,
                station_id=station_id,
                state=state,
                before=(key[0], key[1], key[2]) if key else None,
                limit=limit,
                scope=scope,
            )
        following = next_cursor(rows, limit, "made_at", "station_id", "reservation_id")
        return Page(items=[ReservationOut(**dict(row)) for row in rows], next=following)

    @app.get("/reservations")
    async def reservations(
        who: Annotated[Principal, Depends(require(REGULATOR, INSPECTOR))],
        station: str | None = None,
        state: State | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ReservationOut]:
        """List reservations, newest first."""
        return await listed(who.scope, station, state, limit, cursor)

    @app.get("/stations/{station_id}/reservations")
    async def of_station(
        station_id: str,
        who: Annotated[Principal, Depends(require_station(pool, REGULATOR, INSPECTOR))],
        state: State | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ReservationOut]:
        """List a station's reservations, newest first."""
        return await listed(who.scope, station_id, state, limit, cursor)


def _add_profiles(app: FastAPI, pool: asyncpg.Pool, clock: Clock) -> None:
    looks = require_station(pool, REGULATOR, INSPECTOR)

    @app.get("/stations/{station_id}/charging-profiles")
    async def profiles(
        station_id: str,
        _: Annotated[Principal, Depends(looks)],
        cleared: Annotated[bool, Query(description="those too that the station no longer has")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[ProfileOut]:
        """List a station's charging profiles, the latest first."""
        key = decode_cursor(cursor, int)
        async with pool.acquire() as connection:
            await stations.get_station(connection, station_id)
            rows = await store.list_profiles(
                connection, station_id, cleared_too=cleared, before=key[0] if key else None, limit=limit
            )
        following = next_cursor(rows, limit, "id")
        return Page(items=[ProfileOut(**dict(row)) for row in rows], next=following)

    @app.get("/stations/{station_id}/composite-schedule")
    async def composite(
        station_id: str,
        _: Annotated[Principal, Depends(looks)],
        connector: Annotated[int, Query(ge=0, lt=2**31, description="0: the station itself")] = 0,
        duration: Annotated[int, Query(ge=1, le=A_WEEK_S, description="seconds")] = 3600,
        unit: Literal["W", "A"] = "W",
    ) -> CompositeOut:
        """Return what the stored profiles permit from now on."""
        async with pool.acquire() as connection:
            await stations.get_station(connection, station_id)
            found = await store.current_profiles(connection, station_id)
            transaction = await store.open_transaction(connection, station_id, connector)
        asked = Asked(connector, clock.now().replace(microsecond=0), duration, unit, transaction)
        return CompositeOut(
            connector=connector,
            unit=unit,
            start=asked.start,
            duration_s=duration,
            transaction_id=transaction[0] if transaction else None,
            periods=[
                PeriodOut(start_s=period.start_s, limit=period.limit)
                for period in composite_schedule(list(found.values()), asked)
            ],
        )
