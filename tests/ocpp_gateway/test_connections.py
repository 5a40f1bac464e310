"""Security profiles 0 to 3 on real sockets, with certificates of our own authority and clients that are not ours."""

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result201

from ocpp_gateway.commands.desk import Wish
from tests.ocpp_gateway.house import REGULATOR_A, House, house_of
from tests.suite import eventually
from youguan.database import create_pool
from youguan.errors import Invalid
from youguan.pki import Authority

BOOT = '[2,"1","BootNotification",{"chargePointVendor":"v","chargePointModel":"m"}]'


def basic(station_id: str, password: str | bytes) -> str:
    raw = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(station_id.encode() + b":" + raw).decode()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def house(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[House]:
    async with house_of(database_url, pool, tmp_path) as house:
        yield house


async def until(status: int, ask: Callable[[], Awaitable[int]]) -> None:
    """Ask until a handshake is answered so: what changes takes a moment to reach the gateway."""

    async def asked() -> bool:
        return await ask() == status

    await eventually(asked)


async def accepted(socket: websockets.ClientConnection) -> bool:
    await socket.send(BOOT)
    answer = json.loads(await socket.recv())
    return bool(answer[2]["status"] == "Accepted")


# --- profiles ---------------------------------------------------------------------------------------------------


async def test_profile_1_a_password_in_every_form_that_stations_send(house: House) -> None:
    key = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", key)))
    for shown in (key, key.lower(), bytes.fromhex(key)):
        async with house.connect(authorization=basic("s1", shown)) as socket:
            assert await accepted(socket)
    for wrong in (basic("s1", "x" * 40), basic("s2", key), "Bearer x", "Basic !", None):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await house.connect(authorization=wrong)
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers["WWW-Authenticate"].startswith("Basic ")
    assert await house.status_of("s2", authorization=basic("s2", key)) == 401


async def test_a_key_that_the_station_has_already(house: House) -> None:
    await house.issue("桩:4", key="of-the-old-operator")
    await until(101, lambda: house.status_of("桩:4", authorization=basic("桩:4", "of-the-old-operator")))


async def test_profile_2_a_password_over_tls(house: House) -> None:
    key = (await house.issue()).key
    context = house.client_context()
    await until(101, lambda: house.status_of(authorization=basic("s1", key), context=context))
    assert await house.status_of(authorization=basic("s1", "wrong"), context=context) == 401
    assert await house.status_of(context=context) == 401
    async with house.connect(authorization=basic("s1", key), context=context) as socket:
        assert await accepted(socket)


async def test_profile_3_a_certificate(house: House) -> None:
    context = house.client_context("s1")
    async with house.connect(context=context) as socket:
        assert await accepted(socket)
        assert socket.transport.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
    assert await house.status_of("s2", context=context) == 401


async def refused_in_tls(house: House, context: ssl.SSLContext) -> bool:
    """Say whether TLS ends the connection: with TLS 1.3 a client hears of it only when it reads."""
    try:
        await house.status_of(context=context)
    except (ssl.SSLError, ConnectionError, EOFError, websockets.InvalidHandshake):
        return True
    return False


async def test_certificates_that_do_not_hold(house: House, tmp_path: Path) -> None:
    assert not await refused_in_tls(house, house.client_context("s1"))
    foreign = Authority(tmp_path / "foreign")
    foreign.make("Foreign", datetime.now(UTC))
    assert await refused_in_tls(house, house.client_context("s1", issuer=foreign))
    assert await refused_in_tls(house, house.client_context("s1", lifetime=timedelta(days=1), ahead=-timedelta(days=2)))
    assert await refused_in_tls(house, house.client_context("s1", ahead=timedelta(days=2)))


async def test_old_tls_is_refused(house: House) -> None:
    old = house.client_context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError, websockets.InvalidHandshake)):
        await house.connect(context=old)
    new = house.client_context("s1")
    new.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await house.status_of(context=new) == 101


async def test_a_revoked_certificate_closes_its_connection_and_comes_in_no_more(house: House) -> None:
    issued = house.authority.station("s1", datetime.now(UTC))
    context = ssl.create_default_context(cafile=str(house.authority.certificate_file))
    context.load_cert_chain(*house.files_of(issued.certificate, issued.key))
    other = house.client_context("s2")
    async with house.connect(context=context) as revoked, house.connect("s2", context=other) as kept:
        assert await accepted(revoked)
        house.authority.revoke(issued.serial, datetime.now(UTC))
        async with asyncio.timeout(20):
            await revoked.wait_closed()
        assert revoked.close_code == 1008
        assert await accepted(kept)
    assert await house.status_of(context=context) == 401


async def test_a_new_server_certificate_is_taken_in_without_a_restart(house: House) -> None:
    def serial() -> int:
        with (
            socket.create_connection(("127.0.0.1", house.tls_port)) as raw,
            house.client_context().wrap_socket(raw, server_hostname="localhost") as wrapped,
        ):
            found = wrapped.getpeercert()
            assert found is not None
            return int(str(found["serialNumber"]), 16)

    async with house.connect(context=house.client_context("s1")) as connected:
        first = await asyncio.to_thread(serial)
        house.serve_with(house.authority)

        async def changed() -> bool:
            return await asyncio.to_thread(serial) != first

        await eventually(changed)
        assert await accepted(connected)


async def test_profile_0_only_from_a_network_that_a_setting_names(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    async with house_of(database_url, pool, tmp_path, YOUGUAN_OCPP_OPEN_NETWORKS='["127.0.0.0/8"]') as house:
        assert await house.status_of() == 101
        assert await house.status_of("not-filed") == 401


async def test_whoever_is_not_filed_needs_the_onboarding_secret(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    secret = "welcome to the county"
    async with house_of(database_url, pool, tmp_path, YOUGUAN_OCPP_ONBOARDING_SECRET=secret) as house:
        async with house.connect("new", authorization=basic("new", secret)) as socket:
            assert not await accepted(socket)
        assert await house.status_of("new", authorization=basic("new", "x" * 16)) == 401
        assert await house.status_of("s1", authorization=basic("s1", secret)) == 401

        async def listed() -> Any:
            return await pool.fetchval("SELECT station_id FROM registry.unfiled_station")

        assert await eventually(listed) == "new"


@pytest.mark.parametrize(
    ("path", "status"), [("/elsewhere", 404), ("/ocpp/", 404), ("/ocpp/s1/more", 404), ("/ocpp/s1", 400)]
)
async def test_what_is_no_station(house: House, path: str, status: int) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        assert (await client.get(f"http://127.0.0.1:{house.port}{path}")).status_code == status


# --- keys that change -------------------------------------------------------------------------------------------


async def test_a_revoked_key_closes_its_connection_and_comes_in_no_more(house: House) -> None:
    key, other = (await house.issue("s1")).key, (await house.issue("s2")).key
    await until(101, lambda: house.status_of("s2", authorization=basic("s2", other)))
    async with (
        house.connect("s1", authorization=basic("s1", key)) as revoked,
        house.connect("s2", authorization=basic("s2", other)) as kept,
    ):
        assert await accepted(revoked)
        await house.keys.revoke(REGULATOR_A, "s1", None, "stolen")
        async with asyncio.timeout(20):
            await revoked.wait_closed()
        assert await accepted(kept)
    assert await house.status_of("s1", authorization=basic("s1", key)) == 401

    async def recorded() -> Any:
        return await house.pool.fetchval(
            "SELECT reason FROM telemetry.connectivity_change WHERE station_id = 's1' AND change = 'disconnected' "
            "ORDER BY occurred_at DESC LIMIT 1"
        )

    assert await eventually(recorded) == "credentials no longer hold"


async def test_a_second_key_lets_the_first_hold_until_it_is_used(house: House) -> None:
    first = (await house.issue()).key
    second = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", first)))
    await until(101, lambda: house.status_of(authorization=basic("s1", second)))
    await until(401, lambda: house.status_of(authorization=basic("s1", first)))
    assert await house.status_of(authorization=basic("s1", second)) == 101


class Told16(ChargePoint16):  # type: ignore[misc]
    """A 1.6 station that takes new keys, or does not."""

    def __init__(self, connection: Any, status: str) -> None:
        super().__init__("s1", connection)
        self.status = status
        self.key: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def change(self, key: str, value: str) -> Any:
        assert key == "AuthorizationKey"
        self.key.set_result(value)
        return result16.ChangeConfiguration(status=self.status)


class Told201(ChargePoint201):  # type: ignore[misc]
    """A 2.0.1 station that takes new keys, or does not."""

    def __init__(self, connection: Any, status: str) -> None:
        super().__init__("s1", connection)
        self.status = status
        self.key: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @on("SetVariables")  # type: ignore[untyped-decorator]
    def change(self, set_variable_data: list[dict[str, Any]]) -> Any:
        (asked,) = set_variable_data
        self.key.set_result(asked["attribute_value"])
        answered = {name: asked[name] for name in ("component", "variable")}
        return result201.SetVariables(set_variable_result=[{**answered, "attribute_status": self.status}])


TOLD: dict[str, Any] = {"1.6": Told16, "2.0.1": Told201}


async def rotate(house: House, version: str, old: str, status: str) -> tuple[str, asyncpg.Record]:
    """Have the station told a new key; return it and the command."""
    async with house.connect(authorization=basic("s1", old), version=version) as connection:
        station = TOLD[version](connection, status)
        listening = asyncio.create_task(station.start())

        async def connected() -> Any:
            return await house.pool.fetchval(
                "SELECT true FROM gateway.station_now WHERE station_id = 's1' AND connected AND ocpp_version = $1",
                version,
            )

        await eventually(connected)
        command = await house.desk.rotate_key(REGULATOR_A, "s1", "yearly", wait_s=20)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        return await station.key, command


@pytest.mark.parametrize("version", TOLD)
async def test_a_key_is_rotated_by_the_protocol(house: House, version: str) -> None:
    old = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", old), version=version))
    new, command = await rotate(house, version, old, "Accepted")
    assert command["state"] == "answered"
    assert len(new) == 40
    assert await house.status_of(authorization=basic("s1", old)) == 101, "it holds until the new one has come"
    assert await house.status_of(authorization=basic("s1", new)) == 101
    await until(401, lambda: house.status_of(authorization=basic("s1", old)))
    assert await house.status_of(authorization=basic("s1", bytes.fromhex(new))) == 101
    assert await house.occurrences(new) == 0
    assert await house.occurrences("yearly") > 0, "else nothing was looked at"
    assert new.lower() not in house.log().lower()


@pytest.mark.parametrize("version", TOLD)
async def test_a_station_that_declines_keeps_its_key(house: House, version: str) -> None:
    old = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", old), version=version))
    new, command = await rotate(house, version, old, "Rejected")
    assert command["state"] == "answered"

    async def declined() -> Any:
        return await house.pool.fetchval("SELECT true FROM registry.station_credential WHERE ended_by LIKE 'declined%'")

    await eventually(declined)  # a station that came in with the new key before would have it
    await until(401, lambda: house.status_of(authorization=basic("s1", new)))
    assert await house.status_of(authorization=basic("s1", old)) == 101


async def test_a_key_set_by_hand_is_refused_with_the_way_that_works(house: House) -> None:
    key = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", key)))
    async with house.connect(authorization=basic("s1", key)):
        wish = Wish("s1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "AB" * 20}, "by hand")

        async def asked() -> bool:
            connected = await house.pool.fetchval("SELECT connected FROM gateway.station_now WHERE station_id = 's1'")
            return bool(connected)

        await eventually(asked)
        with pytest.raises(Invalid, match="key-rotation"):
            await house.desk.ask(REGULATOR_A, wish)
    assert await house.occurrences("AB" * 20) == 0


# --- many ---------------------------------------------------------------------------------------------------------


async def test_tries_are_counted_answered_429_and_told_once(house: House) -> None:
    key = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", key)))
    answers = [await house.status_of(authorization=basic("s1", "x" * 20)) for _ in range(15)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert await house.status_of(authorization=basic("s1", key)) == 101, "a right key always works"

    async def told() -> list[Any]:
        rows = await house.pool.fetch("SELECT payload FROM eventlog.event WHERE type = 'StationAccessRefused'")
        return [row["payload"] for row in rows] if len(rows) >= 2 else []

    events = await eventually(told)
    assert {(event["source"], event["station_id"]) for event in events} == {("127.0.0.1", None), (None, "s1")}


async def test_a_source_and_a_worker_hold_only_so_many(database_url: str, pool: asyncpg.Pool, tmp_path: Path) -> None:
    async with house_of(
        database_url, pool, tmp_path, YOUGUAN_OCPP_CONNECTIONS_PER_SOURCE="2", YOUGUAN_OCPP_CONNECTIONS="3"
    ) as house:
        certificates = {station: house.client_context(station) for station in ("s1", "s2", "s3")}
        async with house.connect("s1", context=certificates["s1"]), house.connect("s2", context=certificates["s2"]):
            assert await house.status_of("s3", context=certificates["s3"]) == 429
            assert await house.status_of("s2", context=certificates["s2"]) == 101, "it replaces its own"


async def test_a_flood_of_bad_handshakes_leaves_a_good_station_alone(house: House) -> None:
    key = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", key)))
    async with house.connect(authorization=basic("s1", key)) as good:
        assert await accepted(good)
        held = [await asyncio.open_connection("127.0.0.1", port) for port in (house.port, house.tls_port) * 600]
        held[0][1].write(b"GET /ocpp/s1 HTTP/1.1\r\nHost: x")
        refused = await asyncio.gather(*(house.status_of(authorization=basic("s1", "x" * 20)) for _ in range(100)))
        assert set(refused) <= {401, 429}
        assert await accepted(good)
        assert await house.status_of("s2", context=house.client_context("s2")) == 101
        for _, writer in held:
            writer.close()


async def test_the_newer_of_two_connections_wins_and_both_are_recorded(house: House) -> None:
    key = (await house.issue()).key
    await until(101, lambda: house.status_of(authorization=basic("s1", key)))
    async with house.connect(authorization=basic("s1", key)) as older:
        assert await accepted(older)
        assert await house.status_of(authorization=basic("s1", "x" * 20)) == 401
        assert await accepted(older), "a handshake that fails replaces nobody"
        async with house.connect(authorization=basic("s1", key)) as newer:
            assert await accepted(newer)
            async with asyncio.timeout(20):
                await older.wait_closed()
            assert older.close_code == 1000

            async def recorded() -> Any:
                return await house.pool.fetchval(
                    "SELECT count(*) FROM telemetry.connectivity_change WHERE station_id = 's1' AND reason = 'replaced'"
                )

            assert await eventually(recorded) == 1
