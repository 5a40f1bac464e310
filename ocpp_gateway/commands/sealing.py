"""Seals what is secret where it is kept for others of the suite to read: a copy of the database or of a disk does not open it."""

import os
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from youguan.errors import Unavailable

NONCE_BYTES = 12


class Sealer:
    """Seals and opens under a key made of the suite's secret; without one it seals nothing."""

    def __init__(self, secret: str | None) -> None:
        derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"youguan command secrets")
        self._cipher = AESGCM(derived.derive(secret.encode())) if secret else None

    @property
    def seals(self) -> bool:
        """Say whether there is a secret to seal under."""
        return self._cipher is not None

    def seal(self, purpose: str, payload: dict[str, Any]) -> bytes:
        """Return a payload that only we can read, for this purpose alone: a command's id, say; Unavailable without a secret."""
        if self._cipher is None:
            raise Unavailable("no secret to keep this content with is configured (YOUGUAN_STATION_KEY_SECRET)")
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps(payload), purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> dict[str, Any] | None:
        """Return a sealed payload; None where it was sealed under another secret or for another purpose."""
        if self._cipher is None:
            return None
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):  # or what is too short to be anything sealed
            return None
        payload: dict[str, Any] = orjson.loads(opened)
        return payload
