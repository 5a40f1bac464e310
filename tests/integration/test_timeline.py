"""Whole timelines on real processes, told by an independent client. Times are asserted as order, never as seconds."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stations import VERSIONS, connected, moment, now, text
from tests.suite import COMMAND, ROOT, Api, Charger, Suite, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

FAULT = "connector_fault"


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    """The sample county without a fleet; a mended connector need not hold for long."""
    suite = Suite(sample_folder, "--demo", "--stations=0", "--workers=2", YOUGUAN_HOLDING_TIME_S="2")
    suite.start()
    yield suite
    assert suite.stop() == 0, suite.output()


@pytest.fixture(scope="module")
def ocpp(suite: Suite) -> int:
    return suite.ports()["ocpp"]


@pytest.fixture(scope="module")
def http(suite: Suite) -> int:
    return suite.ports()["http"]


async def listed(api: Api, path: str, **query: str) -> list[dict[str, Any]]:
    """Return the items of all pages of a list."""
    found: list[dict[str, Any]] = []
    while True:
        page = await api.get(path, **{"limit": "1000", **query})
        found += page["items"]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def alerts_of(api: Api, station: str, rule: str) -> list[dict[str, Any]]:
    """Return a station's alerts of one rule, whatever their state."""
    return await listed(api, "/api/alerts", station=station, rule=rule)


async def tasks_of(api: Api, station: str, cause: str) -> list[dict[str, Any]]:
    """Return a station's tasks of one cause, closed ones too."""
    return await listed(api, "/api/inspection/tasks", station=station, cause=cause)


async def statuses_of(api: Api, station: str) -> list[dict[str, Any]]:
    return await listed(api, f"/api/gateway/stations/{station}/status-changes")


async def feature_of(api: Api, site: str) -> dict[str, Any]:
    """Return what the public map knows of a site."""
    found = await api.get("/api/public/sites.geojson")
    properties: dict[str, Any] = next(f["properties"] for f in found["features"] if f["id"] == site)
    return properties


class Stations:
    """Gives every test a station of a managed site that no other test touches."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    async def take(self, api: Api) -> dict[str, Any]:
        """Return a station whose site nobody has used yet."""
        found = await listed(api, "/api/registry/stations", managed="true")
        station = next(s for s in found if s["site_id"] not in self._used)
        self._used.add(station["site_id"])
        return station


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations()


async def responsible(api: Api, site: str, role: str, at: datetime | None = None) -> str:
    """Return the id of who had a role."""
    query = {"at": text(at)} if at else {}
    lines = await listed(api, f"/api/registry/sites/{site}/responsibilities", **query)
    found: str = next(line["organisation"]["id"] for line in lines if line["role"] == role)
    return found


async def in_state(api: Api, station: str, cause: str, state: str) -> dict[str, Any]:
    """Wait until a station's task is in a state; return it with its history."""

    async def ask_for_it() -> list[dict[str, Any]]:
        return [task for task in await tasks_of(api, station, cause) if task["state"] == state]

    found = await eventually(ask_for_it)
    task: dict[str, Any] = await api.get(f"/api/inspection/tasks/{found[0]['id']}")
    return task


async def alert_in_state(api: Api, station: str, rule: str, state: str) -> dict[str, Any]:
    """Wait until a station's alert is in a state; return it."""

    async def ask_for_it() -> list[dict[str, Any]]:
        return [alert for alert in await alerts_of(api, station, rule) if alert["state"] == state]

    return (await eventually(ask_for_it))[0]


async def shows(api: Api, site: str, **counts: int) -> None:
    """Wait until the public map shows these counts for a site."""

    async def look() -> bool:
        feature = await feature_of(api, site)
        return all(feature[name] == count for name, count in counts.items())

    await eventually(look)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fault_task_recovery_closed(ocpp: int, api: Api, stations: Stations, version: str) -> None:
    filed = await stations.take(api)
    station, site = filed["id"], filed["site_id"]
    async with connected(ocpp, station, version) as client:
        assert await client.boot() == "Accepted"
        await client.report("Available", now())
        await shows(api, site, available=1, faulted=0)

        broke_at = now()
        await client.report("Faulted", broke_at, "GroundFailure")
        alert = await alert_in_state(api, station, FAULT, "firing")
        task = await in_state(api, station, FAULT, "open")
        await shows(api, site, available=0, faulted=1)
        assert [
            found["id"] for found in await listed(api, "/api/inspection/tasks", status="open", station=station)
        ] == [task["id"]]
        assert task["assignee_id"] == await responsible(api, site, "manager", broke_at)
        assert (task["assignee_role"], task["connector"]) == ("manager", 1)
        assert moment(task["occurred_at"]) == moment(alert["since"]) == broke_at

        recovered_at = now()
        await client.report("Available", recovered_at)
        resolved = await alert_in_state(api, station, FAULT, "resolved")
        closed = await in_state(api, station, FAULT, "closed")
        await shows(api, site, available=1, faulted=0)

    assert resolved["id"] == alert["id"]
    assert [line["state"] for line in closed["history"]] == ["open", "verifying", "closed"]
    opened, verifying, ended = (moment(line["at"]) for line in closed["history"])
    fault = (await statuses_of(api, station))[1]
    timeline = [
        ("the charger broke", broke_at),
        ("the gateway heard it", moment(fault["received_at"])),
        ("the alert was raised", moment(alert["raised_at"])),
        ("the task was opened", opened),
        ("the charger recovered", recovered_at),
        ("the alert was resolved", moment(resolved["resolved_at"])),
        ("the task went to verifying", verifying),
        ("the task was closed", ended),
    ]
    assert [name for _, name in sorted((at, name) for name, at in timeline)] == [name for name, _ in timeline]
    assert moment(closed["closed_at"]) == ended
    told = [(s["status"], moment(s["occurred_at"])) for s in await statuses_of(api, station)]
    assert told[1:] == [("Faulted", broke_at), ("Available", recovered_at)]
    if version == "1.6":
        assert (fault["error_code"], alert["severity"]) == ("GroundFailure", "critical")


async def test_a_transaction_proves_the_repair(ocpp: int, api: Api, stations: Stations) -> None:
    station = (await stations.take(api))["id"]
    async with connected(ocpp, station, "2.0.1") as client:
        await client.boot()
        await client.report("Faulted", now())
        await in_state(api, station, FAULT, "open")
        await client.report("Available", now())
        await in_state(api, station, FAULT, "verifying")
        await client.charge(5000)
        closed = await in_state(api, station, FAULT, "closed")
        assert closed["history"][-1]["actor"] == "charger"
        assert "5000 Wh" in closed["history"][-1]["reason"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_transactions_carry_their_energy(ocpp: int, api: Api, stations: Stations, version: str) -> None:
    station = (await stations.take(api))["id"]
    async with connected(ocpp, station, version) as client:
        await client.boot()
        await client.charge(12_345)
    (transaction,) = await listed(api, f"/api/gateway/stations/{station}/transactions")
    assert transaction["energy_wh"] == 12_345


async def test_a_fault_soon_after_closing_opens_the_same_task(ocpp: int, api: Api, stations: Stations) -> None:
    station = (await stations.take(api))["id"]
    async with connected(ocpp, station, "1.6") as client:
        await client.boot()
        for state in ("verifying", "verifying", "closed"):
            await client.report("Faulted", now(), "ReaderFailure")
            await in_state(api, station, FAULT, "open")
            await client.report("Available", now())
            await in_state(api, station, FAULT, state)
        await client.report("Faulted", now(), "ReaderFailure")
        task = await in_state(api, station, FAULT, "open")
    assert len(await tasks_of(api, station, FAULT)) == 1
    assert [line["state"] for line in task["history"]] == ["open", "verifying"] * 3 + ["closed", "open"]
    assert len(await alerts_of(api, station, FAULT)) == 4, "every time it broke is an alert of its own"


async def test_repeated_fault_is_one_alert(ocpp: int, api: Api, stations: Stations) -> None:
    station = (await stations.take(api))["id"]
    async with connected(ocpp, station, "1.6") as client:
        await client.boot()
        for _ in range(5):
            await client.report("Faulted", now(), "ReaderFailure")
        await client.report("Available", now())
        await in_state(api, station, FAULT, "closed")
    assert len(await alerts_of(api, station, FAULT)) == 1
    assert len(await tasks_of(api, station, FAULT)) == 1


async def test_the_manager_at_the_faults_time_answers(ocpp: int, api: Api, stations: Stations) -> None:
    """A fault that is told later belongs to whoever managed the site when it happened."""
    before = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for filed in await listed(api, "/api/registry/stations", managed="true"):
        if not await tasks_of(api, filed["id"], FAULT):
            break
    then = await responsible(api, filed["site_id"], "manager")
    order = {"role": "manager", "organisation_id": "manager-06" if then != "manager-06" else "manager-10", "reason": "代管",
        "document_number": "文〔2026〕9 号"}  # fmt: skip
    ordered = await api.client.post(f"/api/registry/sites/{filed['site_id']}/responsibilities", json=order)
    assert ordered.is_success, ordered.text
    async with connected(ocpp, filed["id"], "1.6") as client:
        await client.boot()
        await client.report("Faulted", before, "GroundFailure")
        task = await in_state(api, filed["id"], FAULT, "open")
    assert await responsible(api, filed["site_id"], "manager") == order["organisation_id"]
    assert task["assignee_id"] == then
    assert moment(task["occurred_at"]) == before


async def test_unmanaged_sites(ocpp: int, api: Api) -> None:
    """3 % have a builder and no manager: each is an alert and a task, and its faults go to the builder."""
    sites = await listed(api, "/api/registry/sites", unmanaged="true")
    everything = await listed(api, "/api/registry/sites")
    assert (len(everything), sum(site["stations"] for site in everything)) == (240, 3000)
    assert len(sites) == 8
    assert {site["reason"] for site in sites} == {"no_manager"}
    for site in sites:
        (alert,) = await listed(api, "/api/alerts", site=site["id"], rule="unmanaged_site", state="firing")
        (task,) = await listed(api, "/api/inspection/tasks", site=site["id"], cause="unmanaged_site", status="open")
        assert task["occurred_at"] == alert["since"]
    filed = (await listed(api, "/api/registry/stations", site=sites[0]["id"]))[0]
    assert not filed["managed"]
    async with connected(ocpp, filed["id"], "2.0.1") as client:
        assert await client.boot() == "Accepted"
        await client.report("Faulted", now())
        task = await in_state(api, filed["id"], FAULT, "open")
    assert task["assignee_role"] == "builder"
    assert task["assignee_id"] == await responsible(api, sites[0]["id"], "builder")


async def test_a_new_manager_settles_an_unmanaged_site(ocpp: int, api: Api) -> None:
    site = (await listed(api, "/api/registry/sites", unmanaged="true"))[-1]["id"]
    manager = next(o["id"] for o in await listed(api, "/api/registry/organisations") if o["id"].startswith("manager"))
    order = {"role": "manager", "organisation_id": manager, "reason": "agreed", "document_number": "文号 1"}
    (await api.client.post(f"/api/registry/sites/{site}/responsibilities", json=order)).raise_for_status()

    async def settled() -> bool:
        alerts = await listed(api, "/api/alerts", site=site, rule="unmanaged_site")
        tasks = await listed(api, "/api/inspection/tasks", site=site, cause="unmanaged_site")
        return [a["state"] for a in alerts] == ["resolved"] and [t["state"] for t in tasks] == ["closed"]

    await eventually(settled)
    assert len(await listed(api, "/api/registry/sites", unmanaged="true")) == 7
    await shows(api, site, managed=True)


async def test_an_unknown_station_is_accepted_once_it_is_filed(
    suite: Suite, ocpp: int, api: Api, tmp_path: Path
) -> None:
    """It is Pending, an alert and a task; filed by an import it is accepted on the same connection."""
    station = "NEWSITE-001"
    charger = await Charger(ocpp, station, "ocpp2.0.1").connect()
    assert await charger.boot() == "Pending"
    refused = await charger.status("Faulted")
    assert (refused[0], refused[2]) == (4, "SecurityError")
    await alert_in_state(api, station, "unfiled_charger", "firing")
    task = await in_state(api, station, "unfiled_charger", "open")
    assert task["assignee_role"] == "team"
    assert await alerts_of(api, station, FAULT) == [], "what an unknown station says is no fact"

    file = tmp_path / "sites.csv"
    file.write_text("id,name,longitude,latitude,charge_count\nNEWSITE,新站,121.43,29.29,1\n", encoding="utf-8")
    command = [*COMMAND, "import", "sites", str(file), "--crs=gcj02", f"--data={suite.data}"]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "1 added, 0 changed, 0 unchanged, 0 refused"), done.stderr

    async def accepted() -> bool:
        return await charger.boot() == "Accepted"

    await eventually(accepted)
    assert (await charger.status("Faulted"))[0] == 3
    await charger.close()
    await alert_in_state(api, station, "unfiled_charger", "resolved")
    await in_state(api, station, "unfiled_charger", "closed")
    await in_state(api, station, FAULT, "open")


async def test_a_restarted_charger_says_everything_again(ocpp: int, api: Api, stations: Stations) -> None:
    """Its message ids begin again at 1, and every time another worker may hold it."""
    station = (await stations.take(api))["id"]
    faulted_at, later = text(now()), text(now() + timedelta(milliseconds=5))
    for _ in range(12):
        charger = await Charger(ocpp, station, "ocpp1.6").connect()
        assert (await charger.status("Faulted", error="OtherError", at=faulted_at))[0] == 3
        await charger.close()
    charger = await Charger(ocpp, station, "ocpp1.6").connect()
    assert (await charger.status("Faulted", error="OtherError", at=later))[0] == 3
    await charger.close()
    told = [status["occurred_at"] for status in await statuses_of(api, station)]
    assert told == [faulted_at, later], "the same message id with another time is no repeat"
    await in_state(api, station, FAULT, "open")
    assert len(await alerts_of(api, station, FAULT)) == 1


async def test_a_charger_that_believes_it_is_1970(ocpp: int, api: Api, stations: Stations) -> None:
    station = (await stations.take(api))["id"]
    before = now()
    async with connected(ocpp, station, "1.6") as client:
        await client.boot()
        await client.report("Faulted", datetime(1970, 1, 1, 0, 5, tzinfo=UTC), "ReaderFailure")
        task = await in_state(api, station, FAULT, "open")
    (told,) = await statuses_of(api, station)
    assert told["occurred_at"] == "1970-01-01T00:05:00.000Z"
    assert before <= moment(task["occurred_at"]) <= moment(task["opened_at"])


async def test_an_operator_sees_and_mends_its_own(http: int, ocpp: int, api: Api, stations: Stations) -> None:
    """Its word alone does not close a task while the charger says Faulted."""
    own, foreign = await _of_the_operator_and_another(api, stations)
    async with (
        Api(http) as operator,
        connected(ocpp, own, "1.6") as client,
        connected(ocpp, foreign, "1.6") as other,
    ):
        await operator.log_in("demo-operator")
        for each, station in ((client, own), (other, foreign)):
            await each.boot()
            await each.report("Faulted", now(), "OtherError")
            await in_state(api, station, FAULT, "open")
        assert await tasks_of(operator, foreign, FAULT) == []
        hidden = (await tasks_of(api, foreign, FAULT))[0]["id"]
        assert (await operator.client.get(f"/api/inspection/tasks/{hidden}")).status_code == 404
        (task,) = await tasks_of(operator, own, FAULT)
        for verb, state in (("accept", "accepted"), ("mend", "mended")):
            moved = await operator.client.post(f"/api/inspection/tasks/{task['id']}/{verb}", json={"reason": "done"})
            assert moved.raise_for_status().json()["state"] == state
        await _something_else_is_closed(ocpp, api, stations)
        assert (await api.get(f"/api/inspection/tasks/{task['id']}"))["state"] == "mended"
        await client.report("Available", now())
        closed = await in_state(api, own, FAULT, "closed")
    assert [line["state"] for line in closed["history"]] == ["open", "accepted", "mended", "verifying", "closed"]
    times = [moment(line["at"]) for line in closed["history"]]
    assert all(earlier <= later for earlier, later in pairwise(times))


async def _of_the_operator_and_another(api: Api, stations: Stations) -> tuple[str, str]:
    """Return a station of a site that the demo operator's organisation manages, and one of another's."""
    people = await listed(api, "/api/registry/persons")
    organisation = next(person["organisation_id"] for person in people if person["username"] == "demo-operator")
    found: dict[bool, str] = {}
    while len(found) < 2:
        station = await stations.take(api)
        found.setdefault(await responsible(api, station["site_id"], "manager") == organisation, station["id"])
    return found[True], found[False]


async def _something_else_is_closed(ocpp: int, api: Api, stations: Stations) -> None:
    """Let the holding time pass for another task, so that what was due before it has been dealt with."""
    station = (await stations.take(api))["id"]
    async with connected(ocpp, station, "1.6") as client:
        await client.boot()
        await client.report("Faulted", now(), "OtherError")
        await in_state(api, station, FAULT, "open")
        await client.report("Available", now())
        await in_state(api, station, FAULT, "closed")
