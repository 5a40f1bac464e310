"""A gateway worker as a real process on real sockets, with the registry's and the gateway's consumers beside it."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import websockets
from websockets.datastructures import Headers

from charger_registry.credentials.desk import Issued, KeyDesk
from charger_registry.drafts import Filing, SiteDraft, StationDraft
from charger_registry.store import file_all
from ocpp_gateway.commands.desk import Desk, Keys
from ocpp_gateway.stations import credentials, directory
from tests.ocpp_gateway.fakes import NOW
from youguan.auth import REGULATOR, Principal
from youguan.clock import SystemClock
from youguan.pki import Authority
from youguan.settings import Settings

SECRET = "test secret of thirty-two letters"
GRACE = timedelta(hours=1)
REGULATOR_A = Principal("regulator-a", "A", frozenset({REGULATOR}), None, None, "t", "c", NOW)
STATIONS = ("s1", "s2", "s3", "桩:4")


class House:
    """What a test needs of it."""

    def __init__(self, dsn: str, pool: asyncpg.Pool, folder: Path, **settings: str) -> None:
        self.pool = pool
        self.folder = folder
        self.authority = Authority(folder / "pki")
        self.keys = KeyDesk(pool, SystemClock(), SECRET, GRACE)
        self.desk = Desk(pool, SystemClock(), Keys(SECRET, GRACE))
        self.port = self.tls_port = 0
        self._dsn = dsn
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        self._worker: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Make certificates, file the stations, start the consumers and the worker."""
        self.authority.make("Test", datetime.now(UTC))
        self.serve_with(self.authority)
        runs = (
            directory.consumer(self.pool).run(), credentials.consumer(self.pool).run(), self.keys.consumer().run(),
            self.desk.keep_answers(), self.desk.watch(),
        )  # fmt: skip
        async with self.pool.acquire() as connection, connection.transaction():
            stations = tuple(StationDraft(station_id, 1, 7000, "AC") for station_id in STATIONS)
            await file_all(connection, Filing(sites=(SiteDraft("x", "X", 121.4, 29.3, stations=stations),)), NOW)
        await directory.consumer(self.pool).catch_up()
        self._tasks = [asyncio.create_task(run) for run in runs]
        self._start_worker()

    def serve_with(self, authority: Authority) -> None:
        """Give the gateway a certificate."""
        issued = authority.server(["localhost", "127.0.0.1"], datetime.now(UTC))
        file = self.folder / "pki" / "server.pem"
        assert issued.key is not None
        file.with_suffix(".key").write_text(issued.key)
        file.write_text(issued.certificate)

    def _start_worker(self) -> None:
        plain, secure = (socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(2))
        self.port, self.tls_port = plain.getsockname()[1], secure.getsockname()[1]
        settings = Settings(
            database_url=self._dsn, station_key_secret=SECRET, ocpp_tls_port=self.tls_port,
            ocpp_tls_certificates=[self.folder / "pki" / "server.pem"],
            ocpp_tls_client_ca=self.authority.certificate_file, ocpp_tls_revoked=self.authority.revoked_file,
        )  # fmt: skip
        given = {
            "YOUGUAN_DATABASE_URL": self._dsn,
            "YOUGUAN_STATION_KEY_SECRET": SECRET,
            "YOUGUAN_OCPP_TLS_PORT": str(self.tls_port),
            "YOUGUAN_OCPP_TLS_CERTIFICATES": f'["{settings.ocpp_tls_certificates[0]}"]',
            "YOUGUAN_OCPP_TLS_CLIENT_CA": str(settings.ocpp_tls_client_ca),
            "YOUGUAN_OCPP_TLS_REVOKED": str(settings.ocpp_tls_revoked),
            **self._settings,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("YOUGUAN_")}
        with (self.folder / "worker.log").open("wb") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "ocpp_gateway", "worker", f"--listen-fd={plain.fileno()}",
                 f"--listen-tls-fd={secure.fileno()}"],
                env=kept | given, pass_fds=(plain.fileno(), secure.fileno()), stdout=log, stderr=log,
            )  # fmt: skip
        plain.close()
        secure.close()

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.terminate()
            await asyncio.to_thread(self._worker.wait, 30)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    async def occurrences(self, secret: str) -> int:
        """Count the rows of every table in which a text stands, in whatever case."""
        tables = await self.pool.fetch(
            "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables "
            "WHERE table_schema IN ('gateway', 'telemetry', 'audit', 'eventlog', 'registry') AND table_type = 'BASE TABLE'"
        )
        count = 0
        for table in tables:
            count += await self.pool.fetchval(
                f"SELECT count(*) FROM {table['name']} t WHERE strpos(lower(t::text), lower($1)) > 0", secret
            )
        return count

    async def issue(self, station_id: str = "s1", key: str | None = None) -> Issued:
        """Issue a key and wait until a gateway that starts now would know it."""
        return await self.keys.issue(REGULATOR_A, station_id, "test", key=key)

    def client_context(self, station_id: str | None = None, **options: Any) -> ssl.SSLContext:
        """Return what a station speaks TLS with: it knows our authority, and shows a certificate of it."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate_file))
        if station_id is not None:
            issuer = options.pop("issuer", self.authority)
            issued = issuer.station(station_id, datetime.now(UTC) + options.pop("ahead", timedelta()), **options)
            context.load_cert_chain(*self.files_of(issued.certificate, issued.key))
        return context

    def files_of(self, certificate: str, key: str | None) -> tuple[Path, Path]:
        """Write a certificate and its key where the ssl module can read them."""
        assert key is not None
        files = self.folder / "client.pem", self.folder / "client.key"
        files[0].write_text(certificate)
        files[1].write_text(key)
        return files

    def connect(
        self,
        station_id: str = "s1",
        *,
        authorization: str | None = None,
        context: ssl.SSLContext | None = None,
        version: str = "1.6",
    ) -> websockets.connect:
        """Return a connection to be entered."""
        scheme, port = ("wss", self.tls_port) if context else ("ws", self.port)
        return websockets.connect(
            f"{scheme}://127.0.0.1:{port}/ocpp/{quote(station_id, safe='')}", compression=None, proxy=None,
            subprotocols=[websockets.Subprotocol(f"ocpp{version}")], ssl=context, open_timeout=30, close_timeout=2,
            additional_headers=Headers({"Authorization": authorization} if authorization else {}),
        )  # fmt: skip

    async def status_of(self, *arguments: Any, **options: Any) -> int:
        """Return what a handshake is answered: 101, or the refusal."""
        try:
            async with self.connect(*arguments, **options):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code


@asynccontextmanager
async def house_of(dsn: str, pool: asyncpg.Pool, folder: Path, **settings: str) -> AsyncIterator[House]:
    """A house that is started and stopped."""
    house = House(dsn, pool, folder, **settings)
    try:
        await house.start()
        yield house
    finally:
        await house.stop()
