"""Kinds of connectors in the words of others, and opening hours as people write them."""

from datetime import UTC, datetime

import pytest

from charger_registry.equipment import connector_types as types
from charger_registry.equipment import opening_hours as hours
from charger_registry.equipment.opening_hours import OpeningHours, Period


@pytest.mark.parametrize(
    ("number", "code", "form"),
    [
        (1, "DOMESTIC_I", "SOCKET"), (2, "GBT_AC", "SOCKET"), (3, "GBT_AC", "CABLE"), (4, "GBT_DC", "CABLE"),
        (5, "WIRELESS", None), (6, "OTHER", None),
    ],
)  # fmt: skip
def test_what_the_group_standard_numbers_comes_back(number: int, code: str, form: str | None) -> None:
    assert types.of_cec(number) == (code, form)
    assert types.to_cec(code, form) == number


def test_every_type_has_its_place() -> None:
    assert len(types.TYPES) == 40 + 2 + 2, "of OCPI 2.2.1, of 2.3.0, of neither"
    for code, kind in types.TYPES.items():
        assert kind.code == code
        assert 1 <= types.to_cec(code, types.usual_format(code)) <= 6
        assert types.of_words(code.lower()) == code
        assert types.of_words(kind.zh) == code
        for number in kind.open_charge_map:
            assert types.of_open_charge_map(number)[0] == code
    assert types.to_cec(None, None) == 6


def test_a_word_that_a_version_lacks_is_not_said() -> None:
    assert (types.to_ocpi("MCS"), types.to_ocpi("MCS", "2.3.0")) == (None, "MCS")
    assert (types.to_ocpi("GBT_DC"), types.to_ocpi("WIRELESS", "2.3.0"), types.to_ocpi(None)) == ("GBT_DC", None, None)


@pytest.mark.parametrize(("word", "code"), [("GB/T 20234.3", "GBT_DC"), ("ccs 2", "IEC_62196_T2_COMBO"), ("?", None)])
def test_names_are_understood(word: str, code: str | None) -> None:
    assert types.of_words(word) == code


WEEK = tuple(Period(day, "08:00", "22:00") for day in range(1, 8))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("24小时营业", OpeningHours(True, (), "24小时营业")),
        ("周一至周日 全天", OpeningHours(True, (), "周一至周日 全天")),
        ("周六 24小时", OpeningHours(False, (Period(6, "00:00", "24:00"),), "周六 24小时")),
        ("00:00-24:00", OpeningHours(True, (), "00:00-24:00")),
        ("8:00-22:00", OpeningHours(False, WEEK, "8:00-22:00")),
        ("周一至周五 08:00-22:00", OpeningHours(False, WEEK[:5], "周一至周五 08:00-22:00")),
        ("周六 20:00-02:00", OpeningHours(
            False, (Period(6, "20:00", "24:00"), Period(7, "00:00", "02:00")), "周六 20:00-02:00")),
        ("周五至周一 08:00-22:00", OpeningHours(
            False, (WEEK[0], *WEEK[4:]), "周五至周一 08:00-22:00")),
        ("问门卫", OpeningHours(text="问门卫")),
        ("周六\uff10\uff18\uff1a00-22\uff1a00", OpeningHours(
            False, (WEEK[5],), "周六\uff10\uff18\uff1a00-22\uff1a00")),
        ("周一 25:00-26:00", OpeningHours(text="周一 25:00-26:00")),
    ],
)  # fmt: skip
def test_hours_as_people_write_them(text: str, read: OpeningHours) -> None:
    assert hours.read(text) == read
    assert hours.from_json(read.as_json()) == read


def test_whether_it_is_open() -> None:
    monday_ten = datetime(2026, 11, 23, 2, tzinfo=UTC)  # ten o'clock in the county
    assert hours.read("周一 08:00-22:00").open_at(monday_ten) is True
    assert hours.read("周二 08:00-22:00").open_at(monday_ten) is False
    assert hours.read("问门卫").open_at(monday_ten) is None
    assert OpeningHours(always=True).open_at(monday_ten) is True
