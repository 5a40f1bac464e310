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
MONITORING = "monitoring"
MACHINE = ("telemetry", "platform", MONITORING)
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
    """Say whether a penalty may rest on them: one at least that two officers took or checked, and of what machines said
    only what reviewed monitoring equipment made: that it was, no officer says alone."""
    return any(_carries(piece) for piece in pieces)


def _carries(piece: Piece) -> bool:
    return piece.verified and not _is_lead(piece)


def _is_lead(piece: Piece) -> bool:
    return piece.origin in MACHINE and not (piece.origin == MONITORING and piece.reviewed)


def is_telemetry_only(pieces: Iterable[Piece]) -> bool:
    """Say whether nothing but machines has spoken, reviewed monitoring equipment apart."""
    return all(_is_lead(piece) for piece in pieces)
