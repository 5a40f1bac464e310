"""Cases of the sample, one at each main stage: from the lead to the decision that is published and the file that is reviewed."""

from collections.abc import Sequence
from datetime import date, timedelta

from deploy.demo.cast import Cast
from deploy.demo.county import SEED, sample_code
from deploy.demo.desks import Desks
from inspection_service.cases.file import FAST, GENERAL, Said
from inspection_service.cases.machine import Command
from inspection_service.cases.opening import Opening
from inspection_service.cases.particulars import Particulars
from inspection_service.evidence.desk import Wish
from inspection_service.file_review import store as file_reviews
from inspection_service.file_review.desk import Order
from inspection_service.file_review.scoring import table
from inspection_service.inspections.visits import store as visits_store
from inspection_service.publication import store as publications
from inspection_service.publication.desk import TO_CHECK
from youguan.auth import EVERYTHING, Principal

TO_CORRECT = timedelta(days=15)
FINE_FEN, LIGHTER = 10_000_00, "当事人主动配合调查并已恢复经营，从轻处罚"
SHOWN = 2
NAMED = Particulars("宁海县示例路1号", sample_code(1), "示例负责人")
OTHER_PARTY = "示例停车服务公司"


async def proceed(desks: Desks, people: Cast, party: str, sites: Sequence[str]) -> None:
    """Let everybody proceed in cases about three sites, each as far as its stage; `party`: what the operator's is called."""
    await _Sample(desks, people, party, sites).proceed()


class _Sample:
    """What they do, and who they are."""

    def __init__(self, desks: Desks, people: Cast, party: str, sites: Sequence[str]) -> None:
        self._desks, self._people, self._own_name = desks, people, party
        self._first, self._second, self._third = sites
        self._today = desks.today

    async def proceed(self) -> None:
        await self._correction()
        await self._investigation()
        await self._execution()
        await self._publish()
        await self._review_files()

    # --- stages ---

    async def _correction(self) -> None:
        """A lead of a visit; one guided, one ordered, one that says it has mended, one unpunished, one referred."""
        visit_id = await self._failed_visit()
        lead = await self._open("car-park-unfiled", self._first, "检查发现未备案，待核查", visit_id=visit_id)
        if visit_id is not None:
            await self._desks.proof.take(self._people.inspector, visit_id, lead)
            await self._desks.evidence.confirm(self._people.second, lead, 1)
        guided = await self._open("repair-overdue", self._second, "两个桩超过五天未修复")
        await self._say(self._people.inspector, guided, Command.GUIDE, "首次超期，先行提示")
        await self._ordered(self._second)
        mended = await self._ordered(self._third)
        await self._say(self._people.operator, mended, Command.REPORT_MENDED, "已提交备案材料")
        unpunished = await self._ordered(self._first, party=OTHER_PARTY)
        rechecked = {"on": self._today, "harm": "none", "minor": True}
        await self._say(self._people.inspector, unpunished, Command.CONFIRM_MENDED, "复查已备案", **rechecked)
        await self._say(self._people.inspector, unpunished, Command.ASK_END, "轻微并及时改正，没有危害后果")
        await self._say(self._people.regulator, unpunished, Command.EXCUSE, "符合行政处罚法第三十三条")
        referred = await self._open("fire-equipment", self._third, "灭火器过期，属消防部门职权")
        await self._say(self._people.regulator, referred, Command.REFER, "移送有权机关处理")

    async def _investigation(self) -> None:
        """Stopped car parks: proposed, filed, under legal review, told of the fine."""
        proposed = await self._open("car-park-stopped", self._first, "停车场围挡停业")
        await self._say(self._people.inspector, proposed, Command.PROPOSE, "违法事实初步成立", procedure=GENERAL)
        await self._filed(self._second, GENERAL)
        await self._concluded(await self._filed(self._third, GENERAL), levels=1)
        await self._notified(await self._filed(self._first, GENERAL, party=OTHER_PARTY), levels=3)

    async def _execution(self) -> None:
        """On the fast track: decided, served, and twice paid, closed and filed away."""
        await self._decided(self._second, OTHER_PARTY)
        await self._served(await self._decided(self._third, OTHER_PARTY))
        for number, site_id in enumerate((self._first, self._second), 1):
            paid = await self._decided(site_id, f"示例第{number}停车场经营部")
            await self._served(paid)
            receipt = {"amount_fen": FINE_FEN, "on": self._today, "receipt": f"示例票据{number:04d}"}
            await self._say(self._people.inspector, paid, Command.PAY, "", **receipt)
            await self._say(self._people.regulator, paid, Command.CLOSE, "")
            await self._say(self._people.inspector, paid, Command.ARCHIVE, "")

    async def _publish(self) -> None:
        """Show two of the decisions to everybody; the others wait for whoever reads them first."""
        await self._desks.publications.consumer().catch_up()
        async with self._desks.pool.acquire() as connection:
            rows = await publications.list_for_officials(
                connection, states=[TO_CHECK], overdue_on=None, before=None, limit=SHOWN, scope=EVERYTHING
            )
        for row in rows:
            await self._desks.publications.publish(self._people.regulator, row["id"], ())

    async def _review_files(self) -> None:
        """Draw both files that were filed away, for the two reviewers who had no part in them; one is graded, one is open."""
        third, fourth = self._people.reviewers[2:]
        who = [third.subject, fourth.subject]
        order = Order(
            f"{self._today.year}年案卷评查（示例）", date(self._today.year, 1, 1), self._today, 2, who, f"sample-{SEED}"
        )  # fmt: skip
        review_id = await self._desks.file_reviews.order(self._people.regulator, order)
        async with self._desks.pool.acquire() as connection:
            first, second = await file_reviews.files(connection, review_id)
        full = {line.id: line.points for line in table().of(FAST)}
        for reviewer in (third, fourth):
            await self._desks.file_reviews.give(reviewer, review_id, first["case_id"], full, "事实清楚、程序完整")
        await self._desks.file_reviews.give(third, review_id, second["case_id"], full, "")

    # --- the way to a stage ---

    async def _failed_visit(self) -> str | None:
        """Return the visit that found the first site not in order, where there was one."""
        async with self._desks.pool.acquire() as connection:
            rows = await visits_store.list_visits(
                connection, scope=EVERYTHING, states=["finished"], plan_id=None, site_id=self._first, channel=None,
                officer=None, before=None, limit=1,
            )  # fmt: skip
        return rows[0]["id"] if rows else None

    async def _open(
        self, item_id: str, site_id: str, reason: str, *, party: str | None = None, visit_id: str | None = None
    ) -> str:
        """Open a case of the operator's own organisation, or of one that the registry does not know."""
        party_id = self._people.operator.organisation_id if party is None else None
        opening = Opening(
            item_id, "organisation", party or self._own_name, self._today, self._people.second.subject, reason,
            party_id=party_id, particulars=NAMED, site_id=site_id, visit_id=visit_id,
        )  # fmt: skip
        return await self._desks.cases.open(self._people.inspector, opening)

    async def _prove(self, case_id: str, text: str) -> None:
        """Write down what the two officers found, which the second one confirms."""
        wish = Wish("statement", "inspector", "询问笔录（示例）", self._desks.clock.now(), {})
        link = await self._desks.evidence.collect_text(self._people.inspector, case_id, wish, text)
        await self._desks.evidence.confirm(self._people.second, case_id, link.record["place"])

    async def _ordered(self, site_id: str, *, party: str | None = None) -> str:
        case_id = await self._open("car-park-unfiled", site_id, "现场未见备案", party=party)
        await self._prove(case_id, "现场未能出示停车场备案材料。")
        due = self._today + TO_CORRECT
        await self._say(self._people.inspector, case_id, Command.ORDER, "限期办理备案", on=due)
        return case_id

    async def _filed(self, site_id: str, procedure: str, *, party: str | None = None) -> str:
        case_id = await self._open("car-park-stopped", site_id, "未经批准停止经营", party=party)
        await self._say(
            self._people.inspector, case_id, Command.PROPOSE, "当事人认可", procedure=procedure, admitted=True,
            sanction="fine", fine_fen=FINE_FEN,
        )  # fmt: skip
        await self._say(self._people.regulator, case_id, Command.APPROVE, "同意立案")
        await self._prove(case_id, "当事人承认自上月起关闭停车场，未经批准。")
        return case_id

    async def _concluded(self, case_id: str, *, levels: int) -> None:
        fine = {"sanction": "fine", "fine_fen": FINE_FEN, "grounds": LIGHTER}
        await self._say(self._people.inspector, case_id, Command.CONCLUDE, "主动配合调查，建议从轻", **fine)
        for reviewer in self._people.reviewers[:levels]:
            await self._say(reviewer, case_id, Command.PASS, "事实清楚，同意")

    async def _notified(self, case_id: str, *, levels: int) -> None:
        await self._concluded(case_id, levels=levels)
        await self._say(self._people.inspector, case_id, Command.NOTIFY, "", on=self._today, manner="direct")

    async def _decided(self, site_id: str, party: str) -> str:
        case_id = await self._filed(site_id, FAST, party=party)
        await self._notified(case_id, levels=2)
        await self._say(self._people.inspector, case_id, Command.DEFEND, "当事人表示没有异议")
        fine = {"sanction": "fine", "fine_fen": FINE_FEN, "grounds": LIGHTER}
        await self._say(self._people.regulator, case_id, Command.DECIDE, "主动配合调查，从轻处罚", **fine)
        return case_id

    async def _served(self, case_id: str) -> None:
        wish = Wish("documentary", "inspector", "送达签收单（示例）", self._desks.clock.now(), {})
        link = await self._desks.evidence.collect_text(self._people.inspector, case_id, wish, "当事人签收。")
        proof = link.record["place"]
        await self._say(
            self._people.inspector, case_id, Command.SERVE, "", on=self._today, manner="direct", proof=proof
        )

    async def _say(self, who: Principal, case_id: str, command: Command, reason: str, **said: object) -> None:
        await self._desks.cases.do(who, case_id, command, Said(reason, **said))  # type: ignore[arg-type]
