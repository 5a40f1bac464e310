"""What the broker delivers a second time because our word for the first was lost: known by its number and its content.

A message that tells its own time changes nothing when it is stored again. One that tells none would be another fact, at the time
at which it came. So with such a message its number is stored, in the very commit.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

MOST = 65_535  # numbers of a session


class Delivered(Protocol):
    """What of a delivery tells whether it is a repeat; `number` 0: nobody waits for our word (QoS 0)."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def number(self) -> int: ...
    @property
    def again(self) -> bool: ...


class Repeats:
    """The deliveries of one session, by number: those that are stored, of this process and of the one before."""

    def __init__(self, stored: Mapping[int, bytes] | None = None) -> None:
        self._stored: OrderedDict[int, bytes] = OrderedDict(stored or {})

    def note(self, delivered: Delivered) -> None:
        """Note that a delivery is stored."""
        if delivered.number:
            self._stored[delivered.number] = digest_of(delivered)
            self._stored.move_to_end(delivered.number)
            if len(self._stored) > MOST:
                self._stored.popitem(last=False)

    def is_repeat(self, delivered: Delivered) -> bool:
        """Say whether the broker says that it delivers again, and what it delivers is stored."""
        return delivered.again and self._stored.get(delivered.number) == digest_of(delivered)


def is_same(first: Delivered, second: Delivered) -> bool:
    """Say whether two deliveries are of one message."""
    told = (first.number, first.topic, first.payload)
    return first.number > 0 and told == (second.number, second.topic, second.payload)


def digest_of(delivered: Delivered) -> bytes:
    """Return by what a delivery's content is recognised."""
    return hashlib.sha256(delivered.topic.encode() + b"\0" + delivered.payload).digest()
