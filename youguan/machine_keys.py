"""Keys of machine clients: verified from memory by every service, so that none asks another.

A key is 32 random bytes, shown once; what is kept of it is its hash. It has a role and bounds as a person has, and scopes: which
API it may read, which it may change.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from youguan.auth import Principal
from youguan.clock import Clock
from youguan.errors import Forbidden, Unauthenticated

PREFIX = "ygk_"
APIS = ("registry", "gateway", "alerts", "inspection")
SCOPES = tuple(f"{api}:{right}" for api in APIS for right in ("read", "write"))
"""What a key may be for; `write` does not imply `read`."""

READING = {"GET", "HEAD", "OPTIONS"}
TOLD_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MachineKey:
    """What a service knows of a key: what it is for, never the key."""

    id: str
    name: str
    digest: str
    role: str
    scopes: frozenset[str]
    organisation_id: str | None
    division: str | None
    expires_at: datetime

    def principal(self, now: datetime) -> Principal:
        """Return who asks with this key."""
        return Principal(
            f"key {self.id}", self.name, frozenset({self.role}), self.organisation_id, self.division, self.id, "", now,
            scopes=self.scopes,
        )  # fmt: skip


def new_key() -> str:
    """Return a new key."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def needed_scope(method: str, path: str) -> str | None:
    """Return the scope that a request needs; None where no key may go."""
    words = path.split("/")
    if len(words) < 3 or words[1] != "api" or words[2] not in APIS:
        return None
    return f"{words[2]}:{'read' if method in READING else 'write'}"


def refuse_beyond_scopes(who: Principal, method: str, path: str) -> None:
    """Refuse what a key is not for; Forbidden."""
    if who.scopes is None or path.startswith("/api/public/"):
        return
    needed = needed_scope(method, path)
    if needed is None:
        raise Forbidden("keys are for the APIs; this needs a person's login")
    if needed not in who.scopes:
        raise Forbidden(f"this key is not for {needed}")


@dataclass(slots=True)
class KeyRing:
    """The keys that hold, by their hashes; remembers when each was used, until that has been told."""

    clock: Clock
    _keys: dict[str, MachineKey] = field(default_factory=dict)
    _used: dict[str, datetime] = field(default_factory=dict)
    _told: dict[str, datetime] = field(default_factory=dict)

    def put(self, keys: Iterable[MachineKey]) -> None:
        self._keys.update((key.digest, key) for key in keys)

    def end(self, key_id: str, at: datetime) -> None:
        """Let a key hold no longer from an instant on."""
        ended = [replace(key, expires_at=min(key.expires_at, at)) for key in self._keys.values() if key.id == key_id]
        self._keys = {digest: key for digest, key in self._keys.items() if key.id != key_id}
        self.put(key for key in ended if key.expires_at > self.clock.now())

    def verify(self, given: str) -> Principal:
        """Return who asks with a key; Unauthenticated where it does not hold."""
        now = self.clock.now()
        key = self._keys.get(digest(given))
        if key is None or key.expires_at <= now:
            raise Unauthenticated("the key does not hold (any more)")
        self._used[key.id] = now
        return key.principal(now)

    def uses_to_tell(self) -> dict[str, datetime]:
        """Return when keys were used of which that was not told for a while; they count as told then."""
        due = {
            key_id: at
            for key_id, at in self._used.items()
            if key_id not in self._told or at - self._told[key_id] >= TOLD_EVERY
        }
        self._told |= due
        self._used.clear()
        return due
