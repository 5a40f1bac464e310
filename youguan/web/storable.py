"""What a database can keep of what is sent: text without NUL and half surrogate pairs, numbers of 64 bits."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from youguan.errors import FieldError, Invalid

# PostgreSQL's text holds neither NUL nor half a surrogate pair, which JSON can spell and a form can carry.
UNSTORABLE = re.compile("[\\x00\ud800-\udfff]")
LEAST, MOST = -(2**63), 2**64 - 1  # what JSON can be written with again
TOO_LARGE = "is a number beyond 64 bits"
WHY = "holds a character that no text can hold (NUL or half of a surrogate pair)"


def has_no_place_in_text(value: str) -> bool:
    """Say whether a string holds what cannot be stored as text."""
    return UNSTORABLE.search(value) is not None


def storable(value: str) -> str:
    """Return a text without what cannot be stored of it."""
    return UNSTORABLE.sub("", value)


def refuse(found: Iterable[FieldError]) -> None:
    """Raise Invalid where something was found."""
    fields = list(found)
    if fields:
        raise Invalid.of(*fields)


def unstorable(value: Any) -> Iterator[FieldError]:
    """Find what cannot be stored in a JSON value, however deep it is nested."""
    left = [("", value)]
    while left:
        path, found = left.pop()
        if isinstance(found, str) and has_no_place_in_text(found):
            yield FieldError(path or "body", WHY)
        elif isinstance(found, int) and not LEAST <= found <= MOST:
            yield FieldError(path or "body", TOO_LARGE)
        elif isinstance(found, dict):
            names = [f"{path}.{shown(name)}".lstrip(".") for name in found]
            yield from (
                FieldError(path, WHY) for name, path in zip(found, names, strict=True) if UNSTORABLE.search(name)
            )
            left += zip(names, found.values(), strict=True)
        elif isinstance(found, list):
            left += [(f"{path}[{place}]", member) for place, member in enumerate(found)]


def unstorable_fields(given: Iterable[tuple[str, object]]) -> Iterator[FieldError]:
    """Find what cannot be stored in a form's, a query's or a path's fields; of a file its name is looked at."""
    for name, value in given:
        text = value if isinstance(value, str) else str(getattr(value, "filename", None) or "")
        if has_no_place_in_text(name) or has_no_place_in_text(text):
            yield FieldError(shown(name), WHY)


def shown(name: str) -> str:
    """Return a member's name as an answer may hold it."""
    return UNSTORABLE.sub("?", name)[:100]
