"""What was kept in English is known again by the template that it was made of, so that every reader gets his own language. Pure."""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from youguan.errors import Reason

MOST_STARTS = 20  # from each end of a text, which may be another machine's: each costs a look at every template


class Wrong(NamedTuple):
    """Where something is wrong ("": in the whole), and what."""

    where: str
    reason: str


def recognised(templates: tuple[str, ...], text: str, *, longest: bool = False) -> Reason | None:
    """Return a text as the reason of the first template that it can have been made of; None of none.

    Values are as short as they can be, or as long: that matters where what stands between two of them may stand in them.
    """
    for template, names, words in _taken_apart(templates):
        values = _longest(words, text) if longest else _shortest(words, text)
        if values is not None:
            return Reason.worded(text, template, dict(zip(names, values, strict=True)))
    return None


def known_among(sentences: tuple[str, ...], reasons: tuple[str, ...], text: str) -> Wrong:
    """Return where something is wrong and why: a sentence from as far to the left as it begins, else the shortest reason.

    A text that nobody knows is the reason as it is. What stands before a reason, up to a colon, says where.
    """
    starts = [0, *(found.end() for found in re.finditer(": ", text))]
    if len(starts) > 2 * MOST_STARTS:
        starts = [*starts[:MOST_STARTS], *starts[-MOST_STARTS:]]
    for templates, order in ((sentences, starts), (reasons, starts[::-1])):
        for start in order:
            if reason := recognised(templates, text[start:]):
                return Wrong(text[:start].removesuffix(": "), reason)
    return Wrong("", text)


@cache
def _taken_apart(templates: tuple[str, ...]) -> list[tuple[str, list[str], list[str]]]:
    """Return of each template the names of its values and the words around them, of which there is one more."""
    parts = [(template, re.split(r"\{(\w+)\}", template)) for template in templates]
    return [(template, part[1::2], part[::2]) for template, part in parts]


def _shortest(words: Sequence[str], text: str) -> list[str] | None:
    """Return what stands between words in a text, never nothing; None where they do not make it.

    Each word is taken where it comes first, which leaves the most to those after it: nothing is looked at again. A regular
    expression does look again, and takes minutes for a text that repeats itself.
    """
    first, *between = words
    if not between:
        return [] if text == first else None
    last = between.pop()
    if not (text.startswith(first) and text.endswith(last)):
        return None
    rest, values = text[len(first) : len(text) - len(last)], []
    for word in between:
        found = rest.find(word, 1)
        if found < 0:
            return None
        values.append(rest[:found])
        rest = rest[found + len(word) :]
    return [*values, rest] if rest else None


def _longest(words: Sequence[str], text: str) -> list[str] | None:
    """Return the same with each word taken where it comes last."""
    values = _shortest([word[::-1] for word in reversed(words)], text[::-1])
    return None if values is None else [value[::-1] for value in reversed(values)]
