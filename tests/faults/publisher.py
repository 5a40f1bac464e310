"""Sensors and a charger behind a broker, which say again what the broker did not take, or may have forgotten."""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.faults.ledger import Ledger
from tests.faults.stations import Watch
from tests.integration.stations import text

ANSWERED_WITHIN_S = 5.0
TO_NOBODY = 16  # the broker took it and has nobody to give it to: as good as lost
WORDS = ("Preparing", "Charging", "Finishing", "Available")


@dataclass(frozen=True, slots=True)
class Published:
    """A message, and the row that its acknowledgement makes true."""

    topic: str
    payload: str
    rows: dict[Any, Any]
    key: Any
    value: Any


@dataclass
class Publisher:
    """One connection to the broker, on which a site speaks.

    A broker that is killed forgets what it has acknowledged (Mosquitto writes to its disk every half minute), so whoever
    loses his connection says everything again: what it repeats is recognised.
    """

    port: int
    site: str
    ledger: Ledger
    pause_s: float
    acknowledged: int = 0
    lost: int = 0
    _said: list[Published] = field(default_factory=list)
    _again: deque[Published] = field(default_factory=deque)
    _unanswered: dict[int, "asyncio.Future[int]"] = field(default_factory=dict)

    async def live(self, stop: asyncio.Event) -> None:
        """Publish until told to stop, and then until nothing is unanswered."""
        loop = asyncio.get_running_loop()
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"test-{self.site}", protocol=MQTTProtocolVersion.MQTTv5)

        def on_publish(_: Client, data: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
            loop.call_soon_threadsafe(self._answered, mid, reason.value)

        def on_disconnect(*_: Any) -> None:
            loop.call_soon_threadsafe(self._lost)

        client.on_publish, client.on_disconnect = on_publish, on_disconnect
        client.reconnect_delay_set(1, 1)
        client.connect_async("127.0.0.1", self.port)
        client.loop_start()
        try:
            messages = self._messages()
            while self._again or not stop.is_set():
                await self._until_taken(client, self._again.popleft() if self._again else next(messages))
                await asyncio.sleep(0 if self._again else self.pause_s)
        finally:
            client.on_disconnect = None
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    def _messages(self) -> Iterator[Published]:
        watch, count = Watch(), 0
        station = f"{self.site}-001"
        while True:
            for celsius in (20.5, 21.5, 22.5):
                at = watch.read()
                topic, said = f"sensors/{self.site}/temperature/hall", {"value": celsius, "at": text(at)}
                key = (self.site, "temperature", "hall", at)
                yield Published(topic, json.dumps(said), self.ledger.readings, key, celsius)
            at, word = watch.read(), WORDS[count % len(WORDS)]
            topic, told = f"chargers/{self.site}/{station}/status", {"connector": 1, "status": word, "at": text(at)}
            yield Published(topic, json.dumps(told), self.ledger.published, (station, 1, at), word)
            count += 1

    async def _until_taken(self, client: Client, message: Published) -> None:
        while await self._publish(client, message) >= TO_NOBODY:
            await asyncio.sleep(0.1)
        message.rows[message.key] = message.value
        self._said.append(message)
        self.acknowledged += 1

    async def _publish(self, client: Client, message: Published) -> int:
        """Return what the broker says of it; more than `TO_NOBODY` where it says nothing."""
        sent = client.publish(message.topic, message.payload, qos=1)
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._unanswered[sent.mid] = answered
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                return await answered
        except TimeoutError:
            return TO_NOBODY + 1
        finally:
            self._unanswered.pop(sent.mid, None)

    def _answered(self, mid: int, reason: int) -> None:
        future = self._unanswered.get(mid)
        if future is not None and not future.done():
            future.set_result(reason)

    def _lost(self) -> None:
        self.lost += 1
        self._again.extend(self._said)
        self._said.clear()
