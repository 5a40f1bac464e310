"""Where people and teams are managed: accounts, their roles and bounds, the links by which they set their passwords."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from charger_registry.login import store as logins
from charger_registry.people import store
from charger_registry.people.authority import DIVISION, USERNAME, Account, manages, may_manage, wrong_with
from charger_registry.people.closing import close, end_logins, end_what_rests_on, person_changed, reopen
from charger_registry.people.passwords import Passwords, wrong_password
from charger_registry.people.second_factors import store as second_factors
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import Event, TeamChanged

LINK_HOLDS = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Link:
    """A link with which somebody sets his own password: this is the only time that it is seen."""

    username: str
    secret: str
    until: datetime

    @property
    def path(self) -> str:
        return f"/password/{self.secret}"


def digest_of(secret: str) -> str:
    """Return what is kept of a secret of 32 random bytes."""
    return hashlib.sha256(secret.encode()).hexdigest()


class PeopleDesk:
    """Makes and changes accounts; whatever narrows what somebody may do ends his logins."""

    def __init__(self, pool: asyncpg.Pool, passwords: Passwords, clock: Clock) -> None:
        self.pool = pool
        self._passwords = passwords
        self._clock = clock

    async def list_people(
        self, who: Principal, words: str | None, after: str | None, limit: int
    ) -> list[asyncpg.Record]:
        """Return whom somebody manages, by username; Forbidden."""
        _manager(who)
        async with self.pool.acquire() as connection:
            return await store.list_people(connection, who.scope, words, after, limit)

    async def read(self, who: Principal, username: str) -> asyncpg.Record:
        """Return a person; NotFound beyond one's bounds too, Forbidden."""
        _manager(who)
        async with self.pool.acquire() as connection:
            return await _person(connection, who, username)

    @whole
    async def create(self, who: Principal, account: Account, reason: str) -> Link:
        """Make an account and the link with which its password is set; Forbidden, Invalid, Conflict."""
        _manager(who)
        async with self.pool.acquire() as connection, connection.transaction():
            await self._check(connection, who, account)
            await store.insert(connection, account)
            after = {**_shown(account), "reason": reason}
            await self._note(connection, who, "create account", account.username, None, after)
            link = await self._link(connection, who, account.username)
            await publish(connection, STREAM, [person_changed(account, active=True)])
        return link

    @whole
    async def change(self, who: Principal, username: str, changes: dict[str, Any], reason: str) -> asyncpg.Record:
        """Change name, roles or bounds; he must log in again where they have changed. Forbidden, NotFound, Invalid, Conflict."""
        _manager(who)
        async with self.pool.acquire() as connection, connection.transaction():
            row = await _another(connection, who, username)
            before = store.account_of(row)
            after = replace(before, **changes)
            await self._check(connection, who, after)
            await store.update(connection, after)
            said = {**_shown(after), "reason": reason}
            await self._note(connection, who, "change account", username, _shown(before), said)
            events: list[Event] = [person_changed(after, active=row["active"])]
            if replace(before, name="") != replace(after, name=""):
                events += await end_logins(connection, username, self._clock.now())
                events += await end_what_rests_on(connection, username, after, who.subject, self._clock.now())
            await publish(connection, STREAM, events)
            return await store.get(connection, username)

    @whole
    async def set_active(self, who: Principal, username: str, active: bool, reason: str) -> None:
        """Close an account, whose logins end, or open it again; Forbidden, NotFound, Conflict."""
        _manager(who)
        async with self.pool.acquire() as connection, connection.transaction():
            row = await _another(connection, who, username)
            if row["active"] == active:
                already = (
                    "the account of {username} is open already"
                    if active
                    else "the account of {username} is closed already"
                )
                raise Conflict(Reason(already, username=username))
            if active:
                events: list[Event] = [await reopen(connection, row, who.subject, reason, self._clock.now())]
            else:
                events = await close(connection, row, who.subject, reason, self._clock.now())
            await publish(connection, STREAM, events)

    @whole
    async def link(self, who: Principal, username: str, reason: str) -> Link:
        """Make a link with which somebody sets a new password; the old one holds until then. Forbidden, NotFound, Conflict."""
        _manager(who)
        async with self.pool.acquire() as connection, connection.transaction():
            row = await _another(connection, who, username)
            if not row["active"]:
                raise Conflict(Reason("the account of {username} is closed", username=username))
            await self._note(connection, who, "password link", username, None, {"reason": reason})
            return await self._link(connection, who, username)

    @whole
    async def end_logins(self, who: Principal, username: str, reason: str) -> None:
        """Let everything that was issued to somebody hold no longer; Forbidden, NotFound."""
        _manager(who)
        async with self.pool.acquire() as connection, connection.transaction():
            await _person(connection, who, username)
            await self._note(connection, who, "end logins", username, None, {"reason": reason})
            await publish(connection, STREAM, await end_logins(connection, username, self._clock.now()))

    @whole
    async def remove_second_factor(self, who: Principal, username: str, reason: str) -> None:
        """Forget the second factor of somebody who has lost his phone; Forbidden, NotFound."""
        _manager(who)
        async with self.pool.acquire() as connection, connection.transaction():
            await _another(connection, who, username)
            if not await second_factors.remove_factor(connection, username):
                raise NotFound(Reason("a second factor of {username}", username=username))
            await self._note(connection, who, "remove second factor", username, None, {"reason": reason})
            await publish(connection, STREAM, await end_logins(connection, username, self._clock.now()))

    async def use_link(self, secret: str, password: str, remote: str | None = None) -> str:
        """Set a password by a link, which holds no longer then; return whose. NotFound, Invalid.

        Whoever had got hold of the account may have linked it with a login of his own: every such link is undone.
        """
        now = self._clock.now()
        async with self.pool.acquire() as connection:
            found = await logins.find_link(connection, digest_of(secret), now)
        if found is None:
            raise NotFound("a password link that holds")
        username: str = found["username"]
        _refuse_password(username, password)
        hashed = await self._passwords.make(password)
        async with self.pool.acquire() as connection, connection.transaction():
            if await logins.find_link(connection, digest_of(secret), now) is None:
                raise NotFound("a password link that holds")
            await logins.use_link(connection, digest_of(secret), now)
            await store.set_password(connection, username, hashed)
            unlinked = await logins.remove_identities(connection, username)
            await audit.record(
                connection, at=now, actor=username, action="set password by link", subject=f"person {username}",
                after={"made_by": found["made_by"], "unlinked": unlinked}, remote=remote,
            )  # fmt: skip
            await publish(connection, STREAM, await end_logins(connection, username, self._clock.now()))
        return username

    async def whose_link(self, secret: str) -> asyncpg.Record:
        """Return a link that holds; NotFound."""
        async with self.pool.acquire() as connection:
            found = await logins.find_link(connection, digest_of(secret), self._clock.now())
        if found is None:
            raise NotFound("a password link that holds")
        return found

    async def list_teams(self) -> list[asyncpg.Record]:
        async with self.pool.acquire() as connection:
            return await store.list_teams(connection)

    @whole
    async def save_team(
        self, who: Principal, team_id: str, name: str, divisions: Sequence[str], reason: str
    ) -> asyncpg.Record:
        """Add or change a team; where its district changes, its inspectors log in again. Invalid."""
        wrong = []
        if not USERNAME.fullmatch(team_id):
            wrong.append(FieldError("id", "2 to 64 letters, digits or . _ @ -"))
        if not divisions or not all(map(DIVISION.fullmatch, divisions)):
            wrong.append(FieldError("divisions", "one or more codes of divisions, or their beginnings"))
        if wrong:
            raise Invalid.of(*wrong)
        district = sorted(set(divisions))
        async with self.pool.acquire() as connection, connection.transaction():
            before = await store.get_team(connection, team_id)
            members = await store.save_team(connection, team_id, name, district)
            was = {"name": before["name"], "divisions": before["divisions"]} if before else None
            now = {"name": name, "divisions": district, "reason": reason}
            await self._note(connection, who, "save team", team_id, was, now, kind="team")
            events: list[Event] = [TeamChanged(team_id=team_id, name=name, divisions=tuple(district))]
            if before is not None and before["divisions"] != district:
                for username in members:
                    events += await end_logins(connection, username, self._clock.now())
            await publish(connection, STREAM, events)
            return next(row for row in await store.list_teams(connection) if row["id"] == team_id)

    async def _check(self, connection: asyncpg.Connection, who: Principal, account: Account) -> None:
        if wrong := wrong_with(account, *await store.ids(connection, self._clock.now())):
            raise Invalid.of(*wrong)
        if not may_manage(who, account):
            raise Forbidden("such an account reaches beyond what you may give")

    async def _link(self, connection: asyncpg.Connection, who: Principal, username: str) -> Link:
        now = self._clock.now()
        link = Link(username, secrets.token_urlsafe(32), now + LINK_HOLDS)
        await logins.add_link(connection, (digest_of(link.secret), username, who.subject, now, link.until))
        return link

    async def _note(
        self,
        connection: asyncpg.Connection,
        who: Principal,
        action: str,
        subject: str,
        before: Any,
        after: Any,
        kind: str = "person",
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=f"{kind} {subject}", before=before,
            after=after,
        )  # fmt: skip


async def _person(
    connection: asyncpg.Connection, who: Principal, username: str, *, hold: bool = False
) -> asyncpg.Record:
    row = await store.get(connection, username, hold=hold)
    if not may_manage(who, store.account_of(row)):
        raise NotFound(Reason("person {username}", username=username))
    return row


async def _another(connection: asyncpg.Connection, who: Principal, username: str) -> asyncpg.Record:
    """Nobody takes his own rights away or gives himself others: so there is always somebody left who may."""
    row = await _person(connection, who, username, hold=True)
    if username == who.subject:
        raise Conflict("somebody else has to do this to your own account")
    return row


def _manager(who: Principal) -> None:
    if not manages(who):
        raise Forbidden("people are managed by regulators, and by the administrator of an organisation")


def _refuse_password(username: str, password: str) -> None:
    if reason := wrong_password(username, password):
        raise Invalid.about("password", reason)


def _shown(account: Account) -> dict[str, Any]:
    return {**asdict(account), "roles": sorted(account.roles)}
