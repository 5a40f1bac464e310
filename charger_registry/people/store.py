"""The statements about people, teams, sessions and organisations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.people.authority import Account
from youguan.auth import Scope
from youguan.errors import Conflict, NotFound, Reason

SESSIONS_KEPT = "90 days"

# --- people -----------------------------------------------------------------------------------------------------

PERSON = """
SELECT p.*, coalesce(t.divisions, '{}') AS team_divisions, t.name AS team_name, o.name AS organisation_name,
       o.deregistered_at AS organisation_deregistered_at,
       EXISTS (
           SELECT FROM registry.second_factor f WHERE f.username = p.username AND f.confirmed_at IS NOT NULL
       ) AS second_factor
FROM registry.person p LEFT JOIN registry.team t ON t.id = p.team_id
LEFT JOIN registry.organisation o ON o.id = p.organisation_id
"""


async def find(
    connection: asyncpg.Connection, username: str, *, demo: bool, hold: bool = False
) -> asyncpg.Record | None:
    """Return who may log in with a name; people of the sample only where `demo` says so.

    `hold`: nobody closes or changes the account until commit; others may hold it so too.
    """
    held = " FOR SHARE OF p" if hold else ""
    return await connection.fetchrow(
        PERSON + "WHERE username = $1 AND active AND (NOT demo OR $2)" + held, username, demo
    )


async def closed_with_organisation(connection: asyncpg.Connection, username: str) -> asyncpg.Record | None:
    """Return a closed account of an organisation that is no more."""
    return await connection.fetchrow(
        PERSON + "WHERE username = $1 AND NOT active AND o.accounts_closed_at IS NOT NULL", username
    )


async def known(connection: asyncpg.Connection, username: str) -> bool:
    """Say whether there is an account of this name, open or closed."""
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM registry.person WHERE username = $1)", username)
    return found


async def hold_account(connection: asyncpg.Connection, username: str) -> asyncpg.Record | None:
    """Return an account, open or closed, that nobody changes until commit."""
    return await connection.fetchrow(PERSON + "WHERE username = $1 FOR SHARE OF p", username)


async def hold_organisation(connection: asyncpg.Connection, organisation_id: str) -> None:
    """Let nobody change or deregister an organisation until commit."""
    await connection.execute("SELECT FROM registry.organisation WHERE id = $1 FOR SHARE", organisation_id)


async def get(connection: asyncpg.Connection, username: str, *, hold: bool = False) -> asyncpg.Record:
    """Return a person; NotFound. `hold` keeps others from changing him until commit."""
    row = await connection.fetchrow(PERSON + "WHERE username = $1" + (" FOR UPDATE OF p" if hold else ""), username)
    if row is None:
        raise NotFound(Reason("person {username}", username=username))
    return row


async def list_people(
    connection: asyncpg.Connection, scope: Scope, words: str | None, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return whom somebody with these bounds may manage, by username; words are looked for in both names and the organisation's."""
    rows: list[asyncpg.Record] = await connection.fetch(
        PERSON
        + """
        WHERE ($1::text IS NULL OR strpos(lower(concat_ws(' ', p.username, p.name, o.name, o.id)), lower($1)) > 0)
          AND ($2::text IS NULL OR p.username > $2)
          AND ($4::bool OR (p.team_id IS NULL AND p.division ^@ ANY ($5::text[])) OR p.organisation_id = $6::text)
        ORDER BY p.username LIMIT $3
        """,
        words,
        after,
        limit,
        *scope.parameters,
    )
    return rows


async def insert(connection: asyncpg.Connection, account: Account) -> None:
    """Add an account that has no password yet; Conflict where the name is taken."""
    done = await connection.execute(
        """
        INSERT INTO registry.person (username, name, roles, organisation_id, division, team_id, level, administrator)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (username) DO NOTHING
        """,
        *_columns(account),
    )
    if done == "INSERT 0 0":
        raise Conflict(Reason("{username} has an account already", username=account.username))


async def update(connection: asyncpg.Connection, account: Account) -> None:
    await connection.execute(
        """
        UPDATE registry.person SET name = $2, roles = $3, organisation_id = $4, division = $5, team_id = $6, level = $7,
            administrator = $8 WHERE username = $1
        """,
        *_columns(account),
    )


def _columns(account: Account) -> tuple[Any, ...]:
    return (
        account.username, account.name, sorted(account.roles), account.organisation_id, account.division, account.team_id,
        account.level, account.administrator,
    )  # fmt: skip


def account_of(row: asyncpg.Record) -> Account:
    """Return a row as the rules read it."""
    return Account(
        row["username"], row["name"], frozenset(row["roles"]), row["organisation_id"], row["division"], row["team_id"],
        row["level"], row["administrator"],
    )  # fmt: skip


async def set_active(
    connection: asyncpg.Connection, username: str, active: bool, *, with_organisation: bool = False
) -> None:
    """Open or close an account; `with_organisation`: since its organisation is no more, not for what it is itself."""
    await connection.execute(
        "UPDATE registry.person SET active = $2, closed_with_organisation = $3 WHERE username = $1",
        username,
        active,
        with_organisation,
    )


async def note_accounts_closed(
    connection: asyncpg.Connection, now: datetime, organisation_id: str | None
) -> list[asyncpg.Record]:
    """Return the open accounts of organisations that are no more, held, and note that they are closed, once for each organisation.

    `organisation_id` None: of whichever organisation's time has come.
    """
    ceased = await connection.fetch(
        """
        UPDATE registry.organisation SET accounts_closed_at = $1
        WHERE deregistered_at <= $1 AND accounts_closed_at IS NULL AND ($2::text IS NULL OR id = $2) RETURNING id
        """,
        now,
        organisation_id,
    )
    rows: list[asyncpg.Record] = await connection.fetch(
        PERSON + "WHERE p.organisation_id = ANY($1) AND p.active ORDER BY p.username FOR UPDATE OF p",
        [row["id"] for row in ceased],
    )
    return rows


async def closed_with(connection: asyncpg.Connection, organisation_id: str) -> list[asyncpg.Record]:
    """Return the accounts that were closed with their organisation, held."""
    rows: list[asyncpg.Record] = await connection.fetch(
        PERSON
        + "WHERE p.organisation_id = $1 AND NOT p.active AND p.closed_with_organisation ORDER BY p.username FOR UPDATE OF p",
        organisation_id,
    )
    return rows


async def set_rank(connection: asyncpg.Connection, username: str, level: int | None, administrator: bool) -> None:
    await connection.execute(
        "UPDATE registry.person SET level = $2, administrator = $3 WHERE username = $1", username, level, administrator
    )


async def set_password(connection: asyncpg.Connection, username: str, hashed: str | None) -> None:
    await connection.execute("UPDATE registry.person SET password_hash = $2 WHERE username = $1", username, hashed)


async def ids(connection: asyncpg.Connection, at: datetime) -> tuple[set[str], set[str]]:
    """Return the ids of organisations that exist at an instant still, as far as is known, and of teams."""
    organisations = await connection.fetch(
        "SELECT id FROM registry.organisation WHERE deregistered_at IS NULL OR deregistered_at > $1", at
    )
    teams = await connection.fetch("SELECT id FROM registry.team")
    return {row["id"] for row in organisations}, {row["id"] for row in teams}


# --- teams ------------------------------------------------------------------------------------------------------


async def list_teams(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the teams by id, each with its members."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT t.*, coalesce(array_agg(p.username ORDER BY p.username) FILTER (WHERE p.active), '{}') AS members
        FROM registry.team t LEFT JOIN registry.person p ON p.team_id = t.id GROUP BY t.id ORDER BY t.id
        """
    )
    return rows


async def get_team(connection: asyncpg.Connection, team_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM registry.team WHERE id = $1 FOR UPDATE", team_id)


async def save_team(connection: asyncpg.Connection, team_id: str, name: str, divisions: Sequence[str]) -> list[str]:
    """Add or change a team; return the usernames of its members."""
    await connection.execute(
        """
        INSERT INTO registry.team VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, divisions = excluded.divisions
        """,
        team_id,
        name,
        list(divisions),
    )
    rows = await connection.fetch("SELECT username FROM registry.person WHERE team_id = $1 ORDER BY 1", team_id)
    return [row["username"] for row in rows]


# --- links and sessions -----------------------------------------------------------------------------------------


async def add_link(connection: asyncpg.Connection, link: Sequence[Any]) -> None:
    """Keep (digest, username, by, at, until); a person's older links hold no longer."""
    await connection.execute(
        "UPDATE registry.password_link SET until = $2 WHERE username = $1 AND until > $2", link[1], link[3]
    )
    await connection.execute(
        "INSERT INTO registry.password_link (digest, username, made_by, made_at, until) VALUES ($1, $2, $3, $4, $5)",
        *link,
    )


async def find_link(connection: asyncpg.Connection, digest: str, now: datetime) -> asyncpg.Record | None:
    """Return a link that holds, held until commit."""
    return await connection.fetchrow(
        """
        SELECT l.* FROM registry.password_link l JOIN registry.person p ON p.username = l.username
        WHERE l.digest = $1 AND l.used_at IS NULL AND l.until > $2 AND p.active FOR UPDATE OF l
        """,
        digest,
        now,
    )


async def use_link(connection: asyncpg.Connection, digest: str, now: datetime) -> None:
    await connection.execute("UPDATE registry.password_link SET used_at = $2 WHERE digest = $1", digest, now)


async def begin_session(connection: asyncpg.Connection, session: Sequence[Any]) -> None:
    """Note (token, username, acting for, began, expires, remote, browser); what is long past is forgotten."""
    await connection.execute("INSERT INTO registry.session VALUES ($1, $2, $3, $4, $5, $6, $7)", *session)
    await connection.execute(
        f"DELETE FROM registry.session WHERE username = $1 AND expires_at < $2::timestamptz - interval '{SESSIONS_KEPT}'",
        session[1],
        session[3],
    )


async def end_sessions(
    connection: asyncpg.Connection, username: str, now: datetime, token_id: str | None = None
) -> list[str]:
    """Note that a login, or all logins of somebody, those of whoever acts for him included, end; return their tokens."""
    rows = await connection.fetch(
        """
        UPDATE registry.session SET ended_at = $2
        WHERE (username = $1 OR acting_for = $1) AND ended_at IS NULL AND expires_at > $2
          AND ($3::text IS NULL OR token_id = $3) RETURNING token_id
        """,
        username,
        now,
        token_id,
    )
    return [row["token_id"] for row in rows]


async def list_sessions(connection: asyncpg.Connection, username: str, now: datetime) -> list[asyncpg.Record]:
    """Return somebody's logins that hold, newest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.session WHERE username = $1 AND ended_at IS NULL AND expires_at > $2
        ORDER BY began_at DESC, token_id LIMIT 200
        """,
        username,
        now,
    )
    return rows


# --- second factors and delegations -----------------------------------------------------------------------------


async def get_factor(connection: asyncpg.Connection, username: str) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM registry.second_factor WHERE username = $1 FOR UPDATE", username)


async def put_factor(connection: asyncpg.Connection, username: str, sealed: bytes) -> None:
    """Keep a secret that is being set up; one that was set up before and never confirmed is forgotten."""
    await connection.execute(
        """
        INSERT INTO registry.second_factor (username, sealed) VALUES ($1, $2)
        ON CONFLICT (username) DO UPDATE SET sealed = excluded.sealed
        """,
        username,
        sealed,
    )


async def confirm_factor(
    connection: asyncpg.Connection, username: str, now: datetime, step: int, recovery: Sequence[str]
) -> None:
    await connection.execute(
        "UPDATE registry.second_factor SET confirmed_at = $2, last_step = $3, recovery = $4 WHERE username = $1",
        username,
        now,
        step,
        list(recovery),
    )


async def use_step(connection: asyncpg.Connection, username: str, step: int) -> None:
    await connection.execute("UPDATE registry.second_factor SET last_step = $2 WHERE username = $1", username, step)


async def use_recovery(connection: asyncpg.Connection, username: str, digest: str) -> bool:
    """Strike a recovery code; say whether there was one."""
    done = await connection.execute(
        "UPDATE registry.second_factor SET recovery = array_remove(recovery, $2) WHERE username = $1 AND $2 = ANY (recovery)",
        username,
        digest,
    )
    return bool(done == "UPDATE 1")


async def remove_factor(connection: asyncpg.Connection, username: str) -> bool:
    """Forget a second factor; say whether there was one."""
    done = await connection.execute("DELETE FROM registry.second_factor WHERE username = $1", username)
    return bool(done == "DELETE 1")


async def find_identity(connection: asyncpg.Connection, provider: str, subject: str) -> str | None:
    """Return whose account is linked with somebody at a provider."""
    found: str | None = await connection.fetchval(
        "SELECT username FROM registry.identity WHERE provider = $1 AND subject = $2", provider, subject
    )
    return found


async def add_identity(connection: asyncpg.Connection, identity: Sequence[Any]) -> None:
    """Link (provider, subject, username, at); Conflict where either is linked already."""
    done = await connection.execute(
        "INSERT INTO registry.identity VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", *identity
    )
    if done == "INSERT 0 0":
        raise Conflict("this account, or that login, is linked already")


async def list_identities(connection: asyncpg.Connection, username: str) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.identity WHERE username = $1 ORDER BY provider", username
    )
    return rows


async def remove_identities(connection: asyncpg.Connection, username: str) -> list[str]:
    """Forget every link of somebody; return with which providers."""
    rows = await connection.fetch("DELETE FROM registry.identity WHERE username = $1 RETURNING provider", username)
    return sorted(row["provider"] for row in rows)


async def remove_identity(connection: asyncpg.Connection, provider: str, username: str) -> bool:
    """Forget a link; say whether there was one."""
    done = await connection.execute(
        "DELETE FROM registry.identity WHERE provider = $1 AND username = $2", provider, username
    )
    return bool(done == "DELETE 1")


async def add_delegation(connection: asyncpg.Connection, delegation: Sequence[Any]) -> int:
    """Add (giver, receiver, since, until, reason)."""
    number: int = await connection.fetchval(
        """
        INSERT INTO registry.delegation (giver, receiver, since, until, reason) VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        *delegation,
    )
    return number


async def list_delegations(connection: asyncpg.Connection, username: str, now: datetime) -> list[asyncpg.Record]:
    """Return the delegations that somebody has given or received and that hold, the latest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT * FROM registry.delegation WHERE (giver = $1 OR receiver = $1) AND ended_at IS NULL AND until > $2
        ORDER BY id DESC LIMIT 200
        """,
        username,
        now,
    )
    return rows


async def get_delegation(
    connection: asyncpg.Connection, number: int, receiver: str, now: datetime, *, hold: bool = False
) -> asyncpg.Record | None:
    """Return a delegation that somebody has received and that holds; `hold`: until commit, whose accounts are held before it."""
    return await connection.fetchrow(
        "SELECT * FROM registry.delegation WHERE id = $1 AND receiver = $2 AND ended_at IS NULL AND until > $3"
        + (" FOR UPDATE" if hold else ""),
        number,
        receiver,
        now,
    )


async def end_delegation(connection: asyncpg.Connection, number: int, by: str, now: datetime) -> asyncpg.Record | None:
    """End a delegation that somebody has given or received; None where there is none that holds."""
    return await connection.fetchrow(
        """
        UPDATE registry.delegation SET ended_at = $3, ended_by = $2
        WHERE id = $1 AND (giver = $2 OR receiver = $2) AND ended_at IS NULL RETURNING *
        """,
        number,
        by,
        now,
    )


async def end_delegations(connection: asyncpg.Connection, username: str, by: str, now: datetime) -> list[int]:
    """End what somebody has given or received and what holds still; return the numbers."""
    rows = await connection.fetch(
        """
        UPDATE registry.delegation SET ended_at = $3, ended_by = $2
        WHERE (giver = $1 OR receiver = $1) AND ended_at IS NULL AND until > $3 RETURNING id
        """,
        username,
        by,
        now,
    )
    return sorted(row["id"] for row in rows)


async def end_acting(connection: asyncpg.Connection, receiver: str, giver: str, now: datetime) -> list[str]:
    """Note that the logins in which one acts for the other end; return their tokens."""
    rows = await connection.fetch(
        """
        UPDATE registry.session SET ended_at = $3
        WHERE username = $1 AND acting_for = $2 AND ended_at IS NULL AND expires_at > $3 RETURNING token_id
        """,
        receiver,
        giver,
        now,
    )
    return [row["token_id"] for row in rows]


# --- the audit trail --------------------------------------------------------------------------------------------


async def read_trail(
    connection: asyncpg.Connection,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Return lines of the audit trail, newest first; actor with whom he acted for, action and subject by their beginning."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT number, at, actor, action, subject, before, after, remote, hash FROM audit.trail
        WHERE ($1::text IS NULL OR split_part(actor, ' for ', 1) = $1 OR split_part(actor, ' for ', 2) = $1)
          AND ($2::text IS NULL OR starts_with(action, $2)) AND ($3::text IS NULL OR starts_with(subject, $3))
          AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5)
          AND ($6::bigint IS NULL OR number < $6)
        ORDER BY number DESC LIMIT $7
        """,
        actor,
        action,
        subject,
        since,
        until,
        before,
        limit,
    )
    return rows
