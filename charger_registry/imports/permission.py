"""What whoever imports may say of a site: the authority what a filing decides, who manages it the rest of its file. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, hypot, radians
from typing import Any

from charger_registry.divisions.boundaries import METRES_A_DEGREE
from charger_registry.drafts import SiteDraft
from charger_registry.imports.fields import RowError
from charger_registry.open_data.published import moves_public
from youguan.coordinates import to_wgs84
from youguan.errors import Reason

SAME_PLACE_M = 0.2
# What a filing decides, and nobody but the authority without one.
BY_FILING = ("name", "address", "division_code", "ocpi_country_code", "ocpi_party_id", "ocpi_location_id")


@dataclass(frozen=True, slots=True)
class Rights:
    """`decides`: as the authority, in the divisions that `covers` knows; else as who `manages` these sites.

    `operator_code`: under which the manager's own platform speaks.
    """

    decides: bool = True
    covers: Callable[[str | None], bool] = lambda division: True
    manages: frozenset[str] = frozenset()
    operator_code: str | None = None


def permitted(draft: SiteDraft, before: SiteDraft | None, rights: Rights) -> tuple[SiteDraft, list[RowError]]:
    """Return what somebody may say of a draft, and what not with the reason; RowError where it is nothing at all."""
    if before is None:
        if not rights.decides or not rights.covers(draft.division_code):
            raise RowError("id", "the site is not filed, and you may not add sites there: file it")
        return draft, []
    if not rights.decides:
        if draft.id not in rights.manages:
            raise RowError("id", "the site is filed, and it is not yours to change")
        return _of_manager(draft, before, rights)
    if not rights.covers(before.division_code):
        raise RowError("id", "the site is filed, and it is not yours to change")
    if draft.division_code and not rights.covers(draft.division_code):
        raise RowError("division_code", Reason("division {code} lies beyond your bounds", code=draft.division_code))
    return (_at(draft, before) if moved_m(before, draft) <= SAME_PLACE_M else draft), []


def _at(draft: SiteDraft, before: SiteDraft) -> SiteDraft:
    """Return a draft at the point that is filed, as it was given then."""
    return replace(draft, longitude=before.longitude, latitude=before.latitude, crs=before.crs)


def _of_manager(draft: SiteDraft, before: SiteDraft, rights: Rights) -> tuple[SiteDraft, list[RowError]]:
    """Leave out what only a filing changes; stations that are filed and not named stay."""
    by_filing = "is changed by a filing, not by an import"
    changed = [name for name in BY_FILING if getattr(draft, name) not in (None, getattr(before, name))]
    refused = [RowError(name, by_filing) for name in changed]
    if draft.usage is not None and moves_public(before.usage, draft.usage):
        refused.append(RowError("usage", "whether a site is for the public is decided by the authority"))
        changed.append("usage")
    if moved_m(before, draft) > SAME_PLACE_M:
        refused.append(RowError("longitude", by_filing))
    if draft.operator_code not in (None, before.operator_code, rights.operator_code):
        refused.append(RowError("operator_code", "is not the code of your organisation"))
        changed += ["operator_code", "cec_station_id"]
    filed = {station.id for station in before.stations or ()}
    unfiled = [station.id for station in draft.stations or () if station.id not in filed]
    refused += [
        RowError("stations", Reason("station {station_id} is not filed: file it", station_id=station_id))
        for station_id in unfiled
    ]
    left: dict[str, Any] = dict.fromkeys(changed)
    stations = None if draft.stations is None else tuple(s for s in draft.stations if s.id in filed)
    return _at(replace(draft, stations=stations, whole=False, reinstated=None, **left), before), refused


def moved_m(before: SiteDraft, after: SiteDraft) -> float:
    """Return how far a site would move, in metres, whatever systems its points are given in."""
    (x, y), (u, v) = (to_wgs84((site.longitude, site.latitude), site.crs) for site in (before, after))
    return hypot((x - u) * cos(radians(y)), y - v) * METRES_A_DEGREE
