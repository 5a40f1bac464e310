"""What the party may look up of the evidence against it: what monitoring equipment recorded, as far as it counts (Art. 41)."""

import asyncpg

from inspection_service.cases import store as case_store
from inspection_service.cases.desk import CaseDesk
from inspection_service.law.evidence import Piece, recordings
from youguan.errors import NotFound, Reason


async def of_case(connection: asyncpg.Connection, cases: CaseDesk, case_id: str) -> list[Piece]:
    """Return the recordings of a case whose equipment and content were reviewed and found in order. NotFound."""
    case = await cases.case(connection, await case_store.get(connection, case_id))
    return recordings(case.pieces)


async def check(connection: asyncpg.Connection, cases: CaseDesk, case_id: str, place: int) -> None:
    """Raise NotFound where the piece at a place is no such recording."""
    if place not in {piece.place for piece in await of_case(connection, cases, case_id)}:
        raise NotFound(Reason("recording {place} of case {id}", place=place, id=case_id))
