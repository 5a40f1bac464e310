"""From a message to observations, as a mapping says: pure.

Everything that cannot be used is named by member and reason, and takes nothing good with it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from ocpp_gateway.adapters.values import THOUSANDS, in_calendar
from ocpp_gateway.mqtt.mapping import (
    CONDITIONS,
    LEVEL,
    STEP,
    Measuring,
    MeterRule,
    Rule,
    SensorRule,
    StatusRule,
    Topic,
    TopicMapping,
)
from ocpp_gateway.observation import MeterKind, MeterSampled, SensorRead, StatusReported, mark_of
from youguan.clock import effective_time

LONGEST_ID = 48
LONGEST_TEXT = 500
LARGEST_NUMBER = 2**31 - 1
MILLISECONDS_FROM = 100_000_000_000  # seconds so large lie in the year 5138


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of a message that cannot be used: the member ("" for the message itself) and the reason."""

    member: str
    reason: str

    def __str__(self) -> str:
        return f"{self.member}: {self.reason}" if self.member else self.reason


@dataclass(slots=True)
class Reading:
    """What a message says; `station_id` and `site_id` are what its topic or payload names, None where it names none."""

    station_id: str | None = None
    site_id: str | None = None
    statuses: list[StatusReported] = field(default_factory=list)
    samples: list[MeterSampled] = field(default_factory=list)
    sensors: list[SensorRead] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def tells_no_time(self, received_at: datetime) -> bool:
        """Say whether something in it has no other time than that of its receipt."""
        times = [status.occurred_at for status in self.statuses]
        times += [sample.occurred_at for sample in self.samples] + [sensor.occurred_at for sensor in self.sensors]
        return received_at in times


class _Unusable(Exception):
    """A value that cannot be used."""

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(reason)
        self.refused = Refused(member, reason)


MISSING = object()


def read(mapping: TopicMapping, topic: str, payload: bytes, received_at: datetime) -> Reading:
    """Return what a message says."""
    matched = mapping.match(topic)
    if matched is None:
        return Reading(refused=[Refused("topic", "no pattern of the mapping matches it")])
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return Reading(refused=[Refused("", f"not JSON: {error}")])
    rules, levels = matched
    return _Message(rules, levels, document, received_at).read()


class _Message:
    """One message on its way through the rules of its topic."""

    def __init__(self, rules: Topic, levels: dict[str, str], document: Any, received_at: datetime) -> None:
        self._rules = rules
        self._levels = levels
        self._document = document
        self._received_at = received_at
        self._reading = Reading()

    def read(self) -> Reading:
        reading, rules = self._reading, self._rules
        try:
            reading.station_id = self._identity(rules.station, "{station}")
            reading.site_id = self._identity(rules.site, "{site}")
        except _Unusable as unusable:
            reading.refused.append(unusable.refused)
            return reading
        for status in rules.status:
            self._each(status, lambda rule, item, place: reading.statuses.append(self._status(rule, item, place)))
        for meter in rules.meter:
            self._each(meter, lambda rule, item, place: reading.samples.append(self._sample(rule, item, place)))
        for sensor in rules.sensor:
            self._each(sensor, lambda rule, item, place: reading.sensors.append(self._sensor(rule, item, place)))
        if not (reading.statuses or reading.samples or reading.sensors or reading.refused):
            reading.refused.append(Refused("", "holds nothing that the mapping asks for"))
        return reading

    def _identity(self, source: str, default: str) -> str | None:
        if source == default and default.strip("{}") not in self._levels:
            return None
        return self._text(source, self._document, "$", LONGEST_ID)

    def _each(self, rule: Any, take: Any) -> None:
        for item, place in self._items(rule):
            try:
                take(rule, item, place)
            except _Left:
                continue
            except _Unusable as unusable:
                self._reading.refused.append(unusable.refused)

    def _items(self, rule: Rule) -> Iterator[tuple[Any, str]]:
        if rule.each == "$":
            yield self._document, "$"
            return
        items = walk(self._document, rule.each)
        if not isinstance(items, list):
            if items is not MISSING or not rule.optional:
                self._reading.refused.append(Refused(rule.each, "missing" if items is MISSING else "not a list"))
            return
        yield from ((item, f"{rule.each}[{i}]") for i, item in enumerate(items))

    # --- the kinds of rules -------------------------------------------------------------------------------------

    def _status(self, rule: StatusRule, item: Any, place: str) -> StatusReported:
        said = self._text(rule.status, item, place, LONGEST_TEXT, leave=rule.optional)
        word = rule.words.get(said, said)
        if word not in CONDITIONS:
            raise _Unusable(member(rule.status, place), f"{said!r:.60} is no status that the mapping knows")
        error = self._remark(rule.error_code, item, place)
        error = None if error == "NoError" else error
        vendor_error = self._remark(rule.vendor_error_code, item, place)
        at = self._time(rule, item, place)
        return StatusReported(
            self._station(),
            self._connector(rule, item, place),
            at,
            self._received_at,
            effective_time(at, self._received_at),
            word,
            CONDITIONS[word],
            error,
            self._remark(rule.error_info, item, place),
            vendor_error,
            mark_of(0, error, vendor_error),
        )

    def _sample(self, rule: MeterRule, item: Any, place: str) -> MeterSampled:
        value = self._number(rule, item, place)
        base = THOUSANDS.get(rule.unit)
        kind = MeterKind(rule.measurand, rule.phase, rule.location, rule.context, base or rule.unit)
        return MeterSampled(
            self._station(),
            self._connector(rule, item, place),
            kind,
            self._time(rule, item, place),
            self._received_at,
            value * 1000 if base else value,
            None,
        )

    def _sensor(self, rule: SensorRule, item: Any, place: str) -> SensorRead:
        value = self._number(rule, item, place)
        connector = None if rule.connector is None else self._connector(rule, item, place)
        at = self._time(rule, item, place)
        known = {**self._levels, "connector": "" if connector is None else str(connector)}
        name = self._text(rule.sensor, item, place, LONGEST_TEXT, levels=known)
        return SensorRead(
            self._reading.site_id or "",
            name,
            rule.kind,
            self._reading.station_id,
            connector,
            at,
            self._received_at,
            effective_time(at, self._received_at),
            value,
            rule.unit,
            rule.alarm,
            rule.above,
            rule.above if rule.clear_below is None else rule.clear_below,
        )

    # --- values -------------------------------------------------------------------------------------------------

    def _station(self) -> str:
        if self._reading.station_id is None:
            raise _Unusable("station", "the topic names no station")
        return self._reading.station_id

    def _find(self, source: str, item: Any, place: str, *, leave: bool = False) -> Any:
        found = walk(item, source)
        if found is MISSING or found is None:
            if leave:
                raise _Left
            raise _Unusable(member(source, place), "missing")
        return found

    def _text(
        self, source: str, item: Any, place: str, longest: int, *, leave: bool = False, levels: Mapping[str, str] = {}
    ) -> str:
        if not source.startswith("$"):
            return self._fill(source, levels or self._levels, longest)
        found = self._find(source, item, place, leave=leave)
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise _Unusable(member(source, place), "not a text")
        return _usable(str(found), member(source, place), longest)

    def _fill(self, source: str, levels: Mapping[str, str], longest: int) -> str:
        missing = [name for name in LEVEL.findall(source) if name not in levels]
        if missing:
            raise _Unusable(missing[0], "the topic has no such level")
        return _usable(LEVEL.sub(lambda m: levels[m[1]], source), source, longest)

    def _remark(self, source: str | None, item: Any, place: str) -> str | None:
        """Return a text that says more; without it the rest is good all the same."""
        if source is None:
            return None
        try:
            return self._text(source, item, place, LONGEST_TEXT, leave=True) or None
        except _Left:
            return None
        except _Unusable as unusable:
            self._reading.refused.append(unusable.refused)
            return None

    def _number(self, rule: Measuring, item: Any, place: str) -> float:
        where = member(rule.value, place)
        found = self._find(rule.value, item, place, leave=rule.optional)
        if isinstance(found, str) and found in rule.words:
            return float(rule.words[found])
        try:
            value = float(found)
        except (ValueError, TypeError, OverflowError):
            wanted = f"neither a number nor one of: {', '.join(rule.words)}" if rule.words else "not a number"
            raise _Unusable(where, f"{found!r:.60} is {wanted}") from None
        if not math.isfinite(value):
            raise _Unusable(where, "not a finite number")
        if (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
            raise _Unusable(where, f"{value:g} is out of range ({_bounds(rule)})")
        return value

    def _connector(self, rule: Rule, item: Any, place: str) -> int:
        source = 0 if rule.connector is None else rule.connector
        if isinstance(source, int):
            return source
        found = self._text(source, item, place, LONGEST_TEXT)
        if not found.isascii() or not found.isdigit() or int(found) > LARGEST_NUMBER:
            raise _Unusable(member(source, place), f"{found!r:.60} is no connector number")
        return int(found)

    def _time(self, rule: Rule, item: Any, place: str) -> datetime:
        """Return the message's own time: ISO 8601, or seconds or milliseconds since 1970; without one, that of receipt."""
        source, item, place = (rule.at, item, place) if rule.at else (self._rules.at, self._document, "$")
        found = walk(item, source) if source else MISSING
        if source is None or found is MISSING or found is None:
            return self._received_at
        try:
            return _moment(found)
        except (ValueError, OverflowError, TypeError, OSError):
            raise _Unusable(member(source, place), f"{found!r:.60} is not a time") from None


class _Left(Exception):
    """A value that may be left out is left out."""


def walk(document: Any, path: str) -> Any:
    """Return what a path leads to, or MISSING."""
    found = document
    for name, index in STEP.findall(path):
        if index:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else MISSING
        else:
            found = found.get(name, MISSING) if isinstance(found, dict) else MISSING
        if found is MISSING:
            return MISSING
    return found


def member(source: str, place: str) -> str:
    """Return the whole path of a value within the message."""
    return place + source[1:] if source.startswith("$") else source


def _usable(text: str, where: str, longest: int) -> str:
    if not 0 < len(text) <= longest:
        raise _Unusable(where, "empty" if not text else f"longer than {longest} characters")
    if not text.isprintable():
        raise _Unusable(where, "holds characters that cannot be shown")
    return text


def _bounds(rule: Measuring) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in (rule.low, rule.high))
    return f"{low} to {high}"


def _moment(found: Any) -> datetime:
    if isinstance(found, str):
        return in_calendar(datetime.fromisoformat(found))
    if isinstance(found, bool):
        raise TypeError
    return in_calendar(datetime.fromtimestamp(found / 1000 if found >= MILLISECONDS_FROM else found, UTC))
