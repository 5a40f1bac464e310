"""From a suite that knows nobody to a station that connects: the first people, organisation and site, each with a browser."""

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import websockets
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.filings import NEEDED, PAPER
from tests.browser.test_filing import upload
from tests.suite import COMMAND, ROOT, Suite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "county-of-eighteen"
SITE = {
    "场站名称": "第一场站", "地址": "示例路1号", "经度": "121.43", "纬度": "29.29", "联系人": "王", "联系电话": "400-1",
    "管理起始日": "2026-01-01",
}  # fmt: skip


@pytest.fixture(scope="module")
def bare(browser_path: str) -> Iterator[Suite]:
    """A suite without the sample: it has one regulator and one township."""
    with tempfile.TemporaryDirectory(prefix="yg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        suite = Suite(Path(folder) / "data", "--workers=1")
        suite.start()
        towns = Path(folder) / "towns.csv"
        towns.write_text("code,name\n330226001,跃龙街道\n")
        for command, typed in (
            (("person", "add", "li", "--role", "regulator"), f"{PASSWORD}\n{PASSWORD}\n"),
            (("divisions", "import", str(towns)), ""),
        ):
            arguments = [*COMMAND, *command, f"--data={suite.data}"]
            done = subprocess.run(arguments, input=typed, text=True, capture_output=True, cwd=ROOT, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        yield suite
        assert suite.stop() == 0, suite.output()


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(browser: Browser, bare: Suite) -> AsyncIterator[Visitor]:
    visitor = Visitor(browser, f"http://127.0.0.1:{bare.ports()['http']}", {})
    yield visitor
    await visitor.leave()
    assert visitor.faults == []


async def test_from_nobody_to_a_station_that_connects(newcomer: Visitor, bare: Suite, tmp_path: Path) -> None:
    paper = tmp_path / "材料.pdf"
    paper.write_bytes(PAPER)
    regulator, operator = await newcomer.come(), await newcomer.come()
    await regulator.goto("/login")
    await log_in(regulator, "li")
    await operator.goto(await the_first_operator(regulator))
    await operator.get_by_label("新密码").fill(PASSWORD)
    await operator.get_by_role("button", name="设置密码").click()
    await log_in(operator, "wang")
    filing = await filed(operator, paper)
    await regulator.get_by_role("link", name="备案", exact=True).click()
    await regulator.locator("a.row", has_text="第一场站").click()
    await regulator.get_by_role("button", name="准予备案").click()
    await expect(regulator.locator("main .badge").first).to_have_text("已备案")
    await operator.goto(filing)
    await operator.get_by_text("投入运营", exact=True).first.click()
    await operator.get_by_role("button", name="投入运营").click()
    await expect(operator.locator("main .badge").first).to_have_text("运营中")

    await regulator.get_by_role("link", name="充电桩密钥").click()
    await regulator.locator("a.row", has_text="FIRST-1").click()
    await regulator.get_by_label("理由和文号").first.fill("备案")
    await regulator.get_by_role("button", name="签发").click()
    key = await regulator.locator("#key").inner_text()
    address = await regulator.locator("dl code").first.inner_text()
    assert address == f"ws://127.0.0.1:{bare.ports()['ocpp']}/ocpp/FIRST-1"
    with pytest.raises(websockets.InvalidStatus):
        await connected(address, "not the key")
    await connected(address, key)
    driver = await newcomer.come()
    await driver.goto("/stations/FIRST-1")
    await expect(driver.locator("#guns")).to_contain_text("空闲")
    await operator.get_by_role("link", name="工单").click()
    await expect(operator.locator("#grace")).to_contain_text("第一场站")


async def log_in(page: Page, username: str) -> None:
    await page.get_by_label("用户名").fill(username)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="登录").click()
    await expect(page.get_by_role("button", name="退出")).to_be_visible()


async def the_first_operator(regulator: Page) -> str:
    """Follow the first steps of the dashboard to an organisation with its administrator; return the link for his password."""
    await regulator.locator("#begin").get_by_role("link", name="登记单位").click()
    await regulator.get_by_text("新增单位").click()
    form = regulator.locator("form", has=regulator.get_by_label("名称（与营业执照一致）"))
    await form.get_by_label("编号", exact=True).fill("star")
    await form.get_by_label("名称（与营业执照一致）").fill("星星充电运营有限公司")
    await form.get_by_label("理由和文号").fill("营业执照")
    await form.get_by_role("button", name="保存").click()
    await expect(regulator.locator("h1")).to_have_text("星星充电运营有限公司")
    await regulator.goto("/dashboard")
    await regulator.locator("#begin").get_by_role("link", name="新增人员").click()
    await regulator.get_by_label("用户名").fill("wang")
    await regulator.get_by_label("姓名").fill("王")
    await regulator.get_by_role("checkbox", name="运营商人员").check()
    await regulator.locator("[name=organisation_id]").fill("星星充电运营有限公司")
    await regulator.get_by_label("单位管理员").check()
    await regulator.get_by_label("理由和文号").fill("授权书")
    await regulator.get_by_role("button", name="保存").click()
    return await regulator.locator("#link").inner_text()


async def filed(operator: Page, paper: Path) -> str:
    """File the first site with all its papers; return the address of its page."""
    await operator.get_by_role("link", name="备案", exact=True).click()
    await operator.get_by_role("link", name="新建备案").click()
    await operator.get_by_role("button", name="开始填写").click()
    for label, value in SITE.items():
        await operator.get_by_label(label, exact=True).fill(value)
    await operator.get_by_label("所属镇街").select_option("330226001")
    for party in ("建设单位", "产权单位"):
        await operator.get_by_label(party).fill("星星充电运营有限公司")
    await expect(operator.get_by_label("运营管理单位")).to_have_value(re.compile("星星充电运营有限公司"))
    await operator.get_by_label("桩编号 1").fill("FIRST-1")
    await operator.get_by_label("功率 kW 1").fill("120")
    await operator.get_by_role("button", name="保存草稿").click()
    await operator.get_by_role("link", name="上传材料").click()
    for code in NEEDED:
        await upload(operator, code, paper)
    await operator.get_by_role("button", name="提交", exact=True).click()
    await expect(operator.locator("main .badge").first).to_have_text("待审核")
    return operator.url


async def connected(address: str, key: str) -> None:
    """Connect as a station does that has been given an address and a key, and say that a connector is free."""
    shown = {"Authorization": f"Basic {base64.b64encode(f'FIRST-1:{key}'.encode()).decode()}"}
    protocols = [websockets.Subprotocol("ocpp1.6")]
    async with websockets.connect(address, subprotocols=protocols, additional_headers=shown, proxy=None) as socket:
        boot = {"chargePointVendor": "Test", "chargePointModel": "T"}
        free = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        for number, call in enumerate((("BootNotification", boot), ("StatusNotification", free))):
            await socket.send(json.dumps([2, str(number), *call]))
            answer = json.loads(await socket.recv())
            assert answer[:2] == [3, str(number)], answer
