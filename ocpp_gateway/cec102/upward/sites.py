"""What a province is told when a site's file changes: its old code is closed, and who bears a new one is told under it. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from ocpp_gateway.cec102.upward.reports import OFFLINE, Coded, Report, number_of, station_of, status_of
from youguan.events import SiteFiled

Place = tuple[str, int]
"""A station and a connector's number."""


class Standing(NamedTuple):
    """What a connector is, and since when."""

    condition: str
    at: datetime


def codes_in(filed: SiteFiled | None) -> dict[Place, Coded]:
    """Return the connectors of a file that have codes, by place."""
    if filed is None or filed.operator_code is None:
        return {}
    return {
        (station.station_id, connector.connector): Coded(
            station.station_id,
            connector.connector,
            filed.operator_code,
            filed.cec_station_id,
            station.cec_equipment_id,
            connector.cec_connector_id,
        )
        for station in filed.stations
        for connector in station.connector_files
    }


def lost_codes(before: SiteFiled | None, filed: SiteFiled) -> list[Coded]:
    """Return the codes of a site that goes on under its own which no connector of it bears any more."""
    if before is None or _known_as(before) != _known_as(filed):
        return []
    borne = {code.cec_connector_id for code in codes_in(filed).values()}
    return [code for code in codes_in(before).values() if code.cec_connector_id not in borne]


def site_reports(
    before: SiteFiled | None,
    filed: SiteFiled,
    now: Mapping[Place, Standing],
    gone: Collection[Coded],
    at: datetime,
) -> list[Report]:
    """Return what tells a change of a file; `before`: the file until then, `gone`: the codes that nobody bears any more.

    `now`: what the connectors are that have said something.
    """
    told = [station_of(before, retired=True)] if before and _known_as(before) != _known_as(filed) else []
    told.append(station_of(filed))
    had = codes_in(before)
    news = {place: code for place, code in codes_in(filed).items() if had.get(place) != code and place in now}
    return [
        *(report for report in told if report is not None),
        *(status_of(code, OFFLINE, at) for code in gone),
        *(status_of(code, number_of(now[place].condition), now[place].at) for place, code in news.items()),
    ]


def _known_as(filed: SiteFiled) -> tuple[str | None, str | None]:
    return filed.operator_code, filed.cec_station_id
