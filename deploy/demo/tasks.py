"""Tasks of the sample beside those of alerts, so that a demo shows each kind: reported, asked about, to visit, closed."""

import struct
import zlib
from datetime import datetime, timedelta

from deploy.demo.cast import Cast
from deploy.demo.desks import Desks
from inspection_service.public_reports.report import Report
from inspection_service.tasks.conditions import Said
from inspection_service.tasks.counter import Finding
from inspection_service.tasks.machine import Command
from youguan.auth import Principal


async def work(desks: Desks, people: Cast, stations: list[str]) -> None:
    """Let the sample's people report, open and answer tasks about three stations of the demo operator."""
    await _Sample(desks, people).tell(stations)


class _Sample:
    """What the sample's people do."""

    def __init__(self, desks: Desks, people: Cast) -> None:
        self._counter, self._reports = desks.counter, desks.reports
        self._operator, self._inspector, self._regulator = people.operator, people.inspector, people.regulator

    async def tell(self, stations: list[str]) -> None:
        first, second, third = stations
        await self._reports.take(Report("danger", "枪头有焦味", station_id=first, connector=1), _picture())
        await self._reports.take(Report("cannot_charge", "插上没反应", station_id=second), None)
        await self._reports.take(Report("cannot_charge", "", station_id=second), None)
        reported = await self._open("cannot_charge", second, "群众电话反映，与扫码报告为同一问题")
        await self._say(self._operator, reported, Command.ACCEPT)
        async with self._counter.pool.acquire() as connection:
            task = await self._counter.see(connection, self._operator, reported)
        later = task["due_at"] + timedelta(days=1)
        await self._say(self._operator, reported, Command.ASK_TIME, "配件明天到货", until=later)
        damaged = await self._open("connector_damaged", third, "巡查发现枪头破损")
        await self._say(self._operator, damaged, Command.MEND, "已更换枪头")
        await self._counter.open(
            self._regulator,
            Finding(
                "fire_equipment",
                "灭火器过期",
                station_id=third,
                department="示例消防救援大队",
                document="示例抄告 1 号",
            ),
        )
        sign = await self._open("sign_missing", first, "入口没有指引牌")
        await self._say(self._operator, sign, Command.MEND, "已安装指引牌")
        await self._say(self._inspector, sign, Command.REFUTE, "指引牌被遮挡")
        await self._say(self._operator, sign, Command.MEND, "已移至路口")
        await self._say(self._inspector, sign, Command.CONFIRM, "现场可见")

    async def _open(self, cause: str, station_id: str, reason: str) -> str:
        return (await self._counter.open(self._inspector, Finding(cause, reason, station_id=station_id))).task_id

    async def _say(
        self, who: Principal, task_id: str, command: Command, reason: str = "", *, until: datetime | None = None
    ) -> None:
        await self._counter.do(who, task_id, command, Said(reason, until))


def _picture(side: int = 64) -> bytes:
    """Return a small picture of one colour as PNG: a sample shows nobody's charger."""
    rows = (b"\0" + b"\xb3\x5a\x1e" * side) * side

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
