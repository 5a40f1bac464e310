"""How revisions are run: Alembic over SQLAlchemy, which no running process needs and a start only where a schema is behind."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as MigrationConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_

from youguan.database import quoted


async def upgrade(database_url: str, folder: Path, version_schema: str, owner: str | None) -> None:
    """Run the revisions of a folder that a database lacks, by what its `version_schema` says; as `owner` where one is named."""
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as sqlalchemy_connection:
            if owner:
                await sqlalchemy_connection.execute(text(f"SET ROLE {quoted(owner)}"))
            await sqlalchemy_connection.run_sync(_run, folder, version_schema)
            await sqlalchemy_connection.commit()
    finally:
        await engine.dispose()


def _run(connection: MigrationConnection, folder: Path, version_schema: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(config, script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, version_table_schema=version_schema)
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
