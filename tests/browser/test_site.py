"""A site's page: its connectors as they are now, and who answers for it."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Chargers, Visitor
from tests.suite import Api

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_connectors_are_live_and_the_manager_is_named(visitor: Visitor, chargers: Chargers, api: Api) -> None:
    charger = await chargers.connect("NH0020-001")
    duties = await api.items("/api/registry/sites/NH0020/responsibilities")
    manager = next(duty["organisation"]["name"] for duty in duties if duty["role"] == "manager")
    page = await visitor.come()
    await page.goto("/sites/NH0020")
    await expect(page.locator("dl.facts")).to_contain_text(manager)
    badges = page.locator("#stations li", has_text="NH0020-001").locator(".badge")
    await page.evaluate("window.wasHereBefore = true")
    for word, shown in (("Available", "空闲"), ("Charging", "充电中"), ("Faulted", "故障"), ("Unavailable", "停用")):
        await charger.status(word)
        await expect(badges.first).to_contain_text(shown)
    await expect(page.locator("#stations")).to_contain_text("0 空闲")
    await expect(page.locator("#stations li", has_text="NH0020-002")).to_contain_text("从未接入")
    assert await page.evaluate("window.wasHereBefore")


@pytest.mark.parametrize(
    ("locale", "words"), [("zh-CN", "这个场站目前无人管理"), ("en-GB", "Nobody manages this site")]
)
async def test_that_nobody_manages_it_is_said_plainly(
    visitor: Visitor, ids: dict[str, str], locale: str, words: str
) -> None:
    page = await visitor.come(locale=locale)
    await page.goto(f"/sites/{ids['unmanaged']}")
    await expect(page.locator("dl.facts")).to_contain_text(words)
