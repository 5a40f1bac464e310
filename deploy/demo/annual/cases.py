"""The generated year's cases: each walks the machine of cases, step by step, and what its rules refuse is refused here too."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import orjson

from deploy.demo.annual.totals import Totals
from deploy.demo.county import sample_code
from inspection_service.cases import documents
from inspection_service.cases.conditions import against, missing, unmet
from inspection_service.cases.effects import moved
from inspection_service.cases.file import FAST, GENERAL, Case, Facts, Said
from inspection_service.cases.machine import REVIEWERS, Command, Role, State, Step, step
from inspection_service.cases.particulars import Particulars
from inspection_service.cases.persons import acting
from inspection_service.evidence import reviewing
from inspection_service.evidence.chain import Link, Signer, canonical
from inspection_service.evidence.desk import pieces
from inspection_service.law.catalogue import Catalogue
from inspection_service.law.evidence import MONITORING
from youguan.clock import COUNTY, utc_text
from youguan.working_days import next_working_day

UNFILED, STOPPED = "car-park-unfiled", "car-park-stopped"
FIRST_DAY, DAYS = 4, 290  # so that what begins on the last of them is decided within the year
C = Command
HEAD = "sample-head"
LIGHTER = "当事人主动承认并积极改正，从轻处罚"
REVIEWED_BY = tuple(f"sample-reviewer-{level}" for level in (1, 2, 3, 4))
IN_ORDER = {name: reviewing.Finding(True, "与原始记录核对一致") for name in reviewing.QUALITIES}


class AgainstTheRules(AssertionError):
    """A generated step that the rules of cases refuse; the text says which, and why."""


@dataclass(slots=True)
class Document:
    """A document that was issued with a step; its number comes when all of the year's are in order."""

    kind: str
    place: int
    at: datetime
    by: str
    content: dict[str, Any]
    number: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(canonical(self.content)).hexdigest()


@dataclass(slots=True)
class Walk:
    """A case on its way."""

    catalogue: Catalogue
    signer: Signer
    names: dict[str, str]
    id: str
    case: Case
    party: str
    site_id: str | None
    division_code: str
    opened_at: datetime
    visit_id: str | None = None
    due_on: date | None = None
    period: str | None = None
    now: datetime = field(init=False)
    history: list[tuple[Any, ...]] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    contents: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.opened_at

    def take(self, command: Command, role: Role, who: str, day: date, **words: Any) -> None:
        """Take a step; AgainstTheRules."""
        said, line = Said(**words), step(self.case.state, command)
        self._check(line, said, role, who, day)
        before = self.case
        after = moved(before, line, said, who, day)
        self.case = replace(before, state=after.state, procedure=after.procedure, facts=after.facts)
        self.due_on, self.period = after.due_on, after.period
        self._tick(day)
        document = self._issue(before, line, said, who, day) if line.document else None
        self.history.append(
            (
                self.now,
                who,
                self.names.get(who, who),
                role,
                command,
                before.state,
                after.state,
                said.reason,
                plain(said),
                document,
            )
        )

    def _check(self, line: Step, said: Said, role: Role, who: str, day: date) -> None:
        acting(self.case, line, {role}, who)
        refused = [*missing(said, line), *(r.code for r in against(self.catalogue, self.case, said, day, line))]
        refused += unmet(self.case, said, day, line)
        if refused:
            raise AgainstTheRules(f"{self.case.number} {line.command} on {day}: {', '.join(refused)}")

    def _tick(self, day: date) -> None:
        """Let a few minutes pass, or a new day begin."""
        morning = datetime.combine(day, time(9), COUNTY)
        self.now = max(morning, self.now + timedelta(minutes=7))

    def _issue(self, before: Case, line: Step, said: Said, who: str, day: date) -> Document:
        assert line.document is not None
        officers = tuple(self.names[subject] for subject in self.case.facts.officers)
        issue = documents.Issue(self.catalogue.own.name, self.party, officers, self.names.get(who, who), day)
        content = documents.content(line.document, issue, before, self.case, line, said)
        made = Document(line.document, len(self.history) + 1, self.now, who, content)
        self.documents.append(made)
        return made

    def prove(self, day: date, kind: str, origin: str, title: str, text: str, *, reviewed: bool = False) -> int:
        """Collect a piece of evidence that the other officer confirms, what equipment recorded also reviewed; return its place."""
        first, second = self.case.facts.officers
        self._tick(day)
        said = {
            "type": "evidence", "kind": kind, "origin": origin, "title": title, "taken_at": utc_text(self.now), "source": {},
            "reviewed": reviewed, "sha256": hashlib.sha256(text.encode()).hexdigest(), "size_bytes": len(text.encode()),
            "media_type": "text/plain; charset=utf-8", "name": "",
        }  # fmt: skip
        place = len(self.links) + 1
        self.contents[place] = text.encode()
        self._link(first, said)
        self._link(second, {"type": "confirmation", "confirms": place})
        if origin == MONITORING:
            self._link(REVIEWED_BY[0], reviewing.said(place, 1, IN_ORDER))
        self.case = replace(self.case, pieces=pieces(self.links, self.case.facts.officers))
        return place

    def _link(self, by: str, said: dict[str, Any]) -> None:
        record = {
            "case": self.case.number, "place": len(self.links) + 1, "by": by, "by_name": self.names.get(by, by),
            "collected_at": utc_text(self.now), **said,
        }  # fmt: skip
        self.links.append(self.signer.link(self.links[-1].hash if self.links else "", record))


@dataclass(frozen=True, slots=True)
class Lead:
    """A remote inspection that a case begins with."""

    visit_id: str
    site_id: str | None
    division_code: str
    on: date


@dataclass(frozen=True, slots=True)
class Bureau:
    """Who works there: two officers with their certificates, and the key that signs evidence."""

    catalogue: Catalogue
    signer: Signer
    officers: tuple[str, str]
    names: dict[str, str]


RECORD = "两名执法人员现场检查，出示执法证件，情况与认定一致。"
SIGNED = "当事人在送达回证上签收。"
STILL = "经法制和技术审核的监控设备记录，与备案信息比对，确认未备案经营。"


def year_of(totals: Totals, bureau: Bureau, leads: Sequence[Lead], random: Random) -> list[Walk]:
    """Return the year's cases, in the order in which they were opened."""
    general = totals.penalty_cases - totals.simple_procedure - totals.fast_track
    kinds = [_on_the_spot] * totals.simple_procedure + [_general] * general
    kinds += [_fast] * (totals.fast_track - len(leads))
    begins = sorted(((_day(totals.year, random), kind) for kind in kinds), key=lambda each: each[0])
    plans: list[tuple[date, Any, Lead | None]] = [(day, kind, None) for day, kind in begins]
    plans += [(lead.on, _without_contact, lead) for lead in leads]
    plans.sort(key=lambda each: each[0])
    found = []
    for n, (day, walk_through, lead) in enumerate(plans, 1):
        walk = _opened(bureau, totals.year, n, day, STOPPED if walk_through in (_general, _fast) else UNFILED, lead)
        walk_through(walk, day)
        found.append(walk)
    return found


def _day(year: int, random: Random) -> date:
    return next_working_day(date(year, 1, FIRST_DAY) + timedelta(days=random.randrange(DAYS)))


def _opened(bureau: Bureau, year: int, n: int, day: date, item: str, lead: Lead | None) -> Walk:
    officers = bureau.officers if n % 2 else bureau.officers[::-1]
    named = Particulars(f"宁海县示例路{n}号", sample_code(n), f"示例负责人{n:04d}")
    facts = Facts(officers=officers, investigators=officers, particulars=named)
    case = Case(f"AJ-{year}-{n:06d}", State.LEAD, None, bureau.catalogue.items[item], "organisation", day, day, facts)
    walk = Walk(
        bureau.catalogue, bureau.signer, bureau.names, str(uuid.uuid4()), case, f"示例经营单位{n:04d}",
        lead.site_id if lead else None, lead.division_code if lead else bureau.catalogue.county,
        datetime.combine(day, time(9), COUNTY), lead.visit_id if lead else None,
    )  # fmt: skip
    reason = "非现场检查发现线索" if lead else "日常检查发现线索"
    opening = {"item_id": item, "party_name": walk.party, "reason": reason, "act_on": day.isoformat()}
    first = officers[0]
    walk.history.append(
        (walk.now, first, bureau.names[first], Role.OFFICER, "open", None, State.LEAD, reason, opening, None)
    )
    return walk


def _unmended(walk: Walk, day: date) -> date:
    """Order to correct, and find that it was not done; return the day of that."""
    first = walk.case.facts.officers[0]
    until = next_working_day(day + timedelta(days=10))
    walk.take(C.ORDER, Role.OFFICER, first, day, reason="限期办理备案", on=until)
    again = next_working_day(until + timedelta(days=1))
    walk.take(C.FIND_UNMENDED, Role.OFFICER, first, again, reason="逾期未改正")
    return again


def _on_the_spot(walk: Walk, day: date) -> None:
    first = walk.case.facts.officers[0]
    on = _unmended(walk, day)
    walk.prove(on, "record", "inspector", "现场检查笔录", RECORD)
    walk.take(
        C.PUNISH_ON_THE_SPOT, Role.OFFICER, first, on, reason="事实清楚", sanction="fine", fine_fen=3000_00, place="经营场所",
        rights_told=True, manner="direct",
    )  # fmt: skip
    walk.take(C.PAY, Role.OFFICER, first, on, amount_fen=3000_00, on=on, receipt=f"票{walk.case.number[-6:]}")
    walk.take(C.NOTE, REVIEWERS[0], REVIEWED_BY[0], on)
    _close(walk, on)


def _close(walk: Walk, day: date) -> None:
    walk.take(C.CLOSE, Role.HEAD, HEAD, day)
    walk.take(C.ARCHIVE, Role.OFFICER, walk.case.facts.officers[1], next_working_day(day + timedelta(days=1)))


def _general(walk: Walk, day: date) -> None:
    walk.prove(day, "record", "inspector", "现场检查笔录", RECORD)
    _decided(walk, day, GENERAL, 20_000_00)


def _fast(walk: Walk, day: date) -> None:
    walk.prove(day, "record", "inspector", "现场检查笔录", RECORD)
    _decided(walk, day, FAST, 10_000_00)


def _without_contact(walk: Walk, day: date) -> None:
    on = _unmended(walk, day)
    walk.prove(on, "audiovisual", "monitoring", "监控截图", STILL, reviewed=True)
    _decided(walk, on, FAST, 3000_00)


def _decided(walk: Walk, day: date, procedure: str, fine_fen: int) -> None:
    """Go from filing to the archive by the general procedure."""
    first = walk.case.facts.officers[0]
    walk.take(C.PROPOSE, Role.OFFICER, first, day, reason="应当立案", procedure=procedure, admitted=procedure == FAST)
    filed = next_working_day(day + timedelta(days=1))
    walk.take(C.APPROVE, Role.HEAD, HEAD, filed)
    on = next_working_day(filed + timedelta(days=5))
    fine = {"sanction": "fine", "fine_fen": fine_fen, "grounds": LIGHTER if procedure == FAST else ""}
    walk.take(C.CONCLUDE, Role.OFFICER, first, on, reason="事实清楚，证据确凿，当事人配合", **fine)
    for role, reviewer in zip(REVIEWERS, REVIEWED_BY, strict=True):
        if walk.case.state == State.REVIEWED:
            break
        walk.take(C.PASS, role, reviewer, on, reason="同意")
    told = next_working_day(on + timedelta(days=1))
    walk.take(C.NOTIFY, Role.OFFICER, first, told, on=told, manner="direct")
    walk.take(C.DEFEND, Role.OFFICER, first, told, reason="当事人表示无异议")
    decided = next_working_day(told + timedelta(days=5))
    walk.take(C.DECIDE, Role.HEAD, HEAD, decided, reason="充分考虑当事人意见", **fine)
    served = next_working_day(decided + timedelta(days=1))
    proof = walk.prove(served, "documentary", "inspector", "送达签收单", SIGNED)
    walk.take(C.SERVE, Role.OFFICER, first, served, on=served, manner="direct", proof=proof)
    paid = next_working_day(served + timedelta(days=3))
    walk.take(C.PAY, Role.OFFICER, first, paid, amount_fen=fine_fen, on=paid, receipt=f"票{walk.case.number[-6:]}")
    _close(walk, paid)


def plain(value: Any) -> Any:
    """Return a dataclass as JSON has it."""
    return orjson.loads(orjson.dumps(value))
