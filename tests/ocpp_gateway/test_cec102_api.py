"""Who sees and changes platforms, how good their data are, and what a message would become."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ocpp_gateway.cec102.filed.directory import profiles_of
from ocpp_gateway.cec102.measuring import Measuring
from ocpp_gateway.cec102.quality import SiteTold, Traffic, consistency_of, quality_of, taken_at
from tests.independent.cec102_platform import CHINA, Party
from tests.ocpp_gateway.platforms import KEY, OPERATOR_ID, USCC, Gateway, gateway_of
from tests.suite import eventually
from youguan import audit
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, REVIEWER
from youguan.clock import ManualClock
from youguan.events import ConnectorFile, SiteFiled, StationFile
from youguan.settings import Settings

STATUS = "notification_stationStatus"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PROFILE = profiles_of(Settings())["cec-2016"]
SECRETS = {"operator_secret": KEY, "data_secret": KEY, "data_secret_iv": KEY, "sig_secret": KEY}


@pytest.fixture
async def gateway(database_url: str) -> AsyncIterator[Gateway]:
    async with gateway_of(database_url) as gateway:
        yield gateway


def platform(**changes: Any) -> dict[str, Any]:
    return {
        "name": "乙平台",
        "organisation_id": "o2",
        "profile": "cec-2016",
        "inbound": SECRETS,
        "reason": "test",
        **changes,
    }


# --- who may ----------------------------------------------------------------------------------------------------


async def test_an_operator_sees_its_own_platform_and_no_other(gateway: Gateway) -> None:
    async with (
        gateway.client(OPERATOR, "o1") as own,
        gateway.client(OPERATOR, "o2") as other,
        gateway.client(OPERATOR) as none,
    ):
        (item,) = (await own.get("/api/gateway/platforms")).json()["items"]
        assert (item["operator_id"], item["organisation_name"], item["freshness"]) == (OPERATOR_ID, "o1 公司", "never")
        assert "sealed" not in item
        for client in (other, none):
            assert (await client.get("/api/gateway/platforms")).json()["items"] == []
            for path in ("", "/connectors", "/refused"):
                assert (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}{path}")).status_code == 404
            trial = {"message": STATUS, "text": "{}"}
            assert (await client.post(f"/api/gateway/platforms/{OPERATOR_ID}/trial", json=trial)).status_code == 404
            assert (await client.get(f"/gateway/platforms/{OPERATOR_ID}")).status_code == 404


async def test_of_a_platform_of_several_divisions_each_sees_its_own_sites(gateway: Gateway) -> None:
    """P1 lies in the division 330226001, P2 and P3 in 330226002; an order is of each, and one of a connector that nobody filed."""
    for site, division, stations in (("S", "330226001", ["P1"]), ("T", "330226002", ["P2", "P3"])):
        await gateway.pool.execute("INSERT INTO bounds.site VALUES ($1, $2)", site, division)
        await gateway.pool.execute("INSERT INTO bounds.station SELECT unnest($2::text[]), $1", site, stations)
        await gateway.pool.execute(
            "UPDATE gateway.connector_code SET site_id = $1, cec_station_id = $1 WHERE station_id = ANY($2)",
            site,
            stations,
        )
    platform = await gateway.platform()
    for n, connector in enumerate(("P1-1", "P2-1", "unfiled")):
        order = {
            "StartChargeSeq": f"A{n}", "ConnectorID": connector, "StartTime": "2026-05-04 12:00:00",
            "EndTime": "2026-05-04 12:30:00", "TotalPower": 1,
        }  # fmt: skip
        assert (await platform.say("notification_charge_order_info", {"ChargeOrderInfo": order}))[0] == 0
    for site in "ST":
        insert = "INSERT INTO gateway.platform_stats VALUES ($1, $2, '2026-05-04', 1, '{}', now())"
        await gateway.pool.execute(insert, OPERATOR_ID, site)
    people = {
        (REGULATOR, None, None): ({"P1", "P2", "P3"}, {"A0", "A1", "A2"}, {"S", "T"}),
        (REGULATOR, None, "330226001"): ({"P1"}, {"A0"}, {"S"}),
        (REVIEWER, None, "330226002"): ({"P2", "P3"}, {"A1"}, {"T"}),
        (OPERATOR, "o1", None): ({"P1", "P2", "P3"}, {"A0", "A1", "A2"}, {"S", "T"}),
        (REGULATOR, None, "330281"): None,
        (INSPECTOR, None, "330226001"): None,
    }
    address = f"/api/gateway/platforms/{OPERATOR_ID}"
    for person, seen in people.items():
        async with gateway.client(*person) as client:
            listed = (await client.get("/api/gateway/platforms")).json()["items"]
            assert [item["operator_id"] for item in listed] == ([OPERATOR_ID] if seen else []), person
            if seen is None:
                assert (await client.get(address)).status_code == 404
                continue
            found = [
                (await client.get(f"{address}/{name}")).json()["items"] for name in ("connectors", "orders", "stats")
            ]
            names = ("station_id", "order_no", "cec_station_id")
            assert tuple({i[name] for i in items} for name, items in zip(names, found, strict=True)) == seen, person
            page = (await client.get(f"/gateway/platforms/{OPERATOR_ID}")).text
            assert ("P2-2" in page) == ("P2" in seen[0]), person


@pytest.mark.parametrize("role", [OPERATOR, INSPECTOR, REVIEWER])
async def test_only_a_regulator_lets_a_platform_in(gateway: Gateway, role: str) -> None:
    async with gateway.client(role, "o1" if role == OPERATOR else None) as client:
        assert (await client.put("/api/gateway/platforms/123456788", json=platform())).status_code == 403
    async with httpx.AsyncClient(base_url=gateway.address, trust_env=False) as client:
        assert (await client.get("/api/gateway/platforms")).status_code == 401


async def test_a_platform_is_let_in_changed_and_shut_out(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.put("/api/gateway/platforms/123456788", json=platform())
        assert answer.status_code == 200, answer.text
        assert KEY not in answer.text
        caller = await gateway.platform(Party(operator_id="123456788"))
        assert caller.token
        changed = platform(inbound=None, enabled=False)  # its secrets stay
        assert (await client.put("/api/gateway/platforms/123456788", json=changed)).json()["enabled"] is False
        assert (await caller.post(STATUS, caller.party.seal({})))["Ret"] == 4003
        again = platform(inbound={**SECRETS, "operator_secret": "another"})
        assert (await client.put("/api/gateway/platforms/123456788", json=again)).status_code == 200
        assert (await caller.post(STATUS, caller.party.seal({})))["Ret"] == 4002  # a new secret ends old tokens
    rows = await gateway.pool.fetch("SELECT * FROM audit.trail WHERE action = 'platform' ORDER BY number")
    assert [row["subject"] for row in rows] == ["platform 123456788"] * 3
    assert [row["after"]["new_secrets"] for row in rows] == [["inbound"], [], ["inbound"]]
    assert KEY not in json.dumps([[row["before"], row["after"]] for row in rows])
    async with gateway.pool.acquire() as connection:
        assert await audit.verify(connection) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"profile": "none"}, "profile"),
        ({"organisation_id": "nobody"}, "organisation_id"),
        ({"inbound": None}, "inbound"),
        ({"inbound": {**SECRETS, "data_secret": "short"}}, "inbound.data_secret"),
        ({"address": "ftp://x", "outbound": SECRETS, "our_operator_id": OPERATOR_ID}, "address"),
        ({"address": "http://", "outbound": SECRETS, "our_operator_id": OPERATOR_ID}, "address"),
        ({"address": "http://a:99999", "outbound": SECRETS, "our_operator_id": OPERATOR_ID}, "address"),
        ({"address": "http://a"}, "outbound"),
        ({"address": "http://a", "outbound": SECRETS}, "our_operator_id"),
        ({"name": "\u200b\n"}, "name"),
    ],
)
async def test_what_is_wrong_with_a_platform_is_named(gateway: Gateway, changes: dict[str, Any], field: str) -> None:
    async with gateway.client() as client:
        answer = await client.put("/api/gateway/platforms/123456788", json=platform(**changes))
        assert answer.status_code == 422
        assert field in [found["field"] for found in answer.json()["fields"]]
        assert (await client.put("/api/gateway/platforms/abc", json=platform())).status_code == 422


async def test_secrets_that_nobody_can_open_any_more_hold_up_no_new_ones(gateway: Gateway) -> None:
    address = f"/api/gateway/platforms/{OPERATOR_ID}"
    await gateway.pool.execute("UPDATE gateway.platform SET sealed = $1", b"sealed under another secret")
    async with gateway.client() as client:
        kept = await client.put(address, json=platform(inbound=None))
        assert kept.status_code == 422
        assert "must be entered anew" in kept.json()["fields"][0]["reason"]
        called = {"address": "http://a", "our_operator_id": OPERATOR_ID}
        assert (await client.put(address, json=platform(**called))).json()["fields"][0]["field"] == "outbound"
        assert (await client.put(address, json=platform())).status_code == 200
    assert (await gateway.platform()).token


async def test_what_was_entered_of_a_platform_is_there_after_an_error(gateway: Gateway) -> None:
    entered = {
        "operator_id": "330000000", "name": "省平台", "organisation_id": "o2", "role": "province", "profile": "zhejiang",
        "address": "ftp://x", "our_operator_id": "123456789", "reason": "文号一",
    }  # fmt: skip
    async with gateway.client() as client:
        answer = await client.post("/gateway/platforms", data=entered)
    assert answer.status_code == 422
    for name in ("operator_id", "name", "address", "our_operator_id", "reason"):
        assert f'name="{name}"' in answer.text
        assert f'value="{entered[name]}"' in answer.text
    for name in ("organisation_id", "role", "profile"):
        assert f'<option value="{entered[name]}" selected' in answer.text
    assert 'name="enabled" value="true">' in answer.text  # it was left out
    assert "不是地址，应如" in answer.text


# --- what was sent, and how good it is --------------------------------------------------------------------------


async def test_a_code_that_two_connectors_bear_is_listed_for_both_wherever_a_page_ends(gateway: Gateway) -> None:
    async with gateway.pool.acquire() as connection:
        await connection.execute("UPDATE gateway.connector_code SET cec_connector_id = 'P1-1' WHERE station_id = 'P2'")
        bearing = await connection.fetch("SELECT station_id, connector FROM gateway.connector_code")
    found, cursor, address = list[tuple[str, int]](), None, f"/api/gateway/platforms/{OPERATOR_ID}/connectors"
    async with gateway.client(OPERATOR, "o1") as client:
        while True:
            asked = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(address, params=asked)).json()
            found += [(item["station_id"], item["connector"]) for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert (await client.get(f"/gateway/platforms/{OPERATOR_ID}/connectors")).status_code == 200
    assert len(found) == len(set(found))
    assert set(found) == {(row["station_id"], row["connector"]) for row in bearing}


async def test_what_a_platform_sent_and_what_was_refused(gateway: Gateway) -> None:
    caller = await gateway.platform()
    items = [
        {"ConnectorID": "P1-1", "Status": 3},
        {"ConnectorID": "P1-2", "Status": "x"},
        {"ConnectorID": "no", "Status": 1},
    ]
    await caller.say(STATUS, {"ConnectorStatusInfo": items})
    connectors = [{"ConnectorID": id} for id in ("P1-1", "P9-9")]
    station = {"StationID": "9", "EquipmentInfos": [{"EquipmentID": "P1", "ConnectorInfos": connectors}]}
    await caller.say("notification_stationInfo", {"StationInfo": station})
    async with gateway.client(OPERATOR, "o1") as client:
        found = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}")).json()
        refused = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}/refused")).json()["items"]
        listed = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}/connectors", params={"limit": "1"})).json()
        page = (await client.get(f"/gateway/platforms/{OPERATOR_ID}")).text
    quality = found["quality"]
    assert (found["freshness"], quality["filed"]) == ("fresh", 6)
    assert quality["complete"] == quality["current"] == pytest.approx(1 / 6)
    assert quality["unfiled"] == ["P9-9"]
    assert quality["untold_count"] == 5
    traffic = {
        row["message"]: (row["messages"], row["taken"], row["ignored"], row["refused"]) for row in found["traffic"]
    }
    assert traffic == {"query_token": (1, 0, 0, 0), STATUS: (1, 1, 1, 1), "notification_stationInfo": (1, 1, 0, 0)}
    assert sorted(row["code"] for row in refused) == ["PlatformIgnored", "PlatformRefused"]
    assert (listed["items"][0]["cec_connector_id"], listed["items"][0]["status"]) == ("P1-1", "Charging")
    assert listed["next"]
    assert "P9-9" in page
    assert "'x' 不是数字" in page.replace("&#39;", "'")


@pytest.mark.parametrize(
    ("hours", "freshness"), [(None, "never"), (0, "fresh"), (2.9, "fresh"), (3.1, "late"), (6, "late"), (6.1, "silent")]
)
def test_freshness(hours: float | None, freshness: str) -> None:
    heard = None if hours is None else NOW - timedelta(hours=hours)
    assert quality_of(PROFILE, NOW, heard, {}, (), Traffic()).freshness == freshness


@pytest.mark.parametrize(
    ("taken", "waits", "at"),
    [(None, None, None), (None, 1, None), (5, None, 0), (5, 1, 1), (5, 7, 5)],
)
def test_a_province_is_as_fresh_as_it_takes_what_it_is_told(taken: Any, waits: Any, at: Any) -> None:
    """In hours ago; where nothing waits it has taken all, however long ago that was."""
    last, since, expected = (None if ago is None else NOW - timedelta(hours=ago) for ago in (taken, waits, at))
    assert taken_at(last, since, NOW) == expected


def test_shares_of_nothing_are_no_shares() -> None:
    empty = quality_of(PROFILE, NOW, None, {}, (), Traffic())
    assert (empty.complete, empty.current, empty.usable, empty.silent_s) == (None, None, None, None)


def test_quality_is_reckoned_by_connector() -> None:
    filed = {"a": NOW, "b": NOW - timedelta(days=2), "c": None, "d": None}
    found = quality_of(PROFILE, NOW, NOW, filed, ("a", "z"), Traffic(9, 6, 1, 1))
    assert (found.complete, found.current, found.usable) == (0.5, 0.25, 0.75)
    assert (found.never_reported, found.untold, found.unfiled) == (("c", "d"), ("b", "c", "d"), ("z",))


def a_site(**changes: Any) -> SiteFiled:
    station = StationFile(
        station_id="E1", connectors=2, power_w=60_000, current_type="DC",
        connector_files=tuple(ConnectorFile(connector=n, cec_connector_id=f"E1-{n}") for n in (1, 2)),
    )  # fmt: skip
    filed = SiteFiled(
        site_id="S", name="城东 充电站（一期）", address="", division_code=None, division_name=None, longitude=121.4290,
        latitude=29.2880, stations=(station,), operator_code=OPERATOR_ID, cec_station_id="9",
    )  # fmt: skip
    return replace(filed, **changes)


GCJ02 = (121.433469, 29.285513)  # where maps show 121.4290, 29.2880


@pytest.mark.parametrize(
    ("told", "differs"),
    [
        (SiteTold("9", "城东充电站(一期)", GCJ02, {"E1-1": 60_000, "E1-2": 62_000}), []),
        (SiteTold("9", None, None, {}), []),
        (SiteTold("9", "城西充电站", None, {}), [("name", "城西充电站", "城东 充电站（一期）")]),
        (
            SiteTold("9", None, (121.4290, 29.2880), {}),
            [("position", "121.424525, 29.290481 (514 m)", "121.429000, 29.288000")],
        ),
        (SiteTold("9", None, None, {"E1-1": None}), [("connectors", "1", "2")]),
        (SiteTold("9", None, None, {}, 5), [("operating", "5", "50")]),
        (SiteTold("9", None, None, {}, 6), []),
        (SiteTold("9", None, None, {"E1-1": 120_000, "E1-2": None}), [("power", "120 kW", "60 kW")]),
    ],
)
def test_a_platforms_file_is_held_against_the_registrys(told: SiteTold, differs: list[Any]) -> None:
    found = consistency_of([told, SiteTold("unknown", "x", None, {})], [a_site()])
    assert (found.compared, found.agreeing) == (1, int(not differs))
    assert [(c.what, c.told, c.filed) for c in found.contradictions] == differs


async def test_what_does_not_agree_with_what_is_filed_is_shown_and_reckoned_once_a_minute(gateway: Gateway) -> None:
    platform = await gateway.platform()
    station = {"StationID": "000000000000009", "StationName": "别的站", "StationLng": 121.5, "StationLat": 29.3,
               "StationStatus": 5}  # fmt: skip
    await platform.say("notification_stationInfo", {"StationInfo": station})
    told = {"OperatorID": OPERATOR_ID, "OperatorName": "甲", "OperatorUSCID": "91440300708461136T", "OperatorTel1": "1"}
    await platform.say("supervise_notification_operator_info", told)

    async def filed() -> bool:
        return bool(await gateway.pool.fetchval("SELECT EXISTS (SELECT FROM gateway.filed_site)"))

    await eventually(filed)
    async with gateway.client() as client:
        quality = (await client.get(f"/api/gateway/platforms/{OPERATOR_ID}")).json()["quality"]
        page = (await client.get(f"/gateway/platforms/{OPERATOR_ID}")).text
        fragment = (await client.get(f"/gateway/platforms/{OPERATOR_ID}", headers={"HX-Request": "true"})).text
    assert (quality["consistent"], quality["contradiction_count"]) == (0.0, 4)
    found = {c["what"]: (c["told"], c["filed"]) for c in quality["contradictions"]}
    assert list(found) == ["uscc", "operating", "name", "position"]
    assert found["uscc"] == (told["OperatorUSCID"], USCC)
    assert "关闭下线" in page
    assert "别的站" in page
    assert 'id="consistent"' in fragment
    assert "别的站" not in fragment, "an open page is told its figures alone"
    clock = ManualClock(NOW)
    measuring = Measuring(clock, costly=1)
    async with gateway.pool.acquire() as connection:

        async def contradicted() -> list[str]:
            measured = await measuring.quality_of(connection, OPERATOR_ID, PROFILE)
            return [c.what for c in measured.contradictions]

        assert await contradicted() == ["operating", "name", "position"]
        mended = {**station, "StationName": "S", "StationStatus": 50}
        await platform.say("notification_stationInfo", {"StationInfo": mended})
        assert await contradicted() == ["operating", "name", "position"]
        clock.advance(timedelta(minutes=1))
        assert await contradicted() == ["position"], "what has changed is compared anew"
        await gateway.pool.execute("UPDATE gateway.filed_site SET retired = true, changed_at = now()")
        clock.advance(timedelta(minutes=1))
        assert await contradicted() == []


def test_what_is_named_is_bounded_and_what_is_counted_is_not() -> None:
    found = quality_of(PROFILE, NOW, NOW, {}, [f"{n}" for n in range(1000)], Traffic())
    assert (len(found.unfiled), found.unfiled_count) == (50, 1000)


# --- the test bench ---------------------------------------------------------------------------------------------


async def attempt(client: httpx.AsyncClient, text: Any, message: str = STATUS) -> dict[str, Any]:
    body = {"message": message, "text": text if isinstance(text, str) else json.dumps(text)}
    answer = await client.post(f"/api/gateway/platforms/{OPERATOR_ID}/trial", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_message_is_tried_and_nothing_is_stored(gateway: Gateway) -> None:
    party = Party()
    content = {
        "ConnectorStatusInfo": [
            {"ConnectorID": "P1-1", "Status": 255, "LicensePlate": "浙B12345"},
            {"ConnectorID": "x", "Status": 1},
        ]
    }
    async with gateway.client(OPERATOR, "o1") as client:
        for text in (content, party.seal(content)):
            found = await attempt(client, text)
            assert (found["ret"], found["becomes"][0]["station_id"], found["becomes"][0]["details"]["status"]) == (
                0,
                "P1",
                "Faulted",
            )
            assert [member["member"] for member in found["ignored"]] == ["ConnectorID"]
            assert "浙B" not in json.dumps(found, ensure_ascii=False)
        forged = await attempt(client, {**party.seal(content), "Sig": "0" * 32})
        assert (forged["ret"], forged["steps"][-1]["name"], forged["steps"][-1]["held"]) == (4001, "Sig", False)
        stale = await attempt(client, party.seal(content, datetime.now(CHINA) - timedelta(hours=1)))
        assert (stale["ret"], stale["becomes"][0]["station_id"]) == (4003, "P1")  # it is shown what it would have been
        assert (await attempt(client, "{"))["ret"] == 4004
        assert (await attempt(client, content, "query_start_charge"))["ret"] == 4004
        unusable = await attempt(client, {"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 9}})
        assert (unusable["ret"], unusable["steps"][-1]["name"], unusable["steps"][-1]["held"]) == (
            4004,
            "content",
            False,
        )
        assert unusable["refused"]
        other = Party(operator_id="000000000").seal(content)
        assert (await attempt(client, other))["ret"] == 4003
    for table in (
        "telemetry.status_change",
        "telemetry.raw_frame",
        "gateway.refused_input",
        "gateway.platform_traffic",
    ):
        assert await gateway.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    ("changes", "ret", "words"),
    [
        ({}, 0, ""),
        ({"OperatorSecret": "wrong"}, 0, "SuccStat 1, FailReason 2: "),
        ({"OperatorID": "000000000"}, 0, "SuccStat 1, FailReason 1: "),
        ({"OperatorSecret": ""}, 4004, "OperatorSecret: is missing or empty"),
    ],
)
async def test_the_bench_says_whether_a_token_would_be_given(
    gateway: Gateway, changes: dict[str, Any], ret: int, words: str
) -> None:
    asked = {"operatorID": OPERATOR_ID, "OperatorSecret": KEY, **changes}
    if "OperatorID" in changes:
        del asked["operatorID"]
    async with gateway.client(OPERATOR, "o1") as client:
        found = await attempt(client, asked, "query_token")
        page = await client.post(
            f"/gateway/platforms/{OPERATOR_ID}/trial", data={"message": "query_token", "text": json.dumps(asked)}
        )
    step = found["steps"][-1]
    assert (found["ret"], step["name"], step["held"]) == (ret, "token", not words)
    assert step["words"].startswith(words)
    assert page.status_code == 200


async def test_the_bench_on_a_page(gateway: Gateway) -> None:
    async with gateway.client(REGULATOR) as client:
        address = f"/gateway/platforms/{OPERATOR_ID}/trial"
        assert (await client.get(address)).status_code == 200
        text = json.dumps({"ConnectorStatusInfo": {"ConnectorID": "P1-1", "Status": 255}})
        page = (await client.post(address, data={"message": STATUS, "text": text})).text
        assert "将应答 Ret 0" in page
        assert "Faulted" in page
        profiles = (await client.get("/api/gateway/platform-profiles")).json()["items"]
        assert [profile["name"] for profile in profiles] == ["cec-2016", "zhejiang"]
        assert profiles[1]["unverified"]


async def test_a_platform_is_let_in_on_the_page(gateway: Gateway) -> None:
    secrets = {f"inbound.{name}": KEY for name in SECRETS}
    form = {
        "operator_id": "123456788",
        "name": "乙平台",
        "profile": "cec-2016",
        "enabled": "true",
        "reason": "test",
        **secrets,
    }
    async with gateway.client() as client:
        assert (await client.get("/gateway/platforms")).status_code == 200
        wrong = await client.post("/gateway/platforms", data={**form, "inbound.sig_secret": ""})
        assert (wrong.status_code, "sig_secret" in wrong.text) == (422, True)
        done = await client.post("/gateway/platforms", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/gateway/platforms/123456788")
        assert (await client.get("/gateway/platforms/123456788")).status_code == 200
    assert (await gateway.platform(Party(operator_id="123456788"))).token
