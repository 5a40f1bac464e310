"""The record of a visit (现场检查笔录, or 非现场检查记录): what it says. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from inspection_service.inspections.visits.machine import ON_SITE, REMOTE
from inspection_service.inspections.visits.probe import ANSWERED, OUTCOMES
from youguan.clock import COUNTY

SERIES = {"on_site": "现检", "remote": "远检"}
TITLES = {"on_site": "现场检查笔录", "remote": "非现场检查记录"}
RESULTS = {"passed": "合格", "failed": "不合格", "not_applicable": "不适用"}
SHORT = "甬宁综执"
SIGNS = "被检查单位（签字）："


@dataclass(frozen=True, slots=True)
class Line:
    """A point of the list, and what was found."""

    department: str
    text: str
    result: str
    note: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A station that was asked how it is: when, what came of it (`probe.OUTCOMES`), and what it said of its connectors."""

    station_id: str
    at: datetime
    outcome: str
    said: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Visited:
    """What a record is about; `rights_told`: the officers said that they showed their certificates and told the party its rights;
    `replaced`: who left, who came for him, and why; `asked`: those of its probes that were asked during the visit."""

    organ: str
    code: str
    channel: str
    premises: str
    address: str
    departments: tuple[str, ...]
    officers: tuple[str, ...]
    began_at: datetime
    finished_at: datetime
    pieces: Mapping[str, int]
    rights_told: bool = False
    replaced: Sequence[tuple[str, str, str]] = ()
    asked: Sequence[Asked] = ()


PIECES = {"photo": "照片", "still": "监控截图", "telemetry": "监测数据", "frames": "原始报文", "probe": "远程探测"}


def number(channel: str, year: int, place: int) -> str:
    """Return the record's number."""
    return f"{SHORT}{SERIES[channel]}字〔{year}〕第{place:06d}号"


def content(visited: Visited, lines: Sequence[Line]) -> dict[str, Any]:
    """Return what a record says, in the form in which documents are printed: nothing that nobody said."""
    failed = [line for line in lines if line.result == "failed"]
    brought = "、".join(f"{PIECES[kind]}{count}件" for kind, count in visited.pieces.items() if count)
    return {
        "title": TITLES[visited.channel],
        "organ": visited.organ,
        "case": visited.code,
        "on": _day(visited.finished_at),
        "paragraphs": [
            f"被检查单位（场所）：{visited.premises}",
            f"行政行为码：{visited.code}。参加部门：{'、'.join(visited.departments)}。",
            f"{_minute(visited.began_at)}至{_minute(visited.finished_at)}，执法人员{'、'.join(visited.officers)}"
            f"{_way(visited)}。",
            *(f"执法人员{left}由{came}接替：{reason}" for left, came, reason in visited.replaced),
            *(f"{n}. {line.department}：{line.text}——{RESULTS[line.result]}。{line.note}" for n, line in enumerate(lines, 1)),
            *([f"远程询问：{'；'.join(map(_answer, visited.asked))}。"] if visited.asked else []),
            f"检查结果：{len(lines)}项中{len(failed)}项不合格。附{brought or '件无'}。",
        ],
        "signatures": [f"执法人员：{'、'.join(visited.officers)}", *([SIGNS] if visited.channel == ON_SITE else [])],
        "sealed": False,
    }  # fmt: skip


def _way(visited: Visited) -> str:
    """Return how it was looked at: from afar by what is there of it, on the spot with what was shown and told beforehand."""
    if visited.channel == REMOTE:
        silent = sum(asked.outcome != ANSWERED for asked in visited.asked)
        relied = {**visited.pieces, "probe": visited.pieces.get("probe", 0) - silent}
        kinds = "、".join(PIECES[kind] for kind, count in relied.items() if count)
        return f"未到现场，{f'依据{kinds}' if kinds else '以远程方式'}进行检查"
    shown = "检查前已出示执法证件并告知回避等权利" if visited.rights_told else "未记载出示执法证件、告知权利的情况"
    return f"在{visited.address or visited.premises}进行检查，{shown}"


def _answer(asked: Asked) -> str:
    """Return what came of asking a station: that it told nothing is said too, and nothing is relied upon of it."""
    said = f"（{'、'.join(asked.said)}）" if asked.said else ""
    return f"{_minute(asked.at)}询问充电桩{asked.station_id}，{OUTCOMES[asked.outcome]}{said}"


def _day(moment: datetime) -> str:
    day: date = moment.astimezone(COUNTY).date()
    return f"{day.year}年{day.month}月{day.day}日"


def _minute(moment: datetime) -> str:
    local = moment.astimezone(COUNTY)
    return f"{_day(moment)}{local.hour}时{local.minute:02d}分"
