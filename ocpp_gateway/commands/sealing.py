"""Seals what a command carries in secret on its way from the desk to the worker: a dump of the database does not open it."""

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

    def seal(self, command_id: str, payload: dict[str, Any]) -> bytes:
        """Return a payload that only we can read, for this command alone; Unavailable without a secret."""
        if self._cipher is None:
            raise Unavailable(
                "no secret to keep this command's content with is configured (YOUGUAN_STATION_KEY_SECRET)"
            )
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps(payload), command_id.encode())

    def open(self, command_id: str, sealed: bytes) -> dict[str, Any] | None:
        """Return a sealed payload; None where it was sealed under another secret or for another command."""
        if self._cipher is None:
            return None
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], command_id.encode())
        except InvalidTag:
            return None
        payload: dict[str, Any] = orjson.loads(opened)
        return payload
