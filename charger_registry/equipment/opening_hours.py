"""When a site is open: round the clock, or by weekday; as people write it and as OCPI has it. Pure; times are the county's."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from unicodedata import normalize

from youguan.clock import COUNTY

DAYS = "一二三四五六日"
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
WHOLE_DAY = "00:00-24:00"
ROUND_THE_CLOCK = re.compile(r"(24\s*/\s*7|24\s*(小时|h|hours?)|全天|00:00\s*[-–—~至到]\s*24:00)", re.IGNORECASE)
SPAN = re.compile(r"(?P<begin>\d{1,2}[:]\d{2})\s*[-–—~至到]\s*(?P<end>\d{1,2}[:]\d{2})")
WEEKDAYS = re.compile(rf"周([{DAYS}天])\s*[-–—~至到]\s*周([{DAYS}天])")
ONE_DAY = re.compile(rf"周([{DAYS}天])")


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


def from_json(value: Any) -> OpeningHours | None:
    """Return what `as_json` made."""
    if value is None:
        return None
    periods = tuple(Period(p["weekday"], p["begin"], p["end"]) for p in value["periods"])
    return OpeningHours(value["always"], periods, value["text"])


def read(text: str) -> OpeningHours:
    """Return hours as people write them (`24小时`, `周一至周五 08:00-22:00; 周六 9:00-18:00`), else their text."""
    text = text.strip()
    plain = ROUND_THE_CLOCK.sub(WHOLE_DAY, normalize("NFKC", text))  # full-width colons and digits are as good
    parts = [part for part in re.split(r"[;,\n]", plain) if part.strip()]
    periods: list[Period] = []
    for part in parts:
        span = SPAN.search(part)
        begin, end = (_clock(span["begin"]), _clock(span["end"])) if span else (None, None)
        if begin is None or end is None:
            return OpeningHours(text=text)
        days = _days(part)
        periods += [piece for day in days for piece in _pieces(day, begin, end)]
    if set(periods) == {Period(day, "00:00", "24:00") for day in EVERY_DAY}:
        return OpeningHours(always=True, text=text)
    return OpeningHours(periods=tuple(sorted(periods, key=lambda p: (p.weekday, p.begin))), text=text)


def _days(part: str) -> tuple[int, ...]:
    span = WEEKDAYS.search(part)
    if span:
        first, last = _day(span[1]), _day(span[2])
        return tuple(day for day in EVERY_DAY if (first <= day <= last) or (first > last and not last < day < first))
    named = tuple(_day(found) for found in ONE_DAY.findall(part))
    return named or EVERY_DAY


def _day(word: str) -> int:
    return 7 if word == "天" else DAYS.index(word) + 1


def _pieces(day: int, begin: str, end: str) -> tuple[Period, ...]:
    """Return the period, cut at midnight where it runs over it."""
    if begin < end:
        return (Period(day, begin, end),)
    after = (Period(day % 7 + 1, "00:00", end),) if end > "00:00" else ()
    return (Period(day, begin, "24:00"), *after)


def _clock(text: str) -> str | None:
    """Return `HH:MM`, or None where there is no such time of day."""
    hour, _, minute = text.partition(":")
    if text.endswith("24:00"):
        return "24:00"
    try:
        return f"{time(int(hour), int(minute)):%H:%M}"
    except ValueError:
        return None
