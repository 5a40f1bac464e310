"""Every page of the table: readable by all, in both languages, on the narrowest phone, and honest about being a sample."""

import pytest
from playwright.async_api import expect

from tests.browser.accessibility import faults_of, keyboard_faults, narrow_faults
from tests.browser.conftest import DESKTOP, Visitor
from tests.browser.pages import PAGES, Shown

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

LANGUAGES = {"zh": ("zh-CN", "演示数据"), "en": ("en", "Sample data")}


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
async def test_a_page_is_for_everybody(visitor: Visitor, ids: dict[str, str], shown: Shown) -> None:
    visitor.expected = [f"the server responded with a status of {shown.status}"]
    page = await visitor.come(shown.account)
    path = shown.path.format(**ids)
    faults: list[str] = []
    for language, (lang, sample) in LANGUAGES.items():
        await page.set_viewport_size(DESKTOP)
        answer = await page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert answer is not None
        assert answer.status == shown.status
        await expect(page.locator("html")).to_have_attribute("lang", lang)
        await expect(page.locator(".sample")).to_contain_text(sample)
        if language == "zh":  # the same keys lead through both languages
            faults += await keyboard_faults(page)
        faults += await faults_of(page) + await narrow_faults(page)
    assert not faults, "\n".join(faults)
