"""The statements about what filings need and how long things may take."""

from dataclasses import astuple
from datetime import date

import asyncpg

from charger_registry.filing.content import DocumentType
from charger_registry.filing.deadlines import Terms
from charger_registry.filing.rules.change import TERMS, DocumentRule, TermRule

# Kinds of papers with what is asked of them at $1.
DOCUMENT_TYPES = """
SELECT t.*, r.required, r.promisable, r.expires, r.warning_days, r.lapses, r.lapses_by_itself, r.valid_from
FROM registry.document_type t JOIN LATERAL (
    SELECT * FROM registry.document_rule r WHERE r.code = t.code AND r.valid_from <= $1::date
    ORDER BY r.valid_from DESC LIMIT 1
) r ON true
"""


async def document_types(connection: asyncpg.Connection, on: date) -> list[asyncpg.Record]:
    """Return the kinds of papers with what is asked of them on a day."""
    rows: list[asyncpg.Record] = await connection.fetch(f"{DOCUMENT_TYPES} ORDER BY t.place", on)
    return rows


async def set_document_rule(connection: asyncpg.Connection, rule: DocumentRule) -> None:
    await connection.execute(
        """
        INSERT INTO registry.document_rule (code, valid_from, required, promisable, expires, warning_days, lapses,
            lapses_by_itself)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (code, valid_from) DO UPDATE SET required = excluded.required, promisable = excluded.promisable,
            expires = excluded.expires, warning_days = excluded.warning_days, lapses = excluded.lapses,
            lapses_by_itself = excluded.lapses_by_itself
        """,
        *astuple(rule),
    )


async def coming_document_rules(connection: asyncpg.Connection, today: date) -> list[DocumentRule]:
    """Return what will be asked otherwise after a day."""
    rows = await connection.fetch(
        "SELECT * FROM registry.document_rule WHERE valid_from > $1 ORDER BY valid_from, code", today
    )
    return [DocumentRule(**dict(row)) for row in rows]


def type_of(row: asyncpg.Record) -> DocumentType:
    """Return a kind of paper as the rules read it."""
    return DocumentType(row["code"], row["required"], row["promisable"], row["expires"])


async def terms(connection: asyncpg.Connection, on: date) -> Terms:
    """Return how long things may take, as it holds on a day; terms that a later revision brought are nothing to this code."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (name) name, amount FROM registry.filing_term WHERE valid_from <= $1 AND name = ANY($2)
        ORDER BY name, valid_from DESC
        """,
        on,
        TERMS,
    )
    return Terms(**{row["name"]: row["amount"] for row in rows})


async def set_term(connection: asyncpg.Connection, rule: TermRule) -> None:
    await connection.execute(
        """
        INSERT INTO registry.filing_term (name, amount, valid_from) VALUES ($1, $2, $3)
        ON CONFLICT (name, valid_from) DO UPDATE SET amount = excluded.amount
        """,
        *astuple(rule),
    )


async def coming_terms(connection: asyncpg.Connection, today: date) -> list[TermRule]:
    """Return which terms will be others after a day."""
    rows = await connection.fetch(
        """
        SELECT name, amount, valid_from FROM registry.filing_term WHERE valid_from > $1 AND name = ANY($2)
        ORDER BY valid_from, name
        """,
        today,
        TERMS,
    )
    return [TermRule(**dict(row)) for row in rows]
