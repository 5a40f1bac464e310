"""Tasks of the sample beside those of alerts, so that a demo shows each kind: reported, asked about, to visit, closed."""

import struct
import zlib
from datetime import datetime, timedelta

import asyncpg

from charger_registry.people import store as people
from inspection_service.public_reports.desk import ReportDesk
from inspection_service.public_reports.report import Report
from inspection_service.tasks.conditions import Said
from inspection_service.tasks.counter import Counter, Finding
from inspection_service.tasks.desk import TaskDesk
from inspection_service.tasks.intake import Intake
from inspection_service.tasks.machine import Command
from youguan import bounds
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.database import create_pool
from youguan.settings import Settings

SITES_NEEDED = 3


async def tell_samples(settings: Settings, clock: Clock) -> None:
    """Let the sample's people report, open and answer tasks, where nobody has reported anything yet."""
    async with await create_pool(settings.dsn_for("registry")) as registry:
        await bounds.consumer(registry).catch_up()
        async with registry.acquire() as connection:
            operator = await people.find(connection, "demo-operator", demo=True)
    if operator is None or operator["organisation_id"] is None:
        return
    async with await create_pool(settings.dsn_for("inspection")) as pool:
        desk = TaskDesk(clock, timedelta(seconds=settings.holding_time_s))
        await Intake(pool, desk).consumer().catch_up()
        stations = await _stations_of(pool, operator["organisation_id"])
        if len(stations) == SITES_NEEDED and not await pool.fetchval(
            "SELECT EXISTS (SELECT FROM inspection.public_report)"
        ):
            await _Sample(pool, desk, clock, operator["organisation_id"]).tell(stations)


async def _stations_of(pool: asyncpg.Pool, organisation_id: str) -> list[str]:
    """Return the last station of the last sites that an organisation manages: a fleet begins with the first."""
    rows = await pool.fetch(
        """
        SELECT max(b.station_id) AS id FROM inspection.responsibility r JOIN bounds.station b USING (site_id)
        WHERE r.organisation_id = $1 AND r.role = 'manager' AND r.until IS NULL AND r.station_id IS NULL
        GROUP BY r.site_id ORDER BY r.site_id DESC LIMIT $2
        """,
        organisation_id,
        SITES_NEEDED,
    )
    return [row["id"] for row in rows]


class _Sample:
    """What the sample's people do, by the very desks that real ones use."""

    def __init__(self, pool: asyncpg.Pool, desk: TaskDesk, clock: Clock, organisation_id: str) -> None:
        self._counter = Counter(pool, desk)
        self._reports = ReportDesk(pool, desk, timedelta(days=180))
        self._clock = clock
        self._operator = self._person("demo-operator", "演示运营商", OPERATOR, organisation_id)
        self._inspector = self._person("demo-inspector", "演示执法队员", INSPECTOR)
        self._regulator = self._person("demo-regulator", "演示监管员", REGULATOR)

    def _person(self, subject: str, name: str, role: str, organisation_id: str | None = None) -> Principal:
        return Principal(subject, name, frozenset({role}), organisation_id, None, "", "", self._clock.now())

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
