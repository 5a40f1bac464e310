"""Which sites fit what a driver asks for, and in which order. Pure."""

from collections.abc import Mapping, Sequence
from math import cos, hypot, radians
from typing import Any

ORDER = {"free": 0, "busy": 1, "unknown": 2, "broken": 3}


def choose(
    sites: Any, words: str, free_only: bool, here: tuple[float, ...] | None, kind: str = "", power_w: int = 0
) -> list[Mapping[str, Any]]:
    """Return the sites that fit, nearest first where the driver says where he is, else those with a free connector first."""
    wanted = words.strip().lower()
    found = [
        site
        for site in sites
        if (not free_only or site["available"])
        and fits(site["kinds"], kind, power_w)
        and wanted in f"{site['name']} {site['division_name']} {site['division_name_en']} {site['address']}".lower()
    ]
    if here:
        return sorted(found, key=lambda site: (not site["available"], distance_km(site, here)))
    return sorted(found, key=lambda site: (ORDER[state_of(site)], -site["available"], site["site_id"]))


def fits(kinds: Sequence[Mapping[str, Any]], kind: str, power_w: int) -> bool:
    """Say whether a connector of these is of a kind (its type, or AC or DC; '': any) and gives so much power."""
    if not kind and not power_w:
        return True
    return any((not kind or kind in (one["type"], one["current_type"])) and one["power_w"] >= power_w for one in kinds)


def kinds_of(sites: Any) -> list[str]:
    """Return the types of connectors that there are."""
    return sorted({one["type"] for site in sites for one in site["kinds"] if one["type"]})


def distance_km(site: Mapping[str, Any], here: tuple[float, ...]) -> float:
    """Return kilometres as the crow flies; `here` is (longitude, latitude)."""
    east = (site["longitude"] - here[0]) * cos(radians(here[1])) * 111.32
    return hypot(east, (site["latitude"] - here[1]) * 110.57)


def state_of(site: Mapping[str, Any]) -> str:
    """Return the one word for a site: free, busy, broken, or unknown where nothing is known."""
    if site["available"]:
        return "free"
    if site["in_use"]:
        return "busy"
    return "broken" if site["faulted"] or site["unavailable"] else "unknown"
