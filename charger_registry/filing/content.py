"""What a filing says, as it was typed, and what is missing or wrong in it. A draft holds anything. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from charger_registry.divisions.boundaries import Boundary, Judgement, judge
from charger_registry.drafts import SiteDraft, StationDraft
from charger_registry.equipment.place_codes import USAGES
from charger_registry.filing.deadlines import Terms
from youguan.coordinates import TO_WGS84, to_wgs84
from youguan.errors import FieldError, Reason
from youguan.working_days import add_working_days

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
STATION_ID = re.compile(r"[A-Za-z0-9*\-_=+|@.:\u4e00-\u9fff]{1,48}")
CURRENT_TYPES = ("AC", "DC")
PARTIES = ("builder", "owner", "manager", "maintainer", "property_manager")
NEEDED_PARTIES = ("builder", "owner", "manager")
LONGITUDES, LATITUDES = (70, 140), (0, 60)
MOST_CONNECTORS, MOST_POWER_KW, MOST_STATIONS = 100, 10_000, 2000
CONTRACT = "management_contract"

# What an applicant is told and signs who promises a paper; kept in the history of its submission.
COMMITMENT = (
    "告知承诺：已知晓备案条件，承诺按期补交上述材料；"
    "已被告知：逾期未补，经通知后在规定期限内仍未补的，主管部门可以决定备案失效。"
)

REASONS = {
    "missing": "is missing",
    "no_number": "is not a number",
    "out_of_range": "is out of range",
    "no_date": "is not a date (YYYY-MM-DD)",
    "ends_before": "ends before it begins",
    "malformed": "holds letters that a station's id may not have",
    "doubled": "is here twice",
    "elsewhere": "is filed at another site",
    "unknown": "is not known",
    "nobody": "is no organisation on file, or the name of several: give its id, or choose one that is offered",
    "deregistered": "has been deregistered",
    "held": "{name} has this role at the site: it is handed over, or ordered otherwise, before it is filed so",
    "expired": "is no longer valid",
    "not_yet": "is not valid yet",
    "not_promisable": "cannot be promised, it must be there",
    "past": "lies in the past",
    "outside": "lies {metres} m outside of division {division}",
    "too_late": "is later than may be promised",
    "not_committed": "a promise needs the written commitment",
    "not_supplied": "was asked for and has not been supplied",
}


class Problem(NamedTuple):
    """One field that keeps a filing from being submitted, and why: a key of `REASONS`, with the values that it names."""

    field: str
    code: str
    values: Mapping[str, object] = MappingProxyType({})

    @property
    def reason(self) -> Reason:
        return Reason(REASONS[self.code], **self.values)


class StationLine(BaseModel):
    """A charging station as it was typed; power in kW."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid", frozen=True)

    id: Text = ""
    connectors: Text = "1"
    power_kw: Text = ""
    current_type: Text = "DC"


class Content(BaseModel):
    """What a filing says, as it was typed; `promises`: document type → the day by which it will be supplied."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid", frozen=True)

    name: Text = ""
    address: Text = ""
    division_code: Text = ""
    longitude: Text = ""
    latitude: Text = ""
    crs: Text = "gcj02"
    usage: Text = Field(
        default="", description="for whom the site is: public, private, unit, taxi …; nothing: as it was"
    )
    contact_name: Text = ""
    contact_phone: Text = ""
    builder: Text = Field(default="", description="organisation ids, here and below")
    owner: Text = ""
    manager: Text = ""
    maintainer: Text = ""
    property_manager: Text = ""
    managed_from: Text = ""
    managed_until: Text = Field(default="", description="when the contract ends, where it does")
    contract_number: Text = ""
    stations: tuple[StationLine, ...] = Field(default=(), max_length=MOST_STATIONS)
    promises: dict[Text, Text] = Field(default_factory=dict, max_length=50)
    committed: bool = Field(default=False, description="the applicant commits itself in writing to its promises")

    def parties(self) -> dict[str, str]:
        """Return role → organisation, those that are named."""
        return {role: getattr(self, role) for role in PARTIES if getattr(self, role)}


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A kind of paper: whether every filing needs it, may promise it, and whether it holds for a time only."""

    code: str
    required: bool
    promisable: bool
    expires: bool


@dataclass(frozen=True, slots=True)
class Paper:
    """A document that is there; `fresh`: it came after a supplement was asked for."""

    type: str
    valid_until: date | None
    fresh: bool = False
    valid_from: date | None = None

    def holds_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class World:
    """What there is beside the filing itself: of divisions and organisations those that it names."""

    today: date
    terms: Terms
    divisions: Collection[str]
    organisations: Mapping[str, bool]  # id → whether it has been deregistered
    elsewhere: Collection[str]  # stations that other sites have
    boundaries: Mapping[str, Boundary] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # role → who has it at the site → its name


def problems(
    content: Content,
    applicant: str,
    types: Sequence[DocumentType],
    papers: Sequence[Paper],
    asked_for: Collection[str],
    world: World,
) -> list[Problem]:
    """Return everything that keeps a filing from being submitted or accepted, field by field."""
    return [
        *_place(content, world),
        *_parties(content, world),
        *_stations(content, world),
        *_papers(content, applicant, types, papers, asked_for, world),
    ]


def field_errors(found: Sequence[Problem]) -> list[FieldError]:
    """Return problems as the interface tells them."""
    return [FieldError(problem.field, problem.reason) for problem in found]


def site_draft(
    content: Content, site_id: str, begun: Content | None = None, present: Collection[str] = ()
) -> SiteDraft:
    """Return what is to be filed; only of a content without problems.

    `begun`: what a filing of a site that is there began with. What stands in it still says nothing: whatever has changed meanwhile
    stays, and so do stations `present` at the site that the filing never knew.
    """
    said = content if begun is None else _news(content, begun)
    known = {line.id: line for line in begun.stations} if begun else {}
    named = {line.id for line in content.stations}
    return SiteDraft(
        id=site_id,
        name=said.name or None,
        longitude=float(content.longitude),
        latitude=float(content.latitude),
        crs=content.crs,
        address=said.address or None,
        division_code=said.division_code or None,
        usage=said.usage or None,
        stations=(
            *(StationDraft(line.id) if known.get(line.id) == line else _station(line) for line in content.stations),
            *(StationDraft(station_id) for station_id in present if begun and station_id not in {*known, *named}),
        ),
    )


def _news(content: Content, begun: Content) -> Content:
    """Return a content without the texts that it has begun with."""
    kept = {n: "" for n in ("name", "address", "division_code", "usage") if getattr(content, n) == getattr(begun, n)}
    return content.model_copy(update=kept)


def _station(line: StationLine) -> StationDraft:
    return StationDraft(line.id, int(line.connectors), round(float(line.power_kw) * 1000), line.current_type)


def has_moved(content: Content, begun: Content) -> bool:
    """Say whether a filing gives another point than the one it has begun with."""
    return any(getattr(content, name) != getattr(begun, name) for name in ("longitude", "latitude", "crs"))


def judged(content: Content, boundaries: Mapping[str, Boundary]) -> Judgement | None:
    """Hold the point against the boundary of its division; None where there is no such point."""
    try:
        point = float(content.longitude), float(content.latitude)
    except ValueError:
        return None
    is_near = LONGITUDES[0] <= point[0] <= LONGITUDES[1] and LATITUDES[0] <= point[1] <= LATITUDES[1]
    if not is_near or content.crs not in TO_WGS84 or not content.division_code:
        return None
    return judge(to_wgs84(point, content.crs), content.division_code, boundaries)


def _place(content: Content, world: World) -> Iterator[Problem]:
    for name in ("name", "address", "division_code", "contact_name", "contact_phone"):
        if not getattr(content, name):
            yield Problem(name, "missing")
    if content.division_code and content.division_code not in world.divisions:
        yield Problem("division_code", "unknown")
    if content.crs not in TO_WGS84:
        yield Problem("crs", "unknown")
    if content.usage and content.usage not in {code.word for code in USAGES}:
        yield Problem("usage", "unknown")
    yield from _number("longitude", content.longitude, *LONGITUDES)
    yield from _number("latitude", content.latitude, *LATITUDES)
    found = judged(content, world.boundaries)
    if found is not None and found.outside_m is not None:
        yield Problem("longitude", "outside", {"metres": round(found.outside_m), "division": found.division})


def _parties(content: Content, world: World) -> Iterator[Problem]:
    named = content.parties()
    yield from (Problem(role, "missing") for role in NEEDED_PARTIES if role not in named)
    for role, organisation in named.items():
        if organisation not in world.organisations:
            yield Problem(role, "nobody")
        elif world.organisations[organisation]:
            yield Problem(role, "deregistered")
        elif world.held.get(role) and organisation not in world.held[role]:
            yield Problem(role, "held", {"name": "、".join(world.held[role].values())})
    begins, ends = day_of(content.managed_from), day_of(content.managed_until)
    if begins is None:
        yield Problem("managed_from", "no_date" if content.managed_from else "missing")
    if content.managed_until and ends is None:
        yield Problem("managed_until", "no_date")
    if begins and ends and ends < begins:
        yield Problem("managed_until", "ends_before")


def _stations(content: Content, world: World) -> Iterator[Problem]:
    if not content.stations:
        yield Problem("stations", "missing")
    seen: set[str] = set()
    for place, line in enumerate(content.stations):
        at = f"stations[{place}]"
        yield from (Problem(f"{at}.id", code) for code in _station_id(line.id, seen, world))
        yield from _number(f"{at}.connectors", line.connectors, 1, MOST_CONNECTORS, whole=True)
        yield from _number(f"{at}.power_kw", line.power_kw, 0.1, MOST_POWER_KW)
        if line.current_type not in CURRENT_TYPES:
            yield Problem(f"{at}.current_type", "unknown")
        seen.add(line.id)


def _station_id(station_id: str, seen: set[str], world: World) -> Iterator[str]:
    if not station_id:
        yield "missing"
    elif not STATION_ID.fullmatch(station_id):
        yield "malformed"
    elif station_id in seen:
        yield "doubled"
    elif station_id in world.elsewhere:
        yield "elsewhere"


def _papers(
    content: Content,
    applicant: str,
    types: Sequence[DocumentType],
    papers: Sequence[Paper],
    asked_for: Collection[str],
    world: World,
) -> Iterator[Problem]:
    """Whoever is to manage a site and files it himself needs no contract; anybody else does."""
    foreign = bool(content.manager) and content.manager != applicant
    for kind in types:
        field = f"documents.{kind.code}"
        there = [paper for paper in papers if paper.type == kind.code]
        promise = content.promises.get(kind.code, "")
        if _is_supplied(kind.code, papers, asked_for, world.today):
            continue
        if promise:
            yield from _promise(kind, promise, world)
        elif kind.code in asked_for:
            yield Problem(field, "not_supplied")
        elif there:
            begins = any(paper.valid_from is not None and paper.valid_from > world.today for paper in there)
            yield Problem(field, "not_yet" if begins else "expired")
        elif kind.required or (foreign and kind.code == CONTRACT):
            yield Problem(field, "missing")
    if any(content.promises.values()) and not content.committed:
        yield Problem("committed", "not_committed")


def _promise(kind: DocumentType, promise: str, world: World) -> Iterator[Problem]:
    field, day = f"promises.{kind.code}", day_of(promise)
    if not kind.promisable:
        yield Problem(field, "not_promisable")
    elif day is None:
        yield Problem(field, "no_date")
    elif day <= world.today:
        yield Problem(field, "past")
    elif day > add_working_days(world.today, world.terms.promise):
        yield Problem(field, "too_late")


def _is_supplied(code: str, papers: Sequence[Paper], asked_for: Collection[str], today: date) -> bool:
    """Say whether a paper is there that still holds, and that is new where it was asked for."""
    return any(
        paper.type == code and paper.holds_on(today) and (paper.fresh or code not in asked_for) for paper in papers
    )


def promised(content: Content, papers: Sequence[Paper], asked_for: Collection[str], today: date) -> dict[str, date]:
    """Return what is owed: document type → by which day; what is there and holds is not owed."""
    found = {code: day_of(day) for code, day in content.promises.items()}
    return {code: day for code, day in found.items() if day and not _is_supplied(code, papers, asked_for, today)}


def _number(field: str, text: str, least: float, most: float, *, whole: bool = False) -> Iterator[Problem]:
    if not text:
        yield Problem(field, "missing")
        return
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        yield Problem(field, "no_number")
        return
    if not least <= value <= most:  # NaN is in no range
        yield Problem(field, "out_of_range")


def day_of(text: str) -> date | None:
    """Return the day that a text names; None where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
