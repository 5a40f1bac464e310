"""A worker as it runs: a station that is filed at another site is connected as that one's stations are."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import serve

from ocpp_gateway import worker
from tests.ocpp_gateway.relayed import CentralSystem
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import Event, SiteFiled, SiteRelayChanged, SiteRetired, StationFile
from youguan.settings import Settings

STATION = "s1"


@dataclass
class House:
    """A worker, the registry's stream, and the central system of the site `relayed`."""

    pool: asyncpg.Pool
    port: int
    system: CentralSystem

    async def happen(self, *events: Event) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", list(events))

    async def station(self) -> ClientConnection:
        """Come in, as soon as the worker lets the station in."""
        async with asyncio.timeout(20):
            while True:
                try:
                    return await websockets.connect(
                        f"ws://127.0.0.1:{self.port}/ocpp/{STATION}", proxy=None,
                        subprotocols=[websockets.Subprotocol("ocpp1.6")],
                    )  # fmt: skip
                except (OSError, websockets.InvalidHandshake):
                    await asyncio.sleep(0.05)


def filed(site_id: str, *station_ids: str) -> SiteFiled:
    stations = tuple(StationFile(station_id=s, connectors=1, power_w=7000, current_type="AC") for s in station_ids)
    return SiteFiled(
        site_id=site_id, name=site_id, address="", division_code=None, division_name=None, longitude=1, latitude=1,
        stations=stations,
    )  # fmt: skip


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    settings = Settings(
        database_url=database_url, role_secret=None, demo=True, data_dir=tmp_path, ocpp_open_networks=["127.0.0.0/8"]
    )
    threshold, system, stop = gc.get_threshold(), CentralSystem(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with (
            serve(system.serve, "127.0.0.1", 0, select_subprotocol=lambda _, offered: offered[0]) as upstream,
            await create_pool(database_url) as pool,
        ):
            running = asyncio.create_task(worker.run(settings, 0, listening, None, stop))
            house = House(pool, listening.getsockname()[1], system)
            url = f"ws://localhost:{next(iter(upstream.sockets)).getsockname()[1]}/csms"
            await house.happen(SiteRelayChanged(site_id="relayed", upstream_url=url, at=SystemClock().now()))
            yield house
            stop.set()
            await running
    gc.unfreeze()  # what a worker does to its process
    gc.set_threshold(*threshold)


async def test_a_station_comes_again_when_its_new_site_is_passed_on_and_when_that_is_no_more(house: House) -> None:
    await house.happen(filed("ours", STATION))
    station = await house.station()
    await asyncio.sleep(0.2)
    assert house.system.connections.empty()
    await house.happen(filed("relayed", STATION))
    await asyncio.wait_for(station.wait_closed(), 20)
    assert station.close_code == 1012
    passed_on = await house.station()
    await asyncio.wait_for(house.system.connections.get(), 20)
    await house.happen(filed("relayed", STATION, "another"))  # nothing has moved
    await asyncio.sleep(0.5)
    assert passed_on.close_code is None
    await house.happen(SiteRetired(site_id="relayed", station_ids=(STATION,)), filed("ours", STATION))
    await asyncio.wait_for(passed_on.wait_closed(), 20)
    assert passed_on.close_code == 1012
