"""Where a county's regulator changes, from a day on, what filings need and how long things may take."""

from dataclasses import asdict
from typing import Any

import asyncpg

from charger_registry.filing.rules import store
from charger_registry.filing.rules.change import DocumentRule, TermRule, check_document, check_term
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock, county_day
from youguan.database import whole
from youguan.errors import NotFound, Reason


class RuleDesk:
    """Changes the rules of filings; whoever asks has been found to regulate the county."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self._clock = clock

    @whole
    async def change_term(self, who: Principal, rule: TermRule, reason: str, *, remote: str | None) -> None:
        """Let something take so long from a day on. Invalid."""
        check_term(rule, county_day(self._clock.now()))
        async with self.pool.acquire() as connection, connection.transaction():
            before = asdict(await store.terms(connection, rule.valid_from))[rule.name]
            await store.set_term(connection, rule)
            subject, was = f"filing term {rule.name}", {"amount": before}
            await self._note(connection, who, subject, was, {**asdict(rule), "reason": reason}, remote)

    @whole
    async def change_document(self, who: Principal, rule: DocumentRule, reason: str, *, remote: str | None) -> None:
        """Ask for a kind of paper otherwise from a day on. Invalid, NotFound."""
        check_document(rule, county_day(self._clock.now()))
        async with self.pool.acquire() as connection, connection.transaction():
            types = {row["code"]: row for row in await store.document_types(connection, rule.valid_from)}
            if rule.code not in types:
                raise NotFound(Reason("document type {code}", code=rule.code))
            was = {
                name: types[rule.code][name]
                for name in ("required", "promisable", "expires", "warning_days", "lapses", "lapses_by_itself")
            }
            await store.set_document_rule(connection, rule)
            said = {**asdict(rule), "reason": reason}
            await self._note(connection, who, f"document type {rule.code}", was, said, remote)

    async def _note(
        self,
        connection: asyncpg.Connection,
        who: Principal,
        subject: str,
        before: dict[str, Any],
        after: dict[str, Any],
        remote: str | None,
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action="change filing rule", subject=subject,
            before=before, after=after, remote=remote,
        )  # fmt: skip
