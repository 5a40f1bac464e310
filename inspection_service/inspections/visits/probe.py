"""What comes of asking a station how it is (TriggerMessage): whether it answered, and what it says of its connectors. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

ANSWERED, REFUSED, UNANSWERED, UNREACHABLE = "answered", "refused", "unanswered", "unreachable"
OUTCOMES = {ANSWERED: "已应答", REFUSED: "拒绝应答", UNANSWERED: "没有应答", UNREACHABLE: "未连接，无法询问"}


@dataclass(frozen=True, slots=True)
class Probe:
    """`command`: as the gateway tells it, or why there was none; `frames`: what was received and sent since."""

    outcome: str
    command: Mapping[str, Any]
    frames: Sequence[Mapping[str, Any]]


def outcome_of(command: Mapping[str, Any]) -> str:
    """Return what came of a command that the gateway tells of."""
    if command["state"] == "undeliverable":
        return UNREACHABLE
    if command["state"] in ("refused", "invalid"):
        return REFUSED
    if command["answer"] is None:
        return UNANSWERED
    return ANSWERED if command["answer"].get("status") == "Accepted" else REFUSED


def is_said(frames: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the station has told of any connector."""
    return bool(said(frames))


def said(frames: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a station says of its connectors, each once, as last said: `#1 Faulted`; OCPP 2.x `#2.1 Available`."""
    found: dict[str, str] = {}
    for row in frames:
        payload = None if row["sent"] else _status(row["frame"])
        if payload is None:
            continue
        two = "connectorStatus" in payload
        where = f"{payload.get('evseId')}.{payload.get('connectorId')}" if two else f"{payload.get('connectorId')}"
        found[where] = str(payload.get("connectorStatus" if two else "status"))
    return [f"#{where} {status}" for where, status in sorted(found.items())]


def _status(frame: str) -> Mapping[str, Any] | None:
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return None
    match message:
        case [2, _, "StatusNotification", dict(payload)]:
            return payload
    return None
