"""The access tokens that platforms show: nothing is stored of them, a new OperatorSecret ends those given before. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.cec102.members import Members
from ocpp_gateway.cec102.profiles import Profile

LIFETIME = timedelta(hours=2)
LONGEST_UNTIL = 16  # hexadecimal digits

# FailReason of the answer to query_token.
GIVEN, UNKNOWN_OPERATOR, WRONG_SECRET = range(3)


def asked_by(document: Mapping[str, Any], profile: Profile, operator_id: str, secrets: Secrets) -> int:
    """Return the FailReason with which a request for a token is answered; Unusable names what it lacks."""
    members = Members(document, profile.spellings)
    known = members.text("OperatorID") == operator_id
    right = members.text("OperatorSecret", 500) == secrets.operator_secret
    return UNKNOWN_OPERATOR if not known else GIVEN if right else WRONG_SECRET


def issue(secret: str, operator_id: str, secrets: Secrets, now: datetime) -> str:
    """Return a token that holds for two hours."""
    until = int((now + LIFETIME).timestamp())
    return f"{until:x}.{_mark(secret, operator_id, secrets, until)}"


def holds(token: str, secret: str, operator_id: str, secrets: Secrets, now: datetime) -> bool:
    """Say whether a token is one that we gave to this operator, and holds still."""
    given_until, _, mark = token.partition(".")
    if len(given_until) > LONGEST_UNTIL:
        return False
    try:
        until = int(given_until, 16)
    except ValueError:
        return False
    return hmac.compare_digest(mark.encode(), _mark(secret, operator_id, secrets, until).encode()) and (
        until > now.timestamp()
    )


def _mark(secret: str, operator_id: str, secrets: Secrets, until: int) -> str:
    key = hashlib.sha256(b"youguan cec102 tokens " + secret.encode()).digest()
    text = f"{operator_id}\n{until}\n{secrets.operator_secret}"
    return base64.urlsafe_b64encode(hmac.new(key, text.encode(), "sha256").digest()).decode().rstrip("=")
