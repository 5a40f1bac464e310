"""What is passed on between real sockets: bytes, subprotocols, close codes, pings, refusals, each side's end."""

import asyncio
import base64
import json
import os
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from ocpp_gateway.relay import legs
from ocpp_gateway.relay.reach import open_first
from ocpp_gateway.stations.attempts import TRIES
from tests.ocpp_gateway.relayed import US, Relay, relay_of, until
from youguan.pki import Authority, Issued
from youguan.settings import Settings

HEARTBEAT = '[2,"1","Heartbeat",{}]'


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with relay_of() as relay:
        yield relay


async def test_messages_pass_unchanged_both_ways(relay: Relay) -> None:
    random_bytes = random.Random(7)
    messages: list[str | bytes] = [
        HEARTBEAT, ' [ 2 , "1", "Heartbeat" , {} ] ', "", "\x00", "桩 🔌", "x" * 300_000, b"\x00\xff" * 1000, b"",
        '[3,"1",{"a":1.0,"b":1E400}]', "nonsense", "[]", "{}", "[2]", '[2,"1",2,3]', '[9,{},[]]',
    ]  # fmt: skip
    messages += ["".join(map(chr, random_bytes.choices(range(32, 0x3000), k=50))) for _ in range(100)]
    messages += [random_bytes.randbytes(random_bytes.randrange(200)) for _ in range(50)]
    async with relay.both() as (station, upstream):
        for message in messages:
            await station.send(message)
            await upstream.send(message)
        assert [await station.recv() for _ in messages] == messages
        await until(lambda: len(relay.system.got) == len(messages))
    assert relay.system.got == messages


async def test_fragments_arrive_as_one_message_with_a_ping_between(relay: Relay) -> None:
    async with relay.both() as (station, upstream):
        await station.send(part for part in ("[2,", '"1",', '"Heartbeat",{}]'))
        await upstream.send(part for part in (b"a", b"b"))
        assert await station.recv() == b"ab"
        await until(lambda: relay.system.got == [HEARTBEAT])


@pytest.mark.parametrize(
    ("knows", "offers", "agreed"),
    [
        (["ocpp1.6"], ["ocpp2.0.1", "ocpp1.6"], "ocpp1.6"),
        (["ocpp2.1", "ocpp2.0.1"], ["ocpp2.0.1", "ocpp2.1"], "ocpp2.1"),
        (["soap"], ["soap", "ocpp1.6"], "soap"),
        ([], ["ocpp1.6"], None),
    ],
    ids=["the only one", "the upstream's order", "one that we do not know", "none"],
)
async def test_the_upstream_chooses_the_subprotocol(
    relay: Relay, knows: list[str], offers: list[str], agreed: str | None
) -> None:
    relay.system.subprotocols = knows
    async with relay.both(*offers) as (station, upstream):
        assert (station.subprotocol, upstream.subprotocol) == (agreed, agreed)


async def test_the_upstream_sees_who_comes_and_that_it_comes_through_us(relay: Relay) -> None:
    station = await relay.station(path="b%20c;d?x=1", Authorization="Basic czE6c2VjcmV0", X_Own="v")
    request = relay.system.requests[0]
    assert request.path == "/csms/b%20c%3Bd?x=1"
    assert request.headers["Authorization"] == "Basic czE6c2VjcmV0"
    assert request.headers["X-Own"] == "v"
    assert request.headers["Host"] == f"localhost:{relay.system.port}"
    assert request.headers["Via"] == f"1.1 {US}"
    assert "Sec-WebSocket-Extensions" not in request.headers
    await station.close()


CODES = [
    (1000, ""),
    (1001, "going"),
    (1008, "no"),
    (1011, "桩"),
    (1012, ""),
    (1013, ""),
    (3000, "x"),
    (4999, "y" * 100),
]


@pytest.mark.parametrize(("code", "reason"), CODES)
async def test_the_stations_goodbye_reaches_the_upstream(relay: Relay, code: int, reason: str) -> None:
    async with relay.both() as (station, _):
        await station.close(code, reason)
        assert await asyncio.wait_for(relay.system.closed.get(), 20) == (code, reason)
        assert (station.close_code, station.close_reason) == (code, reason)
    await until(lambda: "s1" not in relay.server.sessions)
    assert relay.notes[-1].about == f"closed: {code} {reason}".rstrip()


@pytest.mark.parametrize(("code", "reason"), CODES)
async def test_the_upstreams_goodbye_reaches_the_station(relay: Relay, code: int, reason: str) -> None:
    async with relay.both() as (station, upstream):
        await upstream.close(code, reason)
        with pytest.raises(websockets.ConnectionClosed):
            await station.recv()
        assert (station.close_code, station.close_reason) == (code, reason)
    await until(lambda: "s1" not in relay.server.sessions)
    assert [note.state for note in relay.notes if note.kind == "upstream"] == ["connected", "closed"]


async def test_a_goodbye_without_a_code_has_none_on_the_other_side(relay: Relay) -> None:
    async with relay.both() as (station, upstream):
        upstream.transport.write(b"\x88\x00")
        with pytest.raises(websockets.ConnectionClosed):
            await station.recv()
        assert station.close_code == 1005


@pytest.mark.parametrize("side", ["station", "upstream"])
async def test_who_breaks_off_without_a_word_breaks_the_other_off(relay: Relay, side: str) -> None:
    async with relay.both() as (station, upstream):
        broken, other = (station, upstream) if side == "station" else (upstream, station)
        broken.transport.abort()
        await asyncio.wait_for(other.wait_closed(), 20)
        assert other.close_code == 1006
    await until(lambda: "s1" not in relay.server.sessions)
    states = [note.state for note in relay.notes if note.kind == "upstream"]
    assert states == (["connected"] if side == "station" else ["connected", "away"])
    ended = next(note for note in relay.notes if note.kind == "ended")
    assert ended.about == ("closed" if side == "station" else "upstream away")


async def test_pings_go_all_the_way(relay: Relay) -> None:
    async with relay.both() as (station, upstream):
        await asyncio.wait_for(await station.ping(b"from the station"), 20)
        await asyncio.wait_for(await upstream.ping(b"from the upstream"), 20)


async def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    """A listener whose queue is full answers nobody, as a dead member of a DNS round does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as dead, socket.create_server(("127.0.0.1", 0)) as living:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(dead.getsockname())
        places = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", there.getsockname()) for there in (dead, living)]
        async with asyncio.timeout(20):
            reached = await open_first(places, within_s=0.2)
        assert reached.getpeername() == living.getsockname()
        for each in (reached, *waiting):
            each.close()


async def test_nobody_who_is_silent_is_asked_by_us_or_cut_off(relay: Relay) -> None:
    """Not a byte of ours goes to a side that says nothing for an hour; whether it is there TCP finds out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ocpp/s1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    upstream = await asyncio.wait_for(relay.system.connections.get(), 20)
    (leg,) = relay.server._listeners
    for silent_s in (21, 42, 3600):
        leg.look(time.monotonic() + silent_s)
    await upstream.send("x")
    assert await asyncio.wait_for(reader.readexactly(3), 20) == b"\x81\x01x"
    assert isinstance(leg, legs.StationLeg)
    for side in (leg, leg.across):
        assert side is not None
        assert side._transport is not None
        raw = side._transport.underlying_transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == legs.KEEPALIVE_IDLE_S
    writer.close()


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 503])
async def test_the_upstreams_refusal_is_the_stations(relay: Relay, status: int) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        answer = connection.respond(HTTPStatus(status), "not so\n")
        answer.headers["X-Why"] = "because"
        return answer

    relay.system.answer = refuse
    with pytest.raises(websockets.InvalidStatus) as refused:
        await relay.station()
    answer = refused.value.response
    assert (answer.status_code, answer.headers["X-Why"], answer.body) == (status, "because", b"not so\n")
    note = relay.notes[-1]
    assert (note.kind, note.state) == ("upstream", "away" if status >= 500 else "refused")
    assert note.about.startswith(f"HTTP {status}")


async def test_an_upstream_that_is_not_there(relay: Relay) -> None:
    assert relay.upstreams.upstream is not None
    relay.upstreams.upstream = type(relay.upstreams.upstream)("x", "ws://127.0.0.1:1/")
    with pytest.raises(websockets.InvalidStatus) as refused:
        await relay.station()
    assert refused.value.response.status_code == 502
    assert (relay.notes[-1].state, relay.notes[-1].about) == ("away", "connection refused")


async def test_an_upstream_that_is_ourselves(relay: Relay) -> None:
    assert relay.upstreams.upstream is not None
    relay.upstreams.upstream = type(relay.upstreams.upstream)("x", f"ws://127.0.0.1:{relay.port}/ocpp")
    with pytest.raises(websockets.InvalidStatus) as refused:
        await relay.station()
    assert refused.value.response.status_code == 508


async def test_this_machine_is_no_upstream_outside_of_a_demo() -> None:
    async with relay_of(loopback=False) as relay:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await relay.station()
        assert refused.value.response.status_code == 502
        assert relay.notes[-1].about == "the address is this machine's own"
        assert not relay.system.requests


async def test_a_station_comes_back_before_its_old_connection_is_gone(relay: Relay) -> None:
    async with relay.both() as (older, _), relay.both() as (newer, upstream):
        await asyncio.wait_for(older.wait_closed(), 20)
        assert older.close_code == 1000
        await newer.send(HEARTBEAT)
        await until(lambda: HEARTBEAT in relay.system.got)
        await upstream.send('[3,"1",{}]')
        assert await newer.recv() == '[3,"1",{}]'


async def test_a_side_that_does_not_read_is_waited_for(relay: Relay) -> None:
    """The upstream reads nothing: the station's sending stops at what sockets hold, and nothing is lost when it reads on."""
    chunk = "x" * 100_000
    async with relay.both() as (station, upstream):
        upstream.transport.pause_reading()
        sending = asyncio.create_task(_send(station, chunk, 400))
        await until(lambda: bool(station.transport.get_write_buffer_size()))
        assert not sending.done()
        upstream.transport.resume_reading()
        await asyncio.wait_for(sending, 30)
        await until(lambda: len(relay.system.got) == 400)
    assert set(relay.system.got) == {chunk}


async def _send(station: websockets.ClientConnection, chunk: str, times: int) -> None:
    for _ in range(times):
        await station.send(chunk)


async def test_a_handshake_that_nobody_relays_is_answered_as_ever(relay: Relay) -> None:
    relay.upstreams.upstream = None
    async with await relay.station("ocpp1.6") as station:
        await station.send(HEARTBEAT)
        await until(lambda: bool(relay.recorder.entries))


async def test_what_a_station_must_not_show_in_full_is_masked_where_it_is_noted(relay: Relay) -> None:
    secret = os.urandom(8).hex()
    call = json.dumps([2, "9", "ChangeConfiguration", {"key": "AuthorizationKey", "value": secret}])
    async with relay.both() as (station, upstream):
        await upstream.send(call)
        assert await station.recv() == call
        await station.send('[3,"9",{"status":"Accepted"}]')
        await until(lambda: bool(relay.system.got))
    assert not [note for note in relay.notes if secret in note.frame + note.about]
    assert next(note for note in relay.notes if note.kind == "said").about.count("ChangeConfiguration") == 1


async def test_a_secret_in_an_answer_to_nothing_that_is_known_is_masked(relay: Relay) -> None:
    secret = os.urandom(8).hex()
    told = {"configurationKey": [{"key": "AuthorizationKey", "value": secret, "readonly": False}]}
    async with relay.both() as (station, _):
        await station.send(json.dumps([3, "never asked", told]))
        await until(lambda: any("never asked" in note.frame for note in relay.notes))
    assert secret in str(relay.system.got), "it is passed on as it is"
    assert not [note for note in relay.notes if secret in note.frame + note.about]


async def test_who_is_named_passes_and_is_noted_nowhere(relay: Relay) -> None:
    """Plate, chassis number and telephone in what vendors add, in tokens, in answers and in what is no message at all."""
    named = {"plateNo": "浙B12345", "vin": "LSVAU2180C2183294", "phone": "13812345678"}
    transfer = {"vendorId": "cn.charger", "data": json.dumps(named, ensure_ascii=False)}
    begin = {"connectorId": 1, "idTag": named["vin"], "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    known = {"idTagInfo": {"status": "Accepted", "parentIdTag": named["phone"]}}
    said = [
        json.dumps(frame, ensure_ascii=False)
        for frame in (
            [2, "1", "DataTransfer", transfer], [2, "2", "StartTransaction", begin], [2, "3", "Own", named],
            [3, "8", {"status": "Accepted", "data": transfer["data"]}], [4, "9", "GenericError", named["plateNo"], named],
        )
    ]  # fmt: skip
    said += ['{"torn": "' + named["phone"], "x" * 300_000 + named["vin"], named["vin"] + " " + "x" * 300_000]
    told = [
        json.dumps([2, "8", "DataTransfer", transfer]),
        json.dumps([3, "2", {**known, "transactionId": 7}]),
        json.dumps([2, "7", "RemoteStartTransaction", {"idTag": named["phone"]}]),
    ]
    async with relay.both() as (station, upstream):
        for message in said:
            await station.send(message)
        await until(lambda: relay.system.got == said)
        for message in told:
            await upstream.send(message)
        assert [await station.recv() for _ in told] == told
        await until(lambda: sum(note.kind == "told" for note in relay.notes) == len(told))
    kept = "".join(note.frame + note.about for note in relay.notes)
    assert not [person for person in named.values() if person in kept or json.dumps(person)[1:-1] in kept]
    assert "cn.charger" in kept
    assert "GenericError" in kept


async def test_a_secret_is_masked_whatever_the_call_takes_for_its_id(relay: Relay) -> None:
    secret = os.urandom(8).hex()
    async with relay.both() as (station, upstream):
        await upstream.send(json.dumps([2, 17, "ChangeConfiguration", {"key": "AuthorizationKey", "value": secret}]))
        await station.recv()
        await until(lambda: any("ChangeConfiguration" in note.frame for note in relay.notes))
    assert not [note for note in relay.notes if secret in note.frame + note.about]


@pytest.mark.parametrize("side", ["station", "upstream"])
@pytest.mark.parametrize("parts", [1, 3], ids=["whole", "in fragments"])
@pytest.mark.parametrize("content", ["x", b"x"], ids=["text", "binary"])
async def test_the_largest_message_and_one_beyond(relay: Relay, side: str, parts: int, content: str | bytes) -> None:
    largest = content * legs.LARGEST_MESSAGE
    async with relay.both() as (station, upstream):
        sender, other = (station, upstream) if side == "station" else (upstream, station)
        await sender.send(largest if parts == 1 else iter(pieces(largest, parts)))
        if side == "station":
            await until(lambda: relay.system.got == [largest])
        else:
            assert await station.recv() == largest
        beyond = largest + content  # type: ignore[operator]
        with suppress(websockets.ConnectionClosed):
            await sender.send(beyond if parts == 1 else iter(pieces(beyond, parts)))
        for end in (sender, other):
            await asyncio.wait_for(end.wait_closed(), 20)
            assert end.close_code == 1009


def pieces(message: Any, parts: int) -> list[Any]:
    size = len(message) // parts + 1
    return [message[at : at + size] for at in range(0, len(message), size)]


async def test_what_is_no_text_passes_and_that_it_did_is_noted(relay: Relay) -> None:
    async with relay.both() as (station, upstream):
        await station.send(b"\0" * 7)
        await upstream.send(b"\1" * 9)
        assert await station.recv() == b"\1" * 9
        await until(lambda: relay.system.got == [b"\0" * 7])
    noted = {(note.state, note.about) for note in relay.notes if note.kind == "refused"}
    assert noted == {("said", "binary, 7 bytes"), ("told", "binary, 9 bytes")}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path / "pki")
    authority.make("Operator", datetime.now(UTC))
    return authority


def served_by(authority: Authority, folder: Path, *names: str) -> ssl.SSLContext:
    """Return what an upstream serves with: a certificate for these names; it wants to see one of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files_of(authority.server([*names], datetime.now(UTC)), folder / "upstream"))
    context.load_verify_locations(authority.certificate_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def files_of(issued: Issued, place: Path) -> tuple[Path, Path]:
    assert issued.key is not None
    files = place.with_suffix(".pem"), place.with_suffix(".key")
    files[0].write_text(issued.certificate)
    files[1].write_text(issued.key)
    return files


@pytest.mark.parametrize("where", ["of the site", "of the setting"])
async def test_an_upstream_over_tls_and_who_vouches_for_it(authority: Authority, tmp_path: Path, where: str) -> None:
    text = authority.certificate_file.read_text()
    certificate, key = files_of(authority.station("us", datetime.now(UTC)), tmp_path / "us")
    known: dict[str, Any] = (
        {"authority": text} if where == "of the site" else {"files": (authority.certificate_file, certificate, key)}
    )
    context = served_by(authority, tmp_path, "localhost")
    async with relay_of(context=context, **known) as relay, relay.both() as (station, upstream):
        await station.send(HEARTBEAT)
        await until(lambda: relay.system.got == [HEARTBEAT])
        shown = upstream.transport.get_extra_info("peercert")
    assert bool(shown) == (where == "of the setting"), "our own certificate, where we have one"


@pytest.mark.parametrize(
    ("names", "known"),
    [(("localhost",), False), (("elsewhere.example",), True)],
    ids=["unknown authority", "another name"],
)
async def test_an_upstream_whose_certificate_does_not_hold_is_away(
    authority: Authority, tmp_path: Path, names: tuple[str, ...], known: bool
) -> None:
    text = authority.certificate_file.read_text() if known else None
    async with relay_of(context=served_by(authority, tmp_path, *names), authority=text) as relay:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await relay.station(Authorization="Basic czE6c2VjcmV0")
        assert refused.value.response.status_code == 502
        assert not relay.system.requests, "what the station shows is not told to a stranger"
        assert relay.notes[-1].state == "away"
        assert "certificate" in relay.notes[-1].about


CLOSED = Settings(ocpp_connections_per_source=2)


async def test_our_admission_judges_first() -> None:
    async with relay_of(settings=CLOSED) as relay:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await relay.station(Authorization="Basic czE6c2VjcmV0")
        assert refused.value.response.status_code == 401
        assert not relay.system.requests


async def test_where_the_upstream_judges_our_bounds_hold_and_its_word_counts_as_ours() -> None:
    async with relay_of(judges=True, settings=CLOSED) as relay:
        first, second = [await relay.station(path=f"a{n}", Authorization="Basic czE6c2VjcmV0") for n in range(2)]
        with pytest.raises(websockets.InvalidStatus) as refused:
            await relay.station(path="a2", Authorization="Basic czE6c2VjcmV0")
        assert refused.value.response.status_code == 429, "of one source no more"
        for station in (first, second):
            await station.close()
        await until(lambda: not relay.server.sessions)
        relay.system.answer = lambda connection, _: connection.respond(HTTPStatus.UNAUTHORIZED, "")
        statuses = []
        for _ in range(TRIES + 1):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await relay.station(Authorization="Basic Z3Vlc3M=")
            statuses.append(refused.value.response.status_code)
        asked = len(relay.system.requests)
        assert statuses[-1] == 429
        assert set(statuses) == {401, 429}
        with pytest.raises(websockets.InvalidStatus):
            await relay.station(Authorization="Basic Z3Vlc3M=")
        assert len(relay.system.requests) == asked, "who guesses too often does not get through to it"


async def test_a_station_that_gives_up_while_its_upstream_is_asked_leaves_nothing(relay: Relay) -> None:
    asked = asyncio.Event()

    async def slow(connection: ServerConnection, request: Request) -> None:
        asked.set()
        await asyncio.sleep(30)

    relay.system.answer = slow  # type: ignore[assignment]
    coming = asyncio.create_task(relay.station())
    await asyncio.wait_for(asked.wait(), 20)
    assert len(relay.server._meeting) == 1
    coming.cancel()
    await until(lambda: not relay.server._meeting)
    assert not relay.server.sessions
