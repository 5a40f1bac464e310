"""Who acts as the head of the organ: the county's regulator, and a town's in what was handed over to it. Pure, but for the file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from inspection_service.cases.thresholds import FILE
from inspection_service.law.statutes import LawError
from youguan.auth import REGULATOR, Principal

HandedOver = Mapping[str, frozenset[str]]


@cache
def handed_over() -> HandedOver:
    """Return which items were handed over to which town or street, by its division."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(table: Mapping[str, Any]) -> HandedOver:
    """Return the same of a table; LawError where a town stands there twice, or without the document that hands it something."""
    entries = table["head"]["handed_over"]
    found = {entry["division"]: frozenset(entry["items"]) for entry in entries}
    if len(found) != len(entries) or not all(entry["source"] for entry in entries):
        raise LawError("head: each town once, with the document that hands the items over")
    return found


def heads(who: Principal, item_id: str, handed: HandedOver) -> bool:
    """Say whether somebody decides as head of the organ in cases of an item that lie within his bounds."""
    if not who.has(REGULATOR):
        return False
    towns = who.scope.divisions
    return who.scope.everything or any(item_id in handed.get(town, frozenset()) for town in towns)
