"""What proves something: telemetry is a lead; a penalty needs what two officers found (Penalty Law Art. 41, 42, 46). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

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
PARTY = "party"
ORIGINS = (*MACHINE, "inspector", PARTY, "public", "organ")
OFFICERS_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence: `officers` collected or verified it; `place`: where it stands in its case's chain.

    `reviewed`: an officer says that its equipment passed legal and technical review; `registered`: the public register
    of such equipment says so. `content`: whether the organ's review found what that recorded real, clear, whole and exact; None:
    nobody reviewed it. `equipment`, `taken_at`: what recorded it, as the register names it, and when.
    """

    kind: str
    origin: str
    officers: int = 0
    reviewed: bool = False
    registered: bool = False
    place: int = 0
    title: str = ""
    collected_on: date = date.min
    content: bool | None = None
    equipment: str = ""
    taken_at: datetime | None = None

    @property
    def verified(self) -> bool:
        """Say whether two officers took or checked it (Art. 42)."""
        return self.officers >= OFFICERS_NEEDED


def proves(pieces: Iterable[Piece]) -> bool:
    """Say whether a penalty may rest on them: one at least that two officers took or checked, or that equipment in the
    register recorded (Art. 41). That other equipment was reviewed no officer says alone, and nothing that equipment recorded
    counts before its content was reviewed."""
    return any(_carries(piece) for piece in pieces)


def awaits_review(pieces: Iterable[Piece]) -> bool:
    """Say whether nothing is missing for a penalty but the review of what equipment recorded (Art. 41)."""
    found = list(pieces)
    return not proves(found) and proves(replace(p, content=True) if p.content is None else p for p in found)


def recordings(pieces: Iterable[Piece]) -> list[Piece]:
    """Return what monitoring equipment recorded, as far as it counts: equipment and content were reviewed, of equipment that is not
    in the register by the word of two officers."""
    return [piece for piece in pieces if piece.origin == MONITORING and _carries(piece)]


def is_barred(piece: Piece) -> bool:
    """Say whether a recording may not be named as evidence: its equipment or its content was not reviewed, or found wanting."""
    return piece.origin == MONITORING and not _carries(piece)


def _carries(piece: Piece) -> bool:
    return (piece.verified or _of_the_register(piece)) and not _is_lead(piece)


def _is_lead(piece: Piece) -> bool:
    reviewed = piece.origin == MONITORING and (piece.reviewed or piece.registered) and piece.content
    return piece.origin in MACHINE and not reviewed


def _of_the_register(piece: Piece) -> bool:
    return piece.origin == MONITORING and piece.registered


def is_telemetry_only(pieces: Iterable[Piece]) -> bool:
    """Say whether nothing but machines has spoken, reviewed monitoring equipment apart."""
    return all(_is_lead(piece) for piece in pieces)
