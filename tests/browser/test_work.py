"""The day's work: an inspector on a phone, a regulator at a desk, an operator, a reviewer."""

from typing import Any

import jwt
import pytest
from playwright.async_api import expect

from tests.browser.conftest import Chargers, Visitor
from tests.browser.pages import INSPECTOR, OPERATOR, REGULATOR, REVIEWER
from tests.suite import Api, eventually
from youguan.web.security import SESSION_COOKIE

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def test_an_inspector_takes_a_fault_from_open_to_closed_on_a_phone(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0030-001")
    page = await visitor.come(INSPECTOR, **PHONE)
    await page.goto("/tasks")
    row = page.locator("#tasks a.row", has_text="NH0030-001 #1")
    await expect(row).to_have_count(0)
    await page.evaluate("window.wasHereBefore = true")
    await charger.status("Faulted", error="GroundFailure")
    await expect(row).to_contain_text("待接单")
    assert await page.evaluate("window.wasHereBefore")
    await row.tap()
    await expect(page.locator("dl.facts")).to_contain_text("GroundFailure")
    await page.get_by_role("button", name="接单", exact=True).tap()
    state = page.locator("#task .badge").first
    await expect(state).to_have_text("已接单")
    await page.get_by_role("button", name="报告已修复").tap()
    await expect(state).to_have_text("已报修复")
    await page.evaluate("window.wasHereBefore = true")
    await charger.status("Available")
    await expect(state).to_have_text("已办结")
    lines = page.locator("ol.timeline li strong")
    await expect(lines).to_have_text(["已办结", "核验中", "已报修复", "已接单", "待接单"])
    assert await page.evaluate("window.wasHereBefore")
    await page.goto("/tasks?status=closed")
    await expect(row).to_contain_text("已办结")


async def test_a_refresh_leaves_finger_and_focus_where_they_are(visitor: Visitor, chargers: Chargers) -> None:
    page = await visitor.come(INSPECTOR)
    await page.goto("/tasks")
    row = page.locator("#tasks a.row").first  # what is new comes before it; the last may leave a full page
    await row.focus()
    await row.evaluate("(row) => { window.rowBefore = row; }")
    for _ in range(2):  # nothing new: the very same element stays
        await page.wait_for_event("requestfinished", lambda request: "/tasks?status=open" in request.url)
    assert await page.evaluate("document.activeElement === window.rowBefore")
    charger = await chargers.connect("NH0031-001")
    await charger.status("Faulted")
    await expect(page.locator("#tasks")).to_contain_text("NH0031-001")
    assert await page.evaluate("document.activeElement.id === window.rowBefore.id")


async def test_a_regulator_sees_counts_change(visitor: Visitor, chargers: Chargers, api: Api) -> None:
    charger = await chargers.connect("NH0032-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/dashboard")
    faulted = page.locator("#faulted b")
    before = int(await faulted.inner_text())
    await charger.status("Faulted")
    await expect(faulted).to_have_text(str(before + 1))

    async def agrees() -> bool:
        tasks = await api.items("/api/inspection/tasks", status="open", limit="1000")
        is_in = any(task["station_id"] == "NH0032-001" for task in tasks)
        return is_in and await page.locator("#tasks b").inner_text() == str(len(tasks))

    await eventually(agrees)
    await page.locator("#alerts").click()
    await expect(page.locator("#alerts li", has_text="NH0032-001")).to_contain_text("充电枪故障")
    await charger.status("Available")
    await expect(page.locator("#alerts")).not_to_contain_text("NH0032-001")


async def test_a_regulator_gives_an_unmanaged_site_a_manager(visitor: Visitor, api: Api) -> None:
    wanted = (await api.items("/api/registry/sites", unmanaged="true"))[0]
    page = await visitor.come(REGULATOR)
    await page.goto("/registry/sites?unmanaged=true")
    row = page.locator("a.row", has_text=wanted["address"])
    await expect(row).to_contain_text("无人管理 · 从未有管理单位")
    await row.click()
    form = page.locator("#order")
    await form.locator("[name=organisation_id]").fill("示例甲充运营公司")
    await form.get_by_label("终止时间").fill("2099-01-01T00:00")
    await expect(form.locator("#outlook")).to_contain_text("期满后无人管理")
    await form.get_by_label("终止时间").fill("")
    await expect(form.locator("#outlook")).to_contain_text("不填终止时间")
    await form.get_by_label("文号").fill("宁发改〔2026〕1号")
    await form.get_by_label("理由").fill("无人管理")
    await form.get_by_role("button", name="指定").click()
    newest = page.locator("ol.timeline li").first
    await expect(newest).to_contain_text("运营管理单位 示例甲充运营公司")
    await expect(newest).to_contain_text("宁发改〔2026〕1号")
    await expect(page.locator("dl.facts")).to_contain_text("示例甲充运营公司")
    await expect(page.locator(".badge.bad")).to_have_count(0)
    await page.goto(f"/sites/{wanted['id']}")
    await expect(page.locator("dl.facts")).to_contain_text("示例甲充运营公司")


async def test_an_operator_hands_a_site_over_and_takes_that_back(
    visitor: Visitor, api: Api, own_stations: list[str]
) -> None:
    site = own_stations[0].rpartition("-")[0]
    visitor.expected = ["status of 422"]
    page = await visitor.come(OPERATOR)
    await page.goto(f"/registry/sites/{site}")
    await page.get_by_role("link", name="发起管理交接").click()
    receiver = page.locator("[name=organisation_id]")
    await receiver.fill("nobody of this name")
    await page.get_by_label("依据文号").fill("合同 7")
    await page.get_by_role("button", name="发起交接").click()
    await expect(page.get_by_role("alert")).to_contain_text("没有这个单位")
    await expect(page.get_by_label("依据文号")).to_have_value("合同 7")
    await receiver.fill("示例乙电")
    fits = page.locator("#fits option")
    await expect(fits).to_have_count(1)
    await receiver.fill(str(await fits.get_attribute("value")))
    await page.get_by_role("button", name="发起交接").click()
    await expect(page.locator(".badge").first).to_have_text("等待答复")
    await expect(page.locator("dl.facts")).to_contain_text("合同 7")
    await expect(page.get_by_role("button", name="接受并接管")).to_have_count(0)
    await page.get_by_text("撤回交接").click()
    await page.get_by_label("撤回理由").fill("谈不拢")
    await page.get_by_role("button", name="撤回", exact=True).click()
    await expect(page.locator(".badge").first).to_have_text("已撤回")
    (ended,) = await api.items("/api/registry/handovers", site=site)
    assert (ended["state"], ended["answer"]) == ("withdrawn", "谈不拢")


async def test_a_regulator_settles_from_the_list_of_unmanaged_sites(visitor: Visitor, api: Api) -> None:
    wanted = (await api.items("/api/registry/unmanaged"))[0]
    page = await visitor.come(REGULATOR)
    await page.goto("/registry/unmanaged")
    await page.locator("#findings a.row", has_text=wanted["site_name"]).first.click()
    await page.wait_for_url(f"**/registry/sites/{wanted['site_id']}/settle")
    form = page.locator("#order")
    await form.locator("[name=organisation_id]").fill("示例乙电运营公司")
    await form.get_by_label("文号").fill("宁发改〔2026〕9号")
    await form.get_by_label("理由").fill("无人管理")
    await form.get_by_role("button", name="指定").click()
    await expect(page.locator("dl.facts").first).to_contain_text("示例乙电运营公司")
    (settled,) = await api.items("/api/registry/unmanaged", settled="true", site=wanted["site_id"])
    assert settled["settled_because"] == "managed"


async def managed_by(api: Api, organisation: str, *, really: bool) -> str:
    """Return a site of the sample that the organisation manages, or one that it does not."""
    sites = await api.items("/api/registry/sites", unmanaged="false", limit="1000")
    for site in (site for site in sites if site["id"].startswith("NH")):  # others' tests file some as well
        duties = await api.items(f"/api/registry/sites/{site['id']}/responsibilities")
        managers = [duty["organisation"]["id"] for duty in duties if duty["role"] == "manager"]
        if (organisation in managers) == really:
            return str(site["id"])
    raise AssertionError(organisation)


async def test_an_operator_sees_the_own_tasks_and_no_others(visitor: Visitor, chargers: Chargers, api: Api) -> None:
    visitor.expected = ["status of 404"]
    page = await visitor.come(OPERATOR)
    token = next(cookie["value"] for cookie in await page.context.cookies() if cookie.get("name") == SESSION_COOKIE)
    organisation = jwt.decode(token, options={"verify_signature": False})["org"]
    own, other = [await managed_by(api, organisation, really=really) for really in (True, False)]
    for site in (own, other):
        await (await chargers.connect(f"{site}-001")).status("Faulted")

    async def opened() -> list[dict[str, Any]] | None:
        tasks = await api.items("/api/inspection/tasks", status="open", limit="1000")
        return tasks if {own, other} <= {task["site_id"] for task in tasks} else None

    tasks = await eventually(opened)
    await page.goto("/tasks")
    await expect(page.locator("#tasks")).to_contain_text(f"{own}-001")
    shown = await page.locator("#tasks a.row").evaluate_all("(rows) => rows.map((row) => row.id)")
    assert set(shown) == {f"task-{task['id']}" for task in tasks if task["assignee_id"] == organisation}
    foreign = next(task["id"] for task in tasks if task["site_id"] == other)
    await page.goto(f"/tasks/{foreign}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("没有找到这个页面")


async def test_a_reviewer_reads_tasks_and_may_not_move_them(visitor: Visitor, ids: dict[str, str]) -> None:
    page = await visitor.come(REVIEWER)
    await page.goto("/tasks")
    await expect(page.locator("#tasks a.row").first).to_be_visible()
    await page.goto(f"/tasks/{ids['task']}")
    await expect(page.locator("ol.timeline li")).not_to_have_count(0)
    await expect(page.locator("#task button")).to_have_count(0)
