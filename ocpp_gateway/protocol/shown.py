"""What is kept of a message, and so shown: neither secrets nor persons. Pure; the one place where both are taken out."""

import orjson

from ocpp_gateway.protocol.persons import unnamed, unnamed_answer, unread
from ocpp_gateway.protocol.secrets import DEEPEST, Payload, cut, masked, masked_answer, masked_late
from ocpp_gateway.protocol.streams import Streams
from ocpp_gateway.protocol.versions import Version


def shown_request(
    version: Version, action: str, payload: Payload, text: str, streams: Streams | None = None, *, tokens: bool = False
) -> Payload:
    """Return what is kept of a request, whoever sends it; the very same object where nothing is taken out.

    `text`: the frame, or the payload as JSON. `streams`: of the station that sends it, where it may have some. `tokens`: as in
    `unnamed`.
    """
    hidden = masked(version, action, payload)
    if streams is not None:
        hidden = streams.hidden(action, hidden)
    return unnamed(version, action, hidden, text, tokens=tokens)


def shown_refused(version: Version, text: str, streams: Streams | None = None) -> str:
    """Return what is kept of a frame that cannot be taken: of a request as of one that can, and without persons whatever it is."""
    try:
        parts = orjson.loads(text)
    except orjson.JSONDecodeError:
        return unread(text)
    match parts:
        case [_, _, str(action), dict(payload)]:
            shown = shown_request(version, action, payload, text, streams)
            if shown is not payload:
                text = orjson.dumps([*cut(parts[:2], DEEPEST), action, shown]).decode()
    return unread(text)


def shown_answer(version: Version, action: str, payload: Payload, text: str, *, tokens: bool = False) -> Payload:
    """Return what is kept of an answer to an action, "": nobody knows to which; the very same object where nothing is taken out."""
    hidden = masked_answer(version, action, payload) if action else masked_late(payload)
    return unnamed_answer(hidden, text, tokens=tokens)
