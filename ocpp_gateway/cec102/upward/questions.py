"""What a province may ask, as an operator's platform is asked: for sites' files, for statuses, for energy by day. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ocpp_gateway.cec102.members import Members, Unusable
from ocpp_gateway.cec102.profiles import Profile
from ocpp_gateway.cec102.upward.reports import OFFLINE, bare, number_of, station_of
from youguan.clock import COUNTY
from youguan.events import SiteFiled

MOST_A_PAGE = 100
MOST_STATIONS = 50  # as the standard bounds it
MOST_PAGES = 1_000_000
LONGEST = timedelta(days=366)


class StationsAsked(NamedTuple):
    """Sites' files that have changed since a time (None: all), a page of them."""

    since: datetime | None
    page: int
    size: int


class StatusesAsked(NamedTuple):
    """What the connectors of some sites are; `operator_id` None: whoever's sites have these ids."""

    station_ids: tuple[str, ...]
    operator_id: str | None = None


class StatsAsked(NamedTuple):
    """What a site delivered in [since, until); `operator_id` None: whoever's site has this id."""

    station_id: str
    first: date
    last: date
    since: datetime
    until: datetime
    operator_id: str | None = None


Question = StationsAsked | StatusesAsked | StatsAsked


def read_question(kind: str, document: Mapping[str, Any], profile: Profile) -> Question:
    """Return what is asked; Unusable names the member and the reason."""
    members = Members(document, profile.spellings)
    match kind:
        case "stations":
            page = members.integer("PageNo", 1, MOST_PAGES) if members.get("PageNo") is not None else 1
            size = members.integer("PageSize", 1, MOST_PAGES) if members.get("PageSize") is not None else 10
            return StationsAsked(members.optional_time("LastQueryTime"), page, min(size, MOST_A_PAGE))
        case "statuses":
            return StatusesAsked(_station_ids(members), members.optional_text("OperatorID"))
        case _:
            return _period(members)


def _station_ids(members: Members) -> tuple[str, ...]:
    found = members.get("StationIDs")
    if not isinstance(found, list) or not all(isinstance(one, str | int) for one in found):
        raise Unusable(members.within("StationIDs"), "is missing, or no list of ids")
    if len(found) > MOST_STATIONS:
        raise Unusable(members.within("StationIDs"), f"more than {MOST_STATIONS} at a time")
    return tuple(str(one) for one in found if "\x00" not in str(one))


def _period(members: Members) -> StatsAsked:
    first, last = (members.time(name).astimezone(COUNTY).date() for name in ("StartTime", "EndTime"))
    if not timedelta(0) <= last - first <= LONGEST:
        raise Unusable(members.within("EndTime"), f"is not from {first} to {first + LONGEST}")
    since, until = (datetime.combine(day, datetime.min.time(), COUNTY) for day in (first, last + timedelta(days=1)))
    return StatsAsked(members.text("StationID"), first, last, since, until, members.optional_text("OperatorID"))


def operator_meant(asked: StatsAsked, filed: Sequence[str]) -> str | None:
    """Return whose site is meant (None: nobody's); `filed`: the operators that have one of this id. Unusable where several have.

    The standard asks by StationID alone, which is unique within an operator and not in a county.
    """
    if asked.operator_id is not None:
        return asked.operator_id
    if len(filed) > 1:
        raise Unusable("OperatorID", f"is needed: {asked.station_id} is a site of {', '.join(filed)}")
    return filed[0] if filed else None


def stations_answer(
    asked: StationsAsked, total: int, sites: Sequence[tuple[SiteFiled, bool]], profile: Profile
) -> dict[str, Any]:
    """Return the page of sites' files that was asked for, each with whether it is retired; `total`: of how many."""
    reports = (station_of(site, retired=retired) for site, retired in sites)
    told = [report.content for report in reports if report is not None]
    return {
        "PageNo": asked.page,
        "PageCount": -(-total // asked.size),
        "ItemSize": total,
        "StationInfos": [bare("station", content, profile) for content in told],
    }


def statuses_answer(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what connectors are, by site; `condition` None: nothing was said yet, and so nobody reaches it."""
    sites = [
        {
            "OperatorID": operator_id,
            "StationID": station_id,
            "ConnectorStatusInfos": [
                {
                    "ConnectorID": row["cec_connector_id"],
                    "Status": number_of(row["condition"]) if row["condition"] else OFFLINE,
                    "ParkStatus": 0,
                    "LockStatus": 0,
                }
                for row in connectors
            ],
        }
        for (station_id, operator_id), connectors in groupby(rows, key=itemgetter("cec_station_id", "operator_code"))
    ]
    return {"Total": len(sites), "StationStatusInfos": sites}


def stats_answer(asked: StatsAsked, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a site delivered, by equipment and connector: the energy of the transactions that ended then, in kWh."""
    equipment = [
        {
            "EquipmentID": equipment_id or "",
            "EquipmentElectricity": _kwh(part := list(connectors)),
            "ConnectorStatsInfos": [
                {"ConnectorID": row["cec_connector_id"], "ConnectorElectricity": _kwh([row])} for row in part
            ],
        }
        for equipment_id, connectors in groupby(rows, key=lambda row: row["cec_equipment_id"])
    ]
    stats = {
        "StationID": asked.station_id,
        "StartTime": str(asked.first),
        "EndTime": str(asked.last),
        "StationElectricity": _kwh(rows),
        "EquipmentStatsInfos": equipment,
    }
    return {"StationStats": stats}


def _kwh(rows: Sequence[Mapping[str, Any]]) -> float:
    return round(sum(float(row["energy_wh"]) for row in rows) / 1000, 4)
