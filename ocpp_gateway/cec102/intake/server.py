"""`POST /evcs/v1/{message}`: what platforms tell us. Always HTTP 200, the outcome in `Ret`, and no success before the commit."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from ocpp_gateway.cec102 import store as platforms
from ocpp_gateway.cec102.access import unseal
from ocpp_gateway.cec102.envelope import (
    LARGEST_ENVELOPE,
    Declined,
    Envelope,
    Ret,
    Secrets,
    check_signature,
    check_time,
    content_of,
    read_envelope,
    sealed_answer,
)
from ocpp_gateway.cec102.intake import tokens
from ocpp_gateway.cec102.intake.feed import Feed, Outcome, Told
from ocpp_gateway.cec102.members import Unusable
from ocpp_gateway.cec102.messages import ChargingSaid, Content, OrderSaid, read
from ocpp_gateway.cec102.profiles import Profile, Profiles, Role
from ocpp_gateway.cec102.upward.answering import answer_to
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.privacy import Mark, without_persons
from youguan.clock import Clock
from youguan.database import AWAY
from youguan.errors import Unavailable
from youguan.web.application import api

log = logging.getLogger(__name__)

SHOWN = 2000  # characters of a content that could not be read
BODY_WITHIN_S = 20.0
JSON = "application/json;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, and with whose secrets."""

    ret: Ret
    message: str
    content: Mapping[str, Any]
    secrets: Secrets | None


class Caller(NamedTuple):
    """Who calls, how it is spoken with, and whether this very envelope was taken before."""

    profile: Profile
    secrets: Secrets
    role: Role
    seen: bool


@dataclass(slots=True)
class Door:
    """Answers one envelope after another."""

    feed: Feed
    profiles: Profiles
    sealer: Sealer
    secret: str
    mark: Mark
    clock: Clock
    _in_hand: set[bytes] = field(default_factory=set)

    async def answer(self, message: str, bearer: str, body: bytes | None) -> dict[str, Any]:
        """Return the response to a message; whatever goes wrong is said in it."""
        reply = await self._reply(message, bearer, body)
        return sealed_answer(reply.ret, reply.message, reply.content, reply.secrets)

    async def _reply(self, message: str, bearer: str, body: bytes | None) -> Reply:
        envelope: Envelope | None = None
        secrets: Secrets | None = None
        proven = False
        try:
            if body is None:
                raise Declined(Ret.ENVELOPE, f"larger than {LARGEST_ENVELOPE} bytes")
            envelope = read_envelope(body)
            caller = await self._caller(envelope)
            secrets = caller.secrets
            check_signature(envelope, secrets)
            proven = True
            return await self._signed(message, bearer, envelope, caller)
        except Declined as declined:
            self._keep_declined(message, envelope, declined, known=secrets is not None, proven=proven)
            return Reply(declined.ret, declined.reason, {}, secrets)
        except (Unavailable, *AWAY) as error:
            log.warning("%s: nothing is acknowledged: %s", message, error)
            return Reply(Ret.BUSY, "busy: send it again later", {}, secrets)
        except Exception:
            log.exception("%s of %s", message, envelope.operator_id if envelope else "somebody")
            return Reply(Ret.FAILED, "something went wrong here; it has been logged", {}, secrets)

    async def _caller(self, envelope: Envelope) -> Caller:
        async with self.feed.pool.acquire() as connection:
            row = await platforms.who_calls(connection, envelope.operator_id.replace("\x00", ""), envelope.digest)
        if row is None or row["profile"] not in self.profiles:
            raise Declined(Ret.ENVELOPE, "OperatorID: not known here, or not enabled")
        secrets = unseal(self.sealer, envelope.operator_id, row["sealed"]).inbound
        return Caller(self.profiles[row["profile"]], secrets, row["role"], row["seen"])

    async def _signed(self, message: str, bearer: str, envelope: Envelope, caller: Caller) -> Reply:
        """Answer an envelope whose signature fits."""
        now = self.clock.now()
        profile, secrets = caller.profile, caller.secrets
        kind = profile.heard_as(caller.role, message)
        if kind != "token" and not tokens.holds(bearer, self.secret, envelope.operator_id, secrets, now):
            raise Declined(
                Ret.TOKEN, "the token is missing, has expired or is not of this platform: query_token gives one"
            )
        made_at = check_time(envelope, now)
        if caller.seen or envelope.digest in self._in_hand:
            raise Declined(Ret.ENVELOPE, "TimeStamp, Seq: this envelope was taken before")
        if kind is None:
            raise Declined(Ret.CONTENT, f"no such message here; known: {', '.join(profile.heard(caller.role))}")
        document = content_of(envelope.data, secrets)
        self._in_hand.add(envelope.digest)
        try:
            if caller.role == "operator" and kind != "token":
                return await self._take(message, kind, envelope, document, profile, secrets, made_at)
            if kind == "token":
                given = self._token(envelope.operator_id, document, profile, secrets, now)
            else:
                given = await self._answer(kind, document, profile)
            told = Told(envelope.operator_id, message, {}, Content(), {}, made_at, now, envelope.digest)
            await self.feed.take(told)
            return Reply(Ret.OK, "", given, secrets)
        finally:
            self._in_hand.discard(envelope.digest)

    def _token(
        self, operator_id: str, document: Mapping[str, Any], profile: Profile, secrets: Secrets, now: datetime
    ) -> dict[str, Any]:
        try:
            fail = tokens.asked_by(document, profile, operator_id, secrets)
        except Unusable as unusable:
            raise Declined(Ret.CONTENT, str(unusable.refused)) from None
        token = "" if fail else tokens.issue(self.secret, operator_id, secrets, now)
        return {
            "OperatorID": operator_id,
            "SuccStat": int(fail > 0),
            "AccessToken": token,
            "TokenAvailableTime": 0 if fail else int(tokens.LIFETIME.total_seconds()),
            "FailReason": fail,
        }

    async def _answer(self, kind: str, document: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
        """Return what a province asked for."""
        try:
            async with self.feed.pool.acquire() as connection:
                return await answer_to(connection, kind, document, profile)
        except Unusable as unusable:
            raise Declined(Ret.CONTENT, str(unusable.refused)) from None

    async def _take(
        self, message: str, kind: str, envelope: Envelope, document: dict[str, Any], profile: Profile, secrets: Secrets,
        made_at: datetime,
    ) -> Reply:  # fmt: skip
        safe = without_persons(document, self.mark)
        content = read(profile, kind, safe, envelope.operator_id)
        told = Told(
            envelope.operator_id, message, safe, content, profile.statuses, made_at, self.clock.now(), envelope.digest
        )  # fmt: skip
        outcome = await self.feed.take(told)
        return reply_to(kind, content, outcome, secrets)

    def _keep_declined(
        self, message: str, envelope: Envelope | None, declined: Declined, *, known: bool, proven: bool
    ) -> None:
        if envelope is None:  # nobody knows whose it is
            self.feed.decline("", message[:100], declined.reason, "", proven=False)
            return
        named = envelope.operator_id[:20] if envelope.operator_id.isalnum() else "?"
        stamp = f"TimeStamp {envelope.stamp} Seq {envelope.seq} Data of {len(envelope.data)} characters"
        head = f"{message} OperatorID {named} {stamp}"
        self.feed.decline(named if known else "", message[:100], declined.reason, head[:SHOWN], proven=proven)


def reply_to(kind: str, content: Content, outcome: Outcome, secrets: Secrets | None) -> Reply:
    """Return the answer to a message that is durable: a failure only where nothing of it could be used for its own fault."""
    refused = "; ".join(map(str, outcome.refused[:5]))
    if outcome.refused and not outcome.taken and not outcome.ignored:
        return Reply(Ret.CONTENT, refused, answer_of(kind, content, accepted=False), secrets)
    words = "; ".join(map(str, [*outcome.refused, *outcome.ignored][:5]))
    # An order is kept also where it becomes no transaction: then it is confirmed, and need not be told again.
    accepted = not outcome.failed if kind == "order" else outcome.taken > 0
    return Reply(Ret.OK, words, answer_of(kind, content, accepted=accepted), secrets)


def answer_of(kind: str, content: Content, *, accepted: bool) -> dict[str, Any]:
    """Return the business object of an answer; 1 says that nothing was taken and that it need not be sent again."""
    first = content.said[0] if content.said else None
    match kind:
        case "order":
            confirm = first.confirm if isinstance(first, OrderSaid) else {}
            return {**confirm, "ConfirmResult": int(not (accepted and confirm))}
        case "charging":
            order_no = first.order_no if isinstance(first, ChargingSaid) else None
            return {"StartChargeSeq": order_no or "", "SuccStat": int(not accepted), "FailReason": 0}
        case _:
            return {"Status": int(not accepted)}


def platform_routes(door: Door) -> FastAPI:
    """Return the application behind one base path."""
    app = api("Youguan T/CEC 102", strict=False)

    @app.post("/{message:path}", response_model=None)
    async def receive(message: str, request: Request) -> Response:
        """Take a message of an operator's platform, in the envelope of T/CEC 102: HTTP 200, the outcome in `Ret`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        body = await _body(request)
        answer = await door.answer(message.strip("/"), token.strip() if scheme.lower() == "bearer" else "", body)
        return Response(orjson.dumps(answer), media_type=JSON, headers={"Cache-Control": "no-store"})

    return app


async def _body(request: Request) -> bytes | None:
    """Return the body; None where it is too large. Of what is cut off, what came."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                size += len(part)
                if size <= LARGEST_ENVELOPE:
                    parts.append(part)
                elif size > 10 * LARGEST_ENVELOPE:  # whoever goes on for so long does not want an answer
                    return None
    except (ClientDisconnect, TimeoutError):
        return b""
    return b"".join(parts) if size <= LARGEST_ENVELOPE else None


def base_paths(profiles: Profiles) -> Sequence[str]:
    """Return the paths that platforms send to, each once."""
    return list(dict.fromkeys(profile.base_path for profile in profiles.values()))
