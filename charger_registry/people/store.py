"""The statements about people and teams, and those that read the audit trail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from charger_registry.people.authority import Account
from youguan.auth import Scope
from youguan.errors import Conflict, NotFound, Reason

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
