"""The tables of what parties bring to cases."""

from datetime import datetime

from inspection_service.model import Table
from youguan.tables import moment, text


class CasePaper(Table, table=True):
    """A paper as the party brought it; never changed."""

    __tablename__ = "case_paper"
    id: str = text(key=True)
    case_id: str = text()
    about: str = text()
    title: str = text()
    note: str = text()
    sha256: str = text()
    size_bytes: int
    media_type: str = text()
    name: str = text()
    brought_at: datetime = moment()
    brought_by: str = text()
    brought_by_name: str = text()


class CasePaperAnswer(Table, table=True):
    """What an officer of the case made of a paper: evidence at a place of its chain, or nothing, with reasons; never changed."""

    __tablename__ = "case_paper_answer"
    paper_id: str = text(key=True)
    place: int | None
    reason: str = text()
    answered_at: datetime = moment()
    answered_by: str = text()
    answered_by_name: str = text()
