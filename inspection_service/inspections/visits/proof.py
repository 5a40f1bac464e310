"""The record of a visit as evidence: what two officers wrote down on the spot is not written down again in a case."""

from inspection_service.evidence import store as chains
from inspection_service.evidence.desk import EvidenceDesk, Wish
from inspection_service.inspections.visits import store
from inspection_service.inspections.visits.desk import VisitDesk
from youguan.auth import Principal
from youguan.errors import NotFound, Reason


class ProofDesk:
    """Takes records of visits into the chains of the cases that they led to, or that are about the same site."""

    def __init__(self, visits: VisitDesk, evidence: EvidenceDesk) -> None:
        self._visits = visits
        self._evidence = evidence

    async def take(self, who: Principal, visit_id: str, case_id: str) -> None:
        """Add the record, as it is printed, to the evidence of a case; done before, it stays. NotFound, Forbidden, Conflict."""
        pool = self._visits.office.pool
        async with pool.acquire() as connection:
            visit = await self._visits.see(connection, who, visit_id)
            if not await store.may_prove(connection, visit_id, case_id):
                raise NotFound(Reason("case {id} of this visit", id=case_id))
            record = await store.get_record(connection, visit_id)
            known = [link.record.get("source", {}).get("record") for link in await chains.links(connection, case_id)]
        if record["number"] in known:
            return
        number, pdf = await self._visits.pdf(visit_id)
        source = {"visit": visit["code"], "record": number, "sha256": record["sha256"]}
        wish = Wish("record", "inspector", record["content"]["title"], record["issued_at"], source)
        await self._evidence.collect_printed(who, case_id, wish, pdf)
