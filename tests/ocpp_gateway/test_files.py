"""Files over a real HTTP server and with a real station on a socket: taken once, whole or not at all, and given in parts."""

import asyncio
import base64
import gc
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from ocpp_gateway import worker
from ocpp_gateway.files.depot import hash_of, safe_name
from ocpp_gateway.files.requests import Image, ask_for_log, give_firmware
from ocpp_gateway.files.signature import check_signature
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.secrets import MASK
from ocpp_gateway.protocol.versions import named
from ocpp_gateway.service import compose
from ocpp_gateway.stations import directory
from tests.suite import Charger, eventually
from youguan.auth import TokenIssuer, generate_keys
from youguan.clock import ManualClock
from youguan.database import create_pool
from youguan.errors import Invalid
from youguan.eventlog import publish
from youguan.events import SiteFiled, StationFile
from youguan.settings import Settings
from youguan.web.application import application

NOW = datetime.now(UTC).replace(microsecond=0)
PRIVATE, PUBLIC = generate_keys()
LARGEST = 100_000


@dataclass
class World:
    """The gateway's web side on a port, a worker on another, and a station that is connected."""

    pool: asyncpg.Pool
    clock: ManualClock
    client: httpx.AsyncClient
    charger: Charger
    folder: Path
    settings: Settings

    async def ask(self, path: str, body: dict[str, Any], role: str = "regulator") -> httpx.Response:
        return await self.client.post(f"/api/gateway{path}", json=body, headers=bearer(role))

    async def expect_upload(self, **body: Any) -> tuple[str, str]:
        """Let the station be asked for a log; return (file id, address)."""
        answer = await self.ask("/stations/C1/diagnostics", body, "inspector")
        assert answer.status_code == 202, answer.text
        call = await self.called()
        location = call[3].get("location") or call[3]["log"]["remoteLocation"]
        return answer.json()["file_id"], location

    async def called(self) -> list[Any]:
        """Return the next call to the station, which accepts it."""
        assert self.charger.socket is not None
        async with asyncio.timeout(20):
            call: list[Any] = json.loads(await self.charger.socket.recv())
        accepted = {} if call[2] in ("GetDiagnostics", "UpdateFirmware") else {"status": "Accepted"}
        await self.charger.socket.send(json.dumps([3, call[1], accepted]))
        return call

    async def files(self) -> list[dict[str, Any]]:
        found = await self.client.get("/api/gateway/stations/C1/files", headers=bearer("inspector"))
        items: list[dict[str, Any]] = found.raise_for_status().json()["items"]
        return items

    def on_disk(self) -> list[Path]:
        return [path for path in (self.folder / "files").rglob("*") if path.is_file()]


def bearer(role: str) -> dict[str, str]:
    issuer = TokenIssuer(PRIVATE, timedelta(days=9))
    token = issuer.issue(
        subject=f"a {role}",
        name=role,
        roles=frozenset({role}),
        organisation_id=None,
        division=None,
        now=datetime.now(UTC),
    )
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(database_url, tmp_path, ManualClock(NOW)) as world:
        yield world


@asynccontextmanager
async def world_of(database_url: str, folder: Path, clock: ManualClock, **more: Any) -> AsyncIterator[World]:
    """A world that begins and ends; `more`: settings."""
    web, ocpp = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    ocpp.setblocking(False)
    address = f"http://127.0.0.1:{web.getsockname()[1]}"
    settings = Settings(
        database_url=database_url, role_secret=None, token_public_key=PUBLIC, data_dir=folder, public_url=address,
        largest_upload_bytes=LARGEST, ocpp_open_networks=["127.0.0.0/8"], station_key_secret="s" * 32, **more,
    )  # fmt: skip
    threshold = gc.get_threshold()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(database_url))
        station = StationFile(station_id="C1", connectors=1, power_w=7000, current_type="AC")
        site = SiteFiled(
            site_id="S1", name="S1", address="", division_code=None, division_name=None, longitude=121.4, latitude=29.3,
            stations=(station,),
        )  # fmt: skip
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, "registry", [site])
        await directory.consumer(pool).catch_up()
        parts = [await stack.enter_async_context(compose(settings, clock))]
        config = uvicorn.Config(application(parts, settings, pool), log_level="warning", ws="none", lifespan="on")
        server, stop = uvicorn.Server(config), asyncio.Event()
        serving = asyncio.create_task(server.serve([web]))
        working = asyncio.create_task(worker.run(settings, 0, ocpp, None, stop))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, trust_env=False, timeout=20))
        charger = Charger(ocpp.getsockname()[1], "C1")
        try:
            await connect(charger)
            yield World(pool, clock, client, charger, folder, settings)
        finally:
            await charger.close()
            stop.set()
            server.should_exit = True
            await asyncio.gather(serving, working)
    gc.set_threshold(*threshold)  # a worker spares the collector of its process


async def connect(charger: Charger) -> None:
    """Connect as soon as the worker accepts, and boot."""
    await charger.connect()
    assert await charger.boot() == "Accepted"


# --- what stations bring --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("name", ["", "/diagnostics.zip"])
async def test_a_station_brings_its_diagnostics(world: World, method: str, name: str) -> None:
    file_id, location = await world.expect_upload(oldest="2026-05-01T00:00:00Z", reason="look")
    content = bytes(range(256)) * 200
    brought = await world.client.request(method, location + name, content=content)
    assert (brought.status_code, brought.json()) == (201, {"sha256": hashlib.sha256(content).hexdigest()})
    await world.charger.say("DiagnosticsStatusNotification", {"status": "Uploaded"})
    (file,) = await world.files()
    assert (file["id"], file["state"], file["size_bytes"]) == (file_id, "received", len(content))
    assert (file["sha256"], file["station_status"]) == (hashlib.sha256(content).hexdigest(), "Uploaded")
    assert (file["remote"], file["station_connected"], file["station_remote"]) == ("127.0.0.1", True, "127.0.0.1")
    taken = await world.client.get(f"/api/gateway/files/{file_id}", headers=bearer("inspector"))
    assert taken.content == content
    assert taken.headers["content-disposition"] == f'attachment; filename="{file_id}-{name.strip("/") or "file"}"'
    assert taken.headers["content-type"] == "application/octet-stream"
    actions = [row["action"] for row in await world.pool.fetch("SELECT action FROM audit.trail ORDER BY number")]
    assert actions == ["command GetDiagnostics", "download"]


async def test_an_address_holds_once(world: World) -> None:
    _, location = await world.expect_upload()
    assert (await world.client.put(location, content=b"first")).status_code == 201
    again = await world.client.put(location, content=b"second")
    assert (again.status_code, again.json()["code"]) == (410, "gone")
    assert [path.read_bytes() for path in world.on_disk()] == [b"first"]


async def test_whoever_looks_at_the_request_does_not_learn_the_address(world: World) -> None:
    _, location = await world.expect_upload()
    token = location.rsplit("/", 1)[-1]
    (command,) = (await world.client.get("/api/gateway/stations/C1/commands", headers=bearer("inspector"))).json()[
        "items"
    ]
    assert command["payload"]["location"] == location.replace(token, MASK)
    await world.charger.close()

    async def gone() -> bool:
        return bool(await world.pool.fetchval("SELECT NOT connected FROM gateway.station_now"))

    await eventually(gone)
    for table in ("audit.trail", "gateway.command", "telemetry.raw_frame"):
        kept = [str(dict(row)) for row in await world.pool.fetch(f"SELECT * FROM {table}")]
        assert [row for row in kept if MASK in row], table
        assert not [row for row in kept if token in row], table
    await world.client.put(location, content=b"whose?")
    (file,) = await world.files()
    assert (file["remote"], file["station_connected"], file["station_remote"]) == ("127.0.0.1", False, None)


async def test_an_address_holds_for_its_time(world: World) -> None:
    _, location = await world.expect_upload(lifetime_s=60)
    world.clock.advance(timedelta(seconds=60))
    assert (await world.client.put(location, content=b"late")).status_code == 410
    assert [file["state"] for file in await world.files()] == ["expired"]
    assert world.on_disk() == []


@pytest.mark.parametrize("token", ["wrong", "..%2F..%2Fetc%2Fpasswd", "%00", "x" * 3000])
async def test_a_wrong_address(world: World, token: str) -> None:
    answer = await world.client.put(f"/files/upload/{token}", content=b"x")
    assert answer.status_code == 404
    assert world.on_disk() == []


async def test_a_name_says_nothing_about_where(world: World) -> None:
    _, location = await world.expect_upload()
    assert (
        await world.client.put(f"{location}/..%2F..%2F..%2F..%2Ftmp%2F.evil%3B%00x", content=b"x")
    ).status_code == 201
    assert [file["name"] for file in await world.files()] == ["evil__x"]
    (path,) = world.on_disk()
    assert path.parent == world.folder / "files" / "evidence"


async def test_too_large_by_its_own_word(world: World) -> None:
    _, location = await world.expect_upload()
    answer = await world.client.put(location, content=b"x" * (LARGEST + 1))
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert world.on_disk() == []


async def test_too_large_without_saying_so(world: World) -> None:
    _, location = await world.expect_upload()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 10_000
            yield b"x" * 10_000
            await asyncio.sleep(0)

    async with asyncio.timeout(30):
        try:
            answer = await world.client.put(location, content=endless())
            assert answer.status_code == 413
        except httpx.HTTPError:
            assert sent > LARGEST  # the connection was closed while it was still talking
    assert world.on_disk() == []
    assert [file["state"] for file in await world.files()] == ["expected"]


async def test_an_upload_that_is_cut_off_leaves_nothing_and_may_be_tried_again(world: World) -> None:
    _, location = await world.expect_upload()
    url = httpx.URL(location)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"PUT {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".encode() + b"x" * 3000)
    await writer.drain()

    async def arrives() -> bool:
        return bool(world.on_disk())

    await eventually(arrives)
    writer.close()

    async def gone() -> bool:
        return not world.on_disk()

    await eventually(gone)
    assert [file["state"] for file in await world.files()] == ["expected"]
    assert (await world.client.put(location, content=b"whole")).status_code == 201
    assert await reader.read() is not None


async def test_two_at_once(world: World) -> None:
    _, location = await world.expect_upload()
    go_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x"
        await go_on.wait()
        yield b"y"

    first = asyncio.create_task(world.client.put(location, content=slowly()))

    async def arrives() -> bool:
        return bool(world.on_disk())

    await eventually(arrives)
    assert (await world.client.put(location, content=b"second")).status_code == 409
    go_on.set()
    assert (await first).status_code == 201


async def test_nothing_is_expected_of_a_station_that_was_not_asked(world: World) -> None:
    assert (await world.ask("/stations/C9/diagnostics", {})).status_code == 404
    assert (await world.ask("/stations/C1/diagnostics", {}, "operator")).status_code == 403
    assert (await world.client.post("/api/gateway/stations/C1/diagnostics", json={})).status_code == 401
    elsewhere = {"action": "GetDiagnostics", "payload": {"location": "ftp://elsewhere.example/x"}}
    refused = await world.ask("/stations/C1/commands", elsewhere, "inspector")
    assert (refused.status_code, "/stations/C1/diagnostics" in refused.json()["detail"]) == (403, True)
    assert await world.files() == []


async def test_who_may_read_a_file(world: World) -> None:
    file_id, location = await world.expect_upload()
    path = f"/api/gateway/files/{file_id}"
    assert (await world.client.get(path, headers=bearer("regulator"))).status_code == 404, "it is not there yet"
    await world.client.put(location, content=b"x")
    assert (await world.client.get(path)).status_code == 401
    assert (await world.client.get(path, headers=bearer("operator"))).status_code == 403
    assert (await world.client.get(path, headers=bearer("regulator"))).status_code == 200
    assert (await world.client.get(location)).status_code == 405
    assert await world.pool.fetchval("SELECT token_hash FROM gateway.evidence_file") == hash_of(
        location.rsplit("/", 1)[-1]
    )


async def test_content_that_is_not_on_this_machine_is_told_as_unavailable(world: World) -> None:
    file_id, location = await world.expect_upload()
    await world.client.put(location, content=b"x")
    await upload_firmware(world)
    await world.ask("/stations/C1/firmware", NEWER)
    firmware = (await world.called())[3]["location"]
    for path in world.on_disk():
        path.unlink()
    for address, role in ((f"/api/gateway/files/{file_id}", "regulator"), (firmware, "operator")):
        answer = await world.client.get(address, headers=bearer(role))
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert await world.pool.fetchval("SELECT count(*) FROM audit.trail WHERE action = 'download'") == 0


# --- firmware -----------------------------------------------------------------------------------------------------

FIRMWARE = {"vendor": "Test", "model": "T", "version": "2.0", "name": "fw 2.bin"}
IMAGE = b"firmware" * 2000
WHY = {"reason": "a recall"}
NEWER = {"version": "2.0", **WHY}


async def upload_firmware(world: World, **more: str) -> httpx.Response:
    announced = await world.ask("/firmware", {**FIRMWARE, **more})
    assert announced.status_code == 201, announced.text
    path = f"/api/gateway/firmware/{announced.json()['id']}/content"
    return await world.client.put(path, content=IMAGE, headers=bearer("regulator"))


async def test_a_station_is_sent_to_its_firmware_and_fetches_it_in_parts(world: World) -> None:
    assert (await upload_firmware(world)).json()["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    answer = await world.ask("/stations/C1/firmware", NEWER)
    assert answer.status_code == 202, answer.text
    call = await world.called()
    assert call[2] == "UpdateFirmware"
    location = call[3]["location"]
    assert location.endswith("/fw_2.bin")
    whole = await world.client.get(location)
    assert (whole.content, whole.headers["etag"]) == (IMAGE, f'"{hashlib.sha256(IMAGE).hexdigest()}"')
    rest = await world.client.get(location, headers={"Range": "bytes=9000-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, IMAGE[9000:])
    assert rest.headers["content-range"] == f"bytes 9000-{len(IMAGE) - 1}/{len(IMAGE)}"
    other = await world.client.get(location, headers={"Range": "bytes=9000-", "If-Range": '"older"'})
    assert (other.status_code, other.content) == (200, IMAGE)
    await world.charger.say("FirmwareStatusNotification", {"status": "Installed"})
    said = await world.client.get("/api/gateway/stations/C1/firmware", headers=bearer("inspector"))
    assert [status["status"] for status in said.json()["statuses"]] == ["Installed"]


@pytest.mark.parametrize(
    ("more", "wanted", "status"),
    [
        ({"vendor": "Other"}, {"version": "2.0"}, 404),
        ({}, {"version": "3.0"}, 404),
        ({}, {"firmware_id": "nothing"}, 404),
    ],
)
async def test_firmware_that_does_not_fit(
    world: World, more: dict[str, str], wanted: dict[str, str], status: int
) -> None:
    await upload_firmware(world, **more)
    assert (await world.ask("/stations/C1/firmware", {**wanted, **WHY})).status_code == status


LATE, EARLY = (NOW + timedelta(hours=1)).isoformat(), (NOW - timedelta(hours=1)).isoformat()


async def test_what_no_station_should_be_told_is_named_by_its_field(world: World) -> None:
    await upload_firmware(world)
    bad: list[tuple[str, dict[str, Any], str]] = [
        ("diagnostics", {"oldest": LATE, "latest": EARLY}, "latest"),
        ("diagnostics", {"oldest": "0001-01-01T00:00:00+14:00"}, "oldest"),
        ("diagnostics", {"lifetime": 60}, "lifetime"),
        ("firmware", WHY, "version"),
        ("firmware", {"version": "", **WHY}, "version"),
        ("firmware", {"firmware_id": "x", **NEWER}, "firmware_id"),
        ("firmware", {"install_at": EARLY, **NEWER}, "install_at"),
        ("firmware", {"install_at": NOW.isoformat(), "retrieve_at": LATE, **NEWER}, "install_at"),
        ("firmware", {"retrieve_at": "0001-01-01T00:00:00+14:00", **NEWER}, "retrieve_at"),
        ("firmware", {"retrieve": LATE, **NEWER}, "retrieve"),
    ]
    for path, body, field in bad:
        answer = await world.ask(f"/stations/C1/{path}", body)
        fields = [found["field"] for found in answer.json().get("fields", [])]
        assert (answer.status_code, fields) == (422, [field]), answer.text
    assert (await world.ask("/firmware", {**FIRMWARE, "signed": True})).json()["fields"][0]["field"] == "signed"
    assert await world.files() == [], "no station was asked"
    for body in ({"install_at": LATE, "retrieve_at": EARLY}, {"retrieve_at": EARLY}):
        assert (await world.ask("/stations/C1/firmware", {**body, **NEWER})).status_code == 202
        assert (await world.called())[2] == "UpdateFirmware"


async def test_firmware_of_another_make_by_its_id(world: World) -> None:
    firmware_id = (await upload_firmware(world, vendor="Other")).json()["id"]
    answer = await world.ask("/stations/C1/firmware", {"firmware_id": firmware_id, **WHY})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_signed_firmware_is_checked_before_any_station_hears_of_it(world: World) -> None:
    certificate, sign = signer()
    wrong = await upload_firmware(world, signing_certificate=certificate, signature=sign(b"something else"))
    assert (wrong.status_code, wrong.json()["fields"][0]["field"]) == (422, "signature")
    assert world.on_disk() == []
    right = await upload_firmware(world, signing_certificate=certificate, signature=sign(IMAGE))
    assert (right.status_code, right.json()["signed"]) == (200, True)
    assert (await world.ask("/stations/C1/firmware", NEWER)).status_code == 202
    call = await world.called()
    assert (call[2], call[3]["firmware"]["signingCertificate"]) == ("SignedUpdateFirmware", certificate)
    assert (await world.ask("/firmware", FIRMWARE)).status_code == 409, "it is there already"


async def test_who_may_bring_firmware(world: World) -> None:
    assert (await world.ask("/firmware", FIRMWARE, "inspector")).status_code == 403
    assert (await world.ask("/firmware", {**FIRMWARE, "signature": "AA=="})).status_code == 422
    announced = (await world.ask("/firmware", FIRMWARE)).json()
    path = f"/api/gateway/firmware/{announced['id']}/content"
    assert (await world.client.put(path, content=IMAGE)).status_code == 401
    assert (await world.client.get(f"/files/firmware/{announced['id']}/x")).status_code == 404
    assert world.on_disk() == []


async def bring_by_form(world: World, role: str = "regulator", **fields: str) -> httpx.Response:
    form = {name: FIRMWARE[name] for name in ("vendor", "model", "version")} | fields
    return await world.client.post(
        "/gateway/firmware-upload", data=form, files={"file": ("fw 2.bin", IMAGE)}, headers=bearer(role)
    )


async def test_firmware_is_brought_by_a_form_and_withdrawn_with_a_reason(world: World) -> None:
    certificate, sign = signer()
    signed = {"signing_certificate": certificate.replace("\n", "\r\n"), "signature": sign(IMAGE)}
    assert (await bring_by_form(world, "inspector")).status_code == 403
    for fields, wrong in (({"vendor": ""}, "生产厂家"), ({**signed, "signature": sign(b"other")}, "签名")):
        refused = await bring_by_form(world, **fields)
        assert (refused.status_code, f"没有完成：{wrong}：" in refused.text) == (422, True)
    assert (await world.pool.fetchval("SELECT count(*) FROM gateway.firmware"), world.on_disk()) == (0, [])
    assert (await bring_by_form(world, **signed)).status_code == 303
    assert (await bring_by_form(world)).status_code == 409, "it is there already"
    assert (await world.ask("/stations/C1/firmware", NEWER)).status_code == 202
    image = (await world.called())[3]["firmware"]
    assert (image["signingCertificate"], (await world.client.get(image["location"])).content) == (
        certificate.strip(),
        IMAGE,
    )

    firmware_id = await world.pool.fetchval("SELECT id FROM gateway.firmware")
    path = f"/gateway/firmware/{firmware_id}/withdraw"
    for reason, status in ((" ", 422), ("bricks chargers", 303), ("again", 409)):
        answer = await world.client.post(path, data={"reason": reason}, headers=bearer("regulator"))
        assert answer.status_code == status
    assert "bricks chargers" in (await world.client.get("/gateway/firmware", headers=bearer("regulator"))).text
    assert (await world.client.get(image["location"])).status_code == 410
    assert (await world.ask("/stations/C1/firmware", NEWER)).status_code == 404
    by_id = await world.ask("/stations/C1/firmware", {"firmware_id": firmware_id, **WHY})
    assert (by_id.status_code, "bricks chargers" in by_id.json()["detail"]) == (409, True)
    assert (await upload_firmware(world)).status_code == 200, "the version can be brought anew"
    said = await world.pool.fetch("SELECT action, after ->> 'reason' FROM audit.trail WHERE action LIKE 'withdraw%'")
    assert [tuple(row) for row in said] == [("withdraw firmware", "bricks chargers")]


# --- pure ---------------------------------------------------------------------------------------------------------


def signer(key: Any = None) -> tuple[str, Any]:
    """Return a manufacturer's certificate and how he signs."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Manufacturer")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip

    def sign(content: bytes) -> str:
        return base64.b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()

    return certificate.public_bytes(serialization.Encoding.PEM).decode(), sign


PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)


@pytest.mark.parametrize("scheme", [padding.PKCS1v15(), PSS], ids=["PKCS1v15", "PSS"])
def test_rsa_signatures(scheme: Any) -> None:
    key = rsa.generate_private_key(65537, 2048)
    certificate, _ = signer(key)
    signature = base64.b64encode(key.sign(IMAGE, scheme, hashes.SHA256())).decode()
    check_signature(certificate, signature, hashlib.sha256(IMAGE).hexdigest())
    with pytest.raises(Invalid):
        check_signature(certificate, signature, hashlib.sha256(b"other").hexdigest())


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("kind", ["diagnostics", "security"])
@pytest.mark.parametrize("signature", [None, "AA=="])
def test_what_is_asked_fits_the_schemas(version: str, kind: Any, signature: str | None) -> None:
    image = Image("https://x/y", "PEM", signature)
    for action, payload in (
        ask_for_log(version, kind, "https://x/y", 7, NOW, None),
        give_firmware(version, image, 7, NOW, NOW),
    ):
        schemas.check(schemas.requests(named(version))[action], payload, named(version))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (None, None), ("", None), ("..", None), ("a/b/c.log", "c.log"), ("C:\\logs\\x.zip", "x.zip"),
        ('a"; b\r\n', "a___b__"), ("日志.txt", "__.txt"), ("x" * 300, "x" * 100),
    ],
)  # fmt: skip
def test_names(name: str | None, safe: str | None) -> None:
    assert safe_name(name) == safe
