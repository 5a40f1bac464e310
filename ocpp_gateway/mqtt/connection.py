"""One connection to the broker: MQTT 5, or 3.1.1 where the broker speaks no other, on our event loop.

paho-mqtt is driven directly: a message is acknowledged when its commit is done, long after its callback has returned.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from youguan.settings import Settings

log = logging.getLogger(__name__)

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
KEEP_ALIVE_S = 30
CONNECTED_WITHIN_S = 10.0
GREETED_WITHIN_S = 5.0
ANSWERED_WITHIN_S = 30.0
UNANSWERED = 1000  # messages that the broker may send us before it has our word for the first
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
UNSUPPORTED_VERSION = "Unsupported protocol version"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how it is to be trusted."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None


def broker(settings: Settings) -> Broker:
    """Return the broker of `mqtt_url`: mqtt://user:password@host:port, or mqtts:// for TLS."""
    parts = urlsplit(settings.mqtt_url or "mqtt://127.0.0.1")
    secure = parts.scheme in ("mqtts", "ssl")
    return Broker(
        parts.hostname or "127.0.0.1",
        parts.port or (8883 if secure else 1883),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        _trust(settings.mqtt_ca_file, settings.mqtt_certificate_file, settings.mqtt_key_file) if secure else None,
    )


def _trust(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class BrokerAway(ConnectionError):
    """The broker cannot be reached, refuses us, or is gone."""


class PublishRefused(Exception):
    """The broker does not take a message, by its access list for instance; the connection goes on."""


class _NotSpoken(BrokerAway):
    """The broker does not speak this version of MQTT."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of the broker's; `acknowledge` tells it that the message is durable.

    `number` is the broker's for it until it has our word (0: it waits for none); `again`: it has been delivered before.
    """

    topic: str
    payload: bytes
    qos: int
    acknowledge: Callable[[], None]
    number: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who we are to the broker. `state_topic` holds "online" while we are there; the broker says "offline" when we are not.

    With `session_s` the broker keeps what comes while we are away, for so many seconds.
    """

    client_id: str
    state_topic: str
    session_s: int = 0
    filters: Sequence[str] = ()
    on_delivery: Callable[[Delivery], None] = lambda delivery: None


class Link:
    """A connection that has been greeted, until it is lost."""

    def __init__(self, broker: Broker, caller: Caller, version: MQTTProtocolVersion) -> None:
        self._loop = asyncio.get_running_loop()
        self._broker = broker
        self._caller = caller
        self._version = version
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._there = False
        self._unanswered: dict[int, asyncio.Future[None]] = {}
        self._client = self._make_client()

    def _make_client(self) -> Client:
        caller, five = self._caller, self._version == V5
        client = Client(
            CallbackAPIVersion.VERSION2,
            caller.client_id,
            clean_session=None if five else not caller.session_s,
            protocol=self._version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECTED_WITHIN_S
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        client.will_set(caller.state_topic, b"offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    async def open(self) -> None:
        """Connect, subscribe, and say that we are there; BrokerAway."""
        try:
            await asyncio.to_thread(self._connect)
        except (OSError, ValueError) as error:
            raise BrokerAway(str(error) or type(error).__name__) from None
        self._attach()
        try:
            async with asyncio.timeout(GREETED_WITHIN_S):
                await self._greeted
        except TimeoutError:  # so amqtt does when it does not understand
            raise _NotSpoken("it does not greet us") from None
        for name in self._caller.filters:
            await self._subscribe(name)
        await self._say(b"online")
        self._there = True

    def _connect(self) -> None:
        broker, properties = self._broker, None
        if self._version == V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = UNANSWERED
            if self._caller.session_s:
                properties.SessionExpiryInterval = self._caller.session_s
            self._client.connect(
                broker.host, broker.port, KEEP_ALIVE_S, clean_start=not self._caller.session_s, properties=properties
            )
        else:
            self._client.connect(broker.host, broker.port, KEEP_ALIVE_S)

    async def close(self) -> None:
        """Say goodbye in order, so that the broker need not say it for us."""
        if self._there and not self._lost.done():
            try:
                await self._say(b"offline")
            except BrokerAway as error:
                log.info("MQTT: no goodbye: %s", error)
        self._client.disconnect()
        self._end("closed")

    async def lost(self) -> None:
        """Wait until the connection is lost; always BrokerAway."""
        raise BrokerAway(await asyncio.shield(self._lost))

    async def _say(self, state: bytes) -> None:
        """Say in public whether we are there; who may not say so works all the same."""
        try:
            await self.publish(self._caller.state_topic, state, retain=True)
        except PublishRefused as refusal:
            log.warning("MQTT: %s: %s", self._caller.state_topic, refusal)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the broker's word; PublishRefused, BrokerAway."""
        await self._answer(self._client.publish(topic, payload, qos=1, retain=retain).mid, topic)

    async def _subscribe(self, name: str) -> None:
        if self._version == V5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            _, mid = self._client.subscribe(name, options=options)
        else:
            _, mid = self._client.subscribe(name, 1)
        await self._answer(mid, name)

    async def _answer(self, mid: int | None, what: str) -> None:
        if mid is None or self._lost.done():
            raise BrokerAway(self._lost.result() if self._lost.done() else f"{what} could not be sent")
        answered = self._unanswered[mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await answered
        except TimeoutError:
            raise BrokerAway(f"no answer to {what}") from None
        finally:
            self._unanswered.pop(mid, None)

    # --- paho on our event loop ---------------------------------------------------------------------------------

    def _attach(self) -> None:
        sock = self._client.socket()
        if sock is None:
            raise _NotSpoken("closed before it greeted us")
        self._client.on_socket_register_write = lambda client, data, sock: self._loop.add_writer(sock, self._write)
        self._client.on_socket_unregister_write = self._on_all_written
        self._client.on_socket_close = self._on_socket_close
        self._loop.add_reader(sock, self._read, sock)
        if self._client.want_write():
            self._loop.add_writer(sock, self._write)
        self._care()

    def _read(self, sock: Any) -> None:
        code = self._client.loop_read()
        # What TLS has decrypted already shows on no socket.
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and isinstance(sock, ssl.SSLSocket) and sock.pending():
            code = self._client.loop_read()

    def _write(self) -> None:
        self._client.loop_write()

    def _care(self) -> None:
        """Keep the connection alive, or notice that it is not."""
        if not self._lost.done():
            self._client.loop_misc()
            self._loop.call_later(1, self._care)

    def _on_all_written(self, client: Client, data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _on_socket_close(self, client: Client, data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)

    def _on_connect(
        self, client: Client, data: Any, flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._greeted.done():
            return
        if not reason.is_failure:
            self._greeted.set_result(None)
        elif str(reason) == UNSUPPORTED_VERSION:
            self._greeted.set_exception(_NotSpoken(str(reason)))
        else:
            self._greeted.set_exception(BrokerAway(f"the broker refuses us: {reason}"))

    def _on_disconnect(
        self, client: Client, data: Any, flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._end(f"the connection is lost: {reason}")

    def _end(self, reason: str) -> None:
        if not self._lost.done():
            self._lost.set_result(reason)
        if not self._greeted.done():
            self._greeted.set_exception(_NotSpoken("closed before it greeted us"))
            self._greeted.exception()
        for answered in self._unanswered.values():
            if not answered.done():
                answered.set_exception(BrokerAway(reason))

    def _on_publish(
        self, client: Client, data: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._answered(mid, PublishRefused(str(reason)) if reason.is_failure else None)

    def _on_subscribe(
        self, client: Client, data: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        bad = ", ".join(str(reason) for reason in reasons if reason.is_failure)
        self._answered(mid, BrokerAway(f"the broker refuses a subscription: {bad}") if bad else None)

    def _answered(self, mid: int, error: Exception | None) -> None:
        waiting = self._unanswered.get(mid)
        if waiting is None or waiting.done():
            return
        if error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result(None)

    def _on_message(self, client: Client, data: Any, message: MQTTMessage) -> None:
        mid, qos = message.mid, message.qos
        acknowledge = (lambda: self._acknowledge(mid, qos)) if qos else _nothing
        number, again = (mid, bool(message.dup)) if qos else (0, False)
        self._caller.on_delivery(Delivery(message.topic, bytes(message.payload), qos, acknowledge, number, again))

    def _acknowledge(self, mid: int, qos: int) -> None:
        if not self._lost.done():  # on another connection the same number may be another message's
            self._client.ack(mid, qos)


def _nothing() -> None:
    """QoS 0 asks for no word."""


class Dialer:
    """Opens links, in the version of MQTT that the broker speaks."""

    def __init__(self, broker: Broker, caller: Caller) -> None:
        self._broker = broker
        self._caller = caller
        self._versions = [V5, V311]

    async def open(self) -> Link:
        """Return a link; BrokerAway."""
        try:
            return await self._open(self._versions[0])
        except _NotSpoken:
            link = await self._open(self._versions[1])
            self._versions.reverse()
            return link

    async def _open(self, version: MQTTProtocolVersion) -> Link:
        link = Link(self._broker, self._caller, version)
        try:
            await link.open()
        except BaseException:
            await link.close()
            raise
        return link

    async def stay(self, use: Callable[[Link], Awaitable[None]]) -> None:
        """Open links and use them, one after the other, until cancelled; wait ever longer for a broker that is away."""
        pause = SHORTEST_PAUSE_S
        while True:
            try:
                link = await self.open()
                pause = SHORTEST_PAUSE_S
                log.info("MQTT: connected to %s:%d as %s", self._broker.host, self._broker.port, self._caller.client_id)
                await _use(link, use)
            except BrokerAway as error:
                log.warning("MQTT: %s:%d: %s", self._broker.host, self._broker.port, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)


async def _use(link: Link, use: Callable[[Link], Awaitable[None]]) -> None:
    """Use a link until it is lost."""
    using, losing = asyncio.ensure_future(use(link)), asyncio.ensure_future(link.lost())
    try:
        done, _ = await asyncio.wait({using, losing}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (using, losing):
            task.cancel()
        await asyncio.gather(using, losing, return_exceptions=True)
        await link.close()
