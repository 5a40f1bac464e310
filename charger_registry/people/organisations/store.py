"""The statements about organisations and who may speak for them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from youguan.auth import Scope
from youguan.errors import Conflict, NotFound, Reason

# An organisation lies within a division where it stands in the ledger of a site there, in whatever role and whenever: who asks
# there for a builder, a property manager or the manager of last year has to reach it.
WITHIN = """(
    $1::bool OR o.id = $3::text OR EXISTS (
        SELECT FROM registry.responsibility r JOIN registry.site s ON s.id = r.site_id
        WHERE r.organisation_id = o.id AND upper_inf(r.believed) AND s.division_code ^@ ANY ($2::text[])
    )
)"""


async def organisations_within(
    connection: asyncpg.Connection, scope: Scope, organisation_ids: Sequence[str]
) -> set[str]:
    """Return those of the organisations whose file somebody with these bounds may read."""
    rows = await connection.fetch(
        f"SELECT o.id FROM registry.organisation o WHERE o.id = ANY ($4::text[]) AND {WITHIN}",
        *scope.parameters,
        list(organisation_ids),
    )
    return {row["id"] for row in rows}


async def list_organisations(
    connection: asyncpg.Connection, scope: Scope, words: str | None, after: str | None, limit: int
) -> list[asyncpg.Record]:
    """Return organisations within the bounds by id, each with how many sites it manages now."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT o.*, (
            SELECT count(DISTINCT r.site_id) FROM registry.responsibility r JOIN registry.site s ON s.id = r.site_id
            WHERE r.organisation_id = o.id AND r.role = 'manager' AND r.station_id = '' AND upper_inf(r.believed)
              AND r.during @> now() AND s.retired_at IS NULL
        ) AS managed
        FROM registry.organisation o
        WHERE {WITHIN} AND ($4::text IS NULL OR strpos(lower(o.name || ' ' || o.id || ' ' || coalesce(o.uscc, '')), lower($4)) > 0)
          AND ($5::text IS NULL OR o.id > $5)
        ORDER BY o.id LIMIT $6
        """,
        *scope.parameters,
        words,
        after,
        limit,
    )
    return rows


async def insert_organisation(connection: asyncpg.Connection, organisation: Sequence[Any]) -> None:
    """Add (id, name, code, phone, address, operator's code, OCPI country, OCPI party); Conflict where id or code is taken."""
    await _write(
        connection,
        """
        INSERT INTO registry.organisation
            (id, name, uscc, phone, address, operator_code, ocpi_country_code, ocpi_party_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        organisation,
    )


async def update_organisation(connection: asyncpg.Connection, organisation: Sequence[Any]) -> None:
    """Change the same members; Conflict where a code is another's."""
    await _write(
        connection,
        """
        UPDATE registry.organisation SET name = $2, uscc = $3, phone = $4, address = $5, operator_code = $6,
            ocpi_country_code = $7, ocpi_party_id = $8
        WHERE id = $1
        """,
        organisation,
    )


async def _write(connection: asyncpg.Connection, statement: str, organisation: Sequence[Any]) -> None:
    """Write an organisation's file; Conflict says whose its id or code is, also where somebody else has only just taken it."""
    try:
        async with connection.transaction():
            await connection.execute(statement, *organisation)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(await _whose(connection, error.constraint_name, organisation)) from None


async def _whose(connection: asyncpg.Connection, constraint: str | None, organisation: Sequence[Any]) -> Reason:
    """Return who has what the table lets only one have."""
    taken = await connection.fetchval(
        """
        SELECT name FROM registry.organisation WHERE CASE $1
            WHEN 'organisation_uscc_key' THEN uscc = $3 WHEN 'organisation_operator_code' THEN operator_code = $4
            WHEN 'organisation_ocpi_party' THEN (ocpi_country_code, ocpi_party_id) = ($5, $6) ELSE id = $2
        END
        """,
        constraint,
        organisation[0],
        organisation[2],
        *organisation[5:8],
    )
    return Reason(TAKEN.get(constraint or "", "{taken} has this id"), taken=taken)


TAKEN = {
    "organisation_uscc_key": "{taken} has this unified social credit code",
    "organisation_operator_code": "{taken} has this operator's code or OCPI party",
    "organisation_ocpi_party": "{taken} has this operator's code or OCPI party",
}


async def note_deregistered(
    connection: asyncpg.Connection, organisation_id: str, since: datetime, now: datetime
) -> None:
    await connection.execute(
        "UPDATE registry.organisation SET deregistered_at = $2, deregistration_known_at = $3 WHERE id = $1",
        organisation_id,
        since,
        now,
    )


async def undo_deregistration(
    connection: asyncpg.Connection, organisation_id: str, now: datetime, by: str, reason: str, document_number: str
) -> None:
    """Keep what was believed of the end of a held organisation, and until when; believed is from now on that there is none."""
    await connection.execute(
        """
        INSERT INTO registry.undone_deregistration
            (organisation_id, deregistered_at, believed, undone_by, reason, document_number)
        SELECT id, deregistered_at,
               tstzrange(deregistration_known_at, greatest($2, deregistration_known_at + interval '1 microsecond')), $3, $4, $5
        FROM registry.organisation WHERE id = $1
        """,
        organisation_id,
        now,
        by,
        reason,
        document_number,
    )
    await connection.execute(
        """
        UPDATE registry.organisation SET deregistered_at = NULL, deregistration_known_at = NULL, accounts_closed_at = NULL
        WHERE id = $1
        """,
        organisation_id,
    )


async def undone_deregistrations(connection: asyncpg.Connection, organisation_id: str) -> list[asyncpg.Record]:
    """Return what was once believed of an organisation's end, the latest first: since when, until when, and who undid it why."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT *, lower(believed) AS known_at, upper(believed) AS undone_at FROM registry.undone_deregistration
        WHERE organisation_id = $1 ORDER BY id DESC
        """,
        organisation_id,
    )
    return rows


async def hold_sites_of(connection: asyncpg.Connection, organisation_id: str) -> list[str]:
    """Return the sites in whose ledger an organisation stands, held until commit."""
    rows = await connection.fetch(
        """
        SELECT s.id FROM registry.site s WHERE s.retired_at IS NULL AND EXISTS (
            SELECT FROM registry.responsibility r
            WHERE r.site_id = s.id AND r.organisation_id = $1 AND upper_inf(r.believed)
        ) ORDER BY s.id FOR UPDATE
        """,
        organisation_id,
    )
    return [row["id"] for row in rows]


async def sites_of(connection: asyncpg.Connection, organisation_id: str) -> list[str]:
    """Return the sites in whose ledger an organisation stands."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT r.site_id FROM registry.responsibility r JOIN registry.site s ON s.id = r.site_id
        WHERE r.organisation_id = $1 AND upper_inf(r.believed) AND s.retired_at IS NULL ORDER BY 1
        """,
        organisation_id,
    )
    return [row["site_id"] for row in rows]


async def managed_sites(connection: asyncpg.Connection, organisation_id: str, limit: int) -> list[asyncpg.Record]:
    """Return the first sites at which an organisation has a role now, with its roles, and of how many they are (`total`)."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT s.id, s.name, array_agg(DISTINCT r.role ORDER BY r.role) AS roles, max(upper(r.during)) AS until,
               count(*) OVER () AS total
        FROM registry.responsibility r JOIN registry.site s ON s.id = r.site_id
        WHERE r.organisation_id = $1 AND upper_inf(r.believed) AND r.during @> now() AND s.retired_at IS NULL
        GROUP BY s.id ORDER BY s.id LIMIT $2
        """,
        organisation_id,
        limit,
    )
    return rows


async def taken_codes(connection: asyncpg.Connection, organisation_id: str | None) -> list[asyncpg.Record]:
    """Return the codes that an upgrade took from an organisation (None: from any that exists), and that none has replaced since."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """
        SELECT t.*, o.name, k.name AS keeper_name FROM registry.taken_code t
        JOIN registry.organisation o ON o.id = t.organisation_id JOIN registry.organisation k ON k.id = t.kept_by
        WHERE CASE WHEN $1::text IS NULL THEN o.deregistered_at IS NULL ELSE o.id = $1 END
          AND CASE t.kind WHEN 'operator_code' THEN o.operator_code ELSE o.ocpi_party_id END IS NULL
        ORDER BY t.organisation_id, t.kind
        """,
        organisation_id,
    )
    return rows


async def add_representative(connection: asyncpg.Connection, representative: Sequence[Any]) -> int:
    """Add (organisation, name, phone, kind, evidence's kind and number, valid until, verified by, at, account)."""
    number: int = await connection.fetchval(
        """
        INSERT INTO registry.representative (organisation_id, name, phone, kind, evidence_kind, evidence_number, valid_until,
            verified_by, verified_at, username) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id
        """,
        *representative,
    )
    return number


async def list_representatives(connection: asyncpg.Connection, organisation_id: str) -> list[asyncpg.Record]:
    """Return who speaks or spoke for an organisation, the latest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT * FROM registry.representative WHERE organisation_id = $1 ORDER BY id DESC LIMIT 200", organisation_id
    )
    return rows


async def end_representative(
    connection: asyncpg.Connection, organisation_id: str, number: int, by: str, at: datetime, reason: str
) -> asyncpg.Record:
    """Note that somebody speaks for an organisation no longer; NotFound."""
    row = await connection.fetchrow(
        """
        UPDATE registry.representative SET ended_by = $3, ended_at = $4, ended_reason = $5
        WHERE id = $2 AND organisation_id = $1 AND ended_at IS NULL RETURNING *
        """,
        organisation_id,
        number,
        by,
        at,
        reason,
    )
    if row is None:
        whose = Reason("representative {number} of organisation {id}", number=number, id=organisation_id)
        raise NotFound(whose)
    return row


async def speakers(connection: asyncpg.Connection, organisation_id: str, today: date) -> set[str]:
    """Return the accounts of those who may speak for an organisation on a day."""
    rows = await list_representatives(connection, organisation_id)
    return {row["username"] for row in rows if row["username"] is not None and speaks(row, today)}


def speaks(representative: asyncpg.Record, today: date) -> bool:
    """Say whether somebody may speak for his organisation on a day."""
    until = representative["valid_until"]
    return representative["ended_at"] is None and (until is None or until >= today)
