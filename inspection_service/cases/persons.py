"""In which capacity somebody acts in a case, and who may not because he acted in another (Art. 42, 43, 57, 58). Pure."""

from dataclasses import dataclass
from datetime import date

from inspection_service.cases.file import Case
from inspection_service.cases.machine import INVESTIGATORS, REVIEWED_BY, REVIEWERS, Role, Step
from youguan.auth import INSPECTOR, OPERATOR, REGULATOR, REVIEWER, Principal
from youguan.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Officer:
    """Who holds an enforcement certificate (执法证)."""

    subject: str
    name: str
    certificate: str
    valid_until: date

    def may_act(self, day: date) -> bool:
        return day <= self.valid_until


def roles_in(case: Case, who: Principal, officer: Officer | None, party_id: str | None, day: date) -> set[Role]:
    """Return every capacity in which somebody may act in a case."""
    found: set[Role] = set()
    holds_certificate = officer is not None and officer.may_act(day)
    if who.has(INSPECTOR) and holds_certificate and who.subject in case.facts.officers:
        found.add(Role.OFFICER)
    if who.has(REVIEWER):
        found.update(REVIEWERS[: who.level or 0])
    if who.has(REGULATOR):
        found.add(Role.HEAD)
    if who.has(OPERATOR) and party_id is not None and who.organisation_id == party_id:
        found.add(Role.PARTY)
    return found


def acting(case: Case, line: Step, roles: set[Role], subject: str) -> Role:
    """Return the capacity in which somebody takes a step; Forbidden."""
    able = [role for role in line.roles if role in roles]
    if not able:
        raise Forbidden(f"{line.command} is for: {', '.join(line.roles)}")
    for capacity, people in ((INVESTIGATORS, case.facts.investigators), (REVIEWED_BY, case.facts.reviewers)):
        if capacity in line.apart_from and subject in people:
            raise Forbidden(f"{line.command} is not for one of this case's {capacity}")
    return able[0]
