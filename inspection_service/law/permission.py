"""Whether a measure may be drafted: every reason against it, with its article. Pure.

No fine without a law (Art. 16, 38), none by whoever is not competent, none on telemetry alone (Art. 41, 42, 46), none twice for
one act (Art. 29), none after the limitation (Art. 36).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from inspection_service.law.catalogue import (
    CREDIT,
    FINE,
    GAINS,
    GOODS,
    PENALTY,
    Catalogue,
    Item,
    Measure,
    Sanction,
    Tier,
)
from inspection_service.law.evidence import Piece, awaits_review, is_telemetry_only, proves
from inspection_service.law.imposed import NOTHING, Imposed
from inspection_service.law.periods import periods
from inspection_service.law.statutes import Article, statutes


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to do about an item, and what is known of the act.

    `act_on`: the act's day, or its end where it went on; `found_on`: when it was discovered; `serious`: life, health or financial
    security was harmed; `ordered`: an order to correct was served and not followed in time; `penalised`: the act was punished;
    `heavier`: another case that is under way about the same act rests on a provision with a higher fine.
    """

    measure: str
    party: str
    act_on: date
    found_on: date
    on: date
    imposed: Imposed = NOTHING
    evidence: tuple[Piece, ...] = ()
    serious: bool = False
    ordered: bool = False
    already_fined: bool = False
    heavier: bool = False
    penalised: bool = False
    reasons: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a word for the reason, and the article that says so."""

    code: str
    article: Article


@dataclass(frozen=True, slots=True)
class Found:
    """What a draft rests on: the measures of its kind that our organ may take, and of these what its sanction meets."""

    item: Item
    draft: Draft
    measures: Sequence[Measure]
    sanctions: Sequence[Sanction]
    tiers: Sequence[Tier]


def refusals(catalogue: Catalogue, item: Item, draft: Draft) -> list[Refusal]:
    """Return every reason against a draft; empty: it may be drafted."""
    found = _found(catalogue, item, draft)
    if missing := _missing(found):
        return [_refusal(missing)]
    return [_refusal(code) for code, stands_against in RULES.items() if stands_against(found)]


def _found(catalogue: Catalogue, item: Item, draft: Draft) -> Found:
    ours = item.own(draft.measure)
    sanctions = [s for m in ours for s in m.sanctions if s.kind in draft.imposed.kinds and s.meets(draft.party)]
    return Found(item, draft, ours, sanctions, catalogue.tiers)


def _missing(found: Found) -> str | None:
    """Return what is wrong with the basis itself, before anything else is asked."""
    if not found.item.measure(found.draft.measure):
        return "credit_not_listed" if found.draft.measure == CREDIT else "no_basis"
    if not found.measures:
        return "not_competent"
    return _wrong_sanctions(found) if found.draft.measure == PENALTY else None


def _wrong_sanctions(found: Found) -> str | None:
    """Return why the kinds are none that the basis has for this party, at once or alone."""
    kinds = found.draft.imposed.kinds
    if not kinds or set(kinds) != {sanction.kind for sanction in found.sanctions}:
        return "no_such_sanction"
    if not any(measure.carries(kinds) for measure in found.measures):
        return "not_together"
    if all(sanction.beside for sanction in found.sanctions):
        return "only_beside"
    return None


def _not_in_force(found: Found) -> bool:
    """The law of the act's day is asked: what was not forbidden then is not punished now (Art. 37)."""
    day = found.draft.act_on if found.draft.measure == PENALTY else found.draft.on
    articles = [a for m in found.measures for a in m.basis] + [a for s in found.sanctions for a in s.basis]
    return any(article.statute.version_on(day) is None for article in articles)


def _penal(test: Callable[[Found], bool]) -> Callable[[Found], bool]:
    return lambda found: found.draft.measure == PENALTY and test(found)


def _fines(test: Callable[[Found], bool]) -> Callable[[Found], bool]:
    """Ask a test of whatever takes money: an amount that comes with another sanction is a fine that nothing carries."""
    return _penal(lambda found: found.draft.imposed.takes_money and test(found))


def _too_late(found: Found) -> bool:
    return found.draft.found_on > limitation_ends(found.draft.act_on, serious=found.draft.serious)


def limitation_ends(act_on: date, *, serious: bool) -> date:
    """Return the last day on which an act may be discovered and still be punished (Art. 36)."""
    last = periods()["limitation_serious" if serious else "limitation"].last_day(act_on)
    assert last is not None
    return last


def punishable(item: Item, party: str, *, ordered: bool) -> bool:
    """Say whether our organ may impose any sanction at all: some are for who has not followed an order to correct."""
    ours = (sanction for measure in item.own(PENALTY) for sanction in measure.sanctions)
    return any(s.meets(party) and not s.beside and (ordered or not s.after_order) for s in ours)


def _possible(found: Found) -> list[Sanction]:
    return [s for s in found.sanctions if found.draft.ordered or not s.after_order]


def _order_first(found: Found) -> bool:
    """Each kind needs a sanction that is possible as things stand."""
    return {sanction.kind for sanction in _possible(found)} != set(found.draft.imposed.kinds)


def _out_of_range(found: Found) -> bool:
    fines = [s for s in found.sanctions if s.kind == FINE]
    ranges = [s for s in _possible(found) if s.kind == FINE] or fines
    return not any(max(s.least_fen, 1) <= found.draft.imposed.fine_fen <= s.most_fen for s in ranges)


def _says_how_much(kind: str, given: Callable[[Imposed], bool]) -> Callable[[Found], bool]:
    """Ask whether what is confiscated is named where that is imposed, and only there."""
    return lambda found: (kind in found.draft.imposed.kinds) != given(found.draft.imposed)


def _unexplained(found: Found) -> bool:
    """What lies outside the middle of its range needs reasons (Art. 34)."""
    fine_fen = found.draft.imposed.fine_fen
    for sanction in _possible(found):
        if sanction.kind == FINE and max(sanction.least_fen, 1) <= fine_fen <= sanction.most_fen:
            tier = tier_of(fine_fen, sanction, found.tiers)
            return tier != "ordinary" and not found.draft.reasons.strip()
    return False


def tier_of(fine_fen: int, sanction: Sanction, tiers: Sequence[Tier]) -> str:
    """Return in which part of its range a fine lies; one that leaves no choice is ordinary."""
    width = sanction.most_fen - sanction.least_fen
    if width == 0:
        return "ordinary"
    share = (fine_fen - sanction.least_fen) / width
    middle = next((t for t in tiers if t.id == "ordinary" and t.least <= share <= t.most), None)
    return middle.id if middle else next(t.id for t in tiers if t.least <= share <= t.most)


def _unproven(found: Found) -> bool:
    """Say whether evidence is missing that no review of a recording would bring."""
    return not proves(found.draft.evidence) and not awaits_review(found.draft.evidence)


RULES: dict[str, Callable[[Found], bool]] = {
    "not_in_force": _not_in_force,
    "limitation": _penal(_too_late),
    "content_unreviewed": _penal(lambda f: awaits_review(f.draft.evidence)),
    "telemetry_only": _penal(lambda f: _unproven(f) and is_telemetry_only(f.draft.evidence)),
    "two_officers": _penal(lambda f: _unproven(f) and not is_telemetry_only(f.draft.evidence)),
    "fined_already": _fines(lambda f: f.draft.already_fined),
    "heavier_provision": _fines(lambda f: f.draft.heavier),
    "order_first": _penal(_order_first),
    "out_of_range": _fines(_out_of_range),
    "needs_reasons": _fines(_unexplained),
    "gains": _penal(_says_how_much(GAINS, lambda imposed: imposed.gains_fen > 0)),
    "goods": _penal(_says_how_much(GOODS, lambda imposed: bool(imposed.goods))),
    "no_penalty_to_record": lambda f: f.draft.measure == CREDIT and not f.draft.penalised,
}
# Where each refusal is laid down.
SAID_BY = {
    "no_basis": ("penalty", "16"),
    "credit_not_listed": ("credit-list", "行政处罚信息"),
    "not_competent": ("penalty", "38"),
    "no_such_sanction": ("penalty", "16"),
    "not_together": ("penalty", "16"),
    "only_beside": ("penalty", "16"),
    "not_in_force": ("penalty", "37"),
    "limitation": ("penalty", "36"),
    "content_unreviewed": ("penalty", "41"),
    "telemetry_only": ("penalty", "41"),
    "two_officers": ("penalty", "42"),
    "fined_already": ("penalty", "29"),
    "heavier_provision": ("penalty", "29"),
    "order_first": ("penalty", "28"),
    "out_of_range": ("penalty", "34"),
    "needs_reasons": ("penalty", "34"),
    "gains": ("penalty", "28"),
    "goods": ("penalty", "59"),
    "no_penalty_to_record": ("credit-list", "行政处罚信息"),
}


def _refusal(code: str) -> Refusal:
    law, article = SAID_BY[code]
    return Refusal(code, statutes().article({"law": law, "article": article}))


def heaviest(items: Sequence[Item], party: str) -> Item:
    """Return which of several items that one act violates is fined: the one with the highest fine (Art. 29)."""
    return max(items, key=lambda item: _highest_fen(item, party))


def _highest_fen(item: Item, party: str) -> int:
    fines = [s.most_fen for m in item.measures for s in m.sanctions if s.kind == FINE and s.meets(party)]
    return max(fines, default=0)
