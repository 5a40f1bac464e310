"""Calling a platform: an operator's that is asked, a province's that is told. The same envelope the other way round."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson

from ocpp_gateway.cec102.envelope import (
    Answer,
    Declined,
    Ret,
    Secrets,
    content_of,
    read_answer,
    sealed_request,
)
from ocpp_gateway.cec102.profiles import Asked, Profile
from youguan.clock import Clock
from youguan.errors import Invalid

LARGEST_ANSWER = 10_000_000
TIMEOUT_S = 30.0
ANSWERED_WITHIN_S = 120.0  # the whole of an answer, however often a part of it comes
SHORTEST_TOKEN = timedelta(minutes=1)
TOKEN_MARGIN = timedelta(seconds=30)
# What a server answers to this request, and not of itself: another one may fare better.
OF_THE_REQUEST = (
    httpx.codes.BAD_REQUEST,
    httpx.codes.REQUEST_ENTITY_TOO_LARGE,
    httpx.codes.UNPROCESSABLE_ENTITY,
    httpx.codes.INTERNAL_SERVER_ERROR,
)
# Nothing of the request came to the platform.
UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Away(Exception):
    """The platform did not answer, or not as one that understood: the same may be tried again."""


class Stumbled(Away):
    """The platform answered that something went wrong at this; the same may be tried again, though not for ever."""


class Unanswered(Away):
    """The platform took a request, and no answer came that can be read: of this one, or of any."""


class Refusing(Exception):
    """The platform answered that it will not take this: the same again would be answered the same."""

    def __init__(self, ret: int, words: str) -> None:
        super().__init__(f"Ret {ret}: {words}" if words else f"Ret {ret}")
        self.ret = ret


@dataclass(frozen=True, slots=True)
class Peer:
    """A platform that is called: `ours` is as whom it knows us."""

    operator_id: str
    ours: str
    address: str
    profile: Profile
    secrets: Secrets


def http_client() -> httpx.AsyncClient:
    """Return a client for calling platforms: no proxy of the surroundings, no redirect, no endless wait."""
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_S)


class Caller:
    """Calls one platform; its token is kept for as long as it holds."""

    def __init__(
        self, client: httpx.AsyncClient, peer: Peer, clock: Clock, within_s: float = ANSWERED_WITHIN_S
    ) -> None:
        self.peer = peer
        self._within_s = within_s
        self._client = client
        self._clock = clock
        self._token: tuple[str, datetime] | None = None
        self._fetching = asyncio.Lock()  # one token for all that is asked at once
        self._second: datetime | None = None
        self._count = 0

    async def ask(self, asked: Asked, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a message is answered; Away, Refusing. A token that holds no longer is fetched anew, once."""
        token = await self._bearer()
        answer = await self._put(asked, content, token)
        if answer.ret == Ret.TOKEN:
            self._drop(token)
            answer = await self._put(asked, content, await self._bearer())
        return self._content(answer)

    async def _put(self, asked: Asked, content: Mapping[str, Any], token: str) -> Answer:
        """Return what a message is answered; Stumbled where that cannot be read though the platform answers another: Away else."""
        try:
            return await self._call(asked, content, token)
        except Unanswered as lost:
            self._drop(token)
            await self._bearer()
            raise Stumbled(f"{lost}; it answers other requests") from None

    def _drop(self, token: str) -> None:
        """Use a token no longer, unless somebody has fetched another since."""
        if self._token is not None and self._token[0] == token:
            self._token = None

    async def _bearer(self) -> str:
        async with self._fetching:
            return await self._fetched()

    async def _fetched(self) -> str:
        now = self._clock.now()
        if self._token is None or now >= self._token[1]:
            wanted = {"OperatorID": self.peer.ours, "OperatorSecret": self.peer.secrets.operator_secret}
            given = self._content(await self._call("token", wanted, None))
            token = given.get("AccessToken")
            failed = str(given.get("SuccStat", 0)) != "0"
            if failed or not isinstance(token, str) or not token or not token.isprintable() or not token.isascii():
                raise Refusing(Ret.TOKEN, f"no token is given: FailReason {given.get('FailReason')!r:.40}")
            self._token = (token, now + _lifetime(given.get("TokenAvailableTime")))
        return self._token[0]

    async def _call(self, asked: Asked, content: Mapping[str, Any], token: str | None) -> Answer:
        body = sealed_request(self.peer.ours, content, self._now(), self._count, self.peer.secrets)
        address = f"{self.peer.address.rstrip('/')}{self.peer.profile.reaches}/{self.peer.profile.sends[asked]}"
        headers = {"Content-Type": "application/json;charset=utf-8"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout(self._within_s), self._client.stream(
                "POST", address, content=orjson.dumps(body), headers=headers
            ) as response:  # fmt: skip
                if response.status_code in OF_THE_REQUEST:
                    raise Stumbled(f"HTTP {response.status_code}")
                if response.status_code != httpx.codes.OK:
                    raise Away(f"HTTP {response.status_code}")
                said = await _bounded(response)
            return read_answer(said, self.peer.secrets)
        except TimeoutError:
            raise Unanswered(f"the answer takes longer than {self._within_s:g} s") from None
        except (*UNREACHED, httpx.InvalidURL) as error:
            raise Away(f"{type(error).__name__}: {error}"[:300]) from None
        except (httpx.HTTPError, httpx.StreamError) as error:  # cut off, or silent, after it was reached
            raise Unanswered(f"{type(error).__name__}: {error}"[:300]) from None
        except Invalid as wrong:
            raise Unanswered(wrong.detail) from None

    def _now(self) -> datetime:
        """Return the time of the next envelope, and count those of one second."""
        now = self._clock.now().replace(microsecond=0)
        self._count = self._count % 9999 + 1 if now == self._second else 1
        self._second = now
        return now

    def _content(self, answer: Answer) -> dict[str, Any]:
        if answer.ret != Ret.OK and not answer.signed:  # anybody on the way could have said so
            raise Away(f"not signed, and so not believed: Ret {answer.ret}: {answer.message}"[:300])
        if answer.ret == Ret.BUSY:
            raise Away(f"Ret {answer.ret}: {answer.message}"[:300])
        if answer.ret == Ret.FAILED:
            raise Stumbled(f"Ret {answer.ret}: {answer.message}"[:300])
        if answer.ret != Ret.OK:
            raise Refusing(answer.ret, answer.message[:300])
        try:
            return content_of(answer.data, self.peer.secrets) if answer.data else {}
        except Declined as declined:
            raise Away(f"the answer's {declined.reason}") from None


def _lifetime(seconds: Any) -> timedelta:
    """Return how long a token is used: no longer than its platform says, and not so short that we only fetch tokens."""
    try:
        given = timedelta(seconds=min(float(seconds), 7 * 86400.0))
    except (TypeError, ValueError, OverflowError):
        given = SHORTEST_TOKEN
    return max(given - TOKEN_MARGIN, SHORTEST_TOKEN)


async def _bounded(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > LARGEST_ANSWER:
            raise Unanswered(f"the answer is larger than {LARGEST_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)
