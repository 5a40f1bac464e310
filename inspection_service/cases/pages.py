"""The pages of cases: the list, a new one, one case with what may be done now, its documents, and the officers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from inspection_service.cases import store
from inspection_service.cases.api import find_document, give_print, require_case
from inspection_service.cases.conditions import owed_fen
from inspection_service.cases.desk import CaseDesk, Opening
from inspection_service.cases.documents import TOLD_TO_PARTY
from inspection_service.cases.file import Instalment, Said
from inspection_service.cases.machine import INVESTIGATION, PAYING, Command, State
from inspection_service.cases.persons import Officer
from inspection_service.evidence import store as evidence_store
from inspection_service.evidence.desk import EvidenceDesk, officers_of
from inspection_service.law.pages import ADDRESSEES, PARTIES, REFUSALS, SANCTIONS
from youguan.auth import INSPECTOR, OFFICIALS, REGULATOR, Principal
from youguan.clock import COUNTY
from youguan.errors import NotFound, YouguanError
from youguan.web.paging import Cursor, decode_cursor, next_cursor
from youguan.web.security import require
from youguan.web.templates import Templates

PAGE = 50
STATES = {
    "lead": ("warn", "线索"),
    "guided": ("good", "已指导"),
    "ordered": ("warn", "责令改正中"),
    "mended": ("busy", "已报改正"),
    "rechecked": ("busy", "已复查"),
    "proposed": ("warn", "待立案审批"),
    "filed": ("busy", "调查中"),
    "review_1": ("busy", "一级法制审核"),
    "review_2": ("busy", "二级法制审核"),
    "review_3": ("busy", "三级法制审核"),
    "review_4": ("busy", "四级法制审核"),
    "reviewed": ("busy", "审核通过"),
    "notified": ("busy", "已事先告知"),
    "hearing": ("busy", "听证中"),
    "heard": ("busy", "已听证"),
    "decided": ("warn", "已决定，待送达"),
    "served": ("warn", "已送达，待履行"),
    "demanded": ("bad", "已催告"),
    "enforcing": ("bad", "已申请强制执行"),
    "paid": ("good", "已缴清"),
    "closed": ("good", "已结案"),
    "unpunished": ("good", "不予处罚"),
    "dismissed": ("", "不予立案"),
    "withdrawn": ("", "已撤案"),
    "terminated": ("", "已终止"),
    "transferred": ("", "已移送公安机关"),
    "referred": ("", "已移送主管部门"),
    "revoked": ("", "已撤销"),
}
PROCEDURES = {"simple": "简易程序", "fast": "简案快办", "general": "普通程序"}
PERIODS = {
    "order": "改正期限", "decision": "决定期限", "service": "送达期限", "payment": "缴款期限", "demand": "催告期限",
    "evidence_kept": "先行登记保存处理期限",
}  # fmt: skip
COMMANDS = {
    "open": "登记线索",
    "guide": "提示、指导",
    "reopen": "重新处理",
    "order": "责令限期改正",
    "extend_order": "延长改正期限",
    "report_mended": "报告已改正",
    "confirm_mended": "复查：已改正",
    "find_unmended": "复查：逾期未改正",
    "ask_end": "提请不予立案或不予处罚",
    "excuse": "不予处罚并教育",
    "close_mended": "改正后了结",
    "punish_on_the_spot": "当场处罚",
    "note": "当场处罚备案",
    "propose": "提请立案",
    "approve": "同意立案",
    "refuse": "不同意立案",
    "conclude": "调查终结",
    "extend": "延长办案期限",
    "pass": "法制审核通过",
    "object": "退回补充调查",
    "notify": "送达事先告知书",
    "defend": "记录陈述、申辩",
    "ask_hearing": "要求听证",
    "call_hearing": "通知听证",
    "hold_hearing": "记录听证",
    "review_hearing": "听证后法制审核",
    "discuss": "集体讨论",
    "decide": "作出处罚决定",
    "exempt": "决定不予处罚",
    "serve": "送达决定书",
    "pay": "登记缴款",
    "allow_instalments": "同意延期、分期缴纳",
    "demand": "催告",
    "apply": "申请强制执行",
    "close": "结案",
    "appeal": "登记复议或诉讼",
    "end_appeal": "登记复议或诉讼结果",
    "revoke": "撤销决定",
    "dismiss": "不予立案",
    "withdraw": "撤销案件",
    "terminate": "终止案件",
    "transfer": "移送公安机关",
    "refer": "移送主管部门",
    "acknowledge": "登记对方回执",
    "take_back": "收回移送",
    "give_receipt": "出具移送回执",
    "inspect": "现场检查笔录",
    "question": "询问笔录",
    "keep": "证据先行登记保存",
    "dispose": "处理登记保存的证据",
    "confirm_address": "电子送达地址确认书",
    "tell_subsidy": "函告补贴主管部门",
    "record_credit": "记入信用记录",
    "repair_credit": "信用修复",
    "reassign": "更换办案人员（回避）",
    "archive": "归档",
}
ROLES = {
    "officer": "办案人员", "reviewer_1": "一级法制员", "reviewer_2": "二级法制员", "reviewer_3": "三级法制员",
    "reviewer_4": "四级法制员", "head": "机关负责人", "party": "当事人",
}  # fmt: skip
UNMET = {
    "guidance": "不在包容期内，或涉及安全、消防",
    "guided_first": "包容期内应当先行提示、指导",
    "in_future": "日期应当在今天以后",
    "not_in_future": "日期应当在行为之日和今天之间",
    "since_reviewed": "日期应当在法制审核通过之日和今天之间",
    "since_decided": "日期应当在决定之日和今天之间",
    "since_served": "日期应当在送达之日和今天之间",
    "since_appeal": "日期应当在申请或起诉之日和今天之间",
    "extended_once": "已经延长过一次",
    "later": "日期应当晚于原期限",
    "still_runs": "期限已过，不能再延长",
    "end_asked": "应当先由办案人员提请",
    "end_unasked": "办案人员已经提请",
    "order_is_due": "改正期限未到",
    "mercy": "不符合不予处罚的条件",
    "not_obliged": "依法应当不予处罚",
    "nothing_penal": "本机关有处罚权，应当决定不予处罚或立案",
    "penal": "本机关没有处罚权",
    "ceiling": "超过当场处罚的限额",
    "simple": "仅适用于简易程序",
    "unnoted": "已经备案",
    "noted": "当场处罚尚未备案",
    "fast_if_clear": "不符合简案快办的条件：当事人认可、无安全消防危害、金额在限额内",
    "two_officers": "需要两名不同的持证执法人员",
    "undefended": "陈述申辩已经记录",
    "hearing_right": "不属于听证范围",
    "hearing_in_time": "要求听证的期限已过",
    "hearing_notice": "应当提前七个工作日通知",
    "hearing_called": "尚未通知听证，或未到听证日期",
    "hearing_unreviewed": "听证后已经法制审核",
    "hearing_reviewed": "经过听证的，决定前应当法制审核",
    "three_people": "集体讨论至少三人参加",
    "statement_over": "陈述申辩或要求听证的期限未满",
    "not_aggravated": "不得重于事先告知的内容",
    "discussed": "重大案件应当先集体讨论",
    "fined": "没有罚款",
    "nothing_to_pay": "尚未缴清",
    "payment_late": "缴款未逾期",
    "demand_over": "催告后未满十个工作日",
    "remedies_over": "复议、诉讼期限未满，或已超过三个月申请期限",
    "no_appeal_open": "已有未结的复议或诉讼",
    "appeal_open": "没有未结的复议或诉讼",
    "review_first": "当场处罚应当先申请行政复议",
    "stands": "复议或诉讼未维持决定，应当撤销",
    "not_worse": "变更后的处罚不得重于原决定",
    "not_overpaid": "超过尚欠金额",
    "payment_not_late": "已经逾期，不能再延期、分期",
    "plan_covers": "各期金额之和应当等于尚未缴纳的罚款",
    "plan_ahead": "各期日期应当在今天以后并依次排列",
    "nothing_kept": "先处理已经登记保存的证据",
    "kept": "没有登记保存的证据",
    "subsidised": "该事项不涉及补贴",
    "subsidy_untold": "已经函告",
    "uncredited": "已经记入信用记录",
    "credited": "没有记入信用记录",
    "shown_enough": "未达到最短公示期",
    "since_referred": "日期应当在移送之日和今天之间",
    "unacknowledged": "已经登记回执",
    "referred_to_us": "不是其他机关移送的",
    "unarchived": "已经归档",
    **REFUSALS,
}
FIELDS = {
    "reason": "理由、情况",
    "on": "日期",
    "officers": "两名办案人员",
    "people": "参加人（每行一人）",
    "procedure": "适用程序",
    "sanction": "处罚种类",
    "fine_fen": "罚款金额（元）",
    "harm": "危害后果",
    "minor": "违法行为轻微",
    "faultless": "当事人证明没有主观过错",
    "admitted": "当事人认可事实和处罚",
    "rights_told": "已告知内容、依据和陈述申辩权利，并听取意见",
    "place": "地点",
    "manner": "方式",
    "amount_fen": "金额（元）",
    "receipt": "票据号",
    "remedy": "救济途径",
    "outcome": "结果",
    "things": "物品（每行一件）",
    "plan": "分期（每行：日期 金额（元），如 2026-10-08 3000）",
}
# What goes with a command beside what it needs.
BESIDE = {
    "confirm_mended": ("minor", "faultless"),
    "punish_on_the_spot": ("fine_fen",),
    "propose": ("admitted", "sanction", "fine_fen"),
    "conclude": ("fine_fen",),
    "decide": ("fine_fen",),
    "end_appeal": ("fine_fen",),
}
CHOICES: dict[str, dict[str, str]] = {
    "procedure": {"general": "普通程序", "fast": "简案快办"},
    "sanction": SANCTIONS,
    "harm": {"none": "没有危害后果", "slight": "危害后果轻微", "serious": "危害后果严重"},
    "remedy": {"review": "行政复议", "litigation": "行政诉讼"},
    "outcome": {
        "upheld": "维持（驳回请求）", "changed": "变更", "revoked": "撤销", "illegal": "确认违法", "given_up": "撤回申请或起诉",
        "not_taken": "不予受理或驳回起诉",
    },
}  # fmt: skip
CHECKS, MONEY = ("minor", "faultless", "admitted", "rights_told"), ("fine_fen", "amount_fen")
EVIDENCE_KINDS = {
    "record": "现场笔录、勘验笔录", "audiovisual": "视听资料（照片、录像）", "documentary": "书证", "physical": "物证",
    "electronic": "电子数据", "witness": "证人证言", "statement": "当事人的陈述", "expert": "鉴定意见",
}  # fmt: skip
ORIGINS = {
    "inspector": "执法人员取得", "party": "当事人提供", "public": "群众提供", "organ": "其他机关移送",
    "telemetry": "监测数据（线索）", "platform": "平台数据（线索）", "monitoring": "电子技术监控设备",
}  # fmt: skip
GROUPS = {
    "open": ("办理中", (State.LEAD, State.ORDERED, State.MENDED, State.RECHECKED, State.PROPOSED, *INVESTIGATION, State.DECIDED)),
    "paying": ("执行中", (*PAYING, State.PAID)),
    "all": ("全部", ()),
}  # fmt: skip
WORDS: dict[str, Any] = {
    "states": STATES, "procedures": PROCEDURES, "period_names": PERIODS, "command_names": COMMANDS, "role_names": ROLES,
    "unmet_texts": UNMET, "field_names": FIELDS, "choices": CHOICES, "checks": CHECKS, "money": MONEY, "beside": BESIDE,
    "evidence_kinds": EVIDENCE_KINDS, "origins": ORIGINS, "parties": PARTIES, "sanction_names": SANCTIONS, "groups": GROUPS,
    "addressees": ADDRESSEES,
}  # fmt: skip


def case_pages(desk: CaseDesk, evidence: EvidenceDesk, templates: Templates) -> APIRouter:
    """Return /cases."""
    router = APIRouter(prefix="/cases")
    _add_list(router, desk, templates)
    _add_new(router, desk, templates)
    _add_officers(router, desk, templates)
    _add_case(router, desk, evidence, templates)
    return router


def _add_list(router: APIRouter, desk: CaseDesk, templates: Templates) -> None:
    @router.get("")
    async def cases(
        request: Request,
        who: Annotated[Principal, Depends(require())],
        group: str = "open",
        q: str = "",
        overdue: bool = False,
        mine: bool = False,
        cursor: Cursor = None,
    ) -> Response:
        key = decode_cursor(cursor, datetime, str)
        group = group if group in GROUPS else "open"
        async with desk.pool.acquire() as connection:
            rows = await store.list_cases(
                connection, states=GROUPS[group][1], words=q or None, item=None,
                overdue_on=desk.today() if overdue else None, mine=who.subject if mine else None,
                before=(key[0], key[1]) if key else None, limit=PAGE, scope=who.scope,
            )  # fmt: skip
        return templates.render(
            request, "cases.html", rows=rows, next=next_cursor(rows, PAGE, "opened_at", "id"), group=group, q=q,
            overdue=overdue, mine=mine, today=desk.today(), items=desk.catalogue.items, **WORDS,
        )  # fmt: skip


def _add_new(router: APIRouter, desk: CaseDesk, templates: Templates) -> None:
    inspector = require(INSPECTOR)

    async def form(
        request: Request, who: Principal, given: Mapping[str, Any], error: YouguanError | None = None
    ) -> Response:
        act_on = _date(given.get("act_on")) or desk.today()
        async with desk.pool.acquire() as connection:
            known = await store.officers(connection)
            site = given.get("site_id") or None
            parties = await store.parties_at(connection, site, _noon(act_on)) if site else []
        others = [officer for officer in known if officer.subject != who.subject and officer.may_act(desk.today())]
        return templates.render(
            request, "case_new.html", status_code=error.status if error else 200, given=given, act_on=act_on,
            officers=others, known=any(o.subject == who.subject for o in known), site_parties=parties, today=desk.today(),
            items=list(desk.catalogue.items.values()), chosen=_addressee(given, parties, desk),
            error=error.detail if error else "", **WORDS,
        )  # fmt: skip

    @router.get("/new")
    async def new(request: Request, who: Annotated[Principal, Depends(inspector)]) -> Response:
        return await form(request, who, request.query_params)

    @router.post("/new")
    async def open_case(request: Request, who: Annotated[Principal, Depends(inspector)]) -> Response:
        given = await request.form()
        try:
            case_id = await desk.open(who, await _opening(given, desk))
        except YouguanError as error:
            return await form(request, who, given, error)
        return RedirectResponse(f"/cases/{case_id}", 303)


def _addressee(given: Mapping[str, Any], parties: Sequence[asyncpg.Record], desk: CaseDesk) -> str | None:
    """Return whom a form chooses: who was chosen already, else who had the role that the item is addressed to."""
    if given.get("party_id"):
        return str(given["party_id"])
    item = desk.catalogue.items.get(str(given.get("item_id")))
    wanted = item.party if item else "manager"
    return next((row["organisation_id"] for row in parties if row["role"] == wanted), None)


async def _opening(given: FormData, desk: CaseDesk) -> Opening:
    """Return what a form opens a case with: an organisation by its id where one was chosen, else whom it names."""
    party_id, name = _text(given, "party_id") or None, _text(given, "party_name")
    site, act_on = _text(given, "site_id") or None, _date(given.get("act_on")) or desk.today()
    if party_id is not None and site is not None:
        async with desk.pool.acquire() as connection:
            found = await store.parties_at(connection, site, _noon(act_on))
        name = next((row["organisation_name"] for row in found if row["organisation_id"] == party_id), name)
    return Opening(
        item_id=_text(given, "item_id"), party_kind="citizen" if _text(given, "party_kind") == "citizen" else "organisation",
        party_name=name or "—", act_on=act_on, second_officer=_text(given, "second_officer"), reason=_text(given, "reason"),
        party_id=party_id, site_id=site, station_id=_text(given, "station_id") or None,
        task_id=_text(given, "task_id") or None, visit_id=_text(given, "visit_id") or None,
        business_since=_date(given.get("business_since")), serious=_ticked(given, "serious"),
        referred_by=_text(given, "referred_by")[:200], referral_number=_text(given, "referral_number")[:200],
    )  # fmt: skip


def _add_officers(router: APIRouter, desk: CaseDesk, templates: Templates) -> None:
    async def page(request: Request, error: YouguanError | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            known = await store.officers(connection)
        return templates.render(
            request, "officers.html", status_code=error.status if error else 200, officers=known, today=desk.today(),
            error=error.detail if error else "",
        )  # fmt: skip

    @router.get("/officers")
    async def officers(request: Request, _: Annotated[Principal, Depends(require(*OFFICIALS))]) -> Response:
        return await page(request)

    @router.post("/officers")
    async def register(
        request: Request,
        who: Annotated[Principal, Depends(require(REGULATOR))],
        subject: Annotated[str, Form(min_length=1, max_length=100)],
        name: Annotated[str, Form(min_length=1, max_length=100)],
        certificate: Annotated[str, Form(min_length=1, max_length=50)],
        valid_until: Annotated[date, Form()],
    ) -> Response:
        try:
            await desk.register(who, Officer(subject.strip(), name.strip(), certificate.strip(), valid_until))
        except YouguanError as error:
            return await page(request, error)
        return RedirectResponse("/cases/officers", 303)


def _add_case(router: APIRouter, desk: CaseDesk, evidence: EvidenceDesk, templates: Templates) -> None:
    async def show(request: Request, who: Principal, case_id: str, error: YouguanError | None = None) -> Response:
        official = who.has(*OFFICIALS)
        async with desk.pool.acquire() as connection:
            row = await desk.see(connection, who, case_id)
            case = await desk.case(connection, row)
            offers = await desk.offers(connection, who, row, case)
            history = await store.history(connection, case_id)
            issued = await store.documents(connection, case_id)
            links = await evidence_store.links(connection, case_id) if official else []
            known = {officer.subject: officer for officer in await store.officers(connection)}
        stands = {link.record["place"]: officers_of(links, link.record["place"]) for link in links}
        return templates.render(
            request, "case.html", status_code=error.status if error else 200, row=row, case=case, offers=offers,
            history=[line for line in history if official or line["actor"] == who.subject], today=desk.today(),
            issued=[document for document in issued if official or document["kind"] in TOLD_TO_PARTY], official=official,
            chain=links, times=[datetime.fromisoformat(link.record["collected_at"]) for link in links], stands=stands,
            known=known, owed=owed_fen(case, desk.today()), errors=_said_against(error),
            collects=who.has(INSPECTOR) and who.subject in case.facts.officers, me=who.subject, **WORDS,
        )  # fmt: skip

    near = require_case(desk)

    @router.get("/{case_id}")
    async def one(request: Request, case_id: str, who: Annotated[Principal, Depends(require())]) -> Response:
        return await show(request, who, case_id)

    @router.get("/{case_id}/documents/{place}")
    async def document(
        request: Request, case_id: str, place: int, who: Annotated[Principal, Depends(near)]
    ) -> Response:
        found = await find_document(desk, who, case_id, place)
        return templates.render(request, "case_document.html", document=found, case_id=case_id)

    @router.get("/{case_id}/documents/{place}/pdf")
    async def pdf(case_id: str, place: int, who: Annotated[Principal, Depends(near)]) -> Response:
        return await give_print(desk, who, case_id, place)

    @router.post("/{case_id}/commands/{command}")
    async def do(
        request: Request, case_id: str, command: Command, who: Annotated[Principal, Depends(require())]
    ) -> Response:
        given = await request.form()
        try:
            await desk.do(who, case_id, command, said_in(given), _whole(given.get("seen")))
        except NotFound:
            raise
        except YouguanError as error:
            return await show(request, who, case_id, error)
        return RedirectResponse(f"/cases/{case_id}", 303)


def _said_against(error: YouguanError | None) -> list[str]:
    """Return what a page says about an error: its own words for the reasons it knows, else the error's."""
    if error is None:
        return []
    known = [UNMET.get(field.field) or FIELDS.get(field.field) for field in error.fields]
    return [text for text in known if text] or [error.detail]


def said_in(given: FormData) -> Said:
    """Return what a form says as the rules take it; what cannot be read is as good as not given."""
    return Said(
        reason=_text(given, "reason"), on=_date(given.get("on")), officers=tuple(_lines(given, "officers")),
        people=tuple(_lines(given, "people")), procedure=_choice(given, "procedure"), sanction=_choice(given, "sanction"),
        fine_fen=_fen(given, "fine_fen"), harm=_choice(given, "harm"), place=_text(given, "place"),
        manner=_text(given, "manner"), amount_fen=_fen(given, "amount_fen"), things=tuple(_lines(given, "things")),
        plan=_plan(given), receipt=_text(given, "receipt"),
        remedy=_choice(given, "remedy"), outcome=_choice(given, "outcome"), minor=_ticked(given, "minor"),
        faultless=_ticked(given, "faultless"), admitted=_ticked(given, "admitted"), rights_told=_ticked(given, "rights_told"),
    )  # fmt: skip


def _text(given: FormData, name: str) -> str:
    return str(given.get(name, "")).strip()[:2000].replace("\0", "")


def _ticked(given: FormData, name: str) -> bool:
    return _text(given, name) == "true"


def _choice(given: FormData, name: str) -> str | None:
    found = _text(given, name)
    return found if found in CHOICES[name] else None


def _lines(given: FormData, name: str) -> list[str]:
    found = [line.strip() for text in given.getlist(name) for line in str(text).splitlines()]
    return [line[:200] for line in found if line][:30]


def _fen(given: FormData, name: str) -> int:
    return _yuan(_text(given, name))


def _yuan(text: str) -> int:
    try:
        return max(round(float(text or 0) * 100), 0)
    except (ValueError, OverflowError):
        return 0


def _plan(given: FormData) -> tuple[Instalment, ...]:
    """Return the parts that lines of day and yuan name; none at all where one of them cannot be read."""
    found = []
    for line in _lines(given, "plan"):
        day, _, yuan = line.partition(" ")
        fen, on = _yuan(yuan), _date(day)
        if on is None or not fen:
            return ()
        found.append(Instalment(on, fen))
    return tuple(found)


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10 else None


def _date(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), COUNTY)
