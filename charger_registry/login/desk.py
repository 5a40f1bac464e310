"""Where somebody logs in and out, changes his password and ends his logins."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe

import asyncpg
from cryptography.fernet import InvalidToken

from charger_registry.login import store
from charger_registry.people import store as people
from charger_registry.people.authority import may_act_for
from charger_registry.people.delegations import store as delegations
from charger_registry.people.passwords import Passwords, Tries, wrong_password
from charger_registry.people.providers import Provider
from charger_registry.people.second_factors.desk import SecondFactors, box
from charger_registry.people.store import account_of
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal, TokenIssuer
from youguan.clock import Clock, county_day
from youguan.database import whole
from youguan.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Reason,
    Unauthenticated,
    Unavailable,
)
from youguan.eventlog import publish
from youguan.events import AccessRevoked
from youguan.settings import Settings
from youguan.web.security import is_loopback

LONGEST_BROWSER = 300
ERRANDS, LINKING = b"youguan login errands", b"link "
LEAVE_S = 600


class Login:
    """Checks passwords and issues tokens."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        settings: Settings,
        clock: Clock,
        passwords: Passwords | None = None,
        factors: SecondFactors | None = None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._demo = settings.demo
        self._passwords = passwords or Passwords()
        self._factors = factors or SecondFactors(pool, clock, settings.login_secret)
        self._tries = Tries()
        self._errands = box(settings.login_secret, ERRANDS) if settings.login_secret else None
        self._lifetime = timedelta(seconds=settings.token_lifetime_s)
        self._issuer = TokenIssuer(settings.token_private_key, self._lifetime) if settings.token_private_key else None

    async def log_in(
        self, username: str, password: str, remote: str, browser: str = "", code: str | None = None
    ) -> tuple[str, list[str]]:
        """Return a token and the roles; Unauthenticated, CodeNeeded, TooManyRequests."""
        person = await self._known(username, password, remote)
        await self._factors.ask(username, code, remote)
        self._tries.succeeded(username, remote)
        return await self._let_in(person, remote, browser)

    async def second_step(self, ticket: str, code: str, remote: str, browser: str = "") -> tuple[str, list[str]]:
        """Return the same for whoever has shown who he is a moment ago and shows a code now."""
        username = self._factors.whose(ticket)
        await self._factors.ask(username, code, remote)
        self._tries.succeeded(username, remote)
        async with self._pool.acquire() as connection:
            person = await people.find(connection, username, demo=self._demo and is_loopback(remote))
        if person is None:
            raise Unauthenticated("the name or the password is wrong")
        return await self._let_in(person, remote, browser)

    def ticket(self, username: str) -> str:
        """Return what says for a while that somebody has shown who he is, but for the code."""
        return self._factors.ticket(username)

    async def log_in_by(
        self, provider: Provider, subject: str, remote: str, browser: str = ""
    ) -> tuple[str, list[str]]:
        """Return the same for whom a provider vouches for; Unauthenticated where nobody here is linked with him.

        CodeNeeded where the provider stands for no second factor and the account has one.
        """
        async with self._pool.acquire() as connection:
            username = await store.find_identity(connection, provider.id, subject)
            demo = self._demo and is_loopback(remote)
            person = await people.find(connection, username, demo=demo) if username else None
            closed = await people.closed_with_organisation(connection, username) if username and not person else None
        if closed is not None:
            raise _closed_with(closed)
        if person is None:
            raise Unauthenticated("nobody here is linked with this login")
        if not provider.strong:
            await self._factors.ask(person["username"], None, remote)
        return await self._let_in(person, remote, browser)

    @whole
    async def link(self, principal: Principal, provider: str, subject: str, remote: str) -> None:
        """Let a provider vouch for somebody from now on; Forbidden, Conflict."""
        _himself(principal)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.add_identity(connection, (provider, subject, principal.subject, self._clock.now()))
            await self._note(connection, principal, f"link login {provider}", remote)

    @whole
    async def unlink(self, principal: Principal, provider: str, remote: str) -> None:
        """Let a provider vouch for somebody no longer; Forbidden, NotFound."""
        _himself(principal)
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.remove_identity(connection, provider, principal.subject):
                raise NotFound(Reason("a link with {provider}", provider=provider))
            await self._note(connection, principal, f"unlink login {provider}", remote)

    def leave_to_link(self, principal: Principal) -> str:
        """Return what only somebody's own account page gives him to begin a link with: nobody else's page can begin one."""
        return self.seal(LINKING + principal.subject.encode()) if self._errands else ""

    def refuse_foreign_link(self, principal: Principal | None, leave: str) -> Principal:
        """Return who may begin a link with what his account page gave him; Unauthenticated."""
        if principal is None or principal.acting_for is not None:
            raise Unauthenticated("log in as yourself first")
        if self.unseal(leave, LEAVE_S) != LINKING + principal.subject.encode():
            raise Unauthenticated("this is not the login that was begun here")
        return principal

    async def linked(self, principal: Principal) -> set[str]:
        """Return the providers that vouch for somebody."""
        async with self._pool.acquire() as connection:
            return {row["provider"] for row in await store.list_identities(connection, principal.subject)}

    def seal(self, said: bytes) -> str:
        """Seal what a browser is to bring back; Unavailable."""
        if self._errands is None:
            raise Unavailable("no secret to seal logins with is configured (YOUGUAN_LOGIN_SECRET)")
        return self._errands.encrypt_at_time(said, int(self._clock.now().timestamp())).decode()

    def unseal(self, sealed: str, within_s: int) -> bytes:
        """Return what a browser has brought back; Unauthenticated where it is not ours or took too long."""
        now = int(self._clock.now().timestamp())
        try:
            return self._errands.decrypt_at_time(sealed, within_s, now) if self._errands else b""
        except InvalidToken:
            raise Unauthenticated("this is not the login that was begun here, or it took too long") from None

    @whole
    async def act_for(
        self, principal: Principal, delegation_id: int, remote: str, browser: str = ""
    ) -> tuple[str, list[str]]:
        """Return a token with the roles and bounds of whoever lets somebody act for him, and the roles; NotFound, Forbidden."""
        _himself(principal)
        demo, now = self._demo and is_loopback(remote), self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            offered = await delegations.get_delegation(connection, delegation_id, principal.subject, now)
            giver = await people.find(connection, offered["giver"], demo=demo, hold=True) if offered else None
            person = await people.find(connection, principal.subject, demo=demo, hold=True)
            found = await delegations.get_delegation(connection, delegation_id, principal.subject, now, hold=True)
            may = giver is not None and person is not None and may_act_for(account_of(person), account_of(giver))
            if found is None or giver is None or person is None or not may:
                raise NotFound("a delegation to you that holds")
            token = await self._begin(connection, person, remote, browser, giver=giver, until=found["until"])
        return token, list(giver["roles"])

    async def be_oneself(self, principal: Principal, remote: str, browser: str = "") -> tuple[str, list[str]]:
        """End acting for somebody else and return a token of one's own, and the roles."""
        await self.log_out(principal, remote)
        async with self._pool.acquire() as connection:
            person = await people.find(connection, principal.subject, demo=self._demo and is_loopback(remote))
        if person is None:
            raise Unauthenticated("the account is closed")
        return await self._let_in(person, remote, browser)

    @whole
    async def _let_in(self, person: asyncpg.Record, remote: str, browser: str) -> tuple[str, list[str]]:
        async with self._pool.acquire() as connection, connection.transaction():
            token = await self._begin(connection, person, remote, browser)
        return token, list(person["roles"])

    @whole
    async def log_out(self, principal: Principal, remote: str) -> None:
        """Let the token no longer hold."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await self._note(connection, principal, "logout", remote)
            await store.end_sessions(connection, principal.subject, now, principal.token_id)
            revoked = AccessRevoked(subject=principal.subject, token_id=principal.token_id, at=now)
            await publish(connection, STREAM, [revoked])

    @whole
    async def log_out_everywhere(self, principal: Principal, remote: str) -> None:
        """Let nothing that was issued to somebody, or to whoever acts for him, hold any longer."""
        _himself(principal)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._note(connection, principal, "logout everywhere", remote)
            await self._end_all(connection, principal.subject, self._clock.now())

    @whole
    async def change_password(self, principal: Principal, old: str, new: str, remote: str, browser: str = "") -> str:
        """Change one's own password: every login ends, and a token for a new one is returned. Invalid, TooManyRequests."""
        _himself(principal)
        if reason := wrong_password(principal.subject, new):
            raise Invalid.about("new_password", reason)
        try:
            person = await self._known(principal.subject, old, remote)
        except Unauthenticated:
            wrong = "is not the password that holds"
            raise Invalid.about("old_password", wrong) from None
        self._tries.succeeded(principal.subject, remote)
        hashed = await self._passwords.make(new)
        async with self._pool.acquire() as connection, connection.transaction():
            await people.set_password(connection, principal.subject, hashed)
            await self._note(connection, principal, "change password", remote)
            person = await people.get(connection, principal.subject)
            return await self._begin(connection, person, remote, browser, ends_others=True)

    async def sessions(self, principal: Principal) -> Sequence[asyncpg.Record]:
        """Return one's own logins that hold, newest first."""
        async with self._pool.acquire() as connection:
            return await store.list_sessions(connection, principal.subject, self._clock.now())

    @whole
    async def end_session(self, principal: Principal, token_id: str, remote: str) -> None:
        """End one of one's own logins; NotFound."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.end_sessions(connection, principal.subject, now, token_id):
                raise NotFound("a login of yours that holds")
            await self._note(connection, principal, "end login", remote)
            revoked = AccessRevoked(subject=principal.subject, token_id=token_id, at=now)
            await publish(connection, STREAM, [revoked])

    async def _known(self, username: str, password: str, remote: str) -> asyncpg.Record:
        """Return whose password it is; Unauthenticated, TooManyRequests."""
        now = self._clock.now()
        self._tries.begin(username, remote, now)
        demo = self._demo and is_loopback(remote)
        async with self._pool.acquire() as connection:
            person = await people.find(connection, username, demo=demo)
            closed = None if person else await people.closed_with_organisation(connection, username)
        known = person or closed
        if not await self._passwords.fit(known["password_hash"] if known else None, password) or known is None:
            raise Unauthenticated("the name or the password is wrong")
        if person is None:
            raise _closed_with(known)
        return person

    async def _begin(
        self,
        connection: asyncpg.Connection,
        person: asyncpg.Record,
        remote: str,
        browser: str,
        *,
        ends_others: bool = False,
        giver: asyncpg.Record | None = None,
        until: datetime | None = None,
    ) -> str:
        """Note a login, of one's own or for whoever lets one act for him, and return its token.

        Unauthenticated where the account was closed or got another password since it was read; its rights are those of now.
        """
        if self._issuer is None:
            raise Unavailable("no key to sign tokens with is configured (YOUGUAN_TOKEN_PRIVATE_KEY)")
        demo, shown = self._demo and is_loopback(remote), person["password_hash"]
        held = await people.find(connection, person["username"], demo=demo, hold=True)
        if held is None or held["password_hash"] != shown:
            raise Unauthenticated("the name or the password is wrong")
        person = held
        now, username, token_id = self._clock.now(), person["username"], token_urlsafe(12)
        rights, acting_for = giver or person, giver["username"] if giver else None
        actor, action = (f"{username} for {acting_for}", "act for") if acting_for else (username, "login")
        await audit.record(
            connection, at=now, actor=actor, action=action, subject=acting_for or username, remote=remote
        )
        if ends_others:
            await self._end_all(connection, username, now)
        expires_at = min(now + self._lifetime, until or now + self._lifetime)
        session = (token_id, username, acting_for, now, expires_at, remote, browser[:LONGEST_BROWSER])
        await store.begin_session(connection, session)
        return self._issuer.issue(
            subject=username,
            name=person["name"],
            roles=frozenset(rights["roles"]),
            organisation_id=rights["organisation_id"],
            division=rights["division"],
            team_id=rights["team_id"],
            team_divisions=rights["team_divisions"],
            level=rights["level"],
            administrator=rights["administrator"],
            acting_for=acting_for,
            token_id=token_id,
            lifetime=expires_at - now,
            now=now,
        )

    async def _end_all(self, connection: asyncpg.Connection, username: str, now: datetime) -> None:
        await store.end_sessions(connection, username, now)
        await publish(connection, STREAM, [AccessRevoked(subject=username, token_id=None, at=now)])

    async def _note(self, connection: asyncpg.Connection, who: Principal, action: str, remote: str) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=who.subject, remote=remote
        )


def _himself(who: Principal) -> None:
    if who.acting_for is not None:
        raise Forbidden("this is for one's own account; you act for somebody else")


def _closed_with(person: asyncpg.Record) -> Forbidden:
    """Return what is said to somebody whose account was closed since his organisation is no more, once he has shown who he is."""
    day = county_day(person["organisation_deregistered_at"])
    told = "{organisation} was deregistered on {day}, and the accounts of its people are closed: a regulator can open yours again"
    return Forbidden(Reason(told, organisation=person["organisation_name"], day=day))
