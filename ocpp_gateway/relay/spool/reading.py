"""The end of a spool at which records are read, and removed once they are stored."""

import logging
import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from ocpp_gateway.relay.spool import folder as folders
from ocpp_gateway.relay.spool.folder import CLOSED, HIDDEN, PLACES, Places, log_files
from ocpp_gateway.relay.spool.records import Record, next_whole, size_of_first, whole_records
from ocpp_gateway.relay.spool.writing import FILE_BYTES

log = logging.getLogger(__name__)

READ_BYTES = 64 * 1024


class SpoolReader:
    """Reads one folder, whether its writer lives or has left it behind; OSError where it cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.id = folder.name
        self.folder = folder
        self._places = Places(folder) if (folder / PLACES).exists() else None
        self._lock: int | None = None
        self._ends: int | None = None  # where it ends for good
        files = log_files(folder)
        self._begins = files[0][0] if files else 0  # of what is still on disk
        self._released = self._begins

    @property
    def durable(self) -> int:
        """Return the place up to which it can be read."""
        if self._ends is not None:
            return self._ends
        return self._places.durable if self._places else 0

    @property
    def left_behind(self) -> bool:
        """Say whether nobody writes it any more, as far as was looked."""
        return self._ends is not None

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
        times = [file.stat().st_mtime for _, file in log_files(self.folder)]
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def look(self) -> bool:
        """Look whether its writer is gone; if so, it is ours, and ends where its last file does."""
        if self._ends is None:
            self._lock = folders.lock(self.folder)
            if self._lock is not None:
                files = log_files(self.folder)
                self._ends = files[-1][0] + files[-1][1].stat().st_size if files else 0
        return self.left_behind

    def begin_at(self, place: int) -> int:
        """Return where to read from: the database may know more than the first file."""
        self.release(max(self._released, min(place, self.durable)))
        return self._released

    def read(self, place: int) -> list[Record]:
        """Return a good part of what comes after a place; nothing where nothing has come yet."""
        if place >= self.durable:
            return []
        files = log_files(self.folder)
        begins, file = max((found for found in files if found[0] <= place), default=(place, None))
        ends = min(min((begin for begin, _ in files if begin > begins), default=self.durable), self.durable)
        records = _records(file, place - begins, place, ends) if file else [Record(ends, None)]
        if records[0].content is None:
            log.error("relay spool %s: nothing can be read from %d up to %d", self.id, place, records[0].after)
        return records

    def release(self, place: int) -> None:
        """Let go of what comes before a place: its writer has room again, and files that are done are removed."""
        self._released = max(self._released, place)
        if self._places is not None:
            self._places.released = self._released
        files = log_files(self.folder) if self._released - self._begins >= FILE_BYTES else []
        for (_, file), (ends, _) in pairwise(files):
            if ends <= self._released:
                file.unlink(missing_ok=True)
                self._begins = ends

    def remove(self) -> None:
        """Remove the folder: everything in it is in the database."""
        self.close()
        folders.remove(self.folder)

    def close(self) -> None:
        """Let go of the folder."""
        if self._places is not None:
            self._places.close()
            self._places = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _records(file: Path, offset: int, place: int, ends: int) -> list[Record]:
    """Return what can be read at an offset of a file, up to a place: a good part of it, at least one record.

    Where the first is damaged, that it is, up to the next that is whole.
    """
    with file.open("rb") as opened:
        opened.seek(offset)
        data = opened.read(min(READ_BYTES, ends - place))
        size = size_of_first(data)
        if len(data) < size <= ends - place:
            data += opened.read(size - len(data))
        found = [Record(place + after, content) for after, content in whole_records(data)]
        if found:
            return found
        data += opened.read(max(0, ends - place - len(data)))
    whole = next_whole(data)
    return [Record(ends if whole is None else place + whole, None)]


def spools_in(folder: Path) -> list[Path]:
    """Return the folders of spools, the oldest first."""
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.name.startswith(HIDDEN))
