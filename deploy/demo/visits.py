"""Inspections of the sample: a year's plan that is drawn, a run with visits at each stage, a check from afar."""

from dataclasses import dataclass
from datetime import date, timedelta

from deploy.demo.cast import Cast
from deploy.demo.desks import Desks
from inspection_service.inspections.plans.desk import MOST_VISITS, PlanWish
from inspection_service.inspections.visits import store
from inspection_service.inspections.visits.desk import Noted, Said, VisitWish
from inspection_service.inspections.visits.machine import FAILED, PASSED, REMOTE, Command
from youguan.auth import EVERYTHING
from youguan.errors import Conflict

DRAWN = 6
RUN_TAKES = timedelta(days=30)
OFFICES = ("fire", "market", "emergency", "bureau")


@dataclass(frozen=True, slots=True)
class _Visit:
    id: str
    site_id: str


async def inspect(desks: Desks, people: Cast, failing: str, afar: str, division: str | None) -> None:
    """Let the regulator plan and draw, and the officers look: at `failing` something is not in order, `afar` is seen remotely."""
    await _Sample(desks, people).inspect(failing, afar, division)


class _Sample:
    """What regulator and officers do."""

    def __init__(self, desks: Desks, people: Cast) -> None:
        self._desks, self._plans, self._visits, self._people = desks, desks.plans, desks.visits, people

    async def inspect(self, failing: str, afar: str, division: str | None) -> None:
        await self._look_from_afar(afar)
        if division is not None:
            await self._run(division, failing)
        await self._year()

    async def _year(self) -> None:
        """Draw sites of the whole county; one is visited, one is given up, the others wait."""
        year = self._desks.today.year
        title = f"{year}年度充电场站双随机抽查（示例）"
        first, last = date(year, 1, 1), date(year, 12, 31)
        wish = PlanWish(title, ("market", "bureau"), first, last, "年度抽查计划", count=DRAWN)
        try:
            plan_id = await self._plans.plan_random(self._people.regulator, wish)
        except Conflict:  # a county of fewer sites than are drawn has no year's plan
            return
        await self._plans.draw(self._people.regulator, plan_id)
        visited, given_up, *_ = await self._of_plan(plan_id)
        await self._finish(visited)
        await self._visits.do(self._people.regulator, given_up.id, Command.CANCEL, Said("场站正在改造，暂停营业"))

    async def _run(self, division: str, failing: str) -> None:
        """Make a run of a division's sites: finished with and without a fault, waiting for its second officer, under way."""
        ends_on = self._desks.today + RUN_TAKES
        wish = PlanWish("充电场站综合查一次（示例）", OFFICES, self._desks.today, ends_on, "到期检查合并上门", division)
        async with self._desks.pool.acquire() as connection:
            due = await self._plans.due(connection, EVERYTHING, wish)
        if not 0 < len(due) <= MOST_VISITS:
            return
        visits = await self._of_plan(await self._plans.plan_joint(self._people.regulator, wish))
        faulty = [visit for visit in visits if visit.site_id == failing]
        confirmed, unconfirmed, underway, *_ = [*(visit for visit in visits if visit not in faulty), None, None, None]
        for visit in faulty:
            await self._finish(
                visit, {"fire-equipment": "两具灭火器压力不足", "car-park-unfiled": "现场未能出示停车场备案"}
            )
        if confirmed:
            await self._finish(confirmed)
        if unconfirmed:
            await self._finish(unconfirmed, confirmed=False)
        if underway:
            await self._visits.do(self._people.inspector, underway.id, Command.BEGIN, Said(rights_told=True))
            await self._note(underway, 1, PASSED, "")

    async def _look_from_afar(self, site_id: str) -> None:
        wish = VisitWish(
            site_id, ("market", "bureau"), self._people.second.subject, "核对在线率和计费", self._desks.today, REMOTE
        )  # fmt: skip
        visit = _Visit(await self._visits.plan_visit(self._people.inspector, wish), site_id)
        await self._visits.do(self._people.inspector, visit.id, Command.BEGIN)

    async def _of_plan(self, plan_id: str) -> list[_Visit]:
        async with self._desks.pool.acquire() as connection:
            rows = await store.list_visits(
                connection, scope=EVERYTHING, states=[], plan_id=plan_id, site_id=None, channel=None, officer=None,
                before=None, limit=MOST_VISITS,
            )  # fmt: skip
        return [_Visit(row["id"], row["site_id"]) for row in sorted(rows, key=lambda row: row["code"])]

    async def _finish(self, visit: _Visit, wrong: dict[str, str] | None = None, *, confirmed: bool = True) -> None:
        """Carry a visit out; `wrong`: what was found of which supervised item."""
        found = wrong or {}
        await self._visits.do(self._people.inspector, visit.id, Command.BEGIN, Said(rights_told=True))
        async with self._desks.pool.acquire() as connection:
            points = await store.visit_points(connection, visit.id)
        for point in points:
            said = found.pop(point["item_id"], None)
            await self._note(visit, point["place"], PASSED if said is None else FAILED, said or "")
        await self._visits.do(self._people.inspector, visit.id, Command.FINISH)
        if confirmed:
            await self._visits.do(self._people.second, visit.id, Command.CONFIRM)

    async def _note(self, visit: _Visit, place: int, result: str, note: str) -> None:
        await self._visits.note(self._people.inspector, visit.id, Noted(place, result, f"sample-{place:04d}", note))
