"""The main job on real processes: a fault frame, an alert, a task for the manager, recovery, closed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.suite import Api, Charger, Suite, eventually, timestamp


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    """A county without a fleet, with a short holding time and a heartbeat that is soon missed."""
    suite = Suite(sample_folder, "--demo", "--stations=0", YOUGUAN_HOLDING_TIME_S="2", YOUGUAN_HEARTBEAT_INTERVAL_S="2")
    suite.start()
    yield suite
    assert suite.stop() == 0, suite.output()


@pytest.fixture
def ocpp(suite: Suite) -> int:
    return suite.ports()["ocpp"]


async def task_in(api: Api, station: str, *states: str) -> dict[str, Any] | None:
    """Return the station's newest task when it is in one of the states."""
    tasks = await api.items("/api/inspection/tasks", station=station, cause="connector_fault")
    return next((task for task in tasks[:1] if task["state"] in states), None)


async def condition_on_map(api: Api, site: str, count: str) -> int:
    features = (await api.get("/api/public/sites.geojson"))["features"]
    found: int = next(f["properties"][count] for f in features if f["id"] == site)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("station", "subprotocol"), [("NH0001-001", "ocpp1.6"), ("NH0001-002", "ocpp2.0.1")])
async def test_a_fault_becomes_a_task_and_its_recovery_closes_it(
    api: Api, ocpp: int, station: str, subprotocol: str
) -> None:
    charger = await Charger(ocpp, station, subprotocol).connect()
    assert await charger.boot() == "Accepted"
    await charger.status("Available")
    before = await condition_on_map(api, "NH0001", "faulted")
    await charger.status("Faulted", error="GroundFailure")
    task = await eventually(lambda: task_in(api, station, "open"))
    assert task["cause"] == "connector_fault"
    responsible = await api.items("/api/registry/sites/NH0001/responsibilities")
    assert task["assignee_id"] in [r["organisation"]["id"] for r in responsible if r["role"] == "manager"]
    assert [a["rule"] for a in await api.items("/api/alerts", state="firing", station=station)] == ["connector_fault"]

    async def shown() -> bool:
        return await condition_on_map(api, "NH0001", "faulted") == before + 1

    await eventually(shown)
    await charger.status("Available")
    await eventually(lambda: task_in(api, station, "verifying", "closed"))
    assert await api.items("/api/alerts", state="firing", station=station) == []
    closed = await eventually(lambda: task_in(api, station, "closed"))
    moves = (await api.get(f"/api/inspection/tasks/{closed['id']}"))["history"]
    assert [line["state"] for line in moves] == ["open", "verifying", "closed"]
    times = [line["at"] for line in moves]
    assert times == sorted(times)
    await charger.close()


@pytest.mark.slow
async def test_a_flapping_charger_opens_one_task(api: Api, ocpp: int) -> None:
    charger = await Charger(ocpp, "NH0003-001").connect()
    await charger.boot()
    for _ in range(10):
        await charger.status("Faulted", error="InternalError")
        await charger.status("Available")
    await charger.status("Faulted", error="InternalError")
    await eventually(lambda: task_in(api, "NH0003-001", "open"))
    assert len(await api.items("/api/inspection/tasks", station="NH0003-001", cause="connector_fault")) == 1
    await charger.close()


@pytest.mark.slow
async def test_an_unknown_station_is_pending_and_becomes_an_unfiled_charger(api: Api, ocpp: int) -> None:
    charger = await Charger(ocpp, "NOBODY 1").connect()
    assert await charger.boot() == "Pending"
    assert (await charger.status("Available"))[2] == "SecurityError"

    async def alerted() -> list[dict[str, Any]]:
        return await api.items("/api/alerts", state="firing", station="NOBODY 1", rule="unfiled_charger")

    await eventually(alerted)

    async def opened() -> list[dict[str, Any]]:
        return await api.items("/api/inspection/tasks", station="NOBODY 1", status="open")

    assert [task["cause"] for task in await eventually(opened)] == ["unfiled_charger"]
    await charger.close()


@pytest.mark.slow
async def test_silence_is_offline_and_any_message_ends_it(api: Api, ocpp: int) -> None:
    charger = await Charger(ocpp, "NH0004-001").connect()
    await charger.boot()

    async def offline() -> list[dict[str, Any]]:
        return await api.items("/api/alerts", state="firing", station="NH0004-001", rule="station_offline")

    await eventually(offline)
    assert (await api.get("/api/gateway/stations/NH0004-001"))["state"] == "offline"
    await charger.say("Heartbeat", {})

    async def over() -> bool:
        return not await offline()

    await eventually(over)
    assert (await api.get("/api/gateway/stations/NH0005-001"))["state"] == "never_connected"
    await charger.close()


@pytest.mark.slow
async def test_what_is_told_again_on_a_new_connection_changes_nothing(api: Api, ocpp: int) -> None:
    faulted_at = timestamp()
    charger = await Charger(ocpp, "NH0006-001").connect()
    await charger.boot()
    await charger.status("Faulted", at=faulted_at)
    await charger.status("Available")
    await charger.close()
    again = await Charger(ocpp, "NH0006-001").connect()
    assert (await again.status("Faulted", at=faulted_at))[0] == 3
    station = await api.get("/api/gateway/stations/NH0006-001")
    assert [c["status"] for c in station["connectors"]] == ["Available"]
    changes = await api.items("/api/gateway/stations/NH0006-001/status-changes")
    assert [c["status"] for c in changes] == ["Faulted", "Available"]
    await again.close()


@pytest.mark.slow
async def test_unmanaged_sites_have_a_task_to_settle_who_manages(api: Api) -> None:
    sites = await api.items("/api/registry/sites", unmanaged="true")
    assert 5 <= len(sites) <= 10
    assert {site["reason"] for site in sites} == {"no_manager"}
    tasks = await api.items("/api/inspection/tasks", cause="unmanaged_site", status="open")
    assert {task["site_id"] for task in tasks} == {site["id"] for site in sites}
    assert {task["assignee_role"] for task in tasks} == {"builder"}
