"""What the gateway knows of a station, asked over HTTP on behalf of the officer who wants to know."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from inspection_service.inspections.visits.probe import UNREACHABLE, Probe, is_said, outcome_of
from youguan.clock import utc_text
from youguan.errors import Forbidden, Invalid, NotFound, Reason, Unavailable

A_PAGE, MOST_FRAMES = 1000, 10_000
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
    """Asks the gateway's API with the officer's own token, so that his bounds hold and he stands in its trail."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._base_url = base_url
        self._headers = dict(headers)

    async def frames(self, station_id: str, start: datetime, end: datetime | None) -> list[dict[str, Any]]:
        """Return them; Invalid where they are too many, NotFound, Forbidden, Unavailable."""
        query = {"from": utc_text(start), "limit": str(A_PAGE)} | ({"to": utc_text(end)} if end else {})
        found: list[dict[str, Any]] = []
        async with self._client() as client:
            while True:
                page = _told(await client.get(_address(station_id, "frames"), params=query), station_id)
                found += page["items"]
                if len(found) > MOST_FRAMES:
                    said = Reason("more than {most} messages: freeze a shorter time", most=MOST_FRAMES)
                    raise Invalid.about("from, to", said)
                if page["next"] is None:
                    return found[::-1]
                query["cursor"] = page["next"]

    async def probe(self, station_id: str, reason: str) -> Probe:
        """Send TriggerMessage and wait for what the station says; NotFound, Forbidden, Unavailable."""
        asked = {
            "action": "TriggerMessage", "payload": {"requestedMessage": "StatusNotification"}, "reason": reason,
            "timeout_s": ANSWERED_WITHIN_S,
        }  # fmt: skip
        async with self._client() as client:
            answer = await client.post(_address(station_id, "commands"), params={"wait": ANSWERED_WITHIN_S}, json=asked)
        if answer.status_code == HTTPStatus.CONFLICT:  # it is not connected, or takes nothing of ours
            return Probe(UNREACHABLE, {"error": answer.json()["detail"]}, [])
        command = _told(answer, station_id)
        outcome = outcome_of(command)
        return Probe(outcome, command, await self._said_since(station_id, command))

    async def _said_since(self, station_id: str, command: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the messages since a command was sent, as soon as the station has said how it is."""
        since = datetime.fromisoformat(command["requested_at"])
        deadline = asyncio.get_running_loop().time() + SAID_WITHIN_S
        while True:
            frames = await self.frames(station_id, since, None)
            if command["answer"] is None or is_said(frames) or asyncio.get_running_loop().time() > deadline:
                return frames
            await asyncio.sleep(PAUSE_S)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        try:
            async with httpx.AsyncClient(
                base_url=self._base_url, headers=self._headers, timeout=ASKED_WITHIN_S, trust_env=False
            ) as client:
                yield client
        except httpx.HTTPError:
            raise Unavailable(Reason("the gateway cannot be asked now: try again")) from None


def _address(station_id: str, of_it: str) -> str:
    return f"/api/gateway/stations/{quote(station_id, safe='')}/{of_it}"


def _told(answer: httpx.Response, station_id: str) -> dict[str, Any]:
    """Return what the gateway tells; its refusals in our own words."""
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise NotFound(Reason("station {station}", station=station_id))
    if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
        raise Forbidden(Reason("the gateway does not let you ask this station"))
    if answer.is_error:
        raise Unavailable(Reason("the gateway cannot be asked now: try again"))
    found: dict[str, Any] = answer.json()
    return found
