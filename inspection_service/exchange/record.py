"""A case as it travels: JSON of one documented form, and a row of the province's table. Pure, but for the reading of the file."""

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inspection_service.law.statutes import LawError
from youguan.spreadsheets import harmless

FILE = Path(__file__).with_name("columns.toml")
FORMAT = "youguan-case/1"


class DocumentRecord(BaseModel):
    """A document as it was issued; `sha256` is of `content` in canonical JSON."""

    number: str
    kind: str
    issued_at: str
    content: dict[str, Any]
    sha256: str


class MoveRecord(BaseModel):
    """One move of a case."""

    place: int
    at: str
    actor_name: str
    role: str
    command: str
    previous: str | None
    state: str
    reason: str
    document: str | None


class CaseRecord(BaseModel):
    """A case as it is sent. Who takes it in needs the members without a default; the others tell what was done so far.

    Dates are days of the county, times UTC, money yuan. `sanctions`: all that were imposed at once, `sanction` the first of them;
    `gains_yuan`, `goods`: what was confiscated. `organ` and `number` are the sender's, and name the case for ever.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["youguan-case/1"]
    organ: str = Field(min_length=1, max_length=200)
    number: str = Field(min_length=1, max_length=200)
    item_id: str = Field(min_length=1, max_length=100)
    party_kind: Literal["citizen", "organisation"]
    party_name: str = Field(min_length=1, max_length=200)
    act_on: date
    reason: str = Field(min_length=1, max_length=2000)
    party_address: str = Field(default="", max_length=200)
    party_uscc: str = Field(default="", max_length=40)
    party_representative: str = Field(default="", max_length=200)
    item_name: str = Field(default="", max_length=500)
    found_on: date | None = None
    site_id: str | None = Field(default=None, max_length=100)
    site_name: str | None = Field(default=None, max_length=500)
    station_id: str | None = Field(default=None, max_length=100)
    division_code: str | None = Field(default=None, max_length=20)
    serious: bool = False
    source: str = Field(default="", max_length=200)
    state: str = Field(default="", max_length=50)
    procedure: str | None = Field(default=None, max_length=50)
    officers: list[str] = Field(default_factory=list, max_length=10)
    basis: str = Field(default="", max_length=2000)
    sanction: str | None = Field(default=None, max_length=50)
    sanctions: list[str] = Field(default_factory=list, max_length=10)
    fine_yuan: float = Field(default=0, ge=0)
    gains_yuan: float = Field(default=0, ge=0)
    goods: list[str] = Field(default_factory=list, max_length=100)
    paid_yuan: float = Field(default=0, ge=0)
    filed_on: date | None = None
    decided_on: date | None = None
    decision_number: str | None = Field(default=None, max_length=100)
    served_on: date | None = None
    history: list[MoveRecord] = Field(default_factory=list, max_length=1000)
    documents: list[DocumentRecord] = Field(default_factory=list, max_length=1000)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, what of a case it shows, and how it spells that."""

    name: str
    member: str
    values: Mapping[str, str]

    def shown(self, record: CaseRecord) -> str:
        """Return a cell; what the other system has no word for is shown as it is."""
        value = getattr(record, self.member)
        if isinstance(value, list):
            return "、".join(self.values.get(each, each) for each in value)
        if isinstance(value, float):
            return f"{value:.2f}"
        text = "" if value is None else str(value)
        return self.values.get(text, text)


@cache
def columns() -> Sequence[Column]:
    """Return what the file says."""
    return read(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read(table: Mapping[str, Any]) -> Sequence[Column]:
    """Return the columns of a table; LawError where one shows what a case has not, or a name stands there twice."""
    found = [Column(entry["name"], entry["member"], entry.get("values", {})) for entry in table["column"]]
    if strange := [column.member for column in found if column.member not in CaseRecord.model_fields]:
        raise LawError(f"a case has no {strange[0]}")
    if len({column.name for column in found}) != len(found):
        raise LawError("a column stands there twice")
    return found


def as_table(records: Iterable[CaseRecord]) -> bytes:
    """Return the table (CSV, UTF-8 with its mark)."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([column.name for column in columns()])
    for record in records:
        writer.writerow([harmless(column.shown(record)) for column in columns()])
    return file.getvalue().encode("utf-8-sig")
