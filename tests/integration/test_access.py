"""Who may connect, on a whole suite: certificates by `youguan pki`, keys by the registry, alerts about who keeps trying."""

import base64
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import websockets

from tests.suite import COMMAND, ROOT, Api, Suite, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

BOOT = '[2,"1","BootNotification",{"chargePointVendor":"v","chargePointModel":"m"}]'
REFUSED = {401, 429}  # wrong, and too often wrong: whoever asks until a worker knows may ask too often


def pki(data: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, "pki", *arguments, f"--data={data}"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    """The sample county without a fleet, with TLS by certificates of its own authority."""
    pki(sample_folder, "init")
    pki(sample_folder, "server", "localhost", "127.0.0.1")
    suite = Suite(sample_folder, "--demo", "--stations=0", "--workers=2", "--ocpp-tls-port=0")
    suite.start()
    yield suite
    assert suite.stop() == 0, suite.output()


async def stations(api: Api) -> list[str]:
    return [station["id"] for station in await api.items("/api/registry/stations", managed="true", limit="9")]


def connect(
    ports: dict[str, int], station_id: str, *, key: str | None = None, context: ssl.SSLContext | None = None
) -> Any:
    port = ports["ocpp_tls" if context else "ocpp"]
    shown = base64.b64encode(f"{station_id}:{key}".encode()).decode()
    return websockets.connect(
        f"{'wss' if context else 'ws'}://127.0.0.1:{port}/ocpp/{quote(station_id, safe='')}", compression=None, proxy=None,
        subprotocols=[websockets.Subprotocol("ocpp1.6")], ssl=context, open_timeout=30,
        additional_headers={"Authorization": f"Basic {shown}"} if key else {},
    )  # fmt: skip


async def status_of(ports: dict[str, int], station_id: str, **options: Any) -> int:
    try:
        async with connect(ports, station_id, **options):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_a_certificate_from_the_command_line_until_it_is_revoked(
    suite: Suite, ports: dict[str, int], api: Api
) -> None:
    station = (await stations(api))[0]
    printed = pki(suite.data, "station", station)
    serial = printed.partition("serial ")[2].partition(",")[0]
    context = ssl.create_default_context(cafile=str(suite.data / "pki" / "ca.pem"))
    file = suite.data / "pki" / "stations" / f"{quote(station, safe='')}.pem"
    context.load_cert_chain(file, file.with_suffix(".key"))
    async with connect(ports, station, context=context) as socket:
        await socket.send(BOOT)
        assert json.loads(await socket.recv())[2]["status"] == "Accepted"
        pki(suite.data, "revoke", serial)
        await socket.wait_closed()
        assert socket.close_code == 1008

    async def refused_everywhere() -> bool:  # each worker reads the list for itself
        return {await status_of(ports, station, context=context) for _ in range(8)} <= REFUSED

    await eventually(refused_everywhere)


async def test_a_key_by_the_registry_opens_and_its_revocation_closes(ports: dict[str, int], api: Api) -> None:
    station = (await stations(api))[1]
    address = f"/api/registry/stations/{quote(station, safe='')}/credentials"
    issued = (await api.client.post(address, json={"reason": "test"})).raise_for_status().json()

    async def known_everywhere() -> bool:
        return {await status_of(ports, station, key="wrong" * 4) for _ in range(6)} <= REFUSED

    await eventually(known_everywhere)
    async with connect(ports, station, key=issued["key"]) as socket:
        await socket.send(BOOT)
        assert json.loads(await socket.recv())[2]["status"] == "Accepted"
        (await api.client.post(f"{address}/revoke", json={"reason": "test"})).raise_for_status()
        await socket.wait_closed()
        assert socket.close_code == 1008

    async def refused_everywhere() -> bool:
        return {await status_of(ports, station, key=issued["key"]) for _ in range(8)} <= REFUSED

    await eventually(refused_everywhere)


async def test_whoever_keeps_trying_is_told_as_an_alert(ports: dict[str, int], api: Api) -> None:
    station = (await stations(api))[2]
    address = f"/api/registry/stations/{quote(station, safe='')}/credentials"
    (await api.client.post(address, json={"reason": "test"})).raise_for_status()

    async def alerted() -> list[dict[str, Any]]:
        for _ in range(20):
            await status_of(ports, station, key="guess" * 4)
        return await api.items("/api/alerts", state="firing", rule="access_attempts", station=station)

    (alert,) = await eventually(alerted, within_s=60)
    assert alert["severity"] == "major"
    assert alert["details"]["tries"] >= 10
    found = await api.client.get("/metrics")
    counted = r'youguan_ocpp_handshakes_rejected_total\{reason="(password|too many tries)"\} [1-9]'
    assert re.search(counted, found.text)  # this source has tried before


async def test_who_is_not_filed_is_listed_in_quarantine(ports: dict[str, int], api: Api) -> None:
    async with connect(ports, "unfiled-7") as socket:
        await socket.send(BOOT)
        assert json.loads(await socket.recv())[2]["status"] == "Pending"

    async def listed() -> bool:
        return "unfiled-7" in [line["station_id"] for line in await api.items("/api/registry/unfiled-stations")]

    assert await eventually(listed)


async def boot(socket: Any) -> str:
    await socket.send(BOOT)
    return str(json.loads(await socket.recv())[2]["status"])


async def test_who_is_rejected_is_told_so_until_that_is_taken_back(ports: dict[str, int], api: Api) -> None:
    address = "/api/registry/unfiled-stations/unfiled-8"

    async def alerts(state: str) -> list[dict[str, Any]]:
        return await api.items("/api/alerts", state=state, rule="unfiled_charger", station="unfiled-8")

    async with connect(ports, "unfiled-8") as socket:
        assert await boot(socket) == "Pending"
        await eventually(lambda: alerts("firing"), within_s=30)

        async def rejected() -> bool:
            answer = await api.client.post(f"{address}/reject", json={"reason": "test"})
            return answer.status_code in (200, 409)

        async def answered(status: str) -> bool:
            return await boot(socket) == status

        await eventually(rejected)
        await eventually(lambda: answered("Rejected"))
        await eventually(lambda: alerts("resolved"), within_s=30)
        await socket.send('[2,"2","Heartbeat",{}]')
        assert json.loads(await socket.recv())[:3] == [4, "2", "SecurityError"]
        (await api.client.delete(f"{address}/rejection")).raise_for_status()
        await eventually(lambda: answered("Pending"))

        async def alerted_anew() -> list[dict[str, Any]]:  # a station that is pending asks again and again
            await boot(socket)
            return await alerts("firing")

        await eventually(alerted_anew)


def test_tls_without_a_certificate_says_what_to_do(tmp_path: Path) -> None:
    ports = ("--ocpp-tls-port=0", "--http-port=0", "--ocpp-port=0", "--mqtt-port=0")
    command = [*COMMAND, "up", f"--data={tmp_path / 'none'}", *ports]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "youguan pki" in done.stderr
