"""Where a connection waits before it is known who may have it: until its request is read, and somebody else has been asked.

picows answers a handshake as soon as it has read it. Where the answer is another's, the connection is kept here for as long as
that takes, and is then handed over with every byte that came meanwhile.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ocpp_gateway import metrics
from ocpp_gateway.connections.door import HANDSHAKE_S, Handshakes

LARGEST_HEAD = 16 * 1024
END = b"\r\n\r\n"


class Porch(asyncio.BufferedProtocol):
    """Reads the head of a request."""

    def __init__(self, handshakes: Handshakes, on_head: Callable[["Porch", bytes], None]) -> None:
        self.transport: asyncio.Transport
        self._handshakes = handshakes
        self._on_head = on_head
        self._buffer = bytearray(2048)
        self._filled = 0
        self._head: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.asking: asyncio.Task[None] | None = None  # who asks somebody else

    @property
    def head(self) -> bytes:
        """Return the request without what ends it."""
        assert self._head is not None
        return self._head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "abort")
        self.transport = transport  # type: ignore[assignment]
        self._handshakes.begin(self, self.transport.abort)
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_S, self.transport.abort)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._filled == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._head is None:
            ends = self._buffer.find(END, 0, self._filled)
            if ends >= 0:
                self._head = bytes(self._buffer[:ends])
                self._over()
                self._on_head(self, self._path())
                return
        if self._filled > LARGEST_HEAD:
            self.transport.abort()

    def _path(self) -> bytes:
        words = self.head.split(b"\r\n", 1)[0].split(b" ")
        return words[1] if len(words) == 3 else b""

    def _over(self) -> bool:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._handshakes.over(self)

    def hand_over(self, protocol: Any) -> None:
        """Let a buffered protocol have the connection and what has come over it."""
        if self.transport.is_closing():
            return
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        data = memoryview(self._buffer)[: self._filled]
        while data and not self.transport.is_closing():
            room = protocol.get_buffer(-1)
            size = min(len(room), len(data))
            room[:size] = data[:size]
            data = data[size:]
            protocol.buffer_updated(size)

    def refuse(self, answer: bytes) -> None:
        """Answer no."""
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._over():
            metrics.rejected.labels("handshake given up").inc()
        if self.asking is not None:
            self.asking.cancel()
