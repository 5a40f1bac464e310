"""What the relay has passed on, kept on local disk until it is in the database.

A queue in files: records are appended at one end, made durable in groups by a thread, and read at the other end. A place is the
number of bytes written before it since the spool began; each file is named by the place at which it begins. A record is its
length, its checksum and itself, so that a tail torn by a crash is recognised and cut off.
"""

import asyncio
import fcntl
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

log = logging.getLogger(__name__)

HEAD = Struct(">II")  # length, checksum
FILE_BYTES = 4 * 1024 * 1024
READ_BYTES = 256 * 1024
# What waits for a disk that does not answer is kept in memory up to here.
MOST_WAITING_BYTES = 16 * 1024 * 1024
SUFFIX = ".log"


class Record(NamedTuple):
    """A record and the place after it."""

    after: int
    content: bytes


class Spool:
    """One folder with the files of one process, which holds its lock."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.id = folder.name
        self.folder = folder
        self._lost = 0
        self._most_bytes = most_bytes
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._written = 0  # durable up to here
        self._accepted = 0  # taken up to here
        self._released = 0
        self._done: list[Path] = []
        self._file: int | None = None
        self._file_bytes = 0
        self._lock: int | None = None
        self._rung = asyncio.Event()
        self._more = asyncio.Event()
        self._stopping = False

    @property
    def size(self) -> int:
        """Return how many bytes are kept."""
        return self._accepted - self._released

    @property
    def durable(self) -> int:
        """Return the place up to which everything survives a crash."""
        return self._written

    def open(self) -> bool:
        """Take what an earlier process has left in the folder; False where a process that lives holds it."""
        if not self._take_lock():
            return False
        files = self._files()
        if files:
            begin, last = files[-1]
            self._written = self._accepted = begin + _cut_torn_tail(last)
            self._released = files[0][0]
        return True

    def begin_at(self, place: int) -> int:
        """Return where to read from, of a spool that was left behind: the database may know more than its first file."""
        self._released = max(self._released, min(place, self._written))
        return self._released

    def append(self, content: bytes) -> bool:
        """Take a record; False where there is no room."""
        size = HEAD.size + len(content)
        if self.size + size > self._most_bytes or self._waiting_bytes + size > MOST_WAITING_BYTES:
            return False
        self._waiting.append(HEAD.pack(len(content), crc32(content)) + content)
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
        self.close()

    def take_lost(self) -> int:
        """Return how many records were taken and could not be written since this was asked last."""
        lost, self._lost = self._lost, 0
        return lost

    def stop(self) -> None:
        """Let `run` end when everything appended is durable."""
        self._stopping = True
        self._rung.set()

    async def _flush(self) -> None:
        records, self._waiting = self._waiting, []
        size, self._waiting_bytes = self._waiting_bytes, 0
        if not records:
            return
        try:
            await asyncio.to_thread(self._write, b"".join(records))
            self._written += size
        except OSError as error:
            log.error("relay spool %s: %d records are lost: %s", self.id, len(records), error)
            self._lost += len(records)
            self._accepted -= size
        self._more.set()

    async def read(self, place: int) -> list[Record]:
        """Return what comes after a place, at least one record; waits until there is one."""
        while True:
            self._more.clear()
            if place < self._written:
                return await asyncio.to_thread(self._read, place)
            await self._more.wait()

    def release(self, place: int) -> None:
        """Let go of what comes before a place; the thread that writes removes the files."""
        self._released = max(self._released, place)
        files = self._files() if self._released - self._oldest() >= FILE_BYTES else []
        for (_, file), (ends, _) in pairwise(files):
            if ends <= self._released:
                self._done.append(file)
                self._begins = ends

    def remove(self) -> None:
        """Remove the folder: everything in it is in the database."""
        self.close()
        for file in [*self.folder.glob(f"*{SUFFIX}"), self.folder / "lock"]:
            file.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def close(self) -> None:
        """Let go of the files and of the folder."""
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._lock = None

    _begins: int | None = None

    def _oldest(self) -> int:
        if self._begins is None:
            files = self._files()
            self._begins = files[0][0] if files else 0
        return self._begins

    def _take_lock(self) -> bool:
        if self._lock is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = None
            return False
        return True

    def _files(self) -> list[tuple[int, Path]]:
        """Return (place at which it begins, file), the oldest first."""
        return sorted((int(file.stem), file) for file in self.folder.glob(f"*{SUFFIX}") if file.stem.isdigit())

    def _write(self, data: bytes) -> None:
        """Write and make durable; on an error nothing of it counts. Runs in a thread, one at a time."""
        while self._done:
            self._done.pop().unlink(missing_ok=True)
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

    def _current_file(self) -> int:
        if self._file is None or self._file_bytes >= FILE_BYTES:
            self._take_lock()
            if self._file is not None:
                os.close(self._file)
                self._file = None
            name = self.folder / f"{self._written:020d}{SUFFIX}"
            self._file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file_bytes = os.fstat(self._file).st_size
            _sync_folder(self.folder)
        return self._file

    def _read(self, place: int) -> list[Record]:
        files = self._files()
        begins, file = max((found for found in files if found[0] <= place), default=(place, None))
        ends = min((begin for begin, _ in files if begin > begins), default=self._written)
        records = list(_records(file, place - begins, place, min(ends, self._written))) if file else []
        if records:
            return records
        log.error("relay spool %s: nothing can be read from %d up to %d", self.id, place, ends)
        return [Record(ends, b"")]


def _records(file: Path, offset: int, place: int, ends: int) -> Iterator[Record]:
    """Yield what can be read at an offset of a file, up to a place: a good part of it, at least one record."""
    with file.open("rb") as opened:
        opened.seek(offset)
        data = opened.read(min(READ_BYTES, ends - place))
        at = 0
        while at + HEAD.size <= len(data):
            length, checksum = HEAD.unpack_from(data, at)
            if at == 0 and HEAD.size + length > len(data) and HEAD.size + length <= ends - place:
                data += opened.read(HEAD.size + length - len(data))
            content = data[at + HEAD.size : at + HEAD.size + length]
            if len(content) < length or crc32(content) != checksum:
                return
            at += HEAD.size + length
            yield Record(place + at, content)


def _cut_torn_tail(file: Path) -> int:
    """Cut off what a crash has left half written; return how long the file is then."""
    data = file.read_bytes()
    at = 0
    while at + HEAD.size <= len(data):
        length, checksum = HEAD.unpack_from(data, at)
        content = data[at + HEAD.size : at + HEAD.size + length]
        if len(content) < length or crc32(content) != checksum:
            break
        at += HEAD.size + length
    if at < len(data):
        log.warning("relay spool: %s: %d bytes at its end were torn by a crash", file, len(data) - at)
        os.truncate(file, at)
    return at


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def left_behind(folder: Path, most_bytes: int) -> list[Spool]:
    """Return the spools of processes that are gone, opened, the oldest first; what cannot be read stays where it is."""
    found: list[Spool] = []
    for path in sorted(folder.glob("*")):
        spool = Spool(path, most_bytes)
        try:
            if path.is_dir() and spool.open():
                found.append(spool)
        except OSError as error:
            log.error("relay spool %s cannot be read: %s", spool.id, error)
            spool.close()
    return found


def new_spool(folder: Path, most_bytes: int) -> Spool:
    """Return a spool of our own, later by its name than those before; its folder is made when something is written."""
    return Spool(folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}", most_bytes)
