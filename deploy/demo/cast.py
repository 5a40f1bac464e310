"""Who does what in the sample: its people, as they act at the suite's own desks. Pure."""

from dataclasses import dataclass
from datetime import datetime

from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, REVIEWER, Principal

# No two levels of a case's legal review are the same person's.
REVIEWERS = {"demo-reviewer": 4, "demo-reviewer-1": 1, "demo-reviewer-2": 2, "demo-reviewer-3": 3}
PEOPLE = {
    "demo-regulator": ("演示监管员", REGULATOR),
    "demo-inspector": ("演示执法队员", INSPECTOR),
    "demo-inspector-2": ("演示执法队员乙", INSPECTOR),
    "demo-operator": ("演示运营商", OPERATOR),
    **{subject: (f"演示法制员（{level}级）", REVIEWER) for subject, level in REVIEWERS.items()},
}


@dataclass(frozen=True, slots=True)
class Cast:
    """The sample's people; the operator's is that of an organisation, `reviewers` are in the order of their levels."""

    regulator: Principal
    inspector: Principal
    second: Principal
    operator: Principal
    reviewers: tuple[Principal, ...]


def cast(organisation_id: str, now: datetime) -> Cast:
    """Return everybody, logged in now."""
    by_level = sorted(REVIEWERS, key=REVIEWERS.__getitem__)
    return Cast(
        _principal("demo-regulator", now),
        _principal("demo-inspector", now),
        _principal("demo-inspector-2", now),
        _principal("demo-operator", now, organisation_id),
        tuple(_principal(subject, now) for subject in by_level),
    )


def _principal(subject: str, now: datetime, organisation_id: str | None = None) -> Principal:
    name, role = PEOPLE[subject]
    return Principal(
        subject, name, frozenset({role}), organisation_id, None, "", "", now, level=REVIEWERS.get(subject)
    )  # fmt: skip
