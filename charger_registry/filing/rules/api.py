"""The rules of filings over HTTP: terms, and what is asked of each kind of paper, now and from a day on."""

from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from charger_registry.filing.rules import store
from charger_registry.filing.rules.change import TERMS, DocumentRule, TermRule
from charger_registry.filing.rules.desk import RuleDesk
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.web.security import remote_of, require_county

Name = Literal["answer", "decision", "supplement", "promise", "lapse", "grace", "unsupplied", "restore"]
Grounds = Annotated[str, Field(min_length=1, max_length=500)]


class TermOut(BaseModel):
    """How long something may take from a day on: working days, but the grace period in months."""

    model_config = ConfigDict(from_attributes=True)

    name: Name
    amount: int
    valid_from: date


class DocumentRuleOut(BaseModel):
    """What is asked of a kind of paper from a day on."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    valid_from: date
    required: bool
    promisable: bool
    expires: bool
    warning_days: int
    lapses: bool
    lapses_by_itself: bool


class RulesOut(BaseModel):
    """The rules that hold today, and those that are to come."""

    terms: dict[Name, int]
    documents: list[DocumentRuleOut]
    coming_terms: list[TermOut]
    coming_documents: list[DocumentRuleOut]


class TermIn(BaseModel):
    """A term from a day in the future on."""

    amount: int
    valid_from: date
    reason: Grounds


class DocumentRuleIn(BaseModel):
    """What is to be asked of a kind of paper from a day in the future on."""

    valid_from: date
    required: bool
    promisable: bool
    expires: bool
    warning_days: int = 30
    lapses: bool = Field(default=True, description="a file lapses on which it was promised and not brought")
    lapses_by_itself: bool = Field(default=False, description="with time alone, without an official's decision")
    reason: Grounds


def add_filing_rules(app: FastAPI, desk: RuleDesk, clock: Clock) -> None:
    """Add the rules of filings to /api/registry."""

    @app.get("/filing-rules")
    async def rules() -> RulesOut:
        """Return the terms and what is asked of papers, today and later. No login needed."""
        today = county_day(clock.now())
        async with desk.pool.acquire() as connection:
            terms = await store.terms(connection, today)
            return RulesOut(
                terms={name: getattr(terms, name) for name in TERMS},
                documents=[DocumentRuleOut(**dict(row)) for row in await store.document_types(connection, today)],
                coming_terms=[TermOut.model_validate(rule) for rule in await store.coming_terms(connection, today)],
                coming_documents=[
                    DocumentRuleOut.model_validate(rule)
                    for rule in await store.coming_document_rules(connection, today)
                ],
            )

    @app.put("/filing-rules/terms/{name}", status_code=204)
    async def change_term(
        name: Name, given: TermIn, request: Request, who: Annotated[Principal, Depends(require_county(REGULATOR))]
    ) -> None:
        """Let something take so long from a day on; filings that were submitted before keep their terms."""
        rule = TermRule(name, given.amount, given.valid_from)
        await desk.change_term(who, rule, given.reason, remote=remote_of(request))

    @app.put("/filing-rules/documents/{code}", status_code=204)
    async def change_document(
        code: str,
        given: DocumentRuleIn,
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
    ) -> None:
        """Ask for a kind of paper otherwise from a day on."""
        rule = DocumentRule(code, **given.model_dump(exclude={"reason"}))
        await desk.change_document(who, rule, given.reason, remote=remote_of(request))
