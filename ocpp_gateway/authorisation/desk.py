"""Where id tokens are kept and local lists are sent: every change is checked, audited, and told to all workers at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import asyncpg

from ocpp_gateway import store as stations
from ocpp_gateway.authorisation import local_list, store
from ocpp_gateway.authorisation.rules import compared
from ocpp_gateway.authorisation.wording import LONGEST_21
from ocpp_gateway.commands.desk import Desk, Wish
from ocpp_gateway.protocol.versions import named
from youguan import audit
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import IdTokenEntry, IdTokensChanged
from youguan.repeating import repeat_in_transaction

STREAM = "gateway/id-tokens"
DEMO_TOKEN = "DEMO"  # noqa: S105  # an OCPP id token, no secret
TOKENS_AN_EVENT = 500
EXPIRY_WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """An id token as somebody wants it."""

    id_token: str
    type: str | None = None
    group_id: str | None = None
    status: str = "accepted"
    expires_at: datetime | None = None
    concurrent: bool = False
    note: str = ""

    def row(self, now: datetime) -> tuple[Any, ...]:
        """Return what is stored."""
        return (
            self.id_token, self.type, self.group_id, self.status, self.expires_at, self.concurrent, self.note, now,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent to bring a station's list up to date, and which id tokens its version cannot carry."""

    commands: Sequence[asyncpg.Record]
    left_out: Mapping[str, str]


def wrong(token: Token, groups: Iterable[str]) -> list[FieldError]:
    """Return what is wrong with an id token, by field."""
    errors = unwritable(id_token=token.id_token, type=token.type or "", note=token.note)
    if not token.id_token.strip():
        errors.append(FieldError("id_token", "is empty"))
    if len(token.id_token) > LONGEST_21:
        errors.append(FieldError("id_token", Reason("has more than {most} characters", most=LONGEST_21)))
    if token.group_id is not None and token.group_id not in groups:
        errors.append(FieldError("group_id", Reason("there is no group {group_id}", group_id=token.group_id)))
    return errors


def unwritable(**texts: str) -> list[FieldError]:
    """Return which texts hold characters that cannot be printed: no card carries them, and no database all of them."""
    return [
        FieldError(field, "must be written in printable characters")
        for field, text in texts.items()
        if not text.isprintable()
    ]


def refuse(errors: list[FieldError], kind: type[Invalid | Conflict] = Invalid) -> None:
    """Raise the first error in words and all of them by field, where there are any."""
    if errors:
        raise kind(f"{errors[0].field}: {errors[0].reason}", fields=errors)


class TokenDesk:
    """Id tokens, groups and local lists."""

    def __init__(self, pool: asyncpg.Pool, desk: Desk, clock: Clock) -> None:
        self.pool = pool
        self._desk = desk
        self._clock = clock

    def now(self) -> datetime:
        """Return the time by which id tokens expire."""
        return self._clock.now()

    async def add(self, who: Principal, token: Token) -> asyncpg.Record:
        """Register an id token; Invalid, Conflict where there is one already."""
        refused, added = await self.bring_in(who, [token], replacing=False)
        errors = refused.get(0, [])
        refuse(errors, Conflict if ALREADY in {error.reason for error in errors} else Invalid)
        return added[0]

    async def bring_in(
        self, who: Principal, tokens: Sequence[Token], *, replacing: bool
    ) -> tuple[dict[int, list[FieldError]], list[asyncpg.Record]]:
        """Register many at once; return what is wrong, by row, and the good rows, which are stored."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            groups = await store.known_groups(connection, {token.group_id for token in tokens})
            keys = [compared(token.id_token) for token in tokens]
            taken = set() if replacing else await store.known_keys(connection, [k for k in keys if k.isprintable()])
            refused: dict[int, list[FieldError]] = {}
            good: dict[str, Token] = {}
            for place, (key, token) in enumerate(zip(keys, tokens, strict=True)):
                errors = wrong(token, groups)
                if key in taken or key in good:
                    errors.append(FieldError("id_token", ALREADY if key in taken else TWICE))
                if errors:
                    refused[place] = errors
                else:
                    good[key] = token
            await store.put_tokens(connection, [token.row(now) for token in good.values()])
            rows = await store.read_tokens(connection, list(good))
            if rows:
                listed = [row["id_token"] for row in rows]
                await self._note(connection, who, "add id tokens", f"{len(listed)} id tokens", None, listed)
            await _tell(connection, rows)
        return refused, rows

    async def change(self, who: Principal, id_token: str, changes: Mapping[str, Any]) -> asyncpg.Record:
        """Change members of an id token; NotFound, Invalid."""
        async with self.pool.acquire() as connection, connection.transaction():
            before = _token(await store.get_token(connection, id_token, hold=True))
            after = replace(before, **changes)
            errors = wrong(after, await store.known_groups(connection, {after.group_id}))
            refuse(errors)
            await store.put_tokens(connection, [after.row(self._clock.now())])
            row = await store.get_token(connection, id_token)
            subject = f"id token {before.id_token}"
            await self._note(connection, who, "change id token", subject, _said(before), _said(after))
            await _tell(connection, [row])
        return row

    async def remove(self, who: Principal, id_token: str) -> None:
        """Remove an id token: from now on it is unknown; NotFound."""
        async with self.pool.acquire() as connection, connection.transaction():
            before = _token(await store.get_token(connection, id_token, hold=True))
            await store.delete_token(connection, id_token)
            await self._note(connection, who, "remove id token", f"id token {before.id_token}", _said(before), None)
            await publish(connection, STREAM, [IdTokensChanged(entries=(), removed=(before.id_token,))])

    async def put_group(self, who: Principal, group_id: str, name: str, master_pass: bool) -> None:
        """Make a group or change it; Invalid."""
        refuse(unwritable(group_id=group_id, name=name))
        async with self.pool.acquire() as connection, connection.transaction():
            await store.put_group(connection, group_id, name, master_pass)
            after = {"name": name, "master_pass": master_pass}
            await self._note(connection, who, "put group", f"group {group_id}", None, after)
            await _tell(connection, await store.members(connection, group_id))

    async def remove_group(self, who: Principal, group_id: str) -> None:
        """Remove a group; NotFound, Conflict while it has members."""
        async with self.pool.acquire() as connection, connection.transaction():
            if await store.members(connection, group_id):
                raise Conflict(Reason("group {group_id} has members", group_id=group_id))
            if not await store.delete_group(connection, group_id):
                raise NotFound(Reason("group {group_id}", group_id=group_id))
            await self._note(connection, who, "remove group", f"group {group_id}", None, None)

    async def send_list(
        self,
        who: Principal,
        station_id: str,
        *,
        whole: bool,
        reason: str,
        entries_a_message: int | None,
        wait_s: float,
        remote: str | None = None,
    ) -> Sent:
        """Bring a station's local list up to date, whole or by what differs; a message goes when the one before is accepted."""
        if not who.has(REGULATOR):
            raise Forbidden(Reason("{action} needs the role regulator", action="SendLocalList"))
        async with self.pool.acquire() as connection:
            station = await stations.get_station(connection, station_id)
            if not station["connected"]:
                raise Conflict(Reason("station {station_id} is not connected", station_id=station_id))
            row = await store.get_local_list(connection, station_id)
            tokens = await store.all_tokens(connection)
        version = named(station["ocpp_version"])
        should = local_list.wanted(tokens, version, self._clock.now())
        has = row["entries"] if row else None
        differs = None if whole or has is None else local_list.difference(has, should.entries)
        payloads = local_list.messages(
            version,
            should.entries if differs is None else differs,
            full=differs is None,
            after=max(row["version"] if row else 0, 0),
            largest=entries_a_message,
        )
        commands: list[asyncpg.Record] = []
        for payload in payloads if differs is None or differs else []:
            wish = Wish(station_id, "SendLocalList", payload, reason)
            commands.append(await self._desk.ask(who, wish, wait_s=wait_s, remote=remote))
            if (commands[-1]["answer"] or {}).get("status") != "Accepted":
                break
        return Sent(commands, should.left_out)

    async def watch_reservations(self) -> None:
        """Let reservations expire."""
        await repeat_in_transaction(
            self.pool, lambda connection: store.expire_reservations(connection, self._clock.now()), EXPIRY_WATCH_S
        )

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, subject: str, before: Any, after: Any
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=subject, before=before,
            after=after,
        )  # fmt: skip


ALREADY = "is registered already"
TWICE = "stands in an earlier row already"


async def _tell(connection: asyncpg.Connection, rows: Iterable[asyncpg.Record]) -> None:
    """Publish id tokens as they are now."""
    entries = iter([_entry(row) for row in rows])
    events = []
    while part := tuple(islice(entries, TOKENS_AN_EVENT)):
        events.append(IdTokensChanged(entries=part))
    await publish(connection, STREAM, events)


def _entry(row: asyncpg.Record) -> IdTokenEntry:
    return IdTokenEntry(
        id_token=row["id_token"],
        id_token_type=row["type"],
        group_id=row["group_id"],
        master_pass=row["master_pass"],
        status=row["status"],
        expires_at=row["expires_at"],
        concurrent=row["concurrent"],
    )


def _token(row: asyncpg.Record) -> Token:
    members = ("id_token", "type", "group_id", "status", "expires_at", "concurrent", "note")
    return Token(*(row[member] for member in members))


def _said(token: Token) -> dict[str, Any]:
    """Return what the audit trail keeps of an id token."""
    return {
        "type": token.type,
        "group_id": token.group_id,
        "status": token.status,
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "concurrent": token.concurrent,
        "note": token.note,
    }


async def add_demo_token(pool: asyncpg.Pool, clock: Clock) -> None:
    """Register the id token with which every simulated station charges, unless it is there."""
    async with pool.acquire() as connection, connection.transaction():
        if not await store.known_keys(connection, [compared(DEMO_TOKEN)]):
            token = Token(DEMO_TOKEN, concurrent=True, note="demo")
            await store.put_tokens(connection, [token.row(clock.now())])
            await _tell(connection, await store.read_tokens(connection, [compared(DEMO_TOKEN)]))
