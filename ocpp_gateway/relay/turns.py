"""The calls of one side that wait for their answers: OCPP lets a side have one, and so does whoever speaks in its place. Pure."""

from dataclasses import dataclass, field

# After so long a call has timed out, whatever became of it.
OPEN_FOR_S = 60.0
MOST_OPEN = 32


@dataclass(slots=True)
class Turns:
    """Since when calls are open, by message id."""

    _since: dict[str, float] = field(default_factory=dict)

    def begin(self, message_id: str, now: float) -> None:
        """Note a call."""
        self._since[message_id] = now
        if len(self._since) > MOST_OPEN:
            del self._since[next(iter(self._since))]

    def end(self, message_id: str) -> bool:
        """Note an answer; say whether it was one to an open call."""
        return self._since.pop(message_id, None) is not None

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._since

    def wait_s(self, now: float) -> float:
        """Return after how long at the latest a call may be sent; 0: now."""
        latest = max(self._since.values(), default=now - OPEN_FOR_S)
        return max(0.0, latest + OPEN_FOR_S - now)
