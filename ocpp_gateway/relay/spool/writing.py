"""The end of a spool at which records are appended: whoever passes on waits for nothing here."""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ocpp_gateway.relay.spool.folder import CLOSED, HIDDEN, Places, lock, log_file, sync
from ocpp_gateway.relay.spool.records import HEAD, head_of

log = logging.getLogger(__name__)

FILE_BYTES = 4 * 1024 * 1024
# What waits for a disk that does not answer is kept in memory up to here.
MOST_WAITING_BYTES = 16 * 1024 * 1024
# Kept free for saying that there is no room.
RESERVE_BYTES = 64 * 1024
# What comes within so long is made durable at once: each time costs two changes of thread, which what is passed on waits for.
PACE_S = 0.005


class SpoolWriter:
    """Writes the files of one process, whose lock it holds. The folder is made when something is written."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.id = folder.name
        self.folder = folder
        self.on_lost: Callable[[Sequence[bytes]], None] = lambda records: None  # told what was taken and not written
        self._most_bytes = most_bytes
        self._waiting: list[bytes] = []  # heads and contents in turn
        self._waiting_bytes = 0
        self._written = 0  # durable up to here
        self._accepted = 0  # taken up to here
        self._released = 0  # in the database up to here, as was looked last
        self._places: Places | None = None
        self._file: int | None = None
        self._file_bytes = 0
        self._lock: int | None = None
        self._rung = asyncio.Event()
        self._stopping = False

    @property
    def size(self) -> int:
        """Return how many bytes are kept that are not in the database yet."""
        if self._places is not None:
            self._released = self._places.released
        return self._accepted - self._released

    @property
    def durable(self) -> int:
        """Return the place up to which everything survives a crash."""
        return self._written

    def append(self, content: bytes, *, reserved: bool = False) -> bool:
        """Take a record; False where there is no room. `reserved`: it says that there is none, so it may have the reserve."""
        size = HEAD.size + len(content)
        most = self._most_bytes if reserved else self._most_bytes - RESERVE_BYTES
        if self._waiting_bytes + size > MOST_WAITING_BYTES:
            return False
        if self._accepted - self._released + size > most and self.size + size > most:
            return False
        self._waiting += (head_of(content), content)
        self._waiting_bytes += size
        self._accepted += size
        self._rung.set()
        return True

    async def run(self) -> None:
        """Make durable what is appended, all that has come meanwhile at once, until `stop`."""
        while not (self._stopping and not self._waiting):
            await self._rung.wait()
            self._rung.clear()
            await self._flush()
            if not self._stopping:
                await asyncio.sleep(PACE_S)
        if self._file is not None:
            await asyncio.to_thread(self._say_goodbye)
        self.close()

    def stop(self) -> None:
        """Let `run` end when everything appended is durable."""
        self._stopping = True
        self._rung.set()

    def close(self) -> None:
        """Let go of the files and of the folder."""
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._lock = None
        if self._places is not None:
            self._places.close()
            self._places = None

    async def _flush(self) -> None:
        records, self._waiting = self._waiting, []
        size, self._waiting_bytes = self._waiting_bytes, 0
        if not records:
            return
        try:
            await asyncio.to_thread(self._write, b"".join(records))
        except OSError as error:
            log.error("relay spool %s: %d records are lost: %s", self.id, len(records) // 2, error)
            self._accepted -= size
            self.on_lost(records[1::2])

    def _write(self, data: bytes) -> None:
        """Write and make durable; on an error nothing of it counts. Runs in a thread, one at a time."""
        file = self._current_file()
        before = self._file_bytes
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fdatasync(file)
        except OSError:
            os.ftruncate(file, before)
            raise
        self._file_bytes = before + len(data)
        self._written += len(data)
        if self._places is not None:
            with suppress(OSError):  # it is told again with what comes next, and at the end the files say it
                self._places.durable = self._written

    def _current_file(self) -> int:
        if self._lock is None:
            self._make_folder()
        if self._file is None or self._file_bytes >= FILE_BYTES:
            if self._file is not None:
                os.close(self._file)
                self._file = None
            name = log_file(self.folder, self._written)
            self._file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file_bytes = os.fstat(self._file).st_size
            sync(self.folder)
        return self._file

    def _make_folder(self) -> None:
        """Make the folder with its lock taken: whoever sees it must not think that it was left behind."""
        making = self.folder.with_name(HIDDEN + self.id)
        making.mkdir(parents=True, exist_ok=True, mode=0o700)
        places, held = Places(making), lock(making)
        try:
            making.rename(self.folder)
            sync(self.folder.parent)
        except OSError:
            places.close()
            if held is not None:
                os.close(held)
            raise
        self._places, self._lock = places, held

    def _say_goodbye(self) -> None:
        (self.folder / CLOSED).touch(0o600)
        sync(self.folder)


def new_spool(folder: Path, most_bytes: int) -> SpoolWriter:
    """Return a spool of our own, later by its name than those before."""
    return SpoolWriter(folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}", most_bytes)
