"""Keeps the head of the audit trail beside the database, so that lines cannot go missing at its end unnoticed."""

import asyncio
import os
import re
from datetime import datetime
from pathlib import Path

import asyncpg

from youguan import audit
from youguan.audit import Head
from youguan.clock import Clock, utc_text
from youguan.errors import Invalid

NAME = "audit-heads"
WATCH_S = 30.0
LINE = re.compile(r"(\d+) ([0-9a-f]{64}) \S+\.")  # the full stop says that the line is whole


class HeadFile:
    """A file to which a line is added whenever the trail has grown: number, hash and time."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / NAME

    def read(self) -> list[Head]:
        """Return every head that was kept; a line that a crash has cut short is passed over."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="ascii", errors="replace").split("\n")
        return [Head(int(found[1]), bytes.fromhex(found[2])) for found in map(LINE.fullmatch, lines) if found]

    def add(self, head: Head, at: datetime) -> None:
        """Keep a head; it is on disk when this returns."""
        with self.path.open("a", encoding="ascii") as file:
            file.write(f"\n{head.number} {head.hash.hex()} {utc_text(at)}.")
            file.flush()
            os.fsync(file.fileno())


def parse(text: str) -> Head:
    """Return a head written as NUMBER:HASH; Invalid."""
    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise Invalid(f"{text}: not a head of the trail (NUMBER:HASH)") from None


async def keep(pool: asyncpg.Pool, file: HeadFile, clock: Clock) -> None:
    """Keep the head of the trail whenever it has grown, until cancelled."""
    known = max(await asyncio.to_thread(file.read), key=lambda head: head.number, default=None)
    while True:
        async with pool.acquire() as connection:
            found = await audit.head(connection)
        if found is not None and (known is None or found.number > known.number):
            await asyncio.to_thread(file.add, found, clock.now())
            known = found
        await asyncio.sleep(WATCH_S)
