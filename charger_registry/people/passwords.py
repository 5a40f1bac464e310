"""Login: passwords as argon2id, as much work for a name that does not exist, and only so many tries."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from youguan.errors import Reason, TooManyRequests

TRIES, TRIES_OF_A_SOURCE = 10, 200
WINDOW = timedelta(minutes=5)
REMEMBERED = 10_000
LONGEST_KEY = 200
SHORTEST_PASSWORD, LONGEST_PASSWORD, FEWEST_CHARACTERS = 10, 1000, 5
AT_ONCE = 2  # hashes: each takes 64 MiB and a core

FIRST_SCREEN = {"regulator": "/dashboard", "inspector": "/tasks", "operator": "/tasks", "reviewer": "/tasks"}


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody = self._hasher.hash("nobody has this password")

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


@dataclass(slots=True)
class Tries:
    """Counts tries by name and source, and, far more gently, by source: many people may share an address.

    `of_a_name`: how many from wherever they come; None where that would let anybody lock out whose name he knows.
    """

    of_a_name: int | None = None
    _begun: dict[str, deque[datetime]] = field(default_factory=dict)

    def begin(self, name: str, source: str, now: datetime) -> None:
        """Count a try before it costs anything; TooManyRequests says when to come again."""
        limits = self._limits(name, source)
        for key, limit in limits.items():
            begun = self._begun.get(key, deque())
            while begun and begun[0] <= now - WINDOW:
                begun.popleft()
            if len(begun) >= limit:
                wait_s = ceil((begun[0] + WINDOW - now).total_seconds())
                reason = Reason("too many tries that failed; try again in {wait_s} s", wait_s=wait_s)
                raise TooManyRequests(reason, headers={"Retry-After": str(wait_s)})
        for key, limit in limits.items():
            self._begun[key] = deque([*self._begun.pop(key, ()), now], maxlen=limit)  # last touched comes last
        while len(self._begun) > REMEMBERED:
            self._begun.pop(next(iter(self._begun)))

    def succeeded(self, name: str, source: str) -> None:
        """What was right was no failure: forget the name's tries, take back the source's."""
        pair, alone, *everywhere = self._limits(name, source)
        for key in (pair, *everywhere):
            self._begun.pop(key, None)
        if begun := self._begun.get(alone):
            begun.pop()

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
