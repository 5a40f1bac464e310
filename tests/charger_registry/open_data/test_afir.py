"""docs/open-data.md says where each item of AFIR's list stands in each format; every name in it is asked of a real answer."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.charger_registry.open_data.world import World
from tests.suite import ROOT

NAME = re.compile(r"`([^`]+)`")
ARTICLE_20_2 = {
    "(a)(i)", "(a)(ii)", "(a)(iii)", "(a)(iv)", "(a)(v)", "(b)(i)", "(b)(ii)", "(b)(iii)", "(b)(iv)", "(b)(v)", "(b)(vi)",
    "(c)(i)", "(c)(ii)", "(c)(iii)", "(c)(iv)",
}  # fmt: skip
# What OCPI has no place for; every other cell names something.
HAS_NO_PLACE = {
    ("(a)(iii)", "OCPI 2.2.1"),
    ("(b)(iv)", "OCPI 2.2.1"),
    ("(b)(iv)", "OCPI 2.3.0"),
    ("(b)(vi)", "OCPI 2.2.1"),
}


def rows() -> Iterator[dict[str, str]]:
    """Yield the rows of the table, column → cell."""
    lines = (ROOT / "docs/open-data.md").read_text(encoding="utf-8").splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("| item |"))
    columns = cells(lines[begin])
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            return
        yield dict(zip(columns, cells(line), strict=True))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def values(document: Any, path: str) -> list[Any]:
    """Return what stands under a name such as `evses[].connectors[].type`; nothing where one of its words is missing."""
    found = [document]
    for word in path.split("."):
        name, listed = word.removesuffix("[]"), word.endswith("[]")
        found = [one[name] for one in found if isinstance(one, dict) and name in one]
        if listed:
            found = [member for one in found for member in one]
    return [one for one in found if one not in (None, "", [])]


def test_a_name_leads_to_what_is_there_and_to_nothing_else() -> None:
    document = {"a": {"b": 1, "n": None}, "l": [{"c": 2}, {"c": 3}, {}]}
    assert values(document, "a.b") == [1]
    assert values(document, "l[].c") == [2, 3]
    assert values(document, "a.x") == values(document, "a.n") == values(document, "l[].c.d") == []


def test_every_item_of_the_list_has_its_row() -> None:
    assert {row["Article 20(2)"] for row in rows()} == ARTICLE_20_2
    empty = {(row["Article 20(2)"], column) for row in rows() for column, cell in row.items() if cell == "—"}
    assert empty == HAS_NO_PLACE


@pytest.mark.parametrize("column", ["JSON and GeoJSON", "CSV and Excel", "OCPI 2.2.1", "OCPI 2.3.0"])
async def test_every_name_is_in_the_format(world: World, column: str) -> None:
    await world.say("a1", "available")
    documents = await answers(world, column)
    missing = [
        (row["item"], name)
        for row in rows()
        for name in NAME.findall(row[column])
        if not all(any(values(one, name) for one in format_) for format_ in documents)
    ]
    assert missing == []


async def answers(world: World, column: str) -> list[list[Any]]:
    """Return, for each format of a column, what it says: a name must be in each of them somewhere."""
    if column.startswith("OCPI"):
        version = column.removeprefix("OCPI ")
        return [(await world.ocpi(f"/{version}/locations", await world.token())).json()["data"]]
    if column.startswith("CSV"):  # one table of sites, one of connectors: together they have all
        found = []
        for name in ("sites.csv", "connectors.csv"):
            text = (await world.client.get(f"/api/public/{name}")).content.decode("utf-8-sig")
            found += list(csv.DictReader(io.StringIO(text)))
        return [found]
    features = (await world.client.get("/api/public/open-data.geojson")).json()["features"]
    one_by_one = [(await world.client.get(f"/api/public/sites/{one}")).json() for one in ("a", "b")]
    return [[feature["properties"] for feature in features], one_by_one]
