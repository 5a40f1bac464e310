"""Which periodic event streams of OCPP 2.1 tell a secret: their messages name no variable, only the number of a stream.

A stream tells of a monitor (OpenPeriodicEventStream, GetPeriodicEventStream), a monitor watches a variable (NotifyMonitoringReport,
SetVariableMonitoring). Both are said on a connection, or were said on one before it and are in the store.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ocpp_gateway.protocol.secrets import MASK, Payload, as_deep_as_can_be_searched, is_secret

STREAM = "NotifyPeriodicEventStream"
# Of so many of either kind a station may tell, as in the store: who invents numbers fills no memory.
MOST_NUMBERS = 5000
TELLING = frozenset({"NotifyMonitoringReport", "OpenPeriodicEventStream"})
"""Requests of a station that say something about its streams; what comes on one that was closed is what it was."""


What = TypeVar("What")


class StreamsKnown(NamedTuple):
    """What earlier connections have said: monitors that watch a secret, stream → monitor."""

    secrets: frozenset[int] = frozenset()
    monitor_of: Mapping[int, int] = {}


NOTHING_KNOWN = StreamsKnown()


class Streams:
    """What is known of one station's streams. Until it is said what was known before, each may tell a secret."""

    __slots__ = ("_begun", "_monitor_of", "_secrets")

    def __init__(self) -> None:
        self._begun = False
        self._secrets: dict[int, bool] = {}  # monitor → whether it watches a secret
        self._monitor_of: dict[int, int] = {}

    def begin_with(self, known: StreamsKnown) -> None:
        """Take what was known before; what this connection has said meanwhile is newer."""
        self._begun = True
        self._secrets = dict.fromkeys(known.secrets, True) | self._secrets
        self._monitor_of = {**known.monitor_of, **self._monitor_of}

    def hidden(self, action: str, payload: Payload) -> Payload:
        """Return a request without the values of a stream that tells a secret; the very same object where there are none."""
        if action != STREAM or not self._may_be_secret(payload.get("id")):
            return payload
        searched = as_deep_as_can_be_searched(payload)
        return {name: _hidden(member) if name == "data" else member for name, member in searched.items()}

    def said(self, action: str, payload: Payload) -> None:
        """Take what a request of the station, one of TELLING, says."""
        if action == "NotifyMonitoringReport":
            self._watch(_reported(payload))
        elif action == "OpenPeriodicEventStream":
            self._open([payload.get("constantStreamData")])

    def answered(self, action: str, payload: Payload) -> None:
        """Take what the station answers to whoever asks it."""
        if action == "SetVariableMonitoring":
            self._watch(_accepted(payload))
        elif action == "GetPeriodicEventStream":
            self._open(_items(payload.get("constantStreamData")))

    def _watch(self, monitors: Iterable[tuple[Any, Any]]) -> None:
        for number, variable in monitors:
            if _is_number(number):
                _note(self._secrets, number, is_secret(variable))

    def _open(self, streams: Iterable[Any]) -> None:
        for stream in streams:
            if (
                isinstance(stream, dict)
                and _is_number(stream.get("id"))
                and _is_number(stream.get("variableMonitoringId"))
            ):
                _note(self._monitor_of, stream["id"], stream["variableMonitoringId"])

    def _may_be_secret(self, stream: Any) -> bool:
        if not self._begun or not _is_number(stream):
            return True
        return stream in self._monitor_of and self._secrets.get(self._monitor_of[stream], False)


def _note(known: dict[int, What], number: int, what: What) -> None:
    """Note what was said of a number, as the newest of so many."""
    known.pop(number, None)
    known[number] = what
    if len(known) > MOST_NUMBERS:
        del known[next(iter(known))]


def _reported(payload: Payload) -> Iterator[tuple[Any, Any]]:
    for entry in _items(payload.get("monitor")):
        if isinstance(entry, dict):
            for monitor in _items(entry.get("variableMonitoring")):
                if isinstance(monitor, dict):
                    yield monitor.get("id"), _variable(entry)


def _accepted(payload: Payload) -> Iterator[tuple[Any, Any]]:
    """Yield what is watched from now on; one that is refused may name a monitor that goes on watching something else."""
    for result in _items(payload.get("setMonitoringResult")):
        if isinstance(result, dict) and result.get("status") == "Accepted":
            yield result.get("id"), _variable(result)


def _variable(entry: Payload) -> Any:
    variable = entry.get("variable")
    return variable.get("name") if isinstance(variable, dict) else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _hidden(data: Any) -> Any:
    """Hide every value, and whatever stands in the place of one."""
    if not isinstance(data, list):
        return MASK
    return [{**element, "v": MASK} if isinstance(element, dict) else MASK for element in data]
