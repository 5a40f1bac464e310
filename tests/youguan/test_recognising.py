"""Texts known again by their templates: as a regular expression would, but in one pass."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from youguan.recognising import known_among, recognised

WORDS = st.text("ab:", max_size=3)
NAMES = "uvwxyz"


@given(st.lists(WORDS, min_size=1, max_size=5), st.text("ab:\n", max_size=14), st.booleans())
def test_a_text_is_taken_apart_as_a_regular_expression_does(words: list[str], text: str, longest: bool) -> None:
    template = words[0] + "".join(f"{{{name}}}{word}" for name, word in zip(NAMES, words[1:], strict=False))
    value = ".+" if longest else ".+?"
    pattern = re.escape(words[0]) + "".join(
        f"(?P<{name}>{value}){re.escape(word)}" for name, word in zip(NAMES, words[1:], strict=False)
    )
    expected = re.fullmatch(pattern, text, re.DOTALL)
    found = recognised((template,), text, longest=longest)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.template, dict(found.values)) == (template, expected.groupdict())


@pytest.mark.parametrize("text", [": " * 20_000, "x is not from 1 to " * 5_000, " is not  + " * 8_000])
def test_a_text_that_repeats_itself_is_known_again_as_quickly(text: str) -> None:
    templates = ("{value} is not from {low} to {high}", "{total} is not {elec} + {service}", "{a}: {b}: {c}: {d}.")
    began = time.process_time()
    known_among(("could not be told: {error}",), templates, text)
    assert time.process_time() - began < 2
