"""Every service by itself, and commands that find nothing to talk to: they end in order and without a stack trace."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from tests.suite import COMMAND, ROOT, eventually


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    return {**{k: v for k, v in os.environ.items() if not k.startswith("YOUGUAN_")}, **more}


def start(service: str, **settings: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", service], env=environment(**settings), cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("service", ["charger_registry", "ocpp_gateway", "alerts", "inspection_service"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_alone_ends_in_order(database_url: str, service: str, number: signal.Signals) -> None:
    port = free_port()
    process = start(service, YOUGUAN_DATABASE_URL=database_url, YOUGUAN_HTTP_PORT=str(port), YOUGUAN_OCPP_PORT="0")
    try:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def serves() -> bool:
                assert process.poll() is None
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/healthz")
                except httpx.HTTPError:
                    return False
                return answer.status_code == httpx.codes.OK

            await eventually(serves, within_s=60)
        process.send_signal(number)
        output, _ = process.communicate(timeout=40)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"Traceback" not in output


def test_a_fleet_without_a_suite_says_so(tmp_path: object) -> None:
    done = subprocess.run(
        [*COMMAND, "simulate", f"--http=http://127.0.0.1:{free_port()}", f"--data={tmp_path}"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("youguan: no stations are to be had from http://127.0.0.1:")


def test_an_interrupt_while_everything_is_being_loaded_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "deploy.commands", "up", "--help"],
        cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.rstrip().endswith("asyncio.events"):
            break
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert "Traceback" not in words
    assert process.returncode == -signal.SIGINT


def test_a_data_folder_that_cannot_be_used_is_named() -> None:
    done = subprocess.run(
        [*COMMAND, "up", "--data=/proc/nothing"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("youguan: the data folder /proc/nothing cannot be used: ")
