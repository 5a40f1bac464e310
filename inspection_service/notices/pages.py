"""The page of the addresses at which one is told."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from inspection_service.notices import store
from inspection_service.notices.api import EVERYBODY, Kind, Severity, address_out
from inspection_service.notices.channels import LONGEST_ADDRESS
from inspection_service.notices.desk import NoticeDesk
from inspection_service.notices.registry_wording import COUNTER
from inspection_service.notices.wording import CENTRE
from inspection_service.tasks.words import SEVERITIES
from youguan.auth import INSPECTOR, REGULATOR, Principal
from youguan.errors import YouguanError
from youguan.web.routes import Router
from youguan.web.security import require_person
from youguan.web.templates import Templates

KINDS: dict[Kind, str] = {
    "wecom": "企业微信群机器人", "dingtalk": "钉钉群机器人", "feishu": "飞书群机器人", "email": "电子邮件",
    "webhook": "Webhook（JSON）",
}  # fmt: skip


def notice_pages(desk: NoticeDesk, templates: Templates) -> APIRouter:
    """Return /notices."""
    router, anybody = Router(prefix="/notices"), require_person(*EVERYBODY)

    async def page(request: Request, who: Principal, error: YouguanError | None = None) -> Response:
        async with desk.pool.acquire() as connection:
            recipients = await desk.recipients(connection, who)
            rows = [address_out(row) for row in await store.addresses(connection, recipients)]
        return templates.render(
            request, "notices.html", status_code=error.status if error else 200, rows=rows, recipients=recipients,
            kinds=KINDS, severities=SEVERITIES, hears=who.has(REGULATOR, INSPECTOR),
            centre=CENTRE, counter=COUNTER, origins=desk.post.origins, mail=desk.post.smtp_url is not None,
            error=error,
        )  # fmt: skip

    @router.get("")
    async def notices(request: Request, who: Annotated[Principal, Depends(anybody)]) -> Response:
        return await page(request, who)

    @router.post("")
    async def add(
        request: Request,
        who: Annotated[Principal, Depends(anybody)],
        recipient: Annotated[str, Form(min_length=1, max_length=200)],
        kind: Annotated[Kind, Form()],
        address: Annotated[str, Form(min_length=1, max_length=LONGEST_ADDRESS)],
        alerts_from: Annotated[Severity | Literal[""], Form()] = "",
    ) -> Response:
        try:
            await desk.add(who, recipient, kind, address, alerts_from or None)
        except YouguanError as error:
            return await page(request, who, error)
        return RedirectResponse("/notices", 303)

    @router.post("/{address_id}/trial")
    async def try_out(address_id: str, who: Annotated[Principal, Depends(anybody)]) -> Response:
        await desk.try_out(who, address_id)
        return RedirectResponse("/notices", 303)

    @router.post("/{address_id}/end")
    async def end(address_id: str, who: Annotated[Principal, Depends(anybody)]) -> Response:
        await desk.end(who, address_id)
        return RedirectResponse("/notices", 303)

    return router
