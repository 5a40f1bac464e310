"""What a draft says otherwise than what is filed, field by field. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import orjson

from charger_registry.drafts import SiteDraft
from charger_registry.equipment.opening_hours import OpeningHours

# What is compared in a way of its own, or is no field of what is filed.
APART = (
    "id", "stations", "whole", "partly", "counted", "generated", "position", "connector_files", "meters", "connectors", "parties",
    "reinstated",
)  # fmt: skip
Changes = list[tuple[str, Any, Any]]


def differences(before: SiteDraft, said: SiteDraft) -> Changes:
    """Return what a draft says otherwise than what is filed, as (field, before, after); stations that go before all others."""
    return [*_members(before, said, ""), *_stations(before, said)]


def _members(before: Any, said: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    for member in fields(said):
        after = getattr(said, member.name)
        if member.name in APART or after is None:
            continue
        was = getattr(before, member.name)
        if not _same(was, after):
            yield f"{where}{member.name}", shown(was), shown(after)


def _same(was: Any, said: Any) -> bool:
    """Say whether two values are one; the same hours in other words are."""
    if isinstance(was, OpeningHours) and isinstance(said, OpeningHours) and (said.always or said.periods):
        return (was.always, was.periods) == (said.always, said.periods)
    return bool(was == said)


def _stations(before: SiteDraft, said: SiteDraft) -> Iterator[tuple[str, Any, Any]]:
    if said.stations is None:
        return
    known = {station.id: station for station in before.stations or ()}
    wanted = {station.id for station in said.stations}
    if said.whole:
        yield from ((f"stations[{gone}]", "filed", None) for gone in known if gone not in wanted)
    for station in said.stations:
        if station.id not in known:
            yield f"stations[{station.id}]", None, "added"
            continue
        was = known[station.id]
        where = f"stations[{station.id}]."
        yield from _members(was, station, where)
        if station.connectors is not None and not station.connector_files and station.connectors != was.connectors:
            yield f"{where}connectors", was.connectors, station.connectors
        yield from _parts(was.connector_files, station.connector_files, where, "connectors", removed=True)
        yield from _parts(was.meters, station.meters, where, "meters", removed=False)


def _parts(
    before: Sequence[Any], said: Sequence[Any], where: str, name: str, *, removed: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Compare connectors or meters by their number; a draft that names none says nothing of them."""
    known = {part.connector: part for part in before}
    for part in said:
        if part.connector in known:
            yield from _members(known[part.connector], part, f"{where}{name}[{part.connector}].")
        else:
            yield f"{where}{name}[{part.connector}]", None, "added"
    if said and removed:
        numbers = {part.connector for part in said}
        yield from ((f"{where}{name}[{gone}]", "filed", None) for gone in known if gone not in numbers)


def shown(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, OpeningHours):
        return value.text or value.as_json()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return orjson.loads(orjson.dumps(value))
