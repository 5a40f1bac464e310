"""The frames of 云快充 1.6 on a TCP connection: `68 | length | sequence 2 | encrypted | kind | body | checksum 2`. Pure.

By the transcription of 云快充协议 V1.6. Numbers are little-endian. The checksum is CRC-16/MODBUS over all from the sequence to
the body, low byte first; the protocol's text and its printed samples contradict each other, so whoever reads decides what a
checksum that does not fit means.
"""

from collections.abc import Iterator
from typing import NamedTuple

START = 0x68
HEAD = 2  # start and length
CONTROL = 4  # sequence, encryption, kind: what the length counts beside the body
TRAILER = 2
LONGEST_BODY = 0xFF - CONTROL


class Broken(Exception):
    """Bytes that are no frames: where the next one begins nobody knows."""


class Frame(NamedTuple):
    """One frame; `fits`: its checksum does."""

    sequence: int
    encrypted: bool
    kind: int
    body: bytes
    fits: bool


def checksum(data: bytes) -> int:
    """Return the CRC-16/MODBUS of data."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value


def frame(kind: int, body: bytes, sequence: int) -> bytes:
    """Return a frame as it is sent; an answer has the sequence of what it answers."""
    if len(body) > LONGEST_BODY:
        raise ValueError(f"a body of {len(body)} bytes is longer than {LONGEST_BODY}")
    counted = sequence.to_bytes(2, "little") + bytes((0, kind)) + body
    return bytes((START, len(counted))) + counted + checksum(counted).to_bytes(2, "little")


class Splitter:
    """Cuts what comes over a connection into frames; keeps no more than one unfinished frame."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that is whole by now; Broken."""
        rest = self._rest + data
        at = 0
        while len(rest) - at >= HEAD:
            start, length = rest[at], rest[at + 1]
            if start != START:
                raise Broken(f"a frame begins with 68, not with {start:02x}")
            if length < CONTROL:
                raise Broken(f"the length {length} leaves no room for sequence and kind")
            end = at + HEAD + length + TRAILER
            if len(rest) < end:
                break
            yield _frame(rest[at + HEAD : end])
            at = end
        if at < len(rest) and rest[at] != START:
            raise Broken(f"a frame begins with 68, not with {rest[at]:02x}")
        self._rest = rest[at:]


def _frame(told: bytes) -> Frame:
    counted, trailer = told[:-TRAILER], told[-TRAILER:]
    fits = checksum(counted) == int.from_bytes(trailer, "little")
    return Frame(int.from_bytes(counted[:2], "little"), counted[2] != 0, counted[3], counted[CONTROL:], fits)
