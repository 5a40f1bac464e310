"""Lists: {"items": […], "next": cursor or null}; times in UTC with Z."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel, PlainSerializer

from youguan.clock import utc_text
from youguan.errors import FieldError, Invalid

Item = TypeVar("Item")

UtcTime = Annotated[datetime, PlainSerializer(utc_text, return_type=str, when_used="json")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many items at the most")]
Cursor = Annotated[str | None, Query(description="where to go on: `next` of the page before")]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = None


def encode_cursor(*key: Any) -> str:
    """Return the cursor that goes on behind a sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *types: type) -> tuple[Any, ...] | None:
    """Return the sort key of a cursor; Invalid where it is none of ours."""
    if cursor is None:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(key, list) or [type(part) for part in key] != list(types):
            raise ValueError
    except (ValueError, binascii.Error):
        raise Invalid("cursor: not a cursor of this list", fields=[FieldError("cursor", "not of this list")]) from None
    return tuple(key)
