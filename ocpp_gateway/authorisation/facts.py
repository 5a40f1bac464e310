"""What stations make known about reservations, local lists and charging profiles: rare, so plain objects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ReservationFact:
    """Something about a reservation; those of one kind are stored in the order in which they were learnt."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReservationMade(ReservationFact):
    """A station accepted a reservation; `connector` None: whichever is free."""

    reservation_id: int
    connector: int | None
    id_token: str
    group_id: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReservationEnded(ReservationFact):
    """A reservation ended without a transaction: `how` is cancelled, expired or removed."""

    reservation_id: int
    how: str


@dataclass(frozen=True, slots=True)
class ReservationUsed(ReservationFact):
    """A transaction began that names its reservation, or else whose id token has one at that connector."""

    reservation_id: int | None
    id_token: str | None
    connector: int | None


@dataclass(frozen=True, slots=True)
class LocalListFact:
    """Something about the list that a station authorises by itself."""

    station_id: str
    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class LocalListTaken(LocalListFact):
    """A station took a list, or changes to the one it had (`ocpp_gateway.authorisation.local_list.Entries`)."""

    full: bool
    entries: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LocalListVersionTold(LocalListFact):
    """A station says which version it has: 0 means an empty list, -1 (1.6) that it keeps none."""


@dataclass(frozen=True, slots=True)
class ChargingProfileFact:
    """Something about charging profiles."""

    station_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChargingProfileSet(ChargingProfileFact):
    """A station has a profile; `connector` 0 is the station itself, None is not known yet; `source` CSO: ours."""

    connector: int | None
    profile: dict[str, Any]
    source: str = "CSO"


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which profiles: None takes any; where ids are given they alone decide."""

    profile_ids: frozenset[int] | None = None
    connector: int | None = None
    purpose: str | None = None
    stack_level: int | None = None
    sources: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfilesCleared(ChargingProfileFact):
    """A station no longer has profiles that fit."""

    criteria: Criteria


AuthorisationFact = (
    ReservationMade
    | ReservationEnded
    | ReservationUsed
    | LocalListTaken
    | LocalListVersionTold
    | ChargingProfileSet
    | ChargingProfilesCleared
)
