"""Files that others wrote are read in a process of their own, of bounded memory and time: a small file may hold more than it seems.

The process has none of our secrets; of what it answers only drafts are taken, never code.
"""

import asyncio
import io
import logging
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, TypeVar

from charger_registry.divisions import outlines
from charger_registry.divisions import reading as divisions
from charger_registry.divisions.outlines import Outlines
from charger_registry.divisions.reading import DivisionDraft
from charger_registry.drafts import (
    ConnectorDraft,
    MeterDraft,
    PartyDraft,
    PriceBand,
    PriceDraft,
    SiteDraft,
    StationDraft,
)
from charger_registry.equipment.opening_hours import OpeningHours, Period
from charger_registry.imports import formats
from charger_registry.imports.fields import RefusedRow
from charger_registry.imports.reading import Reading
from youguan.errors import FieldError, Invalid, TooLarge, reason_again

log = logging.getLogger(__name__)
MOST_MEMORY_BYTES = 1024**3
MOST_CPU_S = 60
MOST_S = 240.0  # a machine may be busy with other things
AT_ONCE = 2
TAKEN = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        ConnectorDraft, MeterDraft, PartyDraft, PriceBand, PriceDraft, SiteDraft, StationDraft, OpeningHours, Period, RefusedRow,
        Reading, divisions.Reading, DivisionDraft, divisions.Refused, Outlines, FieldError, Invalid, TooLarge, reason_again, date,
    )
}  # fmt: skip
Answer = Reading | divisions.Reading | Outlines | Invalid | TooLarge
Found = TypeVar("Found", Reading, divisions.Reading, Outlines)
READERS: Mapping[str, Callable[[bytes, str], Answer]] = {
    "sites": lambda data, crs: formats.read(data, crs or None),
    "divisions": lambda data, _: divisions.read(data),
    "outlines": outlines.read,
}
TOO_MUCH_MEMORY = (
    "the file needs more memory to be read than a file may take: it holds more than it seems, or divide it"
)
TOO_MUCH_TIME = "the file takes longer to be read than a file may take: divide it"


class ConfinedReader:
    """Reads files, a few at once."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read_sites(self, data: bytes, crs: str | None) -> Reading:
        """Return the sites of a file in any of the formats; Invalid, TooLarge, also where reading it takes too much."""
        return await self._read("sites", Reading, data, crs)

    async def read_divisions(self, data: bytes) -> divisions.Reading:
        """Return the divisions of a CSV; errors as above."""
        return await self._read("divisions", divisions.Reading, data, None)

    async def read_outlines(self, data: bytes, crs: str) -> Outlines:
        """Return the outlines of divisions of a GeoJSON collection; errors as above."""
        return await self._read("outlines", Outlines, data, crs)

    async def _read(self, what: str, kind: type[Found], data: bytes, crs: str | None) -> Found:
        async with self._turns:
            code, answer = await _ask(what, data, crs)
        if code is None or code == -signal.SIGXCPU:
            raise TooLarge(TOO_MUCH_TIME)
        if code < 0:
            raise TooLarge(TOO_MUCH_MEMORY)
        if code > 0:
            raise Invalid("the file cannot be read: it is damaged, or not what it seems")
        found = unpacked(answer)
        if isinstance(found, Exception):
            raise found
        if not isinstance(found, kind):
            raise pickle.UnpicklingError(f"{type(found).__name__} is no answer to {what}")
        return found


async def _ask(what: str, data: bytes, crs: str | None) -> tuple[int | None, bytes]:
    """Return how the process ended (None: it was not done in time) and what it answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, what, crs or "",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("YOUGUAN_")},
    )  # fmt: skip
    try:
        async with asyncio.timeout(MOST_S):
            answer, said = await process.communicate(data)
    except TimeoutError:
        return None, b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        log.warning("a file was not read (%s): %s", process.returncode, said[-1000:].decode(errors="replace"))
    return process.returncode, answer


def unpacked(answer: bytes) -> Answer:
    """Return what the process answered; UnpicklingError where that is anything else."""
    found: Answer = _Unpickler(io.BytesIO(answer)).load()
    return found


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few kinds of things that a reading is made of."""
        try:
            return TAKEN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is nothing that a reading holds") from None


# --- the process ------------------------------------------------------------------------------------------------


def main() -> None:
    """Read the file on standard input; arguments: what it holds, its coordinate system. Answer with that, or with what is wrong."""
    _confine()
    try:
        answer = pickle.dumps(_answer(sys.argv[1], sys.stdin.buffer.read(), sys.argv[2]), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        answer = pickle.dumps(TooLarge(TOO_MUCH_MEMORY))
    sys.stdout.buffer.write(answer)


def _answer(what: str, data: bytes, crs: str) -> Answer:
    try:
        return READERS[what](data, crs)
    except (Invalid, TooLarge) as error:
        return error


def _confine() -> None:
    limits = (
        (resource.RLIMIT_AS, MOST_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MOST_CPU_S),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    )
    for kind, most in limits:
        with suppress(ValueError, OSError):  # macOS knows no bound of the address space
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
