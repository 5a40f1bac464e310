"""What others are told of a site beside where it stands and what stands there, in words that people wrote. Pure."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from charger_registry.equipment import opening_hours
from youguan.events import FeeBand

AS_FILED = ("usage", "bays", "parking", "parking_rules", "guide", "help_phone", "site_phone")


def site_facts(site: Mapping[str, Any], price: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the members of a `SiteFiled` that a stored site and its posted fees (None: none) give; what is not filed is None."""
    hours = opening_hours.from_json(site["opening_hours"])
    told = {name: site[name] for name in AS_FILED}
    told["opening_hours"] = (hours.text or opening_hours.as_osm(hours) or None) if hours else None
    if price is not None:
        bands = sorted(
            price["bands"], key=itemgetter("begin")
        )  # some were kept in the order in which they were brought
        told["energy_fee"] = price["energy_text"] or _in_words(bands, "energy_per_kwh", price["currency"])
        told["service_fee"] = price["service_text"] or _in_words(bands, "service_per_kwh", price["currency"])
        told["parking_fee"] = price["parking_text"]
        told["fee_bands"] = tuple(map(_band, bands)) if price["currency"] == "CNY" else ()
    return told


def _band(band: Mapping[str, Any]) -> FeeBand:
    return FeeBand(**{name: band[name] for name in ("begin", "end", "energy_per_kwh", "service_per_kwh")})


def _in_words(bands: Sequence[Mapping[str, Any]], amount: str, currency: str) -> str | None:
    """Return fees by the time of day as one writes them: `00:00-08:00 0.35; 08:00-24:00 0.9 CNY/kWh`; None where there are none."""
    alike = [list(same) for _, same in groupby(bands, lambda band: band[amount])]  # one fee all day is one band
    said = [f"{same[0]['begin']}-{same[-1]['end']} {same[0][amount]}" for same in alike if same[0][amount] is not None]
    return f"{'; '.join(said)} {currency}/kWh" if said else None
