"""Takes what the relay notes into a spool; what there was no room for is counted, and told when there is room again."""

import asyncio
import logging
from collections.abc import Sequence

from ocpp_gateway import metrics
from ocpp_gateway.relay.gaps import DISK, FULL, Untold
from ocpp_gateway.relay.passed import GAP, Passed, decode, encode
from ocpp_gateway.relay.spool.writing import SpoolWriter

log = logging.getLogger(__name__)

TELL_S = 1.0


class Journal:
    """Notes for one process."""

    def __init__(self, spool: SpoolWriter) -> None:
        self._spool = spool
        self._untold: dict[str, Untold] = {}  # by reason
        self.lost = 0
        spool.on_lost = self._not_written

    def note(self, passed: Passed) -> None:
        """Keep a record, or count it."""
        if not self._spool.append(encode(passed)):
            self._count(FULL, passed, 1)

    def tell(self) -> None:
        """Note what was not kept, as far as there is room for that now."""
        for untold in list(self._untold.values()):
            while untold.records:
                station_id, number = next(iter(untold.records.items()))
                if not self._spool.append(encode(untold.tells(station_id, number))):
                    return
                del untold.records[station_id]
            if not self._spool.append(encode(untold.tells("", 0))):
                return
            del self._untold[untold.reason]

    def _count(self, reason: str, passed: Passed, number: int) -> None:
        untold = self._untold.get(reason)
        if untold is None:
            log.error("relay: no room to note what is passed on (%s); it is passed on all the same", reason)
            untold = self._untold[reason] = Untold(reason, passed.at, passed.at)
            self._spool.append(encode(untold.begins()), reserved=True)
        untold.count(passed.station_id, number, passed.at)
        self.lost += number

    def _not_written(self, records: Sequence[bytes]) -> None:
        """Count what was taken and could not be written; of what itself told of a gap, what it counted."""
        for record in records:
            passed = decode(record)
            if passed.kind != GAP:
                self._count(DISK, passed, 1)
            elif passed.number:
                self.lost -= passed.number
                self._count(passed.about, passed, passed.number)

    async def run(self) -> None:
        """Tell regularly what was not kept and how much is, until cancelled."""
        while True:
            self.tell()
            metrics.relay_spooled.set(self._spool.size)
            metrics.relay_lost.set(self.lost)
            await asyncio.sleep(TELL_S)
