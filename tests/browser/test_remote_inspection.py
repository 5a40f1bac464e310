"""An inspector looks from afar: a station is asked how it is, and what it said is kept."""

from datetime import datetime

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Chargers, Visitor
from tests.browser.pages import INSPECTOR
from tests.browser.test_gateway import obeying
from tests.suite import Api, Suite
from youguan.clock import COUNTY

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def visited_from_afar(suite: Suite, site: str) -> str:
    """Return a remote visit that is under way."""
    officer = Api(suite.ports()["http"])
    await officer.log_in(INSPECTOR)
    wish = {
        "site_id": site, "departments": ["bureau"], "second_officer": "demo-inspector-2", "reason": "核对状态",
        "planned_for": str(datetime.now(COUNTY).date()), "channel": "remote",
    }  # fmt: skip
    visit = (await officer.client.post("/api/inspection/visits", json=wish)).raise_for_status().json()["id"]
    (await officer.client.post(f"/api/inspection/visits/{visit}/commands/begin", json={})).raise_for_status()
    await officer.client.aclose()
    return str(visit)


async def test_a_station_is_asked_from_afar_and_what_it_said_is_kept(
    visitor: Visitor, chargers: Chargers, suite: Suite
) -> None:
    charger = await chargers.connect("NH0050-001")
    visit = await visited_from_afar(suite, "NH0050")
    page = await visitor.come(INSPECTOR)
    await page.goto(f"/inspections/visits/{visit}")
    faulted = {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure"}
    async with obeying(charger, saying=faulted) as told:
        await page.locator("form[action$='/probes'] select").select_option("NH0050-001")
        await page.locator("#probe").click()
        kept = page.locator("ul.list li", has_text="远程探测")
        await expect(kept).to_contain_text("已应答")
        await expect(kept).to_contain_text("#1 Faulted")
    assert told == [["TriggerMessage", {"requestedMessage": "StatusNotification"}]]
    await page.locator("details", has_text="固定监测数据和原始报文").locator("summary").click()
    await page.locator("form[action$='/telemetry'] select").select_option("NH0050-001")
    await page.get_by_role("button", name="固定", exact=True).click()
    await expect(page.locator("ul.list li")).to_have_count(
        4
    )  # the probe of ours; events, the command's end, and messages
    path = await page.locator("ul.list li a", has_text="原始报文").get_attribute("href")
    frames = await (await page.context.request.get(str(path))).json()
    assert any("GroundFailure" in frame["frame"] for frame in frames)


async def test_a_station_that_is_away_cannot_be_asked_and_that_is_kept_too(visitor: Visitor, suite: Suite) -> None:
    visit = await visited_from_afar(suite, "NH0051")
    page = await visitor.come(INSPECTOR)
    await page.goto(f"/inspections/visits/{visit}")
    await page.locator("#probe").click()
    await expect(page.locator("ul.list li", has_text="远程探测")).to_contain_text("未连接，无法询问")
