"""Login: passwords as argon2id, as much work for a name that does not exist, and only so many tries."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from youguan.errors import TooManyRequests

TRIES = 10
WINDOW = timedelta(minutes=5)
REMEMBERED_SOURCES = 10_000

FIRST_SCREEN = {"regulator": "/dashboard", "inspector": "/tasks", "operator": "/tasks", "reviewer": "/tasks"}


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def fits(self, stored: str | None, password: str) -> bool:
        """Say whether a password fits; for a person who does not exist (None) it takes as long to say no."""
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (Argon2Error, InvalidHashError):
            return False


@dataclass(slots=True)
class Tries:
    """Counts failed logins by name and by source."""

    _failures: dict[str, deque[datetime]] = field(default_factory=dict)

    def check(self, keys: tuple[str, ...], now: datetime) -> None:
        """Refuse whoever has failed too often lately."""
        for key in keys:
            failures = self._failures.get(key)
            while failures and failures[0] <= now - WINDOW:
                failures.popleft()
            if failures and len(failures) >= TRIES:
                raise TooManyRequests("too many failed logins; try again in a few minutes")

    def failed(self, keys: tuple[str, ...], now: datetime) -> None:
        for key in keys:
            self._failures.setdefault(key, deque(maxlen=TRIES)).append(now)
        while len(self._failures) > REMEMBERED_SOURCES:
            self._failures.pop(next(iter(self._failures)))


def first_screen(roles: Any) -> str:
    """Return where somebody's work begins."""
    return next((FIRST_SCREEN[role] for role in FIRST_SCREEN if role in roles), "/")
