"""Somebody acts for another until a day: who may for whom, and where that is given and ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from charger_registry.people import store as people
from charger_registry.people.authority import Account, may_act_for
from charger_registry.people.delegations import store
from charger_registry.store import STREAM
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock
from youguan.database import whole
from youguan.errors import FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish
from youguan.events import AccessRevoked

LONGEST = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Wish:
    """For whom somebody else is to act, until when, and why."""

    receiver: str
    until: datetime
    reason: str


def wrong_with(giver: Account, receiver: Account | None, until: datetime, now: datetime) -> list[FieldError]:
    """Say what keeps somebody (None: nobody of that name who may log in) from acting for another until an instant."""
    found = []
    if not now < until <= now + LONGEST:
        found.append(FieldError("until", Reason("in the future, by at most {most} days", most=LONGEST.days)))
    if receiver is None or receiver.username == giver.username:
        return [*found, FieldError("receiver", "somebody else who may log in")]
    if not may_act_for(receiver, giver):
        found.append(
            FieldError("receiver", "officials act for officials, operators for those of their own organisation")
        )
    return found


class Delegations:
    """Gives and ends delegations."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self._clock = clock

    async def of(self, who: Principal) -> list[asyncpg.Record]:
        """Return the delegations that somebody has given or received and that have not ended, the latest first."""
        async with self.pool.acquire() as connection:
            return await store.list_delegations(connection, who.subject, self._clock.now())

    @whole
    async def give(self, who: Principal, wish: Wish) -> int:
        """Let somebody act for oneself from now on; Invalid, Forbidden."""
        if who.acting_for is not None:
            raise Forbidden("what somebody has let you do is not yours to give on")
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            giver = await people.get(connection, who.subject, hold=True)
            receiver = await people.find(connection, wish.receiver, demo=giver["demo"])
            account = people.account_of(receiver) if receiver else None
            if wrong := wrong_with(people.account_of(giver), account, wish.until, now):
                raise Invalid.of(*wrong)
            line = (who.subject, wish.receiver, now, wish.until, wish.reason)
            number = await store.add_delegation(connection, line)
            after = {"number": number, "receiver": wish.receiver, "until": wish.until, "reason": wish.reason}
            await audit.record(
                connection, at=now, actor=who.subject, action="delegate", subject=f"person {who.subject}", after=after
            )
        return number

    @whole
    async def end(self, who: Principal, number: int) -> None:
        """End a delegation that one has given or received: whoever acts on it acts no longer. NotFound."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.end_delegation(connection, number, who.subject, now)
            if row is None:
                raise NotFound("a delegation of yours that holds")
            await audit.record(
                connection, at=now, actor=who.subject, action="end delegation", subject=f"person {row['giver']}",
                before={"number": number, "receiver": row["receiver"]},
            )  # fmt: skip
            tokens = await store.end_acting(connection, row["receiver"], row["giver"], now)
            ended = [AccessRevoked(subject=row["receiver"], token_id=token, at=now) for token in tokens]
            await publish(connection, STREAM, ended)
