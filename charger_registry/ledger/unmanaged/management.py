"""Whether somebody manages a site, and who is accountable while nobody does. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from charger_registry.ledger.responsibility import Line, Unmanaged, holder, unmanaged
from charger_registry.ledger.unmanaged.silence import Contact, Thresholds, silent_since


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides: when silence begins, and in which order of roles others are accountable."""

    silence: Thresholds
    accountable_roles: Sequence[str]


def judge(lines: Sequence[Line], contact: Contact, filed_at: datetime, rules: Rules, now: datetime) -> Unmanaged | None:
    """Say why nobody manages a site, or None where somebody does. `contact`: with who manages it now."""
    found = unmanaged(lines, now, filed_at)
    if found is not None:
        return found
    manager = holder(lines, "manager", now)
    assert manager is not None
    since = silent_since(contact, manager.since, rules.silence, now)
    return Unmanaged("silent", since, manager.organisation_id) if since is not None else None


def accountable(lines: Sequence[Line], rules: Rules, now: datetime) -> Line | None:
    """Return who is accountable while nobody manages: by the order of roles the first that still exists."""
    held = (holder(lines, role, now) for role in rules.accountable_roles)
    return next((line for line in held if line is not None), None)
