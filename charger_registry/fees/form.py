"""Fees as people write them in a form: a band a line, and words. Pure."""

from collections.abc import Mapping
from unicodedata import normalize

from charger_registry.drafts import PriceDraft
from charger_registry.fees.posting import BandIn, PriceIn, draft_of
from youguan.errors import Invalid, Reason
from youguan.web.problems import checked

TEXTS = ("energy_text", "service_text", "parking_text", "idle_text")
FEES = ("bands", *TEXTS)
NONE = "-"  # in the place of an amount that is not asked


def fee_texts(price: PriceDraft | None) -> dict[str, str]:
    """Return the fields of a form that shows fees; None: none are posted."""
    if price is None:
        return dict.fromkeys(FEES, "")
    lines = (f"{b.begin}-{b.end} {b.energy_per_kwh or NONE} {b.service_per_kwh or NONE}" for b in price.bands)
    return {"bands": "\n".join(lines), **{name: getattr(price, name) or "" for name in TEXTS}}


def fees_of(form: Mapping[str, str]) -> PriceDraft | None:
    """Return the fees of a form; None where it brings none: an unposted price stays unposted. Invalid."""
    bands = [_band(line.strip()) for line in _lines(form.get("bands", "")) if line.strip()]
    texts = {name: form.get(name) or None for name in TEXTS}
    if not bands and not any(texts.values()):
        return None
    return draft_of(checked(PriceIn, {"bands": bands, **texts}))


def _lines(text: str) -> list[str]:
    return normalize("NFKC", text).replace("\n", ";").split(";")


def _band(line: str) -> BandIn:
    begin, _, rest = line.partition("-")
    end, *amounts = rest.split() or [""]
    if not amounts:
        raise Invalid.about("bands", Reason("{line} names no fee", line=line))
    energy, service = [None if amount == NONE else amount for amount in (*amounts, NONE)[:2]]
    return checked(BandIn, {"begin": begin.strip(), "end": end, "energy_per_kwh": energy, "service_per_kwh": service})
