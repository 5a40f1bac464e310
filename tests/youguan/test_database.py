"""Migrations and roles on a real PostgreSQL."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from youguan.database import AWAY, connect, create_pool, session_lock, storage_mode, whole
from youguan.eventlog import publish
from youguan.schemas import History, migrate
from youguan.settings import Settings

REVISION = '''
from alembic import op
from youguan.migration import run_script
revision = "{name}"
down_revision = {previous!r}
def upgrade():
    run_script(op.get_bind(), """{script}""")
'''


def history(folder: Path, *scripts: str) -> History:
    """Write a history of the alerts service with one revision a script."""
    versions = folder / "versions"
    versions.mkdir(exist_ok=True)
    for number, script in enumerate(scripts):
        text = REVISION.format(name=number + 1, previous=str(number) if number else None, script=script)
        (versions / f"{number + 1}.py").write_text(text, encoding="utf-8")
    return History("alerts", ("tests",), folder)


async def test_a_second_run_changes_nothing_and_a_new_revision_is_added(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url)
    create = "CREATE TABLE tests.one (x int); INSERT INTO tests.one VALUES (1)"
    await migrate(settings, [history(tmp_path, create)])
    await migrate(settings, [history(tmp_path, create)])
    await migrate(settings, [history(tmp_path, create, "INSERT INTO tests.one VALUES (2)")])
    connection = await connect(database_url)
    assert [row["x"] for row in await connection.fetch("SELECT x FROM tests.one ORDER BY x")] == [1, 2]
    await connection.close()


async def test_a_revision_that_fails_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(settings, [history(tmp_path, "CREATE TABLE tests.one (x int); SELECT 1/0")])
    connection = await connect(database_url)
    assert await connection.fetchval("SELECT to_regclass('tests.one')") is None
    await connection.close()


async def test_of_two_changes_that_wait_for_each_other_both_are_done(database_url: str) -> None:
    tries, met = 0, asyncio.Barrier(2)
    async with await create_pool(database_url) as pool:
        await pool.execute(
            "CREATE SCHEMA tests; CREATE TABLE tests.pair (id int, n int); INSERT INTO tests.pair VALUES (1, 0), (2, 0)"
        )

        @whole
        async def raise_both(*ids: int) -> None:
            nonlocal tries
            tries += 1
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("UPDATE tests.pair SET n = n + 1 WHERE id = $1", ids[0])
                if tries <= 2:
                    await met.wait()
                await connection.execute("UPDATE tests.pair SET n = n + 1 WHERE id = $1", ids[1])

        await asyncio.gather(raise_both(1, 2), raise_both(2, 1))
        assert [row["n"] for row in await pool.fetch("SELECT n FROM tests.pair ORDER BY id")] == [2, 2]
    assert tries == 3


TAKE, GIVE_BACK = "SELECT pg_try_advisory_lock($1)", "SELECT pg_advisory_unlock($1)"


@pytest.mark.parametrize("cancelled", [1, 2])
async def test_whoever_is_cancelled_while_he_holds_a_lock_leaves_it_to_others(
    database_url: str, cancelled: int
) -> None:
    held = asyncio.Event()
    async with await create_pool(database_url, max_size=1) as pool:

        async def hold() -> None:
            async with pool.acquire() as connection, session_lock(connection, TAKE, GIVE_BACK, 7) as is_ours:
                assert is_ours
                held.set()
                await asyncio.Event().wait()

        holding = asyncio.create_task(hold())
        await held.wait()
        for _ in range(cancelled):
            holding.cancel()
            await asyncio.sleep(0)  # it is giving the lock back by now
        with pytest.raises(asyncio.CancelledError):
            await holding
        other = await connect(database_url)
        async with asyncio.timeout(30):
            await other.execute("SELECT pg_advisory_lock(7)")
        async with pool.acquire() as connection, session_lock(connection, TAKE, GIVE_BACK, 7) as is_ours:
            assert not is_ours
        assert await other.fetchval("SELECT pg_advisory_unlock(7)"), "who had it not has not given it back"
        await other.close()


async def test_a_lock_ends_with_its_connection_and_hides_nothing(database_url: str) -> None:
    async with await create_pool(database_url, max_size=1) as pool:
        with pytest.raises(KeyError):
            async with pool.acquire() as connection, session_lock(connection, TAKE, GIVE_BACK, 7):
                connection.terminate()
                raise KeyError
        async with asyncio.timeout(30):
            await pool.execute("SELECT pg_advisory_lock(7)")


async def test_who_gives_way_again_is_told() -> None:
    tries = 0

    @whole
    async def give_way() -> None:
        nonlocal tries
        tries += 1
        raise asyncpg.DeadlockDetectedError

    with pytest.raises(asyncpg.DeadlockDetectedError):
        await give_way()
    assert tries == 2


async def test_a_role_writes_its_own_schema_and_no_other(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, role_secret="a secret of the tests")
    await migrate(settings, [history(tmp_path, "CREATE TABLE tests.one (x int)")])
    async with await create_pool(settings.dsn_for("alerts")) as alerts:
        await alerts.execute("INSERT INTO tests.one VALUES (1)")
        async with alerts.acquire() as connection, connection.transaction():
            await publish(connection, "alerts", [])
    async with await create_pool(settings.dsn_for("inspection")) as inspection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await inspection.execute("INSERT INTO tests.one VALUES (2)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await inspection.execute("DELETE FROM eventlog.event")
    await forget_roles(settings)


async def forget_roles(settings: Settings) -> None:
    """Roles outlive the database of a test: take them away again."""
    connection = await connect(settings.database_url)
    name = await connection.fetchval("SELECT current_database()")
    for row in await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE $1 || '\\_%'", name):
        await connection.execute(f'DROP OWNED BY "{row["rolname"]}" CASCADE; DROP ROLE "{row["rolname"]}"')
    await connection.close()


async def test_the_storage_mode_is_what_the_server_offers(database_url: str) -> None:
    connection = await connect(database_url)
    extension = await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    assert await storage_mode(connection) == ("timescale" if extension else "plain")
    await connection.close()


async def test_a_backend_that_hangs_hangs_nobody_for_ever(database_url: str) -> None:
    async with await create_pool(database_url, max_size=1, command_within_s=0.3) as pool:
        backend = await pool.fetchval("SELECT pg_backend_pid()")
        os.kill(backend, signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):
                with pytest.raises(AWAY):
                    async with pool.acquire(timeout=0.5) as connection:
                        await connection.fetchval("SELECT 1")
        finally:
            os.kill(backend, signal.SIGCONT)
        assert await pool.fetchval("SELECT 1") == 1


async def test_nobody_waits_for_ever_for_a_connection(database_url: str) -> None:
    async with await create_pool(database_url, max_size=1) as pool, pool.acquire():
        async with asyncio.timeout(60):
            with pytest.raises(AWAY):
                await pool.acquire()


@pytest.mark.parametrize(("partitioned", "mode"), [(True, "plain"), (False, "timescale")])
async def test_the_storage_mode_stays_what_the_tables_are(database_url: str, partitioned: bool, mode: str) -> None:
    """Whatever the server offers by now: this one may have the extension or not."""
    connection = await connect(database_url)
    await connection.execute("DROP TABLE telemetry.raw_frame")
    await connection.execute(
        "CREATE TABLE telemetry.raw_frame (received_at timestamptz)"
        + (" PARTITION BY RANGE (received_at)" if partitioned else "")
    )
    assert await storage_mode(connection) == mode
    await connection.close()


async def test_times_in_documents_are_written_as_everywhere_else(database_url: str) -> None:
    connection = await connect(database_url)
    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert await connection.fetchval("SELECT $1::jsonb ->> 'at'", {"at": at}) == "2026-05-04T12:00:00Z"
    await connection.close()
