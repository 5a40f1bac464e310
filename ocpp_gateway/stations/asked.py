"""Calls of ours to one station, in their order: OCPP allows one open call, so those behind it wait for its answer."""

from ocpp_gateway.protocol.frames import Answer, Call
from ocpp_gateway.stations.surroundings import Answered


class Asked:
    """The first of them is with the station; there are thousands, so it has slots."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[tuple[Call, Answered]] = []

    @property
    def first(self) -> Call | None:
        """Return the call that is with the station, or goes to it now."""
        return self._calls[0][0] if self._calls else None

    def add(self, call: Call, answered: Answered) -> bool:
        """Take a call; say whether it is the first."""
        self._calls.append((call, answered))
        return len(self._calls) == 1

    def take(self, answer: Answer, text: str) -> bool:
        """Take an answer and its frame; say whether it answers the first call, after which there is another first."""
        if not self._calls or self._calls[0][0].message_id != answer.message_id:
            return False
        _, answered = self._calls.pop(0)
        answered(answer, text)
        return True

    def give_up(self, message_id: str) -> bool:
        """Wait no longer for the answer to a call, or do not send it at all; say whether there is another first now."""
        place = next((i for i, (call, _) in enumerate(self._calls) if call.message_id == message_id), None)
        if place is None:
            return False
        _, answered = self._calls.pop(place)
        answered(None, "")
        return place == 0

    def give_up_all(self) -> None:
        """No answer will come any more."""
        while self._calls:
            self._calls.pop(0)[1](None, "")
