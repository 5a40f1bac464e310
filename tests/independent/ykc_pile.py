"""A charger that speaks 云快充 1.6, written from the protocol's description alone: no module of ours is used here."""

import asyncio
import contextlib
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def crc(data: bytes) -> int:
    """CRC-16/MODBUS by a table of 256, as the protocol's appendix reckons it."""
    table = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    result = 0xFFFF
    for byte in data:
        result = (result >> 8) ^ table[(result ^ byte) & 0xFF]
    return result


def cp56(at: datetime) -> bytes:
    at = at.astimezone(CHINA)
    return struct.pack("<HBBBBB", at.second * 1000, at.minute, at.hour, at.day, at.month, at.year - 2000)


@dataclass
class Answer:
    sequence: int
    kind: int
    body: bytes


class Pile:
    """One charger on one connection; every message returns what answers it."""

    def __init__(self, number: str = "55031412782305", wrong_crc: bool = False) -> None:
        self.number = number
        self.wrong_crc = wrong_crc
        self._sequence = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self, port: int, host: str = "127.0.0.1") -> "Pile":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        return self

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def packed(self, kind: int, body: bytes, encrypted: int = 0) -> bytes:
        counted = struct.pack("<HBB", self._sequence, encrypted, kind) + body
        self._sequence = (self._sequence + 1) & 0xFFFF
        check = crc(counted) ^ (0x5555 if self.wrong_crc else 0)
        return struct.pack("BB", 0x68, len(counted)) + counted + struct.pack("<H", check)

    async def write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()

    async def read(self, within_s: float = 30) -> Answer | None:
        """Return the next frame; None where the other side has closed."""
        assert self._reader is not None
        try:
            async with asyncio.timeout(within_s):
                start, length = await self._reader.readexactly(2)
                rest = await self._reader.readexactly(length + 2)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        assert start == 0x68
        assert crc(rest[:-2]) == struct.unpack("<H", rest[-2:])[0]
        return Answer(struct.unpack("<H", rest[:2])[0], rest[3], rest[4:-2])

    async def ask(self, kind: int, body: bytes) -> Answer | None:
        await self.write(self.packed(kind, body))
        return await self.read()

    @property
    def bcd(self) -> bytes:
        return bytes.fromhex(self.number)

    def login(self, guns: int = 2) -> bytes:
        return self.bcd + bytes((0, guns, 16)) + b"v4.1.50\x00" + b"\x01" + bytes(10) + b"\x04"

    async def log_in(self, guns: int = 2) -> int | None:
        """Log in; return the result, 0 for success, None where the connection was closed."""
        answer = await self.ask(0x01, self.login(guns))
        if answer is None:
            return None
        assert (answer.kind, answer.body[:7]) == (0x02, self.bcd)
        return answer.body[7]

    async def beat(self, gun: int = 1, fault: int = 0) -> Answer | None:
        return await self.ask(0x03, self.bcd + bytes((gun, fault)))

    def state(
        self, status: int, gun: int = 1, plugged: int = 0, trade: str = "0" * 32, kwh: float = 0.0, minutes: int = 0,
        faults: int = 0, volts: float = 0.0, amps: float = 0.0, soc: int = 0,
    ) -> bytes:  # fmt: skip
        """Return a frame of how a gun is."""
        body = bytes.fromhex(trade) + self.bcd + bytes((int(str(gun), 16), status, 1, plugged))
        body += struct.pack("<HHB8sBBHH", round(volts * 10), round(amps * 10), 50, bytes(8), soc, 75, minutes, 0)
        body += struct.pack("<IIIH", round(kwh * 10000), round(kwh * 10000), 0, faults)
        return self.packed(0x13, body)

    def trade(
        self, trade: str, began: datetime, ended: datetime, kwh: float, gun: int = 1, reason: int = 0x45
    ) -> bytes:
        """Return a frame of a charging process that is over."""
        rates = struct.pack("<IIII", 130000, round(kwh * 10000), round(kwh * 10000), round(kwh * 13000)) + bytes(48)
        body = bytes.fromhex(trade) + self.bcd + bytes((int(str(gun), 16),)) + cp56(began) + cp56(ended) + rates
        body += bytes(10) + struct.pack("<III", round(kwh * 10000), round(kwh * 10000), round(kwh * 13000))
        body += b"LSVAA4182E2123456" + b"\x01" + cp56(ended) + bytes((reason,)) + bytes.fromhex("00000000D14B0A54")
        return self.packed(0x3B, body)
