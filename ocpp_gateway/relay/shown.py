"""What is kept of a message that passes: neither secrets nor persons. Pure."""

from typing import Any

import orjson

from ocpp_gateway.protocol.frames import CALLRESULT
from ocpp_gateway.protocol.persons import unread
from ocpp_gateway.protocol.secrets import Payload
from ocpp_gateway.protocol.shown import shown_answer, shown_request
from ocpp_gateway.protocol.streams import Streams
from ocpp_gateway.protocol.versions import Version

__all__ = ["answer", "request", "unread"]


def request(
    version: Version, text: str, parts: list[Any], action: str, payload: Payload, streams: Streams | None = None
) -> str:
    """Return what is kept of a CALL or SEND, whatever it takes for a message id; `streams` as in `shown_request`."""
    shown = shown_request(version, action, payload, text, streams, tokens=True)
    return text if shown is payload else orjson.dumps([*parts[:3], shown]).decode()


def answer(version: Version, text: str, message_id: str, payload: Payload, action: str = "") -> str:
    """Return what is kept of a CALLRESULT to an action; without one, of a result that came to whatever."""
    shown = shown_answer(version, action, payload, text, tokens=True)
    return text if shown is payload else orjson.dumps([CALLRESULT, message_id, shown]).decode()
