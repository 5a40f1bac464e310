"""Where platforms are let in, changed and shut out: checked, sealed, audited."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from ocpp_gateway.cec102 import store
from ocpp_gateway.cec102.access import Keys, seal, unseal
from ocpp_gateway.cec102.envelope import Secrets, wrong_secrets
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.profiles import Profile, Profiles
from ocpp_gateway.cec102.upward import store as upward
from ocpp_gateway.cec102.upward.kept import store as kept
from ocpp_gateway.cec102.upward.reports import Report, coded, number_of, station_of, status_of
from ocpp_gateway.commands.sealing import Sealer
from ocpp_gateway.heartbeats.watch import STREAM
from youguan import audit
from youguan.auth import EVERYTHING, NOTHING, OPERATOR, REGULATOR, REVIEWER, Principal, Scope
from youguan.clock import Clock
from youguan.errors import FieldError, Forbidden, Invalid, Reason, Unavailable
from youguan.eventlog import publish
from youguan.events import PlatformHeard

OPERATOR_ID = re.compile(r"[0-9A-Z]{9}")
LOST = "must be entered anew: what is kept was sealed under another YOUGUAN_STATION_KEY_SECRET"
TOLD = ("name", "organisation_id", "role", "profile", "enabled", "address", "our_operator_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A platform as it shall be, and how it shall be spoken with; secrets None: those that it has."""

    name: str
    organisation_id: str | None
    profile: str
    role: str = "operator"
    enabled: bool = True
    address: str | None = None
    our_operator_id: str | None = None
    inbound: Secrets | None = None
    outbound: Secrets | None = None


class PlatformDesk:
    """Platforms, as those see and change them who may."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, sealer: Sealer, profiles: Profiles) -> None:
        self.pool = pool
        self.profiles = profiles
        self._clock = clock
        self._sealer = sealer

    def profile_of(self, row: asyncpg.Record) -> Profile:
        """Return how a platform speaks; the standard's way where its own profile is not among those that we have."""
        return self.profiles.get(row["profile"]) or next(iter(self.profiles.values()))

    async def seen_by(self, who: Principal, operator_id: str) -> asyncpg.Record:
        """Return a platform within somebody's bounds; NotFound beyond them."""
        async with self.pool.acquire() as connection:
            return await store.see_platform(connection, sight_of(who), operator_id)

    async def put(
        self, who: Principal, operator_id: str, wish: Wish, reason: str, remote: str | None = None
    ) -> asyncpg.Record:
        """Let a platform in, or change it; the trail says what changed, never a secret."""
        _refuse_unless_county(who)
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            before = await store.find_platform(connection, operator_id)
            keys = self._keys(operator_id, before, wish)
            known = {row["organisation_id"] for row in await registry.organisations(connection)}
            if errors := wrong(operator_id, wish, keys, self.profiles, known):
                raise Invalid.of(*errors)
            assert keys.inbound is not None
            sealed = seal(self._sealer, operator_id, Keys(keys.inbound, keys.outbound))
            new = [name for name in ("inbound", "outbound") if getattr(wish, name)]
            await audit.record(
                connection,
                at=now,
                actor=who.subject,
                action="platform",
                subject=f"platform {operator_id}",
                before={name: before[name] for name in TOLD} if before else None,
                after={**{name: getattr(wish, name) for name in TOLD}, "new_secrets": new, "reason": reason},
                remote=remote,
            )
            stored = (operator_id, *(getattr(wish, name) for name in TOLD), sealed, now, who.subject)
            await store.put_platform(connection, stored)
            await upward.end_pause(connection, operator_id)
            if wish.role == "province" and wish.enabled and wish.address and not _is_told(before):
                await self._tell_all(connection, operator_id)
            if not (wish.enabled and wish.role == "operator") and await store.end_silence(connection, operator_id):
                await publish(connection, STREAM, [PlatformHeard(operator_id=operator_id, at=now)])
            return await store.get_platform(connection, operator_id)

    async def _tell_all(self, connection: asyncpg.Connection, operator_id: str) -> None:
        """Queue every site's file and what every connector is now: what has been so for long is news to a province that is new.

        What waits since it was told before is old by that, but for orders.
        """
        files = [station_of(filed) for filed in await registry.sites_filed(connection)]
        reports: list[Report] = [report for report in files if report is not None]
        reports += [
            status_of(coded(row), number_of(row["condition"]), row["effective_at"])
            for row in await registry.every_code(connection)
        ]
        now = self._clock.now()
        await upward.queue(connection, operator_id, reports, now, anew=True)
        await upward.overtake(connection, operator_id, now, everything=True)

    async def retry(self, who: Principal, operator_id: str, reason: str, remote: str | None = None) -> int:
        """Let what waits for a province, and what it refused, be sent at once; return how many that are."""
        return await self._deal(who, operator_id, "retried", reason, remote, kept.retry)

    async def set_aside(
        self, who: Principal, operator_id: str, report_ids: Sequence[int] | None, reason: str, remote: str | None = None
    ) -> int:
        """Set aside orders that a province refused, or that cannot be told (None: all of them); return how many that were."""

        async def aside(connection: asyncpg.Connection, operator_id: str, now: datetime) -> int:
            return await kept.set_aside(connection, operator_id, report_ids, now)

        which = {"ids": None if report_ids is None else list(report_ids)}
        return await self._deal(who, operator_id, "set aside", reason, remote, aside, which)

    async def _deal(
        self,
        who: Principal,
        operator_id: str,
        word: str,
        reason: str,
        remote: str | None,
        deal: Callable[[asyncpg.Connection, str, datetime], Awaitable[int]],
        which: Mapping[str, Any] = MappingProxyType({}),
    ) -> int:
        """Deal with reports to a province, and audit it by a word; return with how many."""
        _refuse_unless_county(who)
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            await store.get_platform(connection, operator_id)
            count = await deal(connection, operator_id, now)
            await audit.record(
                connection,
                at=now,
                actor=who.subject,
                action=f"platform reports {word}",
                subject=f"platform {operator_id}",
                after={"reports": count, **which, "reason": reason},
                remote=remote,
            )
        return count

    def _keys(self, operator_id: str, before: asyncpg.Record | None, wish: Wish) -> "Given":
        """Return the secrets that would hold; those that nobody can open any more are named, and hold up no new ones."""
        if before is None or (wish.inbound and wish.outbound):
            return Given(wish.inbound, wish.outbound)
        try:
            had = unseal(self._sealer, operator_id, before["sealed"])
        except Unavailable:
            return Given(wish.inbound, wish.outbound, lost=True)
        return Given(wish.inbound or had.inbound, wish.outbound or had.outbound)


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """The secrets that would hold; `lost`: those that were kept cannot be opened."""

    inbound: Secrets | None
    outbound: Secrets | None
    lost: bool = False


def _is_told(before: asyncpg.Record | None) -> bool:
    """Say whether a platform is a province that is told already what happens."""
    return before is not None and bool(before["enabled"] and before["address"]) and before["role"] == "province"


def sight_of(who: Principal) -> Scope:
    """Return within which bounds somebody sees platforms: a regulator's and a reviewer's own, and an operator's organisation."""
    official = who.scope if who.has(REGULATOR, REVIEWER) else NOTHING
    return replace(official, organisation_id=who.organisation_id if who.has(OPERATOR) else None)


def sight_into(who: Principal, platform: Mapping[str, Any] | asyncpg.Record) -> Scope:
    """Return how far somebody sees what a platform tells of single sites: all of his own, else within his bounds."""
    sight = sight_of(who)
    own = sight.organisation_id is not None and sight.organisation_id == platform["organisation_id"]
    return EVERYTHING if own else sight


def wrong(
    operator_id: str, wish: Wish, keys: Given, profiles: Mapping[str, Any], organisation_ids: set[str]
) -> list[FieldError]:
    """Return what is wrong with a platform, by field."""
    errors: list[FieldError] = []
    if not OPERATOR_ID.fullmatch(operator_id):
        errors.append(FieldError("operator_id", "must be nine digits or capital letters"))
    if not wish.name.strip() or not wish.name.isprintable():
        errors.append(FieldError("name", "is empty or cannot be printed"))
    if wish.organisation_id is not None and wish.organisation_id not in organisation_ids:
        errors.append(FieldError("organisation_id", "there is no such organisation"))
    if wish.profile not in profiles:
        errors.append(FieldError("profile", Reason("is none of {names}", names=", ".join(profiles))))
    if keys.inbound is None:
        errors.append(
            FieldError("inbound", LOST if keys.lost else "secrets are needed: with what does the platform call us?")
        )
    for name, secrets in (("inbound", keys.inbound), ("outbound", keys.outbound)):
        errors += [FieldError(f"{name}.{e.field}", e.reason) for e in (wrong_secrets(secrets) if secrets else ())]
    if wish.address is None:
        return errors
    if not _is_address(wish.address):
        errors.append(FieldError("address", "is no address such as https://platform.example.cn"))
    if keys.outbound is None:
        errors.append(FieldError("outbound", LOST if keys.lost else "secrets are needed to call the platform"))
    if not OPERATOR_ID.fullmatch(wish.our_operator_id or ""):
        errors.append(FieldError("our_operator_id", "is needed to call the platform: nine digits or capital letters"))
    return errors


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        plain = not (parts.query or parts.fragment or parts.username) and address.isprintable() and " " not in address
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and plain
    except ValueError:
        return False


def _refuse_unless_county(who: Principal) -> None:
    if not (who.has(REGULATOR) and who.scope.everything):
        raise Forbidden("only a regulator of the whole county decides how a platform is spoken with")
