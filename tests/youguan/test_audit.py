"""The audit trail: chained, never changed, and whole."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from tests.suite import COMMAND, ROOT
from tests.youguan.test_database import forget_roles
from youguan import audit
from youguan.audit import Head, Origin
from youguan.audit_heads import HeadFile
from youguan.database import connect, create_pool
from youguan.schemas import KERNEL_HISTORY, migrate
from youguan.settings import Settings

NOW = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(database_url)
    yield connection
    await connection.close()


async def write(connection: asyncpg.Connection, count: int) -> None:
    for n in range(count):
        async with connection.transaction():
            await audit.record(connection, at=NOW, actor="li", action="try", subject=f"thing {n}", after={"at": NOW})


async def change(connection: asyncpg.Connection, statement: str) -> None:
    """Do what only whoever owns the database can: behind the triggers."""
    await connection.execute(f"SET session_replication_role = replica; {statement}; RESET session_replication_role")


async def test_a_whole_trail_is_whole(connection: asyncpg.Connection) -> None:
    await write(connection, 3)
    assert await audit.verify(connection) is None
    head = await audit.head(connection)
    assert head is not None
    assert head.number == 3


@pytest.mark.parametrize("number", [1e16, 1e-7, -0.0, 1.5e300, 2**63, 2**64 - 1, 0.1])
async def test_every_number_is_read_again_as_it_was_hashed(connection: asyncpg.Connection, number: float) -> None:
    async with connection.transaction():
        await audit.record(connection, at=NOW, actor="li", action="try", subject="thing", after={"n": number})
    assert await audit.verify(connection) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.trail SET actor = 'somebody else' WHERE number = 2",
        """UPDATE audit.trail SET after = '{"at": "never"}' WHERE number = 2""",
        "UPDATE audit.trail SET remote = '1.2.3.4' WHERE number = 2",
        "DELETE FROM audit.trail WHERE number = 2",
        "UPDATE audit.trail SET hash = previous_hash WHERE number = 2",
    ],
)
async def test_the_first_broken_line_is_named(connection: asyncpg.Connection, statement: str) -> None:
    await write(connection, 4)
    await change(connection, statement)
    assert await audit.verify(connection) == 2


async def test_what_is_missing_at_the_end_is_noticed_by_whoever_kept_the_head(connection: asyncpg.Connection) -> None:
    await write(connection, 3)
    head = await audit.head(connection)
    assert head is not None
    await change(connection, "DELETE FROM audit.trail WHERE number = 3")
    assert await audit.verify(connection) is None
    assert await audit.verify(connection, [head]) == 3
    await write(connection, 1)  # another line in its place
    assert await audit.verify(connection) is None
    assert await audit.verify(connection, [head]) == 3


@pytest.mark.parametrize(
    "statement", ["UPDATE audit.trail SET actor = 'x'", "DELETE FROM audit.trail", "TRUNCATE audit.trail"]
)
async def test_nobody_changes_the_trail(database_url: str, connection: asyncpg.Connection, statement: str) -> None:
    await write(connection, 1)
    with pytest.raises(asyncpg.RaiseError, match="what happened is not changed"):
        await connection.execute(statement)
    settings = Settings(database_url=database_url, role_secret="a secret of the tests")
    await migrate(settings, [KERNEL_HISTORY])
    for service in ("registry", "gateway", "alerts", "inspection"):
        async with await create_pool(settings.dsn_for(service)) as pool:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)
            async with pool.acquire() as own, own.transaction():
                await audit.record(own, at=NOW, actor=service, action="try", subject="x")
    await forget_roles(settings)


async def test_a_line_says_from_where_and_for_whom(connection: asyncpg.Connection) -> None:
    with audit.coming_from(Origin("192.0.2.7", "li", "wang")):
        await write(connection, 1)
        await audit.record(connection, at=NOW, actor="system", action="try", subject="x", remote="::1")
    await write(connection, 1)
    lines = await connection.fetch("SELECT actor, remote FROM audit.trail ORDER BY number")
    assert [tuple(line) for line in lines] == [("li for wang", "192.0.2.7"), ("system", "::1"), ("li", None)]


def verify(database_url: str, data: Path, *options: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, "audit", *(options or ("verify",)), f"--data={data}"], text=True, capture_output=True, check=False,
        cwd=ROOT, env={**os.environ, "YOUGUAN_DATABASE_URL": database_url, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


async def test_the_command_names_what_is_broken(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await write(connection, 3)
    head = await audit.head(connection)
    assert head is not None
    HeadFile(tmp_path).add(head, NOW)
    assert verify(database_url, tmp_path) == (0, "3 lines, all of them fit; 1 kept heads agree\n", "")
    assert verify(database_url, tmp_path, "head")[1] == f"3:{head.hash.hex()}\n"
    await change(connection, "DELETE FROM audit.trail WHERE number = 3")
    assert verify(database_url, tmp_path) == (1, "", "line 3 is missing\n")
    assert verify(database_url, tmp_path / "elsewhere")[0] == 0
    shown = f"3:{head.hash.hex()}"
    assert verify(database_url, tmp_path / "elsewhere", "verify", "--head", shown) == (1, "", "line 3 is missing\n")
    await change(connection, "UPDATE audit.trail SET actor = 'x' WHERE number = 1")
    assert verify(database_url, tmp_path) == (1, "", "line 1 does not fit the chain\n")
    assert verify(database_url, tmp_path, "verify", "--head", "none")[0] == 2


def test_a_head_that_a_crash_cut_short_is_passed_over(tmp_path: Path) -> None:
    file = HeadFile(tmp_path)
    first, last = Head(1, bytes(32)), Head(3, bytes(32))
    file.add(first, NOW)
    with file.path.open("a") as torn:
        torn.write("\n2 0")
    assert file.read() == [first]
    file.add(last, NOW)
    assert file.read() == [first, last]
