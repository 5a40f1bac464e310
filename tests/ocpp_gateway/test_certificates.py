"""SignCertificate: a station asks, somebody approves, the station comes in with what it was sent."""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import websockets
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocpp_gateway.certificates import store
from ocpp_gateway.certificates.desk import CertificateDesk, Signer
from ocpp_gateway.observation import CertificateRequested
from ocpp_gateway.protocol.versions import V16, V201, Version
from ocpp_gateway.service import signs_by_itself
from tests.ocpp_gateway.fakes import Talk
from tests.ocpp_gateway.house import REGULATOR_A, House, house_of
from tests.suite import eventually, request_of
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.errors import Conflict, NotFound, Unavailable
from youguan.pki import Issued
from youguan.settings import Settings

OPEN = '["127.0.0.0/8"]'


@pytest.mark.parametrize(
    ("version", "station_id", "more", "status"),
    [
        (V16, "s1", {}, "Accepted"),
        (V16, "s2", {}, "Rejected"),
        (V201, "s1", {}, "Accepted"),
        (V201, "s2", {}, "Rejected"),
        (V201, "s1", {"certificateType": "ChargingStationCertificate"}, "Accepted"),
        (V201, "s1", {"certificateType": "V2GCertificate"}, "Rejected"),
    ],
)
def test_what_a_station_may_ask_for(version: Version, station_id: str, more: dict[str, str], status: str) -> None:
    talk = Talk(version)
    talk.say("SignCertificate", {"csr": request_of(ec.generate_private_key(ec.SECP256R1()), station_id), **more})
    (entry,) = talk.recorder.entries
    assert [type(observation) for observation in entry.observations] == (
        [CertificateRequested] if status == "Accepted" else []
    )
    assert bool(entry.doubts) == (status == "Rejected")
    talk.recorder.settle()
    assert talk.wire.sent == [[3, "1", {"status": status}]]


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with (
        await create_pool(database_url) as pool,
        house_of(database_url, pool, tmp_path, YOUGUAN_OCPP_OPEN_NETWORKS=OPEN) as house,
    ):
        yield house


def desk_of(house: House) -> CertificateDesk:
    return CertificateDesk(house.pool, house.desk, house.authority, SystemClock())


async def ask(socket: websockets.ClientConnection, request: str) -> None:
    await socket.send(json.dumps([2, "sign", "SignCertificate", {"csr": request}]))
    assert json.loads(await socket.recv()) == [3, "sign", {"status": "Accepted"}]


async def pending(house: House) -> asyncpg.Record:
    async def found() -> Any:
        return await house.pool.fetchrow("SELECT * FROM gateway.certificate_request WHERE state = 'pending'")

    row: asyncpg.Record = await eventually(found)
    return row


async def test_from_the_request_to_a_connection_with_the_certificate(house: House) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    async with house.connect() as socket:
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        await ask(socket, request_of(key))
        row = await desk_of(house).approve(REGULATOR_A, (await pending(house))["id"], "checked")
        _, command_id, action, payload = json.loads(await socket.recv())
        await socket.send(json.dumps([3, command_id, {"status": "Accepted"}]))
    assert (row["state"], row["command_id"], action) == ("approved", command_id, "CertificateSigned")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.create_default_context(cafile=str(house.authority.certificate_file))
    context.load_cert_chain(*house.files_of(payload["certificateChain"], private.decode()))
    assert await house.status_of(context=context) == 101
    house.authority.revoke(row["serial"], SystemClock().now())

    async def refused() -> bool:
        return await house.status_of(context=context) == 401

    await eventually(refused)
    actions = {line["action"] for line in await house.pool.fetch("SELECT action FROM audit.trail")}
    assert actions == {"command CertificateSigned", "certificate approved"}


async def test_what_is_decided_is_decided_once(house: House) -> None:
    desk = desk_of(house)
    async with house.connect() as socket:
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        request_id = (await pending(house))["id"]
        assert (await desk.reject(REGULATOR_A, request_id, "unknown"))["state"] == "rejected"
        for decide in (desk.approve, desk.reject):
            with pytest.raises(Conflict):
                await decide(REGULATOR_A, request_id, "again")
            with pytest.raises(NotFound):
                await decide(REGULATOR_A, "nothing", "again")
    with pytest.raises(Unavailable):
        await CertificateDesk(house.pool, house.desk, None, SystemClock()).approve(REGULATOR_A, request_id, "x")


async def test_a_station_that_is_gone_is_sent_nothing_and_its_request_waits(house: House) -> None:
    async with house.connect() as socket:
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        request_id = (await pending(house))["id"]

    async def gone() -> bool:
        return not await house.pool.fetchval("SELECT connected FROM gateway.station_now WHERE station_id = 's1'")

    await eventually(gone)
    with pytest.raises(Conflict):
        await desk_of(house).approve(REGULATOR_A, request_id, "checked")
    assert await desk_of(house).approve_pending() == 0
    assert (await pending(house))["id"] == request_id


async def test_by_policy(house: House) -> None:
    async with house.connect() as socket:
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        await pending(house)
        assert await desk_of(house).approve_pending() == 1
        assert json.loads(await socket.recv())[2] == "CertificateSigned"
        assert await desk_of(house).approve_pending() == 0


@pytest.mark.parametrize(
    ("policy", "networks", "by_itself"),
    [("automatic", [], True), ("automatic", ["10.0.0.0/8"], False), ("regulator", [], False)],
)
def test_nothing_signs_by_itself_where_nobody_shows_who_he_is(
    policy: Any, networks: list[str], by_itself: bool
) -> None:
    assert signs_by_itself(Settings(sign_certificates=policy, ocpp_open_networks=networks)) is by_itself


async def test_of_two_approvals_at_once_one_signs_and_sends(house: House) -> None:
    desk = desk_of(house)
    async with house.connect() as socket:
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        request_id = (await pending(house))["id"]
        answers = await asyncio.gather(
            *(desk.approve(REGULATOR_A, request_id, "checked") for _ in range(5)), return_exceptions=True
        )
        assert json.loads(await socket.recv())[2] == "CertificateSigned"
    assert len([answer for answer in answers if isinstance(answer, Conflict)]) == 4
    assert await house.pool.fetchval("SELECT count(*) FROM gateway.command WHERE action = 'CertificateSigned'") == 1


class SlowSigner:
    """Signs when it is let."""

    def __init__(self, real: Signer) -> None:
        self._real, self.asked, self.go = real, threading.Event(), threading.Event()

    def sign(self, request: str, station_id: str, now: datetime) -> Issued:
        self.asked.set()
        assert self.go.wait(60)
        return self._real.sign(request, station_id, now)


async def test_what_a_station_asks_for_while_its_request_is_signed_is_another_request(house: House) -> None:
    signer = SlowSigner(house.authority)
    desk = CertificateDesk(house.pool, house.desk, signer, SystemClock())
    async with house.connect() as socket:
        await ask(socket, first := request_of(ec.generate_private_key(ec.SECP256R1())))
        approving = asyncio.create_task(desk.approve(REGULATOR_A, (await pending(house))["id"], "checked"))
        assert await asyncio.to_thread(signer.asked.wait, 60)
        await ask(socket, second := request_of(ec.generate_private_key(ec.SECP256R1())))
        signer.go.set()
        with pytest.raises(Conflict):
            await approving
        rows = await house.pool.fetch("SELECT state, request FROM gateway.certificate_request ORDER BY received_at")
        assert [tuple(row) for row in rows] == [("superseded", first), ("pending", second)]
        assert await desk_of(house).approve_pending() == 1
        assert json.loads(await socket.recv())[2] == "CertificateSigned"
    assert await house.pool.fetchval("SELECT count(*) FROM gateway.command") == 1


async def test_what_cannot_be_signed_is_rejected_and_stands_in_nobodys_way(house: House) -> None:
    async with house.connect() as socket:
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        request_id = (await pending(house))["id"]
        await house.pool.execute("UPDATE gateway.certificate_request SET request = 'none'")
        assert await desk_of(house).approve_pending() == 0
        row = await house.pool.fetchrow("SELECT * FROM gateway.certificate_request WHERE id = $1", request_id)
        assert (row["state"], row["decided_by"]) == ("rejected", "policy")
        assert row["reason"]
        await ask(socket, request_of(ec.generate_private_key(ec.SECP256R1())))
        await pending(house)
        assert await desk_of(house).approve_pending() == 1


class CutOff:
    """A connection of which the first answer is not waited for: whoever asked is cancelled."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.terminate = connection.terminate

    async def fetchval(self, *asked: Any) -> Any:
        await self._connection.fetchval(*asked)
        raise asyncio.CancelledError


async def test_whoever_is_cancelled_while_he_takes_a_request_leaves_it_to_others(shared_database_url: str) -> None:
    async with await create_pool(shared_database_url) as pool, pool.acquire() as other:
        async with pool.acquire() as connection:
            with pytest.raises(asyncio.CancelledError):
                async with store.taken(CutOff(connection), "r"):
                    pass
        async with asyncio.timeout(30):  # what the server does when it sees that a connection is gone
            await other.execute(store.TAKE.replace("try_", ""), "certificate request r")
