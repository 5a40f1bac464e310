"""What somebody may do about a case now, and what stands against the rest whatever is said with it, article by article. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date

from inspection_service.cases.conditions import against, unmet
from inspection_service.cases.file import Case, Said
from inspection_service.cases.machine import Command, Role, Step, commands_of, step
from inspection_service.cases.persons import capacities, kept_apart
from inspection_service.law.catalogue import FINE, GAINS, GOODS, PENALTY, Catalogue, Sanction
from inspection_service.law.imposed import Imposed
from inspection_service.law.periods import periods
from inspection_service.law.statutes import Article, statutes
from youguan.working_days import add_working_days

# Conditions that hold or fail by the case alone, or by what may be chosen of the item's sanctions; any other a word can meet.
BY_THE_CASE = frozenset({
    "guidance", "guided_first", "extended_once", "still_runs", "end_asked", "end_unasked", "order_is_due", "mercy",
    "not_obliged", "nothing_penal", "penal", "limitation", "ceiling", "simple", "unnoted", "noted", "undefended", "hearing_right",
    "hearing_in_time", "hearing_wanted", "hearing_called", "hearing_unreviewed", "hearing_reviewed", "statement_over",
    "not_aggravated", "discussed", "fined", "nothing_to_pay", "payment_late", "demand_over", "remedies_over", "no_appeal_open",
    "appeal_open", "stands", "unarchived", "payment_not_late", "nothing_kept", "kept", "citizen", "described", "subsidised",
    "subsidy_untold", "uncredited", "credited", "shown_enough", "to_refund", "refunded", "punishable", "unacknowledged",
    "referred_to_us", "posted", "unreached", "evidence_told",
})  # fmt: skip
OF_A_SANCTION = frozenset({"ceiling", "not_aggravated", "discussed"})  # nothing to ask where there is none
# Where a condition is laid down when that is not where its step is.
LAID_DOWN = {
    "guided_first": ("enforcement-zj", "25"),
    "mercy": (PENALTY, "33"),
    "not_obliged": (PENALTY, "33"),
    "penal": (PENALTY, "38"),
    "limitation": (PENALTY, "36"),
    "punishable": (PENALTY, "28"),
    "nothing_penal": (PENALTY, "38"),
    "noted": (PENALTY, "52"),
    "simple": (PENALTY, "52"),
    "hearing_right": (PENALTY, "63"),
    "hearing_reviewed": (PENALTY, "58"),
    "statement_over": (PENALTY, "62"),
    "evidence_told": (PENALTY, "44"),
    "not_aggravated": (PENALTY, "45"),
    "nothing_to_pay": (PENALTY, "67"),
    "payment_late": (PENALTY, "67"),
    "payment_not_late": (PENALTY, "67"),
    "refunded": (PENALTY, "74"),
    "demand_over": ("coercion", "54"),
    "stands": (PENALTY, "48"),
    "no_appeal_open": (PENALTY, "73"),
    "described": (PENALTY, "59"),
    "kept_apart": (PENALTY, "43"),
    "interested": (PENALTY, "43"),
    "reviewed_before": (PENALTY, "58"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step has no place now: a word for it, and the article that says so."""

    code: str
    article: Article


@dataclass(frozen=True, slots=True)
class Offer:
    """A command that somebody has the capacity for, and what stands against it now; nothing: it may be given."""

    command: Command
    line: Step
    against: tuple[Reason, ...]


def offers(catalogue: Catalogue, case: Case, roles: Collection[Role], subject: str, day: date) -> list[Offer]:
    """Return every command that has a place where a case stands and that somebody in one of these roles gives."""
    found = []
    for command in commands_of(case.state):
        line = step(case.state, command)
        if capacities(line, roles):
            reasons = _of_the_person(case, line, subject) or standing(catalogue, case, line, day)
            found.append(Offer(command, line, tuple(reasons)))
    return found


def first_days(case: Case, day: date) -> dict[Command, date]:
    """Return which day a form may propose where today would be refused: the item's time to mend, the first for a hearing."""
    told = periods()["hearing_notice"].last_day(day)
    assert told is not None
    return {
        Command.ORDER: add_working_days(day, max(case.item.mend_days, 1)),
        Command.CALL_HEARING: add_working_days(told, 1),
    }


def _of_the_person(case: Case, line: Step, subject: str) -> list[Reason]:
    code = kept_apart(case, line, subject)
    return [_reason(code, line)] if code else []


def standing(catalogue: Catalogue, case: Case, line: Step, day: date) -> list[Reason]:
    """Return what stands against a step whatever is said with it: of all that could be said, where the least does."""
    return min((_reasons(catalogue, case, said, day, line) for said in _sayings(case, line)), key=len)


def _reasons(catalogue: Catalogue, case: Case, said: Said, day: date, line: Step) -> list[Reason]:
    by_law = [Reason(refusal.code, refusal.article) for refusal in against(catalogue, case, said, day, line)]
    asked = BY_THE_CASE if said.sanction else BY_THE_CASE - OF_A_SANCTION
    return by_law + [_reason(name, line) for name in unmet(case, said, day, line) if name in asked]


def _reason(code: str, line: Step) -> Reason:
    law, article = LAID_DOWN.get(code, line.article)
    return Reason(code, statutes().article({"law": law, "article": article}))


def _sayings(case: Case, line: Step) -> list[Said]:
    """Return what may be said with a step as far as it decides whether the step has a place: sanctions at their ranges' ends."""
    explained = Said(reason="—", grounds="—")  # whether reasons are given is a matter of words
    if "sanction" not in line.needs:
        return [explained]
    chosen = [imposed for sanction in _sanctions(case) for imposed in _ends(sanction)]
    if case.facts.sanction is not None:
        chosen.insert(0, case.facts.imposed)
    return [_said(explained, imposed) for imposed in chosen] or [explained]


def _said(explained: Said, imposed: Imposed) -> Said:
    sanction, *also = imposed.kinds
    return replace(
        explained, sanction=sanction, also=tuple(also), fine_fen=imposed.fine_fen, gains_fen=imposed.gains_fen,
        things=imposed.goods,
    )  # fmt: skip


def _sanctions(case: Case) -> Iterator[Sanction]:
    for measure in case.item.own(PENALTY):
        yield from (s for s in measure.sanctions if s.meets(case.party_kind) and not s.beside)


def _ends(sanction: Sanction) -> Iterator[Imposed]:
    kinds = (sanction.kind,)
    if sanction.kind == FINE:
        return (Imposed(kinds, fen) for fen in (max(sanction.least_fen, 1), sanction.most_fen))
    return iter([Imposed(kinds, 0, int(sanction.kind == GAINS), ("—",) if sanction.kind == GOODS else ())])
