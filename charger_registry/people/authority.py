"""Who may manage whom, and what an account must be to do its work: pure rules."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from youguan.auth import INSPECTOR, OFFICIALS, OPERATOR, REGULATOR, REVIEWER, ROLES, Principal
from youguan.errors import FieldError, Reason

USERNAME = re.compile(r"[\w.@-]{2,64}")
DIVISION = re.compile(r"\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?")
LEVELS = range(1, 5)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who logs in, with his roles and bounds.

    An operator belongs to an organisation, of which an administrator manages the people; an official to a division (none: the
    county), an inspector also to a team; a reviewer reviews up to a level.
    """

    username: str
    name: str
    roles: frozenset[str]
    organisation_id: str | None = None
    division: str | None = None
    team_id: str | None = None
    level: int | None = None
    administrator: bool = False


def wrong_with(account: Account, organisations: Collection[str], teams: Collection[str]) -> list[FieldError]:
    """Say what keeps an account from doing its work; the ids are those that there are."""
    found = []
    if not USERNAME.fullmatch(account.username):
        found.append(FieldError("username", "2 to 64 letters, digits or . _ @ -"))
    if not account.name.strip():
        found.append(FieldError("name", "is empty"))
    if not account.roles or not account.roles <= set(ROLES):
        found.append(FieldError("roles", Reason("one or more of {known}", known=", ".join(ROLES))))
    return found + _wrong_bounds(account, organisations, teams)


def _wrong_bounds(account: Account, organisations: Collection[str], teams: Collection[str]) -> list[FieldError]:
    operates, official = OPERATOR in account.roles, not account.roles.isdisjoint(OFFICIALS)
    rules = [
        ("roles", operates and official, "an operator is no official at the same time"),
        ("organisation_id", operates and account.organisation_id not in organisations, "an operator needs one that there is"),
        ("organisation_id", official and account.organisation_id is not None, "is for operators"),
        ("administrator", account.administrator and not operates, "is for operators"),
        ("division", account.division is not None and not DIVISION.fullmatch(account.division), "is not a division's code"),
        ("division", account.division is not None and not official, "is for officials"),
        ("team_id", account.team_id is not None and INSPECTOR not in account.roles, "is for inspectors"),
        ("team_id", account.team_id is not None and account.team_id not in teams, "there is no such team"),
        ("level", (account.level in LEVELS) != (REVIEWER in account.roles), "1 to 4, for reviewers"),
    ]  # fmt: skip
    return [FieldError(field, reason) for field, wrong, reason in rules if wrong]


def manages(who: Principal) -> bool:
    """Say whether somebody manages people at all: regulators and administrators; no machine, and nobody for another."""
    if who.acting_for is not None or who.scopes is not None:
        return False
    return who.has(REGULATOR) or (who.has(OPERATOR) and who.administrator)


def may_act_for(receiver: Account, giver: Account) -> bool:
    """Say whether somebody may act for another at all: officials for officials, operators within their organisation."""
    if receiver.username == giver.username:
        return False
    operates = {account.organisation_id for account in (giver, receiver) if OPERATOR in account.roles}
    return (OPERATOR in giver.roles) == (OPERATOR in receiver.roles) and len(operates) <= 1


def may_still_give(giver: Account, given: Account) -> bool:
    """Say whether somebody whose account has changed could give now what he has given."""
    asks = Principal(
        giver.username, giver.name, giver.roles, giver.organisation_id, giver.division, "", "", datetime.min.replace(tzinfo=UTC),
        administrator=giver.administrator,
    )  # fmt: skip
    return may_manage(asks, given)


def may_manage(who: Principal, account: Account) -> bool:
    """Say whether somebody may make or change an account such as this.

    A regulator of the county may any; one of a division officials of that division; an administrator operators of his own
    organisation.
    """
    if not manages(who):
        return False
    if account.roles == {OPERATOR}:
        return who.scope.covers(None, account.organisation_id)
    if not who.has(REGULATOR):
        return False
    return who.scope.everything or (account.team_id is None and who.scope.covers(account.division, None))
