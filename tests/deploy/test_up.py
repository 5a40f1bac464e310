"""`youguan up`, `status` and `import` as their user meets them: real processes, one suite for most of it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from aiomqtt import Client

from deploy import embedded
from tests.conftest import Server
from tests.suite import COMMAND, ROOT, Api, Charger, Suite, eventually
from youguan.settings import SERVICES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FREE_PORTS = ("--http-port=0", "--ocpp-port=0", "--mqtt-port=0")


@pytest.fixture(scope="module")
def suite(data_folder: Path) -> Iterator[Suite]:
    suite = Suite(data_folder, "--demo", "--stations=0", "--workers=1", "--ftp-port=0")
    suite.start()
    yield suite
    assert suite.process is not None
    if suite.process.poll() is None:
        suite.stop()


def youguan(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("YOUGUAN_")}
    return subprocess.run(
        [*COMMAND, *(str(argument) for argument in arguments)],
        cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def offspring(suite: Suite) -> list[psutil.Process]:
    assert suite.process is not None
    return [*psutil.Process(suite.process.pid).children(recursive=True)]


# --- a running suite ------------------------------------------------------------------------------------------------


def test_status_says_what_other_programs_rely_on(suite: Suite) -> None:
    found = json.loads(youguan("status", "--json", "--data", suite.data).stdout)
    assert found["ready"] is True
    assert found["storage"] == "plain"
    assert set(found["ports"]) == {"http", "ocpp", "mqtt", "ftp"}
    assert all(isinstance(port, int) and port > 0 for port in found["ports"].values())
    assert [(part["name"], part["state"]) for part in found["parts"]] == [
        (name, "running") for name in ("postgresql", "mqtt", "relay", "gateway-0", "bridge", "ftp", "jobs", "web")
    ]
    assert {part["pid"] for part in found["parts"]} <= {process.pid for process in offspring(suite)}
    assert found["versions"]["youguan"]


def test_status_for_people(suite: Suite) -> None:
    done = youguan("status", "--data", suite.data)
    assert done.returncode == 0
    assert done.stdout.startswith("ready; ")
    for part in suite.status().parts:
        assert any(part.name in line and str(part.pid) in line for line in done.stdout.splitlines())


async def test_the_addresses_that_are_printed_answer(suite: Suite) -> None:
    printed = [word for word in suite.output().split() if "://" in word]
    assert suite.output().count("is ready") == 1
    async with httpx.AsyncClient(
        trust_env=False, timeout=20, follow_redirects=True, headers={"Accept": "text/html"}
    ) as client:
        pages = [address for address in printed if address.startswith("http")]
        answers = [await client.get(address) for address in pages]
    assert len(pages) == 3
    assert {answer.status_code for answer in answers} == {200}
    ports = suite.ports()
    assert f"ws://127.0.0.1:{ports['ocpp']}/ocpp/{{station" in printed
    assert f"mqtt://127.0.0.1:{ports['mqtt']}" in printed
    assert f"ftp://127.0.0.1:{ports['ftp']}/" in printed
    with socket.create_connection(("127.0.0.1", ports["ftp"]), 20) as files:
        assert (await asyncio.to_thread(files.recv, 4)) == b"220 "


async def test_sites_are_imported_into_a_running_suite_and_not_doubled(suite: Suite, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    rows = ["场站编号,lng,lat,count,colour", "T1,120.1,30.1,2,red", "T2,120.2,north,1,red", "T3,120.3,30.3,1,red"]
    file.write_text("\n".join(rows), encoding="utf-8")
    done = youguan("import", "sites", file, "--crs", "gcj02", "--data", suite.data)
    assert (done.returncode, done.stdout) == (1, "2 added, 0 changed, 0 unchanged, 1 refused\n"), done.stderr
    assert done.stderr == "sites.csv:3: lat: 'north' is not a number\ncolumns not used: colour\n"

    rows[2] = "T2,120.2,30.2,1,red"
    file.write_text("\n".join(rows), encoding="utf-8")
    again = youguan("import", "sites", file, "--crs", "gcj02", "--data", suite.data)
    assert (again.returncode, again.stdout) == (0, "1 added, 0 changed, 2 unchanged, 0 refused\n"), again.stderr

    ports = suite.ports()
    api = Api(ports["http"])
    stations = [
        station["id"] for site in ("T1", "T2") for station in await api.items("/api/registry/stations", site=site)
    ]
    assert stations == ["T1-001", "T1-002", "T2-001"]
    await api.client.aclose()
    charger = await Charger(ports["ocpp"], "T2-001").connect()

    async def accepted() -> bool:
        return await charger.boot() == "Accepted"

    await eventually(accepted)
    await charger.close()


def test_a_file_that_cannot_be_imported(suite: Suite, tmp_path: Path) -> None:
    done = youguan("import", "sites", tmp_path / "none.csv", "--data", suite.data)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"youguan: {tmp_path}/none.csv: No such file or directory\n"


async def test_ctrl_c_leaves_no_process(suite: Suite) -> None:
    """The last one on this suite. A terminal tells the whole group: our parts have sessions of their own."""
    parts = offspring(suite)
    assert len({os.getsid(part.pid) for part in parts} - {os.getsid(0)}) >= 5
    async with asyncio.timeout(60):
        assert await asyncio.to_thread(suite.stop, signal.SIGINT) == 0, suite.output()
    assert [part for part in parts if part.is_running()] == []
    assert "Traceback" not in suite.output()
    found = suite.status()
    assert (found.ready, {part.state for part in found.parts}) == (False, {"stopped"})
    done = youguan("status", "--data", suite.data)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"youguan: nothing runs on {suite.data}\n")


# --- what goes wrong before anything runs ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["status", "--json"], ["import", "sites", __file__], ["mqtt", "republish"]])
def test_nothing_runs(tmp_path: Path, command: list[str]) -> None:
    done = youguan(*command, "--data", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"youguan: nothing runs on {tmp_path}\n")
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"


@pytest.mark.parametrize("port", ["ocpp", "mqtt"])
def test_a_port_that_is_taken(port: str, postgres: str, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        number = taken.getsockname()[1]
        options = [*FREE_PORTS, f"--{port}-port={number}"]
        done = youguan("up", "--data", tmp_path, *options, YOUGUAN_DATABASE_URL=f"{postgres}_none")
    assert done.returncode == 1
    assert f"port {number} cannot be had" in done.stderr
    assert "0 for any free one" in done.stderr
    assert done.stderr.count("\n") == 1


def test_sites_without_a_demo(tmp_path: Path) -> None:
    done = youguan("up", "--data", tmp_path / "data", "--sites", __file__)
    assert done.returncode == 2
    said = " ".join(done.stderr.replace("│", " ").split())
    assert "--sites goes with --demo; to add sites to a suite use `import sites`" in said
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = youguan("up", "--data", tmp_path / "file" / "data", *FREE_PORTS)
    assert done.returncode == 1
    assert done.stderr.startswith(f"youguan: the data folder {tmp_path}/file/data cannot be used: ")
    assert done.stderr.count("\n") == 1


# --- other parts than our own ---------------------------------------------------------------------------------------


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A broker that is not the suite's."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    folder.chmod(0o755)
    _, command = embedded.broker_command(folder, port, sys.executable)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()


@pytest.fixture
async def empty_database(server: Server) -> AsyncIterator[str]:
    """The DSN of a database that somebody has made for us."""
    name = f"youguan_given_{os.getpid()}"
    connection = await asyncpg.connect(server.admin)
    await connection.execute(f"CREATE DATABASE {name}")
    yield server.dsn(name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for service in SERVICES:
        await connection.execute(f"DROP ROLE {name}_{service}")
    await connection.close()


async def test_a_given_database_and_a_given_broker_are_used(empty_database: str, tmp_path: Path) -> None:
    with broker(tmp_path) as port:
        given = {"YOUGUAN_DATABASE_URL": empty_database, "YOUGUAN_MQTT_URL": f"mqtt://localhost:{port}"}
        suite = Suite(tmp_path / "data", "--demo", "--stations=0", "--workers=1", **given)
        await asyncio.to_thread(suite.start)
        found = suite.status()
        assert [part.name for part in found.parts] == ["relay", "gateway-0", "bridge", "jobs", "web"]
        assert (found.ports["mqtt"], found.addresses["mqtt"]) == (port, f"mqtt://localhost:{port}")
        assert not (tmp_path / "data" / "database").exists()
        charger = await Charger(found.ports["ocpp"], "NH0001-001").connect()
        async with Client("127.0.0.1", port, timeout=10) as client, asyncio.timeout(30):
            await client.subscribe("youguan/v1/sites/NH0001/#")
            await charger.status("Faulted", error="GroundFailure")
            message = await anext(aiter(client.messages))
            assert b"Faulted" in bytes(message.payload), message.payload
        await charger.close()
        assert await asyncio.to_thread(suite.stop) == 0


def test_a_part_that_keeps_dying_ends_the_suite_with_its_last_words(data_folder: Path, tmp_path: Path) -> None:
    """A broker that cannot run, in the suite's own folder, which is set up already."""
    unlucky = tmp_path / "mosquitto"
    unlucky.write_text("#!/bin/sh\necho no luck today; exit 3\n")
    unlucky.chmod(0o755)
    done = youguan("up", "--data", data_folder, *FREE_PORTS, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "youguan: mqtt keeps dying; its last words:\n" in done.stderr
    assert done.stderr.endswith("no luck today\n")
    assert "Traceback" not in done.stderr


async def test_a_suite_that_is_stopped_while_it_starts_leaves_nothing(data_folder: Path) -> None:
    with psutil.Popen(
        [*COMMAND, "up", f"--data={data_folder}", *FREE_PORTS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as up:

        async def under_way() -> bool:
            with contextlib.suppress(psutil.Error):
                return any("postgres" in child.name() for child in up.children())
            return False

        await eventually(under_way)
        children = up.children(recursive=True)
        up.terminate()
        output, _ = await asyncio.to_thread(up.communicate, timeout=40)
    assert up.returncode == 0, output
    assert [child for child in children if child.is_running()] == []
    assert b"Traceback" not in output
