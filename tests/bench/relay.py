"""What the relay adds to a message's way: a central system, directly and through us, in pairs in one run.

`python -m tests.bench.relay PORT` is that central system. It only answers: it stands on a machine of its own where it is real,
and the `ocpp` package's would take most of a core here from what is measured (that one is passed on to in
`tests/integration/test_relay.py`). Stations are the load's own (`tests/bench/load.py`).
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from ocpp_gateway.relay import upstreams
from ocpp_gateway.stations import directory
from tests.bench.rig import Database, count_rows, database, free_port, gateway, listens, load, say, server
from youguan.database import connect, create_pool
from youguan.eventlog import publish
from youguan.events import SiteRelayChanged

STATIONS = [f"b{number:05d}" for number in range(1000)]
PAIRS = 3


class Central(WSListener):
    """Answers, and does nothing else."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            _, message_id, *_ = orjson.loads(frame.get_payload_as_bytes())
            transport.send(WSMsgType.TEXT, orjson.dumps([3, message_id, {}]))


async def main(port: int) -> None:
    def accept(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        answer = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "ocpp1.6"})
        return WSUpgradeResponseWithListener(answer, Central())

    await (await ws_create_server(accept, "127.0.0.1", port)).serve_forever()


def relay(folder: Path, rate: int, seconds: float) -> dict[str, Any]:
    """Measure at a pace, without us and with us in turn; the difference is what we add."""
    port = free_port()
    with (
        database(folder, STATIONS) as postgres,
        server(["tests.bench.relay", str(port)], folder / "central.log", lambda: listens(port)),
    ):
        asyncio.run(_entrust(postgres.dsn, f"ws://127.0.0.1:{port}/csms"))
        with _relaying(postgres, folder) as (url, watch):
            pairs = [_pair(port, url, watch, rate, seconds) for _ in range(PAIRS)]
            asyncio.run(_stored(postgres.dsn))
        stored = asyncio.run(count_rows(postgres.dsn))
    return {
        "relay": {
            "messages_per_s": rate,
            "added_p50_ms": round(median(through["p50_ms"] - straight["p50_ms"] for straight, through in pairs), 2),
            "added_p99_ms": round(median(through["p99_ms"] - straight["p99_ms"] for straight, through in pairs), 2),
            "pairs": [{"straight": straight, "through": through} for straight, through in pairs],
            "passed_on": sum(through["acknowledged"] for _, through in pairs),
            "stored": stored,
        }
    }


def _pair(
    port: int, url: str, watch: dict[str, list[int]], rate: int, seconds: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    say(f"relay: {len(STATIONS)} stations, {rate} messages/s, straight to the central system")
    straight = load(f"ws://127.0.0.1:{port}/csms", connections=len(STATIONS), seconds=seconds, rate=rate)
    say("relay: the same through us")
    return straight, load(url, connections=len(STATIONS), seconds=seconds, rate=rate, watch=watch)


@contextmanager
def _relaying(postgres: Database, folder: Path) -> Iterator[tuple[str, dict[str, list[int]]]]:
    data, log = str(folder), folder / "relay.log"
    storing = server(
        ["ocpp_gateway", "relay"], log, lambda: "is stored from" in log.read_text(errors="replace"),
        YOUGUAN_DATABASE_URL=postgres.dsn, YOUGUAN_DATA_DIR=data,
    )  # fmt: skip
    passing = gateway(postgres.dsn, folder, YOUGUAN_DATA_DIR=data, YOUGUAN_DEMO="true")
    with storing as storing_pid, passing as (url, workers):
        yield url, {"worker": workers, "storing": [storing_pid]}


async def _entrust(dsn: str, upstream_url: str) -> None:
    """Let the one site of the bench be passed on."""
    changed = SiteRelayChanged(site_id="bench", upstream_url=upstream_url, at=datetime.now(UTC))
    async with await create_pool(dsn) as pool:
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [changed])
        await directory.consumer(pool).catch_up()
        await upstreams.consumer(pool).catch_up()


async def _stored(dsn: str) -> None:
    """Wait until what was passed on is stored: until nothing more comes."""
    connection = await connect(dsn)
    count = -1
    while count != (count := await connection.fetchval("SELECT sum(place) FROM gateway.relay_spool")):
        await asyncio.sleep(1)
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
