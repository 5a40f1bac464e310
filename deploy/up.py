"""`youguan up`: one machine, everything: database, broker, gateway workers, jobs, web, and the sample fleet."""

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx
from prometheus_client import multiprocess

from deploy import authority, embedded, status
from deploy.demo import deeds, filings, load
from deploy.histories import HISTORIES
from deploy.processes import GivenUp, Part, Supervisor
from deploy.shares import Ground, as_environment, hosts, reached_at, shares
from youguan.clock import SystemClock
from youguan.database import AWAY, connect, storage_mode
from youguan.files import allow_many_files
from youguan.schemas import migrate
from youguan.settings import Settings

log = logging.getLogger(__name__)

READY_WITHIN_S = 120.0
DEFAULT_TLS_PORT = 9443
DEMO_FAULTS_PER_HOUR = 0.6  # with 300 stations a few a minute: enough to watch


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    data: Path
    demo: bool = False
    sites: Path | None = None
    crs: str = "wgs84"
    stations: int = 300
    http_port: int = 8000
    ocpp_port: int = 9000
    mqtt_port: int = 1883
    workers: int = 3
    ocpp_tls_port: int | None = None
    ykc_port: int | None = None
    ftp_port: int | None = None


def up(options: Options) -> int:
    """Run the suite until SIGTERM or Ctrl-C; return the exit code."""
    try:
        options.data.mkdir(parents=True, exist_ok=True, mode=0o755)
        held = _hold(options.data)
    except OSError as error:
        print(f"youguan: the data folder {options.data} cannot be used: {error.strerror}", file=sys.stderr)
        return 1
    if held is None:
        running = status.read(options.data)
        pid = f" (process {running.pid})" if running and running.pid else ""
        print(f"youguan: a suite is running on {options.data} already{pid}; stop it first, or use another --data")
        return 1
    logging.basicConfig(level=logging.WARNING, format="youguan: %(message)s", stream=sys.stderr)
    allow_many_files()  # every part inherits it: the web process and the fleet hold many connections too
    try:
        return asyncio.run(Up(options).run())
    except Exception as error:
        print(f"youguan: could not start: {error}{_keep_trace(options.data, error)}", file=sys.stderr)
        return 1


def _keep_trace(data: Path, error: Exception) -> str:
    """Write down where it happened, and say where that stands."""
    trace = data / "logs" / "up.log"
    try:
        trace.parent.mkdir(exist_ok=True)
        trace.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return ""
    return f" (more in {trace})"


def _hold(data: Path) -> IO[str] | None:
    """Take the data folder for ourselves; the lock ends with the process, however it ends."""
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


class Up:
    """One run of the suite."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._data = options.data.resolve()
        self._status = status.Status(pid=os.getpid(), created=status.created(os.getpid()), versions=status.versions())
        self._mqtt_host = "127.0.0.1"
        self._hosts = hosts(Settings(), demo=options.demo)
        self._stop = asyncio.Event()
        self._supervisor: Supervisor | None = None
        self._listening: list[socket.socket] = []  # ours for as long as we run: a part that comes back inherits them

    async def run(self) -> int:
        """Start everything in order, wait, stop everything in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        leftover = status.read(self._data)
        if leftover:
            await asyncio.to_thread(status.end_leftovers, leftover.parts)
        self._supervisor = Supervisor(self._write_status, on_death=self._bury)
        try:
            await self._until_stopped(self._start())
            if not self._stop.is_set():
                self._announce()
                await self._until_stopped(self._stop.wait())
        except GivenUp as error:
            print(f"youguan: {error}", file=sys.stderr)
            return 1
        finally:
            self._status.ready = False
            await self._supervisor.stop()
            self._write_status()
        return 0

    async def _until_stopped(self, work: Awaitable[object]) -> None:
        """Do something unless we are told to stop first, or a part keeps dying."""
        assert self._supervisor is not None
        working = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self._stop.wait())
        waited: set[asyncio.Future[object]] = {working, stopping, self._supervisor.failed}  # type: ignore[arg-type]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if self._supervisor.failed.done():
            working.cancel()
            self._supervisor.failed.result()
        if working.done():
            working.result()
        else:
            working.cancel()
        stopping.cancel()

    async def _start(self) -> None:
        options = self._options
        http = _listen(options.http_port, self._hosts["http"])
        ocpp = _listen(options.ocpp_port, self._hosts["ocpp"])
        if "YOUGUAN_MQTT_URL" not in os.environ:
            _listen(options.mqtt_port).close()  # the broker binds it itself, but says less clearly that it cannot
        self._listening = [http, ocpp]
        self._status.ports = {"http": http.getsockname()[1], "ocpp": ocpp.getsockname()[1]}
        secure = self._listen_tls()
        settings = Settings()
        chargers = self._listen_where_asked("ykc", self._options.ykc_port, settings.ykc_port)
        files = self._listen_where_asked("ftp", self._options.ftp_port, settings.ftp_port)
        settings = self._ground().settings(await self._start_database())
        await self._migrate(settings)
        settings = settings.model_copy(update={"mqtt_url": await self._start_broker()})
        metrics = {"PROMETHEUS_MULTIPROC_DIR": str(self._metrics_folder())}
        gateway, jobs, web = (as_environment(s) | metrics for s in shares(settings))
        await self._start_python("relay", gateway, "ocpp_gateway", "relay", stop_within_s=12)  # ends after the workers
        for slot in range(options.workers):
            await self._start_python(
                f"gateway-{slot}", gateway, "ocpp_gateway", "worker", f"--slot={slot}",
                f"--listen-fd={ocpp.fileno()}", *(f"--listen-tls-fd={fd}" for fd in secure),
                descriptors=(ocpp.fileno(), *secure), stop_within_s=18,
            )  # fmt: skip
        await self._start_python("bridge", gateway, "ocpp_gateway", "bridge", stop_within_s=18)
        for door in chargers:
            await self._start_python(
                "ykc", gateway, "ocpp_gateway", "ykc", f"--listen-fd={door}", descriptors=(door,), stop_within_s=18
            )
        for door in files:
            await self._start_python(
                "ftp", gateway, "ocpp_gateway", "ftp", f"--listen-fd={door}", descriptors=(door,), stop_within_s=12
            )
        await self._start_python("jobs", jobs, "deploy.jobs")
        await self._start_python("web", web, "deploy.web", f"--listen-fd={http.fileno()}", descriptors=(http.fileno(),))
        await self._wait_ready()
        if options.demo and options.stations > 0:
            await self._start_python(
                "fleet", {}, "deploy.demo.fleet", f"--url={self._address('ocpp')}",
                f"--http={self._address('http')}", f"--stations={options.stations}",
                f"--faults-per-hour={DEMO_FAULTS_PER_HOUR}", stop_within_s=4,
            )  # fmt: skip
        self._status.ready = True
        self._write_status()

    def _listen_tls(self) -> tuple[int, ...]:
        """Bind the port for OCPP over TLS where it is asked for, or where the settings name certificates."""
        settings = Settings()
        port = self._options.ocpp_tls_port
        if port is None:
            if not settings.ocpp_tls_certificates:
                return ()
            port = DEFAULT_TLS_PORT if settings.ocpp_tls_port is None else settings.ocpp_tls_port
        if not (settings.ocpp_tls_certificates or authority.server_certificates(self._data)):
            raise OSError("OCPP over TLS needs a certificate: `youguan pki init`, then `youguan pki server NAME`")
        listening = _listen(port, settings.ocpp_host)
        self._listening.append(listening)
        self._status.ports["ocpp_tls"] = listening.getsockname()[1]
        return (listening.fileno(),)

    def _listen_where_asked(self, name: str, given: int | None, configured: int | None) -> tuple[int, ...]:
        """Bind a port of stations that is there only where it is asked for: 云快充, FTP."""
        port = configured if given is None else given
        if port is None:
            return ()
        listening = _listen(port, self._hosts["ocpp"])
        self._listening.append(listening)
        self._status.ports[name] = listening.getsockname()[1]
        return (listening.fileno(),)

    # --- the parts, in their order ------------------------------------------------------------------------------

    async def _start_database(self) -> str:
        given = os.environ.get("YOUGUAN_DATABASE_URL")
        if given:
            return given
        cluster = await asyncio.to_thread(embedded.cluster, self._data)
        await asyncio.to_thread(embedded.initialise, cluster)
        await asyncio.to_thread(embedded.end_stray_server, cluster)
        await self._supervise(
            Part(
                "postgresql",
                cluster.command(),
                self._data / "logs" / "postgresql.log",
                account=cluster.account,
                stop_signal=signal.SIGINT,  # fast shutdown: nothing is lost, nobody is waited for
                stop_within_s=25,
            )
        )
        return cluster.dsn()

    async def _migrate(self, settings: Settings) -> None:
        await _patiently(lambda: _greet(settings), "the database")
        await migrate(settings, HISTORIES)
        connection = await connect(settings.database_url)
        self._status.storage = await storage_mode(connection)
        await connection.close()
        if self._options.demo:
            await load.load_sample(settings, sites_file=self._options.sites, crs=self._options.crs)
            await load.open_sample_accounts(settings)
            await filings.file_samples(settings, SystemClock())
            await deeds.do_samples(settings, SystemClock())
        else:
            await load.close_sample_accounts(settings)

    async def _start_broker(self) -> str:
        given = os.environ.get("YOUGUAN_MQTT_URL")
        if given:
            address = urlsplit(given)
            self._status.broker = "given"
            self._status.ports["mqtt"] = address.port or (8883 if address.scheme == "mqtts" else 1883)
            self._mqtt_host = address.hostname or self._mqtt_host
            return given
        port = self._options.mqtt_port or _free_port()
        self._status.ports["mqtt"] = port
        self._status.broker, command = embedded.broker_command(self._data / "mqtt", port, sys.executable)
        await self._supervise(Part("mqtt", command, self._data / "logs" / "mqtt.log"))
        return f"mqtt://127.0.0.1:{port}"

    async def _start_python(
        self,
        name: str,
        environment: dict[str, str],
        module: str,
        *arguments: str,
        descriptors: tuple[int, ...] = (),
        stop_within_s: float = 10,
    ) -> None:
        await self._supervise(
            Part(
                name,
                [sys.executable, "-m", module, *arguments],
                self._data / "logs" / f"{name}.log",
                environment=environment,
                descriptors=descriptors,
                stop_within_s=stop_within_s,
            )
        )

    async def _supervise(self, part: Part) -> None:
        assert self._supervisor is not None
        await self._supervisor.start(part)

    async def _wait_ready(self) -> None:
        address = self._address("http") + "/readyz"
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:

            async def ask() -> None:
                answer = await client.get(address)
                if answer.status_code != httpx.codes.OK:
                    raise ConnectionError(answer.json()["detail"])

            await _patiently(ask, "the suite")

    # --- what everybody is told ---------------------------------------------------------------------------------

    def _ground(self) -> Ground:
        options = self._options
        sites = "generated" if options.sites is None else "file"
        return Ground(self._data, self._hosts, self._status.ports, options.workers, sites if options.demo else None)

    def _address(self, part: str) -> str:
        port, host = self._status.ports[part], reached_at(self._hosts[part])
        return f"ws://{host}:{port}/ocpp" if part == "ocpp" else f"http://{host}:{port}"

    def _bury(self, pid: int) -> None:
        """Take what a process that died was measuring out of the sum; what it had counted stays."""
        multiprocess.mark_process_dead(pid, str(self._data / "metrics"))  # type: ignore[no-untyped-call]

    def _metrics_folder(self) -> Path:
        folder = self._data / "metrics"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _write_status(self) -> None:
        parts = self._supervisor.parts if self._supervisor else []
        self._status.parts = [
            status.PartStatus(part.name, part.pid, part.state, part.restarts, status.created(part.pid))
            for part in parts
        ]
        if self._status.ports.get("http"):
            self._status.addresses = {
                "public": self._address("http") + "/",
                "tasks": self._address("http") + "/tasks",
                "dashboard": self._address("http") + "/dashboard",
                "ocpp": self._address("ocpp") + "/{station id}",
                "mqtt": f"mqtt://{self._mqtt_host}:{self._status.ports.get('mqtt', 0)}",
            }
            if "ocpp_tls" in self._status.ports:
                address = f"wss://127.0.0.1:{self._status.ports['ocpp_tls']}/ocpp/{{station id}}"
                self._status.addresses["ocpp over TLS"] = address
            if "ftp" in self._status.ports:
                self._status.addresses["ftp"] = f"ftp://{reached_at(self._hosts['ocpp'])}:{self._status.ports['ftp']}/"
        try:
            status.write(self._data, self._status)
        except OSError as error:  # a full disk must not keep a part from beginning again
            log.warning("the status could not be written: %s", error)

    def _announce(self) -> None:
        rows = [
            ("public page", self._status.addresses["public"]),
            ("tasks", self._status.addresses["tasks"]),
            ("dashboard", self._status.addresses["dashboard"]),
            ("chargers", self._status.addresses["ocpp"] + "   (OCPP 1.6J, 2.0.1, 2.1)"),
            *([("over TLS", tls)] if (tls := self._status.addresses.get("ocpp over TLS")) else []),
            *([("files by FTP", ftp)] if (ftp := self._status.addresses.get("ftp")) else []),
            ("MQTT", f"{self._status.addresses['mqtt']}   ({self._status.broker})"),
            ("storage", self._status.storage),
            ("data", str(self._data)),
        ]
        print("\nYouguan 有管 is ready. Ctrl-C stops it.\n")
        for name, value in rows:
            print(f"  {name:<12} {value}")
        if self._options.demo:
            sites = self._options.sites
            what = "all of it" if sites is None else f"but for the sites of {sites}"
            print(f"\n  Sample data, generated: {what}. WARNING: demo accounts are open: {', '.join(load.ACCOUNTS)};")
            print(f"  password: {load.PASSWORD}. Stations connect without credentials from this machine.")
            print("  A demo listens on this machine only, whatever YOUGUAN_HTTP_HOST and YOUGUAN_OCPP_HOST say.\n")
        sys.stdout.flush()


def _listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Bind a listening socket that the parts inherit: they may die and come back without a refused connection."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=4096)
    except OSError as error:
        raise OSError(f"port {port} cannot be had: {error.strerror}; name another one, or 0 for any free one") from None
    listening.set_inheritable(True)
    return listening


def _free_port() -> int:
    with _listen(0) as probe:
        return int(probe.getsockname()[1])


async def _greet(settings: Settings) -> None:
    connection = await connect(settings.database_url)
    await connection.close()


async def _patiently(ask: Callable[[], Awaitable[None]], what: str) -> None:
    """Ask until there is an answer. Crash recovery takes as long as it takes: say so now and then, and wait on."""
    began = told = time.monotonic()
    while True:
        try:
            await ask()
            return
        except (*AWAY, httpx.HTTPError) as error:
            if time.monotonic() - told > 10:
                told = time.monotonic()
                log.warning("still waiting for %s after %.0f s: %s", what, told - began, error)
        await asyncio.sleep(0.1)
