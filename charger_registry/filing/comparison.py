"""A filing of a site that is there, beside its ledger and its stations: what its acceptance would change. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Literal, NamedTuple

from charger_registry.filing.content import PARTIES, Content, day_of
from charger_registry.ledger.responsibility import Line
from youguan.clock import COUNTY

FACTS = ("name", "address", "division_code", "usage", "longitude", "latitude", "crs")
# `same`: ledger and file name one organisation; `stays`: the file names none; `begins`: nobody has the role; `succeeds`: who had it
# exists no more; `refused`: somebody else has it, or is to have it from the same day on; `nobody`: neither names any.
Effect = Literal["same", "stays", "begins", "succeeds", "refused", "nobody"]


@dataclass(frozen=True, slots=True)
class RoleBeside:
    """A role as the ledger has it, now and to come, and as the file has it (an organisation's id; '': none)."""

    role: str
    now: tuple[Line, ...]
    coming: tuple[Line, ...]
    filed: str
    effect: Effect

    @property
    def differs(self) -> bool:
        return self.effect in ("begins", "succeeds", "refused")


class FactBeside(NamedTuple):
    """What a filing says otherwise of a site than it has begun with; of texts, as they were typed."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Beside:
    """A file beside the register: its roles, the ids of stations that would be new, be retired or be filed otherwise, and what
    else would change of its site.
    """

    roles: tuple[RoleBeside, ...]
    added: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    facts: tuple[FactBeside, ...] = ()


def compare_roles(content: Content, lines: Sequence[Line], now: datetime) -> tuple[RoleBeside, ...]:
    """Hold every role of a filing against the lines of its site's ledger."""
    return tuple(_role(role, content, [line for line in lines if line.is_of(role, "")], now) for role in PARTIES)


def compare_stations(content: Content, begun: Content, present: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return which stations would be `added`, `retired`, `changed`: only what a filing says otherwise than it has `begun` with."""
    known = {line.id: line for line in begun.stations}
    named = {line.id: line for line in content.stations if line.id}
    return {
        "added": tuple(station_id for station_id in named if station_id not in present),
        "retired": tuple(station_id for station_id in present if station_id in known and station_id not in named),
        "changed": tuple(s for s, line in named.items() if s in present and known.get(s) != line),
    }


def compare_facts(content: Content, begun: Content) -> tuple[FactBeside, ...]:
    """Return what a filing says otherwise of its site than it has begun with; what it leaves out stays."""
    pairs = ((name, getattr(begun, name), getattr(content, name)) for name in FACTS)
    return tuple(FactBeside(name, before, after) for name, before, after in pairs if after and after != before)


def _role(role: str, content: Content, lines: Sequence[Line], now: datetime) -> RoleBeside:
    answering = tuple(line for line in lines if line.answers_at(now))
    gone = tuple(line for line in lines if line.holds_at(now) and line not in answering)
    coming = tuple(line for line in lines if line.since > now and line.answers_at(line.since))
    filed = content.parties().get(role, "")
    return RoleBeside(
        role, answering or gone, coming, filed, _effect(filed, answering, gone, coming, _begins(content, now))
    )


def _effect(
    filed: str, answering: Sequence[Line], gone: Sequence[Line], coming: Sequence[Line], begins: datetime
) -> Effect:
    if not filed:
        return "stays" if answering else "nobody"
    if answering:
        return "same" if any(line.organisation_id == filed for line in answering) else "refused"
    if any(line.answers_at(begins) and line.organisation_id != filed for line in coming):
        return "refused"
    return "succeeds" if gone else "begins"


def _begins(content: Content, now: datetime) -> datetime:
    """Return from when on a filing gives its roles; a day that cannot be read yet: now."""
    day = day_of(content.managed_from)
    return max(now, datetime.combine(day, time(), COUNTY)) if day else now
