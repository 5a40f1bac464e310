"""Which citizen a party is: kind and number of an identity document, of which a keyed hash is kept and the last characters. Pure.

Two people of one name are told apart by it, and one person is found again; the number itself is never stored (Personal Information
Protection Law Art. 6). What a decision has to name is the name and the address (Penalty Law Art. 59).
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from youguan.errors import Invalid, Unavailable

ID_CARD = "id_card"
KINDS = (ID_CARD, "passport", "hk_macao_permit", "taiwan_permit", "foreigner_permit", "other")
# GB 11643-1999: a weight for each of the first seventeen digits, and what the sum's remainder makes the last character.
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
CARD, OTHER = re.compile(r"\d{17}[\dX]", re.ASCII), re.compile(r"[A-Z0-9]{5,30}", re.ASCII)
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """A document of somebody: `key` is the same for the same kind and number, and leads nobody back to them."""

    kind: str
    key: str
    tail: str


class Identities:
    """Makes documents' numbers into what is kept of them."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def of(self, kind: str, number: str) -> Identity | None:
        """Return what is kept of a document; None where none is named. Invalid, Unavailable without a secret."""
        if not number.strip():
            return None
        found = checked(kind, number)
        if self._secret is None:
            raise Unavailable("no secret to keep identity documents with is configured (YOUGUAN_PARTY_SECRET)")
        key = hmac.new(self._secret.encode(), f"{kind}\0{found}".encode(), hashlib.sha256).hexdigest()
        return Identity(kind, key, found[-SHOWN:])


def checked(kind: str, number: str) -> str:
    """Return a number in its one spelling; Invalid where there is no such document."""
    if kind not in KINDS:
        raise Invalid.about("document_kind", "is none of the kinds of identity documents")
    found = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", number)).upper()
    if kind == ID_CARD and not _is_card(found):
        raise Invalid.about(
            "document_number", "is no number of an identity card: 18 characters, the last one checks the others"
        )
    if OTHER.fullmatch(found) is None:
        raise Invalid.about("document_number", "5 to 30 letters and digits")
    return found


def _is_card(number: str) -> bool:
    if CARD.fullmatch(number) is None:
        return False
    try:
        date.fromisoformat(number[6:14])
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], WEIGHTS, strict=True))
    return CHECKS[total % 11] == number[17]
