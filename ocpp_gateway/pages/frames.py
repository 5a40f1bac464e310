"""A frame as a person reads it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

KINDS = {2: "call", 3: "answer", 4: "error", 5: "error", 6: "send"}
FRAME_KINDS = {"call": "请求", "answer": "应答", "error": "错误", "send": "通知", "": "无法识别"}
LONGEST_GIST = 90
ACTION_OF = ("call", "send", "error")  # whose third member says what it is about


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame: what it is, its action or error code, what it says in short, and its text set out in lines."""

    id: str
    received_at: datetime
    sent: bool
    kind: str
    action: str
    message_id: str
    gist: str
    text: str


def shown(row: asyncpg.Record) -> Shown:
    """Return a stored frame; what is no JSON is shown as it came."""
    kind, action, message_id, text = read(row["frame"])
    key = f"frame-{row['received_at'].timestamp():.6f}-{row['mark'][:8]}".replace(".", "-")
    return Shown(key, row["received_at"], row["sent"], kind, action, message_id, gist(row["frame"]), text)


def read(frame: str) -> tuple[str, str, str, str]:
    """Return (kind, action or error code, message id, text); kind "" where it is no OCPP message."""
    try:
        said = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return "", "", "", frame
    text = set_out(said)
    if not isinstance(said, list) or len(said) < 3 or not isinstance(said[0], int):
        return "", "", "", text
    kind = KINDS.get(said[0], "")
    return kind, str(said[2]) if kind in ACTION_OF else "", str(said[1]), text


def gist(frame: str) -> str:
    """Return the plain members of what a message says, as many as fit in a line; times and what is nested are left to its text."""
    try:
        said = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(said, list) or not said or not isinstance(said[-1], dict):
        return ""
    plain = (
        f"{name} {value}"
        for name, value in said[-1].items()
        if isinstance(value, str | int | float) and value != "" and not name.lower().endswith(("time", "timestamp"))
    )
    told = " · ".join(plain)
    return told if len(told) <= LONGEST_GIST else told[:LONGEST_GIST] + "…"


def set_out(said: Any) -> str:
    """Return JSON in lines."""
    return orjson.dumps(said, option=orjson.OPT_INDENT_2).decode()
