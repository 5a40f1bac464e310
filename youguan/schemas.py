"""What schemas and roles a database needs for this version, and how it comes to have them; only whoever sets a suite up asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import asyncpg

from youguan.database import connect, quoted
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

    def newest(self) -> str:
        """Return the newest revision, by the number that its file's name begins with."""
        return max(file.stem.partition("_")[0] for file in (self.folder / "versions").glob("[0-9]*.py"))


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
            await _bring_up(connection, settings, history)
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
    database = quoted(database_name(settings.database_url))
    for service in SERVICES:
        role, password = role_credentials(settings.database_url, role_secret, service)
        known = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
        verb = "ALTER" if known else "CREATE"
        await connection.execute(f"{verb} ROLE {quoted(role)} LOGIN PASSWORD '{password}'")
        await connection.execute(f"GRANT {quoted(role)} TO CURRENT_USER")
        await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {quoted(role)}")


async def _bring_up(connection: asyncpg.Connection, settings: Settings, history: History) -> None:
    """Run what a history lacks as the role that will own its objects; what runs it is loaded only where something is lacking."""
    role = f"{database_name(settings.database_url)}_{history.service}" if history.service else None
    owner = role if settings.role_secret is not None else None
    for schema in history.schemas:
        authorization = f" AUTHORIZATION {quoted(owner)}" if owner else ""
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}{authorization}")
    if await _revision(connection, history) != history.newest():
        migration = import_module("youguan.migration")
        await migration.upgrade(settings.database_url, history.folder, history.schemas[0], owner)


async def _revision(connection: asyncpg.Connection, history: History) -> str | None:
    table = f"{quoted(history.schemas[0])}.alembic_version"
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return None
    found: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")
    return found


async def _grant_shared(connection: asyncpg.Connection, settings: Settings) -> None:
    """Let every service publish and consume events and write the audit trail; none may change what was written.

    Who sees what is the registry's to write and everybody's to read.
    """
    registry = quoted(f"{database_name(settings.database_url)}_registry")
    roles = ", ".join(quoted(f"{database_name(settings.database_url)}_{service}") for service in SERVICES)
    gateway = quoted(f"{database_name(settings.database_url)}_gateway")
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
