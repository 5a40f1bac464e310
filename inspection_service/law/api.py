"""/api/inspection: the items, the periods, and whether a measure may be drafted."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, Field

from inspection_service.law.catalogue import Catalogue, Item, Measure
from inspection_service.law.evidence import Piece
from inspection_service.law.imposed import Imposed, kinds_of
from inspection_service.law.periods import Periods
from inspection_service.law.permission import Draft, Refusal, refusals
from inspection_service.law.statutes import Article
from youguan.auth import INSPECTOR, REGULATOR, REVIEWER, Principal
from youguan.clock import Clock, county_day
from youguan.errors import Invalid, NotFound, Reason
from youguan.web.paging import Page
from youguan.web.security import require

Yuan = Annotated[float, Field(ge=0, le=10_000_000, multiple_of=0.01)]
Kind = Literal["penalty", "order", "credit", "subsidy", "referral", "advice"]


class ArticleOut(BaseModel):
    """An article, as it is cited."""

    law: str
    article: str
    title: str
    text: str
    kind: str
    in_force: date | None
    source: str | None
    verified: bool


class SanctionOut(BaseModel):
    """A sanction; `least_yuan`, `most_yuan` only of fines; `beside`: only together with another; `basis` beyond the measure's."""

    kind: str
    party: str
    least_yuan: float | None
    most_yuan: float | None
    after_order: bool
    beside: bool
    basis: list[ArticleOut]


class MeasureOut(BaseModel):
    """What may be done, by whom, on what basis; `together`: kinds of sanctions of which one decision may impose several."""

    kind: str
    organ: str
    organ_name: str
    own: bool
    to: str | None
    basis: list[ArticleOut]
    sanctions: list[SanctionOut]
    together: list[list[str]]


class ItemOut(BaseModel):
    """Something that is supervised; `act`: continuing (one act until it is fined) or single (every occasion is one)."""

    id: str
    name: str
    name_en: str
    party: str
    act: str
    danger: str
    first_violation: str
    mend_days: int
    competence: str
    measures: list[MeasureOut]


class PeriodOut(BaseModel):
    """A statutory period; `last_day` where it was asked from when."""

    id: str
    name: str
    name_en: str
    count: int
    unit: str
    runs_from: str
    title: str
    last_day: date | None


class Evidence(BaseModel):
    """A piece of evidence; `content`: what the review of a recording came to, null where there was none."""

    kind: Literal["documentary", "physical", "audiovisual", "electronic", "witness", "statement", "expert", "record"]
    origin: Literal["telemetry", "platform", "monitoring", "inspector", "party", "public", "organ"]
    officers: int = Field(default=0, ge=0, le=20)
    reviewed: bool = False
    registered: bool = False
    content: bool | None = None


class Wish(BaseModel):
    """What somebody wants to do about an item, and what is known of the act."""

    measure: Kind
    party: Literal["citizen", "organisation"]
    act_on: date
    found_on: date | None = None
    sanction: str | None = Field(default=None, max_length=40)
    also: list[Annotated[str, Field(max_length=40)]] = Field(default_factory=list, max_length=10)
    fine_yuan: Yuan = 0
    gains_yuan: Yuan = 0
    goods: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=100)
    evidence: list[Evidence] = Field(default_factory=list, max_length=100)
    serious: bool = False
    ordered: bool = False
    already_fined: bool = False
    penalised: bool = False
    reasons: str = Field(default="", max_length=2000)

    def draft(self, today: date) -> Draft:
        """Return it as the rules take it."""
        found_on = self.found_on or today
        if not self.act_on <= found_on <= today:
            raise Invalid.about("found_on", "the act comes first, then its discovery, and neither is still to come")
        pieces = tuple(Piece(**piece.model_dump()) for piece in self.evidence)
        of_sanctions = {"sanction", "also", "fine_yuan", "gains_yuan", "goods"}
        members = self.model_dump(exclude={"evidence", "found_on"} | of_sanctions)
        amounts = round(self.fine_yuan * 100), round(self.gains_yuan * 100)
        imposed = Imposed(kinds_of(self.sanction, self.also), *amounts, tuple(self.goods))
        return Draft(**members, found_on=found_on, on=today, imposed=imposed, evidence=pieces)


class RefusalOut(BaseModel):
    """A reason against it, and the article that says so."""

    code: str
    title: str
    text: str


class Verdict(BaseModel):
    """Whether a measure may be drafted."""

    permitted: bool
    refusals: list[RefusalOut]


def article_out(article: Article, day: date) -> ArticleOut:
    version = article.statute.version_on(day)
    return ArticleOut(
        law=article.statute.id, article=article.number, title=article.title, text=article.text,
        kind=article.statute.kind, in_force=version and version.in_force, source=version and version.source,
        verified=version is not None and version.verified,
    )  # fmt: skip


def measure_out(measure: Measure, day: date) -> MeasureOut:
    sanctions = [
        SanctionOut(
            kind=s.kind, party=s.party, after_order=s.after_order, beside=s.beside,
            basis=[article_out(article, day) for article in s.basis],
            least_yuan=s.least_fen / 100 if s.most_fen else None, most_yuan=s.most_fen / 100 if s.most_fen else None,
        )
        for s in measure.sanctions
    ]  # fmt: skip
    return MeasureOut(
        kind=measure.kind, organ=measure.organ.id, organ_name=measure.organ.name, own=measure.organ.own,
        to=measure.to.id if measure.to else None, basis=[article_out(a, day) for a in measure.basis],
        sanctions=sanctions, together=[sorted(group) for group in measure.together],
    )  # fmt: skip


def item_out(item: Item, day: date) -> ItemOut:
    members: dict[str, Any] = {name: getattr(item, name) for name in ItemOut.model_fields if name != "measures"}
    return ItemOut(**members, measures=[measure_out(measure, day) for measure in item.measures])


def refusal_out(refusal: Refusal) -> RefusalOut:
    return RefusalOut(code=refusal.code, title=refusal.article.title, text=refusal.article.text)


def find_item(catalogue: Catalogue, item_id: str) -> Item:
    """Return an item; NotFound."""
    if item_id not in catalogue.items:
        raise NotFound(Reason("item {id}", id=item_id))
    return catalogue.items[item_id]


def add_law(app: FastAPI, catalogue: Catalogue, periods: Periods, clock: Clock) -> None:
    """Add the law to /api/inspection; what it says is everybody's to know (Art. 39)."""
    officers = require(INSPECTOR, REGULATOR, REVIEWER)

    @app.get("/items")
    async def items(ours: bool | None = None) -> Page[ItemOut]:
        """List what is supervised; `ours`: only what our own organ may order or punish, or only the rest."""
        day = county_day(clock.now())
        return Page(items=[item_out(i, day) for i in catalogue.items.values() if ours in (None, i.is_ours)])

    @app.get("/items/{item_id}")
    async def item(item_id: str) -> ItemOut:
        """Return an item: what may be done about it, by whom, on what basis."""
        return item_out(find_item(catalogue, item_id), county_day(clock.now()))

    @app.post("/items/{item_id}/check")
    async def check(item_id: str, wish: Wish, _: Annotated[Principal, Depends(officers)]) -> Verdict:
        """Say whether a measure may be drafted, and every reason against it."""
        found = refusals(catalogue, find_item(catalogue, item_id), wish.draft(county_day(clock.now())))
        return Verdict(permitted=not found, refusals=[refusal_out(refusal) for refusal in found])

    @app.get("/periods")
    async def all_periods(start: Annotated[date | None, Query(alias="from")] = None) -> Page[PeriodOut]:
        """List statutory periods; `from`: a day, and each says when it would end."""
        return Page(
            items=[
                PeriodOut(
                    id=p.id, name=p.name, name_en=p.name_en, count=p.count, unit=p.unit, runs_from=p.runs_from,
                    title=p.basis.title, last_day=p.last_day(start) if start else None,
                )
                for p in periods.by_id.values()
            ]
        )  # fmt: skip
