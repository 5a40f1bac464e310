"""What a step changes: the facts that it adds, and by when the next one is due. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from inspection_service.cases.conditions import changed, described, referred_to
from inspection_service.cases.due import due
from inspection_service.cases.file import CHANGED, FALLEN, SIMPLE, Appeal, Case, Facts, Instalment, Payment, Said
from inspection_service.cases.machine import Command, State, Step, leads_to
from inspection_service.cases.owing import owed_fen
from inspection_service.cases.serving import POST, arrived_on
from inspection_service.cases.thresholds import thresholds
from inspection_service.law.catalogue import Organ, catalogue
from inspection_service.law.evidence import is_barred
from inspection_service.law.imposed import Imposed
from inspection_service.law.periods import periods

C = Command
Added = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a case: `period` names the statutory period that ends on `due_on`."""

    state: State
    procedure: str | None
    facts: Facts
    due_on: date | None
    period: str | None


def moved(case: Case, line: Step, said: Said, who: str, day: date) -> Moved:
    """Return the case after a step."""
    add = ADDS.get(line.command)
    facts = replace(case.facts, **(add(case, said, who, day) if add else {}))
    after = case.with_(facts)
    levels = thresholds().levels_of(case.procedure, case.party_kind, facts.imposed)
    paid, falls = owed_fen(after, said.on or day) <= 0, said.outcome in FALLEN
    state = leads_to(line, case.state, levels=levels, paid=paid, falls=falls)
    if state != case.state:  # what was proposed about the state before is settled
        facts = replace(facts, end_asked=False)
    procedure = _procedure(case, line, said)
    due_on, period = due(replace(case, state=state, procedure=procedure, facts=facts), day)
    return Moved(state, procedure, facts, due_on, period)


def _procedure(case: Case, line: Step, said: Said) -> str | None:
    if line.command == C.PUNISH_ON_THE_SPOT:
        return SIMPLE
    if line.command == C.START_ANEW:
        return None
    return said.procedure if line.command == C.PROPOSE else case.procedure


def _order(_: Case, said: Said, __: str, ___: date) -> Added:
    return {"order_due": said.on}


def _extend_order(_: Case, said: Said, __: str, ___: date) -> Added:
    return {"order_due": said.on, "order_extended": True}


def _confirm_mended(case: Case, said: Said, __: str, ___: date) -> Added:
    """Who mends after the last day of an order has not followed it, whenever the re-check comes."""
    due = case.facts.order_due
    late = said.on is not None and due is not None and said.on > due
    found = {"mended_on": said.on, "harm": said.harm, "minor": said.minor, "faultless": said.faultless}
    return found | {"ordered": case.facts.ordered or late}


def _find_unmended(_: Case, __: Said, ___: str, ____: date) -> Added:
    return {"ordered": True, "mended_on": None}


def _propose(_: Case, said: Said, __: str, ___: date) -> Added:
    return {"admitted": said.admitted}


def _approve(_: Case, __: Said, ___: str, day: date) -> Added:
    return {"filed_on": day, "decide_by": periods()["decision"].last_day(day)}


def _extend(_: Case, said: Said, __: str, ___: date) -> Added:
    return {"decide_by": said.on}


def _conclude(_: Case, said: Said, __: str, ___: date) -> Added:
    return {**_imposes(said.imposed), "reviewers": ()}


def _imposes(imposed: Imposed) -> Added:
    first, *also = imposed.kinds
    amounts = {"fine_fen": imposed.fine_fen, "gains_fen": imposed.gains_fen, "goods": imposed.goods}
    return {"sanction": first, "also": tuple(also), **amounts}


def _pass(case: Case, _: Said, who: str, day: date) -> Added:
    return {"reviewers": (*case.facts.reviewers, who), "reviewed_on": day}


def _notify(case: Case, said: Said, __: str, ___: date) -> Added:
    posted = said.on if said.manner == POST else None
    reached = arrived_on(said.manner, said.on) if posted is None else None
    told = tuple(piece.place for piece in case.pieces if not is_barred(piece))
    return {"posted_on": posted, "notified_on": reached, "notified_fine_fen": case.facts.fine_fen, "told": told, **ANEW}


def _call_hearing(_: Case, said: Said, __: str, ___: date) -> Added:
    return {"hearing_on": said.on}


def _give_up_hearing(*_: object) -> Added:
    return {"hearing_on": None, "hearing_given_up": True}


def _decide(_: Case, said: Said, __: str, day: date) -> Added:
    return {"decided_on": day, **_imposes(said.imposed)}


def _serve(case: Case, said: Said, __: str, ___: date) -> Added:
    day = arrived_on(said.manner, said.on)
    assert day is not None
    return _served(day, case.facts.payable_fen)


def _spot(_: Case, said: Said, __: str, day: date) -> Added:
    return {"decided_on": day, **_imposes(said.imposed), **_served(day, said.fine_fen)}


def _served(day: date, payable_fen: int) -> Added:
    return {"served_on": day, "pay_by": periods()["payment"].last_day(day) if payable_fen else None}


def _pay(case: Case, said: Said, __: str, ___: date) -> Added:
    assert said.on is not None
    return {"paid": (*case.facts.paid, Payment(said.on, said.amount_fen, said.receipt))}


def _refund(case: Case, said: Said, __: str, ___: date) -> Added:
    assert said.on is not None
    return {"refunds": (*case.facts.refunds, Payment(said.on, said.amount_fen, said.receipt))}


def _plan(case: Case, said: Said, __: str, day: date) -> Added:
    """What was paid already is a part of the plan that was due on the day."""
    paid = sum(payment.fen for payment in case.facts.paid)
    return {"plan": (*((Instalment(day, paid),) if paid else ()), *said.plan)}


def _sent(to: Organ | None, day: date) -> Added:
    return {"referred_on": day, "referred_to": to.name if to else "", "referral_receipt": ""}


def _appeal(case: Case, said: Said, __: str, ___: date) -> Added:
    assert said.on is not None
    assert said.remedy is not None
    return {"appeals": (*case.facts.appeals, Appeal(said.remedy, said.on))}


def _end_appeal(case: Case, said: Said, who: str, day: date) -> Added:
    *before, last = case.facts.appeals
    ended: Added = {"appeals": (*before, replace(last, until=said.on, outcome=said.outcome))}
    if said.outcome in FALLEN:
        return ended | _fall(case, said, who, day)
    return ended | (_imposes(changed(case.facts, said)) if said.outcome == CHANGED else {})


def _fall(case: Case, _: Said, __: str, day: date) -> Added:
    """What has fallen is no longer on the credit record, and its file is not at its end."""
    shown = case.facts.credited_on is not None and case.facts.credit_ended_on is None
    return {"archived_on": None} | ({"credit_ended_on": day} if shown else {})


def _start_anew(*_: object) -> Added:
    """What was investigated stays; of the decision that fell, and of what led to it, only the history tells."""
    return {name: getattr(Facts(), name) for name in OF_THE_DECISION}


def _reassign(case: Case, said: Said, __: str, ___: date) -> Added:
    ever = dict.fromkeys((*case.facts.investigators, *said.officers))
    return {"officers": said.officers, "investigators": tuple(ever)}


ANEW = {
    "defended": False, "hearing_asked": False, "hearing_on": None, "hearing_given_up": False, "hearing_reviewed": False,
    "discussed": False,
}  # fmt: skip
OF_THE_DECISION = (
    "admitted", "filed_on", "decide_by", "reviewers", "reviewed_on", "sanction", "also", "fine_fen", "gains_fen", "goods",
    "posted_on", "told", "notified_on", "notified_fine_fen", *ANEW, "decided_on", "served_on", "pay_by", "noted",
    "demanded_on", "paid", "refunds", "plan", "appeals", "credited_on", "credit_ended_on", "archived_on",
)  # fmt: skip
ADDS: dict[Command, Callable[[Case, Said, str, date], Added]] = {
    C.GUIDE: lambda *_: {"guided": True},
    C.REOPEN: lambda *_: {"archived_on": None},
    C.ASK_END: lambda *_: {"end_asked": True},
    C.ORDER: _order,
    C.EXTEND_ORDER: _extend_order,
    C.REPORT_MENDED: lambda _, __, ___, day: {"reported_on": day},
    C.CONFIRM_MENDED: _confirm_mended,
    C.FIND_UNMENDED: _find_unmended,
    C.PUNISH_ON_THE_SPOT: _spot,
    C.NOTE: lambda *_: {"noted": True},
    C.PROPOSE: _propose,
    C.APPROVE: _approve,
    C.EXTEND: _extend,
    C.CONCLUDE: _conclude,
    C.PASS: _pass,
    C.NOTIFY: _notify,
    C.RECORD_ARRIVAL: lambda _, said, __, ___: {"notified_on": said.on},
    C.DEFEND: lambda *_: {"defended": True},
    C.ASK_HEARING: lambda *_: {"hearing_asked": True},
    C.CALL_HEARING: _call_hearing,
    C.WITHDRAW_HEARING: _give_up_hearing,
    C.FORFEIT_HEARING: _give_up_hearing,
    C.REVIEW_HEARING: lambda *_: {"hearing_reviewed": True},
    C.REINVESTIGATE: lambda *_: {
        "posted_on": None,
        "told": None,
        "notified_on": None,
        "notified_fine_fen": 0,
        **ANEW,
    },
    C.DISCUSS: lambda *_: {"discussed": True},
    C.DECIDE: _decide,
    C.SERVE: _serve,
    C.PAY: _pay,
    C.ALLOW_INSTALMENTS: _plan,
    C.DEMAND: lambda _, said, __, ___: {"demanded_on": said.on},
    C.APPEAL: _appeal,
    C.END_APPEAL: _end_appeal,
    C.REVOKE: _fall,
    C.REFUND: _refund,
    C.START_ANEW: _start_anew,
    C.KEEP: lambda _, said, __, day: {"kept_on": day, "kept": said.things},
    C.DISPOSE: lambda *_: {"kept_on": None, "kept": ()},
    C.IDENTIFY: lambda _, said, __, ___: {"identity": said.identity},
    C.DESCRIBE: lambda case, said, __, ___: {"particulars": described(case, said)},
    C.CONFIRM_ADDRESS: lambda _, said, __, ___: {"address": said.place},
    C.TELL_SUBSIDY: lambda _, __, ___, day: {"subsidy_told_on": day},
    C.RECORD_CREDIT: lambda _, __, ___, day: {"credited_on": day},
    C.REPAIR_CREDIT: lambda _, __, ___, day: {"credit_ended_on": day},
    C.TRANSFER: lambda _, __, ___, day: _sent(catalogue().organs["police"], day),
    C.REFER: lambda case, _, __, day: _sent(referred_to(case), day),
    C.ACKNOWLEDGE: lambda _, said, __, ___: {"referral_receipt": said.receipt},
    C.TAKE_BACK: lambda *_: {
        "archived_on": None,
        "referred_on": None,
        "referred_to": "",
        "referral_receipt": "",
        "filed_on": None,
        "decide_by": None,
    },
    C.REASSIGN: _reassign,
    C.ARCHIVE: lambda _, __, ___, day: {"archived_on": day},
}
