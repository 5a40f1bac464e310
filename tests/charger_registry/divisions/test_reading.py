"""Tables of divisions: what can be used goes in, the rest is named by row; and where a point lies: pure."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charger_registry.divisions.boundaries import Judgement, boundary, judge
from charger_registry.divisions.reading import DivisionDraft, admitted, brought_up_to_date, read
from youguan.errors import Invalid


def drafts(text: str) -> list[DivisionDraft]:
    return list(read(text.encode()).divisions.values())


def test_columns_go_by_name_in_either_language() -> None:
    wanted = [DivisionDraft("330226001", "跃龙街道", "Yuelong", parent="330226")]
    assert drafts("code,name,name_en,parent\n330226001,跃龙街道,Yuelong,330226\n") == wanted
    assert drafts("上级代码;英文名称;名称;区划代码\n330226000000;Yuelong;跃龙街道;330226001000\n") == wanted
    assert read("区划代码,名称\n３３０２２６００１,跃龙街道\n".encode("gb18030")).divisions[2].code == "330226001"


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (",跃龙,,,", "code", "is missing"),
        ("33022,跃龙,,,", "code", "33022 is no division code of 2, 4, 6, 9 or 12 digits"),
        ("330226001001,某村,,,", "code", "330226001001 is a village's code: divisions go down to towns"),
        ("330226001,,,,", "name", "is missing"),
        (f"330226001,{'长' * 101},,,", "name", "is longer than 100 characters"),
        ("330226001,跃龙,330225,,", "parent", "330226001 is not the code of a part of 330225"),
        ("330226001,跃龙,330226001,,", "parent", "330226001 is not the code of a part of 330226001"),
        ("330226001,跃龙,x,,", "parent", "x is no division code of 2, 4, 6, 9 or 12 digits"),
        ("330226001,跃龙,,121,", "latitude", "is missing"),
        ("330226001,跃龙,,121,north", "latitude", "is no number from 0 to 60"),
        ("330226001,跃龙,,,,,x", "row", "has more cells than the header"),
        ('330226001,"跃龙,,,', "row", "cannot be read as CSV"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_takes_no_other_with_it(row: str, field: str, reason: str) -> None:
    reading = read(f"code,name,parent,longitude,latitude\n{row}\n330226002,桃源,,,\n".encode())
    (refused,) = reading.refused
    assert (refused.row, refused.field, refused.reason) == (2, field, reason)
    assert [draft.code for draft in reading.divisions.values()] == ["330226002"]


def test_a_file_that_is_no_such_table_is_refused() -> None:
    for data in (b"", b"name\nx\n", b"\xff\xff", b"code,name\n" + b"33,x\n" * 20_001):
        with pytest.raises(Invalid):
            read(data)


def test_what_stands_twice_lies_beyond_or_within_nothing_known_is_refused() -> None:
    text = (
        "code,name,parent\n33,浙江,\n33,浙江,\n4403,深圳,\n330226001,跃龙,330226\n3302,宁波,33\n330225001,丹城,3302\n"
    )
    found = admitted(read(text.encode()), known=(), may_file={"33", "3302", "330226001", "330225001"})
    assert [draft.code for draft in found.divisions.values()] == ["33", "3302", "330225001"]
    assert [(line.row, line.field, line.reason) for line in found.refused] == [
        (3, "code", "stands in row 2 already"), (4, "code", "lies beyond your bounds"), (5, "parent", "is not known"),
    ]  # fmt: skip


NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=20)


@given(st.dictionaries(st.from_regex(r"[1-9][0-9]{8}", fullmatch=True), NAMES, max_size=20))
def test_what_is_written_is_read_again(wanted: dict[str, str]) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([("code", "name"), *wanted.items()])
    reading = read(table.getvalue().encode())
    assert not reading.refused
    assert list(reading.divisions) == list(range(2, len(wanted) + 2))
    assert {draft.code for draft in reading.divisions.values()} == set(wanted)


def test_what_a_file_leaves_open_stays() -> None:
    filed = DivisionDraft("33", "浙江", "Zhejiang", 120.0, 30.0)
    assert brought_up_to_date(DivisionDraft("33", "浙江省", parent="3"), filed) == DivisionDraft(
        "33", "浙江省", "Zhejiang", 120.0, 30.0
    )
    assert brought_up_to_date(DivisionDraft("33", "浙江"), None).name_en == "浙江"
    moved = brought_up_to_date(DivisionDraft("33", "浙江", None, 121.0, 29.0), filed)
    assert (moved.longitude, moved.latitude) == (121.0, 29.0)


def square(code: str, west: float, east: float) -> dict[str, object]:
    ring = [[west, 29.0], [east, 29.0], [east, 30.0], [west, 30.0], [west, 29.0]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_a_town_without_a_boundary_lies_at_least_within_its_county() -> None:
    county = {"330226": boundary("330226", square("330226", 121.0, 122.0))}
    both = {**county, "330226001": boundary("330226001", square("330226001", 121.0, 121.2))}
    assert judge((121.5, 29.5), "330226001", county) == Judgement("unverified", division="330226001")
    beyond = judge((122.1, 29.5), "330226001", county)
    assert (beyond.position, beyond.division) == ("unverified", "330226")
    assert beyond.outside_m is not None
    assert 9_000 < beyond.outside_m < 10_500
    assert judge((121.1, 29.5), "330226001", both).position == "verified"
    nearer = judge((121.5, 29.5), "330226001", both)
    assert (nearer.division, nearer.outside_m is not None) == ("330226001", True)
    assert judge((121.5, 29.5), "330226", both).position == "verified"
    assert judge((10.0, 10.0), "440300", both) == Judgement("unverified")
