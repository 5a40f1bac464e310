"""Login: passwords as argon2id, as much work for a name that does not exist, and only so many tries."""

import asyncio
import os
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

from youguan.errors import Reason
from youguan.web.rates import Rates

TRIES, TRIES_OF_A_SOURCE = 10, 200
WINDOW = timedelta(minutes=5)
LONGEST_KEY = 200
SHORTEST_PASSWORD, LONGEST_PASSWORD, FEWEST_CHARACTERS = 10, 1000, 5
AT_ONCE = 2  # hashes: each takes 64 MiB and a core

FIRST_SCREEN = {"regulator": "/dashboard", "inspector": "/tasks", "operator": "/tasks", "reviewer": "/cases"}


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody = _of_nobody(self._hasher)

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    async def make(self, password: str) -> str:
        """Hash beside the event loop, a few at a time."""
        async with self._turn:
            return await asyncio.to_thread(self.hash, password)

    async def fit(self, stored: str | None, password: str) -> bool:
        """Say the same beside the event loop, a few at a time."""
        async with self._turn:
            return await asyncio.to_thread(self.fits, stored, password)

    def fits(self, stored: str | None, password: str) -> bool:
        """Say whether a password fits; for a person who does not exist (None) it takes as long to say no."""
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (Argon2Error, InvalidHashError):
            return False


def _of_nobody(hasher: PasswordHasher) -> str:
    """Return a hash that no password has, and that takes as long to be told so as any other (PHC string format)."""
    salt, digest = (b64encode(os.urandom(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


class Tries:
    """Counts tries by name and source, and, far more gently, by source: many people may share an address.

    `of_a_name`: how many from wherever they come; None where that would let anybody lock out whose name he knows.
    """

    def __init__(self, of_a_name: int | None = None) -> None:
        self.of_a_name = of_a_name
        self._rates = Rates(WINDOW)

    def begin(self, name: str, source: str, now: datetime) -> None:
        """Count a try before it costs anything; TooManyRequests says when to come again."""
        self._rates.count(self._limits(name, source), now, "too many tries that failed; try again in {wait_s} s")

    def succeeded(self, name: str, source: str) -> None:
        """What was right was no failure: forget the name's tries, take back the source's."""
        pair, alone, *everywhere = self._limits(name, source)
        for key in (pair, *everywhere):
            self._rates.forget(key)
        self._rates.take_back(alone)

    def _limits(self, name: str, source: str) -> dict[str, int]:
        name, source = name[:LONGEST_KEY], source[:LONGEST_KEY]
        limits = {f"{source} {name}": TRIES, f"{source} ": TRIES_OF_A_SOURCE}
        return limits if self.of_a_name is None else {**limits, f" {name}": self.of_a_name}


def wrong_password(username: str, password: str) -> str | None:
    """Say what makes a new password too easily guessed, or None."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return Reason(
            "has fewer than {least} characters or more than {most}", least=SHORTEST_PASSWORD, most=LONGEST_PASSWORD
        )
    if len(set(password)) < FEWEST_CHARACTERS:
        return "repeats the same few characters"
    return "is the user name" if password.casefold() == username.casefold() else None


def first_screen(roles: Any) -> str:
    """Return where somebody's work begins."""
    return next((FIRST_SCREEN[role] for role in FIRST_SCREEN if role in roles), "/")
