"""Who may charge: tables of decisions, the words of each version, lists, reservations, charging profiles. No I/O."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_gateway.adapters import ocpp16, ocpp201
from ocpp_gateway.adapters.outcome import Context
from ocpp_gateway.authorisation.charging_profiles import Profile, fits, read_profile, replaced
from ocpp_gateway.authorisation.composite import Asked, Period, composite_schedule, limit_at, station_limit_at
from ocpp_gateway.authorisation.effects import EFFECTS
from ocpp_gateway.authorisation.facts import (
    ChargingProfilesCleared,
    ChargingProfileSet,
    Criteria,
    LocalListTaken,
    LocalListVersionTold,
    ReservationEnded,
    ReservationMade,
    ReservationUsed,
)
from ocpp_gateway.authorisation.local_list import applied, difference, entries_of, messages, wanted
from ocpp_gateway.authorisation.memory import Memory
from ocpp_gateway.authorisation.reservations import Happening, State, after, concerned
from ocpp_gateway.authorisation.rules import (
    COUNTED_FOR,
    Decision,
    IdToken,
    OpenTransaction,
    Presented,
    Purpose,
    Standing,
    compared,
    decide,
)
from ocpp_gateway.authorisation.wording import id_tag_info, id_token_info
from ocpp_gateway.commands import catalogue
from ocpp_gateway.commands.effects import effects
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.observation import TransactionBegun
from ocpp_gateway.protocol import schemas
from ocpp_gateway.protocol.versions import V16, V21, V201, Version
from ocpp_gateway.stations.registration import Registration
from tests.ocpp_gateway.fakes import NOW, knowing
from youguan.clock import ManualClock
from youguan.events import (
    IdTokenEntry,
    IdTokensChanged,
    TransactionAuthorised,
    TransactionEnded,
    TransactionStarted,
)

SOON, BEFORE = NOW + timedelta(hours=1), NOW - timedelta(seconds=1)
ELSEWHERE = OpenTransaction("s2", 1, "9", BEFORE)


def presented(purpose: Purpose = Purpose.ASK, kind: str | None = None, **rest: Any) -> Presented:
    return Presented("CARD", kind, purpose, "s1", **rest)


# --- decisions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "purpose", "standing"),
    [
        (IdToken("CARD"), Purpose.ASK, Standing.ACCEPTED),
        (IdToken("CARD"), Purpose.START, Standing.CONCURRENT),
        (IdToken("CARD"), Purpose.GO_ON, Standing.ACCEPTED),
        (IdToken("CARD", concurrent=True), Purpose.START, Standing.ACCEPTED),
        (IdToken("CARD", blocked=True, expires_at=BEFORE), Purpose.ASK, Standing.BLOCKED),
        (IdToken("CARD", expires_at=BEFORE), Purpose.START, Standing.EXPIRED),
        (IdToken("CARD", expires_at=NOW), Purpose.GO_ON, Standing.EXPIRED),
        (IdToken("CARD", expires_at=SOON), Purpose.ASK, Standing.ACCEPTED),
        (IdToken("CARD", group_id="G", master_pass=True), Purpose.START, Standing.ENDS_ONLY),
        (IdToken("CARD", group_id="G", master_pass=True), Purpose.GO_ON, Standing.ACCEPTED),
        (IdToken("CARD", group_id="G", master_pass=True), Purpose.ASK, Standing.ACCEPTED),
        (None, Purpose.START, Standing.UNKNOWN),
    ],
)
def test_what_a_token_in_a_transaction_elsewhere_is_answered(
    token: IdToken | None, purpose: Purpose, standing: Standing
) -> None:
    assert decide(presented(purpose), token, [ELSEWHERE], NOW).standing is standing


@pytest.mark.parametrize(
    ("transaction", "standing"),
    [
        (OpenTransaction("s1", 2, "9", BEFORE), Standing.CONCURRENT),  # the other connector of the same station
        (OpenTransaction("s1", 1, "9", BEFORE), Standing.ACCEPTED),  # this start told again, or its successor
        (OpenTransaction("s1", 2, "t", BEFORE), Standing.ACCEPTED),  # this very transaction
        (OpenTransaction("s2", 1, "t", BEFORE), Standing.CONCURRENT),
        (OpenTransaction("s2", 1, "9", NOW - COUNTED_FOR - timedelta(seconds=1)), Standing.ACCEPTED),
    ],
)
def test_which_transactions_are_elsewhere(transaction: OpenTransaction, standing: Standing) -> None:
    start = presented(Purpose.START, connector=1, transaction_id="t")
    assert decide(start, IdToken("CARD"), [transaction], NOW).standing is standing


def test_no_authorisation_needs_no_token() -> None:
    assert decide(presented(Purpose.START, "NoAuthorization"), None, [], NOW) == Decision(Standing.ACCEPTED)


@pytest.mark.parametrize(
    ("registered", "shown", "standing"),
    [
        (None, "eMAID", Standing.ACCEPTED),
        ("ISO14443", "ISO14443", Standing.ACCEPTED),
        ("ISO14443", None, Standing.ACCEPTED),
        ("ISO14443", "Local", Standing.UNKNOWN),
    ],
)
def test_the_type_tells_tokens_apart_where_both_have_one(
    registered: str | None, shown: str | None, standing: Standing
) -> None:
    assert decide(presented(kind=shown), IdToken("CARD", registered), [], NOW).standing is standing


def test_the_answer_carries_expiry_and_group_in_the_order_of_the_specification() -> None:
    decision = decide(presented(), IdToken("CARD", group_id="G", expires_at=SOON), [], NOW)
    until = "2026-05-04T13:00:00.000Z"
    assert list(id_tag_info(decision).items()) == [
        ("expiryDate", until),
        ("parentIdTag", "G"),
        ("status", "Accepted"),
    ]
    assert list(id_token_info(decision).items()) == [
        ("status", "Accepted"),
        ("cacheExpiryDateTime", until),
        ("groupIdToken", {"idToken": "G", "type": "Central"}),
    ]


@pytest.mark.parametrize(
    ("standing", "in_16", "in_2"),
    [
        (Standing.ACCEPTED, "Accepted", "Accepted"),
        (Standing.BLOCKED, "Blocked", "Blocked"),
        (Standing.EXPIRED, "Expired", "Expired"),
        (Standing.UNKNOWN, "Invalid", "Unknown"),
        (Standing.CONCURRENT, "ConcurrentTx", "ConcurrentTx"),
        (Standing.ENDS_ONLY, "Invalid", "Invalid"),
    ],
)
def test_the_words_of_each_version(standing: Standing, in_16: str, in_2: str) -> None:
    assert id_tag_info(Decision(standing)) == {"status": in_16}
    assert id_token_info(Decision(standing)) == {"status": in_2}


TOKENS = st.builds(
    IdToken,
    st.sampled_from(["CARD", "card", "A" * 36]),
    st.sampled_from([None, "ISO14443", "Central"]),
    st.none() | st.text("ABC", min_size=1, max_size=36),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(-(10**7), 10**7).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    st.booleans(),
)


@given(TOKENS, st.sampled_from(Purpose), st.lists(st.just(ELSEWHERE), max_size=2))
def test_every_answer_fits_the_schema_and_a_blocked_or_expired_token_is_never_accepted(
    token: IdToken, purpose: Purpose, under_way: list[OpenTransaction]
) -> None:
    decision = decide(presented(purpose), token, under_way, NOW)
    schemas.check(schemas.responses(V16)["Authorize"], {"idTagInfo": id_tag_info(decision)}, V16)
    for version in (V201, V21):
        schemas.check(schemas.responses(version)["Authorize"], {"idTokenInfo": id_token_info(decision)}, version)
    if token.blocked or (token.expires_at and token.expires_at <= NOW):
        assert decision.standing in (Standing.BLOCKED, Standing.EXPIRED)


def test_capitals_and_small_letters_are_the_same_token() -> None:
    assert compared("Card-Ä") == compared("CARD-ä")


# --- what adapters make of it -----------------------------------------------------------------------------------

CONTEXT = Context(
    "s1", NOW, Registration.ACCEPTED, lambda _: 60, knowing(IdToken("GOOD", group_id="G"), IdToken("BAD", blocked=True))
)


def test_a_start_is_kept_and_gets_its_id_though_the_token_is_not_accepted() -> None:
    payload = {"connectorId": 1, "idTag": "bad", "meterStart": 0, "timestamp": NOW.isoformat(), "reservationId": 5}
    outcome = ocpp16.start_transaction(payload, CONTEXT)
    assert callable(outcome.answer)
    assert outcome.answer(8) == {"idTagInfo": {"status": "Blocked"}, "transactionId": 8}
    begun, used = outcome.observations
    assert isinstance(begun, TransactionBegun)
    assert used == ReservationUsed("s1", NOW, 5, "bad", 1)


def test_a_stop_is_answered_with_the_standing_of_whoever_ended_it() -> None:
    payload = {"transactionId": 1, "meterStop": 2, "timestamp": NOW.isoformat(), "idTag": "GOOD"}
    assert ocpp16.stop_transaction(payload, CONTEXT).answer == {"idTagInfo": {"parentIdTag": "G", "status": "Accepted"}}
    del payload["idTag"]
    assert ocpp16.stop_transaction(payload, CONTEXT).answer == {}


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({}, {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "G", "type": "Central"}}}),
        ({"certificate": "PEM"}, {"certificateStatus": "CertChainError", "idTokenInfo": {"status": "Invalid"}}),
    ],
)
@pytest.mark.parametrize("version", [V201, V21], ids=lambda version: version.name)
def test_a_contract_certificate_that_is_left_to_us_to_verify_opens_nothing(
    version: Version, more: dict[str, str], answer: dict[str, Any]
) -> None:
    said = {"idToken": {"idToken": "good", "type": "eMAID"}, **more}
    schemas.check(schemas.requests(version)["Authorize"], said, version)
    assert ocpp201.authorize(said, CONTEXT).answer == answer
    schemas.check(schemas.responses(version)["Authorize"], answer, version)


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        ({"idToken": "bad", "type": "ISO14443"}, {"idTokenInfo": {"status": "Blocked"}}),
        ({"idToken": "nobody", "type": "ISO14443"}, {"idTokenInfo": {"status": "Unknown"}}),
        ({"idToken": "", "type": "NoAuthorization"}, {"idTokenInfo": {"status": "Accepted"}}),
        (None, {}),
    ],
)
def test_a_transaction_event_is_answered_with_the_standing_of_its_token(
    token: dict[str, str] | None, answer: dict[str, Any]
) -> None:
    event: dict[str, Any] = {
        "eventType": "Started", "timestamp": NOW.isoformat(), "triggerReason": "Authorized", "seqNo": 0,
        "transactionInfo": {"transactionId": "t"}, "evse": {"id": 1, "connectorId": 1},
    }  # fmt: skip
    if token:
        event["idToken"] = token
    assert ocpp201.transaction_event(event, CONTEXT).answer == answer


# --- the memory of a worker -------------------------------------------------------------------------------------


def entry(id_token: str, status: str = "accepted") -> IdTokenEntry:
    return IdTokenEntry(
        id_token=id_token, id_token_type=None, group_id=None, master_pass=False, status=status, expires_at=None,
        concurrent=False,
    )  # fmt: skip


def started(station: str, transaction: str, standing: str | None = "accepted") -> TransactionStarted:
    return TransactionStarted(
        station_id=station,
        connector=1,
        transaction_id=transaction,
        effective_at=NOW,
        id_token="CARD",
        standing=standing,
    )


def ended(station: str, transaction: str) -> TransactionEnded:
    return TransactionEnded(
        station_id=station, connector=1, transaction_id=transaction, energy_wh=None, reason=None, effective_at=NOW
    )


def test_the_memory_follows_tokens_and_transactions() -> None:
    memory = Memory(ManualClock(NOW))
    start = presented(Purpose.START, connector=1)
    seen = []
    for event in (
        IdTokensChanged(entries=(entry("card"),)),
        started("s2", "1"),
        started("s3", "2"),
        ended("s2", "1"),
        ended("s3", "2"),
        started("s3", "2"),  # told after its end
        started("s4", "3", standing="concurrent"),
        TransactionAuthorised(station_id="s4", connector=1, transaction_id="3", id_token="CARD", effective_at=NOW),
        IdTokensChanged(entries=(entry("CARD", "blocked"),)),
        IdTokensChanged(entries=(), removed=("Card",)),
    ):
        before = memory.authorise(start).standing
        memory.apply(event)
        seen.append((before, memory.authorise(start).standing))
    assert [now for _, now in seen] == [
        Standing.ACCEPTED, Standing.CONCURRENT, Standing.CONCURRENT, Standing.CONCURRENT, Standing.ACCEPTED,
        Standing.ACCEPTED, Standing.ACCEPTED, Standing.CONCURRENT, Standing.BLOCKED, Standing.UNKNOWN,
    ]  # fmt: skip


def test_the_memory_forgets_what_never_ends() -> None:
    clock = ManualClock(NOW)
    memory = Memory(clock)
    memory.apply(started("s2", "1"))
    memory.apply(started("s2", "2", standing="concurrent"))
    clock.advance(timedelta(hours=24, seconds=1))
    memory.apply(ended("s9", "9"))
    assert memory.under_way == 0


# --- local lists ------------------------------------------------------------------------------------------------

VERSIONS = pytest.mark.parametrize("version", [V16, V201, V21], ids=lambda version: version.name)
SOME = [
    IdToken("A", "ISO14443"),
    IdToken("B", group_id="G", expires_at=SOON),
    IdToken("C", blocked=True),
    IdToken("D", expires_at=BEFORE),
]


def state_of(version: Version, payloads: list[dict[str, Any]], has: dict[str, Any]) -> dict[str, Any]:
    """Return what a station has that took the messages."""
    for payload in payloads:
        catalogue.check(version, "SendLocalList", payload)
        has = applied({} if payload["updateType"] == "Full" else has, entries_of(version, payload))
    return has


@VERSIONS
def test_a_full_list_and_a_differential_one_lead_to_the_same(version: Version) -> None:
    first, then = wanted(SOME[:3], version, NOW).entries, wanted(SOME[1:], version, SOON).entries
    has = state_of(version, messages(version, first, full=True, after=0), {"old": {"status": "Accepted"}})
    assert has == first
    changes = difference(has, then)
    assert changes is not None
    assert set(changes) == {"A", "B", "D"}  # taken out, expired meanwhile, new
    assert state_of(version, messages(version, changes, full=False, after=1), has) == then


@VERSIONS
def test_a_long_list_goes_in_several_messages_with_rising_versions(version: Version) -> None:
    entries = wanted([IdToken(f"T{n}") for n in range(5)], version, NOW).entries
    sent = messages(version, entries, full=True, after=6, largest=2)
    member = "listVersion" if version is V16 else "versionNumber"
    assert [(m[member], m["updateType"], len(m["localAuthorizationList"])) for m in sent] == [
        (7, "Full", 2), (8, "Differential", 2), (9, "Differential", 1),
    ]  # fmt: skip
    assert state_of(version, sent, {}) == entries


@VERSIONS
def test_an_empty_list_clears(version: Version) -> None:
    (payload,) = messages(version, {}, full=True, after=3)
    assert state_of(version, [payload], {"A": {"status": "Accepted"}}) == {}


def test_what_a_version_cannot_carry_is_named() -> None:
    long = [IdToken("A" * 21), IdToken("B", group_id="G" * 21), IdToken("C", "MyType")]
    assert set(wanted(long, V16, NOW).left_out) == {"A" * 21, "B"}
    assert set(wanted(long, V201, NOW).left_out) == {"C"}
    assert wanted(long, V21, NOW).left_out == {}


def test_a_token_that_changed_its_type_needs_the_whole_list() -> None:
    assert difference({"A": {"type": "Local", "status": "Accepted"}}, {"A": {"type": "eMAID", "status": "x"}}) is None


def test_the_order_of_members() -> None:
    (payload,) = messages(V16, wanted(SOME[1:2], V16, NOW).entries, full=True, after=0)
    assert list(payload) == ["listVersion", "localAuthorizationList", "updateType"]
    assert list(payload["localAuthorizationList"][0]) == ["idTag", "idTagInfo"]


LISTS = st.dictionaries(
    st.sampled_from("ABCDE"), st.sampled_from([{"status": "Accepted"}, {"status": "Blocked"}]), max_size=5
)


@given(LISTS, LISTS)
def test_the_difference_leads_from_any_list_to_any_other(has: dict[str, Any], should: dict[str, Any]) -> None:
    changes = difference(has, should)
    assert changes is not None
    assert applied(has, changes) == should
    assert difference(should, should) == {}


# --- reservations -----------------------------------------------------------------------------------------------


def test_the_life_of_a_reservation_pair_by_pair() -> None:
    ends = {
        Happening.USED: State.USED,
        Happening.CANCELLED: State.CANCELLED,
        Happening.EXPIRED: State.EXPIRED,
        Happening.REMOVED: State.REMOVED,
    }
    for state in State:
        for happening in Happening:
            expected = state
            if happening is Happening.MADE:
                expected = State.HELD
            elif state is State.HELD:
                expected = ends[happening]
            elif (state, happening) == (State.EXPIRED, Happening.USED):
                expected = State.USED
            assert after(state, happening) is expected, (state, happening)
            assert (str(state) in concerned(happening)) is (expected is not state)


# --- what answers make known ------------------------------------------------------------------------------------

PROFILE_16 = {
    "chargingProfileId": 7, "stackLevel": 1, "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 5000.0}]},
}  # fmt: skip
PROFILE_2 = {
    "id": 7, "stackLevel": 1, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 5000.0}]}
    ],
}  # fmt: skip
CARD_2 = {"idToken": "CARD", "type": "ISO14443"}
RESERVE_16 = {"connectorId": 0, "expiryDate": SOON.isoformat(), "idTag": "CARD", "parentIdTag": "G", "reservationId": 3}
RESERVE_2 = {"id": 3, "expiryDateTime": SOON.isoformat(), "idToken": CARD_2, "evseId": 2}
OK = {"status": "Accepted"}


@pytest.mark.parametrize(
    ("version", "action", "request_", "answer", "facts"),
    [
        (V16, "ReserveNow", RESERVE_16, OK, [ReservationMade("s1", NOW, 3, None, "CARD", "G", SOON)]),
        (V16, "ReserveNow", RESERVE_16, {"status": "Occupied"}, []),
        (V16, "ReserveNow", {**RESERVE_16, "expiryDate": "never"}, OK, []),
        (V201, "ReserveNow", RESERVE_2, OK, [ReservationMade("s1", NOW, 3, 2, "CARD", None, SOON)]),
        (V16, "CancelReservation", {"reservationId": 3}, OK, [ReservationEnded("s1", NOW, 3, "cancelled")]),
        (V16, "CancelReservation", {"reservationId": 3}, {"status": "Rejected"}, []),
        (V16, "GetLocalListVersion", {}, {"listVersion": -1}, [LocalListVersionTold("s1", NOW, -1)]),
        (V21, "GetLocalListVersion", {}, {"versionNumber": 4}, [LocalListVersionTold("s1", NOW, 4)]),
        (
            V16, "SendLocalList", {"listVersion": 2, "updateType": "Differential"}, OK,
            [LocalListTaken("s1", NOW, 2, False, {})],
        ),
        (V16, "SendLocalList", {"listVersion": 2, "updateType": "Full"}, {"status": "VersionMismatch"}, []),
        (
            V16, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE_16}, OK,
            [ChargingProfileSet("s1", NOW, 1, PROFILE_16)],
        ),
        (
            V16, "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": {**PROFILE_16, "validFrom": "tomorrow"}}, OK, [],
        ),
        (
            V201, "SetChargingProfile", {"evseId": 0, "chargingProfile": PROFILE_2}, OK,
            [ChargingProfileSet("s1", NOW, 0, PROFILE_2)],
        ),
        (V16, "RemoteStartTransaction", {"idTag": "CARD"}, OK, []),
        (
            V16, "RemoteStartTransaction", {"idTag": "CARD", "chargingProfile": PROFILE_16}, OK,
            [ChargingProfileSet("s1", NOW, None, PROFILE_16)],
        ),
        (
            V201, "RequestStartTransaction",
            {"idToken": CARD_2, "remoteStartId": 1, "evseId": 1, "chargingProfile": PROFILE_2}, OK,
            [ChargingProfileSet("s1", NOW, 1, PROFILE_2)],
        ),
        (V16, "ClearChargingProfile", {}, OK, [ChargingProfilesCleared("s1", NOW, Criteria())]),
        (
            V16, "ClearChargingProfile", {"id": 7, "connectorId": 1, "stackLevel": 2}, OK,
            [ChargingProfilesCleared("s1", NOW, Criteria(frozenset({7}), 1, None, 2))],
        ),
        (V16, "ClearChargingProfile", {}, {"status": "Unknown"}, []),
        (
            V201, "ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 0, "stackLevel": 2}}, OK,
            [ChargingProfilesCleared("s1", NOW, Criteria(None, 0, None, 2))],
        ),
        (
            V201, "GetChargingProfiles",
            {"requestId": 1, "evseId": 1, "chargingProfile": {"chargingLimitSource": ["CSO"]}}, {"status": "NoProfiles"},
            [ChargingProfilesCleared("s1", NOW, Criteria(None, 1, None, None, frozenset({"CSO"})))],
        ),
    ],
)  # fmt: skip
def test_what_an_answer_makes_known(
    version: Version, action: str, request_: dict[str, Any], answer: dict[str, Any], facts: list[Any]
) -> None:
    # Of what a station's own central system asks of it as well, which may write what no calendar holds.
    schemas.check(schemas.requests(version)[action], request_, version)
    assert list(effects(Exchange("s1", version, action, request_, answer, NOW))) == facts


def test_every_effect_is_of_an_action_that_goes_down() -> None:
    names = {version.name: actions for version, actions in catalogue.ACTIONS.items()}
    assert all(action in names[version] for version, action in EFFECTS)


# --- charging profiles ------------------------------------------------------------------------------------------


def test_a_profile_is_read_the_same_from_both_versions() -> None:
    assert read_profile(PROFILE_16, 1) == read_profile(PROFILE_2, 1)


PROFILES = st.builds(
    Profile,
    st.integers(0, 9),
    st.sampled_from([0, 1, 2, None]),
    st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]),
    st.integers(0, 3),
    st.just("Absolute"),
    st.none(),
    st.none(),
    st.none(),
    st.none(),
    st.just(read_profile(PROFILE_16, 1).schedules),
    st.sampled_from(["CSO", "EMS"]),
)
CRITERIA = st.builds(
    Criteria,
    st.none() | st.frozensets(st.integers(0, 9), min_size=1, max_size=2),
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, "TxProfile"]),
    st.none() | st.integers(0, 3),
    st.none() | st.just(frozenset({"CSO"})),
)


@given(CRITERIA, PROFILES)
def test_ids_alone_decide_and_each_other_criterion_narrows(criteria: Criteria, profile: Profile) -> None:
    assert fits(Criteria(), profile)
    found = fits(criteria, profile)
    if criteria.profile_ids is not None:
        assert found is (profile.profile_id in criteria.profile_ids)
        return
    assert found is all(
        wish is None or wish == has
        for wish, has in (
            (criteria.connector, profile.connector),
            (criteria.purpose, profile.purpose),
            (criteria.stack_level, profile.stack_level),
            (next(iter(criteria.sources or ()), None), profile.source),
        )
    )


@given(PROFILES, st.lists(PROFILES, max_size=6))
def test_a_new_profile_leaves_no_other_with_its_id_or_its_place(new: Profile, present: list[Profile]) -> None:
    left = [old for old in present if old not in replaced(new, present)]
    assert new.profile_id not in {old.profile_id for old in left}
    assert (new.connector, new.purpose, new.stack_level, new.source) not in {
        (old.connector, old.purpose, old.stack_level, old.source) for old in left
    }


def profile(purpose: str, *periods: tuple[int, float], **rest: Any) -> Profile:
    """A profile for connector 1, in watts, that begins when it is asked for unless told otherwise."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": rest.pop("unit", "W"),
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
        **{member: rest.pop(member) for member in ("duration", "startSchedule") if member in rest},
    }
    said = {
        "chargingProfileId": 1, "stackLevel": rest.pop("level", 0), "chargingProfilePurpose": purpose,
        "chargingProfileKind": rest.pop("kind", "Absolute"), "chargingSchedule": schedule,
    }  # fmt: skip
    connector = rest.pop("connector", 0 if purpose == "ChargePointMaxProfile" else 1)
    return read_profile({**said, **rest}, connector)


def at(seconds: int) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


HOUR = Asked(1, NOW, 3600, "W")
CHARGING = Asked(1, NOW, 3600, "W", ("t", NOW - timedelta(minutes=10)))


@pytest.mark.parametrize(
    ("profiles", "asked", "periods"),
    [
        ([], HOUR, [(0, None)]),
        ([profile("TxDefaultProfile", (0, 7000), (600, 3000))], HOUR, [(0, 7000), (600, 3000)]),
        ([profile("TxDefaultProfile", (0, 7000), duration=900)], HOUR, [(0, 7000), (900, None)]),
        ([profile("ChargePointMaxProfile", (0, 5000)), profile("TxDefaultProfile", (0, 7000), (600, 3000))], HOUR,
         [(0, 5000), (600, 3000)]),
        ([profile("TxDefaultProfile", (0, 7000)), profile("TxDefaultProfile", (0, 2000), level=1, duration=60)], HOUR,
         [(0, 2000), (60, 7000)]),
        ([profile("TxDefaultProfile", (0, 7000), connector=0), profile("TxDefaultProfile", (0, 9000))], HOUR,
         [(0, 9000)]),
        ([profile("TxProfile", (0, 1000)), profile("TxDefaultProfile", (0, 7000))], HOUR, [(0, 7000)]),
        ([profile("TxProfile", (0, 1000)), profile("TxDefaultProfile", (0, 7000))], CHARGING, [(0, 1000)]),
        ([profile("TxProfile", (0, 1000), transactionId="other")], CHARGING, [(0, None)]),
        ([profile("TxProfile", (0, 1000), (900, 2000), kind="Relative")], CHARGING, [(0, 1000), (300, 2000)]),
        ([profile("TxDefaultProfile", (0, 7000), validFrom=at(100), validTo=at(200))], HOUR,
         [(0, None), (100, 7000), (200, None)]),
        ([profile("TxDefaultProfile", (0, 7000), startSchedule=at(-86400 + 60), duration=120, kind="Recurring",
                  recurrencyKind="Daily")], HOUR, [(0, None), (60, 7000), (180, None)]),
        ([profile("TxDefaultProfile", (0, 7000), startSchedule=at(-7 * 86400 - 60), duration=120, kind="Recurring",
                  recurrencyKind="Weekly")], HOUR, [(0, 7000), (60, None)]),
        ([profile("TxDefaultProfile", (0, 10), unit="A")], HOUR, [(0, 6600)]),
        ([profile("ChargePointMaxProfile", (0, 6600))], Asked(0, NOW, 60, "A"), [(0, 10)]),
        ([profile("TxDefaultProfile", (0, 7000)), profile("ChargePointMaxProfile", (0, 9000))], Asked(0, NOW, 60, "W"),
         [(0, 9000)]),
        ([profile("ChargingStationExternalConstraints", (0, 800), connector=0)], HOUR, [(0, 800)]),
    ],
)  # fmt: skip
def test_composite_schedules(profiles: list[Profile], asked: Asked, periods: list[tuple[int, float | None]]) -> None:
    assert composite_schedule(profiles, asked) == [Period(*period) for period in periods]


@st.composite
def some_profiles(draw: st.DrawFn) -> list[Profile]:
    found = []
    for _ in range(draw(st.integers(0, 5))):
        rest: dict[str, Any] = {"level": draw(st.integers(0, 2)), "unit": draw(st.sampled_from("WA"))}
        kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
        rest["kind"] = kind
        if kind == "Recurring":
            rest["recurrencyKind"] = draw(st.sampled_from(["Daily", "Weekly"]))
        for member, values in (
            ("startSchedule", st.integers(-900_000, 5000).map(at)),
            ("validFrom", st.integers(-5000, 5000).map(at)),
            ("validTo", st.integers(-5000, 5000).map(at)),
            ("duration", st.integers(1, 4000)),
        ):
            if draw(st.booleans()):
                rest[member] = draw(values)
        purpose = draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]))
        starts = sorted(draw(st.sets(st.integers(1, 5000), max_size=3)) | {0})
        found.append(profile(purpose, *((s, float(draw(st.integers(0, 99)))) for s in starts), **rest))
    return found


@given(some_profiles(), st.sampled_from([HOUR, CHARGING, Asked(1, NOW, 90_000, "A")]), st.data())
def test_a_composite_schedule_is_exact_everywhere_and_never_above_the_maximum(
    profiles: list[Profile], asked: Asked, data: st.DataObject
) -> None:
    periods = composite_schedule(profiles, asked)
    starts = [period.start_s for period in periods]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert all(one.limit != two.limit for one, two in pairwise(periods))
    second = data.draw(st.integers(0, asked.duration_s - 1) | st.sampled_from([s for n in starts for s in (n, n + 1)]))
    if second >= asked.duration_s:
        return
    moment = NOW + timedelta(seconds=second)
    current = [period for period in periods if period.start_s <= second][-1].limit
    assert current == limit_at(profiles, asked, moment)
    highest = station_limit_at(profiles, asked, moment)
    assert highest is None or (current is not None and current <= highest)


def test_numbers_beyond_all_measure_are_bounded() -> None:
    wild = profile("TxDefaultProfile", (0, 1e300), (10**30, 1.0), duration=10**30)
    assert composite_schedule([wild], HOUR) == [Period(0, 1e9)]
