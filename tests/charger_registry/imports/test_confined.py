"""What a file may take is bounded, whatever it holds: what would fill the machine ends with its own process, and is said so."""

import pickle
from typing import Any

import pytest

from charger_registry.divisions import outlines
from charger_registry.divisions import reading as divisions
from charger_registry.imports import confined
from charger_registry.imports.confined import ConfinedReader
from charger_registry.imports.formats import read
from tests.charger_registry.imports import samples
from tests.charger_registry.imports.samples import packed, xlsx
from youguan.errors import FieldError, Invalid, Reason, TooLarge

FAR = "<sheetData><row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>1</v></c></row></sheetData>"
LONG = f"<sst><si><t>{'x' * 1_000_000}</t></si></sst>".encode()
SHARED = "<sheetData><row>" + '<c t="s"><v>0</v></c>' * 50_000 + "</row></sheetData>"


@pytest.mark.parametrize("value", [samples.CEC, samples.OCPI, samples.OPEN_CHARGE_MAP, samples.GEOJSON])
async def test_a_file_says_the_same_wherever_it_is_read(value: Any) -> None:
    data = packed(value)
    assert await ConfinedReader().read_sites(data, "gcj02") == read(data, "gcj02")


async def test_divisions_and_their_outlines_are_read_there_too() -> None:
    table = "code,name,名\n330226001,跃龙街道,x\n330226001001,村,x\n".encode()
    found = await ConfinedReader().read_divisions(table)
    assert found == divisions.read(table)
    assert [(row.row, row.field) for row in found.refused] == [(3, "code")]
    square = {"type": "Polygon", "coordinates": [[[121, 29], [122, 29], [122, 30], [121, 29]]]}
    collection = {
        "features": [
            {"properties": {"code": "330226001", "name": "甲"}, "geometry": square},
            {"properties": {"code": "330226002"}, "geometry": {"type": "Point", "coordinates": [121, 29]}},
        ]
    }
    outlined = await ConfinedReader().read_outlines(packed(collection), "gcj02")
    assert outlined == outlines.read(packed(collection), "gcj02")
    assert (list(outlined.outlines), [one["feature"] for one in outlined.refused]) == (["330226001"], [2])
    with pytest.raises(Invalid, match="no GeoJSON FeatureCollection"):
        await ConfinedReader().read_outlines(b"[]", "wgs84")
    with pytest.raises(Invalid, match="damaged, or not what it seems"):
        await ConfinedReader().read_outlines(packed(collection), "a system that nobody knows")


async def test_what_is_wrong_is_told_as_it_is() -> None:
    with pytest.raises(Invalid, match="no column named") as found:
        await ConfinedReader().read_sites(b"a,b\n", None)
    assert [field.field for field in found.value.fields] == ["id", "longitude", "latitude"]
    with pytest.raises(TooLarge, match="20 MiB"):
        await ConfinedReader().read_sites(b" " * (20 * 1024 * 1024 + 1), None)


@pytest.mark.parametrize(
    "book",
    [
        pytest.param(xlsx([], sheet=FAR), id="two cells far apart"),
        pytest.param(xlsx([], sheet=SHARED, shared=LONG), id="one long text in every cell"),
    ],
)
async def test_a_workbook_that_would_fill_the_memory_is_not_read(book: bytes) -> None:
    assert len(book) < 100_000
    with pytest.raises(TooLarge, match="more memory"):
        await ConfinedReader().read_sites(book, None)
    assert (await ConfinedReader().read_sites(packed(samples.GEOJSON), None)).sites, "others are read as before"


def test_a_reason_comes_as_it_was() -> None:
    told = Invalid.of(FieldError("a{", Reason("{given} is no id", given="{")))
    found = confined.unpacked(pickle.dumps(told))
    assert isinstance(found, Invalid)
    (wrong,) = found.fields
    assert isinstance(wrong.reason, Reason)
    assert (wrong.reason, wrong.reason.template, wrong.reason.values) == (
        "{ is no id",
        "{given} is no id",
        {"given": "{"},
    )


def test_nothing_but_drafts_is_taken_from_the_process() -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("gotcha",))

    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        confined.unpacked(pickle.dumps(Evil()))
