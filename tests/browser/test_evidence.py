"""What a camera of the register recorded: collected on a phone, reviewed on a phone, looked up by its party."""

from datetime import datetime, timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.pages import INSPECTOR, OPERATOR, REVIEWER
from tests.browser.test_work import PHONE
from tests.suite import ROOT, Api, Suite
from youguan.clock import COUNTY

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PICTURE = ROOT / "docs/img/public.png"


async def told_case(suite: Suite, site: str, party: str) -> str:
    """Return a case of which its party knows, without evidence."""
    officer, today = Api(suite.ports()["http"]), datetime.now(COUNTY).date()
    await officer.log_in(INSPECTOR)
    base = "/api/inspection/cases"
    wish = {
        "item_id": "car-park-unfiled", "party_kind": "organisation", "party_name": "x", "party_id": party, "site_id": site,
        "act_on": str(today), "second_officer": "demo-inspector-2", "reason": "监控发现未备案经营",
    }  # fmt: skip
    case = (await officer.client.post(base, json=wish)).raise_for_status().json()["id"]
    order = {"reason": "限期备案", "on": str(today + timedelta(days=15))}
    (await officer.client.post(f"{base}/{case}/commands/order", json=order)).raise_for_status()
    await officer.client.aclose()
    return str(case)


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_a_recording_is_collected_and_reviewed_on_a_phone_and_looked_up_by_its_party(
    visitor: Visitor, suite: Suite, own_stations: list[str], own_organisation: str
) -> None:
    case = await told_case(suite, own_stations[0].rpartition("-")[0], own_organisation)
    page = await visitor.come(INSPECTOR, **PHONE)
    await page.goto(f"/cases/{case}")
    added = page.locator("details", has_text="照片或文件")
    await added.locator("summary").tap()
    await added.get_by_label("名称").fill("路口监控截图")
    choice = added.get_by_label("名录内的监控设备")
    await choice.select_option(await choice.locator("option", has_text="示例-CAM-02").get_attribute("value"))
    at = datetime.now(COUNTY) - timedelta(minutes=2)
    await added.get_by_label("记录时间").fill(at.strftime("%Y-%m-%dT%H:%M:%S"))
    await added.get_by_label("文件").set_input_files(PICTURE)
    assert await fits(page)
    await added.get_by_role("button", name="上传").tap()
    piece = page.locator("ul.list li", has_text="路口监控截图")
    await expect(piece.locator(".badge")).to_have_text(["名录内监控设备", "内容未审核，暂为线索"])
    await expect(piece.get_by_text("审核记录内容")).to_have_count(0)

    party = await visitor.come(OPERATOR, **PHONE)
    await party.goto(f"/cases/{case}")
    await expect(party.locator("#recordings")).to_have_count(0)

    page = await visitor.come(REVIEWER, **PHONE)
    await page.goto("/cases?group=waiting")
    await page.locator(f"a[href='/cases/{case}']").tap()
    await expect(page.get_by_role("link", name="审核第 1 份证据的记录内容")).to_be_visible()
    review = piece_of(page).locator("details")
    await review.locator("summary").tap()
    for name in ("真实", "清晰", "完整", "准确"):
        quality = review.get_by_role("group", name=name)
        await quality.get_by_label("符合", exact=True).check()
        await quality.get_by_label("理由").fill(f"与原始记录一致，{name}")
    assert await fits(page)
    await review.get_by_role("button", name="提交审核").tap()
    await expect(piece_of(page).locator(".badge")).to_have_text(["名录内监控设备", "内容已审核"])
    await expect(page.locator("ul.list")).to_contain_text(["与原始记录一致，准确"])
    await expect(piece_of(page).locator("summary")).to_have_text("重新审核记录内容")
    assert await fits(page)

    await party.reload()
    link = party.locator("#recordings ~ ul a", has_text="路口监控截图").first
    answer = await party.context.request.get(str(await link.get_attribute("href")))
    assert (answer.status, await answer.body()) == (200, PICTURE.read_bytes())
    assert await fits(party)

    page = await visitor.come(REVIEWER, locale="en-US")
    await page.goto(f"/cases/{case}")
    await expect(piece_of(page).locator(".badge")).to_have_text(["Equipment in the register", "content reviewed"])


def piece_of(page: Page) -> Locator:
    return page.locator("ul.list li", has=page.locator("strong", has_text="路口监控截图"))
