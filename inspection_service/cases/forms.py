"""What the forms of cases say, as the rules take it: what cannot be read is as good as not given. Pure."""

import re
from datetime import date
from typing import Any

from starlette.datastructures import FormData

from inspection_service.cases.file import Instalment, Said
from inspection_service.cases.identity import Identities, Identity
from inspection_service.cases.words import CHOICES, HOUR


def said_in(given: FormData, identities: Identities) -> Said:
    """Return what a form says as the rules take it; what cannot be read is as good as not given."""
    return Said(
        reason=text_in(given, "reason"), identity=identity_in(given, identities), grounds=text_in(given, "grounds"),
        on=date_in(given.get("on")), hour=hour_in(given), officers=tuple(lines_in(given, "officers")),
        people=tuple(lines_in(given, "people")), procedure=choice_in(given, "procedure"), sanction=choice_in(given, "sanction"),
        also=choices_in(given, "also"), gains_fen=fen_in(given, "gains_fen"),
        fine_fen=fen_in(given, "fine_fen"), harm=choice_in(given, "harm"), place=text_in(given, "place"),
        manner=choice_in(given, "manner"),
        proof=whole_in(given.get("proof")), amount_fen=fen_in(given, "amount_fen"), things=tuple(lines_in(given, "things")),
        address=text_in(given, "address")[:200], uscc=text_in(given, "uscc")[:40],
        representative=text_in(given, "representative")[:200],
        plan=plan_in(given), receipt=text_in(given, "receipt"),
        remedy=choice_in(given, "remedy"), outcome=choice_in(given, "outcome"), minor=ticked_in(given, "minor"),
        faultless=ticked_in(given, "faultless"), admitted=ticked_in(given, "admitted"), rights_told=ticked_in(given, "rights_told"),
    )  # fmt: skip


def identity_in(given: FormData, identities: Identities) -> Identity | None:
    """Return what is kept of the identity document that a form names, None where it names none; Invalid where it is wrong."""
    return identities.of(text_in(given, "document_kind"), text_in(given, "document_number"))


def text_in(given: FormData, name: str) -> str:
    return str(given.get(name, "")).strip()[:2000].replace("\0", "")


def hour_in(given: FormData) -> str:
    found = text_in(given, "hour")
    return found if re.fullmatch(HOUR, found) else ""


def ticked_in(given: FormData, name: str) -> bool:
    return text_in(given, name) == "true"


def choice_in(given: FormData, name: str) -> str | None:
    found = text_in(given, name)
    return found if found in CHOICES[name] else None


def choices_in(given: FormData, name: str) -> tuple[str, ...]:
    return tuple(str(found) for found in given.getlist(name) if found in CHOICES[name])


def lines_in(given: FormData, name: str) -> list[str]:
    found = [line.strip() for text in given.getlist(name) for line in str(text).splitlines()]
    return [line[:200] for line in found if line][:30]


def fen_in(given: FormData, name: str) -> int:
    return fen_of(text_in(given, name))


def fen_of(text: str) -> int:
    try:
        return max(round(float(text or 0) * 100), 0)
    except (ValueError, OverflowError):
        return 0


def plan_in(given: FormData) -> tuple[Instalment, ...]:
    """Return the parts that lines of day and yuan name; none at all where one of them cannot be read."""
    found = []
    for line in lines_in(given, "plan"):
        day, _, yuan = line.partition(" ")
        fen, on = fen_of(yuan), date_in(day)
        if on is None or not fen:
            return ()
        found.append(Instalment(on, fen))
    return tuple(found)


def whole_in(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10 else None


def date_in(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
