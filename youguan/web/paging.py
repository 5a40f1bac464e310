"""Lists: {"items": […], "next": cursor or null}."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel

from youguan.errors import Invalid
from youguan.web.storable import has_no_place_in_text
from youguan.web.times import within_reach

Item = TypeVar("Item")
LARGEST_INTEGER = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=1000, description="how many items at the most")]
Cursor = Annotated[str | None, Query(description="where to go on: `next` of the page before")]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = None


def encode_cursor(*key: Any) -> str:
    """Return the cursor that goes on behind a sort key of text, numbers and times."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def next_cursor(rows: Sequence[Any], limit: int, *members: str) -> str | None:
    """Return the cursor that goes on behind the last of so many rows, which these members sort; None: the list ends here."""
    return encode_cursor(*(rows[-1][member] for member in members)) if len(rows) == limit else None


def decode_cursor(cursor: str | None, *types: type) -> tuple[Any, ...] | None:
    """Return the sort key of a cursor: members of these types (`str`, `int`, `datetime`); Invalid where it is none of ours."""
    if cursor is None:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(key, list) or len(key) != len(types):
            raise ValueError
        return tuple(_member(part, kind) for part, kind in zip(key, types, strict=True))
    except (ValueError, binascii.Error):
        raise Invalid.about("cursor", "is not of this list") from None


def _member(part: Any, kind: type) -> Any:
    if kind is datetime and isinstance(part, str):
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise ValueError
        return within_reach(moment)
    if type(part) is not kind or (isinstance(part, str) and has_no_place_in_text(part)):
        raise ValueError
    if isinstance(part, int) and abs(part) > LARGEST_INTEGER:
        raise ValueError
    return part
