"""Files on disk: streamed in, durable before anybody is told, under names of our own."""

import asyncio
import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from youguan.errors import TooLarge, Unavailable, YouguanError

AT_ONCE = 1024 * 1024
SILENCE_S = 60.0
LEFT_OVER_S = 24 * 3600.0
BEGINNING = 16  # bytes, by which kinds of files are told apart


class Interrupted(YouguanError):
    """The sender fell silent, or sent nothing."""

    status, code, title = 400, "interrupted", "The upload is not whole"
    retryable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Content:
    """What was received; `beginning`: its first bytes."""

    size_bytes: int
    sha256: str
    beginning: bytes = b""


class Folder:
    """A folder of files; a file has a name only when it is whole and durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"

    def path(self, file_id: str, sha256: str) -> Path:
        """Return where a file is: under an id of ours and its content's hash, never under a sender's word."""
        return self._folder / f"{uuid.UUID(file_id)}.{sha256}"

    def find(self, file_id: str, sha256: str) -> Path:
        """Return where a file lies; Unavailable where it does not."""
        path = self.path(file_id, sha256)
        if not path.is_file():
            raise Unavailable("the content of this file is not in the data folder of this machine")
        return path

    async def receive(self, file_id: str, chunks: AsyncIterator[bytes], largest_bytes: int) -> Content:
        """Stream a file to disk; TooLarge and Interrupted, and then nothing of it is kept."""
        return await receive(self._incoming, chunks, largest_bytes, lambda content: self.path(file_id, content.sha256))

    async def sweep(self) -> int:
        """Remove what uploads left behind that ended with their process; return how many."""
        return await sweep(self._incoming)


async def receive(
    folder: Path, chunks: AsyncIterator[bytes], largest_bytes: int, place: Callable[[Content], Path]
) -> Content:
    """Stream a file into a folder and then, durable, to where `place` says; what that refuses is not kept either."""
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True, exist_ok=True)
    incoming = folder / str(uuid.uuid4())
    try:
        with _begun(incoming) as file:
            content = await _write(file, chunks, largest_bytes)
        await asyncio.to_thread(_place, incoming, place(content))
    finally:
        incoming.unlink(missing_ok=True)
    return content


def _begun(path: Path) -> IO[bytes]:
    """Return a new file that nobody else on this machine may read: people and stations have handed it in."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def sweep(folder: Path) -> int:
    """Remove from a folder of `receive` what was left behind by processes that ended; return how many."""
    return await asyncio.to_thread(_sweep, folder)


async def _write(file: IO[bytes], chunks: AsyncIterator[bytes], largest_bytes: int) -> Content:
    digest, size, buffer, beginning = hashlib.sha256(), 0, bytearray(), b""

    def flush() -> None:
        digest.update(buffer)
        file.write(buffer)
        buffer.clear()

    try:
        while True:
            async with asyncio.timeout(SILENCE_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            size += len(chunk)
            if size > largest_bytes:
                raise TooLarge(f"larger than {largest_bytes} bytes")
            beginning += chunk[: BEGINNING - len(beginning)]
            buffer += chunk
            if len(buffer) >= AT_ONCE:
                await asyncio.to_thread(flush)
    except TimeoutError:
        raise Interrupted(f"nothing came for {SILENCE_S:g} s") from None
    if not size:
        raise Interrupted("nothing was sent")
    await asyncio.to_thread(flush)
    await asyncio.to_thread(_make_durable, file)
    return Content(size, digest.hexdigest(), beginning)


def _make_durable(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _place(incoming: Path, path: Path) -> None:
    incoming.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(folder: Path) -> int:
    old = [file for file in folder.glob("*") if file.stat().st_mtime < time.time() - LEFT_OVER_S]
    for file in old:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
    return len(old)
