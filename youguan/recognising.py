"""What was kept in English is known again by the template that it was made of, so that every reader gets his own language. Pure."""

import re
from functools import cache
from typing import NamedTuple

from youguan.errors import Reason

MOST_STARTS = 20  # from each end of a text, which may be another machine's: each costs a look at every template


class Wrong(NamedTuple):
    """Where something is wrong ("": in the whole), and what."""

    where: str
    reason: str


def recognised(templates: tuple[str, ...], text: str, start: int = 0, *, longest: bool = False) -> Reason | None:
    """Return a text, from `start` on, as the reason of the first template that it can have been made of; None of none.

    Values are as short as they can be, or as long: that matters where what stands between two of them may stand in them.
    """
    for template, pattern in _patterns(templates, longest):
        if found := pattern.fullmatch(text, start):
            return Reason.worded(text[start:], template, found.groupdict())
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
            if reason := recognised(templates, text, start):
                return Wrong(text[:start].removesuffix(": "), reason)
    return Wrong("", text)


@cache
def _patterns(templates: tuple[str, ...], longest: bool) -> list[tuple[str, re.Pattern[str]]]:
    return [(template, re.compile(_pattern(template, longest), re.DOTALL)) for template in templates]


def _pattern(template: str, longest: bool) -> str:
    """Return what matches the texts of a template: its words, and anything for its values."""
    value = ".+" if longest else ".+?"
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(f"(?P<{part}>{value})" if place % 2 else re.escape(part) for place, part in enumerate(parts))
