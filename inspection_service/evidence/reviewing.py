"""The organ's review of what monitoring equipment recorded: real, clear, whole, exact (Penalty Law Art. 41). Pure.

A recording that nobody reviewed, or that was found wanting, is no evidence, whoever stands for it. The last review counts, and
is given anew only by its own reviewer or one of a higher level: nobody looks for another answer among his equals. Whoever has
judged a recording never stands for it, nor investigates its case.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspection_service.evidence.chain import Link
from inspection_service.law.evidence import MONITORING
from youguan.errors import Conflict, FieldError, Invalid, Reason

REVIEW = "content_review"
QUALITIES = ("real", "clear", "whole", "exact")


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a recording has one of the four qualities, and why."""

    holds: bool
    reason: str


Findings = Mapping[str, Finding]


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it stands in the chain; `reviews`: the place of the recording."""

    reviews: int
    by: str
    by_name: str
    level: int
    findings: Findings

    @property
    def holds(self) -> bool:
        """Say whether the recording has all four."""
        return all(finding.holds for finding in self.findings.values())


def checked(findings: Findings) -> Findings:
    """Return the four findings, without blanks around their reasons; Invalid where one lacks its reason."""
    found = {name: Finding(findings[name].holds, findings[name].reason.strip()) for name in QUALITIES}
    if lost := [FieldError(name, "a reason is needed") for name in QUALITIES if not found[name].reason]:
        raise Invalid.of(*lost)
    return found


def said(place: int, level: int, findings: Findings) -> dict[str, Any]:
    """Return what the chain says of a review."""
    spelled = {name: {"holds": finding.holds, "reason": finding.reason} for name, finding in findings.items()}
    return {"type": REVIEW, "reviews": place, "level": level, "findings": spelled}


def reviews(links: Sequence[Link]) -> dict[int, Review]:
    """Return the last review of each recording of a chain that was reviewed, by its place."""
    return {link.record["reviews"]: _review(link.record) for link in links if link.record["type"] == REVIEW}


def _review(record: Mapping[str, Any]) -> Review:
    findings = {name: Finding(**record["findings"][name]) for name in QUALITIES}
    return Review(record["reviews"], record["by"], record["by_name"], record["level"], findings)


def reviewers(links: Sequence[Link], place: int | None = None) -> set[str]:
    """Return everybody who has ever reviewed the recording at a place of a chain; without a place, any of them."""
    found = (link.record for link in links if link.record["type"] == REVIEW)
    return {record["by"] for record in found if place in (None, record["reviews"])}


def refuse_confirmation(links: Sequence[Link], place: int, by: str) -> None:
    """Raise Conflict where somebody has judged what he would now stand for."""
    if by in reviewers(links, place):
        raise Conflict(
            Reason("{subject} has reviewed evidence {place}, and does not stand for it", subject=by, place=place)
        )


def refuse_officers(links: Sequence[Link], officers: Collection[str]) -> None:
    """Raise Invalid where one of those who are to investigate a case has judged a recording of it."""
    for officer in sorted(reviewers(links).intersection(officers)):
        said = Reason("{officer} has reviewed a recording of this case, and does not investigate it", officer=officer)
        raise Invalid.about("officers", said)


def is_recording(record: Mapping[str, Any]) -> bool:
    """Say whether a link of a chain is what monitoring equipment recorded."""
    return bool(record["type"] == "evidence" and record["origin"] == MONITORING)


def refuse_review(record: Mapping[str, Any], before: Review | None, by: str, level: int) -> None:
    """Raise Conflict where a piece is no recording, or was reviewed by somebody else whose level is not below."""
    place = record["place"]
    if not is_recording(record):
        said = Reason("evidence {place} was not recorded by monitoring equipment: no content to review", place=place)
        raise Conflict(said)
    if before is not None and before.by != by and level <= before.level:
        said = Reason(
            "{name} has reviewed evidence {place}: he or a reviewer of a higher level reviews it again",
            name=before.by_name,
            place=place,
        )
        raise Conflict(said)


def open_to(links: Sequence[Link], by: str, level: int) -> set[int]:
    """Return the places of the recordings that somebody who may review may review now."""
    found, before = set(), reviews(links)
    for link in links:
        place = link.record["place"]
        try:
            refuse_review(link.record, before.get(place), by, level)
        except Conflict:
            continue
        found.add(place)
    return found


def faults(links: Sequence[Link]) -> list[str]:
    """Return what is wrong with the reviews of a chain, as anybody may check it: each of a recording before it, by somebody who
    does not stand for it, neither before nor later, with all four findings and their reasons."""
    return [
        f"link {place} is no review of a recording"
        for place, link in enumerate(links, 1)
        if link.record["type"] == REVIEW and not _sound(links, place, link.record)
    ]


def _sound(links: Sequence[Link], at: int, record: Mapping[str, Any]) -> bool:
    place, findings = record["reviews"], record["findings"]
    if not 1 <= place < at or not is_recording(links[place - 1].record):
        return False
    stand = [link.record["by"] for link in links if place in (link.record["place"], link.record.get("confirms"))]
    whole = set(findings) == set(QUALITIES) and all(type(f["holds"]) is bool and f["reason"] for f in findings.values())
    return whole and record["by"] not in stand
