"""How often something may be done within a while, by whatever key; in this process's memory."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from youguan.errors import Reason, TooManyRequests

REMEMBERED = 10_000


@dataclass(slots=True)
class Rates:
    """Counts what was done by key; what was touched longest ago is forgotten first."""

    window: timedelta
    _begun: dict[str, deque[datetime]] = field(default_factory=dict)

    def count(self, limits: Mapping[str, int], now: datetime, template: str) -> None:
        """Count once for each key before it costs anything; TooManyRequests, told by the template with `wait_s`, counts nothing."""
        for key, limit in limits.items():
            begun = self._begun.get(key, deque())
            while begun and begun[0] <= now - self.window:
                begun.popleft()
            if len(begun) >= limit:
                wait_s = ceil((begun[0] + self.window - now).total_seconds())
                reason = Reason(template, wait_s=wait_s)
                raise TooManyRequests(reason, headers={"Retry-After": str(wait_s)})
        for key, limit in limits.items():
            self._begun[key] = deque([*self._begun.pop(key, ()), now], maxlen=limit)  # last touched comes last
        while len(self._begun) > REMEMBERED:
            self._begun.pop(next(iter(self._begun)))

    def forget(self, key: str) -> None:
        """Let nothing have been counted for a key."""
        self._begun.pop(key, None)

    def take_back(self, key: str) -> None:
        """Let the last one not have been counted."""
        if begun := self._begun.get(key):
            begun.pop()
