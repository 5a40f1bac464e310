"""The form of what the public is told of a site: what it shows, and what somebody has changed in it. Pure.

A form sends every field. Whoever has it open for an hour and changes the telephone says nothing of the fees that somebody else has
posted meanwhile: a field that is as it was `shown` is not said.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from charger_registry.drafts import PriceDraft
from charger_registry.equipment import opening_hours
from charger_registry.fees.form import FEES, fee_texts

TEXTS = (
    "help_phone",
    "site_phone",
    "parking",
    "parking_rules",
    "guide",
    "bays",
    "accessible_bays",
    "usage",
    "construction",
)
FACTS = ("opening_hours", *TEXTS)
YES_OR_NO = {"yes": True, "no": False}
Form = Mapping[str, str]


def shown(site: Mapping[str, Any], price: PriceDraft | None) -> dict[str, str]:
    """Return the fields as the form shows a site with the fees that hold for it (None: none are posted)."""
    hours = opening_hours.from_json(site["opening_hours"])
    texts = {name: "" if site[name] is None else str(site[name]) for name in TEXTS}
    green = next((word for word, value in YES_OR_NO.items() if value is site["renewable"]), "")
    written = hours.text or opening_hours.as_osm(hours) if hours else ""
    return {"opening_hours": written, **texts, "renewable": green, **fee_texts(price)}


def sealed(fields: Form) -> str:
    """Return what a form brings back of what it has shown."""
    return orjson.dumps(fields).decode()


def changed(form: Form) -> tuple[dict[str, Any], dict[str, str] | None]:
    """Return what a form says of the site otherwise than was shown (None clears a field), and its fees where those differ."""
    known = _known(form.get("shown", ""))
    said = {name: text for name, text in form.items() if _plain(text) != _plain(known.get(name))}
    facts: dict[str, Any] = {name: said[name] or None for name in FACTS if name in said}
    if "renewable" in said:
        facts["renewable"] = YES_OR_NO.get(said["renewable"])
    return facts, {name: form.get(name, "") for name in FEES} if said.keys() & set(FEES) else None


def _known(text: str) -> dict[str, str]:
    """Return what a form has shown; nothing where it does not say so."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _plain(text: str | None) -> str | None:
    """Return a text as it is compared: a browser ends lines in its own way."""
    return None if text is None else "\n".join(text.split("\r\n")).strip()
