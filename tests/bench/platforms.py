"""An operator's platform reports over T/CEC 102: 10,000 statuses a minute, and as fast as they are answered; nothing is lost."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from ocpp_gateway.cec102.access import Keys, seal
from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.cec102.filed import directory as codes
from ocpp_gateway.cec102.store import put_platform
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.stations import directory
from tests.bench.rig import Database, count_rows, database, free_port, listens, say, server
from tests.independent.cec102_platform import Platform
from youguan.auth import generate_keys
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import ConnectorFile, SiteFiled, StationFile

OPERATOR_ID, KEY = "395815801", "1234567890abcdef"
SECRET = "a secret of the bench, of no use elsewhere"
STATIONS = 2000
A_MINUTE = 10_000
AT_ONCE = 32
MOST_OPEN = 500  # messages of a platform that keeps its pace, whatever becomes of those before
BUSY, AGAIN_S = -1, 1.0
AT_FULL_SPEED = 20_000  # so many at the most
WORDS = (1, 2, 3, 1)
STATUSES = {1: "Available", 2: "Occupied", 3: "Charging"}


def platforms(folder: Path, seconds: float) -> dict[str, Any]:
    """Measure a platform's statuses, each in an envelope of its own."""
    with database(folder, []) as postgres:
        asyncio.run(_let_in(postgres))
        port, log = free_port(), folder / "gateway.log"
        private, public = generate_keys()
        given = {
            "YOUGUAN_DATABASE_URL": postgres.dsn, "YOUGUAN_HTTP_PORT": str(port), "YOUGUAN_OCPP_PORT": str(free_port()),
            "YOUGUAN_STATION_KEY_SECRET": SECRET, "YOUGUAN_TOKEN_PUBLIC_KEY": public,
            "YOUGUAN_TOKEN_PRIVATE_KEY": private,
        }  # fmt: skip
        with server(["ocpp_gateway"], log, lambda: listens(port), (), **given):
            result = asyncio.run(_report(f"http://127.0.0.1:{port}", seconds))
            result["stored"] = asyncio.run(count_rows(postgres.dsn))["telemetry.raw_frame"]
            result["account"] = asyncio.run(_account(postgres, result))
    return {"platform": result}


async def _account(postgres: Database, result: dict[str, Any]) -> dict[str, int]:
    """Hold what was answered against what is stored: every message, every status, and what each connector is at the end."""
    count = result["paced"]["sent"] + result["full"]["sent"]
    last = {number % STATIONS: STATUSES[WORDS[number // STATIONS % len(WORDS)]] for number in range(count)}
    async with await create_pool(postgres.dsn) as pool:
        rows = await pool.fetch("SELECT station_id, status FROM gateway.connector_now")
        statuses = await pool.fetchval("SELECT count(*) FROM telemetry.status_change")
        taken = await pool.fetchval(
            "SELECT coalesce(sum(taken), 0)::bigint FROM gateway.platform_traffic WHERE message = 'notification_stationStatus'"
        )
    wrong = sum(last.get(int(row["station_id"][1:])) != row["status"] for row in rows)
    return {
        "lost_messages": result["acknowledged"] - result["stored"],
        "lost_statuses": result["acknowledged"] - statuses,
        "uncounted": result["acknowledged"] - taken,
        "connectors_wrong": wrong + len(last) - len(rows),
    }


async def _let_in(postgres: Database) -> None:
    stations = tuple(
        StationFile(
            station_id=f"p{n:05d}", connectors=1, power_w=60_000, current_type="DC", cec_equipment_id=f"{n:023d}",
            connector_files=(ConnectorFile(connector=1, cec_connector_id=f"{n:023d}01"),),
        )
        for n in range(STATIONS)
    )  # fmt: skip
    site = SiteFiled(
        site_id="bench", name="bench", address="", division_code=None, division_name=None, longitude=121.4, latitude=29.3,
        stations=stations, operator_code=OPERATOR_ID, cec_station_id="1",
    )  # fmt: skip
    sealed = seal(Sealer(SECRET), OPERATOR_ID, Keys(Secrets(KEY, KEY, KEY, KEY)))
    row = (OPERATOR_ID, "bench", None, "operator", "zhejiang", True, None, None, sealed, SystemClock().now(), "bench")
    async with await create_pool(postgres.dsn) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [site])
            await put_platform(connection, row)
        for consumer in (directory.consumer(pool), codes.consumer(pool)):
            await consumer.catch_up()


async def _report(address: str, seconds: float) -> dict[str, Any]:
    platform = Platform(address)
    while True:
        try:
            await platform.log_in()
            break
        except KeyError:  # busy: the recorder is not up yet
            await asyncio.sleep(0.1)
    count = int(A_MINUTE / 60 * seconds)
    say(f"platform: {A_MINUTE} statuses a minute")
    paced = await _send(platform, 0, count, A_MINUTE / 60)
    say(f"  {paced}\nplatform: as fast as they are answered, {AT_ONCE} at once")
    full = await _send(platform, count, min(count * 2, AT_FULL_SPEED), None)
    say(f"  {full}")
    await platform.close()
    return {"paced": paced, "full": full, "acknowledged": paced["acknowledged"] + full["acknowledged"]}


async def _not_taken(platform: Platform, status: dict[str, Any]) -> str:
    """Say a status; return why it has to be said again, or nothing."""
    try:
        ret, _ = await platform.say("notification_stationStatus", {"ConnectorStatusInfo": status})
    except httpx.TransportError:  # it may have been stored: then more is stored than was acknowledged
        return "unanswered"
    return "busy" if ret == BUSY else ""


async def _send(platform: Platform, first: int, count: int, rate: float | None) -> dict[str, Any]:
    """Send so many; with a rate each at its time, else as many at once as there are places."""
    took: list[float] = []
    again = Counter[str]()
    places = asyncio.Semaphore(AT_ONCE if rate is None else MOST_OPEN)
    began = time.monotonic()

    async def say_one(number: int) -> None:
        started = time.monotonic()
        status = {"ConnectorID": f"{number % STATIONS:023d}01", "Status": WORDS[number // STATIONS % len(WORDS)]}
        while met := await _not_taken(platform, status):
            again[met] += 1
            await asyncio.sleep(AGAIN_S)  # as the standard asks; only sooner
        took.append(time.monotonic() - started)
        places.release()

    async with asyncio.TaskGroup() as group:
        for place in range(count):
            if rate is not None:
                await asyncio.sleep(max(0.0, began + place / rate - time.monotonic()))
            await places.acquire()  # whoever is behind waits here, and no memory fills with what is to be said
            group.create_task(say_one(first + place))
    took.sort()
    spent = time.monotonic() - began
    return {
        "sent": count,
        "acknowledged": len(took),
        "sent_again": dict(again),
        "acknowledged_per_minute": round(len(took) / spent * 60),
        "p50_ms": round(took[len(took) // 2] * 1000, 1) if took else None,
        "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 1) if took else None,
    }
