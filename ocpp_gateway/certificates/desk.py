"""Where certificates for stations are approved or rejected; what is approved is signed and goes to the station as a command."""

import asyncio
import logging
from datetime import datetime
from typing import Protocol

import asyncpg

from ocpp_gateway.certificates import store
from ocpp_gateway.commands.desk import Desk, Wish
from youguan import audit
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock
from youguan.errors import Invalid, Unavailable, YouguanError
from youguan.pki import Issued
from youguan.repeating import repeat

log = logging.getLogger(__name__)

LOOK_S = 2.0
LONGEST_REASON = 500
# What has been sent to a station is noted, though it asks for another certificate at this very moment.
OPEN_TO = {"approved": ("pending", "superseded"), "rejected": ("pending",)}


class Signer(Protocol):
    """Who signs stations' requests."""

    def sign(self, request: str, station_id: str, now: datetime) -> Issued:
        """Sign a station's own request; Invalid where it is none, is weak, or names somebody else."""
        ...


class CertificateDesk:
    """Decides about certificates that stations ask for."""

    def __init__(self, pool: asyncpg.Pool, commands: Desk, signer: Signer | None, clock: Clock) -> None:
        self._pool = pool
        self._commands = commands
        self._signer = signer
        self._clock = clock

    async def approve(self, who: Principal, request_id: str, reason: str, remote: str | None = None) -> asyncpg.Record:
        """Sign a request and send the station its certificate; what cannot be signed is rejected, and says why.

        NotFound, Conflict, Invalid, Unavailable. Whoever comes while it is being signed is told that it is (Conflict).
        """
        if self._signer is None:
            raise Unavailable("no authority that signs is configured (YOUGUAN_STATION_AUTHORITY)")
        now = self._clock.now()
        async with self._pool.acquire() as connection, store.taken(connection, request_id):
            asked = await store.get_pending(connection, request_id)
            try:
                issued = await asyncio.to_thread(self._signer.sign, asked["request"], asked["station_id"], now)
            except Invalid as error:
                await self._decide(connection, who, request_id, "rejected", f"{error.detail}"[:LONGEST_REASON], remote)
                raise
            await store.get_pending(connection, request_id)  # what it asks for by now is another key's
            payload = {"certificateChain": issued.certificate}
            if asked["request_number"] is not None:
                payload["requestId"] = asked["request_number"]
            wish = Wish(asked["station_id"], "CertificateSigned", payload, reason)
            command = await self._commands.ask(who, wish, remote=remote)
            return await self._decide(
                connection, who, request_id, "approved", reason, remote,
                serial=issued.serial, command_id=command["id"],
            )  # fmt: skip

    async def reject(self, who: Principal, request_id: str, reason: str, remote: str | None = None) -> asyncpg.Record:
        """Sign nothing. NotFound, Conflict."""
        async with self._pool.acquire() as connection, store.taken(connection, request_id):
            return await self._decide(connection, who, request_id, "rejected", reason, remote)

    async def _decide(
        self,
        connection: asyncpg.Connection,
        who: Principal,
        request_id: str,
        state: str,
        reason: str,
        remote: str | None,
        **rest: str,
    ) -> asyncpg.Record:
        now = self._clock.now()
        async with connection.transaction():
            await store.get_in_state(connection, request_id, OPEN_TO[state])
            row = await store.decide(connection, request_id, state, by=who.subject, at=now, reason=reason, **rest)
            await audit.record(
                connection, at=now, actor=who.subject, action=f"certificate {state}",
                subject=f"station {row['station_id']}", after={"request": request_id, "reason": reason, **rest},
                remote=remote,
            )  # fmt: skip
        return row

    async def approve_by_policy(self) -> None:
        """Approve whatever a filed and connected station asks for, until cancelled."""
        await repeat(self.approve_pending, LOOK_S)

    async def approve_pending(self) -> int:
        """Approve what is pending now; return how many that were."""
        who = Principal("policy", "policy", frozenset({REGULATOR}), None, None, "", "", self._clock.now())
        async with self._pool.acquire() as connection:
            pending = await store.pending_of_connected(connection)
        count = 0
        for request_id in pending:
            try:
                await self.approve(who, request_id, "by policy")
                count += 1
            except YouguanError as error:
                log.warning("certificate request %s: %s", request_id, error)
        return count
