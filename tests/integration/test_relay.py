"""The relay on real processes: stations and a central system of the `ocpp` package, either end killed, the database away."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from ocpp.routing import on
from ocpp.v16 import call_result as result16
from ocpp.v201 import call_result as result201

from ocpp_gateway.relay.last_known import LOOK_S
from tests.bench.rig import free_port
from tests.integration.stations import Station16, Station201, connected, now, text
from tests.integration.test_authorisation import database_away
from tests.suite import ROOT, Api, Suite, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BASIC = "Basic c2VjcmV0"


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    suite = Suite(sample_folder, "--demo", "--stations=0", "--workers=2")
    suite.start()
    yield suite
    suite.stop()


class Central:
    """An operator's central system: a process that a test may kill and start again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._log = folder / f"upstream-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        count = self.lines().count("serving")
        await asyncio.to_thread(self._run)

        async def serving() -> bool:
            return self.lines().count("serving") > count

        await eventually(serving)

    def _run(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.ocpp_gateway.upstream", str(self.port)], cwd=ROOT, stdin=subprocess.PIPE,
                stdout=log, stderr=log,
            )  # fmt: skip

    def lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    async def told(self, *words: str) -> list[str]:
        """Wait for a line with all of the words; return its words."""

        async def found() -> list[str]:
            return next((line.split(" ") for line in self.lines() if all(word in line for word in words)), [])

        return await eventually(found)

    def ask(self, station_id: str, action: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{station_id} {action}\n".encode())
        self._process.stdin.flush()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()


@pytest.fixture
async def central(tmp_path: Path) -> AsyncIterator[Central]:
    central = Central(tmp_path)
    await central.start()
    yield central
    central.kill()


class Sites:
    """Sites that no test before has used."""

    def __init__(self) -> None:
        self._count = 100

    async def relayed(self, api: Api, central: Central, **policy: Any) -> str:
        """Let a site be passed on; return its first station."""
        self._count += 1
        station = f"NH{self._count:04d}-001"
        await relay(api, station, f"ws://127.0.0.1:{central.port}/csms", **policy)
        return station


@pytest.fixture(scope="module")
def sites() -> Sites:
    return Sites()


async def relay(api: Api, station: str, upstream_url: str | None, **policy: Any) -> None:
    """Decide about a station's site and wait until the gateways know."""
    site = await site_of(api, station)
    wanted = {"upstream_url": upstream_url, "reason": "test", **policy}
    (await api.client.put(f"/api/registry/sites/{site}/relay", json=wanted)).raise_for_status()

    async def known() -> bool:
        found = [item for item in await api.items("/api/gateway/relay", limit="1000") if item["site_id"] == site]
        return [item["upstream_url"] for item in found] == ([upstream_url] if upstream_url else [])

    await eventually(known)


async def site_of(api: Api, station: str) -> str:
    return str((await api.get(f"/api/gateway/stations/{station}"))["site_id"])


class Answering16(Station16):
    """Takes what it is asked."""

    @on("TriggerMessage")  # type: ignore[untyped-decorator]
    async def trigger(self, **_: Any) -> Any:
        return result16.TriggerMessage(status="Accepted")

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    async def change(self, **_: Any) -> Any:
        return result16.ChangeConfiguration(status="Accepted")


class Answering201(Station201):
    """Takes what it is asked."""

    @on("TriggerMessage")  # type: ignore[untyped-decorator]
    async def trigger(self, **_: Any) -> Any:
        return result201.TriggerMessage(status="Accepted")


KINDS = {"1.6": Answering16, "2.0.1": Answering201}


@asynccontextmanager
async def passed_on(suite: Suite, central: Central, station: str, version: str = "1.6") -> AsyncIterator[Any]:
    """A station that has come through to its central system, perhaps not at the first try: workers learn within two seconds."""
    before = sum(line.startswith(f"connected {station} ") for line in central.lines())
    while True:
        try:
            async with connected(suite.ports()["ocpp"], station, version, KINDS) as found:
                await asyncio.sleep(0)
                if sum(line.startswith(f"connected {station} ") for line in central.lines()) > before:
                    yield found
                    return
        except websockets.InvalidStatus:
            pass
        await asyncio.sleep(0.1)


async def statuses(api: Api, station: str) -> list[str]:
    items = await api.items(f"/api/gateway/stations/{station}/status-changes", limit="1000")
    return [item["occurred_at"] for item in items]


async def state_of(api: Api, station: str) -> Any:
    """Return how the station met its central system last."""
    items = await api.items(f"/api/gateway/sites/{await site_of(api, station)}/relay")
    return next((item["state"] for item in items if item["station_id"] == station), None)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_relayed_station_is_seen_as_any_other(
    suite: Suite, api: Api, sites: Sites, central: Central, version: str
) -> None:
    station = await sites.relayed(api, central)
    async with passed_on(suite, central, station, version) as charger:
        assert await charger.boot() == "Accepted"
        await charger.report("Available", now())
        await charger.report("Faulted", now() + timedelta(milliseconds=1), "GroundFailure")
        await charger.charge(5000)

        async def seen() -> bool:
            found = await api.get(f"/api/gateway/stations/{station}")
            tasks = await api.items("/api/inspection/tasks", station=station, cause="connector_fault")
            return found["connected"] and found["vendor"] == "Test" and found["ocpp_version"] == version and bool(tasks)

        async def charged() -> list[Any]:
            items = await api.items(f"/api/gateway/stations/{station}/transactions")
            return [item for item in items if item["energy_wh"]]

        await eventually(seen)
        transactions = await eventually(charged)
        assert [(item["energy_wh"], item["id_token"]) for item in transactions] == [(5000, "DEMO")]
        frames = await api.items(f"/api/gateway/stations/{station}/frames", limit="1000")
        assert {frame["sent"] for frame in frames} == {True, False}
        assert sum(frame["sent"] for frame in frames) == sum(not frame["sent"] for frame in frames), "every answer too"
        assert await state_of(api, station) == "connected"

    async def gone() -> bool:
        return not (await api.get(f"/api/gateway/stations/{station}"))["connected"]

    await eventually(gone)


async def test_what_the_central_system_asks_is_answered_and_its_secrets_are_kept_nowhere(
    suite: Suite, api: Api, sites: Sites, central: Central
) -> None:
    station = await sites.relayed(api, central)
    async with passed_on(suite, central, station) as charger:
        await charger.boot()
        central.ask(station, "key")
        await central.told("answered", station, "Accepted")

        async def kept() -> list[Any]:
            items = await api.items(f"/api/gateway/stations/{station}/frames", limit="1000")
            return [item for item in items if "AuthorizationKey" in item["frame"]]

        frames = await eventually(kept)
        assert all("secret-of-the-operator" not in frame["frame"] for frame in frames)
    spooled = b"".join(file.read_bytes() for file in (suite.data / "relay").glob("*/*.log"))
    assert b"AuthorizationKey" in spooled
    assert b"secret-of-the-operator" not in spooled


async def test_no_command_goes_down_without_a_policy(suite: Suite, api: Api, sites: Sites, central: Central) -> None:
    station = await sites.relayed(api, central)
    command = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}, "reason": "test"}
    async with passed_on(suite, central, station) as charger:
        await charger.boot()
        await connected_now(api, station)
        for path in ("commands", "key-rotation"):
            body = command if path == "commands" else {"reason": "test"}
            refused = await api.client.post(f"/api/gateway/stations/{station}/{path}", json=body)
            assert refused.status_code == 409, refused.text
            assert "central system" in refused.json()["detail"]
    assert not [line for line in central.lines() if line.startswith("transfer")]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_command_that_a_policy_allows_is_told_to_the_central_system_first(
    suite: Suite, api: Api, sites: Sites, central: Central, version: str
) -> None:
    station = await sites.relayed(api, central, may_send=True)
    command = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}, "reason": "test"}
    async with passed_on(suite, central, station, version) as charger:
        await charger.boot()
        await connected_now(api, station)
        answer = await api.client.post(f"/api/gateway/stations/{station}/commands?wait=30", json=command)
        assert (answer.status_code, answer.json()["state"]) == (200, "answered"), answer.text
        words = await central.told("transfer", station)
        assert words[2:4] == ["youguan", "SupervisorCommand"]
        assert json.loads(words[4]) == {"command": answer.json()["id"], "action": "TriggerMessage"}
        central.ask(station, "probe")
        await central.told("answered", station, "Accepted")
        refused = await api.client.post(f"/api/gateway/stations/{station}/key-rotation", json={"reason": "test"})
        assert refused.status_code == 409
    assert not [line for line in central.lines() if "unmatched" in line.lower() or "error" in line.lower()]


async def connected_now(api: Api, station: str) -> None:
    async def holds() -> bool:
        return bool((await api.get(f"/api/gateway/stations/{station}"))["connected"])

    await eventually(holds)


async def test_the_central_system_is_killed_and_comes_back(
    suite: Suite, api: Api, sites: Sites, central: Central
) -> None:
    station = await sites.relayed(api, central)
    async with passed_on(suite, central, station) as charger:
        await charger.boot()
        central.kill()
        await asyncio.wait_for(charger._connection.wait_closed(), 20)
        assert charger._connection.close_code == 1006
    site = await site_of(api, station)

    async def away() -> bool:
        items = await api.items("/api/gateway/relay", limit="1000")
        return [item["state"] for item in items if item["site_id"] == site] == ["away"]

    await eventually(away)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connected(suite.ports()["ocpp"], station, "1.6"):
            pass
    assert refused.value.response.status_code == 502
    assert (await api.get(f"/api/gateway/stations/{station}"))["state"] == "online", (
        "it is not the station that is away"
    )
    await central.start()
    async with passed_on(suite, central, station) as charger:
        await charger.heartbeat()

        async def back() -> bool:
            items = await api.items("/api/gateway/relay", limit="1000")
            return [item["state"] for item in items if item["site_id"] == site] == ["connected"]

        await eventually(back)


async def test_while_the_database_is_away_charging_goes_on_and_everything_is_stored_once_later(
    suite: Suite, api: Api, sites: Sites, central: Central
) -> None:
    station = await sites.relayed(api, central)
    other = f"{station[:-1]}2"
    began = now()
    before = began - timedelta(milliseconds=1)
    async with passed_on(suite, central, station) as charger:
        await charger.boot()
        await charger.report("Available", began)
        async with database_away(suite):
            for number in range(1, 300):
                word = ("Available", "Preparing")[number % 2]
                await charger.report(word, began + timedelta(milliseconds=number))
            await charger.charge(7000)
            async with passed_on(suite, central, other) as newcomer:
                assert await newcomer.boot() == "Accepted"
                await newcomer.report("Available", before)
            await noted(suite, 'meterStop\\":8000', text(before))
            kill_a_worker_and_who_stores(suite)
        wanted = [text(began + timedelta(milliseconds=number)) for number in range(300)]

        async def all_there() -> bool:
            with suppress(httpx.HTTPError):
                return await statuses(api, station) == wanted and await statuses(api, other) == [text(before)]
            return False

        await eventually(all_there, within_s=90)

    async def charged() -> list[Any]:
        items = await api.items(f"/api/gateway/stations/{station}/transactions")
        return [item["energy_wh"] for item in items if item["energy_wh"]]

    assert await eventually(charged) == [7000]
    frames = await api.items(f"/api/gateway/stations/{station}/frames", limit="1000")
    said = [frame["frame"] for frame in frames if not frame["sent"] and "StatusNotification" in frame["frame"]]
    assert len(said) == len(set(said)) == 300, "each frame is there once"


async def test_a_worker_that_starts_while_the_database_is_away_passes_on(
    suite: Suite, api: Api, sites: Sites, central: Central
) -> None:
    station = await sites.relayed(api, central)
    async with passed_on(suite, central, station) as charger:
        await charger.boot()
        await charger.report("Available", now())
        known = suite.data / "relay" / "known"

        async def kept() -> bool:
            return known.exists()

        await eventually(kept)
    await asyncio.sleep(LOOK_S)  # what is kept may be of the moment before
    assert station.encode() not in known.read_bytes(), "it is sealed"
    began = now()
    async with database_away(suite):
        for worker in ("gateway-0", "gateway-1"):
            os.kill(suite.pid_of(worker), signal.SIGKILL)
        async with passed_on(suite, central, station) as charger:
            assert await charger.boot() == "Accepted"
            await charger.report("Faulted", began, "GroundFailure")
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connected(suite.ports()["ocpp"], "NH0001-001", "1.6"):
                pass
        assert refused.value.response.status_code == 503, "nobody could keep what a station of our own says"

    async def stored() -> bool:
        with suppress(httpx.HTTPError):
            return text(began) in await statuses(api, station)
        return False

    async def welcome() -> bool:
        with suppress(websockets.InvalidStatus):  # a worker may look for the database a moment later than who stores
            async with connected(suite.ports()["ocpp"], "NH0001-001", "1.6") as charger:
                return bool(await charger.boot() == "Accepted")
        return False

    await eventually(stored, within_s=90)
    await eventually(welcome)


async def noted(suite: Suite, *words: str) -> None:
    """Wait until what was passed on with these words is on disk: it is passed on first, and noted a few milliseconds later."""

    async def on_disk() -> bool:
        spooled = b"".join(file.read_bytes() for file in (suite.data / "relay").glob("*/*.log"))
        return all(word.encode() in spooled for word in words)

    await eventually(on_disk)


def kill_a_worker_and_who_stores(suite: Suite) -> None:
    """Kill a worker, and the process that stores what was passed on: what stations said is on disk."""
    for part in ("gateway-0", "relay"):
        os.kill(suite.pid_of(part), signal.SIGKILL)


async def test_a_decision_takes_effect_on_connections_that_are_open(
    suite: Suite, api: Api, sites: Sites, central: Central
) -> None:
    station = await sites.relayed(api, central)
    async with passed_on(suite, central, station) as charger:
        await charger.boot()
        await relay(api, station, None)
        await asyncio.wait_for(charger._connection.wait_closed(), 5)
        assert charger._connection.close_code == 1012
    async with connected(suite.ports()["ocpp"], station, "1.6") as charger:
        assert await charger.boot() == "Accepted"
        await relay(api, station, f"ws://127.0.0.1:{central.port}/csms")
        await asyncio.wait_for(charger._connection.wait_closed(), 5)
        assert charger._connection.close_code == 1012
