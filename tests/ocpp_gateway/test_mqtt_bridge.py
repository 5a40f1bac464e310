"""The bridge with a real Mosquitto and a real PostgreSQL: what was acknowledged is stored once, what is bad blocks nothing."""

import asyncio
import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import asyncpg
import orjson
import pytest

from deploy import embedded
from ocpp_gateway.mqtt import process, store
from ocpp_gateway.mqtt.bridge import Bridge
from ocpp_gateway.mqtt.connection import Broker, BrokerAway, Caller, Delivery, Dialer
from ocpp_gateway.mqtt.connection import broker as broker_of
from ocpp_gateway.mqtt.outbound import StatusPublisher, republish
from ocpp_gateway.mqtt.repeats import Repeats
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations import directory
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.store import Grant, Opening
from tests.ocpp_gateway.brokers import Mosquitto, free_port
from tests.ocpp_gateway.fakes import FakeRecorder
from tests.suite import ROOT, eventually
from youguan.clock import SystemClock
from youguan.database import create_pool
from youguan.eventlog import publish
from youguan.events import Event, SiteFiled, SiteRetired, StationFile
from youguan.settings import Settings

needs_mosquitto = pytest.mark.skipif(embedded.mosquitto() is None, reason="this machine has no mosquitto")
pytestmark = needs_mosquitto

NOW = datetime.now(UTC).replace(microsecond=0)
STATUS = "chargers/S1/C1/status"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "mqtt")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A database in which the site S1 is filed, with the stations C1 and C2."""
    async with await create_pool(database_url) as pool:
        stations = tuple(StationFile(station_id=s, connectors=2, power_w=7000, current_type="AC") for s in ("C1", "C2"))
        await file(pool, filed("S1", *stations))
        yield pool


def filed(site_id: str, *stations: StationFile, usage: str = "public") -> SiteFiled:
    return SiteFiled(
        site_id=site_id, name=site_id, address="", division_code=None, division_name=None, longitude=121.4,
        latitude=29.3, stations=stations, usage=usage,
    )  # fmt: skip


async def file(pool: asyncpg.Pool, *events: Event) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", events)
    await directory.consumer(pool).catch_up()


@pytest.fixture
def settings(database_url: str, mosquitto: Mosquitto) -> Settings:
    return Settings(database_url=database_url, role_secret=None, mqtt_url=f"mqtt://127.0.0.1:{mosquitto.port}")


@asynccontextmanager
async def bridging(settings: Settings, slot: int = 1000) -> AsyncIterator[None]:
    """A bridge at work in this process, connected and subscribed."""
    stop = asyncio.Event()
    running = asyncio.create_task(process.run(settings, slot, stop))
    state = f"youguan/v1/bridges/in-{slot}/state"
    try:
        await until_retained(settings, state, b"online")
        yield
    finally:
        stop.set()
        await running


@asynccontextmanager
async def client(settings: Settings, **options: Any) -> AsyncIterator[aiomqtt.Client]:
    broker = broker_of(settings)
    async with aiomqtt.Client(
        broker.host, broker.port, username=broker.user, password=broker.password, tls_context=broker.tls, **options
    ) as connected:
        yield connected


async def until_retained(settings: Settings, topic: str, payload: bytes | None) -> bytes:
    """Wait until a topic holds a payload (None: any) and return it."""
    async with asyncio.timeout(90):
        while True:
            with suppress(aiomqtt.MqttError):
                async with client(settings) as watching:
                    await watching.subscribe(topic, qos=1)
                    async for message in watching.messages:
                        if payload is None or message.payload == payload:
                            assert isinstance(message.payload, bytes)
                            return message.payload
            await asyncio.sleep(0.1)


async def send(settings: Settings, *messages: tuple[str, Mapping[str, Any] | bytes]) -> None:
    async with client(settings) as talking:
        for topic, message in messages:
            payload = message if isinstance(message, bytes) else orjson.dumps(message)
            await talking.publish(topic, payload, qos=1)


def status(number: int = 0, word: str = "Available", connector: int = 1) -> dict[str, Any]:
    return {"connector": connector, "status": word, "at": (NOW + timedelta(seconds=number - 4000)).isoformat()}


async def count(pool: asyncpg.Pool, table: str, where: str = "true") -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table} WHERE {where}")
    return found


async def until_stored(pool: asyncpg.Pool, number: int, table: str = "telemetry.status_change") -> None:
    async def all_there() -> bool:
        return await count(pool, table) >= number

    await eventually(all_there, within_s=60)
    assert await count(pool, table) == number


async def events(pool: asyncpg.Pool, kind: str) -> list[Any]:
    rows = await pool.fetch("SELECT payload FROM eventlog.event WHERE type = $1 ORDER BY serial, sequence", kind)
    return [row["payload"] for row in rows]


# --- what comes in ----------------------------------------------------------------------------------------------


async def test_a_message_becomes_facts_and_its_sender_is_online(settings: Settings, pool: asyncpg.Pool) -> None:
    async with bridging(settings):
        await send(
            settings,
            (STATUS, status(1, "Faulted")),
            ("chargers/S1/C1/meter", {"connector": 1, "energy_kwh": 1.5, "at": NOW.isoformat()}),
        )
        await until_stored(pool, 1, "telemetry.meter_sample")
    (told,) = await events(pool, "ConnectorStatusChanged")
    assert (told["condition"], told["source"]) == ("faulted", "mqtt")
    assert [e["station_id"] for e in await events(pool, "StationOnline")] == ["C1"]
    row = await pool.fetchrow("SELECT state, connected, slot FROM gateway.station_now")
    assert row is not None
    assert tuple(row) == ("online", False, 1000)
    frame = await pool.fetchval("SELECT frame FROM telemetry.raw_frame ORDER BY received_at LIMIT 1")
    assert frame.startswith(f"{STATUS} {{")


async def test_what_is_bad_is_named_and_blocks_nothing(settings: Settings, pool: asyncpg.Pool) -> None:
    async with bridging(settings):
        await send(
            settings,
            (STATUS, b"{"),
            (STATUS, {"connector": 1, "status": "Broken"}),
            (STATUS, status(connector=2**31 - 1)),
            ("sensors/S9/smoke/x", {"value": True}),
            (STATUS, status(1)),
        )
        await until_stored(pool, 2)
    reasons = [row["reason"] for row in await pool.fetch("SELECT reason FROM gateway.refused_input ORDER BY id")]
    assert [reason.split(":")[0] for reason in reasons] == [STATUS, STATUS, "sensors/S9/smoke/x"]
    assert "not JSON" in reasons[0]
    assert "$.status: 'Broken'" in reasons[1]
    assert "no site of this id is filed" in reasons[2]
    async with bridging(settings):  # nothing of it comes again: all of it was acknowledged
        await send(settings, (STATUS, status(2)))
        await until_stored(pool, 3)
    assert await count(pool, "gateway.refused_input") == 3


@dataclass
class Redelivering:
    """Deliveries by hand: what a broker delivers again after a crash, which no broker does on demand."""

    pool: asyncpg.Pool
    settings: Settings
    acknowledged: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[Bridge]:
        clock = SystemClock()
        known = directory.Directory(self.pool)
        recorder = DirectRecorder(self.settings.database_url, 1000, on_lost=lambda _: None)
        await Ownership(self.pool, 1000, clock).start()
        async with self.pool.acquire() as connection:
            repeats = Repeats(await store.delivered(connection, 1000))
        bridge = Bridge(self.pool, 1000, recorder, known, process.mapping_of(self.settings), clock, repeats)
        loaded = asyncio.Event()
        tasks = [asyncio.create_task(run) for run in (known.keep(loaded), recorder.run(), bridge.run())]
        await loaded.wait()
        yield bridge
        await recorder.settled()
        recorder.stop()
        await tasks[1]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def deliver(self, bridge: Bridge, number: int, *, again: bool = False, value: bool = True) -> None:
        payload = orjson.dumps({"value": value})
        bridge.take(Delivery("sensors/S1/smoke/a", payload, 1, lambda: self.acknowledged.append(number), number, again))


async def test_what_the_broker_delivers_again_after_a_crash_is_stored_once(
    settings: Settings, pool: asyncpg.Pool
) -> None:
    broker = Redelivering(pool, settings)
    async with broker.bridge() as bridge:
        broker.deliver(bridge, 7)
        await until_stored(pool, 1, "telemetry.sensor_reading")
    async with broker.bridge() as bridge:  # our word for it was lost with the process
        broker.deliver(bridge, 7, again=True)
        assert broker.acknowledged == [7, 7]
        broker.deliver(bridge, 7, again=True, value=False)  # the number was another message's by then
        broker.deliver(bridge, 8, again=True)  # which came over, but was not stored
        broker.deliver(bridge, 7)
        await until_stored(pool, 4, "telemetry.sensor_reading")
    assert broker.acknowledged == [7, 7, 7, 8, 7]
    async with broker.bridge() as bridge:
        broker.deliver(bridge, 9)
        broker.deliver(bridge, 9, again=True)  # on another connection, before the first was stored
        await until_stored(pool, 5, "telemetry.sensor_reading")
    assert broker.acknowledged == [7, 7, 7, 8, 7, 9]


async def test_no_site_speaks_for_a_station_of_another_one(settings: Settings, pool: asyncpg.Pool) -> None:
    async with bridging(settings):
        await send(
            settings,
            ("chargers/OTHER/C1/status", status(1, "Faulted")),
            ("chargers/OTHER/C1/meter", {"connector": 1, "energy_kwh": 1.5, "at": NOW.isoformat()}),
            ("bays/OTHER/C1/status", {"connector": 1, "vehicle": "petrol", "at": NOW.isoformat()}),
            ("chargers/S1/C2/status", status(2)),
        )
        await until_stored(pool, 1)
    assert await pool.fetchval("SELECT station_id FROM telemetry.status_change") == "C2"
    assert await pool.fetch("SELECT station_id FROM gateway.connector_now WHERE station_id = 'C1'") == []
    for table in ("telemetry.meter_sample", "telemetry.sensor_reading"):
        assert await count(pool, table) == 0
    assert [e["station_id"] for e in await events(pool, "StationOnline")] == ["C2"]
    rows = await pool.fetch("SELECT station_id, reason FROM gateway.refused_input ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("C1", f"{topic}: site: the station is filed at another site")
        for topic in ("chargers/OTHER/C1/status", "chargers/OTHER/C1/meter", "bays/OTHER/C1/status")
    ]
    async with bridging(settings):  # nothing of it comes again: all of it was acknowledged
        await send(settings, ("chargers/S1/C2/status", status(3)))
        await until_stored(pool, 2)
    assert await count(pool, "gateway.refused_input") == 3


async def test_a_station_that_is_not_filed_is_quarantined(settings: Settings, pool: asyncpg.Pool) -> None:
    async with bridging(settings):
        await send(
            settings, ("chargers/S1/NEW/status", status()), ("chargers/S1/NEW/status", status(1)), (STATUS, status())
        )
        await until_stored(pool, 1)
    assert [e["station_id"] for e in await events(pool, "UnfiledStationSeen")] == ["NEW"]
    assert await pool.fetchval("SELECT ocpp_version FROM gateway.quarantine WHERE station_id = 'NEW'") == "mqtt"
    assert await count(pool, "telemetry.raw_frame", "station_id = 'NEW'") == 0


async def test_sensors_raise_and_clear(settings: Settings, pool: asyncpg.Pool) -> None:
    def at(second: int, **members: Any) -> dict[str, Any]:
        return {"at": (NOW + timedelta(seconds=second - 100)).timestamp(), **members}

    heat, bay = "sensors/S1/temperature/hall", "bays/S1/C2/status"
    async with bridging(settings):
        await send(
            settings,
            (heat, at(1, value=69)), (heat, at(2, value=71)), (heat, at(3, value=65)), (heat, at(3, value=65)),
            (bay, at(4, connector=1, vehicle="petrol")), (heat, at(5, value=59)), (heat, at(4, value=65)),
            (bay, at(6, connector=1, vehicle="none")),
        )  # fmt: skip
        await until_stored(pool, 7, "telemetry.sensor_reading")
    alarmed = [(e["alarm"], e["sensor"], e["value"]) for e in await events(pool, "SensorAlarmed")]
    assert alarmed == [("overheating", "hall", 71.0), ("bay_blocked", "bay-C2-1", 1.0)]
    assert [e["alarm"] for e in await events(pool, "SensorCleared")] == ["overheating", "bay_blocked"]
    assert await pool.fetchval("SELECT value FROM gateway.sensor_now WHERE kind = 'temperature'") == 59.0


async def test_smoke_alarms_however_late_it_is_told(settings: Settings, pool: asyncpg.Pool) -> None:
    def at(told: datetime, value: float) -> dict[str, Any]:
        return {"at": told.timestamp(), "value": value}

    smoke, bay = "sensors/S1/smoke/hall", "bays/S1/C2/status"
    fallen = datetime.now(UTC) - timedelta(hours=8)
    petrol = {"at": fallen.timestamp(), "connector": 1, "vehicle": "petrol"}
    none = {"connector": 1, "vehicle": "none"}
    async with bridging(settings):
        await send(settings, (smoke, at(datetime.now(UTC), 0)), (bay, none), (smoke, at(fallen, 1)), (bay, petrol))
        await until_stored(pool, 4, "telemetry.sensor_reading")
        (alarmed,) = await events(pool, "SensorAlarmed")
        assert alarmed["alarm"] == "smoke"
        assert datetime.fromisoformat(alarmed["effective_at"]) > fallen + timedelta(hours=7), "it is smoke now"
        await send(settings, (smoke, at(datetime.now(UTC) + timedelta(seconds=1), 0)))
        await until_stored(pool, 5, "telemetry.sensor_reading")
    assert [e["alarm"] for e in await events(pool, "SensorCleared")] == ["smoke"]


async def test_a_station_that_speaks_for_itself_keeps_the_word(settings: Settings, pool: asyncpg.Pool) -> None:
    owner = Ownership(pool, 0, SystemClock())
    await owner.start()
    owning = asyncio.create_task(owner.run())
    granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
    async with bridging(settings):
        await send(settings, (STATUS, status(1, "Faulted")))
        await until_stored(pool, 1)
        owner.claim(Opening("C1", "1.6", "x", NOW), granted.set_result)
        assert (await granted).epoch == 2
        await send(
            settings, (STATUS, status(2)), ("bays/S1/C1/status", {"connector": 1, "vehicle": "petrol"}),
        )  # fmt: skip
        await until_stored(pool, 1, "telemetry.sensor_reading")
        await until_stored(pool, 1, "gateway.refused_input")
        assert await count(pool, "telemetry.status_change") == 1
        assert "speaks for itself" in await pool.fetchval("SELECT reason FROM gateway.refused_input")
        await pool.execute("UPDATE gateway.station_now SET connected = false")
        await send(settings, (STATUS, status(3)))
        await until_stored(pool, 2)
    owning.cancel()
    assert [e["condition"] for e in await events(pool, "ConnectorStatusChanged")] == ["faulted", "available"]


async def test_a_sensor_beside_a_charger_does_not_say_that_the_charger_is_there(
    settings: Settings, pool: asyncpg.Pool
) -> None:
    known, recorder = directory.Directory(pool), FakeRecorder()
    known.restore({"C1": "S1", "C2": "S1"})
    bridge = Bridge(pool, 1000, recorder, known, process.mapping_of(settings), SystemClock())
    said = [("bays/S1/C1/status", {"connector": 1, "vehicle": "petrol"}), (STATUS, status())]
    said += [("bays/S1/C1/status", {"connector": 1, "vehicle": "none"})]
    for topic, message in said:
        bridge.take(Delivery(topic, orjson.dumps(message), 0, lambda: None))
    running = asyncio.create_task(bridge.run())

    async def all_there() -> bool:
        return len(recorder.entries) == len(said)

    await Ownership(pool, 1000, SystemClock()).start()
    await eventually(all_there)
    running.cancel()
    assert [entry.in_reach for entry in recorder.entries] == [False, True, False]


# --- nothing lost, nothing doubled --------------------------------------------------------------------------------


async def test_what_came_while_we_were_away_is_stored_once_though_the_broker_restarts(
    settings: Settings, pool: asyncpg.Pool, mosquitto: Mosquitto
) -> None:
    async with bridging(settings):
        pass
    await send(settings, *((STATUS, status(n)) for n in range(300)))
    mosquitto.stop()
    mosquitto.start()
    async with bridging(settings):
        await until_stored(pool, 300)


async def test_the_broker_may_restart_while_we_are_there(
    settings: Settings, pool: asyncpg.Pool, mosquitto: Mosquitto
) -> None:
    async with bridging(settings):
        for n in range(2):
            await send(settings, (STATUS, status(n)))
            await until_stored(pool, n + 1)
            mosquitto.stop()
            mosquitto.start()
        await send(settings, (STATUS, status(2)))  # it may come before we are back: the session is kept
        await until_stored(pool, 3)


async def test_what_was_committed_but_not_acknowledged_is_recognised_when_it_comes_again(
    settings: Settings, pool: asyncpg.Pool
) -> None:
    """As if killed between the commit and its acknowledgement: the session's messages are taken, and never acknowledged."""
    async with bridging(settings):
        pass
    taken: list[Delivery] = []
    caller = Caller("youguan-in-1000", "x/state", settings.mqtt_session_s, (), taken.append)
    link = await Dialer(broker_of(settings), caller).open()
    await send(settings, (STATUS, status(1, "Faulted")), (STATUS, status(2)))

    async def both() -> bool:
        return len(taken) == 2

    await eventually(both)
    await link.close()
    async with bridging(settings):
        await until_stored(pool, 2)
    await send(settings, *((d.topic, d.payload) for d in taken))
    async with bridging(settings):
        await send(settings, (STATUS, status(3)))
        await until_stored(pool, 3)
    assert len(await events(pool, "ConnectorStatusChanged")) == 2, "the repeats are none"


class Killable:
    """A bridge in a process of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._log = folder / "bridge.log"
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("YOUGUAN_")},
            "YOUGUAN_DATABASE_URL": settings.database_url,
            "YOUGUAN_MQTT_URL": str(settings.mqtt_url),
        }

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ocpp_gateway", "bridge"]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=log, stderr=log)


async def test_kill_9_under_load_loses_and_doubles_nothing(
    settings: Settings, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    bridge = Killable(settings, tmp_path)
    running = bridge.start()
    await until_retained(settings, "youguan/v1/bridges/in-1000/state", b"online")
    number = 3000
    sending = asyncio.create_task(send(settings, *((STATUS, status(n)) for n in range(number))))
    for goal in (300, 1200):

        async def so_many(goal: int = goal) -> bool:
            return await count(pool, "telemetry.status_change") >= goal

        await eventually(so_many, within_s=60)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert await count(pool, "telemetry.status_change") < number, "killed too late to mean anything"
        await until_retained(settings, "youguan/v1/bridges/in-1000/state", b"offline")
        running = bridge.start()
    await sending
    await until_stored(pool, number)
    running.terminate()
    assert await asyncio.to_thread(running.wait, 30) == 0
    await until_retained(settings, "youguan/v1/bridges/in-1000/state", b"offline")


class Wall:
    """The database's socket with a door that can be shut."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._real = f"{dsn.partition('host=')[2].replace('%2F', '/')}/.s.PGSQL.5432"
        self._path = folder / ".s.PGSQL.5432"
        self.dsn = dsn.partition("?")[0] + f"?host={folder}"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        self._path.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_unix_connection(self._real)
        self._writers |= {writer, before}
        await asyncio.gather(self._copy(reader, before), self._copy(behind, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


async def test_while_the_database_is_away_nothing_is_acknowledged_and_nothing_lost(
    settings: Settings, pool: asyncpg.Pool, tmp_path: Path, database_url: str
) -> None:
    if "host=" not in database_url:
        pytest.skip("needs a database behind a unix socket")
    wall = Wall(database_url, tmp_path)
    await wall.open()
    behind = settings.model_copy(update={"database_url": wall.dsn})
    async with bridging(behind):
        await send(settings, (STATUS, status(0)))
        await until_stored(pool, 1)
        await wall.shut()
        await send(settings, *((STATUS, status(n)) for n in range(1, 50)))
        async with client(settings) as other:  # the connection is served: its keep-alive would end it otherwise
            await other.publish("elsewhere", b"", qos=1)
        assert await count(pool, "telemetry.status_change") == 1
        await wall.open()
        await until_stored(pool, 50)
    await wall.shut()


async def test_bridges_share_what_comes(settings: Settings, pool: asyncpg.Pool) -> None:
    settings = settings.model_copy(update={"mqtt_shared": True})
    async with bridging(settings), bridging(settings, 1001):
        await send(settings, *((f"chargers/S1/C{n % 2 + 1}/status", status(n)) for n in range(200)))
        await until_stored(pool, 200)
    streams = await pool.fetch("SELECT name FROM eventlog.stream WHERE name LIKE 'gateway/100_'")
    assert len(streams) == 2, "both had something to say"


# --- how the broker is spoken to ----------------------------------------------------------------------------------


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA and a certificate for 127.0.0.1; return (CA, certificate, key)."""
    run = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [*run, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, certificate, key


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Mosquitto, Path]]:
    """A broker with TLS and a password, and the file that vouches for it."""
    ca, certificate, key = certificates(tmp_path)
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    passwords.chmod(0o600)
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("this machine has no mosquitto_passwd")
    subprocess.run([program, "-b", passwords, "bridge", "p@ss/word"], check=True)
    broker = Mosquitto(
        tmp_path / "guarded",
        ["allow_anonymous false", f"password_file {passwords}", f"certfile {certificate}", f"keyfile {key}"],
    )
    broker.start()
    yield broker, ca
    broker.stop()


# paho leaves the socket of a failed TLS handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_and_a_password(database_url: str, pool: asyncpg.Pool, guarded: tuple[Mosquitto, Path]) -> None:
    broker, ca = guarded
    address = f"bridge:p%40ss%2Fword@127.0.0.1:{broker.port}"
    settings = Settings(database_url=database_url, role_secret=None, mqtt_url=f"mqtts://{address}", mqtt_ca_file=ca)
    async with bridging(settings):
        await send(settings, (STATUS, status()))
        await until_stored(pool, 1)
    for spoilt in (
        settings.model_copy(update={"mqtt_url": f"mqtts://bridge:wrong@127.0.0.1:{broker.port}"}),
        settings.model_copy(update={"mqtt_ca_file": None}),
        settings.model_copy(update={"mqtt_url": f"mqtt://{address}"}),
    ):
        with pytest.raises(BrokerAway):
            await Dialer(broker_of(spoilt), Caller("x", "x/state")).open()
    gc.collect()


@pytest.fixture
def amqtt(tmp_path: Path) -> Iterator[int]:
    """The port of the broker for machines without Mosquitto."""
    port = free_port()
    command = [sys.executable, "-m", "deploy.amqtt_broker", str(port)]
    with (
        (tmp_path / "amqtt.log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as broker,
    ):
        yield port
        broker.terminate()


async def test_a_broker_that_speaks_3_1_1_only(database_url: str, pool: asyncpg.Pool, amqtt: int) -> None:
    settings = Settings(database_url=database_url, role_secret=None, mqtt_url=f"mqtt://127.0.0.1:{amqtt}")
    async with bridging(settings):
        await send(settings, (STATUS, status()), (STATUS, status(1)))
        await until_stored(pool, 2)


async def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    dialer = Dialer(Broker("127.0.0.1", free_port()), Caller("x", "x/state"))
    with caplog.at_level(logging.WARNING):
        trying = asyncio.create_task(dialer.stay(lambda link: link.lost()))

        async def tried_again() -> bool:
            return sum("Connection refused" in record.getMessage() for record in caplog.records) >= 2

        await eventually(tried_again)
        trying.cancel()
        with suppress(asyncio.CancelledError):
            await trying


# --- what goes out ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def publishing(settings: Settings, pool: asyncpg.Pool) -> AsyncIterator[None]:
    running = asyncio.create_task(StatusPublisher(pool, settings).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_now_goes_out_whatever_becomes_of_the_broker(
    settings: Settings, pool: asyncpg.Pool, mosquitto: Mosquitto
) -> None:
    topic = "youguan/v1/sites/S1/connectors/C1-1/status"

    async def published(word: str) -> bool:
        found: str = orjson.loads(await until_retained(settings, topic, None))["status"]
        return found == word

    async with publishing(settings, pool):
        async with bridging(settings):
            await send(settings, (STATUS, status(1, "Faulted")))
            await eventually(lambda: published("Faulted"))
            assert await until_retained(settings, "youguan/v1/bridges/out/state", b"online")
            mosquitto.forget()
            mosquitto.start()
            assert orjson.loads(await until_retained(settings, topic, None))["status"] == "Faulted", "it has it anew"
        mosquitto.stop()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE gateway.connector_now SET status = 'Charging', condition = 'charging'")
        mosquitto.start()
        await eventually(lambda: published("Charging"))
    assert await until_retained(settings, "youguan/v1/bridges/out/state", b"offline")
    mosquitto.forget()
    mosquitto.start()
    assert await republish(pool, settings) == 1
    assert await published("Charging")


async def retained(settings: Settings) -> set[str]:
    """Return the topics under which the broker holds a connector's status."""
    found = set()
    async with client(settings) as watching:
        await watching.subscribe("youguan/v1/sites/#", qos=1)
        await watching.subscribe("youguan/v1/bridges/out/state", qos=1)  # retained, so it comes last
        async for message in watching.messages:
            if message.topic.matches("youguan/v1/bridges/out/state"):
                break
            found.add(message.topic.value.removeprefix("youguan/v1/sites/").removesuffix("/status"))
    return found


async def holds(settings: Settings, topics: set[str]) -> bool:
    return await retained(settings) == topics


async def test_a_station_that_is_moved_retired_or_made_private_leaves_no_status_behind(
    settings: Settings, pool: asyncpg.Pool
) -> None:
    c1, c2 = (StationFile(station_id=s, connectors=2, power_w=7000, current_type="AC") for s in ("C1", "C2"))
    async with bridging(settings):
        await send(settings, (STATUS, status(1)), ("chargers/S1/C2/status", status(2)))
        await until_stored(pool, 2)
    async with publishing(settings, pool):
        await eventually(lambda: holds(settings, {"S1/connectors/C1-1", "S1/connectors/C2-1"}))
        await file(pool, filed("S2", c1), filed("S1", c2))
        await eventually(lambda: holds(settings, {"S2/connectors/C1-1", "S1/connectors/C2-1"}), within_s=60)
        await file(pool, filed("S1", c2, usage="private"))
        await eventually(lambda: holds(settings, {"S2/connectors/C1-1"}), within_s=60)
        assert await republish(pool, settings) == 1, "what is somebody's own is not among it"
        await file(pool, filed("S1", c2))
        await eventually(lambda: holds(settings, {"S2/connectors/C1-1", "S1/connectors/C2-1"}), within_s=60)
    await file(pool, SiteRetired(site_id="S2", station_ids=("C1",)), filed("S1"))  # while nobody publishes
    async with publishing(settings, pool):
        await eventually(lambda: holds(settings, set()), within_s=60)
    assert not await count(pool, "gateway.mqtt_retained")


async def test_a_topic_that_the_broker_refuses_holds_up_no_other(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite #\ntopic deny youguan/v1/sites/S1/connectors/C1-1/status\n")
    broker = Mosquitto(tmp_path / "mqtt", ["allow_anonymous true", f"acl_file {rules}"])
    broker.start()
    settings = Settings(database_url=database_url, role_secret=None, mqtt_url=f"mqtt://127.0.0.1:{broker.port}")
    async with bridging(settings):
        await send(settings, (STATUS, status(1)), ("chargers/S1/C2/status", status(2)))
        await until_stored(pool, 2)
    async with publishing(settings, pool):
        await eventually(lambda: holds(settings, {"S1/connectors/C2-1"}))
    async with pool.acquire() as connection:
        (refused,) = await store.refused(connection, 9)
        assert (refused["station_id"], refused["refused_reason"], refused["total"]) == ("C1", "Not authorized", 1)
        assert await store.unpublished(connection) == []
        await connection.execute("UPDATE gateway.mqtt_retained SET refused_at = refused_at - interval '1 hour'")
        assert await store.unpublished(connection) == [("C1", 1)], "it is offered again"
        broker.stop()
        rules.write_text("topic readwrite #\n")
        broker.start()
        assert await republish(pool, settings) == 2
        assert await store.refused(connection, 9) == []
    broker.stop()
