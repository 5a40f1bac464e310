"""What is personal in a message is replaced before anything of it is kept: a keyed hash tells the same car, and no more. Pure."""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

# Members that name a car or a person, in small letters.
PERSONAL = frozenset(
    {
        "licenseplate", "plateno", "platenum", "platenumber", "carno", "carnumber", "vehicleno", "vin", "vehiclevin",
        "phone", "phoneno", "phonenum", "phonenumber", "mobile", "mobileno", "userphone", "usertel", "userid", "username",
        "cardno", "idcard", "openid", "driver", "drivername",
    }
)  # fmt: skip
PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Z][·\s]?[A-Z0-9]{4,5}[A-Z0-9挂学警港澳]"
)
MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9]\d{9}(?![0-9A-Za-z])")
VIN = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9A-HJ-NPR-Z]*[A-HJ-NPR-Z][0-9A-HJ-NPR-Z]*\d)[0-9A-HJ-NPR-Z]{17}(?![0-9A-Za-z])"
)
IN_WORDS = (PLATE, MOBILE)
MARK_LETTERS = 16
# Names, in small letters, of what is known by digits: eleven of those are no telephone.
ENDS_OF_IDS, ORDER_NUMBERS = ("id", "ids"), frozenset({"startchargeseq", "orderno", "chargeseq", "equipbizseq"})

Mark = Callable[[str], str]
"""Gives a text's mark: the same for the same text, and no way back."""


def marker(secret: str) -> Mark:
    """Return the marks that a secret gives."""
    key = hashlib.sha256(b"youguan personal data " + secret.encode()).digest()

    def mark(text: str) -> str:
        return "~" + hmac.new(key, text.strip().upper().encode(), "sha256").hexdigest()[:MARK_LETTERS]

    return mark


def without_persons(value: Any, mark: Mark) -> Any:
    """Return a JSON value with every member that names a car or a person marked, and such names in free text too."""
    if isinstance(value, dict):
        return {name: _member(name, member, mark) for name, member in value.items()}
    if isinstance(value, list):
        return [without_persons(member, mark) for member in value]
    return in_words(value, mark) if isinstance(value, str) else value


def _member(name: str, value: Any, mark: Mark) -> Any:
    bare = name.lower().replace("_", "")
    if bare in PERSONAL:
        return (
            mark(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
        )
    if isinstance(value, str) and (bare.endswith(ENDS_OF_IDS) or bare in ORDER_NUMBERS):
        return PLATE.sub(lambda found: mark(found[0]), value)
    return without_persons(value, mark)


def in_words(text: str, mark: Mark, *, unread: bool = False) -> str:
    """Return free text without plates and mobile numbers; `unread`: nor what could be a chassis number."""
    for pattern in (*IN_WORDS, VIN) if unread else IN_WORDS:
        text = pattern.sub(lambda found: mark(found[0]), text)
    return text
