"""The pages of the law: what is supervised, what may be done about an item, and the periods."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from inspection_service.law.api import find_item
from inspection_service.law.catalogue import FINE, Catalogue, Item
from inspection_service.law.evidence import Piece
from inspection_service.law.imposed import NOTHING, Imposed
from inspection_service.law.mercy import terms
from inspection_service.law.periods import Periods
from inspection_service.law.permission import Draft, Refusal, refusals
from youguan.auth import INSPECTOR, REGULATOR, REVIEWER, Principal
from youguan.clock import Clock, county_day
from youguan.web.routes import Router
from youguan.web.security import require
from youguan.web.templates import Templates
from youguan.working_days import is_verified

MEASURES = {
    "penalty": "行政处罚",
    "order": "责令改正",
    "credit": "信用记录",
    "subsidy": "补贴",
    "referral": "移送",
    "advice": "提示、指导、约谈",
}
SANCTIONS = {
    "warning": "警告",
    "criticism": "通报批评",
    "fine": "罚款",
    "confiscation_of_gains": "没收违法所得",
    "confiscation_of_goods": "没收非法财物",
    "suspension": "暂扣、降低许可",
    "revocation": "吊销许可",
    "closure": "停产停业、关闭",
}
PARTIES = {"citizen": "公民", "organisation": "法人或其他组织", "anyone": "任何当事人"}
ADDRESSEES = {
    "manager": "运营管理单位",
    "owner": "产权单位",
    "builder": "建设单位",
    "maintainer": "运维单位",
    "property_manager": "物业",
}
ACTS = {"continuing": "持续的违法行为，处罚前为一个行为", "single": "每次各为一个行为"}
DANGERS = {"none": "一般风险", "safety": "安全", "fire": "消防"}
KINDS = {
    "law": "法律",
    "administrative_regulation": "行政法规",
    "local_regulation": "地方性法规",
    "government_rule": "规章",
    "normative_document": "规范性文件",
    "national_list": "国家清单",
}
FIRST_VIOLATION = {"may": "初次违法、后果轻微并及时改正的，可以不予处罚", "never": "不适用首违不罚"}
UNITS = {"working_days": "工作日", "calendar_days": "日（自然日）", "months": "个月", "years": "年"}
REFUSALS = {
    "no_basis": "该事项的依据不支持这种措施",
    "credit_not_listed": "不在国家清单内，不得记入信用",
    "not_competent": "不属于本机关职权，应当移送",
    "no_such_sanction": "依据没有规定对该当事人的这种处罚",
    "not_together": "依据不支持同时给予这几种处罚",
    "only_beside": "这种处罚只能与其他处罚一并作出",
    "not_in_force": "当时依据尚未施行或已失效",
    "limitation": "已过追责时效",
    "content_unreviewed": "监控设备的记录内容尚未审核：未经审核或者审核不符合要求的，不得作为证据",
    "telemetry_only": "只有监测数据：监测数据是线索，须由两名执法人员核查",
    "two_officers": "没有两名执法人员取得或核实的证据",
    "fined_already": "同一违法行为已被罚款，不得再次罚款",
    "heavier_provision": "同一违法行为的另一案件依据罚款数额更高的规定，应当按该规定处罚",
    "order_first": "应当先责令改正，逾期未改正的才能处罚",
    "out_of_range": "罚款不在法定幅度内",
    "needs_reasons": "偏离一般裁量档次，应当说明理由",
    "gains": "没收违法所得的应当写明金额，不没收的不得填写",
    "goods": "没收非法财物的应当写明物品，不没收的不得填写",
    "no_penalty_to_record": "没有可记入的行政处罚",
}
DRAFTED = ("penalty", "order", "credit", "advice")


def law_pages(catalogue: Catalogue, periods: Periods, templates: Templates, clock: Clock) -> APIRouter:
    """Return /law; what the law says is everybody's to know, whether one's own draft would do is for officers."""
    router = Router(prefix="/law")
    words: dict[str, Any] = {
        "measures": MEASURES, "sanctions": SANCTIONS, "parties": PARTIES, "addressees": ADDRESSEES, "acts": ACTS,
        "dangers": DANGERS, "kinds": KINDS, "first_violations": FIRST_VIOLATION, "units": UNITS, "refusal_texts": REFUSALS,
    }  # fmt: skip

    @router.get("")
    async def items(request: Request, measure: str = "", q: str = "") -> Response:
        found = [item for item in catalogue.items.values() if _meets(item, measure, q)]
        return templates.render(request, "law_items.html", items=found, measure=measure, q=q, **words)

    @router.get("/periods")
    async def all_periods(request: Request, start: Annotated[str, Query(alias="from")] = "") -> Response:
        day = _date(start) or county_day(clock.now())
        ends = [(period, period.last_day(day)) for period in periods.by_id.values()]
        return templates.render(
            request, "law_periods.html", ends=ends, start=day, surcharge=periods.surcharge, is_verified=is_verified,
            mercy=terms().on(day), **words,
        )  # fmt: skip

    @router.get("/{item_id}")
    async def item(request: Request, item_id: str) -> Response:
        return _item_page(request, find_item(catalogue, item_id), None, None)

    @router.get("/{item_id}/check")
    async def check(
        request: Request,
        item_id: str,
        _: Annotated[Principal, Depends(require(INSPECTOR, REGULATOR, REVIEWER))],
        measure: Literal["penalty", "order", "credit", "advice"] = "order",
        sanction: str = FINE,
        party: Literal["citizen", "organisation"] = "organisation",
        yuan: Annotated[str, Query(max_length=12)] = "",
        act_on: str = "",
        proof: Literal["telemetry", "officers"] = "telemetry",
        ordered: bool = False,
    ) -> Response:
        today = county_day(clock.now())
        found = find_item(catalogue, item_id)
        draft = Draft(
            measure=measure, party=party, act_on=min(_date(act_on) or today, today), found_on=today, on=today,
            imposed=Imposed((sanction,), _fen(yuan)) if measure == "penalty" else NOTHING, ordered=ordered,
            evidence=PROOF[proof], reasons="", penalised=False,
        )  # fmt: skip
        return _item_page(request, found, draft, refusals(catalogue, found, draft))

    def _item_page(request: Request, item: Item, draft: Draft | None, against: list[Refusal] | None) -> Response:
        today = county_day(clock.now())
        offered = [kind for kind in DRAFTED if item.measure(kind)]
        return templates.render(
            request, "law_item.html", item=item, draft=draft, against=against, offered=offered, today=today,
            proved=draft is not None and draft.evidence == PROOF["officers"], **words,
        )  # fmt: skip

    return router


PROOF = {
    "telemetry": (Piece("electronic", "telemetry"),),
    "officers": (Piece("record", "inspector", officers=2),),
}


def _meets(item: Item, measure: str, words: str) -> bool:
    return (not measure or bool(item.measure(measure))) and words.lower() in f"{item.name} {item.name_en}".lower()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _fen(yuan: str) -> int:
    """Return an amount as a form has it in fen; what is none is nothing."""
    try:
        return max(round(float(yuan or 0) * 100), 0)
    except (ValueError, OverflowError):
        return 0
