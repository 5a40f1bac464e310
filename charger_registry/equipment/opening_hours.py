"""When a site is open: round the clock, or by weekday; as people write it and as OCPI has it. Pure; times are the county's.

What people write is the part of OpenStreetMap's `opening_hours` that has weekdays and times,
`Mo-Fr 08:00-12:00,13:00-18:00; Su off`, or Chinese: `工作日 8点至22点，周末全天`. A text is understood whole or not at all: what
is misread closes a site that is open.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize

from youguan.clock import COUNTY

DAYS = "一二三四五六日"
OSM_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
MIDDAY, MIDNIGHT = 12 * 60, 24 * 60
TO = r"\s*(?:[-–—~]|至|到)\s*"
DAY = (
    rf"(?:(?:周|星期|礼拜)[{DAYS}天]|(?:mo(?:n(?:day)?)?|tue?(?:s(?:day)?)?|we(?:d(?:nesday)?)?|thu?(?:r(?:s(?:day)?)?)?"
    r"|fr(?:i(?:day)?)?|sa(?:t(?:urday)?)?|su(?:n(?:day)?)?)(?![a-z]))"
)
TIME = r"(?:上午|早上|早|凌晨|中午|下午|傍晚|晚上|晚|次日|第二天)?\s*\d{1,2}(?::\d{2}|[点时](?:整|半|\d{1,2}分)?)(?!\d)"
GROUPS = {
    "工作日": (1, 2, 3, 4, 5), "weekdays": (1, 2, 3, 4, 5), "周末": (6, 7), "双休日": (6, 7), "weekends": (6, 7),
    "weekend": (6, 7), "每天": EVERY_DAY, "每日": EVERY_DAY, "天天": EVERY_DAY, "全年无休": EVERY_DAY, "daily": EVERY_DAY,
}  # fmt: skip
TOKEN = re.compile(
    rf"""
    (?P<always>24\s*/\s*7|24\s*(?:小时|h(?:ours?)?(?![a-z]))|全天候?)
  | (?P<off>off(?![a-z])|closed(?![a-z])|休息|不营业|不开放|关闭)
  | (?P<span>{TIME}{TO}{TIME})
  | (?P<range>{DAY}{TO}{DAY})
  | (?P<day>{DAY})
  | (?P<group>{"|".join(GROUPS)})
  | (?P<rule>[;\n。])
  | (?P<also>[,、]|和|及)
  | (?P<filler>\s+|:|营业时间|开放时间|对外|营业|开放|open(?![a-z]))
    """,
    re.VERBOSE,
)
CLOCK = re.compile(
    r"(?P<part>\D*?)\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{2})|[点时](?:整|(?P<half>半)|(?P<spoken>\d{1,2})分)?)$"
)
NEXT_DAY, AFTERNOON = ("次日", "第二天"), ("中午", "下午", "傍晚", "晚上", "晚")
# Which hours are said with which part of the day.
EVENING = frozenset({*range(5, 13), *range(17, 25)})
HOURS: Mapping[str, Container[int]] = {
    "凌晨": range(6), "早": range(4, 12), "早上": range(4, 12), "上午": range(5, 13), "中午": {11, 12, 1, 2, 13, 14},
    "下午": {*range(1, 8), *range(12, 20)}, "傍晚": {*range(4, 9), *range(16, 21)}, "晚上": EVENING, "晚": EVENING,
}  # fmt: skip
Span = tuple[int, int]  # minutes of the day; an end of up to 48:00 lies on the next


@dataclass(frozen=True, slots=True)
class Period:
    """On one weekday (1 Monday to 7 Sunday) from `begin` to `end`, both `HH:MM`; `24:00` is midnight."""

    weekday: int
    begin: str
    end: str


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """`always`: round the clock; else the periods; `text`: as it was written, where no more is known."""

    always: bool = False
    periods: tuple[Period, ...] = ()
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "always": self.always,
            "periods": [{"weekday": p.weekday, "begin": p.begin, "end": p.end} for p in self.periods],
            "text": self.text,
        }

    def open_at(self, instant: datetime) -> bool | None:
        """Say whether it is open at an instant; None where only a text is known."""
        if self.always:
            return True
        if not self.periods:
            return None
        there = instant.astimezone(COUNTY)
        now = f"{there:%H:%M}"
        return any(p.weekday == there.isoweekday() and p.begin <= now < p.end for p in self.periods)


class _Unclear(ValueError):
    """A text says something that is not understood."""


def from_json(value: Any) -> OpeningHours | None:
    """Return what `as_json` made."""
    if value is None:
        return None
    periods = tuple(Period(p["weekday"], p["begin"], p["end"]) for p in value["periods"])
    return OpeningHours(value["always"], periods, value["text"])


def read(text: str) -> OpeningHours:
    """Return hours as people write them (`24小时`, `周一至周五 08:00-22:00; 周六 9:00-18:00`), else their text."""
    text = text.strip()
    try:
        rules = list(_rules(normalize("NFKC", text).lower()))  # full-width colons and digits are as good
        periods = _periods(rules)
    except _Unclear:
        return OpeningHours(text=text)
    if periods == tuple(Period(day, "00:00", "24:00") for day in EVERY_DAY):
        return OpeningHours(always=True, text=text)
    return OpeningHours(periods=periods, text=text)


def as_osm(hours: OpeningHours) -> str:
    """Return hours as OpenStreetMap writes them, days with the same times together; '' where only a text is known."""
    if hours.always:
        return "24/7"
    times = {
        day: ",".join(f"{p.begin}-{p.end}" for p in hours.periods if p.weekday == day) or "off" for day in EVERY_DAY
    }
    if not hours.periods:
        return ""
    same: list[tuple[int, int, str]] = []
    for day, said in times.items():
        first = same.pop()[0] if same and same[-1][2] == said else day
        same.append((first, day, said))
    return "; ".join(
        f"{OSM_DAYS[first - 1]}{f'-{OSM_DAYS[last - 1]}' if last > first else ''} {said}" for first, last, said in same
    )


def said_hours(hours: OpeningHours, language: str) -> str:
    """Return hours that are not round the clock for a reader: as they were written, for others as OpenStreetMap writes them."""
    return (as_osm(hours) if language != "zh" else "") or hours.text


@dataclass(slots=True)
class _Rule:
    """Some days and their times; `adds`: beside what was said of the days before, not in its place."""

    days: list[int]
    spans: list[Span]
    off: bool = False
    adds: bool = False

    @property
    def has_times(self) -> bool:
        return self.off or bool(self.spans)


def _rules(text: str) -> Iterator[_Rule]:
    """Yield what a text says, part by part."""
    rule, after = _Rule([], []), "rule"
    for kind, said in _tokens(text):
        if kind in ("day", "range", "group", "rule") and rule.has_times:
            yield rule
            rule = _Rule([], [], adds=kind != "rule" and after == "also")
        if kind == "rule" and rule.days:
            raise _Unclear("days without times")
        rule.days += _days(kind, said)
        rule.spans += [(0, MIDNIGHT)] if kind == "always" else [_span(said)] if kind == "span" else []
        rule.off = rule.off or kind == "off"
        after = kind
    if rule.has_times:
        yield rule
    elif rule.days:
        raise _Unclear("days without times")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise _Unclear(text[place:])
        place = found.end()
        if found.lastgroup != "filler":
            yield found.lastgroup, found[0]


def _days(kind: str, said: str) -> list[int]:
    if kind == "group":
        return list(GROUPS[said])
    if kind == "day":
        return [_day(said)]
    if kind != "range":
        return []
    first, last = (_day(word) for word in re.findall(DAY, said))
    return [day for day in EVERY_DAY if (first <= day <= last) or (first > last and not last < day < first)]


def _day(word: str) -> int:
    letter = word[-1]
    if letter in DAYS:
        return DAYS.index(letter) + 1
    return 7 if letter == "天" else OSM_DAYS.index(word[:2].capitalize()) + 1


def _span(said: str) -> Span:
    """Return from when until when; an end that lies before its begin is the next day's."""
    begin, end = (_clock(word) for word in re.split(TO, said, maxsplit=1))
    if begin.next_day or begin.minutes >= MIDNIGHT or (begin.afternoon and not end.said and end.minutes < MIDDAY):
        raise _Unclear(said)  # 下午2:00-6:00 may mean six in the evening or in the morning
    if end.minutes > begin.minutes:
        if end.next_day:
            raise _Unclear(said)
        return begin.minutes, end.minutes
    return begin.minutes, end.minutes + MIDNIGHT


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time of day as it was said; `said`: with the part of the day."""

    minutes: int
    said: bool
    afternoon: bool
    next_day: bool


def _clock(word: str) -> _Clock:
    found = CLOCK.match(word.strip())
    if found is None:
        raise _Unclear(word)
    part = found["part"].strip()
    hour, minute = int(found["hour"]), 30 if found["half"] else int(found["minute"] or found["spoken"] or 0)
    if minute > 59 or hour > 24 or (hour == 24 and minute) or hour not in HOURS.get(part, range(25)):
        raise _Unclear(word)
    afternoon = part in AFTERNOON
    if afternoon and hour < 11 + (part != "中午"):
        hour += 12
    if part.startswith("晚") and hour == 12:
        hour = 24
    return _Clock(hour * 60 + minute, bool(part), afternoon, part in NEXT_DAY)


def _periods(rules: Iterable[_Rule]) -> tuple[Period, ...]:
    """Return the periods of a week; what is said later of a day holds in place of what was said before."""
    week: dict[int, list[Span]] = {day: [] for day in EVERY_DAY}
    for rule in rules:
        if rule.off and rule.spans:
            raise _Unclear("open and closed")
        for day in rule.days or EVERY_DAY:
            week[day] = [*(week[day] if rule.adds else []), *rule.spans]
    minutes: dict[int, list[Span]] = {day: [] for day in EVERY_DAY}
    for day, spans in week.items():
        for begin, end in spans:
            minutes[day].append((begin, min(end, MIDNIGHT)))
            if end > MIDNIGHT:
                minutes[day % 7 + 1].append((0, end - MIDNIGHT))
    return tuple(Period(day, _text(begin), _text(end)) for day in EVERY_DAY for begin, end in _joined(minutes[day]))


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Yield spans in order, those that touch as one."""
    open_since: int | None = None
    until = 0
    for begin, end in sorted(spans):
        if open_since is not None and begin > until:
            yield open_since, until
            open_since = None
        open_since = begin if open_since is None else open_since
        until = max(until, end)
    if open_since is not None:
        yield open_since, until


def _text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
