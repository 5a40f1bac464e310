"""The public page as a driver meets it: live without a reload, easy to search, usable without JavaScript."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Chargers, Visitor
from tests.suite import Api, eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ROWS = "#sites a[data-site]"
# The points of the map that have the colour of a broken site, and where the middle of them is on the screen.
RED = """() => {
  const canvas = document.querySelector("#map canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const { data, width, height } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const wanted = getComputedStyle(document.documentElement).getPropertyValue("--bad").trim();
  const colour = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16));
  const found = [];
  for (let at = 0; at < data.length; at += 4) {
    if (colour.every((part, n) => Math.abs(part - data[at + n]) < 3) && data[at + 3] > 250) found.push(at / 4);
  }
  const box = canvas.getBoundingClientRect();
  const middle = (of) => found.reduce((sum, at) => sum + of(at), 0) / found.length;
  return { count: found.length, x: box.x + middle((at) => at % width) * box.width / width,
    y: box.y + middle((at) => Math.floor(at / width)) * box.height / height };
}"""


async def wait_for_red(page: Page, *, some: bool) -> None:
    await page.wait_for_function(
        f"() => !!document.querySelector('#map canvas') && ({RED})().count > 0 === {str(some).lower()}"
    )


async def red_spot(page: Page) -> dict[str, float]:
    """Return where the red marker has come to rest: the map may still be moving to where its sites are."""
    seen: list[dict[str, float]] = []

    async def rests() -> bool:
        seen.append(await page.evaluate(RED))
        return len(seen) > 1 and seen[-1]["count"] > 0 and seen[-1] == seen[-2]

    await eventually(rests)
    return seen[-1]


async def names_on(page: Page) -> list[str]:
    return await page.locator(f"{ROWS} strong").all_text_contents()


async def site(api: Api, site_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await api.get(f"/api/registry/sites/{site_id}")
    return found


async def test_a_fault_changes_badge_and_marker_without_reload(visitor: Visitor, chargers: Chargers, api: Api) -> None:
    charger = await chargers.connect("NH0010-001")
    name = (await site(api, "NH0010"))["name"]
    page = await visitor.come()
    await page.goto("/")
    badge = page.locator("[data-site=NH0010] [data-badge]")
    await expect(badge).to_have_text("有空闲")
    await wait_for_red(page, some=False)
    await page.evaluate("window.wasHereBefore = true")
    await charger.status("Faulted", error="GroundFailure")
    await expect(badge).to_have_text("故障")
    await expect(page.locator("[data-site=NH0010] [data-free-count]")).to_contain_text("0 空闲 / ")
    await wait_for_red(page, some=True)
    red = await red_spot(page)
    await page.mouse.move(red["x"], red["y"])
    await expect(page.locator(".leaflet-tooltip")).to_have_text(f"{name} · 故障 0")
    await charger.status("Available")
    await expect(badge).to_have_text("有空闲")
    await wait_for_red(page, some=False)
    assert await page.evaluate("window.wasHereBefore")


async def test_a_marker_leads_to_its_site(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0011-001")
    await charger.status("Faulted")
    page = await visitor.come()
    await page.goto("/")
    await wait_for_red(page, some=True)
    red = await red_spot(page)
    await page.mouse.click(red["x"], red["y"])
    await page.wait_for_url("**/sites/NH0011")


async def test_search_and_free_now(visitor: Visitor, chargers: Chargers, api: Api) -> None:
    await chargers.connect("NH0012-001")
    name = (await site(api, "NH0012"))["name"]
    page = await visitor.come()
    await page.goto("/")
    await page.get_by_label("场站、镇街").fill(name)
    await expect(page.locator(ROWS)).to_have_count(1)
    assert await names_on(page) == [name]
    await page.wait_for_url("**/?q=**")  # so that the way back from a site leads to what was found
    await page.get_by_label("场站、镇街").fill("")
    await expect(page.locator(ROWS)).to_have_count(30)
    await page.get_by_label("现在有空闲").check()
    await expect(page.locator(f"{ROWS}:not(:has(.badge.good))")).to_have_count(0)
    assert name in await names_on(page)
    await page.get_by_label("场站、镇街").fill("没有这个地方")
    await expect(page.get_by_text("没有符合条件的场站")).to_be_visible()


async def test_kind_and_power(visitor: Visitor) -> None:
    page = await visitor.come()
    await page.goto("/")
    await page.get_by_label("接口").select_option("DC")
    await page.get_by_label("功率").select_option("120")
    await page.wait_for_url("**kind=DC**")
    strong = page.locator(ROWS, has_text=re.compile(r"DC (120|180) kW"))
    await expect(strong).to_have_count(30)
    assert await page.locator(ROWS).count() == 30


async def test_nearest_puts_the_free_site_first_and_says_how_far(
    visitor: Visitor, chargers: Chargers, api: Api
) -> None:
    await chargers.connect("NH0013-001")
    here = await site(api, "NH0014")
    page = await visitor.come(
        permissions=["geolocation"], geolocation={"longitude": here["longitude"], "latitude": here["latitude"]}
    )
    await page.goto("/")
    await page.get_by_role("button", name="离我最近").click()
    kilometres = page.locator(f"{ROWS} .line", has_text=" km")
    await expect(kilometres).to_have_count(30)
    states = await page.locator(f"{ROWS} .badge").all_text_contents()
    names = await names_on(page)
    free = states.count("有空闲")
    assert states[:free] == ["有空闲"] * free
    assert (await site(api, "NH0013"))["name"] in names[:free]
    assert names[free] == here["name"]


async def test_a_refused_position_is_said(visitor: Visitor) -> None:
    page = await visitor.come()
    await page.goto("/")
    await page.get_by_role("button", name="离我最近").click()
    await expect(page.get_by_role("alert")).to_contain_text("按镇街查找")


async def turn_all_pages(page: Page) -> list[str]:
    """Return the sites of all pages of the list, by the link at its end."""
    seen: list[str] = []
    while True:
        seen += [str(await row.get_attribute("data-site")) for row in await page.locator(ROWS).all()]
        more = page.get_by_role("link", name="更多")
        if not await more.count():
            return seen
        await more.click()


@pytest.mark.parametrize("with_script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_paging_shows_every_site_once(visitor: Visitor, api: Api, with_script: bool) -> None:
    page = await visitor.come(java_script_enabled=with_script)
    every = sorted(one["id"] for one in await api.items("/api/registry/sites", limit="1000"))

    async def seen_once() -> bool:  # what is free comes first, so a charger that comes or goes meanwhile moves its site
        await page.goto("/")
        return sorted(await turn_all_pages(page)) == every

    await eventually(seen_once, within_s=90)


async def test_without_javascript_the_list_and_the_search_are_there(
    visitor: Visitor, chargers: Chargers, api: Api
) -> None:
    await chargers.connect("NH0015-001")
    name = (await site(api, "NH0015"))["name"]
    page = await visitor.come(java_script_enabled=False)
    await page.goto("/")
    await expect(page.get_by_text("地图需要 JavaScript")).to_be_visible()
    await expect(page.get_by_role("button", name="离我最近")).to_be_hidden()
    await page.get_by_label("场站、镇街").fill(name)
    await page.get_by_label("现在有空闲").check()
    await page.get_by_role("button", name="查找").click()
    assert await names_on(page) == [name]
    await page.locator(ROWS).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)


async def test_a_hidden_page_lets_the_feed_rest_and_catches_up(visitor: Visitor, chargers: Chargers, api: Api) -> None:
    charger = await chargers.connect("NH0016-001")
    page = await visitor.come()
    await page.goto("/")
    badge = page.locator("[data-site=NH0016] [data-badge]")
    await expect(badge).to_have_text("有空闲")
    await wait_for_red(page, some=False)
    await page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => window.away, configurable: true });
          window.look = (away) => { window.away = away; document.dispatchEvent(new Event("visibilitychange")); };
          window.look(true);
        }"""
    )
    await charger.status("Faulted")

    async def known() -> bool:
        sites = (await api.get("/api/public/sites.geojson"))["features"]
        return any(one["id"] == "NH0016" and one["properties"]["state"] == "broken" for one in sites)

    await eventually(known)
    await expect(badge).to_have_text("有空闲")
    async with page.expect_request("**/api/public/changes?since=*"):
        await page.evaluate("window.look(false)")
    await expect(badge).to_have_text("故障")
