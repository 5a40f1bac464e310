"""The models and the migrations say the same, table by table and column by column."""

from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

import alerts.history
import alerts.tables
import charger_registry.history
import charger_registry.tables
import inspection_service.history
import inspection_service.tables
import ocpp_gateway.history
import ocpp_gateway.tables
from deploy.histories import HISTORIES
from youguan.database import connect
from youguan.schemas import KERNEL_HISTORY, History

# In the time series no primary key is declared, but a model needs one: it takes what is unique in practice.
COLUMNS = """
SELECT c.table_schema AS schema, c.table_name AS table, c.column_name AS name,
       format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS needed
FROM information_schema.columns c
JOIN pg_attribute a ON a.attrelid = format('%I.%I', c.table_schema, c.table_name)::regclass AND a.attname = c.column_name
JOIN pg_class r ON r.oid = a.attrelid
WHERE c.table_schema = ANY($1) AND r.relkind IN ('r', 'p') AND NOT r.relispartition AND c.table_name <> 'alembic_version'
"""


TABLES = {
    alerts.history.HISTORY: alerts.tables.METADATA,
    charger_registry.history.HISTORY: charger_registry.tables.METADATA,
    inspection_service.history.HISTORY: inspection_service.tables.METADATA,
    ocpp_gateway.history.HISTORY: ocpp_gateway.tables.METADATA,
}


def test_every_service_has_models() -> None:
    assert {*TABLES, KERNEL_HISTORY} == set(HISTORIES)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.schemas[0])
def test_the_newest_revision_is_known_by_its_files_name(history: History) -> None:
    assert ScriptDirectory(str(history.folder)).get_current_head() == history.newest()


@pytest.mark.parametrize("history", TABLES, ids=lambda history: history.service)
async def test_models_and_migrations_agree(database_url: str, history: History) -> None:
    connection = await connect(database_url)
    rows = await connection.fetch(COLUMNS, list(history.schemas))
    await connection.close()
    migrated = {(r["schema"], r["table"], r["name"]): (r["type"], r["needed"]) for r in rows}
    declared = {
        (table.schema, table.name, column.name): (spelled(column), not column.nullable)
        for table in TABLES[history].tables.values()
        for column in table.columns
    }
    assert declared == migrated


def spelled(column: Column[Any]) -> str:
    """Return a column's type as PostgreSQL spells it."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    text = column.type.compile(dialect=dialect).lower()
    names = {"varchar": "text", "float": "double precision", "tstzrange": "tstzrange"}
    return names.get(text, text)
