"""A whole suite as real processes, and real stations that talk to it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy import status
from deploy.status import Status

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "deploy.commands"]
Found = TypeVar("Found")


class Suite:
    """`youguan up` on free ports."""

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        self.data = data
        self._options = options
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("YOUGUAN_")},
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it is ready."""
        ports = ("--http-port=0", "--ocpp-port=0", "--mqtt-port=0")
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.out").open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "up", f"--data={self.data}", *ports, *self._options],
                env=self._environment, cwd=ROOT, stdout=output, stderr=output,
            )  # fmt: skip
        deadline = time.monotonic() + 300
        while not self.status().ready:
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.1)

    def output(self) -> str:
        return (self.data / "up.out").read_text(errors="replace")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop as a user would, or kill; return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(40)

    def status(self) -> Status:
        """What `youguan status --json` prints, without a process for every look."""
        return status.current(self.data) or Status()

    def pid_of(self, part: str) -> int:
        return next(each.pid for each in self.status().parts if each.name == part and each.pid)

    def ports(self) -> dict[str, int]:
        return self.status().ports


def copy_data(source: Path, target: Path) -> None:
    """Copy a data folder with its owners: PostgreSQL takes no data that are not its own."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


class Api:
    """The suite over HTTP, as the demo regulator unless told otherwise."""

    def __init__(self, port: int) -> None:
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def log_in(self, username: str = "demo-regulator") -> None:
        answer = await self.client.post("/api/auth/login", json={"username": username, "password": "demo"})
        self.client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"

    async def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Return the items of a list; an empty one while the web process is away."""
        with contextlib.suppress(httpx.HTTPError):
            answer = await self.client.get(path, params=query)
            if answer.status_code == httpx.codes.OK:
                found: list[dict[str, Any]] = answer.json()["items"]
                return found
        return []

    async def get(self, path: str, **query: str) -> Any:
        return (await self.client.get(path, params=query)).raise_for_status().json()


class Charger:
    """A station that speaks raw OCPP-J, as 1.6 or 2.0.1."""

    def __init__(self, port: int, station_id: str, subprotocol: str = "ocpp1.6") -> None:
        self._url = f"ws://127.0.0.1:{port}/ocpp/{quote(station_id, safe='')}"
        self._subprotocol = subprotocol
        self._count = 0
        self.socket: websockets.ClientConnection | None = None

    async def connect(self) -> "Charger":
        self.socket = await websockets.connect(
            self._url, subprotocols=[websockets.Subprotocol(self._subprotocol)], compression=None, proxy=None,
            open_timeout=40,
        )  # fmt: skip
        return self

    async def close(self) -> None:
        if self.socket:
            await self.socket.close()

    async def say(self, action: str, payload: dict[str, Any], message_id: str | None = None) -> list[Any]:
        """Send a call and return the whole answer."""
        assert self.socket is not None
        self._count += 1
        message_id = message_id or f"m{self._count}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(40):
            answer: list[Any] = json.loads(await self.socket.recv())
        assert answer[1] == message_id, answer
        return answer

    async def boot(self) -> str:
        if self._subprotocol == "ocpp1.6":
            payload: dict[str, Any] = {"chargePointVendor": "Test", "chargePointModel": "T"}
        else:
            payload = {"reason": "PowerUp", "chargingStation": {"vendorName": "Test", "model": "T"}}
        return str((await self.say("BootNotification", payload))[2]["status"])

    async def status(
        self, word: str, *, connector: int = 1, error: str = "NoError", at: str | None = None
    ) -> list[Any]:
        at = at or timestamp()
        if self._subprotocol == "ocpp1.6":
            payload = {"connectorId": connector, "status": word, "errorCode": error, "timestamp": at}
        else:
            payload = {"evseId": connector, "connectorId": 1, "connectorStatus": word, "timestamp": at}
        return await self.say("StatusNotification", payload)


def timestamp() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


async def eventually(ask: Callable[[], Awaitable[Found | None]], *, within_s: float = 30) -> Found:
    """Ask until the answer is true and return it."""
    async with asyncio.timeout(within_s):
        while not (answer := await ask()):
            await asyncio.sleep(0.05)
    return answer


def request_of(key: ec.EllipticCurvePrivateKey, station_id: str = "s1") -> str:
    """Return a station's request to have its certificate signed."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station_id)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()
