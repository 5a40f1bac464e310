"""Array literals: PostgreSQL reads what was written, whatever stands in it."""

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from youguan.database import connect
from youguan.literals import numbers, texts

TEXTS = st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")))


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["a"], '{"a"}'),
        ([""], '{""}'),
        (["NULL", None], '{"NULL",NULL}'),
        (['a"b', "c\\d"], '{"a\\"b","c\\\\d"}'),
        (["{x, y}", " "], '{"{x, y}"," "}'),
    ],
)
def test_texts(values: list[str | None], written: str) -> None:
    assert texts(values) == written


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=TEXTS, counts=st.lists(st.integers(-(2**63), 2**63 - 1)))
async def test_what_is_written_is_read(database_url: str, values: list[str | None], counts: list[int]) -> None:
    connection: asyncpg.Connection = await connect(database_url)
    try:
        row = await connection.fetchrow("SELECT $1::text::text[], $2::text::bigint[]", texts(values), numbers(counts))
        assert tuple(row) == (values, counts)
    finally:
        await connection.close()
