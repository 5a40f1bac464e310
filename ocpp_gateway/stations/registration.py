"""What the registry makes of a station, and what a station may say by that. Pure; the words are OCPP's own."""

from enum import StrEnum


class Registration(StrEnum):
    """Filed at a site, nobody has decided, or somebody has decided against it."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


MAY_SAY = {
    Registration.PENDING: frozenset({"BootNotification", "Heartbeat"}),
    Registration.REJECTED: frozenset({"BootNotification"}),
}


def refusal_of(registration: Registration, action: str) -> str | None:
    """Return why a station may not say something; None: it may."""
    if registration is Registration.ACCEPTED or action in MAY_SAY[registration]:
        return None
    if registration is Registration.REJECTED:
        return "this station is rejected; only BootNotification is answered"
    return "this station is not filed; only BootNotification and Heartbeat are answered until it is"
