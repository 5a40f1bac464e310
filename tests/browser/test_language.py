"""Chinese and English: as the browser prefers, or as asked for by the link, and then remembered."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_the_link_changes_the_language_and_keeps_the_search(visitor: Visitor) -> None:
    page = await visitor.come(locale="zh-CN")
    await page.goto("/?q=NoSuchPlace&free=true")
    await expect(page.get_by_role("heading", level=1)).to_have_text("哪里能充电")
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Where can I charge")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.get_by_label("Site or town")).to_have_value("NoSuchPlace")
    await expect(page.get_by_label("Free now")).to_be_checked()
    await page.goto("/login")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    await page.get_by_role("link", name="中文").click()
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


@pytest.mark.parametrize(
    ("locale", "lang"), [("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("en-US", "en"), ("fr-FR", "zh-CN")]
)
async def test_the_browsers_language_is_answered(visitor: Visitor, locale: str, lang: str) -> None:
    page = await visitor.come(locale=locale)
    await page.goto("/")
    await expect(page.locator("html")).to_have_attribute("lang", lang)
