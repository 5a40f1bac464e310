"""The access tokens that platforms show: nothing is stored of them, a new OperatorSecret ends those given before. Pure."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from ocpp_gateway.cec102.envelope import Secrets

LIFETIME = timedelta(hours=2)
LONGEST_UNTIL = 16  # hexadecimal digits


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
