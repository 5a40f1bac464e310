"""What tests share: one real PostgreSQL for the run and a fresh, migrated database for each test."""

import asyncio
import fcntl
import gc
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from deploy import embedded
from deploy.histories import HISTORIES
from tests.suite import Suite, copy_data
from youguan.schemas import migrate
from youguan.settings import Settings

# What a machine does besides fails no property.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

# A database is two thousand files, and the tests clone it a thousand times: in memory, where there is enough, that takes
# a tenth of the time.
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 4 << 30
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
    tempfile.tempdir = str(MEMORY)

SHARED = "YOUGUAN_TEST_SHARED"


class Together(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file run in one process, and so do all those in the browser: they share a suite and the browser."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        return str(file.parent if file.parent.name == "browser" else file)


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder of what the processes of a run share; they inherit the name."""
    if not hasattr(config, "workerinput"):
        os.environ[SHARED] = tempfile.mkdtemp(prefix="yg-run-")
        Path(os.environ[SHARED]).chmod(0o711)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED), ignore_errors=True)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over all that the tests have loaded, every time it looks."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server and the migrated database that others are cloned from."""

    admin: str
    template: str

    def dsn(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin)._replace(path=f"/{database}"))


@pytest.fixture(scope="module")
def data_folder() -> Iterator[Path]:
    """A data folder that the account PostgreSQL runs as can reach, so that everything in it goes away with it."""
    with tempfile.TemporaryDirectory(prefix="yg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@pytest.fixture(scope="session")
def sample() -> Path:
    """A data folder as the demo's first start leaves it: made once a run, by whichever process wants it first."""
    folder = Path(os.environ[SHARED])
    with (folder / "sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "sample").exists():
            suite = Suite(folder / "making", "--demo", "--stations=0", "--workers=1")
            suite.start()
            assert suite.stop() == 0, suite.output()
            (folder / "making").rename(folder / "sample")
    return folder / "sample"


@pytest.fixture(scope="module")
def sample_folder(data_folder: Path, sample: Path) -> Path:
    """A data folder of one's own on which the demo was started before: a first start is four times the work of a second."""
    copy_data(sample, data_folder)
    return data_folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of a server: `YOUGUAN_TEST_DATABASE_URL`, one with TimescaleDB for instance, or one of our own."""
    given = os.environ.get("YOUGUAN_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="yg-") as folder:
        Path(folder).chmod(0o711)
        cluster = embedded.cluster(Path(folder))
        embedded.initialise(cluster)
        account = cluster.account
        identity = {"user": account.uid, "group": account.gid, "extra_groups": ()} if account else {}
        with (Path(folder) / "postgres.log").open("wb") as log:
            spared = (
                "fsync=off",
                "full_page_writes=off",
                "autovacuum=off",
            )  # what is only cloned and dropped outlives nothing
            command = [*cluster.command(), *(word for option in spared for word in ("-c", option))]
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **identity)  # type: ignore[call-overload]
            try:
                yield cluster.dsn("postgres")
            finally:
                server.send_signal(2)
                server.wait(30)


@pytest.fixture(scope="session")
def server(postgres: str) -> Iterator[Server]:
    """The server with its template database."""
    server = Server(postgres, f"youguan_template_{uuid.uuid4().hex[:8]}")
    asyncio.run(_make_template(server))
    yield server
    asyncio.run(_administer(postgres, f'DROP DATABASE "{server.template}" WITH (FORCE)'))


async def _make_template(server: Server) -> None:
    await _administer(server.admin, f'CREATE DATABASE "{server.template}"')
    await migrate(Settings(database_url=server.dsn(server.template)), HISTORIES)
    # A database that somebody is connected to cannot be cloned, and TimescaleDB's scheduler would be.
    await _administer(server.admin, f'ALTER DATABASE "{server.template}" ALLOW_CONNECTIONS false')
    await _administer(
        server.admin, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{server.template}'"
    )


async def _administer(admin: str, statement: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                connection = await asyncpg.connect(admin)
                break
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.05)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def _cloned(server: Server) -> AsyncIterator[str]:
    name = f"youguan_test_{uuid.uuid4().hex[:12]}"
    await _administer(server.admin, f'CREATE DATABASE "{name}" TEMPLATE "{server.template}" STRATEGY FILE_COPY')
    yield server.dsn(name)
    await _administer(server.admin, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database_url(server: Server) -> AsyncIterator[str]:
    """The DSN of a fresh database with every schema migrated."""
    async with _cloned(server) as dsn:
        yield dsn


@pytest.fixture(scope="module")
async def shared_database_url(server: Server) -> AsyncIterator[str]:
    """The DSN of a database that the tests of a module share: for those that change nothing another of them reads."""
    async with _cloned(server) as dsn:
        yield dsn
