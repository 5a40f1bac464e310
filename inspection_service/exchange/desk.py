"""Where cases are sent out and taken in: each that comes in becomes a lead with a receipt, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import asyncpg

from inspection_service.cases import store as cases
from inspection_service.cases.desk import FACTS, CaseDesk
from inspection_service.cases.documents import basis_text
from inspection_service.cases.opening import Opening
from inspection_service.cases.particulars import particulars
from inspection_service.exchange import store
from inspection_service.exchange.record import FORMAT, CaseRecord, DocumentRecord, MoveRecord, as_table
from youguan import audit
from youguan.auth import Principal
from youguan.clock import Clock, utc_text
from youguan.errors import Invalid, Reason, YouguanError
from youguan.web.problems import checked

MOST_ROWS = 10_000
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a case that came in: our case's number, or why it was not taken. `place` counts from 1."""

    place: int
    organ: str
    number: str
    case_id: str | None
    case_number: str | None
    refused: YouguanError | None


class ExchangeDesk:
    """Sends cases out and takes them in."""

    def __init__(self, desk: CaseDesk, clock: Clock) -> None:
        self.cases = desk
        self._clock = clock

    # --- out ---

    async def send(self, who: Principal, case_id: str) -> CaseRecord:
        """Return a case as it is sent to others, whole; NotFound beyond one's bounds."""
        async with self.cases.pool.acquire() as connection, connection.transaction():
            row = await self.cases.see(connection, who, case_id)
            record = await self._record(connection, row)
            await audit.record(
                connection,
                at=self._clock.now(),
                actor=who.subject,
                action="case export",
                subject=f"case {row['number']}",
            )
        return record

    async def table(self, who: Principal, first: date, last: date) -> bytes:
        """Return the cases that were opened from one day to another as the province's table; Invalid where they are too many."""
        if not first <= last <= first + LONGEST:
            said = Reason("one day to another, {days} days at the most", days=LONGEST.days)
            raise Invalid.about("from, to", said)
        async with self.cases.pool.acquire() as connection, connection.transaction():
            rows = await store.opened_between(connection, first, last + timedelta(days=1), who.scope, MOST_ROWS + 1)
            if len(rows) > MOST_ROWS:
                said = Reason("more than {most} cases: take a shorter time", most=MOST_ROWS)
                raise Invalid.about("from, to", said)
            numbers = await store.decisions(connection, [row["id"] for row in rows])
            names = {officer.subject: officer.name for officer in await cases.officers(connection)}
            records = [self._members(row, names, numbers.get(row["id"])) for row in rows]
            await audit.record(
                connection, at=self._clock.now(), actor=who.subject, action="case export",
                subject=f"cases {first} to {last}", after={"cases": len(rows)},
            )  # fmt: skip
        return as_table(records)

    async def _record(self, connection: asyncpg.Connection, row: asyncpg.Record) -> CaseRecord:
        names = {officer.subject: officer.name for officer in await cases.officers(connection)}
        number = (await store.decisions(connection, [row["id"]])).get(row["id"])
        history = await cases.history(connection, row["id"])
        issued = await cases.documents(connection, row["id"])
        moves = [MoveRecord(**{**_members_of(line, MoveRecord), "at": utc_text(line["at"])}) for line in history]
        documents = [
            DocumentRecord(**{**_members_of(document, DocumentRecord), "issued_at": utc_text(document["issued_at"])})
            for document in issued
        ]
        record = self._members(row, names, number, history[0]["reason"])
        return record.model_copy(update={"history": moves, "documents": documents})

    def _members(
        self, row: asyncpg.Record, names: dict[str, str], decision: str | None, reason: str = "——"
    ) -> CaseRecord:
        facts, item = FACTS.validate_python(row["facts"]), self.cases.catalogue.items[row["item_id"]]
        return CaseRecord(
            format=FORMAT, organ=self.cases.catalogue.own.name, number=row["number"], item_id=row["item_id"],
            party_kind=row["party_kind"], party_name=row["party_name"],
            party_address=facts.particulars.address, party_uscc=facts.particulars.uscc,
            party_representative=facts.particulars.representative, act_on=row["act_on"], reason=reason,
            item_name=item.name, found_on=row["found_on"], site_id=row["site_id"], site_name=row["site_name"],
            station_id=row["station_id"], division_code=row["division_code"], serious=facts.serious,
            source=facts.referred_by or "检查发现", state=row["state"], procedure=row["procedure"],
            officers=[names.get(subject, subject) for subject in facts.officers], basis=basis_text(item),
            sanction=facts.sanction, sanctions=list(facts.imposed.kinds), fine_yuan=facts.fine_fen / 100,
            gains_yuan=facts.gains_fen / 100, goods=list(facts.goods), paid_yuan=facts.kept_fen / 100,
            filed_on=facts.filed_on, decided_on=facts.decided_on, decision_number=decision, served_on=facts.served_on,
        )  # fmt: skip

    # --- in ---

    async def take(self, who: Principal, second_officer: str, sent: Sequence[Any]) -> list[Receipt]:
        """Open a lead for each case that another organ sent. One that cannot be taken says why and takes none with it; one that
        came before keeps its receipt."""
        return [await self._take(who, second_officer, place, each) for place, each in enumerate(sent, 1)]

    async def _take(self, who: Principal, second_officer: str, place: int, sent: Any) -> Receipt:
        organ, number = (
            str(sent.get(name, ""))[:200] if isinstance(sent, dict) else "" for name in ("organ", "number")
        )
        try:
            case_id, case_number = await self._open(who, second_officer, checked(CaseRecord, sent))
        except YouguanError as error:
            return Receipt(place, organ, number, None, None, error)
        return Receipt(place, organ, number, case_id, case_number, None)

    async def _open(self, who: Principal, second_officer: str, record: CaseRecord) -> tuple[str, str]:
        if record.organ == self.cases.catalogue.own.name:
            raise Invalid.about("organ", "is our own: what it sends is among our cases already")
        async with self.cases.pool.acquire() as connection, connection.transaction():
            # Two who send the same at once: the second finds what the first has opened.
            await connection.execute("LOCK TABLE inspection.received_case IN SHARE ROW EXCLUSIVE MODE")
            if before := await store.received(connection, record.organ, record.number):
                return before["case_id"], before["case_number"]
            named = await store.organisations_named(connection, record.party_name)
            told = (record.party_address, record.party_uscc, record.party_representative)
            opening = Opening(
                item_id=record.item_id, party_kind=record.party_kind, party_name=record.party_name, act_on=record.act_on,
                found_on=record.found_on, second_officer=second_officer, reason=record.reason,
                particulars=particulars(record.party_kind, *told),
                party_id=named[0] if len(named) == 1 else None, site_id=record.site_id, station_id=record.station_id,
                serious=record.serious, referred_by=record.organ, referral_number=record.number,
            )  # fmt: skip
            case_id = await self.cases.open_within(connection, who, opening)
            await store.keep(
                connection, record.organ, record.number, case_id, self._clock.now(), record.model_dump(mode="json")
            )
            return case_id, (await cases.get(connection, case_id))["number"]


def _members_of(row: asyncpg.Record, model: type[MoveRecord | DocumentRecord]) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields}
