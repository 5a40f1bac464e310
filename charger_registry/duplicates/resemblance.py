"""How much two sites look like one: distance, name, address, codes. Pure."""

import re
from dataclasses import dataclass
from math import cos, hypot, radians
from unicodedata import normalize

METRES_A_DEGREE = 111_195.0
FARTHEST_M = 200.0
PROPOSED_FROM = 50
NEAR = ((10.0, 40), (30.0, 30), (100.0, 15), (FARTHEST_M, 5))
ALIKE = ((0.9, 40), (0.7, 30), (0.5, 10))
SAME_EQUIPMENT, SAME_ADDRESS, SAME_CODE = 70, 20, 20
# What every name says, and what therefore tells no two apart.
COMMON = re.compile(r"(充换?电[站桩]|充电|场站|停车场|站|ev|charging|station|site|\W|_)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """What is compared of a site: WGS-84 degrees, `equipment` by serial number with its maker or by T/CEC 102 code."""

    site_id: str
    name: str
    address: str
    longitude: float
    latitude: float
    cec_station_id: str | None = None
    equipment: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resemblance:
    """A score up to 100 and what it comes from: reason → value (metres, a share, or what both have)."""

    score: int
    reasons: dict[str, float | int | str]

    @property
    def is_proposed(self) -> bool:
        return self.score >= PROPOSED_FROM


def compare(one: Place, other: Place) -> Resemblance:
    """Return how much two sites look like one."""
    metres = distance_m(one, other)
    reasons: dict[str, float | int | str] = {"distance_m": round(metres)}
    score = next((points for most, points in NEAR if metres <= most), 0)
    shared = one.equipment & other.equipment
    if shared:
        reasons["equipment"] = len(shared)
        score += SAME_EQUIPMENT
    alike = names_alike(one, other)
    if alike >= ALIKE[-1][0]:
        reasons["name"] = round(alike, 2)
        score += next(points for least, points in ALIKE if alike >= least)
    if _plain(one.address) and _plain(one.address) == _plain(other.address):
        reasons["address"] = one.address
        score += SAME_ADDRESS
    if one.cec_station_id is not None and one.cec_station_id == other.cec_station_id:
        reasons["code"] = one.cec_station_id
        score += SAME_CODE
    if metres > FARTHEST_M and not shared:
        score = 0
    return Resemblance(min(score, 100), reasons)


def distance_m(one: Place, other: Place) -> float:
    east = (one.longitude - other.longitude) * cos(radians(one.latitude))
    return hypot(east, one.latitude - other.latitude) * METRES_A_DEGREE


def names_alike(one: Place, other: Place) -> float:
    """Return how alike two names are, 0 to 1, by pairs of letters; a name that is an id is none."""
    if one.name == one.site_id or other.name == other.site_id:
        return 0.0
    ours, theirs = (COMMON.sub("", place.name.lower()) or place.name.lower() for place in (one, other))
    if ours == theirs:
        return 1.0
    pairs, others = _pairs(ours), _pairs(theirs)
    return 2 * len(pairs & others) / (len(pairs) + len(others)) if pairs and others else 0.0


def _pairs(text: str) -> set[str]:
    return {text[n : n + 2] for n in range(len(text) - 1)}


def _plain(text: str) -> str:
    return re.sub(r"\W", "", normalize("NFKC", text.lower()))
