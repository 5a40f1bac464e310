"""The items that are supervised: who is competent, on what basis, which measures that carries. Pure, but for reading the file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from inspection_service.law.statutes import NATIONAL_LIST, PENAL, Article, LawError, Statutes, statutes, table

PENALTY, ORDER, CREDIT, SUBSIDY, REFERRAL, ADVICE = "penalty", "order", "credit", "subsidy", "referral", "advice"
MEASURES = (PENALTY, ORDER, CREDIT, SUBSIDY, REFERRAL, ADVICE)
FINE, WARNING = "fine", "warning"
GAINS, GOODS = "confiscation_of_gains", "confiscation_of_goods"
SANCTIONS = (
    WARNING,
    "criticism",
    FINE,
    GAINS,
    GOODS,
    "suspension",
    "revocation",
    "closure",
)
CITIZEN, ORGANISATION, ANYONE = "citizen", "organisation", "anyone"
PARTIES = (CITIZEN, ORGANISATION)
DANGERS = ("none", "safety", "fire")
FIRST_VIOLATION = ("may", "never")
CONTINUING, SINGLE = "continuing", "single"
FEN_A_YUAN = 100


@dataclass(frozen=True, slots=True)
class Organ:
    """Who may be competent; `own`: who runs this suite."""

    id: str
    name: str
    name_en: str
    own: bool


@dataclass(frozen=True, slots=True)
class Sanction:
    """A sanction that a basis carries; the range only of fines. `after_order`: only where an order to correct was not followed;
    `beside`: only together with another one; `basis`: what it rests on beyond the measure's own."""

    kind: str
    party: str
    least_fen: int
    most_fen: int
    after_order: bool
    beside: bool = False
    basis: tuple[Article, ...] = ()

    def meets(self, party: str) -> bool:
        return self.party in (ANYONE, party)


@dataclass(frozen=True, slots=True)
class Measure:
    """What may be done about an item, by whom, on what basis; `to`: whom a referral goes to; `together`: kinds of which one
    decision may impose several (并处)."""

    kind: str
    organ: Organ
    to: Organ | None
    basis: tuple[Article, ...]
    sanctions: tuple[Sanction, ...]
    together: tuple[frozenset[str], ...] = ()

    def carries(self, kinds: Collection[str]) -> bool:
        """Say whether one decision may impose all of these kinds."""
        return len(kinds) < 2 or any(set(kinds) <= group for group in self.together)


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is supervised. `act`: whether what goes on is one act, or every occasion is one of its own (Art. 29)."""

    id: str
    name: str
    name_en: str
    party: str
    act: str
    danger: str
    first_violation: str
    mend_days: int
    competence: str
    measures: tuple[Measure, ...]

    @property
    def is_ours(self) -> bool:
        """Say whether our own organ may order or punish here."""
        return any(m.organ.own for m in self.measures if m.kind in (PENALTY, ORDER))

    def measure(self, kind: str) -> list[Measure]:
        return [measure for measure in self.measures if measure.kind == kind]

    def own(self, kind: str) -> list[Measure]:
        """Return the measures of a kind that are our own organ's."""
        return [measure for measure in self.measure(kind) if measure.organ.own]


@dataclass(frozen=True, slots=True)
class Tier:
    """A part of a range, as fractions of it."""

    id: str
    name: str
    name_en: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All items by id, in the file's order."""

    county: str
    organs: Mapping[str, Organ]
    items: Mapping[str, Item]
    tiers: tuple[Tier, ...]
    discretion_source: str

    @property
    def own(self) -> Organ:
        return next(organ for organ in self.organs.values() if organ.own)


@cache
def catalogue() -> Catalogue:
    """Return what the file says, checked against the statutes."""
    return read(table("items.toml"), statutes())


def read(found: Mapping[str, Any], known: Statutes) -> Catalogue:
    """Return the catalogue of a table; LawError where it says what the statutes do not carry."""
    organs = {entry["id"]: Organ(**entry) for entry in found["organ"]}
    if [organ.own for organ in organs.values()].count(True) != 1:
        raise LawError("exactly one organ is our own")
    items = [_item(entry, organs, known) for entry in found["item"]]
    for item in items:
        check(item, found["county"])
    discretion = found["discretion"]
    tiers = tuple(Tier(t["id"], t["name"], t["name_en"], t["from"], t["to"]) for t in discretion["tiers"])
    return Catalogue(found["county"], organs, {item.id: item for item in items}, tiers, discretion["source"])


def _item(entry: Mapping[str, Any], organs: Mapping[str, Organ], known: Statutes) -> Item:
    measures = tuple(_measure(measure, organs, known) for measure in entry["measure"])
    members = ("id", "name", "name_en", "party", "act", "danger", "first_violation", "mend_days", "competence")
    return Item(**{member: entry[member] for member in members}, measures=measures)


def _measure(entry: Mapping[str, Any], organs: Mapping[str, Organ], known: Statutes) -> Measure:
    return Measure(
        entry["kind"],
        organs[entry["organ"]],
        organs[entry["to"]] if "to" in entry else None,
        tuple(known.article(reference) for reference in entry["basis"]),
        tuple(_sanction(sanction, known) for sanction in entry.get("sanctions", ())),
        tuple(frozenset(group) for group in entry.get("together", ())),
    )


def _sanction(entry: Mapping[str, Any], known: Statutes) -> Sanction:
    least, most = (entry.get(end, 0) * FEN_A_YUAN for end in ("from", "to"))
    basis = tuple(known.article(reference) for reference in entry.get("basis", ()))
    conditions = entry.get("after_order", False), entry.get("beside", False)
    return Sanction(entry["kind"], entry["for"], least, most, *conditions, basis)


def check(item: Item, county: str) -> None:
    """Refuse an item whose basis does not carry what it says; LawError."""
    if item.danger not in DANGERS or item.first_violation not in FIRST_VIOLATION:
        raise LawError(f"{item.id}: unknown danger or rule of first violations")
    if item.act not in (CONTINUING, SINGLE):
        raise LawError(f"{item.id}: an act is continuing or single")
    if item.danger != "none" and item.first_violation != "never":
        raise LawError(f"{item.id}: what is dangerous does not go unpunished as a first violation")
    for measure in item.measures:
        for reason in _wrong(measure, county):
            raise LawError(f"{item.id}: {measure.kind}: {reason}")


def _wrong(measure: Measure, county: str) -> list[str]:
    articles = [*measure.basis, *(article for sanction in measure.sanctions for article in sanction.basis)]
    kinds = {article.statute.kind for article in articles}
    found = [f"{a.statute.id} does not hold in {county}" for a in articles if not county.startswith(a.statute.area)]
    if not measure.basis:
        found.append("rests on nothing")
    if measure.kind not in MEASURES:
        found.append("no such measure")
    if measure.kind in (PENALTY, ORDER) and not kinds <= PENAL:
        found.append("a normative document carries neither penalty nor order (Art. 16)")
    if measure.kind == CREDIT and kinds != {NATIONAL_LIST}:
        found.append("only the national list carries a credit record")
    if (measure.kind == PENALTY) != bool(measure.sanctions):
        found.append("sanctions go with a penalty")
    if (measure.kind == REFERRAL) != (measure.to is not None):
        found.append("a referral goes to an organ")
    found += [f"no sanction: {s.kind}" for s in measure.sanctions if s.kind not in SANCTIONS]
    found += [
        "a fine needs a range" for s in measure.sanctions if s.kind == FINE and not 0 <= s.least_fen <= s.most_fen
    ]
    found += [f"not among its sanctions: {kind}" for group in measure.together for kind in group - _kinds(measure)]
    found += [f"{s.kind} comes beside nothing" for s in measure.sanctions if s.beside and not _is_joined(measure, s)]
    found += ["a fine of nothing" for s in measure.sanctions if s.kind == FINE and s.most_fen <= 0]
    return found


def _kinds(measure: Measure) -> set[str]:
    return {sanction.kind for sanction in measure.sanctions}


def _is_joined(measure: Measure, sanction: Sanction) -> bool:
    return any(sanction.kind in group and len(group) > 1 for group in measure.together)
