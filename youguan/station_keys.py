"""Stations' keys: made long and random here, stored as a keyed hash, told apart from wrong ones in constant time.

A key is 20 random bytes, written as 40 hexadecimal digits: what OCPP 1.6 takes as AuthorizationKey and 2.x as
BasicAuthPassword. Stations send it as those digits or as the bytes themselves; both are the same key.
"""

import hashlib
import hmac
import re
import secrets

KEY_BYTES = 20
SHORTEST, LONGEST = 16, 40
HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
WRITABLE = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{16,40}")


def new_key() -> str:
    """Return a new key."""
    return secrets.token_hex(KEY_BYTES).upper()


def is_key(text: str) -> bool:
    """Say whether a text can be a station's key: 16 to 40 of the characters that OCPP permits in a password."""
    return WRITABLE.fullmatch(text) is not None


def digest(secret: str, station_id: str, password: bytes) -> str:
    """Return what is stored of a key: HMAC-SHA-256 under the server's secret, bound to the station."""
    key = bytes.fromhex(password.decode()) if HEXADECIMAL.fullmatch(password) else password
    return hmac.new(secret.encode(), station_id.encode() + b"\0" + key, hashlib.sha256).hexdigest()


def same(digest_a: str, digest_b: str) -> bool:
    """Compare two digests in a time that tells nothing."""
    return hmac.compare_digest(digest_a, digest_b)
