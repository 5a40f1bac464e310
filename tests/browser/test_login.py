"""Logging in and out, as a person and as somebody who would like to be one."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.pages import INSPECTOR, OPERATOR, REGULATOR, REVIEWER
from tests.suite import eventually
from youguan.web.security import SESSION_COOKIE

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def log_in(page: Page, account: str, password: str = "demo") -> None:
    await page.get_by_label("用户名").fill(account)
    await page.get_by_label("密码").fill(password)
    await page.get_by_role("button", name="登录").click()


async def test_a_wrong_password_is_said_and_only_it_must_be_written_again(visitor: Visitor) -> None:
    visitor.expected = ["status of 401"]
    page = await visitor.come()
    await page.goto("/login?next=/alerts")
    await log_in(page, INSPECTOR, "wrong")
    await expect(page.get_by_role("alert")).to_have_text("用户名或密码不正确")
    await expect(page.get_by_label("用户名")).to_have_value(INSPECTOR)
    await expect(page.get_by_label("密码")).to_be_focused()
    await expect(page.get_by_label("密码")).to_have_value("")
    await page.keyboard.type("demo")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/alerts")


@pytest.mark.parametrize(
    ("account", "screen", "heading"),
    [
        (REGULATOR, "/dashboard", "总览"),
        (INSPECTOR, "/tasks", "工单"),
        (OPERATOR, "/tasks", "工单"),
        (REVIEWER, "/cases", "案件"),
    ],
)
async def test_each_account_begins_at_its_first_screen(
    visitor: Visitor, account: str, screen: str, heading: str
) -> None:
    page = await visitor.come()
    await page.goto("/login")
    await log_in(page, account)
    await page.wait_for_url(f"**{screen}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)


async def test_login_comes_back_to_where_one_wanted(visitor: Visitor) -> None:
    page = await visitor.come()
    await page.goto("/registry/sites?unmanaged=true&q=NH")
    await log_in(page, REGULATOR)
    await page.wait_for_url("**/registry/sites?unmanaged=true&q=NH")
    await expect(page.get_by_label("只看无人管理")).to_be_checked()


async def test_logout_ends_the_session_for_the_old_cookie_too(visitor: Visitor) -> None:
    page = await visitor.come(INSPECTOR, anew=True)
    await page.goto("/tasks")
    cookies = await page.context.cookies()
    old = next(cookie["value"] for cookie in cookies if cookie.get("name") == SESSION_COOKIE)
    await page.get_by_role("button", name="退出").click()
    await page.wait_for_url("**/")
    await expect(page.get_by_role("link", name="登录")).to_be_visible()
    thief = await visitor.come()
    await thief.context.add_cookies([{"name": SESSION_COOKIE, "value": old, "url": page.url}])

    async def refused() -> bool:
        await thief.goto("/tasks")
        return "/login?" in thief.url

    await eventually(refused)


async def test_a_page_that_keeps_itself_up_to_date_goes_to_login_when_the_session_ends(visitor: Visitor) -> None:
    visitor.expected = ["status of 401", "Response Status Error Code 401"]
    page = await visitor.come(INSPECTOR)
    await page.goto("/tasks?status=closed")
    await page.context.clear_cookies(name=SESSION_COOKIE)
    await page.wait_for_url("**/login?next=**")
    await log_in(page, INSPECTOR)
    await page.wait_for_url("**/tasks?status=closed")


async def test_a_form_without_its_token_is_refused(visitor: Visitor, ids: dict[str, str]) -> None:
    visitor.expected = ["status of 403"]
    page = await visitor.come(REGULATOR)
    await page.goto(f"/registry/sites/{ids['unmanaged']}")
    await page.evaluate("document.querySelectorAll('[name=csrf]').forEach((field) => field.remove())")
    form = page.locator("#order")
    await form.locator("[name=organisation_id]").fill("示例甲充运营公司")
    await form.get_by_label("文号").fill("没有令牌")
    await form.get_by_label("理由").fill("没有令牌")
    await form.get_by_role("button", name="指定").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("没有权限")
    await page.goto(f"/registry/sites/{ids['unmanaged']}")
    await expect(page.locator("ol.timeline")).not_to_contain_text("没有令牌")
