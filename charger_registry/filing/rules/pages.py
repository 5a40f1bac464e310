"""The rules of filings in the browser: what holds, what is to come, and where the county's regulator changes them."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from charger_registry.filing.rules import store
from charger_registry.filing.rules.change import DocumentRule, TermRule
from charger_registry.filing.rules.desk import RuleDesk
from youguan.auth import REGULATOR, Principal
from youguan.clock import Clock, county_day
from youguan.errors import YouguanError
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_county
from youguan.web.templates import Templates

ADDRESS = "/registry/filing-rules"
TERMS = {
    "answer": "首次答复（工作日）",
    "decision": "作出决定（工作日）",
    "supplement": "补正材料（工作日）",
    "promise": "承诺补交最长（工作日）",
    "lapse": "承诺逾期告知后至备案失效（工作日）",
    "grace": "包容期（月）",
    "unsupplied": "逾期未补正至视为撤回（工作日）",
    "restore": "备案失效后可撤销失效、恢复备案（工作日）",
}
Grounds = Annotated[str, Form(min_length=1, max_length=500)]


def filing_rule_pages(desk: RuleDesk, templates: Templates, clock: Clock) -> APIRouter:
    """Return /registry/filing-rules."""
    router = Router(prefix=ADDRESS)
    county = require_county(REGULATOR)

    async def page(request: Request, who: Principal, error: YouguanError | None = None) -> Response:
        today = county_day(clock.now())
        async with desk.pool.acquire() as connection:
            terms = await store.terms(connection, today)
            shown = {
                "types": await store.document_types(connection, today),
                "coming_terms": await store.coming_terms(connection, today),
                "coming_documents": await store.coming_document_rules(connection, today),
            }
        return templates.render(
            request, "filing_rules.html", status_code=error.status if error else 200, error=error, terms=TERMS,
            now={name: getattr(terms, name) for name in TERMS}, tomorrow=today + timedelta(days=1),
            may_change=who.has(REGULATOR) and who.scope.everything, **shown,
        )  # fmt: skip

    @router.get("")
    async def rules(request: Request, who: Annotated[Principal, Depends(require())]) -> Response:
        return await page(request, who)

    @router.post("/terms")
    async def change_term(
        request: Request,
        who: Annotated[Principal, Depends(county)],
        name: Annotated[str, Form(max_length=40)],
        amount: Annotated[int, Form()],
        valid_from: Annotated[date, Form()],
        reason: Grounds,
    ) -> Response:
        try:
            await desk.change_term(who, TermRule(name, amount, valid_from), reason, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, who, error)
        return RedirectResponse(ADDRESS, 303)

    @router.post("/documents")
    async def change_document(
        request: Request,
        who: Annotated[Principal, Depends(county)],
        code: Annotated[str, Form(max_length=100)],
        valid_from: Annotated[date, Form()],
        reason: Grounds,
        warning_days: Annotated[int, Form()],
        required: Annotated[bool, Form()] = False,
        promisable: Annotated[bool, Form()] = False,
        expires: Annotated[bool, Form()] = False,
        lapses: Annotated[bool, Form()] = False,
        lapses_by_itself: Annotated[bool, Form()] = False,
    ) -> Response:
        rule = DocumentRule(code, valid_from, required, promisable, expires, warning_days, lapses, lapses_by_itself)
        try:
            await desk.change_document(who, rule, reason, remote=remote_of(request))
        except YouguanError as error:
            return await page(request, who, error)
        return RedirectResponse(ADDRESS, 303)

    return router
