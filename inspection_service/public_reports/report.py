"""What a report is, and what of it is kept and shown. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspection_service.tasks.machine import Command

# Without letters and digits that are taken for each other: a receipt is read from a screen and typed again.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10
LONGEST_TEXT = 500
# What says who somebody is has no place in a report: numbers of phones and papers, licence plates, addresses of mail.
PERSONAL = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<!\d)\d{17}[\dXx](?!\d)"
    r"|(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)"
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·• ]?[A-Z0-9]{4,5}[A-Z0-9挂学警港澳]"
)
MASK = "***"


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reports. `token`: of the form, so that one that is sent twice is one report."""

    matter: str
    text: str = ""
    site_id: str | None = None
    station_id: str | None = None
    connector: int | None = None
    token: str | None = None


def without_personal_data(text: str) -> str:
    """Return a text with a mask in place of what says who somebody is."""
    return PERSONAL.sub(MASK, text)


def receipt_of(numbers: Iterable[int]) -> str:
    """Return a receipt out of random numbers below the number of letters."""
    letters = [ALPHABET[number] for number in numbers]
    return f"BX-{''.join(letters[:5])}-{''.join(letters[5:LENGTH])}"


def as_receipt(typed: str) -> str | None:
    """Return the receipt that somebody typed, however; None where it cannot be one."""
    letters = re.sub(r"[\s\-_]", "", typed.upper())
    if len(letters) > LENGTH:  # a receipt without its `BX` may begin with the same letters
        letters = letters.removeprefix("BX")
    if len(letters) != LENGTH or any(letter not in ALPHABET for letter in letters):
        return None
    return f"BX-{letters[:5]}-{letters[5:]}"


# What everybody is told of the moves of a task; who made them, and what was said, is for those who have to do with it.
TOLD = (
    "open", Command.ACCEPT, Command.ANSWER, Command.MEND, Command.REASSIGN, Command.GRANT_TRANSFER, Command.GRANT_TIME,
    Command.CONFIRM, Command.REFUTE, Command.CANCEL, Command.RECOVER, Command.FAIL, Command.HOLD, Command.SUCCEED,
    Command.SETTLE, Command.LAPSE, Command.SAMPLE, Command.VISIT, Command.FALL_DUE, Command.TO_TEAM, Command.TO_CENTRE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that came of a report."""

    at: datetime
    command: str
    state: str


def steps(history: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return what everybody is told of a task's history."""
    return [Step(line["at"], line["command"], line["state"]) for line in history if line["command"] in TOLD]
