"""What the relay has passed on, kept on local disk until it is in the database.

A queue in files: records are appended at one end, made durable in groups by a thread, and read at the other end. A place is the
number of bytes written before it since the spool began; each file is named by the place at which it begins. A record is its
length, its checksum and itself, so that what is damaged, or was torn by a crash, is recognised, and what comes after it is found.
"""

import asyncio
import fcntl
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

log = logging.getLogger(__name__)

HEAD = Struct(">II")  # length, checksum
FILE_BYTES = 4 * 1024 * 1024
READ_BYTES = 64 * 1024
# What waits for a disk that does not answer is kept in memory up to here.
MOST_WAITING_BYTES = 16 * 1024 * 1024
# Kept free for saying that there is no room.
RESERVE_BYTES = 64 * 1024
# What comes within so long is made durable at once: each time costs two changes of thread, which what is passed on waits for.
PACE_S = 0.005
SUFFIX, CLOSED = ".log", "closed"


class Record(NamedTuple):
    """A record and the place after it; `content` None: what was there cannot be read."""

    after: int
    content: bytes | None


class Spool:
    """One folder with the files of one process, which holds its lock."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.id = folder.name
        self.folder = folder
        self.on_lost: Callable[[Sequence[bytes]], None] = lambda records: None  # told what was taken and not written
        self._most_bytes = most_bytes
        self._waiting: list[bytes] = []  # heads and contents in turn
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

    @property
    def begun_at(self) -> datetime | None:
        """Return when it began, as its name says."""
        began = self.id.partition("-")[0]
        return datetime.fromtimestamp(int(began) / 1e9, UTC) if began.isdecimal() else None

    @property
    def was_closed(self) -> bool:
        """Say whether the process that wrote it ended as it should: everything that it took is there."""
        return (self.folder / CLOSED).exists()

    @property
    def written_at(self) -> datetime | None:
        """Return when it was written last."""
        times = [file.stat().st_mtime for _, file in self._files()]
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def open(self) -> bool:
        """Take what an earlier process has left in the folder; False where a process that lives holds it."""
        if not self._take_lock():
            return False
        files = self._files()
        if files:
            begin, last = files[-1]
            self._written = self._accepted = begin + last.stat().st_size
            self._released = files[0][0]
        return True

    def begin_at(self, place: int) -> int:
        """Return where to read from, of a spool that was left behind: the database may know more than its first file."""
        self._released = max(self._released, min(place, self._written))
        return self._released

    def append(self, content: bytes, *, reserved: bool = False) -> bool:
        """Take a record; False where there is no room. `reserved`: it says that there is none, so it may have the reserve."""
        size = HEAD.size + len(content)
        most = self._most_bytes if reserved else self._most_bytes - RESERVE_BYTES
        if self.size + size > most or self._waiting_bytes + size > MOST_WAITING_BYTES:
            return False
        self._waiting += (HEAD.pack(len(content), crc32(content)), content)
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

    async def _flush(self) -> None:
        records, self._waiting = self._waiting, []
        size, self._waiting_bytes = self._waiting_bytes, 0
        if not records:
            return
        try:
            await asyncio.to_thread(self._write, b"".join(records))
            self._written += size
        except OSError as error:
            log.error("relay spool %s: %d records are lost: %s", self.id, len(records) // 2, error)
            self._accepted -= size
            self.on_lost(records[1::2])
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
        for file in [*self.folder.glob(f"*{SUFFIX}"), self.folder / "lock", self.folder / CLOSED]:
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

    def _say_goodbye(self) -> None:
        (self.folder / CLOSED).touch(0o600)
        _sync_folder(self.folder)

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
        ends = min(min((begin for begin, _ in files if begin > begins), default=self._written), self._written)
        records = _records(file, place - begins, place, ends) if file else [Record(ends, None)]
        if records[0].content is None:
            log.error("relay spool %s: nothing can be read from %d up to %d", self.id, place, records[0].after)
        return records


def _records(file: Path, offset: int, place: int, ends: int) -> list[Record]:
    """Return what can be read at an offset of a file, up to a place: a good part of it, at least one record.

    Where the first is damaged, that it is, up to the next that is whole.
    """
    with file.open("rb") as opened:
        opened.seek(offset)
        data = opened.read(min(READ_BYTES, ends - place))
        if len(data) >= HEAD.size:
            size = HEAD.size + HEAD.unpack_from(data)[0]
            if len(data) < size <= ends - place:
                data += opened.read(size - len(data))
        found = [Record(place + after, content) for after, content in _whole_records(data)]
        if found:
            return found
        data += opened.read(max(0, ends - place - len(data)))
    whole = next((at for at in range(1, len(data)) if _whole(data, at) is not None), None)
    return [Record(ends if whole is None else place + whole, None)]


def _whole_records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield records from the beginning, each with the place after it, up to one that is not whole."""
    at = 0
    while (content := _whole(data, at)) is not None:
        at += HEAD.size + len(content)
        yield at, content


def _whole(data: bytes, at: int) -> bytes | None:
    """Return the record that begins there; None where none does."""
    begins = at + HEAD.size
    if begins > len(data):
        return None
    length, checksum = HEAD.unpack_from(data, at)
    if not 0 < length <= len(data) - begins:
        return None
    content = data[begins : begins + length]
    return content if crc32(content) == checksum else None


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
