"""What the relay notes of what it passes on: one record each, complete in itself, so that it can be read after a crash. Pure."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

SAID, TOLD, REFUSED, ENDED, UPSTREAM, GAP = "said", "told", "refused", "ended", "upstream", "gap"


class Passed(NamedTuple):
    """`kind` says what the rest is.

    said: `frame` from the station; `about` is the upstream's call that it answers. told: `frame` to the station; `about` is
    the station's call that it answers, where more than the answer is to be known, `state` its site. refused: `frame` cannot
    be recorded as a message; `about` says why. ended: the connection is gone; `about` says why, `number` is its epoch.
    upstream: how the upstream of site `frame` was met, in a word (`state`) and at length (`about`). gap: `number` records of
    the station (empty: of some) were not kept from `at` up to `state` (empty: up to we do not know yet), for the reason
    `about`.
    """

    kind: str
    station_id: str
    connection: int
    version: str
    remote: str
    at: datetime
    frame: str = ""
    about: str = ""
    state: str = ""
    number: int = 0


def encode(passed: Passed) -> bytes:
    """Return a record."""
    at = (passed.at - EPOCH) // MICROSECOND
    return orjson.dumps([*passed[:5], at, *passed[6:]])


def decode(record: bytes) -> Passed:
    """Return what a record says."""
    kind, station_id, connection, version, remote, at, *rest = orjson.loads(record)
    return Passed(kind, station_id, connection, version, remote, EPOCH + timedelta(microseconds=at), *rest)
