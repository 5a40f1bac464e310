"""When something is wrong, a person is told what, and what to do; no trace, no machine's words."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.pages import INSPECTOR, OPERATOR, REGULATOR
from tests.suite import Api, Suite, eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

MACHINES_WORDS = ("Traceback", "Error", "asyncpg", "Exception", "{", "problem+json")


async def is_human(page: Page, heading: str, advice: str) -> None:
    main = page.locator("main")
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    await expect(main).to_contain_text(advice)
    text = await main.inner_text()
    assert [word for word in MACHINES_WORDS if word in text] == []


async def test_no_such_page(visitor: Visitor) -> None:
    visitor.expected = ["status of 404"]
    page = await visitor.come()
    await page.goto("/sites/NOBODY")
    await is_human(page, "没有找到这个页面", "地址可能写错了")
    await page.get_by_role("link", name="回到首页").click()
    await page.wait_for_url("**/")


async def test_not_allowed(visitor: Visitor) -> None:
    visitor.expected = ["status of 403"]
    page = await visitor.come(OPERATOR)
    await page.goto("/dashboard")
    await is_human(page, "没有权限", "您的账号不能查看或办理这一项")


async def test_what_was_typed_stays_where_it_is_refused(visitor: Visitor, ids: dict[str, str]) -> None:
    visitor.expected = ["status of 409", "status of 422"]
    page = await visitor.come(INSPECTOR)
    await page.goto(f"/cases/{ids['case']}")
    form, far = page.locator("#do-confirm_mended"), "2099-01-01"
    await form.locator("summary").click()
    await form.locator("[name=reason]").fill("已办理备案，现场核对无误")
    await form.locator("[name=on]").fill(far)
    await form.locator("[name=harm]").select_option("slight")
    await form.locator("[name=minor]").check()
    await form.get_by_role("button").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(form.locator("[name=reason]")).to_be_visible()
    await expect(form.locator("[name=reason]")).to_have_value("已办理备案，现场核对无误")
    await expect(form.locator("[name=on]")).to_have_value(far)
    await expect(form.locator("[name=harm]")).to_have_value("slight")
    await expect(form.locator("[name=minor]")).to_be_checked()
    page = await visitor.come(REGULATOR)
    await page.goto("/annual-report/entries?year=2023")
    await page.locator("[name=on]").evaluate("input => input.removeAttribute('max')")
    for name, text in (("on", far), ("title", "执法培训"), ("count", "3"), ("source", "签到簿")):
        await page.locator(f"[name={name}]").fill(text)
    await page.get_by_role("button", name="录入", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("日期: 在今天之后")
    for name, text in (("on", far), ("title", "执法培训"), ("count", "3"), ("source", "签到簿")):
        await expect(page.locator(f"[name={name}]")).to_have_value(text)


async def test_a_form_comes_back_however_often_it_is_refused(visitor: Visitor) -> None:
    visitor.expected = ["status of 409", "status of 422"]
    page = await visitor.come(REGULATOR, viewport={"width": 390, "height": 844})
    await page.goto("/law/evidence/equipment")
    form, entered = page.locator("form.card"), page.get_by_role("button", name="登记", exact=True)
    typed = {
        "number": "CAM-1", "place": "停车场入口", "legal_review": "法审1号", "technical_review": "技审1号",
        "published_in": "县政府网站", "published_on": "2026-01-05",
        "valid_from": "2026-02-01", "valid_until": "2025-02-01",
    }  # fmt: skip
    for name, text in typed.items():
        await form.locator(f"[name={name}]").fill(text)
    await form.locator("[name=kind]").select_option("meter")
    await entered.click()
    await expect(page.get_by_role("alert")).to_contain_text("有效期")
    await form.locator("[name=number]").evaluate("input => input.removeAttribute('maxlength')")
    typed["number"] = "C" * 101
    await form.locator("[name=number]").fill(typed["number"])
    await entered.click()
    await expect(form.get_by_role("alert")).to_contain_text("设备编号")
    await expect(form.get_by_role("alert")).to_be_in_viewport()
    await expect(form.locator("[aria-invalid=true]")).to_have_attribute("name", "number")
    for name, text in typed.items():
        await expect(form.locator(f"[name={name}]")).to_have_value(text)
    await expect(form.locator("[name=kind]")).to_have_value("meter")


@asynccontextmanager
async def database_away(suite: Suite, api: Api) -> AsyncIterator[None]:
    """No database until the block ends: the supervisor, which would start it again at once, is held."""
    assert suite.process is not None
    database = psutil.Process(suite.pid_of("postgresql"))
    os.kill(suite.process.pid, signal.SIGSTOP)
    try:
        database.send_signal(signal.SIGINT)

        async def gone() -> bool:
            return bool(database.status() == psutil.STATUS_ZOMBIE)

        await eventually(gone)
        yield
    finally:
        os.kill(suite.process.pid, signal.SIGCONT)

    async def back() -> bool:
        return (await api.client.get("/readyz")).is_success

    await eventually(back, within_s=60)


async def test_the_database_is_away(visitor: Visitor, suite: Suite, api: Api) -> None:
    visitor.expected = ["status of 503", "Response Status Error Code 503"]
    open_before = await visitor.come(INSPECTOR)
    await open_before.goto("/tasks")
    notice = open_before.get_by_text("连接中断")
    await expect(notice).to_be_hidden()
    page = await visitor.come()
    async with database_away(suite, api):
        answer = await page.goto("/sites/NH0001")
        assert answer is not None
        assert answer.status == 503
        await is_human(page, "服务暂时不可用", "已经保存的数据没有丢失")
        await expect(notice).to_be_visible()
        await expect(open_before.locator("#tasks a.row").first).to_be_visible()
    await page.get_by_role("link", name="再试一次").click()
    await expect(page.locator("#stations")).to_be_visible()
    await expect(notice).to_be_hidden()
