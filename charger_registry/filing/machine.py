"""What may be done with a filing: a table of state × command × role. Pure."""

from collections.abc import Collection
from enum import StrEnum

from youguan.errors import Conflict, Forbidden, Reason


class State(StrEnum):
    """Where a filing stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    SUPPLEMENT_REQUIRED = "supplement_required"
    ACCEPTED = "accepted"
    IN_OPERATION = "in_operation"
    SUSPENDED = "suspended"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    LAPSED = "lapsed"


class Command(StrEnum):
    """What somebody wants done with it."""

    SAVE = "save"
    ATTACH = "attach"
    ACCEPT_PAPER = "accept_paper"
    REFUSE_PAPER = "refuse_paper"
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    ADMIT = "admit"
    REQUIRE_SUPPLEMENT = "require_supplement"
    ACCEPT = "accept"
    REJECT = "reject"
    START = "start"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETIRE = "retire"
    RATE = "rate"
    LAPSE = "lapse"
    RESTORE = "restore"


class Role(StrEnum):
    """As what somebody acts.

    The applicant keeps the file: whoever files the site and, once it stands, whoever manages it. The filer is whose filing was
    decided, and nobody after him; the clerk is the authority's, who writes down what came on paper. The system is no person: what
    comes with time alone.
    """

    APPLICANT = "applicant"
    AUTHORITY = "authority"
    CLERK = "clerk"
    FILER = "filer"
    SYSTEM = "system"


A, O, C, F, T = Role.APPLICANT, Role.AUTHORITY, Role.CLERK, Role.FILER, Role.SYSTEM  # noqa: E741
AC, AO, AOC, ACT = (A, C), (A, O), (A, O, C), (A, C, T)
S, X = State, Command
STANDING = (State.ACCEPTED, State.IN_OPERATION, State.SUSPENDED)
UNDECIDED = (State.DRAFT, State.SUBMITTED, State.SUPPLEMENT_REQUIRED)

# (state, command) → (state that follows, who may)
TABLE: dict[tuple[State, Command], tuple[State, tuple[Role, ...]]] = {
    (S.DRAFT, X.SAVE): (S.DRAFT, AC),
    (S.DRAFT, X.ATTACH): (S.DRAFT, AC),
    (S.DRAFT, X.SUBMIT): (S.SUBMITTED, AC),
    (S.DRAFT, X.WITHDRAW): (S.WITHDRAWN, AC),
    (S.SUBMITTED, X.WITHDRAW): (S.WITHDRAWN, AC),
    (S.SUBMITTED, X.ADMIT): (S.SUBMITTED, (O,)),
    (S.SUBMITTED, X.REQUIRE_SUPPLEMENT): (S.SUPPLEMENT_REQUIRED, (O,)),
    (S.SUBMITTED, X.ACCEPT): (S.ACCEPTED, (O,)),
    (S.SUBMITTED, X.REJECT): (S.REJECTED, (O,)),
    (S.SUPPLEMENT_REQUIRED, X.SAVE): (S.SUPPLEMENT_REQUIRED, AC),
    (S.SUPPLEMENT_REQUIRED, X.ATTACH): (S.SUPPLEMENT_REQUIRED, AC),
    (S.SUPPLEMENT_REQUIRED, X.SUBMIT): (S.SUBMITTED, AC),
    (S.SUPPLEMENT_REQUIRED, X.WITHDRAW): (S.WITHDRAWN, ACT),
    (S.SUPPLEMENT_REQUIRED, X.REJECT): (S.REJECTED, (O,)),
    (S.ACCEPTED, X.ATTACH): (S.ACCEPTED, AC),
    (S.ACCEPTED, X.ACCEPT_PAPER): (S.ACCEPTED, (O,)),
    (S.ACCEPTED, X.REFUSE_PAPER): (S.ACCEPTED, (O,)),
    (S.ACCEPTED, X.START): (S.IN_OPERATION, AC),
    (S.ACCEPTED, X.SUSPEND): (S.SUSPENDED, (O,)),
    (S.ACCEPTED, X.RETIRE): (S.RETIRED, (O,)),
    (S.ACCEPTED, X.RATE): (S.ACCEPTED, (F,)),
    (S.ACCEPTED, X.LAPSE): (S.LAPSED, (O, T)),
    (S.IN_OPERATION, X.ATTACH): (S.IN_OPERATION, AC),
    (S.IN_OPERATION, X.ACCEPT_PAPER): (S.IN_OPERATION, (O,)),
    (S.IN_OPERATION, X.REFUSE_PAPER): (S.IN_OPERATION, (O,)),
    (S.IN_OPERATION, X.SUSPEND): (S.SUSPENDED, AOC),
    (S.IN_OPERATION, X.RETIRE): (S.RETIRED, (O,)),
    (S.IN_OPERATION, X.RATE): (S.IN_OPERATION, (F,)),
    (S.IN_OPERATION, X.LAPSE): (S.LAPSED, (O, T)),
    (S.SUSPENDED, X.ATTACH): (S.SUSPENDED, AC),
    (S.SUSPENDED, X.ACCEPT_PAPER): (S.SUSPENDED, (O,)),
    (S.SUSPENDED, X.REFUSE_PAPER): (S.SUSPENDED, (O,)),
    (S.SUSPENDED, X.SUSPEND): (S.SUSPENDED, (O,)),
    (S.SUSPENDED, X.RESUME): (S.IN_OPERATION, AO),
    (S.SUSPENDED, X.RETIRE): (S.RETIRED, AO),
    (S.SUSPENDED, X.RATE): (S.SUSPENDED, (F,)),
    (S.RETIRED, X.RATE): (S.RETIRED, (F,)),
    (S.REJECTED, X.RATE): (S.REJECTED, (F,)),
    (S.LAPSED, X.RATE): (S.LAPSED, (F,)),
    (S.LAPSED, X.RESTORE): (S.IN_OPERATION, (O,)),
}


def move(state: State, command: Command, roles: Collection[Role]) -> tuple[Role, State]:
    """Return as what somebody with these roles may do it, and the state that follows; Conflict, Forbidden."""
    if (state, command) not in TABLE:
        raise Conflict(Reason("a filing that is {state} does not permit {command}", state=state, command=command))
    following, permitted = TABLE[state, command]
    for role in permitted:
        if role in roles:
            return role, following
    raise Forbidden(Reason("{command} is for: {roles}", command=command, roles=", ".join(permitted)))


def open_to(state: State, roles: Collection[Role]) -> set[Command]:
    """Return what somebody with these roles may do now."""
    return {c for (s, c), (_, permitted) in TABLE.items() if s == state and not set(permitted).isdisjoint(roles)}
