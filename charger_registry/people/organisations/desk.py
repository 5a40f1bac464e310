"""Where organisations are filed, changed and deregistered, and where a regulator has found who may speak for them."""

import re
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import date, datetime
from typing import Any

import asyncpg

from charger_registry.ledger.store import ledger_events
from charger_registry.people import store as people
from charger_registry.people.closing import because_ceased, close_accounts_of_ceased, reopen
from charger_registry.people.machine_keys import store as held_keys
from charger_registry.people.machine_keys.desk import restore_keys, revoke_keys
from charger_registry.people.organisations import store
from charger_registry.people.organisations.ceasing import deregister, undo_deregistration
from charger_registry.store import STREAM, get_organisation, organisation_files
from youguan import audit
from youguan.auth import OPERATOR, REGULATOR, Principal
from youguan.clock import Clock
from youguan.credit_codes import is_uscc
from youguan.database import whole
from youguan.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Reason
from youguan.eventlog import publish

OPERATOR_CODE, COUNTRY, PARTY = re.compile(r"[0-9A-Z]{9}"), re.compile(r"[A-Z]{2}"), re.compile(r"[0-9A-Z]{3}")
OWN = {"phone", "address"}
"""What an organisation changes itself; the rest stands in its business licence."""


@dataclass(frozen=True, slots=True)
class OrganisationFile:
    """What is on file of an organisation; `operator_code`: T/CEC 102's OperatorID, beside it how OCPI names the party."""

    id: str
    name: str
    uscc: str | None
    phone: str | None = None
    address: str = ""
    operator_code: str | None = None
    ocpi_country_code: str | None = None
    ocpi_party_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mandate:
    """Somebody who may speak for an organisation, and the evidence: `kind` legal_representative or agent.

    `username`: his account, where he has one.
    """

    name: str
    phone: str | None
    kind: str
    evidence_kind: str
    evidence_number: str
    valid_until: date | None
    username: str | None = None


class OrganisationDesk:
    """Files and changes organisations."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self._clock = clock

    async def read(self, who: Principal, organisation_id: str) -> asyncpg.Record:
        """Return an organisation's file; NotFound beyond one's bounds too."""
        async with self.pool.acquire() as connection:
            if not await store.organisations_within(connection, who.scope, [organisation_id]):
                raise NotFound(Reason("organisation {organisation_id}", organisation_id=organisation_id))
            return await get_organisation(connection, organisation_id)

    @whole
    async def create(self, who: Principal, given: OrganisationFile, reason: str) -> asyncpg.Record:
        """File an organisation; Invalid, Conflict."""
        _check(given)
        async with self.pool.acquire() as connection, connection.transaction():
            await store.insert_organisation(connection, _columns(given))
            after = {**_shown(given), "reason": reason}
            await self._note(connection, who, "file organisation", given.id, None, after)
            row = await get_organisation(connection, given.id)
            await publish(connection, STREAM, await organisation_files(connection, [given.id]))
        return row

    @whole
    async def change(
        self, who: Principal, organisation_id: str, changes: dict[str, Any], reason: str
    ) -> asyncpg.Record:
        """Change a file; an administrator changes of his own what stands in no licence. Forbidden, NotFound, Invalid, Conflict."""
        if not (who.has(REGULATOR) and who.scope.everything) and not changes.keys() <= OWN:
            raise Forbidden("name and code are changed by the regulator of the county")
        async with self.pool.acquire() as connection, connection.transaction():
            row = await get_organisation(connection, organisation_id, hold=True)
            before = OrganisationFile(**{member.name: row[member.name] for member in fields(OrganisationFile)})
            after = replace(before, **changes)
            _check(after)
            if row["deregistered_at"] is not None and row["deregistered_at"] <= self._clock.now():
                raise Conflict(Reason("{name} has been deregistered", name=row["name"]))
            await store.update_organisation(connection, _columns(after))
            renamed = before.name != after.name
            sites = await store.sites_of(connection, organisation_id) if renamed else []
            news = await ledger_events(connection, sites, self._clock.now())
            said = {**_shown(after), "reason": reason}
            await self._note(connection, who, "change organisation", organisation_id, _shown(before), said)
            await publish(connection, STREAM, [*await organisation_files(connection, [organisation_id]), *news])
            return await get_organisation(connection, organisation_id)

    async def deregister(
        self, who: Principal, organisation_id: str, since: datetime | None, reason: str
    ) -> asyncpg.Record:
        """Note that an organisation ceases to be at an instant (default now): what it managed is managed by nobody, and its
        machines' keys hold no longer; the accounts of its people are closed then, by the watch where that is later."""
        await self._deregister(who, organisation_id, since, reason)
        return await self._close_accounts(who, organisation_id)

    @whole
    async def _deregister(self, who: Principal, organisation_id: str, since: datetime | None, reason: str) -> None:
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            told = await deregister(connection, organisation_id, since or now, now)
            said = {"since": since or now, "reason": reason}
            await self._note(connection, who, "deregister", organisation_id, None, said)
            keys = await held_keys.keys_holding(connection, now, organisation_id=organisation_id)
            because = because_ceased(organisation_id)
            ended = await revoke_keys(connection, keys, who.subject, max(since or now, now), now, because)
            await publish(connection, STREAM, [*told, *ended])

    @whole
    async def _close_accounts(self, who: Principal, organisation_id: str) -> asyncpg.Record:
        async with self.pool.acquire() as connection, connection.transaction():
            await close_accounts_of_ceased(connection, self._clock, organisation_id, who.subject)
            return await get_organisation(connection, organisation_id)

    @whole
    async def undo_deregistration(
        self, who: Principal, organisation_id: str, reason: str, document_number: str
    ) -> asyncpg.Record:
        """Note that a deregistration was a mistake; what was believed is kept. NotFound, Conflict.

        The organisation answers again for what the ledger gives it; the accounts and machine keys that ended with it hold again.
        """
        now, why = self._clock.now(), f"{reason} ({document_number})"
        async with self.pool.acquire() as connection, connection.transaction():
            before = {"since": (await get_organisation(connection, organisation_id, hold=True))["deregistered_at"]}
            told = await undo_deregistration(connection, organisation_id, now, who.subject, reason, document_number)
            closed = await people.closed_with(connection, organisation_id)
            keys = await held_keys.keys_revoked_because(
                connection, organisation_id, because_ceased(organisation_id), now
            )
            after = {"reason": reason, "document_number": document_number}
            await self._note(connection, who, "undo deregistration", organisation_id, before, after)
            opened = [await reopen(connection, person, who.subject, why, now) for person in closed]
            restored = await restore_keys(connection, keys, who.subject, now, why)
            await publish(connection, STREAM, [*told, *opened, *restored])
            return await get_organisation(connection, organisation_id)

    @whole
    async def verify(self, who: Principal, organisation_id: str, mandate: Mandate) -> int:
        """Note who may speak for an organisation, and on what evidence; NotFound, Conflict, Invalid for another's account."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await get_organisation(connection, organisation_id, hold=True)
            if row["deregistered_at"] is not None and row["deregistered_at"] <= now:
                raise Conflict(Reason("{name} has been deregistered", name=row["name"]))
            if mandate.username is not None:
                await _check_account(connection, organisation_id, mandate.username)
            line = (
                organisation_id, mandate.name, mandate.phone, mandate.kind, mandate.evidence_kind, mandate.evidence_number,
                mandate.valid_until, who.subject, now, mandate.username,
            )  # fmt: skip
            number = await store.add_representative(connection, line)
            after = {
                "number": number, "name": mandate.name, "kind": mandate.kind, "evidence": mandate.evidence_kind,
                "evidence_number": mandate.evidence_number, "valid_until": mandate.valid_until, "username": mandate.username,
            }  # fmt: skip
            await self._note(connection, who, "verify representative", organisation_id, None, after)
            await publish(connection, STREAM, await organisation_files(connection, [organisation_id]))
        return number

    @whole
    async def end_mandate(self, who: Principal, organisation_id: str, number: int, reason: str) -> None:
        """Note that somebody speaks for an organisation no longer; NotFound."""
        now = self._clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            row = await store.end_representative(connection, organisation_id, number, who.subject, now, reason)
            before = {"number": number, "name": row["name"]}
            await self._note(connection, who, "end representative", organisation_id, before, {"reason": reason})
            await publish(connection, STREAM, await organisation_files(connection, [organisation_id]))

    async def _note(
        self, connection: asyncpg.Connection, who: Principal, action: str, subject: str, before: Any, after: Any
    ) -> None:
        await audit.record(
            connection, at=self._clock.now(), actor=who.subject, action=action, subject=f"organisation {subject}",
            before=before, after=after,
        )  # fmt: skip


def _check(given: OrganisationFile) -> None:
    wrong = []
    if not given.id.strip() or not given.id.isprintable():
        wrong.append(FieldError("id", "is empty, or has signs that cannot be typed"))
    if not given.name.strip():
        wrong.append(FieldError("name", "is empty"))
    if given.uscc is not None and not is_uscc(given.uscc):
        wrong.append(FieldError("uscc", "no unified social credit code: 18 characters, the last of them a checksum"))
    wrong += _wrong_codes(given)
    if wrong:
        raise Invalid.of(*wrong)


def _wrong_codes(given: OrganisationFile) -> Iterator[FieldError]:
    """Yield what is wrong with the codes; the checksum of an operator's is no ground to refuse it (GB 11714's own sample fails)."""
    if given.operator_code is not None and not OPERATOR_CODE.fullmatch(given.operator_code):
        yield FieldError("operator_code", "is no code of nine figures and capital letters")
    if given.ocpi_country_code is not None and not COUNTRY.fullmatch(given.ocpi_country_code):
        yield FieldError("ocpi_country_code", "is no country of two capital letters")
    if given.ocpi_party_id is not None and not PARTY.fullmatch(given.ocpi_party_id):
        yield FieldError("ocpi_party_id", "is no party of three figures and capital letters")
    for missing, there in (("ocpi_country_code", given.ocpi_party_id), ("ocpi_party_id", given.ocpi_country_code)):
        if there is not None and getattr(given, missing) is None:
            yield FieldError(missing, "is missing")


async def _check_account(connection: asyncpg.Connection, organisation_id: str, username: str) -> None:
    account = await people.find(connection, username, demo=True)
    if account is None or account["organisation_id"] != organisation_id:
        raise Invalid.about("username", "nobody of this organisation may log in with this name")


def may_change(who: Principal, organisation_id: str) -> bool:
    """Say whether somebody may change an organisation's file at all: the county's regulator, and its administrator."""
    if who.acting_for is not None or who.scopes is not None:
        return False
    own = who.has(OPERATOR) and who.administrator and who.organisation_id == organisation_id
    return own or (who.has(REGULATOR) and who.scope.everything)


def _columns(given: OrganisationFile) -> tuple[str | None, ...]:
    return astuple(given)


def _shown(given: OrganisationFile) -> dict[str, str | None]:
    return {name: value for name, value in asdict(given).items() if name != "id"}
