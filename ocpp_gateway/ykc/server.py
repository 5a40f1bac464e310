"""The door of chargers that speak 云快充: who comes from a network that may, and says in time who it is."""

import asyncio
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Iterable, Sequence

from ocpp_gateway import metrics
from ocpp_gateway.stations.admission import Network
from ocpp_gateway.ykc.conversation import Around, Conversation
from ocpp_gateway.ykc.frames import Broken, Splitter
from youguan.database import AWAY
from youguan.errors import Unavailable

log = logging.getLogger(__name__)

LOGIN_WITHIN_S = 30.0
SILENT_S = 40.0  # a heartbeat comes every 10 s; after three that did not the connection is dead
READ_BYTES = 4096
MOST_UNSENT = 64 * 1024  # whoever does not read our answers is let go


class Server:
    """Holds the connections, one a pile: a newer one takes the place of an older."""

    def __init__(
        self,
        around: Around,
        networks: Sequence[Network],
        connections: int,
        connections_per_source: int,
        login_within_s: float = LOGIN_WITHIN_S,
        silent_s: float = SILENT_S,
    ) -> None:
        self._around = around
        self._networks = networks
        self._connections = connections
        self._per_source = connections_per_source
        self._login_within_s = login_within_s
        self._silent_s = silent_s
        self._sources: Counter[str] = Counter()
        self._open: dict[Conversation, Line] = {}
        self._piles: dict[str, Conversation] = {}
        self._listening: asyncio.Server | None = None

    async def start(self, listening: socket.socket) -> None:
        """Begin to take connections."""
        self._listening = await asyncio.start_server(self._serve, sock=listening, limit=READ_BYTES)

    def stop(self) -> None:
        """Take no more connections, and read no more of those that there are."""
        if self._listening is not None:
            self._listening.close()

    def close_all(self) -> None:
        """End every connection."""
        for line in list(self._open.values()):
            line.close("the gateway stops")

    def close_lost(self, station_ids: Iterable[str]) -> None:
        """End the connections of stations that somebody else writes now."""
        for station_id in station_ids:
            conversation = self._piles.get(station_id)
            if conversation is not None:
                self._open[conversation].close("the station speaks elsewhere")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = str(writer.get_extra_info("peername")[0])
        reason = self._not_let_in(source)
        if reason is not None:
            metrics.rejected.labels("ykc").inc()
            log.info("a charger at %s is not let in: %s", source, reason)
            writer.close()
            return
        line = Line(writer)
        conversation = Conversation(source, self._around, line.send, line.close)
        self._open[conversation] = line
        self._sources[source] += 1
        metrics.ykc_connections.inc()
        try:
            await self._converse(conversation, reader, line)
        except (Broken, TimeoutError, OSError, Unavailable, *AWAY) as error:
            log.info("%s at %s: %s", conversation.pile or "a charger", source, error or "silent")
        finally:
            metrics.ykc_connections.dec()
            self._sources[source] -= 1
            self._sources += Counter()  # drops the zeros
            del self._open[conversation]
            if conversation.pile and self._piles.get(conversation.pile) is conversation:
                del self._piles[conversation.pile]
            writer.close()

    def _not_let_in(self, source: str) -> str | None:
        address = ipaddress.ip_address(source)
        if not any(address in network for network in self._networks):
            return "its network is not among ykc_networks"
        if len(self._open) >= self._connections:
            return "there are too many connections"
        return "its source has too many connections" if self._sources[source] >= self._per_source else None

    async def _converse(self, conversation: Conversation, reader: asyncio.StreamReader, line: "Line") -> None:
        splitter = Splitter()
        login_by = asyncio.get_running_loop().time() + self._login_within_s
        while not line.closed:
            patience = self._silent_s
            if conversation.pile is None:
                patience = max(login_by - asyncio.get_running_loop().time(), 0)
            async with asyncio.timeout(patience):
                data = await reader.read(READ_BYTES)
            if not data:
                return
            for received in splitter.feed(data):
                known = conversation.pile
                await conversation.take(received)
                if line.closed:
                    return
                if known is None and conversation.pile is not None:
                    self._know(conversation.pile, conversation)

    def _know(self, pile: str, conversation: Conversation) -> None:
        older = self._piles.get(pile)
        self._piles[pile] = conversation
        if older is not None:
            self._open[older].close("replaced by a newer connection")


class Line:
    """The way to one charger."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send, unless the charger is gone, or does not read."""
        if self.closed or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > MOST_UNSENT:
            self.close("does not read what it is answered")
            return
        self._writer.write(data)

    def close(self, reason: str) -> None:
        """Close after what has been sent."""
        if not self.closed:
            self.closed = True
            log.info("a connection is closed: %s", reason)
            self._writer.close()
