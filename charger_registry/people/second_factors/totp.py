"""Time-based one-time passwords (RFC 6238, over RFC 4226) and recovery codes: pure rules."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from unicodedata import normalize
from urllib.parse import quote, urlencode

STEP_S, DIGITS, DRIFT = 30, 6, 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
ISSUER = "Youguan"


def new_secret() -> bytes:
    """Return a new shared secret."""
    return secrets.token_bytes(SECRET_BYTES)


def step_at(moment: datetime) -> int:
    """Return the number of the time step that an instant lies in."""
    return int(moment.timestamp()) // STEP_S


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of a step."""
    mac = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def matching_step(secret: bytes, given: str, now: datetime, used: int) -> int | None:
    """Return the step that a code belongs to, a clock's drift allowed; None for a wrong code and for one that was used."""
    here = step_at(now)
    fitting = [
        step
        for step in range(here - DRIFT, here + DRIFT + 1)
        if step > used and hmac.compare_digest(code_of(secret, step).encode(), given.encode())
    ]
    return max(fitting, default=None)


def secret_text(secret: bytes) -> str:
    """Return a secret as it is typed into an application: base32."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, username: str) -> str:
    """Return the otpauth:// address that a phone's camera understands."""
    query = urlencode({"secret": secret_text(secret), "issuer": ISSUER, "digits": DIGITS, "period": STEP_S})
    return f"otpauth://totp/{ISSUER}:{quote(username)}?{query}"


def plain(code: str) -> str:
    """Return a code as it is compared: without the spaces and hyphens that people type, full-width figures as figures."""
    return "".join(letter for letter in normalize("NFKC", code).casefold() if letter.isalnum())


def new_recovery_codes() -> list[str]:
    """Return codes that each take the place of the phone once: 80 bits, in groups of four."""
    texts = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[place : place + 4] for place in range(0, 16, 4)) for text in texts]


def recovery_digest(code: str) -> str:
    """Return what is kept of a recovery code."""
    return hashlib.sha256(plain(code).encode()).hexdigest()
