"""The platforms that are called, each with a caller that keeps its token, and a task of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

import httpx

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.access import unseal
from ocpp_gateway.cec102.client import Caller, Peer
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.commands.sealing import Sealer
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.errors import Unavailable

log = logging.getLogger(__name__)


class Callers:
    """Callers by platform; one whose way of being spoken with has changed is made anew."""

    def __init__(self, desk: PlatformDesk, sealer: Sealer, client: httpx.AsyncClient, clock: Clock) -> None:
        self.desk = desk
        self._sealer = sealer
        self._client = client
        self._clock = clock
        self._callers: dict[str, Caller] = {}

    async def of(self, role: str) -> list[Caller]:
        """Return who is to be called of those with a role."""
        async with self.desk.pool.acquire() as connection:
            rows = await store.called(connection, role)
        found = []
        for row in rows:
            try:
                outbound = unseal(self._sealer, row["operator_id"], row["sealed"]).outbound
            except Unavailable as sealed:  # of one; the others are called all the same
                log.warning("%s is not called: %s", row["operator_id"], sealed)
                continue
            if outbound is None:
                continue
            peer = Peer(row["operator_id"], row["our_operator_id"], row["address"], self.desk.profile_of(row), outbound)
            known = self._callers.get(peer.operator_id)
            if known is None or known.peer != peer:
                known = self._callers[peer.operator_id] = Caller(self._client, peer, self._clock)
            found.append(known)
        return found


class Rounds:
    """Visits to platforms, each in a task of its own and one at a time for each: who is slow holds up nobody else."""

    def __init__(self, visit: Callable[[Caller], Awaitable[None]]) -> None:
        self._visit = visit
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def begin(self, callers: Iterable[Caller]) -> None:
        """Begin a visit to everybody who is not being visited."""
        self._under_way = {name: task for name, task in self._under_way.items() if not task.done()}
        for caller in callers:
            if caller.peer.operator_id not in self._under_way:
                self._under_way[caller.peer.operator_id] = asyncio.create_task(self._go(caller))

    async def _go(self, caller: Caller) -> None:
        try:
            await self._visit(caller)
        except (*AWAY, Unavailable) as error:
            log.warning("calling %s: %s", caller.peer.operator_id, error)
        except Exception:
            log.exception("calling %s", caller.peer.operator_id)

    async def over(self) -> None:
        """Wait for the visits that are under way."""
        await asyncio.gather(*self._under_way.values())

    async def end(self) -> None:
        """End the visits that are under way."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
