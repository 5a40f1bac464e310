"""Filings over HTTP and on the desk, on a real PostgreSQL: from a draft to a site, and what is owed on it afterwards."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from alerts.engine import Engine
from charger_registry import store as registry
from charger_registry.divisions import store as divisions
from charger_registry.divisions.reading import DivisionDraft
from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.equipment.desk import SiteDesk
from charger_registry.filing import store
from charger_registry.filing.desk import FilingDesk
from charger_registry.filing.machine import Command
from charger_registry.filing.papers import store as paper_store
from charger_registry.filing.papers.desk import PaperDraft
from charger_registry.filing.papers.lapsing import Lapsing
from charger_registry.filing.step import Order
from charger_registry.filing.unsupplied import Unsupplied
from charger_registry.filing.watch import tell_what_ran_out
from charger_registry.imports.confined import ConfinedReader
from charger_registry.imports.desk import ImportDesk
from charger_registry.ledger import store as ledger
from charger_registry.ledger.amendment import Amendment
from charger_registry.ledger.desk import LedgerDesk
from charger_registry.ledger.responsibility import Line
from charger_registry.people.organisations.ceasing import deregister
from charger_registry.people.organisations.desk import OrganisationDesk
from charger_registry.service import compose, judge_what_has_changed
from youguan import audit, bounds
from youguan.auth import EVERYTHING, OPERATOR, REGULATOR, Principal, TokenIssuer, generate_keys
from youguan.clock import ManualClock, county_day
from youguan.database import create_pool
from youguan.documents import Document, Shelf
from youguan.errors import Conflict
from youguan.eventlog import decode, publish
from youguan.events import ConnectorStatusChanged, FilingLapseDue, SiteFiled
from youguan.quota import DOCUMENTS
from youguan.settings import Settings
from youguan.web.application import application
from youguan.working_days import add_working_days, working_days_between

PRIVATE, PUBLIC = generate_keys()
NOW = datetime.now(UTC) + timedelta(hours=1)  # later than whatever the database writes down by its own clock
TODAY = county_day(NOW)
DAY = timedelta(days=1)
TOWN = ("330226001", "跃龙街道", "Yuelong", 121.425, 29.288)
PDF = b"%PDF-1.7 a paper"
STATION = {"id": "NEW-1", "connectors": 2, "power_kw": 120, "current_type": "DC"}
CONTENT = {
    "name": "一号场站", "address": "示例路1号", "division_code": TOWN[0], "longitude": 121.43, "latitude": 29.29,
    "crs": "wgs84", "contact_name": "张三", "contact_phone": "400-000-0000", "builder": "b", "owner": "w", "manager": "m",
    "managed_from": "2020-01-01", "contract_number": "HT-1", "stations": [STATION],
}  # fmt: skip
NEEDED = ("fire_acceptance", "electrical_acceptance", "metering_verification", "insurance", "land_consent")
LASTING = ("metering_verification", "insurance")


def person(role: str, organisation: str | None = None) -> Principal:
    return Principal(f"{role}-{organisation}", role, frozenset({role}), organisation, None, "t", "c", NOW)


class World:
    """The registry over HTTP, with a clock of its own."""

    def __init__(self, pool: asyncpg.Pool, client: httpx.AsyncClient, clock: ManualClock, desk: FilingDesk) -> None:
        self.pool = pool
        self.client = client
        self.clock = clock
        self.desk = desk

    async def ask(
        self, method: str, path: str, *, role: str = OPERATOR, organisation: str = "m", **options: Any
    ) -> httpx.Response:
        token = TokenIssuer(PRIVATE, timedelta(days=3000)).issue(
            subject=f"{role}-{organisation}", name=role, roles=frozenset({role}),
            organisation_id=organisation if role == OPERATOR else None, division=None, now=datetime.now(UTC),
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.request(method, f"/api/registry{path}", headers=headers, **options)

    async def page(self, path: str, division: str | None = None, **form: str) -> httpx.Response:
        """Return a page as a clerk of a division sees it, or what comes of a form."""
        token = TokenIssuer(PRIVATE, timedelta(days=3000)).issue(
            subject="clerk", name="clerk", roles=frozenset({REGULATOR}), organisation_id=None, division=division,
            now=datetime.now(UTC),
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        method = "POST" if form else "GET"
        return await self.client.request(method, f"/registry{path}", headers=headers, data=form or None)

    async def shown(self, path: str, organisation: str = "m") -> str:
        """Return a page as somebody of an organisation sees it."""
        token = TokenIssuer(PRIVATE, timedelta(days=3000)).issue(
            subject="own", name="own", roles=frozenset({OPERATOR}), organisation_id=organisation, division=None,
            now=datetime.now(UTC),
        )  # fmt: skip
        answer = await self.client.get(f"/registry{path}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.text

    async def done(self, *arguments: Any, **options: Any) -> Any:
        answer = await self.ask(*arguments, **options)
        assert answer.is_success, answer.text
        return answer.json()

    async def begin(self, site_id: str | None = None, **changes: Any) -> str:
        """Return a draft that lacks its papers only."""
        filing: dict[str, Any] = await self.done("POST", "/filings", json={"site_id": site_id})
        await self.done("PUT", f"/filings/{filing['id']}", json={**CONTENT, **changes})
        return str(filing["id"])

    async def attach(self, filing_id: str, code: str, **more: Any) -> Any:
        until = {"valid_until": str(TODAY + 200 * DAY)} if code in LASTING else {}
        data = {"type": code, "number": "1", **until, **more}
        return await self.done("POST", f"/filing-documents/{filing_id}", data=data, files={"file": ("纸.pdf", PDF)})

    async def judge(self, filing_id: str, accepted: bool = True, reason: str = "") -> list[str]:
        """Let the authority say something of every paper that waits for it; return of what they are."""
        papers = (await self.done("GET", f"/filings/{filing_id}", role=REGULATOR))["documents"]
        waiting = [paper for paper in papers if paper["standing"] == "waiting" and paper["ended_at"] is None]
        for paper in waiting:
            path = f"/filing-documents/{filing_id}/{paper['id']}/judgement"
            await self.done("POST", path, role=REGULATOR, json={"accepted": accepted, "reason": reason})
        return [paper["type"] for paper in waiting]

    async def whole(self, site_id: str | None = None, **changes: Any) -> str:
        filing_id = await self.begin(site_id, **changes)
        for code in NEEDED:
            await self.attach(filing_id, code)
        return filing_id

    async def act(self, filing_id: str, command: str, role: str = OPERATOR, **more: Any) -> Any:
        return await self.done("POST", f"/filings/{filing_id}/commands", role=role, json={"command": command, **more})

    async def refused(self, filing_id: str, command: str, role: str = OPERATOR, **more: Any) -> httpx.Response:
        json = {"command": command, **more}
        answer = await self.ask("POST", f"/filings/{filing_id}/commands", role=role, json=json)
        assert not answer.is_success
        return answer

    async def accepted(self, **changes: Any) -> dict[str, Any]:
        filing_id = await self.whole(**changes)
        await self.act(filing_id, "submit")
        filing: dict[str, Any] = await self.act(filing_id, "accept", REGULATOR)
        return filing

    async def site(self) -> str:
        """Return a site that has been filed, within its manager's bounds."""
        filing = await self.accepted()
        await bounds.consumer(self.pool).catch_up()
        return str(filing["site_id"])

    async def events(self, *types: str) -> list[dict[str, Any]]:
        rows = await self.pool.fetch(
            "SELECT payload FROM eventlog.event WHERE type = ANY($1) ORDER BY serial, sequence", list(types)
        )
        return [row["payload"] for row in rows]

    async def wait(self, days: int) -> None:
        """Let days pass, and the watch look around."""
        self.clock.advance(days * DAY)
        await tell_what_ran_out(self.pool, self.clock)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    settings = Settings(database_url=database_url, role_secret=None, token_public_key=PUBLIC, data_dir=tmp_path)
    clock = ManualClock(NOW)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await create_pool(database_url))
        async with pool.acquire() as connection, connection.transaction():
            await divisions.file_divisions(connection, [DivisionDraft(*TOWN)])
            old = SiteDraft("old", "旧场站", 121.4, 29.3, stations=(StationDraft("OLD-1"),), division_code=TOWN[0])
            organisations = tuple(OrganisationDraft(name, f"{name}公司") for name in "bwmn")
            roles = (RoleDraft("old", "manager", "m", NOW - 9 * DAY),)
            await registry.file_all(connection, Filing((old,), organisations, roles), NOW)
        await bounds.consumer(pool).catch_up()
        parts = await stack.enter_async_context(compose(settings, clock))
        transport = httpx.ASGITransport(application([parts], settings, pool), raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://suite.example")
        await stack.enter_async_context(client)
        yield World(pool, client, clock, FilingDesk(pool, clock, Shelf(settings, "registry")))


async def test_a_draft_says_what_is_missing_and_cannot_be_submitted(world: World) -> None:
    filing = await world.done("POST", "/filings", json={})
    assert filing["state"] == "draft"
    assert {p["field"] for p in filing["problems"]} >= {"name", "stations", "documents.fire_acceptance"}
    filing = await world.done(
        "PUT", f"/filings/{filing['id']}", json={"name": "半份", "longitude": "x", "stations": [{}]}
    )
    assert filing["content"]["longitude"] == "x"
    assert {"field": "longitude", "code": "no_number", "reason": "is not a number"} in filing["problems"]
    answer = await world.refused(filing["id"], "submit")
    assert answer.status_code == 422
    assert {"field": "stations[0].id", "reason": "is missing"} in answer.json()["fields"]
    assert (await world.ask("GET", f"/filings/{filing['id']}", role=REGULATOR)).status_code == 404


async def test_an_organisation_is_named_by_what_somebody_types(world: World) -> None:
    async with world.pool.acquire() as connection, connection.transaction():
        doubles = tuple(OrganisationDraft(name, "双生公司") for name in ("d1", "d2"))
        await registry.file_all(connection, Filing(organisations=doubles), NOW)
    offered = (await world.page("/organisation-names?owner=双生")).text
    assert [f"双生公司 ({name})" in offered for name in ("d1", "d2", "b")] == [True, True, False]
    begun = await world.page("/filings", organisation_id="m")
    address = begun.headers["location"].removeprefix("/registry").removesuffix("/edit")
    typed = {"builder": "b公司", "owner": "双生公司 (d2)", "maintainer": "双生公司", "manager": "m"}
    assert (await world.page(address, **typed)).status_code == 303
    kept = await world.pool.fetchval("SELECT content FROM registry.filing WHERE id = $1", address.rpartition("/")[2])
    assert {role: kept[role] for role in typed} == {
        "builder": "b",
        "owner": "d2",
        "maintainer": "双生公司",
        "manager": "m",
    }
    form = (await world.page(f"{address}/edit")).text
    assert ("b公司 (b)" in form, form.count("双生公司 (d1)"), "同名单位不止一个" in form) == (True, 1, True)


async def test_an_accepted_filing_makes_the_site_its_stations_and_who_is_responsible(world: World) -> None:
    filing_id = await world.whole()
    submitted = await world.act(filing_id, "submit")
    assert submitted["due_on"] == str(add_working_days(TODAY, 5))
    assert submitted["decision_due_on"] == str(add_working_days(TODAY, 10))
    number = submitted["number"]
    assert number == f"BA{TODAY.year}-00001"
    accepted = await world.act(filing_id, "accept", REGULATOR)
    assert (accepted["state"], accepted["site_id"], accepted["due_on"]) == ("accepted", number, None)
    site = await world.done("GET", f"/sites/{number}")
    assert (site["name"], site["reason"], site["stations"]) == ("一号场站", None, 1)
    (station,) = (await world.done("GET", f"/stations?site={number}"))["items"]
    assert (station["id"], station["power_w"], len(station["connectors"])) == ("NEW-1", 120_000, 2)
    lines = (await world.done("GET", f"/sites/{number}/responsibilities", role=REGULATOR))["items"]
    told = {(line["role"], line["organisation"]["id"], line["origin"]) for line in lines}
    assert told == {("builder", "b", "filing"), ("owner", "w", "filing"), ("manager", "m", "filing")}
    moved = [(event["state"], event["role"], event["keeper_ids"]) for event in await world.events("FilingMoved")]
    assert moved == [("submitted", "applicant", ["m"]), ("accepted", "authority", ["m"])]
    (grace,) = await world.events("GracePeriodBegan")
    assert (grace["site_id"], grace["since"]) == (number, str(TODAY))
    assert accepted["grace_until"] == grace["until"]
    begun = await world.act(filing_id, "start", due_on=str(TODAY - DAY))
    assert (begun["state"], begun["started_on"]) == ("in_operation", str(TODAY - DAY))
    steps = [(step["command"], step["role"], step["state"]) for step in begun["history"]]
    assert steps == [
        ("begin", "applicant", "draft"),
        ("submit", "applicant", "submitted"),
        ("accept", "authority", "accepted"),
        ("start", "applicant", "in_operation"),
    ]


async def test_a_contract_that_is_over_by_now_makes_nobody_the_manager(world: World) -> None:
    filing_id = await world.whole(managed_until=str(TODAY + DAY))
    await world.act(filing_id, "submit")
    world.clock.advance(2 * DAY)
    refused = await world.refused(filing_id, "accept", REGULATOR)
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "managed_until")
    asked = await world.act(filing_id, "require_supplement", REGULATOR, reason="合同已到期", asked_for=["insurance"])
    assert asked["state"] == "supplement_required"


async def test_a_file_that_is_begun_anew_names_the_last_day_of_the_contract(world: World) -> None:
    last = str(TODAY + 90 * DAY)
    filing = await world.accepted(managed_until=last)
    await bounds.consumer(world.pool).catch_up()
    anew = await world.done("POST", "/filings", json={"site_id": filing["site_id"]})
    assert anew["content"]["managed_until"] == last


async def test_a_supplement_is_asked_for_within_a_year(world: World) -> None:
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    for day in (TODAY, TODAY + 366 * DAY, date(9999, 12, 31)):
        refused = await world.refused(filing_id, "require_supplement", REGULATOR, reason="x", due_on=str(day))
        assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "due_on")


async def test_a_supplement_stops_the_clock(world: World) -> None:
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    assert (await world.refused(filing_id, "require_supplement", REGULATOR)).json()["fields"][0]["field"] == "reason"
    unknown = await world.refused(filing_id, "require_supplement", REGULATOR, reason="?", asked_for=["poem"])
    assert unknown.json()["fields"][0]["field"] == "asked_for"
    asked = await world.act(filing_id, "require_supplement", REGULATOR, reason="保单不清晰", asked_for=["insurance"])
    assert (asked["state"], asked["due_on"]) == ("supplement_required", str(add_working_days(TODAY, 15)))
    assert asked["problems"] == [
        {"field": "documents.insurance", "code": "not_supplied", "reason": "was asked for and has not been supplied"}
    ]
    world.clock.advance(7 * DAY)
    assert (await world.refused(filing_id, "submit")).status_code == 422
    await world.attach(filing_id, "insurance")
    again = await world.act(filing_id, "submit")
    assert again["decision_due_on"] == str(add_working_days(TODAY + 7 * DAY, 10))
    assert (await world.act(filing_id, "accept", REGULATOR))["state"] == "accepted"


async def test_what_is_not_supplemented_counts_as_withdrawn(world: World) -> None:
    unsupplied = Unsupplied(world.pool, world.clock)
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    asked = await world.act(filing_id, "require_supplement", REGULATOR, reason="保单不清晰", asked_for=["insurance"])
    last = add_working_days(date.fromisoformat(asked["due_on"]), 10)
    assert asked["supplement_until"] == str(last)
    await world.wait((last - TODAY).days)
    assert await unsupplied.withdraw_due() == 0
    assert "1 件逾期未补正" in (await world.page("/filings")).text
    (late,) = await world.events("FilingOverdue")
    assert (late["state"], late["due_on"]) == ("supplement_required", asked["due_on"])
    assert late["withdrawn_after"] == str(last)
    assert f"至迟 {last} 补正" in await world.shown(f"/filings/{filing_id}")
    await world.wait(1)
    assert (await unsupplied.withdraw_due(), await unsupplied.withdraw_due()) == (1, 0)
    filing = await world.done("GET", f"/filings/{filing_id}")
    assert (filing["state"], filing["due_on"], filing["history"][-1]["role"]) == ("withdrawn", None, "system")
    assert (await world.events("FilingMoved"))[-1]["state"] == "withdrawn"
    assert "件逾期未补正" not in (await world.page("/filings")).text


async def test_a_promise_is_kept_or_told_to_be_broken(world: World) -> None:
    promised = {"insurance": str(TODAY + 10 * DAY), "land_consent": str(TODAY + 12 * DAY)}
    filing_id = await world.begin(promises=promised, committed=True)
    for code in set(NEEDED) - set(promised):
        await world.attach(filing_id, code)
    await world.act(filing_id, "submit")
    accepted = await world.act(filing_id, "accept", REGULATOR)
    assert {p["type"]: p["due_on"] for p in accepted["promised"]} == promised
    assert [f["id"] for f in (await world.done("GET", "/filings?owing=true", role=REGULATOR))["items"]] == [filing_id]
    await world.attach(filing_id, "land_consent")
    assert await world.judge(filing_id) == ["land_consent"]
    await world.wait(11)
    await world.wait(2)
    (broken,) = await world.events("FilingPromiseOverdue")
    assert (broken["document_type"], broken["site_id"]) == ("insurance", accepted["site_id"])
    for day, field in (
        ({"valid_until": str(TODAY)}, "valid_until"),
        ({"valid_from": str(TODAY + 90 * DAY)}, "valid_from"),
    ):
        papers = (await world.attach(filing_id, "insurance", **day))["documents"]
        (paper,) = [p for p in papers if p["standing"] == "waiting" and p["ended_at"] is None]
        path = f"/filing-documents/{filing_id}/{paper['id']}/judgement"
        refused = await world.ask("POST", path, role=REGULATOR, json={"accepted": True})
        assert [wrong["field"] for wrong in refused.json()["fields"]] == [field], "what does not hold keeps no promise"
    await world.attach(filing_id, "insurance")
    assert await world.events("FilingPromiseKept") == [], "nobody has looked at it"
    page = await world.page("/filings?view=papers")
    assert filing_id in page.text
    assert "待主管部门核验" in await world.shown(f"/filings/{filing_id}")
    assert (await world.ask("POST", path, json={"accepted": True})).status_code == 403
    assert (await world.ask("POST", path, role=REGULATOR, json={"accepted": True})).status_code == 409, "another came"
    assert await world.judge(filing_id) == ["insurance"]
    (kept,) = await world.events("FilingPromiseKept")
    assert kept["document_type"] == "insurance"
    papers = [(event["document_type"], event["standing"]) for event in await world.events("FilingPaperMoved")]
    assert papers[:2] == [("land_consent", "waiting"), ("land_consent", "counts")]
    assert papers[-2:] == [("insurance", "waiting"), ("insurance", "counts")]
    assert (await world.done("GET", f"/filings/{filing_id}"))["promises"] == 0


async def test_a_file_lapses_on_which_a_promise_stays_broken_and_is_filed_anew(world: World) -> None:
    lapsing, promised = Lapsing(world.pool, world.clock), {"insurance": str(TODAY + 10 * DAY)}
    filing_id = await world.begin(promises=promised, committed=True)
    for code in set(NEEDED) - set(promised):
        await world.attach(filing_id, code)
    await world.act(filing_id, "submit")
    site_id = (await world.act(filing_id, "accept", REGULATOR))["site_id"]
    await world.act(filing_id, "start")
    await world.wait(12)
    (told,) = await world.events("FilingPromiseOverdue")
    last = add_working_days(TODAY + 12 * DAY, 10)
    assert told["lapses_on"] == str(last)
    assert (told["name"], told["keeper_ids"], told["filing_number"]) == ("安全责任保险", ["m"], site_id)
    assert f"最迟 {last} 补交" in await world.shown(f"/filings/{filing_id}")
    await world.attach(filing_id, "insurance")
    await world.wait((last - TODAY).days - 12)
    assert await lapsing.lapse_due() == 0
    await world.wait(1)
    assert await lapsing.lapse_due() == 0, "the term stands still while the authority looks at what came"
    assert await world.judge(filing_id, accepted=False, reason="保单空白") == ["insurance"]
    assert "保单空白" in await world.shown(f"/filings/{filing_id}")
    told = (await world.events("FilingPaperMoved"))[-1]
    assert (told["standing"], told["reason"], told["name"]) == ("refused", "保单空白", "安全责任保险")
    assert told["keeper_ids"] == ["m"]
    last = add_working_days(last, working_days_between(TODAY + 12 * DAY, last + DAY))
    await world.wait((last - county_day(world.clock.now())).days)
    assert await lapsing.lapse_due() == 0
    assert (await world.refused(filing_id, "lapse", REGULATOR, reason="x")).status_code == 409
    await world.wait(1)
    assert (await lapsing.lapse_due(), await lapsing.lapse_due()) == (0, 0), "an official decides"
    assert [due["filing_id"] for due in await world.events("FilingLapseDue")] == [filing_id], "who is told once"
    assert filing_id in (await world.page("/filings?view=to_lapse")).text
    assert "决定备案失效" in (await world.page(f"/filings/{filing_id}")).text
    assert (await world.refused(filing_id, "lapse", reason="x")).status_code == 403
    assert (await world.refused(filing_id, "lapse", REGULATOR)).json()["fields"][0]["field"] == "reason"
    filing = await world.act(filing_id, "lapse", REGULATOR, reason="逾期未补")
    assert (filing["state"], filing["promises"], filing["history"][-1]["role"]) == ("lapsed", 0, "authority")
    assert "主管部门可以决定备案失效" in filing["history"][1]["reason"], "what was told beforehand is kept"
    assert "拟失效待决定</a>" in (await world.page("/filings")).text, "nothing is to be decided any more"
    moved = (await world.events("FilingMoved"))[-1]
    assert (moved["previous"], moved["state"], moved["site_id"]) == ("in_operation", "lapsed", site_id)
    assert (moved["role"], moved["keeper_ids"]) == ("authority", ["m"])
    assert (await world.refused(filing_id, "start")).status_code == 409
    assert "备案失效 1" in await world.shown("/filings")
    today = county_day(world.clock.now())
    decision = {"reason": "不可抗力", "document_number": "复决〔2026〕1号"}
    assert filing["restore_until"] == str(add_working_days(today, 60))
    assert "撤销失效、恢复备案" in (await world.page(f"/filings/{filing_id}")).text
    assert (await world.refused(filing_id, "restore", **decision)).status_code == 403
    wrong = await world.refused(filing_id, "restore", REGULATOR, reason="x")
    assert [field["field"] for field in wrong.json()["fields"]] == ["document_number"]
    restored = await world.act(filing_id, "restore", REGULATOR, **decision)
    assert (restored["state"], restored["started_on"], restored["restore_until"]) == ("in_operation", str(TODAY), None)
    assert restored["history"][-1]["document_number"] == "复决〔2026〕1号"
    await world.wait(0)
    told = (await world.events("FilingPromiseOverdue"))[-1]
    last = add_working_days(today, 10)
    assert (told["lapses_on"], restored["promised"][0]["due_on"]) == (str(last), promised["insurance"]), "a term anew"
    await world.wait((last - today).days + 1)
    assert await lapsing.lapse_due() == 0
    await world.act(filing_id, "lapse", REGULATOR, reason="仍未补")
    await bounds.consumer(world.pool).catch_up()
    anew = await world.done("POST", "/filings", json={"site_id": site_id})
    assert {d["type"] for d in anew["documents"]} == set(NEEDED) - set(promised), "what was refused does not go with it"
    assert anew["content"]["promises"] == {}
    await world.attach(anew["id"], "insurance", valid_until=str(TODAY + 400 * DAY))
    await world.done("PUT", f"/filings/{anew['id']}", json={**anew["content"], "committed": True})
    await world.act(anew["id"], "submit")
    again = await world.act(anew["id"], "accept", REGULATOR)
    assert (again["state"], again["site_id"], again["started_on"]) == ("in_operation", site_id, str(TODAY))
    assert [event["document_type"] for event in await world.events("FilingPromiseKept")] == ["insurance"]


async def test_an_upgrade_tells_once_of_files_that_waited_for_an_official_before_any_was_told(world: World) -> None:
    upgrade = importlib.import_module("charger_registry.migrations.versions.0043_lapses_told")
    filing = await world.accepted()
    await world.pool.execute("UPDATE registry.filing SET lapse_due_since = $1", TODAY)
    for _ in range(2):
        await world.pool.execute(upgrade.SCRIPT)
    (told,) = await world.events("FilingLapseDue")
    due = decode("FilingLapseDue", told)
    assert isinstance(due, FilingLapseDue)
    assert (due.filing_id, due.filing_number, due.site_id) == (filing["id"], filing["number"], filing["site_id"])


async def test_the_rules_may_let_a_file_lapse_with_time_alone_and_a_resumed_one_has_the_whole_term(
    world: World,
) -> None:
    await world.pool.execute("UPDATE registry.document_rule SET lapses_by_itself = true WHERE code = 'insurance'")
    lapsing = Lapsing(world.pool, world.clock)
    filing_id = await world.begin(promises={"insurance": str(TODAY + 10 * DAY)}, committed=True)
    for code in set(NEEDED) - {"insurance"}:
        await world.attach(filing_id, code)
    await world.act(filing_id, "submit")
    site_id = (await world.act(filing_id, "accept", REGULATOR))["site_id"]
    await world.act(filing_id, "suspend", REGULATOR, reason="消防隐患")
    await world.attach(filing_id, "insurance")
    await world.wait(97)
    await world.judge(filing_id, accepted=False, reason="保单空白")
    await world.wait(3)
    assert await lapsing.lapse_due() == 0
    await world.act(filing_id, "resume", REGULATOR)
    await world.wait(0)
    last = add_working_days(TODAY + 100 * DAY, 10)
    told, (shown,) = (
        await world.events("FilingPromiseOverdue"),
        (await world.done("GET", f"/filings/{filing_id}"))["promised"],
    )
    assert (told[-1]["lapses_on"], shown["lapses_on"]) == (str(last), str(last)), (
        "what was looked at before takes nothing"
    )
    await world.wait((last - TODAY).days - 100)
    assert await lapsing.lapse_due() == 0
    await world.wait(1)
    assert (await lapsing.lapse_due(), await lapsing.lapse_due()) == (1, 0)
    filing = await world.done("GET", f"/filings/{filing_id}")
    assert (filing["state"], filing["history"][-1]["role"]) == ("lapsed", "system")
    assert "安全责任保险" in filing["history"][-1]["reason"]
    async with world.pool.acquire() as connection:
        (file,) = await registry.site_files(connection, [site_id])
    assert isinstance(file, SiteFiled)
    assert file.standing == "not_begun", "what never began has not begun by that"
    await world.wait((date.fromisoformat(filing["restore_until"]) - county_day(world.clock.now())).days + 1)
    late = await world.refused(filing_id, "restore", REGULATOR, reason="x", document_number="1")
    assert late.status_code == 409
    assert "restore" not in (await world.done("GET", f"/filings/{filing_id}", role=REGULATOR))["commands"]


async def test_the_rules_may_let_a_file_stand_whose_promise_is_broken(world: World) -> None:
    await world.pool.execute("UPDATE registry.document_rule SET lapses = false WHERE code = 'insurance'")
    filing_id = await world.begin(promises={"insurance": str(TODAY + 10 * DAY)}, committed=True)
    for code in set(NEEDED) - {"insurance"}:
        await world.attach(filing_id, code)
    await world.act(filing_id, "submit")
    await world.act(filing_id, "accept", REGULATOR)
    for days in (12, 100):
        await world.wait(days)
        assert await Lapsing(world.pool, world.clock).lapse_due() == 0
    assert [told["lapses_on"] for told in await world.events("FilingPromiseOverdue")] == [None]


async def test_the_end_of_a_grace_period_is_told_before_it_comes(world: World) -> None:
    site_id = (await world.accepted())["site_id"]
    (began,) = await world.events("GracePeriodBegan")
    days = (date.fromisoformat(began["until"]) - TODAY).days
    await world.wait(days - 31)
    assert await world.events("GracePeriodEnding") == []
    await world.wait(1)
    await world.wait(1)
    assert [(e["site_id"], e["until"]) for e in await world.events("GracePeriodEnding")] == [(site_id, began["until"])]
    await world.wait(28)
    assert await world.events("GracePeriodEnded") == []
    await world.wait(1)
    await world.wait(1)
    assert [event["site_id"] for event in await world.events("GracePeriodEnded")] == [site_id]


async def test_papers_that_run_out_are_told_once_until_they_are_replaced(world: World) -> None:
    filing = await world.accepted()
    await world.wait(139)
    assert await world.events("DocumentExpiring") == []
    await world.wait(1)
    await world.wait(0)
    assert [e["document_type"] for e in await world.events("DocumentExpiring")] == ["metering_verification"]
    await world.wait(61)
    told = [(e["document_type"], e["expired"]) for e in await world.events("DocumentExpiring")]
    assert sorted(told[1:]) == [("insurance", True), ("metering_verification", True)]
    engine = Engine(world.pool, world.clock)
    await engine.consumer().catch_up()
    assert await firing(world) == {"document_expired": 2}
    old = next(d["id"] for d in filing["documents"] if d["type"] == "insurance")
    assert f'name="replaces" value="{old}"' in await world.shown(f"/filings/{filing['id']}"), (
        "each is renewed in its place"
    )
    renewed = await world.attach(filing["id"], "insurance", replaces=old, valid_until=str(TODAY + 900 * DAY))
    assert [d["ended_at"] is not None for d in renewed["documents"] if d["type"] == "insurance"] == [False, False]
    await world.judge(filing["id"])
    renewed = await world.done("GET", f"/filings/{filing['id']}")
    assert [d["ended_at"] is not None for d in renewed["documents"] if d["type"] == "insurance"] == [True, False]
    await engine.consumer().catch_up()
    assert await firing(world) == {"document_expired": 1}
    await world.act(filing["id"], "retire", REGULATOR, reason="拆除")
    await engine.consumer().catch_up()
    assert await firing(world) == {}


async def test_the_watch_holds_no_paper_while_it_waits_for_a_filing_that_is_accepted(world: World) -> None:
    former = await world.accepted()
    await bounds.consumer(world.pool).catch_up()
    await world.wait(141)
    filing_id = await world.whole(former["site_id"])
    await world.act(filing_id, "submit")
    waits = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    async with (
        asyncio.timeout(20),
        asyncio.TaskGroup() as beside,
        world.pool.acquire() as accepting,
        accepting.transaction(),
    ):
        await store.hold(accepting, filing_id, EVERYTHING)
        beside.create_task(world.wait(61))
        while not await world.pool.fetchval(waits):
            await asyncio.sleep(0.01)
        await paper_store.tell_anew(accepting, [former["id"]])
    assert [told["filing_id"] for told in await world.events("FilingOverdue")] == [filing_id]


async def test_what_is_owed_on_a_file_goes_with_it_to_the_site_that_its_site_becomes_part_of(world: World) -> None:
    promised = {"land_consent": str(TODAY + 12 * DAY)}
    twin: dict[str, Any] = {"name": "旧场站", "longitude": 121.4, "latitude": 29.3}
    filing_id = await world.begin(**twin, promises=promised, committed=True)
    for code in set(NEEDED) - set(promised):
        await world.attach(filing_id, code)
    await world.act(filing_id, "submit")
    site_id = (await world.act(filing_id, "accept", REGULATOR))["site_id"]
    await world.wait(201)
    tells = Engine(world.pool, world.clock).consumer()
    fault = ConnectorStatusChanged(
        station_id="NEW-1", connector=1, source="ocpp", status="Faulted", condition="faulted",
        previous_condition=None, error_code="OtherError", error_info=None, vendor_error_code=None,
        occurred_at=world.clock.now(), effective_at=world.clock.now(), received_at=world.clock.now(),
    )  # fmt: skip
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, "gateway-1", [fault])
    await tells.catch_up()
    owed = {"document_expired", "filing_promise_overdue", "connector_fault"}
    assert await open_at(world) == {(rule, site_id) for rule in owed}
    wish = {"keep": "old", "stations": "move", "reason": "同一处"}
    answer = await world.ask("POST", f"/duplicates/{site_id}/old/merge", role=REGULATOR, json=wish)
    assert answer.status_code == 204, answer.text
    await world.wait(0)
    await tells.catch_up()
    assert await open_at(world) == {(rule, "old") for rule in owed}, "what still holds is told of the kept site"
    assert [f["id"] for f in (await world.done("GET", "/filings?owing=true", role=REGULATOR))["items"]] == [filing_id]
    await world.act(filing_id, "retire", REGULATOR, reason="拆除")
    await tells.catch_up()
    assert await open_at(world) == set()
    assert (await world.done("GET", "/filings?owing=true", role=REGULATOR))["items"] == []


async def open_at(world: World) -> set[tuple[str, str]]:
    rows = await world.pool.fetch("SELECT rule, site_id FROM alerts.alert WHERE state <> 'resolved'")
    return {(row["rule"], row["site_id"]) for row in rows}


async def test_a_filing_of_a_site_leaves_what_has_changed_meanwhile(world: World) -> None:
    """Whatever somebody else files while the draft lies about is neither undone nor retired."""
    site_id = await world.site()
    filing_id = await world.begin(site_id, name="改名", stations=[{**STATION, "id": "NEW-3"}])
    since = SiteDraft(
        site_id,
        None,
        121.44,
        29.3,
        stations=(StationDraft("SINCE-1"),),
        whole=False,
        address="新址",
        help_phone="400-1",
    )
    async with world.pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing((since,)), NOW)
    for code in LASTING:
        await world.attach(filing_id, code)
    await world.act(filing_id, "submit")
    await world.act(filing_id, "accept", REGULATOR)
    stations = (await world.done("GET", f"/stations?site={site_id}"))["items"]
    assert [(s["id"], s["power_w"]) for s in stations] == [("NEW-3", 120_000), ("SINCE-1", 7000)]
    site = await world.pool.fetchrow("SELECT * FROM registry.site WHERE id = $1", site_id)
    assert (site["name"], site["address"], site["given_longitude"]) == ("改名", "新址", 121.44)


async def test_a_filing_of_a_site_that_says_nothing_new_changes_nothing(world: World) -> None:
    site_id = await world.site()
    filing = await world.done("POST", "/filings", json={"site_id": site_id})
    since = SiteDraft(site_id, "别名", 121.44, 29.3, stations=(StationDraft("NEW-1", 4, 7000, "AC"),))
    async with world.pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing((since,)), NOW)
    await world.act(filing["id"], "submit")
    await world.act(filing["id"], "accept", REGULATOR)
    (station,) = (await world.done("GET", f"/stations?site={site_id}"))["items"]
    assert (station["power_w"], station["current_type"], len(station["connectors"])) == (7000, "AC", 4)
    site = await world.pool.fetchrow("SELECT * FROM registry.site WHERE id = $1", site_id)
    assert (site["name"], site["given_longitude"]) == ("别名", 121.44)


async def test_a_site_that_is_retired_meanwhile_is_not_revived(world: World) -> None:
    site_id = await world.site()
    filing = await world.done("POST", "/filings", json={"site_id": site_id})
    await world.act(filing["id"], "submit")
    async with world.pool.acquire() as connection, connection.transaction():
        await registry.file_all(connection, Filing(retired_site_ids=(site_id,)), NOW)
    assert (await world.refused(filing["id"], "accept", REGULATOR)).status_code == 409


SQUARE = {
    "type": "Polygon",
    "coordinates": [[[121.0, 29.0], [121.42, 29.0], [121.42, 30.0], [121.0, 30.0], [121.0, 29.0]]],
}


async def test_a_point_outside_of_its_division_is_refused_with_the_distance(world: World) -> None:
    free = await world.accepted()
    assert free["position"] == "unverified", "no boundary is loaded"
    where = "SELECT position FROM registry.site WHERE id = $1"
    assert await world.pool.fetchval(where, free["site_id"]) == "unverified"
    feature = {"type": "Feature", "properties": {"code": TOWN[0]}, "geometry": SQUARE}
    data = orjson.dumps({"type": "FeatureCollection", "features": [feature]})
    loaded = await world.done("POST", "/boundaries", role=REGULATOR, files={"file": ("b", data)})
    assert [site["site_id"] for site in loaded["outside"]] == [free["site_id"]]
    away = {**STATION, "id": "NEW-2"}
    filing_id = await world.whole(stations=[away])
    refused = await world.refused(filing_id, "submit")
    assert refused.json()["fields"] == [{"field": "longitude", "reason": f"lies 970 m outside of division {TOWN[0]}"}]
    filing = await world.done("PUT", f"/filings/{filing_id}", json={**CONTENT, "stations": [away], "longitude": 121.41})
    assert (filing["position"], filing["problems"]) == ("verified", [])
    await world.act(filing_id, "submit")
    accepted = await world.act(filing_id, "accept", REGULATOR)
    assert await world.pool.fetchval(where, accepted["site_id"]) == "verified"


async def test_what_changes_one_site_at_once_never_waits_in_a_circle(world: World) -> None:
    """Sites first, then the trail, then the stream, whoever it is: else PostgreSQL kills one of them now and then."""
    filing = await world.accepted()
    site_id, who, clerk = filing["site_id"], person(OPERATOR, "m"), person(REGULATOR)
    await world.act(filing["id"], "start", due_on=str(TODAY))
    await bounds.consumer(world.pool).catch_up()
    ledger, sites = LedgerDesk(world.pool, world.clock), SiteDesk(world.pool, world.clock)
    organisations, imports = (
        OrganisationDesk(world.pool, world.clock),
        ImportDesk(world.pool, world.clock, ConfinedReader()),
    )

    async def one(turn: int) -> None:
        async def stop_and_go() -> None:
            await world.desk.act(who, filing["id"], Order(Command.SUSPEND, "检修"), remote=None)
            await world.desk.act(who, filing["id"], Order(Command.RESUME), remote=None)

        async def bring() -> None:
            data = f"id,name,lng,lat\n{site_id},第{turn}名,121.43,29.29\nold,旧{turn},121.4,29.3\n".encode()
            upload = await imports.bring(clerk, "a.csv", data, "wgs84")
            async with world.pool.acquire() as connection:
                plan = await connection.fetchval("SELECT plan FROM registry.import_upload WHERE id = $1", upload)
            with suppress(Conflict):
                await imports.commit(clerk, upload, plan, good_only=True)

        await asyncio.gather(
            stop_and_go(),
            bring(),
            ledger.order(clerk, site_id, "maintainer", "bw"[turn % 2], reason="委托", document_number="1"),
            ledger.order(clerk, "old", "maintainer", "bw"[turn % 2], reason="委托", document_number="1"),
            sites.change(who, site_id, {"help_phone": f"400-{turn}"}, None),
            organisations.change(clerk, "m", {"name": f"m{turn}公司"}, "更名"),
        )

    for turn in range(8):
        await one(turn)
        world.clock.advance(timedelta(minutes=1))
    async with world.pool.acquire() as connection:
        assert await audit.verify(connection) is None


async def test_rules_change_from_a_day_on_and_touch_no_filing_submitted_before(world: World) -> None:
    first = await world.whole(stations=[STATION])
    await world.act(first, "submit")
    later = str(TODAY + 3 * DAY)

    async def put(path: str, *, status: int = 204, role: str = REGULATOR, **body: Any) -> list[str]:
        json = {"valid_from": later, "reason": "县府办1号", **body}
        answer = await world.ask("PUT", f"/filing-rules/{path}", role=role, json=json)
        assert answer.status_code == status, answer.text
        return [] if status == 204 else [field["field"] for field in answer.json()["fields"]]

    paper: dict[str, Any] = {"required": True, "promisable": False, "expires": False, "warning_days": 30}
    coming = "INSERT INTO registry.filing_term VALUES ('of_a_later_revision', 1, $1), ('of_a_later_revision', 2, $2)"
    await world.pool.execute(coming, TODAY - DAY, TODAY + 2 * DAY)
    await put("terms/answer", amount=2)
    await put("documents/other", **paper)
    await put("terms/answer", amount=2, role=OPERATOR, status=403)
    assert await put("terms/answer", amount=0, valid_from=str(TODAY), status=422) == ["valid_from", "amount"]
    assert await put("documents/fire_acceptance", **{**paper, "promisable": True}, status=422) == ["promisable"]
    await put("documents/poem", **paper, status=404)
    rules = (await world.client.get("/api/registry/filing-rules")).json()
    assert (rules["terms"]["answer"], rules["coming_terms"]) == (
        5,
        [{"name": "answer", "amount": 2, "valid_from": later}],
    )
    assert [rule["code"] for rule in rules["coming_documents"]] == ["other"]
    world.clock.advance(4 * DAY)
    assert (await world.client.get("/api/registry/filing-rules")).json()["terms"]["answer"] == 2
    assert (await world.act(first, "accept", REGULATOR))["state"] == "accepted", "by the rules of its own day"
    second = await world.whole(stations=[{**STATION, "id": "NEW-2"}])
    assert [p["field"] for p in (await world.done("GET", f"/filings/{second}"))["problems"]] == ["documents.other"]
    await world.attach(second, "other")
    submitted = await world.act(second, "submit")
    assert submitted["due_on"] == str(add_working_days(TODAY + 4 * DAY, 2))
    async with world.pool.acquire() as connection:
        assert await audit.verify(connection) is None


async def test_a_paper_is_replaced_by_one_of_its_own_type(world: World) -> None:
    filing = await world.accepted()
    old = next(d["id"] for d in filing["documents"] if d["type"] == "insurance")
    answer = await world.ask(
        "POST", f"/filing-documents/{filing['id']}", data={"type": "land_consent", "number": "1", "replaces": old},
        files={"file": ("纸.pdf", PDF)},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["fields"][0]["field"]) == (422, "replaces")
    now = await world.done("GET", f"/filings/{filing['id']}")
    assert next(d for d in now["documents"] if d["id"] == old)["ended_at"] is None


async def firing(world: World) -> dict[str, int]:
    rows = await world.pool.fetch("SELECT rule, count(*) FROM alerts.alert WHERE state = 'firing' GROUP BY rule")
    return {row["rule"]: row["count"] for row in rows}


async def test_a_retired_site_is_no_longer_the_countys(world: World) -> None:
    filing = await world.accepted()
    await world.act(filing["id"], "start")
    await world.act(filing["id"], "suspend", reason="改造")
    retired = await world.act(filing["id"], "retire", reason="不再经营")
    assert retired["state"] == "retired"
    assert [event["site_id"] for event in await world.events("SiteRetired")] == [filing["site_id"]]
    assert [event.get("standing") for event in await world.events("SiteFiled")][-3:] == ["not_begun", None, "suspended"]
    assert (await world.done("GET", "/sites"))["items"][0]["id"] == "old"


async def test_what_the_authority_suspends_only_the_authority_resumes(world: World) -> None:
    filing = await world.accepted()
    await world.act(filing["id"], "start")
    suspended = await world.act(filing["id"], "suspend", REGULATOR, reason="消防隐患")
    assert "resume" in suspended["commands"]
    assert "resume" not in (await world.done("GET", f"/filings/{filing['id']}"))["commands"]
    for command in ("resume", "retire"):
        assert (await world.refused(filing["id"], command, reason="x")).status_code == 403
    assert (await world.act(filing["id"], "resume", REGULATOR))["state"] == "in_operation"
    await world.act(filing["id"], "suspend", reason="检修")
    assert (await world.act(filing["id"], "resume"))["state"] == "in_operation"
    await world.act(filing["id"], "suspend", reason="检修")
    await world.act(filing["id"], "suspend", REGULATOR, reason="消防隐患")
    assert (await world.refused(filing["id"], "suspend", REGULATOR, reason="x")).status_code == 409
    assert (await world.refused(filing["id"], "resume")).status_code == 403, "its own end of it no longer suffices"
    assert (await world.act(filing["id"], "resume", REGULATOR))["state"] == "in_operation"


async def test_what_has_not_begun_is_suspended_by_the_authority_and_has_not_begun_by_its_end(world: World) -> None:
    filing = await world.accepted()
    await world.act(filing["id"], "suspend", REGULATOR, reason="消防隐患")
    assert (await world.refused(filing["id"], "start")).status_code == 409
    resumed = await world.act(filing["id"], "resume", REGULATOR)
    assert (resumed["state"], resumed["started_on"], resumed["history"][-1]["state"]) == ("accepted", None, "accepted")


async def test_who_manages_a_site_that_does_not_operate_is_not_silent(world: World) -> None:
    async def silent_after(days: int) -> bool:
        world.clock.advance(days * DAY)
        async with world.pool.acquire() as connection, connection.transaction():
            await judge_what_has_changed(connection, world.clock.now())
        reason = "SELECT unmanaged_reason FROM registry.site WHERE id = $1"
        return bool(await world.pool.fetchval(reason, filing["site_id"]) == "silent")

    filing = await world.accepted()
    await bounds.consumer(world.pool).catch_up()
    await world.pool.execute("INSERT INTO registry.live_station VALUES ('NEW-1', 'offline', $1)", world.clock.now())
    assert not await silent_after(31), "accepted, and not begun"
    await world.act(filing["id"], "start")
    assert not await silent_after(29), "the reckoning begins with the operation"
    await world.act(filing["id"], "suspend", reason="装修停业")
    assert not await silent_after(31)
    await world.act(filing["id"], "resume")
    assert not await silent_after(29)
    assert await silent_after(2)
    await world.act(filing["id"], "suspend", reason="装修停业")
    assert not await silent_after(0), "whose site is suspended needs not be heard"
    assert [event["reason"] for event in await world.events("SiteUnmanaged") if event["site_id"] != "old"] == ["silent"]


async def test_a_file_goes_over_to_who_manages_the_site(world: World) -> None:
    filing = await world.accepted()
    await world.act(filing["id"], "start")
    since = datetime.now(UTC)
    await LedgerDesk(world.pool, world.clock).order(
        person(REGULATOR), filing["site_id"], "manager", "n", reason="x", document_number="1", since=since
    )
    await bounds.consumer(world.pool).catch_up()
    assert (await world.refused(filing["id"], "suspend", reason="x")).status_code == 403
    path = f"/filings/{filing['id']}"
    taken_over = await world.done("GET", path, organisation="n")
    assert set(taken_over["commands"]) == {"attach", "suspend"}
    done = await world.ask("POST", f"{path}/commands", organisation="n", json={"command": "suspend", "reason": "整改"})
    assert done.json()["state"] == "suspended"
    rated = await world.ask("POST", f"{path}/commands", organisation="n", json={"command": "rate", "rating": 5})
    assert rated.status_code == 403
    assert (await world.act(filing["id"], "rate", rating=5))["rating"] == 5
    assert (await world.ask("GET", path, organisation="w")).status_code == 200  # who owns the site sees its file
    assert (await world.ask("GET", path, organisation="b")).status_code == 404


async def test_of_two_who_begin_for_one_site_one_is_told(world: World) -> None:
    who = person(OPERATOR, "m")
    begin = [world.desk.begin(who, organisation_id=None, site_id="old", remote=None) for _ in range(3)]
    done = await asyncio.gather(*begin, return_exceptions=True)
    assert sorted(type(found).__name__ for found in done) == ["Conflict", "Conflict", "str"]


async def test_a_site_that_is_there_is_filed_and_filed_anew(world: World) -> None:
    filing = await world.done("POST", "/filings", json={"site_id": "old"})
    assert (filing["content"]["name"], filing["content"]["manager"]) == ("旧场站", "m")
    assert [line["id"] for line in filing["content"]["stations"]] == ["OLD-1"]
    assert (await world.ask("POST", "/filings", json={"site_id": "old"})).status_code == 409
    await world.act(filing["id"], "withdraw")
    first = await world.whole("old", manager="n", usage="taxi", stations=[STATION, {**STATION, "id": "OLD-1"}])
    await world.attach(first, "management_contract")
    refused = (await world.refused(first, "submit")).json()["fields"]
    assert [wrong["field"] for wrong in refused] == ["manager"], "who manages it gives that up by a handover"
    assert "m公司 has this role" in refused[0]["reason"]
    draft = await world.done("GET", f"/filings/{first}")
    beside = {row["role"]: (row["ledger"], row["filed"], row["effect"]) for row in draft["beside"]["roles"]}
    assert beside == {
        "builder": ([], "b", "begins"), "owner": ([], "w", "begins"), "manager": (["m"], "n", "refused"),
        "maintainer": ([], None, "nobody"), "property_manager": ([], None, "nobody"),
    }  # fmt: skip
    assert (draft["beside"]["added"], draft["beside"]["retired"], draft["beside"]["changed"]) == (
        ["NEW-1"],
        [],
        ["OLD-1"],
    )
    await world.done("PUT", f"/filings/{first}", json={**draft["content"], "manager": "m"})
    await world.act(first, "submit")
    page = (await world.page(f"/filings/{first}")).text
    assert "准予后由其承担" in page
    assert "<ins>出租车</ins>" in page
    assert "与台账不一致" not in page
    accepted = await world.act(first, "accept", REGULATOR)
    assert {row["effect"] for row in accepted["beside"]["roles"]} == {"same", "nobody"}
    assert (accepted["state"], accepted["site_id"], accepted["grace_until"]) == ("in_operation", "old", None)
    lines = (await world.done("GET", "/sites/old/responsibilities"))["items"]
    held = {line["role"]: line["organisation"]["id"] for line in lines}
    assert held == {"builder": "b", "owner": "w", "manager": "m"}
    anew = await world.done("POST", "/filings", json={"site_id": "old"})
    assert (anew["content"]["usage"], (await world.done("GET", "/sites/old"))["usage"]) == ("taxi", "taxi")
    assert (anew["beside"]["facts"], len(anew["documents"])) == ([], len(NEEDED) + 1)
    await world.act(anew["id"], "submit")
    await world.act(anew["id"], "accept", REGULATOR)
    former = await world.done("GET", f"/filings/{first}")
    assert (former["state"], former["history"][-1]["reason"]) == ("retired", f"replaced by BA{TODAY.year}-00002")
    assert (await world.done("GET", "/sites/old"))["stations"] == 2
    told = [(event["filing_id"], event["state"]) for event in await world.events("FilingMoved")]
    assert told[-2:] == [(first, "retired"), (anew["id"], "in_operation")]
    retired = "SELECT actor FROM audit.trail WHERE subject = $1 AND action = 'retire filing'"
    assert await world.pool.fetchval(retired, f"filing {first}") == "regulator-m"


async def test_a_filing_leaves_the_role_to_who_is_to_have_it_next(world: World) -> None:
    site_id = await world.site()
    await LedgerDesk(world.pool, world.clock).end(
        person(REGULATOR),
        site_id,
        "manager",
        at=world.clock.now() + timedelta(seconds=1),
        reason="x",
        document_number="1",
    )
    world.clock.advance(timedelta(seconds=2))
    next_one = Line("manager", "n", "", NOW + 20 * DAY, None, "handover")
    async with world.pool.acquire() as connection, connection.transaction():
        gap = Amendment((), (next_one,))
        await ledger.amend(connection, site_id, gap, now=world.clock.now(), by="n", reason="x")
    late, soon = str(TODAY + 30 * DAY), str(TODAY)
    filing_id = await world.whole(site_id, managed_from=late)
    await world.act(filing_id, "submit")
    (wrong,) = (await world.refused(filing_id, "accept", REGULATOR)).json()["fields"]
    assert (wrong["field"], "n公司 has this role from" in wrong["reason"]) == ("manager", True)
    await world.act(filing_id, "require_supplement", REGULATOR, reason="x")
    content = (await world.done("GET", f"/filings/{filing_id}"))["content"]
    await world.done("PUT", f"/filings/{filing_id}", json={**content, "managed_from": soon})
    await world.act(filing_id, "submit")
    await world.act(filing_id, "accept", REGULATOR)
    async with world.pool.acquire() as connection:
        lines = [line for line in await ledger.lines(connection, site_id) if line.role == "manager"]
    assert [(line.organisation_id, line.until) for line in lines[-2:]] == [("m", next_one.since), ("n", None)]


async def test_a_site_without_a_file_is_retired_by_the_authority(world: World) -> None:
    await bounds.consumer(world.pool).catch_up()
    handover = {"to_organisation_id": "n", "evidence": {"kind": "contract"}}
    await world.done("POST", "/sites/old/handovers", json=handover)
    assert 'id="retire"' in (await world.page("/filings?site=old")).text
    assert (await world.ask("POST", "/sites/old/retire", json={"reason": "拆除"})).status_code == 403
    assert (await world.page("/sites/old/retire", reason="拆除")).status_code == 303
    retired = await world.pool.fetchrow("SELECT retired_at FROM registry.site WHERE id = 'old'")
    assert retired["retired_at"] == world.clock.now()
    (told,) = await world.events("SiteRetired")
    assert (told["site_id"], told["station_ids"]) == ("old", ["OLD-1"])
    assert [event["outcome"] for event in await world.events("HandoverEnded")] == ["overtaken"]
    trail = "SELECT after ->> 'reason' FROM audit.trail WHERE action = 'retire site' AND subject = 'site old'"
    assert await world.pool.fetchval(trail) == "拆除"
    filing = await world.accepted()
    await bounds.consumer(world.pool).catch_up()
    answer = await world.ask("POST", f"/sites/{filing['site_id']}/retire", role=REGULATOR, json={"reason": "x"})
    assert answer.status_code == 409, "a site that has a file is retired there"
    assert 'id="retire"' not in (await world.page(f"/filings?site={filing['site_id']}")).text


async def test_a_filing_names_who_manages_in_the_place_of_who_is_no_more(world: World) -> None:
    await bounds.consumer(world.pool).catch_up()
    async with world.pool.acquire() as connection, connection.transaction():
        await publish(connection, "registry", await deregister(connection, "m", NOW, NOW))
    assert (await world.done("GET", "/sites/old"))["reason"] == "deregistered"
    contact = await world.page("/sites/old/contact", reason="电话已接通")
    assert (contact.status_code, 'value="电话已接通"' in contact.text) == (409, True), "what was typed is not lost"
    begun = {"site_id": "old", "organisation_id": "n"}
    filing = await world.done("POST", "/filings", role=REGULATOR, json=begun)
    content = {**CONTENT, "manager": "n", "stations": [{**STATION, "id": "OLD-1"}]}
    await world.done("PUT", f"/filings/{filing['id']}", role=REGULATOR, json=content)
    for code in NEEDED:
        until = {"valid_until": str(TODAY + 200 * DAY)} if code in LASTING else {}
        paper = {"data": {"type": code, "number": "1", **until}, "files": {"file": ("纸.pdf", PDF)}}
        await world.done("POST", f"/filing-documents/{filing['id']}", role=REGULATOR, **paper)
    await world.act(filing["id"], "submit", REGULATOR)
    await world.act(filing["id"], "accept", REGULATOR)
    assert (await world.done("GET", "/sites/old"))["reason"] is None
    lines = (await world.done("GET", "/sites/old/responsibilities", role=REGULATOR))["items"]
    assert [line["organisation"]["id"] for line in lines if line["role"] == "manager"] == ["n"]


async def test_while_one_station_is_handed_over_the_rest_can_be(world: World) -> None:
    site_id = await world.site()
    button = f'href="/registry/sites/{site_id}/handover"'
    handover = {"to_organisation_id": "n", "evidence": {"kind": "contract"}}
    for station, offered in ((None, True), ("NEW-1", True), ("", False)):
        if station is not None:
            await world.done("POST", f"/sites/{site_id}/handovers", json={**handover, "station_id": station or None})
        shown = await world.shown(f"/sites/{site_id}")
        assert (button in shown) is offered
        assert "申报坐标系 WGS-84" in shown


async def test_a_station_is_filed_at_one_site_only(world: World) -> None:
    first, second = await world.whole(), await world.whole()
    for filing_id in (first, second):
        await world.act(filing_id, "submit")
    await world.act(first, "accept", REGULATOR)
    answer = await world.refused(second, "accept", REGULATOR)
    assert answer.json()["fields"] == [{"field": "stations[0].id", "reason": "is filed at another site"}]
    assert (await world.act(second, "reject", REGULATOR, reason="桩号已备案"))["state"] == "rejected"


async def test_of_two_officers_one_decides_and_the_other_is_told(world: World) -> None:
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    orders = [Order(Command.ACCEPT), Order(Command.REJECT, "缺陷"), Order(Command.ACCEPT)]
    done = await asyncio.gather(
        *(world.desk.act(person(REGULATOR), filing_id, order, remote=None) for order in orders), return_exceptions=True
    )
    lost = [found for found in done if isinstance(found, BaseException)]
    assert [type(found) for found in lost] == [Conflict, Conflict]
    assert "does not permit" in str(lost[0])
    history = (await world.done("GET", f"/filings/{filing_id}"))["history"]
    assert len(history) == 3
    assert await world.pool.fetchval("SELECT count(*) FROM registry.site WHERE id <> 'old'") == int(
        history[-1]["state"] == "accepted"
    )


async def test_a_rating_comes_once_after_the_decision_and_a_bad_one_with_its_reason(world: World) -> None:
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    assert (await world.refused(filing_id, "rate", rating=5)).status_code == 409
    await world.act(filing_id, "admit", REGULATOR)
    assert (await world.refused(filing_id, "admit", REGULATOR)).status_code == 409
    await world.act(filing_id, "accept", REGULATOR)
    assert (await world.refused(filing_id, "rate", REGULATOR, rating=5)).status_code == 403
    assert (await world.refused(filing_id, "rate")).json()["fields"][0]["field"] == "rating"
    assert (await world.refused(filing_id, "rate", rating=2)).json()["fields"][0]["field"] == "reason"
    assert (await world.act(filing_id, "rate", rating=4))["rating"] == 4
    assert (await world.refused(filing_id, "rate", rating=5)).status_code == 409


async def test_the_clerk_writes_down_what_came_on_paper(world: World) -> None:
    refused = await world.ask("POST", "/filings", role=REGULATOR, json={})
    assert refused.json()["fields"][0]["field"] == "organisation_id"
    begun = await world.done("POST", "/filings", role=REGULATOR, json={"organisation_id": "m"})
    path = f"/filings/{begun['id']}"
    await world.done("PUT", path, role=REGULATOR, json=CONTENT)
    for code in NEEDED:
        data = {"type": code, "valid_until": str(TODAY + DAY)}
        files = {"file": ("p.jpg", b"\xff\xd8\xff\xe0 scan")}
        await world.done("POST", f"/filing-documents/{begun['id']}", role=REGULATOR, data=data, files=files)
    submitted = await world.act(begun["id"], "submit", REGULATOR)
    assert (submitted["channel"], submitted["history"][-1]["role"]) == ("counter", "clerk")
    await world.act(begun["id"], "accept", REGULATOR)
    await world.accepted(stations=[{**STATION, "id": "NEW-2"}])
    found = await world.done("GET", "/filing-indicators", role=REGULATOR)
    assert found["online"] == {"count": 1, "of": 2, "percent": 50.0}
    assert found["timely_acceptance"]["percent"] == found["on_time_completion"]["percent"] == 100.0
    assert found["satisfaction"]["percent"] is None
    past = await world.done("GET", f"/filing-indicators?from=2020-01-01&to={date(2020, 2, 1)}", role=REGULATOR)
    assert past["online"]["of"] == 0
    assert (await world.ask("GET", "/filing-indicators?from=2026-01-02&to=2026-01-02")).status_code == 422


async def test_the_clerk_chooses_among_the_sites_of_whoever_comes_within_his_bounds(world: World) -> None:
    site_id = await world.site()
    address = "/filings/new?organisation_id=m"
    shown = (await world.page(address)).text
    assert ("一号场站" in shown, "旧场站" in shown, "补办备案" in shown, "变更备案" in shown) == (True,) * 4
    assert (await world.page(address, "330226002")).text.count("场站</strong>") == 0
    found = (await world.page(f"{address}&q=旧场")).text
    assert ("旧场站" in found, site_id in found) == (True, False)
    begun = await world.page("/filings", organisation_id="m", site_id="old")
    assert begun.status_code == 303
    shown = (await world.page(address)).text
    assert (begun.headers["location"].removesuffix("/edit") in shown, "补办备案" in shown) == (True, False)
    again = await world.page("/filings", organisation_id="m", site_id="old")
    assert (again.status_code, "已有正在办理的备案" in again.text) == (409, True), again.text
    beyond = await world.page("/filings", "330226002", organisation_id="m", site_id=site_id)
    assert beyond.status_code == 404
    assert (await world.page("/filings/new?organisation_id=nobody")).status_code == 422


async def test_papers_are_taken_and_given(world: World) -> None:
    filing_id = await world.begin()
    path = f"/filing-documents/{filing_id}"
    bad = [
        ({"type": "poem"}, "type"),
        ({"type": "insurance"}, "valid_until"),
        ({"type": "other", "valid_from": "2026-02-01", "valid_until": "2026-01-01"}, "valid_until"),
    ]
    for data, field in bad:
        answer = await world.ask("POST", path, data=data, files={"file": ("a.pdf", PDF)})
        assert answer.json()["fields"][0]["field"] == field
    script = await world.ask("POST", path, data={"type": "other"}, files={"file": ("a.pdf", b"<script>")})
    assert script.json()["fields"] == [{"field": "file", "reason": "must be a PDF, JPEG, PNG or WebP file"}]
    (paper,) = (await world.attach(filing_id, "other"))["documents"]
    given = await world.ask("GET", f"{path}/{paper['id']}")
    assert given.content == PDF
    for role, organisation in ((OPERATOR, "n"), (REGULATOR, "")):  # a draft is its applicant's own
        answer = await world.ask("GET", f"{path}/{paper['id']}", role=role, organisation=organisation)
        assert answer.status_code == 404
    assert (await world.ask("DELETE", f"{path}/{paper['id']}")).status_code == 204
    assert (await world.done("GET", f"/filings/{filing_id}"))["documents"][0]["ended_at"] is not None
    await world.act(await world.whole(), "submit")


async def test_only_so_much_paper_comes_from_one_organisation_within_a_day(world: World) -> None:
    filing_id = await world.begin()
    await world.attach(filing_id, "other")
    # Room for one more is left, of three that come at once, for different filings.
    await world.pool.execute("UPDATE registry.filing_document SET size_bytes = $1", DOCUMENTS.size_bytes - 1)
    filings, all_asked = [filing_id, await world.begin(), await world.begin()], asyncio.Barrier(3)

    async def receive() -> Document:
        await all_asked.wait()  # nothing is kept before everybody was told that there is room
        return Document("0" * 64, 1, "application/pdf", "x.pdf")

    who = Principal("operator-m", "m", frozenset({OPERATOR}), "m", None, "", "", NOW)
    at_once = [world.desk.papers.attach(who, each, PaperDraft("other"), receive, remote=None) for each in filings]
    done = await asyncio.gather(*at_once, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["TooManyRequests", "TooManyRequests", "str"]
    path, files = f"/filing-documents/{filing_id}", {"file": ("a.pdf", PDF)}
    refused = await world.ask("POST", path, data={"type": "other"}, files=files)
    assert (refused.status_code, "1024 MiB" in refused.json()["detail"]) == (429, True)
    world.clock.advance(DAY)
    assert (await world.ask("POST", path, data={"type": "other"}, files=files)).is_success


async def test_a_filing_under_decision_does_not_change(world: World) -> None:
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    answers = [
        await world.ask("PUT", f"/filings/{filing_id}", json=CONTENT),
        await world.ask(
            "POST", f"/filing-documents/{filing_id}", data={"type": "other"}, files={"file": ("a.pdf", PDF)}
        ),
        await world.ask("POST", f"/filings/{filing_id}/commands", json={"command": "submit"}),
    ]
    assert [answer.status_code for answer in answers] == [409, 409, 409]


@pytest.mark.parametrize(
    ("role", "organisation", "reads", "writes", "decides"),
    [
        (OPERATOR, "m", 200, 200, 403),
        (OPERATOR, "n", 404, 404, 404),
        (REGULATOR, "", 200, 403, 200),
        ("reviewer", "", 200, 403, 403),
        ("inspector", "", 200, 403, 403),
        ("", "", 404, 403, 403),
    ],
)
async def test_who_may_do_what(
    world: World, role: str, organisation: str, reads: int, writes: int, decides: int
) -> None:
    filing_id = await world.whole()
    await world.act(filing_id, "submit")
    who = {"role": role, "organisation": organisation}
    assert (await world.ask("GET", f"/filings/{filing_id}", **who)).status_code == reads
    found = (await world.done("GET", "/filings", **who))["items"]
    assert [filing["id"] for filing in found] == ([filing_id] if reads == 200 else [])
    for command, expected in (("withdraw", writes), ("accept", decides)):
        if expected == 200:
            continue
        answer = await world.ask(
            "POST", f"/filings/{filing_id}/commands", json={"command": command, "reason": "x"}, **who
        )
        assert answer.status_code == expected
    own = await world.ask("POST", "/filings", json={"organisation_id": "m"}, **who)
    assert own.status_code == {(OPERATOR, "m"): 201, (REGULATOR, ""): 201}.get((role, organisation), 403)


async def test_the_list_comes_by_when_it_is_due_and_goes_on(world: World) -> None:
    ids = []
    for n in range(3):
        filing_id = await world.whole(stations=[{**STATION, "id": f"N-{n}"}])
        await world.act(filing_id, "submit")
        ids.append(filing_id)
        world.clock.advance(3 * DAY)
    await world.act(ids[0], "accept", REGULATOR)
    found: list[str] = []
    cursor = ""
    while True:
        page = await world.done("GET", f"/filings?limit=1{cursor}", role=REGULATOR)
        found += [filing["id"] for filing in page["items"]]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert found == [ids[1], ids[2], ids[0]]
    rubbish = "&cursor=WzEsIngiLCIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIngiXQ"
    assert (await world.ask("GET", f"/filings?limit=1{rubbish}")).status_code == 422


async def test_everything_is_in_the_trail_and_the_history_cannot_be_changed(world: World) -> None:
    filing = await world.accepted()
    async with world.pool.acquire() as connection:
        assert await audit.verify(connection) is None
        rows = await connection.fetch(
            "SELECT action, actor FROM audit.trail WHERE subject = $1 ORDER BY number", f"filing {filing['id']}"
        )
        actions = [row["action"] for row in rows]
        assert actions == [
            "begin filing", "save filing", *["attach document"] * 5, "submit filing", "accept filing"
        ]  # fmt: skip
        assert rows[-1]["actor"] == "regulator-m"
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("DELETE FROM registry.filing_history")
