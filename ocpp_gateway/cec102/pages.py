"""Pages of operators' platforms: an operator sees what its platform sent and what was refused, a regulator sees all."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ocpp_gateway.cec102.desk import TOLD, Wish, sight_into
from ocpp_gateway.cec102.envelope import Secrets
from ocpp_gateway.cec102.filed import store as registry
from ocpp_gateway.cec102.intake import store as intake
from ocpp_gateway.cec102.intake.api import LONGEST_TRIAL
from ocpp_gateway.cec102.intake.placing import OrderState
from ocpp_gateway.cec102.overview import Looking
from ocpp_gateway.cec102.profiles import Profile, Role, Told
from ocpp_gateway.cec102.upward.api import ReportState
from ocpp_gateway.cec102.upward.kept import store as upward
from ocpp_gateway.cec102.wording import each_known_again, known_again
from ocpp_gateway.pages.frames import set_out
from youguan import bounds
from youguan.auth import OPERATOR, REGULATOR, REVIEWER, Principal
from youguan.errors import YouguanError
from youguan.web.paging import Cursor, decode_cursor, encode_cursor, next_cursor
from youguan.web.routes import Router
from youguan.web.security import remote_of, require, require_county
from youguan.web.templates import Templates

PAGE = 50
SHOWN = 10  # of what has a page of its own
FRESHNESS = {
    "fresh": ("good", "正常上报"),
    "late": ("warn", "上报变慢"),
    "silent": ("bad", "失联"),
    "never": ("", "从未上报"),
}
# Of a province: how it takes what it is told.
TAKING = {
    "fresh": ("good", "正常接收"),
    "late": ("warn", "接收变慢"),
    "silent": ("bad", "没有接收"),
    "never": ("", "尚未接收"),
}
CONDITIONS = {
    "available": ("good", "空闲"),
    "occupied": ("busy", "占用"),
    "charging": ("busy", "充电中"),
    "reserved": ("warn", "预约"),
    "unavailable": ("", "不可用"),
    "faulted": ("bad", "故障"),
}
CODES = {
    "PlatformRefused": ("bad", "拒收"),
    "PlatformIgnored": ("warn", "未采用"),
    "PlatformContradictsItself": ("warn", "自相矛盾"),
    "PlatformNotAuthenticated": ("", "未通过身份验证"),
}
STEPS = {
    "message": "消息名",
    "json": "JSON 格式",
    "envelope": "报文结构",
    "OperatorID": "运营商标识",
    "Sig": "签名",
    "TimeStamp": "时间戳",
    "Data": "解密",
    "content": "业务内容",
    "token": "令牌",
    "question": "查询条件",
}
WHAT = {
    "StatusReported": "枪状态",
    "MeterSampled": "计量值",
    "TransactionReported": "充电事务",
    "site": "场站档案",
    "operator": "运营商档案",
    "stats": "电量对账",
    "order": "充电订单",
}
ORDER_STATES = {
    "transaction": ("good", "已记为充电事务"),
    "unfiled": ("warn", "枪未备案，订单留存"),
    "ambiguous": ("warn", "编码对应多把枪，订单留存"),
    "own_word": ("", "桩自行上报，订单留存"),
}
CONTRADICTED = {
    "name": "名称",
    "position": "位置",
    "connectors": "枪数",
    "power": "功率",
    "operating": "运营状态",
    "uscc": "统一社会信用代码",
}
OPERATING = {"5": "关闭下线", "50": "正常使用"}
REPORT_STATES = {
    "waiting": ("warn", "待发送"),
    "taken": ("good", "已送达"),
    "refused": ("bad", "被拒收"),
    "overtaken": ("", "已有更新的上报"),
    "withheld": ("warn", "暂不能上报"),
    "set_aside": ("", "已搁置"),
}
REPORT_KINDS: Mapping[Told, str] = {
    "status": "枪状态",
    "station": "场站档案",
    "order": "充电订单",
    "charging": "充电过程",
    "power": "实时功率",
}
WORDS = {"operator": FRESHNESS, "province": TAKING}
ROLES = {"operator": "向我方上报的运营商平台", "province": "我方上报的省级平台"}
# What stands on the test bench at first: a message of a platform of this role.
SAMPLES = {
    "operator": ("status", '{"ConnectorStatusInfo": {"ConnectorID": "", "Status": 1}}'),
    "province": ("statuses", '{"StationIDs": [""]}'),
}
SECRETS = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")
looker = require(REGULATOR, REVIEWER, OPERATOR)
Who = Annotated[Principal, Depends(looker)]


def platform_pages(looking: Looking, templates: Templates) -> APIRouter:
    """Return /gateway/platforms."""
    router = Router(prefix="/gateway")
    _add_list(router, looking, templates)
    _add_platform(router, looking, templates)
    _add_orders(router, looking, templates)
    _add_reports(router, looking, templates)
    _add_trial(router, looking, templates)
    return router


def _add_list(router: APIRouter, looking: Looking, templates: Templates) -> None:
    async def show(
        request: Request, who: Principal, cursor: str | None = None, error: YouguanError | None = None, **entered: Any
    ) -> Response:
        key = decode_cursor(cursor, str)
        rows = await looking.listed(who, key[0] if key else None, PAGE)
        async with looking.desk.pool.acquire() as connection:
            organisations = await registry.organisations(connection)
        return templates.render(
            request, "platforms.html", status_code=error.status if error else 200, rows=rows, words=WORDS, roles=ROLES,
            organisations=organisations, profiles=looking.desk.profiles, error=error, entered=entered,
            next=encode_cursor(rows[-1][0]["operator_id"]) if len(rows) == PAGE else None,
        )  # fmt: skip

    @router.get("/platforms")
    async def platforms(request: Request, who: Who, cursor: Cursor = None) -> Response:
        return await show(request, who, cursor)

    @router.post("/platforms")
    async def put(
        request: Request,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        operator_id: str = Form(max_length=20),
        name: str = Form(max_length=200),
        organisation_id: str = Form("", max_length=200),
        role: Literal["operator", "province"] = Form("operator"),
        profile: str = Form(max_length=100),
        enabled: bool = Form(False),
        address: str = Form("", max_length=300),
        our_operator_id: str = Form("", max_length=9),
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        wish = Wish(
            name=name.strip(),
            organisation_id=organisation_id or None,
            role=role,
            profile=profile,
            enabled=enabled,
            address=address.strip() or None,
            our_operator_id=our_operator_id.strip() or None,
            inbound=await _secrets(request, "inbound"),
            outbound=await _secrets(request, "outbound"),
        )
        try:
            await looking.desk.put(who, operator_id.strip(), wish, reason, remote_of(request))
        except YouguanError as error:
            return await show(request, who, error=error, operator_id=operator_id, reason=reason, **told_of(wish))
        return RedirectResponse(f"/gateway/platforms/{operator_id.strip()}", 303)


def told_of(wish: Wish) -> dict[str, Any]:
    """Return what was entered of a platform, to be entered again; secrets are shown to nobody."""
    return {name: getattr(wish, name) for name in TOLD}


async def _secrets(request: Request, direction: str) -> Secrets | None:
    """Return the secrets of a form; None where none was entered: then those that there are stay."""
    form = await request.form()
    entered = [str(form.get(f"{direction}.{name}", "")).strip() for name in SECRETS]
    return Secrets(*entered) if any(entered) else None


def _add_platform(router: APIRouter, looking: Looking, templates: Templates) -> None:
    @router.get("/platforms/{operator_id}")
    async def platform(request: Request, operator_id: str, who: Who, cursor: Cursor = None) -> Response:
        found = await looking.of(who, operator_id)
        if request.headers.get("hx-request"):  # of an open page only the figures are told anew
            return templates.render(
                request, "platform_figures.html", platform=found.platform, quality=found.quality, queue=found.queue
            )
        key = decode_cursor(cursor, int)
        sight = sight_into(who, found.platform)
        async with looking.desk.pool.acquire() as connection:
            refused = await intake.refused(connection, operator_id, key[0] if key else None, PAGE)
            unproven = await intake.refused(connection, operator_id, None, SHOWN, proven=False)
            connectors = await registry.connectors(connection, sight, operator_id, None, PAGE)
            reachable = await bounds.stations_within(connection, who.scope, {row["station_id"] for row in connectors})
            orders = await intake.orders(connection, sight, operator_id, None, None, SHOWN)
            file = await intake.operator_told(connection, operator_id)
            stats = await intake.stats(connection, sight, operator_id, None, SHOWN)
            organisations = await registry.organisations(connection)
            reports = await upward.reports(connection, operator_id, None, None, None, SHOWN)
        profile = looking.desk.profile_of(found.platform)
        return templates.render(
            request, "platform.html", platform=found.platform, quality=found.quality, traffic=found.traffic,
            refused=refused, unproven=unproven, known_again=known_again, each_known_again=each_known_again, queue=found.queue,
            reports=reports, report_states=REPORT_STATES, report_kinds=REPORT_KINDS, connectors=connectors, profile=profile,
            reachable=reachable, orders=orders, order_states=ORDER_STATES, file=file, stats=stats, ambiguous=found.ambiguous,
            contradicted=CONTRADICTED, operating=OPERATING,
            words=WORDS, conditions=CONDITIONS, codes=CODES, roles=ROLES, organisations=organisations,
            profiles=looking.desk.profiles, next=encode_cursor(refused[-1]["id"]) if len(refused) == PAGE else None,
        )  # fmt: skip

    @router.get("/platforms/{operator_id}/connectors")
    async def connectors(request: Request, operator_id: str, who: Who, cursor: Cursor = None) -> Response:
        row = await looking.desk.seen_by(who, operator_id)
        key = decode_cursor(cursor, str, str, int)
        async with looking.desk.pool.acquire() as connection:
            after = (key[0], key[1], key[2]) if key else None
            rows = await registry.connectors(connection, sight_into(who, row), operator_id, after, PAGE)
            reachable = await bounds.stations_within(connection, who.scope, {row["station_id"] for row in rows})
        return templates.render(
            request, "platform_connectors.html", platform=row, connectors=rows, conditions=CONDITIONS,
            reachable=reachable,
            next=next_cursor(rows, PAGE, "cec_connector_id", "station_id", "connector"),
        )  # fmt: skip


def _add_orders(router: APIRouter, looking: Looking, templates: Templates) -> None:
    @router.get("/platforms/{operator_id}/orders")
    async def orders(
        request: Request, operator_id: str, who: Who, state: OrderState | Literal[""] = "", cursor: Cursor = None
    ) -> Response:
        row = await looking.desk.seen_by(who, operator_id)
        key = decode_cursor(cursor, str)
        async with looking.desk.pool.acquire() as connection:
            rows = await intake.orders(
                connection, sight_into(who, row), operator_id, [state] if state else None, key[0] if key else None, PAGE
            )
            reachable = await bounds.stations_within(
                connection, who.scope, {order["station_id"] for order in rows if order["station_id"]}
            )
        return templates.render(
            request, "platform_orders.html", platform=row, orders=rows, order_states=ORDER_STATES, state=state,
            reachable=reachable, set_out=set_out, next=encode_cursor(rows[-1]["order_no"]) if len(rows) == PAGE else None,
        )  # fmt: skip


def _add_reports(router: APIRouter, looking: Looking, templates: Templates) -> None:
    @router.get("/platforms/{operator_id}/reports")
    async def reports(
        request: Request,
        operator_id: str,
        who: Who,
        state: ReportState | Literal[""] = "",
        kind: Told | Literal[""] = "",
        cursor: Cursor = None,
    ) -> Response:
        row = await looking.desk.seen_by(who, operator_id)
        key = decode_cursor(cursor, int)
        async with looking.desk.pool.acquire() as connection:
            rows = await upward.reports(
                connection, operator_id, state or None, kind or None, key[0] if key else None, PAGE
            )
        return templates.render(
            request, "platform_reports.html", platform=row, reports=rows, state=state, kind=kind, known_again=known_again,
            report_states=REPORT_STATES, report_choices=[(name, words) for name, (_, words) in REPORT_STATES.items()],
            report_kinds=REPORT_KINDS, next=next_cursor(rows, PAGE, "id"),
        )  # fmt: skip

    @router.post("/platforms/{operator_id}/retry")
    async def retry(
        request: Request,
        operator_id: str,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        await looking.desk.retry(who, operator_id, reason, remote_of(request))
        return RedirectResponse(f"/gateway/platforms/{operator_id}", 303)

    @router.post("/platforms/{operator_id}/reports/set-aside")
    async def set_aside(
        request: Request,
        operator_id: str,
        who: Annotated[Principal, Depends(require_county(REGULATOR))],
        reports: Annotated[list[int], Form(min_length=1, max_length=PAGE)],
        reason: str = Form(min_length=1, max_length=500),
    ) -> Response:
        await looking.desk.set_aside(who, operator_id, reports, reason, remote_of(request))
        return RedirectResponse(f"/gateway/platforms/{operator_id}/reports?state=set_aside", 303)


def _add_trial(router: APIRouter, looking: Looking, templates: Templates) -> None:
    async def show(request: Request, who: Principal, operator_id: str, given: tuple[str, str] | None) -> Response:
        row = await looking.desk.seen_by(who, operator_id)
        profile = looking.desk.profile_of(row)
        trial = error = None
        try:
            trial = await looking.attempt(who, operator_id, *given) if given else None
        except YouguanError as found:
            error = found
        message, text = given or sample_of(profile, row["role"])
        return templates.render(
            request, "platform_trial.html", status_code=error.status if error else 200, platform=row, trial=trial,
            known=profile.heard(row["role"]), message=message, text=text, steps=STEPS, what=WHAT, set_out=set_out,
            error=error, known_again=known_again,
        )  # fmt: skip

    @router.get("/platforms/{operator_id}/trial")
    async def trial(request: Request, operator_id: str, who: Who) -> Response:
        return await show(request, who, operator_id, None)

    @router.post("/platforms/{operator_id}/trial")
    async def attempt(
        request: Request,
        operator_id: str,
        who: Who,
        message: str = Form(min_length=1, max_length=100),
        text: str = Form(max_length=LONGEST_TRIAL),
    ) -> Response:
        return await show(request, who, operator_id, (message, text))


def sample_of(profile: Profile, role: Role) -> tuple[str, str]:
    """Return a message of a platform of a role, by the name that its profile has for it, with its content."""
    kind, content = SAMPLES[role]
    names: Mapping[str, str] = profile.receives if role == "operator" else profile.answers
    return next((name for name, means in names.items() if means == kind), ""), content
