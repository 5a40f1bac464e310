"""Another service's API, asked over HTTP with the token of whoever wants to know: his bounds hold, and he stands in its trail.

What a refusal means is for whoever asks to say; here is only told that there was one, or that nobody answered.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

Query = Mapping[str, str | int | Sequence[str]]
A_PAGE = 1000  # the most that lists give at once
NO_JSON = "no JSON that can be read"


class NotTold(Exception):
    """Another service has not told what it was asked."""


class Unanswered(NotTold):
    """It was not reached in time, or it failed: asked again it may answer."""


class Refused(NotTold):
    """It answers, and does not tell. `status`: of its answer; `detail`: its reason."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(f"{status.value}: {detail}")
        self.status = status
        self.detail = detail


class Neighbour:
    """A service at an address, and how long it is waited for."""

    def __init__(self, base_url: str, headers: Mapping[str, str], within_s: float) -> None:
        self._base_url = base_url
        self._headers = dict(headers)
        self._within_s = within_s

    async def get(self, path: str, query: Query | None = None) -> Any:
        """Return what an address holds; Refused, Unanswered."""
        async with self._client() as client:
            return await _told(client, "GET", path, query)

    async def post(self, path: str, body: Any, query: Query | None = None) -> Any:
        """Send something and return the answer; Refused, Unanswered."""
        async with self._client() as client:
            return await _told(client, "POST", path, query, body)

    async def items(self, path: str, query: Query | None = None, *, most: int | None = None) -> list[dict[str, Any]]:
        """Return the items of a list, page by page to its end, or until they are more than `most`; Refused, Unanswered."""
        asked: dict[str, Any] = {"limit": A_PAGE, **(query or {})}
        found: list[dict[str, Any]] = []
        async with self._client() as client:
            while True:
                page = await _told(client, "GET", path, asked)
                found += page["items"]
                if page["next"] is None or (most is not None and len(found) > most):
                    return found
                asked["cursor"] = page["next"]

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._base_url, headers=self._headers, timeout=self._within_s, trust_env=False
        )


async def _told(client: httpx.AsyncClient, method: str, path: str, query: Query | None, body: Any = None) -> Any:
    try:
        answer = await client.request(method, path, params=query, json=body)
        found = answer.json()
    except httpx.HTTPError as error:
        raise Unanswered(f"{path}: {error!r}") from error
    except ValueError as error:
        raise Unanswered(f"{path}: {NO_JSON}") from error
    if answer.is_server_error:
        raise Unanswered(f"{path}: {answer.status_code}")
    if not answer.is_success:
        raise Refused(HTTPStatus(answer.status_code), str(found.get("detail", "")) if isinstance(found, dict) else "")
    return found
