"""The outermost layer: how much of a body is taken in, and HEAD, which is GET without a body."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from youguan.errors import LengthRequired, Reason, TooLarge, TooSlow, YouguanError
from youguan.web.problems import answer

BODY_WITHIN_S = (
    60.0  # the largest body over the slowest line of a phone; without an end, slow bodies would fill the memory
)
POURED_BODIES, POURED_WITHIN_S = 10, 5.0
FORM_OF_FILES = b"multipart/form-data"
PARTS_OF_A_FORM = 64 * 1024  # what a form with documents holds besides


class HeadAsGet:
    """Answers HEAD with what GET would say, less the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        ended = False

        async def without_body(message: Message) -> None:
            nonlocal ended
            if message["type"] != "http.response.body":
                await send(message)
            elif not ended:
                ended = True  # an endless stream has nothing more to say either
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def until_ended() -> Message:
            return {"type": "http.disconnect"} if ended else await receive()

        await self._app({**scope, "method": "GET"}, until_ended, without_body)


class BoundedBodies:
    """Takes a body in whole before anybody reads it, up to a size (413 beyond) and for a while (408 beyond).

    Paths under `uploads` bound their own. A form under `documents` says how long it is, at most so long, and is read as it comes:
    its files go to disk.
    """

    def __init__(
        self,
        app: ASGIApp,
        largest: int,
        uploads: Sequence[str] = (),
        headers: dict[str, str] | None = None,
        *,
        documents: Sequence[str] = (),
        largest_document: int = 0,
        within_s: float = BODY_WITHIN_S,
    ) -> None:
        self._app = app
        self._largest = largest
        self._uploads = tuple(uploads)
        self._documents = tuple(documents)
        self._within_s = within_s
        self._largest_form = largest_document + PARTS_OF_A_FORM
        self._headers = {**(headers or {}), "Connection": "close"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (self._uploads and scope["path"].startswith(self._uploads)):
            await self._app(scope, receive, send)
            return
        if self._brings_documents(scope):
            refused = self._refused_form(scope)
            if refused is None:
                await self._app(scope, receive, send)
            else:
                await self._refuse(refused, scope, receive, send)
            return
        try:
            body = await self._whole(scope, receive)
        except YouguanError as error:
            await self._refuse(error, scope, receive, send)
            return
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, whole, send)

    def _brings_documents(self, scope: Scope) -> bool:
        kind = dict(scope["headers"]).get(b"content-type", b"")
        return bool(self._documents) and scope["path"].startswith(self._documents) and kind.startswith(FORM_OF_FILES)

    def _refused_form(self, scope: Scope) -> YouguanError | None:
        if not dict(scope["headers"]).get(b"content-length", b"").isdigit():
            return LengthRequired("a form that brings documents says how long it is (Content-Length)")
        if self._announced(scope) > self._largest_form:
            return TooLarge(Reason("at most {most} bytes are taken here", most=self._largest_form))
        return None

    async def _refuse(self, error: YouguanError, scope: Scope, receive: Receive, send: Send) -> None:
        if error.status != TooSlow.status and b"expect" not in dict(scope["headers"]):
            await self._pour_away(receive)
        refusal = answer(Request(scope), error.status, error.title, error.detail, error.code, headers=self._headers)
        await refusal(scope, receive, send)

    def _announced(self, scope: Scope) -> int:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        return int(length) if length.isdigit() else 0

    async def _pour_away(self, receive: Receive) -> None:
        """Let a sender finish, within reason: closing on one who still sends keeps the answer from him."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(POURED_WITHIN_S):
                while size < POURED_BODIES * self._largest:
                    message = await receive()
                    size += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return

    async def _whole(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body; TooLarge, TooSlow. Whoever goes away in the middle has sent what came so far."""
        too_large = TooLarge(Reason("at most {most} bytes are taken here", most=self._largest))
        if self._announced(scope) > self._largest:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._within_s):
                while True:
                    message = await receive()
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._largest:
                        raise too_large
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise TooSlow(f"a body is waited for {self._within_s:g} s") from None
