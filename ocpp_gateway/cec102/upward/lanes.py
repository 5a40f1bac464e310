"""Which of the reports that wait for a province go up next, and what comes of how it took them. Pure.

What is told of one connector goes up in order, and a site's file before what is told of its connectors after it. Beyond that
several reports may be under way at once, and one that has to wait holds up no other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from ocpp_gateway.cec102.profiles import MOMENTARY, Profile
from ocpp_gateway.cec102.upward.reports import Met, Tried, after

Row = Mapping[str, Any]
"""A stored report."""
Report = TypeVar("Report", bound=Row)


class Lane(NamedTuple):
    """Within which reports keep their order: of a connector, or of a whole site (`connector` "")."""

    operator_id: str
    site: str
    connector: str


def lane_of(report: Row) -> Lane:
    """Return the lane of a report; what is told of power keeps to itself."""
    content = report["content"]
    connector = "" if report["kind"] == "station" else report["subject"]
    if report["kind"] == "power":
        return Lane("", "", f"power {connector}")
    return Lane(content.get("OperatorID", ""), content.get("StationID", ""), connector)


def ready(waiting: Sequence[Report], now: datetime, most: int) -> list[Report]:
    """Return what goes up now, of what waits: no two of a lane, what has happened before what is told of this moment."""
    found: list[Report] = []
    connectors, files, sites = set[Lane](), set[tuple[str, str]](), set[tuple[str, str]]()
    for report in sorted(waiting, key=lambda r: (r["kind"] in MOMENTARY, r["id"])):
        lane = lane_of(report)
        site = lane[:2]
        is_file = report["kind"] == "station"
        is_first = site not in sites if is_file else site not in files and lane not in connectors
        if is_first and report["due_at"] <= now and len(found) < most:
            found.append(report)
        sites.add(site)
        files.update([site] if is_file else [])
        connectors.add(lane)
    return found


class Outcome(NamedTuple):
    """What becomes of reports that were told together; `in_vain`: the province dealt with none of them, and so is left alone."""

    tried: Sequence[Tried]
    in_vain: bool


def outcome_of(told: Sequence[tuple[Row, Met]], profile: Profile) -> Outcome:
    """Return what becomes of reports; where a province stumbles at all of them that may be its own matter: it counts for one."""
    deals = any(met in ("taken", "held", "refused") for _, met in told)
    tried: list[Tried] = []
    counted = False
    for report, met in told:
        counts = met != "stumbled" or deals or not counted
        counted = counted or met == "stumbled"
        tried.append(after(met if counts else "away", report["stumbles"], profile))
    return Outcome(tried, not deals and all(one.state == "waiting" for one in tried))
