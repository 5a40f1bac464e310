"""A real browser on a real suite: one of each for all browser tests."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import websockets
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, StorageState, ViewportSize, expect

from tests.browser import filings
from tests.browser.chromium import NO_BROWSER, chromium, executable
from tests.browser.pages import INSPECTOR, OPERATOR
from tests.suite import ROOT, Api, Charger, Suite, copy_data, eventually, request_of, timestamp
from youguan.clock import COUNTY

# Longer than anything should take, so that a busy machine fails no test.
PATIENCE_MS = 20_000
DESKTOP = ViewportSize(width=1280, height=800)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Where the browser is; without one these tests are skipped, and say so."""
    path = executable()
    if path is None:
        pytest.skip(NO_BROWSER)
    expect.set_options(timeout=PATIENCE_MS)
    return path


@pytest.fixture(scope="session")
def suite(browser_path: str, sample: Path) -> Iterator[Suite]:
    """A county without a fleet: the tests' own chargers are the only ones that speak."""
    with tempfile.TemporaryDirectory(prefix="yg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        data = Path(folder) / "data"
        copy_data(sample, data)
        suite = Suite(data, "--demo", "--stations=0", "--workers=2", YOUGUAN_HOLDING_TIME_S="1")
        suite.start()
        yield suite
        assert suite.stop() == 0, suite.output()


@pytest.fixture(scope="session")
def address(suite: Suite) -> str:
    return f"http://127.0.0.1:{suite.ports()['http']}"


@pytest.fixture(scope="session")
def ocpp(suite: Suite) -> int:
    return suite.ports()["ocpp"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_path: str) -> AsyncIterator[Browser]:
    async with chromium(browser_path) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(suite: Suite) -> AsyncIterator[Api]:
    """The suite over HTTP, as the regulator."""
    api = Api(suite.ports()["http"])
    await api.log_in()
    yield api
    await api.client.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_stations(suite: Suite) -> list[str]:
    """Ids of the sample county's stations within the operator's bounds."""
    return await within_bounds_of_operator(suite)


async def within_bounds_of_operator(suite: Suite) -> list[str]:
    """Return the stations of which the operator is told more than everybody knows, those filed since included."""
    operator = Api(suite.ports()["http"])
    await operator.log_in(OPERATOR)
    rows = await operator.items("/api/gateway/stations", limit="1000")
    await operator.client.aclose()
    return [row["id"] for row in rows if "firmware_version" in row]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_organisation(suite: Suite) -> str:
    """The operator's own organisation: the one whose file is told."""
    operator = Api(suite.ports()["http"])
    await operator.log_in(OPERATOR)
    rows = await operator.items("/api/registry/organisations", limit="1000")
    await operator.client.aclose()
    return next(str(row["id"]) for row in rows if "uscc" in row)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def filed(suite: Suite, own_stations: list[str]) -> AsyncIterator[dict[str, str]]:
    """Ids of the operator's filings: a draft of a site that is there, and one that waits for its decision."""
    operator = Api(suite.ports()["http"])
    await operator.log_in(OPERATOR)
    there = own_stations[len(own_stations) // 2].rpartition("-")[0]
    draft = await filings.begin(operator, "草稿充电站", "DRAFT-1", there)
    filing = await filings.submit(operator, "待审核充电站", "WAITING-1")
    yield {"draft": draft["id"], "filing": filing["id"]}
    await operator.client.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ids(
    suite: Suite, api: Api, ocpp: int, own_stations: list[str], own_organisation: str, filed: dict[str, str]
) -> AsyncIterator[dict[str, str]]:
    """Ids for the addresses in `pages.PAGES`."""
    site = (await api.items("/api/registry/sites", unmanaged="false", limit="1"))[0]["id"]
    unmanaged = (await api.items("/api/registry/sites", unmanaged="true"))[-1]["id"]
    task = (await api.items("/api/inspection/tasks", cause="unmanaged_site", site=unmanaged))[0]["id"]
    station = str((await api.items("/api/registry/stations", managed="true", limit="1"))[0]["id"])
    line = str((await api.items(f"/api/registry/sites/{site}/responsibilities"))[0]["id"])
    charger = await talkative(ocpp, station)
    found = {"site": site, "unmanaged": unmanaged, "task": task, "station": station, "own": own_stations[0]}
    found["transaction"] = (await api.items(f"/api/gateway/stations/{station}/transactions"))[0]["transaction_id"]
    found["site_of_own"] = own_stations[0].rpartition("-")[0]
    handover = await proposed(suite, own_stations[-1].rpartition("-")[0])
    case = await ordered_case(suite, found["site"])
    reported = await publicly_reported(api, own_stations[0])
    brought = await imported(api, site)
    checked = await inspected(suite, api, found["site"])
    passed_on = await relayed(suite, api, own_stations)
    decided = await decisions(api)
    yield {
        **filed, **found, **brought, **reported, "line": line, "organisation": own_organisation, "case": case, **handover,
        **passed_on, **checked, **decided,
    }  # fmt: skip
    await charger.close()


async def decisions(api: Api) -> dict[str, str]:
    """Return of the sample's decisions one that waits to be read and one that everybody sees, and a review of files."""
    waiting = (await api.items("/api/inspection/publications", state="to_check"))[0]["id"]
    shown = (await api.items("/api/inspection/penalties"))[0]["id"]
    review = (await api.items("/api/inspection/file-reviews"))[0]["id"]
    file = (await api.get(f"/api/inspection/file-reviews/{review}"))["files"][0]["case_id"]
    return {"publication": waiting, "penalty": shown, "review": review, "reviewed": file}


async def inspected(suite: Suite, api: Api, site: str) -> dict[str, str]:
    """Return a plan that is drawn, and a visit under way at a site, with its code."""
    today = datetime.now(COUNTY).date()
    plan = {
        "kind": "random", "title": "双随机抽查", "departments": ["bureau"], "starts_on": str(today), "count": 2,
        "ends_on": str(today + timedelta(days=30)), "reason": "年度计划",
    }  # fmt: skip
    made = (await api.client.post("/api/inspection/plans", json=plan)).raise_for_status().json()["id"]
    (await api.client.post(f"/api/inspection/plans/{made}/draw")).raise_for_status()
    officer = Api(suite.ports()["http"])
    await officer.log_in(INSPECTOR)
    wish = {
        "site_id": site, "departments": ["fire", "bureau"], "second_officer": "demo-inspector-2", "reason": "投诉",
        "planned_for": str(today + timedelta(days=1)),
    }  # fmt: skip
    visit = (await officer.client.post("/api/inspection/visits", json=wish)).raise_for_status().json()
    address = f"/api/inspection/visits/{visit['id']}"
    (await officer.client.post(f"{address}/commands/begin", json={})).raise_for_status()
    result = {"place": 1, "result": "failed", "key": "browser-0001", "note": "灭火器过期"}
    (await officer.client.post(f"{address}/results", json=result)).raise_for_status()
    await officer.client.aclose()
    return {"plan": made, "visit": visit["id"], "code": visit["code"]}


async def imported(api: Api, site_id: str) -> dict[str, str]:
    """Return a file that waits for its decision, a site that was filed twice, and a station that went with a third."""
    site = await api.get(f"/api/registry/sites/{site_id}")
    place = f"{site['longitude']},{site['latitude']}"
    twice = f"id,name,lng,lat\nTWICE,{site['name']},{place}\nTHRICE,{site['name']},{place}\n"
    waiting = f"id,name,lng,lat,help_phone\n{site_id},,{place},400-1\nNEW,新站,121.4,29.3,\nBAD,坏站,east,29.3,\n"
    found = []
    for text in (twice, waiting):
        sent = await api.client.post("/api/registry/imports", files={"file": ("场站.csv", text.encode())})
        found.append(sent.raise_for_status().json())
    path = f"/api/registry/imports/{found[0]['id']}/commit"
    (await api.client.post(path, json={"plan": found[0]["plan"]})).raise_for_status()
    merge = {"keep": "TWICE", "stations": "same", "reason": "重复登记"}
    (await api.client.post("/api/registry/duplicates/THRICE/TWICE/merge", json=merge)).raise_for_status()
    first, second = sorted(("TWICE", site_id))
    return {
        "import": str(found[1]["id"]),
        "imported": str(found[0]["id"]),
        "first": first,
        "second": second,
        "gone": "THRICE",
    }


async def proposed(suite: Suite, site: str) -> dict[str, str]:
    """Return a site that its operator wants to hand over, and the handover."""
    operator = Api(suite.ports()["http"])
    await operator.log_in(OPERATOR)
    duties = await operator.items(f"/api/registry/sites/{site}/responsibilities")
    manager = next(duty["organisation"]["id"] for duty in duties if duty["role"] == "manager")
    to = next(f"manager-{n:02d}" for n in range(5, 13) if manager != f"manager-{n:02d}")
    body = {"to_organisation_id": to, "evidence": {"kind": "contract", "number": "合 1"}}
    made = await operator.client.post(f"/api/registry/sites/{site}/handovers", json=body)
    await operator.client.aclose()
    return {"managed": site, "handover": made.raise_for_status().json()["id"]}


async def ordered_case(suite: Suite, site: str) -> str:
    """Return a case with evidence whose party was ordered to correct."""
    api = Api(suite.ports()["http"])
    await api.log_in(INSPECTOR)
    base = "/api/inspection/cases"
    wish = {
        "item_id": "car-park-unfiled", "party_kind": "organisation", "party_name": "示例公司", "act_on": "2026-01-05",
        "second_officer": "demo-inspector-2", "reason": "现场未见备案", "site_id": site,
    }  # fmt: skip
    case = (await api.client.post(base, json=wish)).raise_for_status().json()["id"]
    text = {"kind": "statement", "title": "当事人的陈述", "text": "尚未备案。"}
    (await api.client.post(f"{base}/{case}/evidence/texts", json=text)).raise_for_status()
    order = {"reason": "限期备案", "on": "2036-01-05"}
    (await api.client.post(f"{base}/{case}/commands/order", json=order)).raise_for_status()
    await api.client.aclose()
    return str(case)


async def publicly_reported(api: Api, station: str) -> dict[str, str]:
    """Return what somebody reported of the operator's station with a photo, and the task that came of it."""
    form = {"matter": "danger", "station_id": station, "text": "枪头冒烟 <b>"}
    photo = (ROOT / "docs/img/public.png").read_bytes()
    sent = await api.client.post("/api/inspection/reports", data=form, files={"photo": ("烟.png", photo, "image/png")})
    (task,) = await api.items("/api/inspection/tasks", origin="public", station=station)
    return {"receipt": str(sent.raise_for_status().json()["receipt"]), "reported": str(task["id"])}


async def relayed(suite: Suite, api: Api, own_stations: list[str]) -> dict[str, str]:
    """Return a site that is passed on to a central system that is away, with something proposed; and one to be passed on."""
    handed_over = own_stations[-1].rpartition("-")[0]
    station = next(each for each in reversed(own_stations) if not each.startswith(handed_over))
    site = station.rpartition("-")[0]
    decided = {"upstream_url": "ws://127.0.0.1:1/csms", "may_send": True, "reason": "文〔2026〕7 号"}
    (await api.client.put(f"/api/registry/sites/{site}/relay", json=decided)).raise_for_status()
    operator = Api(suite.ports()["http"])
    await operator.log_in(OPERATOR)
    wanted = {"upstream_url": "wss://csms.example.com/ocpp", "reason": "平台升级"}
    (await operator.client.post(f"/api/registry/sites/{site}/relay/proposals", json=wanted)).raise_for_status()
    await operator.client.aclose()

    async def away() -> bool:
        with suppress(websockets.InvalidStatus):
            await (await Charger(suite.ports()["ocpp"], station).connect()).close()
        return any(item["state"] == "away" for item in await api.items("/api/gateway/relay"))

    await eventually(away)
    return {"relayed": site, "own_site": own_stations[0].rpartition("-")[0]}


async def talkative(ocpp: int, station: str) -> Charger:
    """Return a charger that stays connected and has given each of its pages something to show."""
    charger = await Charger(ocpp, station).connect()
    await charger.boot()
    await charger.status("Charging")
    start = {"connectorId": 1, "idTag": "DEMO", "meterStart": 0, "timestamp": timestamp()}
    began = await charger.say("StartTransaction", start)
    stop = {"transactionId": began[2]["transactionId"], "meterStop": 5200, "timestamp": timestamp()}
    await charger.say("StopTransaction", stop)
    await charger.say("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoSuchCode"})
    await charger.say("SecurityEventNotification", {"type": "StartupOfTheDevice", "timestamp": timestamp()})
    await charger.say("SignCertificate", {"csr": request_of(ec.generate_private_key(ec.SECP256R1()), station)})
    await charger.status("Available")
    return charger


Logins = dict[str, StorageState]


@pytest.fixture(scope="session")
def logins() -> Logins:
    """The cookies of those who are logged in: a password takes a quarter of a second of processor to check."""
    return {}


class Visitor:
    """Opens pages as somebody, and notes whatever a page should not do."""

    def __init__(self, browser: Browser, address: str, logins: Logins) -> None:
        self._browser = browser
        self._address = address
        self._logins = logins
        self._contexts: list[BrowserContext] = []
        self.faults: list[str] = []
        self.expected: list[str] = []  # parts of console messages that belong to the test

    async def come(self, account: str | None = None, *, anew: bool = False, **options: Any) -> Page:
        """Return an empty page of a new context, logged in as `account`; `anew`, for a test that ends its login."""
        known = None if anew or account is None else self._logins.get(account)
        options = {"viewport": DESKTOP, "locale": "zh-CN", "base_url": self._address, "storage_state": known, **options}
        context = await self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        context.on("request", lambda request: self._asked(request.url))
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        if account and not known:
            done = await context.request.post("/login", form={"username": account, "password": "demo"}, max_redirects=0)
            assert done.status == 303, await done.text()
            if not anew:
                self._logins[account] = await context.storage_state()
        return await context.new_page()

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self._address:
            self.faults.append(f"asked another machine: {url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.faults.append(f"{message.type}: {message.text}")

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, address: str, logins: Logins) -> AsyncIterator[Visitor]:
    """Somebody with a browser; at the end no page may have asked another machine or complained on the console."""
    visitor = Visitor(browser, address, logins)
    yield visitor
    await visitor.leave()
    assert visitor.faults == []


class Chargers:
    """Connects chargers, and leaves each in order."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connected: list[Charger] = []

    async def connect(self, station: str) -> Charger:
        """Return a charger that is accepted and free."""
        charger = await Charger(self._port, station).connect()
        self._connected.append(charger)
        assert await charger.boot() == "Accepted"
        await charger.status("Available")
        return charger

    async def leave(self) -> None:
        for charger in self._connected:
            with suppress(websockets.ConnectionClosed):
                await charger.status("Available")
            await charger.close()


@pytest_asyncio.fixture(loop_scope="session")
async def chargers(ocpp: int) -> AsyncIterator[Chargers]:
    chargers = Chargers(ocpp)
    yield chargers
    await chargers.leave()
