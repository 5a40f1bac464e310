"""A case as the rules see it: what it is about, what has been found and done so far, and what somebody says now. Pure."""

from dataclasses import dataclass, replace
from datetime import date

from inspection_service.cases.identity import Identity
from inspection_service.cases.machine import TOLD, State
from inspection_service.cases.particulars import UNKNOWN, Particulars
from inspection_service.law.catalogue import GOODS, Item
from inspection_service.law.evidence import PARTY, Piece
from inspection_service.law.imposed import Imposed, kinds_of
from inspection_service.law.periods import Pause

SIMPLE, FAST, GENERAL = "simple", "fast", "general"
PROCEDURES = (SIMPLE, FAST, GENERAL)
REVIEW, LITIGATION = "review", "litigation"
CHANGED, REVOKED, ILLEGAL = "changed", "revoked", "illegal"  # what review or litigation may make of a decision
FALLEN = (REVOKED, ILLEGAL)  # of these, what leaves nothing of it


@dataclass(frozen=True, slots=True)
class Appeal:
    """A review or a suit against the decision; `until` None: it is under way."""

    remedy: str
    since: date
    until: date | None = None
    outcome: str | None = None

    @property
    def pause(self) -> Pause:
        return Pause(self.since, self.until)


@dataclass(frozen=True, slots=True)
class Payment:
    """What was paid or given back, and its official receipt (Art. 70, 74)."""

    on: date
    fen: int
    receipt: str


@dataclass(frozen=True, slots=True)
class Instalment:
    """A part of a fine and the last day to pay it (Art. 66)."""

    on: date
    fen: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What has been found and done so far: the sum of what the moves have added.

    `sanction`, `also`: what is imposed, one kind or several at once; `goods`, `gains_fen`: what is confiscated.
    """

    identity: Identity | None = None  # of a citizen
    particulars: Particulars = UNKNOWN
    officers: tuple[str, ...] = ()
    investigators: tuple[str, ...] = ()  # everybody who ever was one of the officers
    reviewers: tuple[str, ...] = ()  # who has passed it in this round of legal review
    serious: bool = False
    business_since: date | None = None
    grace_until: date | None = None  # as the registry has given it to the site
    guided: bool = False  # was guided once already
    end_asked: bool = False  # the officers propose to end it here
    order_due: date | None = None
    order_extended: bool = False
    reported_on: date | None = None  # the party said that it has mended
    ordered: bool = False  # an order was not followed in time
    mended_on: date | None = None
    harm: str | None = None
    minor: bool = False
    faultless: bool = False
    admitted: bool = False
    filed_on: date | None = None
    decide_by: date | None = None
    reviewed_on: date | None = None
    sanction: str | None = None
    also: tuple[str, ...] = ()
    fine_fen: int = 0
    gains_fen: int = 0
    goods: tuple[str, ...] = ()
    posted_on: date | None = None
    told: tuple[int, ...] | None = (
        None  # which evidence the notice named, by its place; None: none did, or before that was noted
    )
    notified_on: date | None = None
    notified_fine_fen: int = 0
    defended: bool = False
    hearing_asked: bool = False
    hearing_on: date | None = None
    hearing_given_up: bool = False
    hearing_reviewed: bool = False
    discussed: bool = False
    decided_on: date | None = None
    served_on: date | None = None
    pay_by: date | None = None
    noted: bool = False
    demanded_on: date | None = None
    paid: tuple[Payment, ...] = ()
    refunds: tuple[Payment, ...] = ()
    plan: tuple[Instalment, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    kept_on: date | None = None  # evidence was registered and kept, and nothing decided about it yet
    kept: tuple[str, ...] = ()  # what that is
    address: str = ""  # where the party takes what is served electronically
    subsidy_told_on: date | None = None
    credited_on: date | None = None
    credit_ended_on: date | None = None
    referred_by: str = ""  # the organ that this came from, and its letter's number
    referral_number: str = ""
    referred_on: date | None = None
    referred_to: str = ""
    referral_receipt: str = ""
    archived_on: date | None = None

    @property
    def imposed(self) -> Imposed:
        return Imposed(kinds_of(self.sanction, self.also), self.fine_fen, self.gains_fen, self.goods)

    @property
    def notified(self) -> Imposed:
        """Return what the party was told of: until the decision that is what the investigation came to."""
        return replace(self.imposed, fine_fen=self.notified_fine_fen)

    @property
    def in_the_post(self) -> bool:
        """Say whether a notice was posted of which nobody has recorded yet that it has arrived."""
        return self.posted_on is not None and self.notified_on is None

    @property
    def payable_fen(self) -> int:
        """Return what is to be paid: the fine, and the illegal gains."""
        return self.fine_fen + self.gains_fen

    @property
    def kept_fen(self) -> int:
        """Return what was paid and not given back."""
        return sum(payment.fen for payment in self.paid) - sum(refund.fen for refund in self.refunds)

    @property
    def pauses(self) -> tuple[Pause, ...]:
        return tuple(appeal.pause for appeal in self.appeals)

    @property
    def schedule(self) -> tuple[Instalment, ...]:
        """Return by when how much is to be paid: all of it at once, or by the plan that was allowed."""
        if self.plan or self.pay_by is None:
            return self.plan
        return (Instalment(self.pay_by, self.payable_fen),)

    @property
    def payment_due(self) -> date | None:
        """Return the day of the first part that is not paid yet; of the last where all are."""
        left = sum(payment.fen for payment in self.paid)
        for part in self.schedule:
            left -= part.fen
            if left < 0:
                return part.on
        return self.schedule[-1].on if self.schedule else None


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody gives with a command; which of it is needed, the machine's table says.

    `grounds`: why a fine lies outside of the middle of its range (Art. 34). `also`: what is imposed beside the sanction (并处);
    `things`: what is kept as evidence, or confiscated. `proof`: the place in the chain of what proves a service.
    `address`, `uscc`, `representative`: the party's, as a decision names them. `hour`: when a hearing begins, "09:30".
    """

    reason: str = ""
    grounds: str = ""
    identity: Identity | None = None
    address: str = ""
    uscc: str = ""
    representative: str = ""
    on: date | None = None
    hour: str = ""
    officers: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    procedure: str | None = None
    sanction: str | None = None
    also: tuple[str, ...] = ()
    fine_fen: int = 0
    gains_fen: int = 0
    harm: str | None = None
    minor: bool = False
    faultless: bool = False
    admitted: bool = False
    rights_told: bool = False
    place: str = ""
    manner: str | None = None
    proof: int | None = None
    amount_fen: int = 0
    receipt: str = ""
    things: tuple[str, ...] = ()
    plan: tuple[Instalment, ...] = ()
    remedy: str | None = None
    outcome: str | None = None

    @property
    def imposed(self) -> Imposed:
        kinds = kinds_of(self.sanction, self.also)
        return Imposed(kinds, self.fine_fen, self.gains_fen, self.things if GOODS in kinds else ())


@dataclass(frozen=True, slots=True)
class Case:
    """A case and what else the rules ask for.

    `earlier`: days of this party's earlier violations of the item. `act_is_fined`: another case has fined this very act.
    `rivals`: items of other cases that are under way about this very act. `interested`: who has declared that he has to do with the
    party otherwise, or with one of the site's.
    """

    number: str
    state: State
    procedure: str | None
    item: Item
    party_kind: str
    act_on: date
    found_on: date
    facts: Facts
    pieces: tuple[Piece, ...] = ()
    earlier: tuple[date, ...] = ()
    act_is_fined: bool = False
    rivals: tuple[Item, ...] = ()
    interested: frozenset[str] = frozenset()

    @property
    def relied_on(self) -> tuple[Piece, ...]:
        """Return the evidence that a decision may rest on: once a notice was given, what that named, and what the party brought
        itself (Art. 44, 46). What came to count later is told in a new notice first."""
        told = self.facts.told
        if told is None or self.state not in (*TOLD, State.DECIDED):
            return self.pieces
        return tuple(piece for piece in self.pieces if piece.origin == PARTY or piece.place in told)

    def with_(self, facts: Facts) -> "Case":
        return replace(self, facts=facts)
