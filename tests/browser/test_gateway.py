"""The gateway in the browser: what a station says is seen at once, and what it is told, and what is refused."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import websockets
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import Page, expect

from tests.browser.conftest import Chargers, Visitor, within_bounds_of_operator
from tests.browser.pages import INSPECTOR, OPERATOR, REGULATOR
from tests.suite import Api, Charger, Suite, eventually, request_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@asynccontextmanager
async def obeying(
    charger: Charger, status: str = "Accepted", saying: dict[str, Any] | None = None
) -> AsyncIterator[list[Any]]:
    """Let a charger accept whatever it is told within the block; the calls that came are in the list.

    `saying`: of what it then sends a StatusNotification.
    """
    told: list[Any] = []

    async def obey() -> None:
        assert charger.socket is not None
        with suppress(websockets.ConnectionClosed):
            async for text in charger.socket:
                kind, message_id, *rest = json.loads(text)
                if kind == 2:  # a call
                    told.append(rest)
                    await charger.socket.send(json.dumps([3, message_id, {"status": status}]))
                    if saying is not None:
                        await charger.socket.send(json.dumps([2, f"says-{len(told)}", "StatusNotification", saying]))

    task = asyncio.create_task(obey())
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_list_of_stations_keeps_itself_up_to_date_and_goes_on(visitor: Visitor) -> None:
    page = await visitor.come(REGULATOR)
    async with page.expect_response(lambda answer: "connected=" in answer.url) as refreshed:
        await page.goto("/gateway/stations")
    assert (await refreshed.value).status == 200
    await page.get_by_role("link", name="更多", exact=True).click()
    await expect(page.locator("#stations a.row")).to_have_count(50)


async def test_frames_appear_as_they_come_and_stay_unfolded(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0040-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/stations?q=NH0040-001")
    await page.locator("#stations a.row").click()
    await expect(page.locator("dl.facts")).to_contain_text("OCPP 1.6")
    await page.get_by_role("link", name="报文", exact=True).click()
    frames = page.locator("#frames li")
    await expect(frames.filter(has_text="BootNotification")).to_have_count(1)
    await page.evaluate("window.wasHereBefore = true")
    boot = frames.filter(has_text="BootNotification").locator("details")
    await boot.locator("summary").click()
    await expect(boot.locator("pre")).to_contain_text('"chargePointVendor": "Test"')
    await charger.status("Faulted", error="GroundFailure")
    await expect(frames.first).to_contain_text("StatusNotification")
    await expect(frames.first.locator("pre")).to_contain_text("GroundFailure")
    await expect(boot).to_have_attribute("open", "")
    assert await page.evaluate("window.wasHereBefore")


async def test_paused_frames_stand_still(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0041-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/stations/NH0041-001/frames")
    await page.get_by_role("link", name="暂停").click()
    await expect(page.locator("#frames")).not_to_have_attribute("hx-trigger", "every 1s")
    before = await page.locator("#frames li").count()
    await charger.say("Heartbeat", {})
    await page.get_by_role("link", name="回到实时").click()
    await expect(page.locator("#frames li")).to_have_count(before + 1)


async def test_an_operator_sees_the_state_of_an_own_station_at_once(
    visitor: Visitor, chargers: Chargers, own_stations: list[str]
) -> None:
    charger = await chargers.connect(own_stations[1])
    page = await visitor.come(OPERATOR)
    await page.goto(f"/gateway/stations/{own_stations[1]}")
    await expect(page.locator("#state .badge").first).to_have_text("在线")
    await charger.status("Faulted", error="GroundFailure")
    await expect(page.locator("#state")).to_contain_text("GroundFailure")
    await charger.close()
    await expect(page.locator("#state")).to_contain_text("未连接")


async def test_an_operator_sees_no_station_of_others(
    visitor: Visitor, api: Api, suite: Suite, ids: dict[str, str]
) -> None:
    visitor.expected = ["status of 404"]
    own_stations = await within_bounds_of_operator(suite)
    every = await api.items("/api/gateway/stations", limit="1000")
    other = next(station["id"] for station in every if station["id"] not in own_stations)
    page = await visitor.come(OPERATOR)
    await page.goto("/gateway/stations")
    shown = await page.locator("#stations a.row").evaluate_all("(rows) => rows.map((row) => row.id)")
    assert shown
    assert set(shown) <= {f"station-{station}" for station in own_stations}
    answer = await page.goto(f"/gateway/stations/{other}")
    assert answer is not None
    assert answer.status == 404
    await page.goto(f"/sites/{ids['unmanaged']}")
    await expect(page.locator("#stations li a[href^='/gateway']")).to_have_count(0)


async def test_a_probe_is_sent_and_its_answer_seen(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0043-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/stations/NH0043-001/commands")
    async with obeying(charger) as told:
        await page.get_by_label("做什么").select_option("probe")
        await page.get_by_label("哪一支枪").select_option("1")
        await page.locator("#send").click()
        command = page.locator("#live li", has_text="TriggerMessage").first
        await expect(command).to_contain_text("已应答")
        await expect(command).to_contain_text("Accepted")
    assert told == [["TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}]]


async def send_any(page: Page, action: str, payload: str, reason: str = "") -> None:
    if await page.locator("#any").get_attribute("open") is None:
        await page.locator("#any > summary").click()
    form = page.locator("#any form")
    await form.get_by_label("指令名").select_option(action)
    await form.get_by_label("内容（JSON）").fill(payload)
    await form.get_by_label("理由和文号").fill(reason)
    await form.get_by_role("button", name="发出").click()


async def test_a_wrong_payload_is_refused_by_member_and_given_back(visitor: Visitor, chargers: Chargers) -> None:
    visitor.expected = ["status of 422"]
    await chargers.connect("NH0044-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/stations/NH0044-001/commands")
    wrong = '{"requestedMessage": "StatusNotification", "connectorId": "one"}'
    await send_any(page, "TriggerMessage", wrong)
    await expect(page.locator("#wrong code")).to_have_text("payload.connectorId")
    await expect(page.get_by_label("内容（JSON）")).to_have_value(wrong)
    await send_any(page, "TriggerMessage", '{"requestedMessage": ')
    await expect(page.locator("#wrong li")).to_contain_text("第 1 行第")
    await expect(page.locator("#live")).to_contain_text("还没有下达过指令")


async def test_a_reset_needs_a_reason_and_a_second_word(visitor: Visitor, chargers: Chargers) -> None:
    visitor.expected = ["status of 422"]
    charger = await chargers.connect("NH0045-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/stations/NH0045-001/commands")
    form = page.locator("form[action*='/usual']")  # which says where it came from once it came back
    await form.get_by_label("做什么").select_option("soft_reset")
    await page.locator("#send").click()
    await expect(page.locator("#wrong code")).to_have_text("reason")
    await form.get_by_label("理由和文号").fill("宁发改〔2026〕7号")
    await page.locator("#send").click()
    await expect(page.locator("#wrong code")).to_have_text("confirmed")
    await form.get_by_label("我确认").check()
    async with obeying(charger) as told:
        await page.locator("#send").click()
        await expect(page.locator("#live li", has_text="Reset").first).to_contain_text("已应答")
    assert told == [["Reset", {"type": "Soft"}]]
    await expect(page.locator("#live li", has_text="Reset").first).to_contain_text("宁发改〔2026〕7号")


async def test_an_inspector_looks_and_may_not_touch(visitor: Visitor, chargers: Chargers) -> None:
    visitor.expected = ["status of 403"]
    charger = await chargers.connect("NH0046-001")
    page = await visitor.come(INSPECTOR)
    await page.goto("/gateway/stations/NH0046-001/commands")
    acts = await page.locator("#act option").evaluate_all("(options) => options.map((one) => one.value)")
    assert acts == ["probe", "report", "diagnostics", "security_log"]
    actions = await page.locator("#any option").evaluate_all("(options) => options.map((one) => one.value)")
    assert "TriggerMessage" in actions
    assert "Reset" not in actions
    await expect(page.get_by_role("link", name="报文", exact=True)).to_have_count(0)
    async with obeying(charger) as told:
        # Who writes the form anew gets no further.
        await page.locator("#act").evaluate("(act) => act.add(new Option('reset', 'soft_reset', true, true))")
        await page.get_by_label("理由和文号").first.fill("试一试")
        await page.locator("form[action$='/usual']").evaluate(
            "(form) => form.append(Object.assign(document.createElement('input'), { name: 'confirmed', value: 'true' }))"
        )
        await page.locator("#send").click()
        await expect(page.locator("#wrong")).to_contain_text("只有监管人员可以下发")
        assert told == []
    answer = await page.goto("/gateway/stations/NH0046-001/frames")
    assert answer is not None
    assert answer.status == 403


@pytest.mark.parametrize("account", [INSPECTOR, OPERATOR])
async def test_health_is_the_regulators(visitor: Visitor, account: str) -> None:
    visitor.expected = ["status of 403"]
    page = await visitor.come(account)
    await page.goto("/gateway/stations")
    for path in ("/gateway/health", "/gateway/refused-input", "/gateway/certificates", "/gateway/firmware"):
        await expect(page.locator(f"a[href='{path}']")).to_have_count(0)
    for path in ("/gateway/health", "/gateway/refused-input", "/gateway/certificates", "/gateway/firmware"):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 403


async def test_an_operator_sees_no_id_token(visitor: Visitor, chargers: Chargers, own_stations: list[str]) -> None:
    charger = await chargers.connect(own_stations[2])
    start = {"connectorId": 1, "idTag": "DEMO", "meterStart": 0, "timestamp": "2026-11-24T12:00:00Z"}
    answer = await charger.say("StartTransaction", start)
    for account, seen in ((REGULATOR, 1), (OPERATOR, 0)):
        page = await visitor.come(account)
        await page.goto(f"/gateway/stations/{own_stations[2]}/transactions")
        row = page.locator("#transactions li", has_text=str(answer[2]["transactionId"]))
        await expect(row).to_contain_text("进行中")
        await expect(row.filter(has_text="DEMO")).to_have_count(seen)


async def test_what_is_refused_is_shown_with_its_reason_and_its_frame(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0048-001")
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/health")
    await expect(page.locator("#connections b")).not_to_have_text("0")
    said = {"connectorId": 1, "status": "Available", "errorCode": "NoSuchCode"}
    assert (await charger.say("StatusNotification", said))[0] == 4
    row = page.locator("#health li", has_text="NH0048-001").filter(has=page.locator("summary"))
    await expect(row.first).to_contain_text("字段的值不合规定")
    await expect(row.first).to_contain_text("errorCode")
    await row.first.locator("summary").click()
    await expect(row.first.locator("pre")).to_contain_text("NoSuchCode")
    await row.first.locator("a").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("NH0048-001")


async def test_a_certificate_request_is_rejected_with_a_reason(visitor: Visitor, chargers: Chargers) -> None:
    charger = await chargers.connect("NH0049-001")
    await charger.say("SignCertificate", {"csr": request_of(ec.generate_private_key(ec.SECP256R1()), "NH0049-001")})
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/certificates")
    row = page.locator("li", has_text="NH0049-001")
    await row.get_by_label("理由和文号").fill("不是本县的桩")
    await row.get_by_role("button", name="拒绝").click()
    await expect(row).to_have_count(0)
    await page.goto("/gateway/certificates?state=rejected")
    await expect(row).to_contain_text("不是本县的桩")


async def test_an_order_that_cannot_be_told_is_set_aside_with_a_reason(
    visitor: Visitor, chargers: Chargers, api: Api
) -> None:
    """The province is away, the charge's begin was never told; what its page counts leads to it."""
    secrets = dict.fromkeys(("operator_secret", "data_secret", "data_secret_iv", "sig_secret"), "1234567890abcdef")
    province = {
        "name": "省平台", "role": "province", "profile": "zhejiang", "inbound": secrets, "outbound": secrets, "reason": "接入",
        "address": "http://127.0.0.1:9", "our_operator_id": "395815801",
    }  # fmt: skip
    address = "/api/gateway/platforms/313744932"
    (await api.client.put(address, json=province)).raise_for_status()
    (station,) = await api.items("/api/registry/stations", platform="395815801", limit="1")
    charger = await chargers.connect(str(station["id"]))
    stop = {"transactionId": 987654, "meterStop": 100, "timestamp": "2026-11-24T12:00:00Z"}
    assert (await charger.say("StopTransaction", stop))[0] == 3

    async def withheld() -> bool:
        return bool((await api.get(address))["queue"]["withheld"])

    await eventually(withheld)
    page = await visitor.come(REGULATOR)
    await page.goto("/gateway/platforms/313744932")
    await page.locator("#withheld-all").click()
    row = page.locator("#reports li", has_text="987654")
    await row.get_by_label("选取").check()
    await page.get_by_label("理由和文号").fill("桩端丢失，宁发改〔2026〕8号")
    await page.get_by_role("button", name="搁置选取的订单").click()
    await expect(page).to_have_url(re.compile("state=set_aside$"))
    await expect(row).to_contain_text("已搁置")
    assert not await withheld()
    (await api.client.put(address, json={**province, "enabled": False})).raise_for_status()
