"""What a charging station of OCPP 2 says about its reservations and charging profiles."""

from ocpp_gateway.adapters.outcome import Context, Outcome, Payload
from ocpp_gateway.adapters.values import read_integer
from ocpp_gateway.authorisation.charging_profiles import EXTERNAL, read_profile
from ocpp_gateway.authorisation.facts import ChargingProfilesCleared, ChargingProfileSet, Criteria, ReservationEnded

UPDATES = {"Expired": "expired", "Removed": "removed"}


def reservation_status_update(payload: Payload, context: Context) -> Outcome:
    """A status that is no end (2.1: NoTransaction) is kept in the frame alone."""
    how = UPDATES.get(payload["reservationUpdateStatus"])
    reservation_id = read_integer(payload["reservationId"], "reservationId")
    if how is None:
        return Outcome({})
    return Outcome({}, [ReservationEnded(context.station_id, context.received_at, reservation_id, how)])


def cleared_charging_limit(payload: Payload, context: Context) -> Outcome:
    """Somebody else's limit, which the station had reported, holds no longer."""
    sources = frozenset({payload["chargingLimitSource"]})
    criteria = Criteria(None, payload.get("evseId"), EXTERNAL, None, sources)
    return Outcome({}, [ChargingProfilesCleared(context.station_id, context.received_at, criteria)])


def report_charging_profiles(payload: Payload, context: Context) -> Outcome:
    """Take what a station has as the truth, profile by profile."""
    source = payload["chargingLimitSource"]
    for profile in payload["chargingProfile"]:
        read_profile(profile, payload["evseId"], source)  # refused where a time is none
    told = [
        ChargingProfileSet(context.station_id, context.received_at, payload["evseId"], profile, source)
        for profile in payload["chargingProfile"]
    ]
    return Outcome({}, told)
