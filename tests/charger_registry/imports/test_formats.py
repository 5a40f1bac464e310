"""Files of every format become the same drafts; what cannot be used is named and takes nothing else with it; bombs stay shut."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from charger_registry.drafts import PartyDraft, PriceDraft
from charger_registry.imports import excel, formats
from charger_registry.imports.column_notes import CHOICES, NOTES
from charger_registry.imports.columns import COLUMNS, PARTIES
from charger_registry.imports.formats import read
from charger_registry.imports.reading import MOST_ITEMS, Reading
from charger_registry.imports.template import HEADS, TEMPLATES
from tests.charger_registry.imports import samples
from tests.charger_registry.imports.samples import packed, xlsx
from youguan.errors import Invalid, TooLarge, YouguanError
from youguan.web.translations import explain


def refused(reading: Reading) -> list[tuple[int, str]]:
    return [(line.row, line.field) for line in reading.refused]


def test_station_info_of_the_group_standard() -> None:
    reading = read(packed(samples.CEC))
    assert (reading.format, refused(reading)) == (
        "cec102",
        [
            (1, "EquipmentInfos[2].ConnectorInfos[1].ConnectorType"),
            (2, "StationLng"),
            (3, "StationStatus"),
            (4, "StationStatus"),
        ],
    )
    site = reading.sites["395815801-000000000000001"]
    assert (site.crs, site.longitude, site.whole) == ("gcj02", 121.433469, False)
    assert (site.operator_code, site.cec_station_id, site.division_code) == ("395815801", "000000000000001", "330226")
    assert (site.usage, site.construction, site.bays, site.help_phone) == ("public", "car_park", 4, "400-000-0001")
    assert site.price == PriceDraft(energy_text="0.65元/度", service_text="0.30", parking_text="免费")
    assert site.stations is not None
    (station,) = site.stations
    assert (station.id, station.power_w, station.current_type) == ("395815801-10000000000000000000001", 120_000, "DC")
    assert [(c.connector, c.cec_connector_id, c.type) for c in station.connector_files] == [
        (1, "1000000000000000000000101", "GBT_DC"),
        (2, "1000000000000000000000102", "GBT_DC"),
    ]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda infos: {"StationInfo": infos[0]},
        lambda infos: infos,
        lambda infos: infos[0],
        lambda infos: {"Data": {"StationInfos": infos}},
    ],
)
def test_station_info_however_it_is_wrapped(wrap: Callable[[Any], Any]) -> None:
    assert list(read(packed(wrap(samples.CEC["StationInfos"]))).sites) == ["395815801-000000000000001"]


def test_locations_of_ocpi() -> None:
    reading = read(packed(samples.OCPI))
    assert (reading.format, refused(reading)) == (
        "ocpi",
        [(1, "evses[3].connectors[1].standard"), (2, "evses[1].status")],
    )
    site = reading.sites["CN-ABC-LOC1"]
    assert (site.crs, site.address, site.whole) == ("wgs84", "宁海 港路 1 号", False)
    assert site.opening_hours is not None
    assert [(p.weekday, p.begin, p.end) for p in site.opening_hours.periods] == [
        (1, "08:00", "24:00"),
        (2, "08:00", "24:00"),
    ]
    assert (site.help_phone, site.renewable, site.guide) == ("400-1", True, "码头内")
    assert (site.bays, site.accessible_bays, site.usage) == (2, 1, None)
    assert site.stations is not None
    (station,) = site.stations
    assert (station.id, station.power_w, station.current_type) == ("CN-ABC-LOC1-1", 187_500, "DC")
    assert [(c.connector, c.evse, c.power_w, c.evse_id) for c in station.connector_files] == [
        (1, 1, 187_500, "CN*ABC*E1"),
        (101, 1, 22_080, "CN*ABC*E1"),
    ]
    home = reading.sites["CN-ABC-LOC2"]
    assert (home.usage, home.whole, home.bays) == ("private", False, None), "what is not to be published"
    connectors = [(s.id, c.connector, c.type) for s in home.stations or () for c in s.connector_files]
    assert connectors == [("CN-ABC-LOC2-2", 201, "GBT_DC"), ("CN-ABC-LOC2-2", 1, "GBT_AC")], "by their ids"


def test_points_of_open_charge_map() -> None:
    reading = read(packed(samples.OPEN_CHARGE_MAP))
    assert (reading.format, refused(reading)) == (
        "open_charge_map",
        [(2, "AddressInfo.Latitude"), (3, "StatusTypeID"), (4, "StatusTypeID")],
    )
    site = reading.sites["ocm-148527"]
    assert (site.name, site.usage, site.address) == ("山门站", "public", "宁海 山路 1 号")
    assert site.parties == (PartyDraft("manager", "山门公司"),)
    staff = reading.sites["ocm-5"]
    assert (staff.usage, staff.parties) == ("unit", ())
    assert [(s.id, s.power_w, s.connector_files[0].type, s.connector_files[0].format) for s in site.stations or ()] == [
        ("ocm-148527-001", 60_000, "GBT_DC", "CABLE"),
        ("ocm-148527-002", 60_000, "GBT_DC", "CABLE"),
        ("ocm-148527-004", 7_000, "GBT_AC", "CABLE"),
    ], "what was taken away keeps its number"


def test_points_of_geojson() -> None:
    reading = read(packed(samples.GEOJSON))
    assert (reading.format, refused(reading)) == ("geojson", [(2, "geometry")])
    site = reading.sites["g1"]
    assert (site.longitude, site.latitude, site.name, site.help_phone, site.counted) == (
        121.4,
        29.3,
        "公园站",
        "400-1",
        2,
    )


HEADER = [
    "场站编号",
    "场站名称",
    "经度",
    "纬度",
    "充电桩编号",
    "充电桩功率(kW)",
    "枪号",
    "枪类型",
    "充电接口编码",
    "检定有效期至",
]


def test_a_workbook_with_a_row_a_connector() -> None:
    rows: list[list[Any]] = [
        HEADER,
        [1001, "甲站", 121.4, 29.3, "A-1", 120, 1, "国标直流", "0001", "2027-06-30"],
        [1001, None, None, None, "A-1", 120, 2, "GBT_DC", "0002"],
        [1001, "乙站", 121.4, 29.3, "A-2", 7],
        [1001, None, None, None, "A-3", 7, 1, "郁金香"],
        [1001, None, None, None, "A-1", 120, 3, "郁金香"],
        [1002, "丙站", 121.5, 29.4],
        [1002, "丙站", 121.5, 29.4],
    ]
    reading = read(xlsx(rows))
    assert reading.format == "xlsx"
    assert refused(reading) == [(4, "场站名称"), (5, "枪类型"), (6, "枪类型"), (8, "场站编号")]
    site = reading.sites["1001"]
    assert (site.name, site.whole) == ("甲站", False), "two of its rows could not be used"
    assert site.partly == {"A-1"}, "nor could a connector of this one"
    assert site.stations is not None
    (station,) = site.stations
    assert (station.id, station.power_w) == ("A-1", 120_000)
    assert [(c.connector, c.type, c.cec_connector_id) for c in station.connector_files] == [
        (1, "GBT_DC", "0001"),
        (2, "GBT_DC", "0002"),
    ]
    assert reading.sites["1002"].stations is None


def test_a_code_that_excel_has_rounded_is_not_taken() -> None:
    rows: list[list[Any]] = [["id", "lng", "lat", "cec_station_id"], ["a", 121.4, 29.3, 1e20], ["b", 121.4, 29.3, 17]]
    reading = read(xlsx(rows))
    assert list(reading.sites) == ["b"]
    assert "format the column as text" in reading.refused[0].reason


@pytest.mark.parametrize("form", TEMPLATES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_can_be_imported_as_it_is(language: str, form: str) -> None:
    reading = read(TEMPLATES[form](language))
    assert (reading.refused, reading.ignored_columns) == ([], [])
    site = reading.sites["EXAMPLE-1"]
    assert (site.crs, site.operator_code, site.cec_station_id) == ("gcj02", "395815801", "000000000000001")
    assert [c.connector for s in site.stations or () for c in s.connector_files] == [1, 2]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_workbook_explains_each_column_and_takes_the_words_that_it_offers(language: str) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(TEMPLATES["xlsx"](language)))
    table, notes = (book.get_sheet_by_index(place).to_python() for place in (0, 1))
    assert [row[0] for row in notes[1:]] == table[0]
    assert all(row[3] for row in notes)
    assert NOTES.keys() == COLUMNS.keys()
    heads = HEADS[language]
    example = dict(zip(table[0], table[1], strict=True)) | {heads[role]: "395815801" for role in PARTIES}
    for name, words in CHOICES.items():
        for word in words:
            row = {**example, heads[name]: word.of(language)}
            assert read(xlsx([list(row), list(row.values())])).refused == [], (name, word)


# --- what is meant to harm --------------------------------------------------------------------------------------


def test_a_workbook_that_unpacks_to_too_much_is_not_opened() -> None:
    bomb = xlsx([["id"]], extra={"xl/media/zeros.bin": bytes(excel.LARGEST_UNPACKED_BYTES + 1)})
    assert len(bomb) < 1_000_000
    with pytest.raises(Invalid, match="unpacks to more than 100 MiB"):
        read(bomb)


def test_quotation_marks_that_never_close_cost_no_more_than_their_lines() -> None:
    with pytest.raises(Invalid, match="more than 1000 rows cannot be read"):
        read(b"id,lng,lat\n" + b'a","\n' * 1_000_000)
    reading = read(b'id,lng,lat,address\n"a,121,29,\n' + b"b,121,29,\n" + b"\n" * 300 + b"c,121,29,x\n")
    assert (list(reading.sites), refused(reading)) == (["b", "c"], [(2, "row")])


def test_only_so_many_refusals_are_kept() -> None:
    with pytest.raises(TooLarge, match="more than 50000 refusals"):
        read(b'[{"coordinates": {}}' + b",{}" * (MOST_ITEMS + 1) + b"]")
    name = "x" * 5000
    reading = read(packed({"type": "FeatureCollection", "features": [{"id": name}]}))
    assert len(reading.refused[0].reason) < 200


def test_only_so_many_stations_and_columns_are_read() -> None:
    rows = "".join(f"s{n},121,29,2000\n" for n in range(101))
    with pytest.raises(TooLarge, match="at most 200000 stations"):
        read(f"id,lng,lat,count\n{rows}".encode())
    with pytest.raises(Invalid, match="has 503 columns"):
        read(("id,lng,lat" + ",a" * 500).encode())


def test_a_workbook_is_read_to_its_end_or_not_at_all() -> None:
    rows: list[list[Any]] = [["id", "lng", "lat", "charger_id", "connector"]]
    for n in range(30_000):
        rows += [["a" + str(n // 50), 121.4, 29.3, f"c{n}", 1], ["a" + str(n // 50), None, None, f"c{n}", 2]]
    reading = read(xlsx(rows))
    assert not reading.refused
    assert sum(len(s.connector_files) for site in reading.sites.values() for s in site.stations or ()) == 60_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 100_000, "no JSON"),
        (b'{"type": "FeatureCollection"', "no JSON"),
        (b'{"a": 1}', "is none of GeoJSON"),
        (b"[]", "is none of GeoJSON"),
        (b"\xff\xfe\xfd\x00\x80", "no text"),
        (b"name,colour\n1,2\n", "no column named"),
        (b"", "no column named"),
        (xlsx([["id"]])[:200] + b"PK", "no text"),
    ],
)
def test_what_is_no_such_file_is_said_so(data: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read(data)


def test_a_damaged_workbook_is_said_so() -> None:
    whole = bytearray(xlsx([["id", "lng", "lat"], ["a", 1, 2]]))
    place = bytes(whole).index(b"xl/worksheets/sheet1.xml") + 40
    whole[place : place + 8] = b"\xff" * 8
    with pytest.raises(Invalid, match="workbook cannot be"):
        read(bytes(whole))


def test_only_so_much_is_read() -> None:
    with pytest.raises(TooLarge):
        read(b" " * (formats.LARGEST_BYTES + 1))
    rows = "".join(f"s{n},121,29\n" for n in range(MOST_ITEMS + 1))
    with pytest.raises(TooLarge, match="50000 sites"):
        read(f"id,lng,lat\n{rows}".encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every member of a JSON value."""
    if isinstance(value, dict):
        return [p for name, inner in value.items() for p in [(*path, name), *places(inner, (*path, name))]]
    if isinstance(value, list):
        return [p for n, inner in enumerate(value) for p in [(*path, n), *places(inner, (*path, n))]]
    return []


SAMPLES = (samples.CEC, samples.OCPI, samples.OPEN_CHARGE_MAP, samples.GEOJSON)
PLACES = [(n, place) for n, sample in enumerate(SAMPLES) for place in places(sample)]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), json_values)
@example((1, ("data", 0, "evses", 0, "connectors", 0, "id")), "9" * 5000)  # more digits than Python reads
def test_whatever_stands_in_any_place_of_a_file_is_taken_or_named(
    where: tuple[int, tuple[Any, ...]], value: Any
) -> None:
    number, place = where
    sample = orjson.loads(packed(SAMPLES[number]))
    inner = sample
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    try:
        reading = read(packed(sample))
    except YouguanError:
        return
    for line in reading.refused:
        assert line.reason
        assert line.row >= 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        read(data)
    except YouguanError as error:
        assert error.status in (413, 422)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_no_damage_to_a_workbook_breaks_the_reader(at: int, damage: bytes) -> None:
    book = bytearray(xlsx([["id", "lng", "lat"], ["a", 121, 29]]))
    at %= len(book)
    book[at : at + len(damage)] = damage
    try:
        read(bytes(book))
    except YouguanError as error:
        assert error.status in (413, 422)


def test_reasons_are_said_in_chinese_to_who_reads_it() -> None:
    reading = read(b"id,lng,lat,bays\na,east,29,1\na b,121,29,1\nb,121,29,1.5\nb,121,29,1\nb,121,29,1\n")
    assert [explain(line.reason, "zh") for line in reading.refused] == [
        "'east' 不是数字",
        "'a b' 不是编号：只能含字母、数字、.、- 和 _，最多 40 位",
        "1.5 不是整数",
        "b 在前面的行已出现",
    ]
    assert explain(reading.refused[0].reason, "en") == "'east' is not a number"
    with pytest.raises(Invalid) as found:
        read(b"a,b\n")
    assert "没有名为 site_id / station_id / id" in explain(found.value, "zh")


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-01-05", date(2026, 1, 5)),
        ("2026/1/5", date(2026, 1, 5)),
        ("2026.1.5", date(2026, 1, 5)),
        ("2026年1月5日", date(2026, 1, 5)),
        ("２０２６/1/5", date(2026, 1, 5)),
        ("2026/1/5 0:00:00", date(2026, 1, 5)),
        ("2026-01-05T08:00:00Z", date(2026, 1, 5)),
        ("20260105", date(2026, 1, 5)),
        ("2026/13/5", None),
        ("2026-02-30", None),
        ("5/1/2026", None),
    ],
)
def test_a_day_is_read_as_spreadsheets_write_it(said: str, day: date | None) -> None:
    text = f"site_id,longitude,latitude,charger_id,meter_serial_number,meter_due_on\na,121.4,29.3,a1,1,{said}\n"
    found = read(text.encode())
    if day is None:
        assert [(refused.row, refused.field) for refused in found.refused] == [(2, "meter_due_on")]
    else:
        (station,) = found.sites["a"].stations or ()
        assert station.meters[0].verification_due_on == day
