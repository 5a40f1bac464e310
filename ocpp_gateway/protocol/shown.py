"""What is kept of a message, and so shown: neither secrets nor persons. Pure; the one place where both are taken out."""

from ocpp_gateway.protocol.persons import unnamed, unnamed_answer
from ocpp_gateway.protocol.secrets import Payload, masked, masked_answer, masked_late
from ocpp_gateway.protocol.versions import Version


def shown_request(version: Version, action: str, payload: Payload, text: str, *, tokens: bool = False) -> Payload:
    """Return what is kept of a request, whoever sends it; the very same object where nothing is taken out.

    `text`: the frame, or the payload as JSON. `tokens`: as in `unnamed`.
    """
    return unnamed(version, action, masked(version, action, payload), text, tokens=tokens)


def shown_answer(version: Version, action: str, payload: Payload, text: str, *, tokens: bool = False) -> Payload:
    """Return what is kept of an answer to an action, "": nobody knows to which; the very same object where nothing is taken out."""
    hidden = masked_answer(version, action, payload) if action else masked_late(payload)
    return unnamed_answer(hidden, text, tokens=tokens)
