"""Where somebody notes that a manager answers, and where the rules about silence and accountability are changed."""

from collections.abc import Mapping, Sequence

import asyncpg

from charger_registry.ledger import store as ledger
from charger_registry.ledger.handovers import store as handovers
from charger_registry.ledger.responsibility import holder
from charger_registry.ledger.unmanaged import store
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import Conflict, FieldError, Invalid, Reason
from youguan.eventlog import publish

MOST = 3650
ACCOUNTABLE = ("owner", "builder", "maintainer", "property_manager")


class UnmanagedDesk:
    """Settles what is not settled by an order or a handover."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @whole
    async def note_contact(self, who: Principal, site_id: str, reason: str) -> None:
        """Note that the manager of a site answers: its silence is reckoned anew from now. NotFound, Conflict without one."""
        now = self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await ledger.hold_site(connection, site_id)
            manager = holder(await ledger.lines(connection, site_id), "manager", now)
            if manager is None:
                raise Conflict("nobody manages the site: there is nobody who could answer")
            await store.note_contact(connection, site_id, manager.organisation_id, now, who.subject, reason)
            await audit.record(
                connection, at=now, actor=who.subject, action="note contact", subject=f"site {site_id}",
                after={"organisation_id": manager.organisation_id, "reason": reason},
            )  # fmt: skip
            await publish(connection, STREAM, await ledger.ledger_events(connection, [site_id], now))

    @whole
    async def change_rules(
        self,
        who: Principal,
        thresholds: Mapping[str, int],
        roles: Sequence[str] | None,
        reason: str,
        represented: Sequence[str] | None = None,
    ) -> None:
        """Change thresholds, in which order of roles somebody is accountable, and what needs a verified representative.

        None: as it is. Invalid.
        """
        _check(thresholds, roles)
        async with self._pool.acquire() as connection, connection.transaction():
            await audit.take_turn(connection)
            before = await rules_of(connection)
            for name, value in thresholds.items():
                await store.set_threshold(connection, name, value)
            if roles is not None:
                await store.set_accountable_roles(connection, roles)
            if represented is not None:
                await handovers.set_representatives_needed(connection, represented)
            await audit.record(
                connection, at=self._clock.now(), actor=who.subject, action="change rules", subject="ledger",
                before=before, after={**await rules_of(connection), "reason": reason},
            )  # fmt: skip


async def rules_of(connection: asyncpg.Connection) -> dict[str, object]:
    """Return the rules as they are."""
    roles = await store.accountable_roles(connection)
    needed = await handovers.representatives_needed(connection)
    thresholds = await store.thresholds(connection)
    return {"thresholds": thresholds, "accountable_roles": roles, "representatives_needed": needed}


def _check(thresholds: Mapping[str, int], roles: Sequence[str] | None) -> None:
    wrong = [FieldError(name, "is no threshold") for name in thresholds if name not in store.THRESHOLDS]
    wrong += [
        FieldError(name, Reason("must lie between 1 and {most}", most=MOST))
        for name, n in thresholds.items()
        if not 1 <= n <= MOST
    ]
    if roles is not None and (len(set(roles)) != len(roles) or not roles or not set(roles) <= set(ACCOUNTABLE)):
        known = ", ".join(ACCOUNTABLE)
        wrong.append(FieldError("accountable_roles", Reason("must be one or more of {known}, each once", known=known)))
    if wrong:
        raise Invalid.of(*wrong)
