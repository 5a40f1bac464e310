"""Who may read over OCPI: tokens are issued, exchanged, listed and revoked. A token is shown once; its hash is kept.

A token is 32 random bytes, so that nobody finds it out from its SHA-256; a password hash would cost every request.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import asyncpg

from charger_registry.open_data.tokens import store
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import NotFound, Reason, Unauthenticated

Purpose = Literal["access", "registration"]
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who shows a token: the token itself as it was given, and what is known of it."""

    token_id: int
    token: str
    party: str
    purpose: Purpose
    registered: bool


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token: this is the only time that anybody sees it."""

    token_id: int
    party: str
    token: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Introduction:
    """How a party introduces itself when it registers."""

    party: str
    country_code: str
    party_id: str


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return sha256(token.encode()).hexdigest()


def tokens_in(header: str) -> list[str]:
    """Return the tokens that an Authorization header can mean: its Base64 decoded, and itself as older versions send it."""
    scheme, _, given = header.partition(" ")
    given = given.strip()
    if scheme.lower() != "token" or not given:
        return []
    try:
        decoded = base64.b64decode(given, validate=True).decode().strip()
    except (binascii.Error, ValueError):
        return [given]
    return [decoded, given]


class TokenDesk:
    """Issues, exchanges and ends tokens."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def read(self, header: str) -> Reader:
        """Return who shows the token of an Authorization header; Unauthenticated."""
        found = {digest(token): token for token in tokens_in(header)}
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            row = await store.find_token(connection, found) if found else None
            if row is None:
                raise Unauthenticated("show a credentials token that holds: Authorization: Token, and its Base64")
            if row["used_at"] is None or row["used_at"] < now - USE_NOTED_EVERY:
                await store.note_token_use(connection, row["id"], now, now - USE_NOTED_EVERY)
        return Reader(row["id"], found[row["digest"]], row["party"], row["purpose"], row["registered"])

    @whole
    async def issue(
        self, who: Principal, party: str, purpose: Purpose, reason: str, remote: str | None = None
    ) -> IssuedToken:
        """Give a party a token: one that reads at once, or one with which it registers and gets another."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            issued = await self._insert(connection, (party, None, None), purpose, (now, who.subject, reason))
            await audit.record(
                connection, at=now, actor=who.subject, action="issue OCPI token", subject=f"OCPI token {issued.token_id}",
                after={"party": party, "purpose": purpose, "reason": reason}, remote=remote,
            )  # fmt: skip
        return issued

    @whole
    async def revoke(self, who: Principal, token_id: int, reason: str, remote: str | None = None) -> None:
        """Let a token hold no longer; NotFound where none holds."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            row = await store.hold_token(connection, token_id)
            if row is None:
                raise NotFound(Reason("OCPI token {token_id}", token_id=token_id))
            await store.end_token(connection, token_id, now, who.subject)
            await audit.record(
                connection, at=now, actor=who.subject, action="revoke OCPI token", subject=f"OCPI token {token_id}",
                before={"party": row["party"], "purpose": row["purpose"]}, after={"reason": reason}, remote=remote,
            )  # fmt: skip

    @whole
    async def exchange(self, reader: Reader, introduction: Introduction, remote: str | None = None) -> IssuedToken:
        """Give a party that registers, or renews its registration, a new token in place of the one it shows."""
        now = self._clock.now()
        actor = actor_of(reader)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._end(connection, reader, now)
            who = (introduction.party, introduction.country_code, introduction.party_id)
            issued = await self._insert(connection, who, "access", (now, actor, "OCPI credentials"), registered=True)
            await audit.record(
                connection, at=now, actor=actor, action="exchange OCPI token", subject=f"OCPI token {issued.token_id}",
                before={"token": reader.token_id, "party": reader.party},
                after={"party": who[0], "country_code": who[1], "party_id": who[2]}, remote=remote,
            )  # fmt: skip
        return issued

    @whole
    async def unregister(self, reader: Reader, remote: str | None = None) -> None:
        """End the token of a party that unregisters."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await self._end(connection, reader, now)
            await audit.record(
                connection, at=now, actor=actor_of(reader), action="unregister from OCPI",
                subject=f"OCPI token {reader.token_id}", before={"party": reader.party}, remote=remote,
            )  # fmt: skip

    async def _end(self, connection: asyncpg.Connection, reader: Reader, now: datetime) -> None:
        if await store.hold_token(connection, reader.token_id) is None:
            raise Unauthenticated("this token has been replaced or revoked meanwhile")
        await store.end_token(connection, reader.token_id, now, actor_of(reader))

    async def _insert(
        self,
        connection: asyncpg.Connection,
        party: tuple[str, str | None, str | None],
        purpose: Purpose,
        issue: tuple[datetime, str, str],
        *,
        registered: bool = False,
    ) -> IssuedToken:
        token = secrets.token_urlsafe(32)
        token_id = await store.insert_token(connection, (*party, digest(token), purpose, registered, *issue))
        return IssuedToken(token_id, party[0], token, issue[0])


def actor_of(reader: Reader) -> str:
    """Return how a party stands in the audit trail."""
    return f"ocpi:{reader.party}"
