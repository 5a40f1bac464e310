"""What proves something: telemetry is a lead; a penalty needs what two officers found (Penalty Law Art. 41, 42, 46). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

# The eight kinds of Art. 46.
KINDS = (
    "documentary",
    "physical",
    "audiovisual",
    "electronic",
    "witness",
    "statement",
    "expert",
    "record",
)
# Where a piece comes from: what machines said by themselves are leads.
MACHINE = ("telemetry", "platform", "monitoring")
ORIGINS = (*MACHINE, "inspector", "party", "public", "organ")
OFFICERS_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence: `officers` collected or verified it; `reviewed`: its equipment passed legal and technical review.

    `place`: where it stands in its case's chain.
    """

    kind: str
    origin: str
    officers: int = 0
    reviewed: bool = False
    place: int = 0
    title: str = ""
    collected_on: date = date.min

    @property
    def verified(self) -> bool:
        """Say whether two officers took or checked it (Art. 42)."""
        return self.officers >= OFFICERS_NEEDED


def proves(pieces: Iterable[Piece]) -> bool:
    """Say whether a penalty may rest on them: one at least that two officers took, or that reviewed monitoring equipment made."""
    return any(_carries(piece) for piece in pieces)


def _carries(piece: Piece) -> bool:
    if piece.origin == "monitoring":
        return piece.reviewed
    return piece.verified and piece.origin not in MACHINE


def is_telemetry_only(pieces: Iterable[Piece]) -> bool:
    """Say whether nothing but machines has spoken."""
    return all(piece.origin in MACHINE for piece in pieces)
