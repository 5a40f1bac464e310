"""How platforms speak T/CEC 102, as data: paths, names of messages and members, how often what is sent is tried again. Pure."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from youguan.errors import FieldError, Invalid

Kind = Literal["token", "status", "station", "order", "charging", "power", "operator", "stats"]
Asked = Literal[
    "token", "status", "station", "order", "charging", "power", "query_stations", "query_status", "query_stats"
]
Told = Literal["status", "station", "order", "charging", "power"]
Momentary = Literal["charging", "power"]
Role = Literal["operator", "province"]
MOMENTARY: Sequence[Momentary] = ("charging", "power")
"""What is told of this moment, and not of what has happened."""
QuestionKind = Literal["stations", "statuses", "stats"]
Path = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)*$")]
Word = Literal["Offline", "Available", "Occupied", "Charging", "Reserved", "Finishing", "Faulted"]


class Profile(BaseModel):
    """How one kind of platform speaks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    source: str
    unverified: tuple[str, ...] = ()
    base_path: Path
    reaches: Path
    receives: dict[str, Kind]
    sends: dict[Asked, str]
    answers: dict[str, QuestionKind] = {}
    wraps: dict[Told, str] = {}
    writes: dict[str, str] = {}
    writes_of: dict[Told, dict[str, str]] = {}
    unknown: dict[Told, dict[str, Any]] = {}
    numbers: dict[str, dict[str, int]] = {}
    longest: dict[str, Annotated[int, Field(gt=0)]] = {}
    types: dict[str, Literal["number", "text"]] = {}
    confirmed_by: dict[Told, str] = {}
    names: dict[str, tuple[str, ...]] = {}
    statuses: dict[int, Word]
    order_key: str
    retry_s: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    every_s: dict[Momentary, Annotated[int, Field(gt=0)]] = {}
    at_once: int = Field(default=1, ge=1, le=64)
    pull_s: int = Field(ge=0)
    silent_after_s: int = Field(gt=0)
    held_already: int | None = None
    most_tries: int = Field(default=8, gt=3)  # the standard asks for more than three

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """Return our name of a member by each of its spellings in small letters."""
        return {said.lower(): ours for ours, others in self.names.items() for said in (*others, ours)}

    @cached_property
    def _kinds(self) -> Mapping[str, Kind]:
        return {name.lower(): kind for name, kind in self.receives.items()}

    def kind_of(self, message: str) -> Kind | None:
        """Return what a message says, whatever letters its name is written in; None: this profile knows no such message."""
        return self._kinds.get(message.lower())

    @cached_property
    def _questions(self) -> Mapping[str, QuestionKind]:
        return {name.lower(): kind for name, kind in self.answers.items()}

    def question_of(self, message: str) -> QuestionKind | None:
        """Return what a province asks by a message; None: this profile knows no such question."""
        return self._questions.get(message.lower())

    def heard_as(self, role: Role, message: str) -> str | None:
        """Return what a message is for us: an operator's platform tells, a province asks; None: no such message of this role."""
        kind = self.kind_of(message)
        return kind if role == "operator" or kind == "token" else self.question_of(message)

    def heard(self, role: Role) -> Sequence[str]:
        """Return the messages that we know of a platform."""
        if role == "operator":
            return list(self.receives)
        return [*(name for name, kind in self.receives.items() if kind == "token"), *self.answers]

    def pause_s(self, tries: int) -> int:
        """Return how long to wait after so many tries in vain."""
        return self.retry_s[min(tries, len(self.retry_s)) - 1]


Profiles = Mapping[str, Profile]


def read_profiles(text: str) -> Profiles:
    """Return the profiles of a TOML text; Invalid names what is wrong with them."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML: {error}") from None
    if document.get("version") != 1:
        raise Invalid("version: must be 1")
    tables = document.get("profile", {})
    found: dict[str, Profile] = {}
    for name in tables:
        try:
            found[name] = Profile.model_validate({"name": name, **_whole(tables, name, ())})
        except ValidationError as error:
            fields = [
                FieldError(f"{name}." + ".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, "))
                for e in error.errors()
            ]
            raise Invalid("; ".join(f"{f.field}: {f.reason}" for f in fields), fields=fields) from None
    return found


def _whole(tables: Mapping[str, Any], name: str, above: Sequence[str]) -> dict[str, Any]:
    """Return a profile's table with all that it is based on."""
    if name not in tables or name in above:
        raise Invalid(f"based_on: {name}: no such profile, or one that is based on itself")
    own = dict(tables[name])
    base = own.pop("based_on", None)
    whole = _whole(tables, base, (*above, name)) if base else {}
    for member, value in own.items():
        before = whole.get(member)
        whole[member] = _joined(before, value) if isinstance(before, dict) else value
    return whole


def _joined(before: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return two tables as one; lists and tables under one name are added, all else is replaced."""
    joined = dict(before)
    for name, value in own.items():
        had = joined.get(name)
        if isinstance(had, list) and isinstance(value, list):
            joined[name] = [*had, *value]
        elif isinstance(had, dict) and isinstance(value, dict):
            joined[name] = {**had, **value}
        else:
            joined[name] = value
    return joined
