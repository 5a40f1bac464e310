"""When something is wrong, a person is told what, and what to do; no trace, no machine's words."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.pages import INSPECTOR, OPERATOR
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
