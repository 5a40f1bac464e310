"""PostgreSQL: the pool, the roles, the migrations, and which storage mode the server offers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as MigrationConnection
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_

from youguan.settings import SERVICES, Settings, database_name, role_credentials

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")

# One migration at a time in a database, whoever starts it.
MIGRATION_LOCK = 0x596F7547
SERIES = "telemetry.raw_frame"  # one of the time series, of which all live in the same way
# What a server says while it is starting, restarting, or not there yet.
AWAY = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg stumbles over when the server ends a connection between two statements
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a database that lets nobody in, while it is restored for instance
)


@dataclass(frozen=True, slots=True)
class History:
    """The migrations of one service: its schemas, the folder with `versions/`, and the tables they must add up to.

    `service` None: objects of the whole suite, owned by whoever owns the database.
    """

    service: str | None
    schemas: tuple[str, ...]
    folder: Path
    metadata: MetaData | None = None


KERNEL_HISTORY = History(None, ("eventlog", "audit", "bounds"), Path(__file__).parent / "migrations")


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Let a new connection speak JSON through orjson and tell times in UTC."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_json_text, decoder=orjson.loads, format="text"
        )


def _json_text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


async def connect(dsn: str) -> asyncpg.Connection:
    """Open one connection, set up as those of the pool are."""
    connection = await asyncpg.connect(dsn, server_settings=SESSION)
    try:
        await prepare_connection(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


SESSION = {"timezone": "UTC", "application_name": "youguan"}


# A server that hangs must not hang everybody for ever. Statements that take longer name their own `timeout`.
COMMAND_WITHIN_S, CONNECTION_WITHIN_S = 60.0, 10.0


class Pool(asyncpg.Pool):  # type: ignore[misc]
    """A pool that gives up waiting for a connection, and for a connection to be given back, after a while."""

    def acquire(self, *, timeout: float | None = CONNECTION_WITHIN_S) -> Any:
        """Return a connection as a context manager; TimeoutError."""
        return super().acquire(timeout=timeout)


async def patiently(pool: asyncpg.Pool, load: Callable[[asyncpg.Connection], Awaitable[Loaded]]) -> Loaded:
    """Return what is read over a connection, however long the database is away."""
    while True:
        try:
            async with pool.acquire() as connection:
                return await load(connection)
        except AWAY as error:
            log.warning("database away: %s", error)
            await asyncio.sleep(0.5)


async def create_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    patience_s: float = 60,
    command_within_s: float = COMMAND_WITHIN_S,
) -> asyncpg.Pool:
    """Open a pool; wait up to `patience_s` for a server that is not up yet, or not at all where `min_size` is 0."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await Pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                max_queries=50_000,
                max_inactive_connection_lifetime=300.0,
                init=prepare_connection,
                loop=None,
                connection_class=asyncpg.Connection,
                record_class=asyncpg.Record,
                server_settings=SESSION,
                timeout=CONNECTION_WITHIN_S,
                command_timeout=command_within_s,
            )
        except AWAY:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def storage_mode(connection: asyncpg.Connection) -> Literal["plain", "timescale"]:
    """Say where the time series live: what their tables are or, where there are none yet, what the server offers.

    A database that began plain stays plain on a server that offers TimescaleDB later.
    """
    plain = await connection.fetchval("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass($1)", SERIES)
    if plain is None:
        plain = not await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    return "plain" if plain else "timescale"


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
