"""What must hold before a command has its place: tests by name, as the machine's table names them. Pure.

Each takes the case as it stands, what somebody says, and the county's day.
"""

from collections.abc import Callable
from datetime import date
from itertools import pairwise

from inspection_service.cases.file import CHANGED, FALLEN, FAST, LITIGATION, REVIEW, SIMPLE, Case, Facts, Said
from inspection_service.cases.machine import Step
from inspection_service.cases.owing import owed_fen, refund_fen
from inspection_service.cases.particulars import Particulars, code_holds, particulars
from inspection_service.cases.serving import ELECTRONIC, LEFT, ON_THE_SPOT, PUBLIC_NOTICE, arrived_on
from inspection_service.cases.thresholds import thresholds
from inspection_service.law.catalogue import (
    ADVICE,
    CITIZEN,
    CREDIT,
    GOODS,
    ORDER,
    PENALTY,
    REFERRAL,
    SUBSIDY,
    Catalogue,
    Organ,
)
from inspection_service.law.evidence import proves
from inspection_service.law.imposed import NOTHING, Imposed
from inspection_service.law.mercy import Circumstances, Mercy, guidance_first, mercy
from inspection_service.law.periods import add_months, periods
from inspection_service.law.permission import Draft, Refusal, heaviest, limitation_ends, punishable, refusals
from youguan.working_days import add_working_days

Test = Callable[[Case, Said, date], bool]
AT_THE_TABLE = 3  # fewer is no collective discussion


def draft(case: Case, said: Said, day: date, measure: str = PENALTY) -> Draft:
    """Return what somebody wants to do as the law's rules take it."""
    return Draft(
        measure=measure, party=case.party_kind, act_on=case.act_on, found_on=case.found_on, on=day,
        imposed=said.imposed if measure == PENALTY else NOTHING, evidence=case.pieces, heavier=_heavier(case),
        serious=case.facts.serious, ordered=case.facts.ordered, already_fined=case.act_is_fined, reasons=said.grounds,
        penalised=case.facts.decided_on is not None and stands(case),
    )  # fmt: skip


def _heavier(case: Case) -> bool:
    """Say whether one of the other cases about this act is the one to be fined (Art. 29)."""
    return heaviest((case.item, *case.rivals), case.party_kind) != case.item


def against(catalogue: Catalogue, case: Case, said: Said, day: date, line: Step) -> list[Refusal]:
    """Return what the law itself says against a step that drafts a measure."""
    for condition, measure in BY_THE_LAW.items():
        if condition in line.conditions:
            return refusals(catalogue, case.item, draft(case, said, day, measure))
    return []


def circumstances(case: Case) -> Circumstances:
    """Return what is known of the act; what an order before was not followed for is not mended in time by the next one's end."""
    facts = case.facts
    return Circumstances(
        earlier=case.earlier, act_on=case.act_on, harm=facts.harm or "serious", minor=facts.minor,
        due_on=facts.order_due if facts.order_due and not facts.ordered else date.min, mended_on=facts.mended_on,
        faultless=facts.faultless,
    )  # fmt: skip


def mercy_in(case: Case) -> Mercy | None:
    """Return why the case goes unpunished, or None."""
    return mercy(case.item, circumstances(case))


def _obliged(case: Case) -> bool:
    found = mercy_in(case)
    return found is not None and found.obliges


def _penal(case: Case) -> bool:
    return bool(case.item.own(PENALTY))


def _punishable(case: Case) -> bool:
    """What no sanction waits for is not filed, to stick there."""
    return not _penal(case) or punishable(case.item, case.party_kind, ordered=case.facts.ordered)


def hearing_right(case: Case) -> bool:
    """Say whether the party may ask for a hearing (Art. 63)."""
    return thresholds().hearing.reached(case.party_kind, case.facts.notified)


def is_major(case: Case, said: Said) -> bool:
    return thresholds().major.reached(case.party_kind, said.imposed)


def _ended(period: str, since: date | None, day: date) -> bool:
    last = periods()[period].last_day(since) if since else None
    return last is not None and day > last


def _statement_over(case: Case, _: Said, day: date) -> bool:
    """Nobody is decided against before he was heard or had his time: for a statement, and for asking for a hearing."""
    notified = case.facts.notified_on
    if case.facts.hearing_on is not None or notified is None:
        return notified is not None
    if hearing_right(case) and not case.facts.hearing_given_up:
        return _ended("hearing_request", notified, day)
    return case.facts.defended or day > add_working_days(notified, thresholds().statement_days)


def remedies_end(case: Case) -> date | None:
    """Return the last day on which the decision can still be attacked; None while it is not served, or is under attack.

    After a review a suit has fifteen days; a suit's end is the end. Without either, a decision on the spot knows the review alone
    (Review Law Art. 23), any other the longer of review and direct suit.
    """
    facts = case.facts
    if facts.served_on is None or _appeal_open(case):
        return None
    ended = [(appeal.until, appeal.remedy) for appeal in facts.appeals if appeal.until]
    if ended:
        until, remedy = max(ended)
        return periods()["suit_after_review"].last_day(until) if remedy == REVIEW else until
    open_to = ("review",) if case.procedure == SIMPLE else ("review", "suit")
    return max(end for period in open_to if (end := periods()[period].last_day(facts.served_on)) is not None)


def enforcement_end(case: Case) -> date | None:
    """Return the last day to apply to the court: three months after the remedies' end (Coercion Law Art. 53)."""
    over = remedies_end(case)
    return periods()["enforcement"].last_day(over) if over else None


def _remedies_over(case: Case, _: Said, day: date) -> bool:
    """Whether review and suit are out of time or at their end, for no more than three months (Coercion Law Art. 53)."""
    over, last = remedies_end(case), enforcement_end(case)
    return over is not None and last is not None and over < day <= last


def _appeal_open(case: Case) -> bool:
    return any(appeal.until is None for appeal in case.facts.appeals)


def _review_first(case: Case, said: Said, _: date) -> bool:
    """A decision on the spot goes to administrative review first (Review Law Art. 23)."""
    reviewed = any(appeal.remedy == REVIEW and appeal.until for appeal in case.facts.appeals)
    return not (case.procedure == SIMPLE and said.remedy == LITIGATION) or reviewed


def _in_grace(case: Case, day: date) -> bool:
    since = case.facts.business_since
    if since is None:
        return False
    return guidance_first(case.item, in_business_since=since, on=day, until=case.facts.grace_until)


def _guidance(case: Case, _: Said, day: date) -> bool:
    """Guidance comes first in the grace period; where our organ may do no more than advise, it has its place at any time."""
    return _in_grace(case, day) or not case.item.is_ours


def _guided_first(case: Case, _: Said, day: date) -> bool:
    """In the grace period nobody is ordered or punished who was not guided before, where the item's basis carries advice."""
    return case.facts.guided or not (case.item.own(ADVICE) and _in_grace(case, day))


def _fast_if_clear(case: Case, said: Said, _: date) -> bool:
    """The fast track needs a party that admits, an item without danger, and an amount below its ceiling."""
    if said.procedure != FAST:
        return True
    small = thresholds().fast.within(case.party_kind, said.imposed)
    return said.admitted and case.item.danger == "none" and small


def _period_so_far(case: Case) -> date | None:
    """Return the end of the period that the head may extend."""
    return case.facts.order_due if case.facts.filed_on is None else case.facts.decide_by


def _later(case: Case, said: Said, _: date) -> bool:
    before = _period_so_far(case)
    return said.on is not None and before is not None and said.on > before


def _still_runs(case: Case, _: Said, day: date) -> bool:
    """What has ended is not extended any more."""
    before = _period_so_far(case)
    return before is not None and day <= before


def _since(first: Callable[[Case], date | None]) -> Test:
    """Return the test that what is written down now happened no earlier than what went before it, and no later than today."""

    def happened(case: Case, said: Said, day: date) -> bool:
        return said.on is not None and (first(case) or case.found_on) <= said.on <= day

    return happened


def _payment_late(case: Case, said: Said, day: date) -> bool:
    on, due = said.on or day, case.facts.payment_due
    return due is not None and on > due and owed_fen(case, on) > 0


def _plan_covers(case: Case, said: Said, _: date) -> bool:
    """What is allowed to be paid later is exactly what is left."""
    left = case.facts.payable_fen - sum(payment.fen for payment in case.facts.paid)
    return sum(part.fen for part in said.plan) == left and all(part.fen > 0 for part in said.plan)


def _plan_ahead(_: Case, said: Said, day: date) -> bool:
    days = [day, *(part.on for part in said.plan)]
    return all(before < after for before, after in pairwise(days))


def _shown_enough(case: Case, _: Said, day: date) -> bool:
    """A record of a penalty is shown for its shortest time before it is repaired."""
    shown = thresholds().shown_months
    months = shown["usual" if case.item.danger == "none" else "dangerous"]
    return case.facts.decided_on is not None and day > add_months(case.facts.decided_on, months)


def referred_to(case: Case) -> Organ | None:
    """Return whom our organ refers what this case is about to."""
    return next((measure.to for measure in case.item.own(REFERRAL)), None)


def subsidy_of(case: Case) -> Organ | None:
    """Return who decides about the subsidy that this case bears on."""
    return next((measure.organ for measure in case.item.measure(SUBSIDY)), None)


def stands(case: Case) -> bool:
    """Say whether review and litigation have left the decision standing."""
    return not any(appeal.outcome in FALLEN for appeal in case.facts.appeals)


def _not_worse(case: Case, said: Said, _: date) -> bool:
    """Nobody is worse off for having sought review or a suit (Review Law Art. 63, Litigation Law Art. 77)."""
    before, after = case.facts.imposed, changed(case.facts, said)
    return said.outcome != CHANGED or (after.no_heavier_than(before) and after != before)


def changed(facts: Facts, said: Said) -> Imposed:
    """Return what review or litigation has made of what was imposed; without a word about sanctions the amounts alone."""
    kinds = said.imposed.kinds or facts.imposed.kinds
    goods = facts.goods if GOODS in kinds else ()
    return Imposed(kinds, said.fine_fen, said.gains_fen, said.imposed.goods or goods)


def described(case: Case, said: Said) -> Particulars:
    """Return what somebody says of the party; what he leaves out stays as it was."""
    return particulars(case.party_kind, said.address, said.uscc, said.representative).filled(case.facts.particulars)


def _hearing_notice(_: Case, said: Said, day: date) -> bool:
    """Time and place are told seven working days ahead (Art. 64)."""
    last = periods()["hearing_notice"].last_day(day)
    return said.on is not None and last is not None and said.on > last


def _proved(case: Case, said: Said, _: date) -> bool:
    """What proves the service is in the chain, and was collected no earlier than the decision."""
    decided = case.facts.decided_on
    return decided is not None and any(p.place == said.proof and p.collected_on >= decided for p in case.pieces)


def _posted(case: Case, said: Said, day: date) -> bool:
    """A notice was posted, and nobody has recorded yet that it has arrived; it arrives no earlier than it was sent."""
    posted = case.facts.posted_on
    return posted is not None and case.facts.in_the_post and (said.on is None or posted <= said.on <= day)


def _notice_proved(case: Case, said: Said, _: date) -> bool:
    """What proves the arrival is in the chain, and was collected no earlier than the notice was posted."""
    posted = case.facts.posted_on
    return posted is not None and any(p.place == said.proof and p.collected_on >= posted for p in case.pieces)


def _unreached(case: Case, _: Said, __: date) -> bool:
    """A notice was posted, and nothing says that it has reached the party: it may be served once more, in another manner too."""
    facts = case.facts
    return facts.in_the_post and not facts.defended and not facts.hearing_asked


def _evidence_told(case: Case, _: Said, __: date) -> bool:
    """What the party was told of proves it, wherever anything does: not what was collected, or reviewed, after the notice."""
    return proves(case.relied_on) or not proves(case.pieces)


def _notice_over(_: Case, said: Said, day: date) -> bool:
    """What is made public has reached the party when the notice's time has run, and not before."""
    reached = arrived_on(said.manner, said.on)
    return said.manner != PUBLIC_NOTICE or (reached is not None and reached <= day)


CONDITIONS: dict[str, Test] = {
    "on_the_spot": lambda _, said, __: said.manner in ON_THE_SPOT,
    "witnessed": lambda _, said, __: said.manner != LEFT or bool(said.people),
    "address_confirmed": lambda case, said, _: said.manner != ELECTRONIC or bool(case.facts.address),
    "notice_over": _notice_over,
    "proved": _proved,
    "posted": _posted,
    "notice_proved": _notice_proved,
    "unreached": _unreached,
    "evidence_told": _evidence_told,
    "guidance": _guidance,
    "guided_first": _guided_first,
    "in_future": lambda _, said, day: said.on is not None and said.on > day,
    "not_in_future": lambda case, said, day: said.on is not None and case.act_on <= said.on <= day,
    "since_reviewed": _since(lambda case: case.facts.reviewed_on),
    "since_decided": _since(lambda case: case.facts.decided_on),
    "since_served": _since(lambda case: case.facts.served_on),
    "since_appeal": _since(lambda case: case.facts.appeals[-1].since if case.facts.appeals else None),
    "extended_once": lambda case, _, __: not case.facts.order_extended,
    "later": _later,
    "still_runs": _still_runs,
    "end_asked": lambda case, _, __: case.facts.end_asked,
    "end_unasked": lambda case, _, __: not case.facts.end_asked,
    "order_is_due": lambda case, _, day: case.facts.order_due is not None and day > case.facts.order_due,
    "mercy": lambda case, _, __: mercy_in(case) is not None,
    "not_obliged": lambda case, _, __: not _obliged(case),
    "nothing_penal": lambda case, _, __: not _penal(case),
    "penal": lambda case, _, __: _penal(case),
    "punishable": lambda case, _, __: _punishable(case),
    "limitation": lambda case, _, __: case.found_on <= limitation_ends(case.act_on, serious=case.facts.serious),
    "ceiling": lambda case, said, _: thresholds().simple.within(case.party_kind, said.imposed),
    "simple": lambda case, _, __: case.procedure == SIMPLE,
    "unnoted": lambda case, _, __: not case.facts.noted,
    "noted": lambda case, _, __: case.procedure != SIMPLE or case.facts.noted,
    "fast_if_clear": _fast_if_clear,
    "two_different": lambda _, said, __: len(set(said.officers)) == 2,
    "undefended": lambda case, _, __: not case.facts.defended,
    "hearing_right": lambda case, _, __: hearing_right(case),
    "hearing_in_time": lambda case, _, day: not _ended("hearing_request", case.facts.notified_on, day),
    "hearing_wanted": lambda case, _, __: not case.facts.hearing_given_up,
    "hearing_notice": _hearing_notice,
    "hearing_called": lambda case, _, day: case.facts.hearing_on is not None and day >= case.facts.hearing_on,
    "hearing_unreviewed": lambda case, _, __: not case.facts.hearing_reviewed,
    "hearing_reviewed": lambda case, _, __: case.facts.hearing_on is None or case.facts.hearing_reviewed,
    "three_people": lambda _, said, __: len(set(said.people)) >= AT_THE_TABLE,
    "statement_over": _statement_over,
    "not_aggravated": lambda case, said, _: said.imposed.no_heavier_than(case.facts.notified),
    "discussed": lambda case, said, _: case.facts.discussed or not is_major(case, said),
    "fined": lambda case, _, __: case.facts.payable_fen > 0,
    "nothing_to_pay": lambda case, _, day: owed_fen(case, day) <= 0,
    "payment_late": _payment_late,
    "demand_over": lambda case, _, day: _ended("demand", case.facts.demanded_on, day),
    "remedies_over": _remedies_over,
    "no_appeal_open": lambda case, _, __: not _appeal_open(case),
    "appeal_open": lambda case, _, __: _appeal_open(case),
    "review_first": _review_first,
    "stands": lambda case, _, __: stands(case),
    "not_worse": _not_worse,
    "not_overpaid": lambda case, said, day: said.amount_fen <= owed_fen(case, said.on or day),
    "to_refund": lambda case, _, day: refund_fen(case, day) > 0,
    "refunded": lambda case, _, day: refund_fen(case, day) == 0,
    "not_refunded_more": lambda case, said, day: said.amount_fen <= refund_fen(case, day),
    "payment_not_late": lambda case, _, day: case.facts.payment_due is not None and day <= case.facts.payment_due,
    "plan_covers": _plan_covers,
    "plan_ahead": _plan_ahead,
    "citizen": lambda case, _, __: case.party_kind == CITIZEN,
    "code_holds": lambda case, said, _: code_holds(described(case, said).uscc),
    "described": lambda case, _, __: case.facts.particulars.suffice(case.party_kind),
    "nothing_kept": lambda case, _, __: case.facts.kept_on is None,
    "kept": lambda case, _, __: case.facts.kept_on is not None,
    "subsidised": lambda case, _, __: subsidy_of(case) is not None,
    "subsidy_untold": lambda case, _, __: case.facts.subsidy_told_on is None,
    "uncredited": lambda case, _, __: case.facts.credited_on is None,
    "credited": lambda case, _, __: case.facts.credited_on is not None and case.facts.credit_ended_on is None,
    "shown_enough": _shown_enough,
    "since_referred": _since(lambda case: case.facts.referred_on),
    "unacknowledged": lambda case, _, __: not case.facts.referral_receipt,
    "referred_to_us": lambda case, _, __: bool(case.facts.referred_by),
    "unarchived": lambda case, _, __: case.facts.archived_on is None,
}
# Of these the law says itself what stands against the measure.
BY_THE_LAW = {
    "permitted": PENALTY, "may_order": ORDER, "may_advise": ADVICE, "may_refer": REFERRAL, "may_credit": CREDIT,
}  # fmt: skip


def unmet(case: Case, said: Said, day: date, line: Step) -> list[str]:
    """Return the names of the conditions of a step that do not hold."""
    return [name for name in line.conditions if name not in BY_THE_LAW and not CONDITIONS[name](case, said, day)]


def missing(said: Said, line: Step) -> list[str]:
    """Return the members that a step needs and that were not given."""
    return [name for name in line.needs if not getattr(said, name)]
