"""Where keys of machine clients are issued and revoked. A key is shown once; every service knows its hash by event."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from charger_registry.people import store as people
from charger_registry.people.authority import Account, may_manage, may_still_give, wrong_with
from charger_registry.people.machine_keys import store
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import Consumer, StoredEvent, publish
from youguan.events import Event, MachineKeyIssued, MachineKeyRevoked, MachineKeyUsed
from youguan.machine_keys import SCOPES, digest, new_key

ROLES = (REGULATOR, INSPECTOR, OPERATOR)
LONGEST = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a key is to be for: the role and bounds it has, and its scopes."""

    name: str
    role: str
    scopes: tuple[str, ...]
    organisation_id: str | None
    division: str | None
    expires_at: datetime

    @property
    def account(self) -> Account:
        """Return whom a person would have to be to do the same."""
        return Account("key", self.name, frozenset({self.role}), self.organisation_id, self.division)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key: this is the only time that anybody sees it."""

    id: str
    name: str
    key: str
    expires_at: datetime


def wrong_with_key(wish: KeyWish, organisations: Sequence[str] | set[str], now: datetime) -> list[FieldError]:
    """Say what keeps a key from being issued."""
    found = []
    if wish.role not in ROLES:
        found.append(FieldError("role", Reason("one of {known}", known=", ".join(ROLES))))
    if not wish.scopes or not set(wish.scopes) <= set(SCOPES):
        found.append(FieldError("scopes", Reason("one or more of {known}", known=", ".join(SCOPES))))
    if not now < wish.expires_at <= now + LONGEST:
        found.append(FieldError("expires_at", Reason("in the future, by at most {most} days", most=LONGEST.days)))
    return found + [error for error in wrong_with(wish.account, organisations, ()) if error.field != "roles"]


class MachineKeyDesk:
    """Issues and revokes keys of machine clients."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self._clock = clock

    def consumer(self) -> Consumer:
        """Return the consumer of when keys were used."""
        return Consumer(self.pool, "registry.machine_keys", self.handle, types=(MachineKeyUsed,))

    async def handle(self, connection: asyncpg.Connection, batch: Sequence[StoredEvent]) -> None:
        for stored in batch:
            if isinstance(stored.event, MachineKeyUsed):
                await store.note_key_use(connection, stored.event.key_id, stored.event.at)

    async def list_keys(self, who: Principal) -> list[asyncpg.Record]:
        """Return the keys that somebody may revoke, the latest first."""
        async with self.pool.acquire() as connection:
            rows = await store.list_keys(connection, None if who.has(REGULATOR) else who.organisation_id)
        return [row for row in rows if may_manage(who, wish_of(row).account)]

    @whole
    async def issue(self, who: Principal, wish: KeyWish, reason: str) -> IssuedKey:
        """Issue a key; nobody gives one more than he could give a person. Invalid, Forbidden."""
        now, key, key_id = self._clock.now(), new_key(), str(uuid.uuid4())
        async with self.pool.acquire() as connection, connection.transaction():
            await _hold_giver(connection, who, wish)
            organisations, _ = await people.ids(connection, wish.expires_at)
            if wrong := wrong_with_key(wish, organisations, now):
                raise Invalid.of(*wrong)
            if not may_manage(who, wish.account):
                raise Forbidden("such a key reaches beyond what you may give")
            scopes = tuple(sorted(set(wish.scopes)))
            line = (
                key_id, wish.name, digest(key), wish.role, list(scopes), wish.organisation_id, wish.division, wish.expires_at,
                who.subject, now, reason,
            )  # fmt: skip
            await store.add_key(connection, line)
            await self._note(connection, who, "issue machine key", key_id, {**asdict(wish), "reason": reason})
            await publish(connection, STREAM, [_issued(key_id, digest(key), wish, now)])
        return IssuedKey(key_id, wish.name, key, wish.expires_at)

    @whole
    async def revoke(self, who: Principal, key_id: str, reason: str) -> None:
        """Let a key hold no longer: every service knows within a second. NotFound, Conflict."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_key(connection, key_id)
            if row is None or not may_manage(who, wish_of(row).account):
                raise NotFound(Reason("key {key_id}", key_id=key_id))
            if row["revoked_at"] is not None and row["revoked_at"] <= now:
                raise Conflict("the key has been revoked already")
            await publish(connection, STREAM, await revoke_keys(connection, [row], who.subject, now, now, reason))

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, key_id: str, after: dict[str, Any]
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=f"key {key_id}", after=after
        )


async def _hold_giver(connection: asyncpg.Connection, who: Principal, wish: KeyWish) -> None:
    """Hold the account that gives a key and the organisation that it is for: closed or deregistered in the same moment, neither
    leaves a key behind. Forbidden where the account is not what its login says any more."""
    giver = await people.hold_account(connection, who.subject)
    if giver is not None and not (giver["active"] and may_still_give(people.account_of(giver), wish.account)):
        raise Forbidden("such a key reaches beyond what you may give")
    if wish.organisation_id is not None:
        await people.hold_organisation(connection, wish.organisation_id)


async def revoke_keys(
    connection: asyncpg.Connection,
    rows: Iterable[asyncpg.Record],
    by: str,
    at: datetime,
    now: datetime,
    reason: str,
) -> list[Event]:
    """Let keys hold no longer from an instant on, each on record; return that as events."""
    events: list[Event] = []
    for row in rows:
        await store.revoke_key(connection, row["id"], by, at, reason)
        after = {"name": row["name"], "reason": reason, "holds_until": at}
        await audit.record(
            connection, at=now, actor=by, action="revoke machine key", subject=f"key {row['id']}", after=after
        )
        events.append(MachineKeyRevoked(key_id=row["id"], at=at))
    return events


async def restore_keys(
    connection: asyncpg.Connection, rows: Iterable[asyncpg.Record], by: str, now: datetime, reason: str
) -> list[Event]:
    """Let revoked keys hold again, but for those that whoever gave them could not give now; return that as events."""
    events: list[Event] = []
    for row in rows:
        wish, giver = wish_of(row), await people.hold_account(connection, row["issued_by"])
        if giver is not None and not (giver["active"] and may_still_give(people.account_of(giver), wish.account)):
            continue
        await store.restore_key(connection, row["id"])
        await audit.record(
            connection, at=now, actor=by, action="restore machine key", subject=f"key {row['id']}",
            before={"revoked_reason": row["revoked_reason"]}, after={"name": row["name"], "reason": reason},
        )  # fmt: skip
        events.append(_issued(row["id"], row["digest"], wish, now))
    return events


def _issued(key_id: str, digest_: str, wish: KeyWish, now: datetime) -> MachineKeyIssued:
    return MachineKeyIssued(
        key_id=key_id, name=wish.name, digest=digest_, role=wish.role, scopes=tuple(sorted(set(wish.scopes))),
        organisation_id=wish.organisation_id, division=wish.division, expires_at=wish.expires_at, at=now,
    )  # fmt: skip


async def revoke_ungiven(
    connection: asyncpg.Connection, username: str, issuer: Account | None, by: str, now: datetime
) -> list[Event]:
    """Revoke the keys that somebody has issued and could not give as he is now (None: his account is closed)."""
    rows = [
        row
        for row in await store.keys_holding(connection, now, issuer=username)
        if issuer is None or not may_still_give(issuer, wish_of(row).account)
    ]
    reason = f"{username}, who issued it, may give it no longer"
    return await revoke_keys(connection, rows, by, now, now, reason)


def wish_of(row: asyncpg.Record) -> KeyWish:
    """Return what a key on file is for."""
    return KeyWish(
        row["name"], row["role"], tuple(row["scopes"]), row["organisation_id"], row["division"], row["expires_at"]
    )


def state_of(row: asyncpg.Record, now: datetime) -> str:
    """Return whether a key is holding, expired or revoked."""
    if row["revoked_at"] is not None and row["revoked_at"] <= now:
        return "revoked"
    return "holding" if row["expires_at"] > now else "expired"
