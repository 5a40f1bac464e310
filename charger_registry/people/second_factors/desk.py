"""Where somebody sets up a second factor, and where a login asks for it; the secret is kept sealed."""

import base64
from dataclasses import dataclass

import asyncpg
import segno
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from charger_registry.people.passwords import Tries
from charger_registry.people.second_factors import store
from charger_registry.people.second_factors.totp import (
    address,
    matching_step,
    new_recovery_codes,
    new_secret,
    plain,
    recovery_digest,
    secret_text,
)
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, Forbidden, Invalid, Unauthenticated, Unavailable

TRIES_OF_AN_ACCOUNT = 20  # who tries codes knows the password already, or holds a login
PURPOSE, STEPS = b"youguan second factors", b"youguan second steps"
STEP_WITHIN_S = 300


class CodeNeeded(Unauthenticated):
    """Who it is has been shown; a code of the second factor is needed as well."""

    code = "code_needed"

    def __init__(self, username: str) -> None:
        super().__init__("a code of the second factor is needed as well")
        self.username = username


@dataclass(frozen=True, slots=True)
class Setup:
    """What goes into an application on a phone: the secret as text, and as an otpauth:// address."""

    secret: str
    address: str

    @property
    def picture(self) -> str:
        """Return the address as a QR code, to be shown as it is (data: address of an SVG)."""
        return str(segno.make_qr(self.address, error="m").svg_data_uri(scale=5, border=4, light="white"))


class SecondFactors:
    """Sets second factors up, checks and removes them; counts wrong codes by account and source, and by account."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, secret: str | None) -> None:
        self.pool = pool
        self._clock = clock
        self._tries = Tries(of_a_name=TRIES_OF_AN_ACCOUNT)
        self._box = box(secret, PURPOSE) if secret else None
        self._tickets = box(secret, STEPS) if secret else None

    async def is_on(self, username: str) -> bool:
        """Say whether a login of somebody needs a code."""
        async with self.pool.acquire() as connection:
            row = await store.get_factor(connection, username)
        return row is not None and row["confirmed_at"] is not None

    @whole
    async def begin(self, who: Principal) -> Setup:
        """Make a secret; it counts once a code of it has been shown. Conflict, Unavailable."""
        _himself(who)
        if self._box is None:
            raise Unavailable("no secret to seal second factors with is configured (YOUGUAN_LOGIN_SECRET)")
        secret = new_secret()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_factor(connection, who.subject)
            if row is not None and row["confirmed_at"] is not None:
                raise Conflict("there is a second factor already; remove it first")
            await store.put_factor(connection, who.subject, self._box.encrypt(secret))
        return self._setup(secret, who)

    async def begun(self, who: Principal) -> Setup | None:
        """Return the secret that somebody is setting up; None where he is not. Unavailable."""
        async with self.pool.acquire() as connection:
            row = await store.get_factor(connection, who.subject)
        if row is None or row["confirmed_at"] is not None:
            return None
        return self._setup(self._open(row["sealed"]), who)

    @whole
    async def confirm(self, who: Principal, code: str) -> list[str]:
        """Turn a second factor on by the first code of it; return the recovery codes, shown once. Conflict, Invalid."""
        _himself(who)
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_factor(connection, who.subject)
            if row is None or row["confirmed_at"] is not None:
                raise Conflict("no second factor is being set up")
            step = matching_step(self._open(row["sealed"]), plain(code), now, 0)
            if step is None:
                raise _wrong_code()
            codes = new_recovery_codes()
            await store.confirm_factor(connection, who.subject, now, step, [recovery_digest(c) for c in codes])
            await self._note(connection, who, "second factor on", who.subject)
        return codes

    @whole
    async def remove(self, who: Principal, code: str, remote: str) -> None:
        """Turn one's own second factor off; a code of it is needed. Invalid, TooManyRequests."""
        _himself(who)
        if not await self.fits(who.subject, code, remote):
            raise _wrong_code()
        async with self.pool.acquire() as connection, connection.transaction():
            await store.remove_factor(connection, who.subject)
            await self._note(connection, who, "second factor off", who.subject)

    async def ask(self, username: str, code: str | None, remote: str) -> None:
        """Ask for a code where there is a second factor. CodeNeeded, Unauthenticated, TooManyRequests."""
        if not await self.is_on(username):
            return
        if not code:
            raise CodeNeeded(username)
        if not await self.fits(username, code, remote):
            raise Unauthenticated("the code is wrong, or was used already")

    async def fits(self, username: str, code: str, remote: str) -> bool:
        """Say whether a code, or a recovery code, is right; either holds once. TooManyRequests."""
        self._tries.begin(username, remote, self._clock.now())
        if not await self._holds(username, code):
            return False
        self._tries.succeeded(username, remote)
        return True

    @whole
    async def _holds(self, username: str, code: str) -> bool:
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.get_factor(connection, username)
            if row is None or row["confirmed_at"] is None:
                return False
            step = matching_step(self._open(row["sealed"]), plain(code), now, row["last_step"])
            if step is not None:
                await store.use_step(connection, username, step)
                return True
            return await store.use_recovery(connection, username, recovery_digest(code))

    def _setup(self, secret: bytes, who: Principal) -> Setup:
        return Setup(secret_text(secret), address(secret, who.subject))

    def ticket(self, username: str) -> str:
        """Return what says for a while that somebody has shown who he is, but for the code."""
        assert self._tickets is not None
        return self._tickets.encrypt_at_time(username.encode(), int(self._clock.now().timestamp())).decode()

    def whose(self, ticket: str) -> str:
        """Return who has shown that; Unauthenticated where it is too long ago."""
        now = int(self._clock.now().timestamp())
        try:
            return self._tickets.decrypt_at_time(ticket, STEP_WITHIN_S, now).decode() if self._tickets else ""
        except InvalidToken:
            raise Unauthenticated("it took too long; log in again") from None

    def _open(self, sealed: bytes) -> bytes:
        if self._box is None:
            raise Unavailable("no secret to open second factors with is configured (YOUGUAN_LOGIN_SECRET)")
        try:
            return self._box.decrypt(sealed)
        except InvalidToken:
            raise Unavailable("this second factor was sealed under another secret (YOUGUAN_LOGIN_SECRET)") from None

    async def _note(self, connection: asyncpg.Connection, who: Principal, action: str, username: str) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=f"person {username}"
        )


def box(secret: str, purpose: bytes) -> Fernet:
    """Return what seals for one purpose alone."""
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=purpose).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _himself(who: Principal) -> None:
    if who.acting_for is not None:
        raise Forbidden("this is for one's own account; you act for somebody else")


def _wrong_code() -> Invalid:
    reason = "is wrong, or was used already"
    return Invalid.about("code", reason)
