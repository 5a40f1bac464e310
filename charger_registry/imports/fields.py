"""Values of what others sent, read one by one: what cannot be used is named by field and reason. Pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from unicodedata import normalize

from charger_registry.identifiers import normal_division_code
from youguan.coordinates import TO_WGS84
from youguan.errors import Reason

# What no name holds; a line break within a quoted cell is one that somebody meant.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
SITE_ID = re.compile(r"[\w.\-]{1,40}", re.ASCII)
STATION_ID = re.compile(r"[\w.\-*:=+|@]{1,80}", re.ASCII)
CODE = re.compile(r"[0-9A-Za-z*._\-]+", re.ASCII)
# A day as people and their spreadsheets write it, `2026/1/5`, `2026年1月5日`; what is said of the time of day is passed over.
DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})日?(?:[T ].*)?", re.ASCII)
PHONE = re.compile(r"[\d\s()+\-,;/、转]{3,40}")
YES, NO = frozenset({"1", "true", "yes", "是", "y"}), frozenset({"0", "false", "no", "否", "n"})
LONGEST_SHOWN = 60
LONGEST_NAME = 120  # of a field as a file calls it


class RowError(ValueError):
    """One field of a row cannot be used; a reason with values in it is a `Reason`, which every language can say."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.field = name[:LONGEST_NAME]
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """What was not taken: its row in the file (of a table the line, the header is 1; else the item's number), field and reason."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fields:
    """The members of one thing; `where` is the way to it (`evses[2].`), `names` what the file calls our fields."""

    members: Mapping[str, Any]
    where: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def wrong(self, name: str, reason: str) -> RowError:
        return RowError(f"{self.where}{self.names.get(name, name)}", reason)

    def text(self, name: str, longest: int = 200) -> str | None:
        """Return trimmed text; None where there is none."""
        value = self.members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.wrong(name, "is no text")
        found = str(value).strip()
        if CONTROL.search(found):
            raise self.wrong(name, "holds a control character")
        if len(found) > longest:
            raise self.wrong(name, Reason("is longer than {longest} characters", longest=longest))
        return found or None

    def needed(self, name: str, longest: int = 200) -> str:
        found = self.text(name, longest)
        if found is None:
            raise self.wrong(name, "is missing")
        return found

    def code(self, name: str, longest: int) -> str | None:
        """Return a code: letters and digits, its leading zeros kept."""
        found = self.text(name, longest)
        if found is not None and not CODE.fullmatch(found):
            raise self.wrong(
                name, Reason("{given} is no code: letters, digits, '*', '.', '-' and '_'", given=_shown(found))
            )
        return found

    def identity(self, name: str, pattern: re.Pattern[str] = SITE_ID) -> str:
        found = self.text(name) or ""
        if not pattern.fullmatch(found):
            most = 40 if pattern is SITE_ID else 80
            raise self.wrong(
                name,
                Reason(
                    "{given} is no id: letters, digits, '.', '-' and '_', at most {most}",
                    given=_shown(found),
                    most=most,
                ),
            )
        return found

    def number(self, name: str, low: float, high: float) -> float | None:
        found = self.text(name)
        if found is None:
            return None
        try:
            number = float(found)
        except ValueError:
            raise self.wrong(name, Reason("{given} is not a number", given=_shown(found))) from None
        if not math.isfinite(number) or not low <= number <= high:
            raise self.wrong(
                name,
                Reason(
                    "{given} is not between {low} and {high}", given=_plain(found), low=f"{low:g}", high=f"{high:g}"
                ),
            )
        return number

    def whole(self, name: str, low: int, high: int) -> int | None:
        found = self.number(name, low, high)
        if found is not None and not found.is_integer():
            raise self.wrong(name, Reason("{given} is not a whole number", given=f"{found:g}"))
        return None if found is None else int(found)

    def watts(self, kilowatts: str, watts: str = "") -> int | None:
        """Return a power, given in kW or in W."""
        found = self.number(watts, 0, 10_000_000) if watts else None
        in_kw = self.number(kilowatts, 0, 10_000)
        return round(found) if found is not None else None if in_kw is None else round(in_kw * 1000)

    def longitude(self, name: str) -> float:
        return self._degrees(name, 180)

    def latitude(self, name: str) -> float:
        return self._degrees(name, 90)

    def _degrees(self, name: str, most: float) -> float:
        found = self.number(name, -most, most)
        if found is None:
            raise self.wrong(name, Reason("{given} is not a number", given="''"))
        return found

    def day(self, name: str) -> date | None:
        found = self.text(name)
        if found is None:
            return None
        parts = DAY.fullmatch(normalize("NFKC", found))
        try:
            return date(int(parts[1]), int(parts[2]), int(parts[3])) if parts else date.fromisoformat(found)
        except ValueError:
            raise self.wrong(name, Reason("{given} is no date such as 2026-01-31", given=_shown(found))) from None

    def flag(self, name: str) -> bool | None:
        value = self.members.get(name)
        if isinstance(value, bool):
            return value
        found = (self.text(name) or "").lower()
        if found and found not in YES | NO:
            raise self.wrong(name, Reason("{given} is neither yes nor no", given=_shown(found)))
        return None if not found else found in YES

    def amount(self, name: str) -> str | None:
        """Return an amount of money as decimal text with four places."""
        found = self.text(name)
        if found is None:
            return None
        try:
            amount = Decimal(found)
        except InvalidOperation:
            raise self.wrong(name, Reason("{given} is no amount", given=_shown(found))) from None
        if not amount.is_finite() or not 0 <= amount < 10_000:
            raise self.wrong(
                name, Reason("{given} is not between {low} and {high}", given=_plain(found), low=0, high=10000)
            )
        return f"{amount:.4f}"

    def phone(self, name: str) -> str | None:
        found = self.text(name, 40)
        if found is not None and not PHONE.fullmatch(found):
            raise self.wrong(name, Reason("{given} is no telephone number", given=_shown(found)))
        return found

    def division(self, name: str) -> str | None:
        """Return a division's code: GB/T 2260 (6 digits), or a township's 9; of 12 statistical digits the first 9."""
        found = self.text(name)
        code = normal_division_code(found) if found else None
        if found and code is None:
            raise self.wrong(
                name, Reason("{given} is no division code of 2, 4, 6, 9 or 12 digits", given=_shown(found))
            )
        return code

    def crs(self, name: str, default: str) -> str:
        found = (self.text(name) or default).lower().replace("-", "")
        if found not in TO_WGS84:
            raise self.wrong(
                name, Reason("{given} is not one of {known}", given=_shown(found), known=", ".join(TO_WGS84))
            )
        return found


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def _plain(text: str) -> str:
    return text[:LONGEST_SHOWN]
