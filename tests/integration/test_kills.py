"""Any part may be killed at any moment: everything goes on, and no acknowledged message is lost or stored twice."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
import websockets

from tests.integration.stations import now, text
from tests.suite import COMMAND, ROOT, Api, Charger, Suite, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WORDS = ("Available", "Preparing", "Charging", "Finishing")
TALKERS = 6
ENOUGH = 30  # acknowledged messages of each station, before and after


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    suite = Suite(sample_folder, "--demo", "--stations=0", "--workers=2", YOUGUAN_HOLDING_TIME_S="1")
    suite.start()
    yield suite
    assert suite.process is not None
    if suite.process.poll() is None:
        suite.stop()


@dataclass
class Talker:
    """A station that reports again and again, and says again what it got no answer for."""

    port: int
    station: str
    began: datetime = field(default_factory=now)
    acknowledged: list[str] = field(default_factory=list)
    lost_connections: int = 0
    charger: Charger | None = None

    async def talk(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            charger = Charger(self.port, self.station)
            try:
                self.charger = await charger.connect()
                while not stop.is_set():
                    await self._report(charger)
            except (OSError, TimeoutError, websockets.WebSocketException):
                self.lost_connections += 1
                await asyncio.sleep(0.05)
            finally:
                await charger.close()

    @property
    def local_port(self) -> int | None:
        """The port from which it talks; None while it is not connected."""
        if self.charger is None or self.charger.socket is None or self.charger.socket.close_code is not None:
            return None
        return int(self.charger.socket.local_address[1])

    async def hang_up(self) -> None:
        """Close the connection; the station calls again."""
        if self.charger is not None:
            await self.charger.close()

    async def _report(self, charger: Charger) -> None:
        number = len(self.acknowledged)
        at = text(self.began + timedelta(milliseconds=number))
        answer = await charger.status(WORDS[number % len(WORDS)], at=at)
        assert answer[0] == 3, answer
        self.acknowledged.append(at)
        await asyncio.sleep(0.005)


@asynccontextmanager
async def talking(port: int, stations: list[str]) -> AsyncIterator[list[Talker]]:
    """Let stations talk; when the block ends each has got an answer to the last thing it said, or lost its connection."""
    stop = asyncio.Event()
    talkers = [Talker(port, station) for station in stations]
    tasks = [asyncio.create_task(talker.talk(stop)) for talker in talkers]
    try:
        yield talkers
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def heard_more(talkers: list[Talker]) -> None:
    """Wait until each has been answered often enough from now on."""
    goals = [len(talker.acknowledged) + ENOUGH for talker in talkers]

    async def reached() -> bool:
        return all(len(talker.acknowledged) >= goal for talker, goal in zip(talkers, goals, strict=True))

    await eventually(reached, within_s=90)


async def held_by(pid: int, talkers: list[Talker]) -> list[Talker]:
    """Return the talkers whose connections a gateway worker holds: somebody calls again until there is one."""

    async def held() -> list[Talker]:
        connections = psutil.Process(pid).net_connections("tcp")
        ports = {connection.raddr.port for connection in connections if connection.raddr}
        found = [talker for talker in talkers if talker.local_port in ports]
        if not found:
            await talkers[0].hang_up()
        return found

    return await eventually(held, within_s=60)


async def logged_in(suite: Suite) -> Api:
    """Log in, as soon as somebody answers."""
    api = Api(suite.ports()["http"])
    async with asyncio.timeout(60):
        while True:
            try:
                await api.log_in()
                return api
            except httpx.HTTPError:
                await asyncio.sleep(0.1)


async def stored(api: Api, station: str) -> list[str]:
    """Return the times of everything that is stored of a station, all pages of it."""
    found: list[str] = []
    query = {"limit": "1000"}
    while True:
        page = await api.get(f"/api/gateway/stations/{station}/status-changes", **query)
        found += [item["occurred_at"] for item in page["items"]]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def assert_nothing_lost_or_doubled(api: Api, talkers: list[Talker]) -> None:
    for talker in talkers:
        assert len(talker.acknowledged) >= 2 * ENOUGH, "counted too little to mean anything"
        assert await stored(api, talker.station) == talker.acknowledged


async def assert_the_main_job_is_done(suite: Suite, api: Api, station: str) -> None:
    """A fault still becomes a task and is closed after recovery."""

    async def task_is(state: str) -> bool:
        tasks = await api.items("/api/inspection/tasks", station=station, cause="connector_fault")
        return [task["state"] for task in tasks] == [state]

    charger = await Charger(suite.ports()["ocpp"], station).connect()
    await charger.status("Faulted", error="GroundFailure")
    await eventually(lambda: task_is("open"), within_s=60)
    await charger.status("Available")
    await eventually(lambda: task_is("closed"), within_s=60)
    await charger.close()


class Names:
    """Stations that no test before has used."""

    def __init__(self) -> None:
        self._count = 0

    def take(self, count: int) -> list[str]:
        """Return the first stations of so many further sites."""
        numbers = range(self._count + 1, self._count + count + 1)
        self._count += count
        return [f"NH{number:04d}-001" for number in numbers]


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


@pytest.mark.parametrize("part", ["gateway-0", "gateway-1", "jobs", "web", "postgresql"])
async def test_a_killed_part(suite: Suite, names: Names, part: str) -> None:
    before = suite.pid_of(part)
    async with talking(suite.ports()["ocpp"], names.take(TALKERS)) as talkers:
        await heard_more(talkers)
        cut_off = await held_by(before, talkers) if part.startswith("gateway") else []
        lost = [talker.lost_connections for talker in cut_off]
        os.kill(before, signal.SIGKILL)

        async def lives_again() -> bool:
            found = next(each for each in suite.status().parts if each.name == part)
            return found.state == "running" and found.pid not in (None, before)

        await eventually(lives_again, within_s=60)
        await heard_more(talkers)
    assert all(talker.lost_connections > count for talker, count in zip(cut_off, lost, strict=True))
    api = await logged_in(suite)
    await assert_nothing_lost_or_doubled(api, talkers)
    await assert_the_main_job_is_done(suite, api, names.take(1)[0])
    await api.client.aclose()


async def test_a_second_suite_on_the_same_data_is_refused(suite: Suite) -> None:
    command = [*COMMAND, "up", "--demo", "--http-port=0", "--ocpp-port=0", "--mqtt-port=0", f"--data={suite.data}"]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "already" in done.stdout + done.stderr
    api = await logged_in(suite)
    assert api.client.headers["Authorization"], "the first one goes on"
    await api.client.aclose()


def processes(suite: Suite) -> list[psutil.Process]:
    """Return every process of a suite, with what they have started."""
    assert suite.process is not None
    supervisor = psutil.Process(suite.process.pid)
    return [supervisor, *supervisor.children(recursive=True)]


async def test_everything_is_killed_at_once_and_starts_again(suite: Suite, names: Names) -> None:
    """As when the power fails: what was acknowledged is there, and the work goes on where it stopped."""
    everything = processes(suite)
    async with talking(suite.ports()["ocpp"], names.take(TALKERS)) as talkers:
        await heard_more(talkers)
        await heard_more(talkers)
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    assert suite.process is not None
    await asyncio.to_thread(suite.process.wait, 20)
    await asyncio.to_thread(suite.start)
    api = await logged_in(suite)
    for talker in talkers:
        # One message may be stored whose answer did not get through.
        found = await stored(api, talker.station)
        assert len(talker.acknowledged) >= 2 * ENOUGH
        assert found[: len(talker.acknowledged)] == talker.acknowledged
        assert len(found) <= len(talker.acknowledged) + 1
    await assert_the_main_job_is_done(suite, api, names.take(1)[0])
    await api.client.aclose()


async def test_parts_end_when_their_supervisor_is_killed(suite: Suite, names: Names) -> None:
    everything = processes(suite)
    everything[0].kill()
    assert suite.process is not None
    await asyncio.to_thread(suite.process.wait, 20)
    _, left = await asyncio.to_thread(psutil.wait_procs, everything[1:], 30)
    names_left = [" ".join(process.cmdline()) for process in left]
    assert names_left == [], "nothing may outlive its supervisor"
    await asyncio.to_thread(suite.start)
    api = await logged_in(suite)
    await assert_the_main_job_is_done(suite, api, names.take(1)[0])
    await api.client.aclose()


async def test_sigterm_leaves_no_process(suite: Suite, names: Names) -> None:
    everything = processes(suite)
    assert len(everything) > 6
    async with asyncio.timeout(60):
        charger = await Charger(suite.ports()["ocpp"], names.take(1)[0]).connect()
        await charger.status("Available")
        assert await asyncio.to_thread(suite.stop) == 0, suite.output()
        assert charger.socket is not None
        await charger.socket.wait_closed()
    assert [process for process in everything if process.is_running()] == []
    assert charger.socket.close_code == 1012, "stations are told that the service restarts"
