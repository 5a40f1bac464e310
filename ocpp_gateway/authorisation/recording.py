"""How what stations make known becomes durable, in the recorder's commit."""

from collections.abc import Sequence

import asyncpg

from ocpp_gateway.authorisation import store
from ocpp_gateway.authorisation.charging_profiles import fits, read_profile, replaced
from ocpp_gateway.authorisation.facts import (
    ChargingProfileFact,
    ChargingProfilesCleared,
    ChargingProfileSet,
    LocalListFact,
    LocalListTaken,
    ReservationEnded,
    ReservationFact,
    ReservationMade,
    ReservationUsed,
)
from ocpp_gateway.authorisation.local_list import Info, applied
from ocpp_gateway.authorisation.reservations import Happening
from youguan.events import Event


async def write_reservations(connection: asyncpg.Connection, facts: Sequence[ReservationFact]) -> list[Event]:
    used = {fact.station_id for fact in facts if isinstance(fact, ReservationUsed)}
    reserving = await store.reserving(connection, used) if used else set()
    for fact in facts:
        match fact:
            case ReservationMade():
                await store.make_reservation(connection, fact)
                reserving.add(fact.station_id)
            case ReservationEnded():
                how = Happening(fact.how)
                await store.end_reservation(connection, fact.station_id, fact.reservation_id, how, fact.at)
            case ReservationUsed() if fact.station_id in reserving:  # every start comes by here, few are reserved
                await store.use_reservation(connection, fact)
    return []


async def write_local_lists(connection: asyncpg.Connection, facts: Sequence[LocalListFact]) -> list[Event]:
    for fact in facts:
        row = await store.get_local_list(connection, fact.station_id)
        before: dict[str, Info] | None = row["entries"] if row else None
        entries: dict[str, Info] | None
        match fact:
            case LocalListTaken(full=True):
                entries = applied({}, fact.entries)
            case LocalListTaken():
                entries = None if before is None else applied(before, fact.entries)
            case _:
                entries = _still(before, row["version"] if row else 0, fact.version)
        await store.put_local_list(connection, fact.station_id, fact.version, entries, fact.at)
    return []


def _still(entries: dict[str, Info] | None, version: int, told: int) -> dict[str, Info] | None:
    """Return what a station has when it tells its version: what we believed only if that is ours."""
    if told <= 0:
        return {}
    return entries if told == version else None


async def write_charging_profiles(connection: asyncpg.Connection, facts: Sequence[ChargingProfileFact]) -> list[Event]:
    for fact in facts:
        present = await store.current_profiles(connection, fact.station_id)
        match fact:
            case ChargingProfileSet():
                new = read_profile(fact.profile, fact.connector, fact.source)
                old = replaced(new, present.values())
                await store.clear_profiles(connection, [row for row, p in present.items() if p in old], fact.at)
                await store.clear_profile_id(connection, fact.station_id, new.profile_id, fact.at)
                await store.add_profile(connection, fact.station_id, new, fact.profile, fact.at)
            case ChargingProfilesCleared():
                gone = [row for row, profile in present.items() if fits(fact.criteria, profile)]
                await store.clear_profiles(connection, gone, fact.at)
    return []
