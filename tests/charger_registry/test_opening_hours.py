"""Opening hours as people write them: understood whole, or kept as a text. Pure."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.equipment.opening_hours import (
    DAYS,
    EVERY_DAY,
    OpeningHours,
    Period,
    as_osm,
    from_json,
    read,
    said_hours,
)
from youguan.clock import COUNTY

WEEK = "Mo-Fr 08:00-22:00; Sa 09:00-18:00; Su off"


@pytest.mark.parametrize(
    ("text", "osm"),
    [
        ("24/7", "24/7"),
        ("24小时", "24/7"),
        ("全天24小时营业", "24/7"),
        ("全年无休 00:00-24:00", "24/7"),
        ("每天 0:00~24:00", "24/7"),
        ("08:00-08:00", "24/7"),
        ("Mo-Su 00:00-24:00", "24/7"),
        ("周一至周五 08:00-22:00; 周六 9:00-18:00", WEEK),
        ("周一到周五８：００－２２：００，周六9:00—18:00", WEEK),
        ("营业时间：工作日 8点至22点，周六 9点-18点整", WEEK),
        ("Mo-Fr 08:00-22:00, Sa 09:00-18:00", WEEK),
        ("monday - friday 8:00-22:00; sat 9:00-18:00", WEEK),
        ("每天 8:00-22:00；周六 9:00-18:00；周日休息", WEEK),
        ("Mo-Fr", ""),
        ("星期一、星期三 上午8点半至下午5点30分", "Mo 08:30-17:30; Tu off; We 08:30-17:30; Th-Su off"),
        ("Mo-Fr 08:00-12:00,13:00-18:00", "Mo-Fr 08:00-12:00,13:00-18:00; Sa-Su off"),
        ("周一至周日 08:00-12:00、13:00-18:00", "Mo-Su 08:00-12:00,13:00-18:00"),
        ("08:00-12:00 12:00-18:00", "Mo-Su 08:00-18:00"),
        ("周末全天", "Mo-Fr off; Sa-Su 00:00-24:00"),
        ("工作日全天，周末 8:00-20:00", "Mo-Fr 00:00-24:00; Sa-Su 08:00-20:00"),
        ("Sa-Mo 10:00-12:00", "Mo 10:00-12:00; Tu-Fr off; Sa-Su 10:00-12:00"),
        ("Fr 22:00-02:00", "Mo-Th off; Fr 22:00-24:00; Sa 00:00-02:00; Su off"),
        ("周日 晚上10点-次日6点", "Mo 00:00-06:00; Tu-Sa off; Su 22:00-24:00"),
        ("下午1:00-晚上12:00", "Mo-Su 13:00-24:00"),
        ("中午11点半-中午1点", "Mo-Su 11:30-13:00"),
        # Not understood: kept as it was written.
        ("下午2:00-6:00", ""),
        ("Mo-Fr 08:00-18:00; PH off", ""),
        ("周一至周五 8:00-22:00，节假日除外", ""),
        ("不营业时间 8:00-22:00", ""),
        ("8:00-22:00（冬季至20:00）", ""),
        ("8:61-22:00", ""),
        ("25:00-26:00", ""),
        ("上午13:00-14:00", ""),
        ("晚上1点-3点", ""),
        ("8:00-晚上0点", ""),
        ("8:00-次日9:00", ""),
        ("24:00-08:00", ""),
        ("off", ""),
        ("Mo 08:00-10:00 off", ""),
        ("商场营业时间", ""),
        ("", ""),
    ],
)
def test_hours_as_people_write_them(text: str, osm: str) -> None:
    hours = read(text)
    assert as_osm(hours) == osm
    assert hours.text == text
    assert from_json(hours.as_json()) == hours
    assert (said_hours(hours, "zh"), said_hours(hours, "en")) == (text, osm or text)


CLOCKS = st.integers(0, 24 * 60).map(lambda minutes: f"{minutes // 60:02d}:{minutes % 60:02d}")


@st.composite
def weeks(draw: st.DrawFn) -> OpeningHours:
    """Return periods of a week that neither touch nor overlap."""
    periods = []
    for day in EVERY_DAY:
        cuts = sorted(draw(st.sets(CLOCKS, max_size=6)))
        periods += [Period(day, a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return OpeningHours(periods=tuple(periods))


def in_chinese(hours: OpeningHours) -> str:
    said = {day: [f"{p.begin}至{p.end}" for p in hours.periods if p.weekday == day] for day in EVERY_DAY}
    return "；".join(f"周{DAYS[day - 1]} {'、'.join(spans) or '休息'}" for day, spans in said.items())


@given(weeks(), st.integers(0, 7 * 24 * 60 - 1))
def test_what_is_written_in_either_way_is_read_as_the_same(week: OpeningHours, minute: int) -> None:
    if not week.periods:
        return
    read_again = [read(as_osm(week)), read(in_chinese(week))]
    assert {hours.periods if not hours.always else "always" for hours in read_again} == {
        week.periods if not read_again[0].always else "always"
    }
    instant = datetime(2026, 9, 14, tzinfo=COUNTY) + timedelta(minutes=minute)
    assert len({hours.open_at(instant) for hours in [week, *read_again]}) == 1


PIECES = [
    "周一",
    "周五",
    "Mo",
    "Fr",
    "-",
    "至",
    "8:00",
    "22点",
    "下午",
    "次日",
    ";",
    "，",
    " ",
    "24小时",
    "off",
    "休息",
    "x",
    "PH",
    "和",
]


@given(st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_text_gives_ordered_periods_or_none(text: str) -> None:
    hours = read(text)
    assert hours.text == text.strip()
    assert not (hours.always and hours.periods)
    for earlier, later in zip(hours.periods, hours.periods[1:], strict=False):
        assert (earlier.weekday, earlier.end) < (later.weekday, later.begin)
    assert all("00:00" <= p.begin < p.end <= "24:00" for p in hours.periods)
    again = read(as_osm(hours))
    assert (again.always, again.periods) == (hours.always, hours.periods)
