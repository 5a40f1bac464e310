"""What is personal in a message is replaced before anything of it is kept: a keyed hash tells the same car, and no more. Pure."""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

# Members that name a car or a person, in small letters.
PERSONAL = frozenset(
    {"carno", "carnumber", "vehicleno", "userid", "usertel", "cardno", "openid", "identityno", "certno", "linkman"}
)
# Parts of such names, and those of what belongs to a site or a company and names nobody.
NAMING = re.compile(
    r"^vin|vin\d*$|vin(?:code|no|num)|(?<!tem)plate(?!form)|phone|(?<!auto)mobile|idcard|driver|account"
    r"|(?:user|owner|driver|customer|member|contact|card)s?(?:real)?name|(?:user|owner|customer)id(?:no|num|number)"
)
NOBODYS = re.compile(r"^(?:station|service|site|operator|electricity|equipment)")
PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Z][·\s]?[A-Z0-9]{4,5}[A-Z0-9挂学警港澳]",
    re.IGNORECASE,
)
MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9]\d{9}(?![0-9A-Za-z])")
VIN = re.compile(  # what is looked ahead for is bounded by the seventeen: a long word costs no more than a short one
    r"(?<![0-9A-Z])(?=[0-9A-HJ-NPR-Z]{17}(?![0-9A-Z]))(?=\d*[A-Z]+\d)[0-9A-Z]{17}", re.IGNORECASE
)
IDENTITY = re.compile(
    r"(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])"
)
IN_WORDS = (PLATE, IDENTITY, MOBILE, VIN)
MARK_LETTERS = 16
# Names, in small letters, of what is known by digits and letters: eleven of those are no telephone, seventeen no car.
ENDS_OF_IDS = ("id", "ids", "model", "code", "codes", "manufacturernumber", "serialno", "serialnumber")
ORDER_NUMBERS = frozenset({"startchargeseq", "orderno", "chargeseq", "equipbizseq"})

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
    if bare in PERSONAL or (NAMING.search(bare) and not NOBODYS.search(bare)):
        return (
            mark(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
        )
    if isinstance(value, str) and (bare.endswith(ENDS_OF_IDS) or bare in ORDER_NUMBERS):
        return PLATE.sub(lambda found: mark(found[0]), value)
    return without_persons(value, mark)


def in_words(text: str, mark: Mark) -> str:
    """Return free text without plates, telephones, and what could be the number of a car's chassis or of an identity card."""
    for pattern in IN_WORDS:
        text = pattern.sub(lambda found: mark(found[0]), text)
    return text
