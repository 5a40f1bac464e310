"""The test bench: what a message would become, step by step, with nothing stored and nobody told. Pure but for the places."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from ocpp_gateway.adapters.cec102 import Place, observed
from ocpp_gateway.cec102.envelope import (
    Declined,
    Ret,
    Secrets,
    check_signature,
    check_time,
    content_of,
    parsed,
    read_envelope,
)
from ocpp_gateway.cec102.intake import tokens
from ocpp_gateway.cec102.intake.placing import Places, order_state, place_of
from ocpp_gateway.cec102.members import Refused, Unusable
from ocpp_gateway.cec102.messages import AboutConnector, Content, OperatorSaid, OrderSaid, StationSaid, StatsSaid, read
from ocpp_gateway.cec102.profiles import Profile, Role
from ocpp_gateway.privacy import Mark, without_persons

MOST_SHOWN = 100
TOKEN_FAILS = {
    tokens.UNKNOWN_OPERATOR: "OperatorID is not this platform's",
    tokens.WRONG_SECRET: "OperatorSecret is not the one that is agreed for this direction",
}
FindPlaces = Callable[[Collection[str]], Awaitable[Places]]
Answer = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Answers a province's question, by its kind and document; Unusable."""


@dataclass(frozen=True, slots=True)
class Step:
    """One check: its name, whether it held, and what there is to say."""

    name: str
    held: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Becomes:
    """An item of a message: what it is about and what it would be stored as."""

    about: str
    what: str
    station_id: str | None = None
    connector: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trial:
    """What a message would become; `answer`: what a province's question would be answered."""

    ret: int = 0
    steps: list[Step] = field(default_factory=list)
    document: dict[str, Any] | None = None
    becomes: list[Becomes] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    ignored: list[Refused] = field(default_factory=list)
    doubted: list[Refused] = field(default_factory=list)
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """On which a platform's messages are tried: as whom it speaks and how, and what there is to look up and nothing to change."""

    operator_id: str
    role: Role
    profile: Profile
    secrets: Secrets
    mark: Mark
    find: FindPlaces
    answer: Answer


async def attempt(bench: Bench, message: str, text: str, now: datetime) -> Trial:
    """Try a message: an envelope, or its content as plain JSON."""
    trial = Trial()
    profile, operator_id = bench.profile, bench.operator_id
    try:
        kind = profile.heard_as(bench.role, message)
        _step(trial, "message", kind is not None, Ret.CONTENT, f"known: {', '.join(profile.heard(bench.role))}")
        document = _opened(trial, bench, text, now)
        assert kind is not None
        if kind == "token":
            _try_token(trial, document, profile, operator_id, bench.secrets)
            return trial
        trial.document = without_persons(document, bench.mark)
        if bench.role == "province":
            await _ask(trial, bench, kind)
            return trial
        content = read(profile, kind, trial.document, operator_id)
        trial.refused, trial.doubted = content.refused, content.doubted
        await _place(trial, profile, content, now, bench.find)
    except Declined as declined:
        trial.ret = declined.ret
        if not trial.steps or trial.steps[-1].held:
            trial.steps.append(Step("envelope", False, declined.reason))
    return trial


async def _ask(trial: Trial, bench: Bench, kind: str) -> None:
    """Say what a province's question is answered."""
    assert trial.document is not None
    try:
        trial.answer = await bench.answer(kind, trial.document)
    except Unusable as unusable:
        _step(trial, "question", False, Ret.CONTENT, str(unusable.refused))
    else:
        trial.steps.append(Step("question", True))


def _try_token(trial: Trial, document: dict[str, Any], profile: Profile, operator_id: str, secrets: Secrets) -> None:
    """Say whether a token would be given; where not, the answer is a success all the same, and says in itself why."""
    try:
        fail = tokens.asked_by(document, profile, operator_id, secrets)
    except Unusable as unusable:
        _step(trial, "token", False, Ret.CONTENT, str(unusable.refused))
    else:
        words = f"SuccStat 1, FailReason {fail}: {TOKEN_FAILS[fail]}" if fail else ""
        trial.steps.append(Step("token", not fail, words))


def _step(trial: Trial, name: str, held: bool, ret: Ret, words: str = "") -> None:
    trial.steps.append(Step(name, held, "" if held else words))
    if not held:
        raise Declined(ret, words)


def _opened(trial: Trial, bench: Bench, text: str, now: datetime) -> dict[str, Any]:
    """Return the content; of an envelope after every check that it would meet but the token's and the replay's."""
    try:
        outside = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        _step(trial, "json", False, Ret.CONTENT, str(error))
    if not (isinstance(outside, dict) and {"Data", "Sig"} & set(outside)):
        document = _checked(trial, "json", lambda: parsed(text.encode()))
        assert isinstance(document, dict)
        return document
    envelope = _checked(trial, "envelope", lambda: read_envelope(text.encode()))
    _step(
        trial,
        "OperatorID",
        envelope.operator_id == bench.operator_id,
        Ret.ENVELOPE,
        f"{envelope.operator_id} is not {bench.operator_id}",
    )
    _checked(trial, "Sig", lambda: check_signature(envelope, bench.secrets))
    try:
        check_time(envelope, now)
        trial.steps.append(Step("TimeStamp", True))
    except Declined as declined:  # on the bench an envelope of yesterday may be looked into
        trial.ret = declined.ret
        trial.steps.append(Step("TimeStamp", False, declined.reason))
    document = _checked(trial, "Data", lambda: content_of(envelope.data, bench.secrets))
    assert isinstance(document, dict)
    return document


def _checked(trial: Trial, name: str, check: Callable[[], Any]) -> Any:
    try:
        found = check()
    except Declined as declined:
        trial.steps.append(Step(name, False, declined.reason))
        raise
    trial.steps.append(Step(name, True))
    return found


async def _place(trial: Trial, profile: Profile, content: Content, now: datetime, find: FindPlaces) -> None:
    about = [item for item in content.said if isinstance(item, AboutConnector)]
    places = await find({item.connector_id for item in about})
    for item in content.said[:MOST_SHOWN]:
        if isinstance(item, StationSaid):
            trial.becomes.append(Becomes(item.station_id, "site", details={"connectors": len(item.connectors)}))
        elif isinstance(item, OperatorSaid):
            trial.becomes.append(Becomes(item.operator_id, "operator"))
        elif isinstance(item, StatsSaid):
            trial.becomes.append(Becomes(item.station_id, "stats"))
        else:
            place = place_of(item.connector_id, places)
            if isinstance(item, OrderSaid):
                kept = {"state": order_state(item.connector_id, places, ())}
                trial.becomes.append(Becomes(item.order_no, "order", details=kept))
            if isinstance(place, Refused):
                trial.ignored.append(place)
                continue
            for observation in observed(item, place, profile.statuses, now, now):
                trial.becomes.append(_becomes(item.connector_id, place, observation))
    usable = bool(trial.becomes or trial.ignored or not trial.refused)
    trial.steps.append(Step("content", usable))
    if not usable:
        trial.ret = trial.ret or Ret.CONTENT


SHOWN = ("status", "condition", "occurred_at", "kind", "value", "transaction_id", "register_wh", "reason", "error_info")


def _becomes(connector_id: str, place: Place, observation: Any) -> Becomes:
    details = {name: getattr(observation, name) for name in SHOWN if getattr(observation, name, None) is not None}
    kind = details.get("kind")
    if isinstance(kind, tuple):  # what a meter measures
        details["kind"] = " ".join(part for part in kind if part)
    return Becomes(connector_id, type(observation).__name__, *place, details)
