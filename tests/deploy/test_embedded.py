"""PostgreSQL of our own: who may reach it, and what happens to a set-up or a server that was cut off."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy import embedded
from tests.suite import ROOT, eventually


@pytest.fixture(scope="module")
def cluster(data_folder: Path) -> embedded.Cluster:
    """One that is set up and does not run."""
    cluster = embedded.cluster(data_folder)
    embedded.initialise(cluster)
    return cluster


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account PostgreSQL runs as can pass through."""
    with tempfile.TemporaryDirectory(prefix="yg-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@asynccontextmanager
async def running(cluster: embedded.Cluster) -> AsyncIterator[psutil.Popen]:
    """A server without a supervisor, as one is that outlived it."""
    identity = (
        {"user": cluster.account.uid, "group": cluster.account.gid, "extra_groups": ()} if cluster.account else {}
    )
    with psutil.Popen(
        cluster.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **identity
    ) as it:
        try:
            yield it
        finally:
            if it.is_running():
                it.send_signal(signal.SIGINT)


async def answers(cluster: embedded.Cluster) -> bool:
    try:
        connection = await asyncpg.connect(cluster.dsn())
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.close()
    return True


async def test_only_the_password_opens_and_only_the_socket_listens(cluster: embedded.Cluster) -> None:
    async with running(cluster) as server:
        await eventually(lambda: answers(cluster))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(replace(cluster, password="guessed").dsn())
        connection = await asyncpg.connect(cluster.dsn())
        stored = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", embedded.SUPERUSER)
        rules = await connection.fetch("SELECT auth_method FROM pg_hba_file_rules")
        sums = await connection.fetchval("SHOW data_checksums")
        await connection.close()
        processes = [server, *server.children(recursive=True)]
        assert [found for process in processes for found in process.net_connections("inet")] == []
        assert all(process.uids().effective != 0 for process in processes)
    assert stored.startswith("SCRAM-SHA-256$")
    assert {rule["auth_method"] for rule in rules} == {"scram-sha-256"}
    assert sums == "on"


def test_nobody_else_can_read_a_secret_or_enter_a_folder(cluster: embedded.Cluster, data_folder: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    secret = data_folder / "secrets" / "database-password"
    assert (mode(secret), mode(secret.parent)) == (0o600, 0o700)
    assert secret.read_text() == cluster.password
    assert {mode(path) for path in (cluster.data, cluster.sockets, cluster.data.parent)} == {0o700}


async def test_a_server_that_outlived_its_supervisor_is_stopped(cluster: embedded.Cluster) -> None:
    async with running(cluster) as server:
        await eventually(lambda: answers(cluster))
        await asyncio.to_thread(embedded.end_stray_server, cluster)
        assert not server.is_running()
    assert not (cluster.data / "postmaster.pid").exists(), "it stopped in order"


@pytest.mark.parametrize(
    "text", ["", "nonsense\n", f"{os.getpid()}\n"], ids=["empty", "garbage", "somebody else's pid"]
)
async def test_a_lock_that_names_no_server_is_in_nobodys_way(cluster: embedded.Cluster, text: str) -> None:
    (cluster.data / "postmaster.pid").write_text(text)
    embedded.end_stray_server(cluster)
    assert not (cluster.data / "postmaster.pid").exists()


async def test_a_killed_server_comes_back(cluster: embedded.Cluster) -> None:
    async with running(cluster) as server:
        await eventually(lambda: answers(cluster))
        server.kill()
    embedded.end_stray_server(cluster)
    async with running(cluster):
        await eventually(lambda: answers(cluster))


async def test_a_set_up_that_was_killed_is_done_again(folder: Path) -> None:
    """The processes of the first one still write into the folder when the second begins."""
    code = f"from deploy import embedded; from pathlib import Path; embedded.initialise(embedded.cluster(Path({str(folder)!r})))"
    cluster = embedded.cluster(folder)
    with psutil.Popen([sys.executable, "-c", code], cwd=ROOT) as first:

        async def under_way() -> bool:
            return (cluster.data / "PG_VERSION").exists()

        await eventually(under_way)
        first.kill()
    assert not cluster.initialised()
    await asyncio.to_thread(embedded.initialise, cluster)
    async with running(cluster):
        await eventually(lambda: answers(cluster))


def test_data_of_a_server_is_never_taken_for_an_unfinished_set_up(folder: Path) -> None:
    cluster = embedded.cluster(folder)
    cluster.data.mkdir()
    for name in ("PG_VERSION", "postmaster.opts", "precious"):
        (cluster.data / name).touch()
    embedded.initialise(cluster)
    assert (cluster.data / "precious").exists()
    assert "scram-sha-256" in (cluster.data / "youguan.conf").read_text()


def test_a_long_path_still_has_a_socket(folder: Path) -> None:
    deep = folder / ("一" * 30)
    cluster = embedded.cluster(deep)
    try:
        assert len(os.fsencode(cluster.sockets / ".s.PGSQL.5432.lock")) <= 107
        assert embedded.cluster(deep).sockets == cluster.sockets, "the next start finds it again"
        assert embedded.cluster(deep / "other").sockets != cluster.sockets
    finally:
        cluster.sockets.rmdir()
        embedded.cluster(deep / "other").sockets.rmdir()


def test_a_socket_folder_that_somebody_else_has_put_there_is_refused(folder: Path) -> None:
    cluster = embedded.cluster(folder / ("x" * 90))
    cluster.sockets.rmdir()
    victim = folder / "victim"
    victim.mkdir()
    before = victim.stat()
    cluster.sockets.symlink_to(victim)
    try:
        with pytest.raises(embedded.Unusable, match="belongs to somebody else"):
            embedded.cluster(folder / ("x" * 90))
        assert (victim.stat().st_uid, victim.stat().st_mode) == (before.st_uid, before.st_mode)
    finally:
        cluster.sockets.unlink()


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "one"
    assert embedded.keep_secret(file, lambda: "first") == embedded.keep_secret(file, lambda: "second") == "first"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must change to another account")
def test_as_root_the_data_is_where_the_account_can_reach_it(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    cluster = embedded.cluster(closed / "data")
    assert cluster.account is not None
    try:
        assert cluster.account.uid != 0
        assert embedded.SHARED_STATE in cluster.data.parents
        assert cluster.data.parent.stat().st_uid == cluster.account.uid
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "nobody's permissions are opened"
    finally:
        cluster.sockets.rmdir()
        cluster.data.parent.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must change to another account")
def test_data_stays_with_the_account_it_was_made_for(folder: Path) -> None:
    cluster = embedded.cluster(folder)
    cluster.data.mkdir()
    os.chown(cluster.data, 4321, 4322)
    assert embedded.cluster(folder).account == embedded.Account(4321, 4322)
