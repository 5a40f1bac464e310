"""What is said of itself as tasks move: kept in a history, and recognised there again for readers of another language. Pure.

Machines say it in English; what an inspection found is kept as its checklist has it, in Chinese.
"""

from collections.abc import Iterable, Mapping

from youguan.recognising import recognised as known

IN_ORDER = "the charger reports that it is in order"
BACK = "the condition is back"
OVER = "the cause is over"
UNFILED = "what it is about is filed no longer"
NOT_DRAWN = "not drawn for a visit"
UNPROVED = "nothing else has proved it"
SAID_AGAIN = "somebody says the same again"
CHARGED = "transaction {id} delivered {energy_wh} Wh"
ASKED = "asked, the charger says that it is {condition}"
HELD = "in order for {seconds} s"
WORSENED = "{was} → {now}; due on {day}"
TEMPLATES = (IN_ORDER, BACK, OVER, UNFILED, NOT_DRAWN, UNPROVED, SAID_AGAIN, CHARGED, ASKED, HELD, WORSENED)


def recognised(text: str) -> str:
    """Return what a machine once said as a reason that every language has words for; anything else as it is."""
    return known(TEMPLATES, text, longest=True) or text


def found(code: str, points: Iterable[str]) -> str:
    """Return what an inspection says of the points of its checklist that are not in order."""
    return f"{code}: {'；'.join(points)}"


def found_in_english(text: str, english: Mapping[str, str]) -> str:
    """Return what an inspection said, its points in English (Chinese → English); anything else as it is."""
    code, _, points = text.rpartition(": ")
    known = [english.get(point) for point in points.split("；")]
    return f"{code}: {'; '.join(filter(None, known))}" if code and all(known) else text
