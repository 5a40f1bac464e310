"""The platforms that are called, each with a caller that keeps its token."""

import httpx

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.access import unseal
from ocpp_gateway.cec102.client import Caller, Peer
from ocpp_gateway.cec102.desk import PlatformDesk
from ocpp_gateway.commands.sealing import Sealer
from youguan.clock import Clock


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
            outbound = unseal(self._sealer, row["operator_id"], row["sealed"]).outbound
            if outbound is None:
                continue
            peer = Peer(row["operator_id"], row["our_operator_id"], row["address"], self.desk.profile_of(row), outbound)
            known = self._callers.get(peer.operator_id)
            if known is None or known.peer != peer:
                known = self._callers[peer.operator_id] = Caller(self._client, peer, self._clock)
            found.append(known)
        return found
