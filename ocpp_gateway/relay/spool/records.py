"""A record is its length, its checksum and itself, so that what is damaged, or was torn by a crash, is recognised, and what comes
after it is found. Pure.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from zlib import crc32

HEAD = Struct(">II")  # length, checksum


class Record(NamedTuple):
    """A record and the place after it; `content` None: what was there cannot be read."""

    after: int
    content: bytes | None


def head_of(content: bytes) -> bytes:
    """Return what stands before a record."""
    return HEAD.pack(len(content), crc32(content))


def size_of_first(data: bytes) -> int:
    """Return how many bytes the first record says that it takes; 0: not even that is there."""
    return HEAD.size + HEAD.unpack_from(data)[0] if len(data) >= HEAD.size else 0


def whole_records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield records from the beginning, each with the place after it, up to one that is not whole."""
    at = 0
    while (content := _whole(data, at)) is not None:
        at += HEAD.size + len(content)
        yield at, content


def next_whole(data: bytes) -> int | None:
    """Return where, after the beginning, the next record begins that is whole."""
    return next((at for at in range(1, len(data)) if _whole(data, at) is not None), None)


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
