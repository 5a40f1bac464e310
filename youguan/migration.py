"""How a database's schemas and roles come to be what this version needs; only whoever sets a suite up loads this."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as MigrationConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_

from youguan.database import connect
from youguan.settings import SERVICES, Settings, database_name, role_credentials

# One migration at a time in a database, whoever starts it.
MIGRATION_LOCK = 0x596F7547


@dataclass(frozen=True, slots=True)
class History:
    """The migrations of one service: its schemas, and the folder with `versions/`.

    `service` None: objects of the whole suite, owned by whoever owns the database.
    """

    service: str | None
    schemas: tuple[str, ...]
    folder: Path


KERNEL_HISTORY = History(None, ("eventlog", "audit", "bounds"), Path(__file__).parent / "migrations")


async def migrate(settings: Settings, histories: Sequence[History]) -> None:
    """Bring every schema to its newest revision; make the services' roles first where they are wanted."""
    connection = await connect(settings.database_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        await _create_extensions(connection)
        if settings.role_secret is not None:
            await _create_roles(connection, settings, settings.role_secret)
        for history in histories:
            await _upgrade(connection, settings, history)
            if history.service is None and settings.role_secret is not None:
                await _grant_shared(connection, settings)
    finally:
        await connection.close()


async def _create_extensions(connection: asyncpg.Connection) -> None:
    await connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    offered = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name='timescaledb')")
    preloaded = "timescaledb" in str(await connection.fetchval("SHOW shared_preload_libraries"))
    if offered and preloaded:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


async def _create_roles(connection: asyncpg.Connection, settings: Settings, role_secret: str) -> None:
    database = _quoted(database_name(settings.database_url))
    for service in SERVICES:
        role, password = role_credentials(settings.database_url, role_secret, service)
        known = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
        verb = "ALTER" if known else "CREATE"
        await connection.execute(f"{verb} ROLE {_quoted(role)} LOGIN PASSWORD '{password}'")
        await connection.execute(f"GRANT {_quoted(role)} TO CURRENT_USER")
        await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {_quoted(role)}")


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


async def _grant_shared(connection: asyncpg.Connection, settings: Settings) -> None:
    """Let every service publish and consume events and write the audit trail; none may change what was written.

    Who sees what is the registry's to write and everybody's to read.
    """
    registry = _quoted(f"{database_name(settings.database_url)}_registry")
    roles = ", ".join(_quoted(f"{database_name(settings.database_url)}_{service}") for service in SERVICES)
    gateway = _quoted(f"{database_name(settings.database_url)}_gateway")
    for statement in (
        f"GRANT USAGE ON SCHEMA eventlog, audit, bounds TO {roles}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA eventlog, audit, bounds TO {roles}",
        f"GRANT INSERT ON ALL TABLES IN SCHEMA eventlog, audit TO {roles}",
        f"GRANT UPDATE ON eventlog.stream, eventlog.consumer, eventlog.consumer_position TO {roles}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA eventlog, audit TO {roles}",
        f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bounds TO {registry}",
        f"GRANT EXECUTE ON FUNCTION eventlog.forget TO {gateway}",
    ):
        await connection.execute(statement)


async def _upgrade(connection: asyncpg.Connection, settings: Settings, history: History) -> None:
    """Run one history as the role that will own its objects."""
    role = f"{database_name(settings.database_url)}_{history.service}" if history.service else None
    owner = role if settings.role_secret is not None else None
    for schema in history.schemas:
        await connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {_quoted(schema)}" + (f" AUTHORIZATION {_quoted(owner)}" if owner else "")
        )
    engine = create_async_engine(sqlalchemy_url(settings.database_url), poolclass=NullPool)
    try:
        async with engine.connect() as sqlalchemy_connection:
            if owner:
                await sqlalchemy_connection.execute(text(f"SET ROLE {_quoted(owner)}"))
            await sqlalchemy_connection.run_sync(_run_history, history)
            await sqlalchemy_connection.commit()
    finally:
        await engine.dispose()


def _run_history(connection: MigrationConnection, history: History) -> None:
    config = Config()
    config.set_main_option("script_location", str(history.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(config, script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, version_table_schema=history.schemas[0])
        with environment.begin_transaction():
            environment.run_migrations()


def run_script(connection: MigrationConnection, script: str) -> None:
    """Run several SQL statements at once inside a migration (`run_script(op.get_bind(), …)`)."""
    connection.exec_driver_sql("SELECT 1")  # the driver's transaction begins with the first statement SQLAlchemy sees
    driver = connection.connection.driver_connection
    assert driver is not None
    await_(driver.execute(script))


def sqlalchemy_url(dsn: str) -> str:
    """Return the DSN as SQLAlchemy's asyncpg dialect wants it."""
    return urlunsplit(urlsplit(dsn)._replace(scheme="postgresql+asyncpg"))
