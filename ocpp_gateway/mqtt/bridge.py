"""From the broker into the recorder: a message is acknowledged when what it says is durable, or is named as refused.

A bridge has a slot of its own, as a gateway worker has, and so a recorder and a stream of its own. A station that speaks
OCPP for itself keeps the word about its status; one that does not is the bridge's to write.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.mqtt.connection import Delivery
from ocpp_gateway.mqtt.mapping import TopicMapping
from ocpp_gateway.mqtt.reading import Reading, Refused, read
from ocpp_gateway.mqtt.repeats import Repeats, digest_of, is_same
from ocpp_gateway.observation import Announced, MqttDelivered, Observation
from ocpp_gateway.recorder.batch import Doubt, Entry, Lost, Settlement
from ocpp_gateway.stations.registration import Registration
from ocpp_gateway.stations.speaking import speak_for
from ocpp_gateway.stations.surroundings import Recorder
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.errors import Unavailable

log = logging.getLogger(__name__)

SOURCE = "mqtt"
REFUSED = "MqttRefused"
AT_ONCE = 500
WAITING_QOS_0 = 5000  # of what nobody promised to keep, so much waits for a database that is away
DOUBTS_A_MINUTE = 100


class Directory(Protocol):
    """What the registry has filed."""

    def site_of(self, station_id: str) -> str | None: ...
    def knows_site(self, site_id: str) -> bool: ...
    def unfiled(self, station_id: str) -> Registration: ...


@dataclass(slots=True, eq=False)
class Taken:
    """A message on its way: what it says, and whether it is settled."""

    delivery: Delivery
    received_at: datetime
    reading: Reading
    settled: bool = False


@dataclass(slots=True)
class Budget:
    """So much of what is refused is kept a minute; the rest is only counted."""

    limit: int
    _since: datetime | None = None
    _spent: int = 0

    def spend(self, now: datetime) -> bool:
        """Say whether one more is kept."""
        if self._since is None or now - self._since >= timedelta(minutes=1):
            self._since, self._spent = now, 0
        self._spent += 1
        return self._spent <= self.limit


@dataclass(slots=True)
class Bridge:
    """Takes what the broker delivers, in its order."""

    pool: asyncpg.Pool
    slot: int
    recorder: Recorder
    directory: Directory
    mapping: TopicMapping
    clock: Clock
    repeats: Repeats = field(default_factory=Repeats)
    _waiting: deque[Taken] = field(default_factory=deque)  # for their turn
    _again: deque[Taken] = field(default_factory=deque)  # before them: somebody else took their station meanwhile
    _unsettled: deque[Taken] = field(default_factory=deque)  # in the order in which they are to be acknowledged
    _ours: set[str] = field(default_factory=set)  # stations that we may write
    _rung: asyncio.Event = field(default_factory=asyncio.Event)
    _budget: Budget = field(default_factory=lambda: Budget(DOUBTS_A_MINUTE))

    def take(self, delivery: Delivery) -> None:
        """Take a message from the broker."""
        if not delivery.qos and len(self._waiting) >= WAITING_QOS_0:
            metrics.mqtt_messages.labels("dropped").inc()
            return
        if delivery.again and self._is_repeat(delivery):
            metrics.mqtt_messages.labels("repeated").inc()
            return
        now = self.clock.now()
        taken = Taken(delivery, now, self._bounded(read(self.mapping, delivery.topic, delivery.payload, now)))
        metrics.mqtt_messages.labels("refused" if taken.reading.refused else "taken").inc()
        self._waiting.append(taken)
        self._unsettled.append(taken)
        self._rung.set()

    def _is_repeat(self, delivery: Delivery) -> bool:
        """Take a message that we have taken before: it is acknowledged in its turn, when it is stored."""
        under_way = next((taken for taken in self._unsettled if is_same(taken.delivery, delivery)), None)
        if under_way is not None:
            under_way.delivery = delivery  # the first one's connection is gone, and with it whom to tell
            return True
        if not self.repeats.is_repeat(delivery):
            return False
        self._unsettled.append(Taken(delivery, self.clock.now(), Reading(), settled=True))
        self._acknowledge()
        return True

    def _bounded(self, reading: Reading) -> Reading:
        """Return a reading, or nothing of it but its refusal where a site speaks for a station of another one."""
        filed = self.directory.site_of(reading.station_id) if reading.station_id else None
        if filed is None or reading.site_id is None or filed == reading.site_id:
            return reading
        elsewhere = Refused("site", "the station is filed at another site")
        return Reading(reading.station_id, reading.site_id, refused=[elsewhere])

    def lose(self, epochs: Mapping[str, int]) -> None:
        """Somebody else writes these stations now."""
        self._ours -= epochs.keys()

    async def run(self) -> None:
        """Hand what is taken to the recorder, until cancelled; wait for a database that is away."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            while batch := self._next():
                await self._take_over(batch)
                for taken in batch:
                    self._submit(taken)

    def _next(self) -> list[Taken]:
        batch = list(self._again)
        self._again.clear()
        return batch + [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]

    async def _take_over(self, batch: list[Taken]) -> None:
        heard = {
            taken.reading.station_id: taken.received_at
            for taken in batch
            if taken.reading.station_id is not None
            and (taken.reading.statuses or taken.reading.samples)
            and taken.reading.station_id not in self._ours
            and self.directory.site_of(taken.reading.station_id) is not None
        }
        while heard:
            try:
                self._ours |= await speak_for(self.pool, self.slot, heard, SOURCE)
                return
            except (*AWAY, asyncpg.PostgresError, Unavailable) as error:
                log.warning("bridge %d: database away, nothing is acknowledged: %s", self.slot, error)
                await asyncio.sleep(0.2)

    def _submit(self, taken: Taken) -> None:
        station_id, reading = taken.reading.station_id, taken.reading
        refused = list(reading.refused)
        frame = f"{taken.delivery.topic} {taken.delivery.payload.decode(errors='replace')}"

        def settle(settlement: Settlement) -> None:
            self._settle(taken, settlement)

        if station_id is not None and self.directory.site_of(station_id) is None:
            doubts = self._doubts(taken, frame, refused)
            wanted = self.directory.unfiled(station_id) is not Registration.REJECTED
            known: list[Observation] = [Announced(station_id, None, None, taken.received_at)] if wanted else []
            self.recorder.submit(
                Entry(station_id, taken.received_at, frame, known, doubts, SOURCE, SOURCE, fact=False, settle=settle)
            )
            return
        said = self._facts(reading, refused)
        if said and taken.delivery.number and reading.tells_no_time(taken.received_at):
            number, digest = taken.delivery.number, digest_of(taken.delivery)
            said.append(MqttDelivered(self.slot, number, digest, taken.received_at))
        doubts = self._doubts(taken, frame, refused)
        # A site can say something too; no station's id holds a slash.
        speaker = station_id or f"site/{reading.site_id or ''}"
        # A sensor in the bay is not the charger, nor is what speaks beside one that speaks OCPP: neither says that it is there.
        in_reach = station_id in self._ours and bool(reading.statuses or reading.samples)
        self.recorder.submit(
            Entry(
                speaker, taken.received_at, frame if said else "", said, doubts, SOURCE, SOURCE, in_reach=in_reach,
                settle=settle,
            )
        )  # fmt: skip

    def _facts(self, reading: Reading, refused: list[Refused]) -> list[Observation]:
        """Return what of a message is to be stored; what is not is named."""
        said: list[Observation] = []
        if reading.statuses and reading.station_id not in self._ours:
            refused.append(Refused("status", "the station speaks for itself at this moment; its own word counts"))
        else:
            said += reading.statuses
        said += reading.samples
        if reading.sensors:
            filed = self.directory.site_of(reading.station_id) if reading.station_id else None
            site_id = filed or reading.site_id
            if site_id is None or not self.directory.knows_site(site_id):
                refused.append(Refused("site", f"{site_id or 'none'}: no site of this id is filed"))
            else:
                said += [sensor._replace(site_id=site_id) for sensor in reading.sensors]
        return said

    def _doubts(self, taken: Taken, frame: str, refused: list[Refused]) -> list[Doubt]:
        metrics.refused.labels(REFUSED).inc(len(refused))
        speaker = taken.reading.station_id or f"site/{taken.reading.site_id or ''}"
        return [
            Doubt(speaker, taken.received_at, REFUSED, f"{taken.delivery.topic}: {what}", frame)
            for what in refused
            if self._budget.spend(taken.received_at)
        ]

    def _settle(self, taken: Taken, settlement: Settlement) -> None:
        if isinstance(settlement, Lost):
            assert taken.reading.station_id is not None
            self._ours.discard(taken.reading.station_id)
            self._again.append(taken)
            self._rung.set()
            return
        taken.settled = True
        self.repeats.note(taken.delivery)
        self._acknowledge()

    def _acknowledge(self) -> None:
        while self._unsettled and self._unsettled[0].settled:
            self._unsettled.popleft().delivery.acknowledge()
