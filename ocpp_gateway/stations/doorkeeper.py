"""Keeps what an admission is decided by, and tells the rest of the suite who keeps trying and which new keys are in use."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import asyncpg

from ocpp_gateway import metrics
from ocpp_gateway.stations.admission import (
    Admitted,
    Arrival,
    Keys,
    Rejected,
    Rules,
    Situation,
    Verdict,
    decide,
    holding,
    source_of,
)
from ocpp_gateway.stations.attempts import Attempts
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.eventlog import publish
from youguan.events import StationKeyUsed
from youguan.pki import revoked_serials

log = logging.getLogger(__name__)

TELL_S = 0.5


class Doorkeeper:
    """Admits stations for one worker."""

    def __init__(
        self, rules: Rules, *, knows: Callable[[str], bool], keys_of: Callable[[str], Keys | None], clock: Clock
    ) -> None:
        self._rules = rules
        self._knows = knows
        self._keys_of = keys_of
        self._clock = clock
        self._attempts = Attempts()
        self._used: dict[tuple[str, str], StationKeyUsed] = {}

    def admit(
        self, arrival: Arrival, connections: int, connections_of_source: int, *, elsewhere: bool = False
    ) -> Verdict:
        """Decide about an arrival and count what comes of it; the numbers do not include a connection that it replaces.

        `elsewhere`: another judges what is shown.
        """
        now = self._clock.now()
        source = source_of(arrival.address)
        situation = Situation(
            filed=self._knows(arrival.station_id),
            keys=self._keys_of(arrival.station_id),
            connections=connections,
            connections_of_source=connections_of_source,
            too_many_tries=self._attempts.too_many(source, now),
            elsewhere=elsewhere,
        )
        verdict = decide(arrival, situation, self._rules, now)
        if isinstance(verdict, Rejected):
            metrics.rejected.labels(verdict.reason).inc()
            if verdict.wrong:
                guessed = arrival.password is not None or arrival.certificate is not None
                self._attempts.note(
                    source, arrival.station_id if guessed and situation.filed else None, verdict.reason, now
                )
        else:
            metrics.admitted.labels(str(verdict.profile)).inc()
            self._note_use(arrival.station_id, verdict, situation)
        return verdict

    def _note_use(self, station_id: str, admitted: Admitted, situation: Situation) -> None:
        now = self._clock.now()
        if admitted.digest is not None and situation.keys and len(holding(situation.keys, now)) > 1:
            key = (station_id, admitted.digest)
            self._used[key] = StationKeyUsed(station_id=station_id, digest=admitted.digest, at=now)

    def refused_before_words(self, address: str, reason: str) -> None:
        """Count a connection that failed before it could say what it wants."""
        metrics.rejected.labels(reason).inc()
        self._attempts.note(source_of(address), None, reason, self._clock.now())

    def refused_elsewhere(self, arrival: Arrival) -> None:
        """Count a try that another has found wrong."""
        guessed = arrival.station_id if arrival.password is not None or arrival.certificate is not None else None
        self._attempts.note(source_of(arrival.address), guessed, "upstream", self._clock.now())

    def still_holds(self, station_id: str, admitted: Admitted) -> bool:
        """Say whether what a connection was admitted by still holds."""
        if admitted.serial is not None:
            return admitted.serial not in self._rules.revoked
        if admitted.digest is None:
            return True
        return admitted.digest in holding(self._keys_of(station_id) or {}, self._clock.now())

    def revoke(self, serials: frozenset[int]) -> None:
        """Take in a new revocation list."""
        self._rules = replace(self._rules, revoked=serials)

    async def tell(self, pool: asyncpg.Pool, stream: str) -> None:
        """Publish what is worth telling, now and then; what cannot be told now is told later."""
        while True:
            try:
                await self.tell_now(pool, stream)
            except AWAY as error:
                log.warning("doorkeeper: database away: %s", error)
            await asyncio.sleep(TELL_S)

    async def tell_now(self, pool: asyncpg.Pool, stream: str) -> None:
        """Publish what is worth telling at this moment."""
        refused = self._attempts.to_tell(self._clock.now())
        used = dict(self._used)
        if not (refused or used):
            return
        async with pool.acquire() as connection, connection.transaction():
            await publish(connection, stream, [*used.values(), *refused])
        self._attempts.told(refused)
        for key, event in used.items():
            if self._used.get(key) is event:
                del self._used[key]


def read_revoked(list_file: Path | None, authority: Path | None) -> frozenset[int]:
    """Return the serial numbers that no longer hold; without a list, none."""
    if list_file is None or authority is None or not list_file.exists():
        return frozenset()
    return revoked_serials(list_file, authority)
