"""Where officials say with whom they have to do otherwise: they do not inspect there, nor take part in cases (Art. 43)."""

from inspection_service.cases import store as cases
from inspection_service.inspections.interests import store
from inspection_service.inspections.office import Office
from youguan.auth import OFFICIALS, REGULATOR, Principal
from youguan.errors import Conflict, Forbidden, NotFound, Reason


class InterestDesk:
    """Keeps interests."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def declare(self, who: Principal, subject: str, organisation_id: str, reason: str) -> int:
        """Declare an interest: one's own, as an officer, reviewer or head of the organ, or a regulator writes an officer's down.

        Return its id. Conflict, Forbidden, NotFound.
        """
        own = who.subject == subject and who.has(*OFFICIALS)
        if not (who.has(REGULATOR) and who.scope.everything) and not own:
            raise Forbidden("an interest is declared by the officer himself, or by the county's regulator")
        async with self.office.pool.acquire() as connection, connection.transaction():
            if not own and await cases.officer(connection, subject) is None:
                raise NotFound(Reason("officer {subject}", subject=subject))
            found = await store.declare(
                connection, subject, organisation_id, reason, self.office.clock.now(), who.subject
            )
            if found is None:
                raise Conflict("the same is declared already")
            said = {"organisation": organisation_id, "reason": reason}
            await self.office.note(connection, who, "interest declare", f"officer {subject}", said)
        return found

    async def end(self, who: Principal, interest_id: int) -> None:
        """Say that an interest is over; NotFound."""
        if not (who.has(REGULATOR) and who.scope.everything):
            raise Forbidden("that an interest is over is for the county's regulator to say")
        async with self.office.pool.acquire() as connection, connection.transaction():
            row = await store.end_interest(connection, interest_id, self.office.clock.now())
            await self.office.note(
                connection, who, "interest end", f"officer {row['subject']}", {"organisation": row["organisation_id"]}
            )
