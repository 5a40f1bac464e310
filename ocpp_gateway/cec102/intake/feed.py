"""From what platforms say into the recorder: nobody is told "taken" before all of a message is durable, or named as refused.

The web process has a slot of its own, as a gateway worker and a bridge have, and so a recorder and a stream of its own. A station
that speaks for itself keeps the word about its status; one that does not is its platform's to speak for.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from ocpp_gateway import metrics
from ocpp_gateway.adapters.cec102 import OFFLINE, SOURCE, Place, observed
from ocpp_gateway.cec102.envelope import Declined, Ret
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake import store
from ocpp_gateway.cec102.intake.placing import Places, order_state, place_of
from ocpp_gateway.cec102.members import Refused
from ocpp_gateway.cec102.messages import AboutConnector, Content, Item, OperatorSaid, OrderSaid, StationSaid, StatsSaid
from ocpp_gateway.cec102.wording import KEPT
from ocpp_gateway.mqtt.bridge import Budget
from ocpp_gateway.observation import (
    Observation,
    OutOfReach,
    PlatformOperatorTold,
    PlatformOrderTold,
    PlatformSaid,
    PlatformSiteTold,
    PlatformStatsTold,
    StatusReported,
)
from ocpp_gateway.recorder.batch import Committed, Doubt, Entry, Lost, Settlement
from ocpp_gateway.recorder.batch import Refused as RefusedByDatabase
from ocpp_gateway.recorder.direct import DirectRecorder
from ocpp_gateway.stations.ownership import Ownership
from ocpp_gateway.stations.speaking import speak_for
from youguan.clock import COUNTY, Clock
from youguan.errors import Unavailable

log = logging.getLogger(__name__)

REFUSED = "PlatformRefused"
UNPROVEN = "PlatformNotAuthenticated"
IGNORED = "PlatformIgnored"
DOUBTED = "PlatformContradictsItself"
DOUBTS_A_MINUTE = 300  # of each platform, so that a bad one hides nothing of the others
UNPROVEN_A_MINUTE = (
    30  # that name a platform, and of all that name none that we know: beyond that they are only counted
)
UNDER_WAY = 2000  # messages; who comes when so many wait is told to come again
PATIENCE_S = 20.0  # for a database that is away
DRAIN_S = 5.0
TURNS = 5  # somebody else may take a station between our taking it and the commit


@dataclass(frozen=True, slots=True)
class Told:
    """A message to be recorded: `document` without persons, `digest` of its envelope."""

    operator_id: str
    message: str
    document: Mapping[str, Any]
    content: Content
    statuses: Mapping[int, str]
    told_at: datetime
    received_at: datetime
    digest: bytes | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a message's items; of which stations, since they speak for themselves, or since nothing could be stored."""

    taken: int = 0
    ignored: list[Refused] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    overruled: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Share:
    """What a message says of one station."""

    said: list[tuple[AboutConnector, Place]] = field(default_factory=list)


class Feed:
    """Records what platforms say; `run` must be running."""

    def __init__(self, pool: asyncpg.Pool, dsn: str, slot: int, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self.pool = pool
        self._dsn = dsn
        self._slot = slot
        self._clock = clock
        self._patience_s = patience_s
        self._recorder: DirectRecorder | None = None
        self._ours: set[str] = set()
        self._under_way = 0
        self.most_under_way = UNDER_WAY
        self._budgets: dict[tuple[str, bool], Budget] = {}  # by operator, and whether it was proven to be its own

    async def run(self) -> None:
        """Write what is taken, until cancelled; then what is left."""
        ownership = Ownership(self.pool, self._slot, self._clock)
        await ownership.start()
        self._ours.clear()
        recorder = DirectRecorder(self._dsn, self._slot, on_lost=self._lose, source=SOURCE)
        writing, watching = asyncio.create_task(recorder.run()), asyncio.create_task(ownership.watch(self._lose))
        self._recorder = recorder
        try:
            done, _ = await asyncio.wait({writing, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._recorder = None
            recorder.stop()
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await asyncio.shield(writing)
            for task in (writing, watching):
                task.cancel()
            await asyncio.gather(writing, watching, return_exceptions=True)

    def _lose(self, epochs: Mapping[str, int]) -> None:
        self._ours -= epochs.keys()

    async def take(self, told: Told) -> Outcome:
        """Record a message; it is durable when this returns. Unavailable where it cannot be made so in time."""
        if self._under_way >= self.most_under_way:
            raise Unavailable("too many messages wait for the database")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._take(told)
        except TimeoutError:
            raise Unavailable("the database is away") from None
        finally:
            self._under_way -= 1

    async def _take(self, told: Told) -> Outcome:
        outcome = Outcome(refused=list(told.content.refused))
        places = await self._places(told)
        shares = _shares(told, places, outcome)
        await asyncio.gather(*(self._record(told, station_id, share, outcome) for station_id, share in shares.items()))
        own: list[Observation] = [
            kept for item in told.content.said if (kept := _kept(told, item, places, outcome)) is not None
        ]
        outcome.taken += sum(not isinstance(item, AboutConnector) for item in told.content.said)
        own.append(
            PlatformSaid(
                told.operator_id,
                told.message,
                told.digest,
                told.received_at,
                outcome.taken,
                len(outcome.ignored),
                len(outcome.refused),
            )
        )
        doubts = self._doubts(told, REFUSED, outcome.refused)
        doubts += self._doubts(told, IGNORED, outcome.ignored)
        doubts += self._doubts(told, DOUBTED, told.content.doubted)
        speaker = store.REFUSED_AS + told.operator_id
        # Last, and so never before what it vouches for: an envelope that is remembered has been recorded.
        settled = await self._settled(Entry(speaker, told.received_at, "", own, doubts, SOURCE, SOURCE))
        if isinstance(settled, RefusedByDatabase):
            raise Declined(Ret.CONTENT, f"Data: cannot be stored: {settled.reason}")
        if not isinstance(settled, Committed):
            raise Unavailable("the message could not be stored")
        return outcome

    async def _places(self, told: Told) -> Places:
        about = {item.connector_id for item in told.content.said if isinstance(item, AboutConnector)}
        if not about:
            return {}
        async with self.pool.acquire() as connection:
            return await registry.places_of(connection, told.operator_id, about)

    async def _record(self, told: Told, station_id: str, share: Share, outcome: Outcome) -> None:
        for _ in range(TURNS):
            ours = await self._may_write(station_id, told.received_at)
            entry, kept, overruled = _entry(told, station_id, share, ours=ours)
            settlement = await self._settled(entry)
            if isinstance(settlement, Committed):
                outcome.taken += kept
                outcome.ignored += overruled
                if overruled:
                    outcome.overruled.add(station_id)
                return
            if not isinstance(settlement, Lost):
                outcome.failed.add(station_id)
                outcome.refused.append(Refused("", f"{station_id}: {settlement.reason}"))
                return
            self._ours.discard(station_id)
        raise Unavailable(f"{station_id} keeps moving between its own connection and its platform")

    async def _may_write(self, station_id: str, heard_at: datetime) -> bool:
        """Say whether the station is the platform's to speak for; take it where it does not speak for itself."""
        if station_id in self._ours:
            return True
        self._ours |= await speak_for(self.pool, self._slot, {station_id: heard_at}, SOURCE)
        return station_id in self._ours

    async def _settled(self, entry: Entry) -> Settlement:
        if self._recorder is None:
            raise Unavailable("nothing is recorded at this moment")
        settled: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()

        def settle(settlement: Settlement) -> None:
            if not settled.done():  # whoever asked may have gone
                settled.set_result(settlement)

        entry.settle = settle
        self._recorder.submit(entry)
        return await settled

    def _doubts(self, told: Told, code: str, refused: Sequence[Refused]) -> list[Doubt]:
        if not refused:
            return []
        metrics.refused.labels(code).inc(len(refused))
        frame = f"{told.message} {orjson.dumps(told.document).decode()}"
        speaker = store.REFUSED_AS + told.operator_id
        return [
            Doubt(speaker, told.received_at, code, f"{told.message}: {what}", frame)
            for what in refused
            if self._budget_of(told.operator_id).spend(told.received_at)
        ]

    def _budget_of(self, operator_id: str, *, proven: bool = True) -> Budget:
        most = DOUBTS_A_MINUTE if proven else UNPROVEN_A_MINUTE
        return self._budgets.setdefault((operator_id, proven), Budget(most))

    def decline(self, operator_id: str, message: str, reason: str, frame: str, *, proven: bool) -> None:
        """Keep that an envelope was not taken, where somebody can look; nobody waits for it.

        `proven`: it was signed by the platform that it names; what was not is never held against it. `operator_id` "": of no
        platform that is let in, so that who makes names up fills one list.
        """
        now = self._clock.now()
        code = REFUSED if proven else UNPROVEN
        metrics.refused.labels(code).inc()
        if self._recorder is None or self._under_way >= self.most_under_way:
            return
        if not self._budget_of(operator_id, proven=proven).spend(now):
            return
        speaker = (store.REFUSED_AS if proven else store.UNPROVEN_AS) + operator_id
        doubt = Doubt(speaker, now, code, f"{message}: {reason}", frame)
        self._recorder.submit(Entry(speaker, now, "", (), [doubt], SOURCE, SOURCE))


def _shares(told: Told, places: Places, outcome: Outcome) -> dict[str, Share]:
    """Return what is said of each station; what is said of a connector that nobody can tell is ignored by name."""
    shares: dict[str, Share] = {}
    for item in told.content.said:
        if not isinstance(item, AboutConnector):
            continue
        place = place_of(item.connector_id, places)
        if isinstance(place, Refused):
            outcome.ignored.append(_but_kept(place) if isinstance(item, OrderSaid) else place)
        else:
            shares.setdefault(place[0], Share()).said.append((item, place))
    return shares


def _but_kept(refused: Refused) -> Refused:
    return Refused(refused.member, refused.reason + KEPT)


def _entry(told: Told, station_id: str, share: Share, *, ours: bool) -> tuple[Entry, int, list[Refused]]:
    """Return what is recorded of a station, of how many items, and what its own word overrules."""
    observations: list[Observation] = []
    overruled: list[Refused] = []
    kept = 0
    for item, place in share.said if ours else ():
        observations += observed(item, place, told.statuses, told.told_at, told.received_at)
        kept += 1
    if not ours:
        reason = f"{station_id} speaks for itself at this moment; its own word counts"
        refused = Refused("ConnectorID", reason)
        overruled = [_but_kept(refused) if isinstance(item, OrderSaid) else refused for item, _ in share.said]
    statuses = [o for o in observations if isinstance(o, StatusReported)]
    in_reach = not (statuses and all(status.status == OFFLINE for status in statuses))
    if not in_reach:
        observations.append(OutOfReach(station_id, told.received_at))
    frame = _frame(told, share) if kept else ""
    entry = Entry(station_id, told.received_at, frame, observations, (), SOURCE, SOURCE, in_reach=in_reach)
    return entry, kept, overruled


def _frame(told: Told, share: Share) -> str:
    """Return what is kept as the station's message: the message itself where it is about one connector, else its own part."""
    if len(told.content.said) == 1:
        return f"{told.message} {orjson.dumps(told.document).decode()}"
    parts = [item._asdict() for item, _ in share.said]
    return f"{told.message} {orjson.dumps(parts, option=orjson.OPT_UTC_Z).decode()}"


def _kept(told: Told, item: Item, places: Places, outcome: Outcome) -> Observation | None:
    """Return what is kept of an item as the platform's own word, beside what it says of a station."""
    match item:
        case StationSaid():
            return _site(told, item)
        case OperatorSaid():
            return PlatformOperatorTold(told.operator_id, item.name, item.uscc, dict(item.document), told.received_at)
        case StatsSaid():
            day = item.since.astimezone(COUNTY).date()
            return PlatformStatsTold(
                told.operator_id, item.station_id, day, item.energy_wh, dict(item.document), told.received_at
            )
        case OrderSaid():
            return _order(told, item, places, outcome)
    return None


def _order(told: Told, said: OrderSaid, places: Places, outcome: Outcome) -> PlatformOrderTold | None:
    place = place_of(said.connector_id, places)
    station_id, connector = (None, None) if isinstance(place, Refused) else place
    if station_id in outcome.failed:
        return None
    return PlatformOrderTold(
        told.operator_id,
        said.order_no,
        said.connector_id,
        station_id,
        connector,
        order_state(said.connector_id, places, outcome.overruled),
        said.started_at,
        said.ended_at,
        said.energy_wh,
        dict(said.document),
        told.received_at,
    )


def _site(told: Told, said: StationSaid) -> PlatformSiteTold:
    return PlatformSiteTold(
        told.operator_id,
        said.station_id,
        said.name,
        said.longitude,
        said.latitude,
        said.operating,
        tuple((c.connector_id, c.equipment_id, c.power_w) for c in said.connectors),
        dict(said.document),
        told.received_at,
    )
