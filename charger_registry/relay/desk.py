"""Where it is decided that a site is passed on, to whom, and what we may do there. Decisions add up; none is overwritten."""

import ssl
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from charger_registry.relay import address, store
from charger_registry.relay.address import Place
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal
from youguan.bounds import sites_within
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import SiteRelayChanged


@dataclass(frozen=True, slots=True)
class Relaying:
    """How a site is relayed; `upstream_url` None: it is not."""

    upstream_url: str | None
    admission: str = "ours"
    may_send: bool = False
    authority: str | None = None

    @classmethod
    def of(cls, row: asyncpg.Record | None) -> "Relaying":
        """Return what a decision says; none was made: not relayed."""
        if row is None:
            return cls(None)
        return cls(row["upstream_url"], row["admission"], row["may_send"], row["authority"])

    def shown(self) -> dict[str, Any]:
        """Return what the audit trail keeps."""
        return {
            "upstream_url": self.upstream_url, "admission": self.admission, "may_send": self.may_send,
            "authority": self.authority is not None,
        }  # fmt: skip


class RelayDesk:
    """Takes decisions of regulators and proposals of managers."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, ours: AbstractSet[Place], *, loopback: bool) -> None:
        self._pool = pool
        self._clock = clock
        self._ours = ours
        self._loopback = loopback

    @whole
    async def decide(
        self, who: Principal, site_id: str, wanted: Relaying, reason: str, *, remote: str | None = None
    ) -> None:
        """Let a site be relayed so from now on, or no longer. Invalid, NotFound."""
        self._check(wanted)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._decide(connection, who, site_id, wanted, reason, remote)

    @whole
    async def propose(
        self,
        who: Principal,
        site_id: str,
        upstream_url: str | None,
        reason: str,
        *,
        authority: str | None = None,
        remote: str | None = None,
    ) -> int:
        """Keep what a site's manager wants; return its number. Forbidden for whoever does not manage it, Invalid, NotFound."""
        wanted = Relaying(upstream_url, authority=authority)
        self._check(wanted)
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await _within(connection, who, site_id)
            if not await store.is_manager(connection, site_id, who.organisation_id, now):
                raise Forbidden(
                    Reason(
                        "only the manager of site {site_id} proposes where its stations are passed on to",
                        site_id=site_id,
                    )
                )
            row = await store.propose(
                connection, (site_id, upstream_url, authority, reason, who.organisation_id, who.subject, now)
            )
            await audit.record(
                connection, at=now, actor=who.subject, action="propose relay", subject=f"site {site_id}",
                before=Relaying.of(await store.current(connection, site_id)).shown(),
                after={"proposal": row["id"], **wanted.shown(), "reason": reason}, remote=remote,
            )  # fmt: skip
        return int(row["id"])

    @whole
    async def accept(
        self,
        who: Principal,
        proposal_id: int,
        reason: str,
        *,
        admission: str = "ours",
        may_send: bool = False,
        remote: str | None = None,
    ) -> str:
        """Decide as proposed, with the policy that goes with it; return the site. Conflict, NotFound."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold_site(connection, await store.site_of_proposal(connection, proposal_id))
            row = await store.close_proposal(connection, proposal_id, "accepted", who.subject, now, reason)
            wanted = Relaying(row["upstream_url"], admission, may_send, row["authority"])
            self._check(wanted)
            await self._decide(connection, who, row["site_id"], wanted, f"proposal {proposal_id}: {reason}", remote)
        return str(row["site_id"])

    async def decline(self, who: Principal, proposal_id: int, reason: str, *, remote: str | None = None) -> str:
        """Leave things as they are; return the site. Conflict, NotFound."""
        return await self._close(who, proposal_id, "declined", reason, remote)

    async def withdraw(self, who: Principal, proposal_id: int, reason: str, *, remote: str | None = None) -> str:
        """Take back what one's own organisation has proposed; return the site. Conflict, NotFound."""
        return await self._close(who, proposal_id, "withdrawn", reason, remote, own=True)

    @whole
    async def _close(
        self, who: Principal, proposal_id: int, state: str, reason: str, remote: str | None, *, own: bool = False
    ) -> str:
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            site_id = await store.site_of_proposal(connection, proposal_id)
            await _within(connection, who, site_id)
            row = await store.close_proposal(connection, proposal_id, state, who.subject, now, reason)
            if own and row["organisation_id"] != who.organisation_id:
                raise NotFound(Reason("relay proposal {proposal_id}", proposal_id=proposal_id))
            await audit.record(
                connection, at=now, actor=who.subject, action=f"relay proposal {state}", subject=f"site {site_id}",
                before={"state": "open"}, after={"proposal": proposal_id, "state": state, "reason": reason},
                remote=remote,
            )  # fmt: skip
        return site_id

    async def _decide(
        self,
        connection: asyncpg.Connection,
        who: Principal,
        site_id: str,
        wanted: Relaying,
        reason: str,
        remote: str | None,
    ) -> None:
        now = self._clock.now()
        await _within(connection, who, site_id)
        await store.hold_site(connection, site_id)
        if wanted.upstream_url is None:
            wanted = Relaying(None)
        elif wanted.authority == "":
            wanted = replace(wanted, authority=None)
        before = Relaying.of(await store.current(connection, site_id))
        decision = (
            site_id, wanted.upstream_url, wanted.admission, wanted.may_send, wanted.authority, reason, who.subject, now,
        )  # fmt: skip
        await store.decide(connection, decision)
        await audit.record(
            connection, at=now, actor=who.subject, action="relay site", subject=f"site {site_id}", before=before.shown(),
            after={**wanted.shown(), "reason": reason}, remote=remote,
        )  # fmt: skip
        changed = SiteRelayChanged(
            site_id=site_id, upstream_url=wanted.upstream_url, admission=wanted.admission, may_send=wanted.may_send,
            authority=wanted.authority, at=now,
        )  # fmt: skip
        await publish(connection, STREAM, [changed])

    def _check(self, wanted: Relaying) -> None:
        if wanted.upstream_url is not None:
            address.check(wanted.upstream_url, self._ours, loopback=self._loopback)
        if wanted.authority:
            _check_authority(wanted.authority)


async def _within(connection: asyncpg.Connection, who: Principal, site_id: str) -> None:
    if site_id not in await sites_within(connection, who.scope, [site_id]):
        raise NotFound(Reason("site {site_id}", site_id=site_id))


def _check_authority(text: str) -> None:
    """Refuse what is no certificate, a private key above all: what is kept here is told to every gateway."""
    if "PRIVATE KEY" in text:
        raise Invalid.about("authority", "holds a private key; give the certificate alone")
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise Invalid.about("authority", "not a certificate in PEM") from None
