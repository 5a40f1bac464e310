"""The folder of a spool: its files, its lock, and up to where the two ends are."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from struct import Struct

LOGS, CLOSED, LOCK, PLACES = ".log", "closed", "lock", "places"
HIDDEN = "."  # a folder of such a name is being made
PLACE = Struct("=Q")


def log_files(folder: Path) -> list[tuple[int, Path]]:
    """Return (place at which it begins, file), the oldest first."""
    return sorted((int(file.stem), file) for file in folder.glob(f"*{LOGS}") if file.stem.isdigit())


def log_file(folder: Path, begins: int) -> Path:
    """Return the file that begins at a place."""
    return folder / f"{begins:020d}{LOGS}"


def remove(folder: Path) -> None:
    """Remove a folder with what a spool keeps in it."""
    for file in [*folder.glob(f"*{LOGS}"), *(folder / name for name in (PLACES, CLOSED, LOCK))]:
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def sync(folder: Path) -> None:
    """Make durable which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(folder: Path) -> int | None:
    """Take the lock of a folder for as long as the descriptor is open; None where a process that lives has it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


class Places:
    """What the two ends of a spool tell each other while both live; of no use after a crash, so nothing waits for the disk.

    A file and no shared memory: writing to that ends the process where the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / PLACES, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size < 2 * PLACE.size:
            os.write(self._file, bytes(2 * PLACE.size))

    @property
    def durable(self) -> int:
        """Return the place up to which everything survives a crash."""
        return self._read(0)

    @durable.setter
    def durable(self, place: int) -> None:
        os.pwrite(self._file, PLACE.pack(place), 0)

    @property
    def released(self) -> int:
        """Return the place up to which everything is in the database."""
        return self._read(PLACE.size)

    @released.setter
    def released(self, place: int) -> None:
        os.pwrite(self._file, PLACE.pack(place), PLACE.size)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _read(self, at: int) -> int:
        found: int = PLACE.unpack(os.pread(self._file, PLACE.size, at))[0]
        return found
