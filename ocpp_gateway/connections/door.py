"""Bounds the handshakes under way, of TLS and of WebSocket: when there are too many, the oldest has to go.

A station's handshake takes milliseconds; whoever holds one open for long is slow on purpose or gone. So a flood of them makes
room for itself at its own cost.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its stubs

from ocpp_gateway import metrics
from ocpp_gateway.connections.acceptor import Receive

HANDSHAKES = 1000
HANDSHAKE_S = 10.0
SHUTDOWN_S = 2.0


class Handshakes:
    """Those under way, oldest first, and how to end each."""

    def __init__(self, most: int = HANDSHAKES) -> None:
        self._most = most
        self._ends: dict[int, Callable[[], object]] = {}

    def begin(self, key: object, end: Callable[[], object]) -> None:
        """Note one; the oldest ends when there are too many."""
        self._ends[id(key)] = end
        if len(self._ends) > self._most:
            oldest = next(iter(self._ends))
            metrics.rejected.labels("handshake crowded out").inc()
            self._ends.pop(oldest)()
        metrics.handshakes.set(len(self._ends))

    def over(self, key: object) -> bool:
        """Note that one is over; say whether it was still under way."""
        found = self._ends.pop(id(key), None) is not None
        metrics.handshakes.set(len(self._ends))
        return found

    def __len__(self) -> int:
        return len(self._ends)


class Visitor(WSProtocol):  # type: ignore[misc]
    """picows' protocol, which tells when its connection is there and when it is gone."""

    __slots__ = ("handshakes", "on_gone")

    handshakes: Handshakes
    on_gone: Callable[[], None]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.handshakes.begin(self, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.handshakes.over(self):
            self.on_gone()
        super().connection_lost(exc)


def over_tls(
    context: Callable[[], ssl.SSLContext],
    visitor: Callable[[], Any],
    handshakes: Handshakes,
    failed: Callable[[str, BaseException], None],
) -> Receive:
    """Return what makes a TLS connection of an accepted socket; `failed` is told the address and why there is none."""

    async def receive(connection: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        handshakes.begin(task, task.cancel)
        address = ""
        try:
            address = str(connection.getpeername()[0])
            await asyncio.get_running_loop().connect_accepted_socket(
                visitor, connection, ssl=context(), ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=SHUTDOWN_S
            )
        except OSError as error:
            failed(address, error)
        finally:
            handshakes.over(task)

    return receive
