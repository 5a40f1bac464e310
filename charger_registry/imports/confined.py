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
from contextlib import suppress
from datetime import date
from typing import Any

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
from charger_registry.imports.fields import RefusedRow
from charger_registry.imports.formats import read
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
        Reading, FieldError, Invalid, TooLarge, reason_again, date,
    )
}  # fmt: skip
TOO_MUCH_MEMORY = (
    "the file needs more memory to be read than a file may take: it holds more than it seems, or divide it"
)
TOO_MUCH_TIME = "the file takes longer to be read than a file may take: divide it"


class ConfinedReader:
    """Reads files, a few at once."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read(self, data: bytes, crs: str | None) -> Reading:
        """Return what a file in any of the formats says; Invalid, TooLarge, also where reading it takes too much."""
        async with self._turns:
            code, answer = await _ask(data, crs)
        if code is None or code == -signal.SIGXCPU:
            raise TooLarge(TOO_MUCH_TIME)
        if code < 0:
            raise TooLarge(TOO_MUCH_MEMORY)
        if code > 0:
            raise Invalid("the file cannot be read: it is damaged, or not what it seems")
        found = unpacked(answer)
        if isinstance(found, Reading):
            return found
        raise found


async def _ask(data: bytes, crs: str | None) -> tuple[int | None, bytes]:
    """Return how the process ended (None: it was not done in time) and what it answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, crs or "",
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


def unpacked(answer: bytes) -> Reading | Invalid | TooLarge:
    """Return what the process answered; UnpicklingError where that is anything else."""
    found: Reading | Invalid | TooLarge = _Unpickler(io.BytesIO(answer)).load()
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
    """Read the file on standard input, its coordinate system the argument; answer with a reading, or with what is wrong."""
    _confine()
    try:
        answer = pickle.dumps(_read(sys.stdin.buffer.read(), sys.argv[1] or None), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        answer = pickle.dumps(TooLarge(TOO_MUCH_MEMORY))
    sys.stdout.buffer.write(answer)


def _read(data: bytes, crs: str | None) -> Reading | Invalid | TooLarge:
    try:
        return read(data, crs)
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
