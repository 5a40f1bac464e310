"""The life of a case as a table: who may do what in which state, what it leads to, what it needs and what it makes due. Pure.

`article`: where the law says so. `needs`: members that must be given. `conditions`: names of tests in `conditions.py`, all of
which must hold. `document`: what is issued. `apart_from`: whoever acted in these capacities in this case may not (separation of
persons).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from youguan.errors import Conflict, Reason


class State(StrEnum):
    """Where a case stands."""

    LEAD = "lead"
    GUIDED = "guided"
    ORDERED = "ordered"
    MENDED = "mended"
    RECHECKED = "rechecked"
    PROPOSED = "proposed"
    FILED = "filed"
    REVIEW_1 = "review_1"
    REVIEW_2 = "review_2"
    REVIEW_3 = "review_3"
    REVIEW_4 = "review_4"
    REVIEWED = "reviewed"
    NOTIFIED = "notified"
    HEARING = "hearing"
    HEARD = "heard"
    DECIDED = "decided"
    SERVED = "served"
    DEMANDED = "demanded"
    ENFORCING = "enforcing"
    PAID = "paid"
    CLOSED = "closed"
    UNPUNISHED = "unpunished"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"
    TRANSFERRED = "transferred"
    REFERRED = "referred"
    REVOKED = "revoked"


class Command(StrEnum):
    """What moves a case."""

    GUIDE = "guide"
    REOPEN = "reopen"
    ORDER = "order"
    EXTEND_ORDER = "extend_order"
    REPORT_MENDED = "report_mended"
    CONFIRM_MENDED = "confirm_mended"
    FIND_UNMENDED = "find_unmended"
    ASK_END = "ask_end"
    EXCUSE = "excuse"
    CLOSE_MENDED = "close_mended"
    PUNISH_ON_THE_SPOT = "punish_on_the_spot"
    NOTE = "note"
    PROPOSE = "propose"
    APPROVE = "approve"
    REFUSE = "refuse"
    CONCLUDE = "conclude"
    EXTEND = "extend"
    PASS = "pass"  # noqa: S105
    OBJECT = "object"
    NOTIFY = "notify"
    RECORD_ARRIVAL = "record_arrival"
    DEFEND = "defend"
    ASK_HEARING = "ask_hearing"
    CALL_HEARING = "call_hearing"
    HOLD_HEARING = "hold_hearing"
    WITHDRAW_HEARING = "withdraw_hearing"
    FORFEIT_HEARING = "forfeit_hearing"
    REVIEW_HEARING = "review_hearing"
    REINVESTIGATE = "reinvestigate"
    DISCUSS = "discuss"
    DECIDE = "decide"
    EXEMPT = "exempt"
    SERVE = "serve"
    PAY = "pay"
    ALLOW_INSTALMENTS = "allow_instalments"
    DEMAND = "demand"
    APPLY = "apply"
    CLOSE = "close"
    APPEAL = "appeal"
    END_APPEAL = "end_appeal"
    REVOKE = "revoke"
    REFUND = "refund"
    START_ANEW = "start_anew"
    DISMISS = "dismiss"
    WITHDRAW = "withdraw"
    TERMINATE = "terminate"
    TRANSFER = "transfer"
    REFER = "refer"
    ACKNOWLEDGE = "acknowledge"
    TAKE_BACK = "take_back"
    GIVE_RECEIPT = "give_receipt"
    IDENTIFY = "identify"
    DESCRIBE = "describe"
    QUESTION = "question"
    KEEP = "keep"
    DISPOSE = "dispose"
    CONFIRM_ADDRESS = "confirm_address"
    TELL_SUBSIDY = "tell_subsidy"
    RECORD_CREDIT = "record_credit"
    REPAIR_CREDIT = "repair_credit"
    REASSIGN = "reassign"
    ARCHIVE = "archive"


class Role(StrEnum):
    """In which capacity somebody acts in a case."""

    OFFICER = "officer"  # one of the two who investigate it
    REVIEWER_1 = "reviewer_1"
    REVIEWER_2 = "reviewer_2"
    REVIEWER_3 = "reviewer_3"
    REVIEWER_4 = "reviewer_4"
    HEAD = "head"  # who is responsible for the organ, or acts for it
    PARTY = "party"


S, C, R = State, Command, Role
REVIEWERS = (R.REVIEWER_1, R.REVIEWER_2, R.REVIEWER_3, R.REVIEWER_4)
REVIEWS = (S.REVIEW_1, S.REVIEW_2, S.REVIEW_3, S.REVIEW_4)
INVESTIGATION = (S.FILED, *REVIEWS, S.REVIEWED, S.NOTIFIED, S.HEARING, S.HEARD)
TOLD = (S.NOTIFIED, S.HEARING, S.HEARD)
PAYING = (S.SERVED, S.DEMANDED, S.ENFORCING)
ENDED = (S.GUIDED, S.CLOSED, S.UNPUNISHED, S.DISMISSED, S.WITHDRAWN, S.TERMINATED, S.TRANSFERRED, S.REFERRED, S.REVOKED)
CORRECTION = (S.LEAD, S.ORDERED, S.MENDED, S.RECHECKED)
LOOKING_INTO = (*CORRECTION, S.FILED)
UNDECIDED = (*CORRECTION, S.PROPOSED, *INVESTIGATION)
UNDER_WAY = (*UNDECIDED, S.DECIDED)
SAME = None
SERVING = ("witnessed", "address_confirmed")  # what must hold of how something reaches the party
INVESTIGATORS, REVIEWED_BY = "investigators", "reviewers"


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the table; `to` None: the case stays where it is."""

    command: Command
    roles: tuple[Role, ...]
    to: State | None
    article: tuple[str, str]
    needs: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    document: str | None = None
    apart_from: tuple[str, ...] = ()


P = "penalty"
TABLE: tuple[tuple[tuple[State, ...], Step], ...] = (
    # Guidance and correction.
    (
        (S.LEAD,),
        Step(
            C.GUIDE, (R.OFFICER,), S.GUIDED, ("enforcement-zj", "25"), ("reason",), ("may_advise", "guidance"), "guidance",
        ),
    ),
    ((S.GUIDED,), Step(C.REOPEN, (R.OFFICER,), S.LEAD, (P, "54"), ("reason",))),
    (
        (S.LEAD,),
        Step(
            C.ORDER, (R.OFFICER,), S.ORDERED, (P, "28"), ("reason", "on"), ("may_order", "in_future", "guided_first"), "order",
        ),
    ),
    (
        (S.ORDERED,),
        Step(C.EXTEND_ORDER, (R.HEAD,), SAME, (P, "28"), ("reason", "on"), ("extended_once", "later", "still_runs")),
    ),
    ((S.ORDERED,), Step(C.REPORT_MENDED, (R.PARTY,), S.MENDED, (P, "28"), ("reason",))),
    (
        (S.ORDERED, S.MENDED),
        Step(C.CONFIRM_MENDED, (R.OFFICER,), S.RECHECKED, (P, "28"), ("reason", "on", "harm"), ("not_in_future",), "recheck"),
    ),
    (
        (S.ORDERED, S.MENDED),
        Step(C.FIND_UNMENDED, (R.OFFICER,), S.LEAD, (P, "28"), ("reason",), ("order_is_due",), "recheck"),
    ),
    # What ends without a penalty the officers propose and the head decides.
    (CORRECTION, Step(C.ASK_END, (R.OFFICER,), SAME, (P, "57"), ("reason",), ("end_unasked",))),
    (
        (S.RECHECKED,),
        Step(
            C.EXCUSE, (R.HEAD,), S.UNPUNISHED, (P, "33"), ("reason",), ("end_asked", "mercy"), "no_penalty",
            apart_from=(INVESTIGATORS,),
        ),
    ),
    (
        CORRECTION,
        Step(C.DISMISS, (R.HEAD,), S.DISMISSED, (P, "57"), ("reason",), ("end_asked",), "dismissal", (INVESTIGATORS,)),
    ),
    # What is written down and kept on the way.
    (LOOKING_INTO, Step(C.QUESTION, (R.OFFICER,), SAME, (P, "55"), ("reason", "place", "people"), (), "questioning")),
    (
        LOOKING_INTO,
        Step(C.KEEP, (R.HEAD,), SAME, (P, "56"), ("reason", "place", "things"), ("nothing_kept",), "keeping", (INVESTIGATORS,)),
    ),
    # Wherever a case has come to meanwhile: what is kept is decided about, and goes back to whom it belongs.
    (tuple(S), Step(C.DISPOSE, (R.HEAD,), SAME, (P, "56"), ("reason",), ("kept",), "disposal")),
    (UNDER_WAY, Step(C.IDENTIFY, (R.OFFICER,), SAME, (P, "59"), ("identity",), ("citizen",))),
    (UNDECIDED, Step(C.DESCRIBE, (R.OFFICER,), SAME, (P, "59"), ("address",), ("code_holds",))),
    (UNDER_WAY, Step(C.CONFIRM_ADDRESS, (R.OFFICER, R.PARTY), SAME, (P, "61"), ("place",), (), "address")),
    # Other measures, each on a basis of its own.
    (
        LOOKING_INTO,
        Step(C.TELL_SUBSIDY, (R.HEAD,), SAME, ("enforcement-zj", "18"), ("reason",), ("subsidised", "subsidy_untold"), "subsidy"),
    ),
    (
        (*PAYING, S.PAID, S.CLOSED),
        Step(
            C.RECORD_CREDIT, (R.HEAD,), SAME, ("credit-list", "行政处罚信息"), (), ("may_credit", "uncredited"), "credit",
            (INVESTIGATORS,),
        ),
    ),
    (
        (*PAYING, S.PAID, S.CLOSED),
        Step(
            C.REPAIR_CREDIT, (R.HEAD,), SAME, ("credit-repair", "修复"), ("reason",),
            ("credited", "nothing_to_pay", "shown_enough"), "credit_repair", (INVESTIGATORS,),
        ),
    ),
    ((S.RECHECKED,), Step(C.CLOSE_MENDED, (R.OFFICER,), S.CLOSED, (P, "28"), ("reason",), ("nothing_penal",))),
    # The simple procedure.
    (
        (S.LEAD, S.RECHECKED),
        Step(
            C.PUNISH_ON_THE_SPOT, (R.OFFICER,), S.SERVED, (P, "51"), ("reason", "sanction", "place", "rights_told", "manner"),
            ("permitted", "ceiling", "not_obliged", "guided_first", "on_the_spot"), "spot_decision",
        ),
    ),
    ((*PAYING, S.PAID), Step(C.NOTE, REVIEWERS, SAME, (P, "52"), (), ("simple", "unnoted"), apart_from=(INVESTIGATORS,))),
    # Filing.
    (
        (S.LEAD, S.RECHECKED),
        Step(
            C.PROPOSE, (R.OFFICER,), S.PROPOSED, (P, "54"), ("reason", "procedure"),
            ("penal", "limitation", "not_obliged", "guided_first", "fast_if_clear", "punishable"),
        ),
    ),
    (
        (S.PROPOSED,),
        Step(C.APPROVE, (R.HEAD,), S.FILED, (P, "54"), (), (), "filing", (INVESTIGATORS,)),
    ),
    ((S.PROPOSED,), Step(C.REFUSE, (R.HEAD,), S.LEAD, (P, "54"), ("reason",), apart_from=(INVESTIGATORS,))),
    # Investigation and legal review.
    (
        (S.FILED,),
        Step(C.CONCLUDE, (R.OFFICER,), S.REVIEW_1, (P, "57"), ("reason", "sanction"), ("permitted", "described"), "conclusion"),
    ),
    (
        INVESTIGATION,
        Step(
            C.EXTEND, (R.HEAD,), SAME, (P, "60"), ("reason", "on"), ("later", "still_runs"), apart_from=(INVESTIGATORS,),
        ),
    ),
    *(
        (
            (state,),
            Step(
                C.PASS, (role,), following, (P, "58"), ("reason",), (), "review",
                apart_from=(INVESTIGATORS, REVIEWED_BY),
            ),
        )
        for state, role, following in zip(REVIEWS, REVIEWERS, (*REVIEWS[1:], S.REVIEWED), strict=True)
    ),
    *(
        ((state,), Step(C.OBJECT, (role,), S.FILED, (P, "58"), ("reason",), (), "review", apart_from=(INVESTIGATORS,)))
        for state, role in zip(REVIEWS, REVIEWERS, strict=True)
    ),
    # Notification, statement and defence, hearing. A notice that is made public or posted is issued first; the party's time runs
    # from the day on which it counts as received.
    ((S.REVIEWED,), Step(C.NOTIFY, (R.OFFICER,), S.NOTIFIED, (P, "44"), ("on", "manner"), ("since_reviewed", *SERVING), "notice")),
    # What the post brings back is served again, in another manner where it must be.
    (
        (S.NOTIFIED,),
        Step(C.NOTIFY, (R.OFFICER,), SAME, (P, "61"), ("on", "manner"), ("unreached", "since_reviewed", *SERVING), "notice"),
    ),
    (
        TOLD,
        Step(C.RECORD_ARRIVAL, (R.OFFICER,), SAME, (P, "61"), ("on", "proof"), ("posted", "notice_proved"), "notice_service"),
    ),
    ((S.NOTIFIED,), Step(C.DEFEND, (R.PARTY, R.OFFICER), SAME, (P, "45"), ("reason",), ("undefended",), "statement")),
    (
        (S.NOTIFIED,),
        Step(
            C.ASK_HEARING, (R.PARTY, R.OFFICER), S.HEARING, (P, "64"), ("reason",),
            ("hearing_right", "hearing_in_time", "hearing_wanted"),
        ),
    ),
    (
        (S.HEARING,),
        Step(
            C.CALL_HEARING, REVIEWERS, SAME, (P, "64"), ("on", "hour", "place"), ("hearing_notice",), "hearing_notice",
            apart_from=(INVESTIGATORS,),
        ),
    ),
    (
        (S.HEARING,),
        Step(
            C.HOLD_HEARING, REVIEWERS, S.HEARD, (P, "64"), ("reason", "people"), ("hearing_called",), "hearing_record",
            apart_from=(INVESTIGATORS,),
        ),
    ),
    # Who gives his hearing up, or does not come without good reason, has had his time.
    (
        (S.HEARING,),
        Step(C.WITHDRAW_HEARING, (R.PARTY, R.OFFICER), S.NOTIFIED, (P, "64"), ("reason",), (), "hearing_waiver"),
    ),
    (
        (S.HEARING,),
        Step(
            C.FORFEIT_HEARING, REVIEWERS, S.NOTIFIED, (P, "64"), ("reason",), ("hearing_called",), "hearing_end",
            apart_from=(INVESTIGATORS,),
        ),
    ),
    # What went through a hearing is reviewed once more, at the highest level, before it is decided (Art. 58).
    (
        (S.HEARD,),
        Step(
            C.REVIEW_HEARING, (R.REVIEWER_4,), SAME, (P, "58"), ("reason",), ("hearing_unreviewed",), "review",
            apart_from=(INVESTIGATORS,),
        ),
    ),
    ((S.HEARD,), Step(C.OBJECT, (R.REVIEWER_4,), S.FILED, (P, "58"), ("reason",), (), "review", apart_from=(INVESTIGATORS,))),
    # A statement that brings something new is looked into (Art. 45): the case is concluded, reviewed and told once more.
    (
        (S.NOTIFIED, S.HEARD),
        Step(C.REINVESTIGATE, (R.HEAD,), S.FILED, (P, "45"), ("reason",), apart_from=(INVESTIGATORS,)),
    ),
    # Discussion and decision.
    (
        (S.NOTIFIED, S.HEARD),
        Step(C.DISCUSS, (R.HEAD,), SAME, (P, "57"), ("reason", "people"), ("three_people",), "discussion"),
    ),
    (
        (S.NOTIFIED, S.HEARD),
        Step(
            C.DECIDE, (R.HEAD,), S.DECIDED, (P, "57"), ("reason", "sanction"),
            (
                "statement_over", "evidence_told", "hearing_reviewed", "permitted", "not_aggravated", "discussed", "described",
            ),
            "decision", (INVESTIGATORS,),
        ),
    ),
    (
        (S.REVIEWED, S.NOTIFIED, S.HEARD),
        Step(C.EXEMPT, (R.HEAD,), S.UNPUNISHED, (P, "57"), ("reason",), (), "no_penalty", apart_from=(INVESTIGATORS,)),
    ),
    (
        (S.DECIDED,),
        Step(
            C.SERVE, (R.OFFICER,), S.SERVED, (P, "61"), ("on", "manner", "proof"),
            ("since_decided", *SERVING, "notice_over", "proved"),
            "service",
        ),
    ),
    # Execution.
    (
        PAYING,
        Step(
            C.PAY, (R.OFFICER, R.HEAD), SAME, (P, "67"), ("amount_fen", "on", "receipt"),
            ("since_served", "fined", "not_overpaid"),
        ),
    ),
    (
        (S.SERVED,),
        Step(
            C.ALLOW_INSTALMENTS, (R.HEAD,), SAME, (P, "66"), ("reason", "plan"),
            ("fined", "payment_not_late", "plan_covers", "plan_ahead"), "instalments", (INVESTIGATORS,),
        ),
    ),
    (
        (S.SERVED,),
        Step(
            C.DEMAND, (R.OFFICER,), S.DEMANDED, ("coercion", "54"), ("on",), ("since_served", "payment_late", "stands"), "demand",
        ),
    ),
    (
        (S.DEMANDED,),
        Step(
            C.APPLY, (R.HEAD,), S.ENFORCING, ("coercion", "53"), ("reason",), ("demand_over", "remedies_over", "stands"),
            "application",
        ),
    ),
    (
        (S.SERVED, S.DEMANDED),
        Step(C.CLOSE, (R.HEAD,), S.CLOSED, (P, "57"), (), ("nothing_to_pay", "noted", "stands"), "closing"),
    ),
    ((S.PAID,), Step(C.CLOSE, (R.HEAD,), S.CLOSED, (P, "57"), (), ("noted", "stands"), "closing")),
    ((S.ENFORCING,), Step(C.CLOSE, (R.HEAD,), S.CLOSED, (P, "72"), ("reason",), ("noted", "stands"), "closing")),
    # Remedies.
    (
        (*PAYING, S.PAID, S.CLOSED),
        Step(C.APPEAL, (R.OFFICER, R.HEAD), SAME, (P, "73"), ("remedy", "on"), ("since_served", "no_appeal_open", "review_first")),
    ),
    (
        (*PAYING, S.PAID, S.CLOSED, S.REVOKED),  # the last: an organ may revoke what is still under review or in court
        Step(
            C.END_APPEAL, (R.OFFICER, R.HEAD), SAME, (P, "73"), ("outcome", "reason", "on"),
            ("appeal_open", "since_appeal", "not_worse"),
        ),
    ),
    (
        (S.DECIDED, *PAYING, S.PAID, S.CLOSED),
        Step(C.REVOKE, (R.HEAD,), S.REVOKED, (P, "48"), ("reason",), (), "revocation"),
    ),
    # What was paid for nothing, or too much of it, goes back; what fell may be decided anew, as a court may order.
    (
        (*PAYING, S.PAID, S.CLOSED, S.REVOKED),
        Step(
            C.REFUND, (R.OFFICER, R.HEAD), SAME, (P, "74"), ("amount_fen", "on", "receipt"),
            ("since_served", "to_refund", "not_refunded_more"), "refund",
        ),
    ),
    (
        (S.REVOKED,),
        Step(C.START_ANEW, (R.HEAD,), S.LEAD, ("litigation", "70"), ("reason",), ("refunded", "no_appeal_open")),
    ),
    # Other ends.
    (
        INVESTIGATION,
        Step(C.WITHDRAW, (R.HEAD,), S.WITHDRAWN, (P, "57"), ("reason",), (), "case_withdrawal", apart_from=(INVESTIGATORS,)),
    ),
    (
        (*INVESTIGATION, *PAYING),
        Step(C.TERMINATE, (R.HEAD,), S.TERMINATED, (P, "57"), ("reason",), (), "termination", apart_from=(INVESTIGATORS,)),
    ),
    (
        (*CORRECTION, *INVESTIGATION),  # as soon as there is something of a crime in it
        Step(C.TRANSFER, (R.HEAD,), S.TRANSFERRED, (P, "27"), ("reason",), (), "transfer", apart_from=(INVESTIGATORS,)),
    ),
    (
        UNDER_WAY,
        Step(
            C.REASSIGN, (R.HEAD,), SAME, (P, "43"), ("reason", "officers"), ("two_different",), "recusal", (INVESTIGATORS,),
        ),
    ),
    # Referral: to the organ that is competent, with its receipt; and from another one, with ours.
    (
        (*CORRECTION, S.GUIDED, S.FILED),
        Step(
            C.REFER, (R.HEAD,), S.REFERRED, ("enforcement-zj", "18"), ("reason",), ("may_refer",), "referral", (INVESTIGATORS,),
        ),
    ),
    (
        (S.REFERRED, S.TRANSFERRED),
        Step(
            C.ACKNOWLEDGE, (R.OFFICER, R.HEAD), SAME, ("enforcement-zj", "18"), ("on", "receipt"),
            ("since_referred", "unacknowledged"),
        ),
    ),
    ((S.REFERRED,), Step(C.TAKE_BACK, (R.HEAD,), S.LEAD, ("enforcement-zj", "18"), ("reason",))),
    # What is no crime comes back from the police, and may still be punished by us.
    ((S.TRANSFERRED,), Step(C.TAKE_BACK, (R.HEAD,), S.LEAD, (P, "27"), ("reason",))),
    (
        UNDER_WAY,
        Step(C.GIVE_RECEIPT, (R.OFFICER,), SAME, ("enforcement-zj", "18"), (), ("referred_to_us",), "referral_receipt"),
    ),
    # Where a case ended stays its state: what comes after, a suit for instance, still has its place.
    (ENDED, Step(C.ARCHIVE, (R.OFFICER,), SAME, (P, "47"), (), ("unarchived", "no_appeal_open", "refunded", "nothing_kept"))),
)  # fmt: skip


def _spread(table: Iterable[tuple[tuple[State, ...], Step]]) -> dict[tuple[State, Command], Step]:
    found: dict[tuple[State, Command], Step] = {}
    for states, step in table:
        for state in states:
            assert (state, step.command) not in found, f"{state} {step.command} stands there twice"
            found[state, step.command] = step
    return found


STEPS = _spread(TABLE)


def step(state: State, command: Command) -> Step:
    """Return the line for a command; Conflict where it has no place."""
    try:
        return STEPS[state, command]
    except KeyError:
        raise Conflict(Reason("a case that is {state} cannot {command}", state=state, command=command)) from None


def commands_of(state: State) -> list[Command]:
    """Return what has a place in a state, in the table's order."""
    return [command for at, command in STEPS if at == state]


def leads_to(line: Step, state: State, *, levels: int, paid: bool = False, falls: bool = False) -> State:
    """Return the state after a step; legal review ends at the level that the case needs, payment with the last fen, a decision
    with the review or suit in which it falls."""
    if line.command == C.PASS and REVIEWS.index(state) + 1 >= levels:
        return S.REVIEWED
    if line.command == C.PAY and paid:
        return S.PAID
    if line.command == C.END_APPEAL and falls:
        return S.REVOKED
    return line.to or state
