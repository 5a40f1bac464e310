"""What the answers to commands about lists, reservations and charging profiles make known: pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ocpp_gateway.adapters.values import read_integer, read_time
from ocpp_gateway.authorisation.charging_profiles import read_profile
from ocpp_gateway.authorisation.facts import (
    AuthorisationFact,
    ChargingProfilesCleared,
    ChargingProfileSet,
    Criteria,
    LocalListTaken,
    LocalListVersionTold,
    ReservationEnded,
    ReservationMade,
)
from ocpp_gateway.authorisation.local_list import entries_of
from ocpp_gateway.commands.exchange import Exchange
from ocpp_gateway.protocol.frames import Refusal

Effect = Callable[[Exchange], Sequence[AuthorisationFact]]
ACCEPTED = "Accepted"


def when(status: str | None, effect: Effect) -> Effect:
    """Return the effect of an answer with that status (None: any); what cannot be read in our own command has none."""

    def judged(exchange: Exchange) -> Sequence[AuthorisationFact]:
        if status is not None and exchange.answer.get("status") != status:
            return ()
        try:
            return effect(exchange)
        except Refusal:
            return ()

    return judged


def local_list(exchange: Exchange) -> Sequence[AuthorisationFact]:
    request = exchange.request
    entries = entries_of(exchange.version, request)
    full = request["updateType"] == "Full"
    number = _list_version(request)
    return [LocalListTaken(exchange.station_id, exchange.answered_at, number, full, entries)]


def local_list_version(exchange: Exchange) -> Sequence[AuthorisationFact]:
    return [LocalListVersionTold(exchange.station_id, exchange.answered_at, _list_version(exchange.answer))]


def _list_version(message: dict[str, Any]) -> int:
    """Return the version that a message names, in 1.6 or 2.x."""
    member = "listVersion" if "listVersion" in message else "versionNumber"
    return read_integer(message[member], member)


def reservation_16(exchange: Exchange) -> Sequence[AuthorisationFact]:
    r = exchange.request
    return [
        ReservationMade(
            exchange.station_id, exchange.answered_at,
            read_integer(r["reservationId"], "reservationId"), read_integer(r["connectorId"], "connectorId") or None,
            r["idTag"],
            r.get("parentIdTag"), read_time(r["expiryDate"], "expiryDate"),
        )
    ]  # fmt: skip


def reservation_2(exchange: Exchange) -> Sequence[AuthorisationFact]:
    r = exchange.request
    return [
        ReservationMade(
            exchange.station_id, exchange.answered_at, read_integer(r["id"], "id"),
            read_integer(r.get("evseId", 0), "evseId") or None, r["idToken"]["idToken"],
            r.get("groupIdToken", {}).get("idToken"), read_time(r["expiryDateTime"], "expiryDateTime"),
        )
    ]  # fmt: skip


def cancellation(exchange: Exchange) -> Sequence[AuthorisationFact]:
    return [ReservationEnded(exchange.station_id, exchange.answered_at, exchange.request["reservationId"], "cancelled")]


def profile_set(place: str, member: str) -> Effect:
    """Return the effect of an action that carries a profile in one member and its connector or EVSE in another."""

    def effect(exchange: Exchange) -> Sequence[AuthorisationFact]:
        profile = exchange.request.get(member)
        if profile is None:
            return ()
        connector = exchange.request.get(place)
        read_profile(profile, connector)  # what cannot be read is not kept
        return [ChargingProfileSet(exchange.station_id, exchange.answered_at, connector, profile)]

    return effect


def profiles_cleared_16(exchange: Exchange) -> Sequence[AuthorisationFact]:
    r = exchange.request
    criteria = Criteria(
        frozenset({r["id"]}) if "id" in r else None,
        r.get("connectorId"),
        r.get("chargingProfilePurpose"),
        r.get("stackLevel"),
    )
    return [ChargingProfilesCleared(exchange.station_id, exchange.answered_at, criteria)]


def profiles_cleared_2(exchange: Exchange) -> Sequence[AuthorisationFact]:
    r = exchange.request
    named = frozenset({r["chargingProfileId"]}) if "chargingProfileId" in r else None
    criteria = _criteria(r.get("chargingProfileCriteria", {}), named)
    return [ChargingProfilesCleared(exchange.station_id, exchange.answered_at, criteria)]


def no_such_profiles(exchange: Exchange) -> Sequence[AuthorisationFact]:
    """A station that has no profile of those asked for has none of those that we believed it had."""
    said = exchange.request["chargingProfile"]
    named = frozenset(said["chargingProfileId"]) if "chargingProfileId" in said else None
    criteria = _criteria({**said, "evseId": exchange.request.get("evseId")}, named)
    return [ChargingProfilesCleared(exchange.station_id, exchange.answered_at, criteria)]


def _criteria(said: dict[str, Any], profile_ids: frozenset[int] | None) -> Criteria:
    sources = said.get("chargingLimitSource")
    return Criteria(
        profile_ids,
        said.get("evseId"),
        said.get("chargingProfilePurpose"),
        said.get("stackLevel"),
        frozenset(sources) if sources else None,
    )


IN_16: Mapping[str, Effect] = {
    "SendLocalList": when(ACCEPTED, local_list),
    "GetLocalListVersion": when(None, local_list_version),
    "ReserveNow": when(ACCEPTED, reservation_16),
    "CancelReservation": when(ACCEPTED, cancellation),
    "SetChargingProfile": when(ACCEPTED, profile_set("connectorId", "csChargingProfiles")),
    "RemoteStartTransaction": when(ACCEPTED, profile_set("connectorId", "chargingProfile")),
    "ClearChargingProfile": when(ACCEPTED, profiles_cleared_16),
}
IN_2: Mapping[str, Effect] = {
    "SendLocalList": when(ACCEPTED, local_list),
    "GetLocalListVersion": when(None, local_list_version),
    "ReserveNow": when(ACCEPTED, reservation_2),
    "CancelReservation": when(ACCEPTED, cancellation),
    "SetChargingProfile": when(ACCEPTED, profile_set("evseId", "chargingProfile")),
    "RequestStartTransaction": when(ACCEPTED, profile_set("evseId", "chargingProfile")),
    "ClearChargingProfile": when(ACCEPTED, profiles_cleared_2),
    "GetChargingProfiles": when("NoProfiles", no_such_profiles),
}
EFFECTS: Mapping[tuple[str, str], Effect] = {
    (version, action): effect
    for version, table in (("1.6", IN_16), ("2.0.1", IN_2), ("2.1", IN_2))
    for action, effect in table.items()
}
"""(version, action) → what an answer makes known."""
