"""The station in a process of its own, from outside."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INSTALL = ("install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")


def install(folder: Path) -> str | None:
    """Install the package into a folder; return why that cannot be, or None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "Node and npm are not there"
    for name in ("package.json", "station.js"):
        shutil.copy(HERE / name, folder)
    done = subprocess.run([npm, *INSTALL], cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return f"npm could not install ocpp-rpc: {done.stderr[-300:]}" if done.returncode else None


class Failed(Exception):
    """A command failed; `code` is OCPP's word, or HTTP's number."""

    def __init__(self, code: str | int | None, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


class NodeStation:
    """Sends commands to the process and keeps what it tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._count = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.told: list[dict[str, Any]] = []

    async def listen(self) -> None:
        """Take what it tells until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            waiting = self._waiting.pop(told.get("number", 0), None)
            if waiting is None:
                self.told.append(told)
            elif told["event"] == "done":
                waiting.set_result(told["result"])
            else:
                waiting.set_exception(Failed(told["code"], told["reason"]))

    def heard(self, event: str) -> list[dict[str, Any]]:
        return [told for told in self.told if told["event"] == event]

    async def do(self, command: str, **options: Any) -> Any:
        """Let it do something and return the result; Failed."""
        assert self._process.stdin is not None
        self._count += 1
        number = self._count
        self._waiting[number] = done = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"number": number, "command": command, **options}).encode() + b"\n")
        async with asyncio.timeout(40):
            return await done

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """Let it send a call, checked by its own schema, and return the answer, checked so too; Failed."""
        return await self.do("call", action=action, payload=payload)


@asynccontextmanager
async def node_station(folder: Path) -> AsyncIterator[NodeStation]:
    """A station for as long as the block lasts; the package is in the folder."""
    process = await asyncio.create_subprocess_exec(
        "node", "station.js", cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    station = NodeStation(process)
    listening = asyncio.create_task(station.listen())
    try:
        yield station
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
