"""/api/inspection: cases out to others and in from them."""

from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, Field

from inspection_service.cases.api import require_case
from inspection_service.exchange.desk import ExchangeDesk, Receipt
from inspection_service.exchange.record import CaseRecord
from youguan.auth import INSPECTOR, OFFICIALS, Principal
from youguan.web.security import require


class Sent(BaseModel):
    """Cases that another organ has sent, in the form of `GET /cases/{id}/exchange`, and who investigates with the one who asks."""

    second_officer: str = Field(min_length=1, max_length=100)
    cases: list[Any] = Field(min_length=1, max_length=500)


class ReceiptOut(BaseModel):
    """What became of a case that came in: our case, or why it was not taken."""

    place: int
    organ: str
    number: str
    case_id: str | None
    case_number: str | None
    refused: str | None


class Receipts(BaseModel):
    """What became of all of them."""

    receipts: list[ReceiptOut]
    taken: int
    refused: int


def receipts_out(found: list[Receipt]) -> Receipts:
    out = [
        ReceiptOut(
            place=each.place, organ=each.organ, number=each.number, case_id=each.case_id, case_number=each.case_number,
            refused=each.refused and each.refused.detail,
        )
        for each in found
    ]  # fmt: skip
    refused = sum(each.refused is not None for each in found)
    return Receipts(receipts=out, taken=len(found) - refused, refused=refused)


def add_exchange(app: FastAPI, desk: ExchangeDesk) -> None:
    """Add the exchange of cases to /api/inspection."""
    official = require_case(desk.cases, *OFFICIALS)

    @app.get("/cases/{case_id}/exchange")
    async def send(case_id: str, who: Annotated[Principal, Depends(official)]) -> CaseRecord:
        """Return a case as it is sent to another organ (audited)."""
        return await desk.send(who, case_id)

    @app.get("/case-exchange/table.csv", response_class=Response)
    async def table(
        who: Annotated[Principal, Depends(require(*OFFICIALS))],
        first: Annotated[date, Query(alias="from")],
        last: Annotated[date, Query(alias="to")],
    ) -> Response:
        """Return cases that were opened within a time as the province's case system imports them (audited)."""
        headers = {"Content-Disposition": f"attachment; filename=cases-{first}-{last}.csv", "Cache-Control": "no-store"}
        return Response(await desk.table(who, first, last), media_type="text/csv; charset=utf-8", headers=headers)

    @app.post("/case-exchange")
    async def take(sent: Sent, who: Annotated[Principal, Depends(require(INSPECTOR))]) -> Receipts:
        """Take in cases from another organ: a lead each, and a receipt; what cannot be taken says why."""
        return receipts_out(await desk.take(who, sent.second_officer, sent.cases))
