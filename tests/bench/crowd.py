"""Many stations that stay: connected, booted, heartbeating. The parent's side, and the processes in which they live.

One process can hold as many files as its limit allows, so a county takes several: `python -m tests.bench.crowd '{"url": …}'`
connects its share, prints how it went as a line of JSON, and does so again for every line `cut` on its standard input.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import uvloop
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

A_PROCESS = 12_000
HANDSHAKES_AT_ONCE = 250
HEARTBEAT_S = 60
BACK_WITHIN_S = 120.0

BOOT = '[2,"{n}","BootNotification",{{"chargePointVendor":"bench","chargePointModel":"crowd"}}]'
HEARTBEAT = '[2,"{n}","Heartbeat",{{}}]'


class Member(WSListener):
    """One station."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self._transport: WSTransport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._count = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT and self._answer and not self._answer.done():
            self._answer.set_result(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())

    async def call(self, template: str) -> bool:
        """Send a call; say whether it was answered with a result."""
        if self._transport is None:
            raise ConnectionResetError
        self._count += 1
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.send(WSMsgType.TEXT, template.format(n=self._count).encode())
        return (await self._answer).startswith(b"[3,")

    def cut(self) -> None:
        """Lose the connection without a word, as when the power fails."""
        if self._transport is not None:
            self._transport.underlying_transport.abort()


class Share:
    """The stations of one process."""

    def __init__(self, url: str, station_ids: Sequence[str], number: int) -> None:
        self._members = [Member(f"{url}/{station_id}") for station_id in station_ids]
        self._number = number
        self._round = 0
        self._refusals = 0
        self._turn = asyncio.Semaphore(HANDSHAKES_AT_ONCE)

    async def gather(self) -> dict[str, Any]:
        """Connect and boot all; whoever is turned away tries again, as stations do."""
        began, self._refusals = time.perf_counter(), 0
        self._round += 1
        coming = [asyncio.create_task(self._bring(member)) for member in self._members]
        done, late = await asyncio.wait(coming, timeout=BACK_WITHIN_S)
        for task in late:
            task.cancel()
        return {
            "accepted": sum(not task.cancelled() and task.result() for task in done),
            "wanted": len(self._members),
            "turned_away": self._refusals,
            "seconds": round(time.perf_counter() - began, 2),
        }

    async def _bring(self, member: Member) -> bool:
        while True:
            with suppress(OSError, WSError, TimeoutError):
                async with self._turn:
                    await ws_connect(
                        lambda: member,
                        member.url,
                        extra_headers={"Sec-WebSocket-Protocol": "ocpp1.6"},
                        read_buffer_init_size=1024,
                        websocket_handshake_timeout=30,
                        local_addr=(self._address(), 0),
                    )
                if await member.call(BOOT):
                    return await member.call(HEARTBEAT)
            self._refusals += 1
            await asyncio.sleep(random.uniform(0.2, 1.0))

    def _address(self) -> str:
        """Return a loopback address of this process and this round: on one address the ports of those cut linger and run out."""
        return f"127.0.{self._round}.{self._number}"

    async def beat(self) -> None:
        """Let each send its heartbeat in its turn, until cancelled."""
        while True:
            for member in self._members:
                with suppress(OSError):
                    await member.call(HEARTBEAT)
                await asyncio.sleep(HEARTBEAT_S / len(self._members))

    def cut(self) -> None:
        for member in self._members:
            member.cut()


async def live(options: dict[str, Any]) -> None:
    """Gather, then at each line lose every connection and gather again; end with the input."""
    share = Share(options["url"], options["station_ids"], options["number"])
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while True:
        print(json.dumps(await share.gather()), flush=True)
        beating = asyncio.create_task(share.beat())
        if not await lines.readline():
            return
        beating.cancel()
        share.cut()


class Crowd:
    """The processes of a crowd, from outside."""

    def __init__(self, processes: list["subprocess.Popen[str]"]) -> None:
        self._processes = processes

    def gathered(self) -> dict[str, Any]:
        """Wait until all are there; return how many and how long the last of them took."""
        told = []
        for process in self._processes:
            assert process.stdout is not None
            told.append(json.loads(process.stdout.readline()))
        sums = {name: sum(one[name] for one in told) for name in ("accepted", "wanted", "turned_away")}
        return {**sums, "seconds": max(one["seconds"] for one in told)}

    def cut(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("cut\n")
            process.stdin.flush()


@contextmanager
def crowd(url: str, station_ids: Sequence[str]) -> Iterator[Crowd]:
    """Let the stations live for as long as the block lasts."""
    shares = [station_ids[start : start + A_PROCESS] for start in range(0, len(station_ids), A_PROCESS)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.crowd", json.dumps({"url": url, "number": n})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for n, _ in enumerate(shares, 1)
    ]  # fmt: skip
    try:
        for process, share in zip(processes, shares, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(list(share)) + "\n")
            process.stdin.flush()
        yield Crowd(processes)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    uvloop.run(live({**json.loads(sys.argv[1]), "station_ids": json.loads(sys.stdin.readline())}))
