"""In which capacity somebody acts in a case, and who may not because he acted in another (Art. 42, 43, 57, 58). Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from inspection_service.cases.file import Case
from inspection_service.cases.heads import HandedOver, heads
from inspection_service.cases.machine import INVESTIGATORS, REVIEWED_BY, REVIEWERS, Role, Step
from inspection_service.wording import REFUSED
from youguan.auth import INSPECTOR, OPERATOR, REVIEWER, Principal
from youguan.errors import FieldError, Forbidden, Reason


@dataclass(frozen=True, slots=True)
class Officer:
    """Who holds an enforcement certificate (执法证)."""

    subject: str
    name: str
    certificate: str
    valid_until: date

    def may_act(self, day: date) -> bool:
        return day <= self.valid_until


def roles_in(
    case: Case, who: Principal, officer: Officer | None, party_id: str | None, day: date, handed: HandedOver
) -> set[Role]:
    """Return every capacity in which somebody may act in a case; `handed`: what towns decide themselves."""
    found: set[Role] = set()
    holds_certificate = officer is not None and officer.may_act(day)
    if who.has(INSPECTOR) and holds_certificate and who.subject in case.facts.officers:
        found.add(Role.OFFICER)
    if who.has(REVIEWER):
        found.update(REVIEWERS[: who.level or 0])
    if heads(who, case.item.id, handed):
        found.add(Role.HEAD)
    if who.has(OPERATOR) and party_id is not None and who.organisation_id == party_id:
        found.add(Role.PARTY)
    return found


def capacities(line: Step, roles: Collection[Role]) -> list[Role]:
    """Return in which of somebody's roles he may take a step, in the table's order."""
    return [role for role in line.roles if role in roles]


def kept_apart(case: Case, line: Step, subject: str) -> str | None:
    """Return why a step is not for somebody, who has to do with a party otherwise or acted in another capacity before; or None."""
    if subject in case.interested:
        return "interested"
    if INVESTIGATORS in line.apart_from and subject in case.facts.investigators:
        return "kept_apart"
    if REVIEWED_BY in line.apart_from and subject in case.facts.reviewers:
        return "reviewed_before"
    return None


def acting(case: Case, line: Step, roles: Collection[Role], subject: str) -> Role:
    """Return the capacity in which somebody takes a step; Forbidden."""
    able = capacities(line, roles)
    if not able:
        raise Forbidden(Reason("the step {command} is for: {roles}", command=line.command, roles=", ".join(line.roles)))
    if code := kept_apart(case, line, subject):
        raise Forbidden(
            Reason("{command}: {reason}", command=line.command, reason=REFUSED[code]),
            fields=[FieldError(code, REFUSED[code])],
        )
    return able[0]
