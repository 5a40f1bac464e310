"""Who may charge, on real processes: id tokens, lists, reservations and profiles with the `ocpp` package's stations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

from deploy import embedded
from tests.integration.stations import VERSIONS, Station16, Station201, connected, now, text
from tests.suite import Api, Suite, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Handler = Callable[..., Awaitable[Any]]
OK = "Accepted"
SOMEWHERE = 99  # a connector that no station has


def answers(action: str) -> Callable[[Handler], Handler]:
    """Let a method answer an action of ours."""

    def decorate(handler: Handler) -> Handler:
        decorated: Handler = on(action)(handler)
        return decorated

    return decorate


class Listing:
    """What a station was told: its list, reservations and profiles."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.version = 0
        self.listed: dict[str, dict[str, Any]] = {}
        self.profiles: dict[int, dict[str, Any]] = {}

    def take_list(self, version: int, kind: str, lines: dict[str, dict[str, Any]]) -> str:
        if kind == "Differential" and version <= self.version:
            return "VersionMismatch"
        self.version = version
        self.listed = {} if kind == "Full" else self.listed
        for token, info in lines.items():
            if info:
                self.listed[token] = info
            else:
                self.listed.pop(token)
        return OK


class Obedient16(Listing, Station16):
    """A charge point that does what it is told."""

    async def authorize(self, token: str) -> str:
        return str((await self.say(call16.Authorize(id_tag=token))).id_tag_info["status"])

    async def begin(self, token: str, reservation: int | None = None) -> tuple[str, Any]:
        answer = await self.say(
            call16.StartTransaction(
                connector_id=1, id_tag=token, meter_start=0, timestamp=text(now()), reservation_id=reservation
            )
        )
        return str(answer.id_tag_info["status"]), answer.transaction_id

    async def finish(self, transaction: Any) -> None:
        await self.say(call16.StopTransaction(meter_stop=9, timestamp=text(now()), transaction_id=transaction))

    @answers("SendLocalList")
    async def on_list(self, list_version: int, update_type: str, local_authorization_list: Any = ()) -> Any:
        lines = {line["id_tag"]: line.get("id_tag_info", {}) for line in local_authorization_list}
        return result16.SendLocalList(self.take_list(list_version, update_type, lines))

    @answers("GetLocalListVersion")
    async def on_version(self) -> Any:
        return result16.GetLocalListVersion(self.version)

    @answers("ReserveNow")
    async def on_reserve(self, connector_id: int, **_: Any) -> Any:
        return result16.ReserveNow("Rejected" if connector_id == SOMEWHERE else OK)

    @answers("CancelReservation")
    async def on_cancel(self, reservation_id: int) -> Any:
        return result16.CancelReservation(OK)

    @answers("SetChargingProfile")
    async def on_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        self.profiles[cs_charging_profiles["charging_profile_id"]] = cs_charging_profiles
        return result16.SetChargingProfile(OK)

    @answers("ClearChargingProfile")
    async def on_clear(self, **_: Any) -> Any:
        self.profiles.clear()
        return result16.ClearChargingProfile(OK)

    @answers("GetCompositeSchedule")
    async def on_composite(self, connector_id: int, **_: Any) -> Any:
        return result16.GetCompositeSchedule("Rejected")


class Obedient201(Listing, Station201):
    """A charging station that does what it is told."""

    started = 0

    async def authorize(self, token: str) -> str:
        id_token = {"id_token": token, "type": "ISO14443"}
        return str((await self.say(call201.Authorize(id_token=id_token))).id_token_info["status"])

    async def begin(self, token: str, reservation: int | None = None) -> tuple[str, Any]:
        self.started += 1
        transaction = f"{self.id}-{self.started}"[-36:]
        answer = await self._event("Started", 0, transaction, {"id_token": token, "type": "ISO14443"}, reservation)
        return str(answer.id_token_info["status"]), transaction

    async def finish(self, transaction: Any) -> None:
        await self._event("Ended", 1, transaction)

    async def _event(
        self, kind: str, seq_no: int, transaction: str, token: Any = None, reservation: int | None = None
    ) -> Any:
        return await self.say(
            call201.TransactionEvent(
                event_type=kind, timestamp=text(now()), trigger_reason="Authorized", seq_no=seq_no,
                transaction_info={"transaction_id": transaction}, evse={"id": 1, "connector_id": 1}, id_token=token,
                reservation_id=reservation,
            )
        )  # fmt: skip

    @answers("SendLocalList")
    async def on_list(self, version_number: int, update_type: str, local_authorization_list: Any = ()) -> Any:
        lines = {line["id_token"]["id_token"]: line.get("id_token_info", {}) for line in local_authorization_list}
        return result201.SendLocalList(self.take_list(version_number, update_type, lines))

    @answers("GetLocalListVersion")
    async def on_version(self) -> Any:
        return result201.GetLocalListVersion(self.version)

    @answers("ReserveNow")
    async def on_reserve(self, evse_id: int | None = None, **_: Any) -> Any:
        return result201.ReserveNow("Rejected" if evse_id == SOMEWHERE else OK)

    @answers("CancelReservation")
    async def on_cancel(self, reservation_id: int) -> Any:
        return result201.CancelReservation(OK)

    @answers("SetChargingProfile")
    async def on_profile(self, evse_id: int, charging_profile: dict[str, Any]) -> Any:
        self.profiles[charging_profile["id"]] = charging_profile
        return result201.SetChargingProfile(OK)

    @answers("ClearChargingProfile")
    async def on_clear(self, **_: Any) -> Any:
        self.profiles.clear()
        return result201.ClearChargingProfile(OK)

    @answers("GetCompositeSchedule")
    async def on_composite(self, **_: Any) -> Any:
        return result201.GetCompositeSchedule("Rejected")


KINDS: dict[str, Any] = {"1.6": Obedient16, "2.0.1": Obedient201}
UNKNOWN = {"1.6": "Invalid", "2.0.1": "Unknown"}


@asynccontextmanager
async def booted(port: int, station_id: str, version: str) -> AsyncIterator[Any]:
    """A station that has booted."""
    async with connected(port, station_id, version, KINDS) as station:
        await station.boot()
        yield station


@pytest.fixture(scope="module")
def suite(sample_folder: Path) -> Iterator[Suite]:
    suite = Suite(sample_folder, "--demo", "--stations=0", "--workers=2")
    suite.start()
    yield suite
    assert suite.stop() == 0, suite.output()


class Given:
    """Stations and id tokens that no other test uses."""

    def __init__(self) -> None:
        self.count = 0

    async def station(self, api: Api) -> str:
        self.count += 1
        stations = await api.items("/api/registry/stations", managed="true", limit="200")
        return str(stations[self.count]["id"])

    async def token(self, api: Api, **members: Any) -> str:
        self.count += 1
        token = f"CARD-{self.count}"
        answer = await api.client.post("/api/gateway/id-tokens", json={"id_token": token, **members})
        assert answer.status_code == 201, answer.text
        return token


@pytest.fixture(scope="module")
def given() -> Given:
    return Given()


async def becomes(station: Any, token: str, status: str) -> None:
    """Wait until a connected station is answered so."""

    async def ask() -> bool:
        return bool(await station.authorize(token) == status)

    await eventually(ask)


async def command(api: Api, station: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Send a command and return the station's answer."""
    body = {"action": action, "payload": payload, "reason": "custody"}
    answer = await api.client.post(f"/api/gateway/stations/{quote(station)}/commands?wait=30", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["state"] == "answered", found
    answered: dict[str, Any] = found["answer"]
    return answered


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_standing_and_a_block_that_takes_effect(
    ports: dict[str, int], api: Api, given: Given, version: str
) -> None:
    good = await given.token(api)
    blocked = await given.token(api, status="blocked")
    past = await given.token(api, expires_at="2026-01-01T00:00:00Z")
    async with booted(ports["ocpp"], await given.station(api), version) as station:
        for token, status in ((past, "Expired"), (blocked, "Blocked"), (good, OK), (good.lower(), OK)):
            await becomes(station, token, status)
        assert await station.authorize("nobody's") == UNKNOWN[version]
        assert await station.authorize("DEMO") == OK
        changed = await api.client.patch(f"/api/gateway/id-tokens/{good}", json={"status": "blocked"})
        assert changed.json()["status"] == "blocked"
        await becomes(station, good, "Blocked")
        status, transaction = await station.begin(good)
        assert (status, bool(transaction)) == ("Blocked", True)
        assert (await api.client.delete(f"/api/gateway/id-tokens/{good}")).status_code == 204
        await becomes(station, good, UNKNOWN[version])


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_token_is_in_one_transaction_at_a_time(
    ports: dict[str, int], api: Api, given: Given, version: str
) -> None:
    token = await given.token(api)
    here, there = await given.station(api), await given.station(api)
    async with booted(ports["ocpp"], here, version) as one, booted(ports["ocpp"], there, version) as other:
        await becomes(one, token, OK)
        await becomes(other, token, OK)
        status, transaction = await one.begin(token)
        assert status == OK

        async def refused() -> bool:
            answered, begun = await other.begin(token)
            await other.finish(begun)
            return bool(answered == "ConcurrentTx")

        await eventually(refused)
        for station in (one, other):
            assert (await station.begin("DEMO"))[0] == OK, "the demo's token may be everywhere at once"
        await one.finish(transaction)

        async def accepted() -> bool:
            answered, begun = await other.begin(token)
            await other.finish(begun)
            return bool(answered == OK)

        await eventually(accepted)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_local_list_whole_and_by_difference(
    ports: dict[str, int], api: Api, given: Given, version: str
) -> None:
    station_id = await given.station(api)
    kept, dropped = await given.token(api), await given.token(api)
    address = f"/api/gateway/stations/{quote(station_id)}/local-list"

    async def send(**wish: Any) -> dict[str, Any]:
        answer = await api.client.put(address, json={"reason": "custody", **wish})
        assert answer.status_code == 200, answer.text
        sent: dict[str, Any] = answer.json()
        return sent

    async with booted(ports["ocpp"], station_id, version) as station:
        sent = await send(update_type="Full")
        registered = {t["id_token"] for t in await api.items("/api/gateway/id-tokens", limit="1000")}
        assert set(station.listed) == registered
        assert (sent["version"], sent["entries"], len(sent["commands"])) == (1, len(registered), 1)
        new = await given.token(api, status="blocked")
        await api.client.delete(f"/api/gateway/id-tokens/{dropped}")
        sent = await send()
        assert sent["commands"][0]["payload"]["updateType"] == "Differential"
        assert set(station.listed) == registered - {dropped} | {new}
        assert (station.listed[new]["status"], station.listed[kept]["status"]) == ("Blocked", OK)
        assert (await send())["commands"] == [], "nothing has changed"
        station.version, station.listed = 7, {}  # somebody else has sent it a list
        await command(api, station_id, "GetLocalListVersion", {})
        found = await api.get(address)
        assert (found["version"], found["entries"]) == (7, None)
        sent = await send(entries_a_message=2)
        assert sent["commands"][0]["payload"]["updateType"] == "Full"
        assert len(sent["commands"]) == -(-len(station.listed) // 2)
        assert set(station.listed) == registered - {dropped} | {new}


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_life_of_reservations(ports: dict[str, int], api: Api, given: Given, version: str) -> None:
    station_id, token = await given.station(api), await given.token(api)
    until = text(now() + timedelta(hours=1))

    def wish(number: int, connector: int = 1, expiry: str = until) -> dict[str, Any]:
        if version == "1.6":
            return {"connectorId": connector, "expiryDate": expiry, "idTag": token, "reservationId": number}
        id_token = {"idToken": token, "type": "ISO14443"}
        return {"id": number, "expiryDateTime": expiry, "idToken": id_token, "evseId": connector}

    async def states() -> dict[int, str]:
        found = await api.items(f"/api/gateway/stations/{quote(station_id)}/reservations")
        return {item["reservation_id"]: item["state"] for item in found}

    async with booted(ports["ocpp"], station_id, version) as station:
        assert await command(api, station_id, "ReserveNow", wish(9, SOMEWHERE)) == {"status": "Rejected"}
        for number in (1, 2):
            assert await command(api, station_id, "ReserveNow", wish(number)) == {"status": OK}
        assert await states() == {1: "held", 2: "held"}
        assert await command(api, station_id, "CancelReservation", {"reservationId": 2}) == {"status": OK}
        await station.begin(token, reservation=1)
        assert await states() == {1: "used", 2: "cancelled"}
        await command(api, station_id, "ReserveNow", wish(3, expiry=text(now())))

        async def expired() -> bool:
            return (await states())[3] == "expired"

        await eventually(expired)
        if version == "2.0.1":
            await command(api, station_id, "ReserveNow", wish(4))
            await station.say(call201.ReservationStatusUpdate(reservation_id=4, reservation_update_status="Removed"))
            assert (await states())[4] == "removed"
    everywhere = await api.items("/api/gateway/reservations", state="used", station=station_id)
    assert [item["id_token"] for item in everywhere] == [token]


def profile(version: str, profile_id: int, purpose: str, *periods: tuple[int, float]) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
    }
    rest = {"stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative"}
    if version == "1.6":
        return {"chargingProfileId": profile_id, **rest, "chargingSchedule": schedule}
    return {"id": profile_id, **rest, "chargingSchedule": [{"id": 1, **schedule}]}


@pytest.mark.parametrize("version", VERSIONS)
async def test_charging_profiles_and_what_they_permit_together(
    ports: dict[str, int], api: Api, given: Given, version: str
) -> None:
    station_id = await given.station(api)
    address = f"/api/gateway/stations/{quote(station_id)}"
    place, member, highest, own = {
        "1.6": ("connectorId", "csChargingProfiles", "ChargePointMaxProfile", "id"),
        "2.0.1": ("evseId", "chargingProfile", "ChargingStationMaxProfile", "chargingProfileId"),
    }[version]

    async def periods(connector: int) -> list[tuple[int, float | None]]:
        found = await api.get(f"{address}/composite-schedule", connector=str(connector), duration="3600", unit="W")
        return [(period["start_s"], period["limit"]) for period in found["periods"]]

    async def stored() -> list[int]:
        return sorted(item["profile_id"] for item in await api.items(f"{address}/charging-profiles"))

    async with booted(ports["ocpp"], station_id, version) as station:
        assert await periods(1) == [(0, None)]
        for connector, sent in (
            (0, profile(version, 1, highest, (0, 5000.0))),
            (1, profile(version, 2, "TxDefaultProfile", (0, 7000.0), (600, 3000.0))),
        ):
            answer = await command(api, station_id, "SetChargingProfile", {place: connector, member: sent})
            assert answer == {"status": OK}
        assert set(station.profiles) == {1, 2}
        assert await stored() == [1, 2]
        assert await periods(1) == [(0, 5000), (600, 3000)]
        assert await periods(0) == [(0, 5000)]
        theirs = await command(api, station_id, "GetCompositeSchedule", {place: 1, "duration": 60})
        assert theirs == {"status": "Rejected"}
        assert await command(api, station_id, "ClearChargingProfile", {own: 1}) == {"status": OK}
        assert await stored() == [2]
        assert await periods(1) == [(0, 7000), (600, 3000)]
        if version == "2.0.1":
            told = {
                "id": 5, "stack_level": 0, "charging_profile_purpose": "ChargingStationExternalConstraints",
                "charging_profile_kind": "Absolute",
                "charging_schedule": [
                    {"id": 1, "charging_rate_unit": "W", "charging_schedule_period": [{"start_period": 0, "limit": 900}]}
                ],
            }  # fmt: skip
            await station.say(
                call201.ReportChargingProfiles(
                    request_id=1, charging_limit_source="EMS", evse_id=0, charging_profile=[told]
                )
            )
            assert await stored() == [2, 5]
            assert await periods(0) == [(0, 900)]
            await station.say(call201.ClearedChargingLimit(charging_limit_source="EMS"))
            assert await stored() == [2]
        await command(api, station_id, "ClearChargingProfile", {})
        assert await stored() == []
    gone = await api.items(f"{address}/charging-profiles", cleared="true")
    assert {1, 2} <= {item["profile_id"] for item in gone}


@asynccontextmanager
async def database_away(suite: Suite) -> AsyncIterator[None]:
    """Nobody is connected to the suite's database, and nobody is let in."""
    admin = await asyncpg.connect(embedded.cluster(suite.data).dsn("postgres"))
    try:
        await admin.execute(f"ALTER DATABASE {embedded.DATABASE} ALLOW_CONNECTIONS false")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", embedded.DATABASE
        )
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {embedded.DATABASE} ALLOW_CONNECTIONS true")
        await admin.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_while_the_database_is_away_drivers_are_known_and_starts_wait(
    suite: Suite, ports: dict[str, int], api: Api, given: Given, version: str
) -> None:
    token, blocked = await given.token(api), await given.token(api, status="blocked")
    here, there = await given.station(api), await given.station(api)
    async with booted(ports["ocpp"], here, version) as asks, booted(ports["ocpp"], there, version) as starts:
        for station in (asks, starts):
            await becomes(station, token, OK)
            await becomes(station, blocked, "Blocked")
        async with database_away(suite):
            start = asyncio.create_task(starts.begin(token))
            for _ in range(3):
                assert await asks.authorize(token) == OK
                assert await asks.authorize(blocked) == "Blocked"
            assert not start.done()
        status, transaction = await start
        assert (status, bool(transaction)) == (OK, True)

        async def stored() -> bool:
            frames = await api.items(f"/api/gateway/stations/{quote(here)}/frames", limit="1000")
            return sum('"Authorize"' in frame["frame"] for frame in frames) >= 8

        await eventually(stored)
        await starts.finish(transaction)


async def test_who_may_see_and_change_id_tokens(ports: dict[str, int], api: Api) -> None:
    other = Api(ports["http"])
    assert (await other.client.get("/api/gateway/id-tokens")).status_code == 401
    await other.log_in("demo-operator")
    for path in ("/api/gateway/id-tokens", "/api/gateway/reservations", "/gateway/id-tokens"):
        assert (await other.client.get(path)).status_code == 403, path
    assert (await other.client.post("/api/gateway/id-tokens", json={"id_token": "X"})).status_code == 403
    await other.client.aclose()
    wrong = await api.client.post("/api/gateway/id-tokens", json={"id_token": "X", "group_id": "nobody"})
    assert (wrong.status_code, wrong.json()["fields"][0]["field"]) == (422, "group_id")
    twice = await api.client.post("/api/gateway/id-tokens", json={"id_token": "demo"})
    assert twice.status_code == 409
    assert (await api.client.get("/api/gateway/id-tokens/%00")).status_code == 422
    assert (await api.client.patch("/api/gateway/id-tokens/nobody", json={})).status_code == 404


async def test_the_page_of_id_tokens(api: Api) -> None:
    """What a form sends, with the login of the API: no CSRF token is needed with it."""
    client = api.client

    async def post(path: str, **form: str) -> str:
        answer = await client.post(path, data=form, headers={"Accept": "text/html"}, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text

    await post("/gateway/id-token-groups", group_id="FAMILY", name="一家人", master_pass="true")
    page = await post(
        "/gateway/id-tokens", id_token="PAGE<1>", type="ISO14443", group_id="FAMILY", expires_at="2031-05-04T12:30"
    )
    for words in ("PAGE&lt;1&gt;", "一家人", "只能结束充电", "2031-05-04 12:30"):
        assert words in page
    token = await api.get("/api/gateway/id-tokens/PAGE%3C1%3E")
    assert (token["expires_at"], token["master_pass"]) == ("2031-05-04T04:30:00.000Z", True)
    await post("/gateway/id-tokens/change", id_token="PAGE<1>", act="block")
    assert (await api.get("/api/gateway/id-tokens/PAGE%3C1%3E"))["status"] == "blocked"
    await post("/gateway/id-tokens/change", id_token="PAGE<1>", act="unblock")
    over = await post("/gateway/id-tokens/change", id_token="PAGE<1>", act="edit", expires_at="2020-05-04T12:30")
    assert "已过有效期" in over
    await post("/gateway/id-tokens/change", id_token="PAGE<1>", act="edit", concurrent="true")
    token = await api.get("/api/gateway/id-tokens/PAGE%3C1%3E")
    assert (token["status"], token["group_id"], token["concurrent"]) == ("accepted", None, True)
    await post("/gateway/id-tokens/change", id_token="PAGE<1>", act="remove")
    assert (await client.get("/api/gateway/id-tokens/PAGE%3C1%3E")).status_code == 404
    refused = await client.post("/gateway/id-tokens", data={"id_token": "DEMO", "note": "mine"})
    assert refused.status_code == 409
    assert 'value="mine"' in refused.text
    never = await client.post("/gateway/id-tokens", data={"id_token": "NEW", "expires_at": "0001-01-01T00:00"})
    assert (never.status_code, "不是时间" in never.text) == (422, True)
    english = await client.get("/gateway/id-tokens", params={"lang": "en", "q": "demo"})
    assert "Id tokens" in english.text
    assert "DEMO" in english.text
