"""Files over FTP with clients that others wrote (ftplib, curl): one address, one file, whole or not at all."""

import asyncio
import ftplib
import hashlib
import io
import os
import shutil
import socket
import ssl
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

from ocpp_gateway.files import store
from ocpp_gateway.files.addresses import firmware_address, upload_address, way_for
from ocpp_gateway.files.depot import hash_of
from ocpp_gateway.files.ftp import process
from ocpp_gateway.files.ftp.door import A_SOURCE
from ocpp_gateway.files.ftp.visit import LOGIN_WITHIN_S, MOST_LINES, Visit
from ocpp_gateway.files.ftp.words import command_of
from ocpp_gateway.protocol.secrets import MASK, without_password
from ocpp_gateway.stations.attempts import TRIES
from tests.ocpp_gateway.test_files import IMAGE, LARGEST, NEWER, World, bearer, upload_firmware, world_of
from tests.suite import eventually
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.disk import Content
from youguan.errors import Invalid, Unavailable
from youguan.pki import Authority
from youguan.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0)
PORTS = range(20000, 20040)
LOG = bytes(range(256)) * 200
Found = TypeVar("Found")


@dataclass
class Door:
    """The FTP side in this process, and what lies behind it."""

    pool: asyncpg.Pool
    clock: ManualClock
    folder: Path
    port: int
    clients: list[ftplib.FTP] = field(default_factory=list)

    async def expect(self) -> str:
        """Expect a file of station C1; return its token."""
        token = uuid.uuid4().hex
        file = (str(uuid.uuid4()), "C1", "diagnostics", hash_of(token), "me", NOW, NOW + timedelta(hours=1), 1)
        async with self.pool.acquire() as connection:
            await store.expect_file(connection, file)
        return token

    async def firmware(self, content: bytes = IMAGE, name: str = "fw 2.bin") -> str:
        """Offer firmware; return its id."""
        firmware_id, folder = str(uuid.uuid4()), self.folder / "files" / "firmware"
        digest = hashlib.sha256(content).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{firmware_id}.{digest}").write_bytes(content)
        async with self.pool.acquire() as connection:
            announced = (firmware_id, "V", "M", firmware_id, name, None, None, "me", NOW)
            await store.announce_firmware(connection, announced)
            await store.keep_firmware(connection, firmware_id, Content(len(content), digest), NOW)
        return firmware_id

    async def received(self) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.pool.fetch(
            "SELECT * FROM gateway.evidence_file WHERE received_at IS NOT NULL"
        )
        return rows

    def on_disk(self) -> list[Path]:
        return [path for path in (self.folder / "files" / "evidence").rglob("*") if path.is_file()]

    async def arriving(self) -> None:
        """Wait until a file has begun to arrive."""

        async def begun() -> bool:
            return bool(self.on_disk())

        await eventually(begun)

    async def nothing(self) -> None:
        """Wait until nothing lies there any more."""

        async def nothing() -> bool:
            return not self.on_disk()

        await eventually(nothing)
        assert await self.received() == []

    def stranger(self, kind: type[ftplib.FTP] = ftplib.FTP, **options: Any) -> Any:
        """Return a client that is connected."""
        client = kind(timeout=20, **options)
        self.clients.append(client)
        client.connect("127.0.0.1", self.port)
        return client

    def client(self, secret: str, user: str = "upload", kind: type[ftplib.FTP] = ftplib.FTP, **options: Any) -> Any:
        """Return a client that is logged in."""
        client = self.stranger(kind, **options)
        client.login(user, secret)
        return client


@pytest.fixture
async def door(shared_database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    authority = Authority(tmp_path / "pki")
    authority.make("Test", datetime.now(UTC))
    issued = authority.server(["127.0.0.1"], datetime.now(UTC))
    assert issued.key is not None
    certificate = tmp_path / "server.pem"
    certificate.write_text(issued.certificate)
    certificate.with_suffix(".key").write_text(issued.key)
    settings = Settings(
        database_url=shared_database_url, role_secret=None, data_dir=tmp_path, largest_upload_bytes=LARGEST,
        ocpp_tls_certificates=[certificate], ftp_passive_ports=f"{PORTS[0]}-{PORTS[-1]}", ftp_address="127.0.0.1",
    )  # fmt: skip
    listening, stop, clock = socket.create_server(("127.0.0.1", 0)), asyncio.Event(), ManualClock(NOW)
    async with await create_pool(shared_database_url) as pool:
        await pool.execute("DELETE FROM gateway.evidence_file")
        serving = asyncio.create_task(process.run(settings, listening, stop, clock))
        door = Door(pool, clock, tmp_path, listening.getsockname()[1])
        try:
            yield door
        finally:
            for client in door.clients:
                client.close()
            stop.set()
            await serving


async def at(work: Callable[..., Found], *arguments: Any) -> Found:
    """Do what blocks, in a thread."""
    return await asyncio.to_thread(work, *arguments)


async def refused(work: Callable[..., object], *arguments: Any) -> str:
    """Return how something is refused."""
    with pytest.raises(ftplib.Error) as error:
        await at(work, *arguments)
    return str(error.value)


def descriptors() -> int:
    """Return how many files and connections this process holds."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def put(client: ftplib.FTP, content: bytes, name: str = "log.zip") -> str:
    return client.storbinary(f"STOR {name}", io.BytesIO(content))


def got(client: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    found = bytearray()
    client.retrbinary(f"RETR {name}", found.extend, rest=rest)
    return bytes(found)


# --- uploads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("passive", ["PASV", "EPSV"])
async def test_a_file_comes_once_whole_and_durable(door: Door, tls: bool, passive: str) -> None:
    token = await door.expect()

    def bring() -> str:
        context = ssl.create_default_context(cafile=str(door.folder / "pki" / "ca.pem"))
        client = door.client(token, kind=ftplib.FTP_TLS, context=context) if tls else door.client(token)
        if passive == "EPSV":
            client.makepasv = lambda: (
                "127.0.0.1",
                ftplib.parse229(client.sendcmd("EPSV"), client.sock.getpeername())[1],
            )
        with client:
            if tls:
                client.prot_p()
            return put(client, LOG, "/../..\\logs/C1 log.zip")

    assert (await at(bring)).startswith(f"226 kept, SHA-256 {hashlib.sha256(LOG).hexdigest()}")
    (file,) = await door.received()
    assert (file["name"], file["size_bytes"], file["remote"]) == ("C1_log.zip", len(LOG), "127.0.0.1")
    (path,) = door.on_disk()
    assert (path.read_bytes(), path.parent) == (LOG, door.folder / "files" / "evidence")
    assert await refused(door.client, token) == "530 the file was received already"


async def test_whose_address_does_not_hold(door: Door) -> None:
    token = await door.expect()
    assert await refused(door.client, "wrong") == "530 no such address"
    assert await refused(door.client, token, "me") == "530 no such address"
    assert await refused(door.client, "a@b", "anonymous") == "530 nobody is anonymous here"
    client = await at(door.client, token)
    door.clock.advance(timedelta(hours=1))
    assert await refused(door.client, token) == "530 the time for this file is over"
    assert await refused(put, client, LOG) == "550 the time for this file is over", "it was over after the login"
    assert door.on_disk() == []


async def test_who_guesses_begins_anew_for_each_try_and_locks_nobody_out(door: Door) -> None:
    token, client = await door.expect(), await at(door.stranger)
    for _ in range(TRIES - 1):
        assert (await refused(client.login, "upload", "wrong")).startswith("530")
    assert (await refused(client.login, "upload", "wrong")).startswith("421")
    with pytest.raises(EOFError):
        await at(client.getmultiline)
    assert (await at(put, await at(door.client, token), LOG)).startswith("226"), "a right address holds"

    async def told() -> bool:
        told = "SELECT payload->>'source' FROM eventlog.event WHERE type = 'StationAccessRefused'"
        return bool(await door.pool.fetchval(told) == "127.0.0.1")

    await eventually(told)


async def test_too_large(door: Door) -> None:
    token = await door.expect()
    client = await at(door.client, token)
    for announce in (True, False):
        if announce:
            await at(client.sendcmd, f"ALLO {LARGEST + 1}")
        try:
            assert (await refused(put, client, b"x" * (LARGEST + 1))).startswith(f"552 larger than {LARGEST} bytes")
        except OSError:  # cut off while it was still talking
            assert (await refused(client.voidresp)).startswith("552")
        await at(client.sendcmd, "ALLO 0")
    await door.nothing()
    assert (await at(put, client, b"x" * LARGEST)).startswith("226")


async def test_an_upload_that_is_aborted_is_told_and_leaves_nothing(door: Door) -> None:
    client = await at(door.client, await door.expect())
    data = await at(client.transfercmd, "STOR x")
    data.sendall(LOG)
    await door.arriving()
    assert (await refused(client.sendcmd, "SIZE x")).startswith("503")
    assert (await refused(client.sendcmd, "AUTH TLS")).startswith("503")
    assert (await at(client.sendcmd, "NOOP")).startswith("200")
    assert (await at(client.abort)).startswith("426 cut off, nothing is kept")
    assert (await at(client.getmultiline)).startswith("226")
    await door.nothing()
    data.close()
    assert (await at(put, client, LOG)).startswith("226"), "it may be tried again"


async def test_what_has_come_whole_is_not_called_cut_off(door: Door, shared_database_url: str) -> None:
    client = await at(door.client, await door.expect())
    data = await at(client.transfercmd, "STOR x")
    data.sendall(LOG)
    await door.arriving()
    other = await asyncpg.connect(shared_database_url)
    async with other.transaction():
        await other.execute("LOCK TABLE gateway.evidence_file")
        data.close()

        async def placed() -> bool:
            return any(hashlib.sha256(LOG).hexdigest() in path.name for path in door.on_disk())

        await eventually(placed)
        client.sock.sendall(b"ABOR\r\n")
        await asyncio.sleep(0.1)  # time to be cut off in
    await other.close()
    assert (await at(client.voidresp)).startswith("226 kept")
    assert (await at(client.voidresp)).startswith("226")
    assert len(await door.received()) == 1


@pytest.mark.parametrize("reset", [False, True])
async def test_a_station_that_dies_leaves_nothing(door: Door, reset: bool) -> None:
    client = await at(door.client, await door.expect())
    data = await at(client.transfercmd, "STOR x")
    data.sendall(LOG)
    await door.arriving()
    if reset:  # what a connection does that was cut off, where the other still holds
        data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        data.close()
        assert (await refused(client.voidresp)).startswith("426")
    else:  # what the system does when its process ends: both connections end in order, the file's too
        client.sock.shutdown(socket.SHUT_RDWR)
        data.close()
    client.close()
    await door.nothing()


async def test_two_at_once(door: Door) -> None:
    token = await door.expect()
    first, second = await at(door.client, token), await at(door.client, token)
    data = await at(first.transfercmd, "STOR x")
    data.sendall(LOG)
    await door.arriving()
    assert (await refused(put, second, b"other")).startswith("450")
    data.close()
    assert (await at(first.voidresp)).startswith("226")
    assert (await refused(put, second, b"other")).startswith("550 the file was received already")
    assert [row["size_bytes"] for row in await door.received()] == [len(LOG)]


async def test_nothing_is_acknowledged_while_the_database_is_away(
    door: Door, shared_database_url: str, postgres: str
) -> None:
    token = await door.expect()
    client = await at(door.client, token)
    data = await at(client.transfercmd, "STOR x")
    data.sendall(LOG)
    await door.arriving()
    name, admin = urlsplit(shared_database_url).path[1:], await asyncpg.connect(postgres)
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    data.close()
    assert (await refused(client.voidresp)).startswith("451")
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await admin.close()
    assert (await at(put, client, LOG)).startswith("226"), "it may be tried again"
    assert [row["size_bytes"] for row in await door.received()] == [len(LOG)]


async def test_a_data_connection_is_the_stations_own(door: Door) -> None:
    client = await at(door.client, await door.expect())
    place = await at(client.makepasv)
    assert place[1] in PORTS
    with socket.create_connection(place, 5, source_address=("127.0.0.2", 0)) as stranger:
        assert await at(stranger.recv, 1) == b"", "whoever is not the station is let go"
    client.makepasv = lambda: place
    assert (await at(put, client, LOG)).startswith("226")


SAID = (
        ("LIST", "550"), ("NLST /", "550"), ("MLSD", "550"), ("RETR ../../etc/passwd", "550"), ("SIZE x", "550"),
        ("CWD ..", "250"), ("CWD /etc", "250"), ("DELE x", "502"), ("RNFR x", "502"), ("MKD x", "257"), ("APPE x", "502"),
        ("PORT 127,0,0,1,0,22", "502"), ("EPRT |1|127.0.0.1|22|", "502"), ("STOR a\0b", "501"), ("STOR x", "425"),
        ("TYPE E", "504"), ("MODE B", "504"), ("STRU R", "504"), ("PROT P", "503"), ("AUTH GSSAPI", "504"),
        ("REST \u00b2", "501"), ("REST " + "9" * 900, "501"), ("REST 5", "350"), ("STOR x", "554"), ("STOR x", "425"),
        ("EPSV ALL", "200"), ("EPSV 2", "522"), ("XCWD logs", "250"), ("XMKD x", "257"),
        ("SITE EXEC x", "502"), ("PWD", "257"), ("FEAT", "211"), ("SYST", "215"), ("x" * 2000, "421"),
)  # fmt: skip


async def test_what_else_is_said(door: Door) -> None:
    client = await at(door.client, await door.expect())
    for command, code in SAID:
        client.sock.sendall(f"{command}\r\n".encode())
        assert (await at(client.getmultiline))[:3] == code, command
    assert door.on_disk() == []


async def test_before_a_login_nothing_is_done(door: Door) -> None:
    client = await at(door.stranger)
    for command in ("PASV", "STOR x", "RETR x", "CWD /", "TYPE I"):
        assert (await refused(client.sendcmd, command)).startswith("530"), command


async def test_no_source_takes_all_connections(door: Door) -> None:
    for _ in range(A_SOURCE):
        await at(door.stranger)
    assert (await refused(door.stranger)).startswith("421")


async def test_who_talks_without_end_is_cut_off(door: Door) -> None:
    client = await at(door.stranger)
    client.sock.sendall(b"NOOP\r\n" * (MOST_LINES + 10))

    def hear() -> list[str]:
        said = []
        with suppress(EOFError, ConnectionResetError):
            while True:
                said.append(client.getmultiline())
        return said

    said = await at(hear)
    assert "421 too many commands" in said
    assert len(said) <= MOST_LINES + 1


async def test_words_before_tls_are_no_words_within(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    await reader.readline()
    writer.write(b"AUTH TLS\r\nUSER upload\r\n")
    assert await reader.read() == b"", "whoever puts words in is let go"
    writer.close()


class Eager(ftplib.FTP_TLS):
    """Begins TLS as soon as a data connection is there, before it says what for, as curl does."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        data = self.context.wrap_socket(socket.create_connection(self.makepasv(), 20), server_hostname=self.host)
        self.sendcmd(cmd)
        return data, None


async def test_in_a_process_of_its_own(door: Door, shared_database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        given = {
            "YOUGUAN_DATABASE_URL": shared_database_url, "YOUGUAN_DATA_DIR": str(door.folder),
            "YOUGUAN_OCPP_TLS_CERTIFICATES": f'["{door.folder / "server.pem"}"]',
        }  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if not name.startswith("YOUGUAN_")}
        descriptor = listening.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ocpp_gateway", "ftp", f"--listen-fd={descriptor}", env=kept | given,
            pass_fds=(descriptor,), stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        elsewhere = replace(door, port=listening.getsockname()[1])
    context = ssl.create_default_context(cafile=str(door.folder / "pki" / "ca.pem"))

    def bring(token: str) -> str:
        client = elsewhere.client(token, kind=Eager, context=context)
        client.prot_p()
        return put(client, LOG)

    for _ in range(3):
        token = await door.expect()
        assert (await at(bring, token)).startswith("226")
    process.terminate()
    _, said = await process.communicate()
    assert (process.returncode, b"Traceback" in said, token.encode() in said) == (0, False, False), said


# --- firmware -------------------------------------------------------------------------------------------------------


async def test_firmware_is_fetched_and_gone_on_with(door: Door) -> None:
    firmware_id = await door.firmware()
    other = await door.firmware(b"other", "other.bin")
    client = await at(door.client, firmware_id, "firmware")
    assert await at(client.size, "/fw 2.bin") == len(IMAGE)
    assert await at(got, client, "fw 2.bin") == IMAGE
    assert await at(got, client, "/fw 2.bin", len(IMAGE) - 3) == IMAGE[-3:]
    for command in ("CWD /etc", "MKD x"):
        assert (await refused(client.sendcmd, command))[:3] == "550", command
    for name in ("other.bin", f"../{other}", "../fw 2.bin", ""):
        assert (await refused(got, client, name))[:3] == "550", name
    assert (await refused(got, client, "fw 2.bin", len(IMAGE) + 1))[:3] == "554"
    assert (await at(client.sendcmd, f"REST {len(IMAGE) - 5}"))[:3] == "350"
    assert await at(got, client, "fw 2.bin") == IMAGE[-5:], "PASV came between"
    assert await at(got, client, "fw 2.bin") == IMAGE, "it held for one file"
    assert (await refused(put, client, b"evil"))[:3] == "550"
    await door.pool.execute("UPDATE gateway.firmware SET withdrawn_at = now() WHERE id = $1", firmware_id)
    assert await refused(got, client, "fw 2.bin") == "550 this firmware was withdrawn"
    assert (await refused(door.client, firmware_id, "firmware"))[:3] == "530"


async def test_who_reads_nothing_holds_nothing(door: Door) -> None:
    client = await at(door.client, await door.firmware(bytes(32 << 20)), "firmware")
    data = await at(client.transfercmd, "RETR fw 2.bin")
    await asyncio.sleep(0.3)  # until no more goes into what the system keeps for us
    held = descriptors()
    assert (await at(client.abort)).startswith("426")
    assert (await at(client.getmultiline)).startswith("226")

    async def let_go() -> bool:
        return descriptors() < held - 1  # the file and the connection

    await eventually(let_go)
    data.close()


# --- with a station -------------------------------------------------------------------------------------------------


class Station(ChargePoint):  # type: ignore[misc]  # the package is untyped
    """A station of the `ocpp` package that says it knows nothing but FTP."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        super().__init__("C1", connection)
        self.told: asyncio.Queue[str] = asyncio.Queue()

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def configuration(self, **_: Any) -> call_result.GetConfiguration:
        said = {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP,FTPS"}
        return call_result.GetConfiguration(configuration_key=[said])

    @on("GetDiagnostics")  # type: ignore[untyped-decorator]
    def diagnostics(self, location: str, **_: Any) -> call_result.GetDiagnostics:
        self.told.put_nowait(location)
        return call_result.GetDiagnostics(file_name="C1.log")

    @on("UpdateFirmware")  # type: ignore[untyped-decorator]
    def update(self, location: str, retrieve_date: str) -> call_result.UpdateFirmware:
        self.told.put_nowait(location)
        return call_result.UpdateFirmware()


@asynccontextmanager
async def station_of(world: World) -> AsyncIterator[Station]:
    """The station takes the place of the world's own."""
    assert world.charger.socket is not None
    url = f"ws://127.0.0.1:{world.charger.socket.remote_address[1]}/ocpp/C1"
    subprotocols = [websockets.Subprotocol("ocpp1.6")]
    async with websockets.connect(url, subprotocols=subprotocols, compression=None, proxy=None) as connection:
        station = Station(connection)
        listening = asyncio.create_task(station.start())
        await station.call(call.BootNotification(charge_point_model="T", charge_point_vendor="Test"))
        yield station
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_station_that_knows_only_ftp(database_url: str, tmp_path: Path) -> None:
    listening, stop, clock = socket.create_server(("127.0.0.1", 0)), asyncio.Event(), ManualClock(NOW)
    port = listening.getsockname()[1]
    async with world_of(database_url, tmp_path, clock, ftp_port=port) as world, station_of(world) as station:
        serving = asyncio.create_task(process.run(world.settings, listening, stop, clock))
        said = await world.ask("/stations/C1/commands?wait=20", {"action": "GetConfiguration", "payload": {}})
        assert said.json()["state"] == "answered"
        asked = await world.ask("/stations/C1/diagnostics", {}, "inspector")
        location = await station.told.get()
        assert location.startswith("ftp://upload:") and location.endswith(f"@127.0.0.1:{port}/")
        shown = await world.client.get(
            f"/api/gateway/commands/{asked.json()['command']['id']}", headers=bearer("regulator")
        )
        assert shown.json()["payload"]["location"] == f"ftp://upload:{MASK}@127.0.0.1:{port}/"
        await station.call(call.DiagnosticsStatusNotification(status="Uploading"))
        log = tmp_path / "C1.log"
        log.write_bytes(LOG)
        await bring(location, log)
        await station.call(call.DiagnosticsStatusNotification(status="Uploaded"))
        (file,) = await world.files()
        assert (file["id"], file["state"], file["name"]) == (asked.json()["file_id"], "received", "C1.log")
        assert (file["sha256"], file["station_status"]) == (hashlib.sha256(LOG).hexdigest(), "Uploaded")
        assert (file["remote"], file["station_connected"]) == ("127.0.0.1", True)

        await upload_firmware(world, vendor="Test", model="T")
        assert (await world.ask("/stations/C1/firmware", NEWER)).status_code == 202
        assert await fetch(await station.told.get()) == IMAGE

        page = await world.client.get("/gateway/stations/C1/commands", headers=bearer("inspector"))
        assert 'name="over"' in page.text
        for over, scheme in (("http", "http:"), ("ftp", "ftp:")):
            form = {"act": "diagnostics", "over": over}
            done = await world.client.post("/gateway/stations/C1/usual", data=form, headers=bearer("inspector"))
            assert (done.status_code, (await station.told.get()).split("//")[0]) == (303, scheme)
        stop.set()
        await serving


async def bring(location: str, file: Path) -> None:
    """Bring a file as a station does: with curl, as stations on Linux have it, else with ftplib."""
    if shutil.which("curl"):
        command = (
            "curl",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--upload-file",
            str(file),
            f"{location}logs/{file.name}",
        )
        assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0
        return

    def give() -> None:
        with of(location) as client:
            put(client, file.read_bytes(), file.name)

    await asyncio.to_thread(give)


async def fetch(location: str) -> bytes:
    def get() -> bytes:
        with of(location) as client:
            return got(client, unquote(urlsplit(location).path))

    return await asyncio.to_thread(get)


def of(location: str) -> ftplib.FTP:
    where = urlsplit(location)
    client = ftplib.FTP(timeout=20)
    client.connect(where.hostname or "", where.port or 21)
    client.login(where.username or "", where.password or "")
    return client


# --- pure -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wished", "spoken", "served", "way"),
    [
        (None, None, True, "http"), (None, "FTP", True, "ftp"), (None, " ftp, FTPS", True, "ftp"),
        (None, "FTP,HTTP", True, "http"), (None, "FTP", False, "http"), (None, "SFTP", True, "http"),
        ("ftp", "HTTP", True, "ftp"), ("http", "FTP", True, "http"),
    ],
)  # fmt: skip
def test_over_what_a_file_goes(wished: Any, spoken: str | None, served: bool, way: str) -> None:
    assert way_for(Settings(ftp_port=21 if served else None), wished, spoken) == way


def test_ftp_that_is_not_served_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="over: FTP is not served here"):
        way_for(Settings(), "ftp", None)


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "127.0.0.1"), ({"ftp_address": "203.0.113.5"}, "203.0.113.5"),
        ({"ocpp_host": "0.0.0.0", "public_url": "https://yg.example.cn/"}, "yg.example.cn"),
        ({"ocpp_host": "0.0.0.0"}, None),
    ],
)  # fmt: skip
def test_where_a_station_finds_the_port(settings: dict[str, Any], host: str | None) -> None:
    made = Settings(ftp_port=2121, **settings)
    if host is None:
        with pytest.raises(Unavailable, match="YOUGUAN_FTP_ADDRESS"):
            upload_address(made, "ftp", "t")
        return
    assert upload_address(made, "ftp", "t") == f"ftp://upload:t@{host}:2121/"
    assert firmware_address(made, "ftp", "id", "a b.bin") == f"ftp://firmware:id@{host}:2121/a%20b.bin"
    assert without_password(upload_address(made, "ftp", "t")) == f"ftp://upload:{MASK}@{host}:2121/"


@pytest.mark.parametrize("ports", ["5", "0-5", "9-5", "1-70000", "a-b"])
def test_what_is_no_range_of_ports(ports: str) -> None:
    with pytest.raises(ValueError, match="ftp_passive_ports"):
        Settings(ftp_passive_ports=ports)
    assert Settings(ftp_passive_ports="50000-50002").ftp_data_ports == range(50000, 50003)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"STOR a b \r\n", ("stor", "a b ")), (b"noop\n", ("noop", "")), (b"\xff\xf4\xff\xf2ABOR\r\n", ("abor", "")),
        (b"STOR a\0b\r\n", ("", "")), (b"STOR \xc8\xd5\r\n", ("stor", "\ufffd\ufffd")), (b"\r\n", ("", "")),
    ],
)  # fmt: skip
def test_lines(line: bytes, command: tuple[str, str]) -> None:
    assert command_of(line) == command


async def test_how_long_it_is_waited_for_somebody() -> None:
    now, reader = asyncio.get_running_loop().time(), asyncio.StreamReader()
    silent = Visit("x", began=now - LOGIN_WITHIN_S)
    assert await silent.line(reader) == (b"", "nothing was said for too long")
    reader.feed_data(b"NOOP\r\nQU")
    reader.feed_eof()
    assert await silent.line(reader) == (b"NOOP\r\n", "")
    assert await silent.line(reader) == (b"", ""), "half a line is none"
