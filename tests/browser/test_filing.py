"""An operator files a site and a regulator decides, each with a browser."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.filings import NEEDED, PAPER, PLACE
from tests.browser.pages import OPERATOR, REGULATOR
from tests.suite import Api

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

LABELS = {
    "name": "场站名称", "address": "地址", "longitude": "经度", "latitude": "纬度", "contact_name": "联系人",
    "contact_phone": "联系电话", "managed_from": "管理起始日",
}  # fmt: skip
PROMISED = "insurance"


async def upload(page: Page, code: str, file: Path) -> None:
    form = page.locator("form[enctype]")
    await form.get_by_label("材料类型").select_option(code)
    await form.get_by_label("文号或编号").fill(f"{code}-1")
    await form.get_by_label("有效期至").fill("2099-12-31")
    await form.get_by_label("文件（PDF 或照片）").set_input_files(file)
    await form.get_by_role("button", name="上传").click()
    await expect(page.locator("#documents + ul")).to_contain_text(f"{code}-1")


async def test_a_site_is_filed_completed_accepted_and_rated(
    visitor: Visitor, api: Api, filed: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "验收.pdf"
    file.write_bytes(PAPER)
    operator = await visitor.come(OPERATOR)
    await operator.goto("/registry/filings")
    await operator.get_by_role("link", name="新建备案").click()
    await operator.get_by_role("button", name="开始填写").click()
    await expect(operator.get_by_role("status")).to_contain_text("需要填写或更正")
    for name, label in LABELS.items():
        await operator.get_by_label(label, exact=True).fill({**PLACE, "name": "浏览器测试充电站"}[name])
    await operator.get_by_label("所属镇街").select_option(PLACE["division_code"])
    await operator.get_by_label("建设单位").press_sequentially(PLACE["builder"])
    suggested = operator.locator("#fits-builder option")
    await expect(suggested).to_have_count(1)  # they follow what is typed
    await operator.get_by_label("建设单位").fill(await suggested.get_attribute("value") or "")
    await operator.get_by_label("桩编号 1").fill("BROWSER-1")
    await operator.get_by_label("功率 kW 1").fill("viel")
    await operator.get_by_role("button", name="保存草稿").click()
    await expect(operator.get_by_text("不是数字")).to_be_visible()
    await expect(operator.get_by_label("功率 kW 1")).to_have_value("viel")
    await operator.get_by_label("功率 kW 1").fill("120")
    await operator.get_by_label("产权单位").fill(PLACE["owner"])
    await operator.get_by_label("承诺补交日期: 安全责任保险").fill(await soon(api, filed["filing"]))
    await operator.get_by_label("告知承诺：").check()
    await operator.get_by_role("button", name="保存草稿").click()
    await operator.get_by_role("link", name="上传材料").click()
    for code in NEEDED:
        if code != PROMISED:
            await upload(operator, code, file)
    await operator.get_by_role("link", name="填写").click()
    await expect(operator.get_by_role("status")).to_contain_text("内容齐全")
    await operator.get_by_role("button", name="保存并提交").click()
    await expect(operator.locator("main .badge").first).to_have_text("待审核")
    address = operator.url

    regulator = await visitor.come(REGULATOR)
    await regulator.goto("/registry/filings")
    await regulator.locator("a.row", has_text="浏览器测试充电站").click()
    assert regulator.url == address
    async with regulator.expect_download() as download:
        await regulator.get_by_role("link", name="验收.pdf").first.click()
    assert (await (await download.value).path()).read_bytes() == PAPER
    await regulator.get_by_text("要求补正", exact=True).first.click()
    await regulator.get_by_label("场地或车位使用同意书").check()
    await regulator.get_by_label("需要补正的内容，一次告知").fill("同意书未盖章")
    await regulator.get_by_role("button", name="要求补正").click()
    await expect(regulator.locator("main .badge").first).to_have_text("待补正")

    await operator.reload()
    await expect(operator.get_by_role("note").last).to_contain_text("同意书未盖章")
    await upload(operator, "land_consent", file)
    await operator.get_by_role("button", name="提交").click()
    await expect(operator.locator("main .badge").first).to_have_text("待审核")
    await regulator.reload()
    await regulator.get_by_role("button", name="准予备案").click()
    await expect(regulator.locator("main .badge").first).to_have_text("已备案")
    await regulator.get_by_role("link", name="责任台账").click()
    await expect(regulator.locator("h1")).to_contain_text("浏览器测试充电站")

    await operator.reload()
    await expect(operator.locator("h1 + p")).to_contain_text("包容期至")
    await expect(operator.get_by_text("承诺补交", exact=True)).to_be_visible()
    await operator.get_by_label("满意程度").select_option("非常满意")
    await operator.get_by_role("button", name="提交评价").click()
    await expect(operator.locator("dl.facts")).to_contain_text("非常满意")
    await operator.goto("/registry/filing-indicators")
    await expect(operator.locator(".cards")).to_contain_text("好评率 · 1 / 1")


async def soon(api: Api, waiting: str) -> str:
    """Return a day for which a paper may be promised: that by which another filing is to be decided."""
    filing = await api.get(f"/api/registry/filings/{waiting}")
    return str(filing["decision_due_on"])
