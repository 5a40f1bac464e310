"""The members of a message, whichever way a platform spells and writes them. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from youguan.clock import COUNTY

LONGEST_ID = 64
LONGEST_TEXT = 500
EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y%m%d%H%M%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d",
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of a message that cannot be used: the member ("" for the message itself) and the reason."""

    member: str
    reason: str

    def __str__(self) -> str:
        return f"{self.member}: {self.reason}" if self.member else self.reason


class Unusable(Exception):
    """A member that cannot be used."""

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(reason)
        self.refused = Refused(member, reason)


class Members:
    """An object's members by our names; `path` is where it stands in the message."""

    def __init__(self, found: Mapping[str, Any], spellings: Mapping[str, str], path: str = "") -> None:
        self.found = found
        self.path = path
        self._spellings = spellings
        self._by_name: dict[str, Any] = {}
        self._spelled: dict[str, str] = {}
        for said, value in found.items():
            name = spellings.get(said.lower(), said).lower()
            if value is not None and name not in self._by_name:
                self._by_name[name] = value
                self._spelled[name] = said

    def get(self, name: str) -> Any:
        return self._by_name.get(name.lower())

    def spelled(self, name: str) -> str:
        """Return how the sender spells a member; ours where it sent none."""
        return self._spelled.get(name.lower(), name)

    def within(self, name: str, place: int | None = None) -> str:
        """Return where a member stands in the message."""
        path = f"{self.path}.{name}" if self.path else name
        return path if place is None else f"{path}[{place}]"

    def text(self, name: str, longest: int = LONGEST_ID) -> str:
        """Return a text that must be there; a number is the digits it is written in."""
        found = self.optional_text(name, longest)
        if not found:
            raise Unusable(self.within(name), "is missing or empty")
        return found

    def optional_text(self, name: str, longest: int = LONGEST_ID) -> str | None:
        value = self.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise Unusable(self.within(name), "is no text")
        value = value.strip()
        if len(value) > longest or not value.isprintable():
            raise Unusable(self.within(name), f"is longer than {longest} characters, or not printable")
        return value

    def optional_words(self, name: str) -> str | None:
        """Return what somebody wrote for people to read, in one line and no longer than is kept: it makes nothing else unusable."""
        value = self.get(name)
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return None
        line = " ".join(str(value).split())
        return "".join(filter(str.isprintable, line))[:LONGEST_TEXT].strip() or None

    def number(self, name: str, low: float, high: float) -> float:
        """Return a number within bounds that must be there, also where it is written as text."""
        found = self.optional_number(name, low, high)
        if found is None:
            raise Unusable(self.within(name), "is missing")
        return found

    def optional_number(self, name: str, low: float, high: float) -> float | None:
        value = self.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            if isinstance(value, bool):
                raise ValueError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise Unusable(self.within(name), f"{str(value)!r:.40} is no number") from None
        if not (math.isfinite(number) and low <= number <= high):
            raise Unusable(self.within(name), f"{value!s:.40} is not from {low:g} to {high:g}")
        return number

    def integer(self, name: str, low: int, high: int) -> int:
        """Return a whole number within bounds that must be there."""
        number = self.number(name, low, high)
        if number != int(number):
            raise Unusable(self.within(name), f"{number:g} is no whole number")
        return int(number)

    def time(self, name: str) -> datetime:
        """Return a time that must be there; one without a zone is the county's."""
        found = self.optional_time(name)
        if found is None:
            raise Unusable(self.within(name), "is missing")
        return found

    def optional_time(self, name: str) -> datetime | None:
        value = self.optional_text(name, 40)
        if value is None:
            return None
        moment = _moment(value)
        if moment is None or not EARLIEST <= moment < LATEST:
            raise Unusable(self.within(name), f"{value!r} is not a time such as 2026-05-04 12:00:00")
        return moment

    def one(self, name: str) -> "Members":
        """Return an object that must be there."""
        value = self.get(name)
        if not isinstance(value, dict):
            raise Unusable(self.within(name), "is missing, or no object")
        return Members(value, self._spellings, self.within(name))

    def several(self, name: str) -> Iterator["Members | Refused"]:
        """Yield the objects under a name: of a list each, of an object itself; what is none is refused by its place."""
        value = self.get(name)
        if isinstance(value, dict):
            yield Members(value, self._spellings, self.within(name))
            return
        if not isinstance(value, list):
            yield Refused(self.within(name), "is missing, or neither an object nor a list")
            return
        for place, item in enumerate(value):
            where = self.within(name, place)
            yield Members(item, self._spellings, where) if isinstance(item, dict) else Refused(where, "is no object")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return next((found for form in FORMS if (found := _by_form(text, form)) is not None), None)
    try:
        return moment.replace(tzinfo=COUNTY) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the first or the last day that there is, as some write that there is no time
        return None


def _by_form(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=COUNTY)
    except ValueError:
        return None
