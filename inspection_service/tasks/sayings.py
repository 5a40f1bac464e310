"""What machines say as they move tasks: kept in a history in English, and recognised there again for other readers. Pure."""

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
