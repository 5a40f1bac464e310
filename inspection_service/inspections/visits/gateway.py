"""What the gateway knows of a station, asked over HTTP on behalf of the officer who wants to know."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

from inspection_service.asking import Neighbour, Refused, Unanswered
from inspection_service.inspections.visits.probe import UNREACHABLE, Probe, is_said, outcome_of
from youguan.clock import utc_text
from youguan.errors import Forbidden, Invalid, NotFound, Reason, Unavailable

MOST_FRAMES = 10_000
AWAY = Reason("the gateway cannot be asked now: try again")
ANSWERED_WITHIN_S, ASKED_WITHIN_S = 15, 25.0
# A station answers first and says how it is afterwards.
SAID_WITHIN_S, PAUSE_S = 5.0, 0.25


class Gateway(Protocol):
    """Who can be asked about stations."""

    async def frames(self, station_id: str, start: datetime, end: datetime | None) -> list[dict[str, Any]]:
        """Return messages as they were received, the oldest first: `received_at`, `frame`, `sent` (ours)."""

    async def probe(self, station_id: str, reason: str) -> Probe:
        """Ask a station how it is, and return what came of it."""


class GatewayOverHttp:
    """Asks the gateway with the officer's own token."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._gateway = Neighbour(base_url, headers, ASKED_WITHIN_S)

    async def frames(self, station_id: str, start: datetime, end: datetime | None) -> list[dict[str, Any]]:
        """Return them; Invalid where they are too many, NotFound, Forbidden, Unavailable."""
        query = {"from": utc_text(start)} | ({"to": utc_text(end)} if end else {})
        with _in_our_words(station_id):
            found = await self._gateway.items(_address(station_id, "frames"), query, most=MOST_FRAMES)
        if len(found) > MOST_FRAMES:
            said = Reason("more than {most} messages: freeze a shorter time", most=MOST_FRAMES)
            raise Invalid.about("from, to", said)
        return found[::-1]

    async def probe(self, station_id: str, reason: str) -> Probe:
        """Send TriggerMessage and wait for what the station says; NotFound, Forbidden, Unavailable."""
        asked = {
            "action": "TriggerMessage", "payload": {"requestedMessage": "StatusNotification"}, "reason": reason,
            "timeout_s": ANSWERED_WITHIN_S,
        }  # fmt: skip
        with _in_our_words(station_id):
            try:
                command = await self._gateway.post(_address(station_id, "commands"), asked, {"wait": ANSWERED_WITHIN_S})
            except Refused as refused:
                if refused.status != HTTPStatus.CONFLICT:
                    raise
                # It is not connected, or takes nothing of ours.
                return Probe(UNREACHABLE, {"error": refused.detail}, [])
        return Probe(outcome_of(command), command, await self._said_since(station_id, command))

    async def _said_since(self, station_id: str, command: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the messages since a command was sent, as soon as the station has said how it is."""
        since = datetime.fromisoformat(command["requested_at"])
        deadline = asyncio.get_running_loop().time() + SAID_WITHIN_S
        while True:
            frames = await self.frames(station_id, since, None)
            if command["answer"] is None or is_said(frames) or asyncio.get_running_loop().time() > deadline:
                return frames
            await asyncio.sleep(PAUSE_S)


def _address(station_id: str, of_it: str) -> str:
    return f"/api/gateway/stations/{quote(station_id, safe='')}/{of_it}"


@contextmanager
def _in_our_words(station_id: str) -> Iterator[None]:
    """Say in our own words why the gateway does not tell; NotFound, Forbidden, Unavailable."""
    try:
        yield
    except Refused as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            raise NotFound(Reason("station {station}", station=station_id)) from None
        if refused.status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
            raise Forbidden(Reason("the gateway does not let you ask this station")) from None
        raise Unavailable(AWAY) from None
    except Unanswered:
        raise Unavailable(AWAY) from None
