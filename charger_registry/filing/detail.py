"""A filing as it is told over HTTP: as it stands in a list, and with everything in it."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from charger_registry.filing.comparison import Beside, Effect
from charger_registry.filing.content import Content
from charger_registry.filing.desk import View
from charger_registry.filing.machine import Command, State
from youguan.web.times import UtcTime


class FilingOut(BaseModel):
    """A filing; `due_on`: when whoever has the next word must have said it. `promises`: papers that are still owed."""

    id: str
    number: str | None
    channel: Literal["online", "counter"]
    organisation_id: str
    organisation_name: str
    site_id: str | None
    state: State
    name: str
    division_code: str
    due_on: date | None
    submitted_at: UtcTime | None
    answered_at: UtcTime | None
    answer_due_on: date | None
    decision_due_on: date | None
    decided_at: UtcTime | None
    started_on: date | None
    promises: int
    promised_for: date | None
    rating: int | None


class DocumentOut(BaseModel):
    """A paper of a filing; with `ended_at` it counts no longer."""

    id: str
    type: str
    number: str
    valid_from: date | None
    valid_until: date | None
    replaces: str | None
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    added_at: UtcTime
    added_by: str
    ended_at: UtcTime | None
    standing: Literal["counts", "waiting", "refused"] = Field(
        description="what is brought on a file that stands waits until the authority has accepted it"
    )
    judged_at: UtcTime | None
    judged_why: str | None


class PromiseOut(BaseModel):
    """A paper that was promised."""

    type: str
    due_on: date
    promised_at: UtcTime
    kept_at: UtcTime | None
    lapses_on: date | None = Field(
        description="the last day on which it may come before the file lapses; null: it stands"
    )


class HistoryOut(BaseModel):
    """One step of a filing."""

    at: UtcTime
    actor: str
    role: str
    command: str
    previous: str | None
    state: str
    reason: str
    document_number: str | None


class ProblemOut(BaseModel):
    """A field that keeps a filing from being submitted or accepted, and why."""

    field: str
    code: str
    reason: str


class RoleBesideOut(BaseModel):
    """A role as a site's ledger has it beside a filing: organisation ids; `effect`: what acceptance would make of it."""

    role: str
    ledger: list[str]
    filed: str | None
    effect: Effect = Field(
        description="same; stays: the filing names none; begins: nobody has it; succeeds: who had it exists no more; "
        "refused: another has it, or is to have it; nobody"
    )


class FactBesideOut(BaseModel):
    """What a filing says otherwise of its site than it has begun with."""

    field: str
    before: str
    after: str


class BesideOut(BaseModel):
    """A filing of a site that is there beside what is registered of it; stations by what acceptance would make of them."""

    roles: list[RoleBesideOut]
    added: list[str]
    retired: list[str]
    changed: list[str]
    facts: list[FactBesideOut]


class FilingDetail(FilingOut):
    """A filing with everything in it; `commands`: what whoever asks may do with it now."""

    content: Content
    asked_for: list[str]
    asked_why: str | None
    documents: list[DocumentOut]
    promised: list[PromiseOut]
    history: list[HistoryOut]
    problems: list[ProblemOut]
    supplement_until: date | None = Field(
        description="when the supplement asked for may come last, before the filing counts as withdrawn"
    )
    restore_until: date | None = Field(description="when the authority may restore last what has lapsed")
    grace_until: date | None
    position: Literal["verified", "unverified"] | None = Field(
        description="held against the division's boundary; null: no point"
    )
    beside: BesideOut | None = Field(description="null: a new site, or a file that is over")
    commands: list[Command]


def detail_of(view: View) -> FilingDetail:
    """Return everything about a filing as it is told."""
    filing = dict(view.filing)
    return FilingDetail(
        **{**filing, "content": view.content},
        documents=[DocumentOut(**dict(row)) for row in view.documents],
        promised=[PromiseOut(**dict(row), lapses_on=view.last_days.get(row["type"])) for row in view.promises],
        history=[HistoryOut(**dict(row)) for row in view.history],
        problems=[ProblemOut(field=p.field, code=p.code, reason=p.reason) for p in view.problems],
        supplement_until=view.supplement_until,
        restore_until=view.restore_until,
        grace_until=view.grace["until"] if view.grace else None,
        position=view.position,
        beside=_beside(view.beside) if view.beside else None,
        commands=sorted(view.commands),
    )


def _beside(beside: Beside) -> BesideOut:
    roles = [
        RoleBesideOut(
            role=row.role, ledger=[line.organisation_id for line in row.now], filed=row.filed or None, effect=row.effect
        )
        for row in beside.roles
    ]
    facts = [FactBesideOut(**fact._asdict()) for fact in beside.facts]
    stations = {name: list(getattr(beside, name)) for name in ("added", "retired", "changed")}
    return BesideOut(roles=roles, **stations, facts=facts)
